// SPDX-License-Identifier: Apache-2.0
#include "base/cleanup.h"
#include "base/test.h"
#include "client/parse.h"
#include <errno.h>

static void test_durations(void)
{
    static const struct {
        const char *text;
        int result;
        uint64_t usec;
    } rows[] = {
        {"10", 0, 10000000},
        {"0", 0, 0},
        {"1.5s", 0, 1500000},
        {"200ms", 0, 200000},
        {"50us", 0, 50},
        {"5m", 0, 300000000},
        {"2h", 0, 7200000000},
        {"1d", 0, 86400000000},
        {"0.000001", 0, 1},
        {"1.0000001s", -EINVAL, 0},
        {"", -EINVAL, 0},
        {"-1", -EINVAL, 0},
        {"1.s", -EINVAL, 0},
        {"s", -EINVAL, 0},
        {"1 s", -EINVAL, 0},
        {"1w", -EINVAL, 0},
        {"99999999999999999999", -ERANGE, 0},
        {"18446744073709551615d", -ERANGE, 0},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        uint64_t usec = 0;
        test_row(rows[i].text);
        CHECK_EQ(parse_duration(rows[i].text, &usec), rows[i].result);
        CHECK_EQ(usec, rows[i].usec);
    }
    test_row(NULL);
}

static void test_times(void)
{
    static const uint64_t now = 2000000000000000;
    static const struct {
        const char *text;
        int result;
        uint64_t usec;
    } rows[] = {
        {"1970-01-01T00:00:01.5Z", 0, 1500000},
        {"2026-01-02T03:04:05Z", 0, 1767323045000000},
        {"1767323045", 0, 1767323045000000},
        {"10m", 0, 2000000000000000 - 600000000},
        {"99999d", 0, 0},
        {"2026-13-02T03:04:05Z", -EINVAL, 0},
        {"yesterday", -EINVAL, 0},
        {"", -EINVAL, 0},
        {"18446744073709551615", -ERANGE, 0},
        {"99999999999999999999999", -ERANGE, 0},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        uint64_t usec = 0;
        test_row(rows[i].text);
        CHECK_EQ(parse_time(rows[i].text, now, &usec), rows[i].result);
        CHECK_EQ(usec, rows[i].usec);
    }
    test_row(NULL);
}

static void test_signed_numbers(void)
{
    static const struct {
        const char *text;
        int result;
        int64_t value;
    } rows[] = {
        {"17", 0, 17},
        {"-5", 0, -5},
        {"-9223372036854775808", 0, INT64_MIN},
        {"9223372036854775807", 0, INT64_MAX},
        {"9223372036854775808", -ERANGE, 0},
        {"-9223372036854775809", -ERANGE, 0},
        {"--5", -EINVAL, 0},
        {"+5", -EINVAL, 0},
        {"-", -EINVAL, 0},
        {"", -EINVAL, 0},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        int64_t value = 0;
        test_row(rows[i].text);
        CHECK_EQ(parse_i64(rows[i].text, &value), rows[i].result);
        CHECK_EQ(value, rows[i].value);
    }
    test_row(NULL);
}

static void test_decimals(void)
{
    static const struct {
        const char *text;
        int result;
        double value;
    } rows[] = {
        {"1.5", 0, 1.5},     {"2", 0, 2},        {".25", 0, 0.25},     {"0.5", 0, 0.5},
        {"1.", -EINVAL, 0},  {".", -EINVAL, 0},  {"", -EINVAL, 0},     {"nan", -EINVAL, 0},
        {"1e3", -EINVAL, 0}, {"-1", -EINVAL, 0}, {"0x10", -EINVAL, 0}, {"1234567890", -ERANGE, 0},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        double value = 0;
        test_row(rows[i].text);
        CHECK_EQ(parse_decimal(rows[i].text, &value), rows[i].result);
        CHECK(value == rows[i].value);
    }
    test_row(NULL);
}

static const struct Test tests[] = {
    TEST(test_durations),
    TEST(test_times),
    TEST(test_signed_numbers),
    TEST(test_decimals),
};
TEST_MAIN(tests)
