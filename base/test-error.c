// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/str.h"
#include "base/test.h"

static void test_names_round_trip(void)
{
    for (int code = ERROR_NONE + 1; code < ERROR_CODE_COUNT; code++) {
        test_row(error_code_name(code));
        CHECK_EQ(error_code_from_name(error_code_name(code)), code);
        CHECK(error_code_errno((enum ErrorCode)code) < 0);
    }
    test_row(NULL);
    CHECK_STR(error_code_name(ERROR_NOT_FOUND), "NotFound");
    CHECK_STR(error_code_name(-1), "Internal");
    CHECK_STR(error_code_name(ERROR_CODE_COUNT), "Internal");
    CHECK_EQ(error_code_from_name("Nonsense"), ERROR_NONE);
    CHECK_EQ(error_code_from_name("None"), ERROR_NONE);
    CHECK_EQ(error_code_from_name(NULL), ERROR_NONE);
}

static void test_set_fills_everything(void)
{
    struct Error error = {.errnum = 7};
    CHECK_EQ(error_set(&error, ERROR_INVALID_ARGUMENT, "linux.cpu", "%d is too much", 9), -EINVAL);
    CHECK_EQ(error.code, ERROR_INVALID_ARGUMENT);
    CHECK_EQ(error.errnum, 0);
    CHECK_STR(error.where, "linux.cpu");
    CHECK_STR(error.what, "9 is too much");
    CHECK_EQ(error_set(NULL, ERROR_NOT_FOUND, NULL, "nothing listens"), -ENOENT);
}

static void test_set_errno_appends_the_reason(void)
{
    struct Error error = {0};
    CHECK_EQ(error_set_errno(&error, ERROR_RUNTIME_FAILED, -ENOENT, NULL, "cannot open %s", "x"), -ENOENT);
    CHECK_EQ(error.errnum, ENOENT);
    CHECK_STR(error.where, "");
    CHECK_STR(error.what, "cannot open x: No such file or directory");
    CHECK_EQ(error_set_errno(NULL, ERROR_INTERNAL, EPERM, "", "no"), -EPERM);
}

static void test_where_keeps_its_tail_and_what_its_head(void)
{
    char where[300], what[400];
    memset(where, 'a', sizeof(where) - 1);
    memcpy(where + sizeof(where) - 5, "tail", 5);
    memset(what, 'b', sizeof(what) - 1);
    memcpy(what, "head", 4);
    what[sizeof(what) - 1] = 0;
    struct Error error;
    error_set(&error, ERROR_INTERNAL, where, "%s", what);
    CHECK_EQ(strlen(error.where), ERROR_WHERE_SIZE - 1);
    CHECK_STR(error.where + ERROR_WHERE_SIZE - 5, "tail");
    CHECK_EQ(strlen(error.what), ERROR_WHAT_SIZE - 1);
    CHECK(str_starts_with(error.what, "headbbb"));
    error_set_errno(&error, ERROR_INTERNAL, EPERM, where, "%s", what);
    CHECK_EQ(strlen(error.what), ERROR_WHAT_SIZE - 1);
}

/* Every way in which a cut can fall into a character of 2, 3 or 4 bytes. */
static void test_cuts_leave_whole_characters(void)
{
    static const char *const characters[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    for (size_t c = 0; c < ELEMENTSOF(characters); c++)
        for (size_t shift = 0; shift < 4; shift++) {
            char text[600] = "xxxx";
            size_t size = shift, step = strlen(characters[c]);
            for (; size + step < sizeof(text); size += step)
                memcpy(text + size, characters[c], step + 1);
            struct Error error;
            error_set(&error, ERROR_INTERNAL, text, "%s", text);
            test_row(characters[c]);
            CHECK(str_is_utf8(error.where, strlen(error.where)));
            CHECK(str_is_utf8(error.what, strlen(error.what)));
            CHECK(strlen(error.where) + 4 >= ERROR_WHERE_SIZE);
            CHECK(strlen(error.what) + 4 >= ERROR_WHAT_SIZE);
        }
    test_row(NULL);
}

static void test_sanitize_bounds_foreign_bytes(void)
{
    struct Error error;
    memset(&error, 0xff, sizeof(error));
    error_sanitize(&error);
    CHECK_EQ(error.code, ERROR_INTERNAL);
    CHECK_EQ(error.errnum, 0);
    CHECK_EQ(strlen(error.where), ERROR_WHERE_SIZE - 1);
    CHECK_EQ(strlen(error.what), ERROR_WHAT_SIZE - 1);
    error = (struct Error){.code = ERROR_TIMEOUT, .errnum = ETIMEDOUT};
    error_sanitize(&error);
    CHECK_EQ(error.code, ERROR_TIMEOUT);
    CHECK_EQ(error.errnum, ETIMEDOUT);
}

static void test_format(void)
{
    char text[64];
    struct Error error;
    error_set(&error, ERROR_NOT_FOUND, "container", "no such container");
    CHECK_STR(error_format(&error, text, sizeof(text)), "NotFound: no such container (container)");
    error_set(&error, ERROR_NOT_FOUND, "", "no such container");
    CHECK_STR(error_format(&error, text, sizeof(text)), "NotFound: no such container");
    CHECK_STR(error_format(&error, text, 9), "NotFound");
}

static const struct Test tests[] = {
    TEST(test_names_round_trip),
    TEST(test_set_fills_everything),
    TEST(test_set_errno_appends_the_reason),
    TEST(test_where_keeps_its_tail_and_what_its_head),
    TEST(test_cuts_leave_whole_characters),
    TEST(test_sanitize_bounds_foreign_bytes),
    TEST(test_format),
};
TEST_MAIN(tests)
