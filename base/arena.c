// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

enum { ARENA_BLOCK = 4096, ARENA_ALIGN = 16, ARENA_LIMIT = 64 << 20 };

struct ArenaBlock {
    struct ArenaBlock *next;
    size_t used, size;
    _Alignas(ARENA_ALIGN) char data[];
};

void arena_deinit(struct Arena *arena)
{
    while (arena->blocks) {
        struct ArenaBlock *block = arena->blocks;
        arena->blocks = block->next;
        free(block);
    }
    arena->total = 0;
}

void *arena_alloc(struct Arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || __builtin_add_overflow(bytes, ARENA_ALIGN - 1, &bytes))
        return NULL;
    bytes &= ~(size_t)(ARENA_ALIGN - 1);
    struct ArenaBlock *block = arena->blocks;
    if (!block || block->size - block->used < bytes) {
        size_t want = MAX(bytes, (size_t)ARENA_BLOCK - sizeof(*block));
        if (want > (arena->limit ? arena->limit : (size_t)ARENA_LIMIT) - arena->total)
            return NULL;
        block = calloc(1, sizeof(*block) + want);
        if (!block)
            return NULL;
        block->size = want;
        block->next = arena->blocks;
        arena->blocks = block;
        arena->total += want;
    }
    void *result = block->data + block->used;
    block->used += bytes;
    return result;
}

char *arena_memdup_str(struct Arena *arena, const char *data, size_t size)
{
    char *copy = arena_alloc(arena, 1, size + 1);
    if (copy && size > 0)
        memcpy(copy, data, size);
    return copy;
}

char *arena_strdup(struct Arena *arena, const char *text)
{
    return arena_memdup_str(arena, text, strlen(text));
}

char *arena_printf(struct Arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = size < 0 ? NULL : arena_alloc(arena, 1, (size_t)size + 1);
    if (!text)
        return NULL;
    va_start(arguments, format);
    (void)vsnprintf(text, (size_t)size + 1, format, arguments);
    va_end(arguments);
    return text;
}
