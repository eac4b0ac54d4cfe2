// SPDX-License-Identifier: Apache-2.0
/*
 * The monitor's part. A start that fails before the clone is undone here at once; after it, its
 * owner reads the error from sync_fd and calls runtime_undo().
 */
#include "runtime/runtime.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/resolve.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/handshake.h"
#include "runtime/stage.h"
#include <fcntl.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of <linux/pidfd.h>, since Linux 6.11. */
#ifndef PIDFD_GET_MNT_NAMESPACE
#define PIDFD_GET_MNT_NAMESPACE _IO(0xff, 3)
#endif

static const uint64_t UNDO_DEADLINE_USEC = 10 * USEC_PER_SEC;

/* The last reference to a mount namespace waits for all its unmounts: better the monitor, later, than
 * init on its way out. Only an optimisation: -1 is fine. The pid is of a child that is not reaped. */
static int open_mount_namespace(const struct PidRef *init)
{
    _cleanup_close_ int fd = ioctl(init->fd, PIDFD_GET_MNT_NAMESPACE, 0);
    if (fd < 0) {
        char path[64];
        _cleanup_close_ int proc_fd = resolve_open_procfs();
        str_format(path, sizeof(path), "%d/ns/mnt", (int)init->pid);
        if (proc_fd >= 0)
            fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
    }
    return fd >= 0 && ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNS ? TAKE_FD(fd) : -1;
}

static int create(struct Runtime *runtime, struct StepContext *context, const struct RuntimeIo *io)
{
    int r = stage_run(context, STAGE_HOST);
    if (r >= 0)
        r = stage_clone(context, io, &runtime->init);
    if (r >= 0 && context->clone_flags & CLONE_NEWNS)
        runtime->mount_ns_fd = open_mount_namespace(&runtime->init);
    return r < 0 ? r : stage_run(context, STAGE_MONITOR);
}

int runtime_create(struct Runtime *runtime, const struct Plan *plan, const struct RuntimeIo *io,
                   struct Error *error)
{
    struct Error ignored;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_set_errno(error, ERROR_RUNTIME_FAILED, errno, "init", "socket pair");
    _cleanup_close_ int own = pair[0], peer = pair[1];
    int r = fd_set_nonblocking(own, true);
    if (r < 0)
        return error_set_errno(error, ERROR_RUNTIME_FAILED, r, "init", "socket pair");
    _cleanup_(step_context_deinit) struct StepContext context = STEP_CONTEXT_INIT;
    context.plan = plan;
    context.cgroups = &runtime->cgroups;
    context.error = error ? error : &ignored;
    context.sync_fd = peer;
    stage_prepare(&context);
    r = create(runtime, &context, io);
    if (r < 0) {
        runtime_undo(runtime);
        return r;
    }
    runtime->sync_fd = TAKE_FD(own);
    runtime->phase = RUNTIME_SETUP;
    return 0;
}

/* A socket that ended without an error message. */
static enum RuntimeEvent on_end(struct Runtime *runtime, struct Error *error)
{
    enum RuntimePhase phase = runtime->phase;
    runtime->sync_fd = safe_close(runtime->sync_fd);
    if (phase == RUNTIME_RELEASED && handshake_has_executed(runtime->init.pid)) {
        runtime->phase = RUNTIME_RUNNING;
        return RUNTIME_STARTED;
    }
    siginfo_t info = {0};
    bool ended = waitid((idtype_t)P_PIDFD, (id_t)runtime->init.fd, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
                 info.si_pid != 0;
    if (ended && info.si_code != CLD_EXITED)
        error_set(error, ERROR_RUNTIME_FAILED, "init", "killed by signal %d before it ran the program",
                  info.si_status);
    else
        error_set(error, ERROR_RUNTIME_FAILED, "init", "ended before it ran the program");
    return RUNTIME_FAILED;
}

enum RuntimeEvent runtime_on_sync(struct Runtime *runtime, struct Error *error)
{
    struct RuntimeMessage message;
    if (runtime->sync_fd < 0)
        return RUNTIME_AGAIN;
    int r = handshake_receive(runtime->sync_fd, &message);
    if (r == -EAGAIN)
        return RUNTIME_AGAIN;
    if (r == 0)
        return on_end(runtime, error);
    if (r > 0 && message.kind == RUNTIME_MESSAGE_READY && runtime->phase == RUNTIME_SETUP) {
        runtime->phase = RUNTIME_WAITING;
        return RUNTIME_READY;
    }
    /* It was released while it reported. */
    if (r > 0 && message.kind == RUNTIME_MESSAGE_READY && runtime->phase == RUNTIME_RELEASED)
        return RUNTIME_AGAIN;
    if (r > 0 && message.kind == RUNTIME_MESSAGE_WARNING) {
        *error = message.error;
        return RUNTIME_WARNING;
    }
    if (r > 0 && message.kind == RUNTIME_MESSAGE_ERROR)
        *error = message.error;
    else
        error_set(error, ERROR_RUNTIME_FAILED, "init", "sent what is no message");
    runtime->sync_fd = safe_close(runtime->sync_fd);
    return RUNTIME_FAILED;
}

int runtime_release(struct Runtime *runtime)
{
    if (runtime->phase != RUNTIME_SETUP && runtime->phase != RUNTIME_WAITING)
        return -EINVAL;
    int r = handshake_go(runtime->sync_fd);
    if (r >= 0)
        runtime->phase = RUNTIME_RELEASED;
    return r;
}

int runtime_connect(struct Runtime *runtime, int dir_fd, const char *name, struct PidRef *init)
{
    int fd = handshake_connect(dir_fd, name, true);
    if (fd < 0)
        return fd;
    runtime->sync_fd = fd;
    runtime->init = *init;
    *init = (struct PidRef)PIDREF_INIT;
    runtime->phase = RUNTIME_WAITING;
    return 0;
}

bool runtime_is_waiting(int dir_fd, const char *name)
{
    int fd = handshake_connect(dir_fd, name, false);
    safe_close(fd);
    return fd >= 0 || fd == -EAGAIN;
}

void runtime_kill(struct Runtime *runtime)
{
    cgroup_set_kill(&runtime->cgroups);
    pidref_kill(&runtime->init, SIGKILL);
}

void runtime_deinit(struct Runtime *runtime)
{
    runtime->sync_fd = safe_close(runtime->sync_fd);
    runtime->mount_ns_fd = safe_close(runtime->mount_ns_fd);
    pidref_deinit(&runtime->init);
    cgroup_set_deinit(&runtime->cgroups);
    runtime->phase = RUNTIME_NONE;
}

static void reap(const struct PidRef *init, uint64_t deadline)
{
    struct pollfd waiting = {.fd = init->fd, .events = POLLIN};
    int status;
    for (;;) {
        uint64_t now = clock_boottime_usec();
        int timeout = now < deadline ? (int)((deadline - now) / USEC_PER_MSEC) + 1 : 0;
        if (poll(&waiting, 1, timeout) >= 0 || errno != EINTR)
            break;
    }
    pidref_wait(init, WNOHANG, &status);
}

void runtime_undo(struct Runtime *runtime)
{
    uint64_t deadline = clock_boottime_usec() + UNDO_DEADLINE_USEC;
    runtime_kill(runtime);
    if (runtime->init.fd >= 0)
        reap(&runtime->init, deadline);
    /* The kernel lets go of the last process a moment after its end was seen. */
    while (cgroup_set_remove(&runtime->cgroups) == -EBUSY && clock_boottime_usec() < deadline) {
        cgroup_set_kill(&runtime->cgroups);
        poll(NULL, 0, 1);
    }
    cgroup_set_remove_parents(&runtime->cgroups);
    runtime_deinit(runtime);
}
