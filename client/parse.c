// SPDX-License-Identifier: Apache-2.0
/* No strtod(): it reads what the locale, hexadecimal floats and "nan" allow. */
#include "client/parse.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include <errno.h>

static const struct {
    const char *name;
    uint64_t usec;
} unit_table[] = {
    {"us", 1},
    {"ms", USEC_PER_MSEC},
    {"s", USEC_PER_SEC},
    {"m", 60 * USEC_PER_SEC},
    {"h", 3600 * USEC_PER_SEC},
    {"d", 86400 * USEC_PER_SEC},
};

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

int parse_duration(const char *text, uint64_t *ret_usec)
{
    enum { SCALE = 1000000 };
    uint64_t whole = 0, fraction = 0, scale = 1, unit = 0, usec = 0;
    bool overflow = false;
    if (!is_digit(*text))
        return -EINVAL;
    for (; is_digit(*text); text++)
        if (__builtin_mul_overflow(whole, 10, &whole) || __builtin_add_overflow(whole, *text - '0', &whole))
            overflow = true;
    if (*text == '.') {
        for (text++; is_digit(*text) && scale < SCALE; text++, scale *= 10)
            fraction = fraction * 10 + (uint64_t)(*text - '0');
        if (scale == 1)
            return -EINVAL;
    }
    for (size_t i = 0; i < ELEMENTSOF(unit_table); i++)
        if (str_equal(text, *text ? unit_table[i].name : ""))
            unit = unit_table[i].usec;
    if (!*text)
        unit = USEC_PER_SEC;
    if (unit == 0)
        return -EINVAL;
    if (overflow || __builtin_mul_overflow(whole, unit, &usec) ||
        __builtin_add_overflow(usec, fraction * unit / scale, &usec))
        return -ERANGE;
    *ret_usec = usec;
    return 0;
}

int parse_time(const char *text, uint64_t now_usec, uint64_t *ret_usec)
{
    uint64_t value = 0;
    if (timestamp_parse(text, &value) == 0) {
        *ret_usec = value / 1000;
        return 0;
    }
    int r = str_parse_u64(text, &value);
    if (r == 0 && !__builtin_mul_overflow(value, USEC_PER_SEC, &value)) {
        *ret_usec = value;
        return 0;
    }
    if (r == 0 || r == -ERANGE)
        return -ERANGE;
    r = parse_duration(text, &value);
    if (r < 0)
        return r;
    *ret_usec = value < now_usec ? now_usec - value : 0;
    return 0;
}

int parse_i64(const char *text, int64_t *ret)
{
    uint64_t value = 0;
    bool negative = *text == '-';
    int r = str_parse_u64(text + negative, &value);
    if (r < 0)
        return r;
    if (value > (uint64_t)INT64_MAX + negative)
        return -ERANGE;
    *ret = negative ? (int64_t)(0 - value) : (int64_t)value;
    return 0;
}

int parse_decimal(const char *text, double *ret)
{
    enum { DIGITS_MAX = 9 };
    double value = 0, scale = 1;
    size_t whole = 0, fraction = 0;
    for (; is_digit(text[whole]); whole++)
        value = value * 10 + (text[whole] - '0');
    text += whole;
    if (*text == '.') {
        for (text++; is_digit(text[fraction]); fraction++) {
            value = value * 10 + (text[fraction] - '0');
            scale *= 10;
        }
        if (fraction == 0)
            return -EINVAL;
        text += fraction;
    }
    if (*text || whole + fraction == 0)
        return -EINVAL;
    if (whole > DIGITS_MAX || fraction > DIGITS_MAX)
        return -ERANGE;
    *ret = value / scale;
    return 0;
}
