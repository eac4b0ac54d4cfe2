// SPDX-License-Identifier: Apache-2.0
/* The calendar is computed here: gmtime_r() of glibc reads the time zone file on its first call. */
#include "base/clock.h"
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#define NSEC_PER_SEC UINT64_C(1000000000)

static uint64_t clock_usec(clockid_t id)
{
    struct timespec now = {0};
    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_realtime_usec(void)
{
    return clock_usec(CLOCK_REALTIME);
}

uint64_t clock_boottime_usec(void)
{
    return clock_usec(CLOCK_BOOTTIME);
}

/* Days since 1970-01-01 of a date not before it; the year is taken to begin in March, so that the
 * leap day is its last. */
static uint64_t days_from_date(uint64_t year, uint64_t month, uint64_t day)
{
    if (month <= 2)
        year--;
    uint64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return 365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719468;
}

static void date_from_days(uint64_t days, uint64_t *year, uint64_t *month, uint64_t *day)
{
    days += 719468;
    uint64_t era = days / 146097, of_era = days % 146097;
    uint64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint64_t day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint64_t shifted = (5 * day_of_year + 2) / 153;
    *day = day_of_year - (153 * shifted + 2) / 5 + 1;
    *month = shifted < 10 ? shifted + 3 : shifted - 9;
    *year = era * 400 + year_of_era + (*month <= 2);
}

static char *put_digits(char *at, uint64_t value, unsigned count)
{
    for (unsigned i = count; i > 0; i--, value /= 10)
        at[i - 1] = (char)('0' + value % 10);
    return at + count;
}

void timestamp_format(uint64_t realtime_nsec, char buffer[TIMESTAMP_SIZE])
{
    uint64_t seconds = realtime_nsec / NSEC_PER_SEC, of_day = seconds % 86400, year, month, day;
    date_from_days(seconds / 86400, &year, &month, &day);
    const struct {
        uint64_t value;
        unsigned digits;
        char after;
    } fields[] = {
        {year, 4, '-'},
        {month, 2, '-'},
        {day, 2, 'T'},
        {of_day / 3600, 2, ':'},
        {of_day / 60 % 60, 2, ':'},
        {of_day % 60, 2, '.'},
        {realtime_nsec % NSEC_PER_SEC, 9, 'Z'},
    };
    char *at = buffer;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        at = put_digits(at, fields[i].value, fields[i].digits);
        *at++ = fields[i].after;
    }
    *at = 0;
}

static bool take_digits(const char **text, unsigned count, uint64_t *ret)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < count; i++, (*text)++) {
        if (**text < '0' || **text > '9')
            return false;
        value = value * 10 + (uint64_t)(**text - '0');
    }
    *ret = value;
    return true;
}

/* Digits, then one of the bytes in `after`. */
static bool take_field(const char **text, unsigned count, const char *after, uint64_t *ret)
{
    if (!take_digits(text, count, ret) || !**text || !strchr(after, **text))
        return false;
    (*text)++;
    return true;
}

/* ".5" up to any number of digits, of which nine count; nothing at all is 0. */
static bool take_fraction(const char **text, uint64_t *ret_nsec)
{
    uint64_t nsec = 0, unit = NSEC_PER_SEC / 10, digit = 0;
    if (**text == '.') {
        (*text)++;
        if (!take_digits(text, 1, &digit))
            return false;
        do {
            nsec += digit * unit;
            unit /= 10;
        } while (take_digits(text, 1, &digit));
    }
    *ret_nsec = nsec;
    return true;
}

/* "Z" or "+02:00" at the end of the text, as seconds east. */
static bool take_offset(const char *text, int64_t *ret_seconds)
{
    uint64_t hours = 0, minutes = 0;
    if ((text[0] | 0x20) == 'z' && !text[1]) {
        *ret_seconds = 0;
        return true;
    }
    char sign = *text;
    if ((sign != '+' && sign != '-') || !text++ || !take_field(&text, 2, ":", &hours) ||
        !take_digits(&text, 2, &minutes) || *text || hours > 23 || minutes > 59)
        return false;
    int64_t seconds = (int64_t)(hours * 3600 + minutes * 60);
    *ret_seconds = sign == '+' ? seconds : -seconds;
    return true;
}

static uint64_t days_of_month(uint64_t year, uint64_t month)
{
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 ? (is_leap ? 29 : 28) : 30 + ((month + (month > 7)) & 1);
}

int timestamp_parse(const char *text, uint64_t *ret_realtime_nsec)
{
    uint64_t year, month, day, hour, minute, second, nsec, result;
    int64_t offset;
    if (!take_field(&text, 4, "-", &year) || !take_field(&text, 2, "-", &month) ||
        !take_field(&text, 2, "Tt", &day) || !take_field(&text, 2, ":", &hour) ||
        !take_field(&text, 2, ":", &minute) || !take_digits(&text, 2, &second) ||
        !take_fraction(&text, &nsec) || !take_offset(text, &offset))
        return -EINVAL;
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_of_month(year, month) || hour > 23 ||
        minute > 59 || second > 59)
        return -EINVAL;
    int64_t seconds =
        (int64_t)(days_from_date(year, month, day) * 86400 + hour * 3600 + minute * 60 + second) - offset;
    if (seconds < 0 || __builtin_mul_overflow((uint64_t)seconds, NSEC_PER_SEC, &result) ||
        __builtin_add_overflow(result, nsec, &result))
        return -EINVAL;
    *ret_realtime_nsec = result;
    return 0;
}
