// SPDX-License-Identifier: Apache-2.0
#include "base/str.h"
#include "base/test.h"
#include "protocol/rpc/message.h"

struct Row {
    const char *name, *data;
    size_t size;
    const char *where; /* NULL: accepted */
    bool has_id;
    uint32_t id;
};
#define DATA(text) text, sizeof(text) - 1

static int read_row(const struct Row *row, msgpack_zone *zone, struct RpcMessage *ret, struct Error *error)
{
    msgpack_object object;
    CHECK(msgpack_zone_init(zone, 1024));
    CHECK_EQ(wire_unpack(row->data, row->size, &WIRE_LIMITS_DEFAULT, zone, &object, error), 0);
    return rpc_message_read(&object, ret, error);
}

static void test_shapes(void)
{
    static const struct Row rows[] = {
        {"request", DATA("\x94\x00\x00\xa1m\x90"), NULL, true, 0},
        {"the largest id", DATA("\x94\x00\xce\xff\xff\xff\xff\xa1m\x90"), NULL, true, UINT32_MAX},
        {"a method as bin", DATA("\x94\x00\x05\xc4\x01m\x90"), NULL, true, 5},
        {"[{}]", DATA("\x94\x00\x05\xa1m\x91\x80"), NULL, true, 5},
        {"[nil]", DATA("\x94\x00\x05\xa1m\x91\xc0"), NULL, true, 5},
        {"[[]]", DATA("\x94\x00\x05\xa1m\x91\x90"), NULL, true, 5},
        {"response", DATA("\x94\x01\x05\xc0\x01"), NULL, true, 5},
        {"notification", DATA("\x93\x02\xa1m\x90"), NULL, false, 0},
        {"no array", DATA("\x01"), "message", false, 0},
        {"a map", DATA("\x80"), "message", false, 0},
        {"an empty array", DATA("\x90"), "message", false, 0},
        {"type 3", DATA("\x94\x03\x05\xa1m\x90"), "message", false, 0},
        {"type -1", DATA("\x94\xff\x05\xa1m\x90"), "message", false, 0},
        {"type as text",
         DATA("\x94\xa1"
              "0\x05\xa1m\x90"),
         "message", false, 0},
        {"type alone", DATA("\x91\x00"), "message", false, 0},
        {"request without params", DATA("\x93\x00\x05\xa1m"), "message", true, 5},
        {"request with more", DATA("\x95\x00\x05\xa1m\x90\x90"), "message", true, 5},
        {"a negative id", DATA("\x94\x00\xff\xa1m\x90"), "message", false, 0},
        {"an id over 32 bits", DATA("\x94\x00\xcf\0\0\0\1\0\0\0\0\xa1m\x90"), "message", false, 0},
        {"NaN as id", DATA("\x94\x00\xcb\x7f\xf8\0\0\0\0\0\0\xa1m\x90"), "message", false, 0},
        {"text as id",
         DATA("\x94\x00\xa1"
              "5\xa1m\x90"),
         "message", false, 0},
        {"a number as method", DATA("\x94\x00\x05\x07\x90"), "method", true, 5},
        {"an empty method", DATA("\x94\x00\x05\xa0\x90"), "method", true, 5},
        {"NUL in a method as bin",
         DATA("\x94\x00\x05\xc4\x03"
              "a\0b\x90"),
         "method", true, 5},
        {"a control byte in a method", DATA("\x94\x00\x05\xa2\x1bm\x90"), "method", true, 5},
        {"no UTF-8 in a method as bin", DATA("\x94\x00\x05\xc4\x01\xff\x90"), "method", true, 5},
        {"a method of 64 bytes",
         DATA("\x94\x00\x05\xd9\x40"
              "0123456789012345678901234567890123456789012345678901234567890123\x90"),
         "method", true, 5},
        {"params nil", DATA("\x94\x00\x05\xa1m\xc0"), "params", true, 5},
        {"params as a map", DATA("\x94\x00\x05\xa1m\x80"), "params", true, 5},
        {"positional params", DATA("\x94\x00\x05\xa1m\x91\x01"), "params", true, 5},
        {"two params", DATA("\x94\x00\x05\xa1m\x92\x80\x80"), "params", true, 5},
        {"a filled array as params", DATA("\x94\x00\x05\xa1m\x91\x91\x01"), "params", true, 5},
        {"a long notification", DATA("\x94\x02\xa1m\x90\x90"), "message", false, 0},
        {"a short response", DATA("\x93\x01\x05\xc0"), "message", true, 5},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_(msgpack_zone_destroy) msgpack_zone zone;
        struct RpcMessage message;
        struct Error error = {0};
        test_row(rows[i].name);
        int r = read_row(&rows[i], &zone, &message, &error);
        CHECK_EQ(r, rows[i].where ? -EBADMSG : 0);
        CHECK_EQ(message.has_id, rows[i].has_id);
        CHECK_EQ(message.id, rows[i].id);
        CHECK_EQ(error.code, rows[i].where ? ERROR_INVALID_ARGUMENT : ERROR_NONE);
        CHECK_STR(error.where, rows[i].where ? rows[i].where : "");
        CHECK(!message.arguments || rows[i].data[rows[i].size - 1] == '\x80');
    }
    test_row(NULL);
}

static void test_members(void)
{
    static const struct Row request = {"request",
                                       DATA("\x94\x00\x07\xa3x.y\x91\x81\xa1"
                                            "a\x01"),
                                       NULL, true, 7};
    static const struct Row failure = {"failure",
                                       DATA("\x94\x01\x07\xa1"
                                            "e\xc0"),
                                       NULL, true, 7};
    _cleanup_(msgpack_zone_destroy) msgpack_zone zone;
    _cleanup_(msgpack_zone_destroy) msgpack_zone other;
    struct RpcMessage message;
    struct Error error;
    uint64_t value = 0;
    CHECK_EQ(read_row(&request, &zone, &message, &error), 0);
    CHECK_EQ(message.type, RPC_REQUEST);
    CHECK_STR(message.method, "x.y");
    CHECK(wire_get_u64(message.arguments, "a", &value) && value == 1);
    CHECK_EQ(read_row(&failure, &other, &message, &error), 0);
    CHECK_EQ(message.type, RPC_RESPONSE);
    CHECK(wire_is_str(message.error, "e") && message.result->type == MSGPACK_OBJECT_NIL);
}

static void test_peek_id(void)
{
    static const struct Row rows[] = {
        {"fixint", DATA("\x94\x00\x7f"), NULL, true, 127},
        {"array16", DATA("\xdc\x00\x04\x00\xcc\x80"), NULL, true, 128},
        {"array32", DATA("\xdd\x00\x00\x00\x04\x00\xcd\x01\x00"), NULL, true, 256},
        {"u32", DATA("\x94\x00\xce\xff\xff\xff\xfe"), NULL, true, UINT32_MAX - 1},
        {"u32, cut", DATA("\x94\x00\xce\xff\xff\xff"), NULL, false, 0},
        {"u64", DATA("\x94\x00\xcf\0\0\0\0\0\0\0\1"), NULL, false, 0},
        {"a response", DATA("\x94\x01\x05"), NULL, false, 0},
        {"another length", DATA("\x93\x00\x05"), NULL, false, 0},
        {"nothing", DATA(""), NULL, false, 0},
        {"the head alone", DATA("\x94"), NULL, false, 0},
        {"no id", DATA("\x94\x00"), NULL, false, 0},
        {"array32, cut", DATA("\xdd\x00\x00"), NULL, false, 0},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        uint32_t id = 0;
        test_row(rows[i].name);
        CHECK_EQ(rpc_message_peek_id(rows[i].data, rows[i].size, &id), rows[i].has_id);
        CHECK_EQ(id, rows[i].id);
    }
    test_row(NULL);
}

static const struct Test tests[] = {
    TEST(test_shapes),
    TEST(test_members),
    TEST(test_peek_id),
};
TEST_MAIN(tests)
