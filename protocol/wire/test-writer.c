// SPDX-License-Identifier: Apache-2.0
#include "base/test.h"
#include "protocol/wire/wire.h"
#include <stdio.h>
#include <string.h>

static bool equals(const struct Buf *buf, const void *data, size_t size)
{
    return !buf->error && buf->size == size && memcmp(buf->data, data, size) == 0;
}
#define EQUALS(buf, text) equals(buf, text, sizeof(text) - 1)

static void test_values(void)
{
    _cleanup_buf_ struct Buf buf = BUF_INIT;
    struct WireWriter writer;
    wire_writer_init(&writer, &buf);
    wire_array(&writer, 10);
    wire_nil(&writer);
    wire_bool(&writer, true);
    wire_bool(&writer, false);
    wire_u64(&writer, 300);
    wire_i64(&writer, -1);
    wire_double(&writer, 1.5);
    wire_str(&writer, "hi");
    wire_str(&writer, NULL);
    wire_bin(&writer, "\0x", 2);
    wire_map(&writer, 4);
    wire_key_str(&writer, "s", NULL);
    wire_key_u64(&writer, "u", 1);
    wire_key_i64(&writer, "i", 5);
    wire_key_bool(&writer, "b", false);
    CHECK(EQUALS(
        &buf,
        "\x9a\xc0\xc3\xc2\xcd\x01\x2c\xff\xcb\x3f\xf8\0\0\0\0\0\0\xa2hi\xc0\xc4\x02\0x\x84\xa1s\xc0\xa1u"
        "\x01\xa1i\x05\xa1"
        "b\xc2"));
}

static void test_text_is_always_utf8(void)
{
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"plain", "plain"},
        {"", ""},
        {"\xc3\xa9", "\xc3\xa9"},
        {"a\xff z", "a\xef\xbf\xbd z"},
        {"cut \xe2\x82", "cut \xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80|\xf0\x9f\x98\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|\xf0\x9f\x98\x80"},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_buf_ struct Buf buf = BUF_INIT;
        struct WireWriter writer;
        wire_writer_init(&writer, &buf);
        wire_str(&writer, rows[i].text);
        CHECK_EQ(buf.error, 0);
        CHECK_EQ(buf.size, 1 + strlen(rows[i].expected));
        CHECK(memcmp(buf.data + 1, rows[i].expected, buf.size - 1) == 0);
    }
}

/* The header is the shortest, as if the number of entries had been known. */
static void test_open_map(void)
{
    static const unsigned counts[] = {0, 1, 15, 16, 300, 65535, 65536};
    for (size_t i = 0; i < ELEMENTSOF(counts); i++) {
        _cleanup_buf_ struct Buf open = BUF_INIT, known = BUF_INIT;
        struct WireWriter a, b;
        struct WireOpenMap map;
        char key[16];
        wire_writer_init(&a, &open);
        wire_writer_init(&b, &known);
        wire_str(&a, "before");
        wire_str(&b, "before");
        wire_map_open(&a, &map);
        wire_map(&b, counts[i]);
        for (unsigned k = 0; k < counts[i]; k++) {
            snprintf(key, sizeof(key), "%u", k);
            wire_key_u64(&a, key, k);
            wire_key_u64(&b, key, k);
        }
        wire_map_close(&a, &map);
        CHECK(equals(&open, known.data, known.size));
    }
}

static void test_open_maps_nest(void)
{
    _cleanup_buf_ struct Buf buf = BUF_INIT;
    struct WireWriter writer;
    struct WireOpenMap outer, inner;
    wire_writer_init(&writer, &buf);
    wire_map_open(&writer, &outer);
    wire_key(&writer, "a");
    wire_map_open(&writer, &inner);
    wire_key_bool(&writer, "x", true);
    wire_map_close(&writer, &inner);
    wire_key_u64(&writer, "b", 2);
    wire_map_close(&writer, &outer);
    CHECK(EQUALS(&buf, "\x82\xa1"
                       "a\x81\xa1x\xc3\xa1"
                       "b\x02"));
}

static void test_half_a_pair_is_a_mistake(void)
{
    _cleanup_buf_ struct Buf buf = BUF_INIT;
    struct WireWriter writer;
    struct WireOpenMap map;
    wire_writer_init(&writer, &buf);
    wire_map_open(&writer, &map);
    wire_key(&writer, "a");
    wire_map_close(&writer, &map);
    CHECK_EQ(buf.error, -EBADMSG);
}

static void test_errors_stick(void)
{
    _cleanup_buf_ struct Buf buf = {.limit = 4};
    struct WireWriter writer;
    struct WireOpenMap map;
    wire_writer_init(&writer, &buf);
    wire_str(&writer, "too long for this");
    wire_map_open(&writer, &map);
    wire_map_close(&writer, &map);
    wire_nil(&writer);
    CHECK_EQ(buf.error, -EFBIG);
    CHECK(buf.size <= 4);
}

static void test_object_is_packed_as_it_was(void)
{
    static const char data[] = "\x94\x00\xcb\x3f\xf8\0\0\0\0\0\0\x83\xa1"
                               "a\x92\x90\x80\xa1"
                               "b\xc4\x01\xff\xa1"
                               "c\xca\x3f\xc0\0\0\xd0\x80";
    _cleanup_(msgpack_zone_destroy) msgpack_zone zone;
    CHECK(msgpack_zone_init(&zone, 1024));
    msgpack_object object;
    CHECK_EQ(wire_unpack(data, sizeof(data) - 1, &WIRE_LIMITS_DEFAULT, &zone, &object, NULL), 0);
    _cleanup_buf_ struct Buf buf = BUF_INIT;
    struct WireWriter writer;
    wire_writer_init(&writer, &buf);
    wire_object(&writer, &object);
    CHECK(EQUALS(&buf, data));
}

static const struct Test tests[] = {
    TEST(test_values),
    TEST(test_text_is_always_utf8),
    TEST(test_open_map),
    TEST(test_open_maps_nest),
    TEST(test_half_a_pair_is_a_mistake),
    TEST(test_errors_stick),
    TEST(test_object_is_packed_as_it_was),
};
TEST_MAIN(tests)
