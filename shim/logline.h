// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Raw output to the records of a CRI log: `TIME stdout|stderr P|F TEXT\n`. A record ends where the
 * line ends (F), after LOGLINE_TEXT_MAX bytes, or with the bytes at hand (P): nothing is held back, so
 * a line whose newline comes later is ended by an F record that may be empty. TEXT holds every byte but
 * newline, and so gives back what was written. Pure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum LoglineStream { LOGLINE_STDOUT, LOGLINE_STDERR, LOGLINE_STREAM_COUNT };

enum {
    LOGLINE_TEXT_MAX = 16384,
    LOGLINE_PREFIX_SIZE = 40, /* "2026-01-02T03:04:05.123456789Z stdout F " */
    LOGLINE_RECORD_MAX = LOGLINE_PREFIX_SIZE + LOGLINE_TEXT_MAX + 1,
    LOGLINE_SLACK = 16, /* bytes that must be addressable after the ends of both buffers */
};

/* What belongs before every record of one read, made once. */
struct LoglinePrefix {
    char text[LOGLINE_PREFIX_SIZE]; /* not terminated */
};
void logline_prefix(struct LoglinePrefix *prefix, uint64_t realtime_nsec, enum LoglineStream stream);

struct LoglineResult {
    size_t consumed, produced;
    size_t lines; /* records that end a line */
};
/* Formats records until the input is used up or `out` might not hold another (out_size must be at
 * least LOGLINE_RECORD_MAX). *is_partial: whether the stream's last record was a P; kept by the caller. */
struct LoglineResult logline_format(bool *is_partial, const struct LoglinePrefix *prefix, const char *in,
                                    size_t in_size, char *out, size_t out_size);
/* The empty F record that ends a partial line at the end of the stream; its size. */
size_t logline_terminate(const struct LoglinePrefix *prefix, char out[LOGLINE_PREFIX_SIZE + 1]);

struct LoglineMeasure {
    uint64_t payload; /* bytes of the container's output, newlines included */
    uint64_t lines;   /* ends of lines */
};
/* What whole records, as logline_format() made them, hold. */
struct LoglineMeasure logline_measure(const char *records, size_t size);
/* Whether the last of these records is a P. */
bool logline_ends_partial(const char *records, size_t size);
uint64_t logline_count_lines(const char *in, size_t size);
