// SPDX-License-Identifier: Apache-2.0
/*
 * One event a step: a callback may then unwatch, close and reuse any other source without leaving a
 * stale event behind. epoll moves a descriptor that stays ready to the end of its queue, so nobody
 * starves. The timerfd exists from the start: later nothing can fail for want of a descriptor.
 */
#include "shim/loop.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

static void clock_on_event(struct LoopSource *source, uint32_t events);

int loop_init(struct Loop *loop)
{
    _cleanup_close_ int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0)
        return -errno;
    _cleanup_close_ int clock_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (clock_fd < 0)
        return -errno;
    struct Loop made = {.epoll_fd = epoll_fd, .clock = {.on_event = clock_on_event, .owner = loop}};
    *loop = made;
    list_init(&loop->timers);
    int r = loop_watch(loop, &loop->clock, clock_fd, EPOLLIN);
    if (r < 0) {
        *loop = (struct Loop)LOOP_INIT;
        return r;
    }
    TAKE_FD(epoll_fd);
    TAKE_FD(clock_fd);
    return 0;
}

void loop_deinit(struct Loop *loop)
{
    safe_close(loop->clock.fd);
    safe_close(loop->epoll_fd);
    *loop = (struct Loop)LOOP_INIT;
}

int loop_watch(struct Loop *loop, struct LoopSource *source, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        return -errno;
    source->fd = fd;
    source->events = events;
    source->is_watched = true;
    return 0;
}

void loop_change(struct Loop *loop, struct LoopSource *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    if (!source->is_watched || source->events == events)
        return;
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event);
    source->events = events;
}

void loop_unwatch(struct Loop *loop, struct LoopSource *source)
{
    if (!source->is_watched)
        return;
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
    source->is_watched = false;
}

static struct LoopTimer *timer_of(struct ListNode *node)
{
    return CONTAINER_OF(node, struct LoopTimer, node);
}

void loop_timer_set(struct Loop *loop, struct LoopTimer *timer, uint64_t deadline)
{
    list_remove(&timer->node);
    timer->deadline = MAX(deadline, UINT64_C(1));
    list_append(&loop->timers, &timer->node);
}

void loop_timer_clear(struct LoopTimer *timer)
{
    list_remove(&timer->node);
    timer->deadline = 0;
}

static struct LoopTimer *earliest_timer(struct Loop *loop)
{
    struct LoopTimer *earliest = NULL;
    LIST_FOREACH (node, &loop->timers) {
        if (!earliest || timer_of(node)->deadline < earliest->deadline)
            earliest = timer_of(node);
    }
    return earliest;
}

/* The timerfd may stay armed for a timer that was cleared: it then wakes the loop once for nothing. */
static void arm(struct Loop *loop)
{
    const struct LoopTimer *timer = earliest_timer(loop);
    if (!timer || (loop->armed && loop->armed == timer->deadline))
        return;
    struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(timer->deadline / USEC_PER_SEC),
                     .tv_nsec = (long)(timer->deadline % USEC_PER_SEC) * 1000},
    };
    if (timerfd_settime(loop->clock.fd, TFD_TIMER_ABSTIME, &when, NULL) == 0)
        loop->armed = timer->deadline;
}

static void clock_on_event(struct LoopSource *source, uint32_t events)
{
    struct Loop *loop = source->owner;
    uint64_t expirations = 0;
    (void)events;
    if (read(source->fd, &expirations, sizeof(expirations)) < 0)
        return;
    loop->armed = 0;
    struct LoopTimer *timer = earliest_timer(loop);
    if (!timer || timer->deadline > clock_boottime_usec())
        return;
    loop_timer_clear(timer);
    timer->on_expired(timer);
}

int loop_step(struct Loop *loop)
{
    struct epoll_event event = {0};
    arm(loop);
    int count = epoll_wait(loop->epoll_fd, &event, 1, -1);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    struct LoopSource *source = event.data.ptr;
    if (count > 0 && source->is_watched)
        source->on_event(source, event.events);
    return 0;
}
