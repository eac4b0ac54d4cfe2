// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * From the container's stdout and stderr to the log, the attached clients and the tail. One batch
 * at a time: read, format, write, all in two mapped buffers whose pages go back to the kernel when
 * nothing has come for a while. Under load the reads and the pipe grow.
 *
 * Reading stops in two cases only: when_full is SHIM_BLOCK and the log cannot be written, or an
 * attached client has a moment's patience (attach.h).
 */
#include "protocol/shim/message.h"
#include "shim/attach.h"
#include "shim/logfile.h"
#include "shim/logline.h"
#include "shim/tail.h"

struct Pump;

struct PumpStream {
    struct LoopSource source;
    struct Pump *pump;
    int fd; /* -1: at its end */
    enum LoglineStream stream;
    bool is_partial; /* logline's state */
    bool is_grown;   /* the pipe */
    unsigned fill;   /* reads in a row that filled the buffer */
    size_t read_size;
};

/* One read on its way into the log. */
struct PumpBatch {
    struct PumpStream *stream;
    struct LoglinePrefix prefix;
    size_t in_at, in_size;
    struct LogfileBatch out;
};

struct Pump {
    struct Loop *loop;
    struct Attach *attach;
    struct PumpStream streams[LOGLINE_STREAM_COUNT];
    uint64_t offsets[LOGLINE_STREAM_COUNT]; /* bytes read since the start of the generation */
    struct ShimLogCounters counters;
    struct Tail tail;
    bool is_logging, is_blocking, is_paused, was_active;
    struct Logfile file;
    struct PumpBatch batch;
    char *in, *out; /* mapped */
    struct LoopTimer idle, retry;
    uint64_t retry_usec;
};

/* *pump must be zeroed memory. */
int pump_init(struct Pump *pump, struct Loop *loop, struct Attach *attach);
void pump_deinit(struct Pump *pump);
/* Opens the log; the folder is borrowed. A log that cannot be opened is retried, not an error. */
void pump_set_log(struct Pump *pump, int dir_fd, const struct ShimConfig *config);
/* The non-blocking read end of a pipe; owned in any case. 0 or a negative errno. */
int pump_add_consume(struct Pump *pump, enum LoglineStream stream, int fd);
/* Both streams are at their end (and nothing waits for a blocked log). */
bool pump_is_finished(const struct Pump *pump);
/* Ends both streams as they are now: takes what is in the pipes without waiting, ends lines, tells gaps. */
void pump_finish(struct Pump *pump);
