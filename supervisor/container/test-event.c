// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"
#include "base/str.h"
#include "base/test.h"
#include "supervisor/container/event.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char BOOT[] = "11111111-0000-0000-0000-000000000000",
                  NEXT_BOOT[] = "22222222-0000-0000-0000-000000000000";

static struct EventLog *open_log(int directory, const char *boot)
{
    struct EventLog *log = NULL;
    struct Error error = {0};
    int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK_EQ(event_log_open(copy, boot, NULL, NULL, &log, &error), 0);
    return log;
}

static uint64_t append(struct EventLog *log, const char *type, uint64_t seq)
{
    struct EventHead head = {.seq = seq, .type = type, .container = "c1", .name = "web", .generation = 4};
    return event_log_append(log, &head, NULL, 0);
}

/* Checks that the bytes are events of exactly these numbers. */
static void check_events(const struct Buf *bytes, const uint64_t *numbers, size_t count)
{
    size_t at = 0, found = 0;
    while (at < bytes->size) {
        struct WireScan scan = {0};
        msgpack_object event;
        msgpack_zone zone;
        uint64_t seq = 0;
        CHECK_EQ(wire_scan(&scan, &WIRE_LIMITS_DEFAULT, bytes->data + at, bytes->size - at), WIRE_COMPLETE);
        if (scan.offset == 0)
            return;
        msgpack_zone_init(&zone, 512);
        CHECK_EQ(wire_unpack(bytes->data + at, scan.offset, &WIRE_LIMITS_DEFAULT, &zone, &event, NULL), 0);
        CHECK(wire_get_u64(&event, "seq", &seq));
        if (found < count)
            CHECK_EQ(seq, numbers[found]);
        msgpack_zone_destroy(&zone);
        at += scan.offset;
        found++;
    }
    CHECK_EQ(found, count);
}

static void test_append_and_read(void)
{
    int directory = -1;
    _cleanup_buf_ struct Buf out = BUF_INIT;
    uint64_t next = 0;
    test_folder(&directory);
    struct EventLog *log = open_log(directory, BOOT);
    CHECK_EQ(event_log_next(log), 1);
    CHECK_EQ(event_log_first(log), 1);
    CHECK_EQ(append(log, "a", 0), 1);
    CHECK_EQ(append(log, "b", 0), 2);
    CHECK_EQ(append(log, "c", 0), 3);
    CHECK_EQ(event_log_read(log, 2, 1 << 20, &out, &next), 0);
    CHECK_EQ(next, 4);
    check_events(&out, (const uint64_t[]){2, 3}, 2);
    out.size = 0;
    CHECK_EQ(event_log_read(log, 1, 1, &out, &next), 0); /* at least one */
    CHECK_EQ(next, 2);
    check_events(&out, (const uint64_t[]){1}, 1);
    out.size = 0;
    CHECK_EQ(event_log_read(log, 4, 1 << 20, &out, &next), 0);
    CHECK_EQ(next, 4);
    CHECK_EQ(out.size, 0);
    CHECK_EQ(event_log_read(log, 0, 1 << 20, &out, &next), -ENOENT);
    event_log_free(log);
}

static void test_event_has_all_members(void)
{
    int directory = -1;
    _cleanup_buf_ struct Buf out = BUF_INIT, data = BUF_INIT;
    struct WireWriter writer;
    msgpack_object event;
    msgpack_zone zone;
    char text[64];
    uint64_t next = 0, number = 0;
    test_folder(&directory);
    struct EventLog *log = open_log(directory, BOOT);
    wire_writer_init(&writer, &data);
    wire_map(&writer, 1);
    wire_key_u64(&writer, "pid", 9);
    struct EventHead head = {.type = "container.started", .container = "c1", .name = "web", .generation = 4};
    event_log_append(log, &head, data.data, data.size);
    CHECK_EQ(event_log_read(log, 1, 1 << 20, &out, &next), 0);
    msgpack_zone_init(&zone, 512);
    CHECK_EQ(wire_unpack(out.data, out.size, &WIRE_LIMITS_DEFAULT, &zone, &event, NULL), 0);
    CHECK(wire_get_str(&event, "boot", text, sizeof(text)));
    CHECK_STR(text, BOOT);
    CHECK(wire_is_str(wire_get(&event, "type"), "container.started"));
    CHECK(wire_is_str(wire_get(&event, "container"), "c1"));
    CHECK(wire_is_str(wire_get(&event, "name"), "web"));
    CHECK(wire_get_u64(&event, "generation", &number));
    CHECK_EQ(number, 4);
    CHECK(wire_get_u64(&event, "time", &number));
    CHECK(wire_get_u64(wire_get(&event, "data"), "pid", &number));
    CHECK_EQ(number, 9);
    msgpack_zone_destroy(&zone);
    event_log_free(log);
}

static void test_goes_on_after_a_restart(void)
{
    int directory = -1;
    test_folder(&directory);
    struct EventLog *log = open_log(directory, BOOT);
    append(log, "a", 0);
    append(log, "b", 0);
    event_log_free(log);
    log = open_log(directory, BOOT);
    CHECK_EQ(event_log_next(log), 3);
    CHECK_EQ(event_log_first(log), 1);
    event_log_free(log);
    log = open_log(directory, NEXT_BOOT); /* it was ended in order: nothing can be lost */
    CHECK_EQ(event_log_next(log), 3);
    event_log_free(log);
}

/* What a kill leaves: the same files, and a reservation that was not given back. */
static void test_never_uses_a_number_twice_after_a_power_failure(void)
{
    int directory = -1;
    uint64_t next = 0;
    _cleanup_buf_ struct Buf out = BUF_INIT;
    test_folder(&directory);
    struct EventLog *log = open_log(directory, BOOT);
    append(log, "a", 0);
    event_log_free(log);
    CHECK_EQ(unlinkat(directory, "reserved", 0), 0);
    CHECK_EQ(file_create(directory, "reserved", "5000\n", 5, 0600), 0);
    log = open_log(directory, BOOT);
    CHECK_EQ(event_log_next(log), 2); /* the same boot: the page cache is whole */
    event_log_free(log);
    CHECK_EQ(unlinkat(directory, "reserved", 0), 0);
    CHECK_EQ(file_create(directory, "reserved", "5000\n", 5, 0600), 0);
    log = open_log(directory, NEXT_BOOT);
    CHECK_EQ(event_log_next(log), 5000);
    CHECK_EQ(append(log, "b", 0), 5000);
    CHECK_EQ(event_log_read(log, 1, 1 << 20, &out, &next), 0); /* over the jump */
    CHECK_EQ(next, 5001);
    check_events(&out, (const uint64_t[]){1, 5000}, 2);
    event_log_free(log);
}

static void test_recovered_event_gets_its_number(void)
{
    int directory = -1;
    test_folder(&directory);
    struct EventLog *log = open_log(directory, BOOT);
    append(log, "a", 0);
    CHECK_EQ(append(log, "b", 2), 2);
    CHECK_EQ(append(log, "c", 7), 7);
    CHECK_EQ(event_log_next(log), 8);
    event_log_free(log);
}

static void test_torn_end_is_cut_off(void)
{
    int directory = -1;
    _cleanup_free_ char *data = NULL;
    size_t size = 0;
    test_folder(&directory);
    struct EventLog *log = open_log(directory, BOOT);
    append(log, "a", 0);
    event_log_free(log);
    CHECK_EQ(file_read(directory, "1", 1 << 20, &data, &size), 0);
    for (size_t cut = 1; cut < size; cut += 7) {
        struct stat st = {0};
        _cleanup_close_ int fd = openat(directory, "1", O_WRONLY | O_CLOEXEC);
        CHECK_EQ(ftruncate(fd, 0), 0);
        CHECK_EQ(fd_write_all(fd, data, size), 0);
        CHECK_EQ(fd_write_all(fd, data, cut), 0); /* half of another one */
        log = open_log(directory, BOOT);
        CHECK_EQ(event_log_next(log), 2);
        CHECK_EQ(fstatat(directory, "1", &st, 0), 0);
        CHECK_EQ(st.st_size, size);
        event_log_free(log);
    }
}

static size_t count_files(int directory)
{
    size_t count = 0;
    for (uint64_t seq = 1; seq < 4096; seq++) {
        char name[32];
        snprintf(name, sizeof(name), "%" PRIu64, seq);
        count += faccessat(directory, name, F_OK, 0) == 0;
    }
    return count;
}

static void test_rotation_keeps_two_files(void)
{
    enum { EVENTS = 200, PAYLOAD = 64 << 10 };
    int directory = -1;
    uint64_t numbers[EVENTS], next = 0;
    _cleanup_buf_ struct Buf data = BUF_INIT, out = BUF_INIT;
    struct WireWriter writer;
    test_folder(&directory);
    struct EventLog *log = open_log(directory, BOOT);
    wire_writer_init(&writer, &data);
    wire_map(&writer, 1);
    wire_key(&writer, "fill");
    _cleanup_free_ char *fill = calloc(1, PAYLOAD);
    wire_bin(&writer, fill, PAYLOAD);
    for (int i = 0; i < EVENTS; i++) {
        struct EventHead head = {.type = "a"};
        event_log_append(log, &head, data.data, data.size);
    }
    uint64_t first = event_log_first(log);
    CHECK(first > 1);
    CHECK_EQ(count_files(directory), 2);
    CHECK_EQ(event_log_read(log, first - 1, 1 << 20, &out, &next), -ENOENT);
    for (uint64_t seq = first; seq <= EVENTS; seq++)
        numbers[seq - first] = seq;
    next = first;
    while (next <= EVENTS) /* in pieces, over the border of the files */
        CHECK_EQ(event_log_read(log, next, 256 << 10, &out, &next), 0);
    check_events(&out, numbers, EVENTS - first + 1);
    event_log_free(log);
    log = open_log(directory, BOOT);
    CHECK_EQ(event_log_first(log), first);
    CHECK_EQ(event_log_next(log), EVENTS + 1);
    event_log_free(log);
}

static void test_many_small_events_by_number(void)
{
    enum { EVENTS = 1000 };
    int directory = -1;
    test_folder(&directory);
    struct EventLog *log = open_log(directory, BOOT);
    for (int i = 0; i < EVENTS; i++)
        append(log, "container.started", 0);
    for (uint64_t seq = 1; seq <= EVENTS; seq += 13) {
        _cleanup_buf_ struct Buf out = BUF_INIT;
        uint64_t next = 0;
        CHECK_EQ(event_log_read(log, seq, 1, &out, &next), 0);
        check_events(&out, &seq, 1);
        CHECK_EQ(next, seq + 1);
    }
    event_log_free(log);
}

struct Listener {
    struct EventSubscriber subscriber;
    uint64_t seen[4];
    size_t count;
};

static void listener_on_event(struct EventSubscriber *subscriber, uint64_t seq, const void *event,
                              size_t size)
{
    struct Listener *listener = CONTAINER_OF(subscriber, struct Listener, subscriber);
    CHECK(size > 0 && ((const unsigned char *)event)[0] == 0x88);
    if (listener->count < ELEMENTSOF(listener->seen))
        listener->seen[listener->count] = seq;
    listener->count++;
}

static void test_subscribers_are_told_in_order(void)
{
    int directory = -1;
    struct Listener listener = {.subscriber.on_event = listener_on_event};
    test_folder(&directory);
    struct EventLog *log = open_log(directory, BOOT);
    append(log, "a", 0);
    event_log_subscribe(log, &listener.subscriber);
    append(log, "b", 0);
    append(log, "c", 0);
    event_log_unsubscribe(&listener.subscriber);
    append(log, "d", 0);
    CHECK_EQ(listener.count, 2);
    CHECK_EQ(listener.seen[0], 2);
    CHECK_EQ(listener.seen[1], 3);
    event_log_free(log);
}

static void test_garbage_in_the_folder(void)
{
    int directory = -1;
    struct EventLog *log;
    test_folder(&directory);
    CHECK_EQ(file_create(directory, "7", "garbage", 7, 0600), 0);
    log = open_log(directory, BOOT);
    CHECK_EQ(event_log_next(log), 1); /* nothing sound was in it */
    append(log, "a", 0);
    event_log_free(log);
    CHECK_EQ(unlinkat(directory, "reserved", 0), 0);
    CHECK_EQ(file_create(directory, "reserved", "many", 4, 0600), 0);
    log = open_log(directory, BOOT); /* it starts all the same, and uses no number twice */
    CHECK_EQ(event_log_next(log), 2 + EVENT_RESERVE);
    event_log_free(log);
}

static const struct Test tests[] = {
    TEST(test_append_and_read),
    TEST(test_event_has_all_members),
    TEST(test_goes_on_after_a_restart),
    TEST(test_never_uses_a_number_twice_after_a_power_failure),
    TEST(test_recovered_event_gets_its_number),
    TEST(test_torn_end_is_cut_off),
    TEST(test_rotation_keeps_two_files),
    TEST(test_many_small_events_by_number),
    TEST(test_subscribers_are_told_in_order),
    TEST(test_garbage_in_the_folder),
};
TEST_MAIN(tests)
