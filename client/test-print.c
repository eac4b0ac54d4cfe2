// SPDX-License-Identifier: Apache-2.0
#include "base/test.h"
#include "client/cri.h"
#include "client/print.h"
#include <string.h>

static void test_control_bytes_are_escaped(void)
{
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"plain\ttext", "plain\ttext"},
        {"\x1b[31mred", "\\x1b[31mred"},
        {"a\r\n\x7f", "a\\x0d\\x0a\\x7f"},
        {"\xc2\x9b"
         "2J",
         "\\xc2\\x9b2J"},
        {"\xc3\xa4\xc2\xa0", "\xc3\xa4\xc2\xa0"},
        {"", ""},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_buf_ struct Buf out = BUF_INIT;
        print_escaped(&out, rows[i].text, strlen(rows[i].text));
        _cleanup_free_ char *text = buf_take_str(&out);
        CHECK_STR(text, rows[i].expected);
    }
}

static void test_json_is_indented(void)
{
    static const struct {
        const char *json, *expected;
    } rows[] = {
        {"{}", "{}"},
        {"[1,2]", "[\n  1,\n  2\n]"},
        {"{\"a\":{\"b\":[]},\"c\":\"{,:\\\"}\"}",
         "{\n  \"a\": {\n    \"b\": []\n  },\n  \"c\": \"{,:\\\"}\"\n}"},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_buf_ struct Buf out = BUF_INIT;
        print_indented(&out, rows[i].json);
        _cleanup_free_ char *text = buf_take_str(&out);
        CHECK_STR(text, rows[i].expected);
    }
}

static void test_tables_are_aligned(void)
{
    _cleanup_(table_deinit) struct Table table;
    _cleanup_buf_ struct Buf out = BUF_INIT;
    table_init(&table, 3);
    static const char *const cells[] = {"A", "BB", "C", "\xc3\xa4\xc3\xa4\xc3\xa4", NULL, "x\ny"};
    for (size_t i = 0; i < ELEMENTSOF(cells); i++)
        table_add(&table, cells[i]);
    table_print(&table, &out);
    _cleanup_free_ char *text = buf_take_str(&out);
    CHECK_STR(text, "A     BB   C\n\xc3\xa4\xc3\xa4\xc3\xa4        x\\x0ay\n");
}

static void test_ages(void)
{
    static const struct {
        uint64_t seconds;
        const char *expected;
    } rows[] = {{0, "0 s"}, {119, "119 s"}, {120, "2 min"}, {7200, "2 h"}, {172800, "2 d"}};
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_buf_ struct Buf out = BUF_INIT;
        print_age(&out, rows[i].seconds * 1000000);
        _cleanup_free_ char *text = buf_take_str(&out);
        CHECK_STR(text, rows[i].expected);
    }
}

static void test_records(void)
{
    static const struct {
        const char *line;
        bool valid, is_stderr, partial, gap;
        const char *text;
    } rows[] = {
        {"T stdout F hello", true, false, false, false, "hello"},
        {"T stderr P par t", true, true, true, false, "par t"},
        {"T stdout F ", true, false, false, false, ""},
        {"T stderr F:davit.gap {\"bytes\":1}", true, true, false, true, "{\"bytes\":1}"},
        {"T stdout P:x y", true, false, true, false, "y"},
        {"T stdout F", false, false, false, false, NULL},
        {"T stdin F x", false, false, false, false, NULL},
        {"T stdout X x", false, false, false, false, NULL},
        {"T stdout Fx x", false, false, false, false, NULL},
        {"", false, false, false, false, NULL},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        struct CriRecord record = {0};
        test_row(rows[i].line);
        CHECK_EQ(cri_parse(rows[i].line, strlen(rows[i].line), &record), rows[i].valid);
        if (!rows[i].valid)
            continue;
        CHECK_EQ(record.is_stderr, rows[i].is_stderr);
        CHECK_EQ(record.partial, rows[i].partial);
        CHECK_EQ(record.gap, rows[i].gap);
        CHECK_EQ(record.text_size, strlen(rows[i].text));
        CHECK(memcmp(record.text, rows[i].text, record.text_size) == 0);
    }
    test_row(NULL);
}

static void collect(void *owner, const char *line, size_t size)
{
    buf_append_str(owner, "<");
    buf_append(owner, line, size);
    buf_append_str(owner, ">");
}

static void test_lines_over_all_cuts(void)
{
    static const char bytes[] = "one\n\ntwo\nrest";
    for (size_t cut = 0; cut < sizeof(bytes) - 1; cut++) {
        _cleanup_(cri_reader_deinit) struct CriReader reader = {BUF_INIT};
        _cleanup_buf_ struct Buf out = BUF_INIT;
        CHECK_EQ(cri_feed(&reader, bytes, cut, collect, &out), 0);
        CHECK_EQ(cri_feed(&reader, bytes + cut, sizeof(bytes) - 1 - cut, collect, &out), 0);
        _cleanup_free_ char *text = buf_take_str(&out);
        CHECK_STR(text, "<one><><two>");
    }
}

static const struct Test tests[] = {
    TEST(test_control_bytes_are_escaped),
    TEST(test_json_is_indented),
    TEST(test_tables_are_aligned),
    TEST(test_ages),
    TEST(test_records),
    TEST(test_lines_over_all_cuts),
};
TEST_MAIN(tests)
