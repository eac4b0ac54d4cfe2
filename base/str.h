// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Strings and numbers. Pure: no system call, no clock. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline bool str_equal(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}
bool str_starts_with(const char *text, const char *prefix);
/* Strict decimal: digits only, no sign, no space, no leading zero but "0" itself. 0, -EINVAL, -ERANGE. */
int str_parse_u64(const char *text, uint64_t *ret);
int str_parse_u32(const char *text, uint32_t *ret);
/* "64m", "1.5g", "4096": docker's size suffixes b k m g t, powers of 1024. 0, -EINVAL, -ERANGE. */
int str_parse_size(const char *text, uint64_t *ret);
/* "15" "TERM" "SIGTERM" "RTMIN+3": a signal number 1..64, or -EINVAL. */
int str_parse_signal(const char *text);
/* "TERM"; NULL for a number that has no name. */
const char *str_signal_name(int signal);
/* The contract's id and name alphabet: [a-zA-Z0-9][a-zA-Z0-9_.+-]{0,63}. */
bool str_is_id(const char *text);
/* Has no control byte (0x00-0x1f, 0x7f) in `size` bytes. */
bool str_is_printable(const char *text, size_t size);
bool str_is_utf8(const char *text, size_t size);
/* 2*size hex digits and a NUL into out. */
void str_hex(const void *data, size_t size, char *out);
/* vsnprintf into a fixed array; false when it was cut. */
bool str_format(char *buffer, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
uint32_t crc32_of(const void *data, size_t size);
