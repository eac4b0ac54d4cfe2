// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"
#include "base/test.h"
#include <errno.h>
#include <string.h>

static void test_append_and_take(void)
{
    _cleanup_buf_ struct Buf buf = BUF_INIT;
    buf_append_str(&buf, "a");
    buf_printf(&buf, "%s-%03d", "b", 7);
    buf_append(&buf, "\0z", 2);
    buf_append(&buf, NULL, 0);
    CHECK_EQ(buf.error, 0);
    CHECK_EQ(buf.size, 8);
    _cleanup_free_ char *text = buf_take_str(&buf);
    CHECK(text && memcmp(text, "ab-007\0z", 9) == 0);
    CHECK_EQ(buf.size, 0);
    CHECK(buf.data == NULL);
    _cleanup_free_ char *empty = buf_take_str(&buf);
    CHECK_STR(empty, "");
}

static void test_growth_keeps_the_bytes(void)
{
    _cleanup_buf_ struct Buf buf = BUF_INIT;
    for (int i = 0; i < 20000; i++)
        buf_printf(&buf, "%05d", i);
    CHECK_EQ(buf.error, 0);
    CHECK_EQ(buf.size, 100000);
    CHECK(buf.data && memcmp(buf.data + 61725, "12345", 5) == 0);
    buf_consume(&buf, 99995);
    CHECK(buf.size == 5 && memcmp(buf.data, "19999", 5) == 0);
    buf_consume(&buf, 100);
    CHECK_EQ(buf.size, 0);
}

static void test_limit_is_exact_and_sticks(void)
{
    _cleanup_buf_ struct Buf buf = {.limit = 10};
    buf_append_str(&buf, "0123456789");
    CHECK_EQ(buf.error, 0);
    buf_append(&buf, "x", 1);
    CHECK_EQ(buf.error, -EFBIG);
    CHECK(buf_extend(&buf, 0) == NULL);
    buf_printf(&buf, "%s", "y");
    CHECK_EQ(buf.size, 10);
    CHECK(buf_take_str(&buf) == NULL);
    buf_deinit(&buf);
    CHECK_EQ(buf.limit, 10);
    CHECK_EQ(buf.error, 0);
    buf_printf(&buf, "%s", "0123456789a");
    CHECK_EQ(buf.error, -EFBIG);
    CHECK_EQ(buf.size, 0);
}

static void test_extend_refuses_overflow(void)
{
    _cleanup_buf_ struct Buf buf = BUF_INIT;
    char *room = buf_extend(&buf, 3);
    CHECK(room != NULL);
    memcpy(room, "abc", 3);
    CHECK_EQ(buf.size, 3);
    CHECK(buf_extend(&buf, SIZE_MAX - 1) == NULL);
    CHECK_EQ(buf.error, -EFBIG);
}

static const struct Test tests[] = {
    TEST(test_append_and_take),
    TEST(test_growth_keeps_the_bytes),
    TEST(test_limit_is_exact_and_sticks),
    TEST(test_extend_refuses_overflow),
};
TEST_MAIN(tests)
