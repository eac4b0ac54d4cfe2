// SPDX-License-Identifier: Apache-2.0
#include "base/test.h"
#include "protocol/rpc/encode.h"

/* Packs an error, reads it back; the object must outlive the zone's bytes only here. */
static void cross(const struct Error *error, bool as_map, struct Error *ret, char *json, size_t size)
{
    _cleanup_(msgpack_zone_destroy) msgpack_zone zone;
    _cleanup_buf_ struct Buf buf = BUF_INIT, text = {.limit = size - 1};
    struct WireWriter writer;
    msgpack_object object;
    CHECK(msgpack_zone_init(&zone, 1024));
    wire_writer_init(&writer, &buf);
    rpc_error_encode(&writer, error, as_map, "\x81\xa1s\x01",
                     as_map && error->code == ERROR_RUNTIME_FAILED ? 4 : 0);
    CHECK_EQ(wire_unpack(buf.data, buf.size, &WIRE_LIMITS_DEFAULT, &zone, &object, NULL), 0);
    wire_to_json(&object, &text);
    snprintf(json, size, "%.*s", (int)text.size, text.data);
    rpc_error_parse(&object, ret);
}

static void test_both_forms(void)
{
    struct Error error, back;
    char json[1024];
    error_set(&error, ERROR_NOT_FOUND, "container", "there is no container \"x\"");
    cross(&error, false, &back, json, sizeof(json));
    CHECK_STR(json, "\"NotFound: there is no container \\\"x\\\" (container)\"");
    CHECK_EQ(back.code, ERROR_NOT_FOUND);
    CHECK_STR(back.what, "there is no container \"x\" (container)");
    cross(&error, true, &back, json, sizeof(json));
    CHECK_STR(
        json,
        "{\"code\":\"NotFound\",\"message\":\"there is no container \\\"x\\\"\",\"where\":\"container\","
        "\"details\":null}");
    CHECK_EQ(back.code, ERROR_NOT_FOUND);
    CHECK_STR(back.where, "container");
    CHECK_STR(back.what, "there is no container \"x\"");

    error_set(&error, ERROR_RUNTIME_FAILED, NULL, "no");
    cross(&error, false, &back, json, sizeof(json));
    CHECK_STR(json, "\"RuntimeFailed: no\"");
    CHECK_STR(back.what, "no");
    cross(&error, true, &back, json, sizeof(json));
    CHECK_STR(json, "{\"code\":\"RuntimeFailed\",\"message\":\"no\",\"where\":null,\"details\":{\"s\":1}}");
    CHECK_STR(back.where, "");
}

static void test_foreign_errors(void)
{
    static const struct {
        const char *data;
        size_t size;
        enum ErrorCode code;
        const char *what, *where;
    } rows[] = {
        {"\xa9WrongThng", 10, ERROR_INTERNAL, "WrongThng", ""},
        {"\xa6Odd: x", 7, ERROR_INTERNAL, "Odd: x", ""},
        {"\xa8Timeout:", 9, ERROR_TIMEOUT, "", ""},
        {"\xa0", 1, ERROR_INTERNAL, "", ""},
        {"\x01", 1, ERROR_INTERNAL, "an error of unknown form", ""},
        {"\x92\x01\xa1x", 4, ERROR_INTERNAL, "an error of unknown form", ""},
        {"\x80", 1, ERROR_INTERNAL, "an error of unknown form", ""},
        {"\x82\xa4"
         "code\xa3"
         "Odd\xa7"
         "message\xa1"
         "m",
         20, ERROR_INTERNAL, "m", ""},
        {"\x83\xa4"
         "code\xa7"
         "Timeout\xa7"
         "message\xa1"
         "m\xa5"
         "where\xa1w",
         32, ERROR_TIMEOUT, "m", "w"},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_(msgpack_zone_destroy) msgpack_zone zone;
        msgpack_object object = {0};
        struct Error error;
        CHECK(msgpack_zone_init(&zone, 1024));
        CHECK_EQ(wire_unpack(rows[i].data, rows[i].size, &WIRE_LIMITS_DEFAULT, &zone, &object, NULL), 0);
        rpc_error_parse(&object, &error);
        CHECK_EQ(error.code, rows[i].code);
        CHECK_STR(error.what, rows[i].what);
        CHECK_STR(error.where, rows[i].where);
    }
}

static const struct Test tests[] = {
    TEST(test_both_forms),
    TEST(test_foreign_errors),
};
TEST_MAIN(tests)
