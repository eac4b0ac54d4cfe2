// SPDX-License-Identifier: Apache-2.0
/*
 * A state machine over the bytes with a stack of its own. The names of the objects that are open lie
 * one after the other in `names`; when an object closes, its names are sorted and compared, and go.
 */
#include "runtime/spec/json-scan.h"
#include "base/str.h"
#include "runtime/spec/json-path.h"
#include <stdbool.h>

enum Expect {
    EXPECT_VALUE,
    EXPECT_VALUE_OR_END, /* behind [ */
    EXPECT_NAME,         /* behind , in an object */
    EXPECT_NAME_OR_END,  /* behind { */
    EXPECT_COMMA_OR_END,
    EXPECT_NOTHING, /* the document is complete */
};

struct Name {
    const char *text; /* between the quotes, escapes as they are */
    size_t size;
};

struct Frame {
    struct JsonPath path; /* of the value inside that is being read */
    char closing;         /* } or ] */
    size_t first_name;
};

struct Scan {
    const char *text;
    size_t size, at;
    struct Frame frames[JSON_DEPTH_MAX];
    unsigned depth;
    size_t values;
    struct Name *names;
    size_t name_count, name_capacity;
    struct Error *error;
};

static void scan_deinit(struct Scan *scan)
{
    free(scan->names);
}

/* The byte at the cursor; 0, which is no JSON either, at the end. */
static char peek(const struct Scan *scan)
{
    return scan->at < scan->size ? scan->text[scan->at] : 0;
}

static int fail_grammar(const struct Scan *scan, const char *what)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < scan->at && i < scan->size; i++) {
        column = scan->text[i] == '\n' ? 1 : column + 1;
        line += scan->text[i] == '\n';
    }
    return error_set(scan->error, ERROR_INVALID_ARGUMENT, JSON_DOCUMENT,
                     "not JSON: %s at line %zu, column %zu",
                     scan->at < scan->size ? what : "the text ends too early", line, column);
}

static const struct JsonPath *scan_path(const struct Scan *scan)
{
    return scan->depth > 0 ? &scan->frames[scan->depth - 1].path : NULL;
}

static int fail_value(const struct Scan *scan, const char *what)
{
    return json_path_fail(scan_path(scan), scan->error, ERROR_INVALID_ARGUMENT, "%s", what);
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static int hex_value(char byte)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = byte ? strchr(digits, byte >= 'A' && byte <= 'F' ? byte | 0x20 : byte) : NULL;
    return found ? (int)(found - digits) : -1;
}

/* Four hexadecimal digits; -1 when they are not. */
static int32_t hex_quad(const char *text, size_t size)
{
    int32_t value = 0;
    for (size_t i = 0; i < 4; i++) {
        int digit = i < size ? hex_value(text[i]) : -1;
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* The unit at the front of the inside of a string: a byte that stands for itself, or the character
 * of an escape. -1 for what is none. *ret_used: how many bytes it takes. */
static int32_t unescape(const char *text, size_t size, size_t *ret_used)
{
    static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    *ret_used = 1;
    if (text[0] != '\\')
        return (unsigned char)text[0] < 0x20 ? -1 : (unsigned char)text[0];
    const char *found = size > 1 && text[1] ? strchr(escapes, text[1]) : NULL;
    *ret_used = 2;
    if (found)
        return (unsigned char)meanings[found - escapes];
    if (size < 2 || text[1] != 'u')
        return -1;
    int32_t high = hex_quad(text + 2, size - 2);
    *ret_used = 6;
    if (high < 0xd800 || high > 0xdfff)
        return high;
    *ret_used = 12;
    int32_t low = size >= 12 && text[6] == '\\' && text[7] == 'u' ? hex_quad(text + 8, 4) : -1;
    if (high > 0xdbff || low < 0xdc00 || low > 0xdfff)
        return -1;
    return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

/* Gives the bytes of a name one by one, escapes undone and written in UTF-8. */
struct NameBytes {
    struct Name name;
    unsigned char bytes[4];
    size_t count, at;
};

static void encode_utf8(struct NameBytes *reader, int32_t character)
{
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    reader->at = 0;
    reader->count = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    for (size_t i = reader->count; i-- > 1; character >>= 6)
        reader->bytes[i] = (unsigned char)(0x80 | (character & 0x3f));
    reader->bytes[0] = (unsigned char)(first[reader->count] | character);
}

/* -1 at the end. */
static int name_next(struct NameBytes *reader)
{
    if (reader->at < reader->count)
        return reader->bytes[reader->at++];
    if (reader->name.size == 0)
        return -1;
    size_t used = 0;
    bool escaped = reader->name.text[0] == '\\';
    int32_t unit = unescape(reader->name.text, reader->name.size, &used);
    reader->name.text += used;
    reader->name.size -= used;
    if (!escaped)
        return unit;
    encode_utf8(reader, unit);
    return reader->bytes[reader->at++];
}

static int name_compare(const void *left, const void *right)
{
    struct NameBytes a = {.name = *(const struct Name *)left}, b = {.name = *(const struct Name *)right};
    for (;;) {
        int x = name_next(&a), y = name_next(&b);
        if (x != y)
            return x < y ? -1 : 1;
        if (x < 0)
            return 0;
    }
}

static int name_push(struct Scan *scan, struct Name name)
{
    if (scan->name_count == scan->name_capacity) {
        size_t capacity = scan->name_capacity > 0 ? scan->name_capacity * 2 : 64;
        struct Name *names = reallocarray(scan->names, capacity, sizeof(*names));
        if (!names)
            return error_set_errno(scan->error, ERROR_RESOURCE_EXHAUSTED, ENOMEM, JSON_DOCUMENT, "parsing");
        scan->names = names;
        scan->name_capacity = capacity;
    }
    scan->names[scan->name_count++] = name;
    return 0;
}

/* Of the object on top of the stack, which closes. */
static int check_names(struct Scan *scan)
{
    struct Frame *frame = &scan->frames[scan->depth - 1];
    size_t count = scan->name_count - frame->first_name;
    scan->name_count = frame->first_name;
    if (count < 2)
        return 0;
    struct Name *names = scan->names + frame->first_name;
    qsort(names, count, sizeof(*names), name_compare);
    for (size_t i = 1; i < count; i++) {
        if (name_compare(&names[i - 1], &names[i]) != 0)
            continue;
        frame->path.name = names[i].text;
        frame->path.name_size = names[i].size;
        return fail_value(scan, "the member is there twice");
    }
    return 0;
}

/* From the opening quote to behind the closing one. */
static int scan_string(struct Scan *scan, struct Name *ret)
{
    size_t begin = ++scan->at;
    while (peek(scan) != '"') {
        if (scan->at >= scan->size)
            return fail_grammar(scan, "");
        size_t used = 0;
        int32_t unit = unescape(scan->text + scan->at, scan->size - scan->at, &used);
        if (unit < 0)
            return fail_grammar(scan, "a control byte or a bad escape in a string");
        if (unit == 0)
            return fail_value(scan, "holds the character U+0000");
        scan->at += used;
    }
    *ret = (struct Name){scan->text + begin, scan->at - begin};
    scan->at++;
    return 0;
}

static size_t scan_digits(struct Scan *scan)
{
    size_t begin = scan->at;
    while (is_digit(peek(scan)))
        scan->at++;
    return scan->at - begin;
}

/* Digits of an integer: -2^63 to 2^64-1. */
static bool fits_64_bits(const char *digits, size_t count, bool negative)
{
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digits[i] - '0', &value))
            return false;
    return !negative || value <= UINT64_C(1) << 63;
}

static int scan_number(struct Scan *scan)
{
    bool negative = peek(scan) == '-', is_integer = true;
    scan->at += negative;
    const char *digits = scan->text + scan->at;
    size_t count = scan_digits(scan);
    if (count == 0 || (count > 1 && digits[0] == '0'))
        return fail_grammar(scan, "a malformed number");
    if (peek(scan) == '.') {
        is_integer = false;
        scan->at++;
        if (scan_digits(scan) == 0)
            return fail_grammar(scan, "a malformed number");
    }
    if (peek(scan) == 'e' || peek(scan) == 'E') {
        is_integer = false;
        scan->at++;
        scan->at += peek(scan) == '+' || peek(scan) == '-';
        if (scan_digits(scan) == 0)
            return fail_grammar(scan, "a malformed number");
    }
    return !is_integer || fits_64_bits(digits, count, negative)
               ? 0
               : fail_value(scan, "does not fit into 64 bits");
}

static int scan_word(struct Scan *scan)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < ELEMENTSOF(words); i++) {
        size_t size = strlen(words[i]);
        if (scan->size - scan->at < size || memcmp(scan->text + scan->at, words[i], size) != 0)
            continue;
        scan->at += size;
        return 0;
    }
    return fail_grammar(scan, "an unexpected byte");
}

/* Each of these takes something from the text and says what has to follow, or fails. */
static int close_container(struct Scan *scan)
{
    scan->at++;
    int r = check_names(scan);
    if (r < 0)
        return r;
    return --scan->depth > 0 ? EXPECT_COMMA_OR_END : EXPECT_NOTHING;
}

static int open_container(struct Scan *scan, char closing)
{
    const struct JsonPath *path = scan_path(scan);
    if (scan->depth == JSON_DEPTH_MAX)
        return error_set(scan->error, ERROR_INVALID_ARGUMENT, JSON_DOCUMENT, "nested deeper than %d levels",
                         JSON_DEPTH_MAX);
    scan->at++;
    scan->frames[scan->depth++] =
        (struct Frame){.path = {.parent = path}, .closing = closing, .first_name = scan->name_count};
    return closing == '}' ? EXPECT_NAME_OR_END : EXPECT_VALUE_OR_END;
}

static int take_value(struct Scan *scan)
{
    char byte = peek(scan);
    struct Name ignored;
    if (++scan->values > JSON_VALUES_MAX)
        return error_set(scan->error, ERROR_INVALID_ARGUMENT, JSON_DOCUMENT, "more than %d values",
                         JSON_VALUES_MAX);
    if (byte == '{' || byte == '[')
        return open_container(scan, byte == '{' ? '}' : ']');
    int r = byte == '"'                     ? scan_string(scan, &ignored)
            : byte == '-' || is_digit(byte) ? scan_number(scan)
                                            : scan_word(scan);
    return r < 0 ? r : EXPECT_COMMA_OR_END;
}

static int take_name(struct Scan *scan)
{
    struct Name name;
    if (peek(scan) != '"')
        return fail_grammar(scan, "no member name in double quotes");
    struct JsonPath *path = &scan->frames[scan->depth - 1].path;
    path->name = "?";
    path->name_size = 1;
    int r = scan_string(scan, &name);
    if (r < 0)
        return r;
    r = name_push(scan, name);
    if (r < 0)
        return r;
    path->name = name.text;
    path->name_size = name.size;
    return EXPECT_VALUE;
}

static int take_comma(struct Scan *scan)
{
    struct Frame *frame = &scan->frames[scan->depth - 1];
    if (peek(scan) != ',')
        return fail_grammar(scan, "no comma between two values");
    scan->at++;
    frame->path.index++;
    return frame->closing == '}' ? EXPECT_NAME : EXPECT_VALUE;
}

static void skip_space(struct Scan *scan)
{
    while (scan->at < scan->size && scan->text[scan->at] && strchr(" \t\r\n", scan->text[scan->at]))
        scan->at++;
}

/* Nothing may follow a member name but its colon. */
static int take_colon(struct Scan *scan)
{
    skip_space(scan);
    if (peek(scan) != ':')
        return fail_grammar(scan, "no colon behind a member name");
    scan->at++;
    return EXPECT_VALUE;
}

static int take(struct Scan *scan, enum Expect expect)
{
    bool closes = scan->depth > 0 && peek(scan) == scan->frames[scan->depth - 1].closing;
    int r = 0;
    switch (expect) {
    case EXPECT_VALUE_OR_END:
        return closes ? close_container(scan) : take_value(scan);
    case EXPECT_VALUE:
        return take_value(scan);
    case EXPECT_NAME_OR_END:
        if (closes)
            return close_container(scan);
        __attribute__((fallthrough));
    case EXPECT_NAME:
        r = take_name(scan);
        return r < 0 ? r : take_colon(scan);
    case EXPECT_COMMA_OR_END:
        return closes ? close_container(scan) : take_comma(scan);
    case EXPECT_NOTHING:
        break;
    }
    return fail_grammar(scan, "something behind the end");
}

int json_scan(const char *text, size_t size, size_t *ret_size, struct Error *error)
{
    _cleanup_(scan_deinit) struct Scan scan = {.text = text, .size = size, .error = error};
    if (!str_is_utf8(text, size))
        return error_set(error, ERROR_INVALID_ARGUMENT, JSON_DOCUMENT, "not valid UTF-8");
    skip_space(&scan);
    if (scan.at == size)
        return error_set(error, ERROR_INVALID_ARGUMENT, JSON_DOCUMENT, "empty");
    if (peek(&scan) != '{')
        return error_set(error, ERROR_INVALID_ARGUMENT, JSON_DOCUMENT, "not a JSON object");
    int expect = EXPECT_VALUE;
    while (expect != EXPECT_NOTHING) {
        expect = take(&scan, (enum Expect)expect);
        if (expect < 0)
            return expect;
        size = scan.at;
        skip_space(&scan);
    }
    if (scan.at < scan.size)
        return fail_grammar(&scan, "something behind the end");
    *ret_size = size;
    return 0;
}
