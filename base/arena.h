// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Memory that lives and dies together: everything that one spec, plan or request points to.
 * Allocations are zeroed, 16-byte aligned and freed by arena_deinit() at once.
 */
#include "base/cleanup.h"
#include <stddef.h>

struct ArenaBlock;
struct Arena {
    struct ArenaBlock *blocks;
    size_t total, limit; /* limit 0: 64 MiB */
};

#define ARENA_INIT                                                                                           \
    {                                                                                                        \
        0                                                                                                    \
    }
void arena_deinit(struct Arena *arena);
#define _cleanup_arena_ _cleanup_(arena_deinit)

/* NULL without memory, over the limit, or when count * size overflows. */
void *arena_alloc(struct Arena *arena, size_t count, size_t size);
char *arena_strdup(struct Arena *arena, const char *text);
char *arena_memdup_str(struct Arena *arena, const char *data, size_t size); /* adds a NUL */
char *arena_printf(struct Arena *arena, const char *format, ...) _printf_(2, 3);
