// SPDX-License-Identifier: Apache-2.0
#pragma once
/* The last bytes of output, raw and of both streams in the order read, for the exit record. Pure. */
#include "protocol/shim/exit-slot.h"
#include <stddef.h>

struct Tail {
    uint32_t end;  /* where the next byte goes */
    uint32_t size; /* how many there are */
    char ring[EXIT_TAIL_SIZE];
};

void tail_add(struct Tail *tail, const char *data, size_t size);
/* Oldest first; their number. */
uint32_t tail_copy(const struct Tail *tail, char out[EXIT_TAIL_SIZE]);
