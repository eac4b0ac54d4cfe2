// SPDX-License-Identifier: Apache-2.0
#include "base/test.h"
#include "protocol/wire/wire.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

struct Unpacked {
    msgpack_zone zone;
    msgpack_object object;
    struct Error error;
    int r;
};

static void unpacked_deinit(struct Unpacked *unpacked)
{
    msgpack_zone_destroy(&unpacked->zone);
}
#define _cleanup_unpacked_ _cleanup_(unpacked_deinit)

static void unpack(struct Unpacked *ret, const void *data, size_t size)
{
    *ret = (struct Unpacked){0};
    CHECK(msgpack_zone_init(&ret->zone, 1024));
    ret->r = wire_unpack(data, size, &WIRE_LIMITS_DEFAULT, &ret->zone, &ret->object, &ret->error);
}

static void test_what_is_refused(void)
{
    static const struct {
        const char *name, *data;
        size_t size;
        int expected;
        const char *what;
    } rows[] = {
        {"nothing", "", 0, -EBADMSG, "not exactly one msgpack value"},
        {"cut short", "\x92\x01", 2, -EBADMSG, "not exactly one msgpack value"},
        {"trailing byte", "\x91\x01\x02", 3, -EBADMSG, "not exactly one msgpack value"},
        {"the unused byte", "\xc1", 1, -EBADMSG, "not exactly one msgpack value"},
        {"ext", "\xd4\x01\x02", 3, -EBADMSG, "not exactly one msgpack value"},
        {"a timestamp", "\xd6\xff\0\0\0\0", 6, -EBADMSG, "not exactly one msgpack value"},
        {"NUL in a text",
         "\xa3"
         "a\0b",
         4, -EBADMSG, "a string with a NUL byte"},
        {"NUL in a key",
         "\x81\xa2"
         "a\0\x01",
         5, -EBADMSG, "a string with a NUL byte"},
        {"no UTF-8", "\xa2\xc3\x28", 3, -EBADMSG, "a string that is not UTF-8"},
        {"a surrogate", "\xa3\xed\xa0\x80", 4, -EBADMSG, "a string that is not UTF-8"},
        {"a number as key", "\x81\x01\x01", 3, -EBADMSG, "a key that is not a string"},
        {"bin as key",
         "\x81\xc4\x01"
         "a\x01",
         5, -EBADMSG, "a key that is not a string"},
        {"an array as key", "\x81\x90\x01", 3, -EBADMSG, "a key that is not a string"},
        {"a key twice",
         "\x82\xa1"
         "a\x01\xa1"
         "a\x02",
         7, -EBADMSG, "the key \"a\" twice"},
        {"a key twice, in another encoding",
         "\x82\xa1"
         "a\x01\xd9\x01"
         "a\x02",
         8, -EBADMSG, "the key \"a\" twice"},
        {"an unprintable key twice", "\x82\xa1\x1b\x01\xa1\x1b\x02", 7, -EBADMSG, "a key twice"},
        {"deep inside",
         "\x91\x81\xa1"
         "x\x91\x83\xa1"
         "p\x01\xa1"
         "q\x01\xa1"
         "p\x01",
         15, -EBADMSG, "the key \"p\" twice"},
        {"17 levels", "\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x01", 18, -E2BIG,
         "a message beyond the limits"},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_unpacked_ struct Unpacked unpacked;
        test_row(rows[i].name);
        unpack(&unpacked, rows[i].data, rows[i].size);
        CHECK_EQ(unpacked.r, rows[i].expected);
        CHECK_EQ(unpacked.error.code, ERROR_INVALID_ARGUMENT);
        CHECK_STR(unpacked.error.where, "message");
        CHECK_STR(unpacked.error.what, rows[i].what);
        CHECK_EQ(unpacked.object.type, MSGPACK_OBJECT_NIL); /* untouched */
    }
    test_row(NULL);
}

static void test_what_is_taken(void)
{
    _cleanup_unpacked_ struct Unpacked unpacked;
    static const char data[] =
        "\x87\xa1u\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xa1i\xd0\x80\xa1t\xc3\xa1s\xa4\xc3\xa9ok"
        "\xa1"
        "b\xc4\x02\xff\x00\xa1n\xc0\xa1"
        "e\xa0";
    unpack(&unpacked, data, sizeof(data) - 1);
    CHECK_EQ(unpacked.r, 0);
    const msgpack_object *map = &unpacked.object;
    uint64_t number = 7;
    int64_t integer = 7;
    bool boolean = false;
    char text[5] = "";
    CHECK(wire_get_u64(map, "u", &number) && number == UINT64_MAX);
    CHECK(!wire_get_i64(map, "u", &integer) && integer == 7);
    CHECK(wire_get_i64(map, "i", &integer) && integer == -128);
    CHECK(!wire_get_u64(map, "i", &number) && number == UINT64_MAX);
    CHECK(wire_get_bool(map, "t", &boolean) && boolean);
    CHECK(!wire_get_bool(map, "s", &boolean) && boolean);
    CHECK(wire_get_str(map, "s", text, sizeof(text)));
    CHECK_STR(text, "\xc3\xa9ok");
    CHECK(!wire_get_str(map, "s", text, 4));
    CHECK(!wire_get_str(map, "b", text, sizeof(text)));
    CHECK(!wire_get_str(map, "n", text, sizeof(text)));
    CHECK(wire_get_str(map, "e", text, 1) && text[0] == 0);
    CHECK(wire_get(map, "n") && wire_get(map, "n")->type == MSGPACK_OBJECT_NIL);
    CHECK(!wire_get(map, "missing") && !wire_get(wire_get(map, "s"), "x") && !wire_get(NULL, "x"));
    CHECK(wire_is_str(wire_get(map, "e"), "") && !wire_is_str(NULL, "") &&
          !wire_is_str(wire_get(map, "u"), ""));
    CHECK(wire_get(map, "e")->via.str.ptr != NULL);
    CHECK(wire_get(map, "b")->type == MSGPACK_OBJECT_BIN && wire_get(map, "b")->via.bin.size == 2);
}

/* The worst that fits the limits: maps of the most keys, all of one length. */
static void test_key_check_is_not_quadratic(void)
{
    _cleanup_buf_ struct Buf buf = BUF_INIT;
    struct WireWriter writer;
    wire_writer_init(&writer, &buf);
    wire_array(&writer, 31);
    for (unsigned i = 0; i < 31; i++) {
        wire_map(&writer, 1024);
        for (unsigned k = 0; k < 1024; k++) {
            char key[32];
            snprintf(key, sizeof(key), "a-rather-long-common-part-%04u", k);
            wire_key_u64(&writer, key, k);
        }
    }
    _cleanup_unpacked_ struct Unpacked unpacked;
    clock_t begin = clock();
    unpack(&unpacked, buf.data, buf.size);
    CHECK_EQ(unpacked.r, 0);
    CHECK(clock() - begin < CLOCKS_PER_SEC / 2);
}

static void test_no_error_wanted(void)
{
    _cleanup_unpacked_ struct Unpacked unpacked;
    unpack(&unpacked, "\x01", 1);
    CHECK_EQ(wire_unpack("\xc1", 1, &WIRE_LIMITS_DEFAULT, &unpacked.zone, &unpacked.object, NULL), -EBADMSG);
    CHECK_EQ(unpacked.object.via.u64, 1);
}

static const struct Test tests[] = {
    TEST(test_what_is_refused),
    TEST(test_what_is_taken),
    TEST(test_key_check_is_not_quadratic),
    TEST(test_no_error_wanted),
};
TEST_MAIN(tests)
