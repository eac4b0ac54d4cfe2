// SPDX-License-Identifier: Apache-2.0
/* Texts that are no JSON, or more of it than the parser takes. */
#include "base/cleanup.h"
#include "runtime/spec/test-rows.h"
#include <string.h>

static const struct Row document_rows[] = {
    {DOCUMENT, "", INVALID, "config.json"},
    {DOCUMENT, " \n\t", INVALID, "config.json"},
    {DOCUMENT, "[]", INVALID, "config.json"},
    {DOCUMENT, "'text'", INVALID, "config.json"},
    {DOCUMENT, "null", INVALID, "config.json"},
    {DOCUMENT, "12", INVALID, "config.json"},
    {DOCUMENT, "{", INVALID, "config.json"},
    {DOCUMENT, "}", INVALID, "config.json"},
    {DOCUMENT, "{'a'", INVALID, "config.json"},
    {DOCUMENT, "{'a':", INVALID, "config.json"},
    {DOCUMENT, "{'a':1", INVALID, "config.json"},
    {DOCUMENT, "{'a':1,", INVALID, "config.json"},
    {DOCUMENT, "{'a':1,}", INVALID, "config.json"},
    {DOCUMENT, "{,}", INVALID, "config.json"},
    {DOCUMENT, "{'a' 1}", INVALID, "config.json"},
    {DOCUMENT, "{'a':1 'b':2}", INVALID, "config.json"},
    {DOCUMENT, "{'a':[1,]}", INVALID, "config.json"},
    {DOCUMENT, "{'a':[1}", INVALID, "config.json"},
    {DOCUMENT, "{'a':1]", INVALID, "config.json"},
    {DOCUMENT, "{a:1}", INVALID, "config.json"},
    {DOCUMENT, "{'a':tru}", INVALID, "config.json"},
    {DOCUMENT, "{'a':True}", INVALID, "config.json"},
    {DOCUMENT, "{'a':NaN}", INVALID, "config.json"},
    {DOCUMENT, "{'a':Infinity}", INVALID, "config.json"},
    {DOCUMENT, "{'a':-Infinity}", INVALID, "config.json"},
    {DOCUMENT, "{'a':01}", INVALID, "config.json"},
    {DOCUMENT, "{'a':+1}", INVALID, "config.json"},
    {DOCUMENT, "{'a':-}", INVALID, "config.json"},
    {DOCUMENT, "{'a':1.}", INVALID, "config.json"},
    {DOCUMENT, "{'a':.5}", INVALID, "config.json"},
    {DOCUMENT, "{'a':1e}", INVALID, "config.json"},
    {DOCUMENT, "{'a':0x10}", INVALID, "config.json"},
    {DOCUMENT, "{'a':18446744073709551616}", INVALID, "a"},
    {DOCUMENT, "{'a':[0,-9223372036854775809]}", INVALID, "a[1]"},
    {DOCUMENT, "{'a':'b", INVALID, "config.json"},
    {DOCUMENT, "{'a':'\\x'}", INVALID, "config.json"},
    {DOCUMENT, "{'a':'\\u12'}", INVALID, "config.json"},
    {DOCUMENT, "{'a':'\\ud800'}", INVALID, "config.json"},
    {DOCUMENT, "{'a':'\\udc00'}", INVALID, "config.json"},
    {DOCUMENT, "{'a':'\\ud800\\u0041'}", INVALID, "config.json"},
    {DOCUMENT, "{'a':'line\nbreak'}", INVALID, "config.json"},
    {DOCUMENT, "{'a':'\xff'}", INVALID, "config.json"},
    {DOCUMENT, "{'a':'\xc0\x80'}", INVALID, "config.json"},
    {DOCUMENT, "\xef\xbb\xbf{}", INVALID, "config.json"},
    {DOCUMENT, "{} x", INVALID, "config.json"},
    {DOCUMENT, "{}{}", INVALID, "config.json"},
    {DOCUMENT, "{/* comment */}", INVALID, "config.json"},
    {DOCUMENT, "{'a':['x',{'b':'\\u0000'}]}", INVALID, "a[1].b"},
    {DOCUMENT, "{'a\\u0000':1}", INVALID, "?"},
    {DOCUMENT, "{'a':1,'a':2}", INVALID, "a"},
    {DOCUMENT, "{'a':1,'\\u0061':2}", INVALID, NULL},
    {DOCUMENT, "{'\xc3\xa9':1,'b':0,'\\u00e9':2}", INVALID, NULL},
    {DOCUMENT, "{'\xf0\x9f\x98\x80':1,'\\ud83d\\ude00':2}", INVALID, NULL},
    {DOCUMENT, "{'':1,'':2}", INVALID, "\"\""},
    {DOCUMENT, "{'x':{'a':[{'c':1,'b':2,'c':3}]}}", INVALID, "x.a[0].c"},
    {DOCUMENT, "{'a':{'b':1},'c':{'b':1}}", INVALID, "ociVersion"}, /* no duplicate */
    {DOCUMENT, "{}", INVALID, "ociVersion"},
};

ROWS_TEST(document_rows)

/* Texts that have to be made. */
static void check_text(const char *name, const char *text, size_t size, const char *where)
{
    _cleanup_spec_ struct Spec *spec = NULL;
    struct Error error = {0};
    test_row(name);
    CHECK_EQ(parse_exact(text, size, &spec, &error), -EINVAL);
    CHECK_EQ(error.code, ERROR_INVALID_ARGUMENT);
    CHECK_STR(error.where, where);
    CHECK(spec == NULL);
    test_row(NULL);
}

static void test_truncated(void)
{
    size_t size = strlen(SPEC_TEMPLATE);
    /* Behind the closing brace comes a line feed, which may be missing. */
    for (size_t i = 0; i + 1 < size; i++)
        check_text("truncated", SPEC_TEMPLATE, i, "config.json");
    _cleanup_spec_ struct Spec *spec = NULL;
    struct Error error = {0};
    CHECK_EQ(parse_exact(SPEC_TEMPLATE, size - 1, &spec, &error), 0);
}

static char *repeated(const char *head, const char *piece, size_t count, const char *tail)
{
    size_t length = strlen(piece), at = strlen(head);
    char *text = malloc(at + length * count + strlen(tail) + 1);
    strcpy(text, head);
    for (size_t i = 0; i < count; i++, at += length)
        memcpy(text + at, piece, length);
    strcpy(text + at, tail);
    return quotes_doubled(text);
}

static void test_too_much(void)
{
    static const struct {
        const char *name, *head, *piece, *tail;
        size_t count;
        const char *where;
    } rows[] = {
        {"a megabyte of [", "", "[", "", 1 << 20, "config.json"},
        {"a megabyte of [ in an object", "{'a':", "[", "", 1 << 20, "config.json"},
        {"a megabyte of objects", "", "{'a':", "", 200000, "config.json"},
        {"33 levels", "{'a':", "[", "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}", 32, "config.json"},
        {"32 levels", "{'a':", "[", "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}", 31, "ociVersion"},
        {"too many values", "{'a':[0", ",0", "]}", 1 << 18, "config.json"},
        {"too large", "{", " ", "}", SPEC_JSON_LIMIT, "config.json"},
        {"as large as it may be", "{", " ", "}", SPEC_JSON_LIMIT - 2, "ociVersion"},
        {"a long list", "{" HEAD "," BASE_ROOT ",'process':{'cwd':'/','args':['a'", ",'a'", "]}}",
         SPEC_LIST_LIMIT, "process.args"},
        {"a long argument", "{" HEAD "," BASE_ROOT ",'process':{'cwd':'/','args':['a','", "a", "']}}", 131072,
         "process.args[1]"},
        {"a long path", "{" HEAD "," COMMAND ",'root':{'path':'", "a", "'}}", 4096, "root.path"},
        {"a long name of a member", "{'", "a", "':1}", 1 << 20, "ociVersion"},
        {"a long number", "{'a':1", "0", "}", 1 << 20, "a"},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_free_ char *text = repeated(rows[i].head, rows[i].piece, rows[i].count, rows[i].tail);
        check_text(rows[i].name, text, strlen(text), rows[i].where);
    }
    check_text("single quotes", "{'a':1}", 7, "config.json");
    check_text("a NUL byte", "{\"a\":\"\0\"}", 9, "config.json");
    check_text("a NUL byte behind the end", "{}\0", 3, "config.json");
}

/* Of a path that does not fit, the end is kept. */
static void test_long_where(void)
{
    _cleanup_free_ char *text = repeated("{'", "a", 300, "':[1,{'b':1,'b':2}]}");
    struct Error error = {0};
    struct Spec *spec = NULL;
    CHECK_EQ(parse_exact(text, strlen(text), &spec, &error), -EINVAL);
    CHECK_EQ(strlen(error.where), ERROR_WHERE_SIZE - 1);
    CHECK_STR(error.where + ERROR_WHERE_SIZE - 1 - 7, "aa[1].b");
}

static const struct Test tests[] = {
    TEST(test_document_rows),
    TEST(test_truncated),
    TEST(test_too_much),
    TEST(test_long_where),
};
TEST_MAIN(tests)
