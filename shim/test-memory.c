// SPDX-License-Identifier: Apache-2.0
/* What a shim costs while its container does nothing; the limit is that of the one built with musl. */
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "shim/test-rig.h"
#include <fcntl.h>
#include <string.h>

enum { WRITTEN = (48 << 20) + 1, IDLE_KB_MAX = 60 };

static uint64_t memory_of(pid_t pid, const char *name)
{
    _cleanup_free_ char *text = NULL;
    char path[64];
    size_t size = 0;
    str_format(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
    if (file_read(AT_FDCWD, path, 65536, &text, &size) < 0)
        return UINT64_MAX;
    const char *at = strstr(text, name);
    return at ? strtoull(at + strlen(name), NULL, 10) : UINT64_MAX;
}

/* After a burst, the shim gives its buffers back. */
static void test_memory_when_idle(void)
{
    struct Rig rig = RIG_INIT;
    struct ExitSlot slot = {0};
    struct RigPlan plan = {RIG_SHELL("busybox head -c 48m /dev/zero; echo; read x"), .stdin_open = true,
                           .with_cgroups = true};
    if (!rig_ready())
        return;
    rig_start(&rig, &plan);
    CHECK(rig_expect(&rig, SHIM_STARTED, NULL, NULL));
    uint64_t deadline = clock_boottime_usec() + 20 * USEC_PER_SEC, own = UINT64_MAX;
    union ShimMessage reply = {0};
    while ((reply.hello_reply.log.written < WRITTEN || own > IDLE_KB_MAX) &&
           clock_boottime_usec() < deadline) {
        rig_hello(&rig);
        CHECK(rig_expect(&rig, SHIM_HELLO_REPLY, &reply, NULL));
        own = memory_of(rig.shim.pid, "Anonymous:");
    }
    CHECK_EQ(reply.hello_reply.log.written, WRITTEN);
    printf("# idle after 48 MiB of output: %llu KB of its own, %llu KB with the program's pages\n",
           (unsigned long long)own, (unsigned long long)memory_of(rig.shim.pid, "Rss:"));
    CHECK(own <= IDLE_KB_MAX);
    CHECK_EQ(rig_result(&rig, rig_signal(&rig, SHIM_KILL, SIGKILL, false, 0)), 0);
    rig_finish(&rig, &slot);
    rig_deinit(&rig);
}

static const struct Test tests[] = {
    TEST(test_memory_when_idle),
};
TEST_MAIN(tests)
