// SPDX-License-Identifier: Apache-2.0
/*
 * Init's life before its exec. The order of its first acts matters:
 * it dies with its monitor, and nobody may look into it, before it does anything else;
 * it enters its v1 cgroups while it is single-threaded and before its cgroup namespace is made, whose
 * root is where it sits;
 * it opens the host's procfs, then closes every descriptor that is not named here, then joins other
 * namespaces: whoever lives in them finds nothing of the host in it.
 * Signals are put back to their defaults while the monitor is being woken, when time costs nothing.
 */
#include "runtime/stage.h"
#include "base/fd.h"
#include "base/resolve.h"
#include "base/sys.h"
#include "runtime/handshake.h"
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { KEPT_MAX = STEP_JOINS_MAX + 4, SIGNALS = 64 };

void stage_prepare(struct StepContext *context)
{
    struct Op op;
    bool pivoted = false;
    for (size_t cursor = 0; plan_next(context->plan, &cursor, &op) > 0;) {
        const struct Step *step = runtime_step(op.kind);
        pivoted |= op.kind == OP_PIVOT;
        context->masks_after_pivot |= pivoted && op.kind == OP_MASK;
        if (step && step->needs & STEP_HAS_PROCFS)
            context->have |= STEP_HAS_PROCFS;
        if (op.kind == OP_CWD)
            context->cwd = op.path.path;
    }
}

int stage_run(struct StepContext *context, enum OpStage stage)
{
    struct Op op;
    for (size_t cursor = 0; plan_next(context->plan, &cursor, &op) > 0;) {
        const struct OpSchema *schema = op_schema(op.kind);
        if (!schema || schema->stage != stage)
            continue;
        int r = step_run(context, &op);
        if (r == STEP_WARNING)
            handshake_report(context->sync_fd, RUNTIME_MESSAGE_WARNING, context->error);
        if (r < 0)
            return r;
    }
    return 0;
}

static int fail(struct StepContext *context, const char *what)
{
    return error_set_errno(context->error, ERROR_RUNTIME_FAILED, errno, "init", "%s", what);
}

/* --- in init --- */

/* Puts the three in their places, whatever their order; those above 2 are closed later. */
static int take_stdio(const int fds[3])
{
    int sources[3];
    for (int i = 0; i < 3; i++) {
        sources[i] = fds[i];
        if (fds[i] < 0)
            sources[i] = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);
        if (sources[i] >= 0 && sources[i] < 3 && sources[i] != i)
            sources[i] = fcntl(sources[i], F_DUPFD_CLOEXEC, 3);
        if (sources[i] < 0)
            return -errno;
    }
    for (int i = 0; i < 3; i++) {
        int r = sources[i] == i ? fcntl(i, F_SETFD, 0) : dup2(sources[i], i);
        if (r < 0)
            return -errno;
    }
    return 0;
}

/* Closes from `first` on, but for those in `kept` (sorted here). */
static int close_others(unsigned first, int *kept, unsigned count)
{
    for (unsigned i = 1; i < count; i++)
        for (unsigned j = i; j > 0 && kept[j - 1] > kept[j]; j--) {
            int swapped = kept[j];
            kept[j] = kept[j - 1];
            kept[j - 1] = swapped;
        }
    for (unsigned i = 0; i < count; i++) {
        if (kept[i] < 0 || (unsigned)kept[i] < first)
            continue;
        if ((unsigned)kept[i] > first && sys_close_range(first, (unsigned)kept[i] - 1, 0) < 0)
            return -errno;
        first = (unsigned)kept[i] + 1;
    }
    return sys_close_range(first, ~0U, 0) < 0 ? -errno : 0;
}

static int keep_only(struct StepContext *context, const struct RuntimeIo *io)
{
    int kept[KEPT_MAX];
    unsigned count = 0;
    kept[count++] = context->sync_fd;
    kept[count++] = context->proc_fd;
    if (io->start_listen_fd > 2)
        kept[count++] = io->start_listen_fd;
    for (unsigned i = 0; i < context->join_count; i++)
        kept[count++] = context->joins[i].fd;
    return close_others(3 + io->preserve, kept, count);
}

static int become_init(struct StepContext *context, const struct RuntimeIo *io)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
        prctl(PR_SET_NAME, INIT_COMM, 0, 0, 0) < 0)
        return fail(context, "prctl");
    context->death_signal = true;
    umask(0);
    if (setsid() < 0)
        return fail(context, "new session");
    errno = -take_stdio(io->fds);
    if (errno)
        return fail(context, "standard input and output");
    errno = -cgroup_set_enter_v1(context->cgroups);
    if (errno)
        return error_set_errno(context->error, ERROR_RUNTIME_FAILED, errno, "cgroup", "cannot enter it");
    if (context->unshare_cgroup && unshare(CLONE_NEWCGROUP) < 0)
        return error_set_errno(context->error, ERROR_RUNTIME_FAILED, errno, "namespace cgroup", "new one");
    if (context->have & STEP_HAS_PROCFS) {
        context->proc_fd = resolve_open_procfs();
        errno = context->proc_fd < 0 ? -context->proc_fd : 0;
        if (errno)
            return fail(context, "the host's /proc");
    }
    errno = -keep_only(context, io);
    if (errno)
        return fail(context, "descriptors");
    return namespace_join_all(context);
}

/* The payload starts with all signals at their default and none blocked, also those that our own
 * parent ignored. By the system call, as C libraries keep some numbers to themselves. */
static void reset_signals(void)
{
    static const uint64_t action[8] = {0}; /* of the kernel: SIG_DFL, no flags, no mask */
    for (int number = 1; number <= SIGNALS; number++)
        (void)syscall(SYS_rt_sigaction, number, action, NULL, sizeof(uint64_t));
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void end_by_signal(int number)
{
    _exit(128 + number);
}

/* The first process of a pid namespace is spared by every signal that it leaves at its default; one
 * that has run nothing yet can be asked to end all the same. The exec puts these back. */
static void accept_end(void)
{
    static const int numbers[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    const struct sigaction action = {.sa_handler = end_by_signal};
    for (size_t i = 0; i < ELEMENTSOF(numbers); i++)
        sigaction(numbers[i], &action, NULL);
}

/* Until the creator has committed itself, its end is ours; after that we wait for anybody. */
static int wait_for_release(struct StepContext *context, const struct RuntimeIo *io)
{
    bool listens = io->start_listen_fd > 2;
    if (listens)
        exec_clear_death_signal(context);
    if (handshake_is_released(context->sync_fd)) {
        reset_signals();
    } else {
        int r = handshake_report(context->sync_fd, RUNTIME_MESSAGE_READY, NULL);
        reset_signals();
        if (r >= 0)
            r = handshake_wait(context->sync_fd);
        if (r < 0)
            return r;
    }
    if (!listens)
        return 0;
    accept_end();
    context->sync_fd = safe_close(context->sync_fd);
    context->sync_fd = handshake_accept(io->start_listen_fd);
    return MIN(context->sync_fd, 0);
}

/* What init had as /dev/null on the host is the container's own from here on, where it has one:
 * nothing of the host's file system stays open. */
static void swap_dev_null(void)
{
    int own = -1;
    for (int fd = 0; fd < 3; fd++) {
        if (!fd_is_dev_null(fd))
            continue;
        if (own < 0)
            own = open("/dev/null", O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (own < 0 || !fd_is_dev_null(own))
            break;
        dup2(own, fd);
    }
    safe_close(own);
}

static int run_init(struct StepContext *context, const struct RuntimeIo *io)
{
    int r = become_init(context, io);
    if (r >= 0)
        r = stage_run(context, STAGE_CHILD);
    if (r < 0)
        return r;
    if (context->have & STEP_HAS_PIVOTED)
        swap_dev_null();
    /* What waits holds nothing but its standard descriptors and the sockets. */
    step_context_deinit(context);
    r = wait_for_release(context, io);
    if (r < 0)
        return error_set_errno(context->error, ERROR_RUNTIME_FAILED, r, "init", "the monitor is gone");
    r = stage_run(context, STAGE_EXEC);
    return r < 0 ? r : error_set(context->error, ERROR_RUNTIME_FAILED, "exec", "the plan runs no program");
}

static _Noreturn void init_main(struct StepContext *context, const struct RuntimeIo *io)
{
    run_init(context, io);
    handshake_report(context->sync_fd, RUNTIME_MESSAGE_ERROR, context->error);
    _exit(EXIT_FAILURE);
}

/* --- in the monitor --- */

/* Children of ours are born in this pid namespace from here on; leave_pid_namespace() ends it. */
static int enter_pid_namespace(struct StepContext *context, int fd, int *ret_self)
{
    if (fd < 0)
        return 0;
    _cleanup_close_ int self = sys_pidfd_open(getpid(), 0);
    if (self < 0 || setns(fd, CLONE_NEWPID) < 0)
        return error_set_errno(context->error, ERROR_RUNTIME_FAILED, errno, "namespace pid",
                               "cannot join it");
    *ret_self = TAKE_FD(self);
    return 0;
}

int stage_clone(struct StepContext *context, const struct RuntimeIo *io, struct PidRef *ret_init)
{
    _cleanup_close_ int self = -1;
    int pid_fd = -1;
    struct clone_args arguments = {
        .flags = context->clone_flags | CLONE_PIDFD,
        .pidfd = (uintptr_t)&pid_fd,
        .exit_signal = SIGCHLD,
    };
    if (context->cgroups->count > 0 && context->cgroups->dirs[0].version == 2) {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = (uint64_t)context->cgroups->dirs[0].fd;
    }
    int r = enter_pid_namespace(context, namespace_pid_fd(context), &self);
    if (r < 0)
        return r;
    pid_t pid = sys_clone3(&arguments, sizeof(arguments));
    if (pid == 0)
        init_main(context, io);
    int failed = pid < 0 ? errno : 0;
    if (pid > 0)
        *ret_init = (struct PidRef){pid, pid_fd};
    if (self >= 0 && setns(self, CLONE_NEWPID) < 0)
        return error_set_errno(context->error, ERROR_RUNTIME_FAILED, errno, "namespace pid",
                               "cannot leave it again");
    if (failed)
        return error_set_errno(context->error, ERROR_RUNTIME_FAILED, failed, "clone",
                               "cannot make init in its namespaces and cgroup");
    return 0;
}
