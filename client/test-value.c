// SPDX-License-Identifier: Apache-2.0
#include "base/test.h"
#include "client/value.h"
#include <errno.h>
#include <string.h>

static void check_json(const davit_value *value, const char *expected)
{
    _cleanup_free_ char *json = davit_value_to_json(value);
    CHECK_STR(json, expected);
}

static void test_scalars(void)
{
    static const unsigned char raw[] = {0xff, 0x00, 0x41};
    struct {
        davit_value *value;
        enum davit_type type;
        const char *json;
    } rows[] = {
        {davit_value_new_nil(), DAVIT_NIL, "null"},
        {davit_value_new_bool(true), DAVIT_BOOL, "true"},
        {davit_value_new_uint(UINT64_MAX), DAVIT_UINT, "18446744073709551615"},
        {davit_value_new_int(INT64_MIN), DAVIT_INT, "-9223372036854775808"},
        {davit_value_new_int(7), DAVIT_UINT, "7"},
        {davit_value_new_string("a\"\n"), DAVIT_STRING, "\"a\\\"\\n\""},
        {davit_value_new_string(NULL), DAVIT_NIL, "null"},
        {davit_value_new_bytes("text", 4), DAVIT_BYTES, "\"text\""},
        {davit_value_new_bytes(raw, 3), DAVIT_BYTES, "{\"base64\":\"/wBB\"}"},
        {davit_value_new_array(), DAVIT_ARRAY, "[]"},
        {davit_value_new_map(), DAVIT_MAP, "{}"},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        test_row(rows[i].json);
        CHECK_EQ(davit_value_type(rows[i].value), rows[i].type);
        check_json(rows[i].value, rows[i].json);
        davit_value_free(rows[i].value);
    }
    test_row(NULL);
}

static void test_conversions_refuse_what_does_not_fit(void)
{
    _cleanup_value_ davit_value *large = davit_value_new_uint(UINT64_MAX),
                                *negative = davit_value_new_int(-2);
    uint64_t u64 = 5;
    int64_t i64 = 5;
    double real = 5;
    CHECK(!davit_value_int(large, &i64));
    CHECK(!davit_value_uint(negative, &u64));
    CHECK(!davit_value_uint(NULL, &u64));
    CHECK(u64 == 5 && i64 == 5);
    CHECK(davit_value_int(negative, &i64) && i64 == -2);
    CHECK(davit_value_double(negative, &real) && real == -2.0);
    CHECK(davit_value_string(large) == NULL);
    CHECK(davit_value_get(large, "key") == NULL);
    CHECK(davit_value_at(NULL, 0) == NULL);
    CHECK_EQ(davit_value_size(NULL), 0);
}

static void test_maps_keep_order_and_replace(void)
{
    _cleanup_value_ davit_value *map = davit_value_new_map();
    CHECK_EQ(davit_value_set_uint(map, "b", 1), 0);
    CHECK_EQ(davit_value_set_string(map, "a", "x"), 0);
    CHECK_EQ(davit_value_set_bool(map, "b", false), 0);
    check_json(map, "{\"b\":false,\"a\":\"x\"}");
    CHECK_STR(davit_value_key_at(map, 1), "a");
    CHECK(davit_value_key_at(map, 2) == NULL);
    CHECK_EQ(davit_value_set(map, "c", NULL), -ENOMEM);
    CHECK_EQ(davit_value_append(map, davit_value_new_nil()), -EINVAL);
    CHECK_EQ(davit_value_size(map), 2);
}

static void test_paths(void)
{
    _cleanup_value_ davit_value *map = davit_value_new_map();
    CHECK_EQ(davit_value_set_path(map, "resources.memory", davit_value_new_uint(64)), 0);
    CHECK_EQ(davit_value_set_path(map, "resources.pids", davit_value_new_uint(5)), 0);
    CHECK_EQ(davit_value_append_path(map, "log.sinks", davit_value_new_string("cri")), 0);
    CHECK_EQ(davit_value_append_path(map, "log.sinks", davit_value_new_string("none")), 0);
    CHECK_EQ(davit_value_set_member(map, "sysctls", "net.ipv4.ip_forward", davit_value_new_string("1")), 0);
    check_json(map, "{\"resources\":{\"memory\":64,\"pids\":5},\"log\":{\"sinks\":[\"cri\",\"none\"]},"
                    "\"sysctls\":{\"net.ipv4.ip_forward\":\"1\"}}");
    CHECK_EQ(davit_value_set_path(map, "resources.memory.x", davit_value_new_nil()), -EINVAL);
    CHECK_EQ(davit_value_append_path(map, "resources", davit_value_new_nil()), -EINVAL);
    uint64_t memory = 0;
    CHECK(davit_value_uint(davit_value_get_path(map, "resources.memory"), &memory) && memory == 64);
    CHECK(davit_value_get_path(map, "resources.nothing.below") == NULL);
    _cleanup_value_ davit_value *copy = davit_value_copy(map);
    _cleanup_free_ char *a = davit_value_to_json(map), *b = davit_value_to_json(copy);
    CHECK_STR(a, b);
}

static void test_depth_is_limited_everywhere(void)
{
    davit_value *value = davit_value_new_array();
    for (int i = 1; i < DAVIT_DEPTH_MAX; i++) {
        davit_value *outer = davit_value_new_array();
        CHECK_EQ(davit_value_append(outer, value), 0);
        value = outer;
    }
    _cleanup_value_ davit_value *map = davit_value_new_map(), *outer = davit_value_new_array();
    _cleanup_value_ davit_value *copy = davit_value_copy(value);
    _cleanup_free_ char *json = davit_value_to_json(copy);
    CHECK(json && strlen(json) == 2 * DAVIT_DEPTH_MAX);
    CHECK_EQ(davit_value_append(outer, value), -E2BIG); /* freed */
    CHECK_EQ(davit_value_size(outer), 0);
    CHECK_EQ(
        davit_value_set_path(map, "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.x", davit_value_new_nil()),
        0);
    CHECK_EQ(
        davit_value_set_path(map, "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.y.z", davit_value_new_nil()),
        -E2BIG);
    CHECK_EQ(davit_value_append(outer, davit_value_copy(map)), -E2BIG);
}

static void test_many_members(void)
{
    _cleanup_value_ davit_value *map = davit_value_new_map();
    for (int i = 0; i < 1000; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%d", i);
        CHECK_EQ(davit_value_set_uint(map, key, (uint64_t)i), 0);
    }
    _cleanup_value_ davit_value *copy = davit_value_copy(map);
    uint64_t value = 0;
    CHECK_EQ(davit_value_size(copy), 1000);
    CHECK(davit_value_get_uint(copy, "k999", &value) && value == 999);
}

static const struct Test tests[] = {
    TEST(test_scalars),
    TEST(test_conversions_refuse_what_does_not_fit),
    TEST(test_maps_keep_order_and_replace),
    TEST(test_paths),
    TEST(test_depth_is_limited_everywhere),
    TEST(test_many_members),
};
TEST_MAIN(tests)
