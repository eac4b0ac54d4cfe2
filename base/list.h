// SPDX-License-Identifier: Apache-2.0
#pragma once
/* An intrusive doubly linked list. The list owns nothing. */
#include <stdbool.h>
#include <stddef.h>

struct ListNode {
    struct ListNode *previous, *next;
};

static inline void list_init(struct ListNode *list)
{
    list->previous = list->next = list;
}
static inline bool list_is_empty(const struct ListNode *list)
{
    return list->next == list;
}
static inline void list_append(struct ListNode *list, struct ListNode *node)
{
    node->previous = list->previous;
    node->next = list;
    list->previous->next = node;
    list->previous = node;
}
/* Legal on a zeroed or already removed node. */
static inline void list_remove(struct ListNode *node)
{
    if (!node->next)
        return;
    node->previous->next = node->next;
    node->next->previous = node->previous;
    node->previous = node->next = NULL;
}
/* Safe against removal of the current node. */
#define LIST_FOREACH(node, list)                                                                             \
    for (struct ListNode *node = (list)->next, *node##_next_ = node->next; node != (list);                   \
         node = node##_next_, node##_next_ = node->next)
