// SPDX-License-Identifier: Apache-2.0
#include "base/pidref.h"
#include "base/sys.h"
#include "base/test.h"
#include <errno.h>
#include <unistd.h>

/* A child that exits with `code`, or waits for a signal when code is negative. */
static struct PidRef spawn(int code)
{
    struct PidRef ref = PIDREF_INIT;
    ref.pid = fork();
    if (ref.pid == 0) {
        if (code >= 0)
            _exit(code);
        for (;;)
            pause();
    }
    ref.fd = sys_pidfd_open(ref.pid, 0);
    CHECK(ref.pid > 0 && ref.fd >= 0);
    return ref;
}

static void test_exit_status(void)
{
    _cleanup_pidref_ struct PidRef ref = spawn(42);
    int status = 0;
    CHECK_EQ(pidref_wait(&ref, 0, &status), 0);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 42);
    CHECK_EQ(pidref_wait(&ref, 0, &status), -ECHILD);
    CHECK_EQ(pidref_kill(&ref, SIGKILL), -ESRCH);
}

static void test_signal_status(void)
{
    _cleanup_pidref_ struct PidRef ref = spawn(-1);
    int status = 4711;
    CHECK_EQ(pidref_kill(&ref, 0), 0);
    CHECK_EQ(pidref_wait(&ref, WNOHANG, &status), -EAGAIN);
    CHECK_EQ(status, 4711);
    CHECK_EQ(pidref_kill(&ref, SIGKILL), 0);
    CHECK_EQ(pidref_wait(&ref, 0, &status), 0);
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), SIGKILL);
    CHECK(!WCOREDUMP(status));
}

static void test_none(void)
{
    struct PidRef ref = PIDREF_INIT;
    int status;
    CHECK_EQ(pidref_kill(&ref, SIGTERM), -ESRCH);
    CHECK_EQ(pidref_wait(&ref, WNOHANG, &status), -ECHILD);
    pidref_deinit(&ref);
    pidref_deinit(&ref);
    CHECK_EQ(ref.fd, -1);
    CHECK_EQ(ref.pid, 0);
}

static void test_not_our_child(void)
{
    _cleanup_pidref_ struct PidRef ref = {getpid(), sys_pidfd_open(getpid(), 0)};
    int status;
    CHECK_EQ(pidref_wait(&ref, WNOHANG, &status), -ECHILD);
}

static const struct Test tests[] = {
    TEST(test_exit_status),
    TEST(test_signal_status),
    TEST(test_none),
    TEST(test_not_our_child),
};
TEST_MAIN(tests)
