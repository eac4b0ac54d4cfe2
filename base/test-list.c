// SPDX-License-Identifier: Apache-2.0
#include "base/cleanup.h"
#include "base/list.h"
#include "base/test.h"

struct Item {
    int number;
    struct ListNode node;
};

static void test_order_and_removal(void)
{
    struct ListNode list;
    struct Item items[4] = {{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}};
    list_init(&list);
    CHECK(list_is_empty(&list));
    for (size_t i = 0; i < ELEMENTSOF(items); i++)
        list_append(&list, &items[i].node);
    CHECK(!list_is_empty(&list));
    int expected = 0;
    LIST_FOREACH (node, &list) {
        CHECK_EQ(CONTAINER_OF(node, struct Item, node)->number, expected++);
        if (expected % 2 == 0)
            list_remove(node);
    }
    CHECK_EQ(expected, 4);
    list_remove(&items[1].node);
    expected = 0;
    LIST_FOREACH (node, &list) {
        CHECK_EQ(CONTAINER_OF(node, struct Item, node)->number, expected);
        expected += 2;
        list_remove(node);
    }
    CHECK_EQ(expected, 4);
    CHECK(list_is_empty(&list));
}

static const struct Test tests[] = {TEST(test_order_and_removal)};
TEST_MAIN(tests)
