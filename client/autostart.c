// SPDX-License-Identifier: Apache-2.0
/*
 * Starting a davitd of this user's. A lock in the run dir makes one of many clients do it; the others
 * find its socket when they get the lock. The daemon is no child of the caller: a process in between
 * forks it and ends at once. It waits for a byte before it executes, so that its number is surely its
 * own when the caller takes a pidfd of it, by which an early death is noticed.
 */
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "client/client.h"
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    START_TIMEOUT_SEC = 5,
    RETRY_FIRST_MSEC = 2,
    RETRY_MAX_MSEC = 50,
    RUN_DIR_MODE = 0710,
    LOG_MODE = 0600
};

/* Where davitd is beside this program: installed together, beside it in sbin, or in a build tree. */
static const char *const places_beside[] = {"davitd", "../sbin/davitd", "../supervisor/davitd"};

static bool is_program(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0;
}

static bool find_beside(char *buffer, size_t size)
{
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (length <= 0)
        return false;
    self[length] = 0;
    char *slash = strrchr(self, '/');
    if (!slash)
        return false;
    *slash = 0;
    for (size_t i = 0; i < ELEMENTSOF(places_beside); i++)
        if (str_format(buffer, size, "%s/%s", self, places_beside[i]) && is_program(buffer))
            return true;
    return false;
}

static bool find_in_path(char *buffer, size_t size)
{
    const char *path = secure_getenv("PATH");
    for (const char *end = NULL; path && *path; path = *end ? end + 1 : end) {
        end = strchrnul(path, ':');
        if (*path == '/' && str_format(buffer, size, "%.*s/davitd", (int)(end - path), path) &&
            is_program(buffer))
            return true;
    }
    return false;
}

/* secure_getenv() knows nothing under AT_SECURE, and a caller's place says nothing then: the
 * installed program is all that is left. */
static int find_program(char *buffer, size_t size, struct Error *error)
{
    const char *given = secure_getenv("DAVIT_DAVITD");
    if (given && str_format(buffer, size, "%s", given))
        return 0;
    if (find_beside(buffer, size) || find_in_path(buffer, size))
        return 0;
    if (str_format(buffer, size, "%s", DAVIT_SBINDIR "/davitd") && is_program(buffer))
        return 0;
    error_set(error, ERROR_UNAVAILABLE, "davitd", "it does not run, and the program to start is not found");
    return -ENOENT;
}

struct Start {
    const char *program;
    int log_fd, status_fd; /* status: number of the daemon, then errno of a failed step */
    int go_fd;
};

/* In the daemon to be: only system calls from here. */
__attribute__((noreturn)) static void start_execute(const struct Start *start)
{
    char byte;
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigset_t none;
    if (read(start->go_fd, &byte, 1) != 1)
        _exit(127);
    for (int signal = 1; signal < NSIG; signal++)
        sigaction(signal, &standard, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    umask(022);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0 && chdir("/") == 0 && dup2(null, 0) == 0 && dup2(start->log_fd, 1) == 1 &&
        dup2(start->log_fd, 2) == 2) {
        /* Marks what a careless caller has left open. */
        sys_close_range(3, ~0u, 1u << 2 /* CLOSE_RANGE_CLOEXEC */);
        execl(start->program, "davitd", "--autostarted", (char *)NULL);
    }
    int failure = errno;
    (void)!write(start->status_fd, &failure, sizeof(failure));
    _exit(127);
}

__attribute__((noreturn)) static void start_between(const struct Start *start)
{
    setsid();
    pid_t daemon = fork();
    if (daemon == 0)
        start_execute(start);
    int answer = daemon;
    (void)!write(start->status_fd, &answer, sizeof(answer));
    _exit(0);
}

/* Starts the program; *ret_pidfd is the caller's. */
static int start_daemon(const char *program, int log_fd, int *ret_pidfd)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    _cleanup_close_ int ours = pair[0];
    _cleanup_close_ int theirs = pair[1];
    struct Start start = {.program = program, .log_fd = log_fd, .status_fd = theirs, .go_fd = theirs};
    pid_t between = fork();
    if (between < 0)
        return -errno;
    if (between == 0)
        start_between(&start);
    theirs = safe_close(theirs);
    while (waitpid(between, NULL, 0) < 0 && errno == EINTR)
        continue;
    int number = 0, failure = 0;
    if (fd_read_all(ours, &number, sizeof(number)) != sizeof(number) || number <= 0)
        return -EAGAIN;
    _cleanup_close_ int pidfd = sys_pidfd_open(number, 0);
    if (pidfd < 0)
        return -errno;
    int r = fd_write_all(ours, "g", 1);
    if (r < 0)
        return r;
    if (fd_read_all(ours, &failure, sizeof(failure)) == sizeof(failure))
        return -failure;
    *ret_pidfd = TAKE_FD(pidfd);
    return 0;
}

/* Makes and opens the run dir: the folder of the socket. */
static int open_run_dir(const char *path, int *ret, struct Error *error)
{
    char folder[PATH_MAX];
    str_format(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
    if (mkdir(folder, RUN_DIR_MODE) < 0 && errno != EEXIST)
        return error_set_errno(error, ERROR_UNAVAILABLE, errno, folder, "cannot make the run folder");
    _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int r = fd < 0 ? -errno : directory_check_private(fd);
    if (r < 0)
        return error_set_errno(error, ERROR_UNAVAILABLE, r, folder, "cannot use the run folder");
    *ret = TAKE_FD(fd);
    return 0;
}

/* Tries until the socket answers, the daemon is dead, or the time is over. */
static int connect_patiently(const char *path, int pidfd, int *ret_fd, struct Error *error)
{
    uint64_t end = client_monotonic_usec() + START_TIMEOUT_SEC * USEC_PER_SEC;
    for (int wait = RETRY_FIRST_MSEC;; wait = MIN(wait * 2, RETRY_MAX_MSEC)) {
        if (client_connect_path(path, ret_fd, error) == 0)
            return 0;
        struct pollfd death = {.fd = pidfd, .events = POLLIN};
        if (poll(&death, 1, wait) > 0) {
            error_set(error, ERROR_UNAVAILABLE, "davitd",
                      "it was started and ended at once, see davitd.log beside %s", path);
            return -ECONNREFUSED;
        }
        if (client_monotonic_usec() >= end)
            return error_set(error, ERROR_TIMEOUT, "davitd",
                             "it was started and does not answer, see davitd.log beside %s", path);
    }
}

int client_autostart(const char *path, int *ret_fd, struct Error *error)
{
    char program[PATH_MAX];
    _cleanup_close_ int folder = -1, lock = -1, log_fd = -1, pidfd = -1;
    int r = find_program(program, sizeof(program), error);
    if (r == 0)
        r = open_run_dir(path, &folder, error);
    if (r < 0)
        return r;
    lock = openat(folder, "autostart.lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, LOG_MODE);
    if (lock < 0 || flock(lock, LOCK_EX) < 0)
        return error_set_errno(error, ERROR_UNAVAILABLE, errno, "autostart.lock", "cannot take the lock");
    if (client_connect_path(path, ret_fd, error) == 0)
        return 0;
    log_fd = openat(folder, "davitd.log", O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, LOG_MODE);
    if (log_fd < 0)
        return error_set_errno(error, ERROR_UNAVAILABLE, errno, "davitd.log", "cannot open it");
    r = start_daemon(program, log_fd, &pidfd);
    if (r < 0)
        return error_set_errno(error, ERROR_UNAVAILABLE, r, program, "cannot start davitd");
    return connect_patiently(path, pidfd, ret_fd, error);
}
