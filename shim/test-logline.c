// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/test.h"
#include "shim/logline.h"
#include <string.h>

enum { OUT_SIZE = 3 * LOGLINE_RECORD_MAX };

static const uint64_t TIME = UINT64_C(1767323045123456789); /* 2026-01-02T03:04:05.123456789Z */

/* One read: formatted in as many rounds as `out_size` makes necessary. */
static void format(bool *is_partial, enum LoglineStream stream, const char *in, size_t size, size_t out_size,
                   struct Buf *log)
{
    static char out[OUT_SIZE + LOGLINE_SLACK];
    _cleanup_free_ char *padded = calloc(1, size + LOGLINE_SLACK);
    struct LoglinePrefix prefix;
    memcpy(padded, in, size);
    logline_prefix(&prefix, TIME, stream);
    for (size_t at = 0; at < size;) {
        struct LoglineResult made =
            logline_format(is_partial, &prefix, padded + at, size - at, out, out_size);
        CHECK(made.consumed > 0 && made.consumed <= size - at);
        CHECK(made.produced <= out_size);
        struct LoglineMeasure measure = logline_measure(out, made.produced);
        CHECK_EQ(measure.payload, made.consumed);
        CHECK_EQ(measure.lines, logline_count_lines(padded + at, made.consumed));
        CHECK_EQ(logline_ends_partial(out, made.produced), *is_partial);
        buf_append(log, out, made.produced);
        at += made.consumed;
    }
}

static void check_log(const char *in, size_t split, const char *expected)
{
    _cleanup_buf_ struct Buf log = BUF_INIT;
    bool is_partial = false;
    size_t size = strlen(in);
    format(&is_partial, LOGLINE_STDOUT, in, split, LOGLINE_RECORD_MAX, &log);
    format(&is_partial, LOGLINE_STDOUT, in + split, size - split, LOGLINE_RECORD_MAX, &log);
    _cleanup_free_ char *text = buf_take_str(&log);
    CHECK_STR(text, expected);
}

#define T "2026-01-02T03:04:05.123456789Z stdout "

static void test_records(void)
{
    static const struct {
        const char *name, *in;
        size_t split;
        const char *expected;
    } rows[] = {
        {"nothing", "", 0, ""},
        {"one line", "abc\n", 4, T "F abc\n"},
        {"empty lines", "\n\n", 2, T "F \n" T "F \n"},
        {"no end", "abc", 3, T "P abc\n"},
        {"two reads of a line", "abcdef\n", 3, T "P abc\n" T "F def\n"},
        {"the newline comes alone", "abc\n", 3, T "P abc\n" T "F \n"},
        {"the newline comes first", "abc\nd\n", 3, T "P abc\n" T "F \n" T "F d\n"},
        {"16 bytes", "0123456789abcdef\n", 17, T "F 0123456789abcdef\n"},
        {"15 and 17 bytes", "0123456789abcde\n0123456789abcdefg\n", 34,
         T "F 0123456789abcde\n" T "F 0123456789abcdefg\n"},
        {"control bytes", "\x01\r\t\x1b[0m\n", 8, T "F \x01\r\t\x1b[0m\n"},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        test_row(rows[i].name);
        check_log(rows[i].in, rows[i].split, rows[i].expected);
    }
    test_row(NULL);
}

static void test_stream_name_and_terminator(void)
{
    char record[LOGLINE_PREFIX_SIZE + 2] = "";
    struct LoglinePrefix prefix;
    logline_prefix(&prefix, TIME, LOGLINE_STDERR);
    CHECK_EQ(logline_terminate(&prefix, record), LOGLINE_PREFIX_SIZE + 1);
    CHECK_STR(record, "2026-01-02T03:04:05.123456789Z stderr F \n");
    CHECK(!logline_ends_partial(record, LOGLINE_PREFIX_SIZE + 1));
    CHECK(!logline_ends_partial("", 0));
}

static void test_long_lines(void)
{
    static const size_t sizes[] = {LOGLINE_TEXT_MAX - 1, LOGLINE_TEXT_MAX, LOGLINE_TEXT_MAX + 1,
                                   2 * LOGLINE_TEXT_MAX, 5 * LOGLINE_TEXT_MAX + 7};
    static const size_t records[] = {1, 1, 2, 2, 6};
    for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
        _cleanup_buf_ struct Buf log = BUF_INIT;
        _cleanup_free_ char *in = malloc(sizes[i] + 1);
        bool is_partial = false;
        memset(in, 'x', sizes[i]);
        in[sizes[i]] = '\n';
        format(&is_partial, LOGLINE_STDOUT, in, sizes[i] + 1, OUT_SIZE, &log);
        CHECK(!is_partial);
        CHECK_EQ(logline_count_lines(log.data, log.size), records[i]);
        CHECK_EQ(logline_measure(log.data, log.size).lines, 1);
        CHECK_EQ(log.size, sizes[i] + records[i] * (LOGLINE_PREFIX_SIZE + 1));
    }
}

static void test_counts_lines(void)
{
    static char in[200];
    for (size_t size = 0; size < sizeof(in); size++) {
        uint64_t expected = 0;
        for (size_t i = 0; i < size; i++) {
            in[i] = (i * 7 + size) % 5 < 2 ? '\n' : (char)(i + 11);
            expected += in[i] == '\n';
        }
        CHECK_EQ(logline_count_lines(in, size), expected);
    }
    CHECK_EQ(logline_count_lines("\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n", 17), 17);
}

/* Puts the text of the records together again. */
static void reassemble(const struct Buf *log, struct Buf *text)
{
    for (size_t at = 0; at < log->size;) {
        const char *record = log->data + at;
        const char *end = memchr(record, '\n', log->size - at);
        CHECK(end && end - record >= LOGLINE_PREFIX_SIZE);
        if (!end)
            return;
        CHECK(memcmp(record, T, strlen(T)) == 0);
        CHECK(end - record <= LOGLINE_PREFIX_SIZE + LOGLINE_TEXT_MAX);
        buf_append(text, record + LOGLINE_PREFIX_SIZE, (size_t)(end - record) - LOGLINE_PREFIX_SIZE);
        if (record[LOGLINE_PREFIX_SIZE - 2] == 'F')
            buf_append(text, "\n", 1);
        at = (size_t)(end + 1 - log->data);
    }
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void check_round_trip(const char *in, size_t size, uint64_t *random)
{
    _cleanup_buf_ struct Buf log = BUF_INIT, text = BUF_INIT;
    bool is_partial = false;
    for (size_t at = 0; at < size;) {
        size_t part = 1 + next_random(random) % (size - at);
        size_t out_size = LOGLINE_RECORD_MAX + next_random(random) % (OUT_SIZE - LOGLINE_RECORD_MAX);
        format(&is_partial, LOGLINE_STDOUT, in + at, part, out_size, &log);
        at += part;
    }
    reassemble(&log, &text);
    CHECK_EQ(text.size, size);
    CHECK(text.size == size && (size == 0 || memcmp(text.data, in, size) == 0));
    CHECK_EQ(is_partial, size > 0 && in[size - 1] != '\n');
}

static void test_random_bytes_come_back(void)
{
    static char in[100000];
    uint64_t random = UINT64_C(88172645463325252);
    static const unsigned newline_shares[] = {2, 10, 256, 40000};
    for (unsigned round = 0; round < 200; round++) {
        size_t size = next_random(&random) % (round % 10 == 0 ? sizeof(in) : 3000);
        unsigned share = newline_shares[round % ELEMENTSOF(newline_shares)];
        for (size_t i = 0; i < size; i++) {
            in[i] = (char)next_random(&random);
            if (in[i] == '\n')
                in[i] = 0;
            if (next_random(&random) % share == 0)
                in[i] = '\n';
        }
        check_round_trip(in, size, &random);
    }
}

static void test_every_read_boundary(void)
{
    static const char in[] = "first\n\nthe third line is longer than sixteen\n\0binary\xff\nlast";
    for (size_t split = 0; split < sizeof(in); split++) { /* the last one: no second read */
        _cleanup_buf_ struct Buf log = BUF_INIT, text = BUF_INIT;
        bool is_partial = false;
        format(&is_partial, LOGLINE_STDOUT, in, split, LOGLINE_RECORD_MAX, &log);
        format(&is_partial, LOGLINE_STDOUT, in + split, sizeof(in) - 1 - split, LOGLINE_RECORD_MAX, &log);
        reassemble(&log, &text);
        CHECK(text.size == sizeof(in) - 1 && memcmp(text.data, in, text.size) == 0);
        CHECK(is_partial);
    }
}

static const struct Test tests[] = {
    TEST(test_records),      TEST(test_stream_name_and_terminator), TEST(test_long_lines),
    TEST(test_counts_lines), TEST(test_random_bytes_come_back),     TEST(test_every_read_boundary),
};
TEST_MAIN(tests)
