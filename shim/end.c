// SPDX-License-Identifier: Apache-2.0
/*
 * How it ends: children are reaped, the evidence is read while the cgroup still exists, what is left in
 * it is killed, the pipes are read out, the exit slot is written, and only then is anybody told.
 * A process outside the cgroup may hold the pipes for ever, so reading them out has a deadline.
 */
#include "base/clock.h"
#include "base/fd.h"
#include "base/sys.h"
#include "shim/shim.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    DRAIN_USEC = 2000000,
    REMOVE_WAIT_MIN_USEC = 1000,
    REMOVE_WAIT_MAX_USEC = 500000,
    REMOVE_USEC = 10000000,
    SLOT_WRITES_MAX = 3,
};

static void signals_on_event(struct LoopSource *source, uint32_t events);
static void remove_on_expired(struct LoopTimer *timer);
static void stop_on_expired(struct LoopTimer *timer);
static void drain_on_expired(struct LoopTimer *timer);

int reaper_init(struct Shim *shim)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    shim->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (shim->signal_fd < 0)
        return -errno;
    shim->signals.owner = shim->remove_timer.owner = shim->stop_timer.owner = shim;
    shim->signals.on_event = signals_on_event;
    shim->remove_timer.on_expired = remove_on_expired;
    shim->stop_timer.on_expired = stop_on_expired;
    shim->drain_timer.on_expired = drain_on_expired;
    return loop_watch(&shim->loop, &shim->signals, shim->signal_fd, EPOLLIN);
}

/* The deadline itself is the message: shim_advance() sees that it is no longer set. */
static void drain_on_expired(struct LoopTimer *timer)
{
    (void)timer;
}

static void stop_on_expired(struct LoopTimer *timer)
{
    struct Shim *shim = timer->owner;
    shim->slot.stop_escalated = 1;
    runtime_kill(&shim->runtime);
}

static void on_init_exit(struct Shim *shim, int wait_status)
{
    struct Error error;
    if (shim->phase == PHASE_STARTING && !shim->has_failed) {
        error_set(&error, ERROR_RUNTIME_FAILED, "init", "ended before it ran the program");
        shim_fail(shim, &error);
    }
    shim->slot.wait_status = wait_status;
    shim->slot.finished_usec = clock_realtime_usec();
    cgroup_set_evidence(&shim->runtime.cgroups, &shim->slot.evidence);
    cgroup_set_kill(&shim->runtime.cgroups);
    loop_timer_clear(&shim->stop_timer);
    loop_timer_set(&shim->loop, &shim->drain_timer, clock_boottime_usec() + DRAIN_USEC);
    shim->phase = PHASE_DRAINING;
}

/* The next child that has ended, still to be reaped; 0: none. */
static pid_t peek_child(void)
{
    siginfo_t info = {0};
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0)
        return 0;
    return info.si_pid;
}

static void reap_all(struct Shim *shim)
{
    for (pid_t pid = peek_child(); pid > 0; pid = peek_child()) {
        int wait_status = 0;
        bool is_init = pid == shim->runtime.init.pid && shim->phase < PHASE_DRAINING;
        /* Before it is reaped: whether init has come to its exec can be seen only now. */
        if (is_init)
            shim_follow(shim);
        if (waitpid(pid, &wait_status, WNOHANG | __WALL) != pid)
            return;
        if (is_init)
            on_init_exit(shim, wait_status);
    }
}

/* Gives up on what cannot be removed, as davitd tries again later, but not in silence. */
static void end_removal(struct Shim *shim, int r)
{
    struct Error error;
    shim->is_clean = true;
    loop_timer_clear(&shim->remove_timer);
    if (r < 0) {
        error_set_errno(&error, ERROR_INTERNAL, r, "cgroup", "cannot be removed");
        shim_warn(shim, &error);
    }
    /* davitd removes empty parents when it is idle or ends; the last to go does it. It hangs up first and
     * tries then; we remove ours first and look then whether it is still there. */
    if (!control_has_peer(&shim->control))
        cgroup_set_remove_parents(&shim->runtime.cgroups);
}

static void remove_cgroups(struct Shim *shim)
{
    uint64_t now = clock_boottime_usec();
    int r = cgroup_set_remove(&shim->runtime.cgroups);
    if (r != -EBUSY || now >= shim->remove_deadline) {
        end_removal(shim, r);
        return;
    }
    cgroup_set_kill(&shim->runtime.cgroups);
    shim->remove_wait_usec =
        MIN(MAX(shim->remove_wait_usec * 2, (uint64_t)REMOVE_WAIT_MIN_USEC), (uint64_t)REMOVE_WAIT_MAX_USEC);
    loop_timer_set(&shim->loop, &shim->remove_timer, now + shim->remove_wait_usec);
}

static void remove_on_expired(struct LoopTimer *timer)
{
    remove_cgroups(timer->owner);
}

static void signals_on_event(struct LoopSource *source, uint32_t events)
{
    struct Shim *shim = source->owner;
    struct signalfd_siginfo info;
    (void)events;
    while (read(source->fd, &info, sizeof(info)) > 0)
        continue;
    reap_all(shim);
    if (shim->phase == PHASE_ENDED && !shim->is_clean)
        remove_cgroups(shim); /* the last of them may just have gone */
}

static void write_slot(struct Shim *shim)
{
    struct Pump *pump = &shim->pump;
    shim->slot.state = shim->has_failed ? EXIT_SLOT_FAILED : EXIT_SLOT_EXITED;
    shim->slot.log = pump->counters;
    shim->slot.offset_stdout = pump->offsets[LOGLINE_STDOUT];
    shim->slot.offset_stderr = pump->offsets[LOGLINE_STDERR];
    shim->slot.tail_size = tail_copy(&pump->tail, shim->slot.tail);
    int r = exit_slot_write(shim->slot_fd, &shim->slot);
    for (unsigned i = 1; r < 0 && i < SLOT_WRITES_MAX; i++)
        r = exit_slot_write(shim->slot_fd, &shim->slot);
    if (r < 0) { /* what is known is told all the same: davitd stores it before it acknowledges */
        struct Error error;
        error_set_errno(&error, ERROR_INTERNAL, r, "exit slot", "cannot be written");
        shim_warn(shim, &error);
    }
}

void shim_finish(struct Shim *shim)
{
    union ShimMessage message;
    loop_timer_clear(&shim->drain_timer);
    pump_finish(&shim->pump);
    if (!shim->attach.is_ended)
        attach_end(&shim->attach);
    attach_input_close(&shim->attach);
    shim->remove_deadline = clock_boottime_usec() + REMOVE_USEC;
    if (shim->has_failed)
        remove_cgroups(shim); /* a failed start leaves nothing: best so before it is told */
    write_slot(shim);
    shim->phase = PHASE_ENDED;
    shim_fill_end(shim, &message);
    control_broadcast(&shim->control, &message, NULL, 0);
    shim->runtime.mount_ns_fd = safe_close(shim->runtime.mount_ns_fd);
    if (!shim->is_clean)
        remove_cgroups(shim);
}
