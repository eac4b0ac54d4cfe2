// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Carrying a plan out. The monitor (davit-shim, or davit-oci itself) holds one struct Runtime per
 * container: it runs the host's ops, clones init, and follows init over a socketpair. Nothing here
 * blocks, loops over events or logs; whoever owns the Runtime watches `sync_fd` and `init.fd`.
 *
 *     monitor                               init
 *     runtime_create: STAGE_HOST, clone3 -> STAGE_CHILD
 *                     STAGE_MONITOR
 *     RUNTIME_READY       <- ready --------- waits (end of file: exits)
 *     runtime_release     -- go -----------> STAGE_EXEC, execve
 *     RUNTIME_STARTED     <- end of file --- (the payload runs)
 *     RUNTIME_FAILED      <- error --------- any step that failed: its name, object and errno
 *     RUNTIME_WARNING     <- warning ------- an optional step that failed
 *
 * Messages are single SOCK_SEQPACKET packets of struct RuntimeMessage.
 */
#include "base/error.h"
#include "base/pidref.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/plan/op.h"
#include <stdbool.h>

/* What init inherits: descriptors for its 0, 1, 2 (borrowed; -1: /dev/null), and how many
 * descriptors from 3 on are kept open for the payload (LISTEN_FDS style). All others are closed.
 *
 * With start_listen_fd (above 2: a listening SOCK_SEQPACKET socket, borrowed) the monitor may go
 * away between create and start. The first runtime_release() then only tells init that it is
 * committed; until that, the end of sync_fd still ends init. After it, init waits on the socket for
 * runtime_connect() of any later process, whose connection takes the place of sync_fd. A
 * connection that closes without a word is forgotten. */
struct RuntimeIo {
    int fds[3];
    unsigned preserve;
    int start_listen_fd;
};

enum RuntimePhase { RUNTIME_NONE, RUNTIME_SETUP, RUNTIME_WAITING, RUNTIME_RELEASED, RUNTIME_RUNNING };

struct Runtime {
    enum RuntimePhase phase;
    struct PidRef init; /* pid as the monitor's pid namespace sees it */
    int sync_fd;        /* non-blocking, the monitor's end; -1 after the exec */
    int mount_ns_fd;    /* init's mount namespace: held, its teardown is off the exit path; -1 */
    struct CgroupSet cgroups;
};
#define RUNTIME_INIT                                                                                         \
    {                                                                                                        \
        .init = PIDREF_INIT, .sync_fd = -1, .mount_ns_fd = -1                                                \
    }

enum RuntimeMessageKind { RUNTIME_MESSAGE_READY = 1, RUNTIME_MESSAGE_ERROR, RUNTIME_MESSAGE_WARNING };
struct RuntimeMessage {
    uint32_t kind;
    struct Error error;
};

enum RuntimeEvent {
    RUNTIME_AGAIN,   /* nothing to read */
    RUNTIME_READY,   /* init waits to be released */
    RUNTIME_STARTED, /* the payload's exec succeeded */
    RUNTIME_FAILED,  /* *error says which step; init is exiting */
    RUNTIME_WARNING, /* *error says what was left out; read on */
};

/* The host's ops and the clone. On failure everything it made is undone and *error has
 * RuntimeFailed, where = the step ("mount /proc"). The plan is only borrowed during the call: init
 * has its own copy of the memory. */
int runtime_create(struct Runtime *runtime, const struct Plan *plan, const struct RuntimeIo *io,
                   struct Error *error);
/* Reads one message from sync_fd. End of file before READY or without exec is RUNTIME_FAILED. */
enum RuntimeEvent runtime_on_sync(struct Runtime *runtime, struct Error *error);
/* Lets init go on to its exec. Said before RUNTIME_READY, it spares both sides a round trip: init
 * then neither stops nor reports ready, and the next event is RUNTIME_STARTED (or a failure). */
int runtime_release(struct Runtime *runtime);
/* For another process than the creator: connects to the socket that a committed init listens on (a
 * path, below dir_fd) and becomes its monitor, ready to runtime_release(). -ECONNREFUSED when init
 * has started or is gone. `init` is taken on success; its parent is somebody else. */
int runtime_connect(struct Runtime *runtime, int dir_fd, const char *name, struct PidRef *init);
/* Is such an init waiting there? */
bool runtime_is_waiting(int dir_fd, const char *name);
/* Kills everything in the container: its cgroup, and init by pidfd. Returns at once. */
void runtime_kill(struct Runtime *runtime);
/* Closes what the struct holds; kills and removes nothing. Idempotent. */
void runtime_deinit(struct Runtime *runtime);
/* For failures after the clone, blocking: kills, reaps init, removes the cgroups (bounded wait). */
void runtime_undo(struct Runtime *runtime);

/* THE ORDER, for people and tests: which kinds run where (runtime/steps.c). */
struct Step;
const struct Step *runtime_step(enum OpKind kind);
