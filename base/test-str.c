// SPDX-License-Identifier: Apache-2.0
#include "base/cleanup.h"
#include "base/str.h"
#include "base/test.h"
#include <errno.h>
#include <signal.h>

struct NumberRow {
    const char *text;
    int result;
    uint64_t value;
};

static void test_parse_u64(void)
{
    static const struct NumberRow rows[] = {
        {"0", 0, 0},
        {"7", 0, 7},
        {"18446744073709551615", 0, UINT64_MAX},
        {"18446744073709551616", -ERANGE, 0},
        {"99999999999999999999999", -ERANGE, 0},
        {"99999999999999999999999x", -EINVAL, 0},
        {"", -EINVAL, 0},
        {" 1", -EINVAL, 0},
        {"1 ", -EINVAL, 0},
        {"+1", -EINVAL, 0},
        {"-1", -EINVAL, 0},
        {"01", -EINVAL, 0},
        {"00", -EINVAL, 0},
        {"0x1", -EINVAL, 0},
        {NULL, -EINVAL, 0},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        uint64_t value = 4711;
        test_row(rows[i].text);
        CHECK_EQ(str_parse_u64(rows[i].text, &value), rows[i].result);
        CHECK_EQ(value, rows[i].result == 0 ? rows[i].value : 4711);
    }
    test_row(NULL);
}

static void test_parse_u32(void)
{
    uint32_t value = 4711;
    CHECK_EQ(str_parse_u32("4294967296", &value), -ERANGE);
    CHECK_EQ(str_parse_u32("x", &value), -EINVAL);
    CHECK_EQ(value, 4711);
    CHECK_EQ(str_parse_u32("4294967295", &value), 0);
    CHECK_EQ(value, UINT32_MAX);
}

static void test_parse_size(void)
{
    static const struct NumberRow rows[] = {
        {"4096", 0, 4096},
        {"0", 0, 0},
        {"1b", 0, 1},
        {"64m", 0, 64 << 20},
        {"64M", 0, 64 << 20},
        {"64mb", 0, 64 << 20},
        {"64MiB", 0, 64 << 20},
        {"1.5g", 0, UINT64_C(1536) << 20},
        {"0.5k", 0, 512},
        {"1.000001t", 0, (UINT64_C(1) << 40) + 1099511},
        {"1.0", 0, 1},
        {"16777215t", 0, UINT64_C(16777215) << 40},
        {"16777216t", -ERANGE, 0},
        {"99999999999999999999", -ERANGE, 0},
        {"99999999999999999999q", -EINVAL, 0},
        {"1.5", -EINVAL, 0},
        {"1.g", -EINVAL, 0},
        {".5g", -EINVAL, 0},
        {"1.0000001g", -EINVAL, 0},
        {"064m", -EINVAL, 0},
        {"-1m", -EINVAL, 0},
        {"1 m", -EINVAL, 0},
        {"1bb", -EINVAL, 0},
        {"1mm", -EINVAL, 0},
        {"m", -EINVAL, 0},
        {"", -EINVAL, 0},
        {NULL, -EINVAL, 0},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        uint64_t value = 4711;
        test_row(rows[i].text);
        CHECK_EQ(str_parse_size(rows[i].text, &value), rows[i].result);
        CHECK_EQ(value, rows[i].result == 0 ? rows[i].value : 4711);
    }
    test_row(NULL);
}

static void test_signals(void)
{
    static const struct {
        const char *text;
        int signal;
    } rows[] = {
        {"15", SIGTERM},         {"TERM", SIGTERM},   {"SIGTERM", SIGTERM},
        {"sigterm", SIGTERM},    {"1", SIGHUP},       {"64", 64},
        {"RTMIN", 34},           {"RTMIN+3", 37},     {"SIGRTMIN+30", 64},
        {"RTMAX-1", 63},         {"IOT", SIGABRT},    {"0", -EINVAL},
        {"65", -EINVAL},         {"-1", -EINVAL},     {"015", -EINVAL},
        {"RTMIN+31", -EINVAL},   {"RTMIN+", -EINVAL}, {"RTMIN-1", -EINVAL},
        {"SIGSIGTERM", -EINVAL}, {"SIG", -EINVAL},    {"", -EINVAL},
        {"RTMAX-31", -EINVAL},   {NULL, -EINVAL},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        test_row(rows[i].text);
        CHECK_EQ(str_parse_signal(rows[i].text), rows[i].signal);
    }
    test_row(NULL);
    for (int signal = 1; signal < 32; signal++) {
        CHECK(str_signal_name(signal) != NULL);
        CHECK_EQ(str_parse_signal(str_signal_name(signal)), signal);
    }
    CHECK_STR(str_signal_name(SIGABRT), "ABRT");
    CHECK_STR(str_signal_name(40), NULL);
    CHECK_STR(str_signal_name(0), NULL);
}

static void test_id(void)
{
    static const char *const good[] = {"a", "0", "Web-1", "a_b.c+d-e"};
    static const char *const bad[] = {"", "-a", ".a", "_a", "a b", "a/b", "a\n", "\xc3\xa9", "a:b"};
    char longest[66];
    memset(longest, 'x', sizeof(longest));
    for (size_t i = 0; i < ELEMENTSOF(good); i++)
        CHECK(str_is_id(good[i]));
    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        CHECK(!str_is_id(bad[i]));
    CHECK(!str_is_id(NULL));
    longest[65] = 0;
    CHECK(!str_is_id(longest));
    longest[64] = 0;
    CHECK(str_is_id(longest));
}

static void test_printable(void)
{
    CHECK(str_is_printable("caf\xc3\xa9 ~", 7));
    CHECK(str_is_printable("", 0));
    CHECK(!str_is_printable("a\0b", 3));
    CHECK(!str_is_printable("a\x1b[m", 4));
    CHECK(!str_is_printable("\x7f", 1));
    CHECK(!str_is_printable("\x1f", 1));
}

static void test_utf8(void)
{
    static const struct {
        const char *text;
        bool ok;
    } rows[] = {
        {"", true},
        {"plain", true},
        {"\xc2\x80\xdf\xbf", true},
        {"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf", true},
        {"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", true},
        {"\x80", false},
        {"\xc0\x80", false},
        {"\xc1\xbf", false},
        {"\xe0\x9f\xbf", false},
        {"\xed\xa0\x80", false},
        {"\xf0\x8f\xbf\xbf", false},
        {"\xf4\x90\x80\x80", false},
        {"\xf5\x80\x80\x80", false},
        {"\xc3", false},
        {"\xe2\x82", false},
        {"\xf0\x9f\x98", false},
        {"\xe2\x82x", false},
        {"\xff", false},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++)
        CHECK_EQ(str_is_utf8(rows[i].text, strlen(rows[i].text)), rows[i].ok);
    CHECK(str_is_utf8("a\0b", 3));
}

static void test_hex_format_crc(void)
{
    char text[9];
    str_hex("\x00\xff\x1a\x80", 4, text);
    CHECK_STR(text, "00ff1a80");
    CHECK(str_format(text, sizeof(text), "%d", 12345678));
    CHECK(!str_format(text, sizeof(text), "%d", 123456789));
    CHECK_STR(text, "12345678");
    CHECK_EQ(crc32_of("123456789", 9), 0xcbf43926);
    CHECK_EQ(crc32_of("", 0), 0);
    unsigned char bytes[64];
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(i * 37 + 11);
    for (unsigned size = 0; size + 3 <= sizeof(bytes); size++) { /* every length, at every alignment */
        uint32_t crc = UINT32_MAX;
        for (unsigned i = 0; i < 8 * size; i++)
            crc =
                crc >> 1 ^ ((crc ^ (uint32_t)(bytes[size % 4 + i / 8] >> i % 8)) & 1) * UINT32_C(0xedb88320);
        CHECK_EQ(crc32_of(bytes + size % 4, size), ~crc);
    }
}

static void test_compare(void)
{
    CHECK(str_equal(NULL, NULL));
    CHECK(!str_equal("", NULL));
    CHECK(str_equal("a", "a"));
    CHECK(str_starts_with("abc", "ab"));
    CHECK(!str_starts_with("a", "ab"));
}

static const struct Test tests[] = {
    TEST(test_parse_u64), TEST(test_parse_u32), TEST(test_parse_size),     TEST(test_signals), TEST(test_id),
    TEST(test_printable), TEST(test_utf8),      TEST(test_hex_format_crc), TEST(test_compare),
};
TEST_MAIN(tests)
