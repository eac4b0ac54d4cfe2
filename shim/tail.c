// SPDX-License-Identifier: Apache-2.0
#include "shim/tail.h"
#include "base/cleanup.h"
#include <string.h>

void tail_add(struct Tail *tail, const char *data, size_t size)
{
    if (size > EXIT_TAIL_SIZE) {
        data += size - EXIT_TAIL_SIZE;
        size = EXIT_TAIL_SIZE;
    }
    size_t first = MIN(size, (size_t)EXIT_TAIL_SIZE - tail->end);
    memcpy(tail->ring + tail->end, data, first);
    memcpy(tail->ring, data + first, size - first);
    tail->end = (uint32_t)((tail->end + size) % EXIT_TAIL_SIZE);
    tail->size = (uint32_t)MIN(tail->size + size, (size_t)EXIT_TAIL_SIZE);
}

uint32_t tail_copy(const struct Tail *tail, char out[EXIT_TAIL_SIZE])
{
    uint32_t start = (tail->end + EXIT_TAIL_SIZE - tail->size) % EXIT_TAIL_SIZE;
    uint32_t first = MIN(tail->size, EXIT_TAIL_SIZE - start);
    memcpy(out, tail->ring + start, first);
    memcpy(out + first, tail->ring, tail->size - first);
    return tail->size;
}
