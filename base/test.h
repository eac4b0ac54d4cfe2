// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Unit tests: TAP on stdout. A test binary is a table of cases and TEST_MAIN(table).
 *
 *     static void test_parses_numbers(void) { CHECK(str_parse_u64("1", &n) == 0); CHECK_EQ(n, 1); }
 *     static const struct Test tests[] = {TEST(test_parses_numbers), ...};
 *     TEST_MAIN(tests)
 *
 * A failed CHECK prints file, line and both values, marks the case failed and goes on. After each
 * case the number of open descriptors must be what it was before, and no child may be left.
 * `test_skip(reason)` marks the case skipped.
 */
#include <stdbool.h>
#include <stddef.h>

struct Test {
    const char *name;
    void (*run)(void);
};

#define TEST(function)                                                                                       \
    {                                                                                                        \
#function, function                                                                                  \
    }
#define TEST_MAIN(table)                                                                                     \
    int main(int argc, char **argv)                                                                          \
    {                                                                                                        \
        return test_main(argc, argv, table, sizeof(table) / sizeof(table[0]));                               \
    }

int test_main(int argc, char **argv, const struct Test *tests, size_t count);
void test_skip(const char *reason);
/* The path and the descriptor of a new, empty folder, one for each case; both are the harness's,
 * which removes the folder with all that is in it after the case. ret_fd may be NULL. */
const char *test_folder(int *ret_fd);
/* Names the row of a table test in later failures; NULL ends it. */
void test_row(const char *name);

void test_check(bool ok, const char *expression, const char *file, int line);
void test_check_int(long long a, long long b, const char *expression, const char *file, int line);
void test_check_str(const char *a, const char *b, const char *expression, const char *file, int line);

#define CHECK(expression) test_check((expression), #expression, __FILE__, __LINE__)
#define CHECK_EQ(a, b)    test_check_int((long long)(a), (long long)(b), #a " == " #b, __FILE__, __LINE__)
#define CHECK_STR(a, b)   test_check_str((a), (b), #a " == " #b, __FILE__, __LINE__)
