// SPDX-License-Identifier: Apache-2.0
/*
 * killat --pid DAVITD --target davitd|shim|init --at N
 *
 * Attaches to a running davitd by ptrace, prints "ready", and kills the target with SIGKILL when it enters
 * its N-th system call from now. Prints "killed CALL-NUMBER" when it did. The shim is the process that davitd
 * spawns, init the one that the shim clones; counting of those begins with their first call. init is let go
 * at its last exec: then it is the payload. Ends when the target was killed or has ended, or when its stdin
 * is closed ("ended COUNT": the target made COUNT calls and was not killed).
 */
#include "base/sys.h"
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum Role { ROLE_SELF, ROLE_CHILD, ROLE_GRANDCHILD, ROLE_OTHER };
static const char *const ROLES[] = {"self", "child", "grandchild", NULL};

enum { TRACEES_MAX = 64 };

struct Tracee {
    pid_t pid;
    enum Role role;
    bool in_call;
    unsigned execs;
};

struct Killer {
    struct Tracee tracees[TRACEES_MAX];
    enum Role target;
    unsigned long at, count;
    bool done;
};

static const long OPTIONS = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                            PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;

static struct Tracee *killer_find(struct Killer *killer, pid_t pid)
{
    for (unsigned i = 0; i < TRACEES_MAX; i++)
        if (killer->tracees[i].pid == pid)
            return &killer->tracees[i];
    return NULL;
}

static struct Tracee *killer_add(struct Killer *killer, pid_t pid, enum Role role)
{
    struct Tracee *tracee = killer_find(killer, pid);
    if (!tracee)
        tracee = killer_find(killer, 0);
    if (tracee)
        *tracee = (struct Tracee){.pid = pid, .role = role};
    return tracee;
}

static void killer_resume(struct Killer *killer, const struct Tracee *tracee, int signal)
{
    bool counted = tracee->role == killer->target;
    (void)ptrace(counted ? PTRACE_SYSCALL : PTRACE_CONT, tracee->pid, 0, (long)signal);
}

static void killer_on_call(struct Killer *killer, struct Tracee *tracee)
{
    tracee->in_call = !tracee->in_call;
    if (!tracee->in_call || tracee->role != killer->target)
        return;
    if (++killer->count != killer->at)
        return;
    struct __ptrace_syscall_info info = {0};
    (void)ptrace(PTRACE_GET_SYSCALL_INFO, tracee->pid, sizeof(info), &info);
    /* A stopped tracee cannot go away, so its number is safe. */
    int pidfd = sys_pidfd_open(tracee->pid, 0);
    (void)sys_pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
    (void)close(pidfd);
    printf("killed %llu\n", (unsigned long long)info.entry.nr);
    (void)fflush(stdout);
    killer->done = true;
}

/* A child was born: its role follows from its parent's. */
static void killer_on_birth(struct Killer *killer, const struct Tracee *parent)
{
    unsigned long pid = 0;
    if (ptrace(PTRACE_GETEVENTMSG, parent->pid, 0, &pid) < 0)
        return;
    enum Role role = parent->role == ROLE_SELF    ? ROLE_CHILD
                     : parent->role == ROLE_CHILD ? ROLE_GRANDCHILD
                                                  : ROLE_OTHER;
    struct Tracee *known = killer_find(killer, (pid_t)pid);
    if (known) { /* its first stop came before this event */
        known->role = role;
        killer_resume(killer, known, 0);
    } else {
        (void)killer_add(killer, (pid_t)pid, role);
    }
}

static void killer_on_stop(struct Killer *killer, pid_t pid, int status)
{
    struct Tracee *tracee = killer_find(killer, pid);
    int signal = WSTOPSIG(status), event = status >> 16;
    if (!tracee) { /* a child's first stop; wait for the parent's event to learn its role */
        (void)killer_add(killer, pid, ROLE_OTHER);
        return;
    }
    if (signal == (SIGTRAP | 0x80)) {
        killer_on_call(killer, tracee);
        killer_resume(killer, tracee, 0);
        return;
    }
    if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE)
        killer_on_birth(killer, tracee);
    if (event == PTRACE_EVENT_EXEC && (tracee->role == ROLE_GRANDCHILD || tracee->role == ROLE_OTHER)) {
        tracee->pid = 0;
        (void)ptrace(PTRACE_DETACH, pid, 0, 0);
        if (tracee->role == killer->target)
            killer->done = true;
        return;
    }
    bool group_stop =
        event == PTRACE_EVENT_STOP && (signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN);
    killer_resume(killer, tracee, event || group_stop ? 0 : signal);
}

static void killer_reap(struct Killer *killer)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, __WALL | WNOHANG)) > 0) {
        if (WIFSTOPPED(status)) {
            killer_on_stop(killer, pid, status);
            continue;
        }
        struct Tracee *tracee = killer_find(killer, pid);
        if (!tracee)
            continue;
        if (tracee->role == killer->target || tracee->role == ROLE_SELF)
            killer->done = true;
        tracee->pid = 0;
    }
}

static int killer_arguments(struct Killer *killer, int argc, char **argv, pid_t *ret_pid)
{
    static const struct option LONG[] = {
        {"pid", 1, NULL, 'p'}, {"target", 1, NULL, 't'}, {"at", 1, NULL, 'a'}, {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(argc, argv, "", LONG, NULL)) != -1;) {
        if (option == 'p')
            *ret_pid = atoi(optarg);
        else if (option == 'a')
            killer->at = strtoul(optarg, NULL, 10);
        else if (option == 't')
            for (killer->target = ROLE_SELF;
                 ROLES[killer->target] && strcmp(ROLES[killer->target], optarg) != 0;)
                killer->target++;
        else
            return -1;
    }
    return *ret_pid > 0 && killer->target < ROLE_OTHER ? 0 : -1;
}

int main(int argc, char **argv)
{
    static struct Killer killer;
    pid_t attached = 0;
    if (killer_arguments(&killer, argc, argv, &attached) < 0) {
        (void)fprintf(stderr, "usage: killat --pid PID --target self|child|grandchild --at N\n");
        return 2;
    }
    sigset_t mask;
    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &mask, NULL);
    int signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (ptrace(PTRACE_SEIZE, attached, 0, OPTIONS) < 0 || ptrace(PTRACE_INTERRUPT, attached, 0, 0) < 0) {
        perror("killat: ptrace");
        return 1;
    }
    (void)killer_add(&killer, attached, ROLE_SELF);
    printf("ready\n");
    (void)fflush(stdout);
    while (!killer.done) {
        struct pollfd polls[2] = {{signals, POLLIN, 0}, {0, POLLIN, 0}};
        if (poll(polls, 2, -1) < 0 && errno != EINTR)
            break;
        if (polls[1].revents)
            break;
        struct signalfd_siginfo info;
        while (read(signals, &info, sizeof(info)) > 0)
            ;
        killer_reap(&killer);
    }
    if (!killer.done || killer.count < killer.at)
        printf("ended %lu\n", killer.count);
    (void)fflush(stdout);
    /* Tracees that are left go on when this process ends: ptrace detaches SEIZEd ones. */
    return 0;
}
