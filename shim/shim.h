// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The root object: one container from its start to the acknowledgement of its end.
 *
 *     CONFIG    waits for CONFIG on a connection
 *     STARTING  init exists, the payload does not run yet
 *     RUNNING   it runs
 *     STOPPING  it was asked to stop, the grace runs
 *     DRAINING  init is dead; what it has written is read out
 *     ENDED     the exit slot is on disk, davitd was told; waits for ACK and for the cgroups to go
 *
 * Each event only notes what happened; shim_advance(), called after each, makes the moves. The struct
 * is large and mostly untouched, so it lives in mapped memory.
 */
#include "runtime/runtime.h"
#include "shim/attach.h"
#include "shim/control.h"
#include "shim/loop.h"
#include "shim/pump.h"

enum ShimPhase {
    PHASE_CONFIG,
    PHASE_STARTING,
    PHASE_RUNNING,
    PHASE_STOPPING,
    PHASE_DRAINING,
    PHASE_ENDED,
    PHASE_COUNT,
};

struct Shim {
    const char *id;
    int plan_fd, slot_fd, log_dir_fd; /* borrowed, but plan_fd, which is closed when it was used */
    enum ShimPhase phase;
    bool is_configured, has_failed, is_acknowledged, is_clean;
    struct ShimConfig config;
    struct ExitSlot slot; /* what will be written, as far as it is known */
    struct Loop loop;
    struct Control control;
    struct LoopSource signals, sync;
    struct LoopTimer config_timer, stop_timer, drain_timer, remove_timer, linger_timer, trim_timer;
    uint64_t remove_wait_usec, remove_deadline;
    int signal_fd;
    struct Runtime runtime;
    struct Pump pump;
    struct Attach attach;
};

struct ShimFds {
    int listen, plan, slot, log_dir;
};

/* Something was done that used much stack: gives the pages back when it is quiet again. */
void shim_trim_later(struct Shim *shim);

/* Runs until the end is acknowledged; the process' exit status. All signals must be blocked. */
int shim_run(const char *id, const struct ShimFds *fds);

/* --- between the shim's own files --- */

/* start.c: what STARTING does; each leaves the shim in a phase of its own. */
void shim_start(struct Shim *shim);
/* Reads what init says, until there is nothing more. */
void shim_follow(struct Shim *shim);
/* The start failed: *error says why, and init, if there is one, is killed. */
void shim_fail(struct Shim *shim, const struct Error *error);

/* Something that is not as it should be, but no reason to end anything. */
void shim_warn(struct Shim *shim, const struct Error *error);

/* end.c */
int reaper_init(struct Shim *shim);
/* Everything is read: writes the record, tells it, begins to clean up. */
void shim_finish(struct Shim *shim);

/* request.c */
void shim_on_request(void *owner, struct ControlConnection *connection, const union ShimMessage *message,
                     int fds[2], unsigned fd_count);
/* SHIM_EXITED or SHIM_FAILED, from the slot. */
void shim_fill_end(const struct Shim *shim, union ShimMessage *message);
