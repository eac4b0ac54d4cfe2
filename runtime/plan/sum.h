// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A checksum at the speed of memory, against damage and not against malice: a filter of some 15 KB
 * is summed several times in a start that takes a millisecond. Each step is a bijection of the
 * state, so a change of any single word is always seen.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t sum64_step(uint64_t state, uint64_t word)
{
    state = (state ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return state ^ state >> 32;
}

static inline uint64_t sum64(const void *data, size_t size, uint64_t seed)
{
    const char *bytes = data;
    uint64_t state = sum64_step(seed, size), word;
    for (; size >= sizeof(word); bytes += sizeof(word), size -= sizeof(word)) {
        memcpy(&word, bytes, sizeof(word));
        state = sum64_step(state, word);
    }
    word = 0;
    if (size)
        memcpy(&word, bytes, size);
    return sum64_step(state, word);
}
