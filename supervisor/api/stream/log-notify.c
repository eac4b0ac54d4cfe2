// SPDX-License-Identifier: Apache-2.0
/*
 * Followers of one folder share its watch descriptor: inotify gives the same number for the same
 * inode, so the watch is dropped only when its last follower goes.
 */
#include "supervisor/api/stream/log-notify.h"
#include "base/fd.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

struct LogNotify {
    int fd;
    struct LoopIo *io;
    struct ListNode clients;
};

static void log_notify_on_readable(void *owner, short revents)
{
    (void)revents;
    struct LogNotify *notify = owner;
    _Alignas(struct inotify_event) char buffer[4096];
    for (;;) {
        ssize_t size = read(notify->fd, buffer, sizeof(buffer));
        if (size <= 0)
            return;
        for (ssize_t at = 0; at < size;) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)(buffer + at);
            at += (ssize_t)sizeof(*event) + event->len;
            LIST_FOREACH (node, &notify->clients) {
                struct LogNotifyClient *client = CONTAINER_OF(node, struct LogNotifyClient, node);
                if ((event->mask & IN_Q_OVERFLOW) || client->watch == event->wd)
                    client->on_change(client);
            }
        }
    }
}

int log_notify_new(struct Loop *loop, struct LogNotify **ret)
{
    struct LogNotify *notify = calloc(1, sizeof(*notify));
    if (!notify)
        return -ENOMEM;
    list_init(&notify->clients);
    notify->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    int result = notify->fd < 0
                     ? -errno
                     : loop_io_new(loop, notify->fd, POLLIN, log_notify_on_readable, notify, &notify->io);
    if (result < 0) {
        log_notify_free(notify);
        return result;
    }
    *ret = notify;
    return 0;
}

void log_notify_free(struct LogNotify *notify)
{
    if (!notify)
        return;
    loop_io_free(notify->io);
    safe_close(notify->fd);
    free(notify);
}

int log_notify_add(struct LogNotify *notify, struct LogNotifyClient *client, int directory)
{
    char path[32];
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", directory);
    client->watch = inotify_add_watch(notify->fd, path, IN_MODIFY | IN_CREATE | IN_MOVED_TO);
    if (client->watch < 0)
        return -errno;
    list_append(&notify->clients, &client->node);
    return 0;
}

void log_notify_remove(struct LogNotify *notify, struct LogNotifyClient *client)
{
    if (client->watch < 0)
        return;
    list_remove(&client->node);
    int watch = client->watch;
    client->watch = -1;
    LIST_FOREACH (node, &notify->clients) {
        if (CONTAINER_OF(node, struct LogNotifyClient, node)->watch == watch)
            return;
    }
    (void)inotify_rm_watch(notify->fd, watch);
}
