// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"
#include "base/str.h"
#include "base/test.h"
#include "supervisor/container/store.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const char ID[] = "0123456789abcdef";

struct Seen {
    size_t count;
    enum RecordKind kinds[64];
    struct Record last[RECORD_KIND_COUNT]; /* numbers and texts only */
    int exit_status;
    char rootfs[32], config[32];
};

static int see(void *owner, const struct Record *record)
{
    struct Seen *seen = owner;
    if (seen->count < ELEMENTSOF(seen->kinds))
        seen->kinds[seen->count] = record->kind;
    seen->count++;
    seen->last[record->kind] = *record;
    if (record->slot)
        seen->exit_status = record->slot->wait_status;
    if (record->arguments)
        (void)wire_get_str(record->arguments, "rootfs", seen->rootfs, sizeof(seen->rootfs));
    if (record->config)
        snprintf(seen->config, sizeof(seen->config), "%.*s", (int)record->config_size,
                 (const char *)record->config);
    return 0;
}

static int create(int directory, const char *config)
{
    _cleanup_buf_ struct Buf bytes = BUF_INIT;
    struct WireWriter writer;
    msgpack_object map;
    msgpack_zone zone;
    struct Error error;
    struct Record record = {.kind = RECORD_DEFINITION,
                            .seq = 5,
                            .time_usec = 77,
                            .owner_uid = 1000,
                            .config = config,
                            .config_size = config ? strlen(config) : 0,
                            .id = "0123456789abcdef",
                            .name = "web"};
    wire_writer_init(&writer, &bytes);
    wire_map(&writer, 1);
    wire_key_str(&writer, "rootfs", "/srv/root");
    msgpack_zone_init(&zone, 1024);
    CHECK_EQ(wire_unpack(bytes.data, bytes.size, &WIRE_LIMITS_DEFAULT, &zone, &map, NULL), 0);
    record.arguments = &map;
    int r = store_create(directory, ID, &record, &error);
    msgpack_zone_destroy(&zone);
    return r;
}

static void append_state(int directory, enum ContainerState state, uint64_t generation)
{
    struct Error error;
    struct Record record = {.kind = RECORD_STATE,
                            .seq = 6,
                            .state = state,
                            .generation = generation,
                            .pid = 42,
                            .boot = "0a1b2c3d-0000-0000-0000-000000000000"};
    CHECK_EQ(store_append(directory, ID, &record, &error), 0);
}

static void append_exit(int directory, uint64_t generation, int status)
{
    struct Error error;
    struct ExitSlot slot;
    exit_slot_init(&slot, generation, EXIT_SLOT_EXITED);
    slot.wait_status = status;
    CHECK_EQ(exit_slot_seal(&slot), 0);
    struct Record record = {.kind = RECORD_EXIT, .seq = 7, .generation = generation, .slot = &slot};
    CHECK_EQ(store_append(directory, ID, &record, &error), 0);
}

static void append_rename(int directory, const char *name)
{
    struct Error error;
    struct Record record = {.kind = RECORD_RENAME, .seq = 8};
    (void)str_format(record.name, sizeof(record.name), "%s", name);
    CHECK_EQ(store_append(directory, ID, &record, &error), 0);
}

static off_t size_of(int directory)
{
    struct stat st = {0};
    CHECK_EQ(fstatat(directory, ID, &st, 0), 0);
    return st.st_size;
}

static void test_what_is_written_is_read(void)
{
    int directory = -1;
    struct Seen seen = {0};
    test_folder(&directory);
    CHECK_EQ(create(directory, "{\"ociVersion\": \"1.0\"}"), 0);
    append_state(directory, CONTAINER_STARTING, 3);
    append_state(directory, CONTAINER_RUNNING, 3);
    append_exit(directory, 3, 7 << 8);
    append_rename(directory, "other");
    CHECK_EQ(store_read(directory, ID, true, see, &seen), 0);
    CHECK_EQ(seen.count, 5);
    CHECK_STR(seen.last[RECORD_DEFINITION].id, ID);
    CHECK_STR(seen.last[RECORD_DEFINITION].name, "web");
    CHECK_EQ(seen.last[RECORD_DEFINITION].owner_uid, 1000);
    CHECK_EQ(seen.last[RECORD_DEFINITION].seq, 5);
    CHECK_EQ(seen.last[RECORD_DEFINITION].time_usec, 77);
    CHECK_STR(seen.rootfs, "/srv/root");
    CHECK_STR(seen.config, "{\"ociVersion\": \"1.0\"}");
    CHECK_EQ(seen.last[RECORD_STATE].state, CONTAINER_RUNNING);
    CHECK_EQ(seen.last[RECORD_STATE].generation, 3);
    CHECK_EQ(seen.last[RECORD_STATE].pid, 42);
    CHECK_STR(seen.last[RECORD_STATE].boot, "0a1b2c3d-0000-0000-0000-000000000000");
    CHECK_EQ(seen.exit_status, 7 << 8);
    CHECK_STR(seen.last[RECORD_RENAME].name, "other");
}

static void test_a_second_create_changes_nothing(void)
{
    int directory = -1;
    struct Seen seen = {0};
    test_folder(&directory);
    CHECK_EQ(create(directory, NULL), 0);
    CHECK_EQ(create(directory, "{}"), -EEXIST);
    CHECK_EQ(store_read(directory, ID, true, see, &seen), 0);
    CHECK_EQ(seen.count, 1);
    CHECK_STR(seen.config, "");
}

static void put(int directory, const char *data, size_t size)
{
    _cleanup_close_ int fd = openat(directory, ID, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK_EQ(fd_write_all(fd, data, size), 0);
}

/* Cut off after every byte: the whole records are there, the rest is cut off the file too. */
static void test_torn_at_every_byte(void)
{
    int directory = -1;
    off_t ends[3];
    _cleanup_free_ char *data = NULL;
    size_t size = 0;
    test_folder(&directory);
    CHECK_EQ(create(directory, "{}"), 0);
    ends[0] = size_of(directory);
    append_state(directory, CONTAINER_STARTING, 1);
    ends[1] = size_of(directory);
    append_exit(directory, 1, 0);
    ends[2] = size_of(directory);
    CHECK_EQ(file_read(directory, ID, 1 << 20, &data, &size), 0);
    CHECK_EQ(size, ends[2]);
    for (off_t cut = 0; cut <= ends[2]; cut++) {
        struct Seen seen = {0};
        size_t whole = 0;
        for (size_t i = 0; i < ELEMENTSOF(ends); i++)
            whole += ends[i] <= cut;
        put(directory, data, (size_t)cut);
        CHECK_EQ(store_read(directory, ID, true, see, &seen), whole ? 0 : -EBADMSG);
        CHECK_EQ(seen.count, whole);
        if (whole)
            CHECK_EQ(size_of(directory), ends[whole - 1]);
    }
}

/* Any flipped bit ends the journal before its record; nothing after it is believed. */
static void test_damage_at_every_byte(void)
{
    int directory = -1;
    _cleanup_free_ char *data = NULL;
    size_t size = 0;
    test_folder(&directory);
    CHECK_EQ(create(directory, "{}"), 0);
    size_t first = (size_t)size_of(directory);
    append_state(directory, CONTAINER_STARTING, 1);
    append_rename(directory, "other");
    CHECK_EQ(file_read(directory, ID, 1 << 20, &data, &size), 0);
    for (size_t at = 0; at < size; at++) {
        struct Seen seen = {0};
        data[at] ^= 0x10;
        put(directory, data, size);
        data[at] ^= 0x10;
        CHECK_EQ(store_read(directory, ID, true, see, &seen), at < first ? -EBADMSG : 0);
        CHECK(at < first ? seen.count == 0 : seen.count >= 1 && seen.count < 3);
    }
}

static void test_a_second_definition_is_damage(void)
{
    int directory = -1;
    _cleanup_free_ char *data = NULL;
    size_t size = 0;
    struct Seen seen = {0};
    test_folder(&directory);
    CHECK_EQ(create(directory, NULL), 0);
    CHECK_EQ(file_read(directory, ID, 1 << 20, &data, &size), 0);
    _cleanup_close_ int fd = openat(directory, ID, O_WRONLY | O_APPEND | O_CLOEXEC);
    CHECK_EQ(fd_write_all(fd, data, size), 0);
    CHECK_EQ(store_read(directory, ID, true, see, &seen), 0);
    CHECK_EQ(seen.count, 1);
    CHECK_EQ(size_of(directory), size);
}

static void test_compaction_keeps_what_counts(void)
{
    int directory = -1;
    struct Seen seen = {0};
    test_folder(&directory);
    CHECK_EQ(create(directory, "{\"a\": 1}"), 0);
    append_rename(directory, "first");
    append_rename(directory, "second");
    for (int i = 1; i <= 40; i++) {
        append_state(directory, CONTAINER_STARTING, (uint64_t)i);
        append_state(directory, CONTAINER_RUNNING, (uint64_t)i);
        append_exit(directory, (uint64_t)i, i << 8);
        CHECK(size_of(directory) < STORE_COMPACT_SIZE + (16 << 10));
    }
    CHECK_EQ(store_compact(directory, ID), 0);
    CHECK_EQ(store_read(directory, ID, false, see, &seen), 0);
    CHECK_EQ(seen.count, 4);
    CHECK_EQ(seen.kinds[0], RECORD_DEFINITION);
    CHECK_EQ(seen.kinds[1], RECORD_RENAME);
    CHECK_EQ(seen.kinds[2], RECORD_STATE);
    CHECK_EQ(seen.kinds[3], RECORD_EXIT);
    CHECK_STR(seen.last[RECORD_RENAME].name, "second");
    CHECK_STR(seen.config, "{\"a\": 1}");
    CHECK_EQ(seen.exit_status, 40 << 8);
    CHECK(size_of(directory) < (8 << 10));
}

static void test_errors(void)
{
    int directory = -1;
    struct Seen seen = {0};
    struct Error error = {0};
    struct Record record = {.kind = RECORD_REMOVING};
    test_folder(&directory);
    CHECK_EQ(store_read(directory, "nobody", true, see, &seen), -ENOENT);
    CHECK_EQ(store_append(directory, "nobody", &record, &error), -ENOENT);
    CHECK_EQ(error.code, ERROR_INTERNAL);
    CHECK_STR(error.where, "journal");
    CHECK_EQ(store_remove(directory, "nobody"), 0);
    CHECK_EQ(create(directory, NULL), 0);
    CHECK_EQ(store_remove(directory, ID), 0);
    CHECK_EQ(store_read(directory, ID, true, see, &seen), -ENOENT);
}

static void test_discard(void)
{
    int directory = -1;
    _cleanup_free_ char *data = NULL;
    size_t size = 0;
    test_folder(&directory);
    CHECK_EQ(create(directory, NULL), 0);
    CHECK_EQ(file_read(directory, ID, 1 << 20, &data, &size), 0);
    put(directory, data, size - 1); /* cut short: it never happened */
    CHECK_EQ(store_discard(directory, ID), 0);
    CHECK_EQ(faccessat(directory, ID, F_OK, 0), -1);
    data[size - 1] ^= 1;
    put(directory, data, size); /* whole but damaged: kept for whoever can read it */
    CHECK_EQ(store_discard(directory, ID), 1);
    CHECK_EQ(faccessat(directory, ID, F_OK, 0), -1);
    CHECK_EQ(faccessat(directory, ".damaged-0123456789abcdef", F_OK, 0), 0);
    CHECK(store_is_temporary(".0123456789abcdef.new"));
    CHECK(!store_is_temporary(".damaged-0123456789abcdef"));
    CHECK(!store_is_temporary(".") && !store_is_temporary("..") && !store_is_temporary("x.new"));
}

static const struct Test tests[] = {
    TEST(test_discard),
    TEST(test_what_is_written_is_read),
    TEST(test_a_second_create_changes_nothing),
    TEST(test_torn_at_every_byte),
    TEST(test_damage_at_every_byte),
    TEST(test_a_second_definition_is_damage),
    TEST(test_compaction_keeps_what_counts),
    TEST(test_errors),
};
TEST_MAIN(tests)
