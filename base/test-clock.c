// SPDX-License-Identifier: Apache-2.0
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/test.h"
#include <errno.h>
#include <string.h>
#include <time.h>

static void test_clocks_advance(void)
{
    uint64_t before = clock_boottime_usec();
    CHECK(clock_boottime_usec() >= before);
    CHECK(clock_realtime_usec() / USEC_PER_SEC + 2 >= (uint64_t)time(NULL));
    CHECK(clock_realtime_usec() / USEC_PER_SEC <= (uint64_t)time(NULL) + 2);
}

static void test_format_matches_the_calendar(void)
{
    char text[TIMESTAMP_SIZE], expected[TIMESTAMP_SIZE];
    /* A step that is no multiple of a day, over the whole range. */
    for (uint64_t seconds = 0; seconds < UINT64_MAX / 1000000000; seconds += 12345678) {
        time_t time = (time_t)seconds;
        struct tm broken;
        gmtime_r(&time, &broken);
        strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S.000000001Z", &broken);
        timestamp_format(seconds * 1000000000 + 1, text);
        CHECK_STR(text, expected);
        uint64_t parsed = 0;
        CHECK_EQ(timestamp_parse(text, &parsed), 0);
        CHECK_EQ(parsed, seconds * 1000000000 + 1);
    }
    timestamp_format(UINT64_MAX, text);
    CHECK_STR(text, "2554-07-21T23:34:33.709551615Z");
}

static void test_parse(void)
{
    static const struct {
        const char *text;
        int result;
        uint64_t nsec;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0, 0},
        {"1970-01-01t00:00:01.5z", 0, 1500000000},
        {"1970-01-01T00:00:00.0000000019Z", 0, 1},
        {"2000-02-29T12:00:00Z", 0, UINT64_C(951825600000000000)},
        {"2026-01-02T03:04:05.123456789+01:30", 0, UINT64_C(1767317645123456789)},
        {"1969-12-31T23:00:00-01:00", -EINVAL, 0},
        {"1970-01-01T00:30:00-01:00", 0, UINT64_C(5400000000000)},
        {"1970-01-01T00:30:00+01:00", -EINVAL, 0},
        {"2554-07-21T23:34:33.709551616Z", -EINVAL, 0},
        {"9999-01-01T00:00:00Z", -EINVAL, 0},
        {"2023-02-29T00:00:00Z", -EINVAL, 0},
        {"2100-02-29T00:00:00Z", -EINVAL, 0},
        {"2023-04-31T00:00:00Z", -EINVAL, 0},
        {"2023-13-01T00:00:00Z", -EINVAL, 0},
        {"2023-00-01T00:00:00Z", -EINVAL, 0},
        {"2023-01-00T00:00:00Z", -EINVAL, 0},
        {"2023-01-01T24:00:00Z", -EINVAL, 0},
        {"2023-01-01T00:60:00Z", -EINVAL, 0},
        {"2023-01-01T00:00:60Z", -EINVAL, 0},
        {"2023-01-01T00:00:00", -EINVAL, 0},
        {"2023-01-01T00:00:00.Z", -EINVAL, 0},
        {"2023-01-01T00:00:00Zx", -EINVAL, 0},
        {"2023-01-01T00:00:00+01:00x", -EINVAL, 0},
        {"2023-01-01T00:00:00+24:00", -EINVAL, 0},
        {"2023-01-01T00:00:00+0100", -EINVAL, 0},
        {"2023-01-01 00:00:00Z", -EINVAL, 0},
        {"2023-1-01T00:00:00Z", -EINVAL, 0},
        {"2023", -EINVAL, 0},
        {"", -EINVAL, 0},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        uint64_t nsec = 4711;
        test_row(rows[i].text);
        CHECK_EQ(timestamp_parse(rows[i].text, &nsec), rows[i].result);
        CHECK_EQ(nsec, rows[i].result == 0 ? rows[i].nsec : 4711);
    }
    test_row(NULL);
}

static const struct Test tests[] = {
    TEST(test_clocks_advance),
    TEST(test_format_matches_the_calendar),
    TEST(test_parse),
};
TEST_MAIN(tests)
