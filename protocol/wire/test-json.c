// SPDX-License-Identifier: Apache-2.0
#include "base/test.h"
#include "protocol/wire/wire.h"

static void test_rows(void)
{
    static const struct {
        const char *data;
        size_t size;
        const char *json;
    } rows[] = {
        {"\xc0", 1, "null"},
        {"\xc2", 1, "false"},
        {"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9, "18446744073709551615"},
        {"\xd3\x80\0\0\0\0\0\0\0", 9, "-9223372036854775808"},
        {"\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a", 9, "0.1"},
        {"\xcb\x3f\xd5\x55\x55\x55\x55\x55\x55", 9, "0.33333333333333331"},
        {"\xcb\x7f\xf8\0\0\0\0\0\0", 9, "null"},
        {"\xcb\x7f\xf0\0\0\0\0\0\0", 9, "null"},
        {"\xca\x3f\xc0\0\0", 5, "1.5"},
        {"\xa0", 1, "\"\""},
        {"\xab"
         "a\"\\\n\r\t\x01\x1b\x7f\xc3\xa9",
         12, "\"a\\\"\\\\\\n\\r\\t\\u0001\\u001b\\u007f\xc3\xa9\""},
        {"\xc4\x00", 2, "\"\""},
        {"\xc4\x02hi", 4, "\"hi\""},
        {"\xc4\x02\0x", 4, "\"\\u0000x\""},
        {"\xc4\x01\xff", 3, "{\"base64\":\"/w==\"}"},
        {"\xc4\x02\xff\xfe", 4, "{\"base64\":\"//4=\"}"},
        {"\xc4\x03\xff\xfe\xfd", 5, "{\"base64\":\"//79\"}"},
        {"\xc4\x04\xff\xfe\xfd\x00", 6, "{\"base64\":\"//79AA==\"}"},
        {"\x90", 1, "[]"},
        {"\x80", 1, "{}"},
        {"\x93\x01\x90\x92\x02\x80", 6, "[1,[],[2,{}]]"},
        {"\x82\xa1"
         "a\x81\xa1"
         "b\xc0\xa1"
         "c\x92\x01\x02",
         12, "{\"a\":{\"b\":null},\"c\":[1,2]}"},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_(msgpack_zone_destroy) msgpack_zone zone;
        msgpack_object object;
        test_row(rows[i].json);
        CHECK(msgpack_zone_init(&zone, 1024));
        CHECK_EQ(wire_unpack(rows[i].data, rows[i].size, &WIRE_LIMITS_DEFAULT, &zone, &object, NULL), 0);
        _cleanup_buf_ struct Buf buf = BUF_INIT;
        wire_to_json(&object, &buf);
        _cleanup_free_ char *json = buf_take_str(&buf);
        CHECK_STR(json, rows[i].json);
    }
    test_row(NULL);
}

/* Only a tree that never went through wire_unpack() can be so deep. */
static void test_too_deep_is_an_error(void)
{
    msgpack_object objects[WIRE_DEPTH_MAX + 2];
    for (size_t i = 0; i < ELEMENTSOF(objects); i++) {
        objects[i].type = MSGPACK_OBJECT_ARRAY;
        objects[i].via.array.size = i + 1 < ELEMENTSOF(objects);
        objects[i].via.array.ptr = &objects[i + 1];
    }
    _cleanup_buf_ struct Buf json = BUF_INIT, packed = BUF_INIT;
    struct WireWriter writer;
    wire_to_json(&objects[0], &json);
    CHECK_EQ(json.error, -E2BIG);
    wire_writer_init(&writer, &packed);
    wire_object(&writer, &objects[0]);
    CHECK_EQ(packed.error, -E2BIG);
}

static const struct Test tests[] = {
    TEST(test_rows),
    TEST(test_too_deep_is_an_error),
};
TEST_MAIN(tests)
