// SPDX-License-Identifier: Apache-2.0
/*
 * clone(CLONE_VM | CLONE_VFORK): no page table is copied, and davitd sleeps until the exec. The child
 * therefore has a stack of its own, blocks all signals until it has default handlers, and does
 * nothing but system calls. Its result comes back through the shared memory.
 */
#include "supervisor/shim-link/spawn.h"
#include "base/sys.h"
#include "protocol/shim/message.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

enum { SPAWN_STACK_SIZE = 32 << 10, SPAWN_FD_ASIDE = 32, SPAWN_FD_COUNT = SHIM_FD_END };

struct SpawnChild {
    const char *program;
    char *const *arguments;
    const struct rlimit *descriptors;
    int sources[SPAWN_FD_COUNT]; /* for descriptor 0, 1, ... */
    int error;
};

static void reset_signals(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int signal = 1; signal < NSIG; signal++)
        (void)sigaction(signal, &action, NULL);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* All aside first, so that no source is overwritten before it is used. */
static int place_descriptors(struct SpawnChild *child)
{
    for (int fd = 0; fd < SPAWN_FD_COUNT; fd++) {
        child->sources[fd] = fcntl(child->sources[fd], F_DUPFD_CLOEXEC, SPAWN_FD_ASIDE);
        if (child->sources[fd] < 0)
            return -errno;
    }
    for (int fd = 0; fd < SPAWN_FD_COUNT; fd++)
        if (dup2(child->sources[fd], fd) < 0)
            return -errno;
    return sys_close_range(SPAWN_FD_COUNT, ~0U, CLOSE_RANGE_CLOEXEC) < 0 ? -errno : 0;
}

static int spawn_child(void *argument)
{
    static char *const environment[] = {NULL};
    struct SpawnChild *child = argument;
    reset_signals();
    child->error = place_descriptors(child);
    if (child->error == 0) {
        (void)setrlimit(RLIMIT_NOFILE, child->descriptors);
        execve(child->program, child->arguments, environment);
        child->error = -errno;
    }
    _exit(127);
}

int shim_spawn(const struct ShimSpawn *spawn, struct PidRef *ret)
{
    char name[] = "davit-shim";
    char *const arguments[] = {name, (char *)(uintptr_t)spawn->id, NULL};
    struct SpawnChild child = {
        .program = spawn->program,
        .arguments = arguments,
        .descriptors = spawn->descriptors,
        .sources = {spawn->null_fd, spawn->null_fd,
                    spawn->null_fd, [SHIM_FD_LISTEN] = spawn->listen_fd, [SHIM_FD_PLAN] = spawn->plan_fd,
                    [SHIM_FD_SLOT] = spawn->slot_fd, [SHIM_FD_LOG_DIR] = spawn->log_fd},
    };
    sigset_t all, before;
    int pidfd = -1;
    /* Ours, lent to the child: we sleep until it does not need it any more. */
    _Alignas(16) char stack[SPAWN_STACK_SIZE];

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    pid_t pid = clone(spawn_child, stack + SPAWN_STACK_SIZE, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD,
                      &child, &pidfd);
    int r = pid < 0 ? -errno : child.error;
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (pid < 0)
        return r;
    struct PidRef process = {pid, pidfd};
    if (r < 0) {
        int status;
        (void)pidref_wait(&process, 0, &status);
        pidref_deinit(&process);
        return r;
    }
    *ret = process;
    return 0;
}
