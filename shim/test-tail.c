// SPDX-License-Identifier: Apache-2.0
#include "base/test.h"
#include "shim/tail.h"
#include <string.h>

static void test_keeps_the_last_bytes(void)
{
    static const size_t parts[] = {1, 7, 4095, 4096, 4097, 100, 9000, 3, 4000};
    static char all[40000], out[EXIT_TAIL_SIZE];
    static struct Tail tail;
    size_t total = 0;
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (char)(i * 7 + i / 251);
    CHECK_EQ(tail_copy(&tail, out), 0);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        tail_add(&tail, all + total, parts[i]);
        total += parts[i];
        size_t expected = total < EXIT_TAIL_SIZE ? total : EXIT_TAIL_SIZE;
        CHECK_EQ(tail_copy(&tail, out), expected);
        CHECK(memcmp(out, all + total - expected, expected) == 0);
    }
}

static const struct Test tests[] = {TEST(test_keeps_the_last_bytes)};
TEST_MAIN(tests)
