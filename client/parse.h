// SPDX-License-Identifier: Apache-2.0
#pragma once
/* The texts of the command line as numbers. Pure. Each returns 0, -EINVAL or -ERANGE. */
#include <stdint.h>

/* "10" (seconds), "1.5s", "200ms", "50us", "5m", "2h", "1d": microseconds, at most six decimals. */
int parse_duration(const char *text, uint64_t *ret_usec);
/* A point in time, in microseconds since the epoch: RFC 3339 ("2026-01-02T03:04:05Z"), seconds since the
 * epoch ("1767323045"), or a duration with a unit ("10m"), so long before now. */
int parse_time(const char *text, uint64_t now_usec, uint64_t *ret_usec);
/* "-5", "17" */
int parse_i64(const char *text, int64_t *ret);
/* "1.5", ".5", "2": not negative, at most nine digits on each side of the point. */
int parse_decimal(const char *text, double *ret);
