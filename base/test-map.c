// SPDX-License-Identifier: Apache-2.0
#include "base/cleanup.h"
#include "base/map.h"
#include "base/test.h"
#include <errno.h>
#include <stdint.h>
#include <string.h>

DEFINE_CLEANUP(struct Map *, map_free)

static void test_add_get_remove(void)
{
    _cleanup_(map_free_pointer) struct Map *map = map_new();
    int one, two;
    CHECK(map_get(map, "a") == NULL);
    CHECK(map_remove(map, "a") == NULL);
    CHECK_EQ(map_add(map, "a", &one), 0);
    CHECK_EQ(map_add(map, "a", &two), -EEXIST);
    CHECK_EQ(map_add(map, "", &two), 0);
    CHECK(map_get(map, "a") == &one);
    CHECK(map_get(map, "") == &two);
    CHECK_EQ(map_size(map), 2);
    CHECK(map_remove(map, "a") == &one);
    CHECK(map_get(map, "a") == NULL);
    CHECK_EQ(map_size(map), 1);
}

/* Against an array of flags: any sequence of adds and removes leaves exactly what it should. */
static void test_random_operations_match_a_model(void)
{
    enum { KEYS = 300, STEPS = 20000 };
    static char keys[KEYS][8];
    bool present[KEYS] = {false};
    size_t size = 0;
    uint32_t random = 12345;
    _cleanup_(map_free_pointer) struct Map *map = map_new();
    for (int i = 0; i < KEYS; i++)
        snprintf(keys[i], sizeof(keys[i]), "k%d", i);
    for (int step = 0; step < STEPS; step++) {
        random = random * 1664525 + 1013904223;
        unsigned i = (random >> 8) % KEYS;
        if (random >> 31) {
            CHECK_EQ(map_add(map, keys[i], keys[i]), present[i] ? -EEXIST : 0);
            size += !present[i];
            present[i] = true;
        } else {
            CHECK(map_remove(map, keys[i]) == (present[i] ? keys[i] : NULL));
            size -= present[i];
            present[i] = false;
        }
        CHECK_EQ(map_size(map), size);
    }
    size_t cursor = 0, seen = 0;
    for (char *key; (key = map_next(map, &cursor)); seen++) {
        size_t i = (size_t)((char(*)[8])key - keys);
        CHECK(present[i]);
        present[i] = false;
    }
    CHECK_EQ(seen, size);
}

static const struct Test tests[] = {TEST(test_add_get_remove), TEST(test_random_operations_match_a_model)};
TEST_MAIN(tests)
