// SPDX-License-Identifier: Apache-2.0
/* Every parser takes the whole text or nothing of it. Character classes are ASCII's, whatever the locale. */
#include "base/str.h"
#include "base/cleanup.h"
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

enum { SIGNAL_MAX = 64, ID_MAX = 64 };

/* The first real-time signal that glibc leaves to programs. What a user calls RTMIN+3 must be the
 * same number whichever C library this is built with. */
enum { SIGNAL_RTMIN = 34 };

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_alphanumeric(char byte)
{
    return is_digit(byte) || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

bool str_starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Reads a decimal number from the front of the text. */
static int parse_digits(const char **text, uint64_t *ret)
{
    const char *at = *text;
    uint64_t value = 0;
    if (!is_digit(*at) || (at[0] == '0' && is_digit(at[1])))
        return -EINVAL;
    bool overflow = false;
    for (; is_digit(*at); at++)
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *at - '0', &value))
            overflow = true;
    *text = at;
    *ret = value;
    return overflow ? -ERANGE : 0;
}

int str_parse_u64(const char *text, uint64_t *ret)
{
    uint64_t value = 0;
    if (!text)
        return -EINVAL;
    int r = parse_digits(&text, &value);
    if (*text)
        return -EINVAL;
    if (r < 0)
        return r;
    *ret = value;
    return 0;
}

int str_parse_u32(const char *text, uint32_t *ret)
{
    uint64_t value = 0;
    int r = str_parse_u64(text, &value);
    if (r < 0)
        return r;
    if (value > UINT32_MAX)
        return -ERANGE;
    *ret = (uint32_t)value;
    return 0;
}

/* "", "b", "m", "mb", "mib" and so on, in any case: the unit in bytes, or 0. */
static uint64_t parse_unit(const char *text)
{
    static const char units[] = "bkmgt";
    if (!*text)
        return 1;
    for (unsigned power = 0; units[power]; power++) {
        if ((*text | 0x20) != units[power])
            continue;
        bool long_form = power > 0 && (strcasecmp(text + 1, "b") == 0 || strcasecmp(text + 1, "ib") == 0);
        return !text[1] || long_form ? UINT64_C(1) << (10 * power) : 0;
    }
    return 0;
}

int str_parse_size(const char *text, uint64_t *ret)
{
    uint64_t whole = 0, fraction = 0, scale = 1;
    if (!text)
        return -EINVAL;
    int r = parse_digits(&text, &whole);
    if (r == -EINVAL)
        return r;
    if (*text == '.') {
        /* Six digits keep fraction * 2^40 within 64 bits. */
        for (text++; is_digit(*text) && scale < 1000000; text++, scale *= 10)
            fraction = fraction * 10 + (uint64_t)(*text - '0');
        if (scale == 1)
            return -EINVAL;
    }
    uint64_t unit = parse_unit(text);
    if (unit == 0 || (unit == 1 && fraction != 0))
        return -EINVAL;
    uint64_t value;
    if (r < 0 || __builtin_mul_overflow(whole, unit, &value) ||
        __builtin_add_overflow(value, fraction * unit / scale, &value))
        return -ERANGE;
    *ret = value;
    return 0;
}

static const struct {
    const char *name;
    int signal;
} signal_table[] = {
    {"HUP", SIGHUP},
    {"INT", SIGINT},
    {"QUIT", SIGQUIT},
    {"ILL", SIGILL},
    {"TRAP", SIGTRAP},
    {"ABRT", SIGABRT},
    {"BUS", SIGBUS},
    {"FPE", SIGFPE},
    {"KILL", SIGKILL},
    {"USR1", SIGUSR1},
    {"SEGV", SIGSEGV},
    {"USR2", SIGUSR2},
    {"PIPE", SIGPIPE},
    {"ALRM", SIGALRM},
    {"TERM", SIGTERM},
    {"STKFLT", 16},
    {"CHLD", SIGCHLD},
    {"CONT", SIGCONT},
    {"STOP", SIGSTOP},
    {"TSTP", SIGTSTP},
    {"TTIN", SIGTTIN},
    {"TTOU", SIGTTOU},
    {"URG", SIGURG},
    {"XCPU", SIGXCPU},
    {"XFSZ", SIGXFSZ},
    {"VTALRM", SIGVTALRM},
    {"PROF", SIGPROF},
    {"WINCH", SIGWINCH},
    {"IO", SIGIO},
    {"PWR", SIGPWR},
    {"SYS", SIGSYS},
    {"RTMIN", SIGNAL_RTMIN},
    {"RTMAX", SIGNAL_MAX},
    /* Other names of the same numbers come after the one that is printed. */
    {"IOT", SIGABRT},
    {"CLD", SIGCHLD},
    {"POLL", SIGIO},
};

static int parse_signal_number(const char *text)
{
    uint32_t value = 0;
    if (str_parse_u32(text, &value) < 0 || value < 1 || value > SIGNAL_MAX)
        return -EINVAL;
    return (int)value;
}

static int parse_signal_realtime(const char *text)
{
    uint32_t offset = 0;
    bool from_end = strncasecmp(text, "RTMAX-", 6) == 0;
    if ((!from_end && strncasecmp(text, "RTMIN+", 6) != 0) || str_parse_u32(text + 6, &offset) < 0)
        return -EINVAL;
    if (offset > SIGNAL_MAX - SIGNAL_RTMIN)
        return -EINVAL;
    return from_end ? SIGNAL_MAX - (int)offset : SIGNAL_RTMIN + (int)offset;
}

int str_parse_signal(const char *text)
{
    if (!text)
        return -EINVAL;
    if (is_digit(*text))
        return parse_signal_number(text);
    if (strncasecmp(text, "SIG", 3) == 0)
        text += 3;
    for (size_t i = 0; i < ELEMENTSOF(signal_table); i++)
        if (strcasecmp(text, signal_table[i].name) == 0)
            return signal_table[i].signal;
    return parse_signal_realtime(text);
}

const char *str_signal_name(int signal)
{
    for (size_t i = 0; i < ELEMENTSOF(signal_table); i++)
        if (signal_table[i].signal == signal)
            return signal_table[i].name;
    return NULL;
}

bool str_is_id(const char *text)
{
    if (!text || !is_alphanumeric(text[0]))
        return false;
    size_t size = 1;
    while (is_alphanumeric(text[size]) || (text[size] && strchr("_.+-", text[size])))
        if (++size > ID_MAX)
            return false;
    return text[size] == 0;
}

bool str_is_printable(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return false;
    return true;
}

/* The length of the character at the front of size > 0 bytes, 0 when it is none. A row is a range
 * of first bytes and the range of the second, which keeps out overlong forms and surrogates. */
static size_t utf8_length(const unsigned char *bytes, size_t size)
{
    static const struct {
        unsigned char first_low, first_high, second_low, second_high, length;
    } rows[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    if (bytes[0] < 0x80)
        return 1;
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        if (bytes[0] < rows[i].first_low || bytes[0] > rows[i].first_high)
            continue;
        if (size < rows[i].length || bytes[1] < rows[i].second_low || bytes[1] > rows[i].second_high)
            return 0;
        for (size_t k = 2; k < rows[i].length; k++)
            if ((bytes[k] & 0xc0) != 0x80)
                return 0;
        return rows[i].length;
    }
    return 0;
}

bool str_is_utf8(const char *text, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t length = utf8_length((const unsigned char *)text + at, size - at);
        if (length == 0)
            return false;
        at += length;
    }
    return true;
}

void str_hex(const void *data, size_t size, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = 0;
}

bool str_format(char *buffer, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(buffer, size, format, arguments);
    va_end(arguments);
    return written >= 0 && (size_t)written < size;
}
