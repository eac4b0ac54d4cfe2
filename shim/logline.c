// SPDX-License-Identifier: Apache-2.0
/*
 * The hot loop of the log: text is searched for its newline and copied in the same pass, 16 bytes
 * at a time, which is why both buffers need LOGLINE_SLACK. The prefix says F until the text turns out
 * not to end here. C libraries made for size copy and search bytewise; nothing here calls them.
 */
#include "shim/logline.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include <string.h>

typedef uint8_t Bytes __attribute__((vector_size(LOGLINE_SLACK)));
typedef uint64_t Words __attribute__((vector_size(LOGLINE_SLACK)));

enum { TAG_OFFSET = LOGLINE_PREFIX_SIZE - 2 };

void logline_prefix(struct LoglinePrefix *prefix, uint64_t realtime_nsec, enum LoglineStream stream)
{
    static const char names[LOGLINE_STREAM_COUNT][10] = {" stdout F ", " stderr F "};
    char time[TIMESTAMP_SIZE];
    timestamp_format(realtime_nsec, time);
    memcpy(prefix->text, time, LOGLINE_PREFIX_SIZE - sizeof(names[0]));
    memcpy(prefix->text + LOGLINE_PREFIX_SIZE - sizeof(names[0]), names[stream], sizeof(names[0]));
}

static inline Words find_newlines(Bytes bytes)
{
    return (Words)(bytes == '\n');
}

/* Index of the first marked byte within a word that has one. */
static inline size_t first_byte(uint64_t word)
{
    int bits = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_ctzll(word) : __builtin_clzll(word);
    return (size_t)bits / 8;
}

/* Copies text up to the first newline or `size` bytes; their number. */
static inline size_t copy_line(char *out, const char *in, size_t size)
{
    for (size_t at = 0; at < size; at += sizeof(Bytes)) {
        Bytes bytes;
        __builtin_memcpy(&bytes, in + at, sizeof(bytes));
        __builtin_memcpy(out + at, &bytes, sizeof(bytes));
        Words found = find_newlines(bytes);
        if (found[0] | found[1]) {
            size_t length = at + (found[0] ? first_byte(found[0]) : 8 + first_byte(found[1]));
            return MIN(length, size);
        }
    }
    return size;
}

struct LoglineResult logline_format(bool *is_partial, const struct LoglinePrefix *prefix, const char *in,
                                    size_t in_size, char *out, size_t out_size)
{
    const struct LoglinePrefix ready = *prefix;
    size_t consumed = 0, produced = 0, lines = 0;
    while (consumed < in_size && out_size - produced >= LOGLINE_RECORD_MAX) {
        char *record = out + produced, *text = record + LOGLINE_PREFIX_SIZE;
        size_t limit = MIN(in_size - consumed, (size_t)LOGLINE_TEXT_MAX);
        __builtin_memcpy(record, &ready, sizeof(ready));
        size_t length = copy_line(text, in + consumed, limit);
        consumed += length;
        *is_partial = consumed == in_size || in[consumed] != '\n';
        if (*is_partial)
            record[TAG_OFFSET] = 'P';
        else
            consumed++;
        lines += !*is_partial;
        text[length] = '\n';
        produced += LOGLINE_PREFIX_SIZE + length + 1;
    }
    return (struct LoglineResult){consumed, produced, lines};
}

size_t logline_terminate(const struct LoglinePrefix *prefix, char out[LOGLINE_PREFIX_SIZE + 1])
{
    memcpy(out, prefix->text, LOGLINE_PREFIX_SIZE);
    out[LOGLINE_PREFIX_SIZE] = '\n';
    return LOGLINE_PREFIX_SIZE + 1;
}

struct LoglineMeasure logline_measure(const char *records, size_t size)
{
    struct LoglineMeasure measure = {0};
    size_t at = 0;
    while (at + LOGLINE_PREFIX_SIZE < size) {
        const char *text = records + at + LOGLINE_PREFIX_SIZE;
        const char *end = memchr(text, '\n', size - at - LOGLINE_PREFIX_SIZE);
        if (!end)
            break;
        bool ends_line = records[at + TAG_OFFSET] == 'F';
        measure.lines += ends_line;
        measure.payload += (uint64_t)(end - text) + ends_line;
        at = (size_t)(end + 1 - records);
    }
    return measure;
}

bool logline_ends_partial(const char *records, size_t size)
{
    const char *before = size > 1 ? memrchr(records, '\n', size - 1) : NULL;
    const char *last = before ? before + 1 : records;
    return size > TAG_OFFSET && last[TAG_OFFSET] == 'P';
}

/* How many bytes of a word are marked: one bit of each, summed up in the highest byte. */
static inline uint64_t count_bytes(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    return (word & ones) * ones >> 56;
}

uint64_t logline_count_lines(const char *in, size_t size)
{
    uint64_t lines = 0;
    size_t at = 0;
    for (; size - at >= sizeof(Bytes); at += sizeof(Bytes)) {
        Bytes bytes;
        __builtin_memcpy(&bytes, in + at, sizeof(bytes));
        Words found = find_newlines(bytes);
        lines += count_bytes(found[0]) + count_bytes(found[1]);
    }
    for (; at < size; at++)
        lines += in[at] == '\n';
    return lines;
}
