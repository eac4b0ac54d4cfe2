// SPDX-License-Identifier: Apache-2.0
#include "base/test.h"
#include "protocol/wire/wire.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

static int scan(const void *data, size_t size, size_t *ret_length)
{
    struct WireScan state = {0};
    int r = wire_scan(&state, &WIRE_LIMITS_DEFAULT, data, size);
    if (ret_length)
        *ret_length = state.offset;
    return r;
}

static unsigned long vm_peak_kib(void)
{
    _cleanup_fclose_ FILE *file = fopen("/proc/self/status", "re");
    char line[256];
    unsigned long kib = 0;
    while (file && kib == 0 && fgets(line, sizeof(line), file))
        if (sscanf(line, "VmPeak: %lu", &kib) != 1)
            kib = 0;
    return kib;
}

static void test_every_first_byte(void)
{
    static const struct {
        uint8_t first, last;
        size_t length; /* 0: refused */
    } rows[] = {
        {0x00, 0x7f, 1}, {0x80, 0x80, 1},  {0x81, 0x81, 3}, {0x90, 0x90, 1}, {0x91, 0x91, 2}, {0xa0, 0xa0, 1},
        {0xa7, 0xa7, 8}, {0xbf, 0xbf, 32}, {0xc0, 0xc0, 1}, {0xc1, 0xc1, 0}, {0xc2, 0xc3, 1}, {0xc4, 0xc4, 2},
        {0xc5, 0xc5, 3}, {0xc6, 0xc6, 5},  {0xc7, 0xc9, 0}, {0xca, 0xca, 5}, {0xcb, 0xcb, 9}, {0xcc, 0xcc, 2},
        {0xcd, 0xcd, 3}, {0xce, 0xce, 5},  {0xcf, 0xcf, 9}, {0xd0, 0xd0, 2}, {0xd1, 0xd1, 3}, {0xd2, 0xd2, 5},
        {0xd3, 0xd3, 9}, {0xd4, 0xd8, 0},  {0xd9, 0xd9, 2}, {0xda, 0xda, 3}, {0xdb, 0xdb, 5}, {0xdc, 0xdc, 3},
        {0xdd, 0xdd, 5}, {0xde, 0xde, 3},  {0xdf, 0xdf, 5}, {0xe0, 0xff, 1},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++)
        for (unsigned first = rows[i].first; first <= rows[i].last; first++) {
            uint8_t data[64] = {(uint8_t)first};
            size_t length = 0;
            char name[8];
            snprintf(name, sizeof(name), "%02x", first);
            test_row(name);
            if (rows[i].length == 0) {
                CHECK_EQ(scan(data, sizeof(data), NULL), -EBADMSG);
                continue;
            }
            CHECK_EQ(scan(data, sizeof(data), &length), WIRE_COMPLETE);
            CHECK_EQ(length, rows[i].length);
            CHECK_EQ(scan(data, rows[i].length - 1, NULL), WIRE_MORE);
        }
    test_row(NULL);
}

static void test_limits_are_exact(void)
{
    static const struct WireLimits limits = {.bytes = 10, .depth = 3, .nodes = 6, .map_keys = 2};
    static const struct {
        const char *name, *data;
        size_t size;
        int expected;
    } rows[] = {
        {"ten bytes",
         "\xa9"
         "123456789",
         10, WIRE_COMPLETE},
        {"eleven bytes",
         "\xaa"
         "1234567890",
         11, -E2BIG},
        {"eleven bytes, told by the header", "\xaa", 1, -E2BIG},
        {"ten bytes and no end",
         "\x92\xa7"
         "1234567"
         "\xcc",
         10, -E2BIG},
        {"depth 3", "\x91\x91\x91\x01", 4, WIRE_COMPLETE},
        {"depth 4", "\x91\x91\x91\x91\x01", 5, -E2BIG},
        {"an empty array at depth 4", "\x91\x91\x91\x90", 4, -E2BIG},
        {"six values", "\x95\1\2\3\4\5", 6, WIRE_COMPLETE},
        {"seven values", "\x96", 1, -E2BIG},
        {"seven values in two arrays", "\x93\1\2\x93", 4, -E2BIG},
        {"two keys",
         "\x82\xa1"
         "a\1\xa1"
         "b\2",
         7, WIRE_COMPLETE},
        {"three keys", "\x83", 1, -E2BIG},
        {"array32 of 4294967295", "\xdd\xff\xff\xff\xff", 5, -E2BIG},
        {"map32 of 4294967295", "\xdf\xff\xff\xff\xff", 5, -E2BIG},
        {"str32 of 4294967295", "\xdb\xff\xff\xff\xff", 5, -E2BIG},
        {"bin32 of 4294967295", "\xc6\xff\xff\xff\xff", 5, -E2BIG},
        {"bin16 of 65535", "\xc5\xff\xff", 3, -E2BIG},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        struct WireScan state = {0};
        test_row(rows[i].name);
        CHECK_EQ(wire_scan(&state, &limits, rows[i].data, rows[i].size), rows[i].expected);
    }
    test_row(NULL);
}

/* 31 nested arrays that promise 268435455 entries each: 155 bytes that make a naive decoder reserve
 * hundreds of gigabytes. */
static void test_a_bomb_costs_nothing(void)
{
    uint8_t bomb[155];
    for (size_t i = 0; i < sizeof(bomb); i += 5)
        memcpy(bomb + i, "\xdd\x0f\xff\xff\xff", 5);
    unsigned long before = vm_peak_kib();
    _cleanup_(msgpack_zone_destroy) msgpack_zone zone;
    CHECK(msgpack_zone_init(&zone, 4096));
    msgpack_object object;
    struct Error error = {0};
    CHECK_EQ(scan(bomb, sizeof(bomb), NULL), -E2BIG);
    CHECK_EQ(wire_unpack(bomb, sizeof(bomb), &WIRE_LIMITS_DEFAULT, &zone, &object, &error), -E2BIG);
    CHECK_EQ(error.code, ERROR_INVALID_ARGUMENT);
    CHECK_STR(error.where, "message");
    CHECK(before > 0 && vm_peak_kib() - before < 1024);
}

static void test_deep_nesting(void)
{
    enum { COUNT = 100000 };
    static uint8_t nested[COUNT];
    static const uint8_t kinds[] = {0x91, 0x81};
    for (size_t k = 0; k < ELEMENTSOF(kinds); k++) {
        memset(nested, kinds[k], COUNT);
        CHECK_EQ(scan(nested, COUNT, NULL), -E2BIG);
        CHECK_EQ(scan(nested, 16, NULL), WIRE_MORE);
        CHECK_EQ(scan(nested, 17, NULL), -E2BIG);
    }
}

static void test_depth_never_passes_the_array(void)
{
    static const struct WireLimits limits = {.bytes = 1000, .depth = 1000, .nodes = 1000, .map_keys = 10};
    uint8_t nested[64];
    struct WireScan state = {0};
    memset(nested, 0x91, sizeof(nested));
    CHECK_EQ(wire_scan(&state, &limits, nested, WIRE_DEPTH_MAX), WIRE_MORE);
    CHECK_EQ(wire_scan(&state, &limits, nested, WIRE_DEPTH_MAX + 1), -E2BIG);
}

static const char small[] = "\x94\x00\x01\xa5hello\x91\x82\xa1"
                            "a\xc0\xa2"
                            "bc\x93\x01\xcd\x01\x00\xc4\x03xyz";
enum { SMALL_SIZE = sizeof(small) - 1 };

static void test_byte_by_byte(void)
{
    struct WireScan state = {0};
    for (size_t size = 0; size < SMALL_SIZE; size++)
        CHECK_EQ(wire_scan(&state, &WIRE_LIMITS_DEFAULT, small, size), WIRE_MORE);
    CHECK_EQ(wire_scan(&state, &WIRE_LIMITS_DEFAULT, small, SMALL_SIZE), WIRE_COMPLETE);
    CHECK_EQ(state.offset, SMALL_SIZE);
}

static void test_byte_by_byte_takes_linear_time(void)
{
    enum { SIZE = 1 << 20 };
    uint8_t *data = calloc(1, SIZE);
    struct WireScan state = {0};
    struct WireLimits limits = WIRE_LIMITS_DEFAULT;
    limits.nodes = SIZE;
    memcpy(data, "\xdd\x00\x0f\xff\xfb", 5); /* 1048571 zeros */
    clock_t begin = clock();
    int r = 0;
    for (size_t size = 1; size <= SIZE && r == 0; size++)
        r = wire_scan(&state, &limits, data, size);
    CHECK_EQ(r, WIRE_COMPLETE);
    CHECK_EQ(state.offset, SIZE);
    CHECK(clock() - begin < CLOCKS_PER_SEC);
    free(data);
}

static void test_two_messages_in_one_buffer(void)
{
    char both[2 * SMALL_SIZE];
    size_t length = 0;
    memcpy(both, small, SMALL_SIZE);
    memcpy(both + SMALL_SIZE, small, SMALL_SIZE);
    CHECK_EQ(scan(both, sizeof(both), &length), WIRE_COMPLETE);
    CHECK_EQ(length, SMALL_SIZE);
    CHECK_EQ(scan(both + length, sizeof(both) - length, &length), WIRE_COMPLETE);
    CHECK_EQ(length, SMALL_SIZE);
}

static uint32_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

/* What the scan takes whole, msgpack-c takes whole too, with the same length. Random bytes hardly ever
 * nest, so some are drawn from the heads of containers. */
static void test_agrees_with_msgpack_c(void)
{
    static const uint8_t heads[] = {0x80, 0x81, 0x82, 0x90, 0x91, 0x92, 0x93, 0xa1, 0xa3, 0xc4,
                                    0xc0, 0xcb, 0xce, 0xd9, 0xda, 0xdc, 0xde, 0xdf, 0xdd, 0xcf};
    uint64_t seed = 42;
    unsigned accepted = 0, disagreed = 0;
    for (unsigned round = 0; round < 200000; round++) {
        uint8_t data[48];
        size_t size = 1 + next_random(&seed) % sizeof(data), length = 0, offset = 0;
        for (size_t i = 0; i < size; i++) {
            uint32_t draw = next_random(&seed);
            data[i] = draw & 0x100 ? heads[draw % sizeof(heads)] : draw & 0x200 ? 0 : (uint8_t)draw;
        }
        if (scan(data, size, &length) != WIRE_COMPLETE)
            continue;
        accepted++;
        _cleanup_(msgpack_zone_destroy) msgpack_zone zone;
        CHECK(msgpack_zone_init(&zone, 1024));
        msgpack_object object;
        msgpack_unpack_return r = msgpack_unpack((const char *)data, length, &offset, &zone, &object);
        disagreed += r != MSGPACK_UNPACK_SUCCESS || offset != length;
    }
    CHECK(accepted > 10000);
    CHECK_EQ(disagreed, 0);
}

static const struct Test tests[] = {
    TEST(test_every_first_byte),
    TEST(test_limits_are_exact),
    TEST(test_a_bomb_costs_nothing),
    TEST(test_deep_nesting),
    TEST(test_depth_never_passes_the_array),
    TEST(test_byte_by_byte),
    TEST(test_byte_by_byte_takes_linear_time),
    TEST(test_two_messages_in_one_buffer),
    TEST(test_agrees_with_msgpack_c),
};
TEST_MAIN(tests)
