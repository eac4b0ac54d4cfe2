// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/foreground.h"
#include "base/fd.h"
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* All that can be passed on: not those that stop or kill us anyhow, our own faults, or what the
 * container's end and a broken pipe send to us alone. */
static void forwarded_signals(sigset_t *set)
{
    static const int kept[] = {SIGKILL, SIGSTOP, SIGCHLD, SIGPIPE, SIGSEGV, SIGBUS,
                               SIGFPE,  SIGILL,  SIGTRAP, SIGSYS,  SIGABRT};
    sigfillset(set);
    for (size_t i = 0; i < ELEMENTSOF(kept); i++)
        sigdelset(set, kept[i]);
}

void foreground_block_signals(void)
{
    sigset_t set;
    forwarded_signals(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

static void forward(int signal_fd, const struct Runtime *runtime)
{
    struct signalfd_siginfo info;
    while (read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        pidref_kill(&runtime->init, (int)info.ssi_signo);
}

int foreground_wait(struct Oci *oci, struct Runtime *runtime, int *ret_code)
{
    sigset_t set;
    forwarded_signals(&set);
    _cleanup_close_ int signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signal_fd < 0)
        return error_set_errno(&oci->error, ERROR_INTERNAL, errno, "", "signalfd");
    struct pollfd waiting[] = {{.fd = runtime->init.fd, .events = POLLIN},
                               {.fd = signal_fd, .events = POLLIN}};
    int status, r;
    do {
        if (poll(waiting, ELEMENTSOF(waiting), -1) < 0 && errno != EINTR)
            return error_set_errno(&oci->error, ERROR_INTERNAL, errno, "", "poll");
        forward(signal_fd, runtime);
        r = pidref_wait(&runtime->init, WNOHANG, &status);
    } while (r == -EAGAIN);
    if (r < 0)
        return error_set_errno(&oci->error, ERROR_INTERNAL, r, "", "wait");
    *ret_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return 0;
}
