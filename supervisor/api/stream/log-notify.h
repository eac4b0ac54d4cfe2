// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * One inotify descriptor for all followers of logs (a host has few inotify instances). A follower is
 * told when something in its log folder changed; an overflow of the queue tells everybody.
 */
#include "base/list.h"
#include "loop/loop.h"

struct LogNotify;

struct LogNotifyClient {
    struct ListNode node;
    int watch; /* -1: not watching */
    void (*on_change)(struct LogNotifyClient *client);
};

int log_notify_new(struct Loop *loop, struct LogNotify **ret);
void log_notify_free(struct LogNotify *notify);
/* `directory` is an open folder. 0 or a negative errno. */
int log_notify_add(struct LogNotify *notify, struct LogNotifyClient *client, int directory);
/* Idempotent. */
void log_notify_remove(struct LogNotify *notify, struct LogNotifyClient *client);
