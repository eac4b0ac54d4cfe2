// SPDX-License-Identifier: Apache-2.0
/*
 * A generation, from start to exit. After the exit is told the shim still removes the cgroups and ends
 * (`leaving`); a new generation, or the removal, waits for that, so that neither meets a folder that is
 * just going away.
 */
#include "supervisor/container/run.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "supervisor/container/create.h"
#include "supervisor/container/death.h"
#include "supervisor/container/store.h"
#include "supervisor/log.h"
#include "supervisor/shim-link/scope.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { WARNINGS_SIZE_MAX = 4096 };
static const uint64_t EXIT_RETRY_USEC = 200 * USEC_PER_MSEC;

/* --- the end --- */

void container_unlink_run(const struct Container *container)
{
    _cleanup_close_ int directory = container_open_run(container);
    if (directory < 0)
        return;
    unlinkat(directory, "exit", 0);
    unlinkat(directory, "shim.sock", 0);
}

static void on_settle(void *owner)
{
    struct Container *container = owner;
    struct Error error;
    if (container->state != CONTAINER_EXITED || !container->auto_remove || container->wants_restart)
        return;
    if (container_remove(container, &error) < 0)
        log_error(LOG_LEVEL_ERROR, "container.unremoved", container->id, &error);
}

void container_settle(struct Container *container)
{
    container->settle.callback = on_settle;
    container->settle.owner = container;
    loop_defer(container->manager->loop, &container->settle);
}

static void finish(struct Container *container, const struct ExitSlot *slot);

static void on_exit_retry(void *owner)
{
    struct Container *container = owner;
    struct ExitSlot *slot = TAKE_PTR(container->exit_unsaved);
    finish(container, slot);
    free(slot);
}

/* The disk refused the record. Nobody is told before it is stored; the shim keeps its own copy. */
static void finish_later(struct Container *container, const struct ExitSlot *slot, const struct Error *error)
{
    if (!container->retry) {
        log_error(LOG_LEVEL_ERROR, "exit.unsaved", container->id, error);
        if (loop_timer_new(container->manager->loop, on_exit_retry, container, &container->retry) < 0)
            return; /* the slot is still there for the next davitd */
    }
    container->exit_unsaved = malloc(sizeof(*slot));
    if (!container->exit_unsaved)
        return;
    *container->exit_unsaved = *slot;
    loop_timer_start(container->retry, EXIT_RETRY_USEC);
}

static void finish(struct Container *container, const struct ExitSlot *slot)
{
    struct Error error;
    if (container_state_next(container->state, INPUT_EXIT) < 0 || container->exit_unsaved)
        return;
    if (container_set_state(container, CONTAINER_EXITED, slot, &error) < 0) {
        finish_later(container, slot, &error);
        return;
    }
    loop_timer_free(container->retry);
    container->retry = NULL;
    if (container->link) {
        container_release_shim(container);
    } else {
        container_unlink_run(container);
    }
    container_settle(container);
}

void container_on_exited(struct Container *container, const struct ExitSlot *slot)
{
    if (slot->generation == container->generation)
        finish(container, slot);
}

/* --- the beginning --- */

static void launch(struct Container *container)
{
    struct ExitSlot slot;
    struct Error error = {0};
    int r = container_prepare_run(container, &error);
    if (r == 0)
        r = shim_link_start(container, &container->link, &error);
    if (r == 0)
        return;
    death_slot_failed(&slot, container->generation, &error);
    finish(container, &slot);
}

int container_start(struct Container *container, struct Error *error)
{
    int r = container_check(container, INPUT_START, error);
    if (r == 0 && container->manager->missing_call)
        r = error_set(error, ERROR_UNSUPPORTED, container->manager->missing_call,
                      "the kernel lacks the system call %s (Linux 5.12 has it)",
                      container->manager->missing_call);
    if (r == 0)
        r = container_set_state(container, CONTAINER_STARTING, NULL, error);
    if (r < 0)
        return r;
    if (!container->leaving)
        launch(container);
    return 0;
}

static void release(struct Container *container, uint64_t generation)
{
    container->leaving = true;
    container->leaving_link = TAKE_PTR(container->link);
    shim_link_release(container->leaving_link, generation);
}

void container_release_shim(struct Container *container)
{
    release(container, container->generation);
}

/* The start that davitd was killed in goes on when it has gone. */
void container_on_older_shim(struct Container *container, uint64_t generation)
{
    if (container->state == CONTAINER_STARTING && generation < container->generation)
        release(container, generation);
}

static void leave(struct Container *container)
{
    container->leaving = false;
    if (container->state == CONTAINER_STARTING)
        launch(container);
    else if (container->state == CONTAINER_REMOVING)
        container_resume_removal(container);
}

static void on_leftovers_gone(void *owner, const struct CgroupEvidence *evidence, bool clean)
{
    struct Container *container = owner;
    (void)evidence;
    (void)clean; /* said so itself; the next start will say it again */
    container->scope = NULL;
    leave(container);
}

void container_on_shim_gone(struct Container *container)
{
    char path[CGROUP_PATH_MAX];
    struct CgroupEvidence evidence;
    /* Not before: by its socket the next davitd sees that a shim still removes cgroups of this name. */
    container_unlink_run(container);
    container->leaving = container->state != CONTAINER_REMOVING; /* which looks for itself */
    int r = container->leaving && !container->cgroup_is_foreign ? 0 : 1;
    if (r == 0)
        r = container_cgroup_path(container->manager, container->id, path, sizeof(path));
    if (r == 0)
        r = scope_clear(container->manager, path, on_leftovers_gone, container, &container->scope, &evidence);
    if (r != 0)
        leave(container);
}

void container_on_warning(struct Container *container, const struct Error *error)
{
    if (container->warnings.size < WARNINGS_SIZE_MAX)
        buf_printf(&container->warnings, "%s%s%s\n", error->where, error->where[0] ? ": " : "", error->what);
}

void container_on_started(struct Container *container, int32_t pid, int pidfd_take, uint64_t time_usec)
{
    struct Error error;
    if (container_state_next(container->state, INPUT_STARTED) < 0) {
        safe_close(pidfd_take);
        return;
    }
    pidref_deinit(&container->init);
    container->init = (struct PidRef){pid, pidfd_take};
    container->init_pid = pid;
    container->started_usec = time_usec ? time_usec : clock_realtime_usec();
    if (container->state == CONTAINER_STARTING)
        (void)container_set_state(container, CONTAINER_RUNNING, NULL, &error);
}

void container_on_adopted(struct Container *container, enum ShimState state, int32_t pid, int pidfd_take)
{
    _cleanup_close_ int pidfd = pidfd_take;
    struct Error error;
    if (state == SHIM_STATE_EXITED)
        return; /* the exit follows */
    if (pid > 0 && state != SHIM_STATE_STARTING) {
        if (container->state == CONTAINER_STARTING) {
            container_on_started(container, pid, TAKE_FD(pidfd), 0);
        } else {
            pidref_deinit(&container->init);
            container->init = (struct PidRef){pid, TAKE_FD(pidfd)};
            container->init_pid = pid;
        }
    }
    if (state == SHIM_STATE_STOPPING && container->state != CONTAINER_STOPPING)
        (void)container_set_state(container, CONTAINER_STOPPING, NULL, &error);
}

/* --- asking it to end --- */

static int check_link(const struct Container *container, struct Error *error)
{
    if (container->link && shim_link_is_ready(container->link))
        return 0;
    return error_set(error, ERROR_UNAVAILABLE, "container", "the shim of %s does not answer",
                     container->name);
}

static int shim_unavailable(const struct Container *container, int r, struct Error *error)
{
    return error_set_errno(error, ERROR_UNAVAILABLE, r, "container", "the shim of %s does not answer",
                           container->name);
}

static void remember_request(struct Container *container, int signal, uint64_t grace_usec, const char *verb,
                             const char *who)
{
    container->requested.signal = signal;
    container->requested.time_usec = clock_realtime_usec();
    container->requested.grace_usec = grace_usec;
    (void)str_format(container->requested.verb, sizeof(container->requested.verb), "%s", verb);
    (void)str_format(container->requested.who, sizeof(container->requested.who), "%s", who);
}

int container_stop(struct Container *container, int signal, uint64_t grace_usec, const char *verb,
                   const char *who, struct Error *error)
{
    int r = container_check(container, INPUT_STOP, error);
    if (r < 0)
        return r;
    if (container->leaving && container->state == CONTAINER_STARTING) {
        /* Between two generations: the new one has no shim yet, and gets none. */
        struct ExitSlot slot;
        struct Error reason;
        error_set(&reason, ERROR_RUNTIME_FAILED, verb, "stopped before it began");
        death_slot_failed(&slot, container->generation, &reason);
        finish(container, &slot);
        return 0;
    }
    r = check_link(container, error);
    if (r < 0)
        return r;
    /* No reply is wanted: either the exit comes, or the shim is lost. */
    r = shim_link_stop(container->link, signal, grace_usec, verb, who, NULL, NULL);
    if (r < 0)
        return shim_unavailable(container, r, error);
    remember_request(container, signal, grace_usec, verb, who);
    if (container->state != CONTAINER_STOPPING)
        return container_set_state(container, CONTAINER_STOPPING, NULL, error);
    return 0;
}

int container_kill(struct Container *container, int signal, bool everybody, const char *who,
                   ShimReplyCallback callback, void *owner, struct Error *error)
{
    int r = container_check(container, INPUT_KILL, error);
    if (r == 0)
        r = check_link(container, error);
    if (r < 0)
        return r;
    r = shim_link_kill(container->link, signal, everybody, who, callback, owner);
    if (r < 0)
        return shim_unavailable(container, r, error);
    remember_request(container, signal, UINT64_MAX, "kill", who);
    return 0;
}
