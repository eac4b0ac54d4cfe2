// SPDX-License-Identifier: Apache-2.0
/* What goes through the shim: the log, attached clients fast and slow, stdin. */
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "shim/test-rig.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MANY_LINES = 600000, LINE_SIZE = 80 };

#define WRITE_MANY "cat /many"

static const size_t MANY_SIZE = (size_t)MANY_LINES * LINE_SIZE;

/* 48 MB of numbered lines, in a file of the container's root; the caller frees. */
static char *make_many(void)
{
    char *text = malloc(MANY_SIZE + 1);
    for (size_t i = 0; i < MANY_LINES; i++)
        str_format(text + i * LINE_SIZE, LINE_SIZE + 1, "%079zu\n", i + 1);
    (void)unlink(fixture_path("root/many"));
    CHECK_EQ(file_create(AT_FDCWD, fixture_path("root/many"), text, MANY_SIZE, 0644), 0);
    return text;
}

static void check_log_is_whole(struct Rig *rig, const char *many)
{
    size_t size = 0, payload_size = 0;
    _cleanup_free_ char *log = rig_log(rig, &size);
    _cleanup_free_ char *payload = rig_log_payload(log, size, "stdout", &payload_size);
    CHECK_EQ(payload_size, MANY_SIZE);
    CHECK(payload_size == MANY_SIZE && memcmp(payload, many, MANY_SIZE) == 0);
}

/* At full speed: whatever a client is sent or has lost is at its place, and the log is whole. */
static void test_clients_at_full_speed(void)
{
    struct Rig rig = RIG_INIT;
    struct ExitSlot slot = {0};
    struct RigPlan plan = {RIG_SHELL(WRITE_MANY)};
    if (!rig_ready())
        return;
    _cleanup_free_ char *many = make_many();
    struct RigOutput healthy = {.expected = many, .expected_size = MANY_SIZE}, deaf = healthy;
    rig_prepare(&rig, &plan);
    _cleanup_close_ int silent = rig_attach(&rig, false, true, true);
    _cleanup_close_ int reader = rig_attach(&rig, false, true, true);
    rig_spawn(&rig, &plan);
    rig_read_output(reader, &healthy);
    CHECK_EQ(healthy.bytes[0] + healthy.gaps[0], MANY_SIZE);
    CHECK(!healthy.is_wrong);
    CHECK_EQ(healthy.ends, 1);
    CHECK(rig_expect(&rig, SHIM_EXITED, NULL, NULL));
    /* Only now does the other one read. */
    rig_read_output(silent, &deaf);
    CHECK(deaf.gaps[0] > 0);
    CHECK_EQ(deaf.bytes[0] + deaf.gaps[0], MANY_SIZE);
    CHECK(!deaf.is_wrong);
    CHECK_EQ(deaf.ends, 1);
    rig_hello(&rig);
    rig_finish(&rig, &slot);
    CHECK_EQ(slot.wait_status, 0);
    CHECK_EQ(slot.log.written, MANY_SIZE);
    CHECK_EQ(slot.log.stored, slot.log.written);
    check_log_is_whole(&rig, many);
    rig_deinit(&rig);
}

/* The container waits after every 400 kB until the reader has them: it must then lose nothing, whatever
 * the silent client beside it has lost, and however busy the machine is. */
static void test_reader_beside_a_silent_client(void)
{
    enum { BLOCKS = 120, BLOCK_SIZE = MANY_LINES / BLOCKS * LINE_SIZE };
    struct Rig rig = RIG_INIT;
    struct ExitSlot slot = {0};
    struct RigPlan plan = {RIG_SHELL("i=0; while [ $i -lt 120 ]; do dd if=/many bs=400000 count=1 skip=$i "
                                     "2>/dev/null; read x; i=$((i + 1)); done"),
                           .stdin_open = true};
    static char data[ATTACH_PAYLOAD_MAX];
    size_t size = 0;
    if (!rig_ready())
        return;
    _cleanup_free_ char *many = make_many();
    fixture_shell("ln -sf busybox root/bin/dd");
    struct RigOutput healthy = {.expected = many, .expected_size = MANY_SIZE};
    rig_prepare(&rig, &plan);
    _cleanup_close_ int silent = rig_attach(&rig, false, true, true);
    _cleanup_close_ int reader = rig_attach(&rig, true, true, true);
    rig_spawn(&rig, &plan);
    CHECK(silent >= 0);
    for (uint64_t next = BLOCK_SIZE; healthy.ends == 0;) {
        int channel = rig_packet(reader, data, &size);
        if (channel < 0)
            break;
        rig_note_packet(channel, data, size, &healthy);
        if (healthy.bytes[0] < next)
            continue;
        CHECK_EQ(write(reader, "\0\n", 2), 2);
        next += BLOCK_SIZE;
    }
    CHECK_EQ(healthy.ends, 1);
    CHECK_EQ(healthy.bytes[0], MANY_SIZE);
    CHECK_EQ(healthy.gaps[0], 0);
    CHECK(!healthy.is_wrong);
    rig_finish(&rig, &slot);
    CHECK_EQ(slot.wait_status, 0);
    check_log_is_whole(&rig, many);
    rig_deinit(&rig);
}

/* Waits until so much of the output is read; false when it takes too long. */
static bool wait_for_written(struct Rig *rig, uint64_t written)
{
    uint64_t deadline = clock_boottime_usec() + 20 * USEC_PER_SEC;
    union ShimMessage reply = {0};
    while (reply.hello_reply.log.written < written && clock_boottime_usec() < deadline) {
        rig_hello(rig);
        if (!rig_expect(rig, SHIM_HELLO_REPLY, &reply, NULL))
            return false;
    }
    return reply.hello_reply.log.written >= written;
}

static void test_rotation(void)
{
    struct Rig rig = RIG_INIT;
    struct ExitSlot slot = {0};
    struct RigPlan plan = {RIG_SHELL(WRITE_MANY), .log_max_size = 10 << 20, .log_max_files = 3};
    if (!rig_ready())
        return;
    free(make_many());
    rig_start(&rig, &plan);
    rig_finish(&rig, &slot);
    size_t size = 0, payload_size = 0;
    _cleanup_free_ char *log = rig_log(&rig, &size);
    _cleanup_free_ char *payload = rig_log_payload(log, size, "stdout", &payload_size);
    CHECK_EQ(slot.log.written, MANY_SIZE);
    CHECK_EQ(slot.log.stored, slot.log.written);
    CHECK_EQ(slot.log.stored - slot.log.rotated, payload_size);
    CHECK(slot.log.rotated > 0);
    /* What is left is the end of it, without a hole. */
    char last[LINE_SIZE + 1];
    CHECK(payload_size >= LINE_SIZE && payload_size % LINE_SIZE == 0);
    for (size_t i = 0, at = payload_size; at > 0; i++) {
        at -= LINE_SIZE;
        str_format(last, sizeof(last), "%079zu\n", MANY_LINES - i);
        if (memcmp(payload + at, last, LINE_SIZE) != 0) {
            CHECK(!"the lines follow each other");
            break;
        }
    }
    rig_deinit(&rig);
}

/* A disk that is full for a while: the container goes on, and every byte is stored or told. */
static void test_full_disk(void)
{
    struct Rig rig = RIG_INIT;
    struct ExitSlot slot = {0};
    struct RigPlan plan = {RIG_SHELL("echo start; read x; " WRITE_MANY "; echo middle; read x; echo end"),
                           .stdin_open = true, .log_dir = "small"};
    if (!rig_ready())
        return;
    free(make_many());
    fixture_shell("mkdir -p small && mount -t tmpfs -o size=2m small small && "
                  "head -c 1000000 /dev/zero >small/ballast");
    rig_prepare(&rig, &plan);
    _cleanup_close_ int attached = rig_attach(&rig, true, false, false);
    rig_spawn(&rig, &plan);
    size_t size = 0;
    CHECK_EQ(write(attached, "\0\n", 2), 2);
    CHECK(wait_for_written(&rig, MANY_SIZE + strlen("start\nmiddle\n")));
    /* There is space again: wait until the shim has found out. */
    fixture_shell("rm small/ballast");
    uint64_t deadline = clock_boottime_usec() + 2 * USEC_PER_SEC;
    bool is_told = false;
    while (!is_told && clock_boottime_usec() < deadline) {
        _cleanup_free_ char *log = rig_log(&rig, &size);
        is_told = log && strstr(log, "davit.gap");
        rig_hello(&rig); /* one round trip at a time */
        CHECK(rig_expect(&rig, SHIM_HELLO_REPLY, NULL, NULL));
    }
    CHECK(is_told);
    CHECK_EQ(write(attached, "\0\n", 2), 2);
    rig_finish(&rig, &slot);
    CHECK_EQ(slot.wait_status, 0);
    CHECK_EQ(slot.log.written, MANY_SIZE + strlen("start\nmiddle\nend\n"));
    CHECK_EQ(slot.log.stored + slot.log.dropped, slot.log.written);
    CHECK(slot.log.dropped > 0);
    size_t payload_size = 0;
    _cleanup_free_ char *log = rig_log(&rig, &size);
    _cleanup_free_ char *payload = rig_log_payload(log, size, "stdout", &payload_size);
    char told[64];
    str_format(told, sizeof(told), "{\"reason\":\"ENOSPC\",\"bytes\":%llu,",
               (unsigned long long)slot.log.dropped);
    CHECK(strstr(log, told));
    CHECK_EQ(payload_size, slot.log.stored);
    CHECK(str_starts_with(payload, "start\n"));
    CHECK(payload_size > 4 && memcmp(payload + payload_size - 4, "end\n", 4) == 0);
    rig_deinit(&rig);
    fixture_shell("umount small");
}

static void test_blocking_log(void)
{
    struct Rig rig = RIG_INIT;
    struct ExitSlot slot = {0};
    struct RigPlan plan = {RIG_SHELL(WRITE_MANY), .when_full = SHIM_BLOCK, .log_dir = "small"};
    if (!rig_ready())
        return;
    _cleanup_free_ char *many = make_many();
    fixture_shell("mkdir -p small && mount -t tmpfs -o size=1m small small");
    rig_start(&rig, &plan);
    CHECK(rig_expect(&rig, SHIM_STARTED, NULL, NULL));
    struct ShimLogCounters before = {0};
    union ShimMessage reply;
    /* It comes to a stand with a full disk ... */
    uint64_t deadline = clock_boottime_usec() + 5 * USEC_PER_SEC;
    for (unsigned same = 0; same < 200 && clock_boottime_usec() < deadline;) {
        rig_hello(&rig);
        CHECK(rig_expect(&rig, SHIM_HELLO_REPLY, &reply, NULL));
        same = reply.hello_reply.log.written == before.written && before.stored > 0 ? same + 1 : 0;
        before = reply.hello_reply.log;
    }
    CHECK(before.stored > 0 && before.written < MANY_SIZE);
    CHECK_EQ(before.dropped, 0);
    /* ... and goes on, with nothing lost, when there is space. */
    fixture_shell("mount -o remount,size=200m small");
    rig_finish(&rig, &slot);
    CHECK_EQ(slot.log.stored, MANY_SIZE);
    CHECK_EQ(slot.log.dropped, 0);
    check_log_is_whole(&rig, many);
    rig_deinit(&rig);
    fixture_shell("umount small");
}

static void test_stdin(void)
{
    struct Rig rig = RIG_INIT;
    struct ExitSlot slot = {0};
    struct RigOutput output = {0};
    static char packet[1 + 30000];
    enum { PACKETS = 40 };
    struct RigPlan plan = {RIG_SHELL("exec cat"), .stdin_open = true};
    if (!rig_ready())
        return;
    rig_prepare(&rig, &plan);
    _cleanup_close_ int attached = rig_attach(&rig, true, true, false);
    rig_spawn(&rig, &plan);
    pid_t writer = fork();
    if (writer == 0) {
        for (unsigned i = 0; i < PACKETS; i++) {
            memset(packet + 1, 'a' + (int)(i % 26), sizeof(packet) - 1);
            packet[sizeof(packet) - 1] = '\n';
            if (send(attached, packet, sizeof(packet), 0) != (ssize_t)sizeof(packet))
                _exit(1);
        }
        _exit(send(attached, packet, 1, 0) == 1 ? 0 : 2); /* the half-close */
    }
    rig_read_output(attached, &output);
    int status = -1;
    CHECK_EQ(waitpid(writer, &status, 0), writer);
    CHECK_EQ(status, 0);
    CHECK_EQ(output.bytes[0], PACKETS * 30000);
    CHECK_EQ(output.acked, PACKETS * 30000);
    CHECK(output.acks >= PACKETS);
    CHECK_EQ(output.gones, 1);
    rig_finish(&rig, &slot);
    CHECK_EQ(slot.wait_status, 0);
    rig_deinit(&rig);
}

static void test_stdin_that_nobody_reads(void)
{
    struct Rig rig = RIG_INIT;
    struct ExitSlot slot = {0};
    struct RigOutput output = {0};
    struct RigPlan plan = {RIG_SHELL("exec 0<&-; echo closed; exit 3"), .stdin_open = true};
    if (!rig_ready())
        return;
    rig_prepare(&rig, &plan);
    _cleanup_close_ int attached = rig_attach(&rig, true, true, false);
    rig_spawn(&rig, &plan);
    rig_read_output(attached, &output);
    CHECK_STR(output.head, "closed\n");
    rig_finish(&rig, &slot);
    CHECK_EQ(slot.wait_status, 3 << 8);
    /* Without stdin_open it is gone from the start. */
    rig_deinit(&rig);
    plan.stdin_open = false;
    output = (struct RigOutput){0};
    plan.recipe = (struct Recipe){.arguments = {"cat"}};
    rig_prepare(&rig, &plan);
    _cleanup_close_ int second = rig_attach(&rig, true, true, false);
    rig_spawn(&rig, &plan);
    rig_read_output(second, &output);
    CHECK_EQ(output.gones, 1);
    rig_finish(&rig, &slot);
    rig_deinit(&rig);
}

/* A sender that has hung up is heard to the end, also while another's bytes are on their way. */
static void test_stdin_of_a_client_that_left(void)
{
    struct Rig rig = RIG_INIT;
    struct ExitSlot slot = {0};
    struct RigOutput output = {0};
    struct RigPlan plan = {RIG_SHELL("exec cat"), .stdin_open = true};
    if (!rig_ready())
        return;
    rig_prepare(&rig, &plan);
    _cleanup_close_ int reader = rig_attach(&rig, true, true, false);
    int leaver = rig_attach(&rig, true, false, false);
    CHECK_EQ(write(leaver, "\0left\n", 6), 6);
    CHECK_EQ(write(leaver, "", 1), 1);
    safe_close(leaver);
    rig_spawn(&rig, &plan);
    rig_read_output(reader, &output);
    CHECK_STR(output.head, "left\n");
    rig_finish(&rig, &slot);
    rig_deinit(&rig);
}

static void test_last_line_without_newline(void)
{
    struct Rig rig = RIG_INIT;
    struct ExitSlot slot = {0};
    struct RigPlan plan = {RIG_SHELL("printf 'a\\000b\\nno end'")};
    if (!rig_ready())
        return;
    rig_start(&rig, &plan);
    rig_finish(&rig, &slot);
    size_t size = 0, payload_size = 0;
    _cleanup_free_ char *log = rig_log(&rig, &size);
    _cleanup_free_ char *payload = rig_log_payload(log, size, "stdout", &payload_size);
    CHECK_EQ(payload_size, 11);
    CHECK(memcmp(payload, "a\0b\nno end\n", 11) == 0);
    CHECK_EQ(slot.log.written, 10);
    CHECK_EQ(slot.log.stored, 10);
    CHECK_EQ(slot.tail_size, 10);
    CHECK(memcmp(slot.tail, "a\0b\nno end", 10) == 0);
    rig_deinit(&rig);
}

static void test_without_a_log(void)
{
    struct Rig rig = RIG_INIT;
    struct ExitSlot slot = {0};
    struct RigPlan plan = {RIG_SHELL("echo hello"), .no_log = true};
    if (!rig_ready())
        return;
    rig_start(&rig, &plan);
    rig_finish(&rig, &slot);
    CHECK_EQ(slot.log.written, 6);
    CHECK_EQ(slot.log.stored + slot.log.dropped, 0);
    CHECK_EQ(slot.tail_size, 6);
    CHECK_EQ(faccessat(rig.log_dir, "log", F_OK, 0), -1);
    rig_deinit(&rig);
}

/* A process outside the container's pid namespace cannot be killed by init's end; it holds stdout. */
static void test_pipe_held_by_a_stranger(void)
{
    struct Rig rig = RIG_INIT;
    struct ExitSlot slot = {0};
    union ShimMessage started;
    char path[64];
    struct RigPlan plan = {RIG_SHELL("read x; exit 4"), .stdin_open = true};
    if (!rig_ready())
        return;
    rig_start(&rig, &plan);
    CHECK(rig_expect(&rig, SHIM_STARTED, &started, NULL));
    str_format(path, sizeof(path), "/proc/%d/fd/1", started.notice.init_pid);
    _cleanup_close_ int held = open(path, O_WRONLY | O_CLOEXEC);
    CHECK(held >= 0);
    uint64_t before = clock_boottime_usec();
    CHECK_EQ(rig_result(&rig, rig_signal(&rig, SHIM_KILL, SIGKILL, false, 0)), 0);
    rig_finish(&rig, &slot);
    uint64_t elapsed = clock_boottime_usec() - before;
    CHECK(elapsed >= 1900 * USEC_PER_MSEC && elapsed < 4 * USEC_PER_SEC);
    CHECK_EQ(slot.wait_status, SIGKILL);
    rig_deinit(&rig);
}

static const struct Test tests[] = {
    TEST(test_clients_at_full_speed),
    TEST(test_reader_beside_a_silent_client),
    TEST(test_rotation),
    TEST(test_full_disk),
    TEST(test_blocking_log),
    TEST(test_stdin),
    TEST(test_stdin_that_nobody_reads),
    TEST(test_stdin_of_a_client_that_left),
    TEST(test_last_line_without_newline),
    TEST(test_without_a_log),
    TEST(test_pipe_held_by_a_stranger),
};
TEST_MAIN(tests)
