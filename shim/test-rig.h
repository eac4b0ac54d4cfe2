// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Fixture: plays davitd for one shim. The built davit-shim (environment DAVIT_SHIM) runs a payload
 * from busybox, in the folder and mount namespace of runtime/test-container.h.
 */
#include "base/pidref.h"
#include "base/test.h"
#include "protocol/shim/message.h"
#include "runtime/test-container.h"

enum { RIG_DEADLINE_MSEC = 20000, RIG_GENERATION = 7 };

/* A payload: sh -c SCRIPT in namespaces of its own. */
#define RIG_SHELL(script) .recipe = {.arguments = {"sh", "-c", script}}

struct RigPlan {
    struct Recipe recipe;
    bool stdin_open, no_log, no_config;
    bool with_cgroups;
    bool frozen; /* with_cgroups: whatever enters them stops, but for SIGKILL */
    uint64_t log_max_size;
    uint32_t log_max_files;
    unsigned when_full;
    const char *log_dir; /* below the fixture's folder; NULL: a fresh one */
};

struct Rig {
    int listen, connection, slot, log_dir;
    struct PidRef shim;
    uint32_t request;
    char cgroup[64]; /* path in every hierarchy; "" when without */
};
#define RIG_INIT                                                                                             \
    {                                                                                                        \
        .listen = -1, .connection = -1, .slot = -1, .log_dir = -1, .shim = PIDREF_INIT                       \
    }

/* False, and the case is skipped, when it cannot run here. */
bool rig_ready(void);
/* Binds, connects, queues CONFIG. */
void rig_prepare(struct Rig *rig, const struct RigPlan *plan);
/* Starts the shim on what was prepared. */
void rig_spawn(struct Rig *rig, const struct RigPlan *plan);
void rig_spawn_with_plan(struct Rig *rig, const char *path); /* a file of any content */
void rig_start(struct Rig *rig, const struct RigPlan *plan); /* both */
int rig_connect(struct Rig *rig);                            /* one more connection */

/* Sends a request on the rig's connection; its number. */
uint32_t rig_signal(struct Rig *rig, enum ShimMessageKind kind, int signal, bool everybody,
                    uint64_t grace_usec);
uint32_t rig_ack(struct Rig *rig, uint64_t generation);
uint32_t rig_hello(struct Rig *rig);
/* The client's end of a new attachment (the RESULT is still to come). */
int rig_attach(struct Rig *rig, bool in, bool out, bool err);

/* The next message of this kind, with a deadline; others are skipped, but a RESULT that is an error
 * fails the case. Descriptors are returned or, when ret_fds is NULL, closed. */
bool rig_expect(struct Rig *rig, enum ShimMessageKind kind, union ShimMessage *ret, int ret_fds[2]);
/* The code of the RESULT of this request. */
int rig_result(struct Rig *rig, uint32_t request);
/* Waits for EXITED, checks that the slot on disk says the same, acknowledges and waits for the shim's end. */
void rig_finish(struct Rig *rig, struct ExitSlot *ret);
void rig_finish_as(struct Rig *rig, enum ShimMessageKind kind, struct ExitSlot *ret);
/* Waits for the process; its exit status. */
int rig_wait(struct Rig *rig);
void rig_deinit(struct Rig *rig);

bool rig_wait_readable(int fd);
/* One packet of an attachment: its channel, -1 at the end; up to 64 KiB into data. */
int rig_packet(int fd, char *data, size_t *ret_size);
/* Reads output until END; control packets are counted. When stdout is known beforehand, each packet is
 * compared with what should be at its place, which the gaps told so far move on. */
struct RigOutput {
    const char *expected;
    size_t expected_size;
    bool is_wrong;
    uint64_t bytes[2], gaps[2];
    char head[4096]; /* of stdout */
    unsigned begins, ends, acks, gones;
    uint64_t acked;
};
void rig_read_output(int fd, struct RigOutput *output);
void rig_note_packet(int channel, const char *data, size_t size, struct RigOutput *output);

/* The text of all log files, oldest first; the caller frees. */
char *rig_log(const struct Rig *rig, size_t *ret_size);
/* What a stream wrote, put together from its records; the caller frees. */
char *rig_log_payload(const char *log, size_t size, const char *stream, size_t *ret_size);
