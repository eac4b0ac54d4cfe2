// SPDX-License-Identifier: Apache-2.0
#pragma once
/* What the harnesses share. Each is one function, run by libFuzzer or, over its corpus, by replay.c. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold of every input. */
#define FUZZ_CHECK(condition)                                                                                \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            abort();                                                                                         \
    } while (0)
