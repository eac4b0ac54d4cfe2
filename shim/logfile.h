// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The log files of one container: <dir>/log, and after rotations log.1 (newer) up to
 * log.<max_files - 1>. Only whole records are ever in a file; what cannot be written is counted
 * and told by a gap record when writing works again, so that at any time
 *
 *     written == stored + dropped + (what the caller still holds)
 *
 * in bytes of the container's output of this generation. A gap record ends lines that are open in the
 * file, so text before and after it is never joined. The folder is borrowed.
 */
#include "protocol/shim/exit-slot.h"
#include "shim/log-account.h"

enum {
    LOGFILE_SIZE_MIN = 4096, /* smaller maxima are taken as this; 0 is no maximum */
    LOGFILE_FILES_MAX = 64,  /* larger numbers are taken as this */
};

/* Bytes that are lost and not yet told. */
struct LogfileGap {
    uint64_t bytes, lines;
    uint64_t from_nsec, to_nsec; /* realtime */
};

struct Logfile {
    int dir_fd;
    int fd;     /* -1: not open */
    int reason; /* positive errno: writing fails, logfile_recover() has to be tried; 0: healthy */
    int gap_reason;
    bool is_torn;                          /* the file ends within a record, which could not be cut off */
    bool is_partial[LOGLINE_STREAM_COUNT]; /* the stream's last stored record is a P */
    uint32_t max_files;
    uint64_t size, max_size;
    struct LogAccount accounts[LOGFILE_FILES_MAX]; /* of this generation, in log, log.1, ... */
    struct LogAccount gone; /* of all generations, in files that rotation has deleted */
    bool is_opened;
    struct LogfileGap gap;
    struct ShimLogCounters *counters; /* stored, dropped, rotated; borrowed */
};

/* Whole records of one stream on their way to the file. */
struct LogfileBatch {
    const char *records;
    size_t size;
    uint64_t payload; /* bytes of the container's output in them */
    uint64_t lines;
    enum LoglineStream stream;
};

/* Opens nothing yet: call logfile_recover() once. *file must be zeroed memory. */
void logfile_init(struct Logfile *file, int dir_fd, uint64_t max_size, uint32_t max_files,
                  struct ShimLogCounters *counters);
void logfile_deinit(struct Logfile *file);

/* Appends what can be written and takes it off the batch. 0 when the batch is empty, else a negative
 * errno, also kept as `reason`. */
int logfile_append(struct Logfile *file, struct LogfileBatch *batch);
/* Gives output up: counts it into the gap. */
void logfile_drop(struct Logfile *file, uint64_t bytes, uint64_t lines, uint64_t now_nsec);
/* Opens the file (again) and tells a gap. 0 or a negative errno. Safe to call at any time. */
int logfile_recover(struct Logfile *file, uint64_t now_nsec);
