// SPDX-License-Identifier: Apache-2.0
/*
 * davit-shim ID: started by davitd with the descriptors of protocol/shim/message.h and nothing else.
 * Makes the process what it has to be before anything else runs: its own session, parent of whatever
 * the container leaves behind, deaf to signals, closed to inspection.
 */
#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "shim/shim.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXIT_USAGE = 2 };

static bool is_listening(int fd)
{
    int type = 0, is_accepting = 0;
    socklen_t size = sizeof(int);
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET &&
           getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_accepting, &size) == 0 && is_accepting;
}

static bool is_file(int fd, mode_t type)
{
    struct stat status;
    return fstat(fd, &status) == 0 && (status.st_mode & S_IFMT) == type;
}

static bool is_writable(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_ACCMODE) == O_RDWR;
}

static bool descriptors_are_ours(void)
{
    return is_listening(SHIM_FD_LISTEN) && is_file(SHIM_FD_PLAN, S_IFREG) && is_file(SHIM_FD_SLOT, S_IFREG) &&
           is_writable(SHIM_FD_SLOT) && is_file(SHIM_FD_LOG_DIR, S_IFDIR);
}

/* 0, 1 and 2 must be taken, or a pipe of the container's would land there. */
static int fill_stdio(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd < 0)
        return -errno;
    safe_close(fd);
    return 0;
}

static int close_descriptors(void)
{
    if (sys_close_range(SHIM_FD_END, ~0U, 0) < 0)
        return -errno;
    for (int fd = SHIM_FD_LISTEN; fd < SHIM_FD_END; fd++)
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
            return -errno;
    return 0;
}

/* A SIGCHLD that our parent ignored would be reaped behind our back. */
static int block_signals(void)
{
    sigset_t all;
    const struct sigaction action = {.sa_handler = SIG_DFL};
    sigfillset(&all);
    if (sigaction(SIGCHLD, &action, NULL) < 0 || sigprocmask(SIG_SETMASK, &all, NULL) < 0)
        return -errno;
    return 0;
}

static int become_shim(void)
{
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_NAME, "davit-shim", 0, 0, 0) < 0 || chdir("/") < 0)
        return -errno;
    (void)setsid(); /* fails only for who leads one already */
    int r = block_signals();
    if (r >= 0)
        r = close_descriptors();
    return r < 0 ? r : fill_stdio();
}

int main(int argc, char **argv)
{
    static const struct ShimFds fds = {SHIM_FD_LISTEN, SHIM_FD_PLAN, SHIM_FD_SLOT, SHIM_FD_LOG_DIR};
    if (argc != 2 || !str_is_id(argv[1]) || !descriptors_are_ours()) {
        fputs("davit-shim: started by davitd only\n", stderr);
        return EXIT_USAGE;
    }
    return become_shim() < 0 ? EXIT_FAILURE : shim_run(argv[1], &fds);
}
