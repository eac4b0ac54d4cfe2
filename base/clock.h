// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Two clocks. Order and deadlines come from CLOCK_BOOTTIME; CLOCK_REALTIME is only ever a label. */
#include <stdint.h>

#define USEC_PER_SEC  UINT64_C(1000000)
#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_INFINITY UINT64_MAX

uint64_t clock_realtime_usec(void);
uint64_t clock_boottime_usec(void);

enum { TIMESTAMP_SIZE = 36 };
/* RFC 3339 with nanoseconds in UTC, as CRI logs have it: 2026-01-02T03:04:05.123456789Z */
void timestamp_format(uint64_t realtime_nsec, char buffer[TIMESTAMP_SIZE]);
/* The inverse (also accepts a numeric offset); 0 or -EINVAL. */
int timestamp_parse(const char *text, uint64_t *ret_realtime_nsec);
