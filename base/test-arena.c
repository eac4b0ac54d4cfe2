// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"
#include "base/test.h"
#include <stdint.h>
#include <string.h>

static void test_allocations_are_zeroed_and_aligned(void)
{
    _cleanup_arena_ struct Arena arena = ARENA_INIT;
    for (size_t size = 1; size < 6000; size += 611) {
        char *bytes = arena_alloc(&arena, 1, size);
        CHECK(bytes != NULL);
        CHECK_EQ((uintptr_t)bytes % 16, 0);
        for (size_t i = 0; bytes && i < size; i++)
            CHECK_EQ(bytes[i], 0);
        if (bytes)
            memset(bytes, 0xff, size);
    }
}

static void test_strings(void)
{
    _cleanup_arena_ struct Arena arena = ARENA_INIT;
    CHECK_STR(arena_strdup(&arena, "text"), "text");
    CHECK_STR(arena_memdup_str(&arena, "text", 2), "te");
    CHECK_STR(arena_printf(&arena, "%d-%s", 7, "x"), "7-x");
}

static void test_limits(void)
{
    _cleanup_arena_ struct Arena arena = {.limit = 10000};
    CHECK(arena_alloc(&arena, SIZE_MAX / 2, 3) == NULL);
    CHECK(arena_alloc(&arena, SIZE_MAX, 1) == NULL);
    CHECK(arena_alloc(&arena, 1, 10001) == NULL);
    CHECK(arena_alloc(&arena, 1, 9000) != NULL);
    CHECK(arena_alloc(&arena, 1, 9000) == NULL);
    CHECK(arena.total <= 10000);
    arena_deinit(&arena);
    CHECK(arena_alloc(&arena, 1, 9000) != NULL);
}

static const struct Test tests[] = {
    TEST(test_allocations_are_zeroed_and_aligned),
    TEST(test_strings),
    TEST(test_limits),
};
TEST_MAIN(tests)
