// SPDX-License-Identifier: Apache-2.0
/* That each wrapper reaches its own system call, with its arguments in order. */
#include "base/fd.h"
#include "base/sys.h"
#include "base/test.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_clone3_and_exit_by_pidfd(void)
{
    int pidfd = -1, gate[2], status = 4711;
    CHECK_EQ(pipe2(gate, O_CLOEXEC), 0);
    struct clone_args args = {
        .flags = CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&pidfd, .exit_signal = SIGCHLD};
    pid_t pid = sys_clone3(&args, sizeof(args));
    if (pid == 0) {
        char byte;
        close(gate[1]);
        _exit(read(gate[0], &byte, 1) == 0 ? 42 : 1);
    }
    CHECK(pid > 0 && pidfd >= 0);
    int alive = pidfd_get_exit(pidfd, &status);
    CHECK(alive == -EAGAIN || alive == -EOPNOTSUPP);
    CHECK_EQ(status, 4711);
    safe_close(gate[0]);
    safe_close(gate[1]);
    struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};
    CHECK_EQ(poll(&poll_fd, 1, 10000), 1);
    CHECK_EQ(pidfd_get_exit(pidfd, &status), alive);
    CHECK_EQ(waitpid(pid, NULL, 0), pid);
    int r = pidfd_get_exit(pidfd, &status);
    if (r == -EOPNOTSUPP)
        test_skip("this kernel does not keep the exit status (PIDFD_INFO_EXIT, Linux 6.15)");
    else
        CHECK_EQ(r == 0 && WIFEXITED(status) ? WEXITSTATUS(status) : r, 42);
    safe_close(pidfd);
}

static void test_exit_by_pidfd_of_a_killed_process(void)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    _cleanup_close_ int pidfd = sys_pidfd_open(pid, 0);
    CHECK_EQ(sys_pidfd_send_signal(pidfd, SIGKILL, NULL, 0), 0);
    CHECK_EQ(waitpid(pid, NULL, 0), pid);
    int r = pidfd_get_exit(pidfd, &status);
    if (r == -EOPNOTSUPP)
        test_skip("this kernel does not keep the exit status (PIDFD_INFO_EXIT, Linux 6.15)");
    else
        CHECK_EQ(r == 0 && WIFSIGNALED(status) ? WTERMSIG(status) : r, SIGKILL);
}

static void test_exit_of_no_pidfd(void)
{
    int status, dir;
    test_folder(&dir);
    CHECK_EQ(pidfd_get_exit(-1, &status), -EBADF);
    CHECK_EQ(pidfd_get_exit(dir, &status), -EOPNOTSUPP);
}

static void test_openat2_and_descriptors(void)
{
    const struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS};
    _cleanup_close_ int fd = sys_openat2(AT_FDCWD, "/", &how, sizeof(how));
    CHECK(fd >= 0);
    CHECK_EQ(sys_openat2(AT_FDCWD, "/proc/self/exe", &how, sizeof(how)), -1);
    CHECK_EQ(errno, ELOOP);
    _cleanup_close_ int memory = sys_memfd_create("davit-test", 1 /* MFD_CLOEXEC */);
    CHECK_EQ(fcntl(memory, F_GETFD), FD_CLOEXEC);
    int high = fcntl(memory, F_DUPFD_CLOEXEC, 200);
    CHECK(high >= 200);
    CHECK_EQ(sys_close_range((unsigned)high, (unsigned)high, 0), 0);
    CHECK_EQ(fcntl(high, F_GETFD), -1);
}

/* Without touching a mount: what the kernel refuses tells which call it was. */
static void test_mount_calls_reach_the_kernel(void)
{
    struct mount_attr attr = {0};
    CHECK_EQ(sys_open_tree(-1, "x", 0), -1);
    CHECK_EQ(errno, EBADF);
    CHECK_EQ(sys_move_mount(-1, "x", -1, "y", 0x80000000), -1);
    CHECK(errno == EINVAL || errno == EPERM);
    CHECK_EQ(sys_fsopen("no-such-filesystem", 0), -1);
    CHECK(errno == ENODEV || errno == EPERM);
    CHECK_EQ(sys_fsconfig(-1, 1, "key", "value", 0), -1);
    CHECK_EQ(errno, EINVAL);
    CHECK_EQ(sys_fsmount(-1, 0, 0), -1);
    CHECK(errno == EBADF || errno == EPERM);
    CHECK_EQ(sys_mount_setattr(-1, "x", 0, &attr, 1), -1);
    CHECK_EQ(errno, EINVAL);
    CHECK_EQ(sys_pivot_root("/proc/self/no-such-folder", "/"), -1);
    CHECK(errno == ENOENT || errno == EPERM);
    CHECK_EQ(sys_seccomp(1000, 0, NULL), -1);
    CHECK_EQ(errno, EINVAL);
}

static void test_execveat(void)
{
    char *const argv[] = {(char *)"sh", (char *)"-c", (char *)"exit $VALUE", NULL};
    char *const envp[] = {(char *)"VALUE=9", NULL};
    int status = 0;
    _cleanup_close_ int fd = open("/bin/sh", O_PATH | O_CLOEXEC);
    pid_t pid = fork();
    if (pid == 0) {
        sys_execveat(fd, "", argv, envp, AT_EMPTY_PATH);
        _exit(1);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(WEXITSTATUS(status), 9);
}

static const struct Test tests[] = {
    TEST(test_clone3_and_exit_by_pidfd),
    TEST(test_exit_by_pidfd_of_a_killed_process),
    TEST(test_exit_of_no_pidfd),
    TEST(test_openat2_and_descriptors),
    TEST(test_mount_calls_reach_the_kernel),
    TEST(test_execveat),
};
TEST_MAIN(tests)
