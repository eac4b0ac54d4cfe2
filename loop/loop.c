// SPDX-License-Identifier: Apache-2.0
/*
 * libuv, hidden. Each object is one allocation that embeds its handle; _free() closes the handle,
 * clears the callback and lets libuv's close callback release the memory a turn later, so that
 * an owner may free an object from within that object's own callback.
 *
 * Deferred work runs twice a turn: before the poll (for what timers posted) and after it. What
 * is posted while it runs waits for the next round, and an idle handle keeps the poll from sleeping
 * meanwhile; thus a chain of posts never starves descriptors.
 */
#include "loop/loop.h"
#include "base/cleanup.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <uv.h>

struct Loop {
    uv_loop_t uv;
    uv_prepare_t before;
    uv_check_t after;
    uv_idle_t busy;
    struct LoopDefer *first, **last;
    unsigned objects; /* live LoopIo, LoopTimer and LoopSignal */
    bool stopped;
};

struct LoopIo {
    uv_poll_t uv;
    struct Loop *loop;
    short events;
    LoopIoCallback callback;
    void *owner;
};

struct LoopTimer {
    uv_timer_t uv;
    struct Loop *loop;
    LoopTimerCallback callback;
    void *owner;
};

struct LoopSignal {
    uv_signal_t uv;
    struct Loop *loop;
    LoopSignalCallback callback;
    void *owner;
};

/* --- deferred work --- */

static void on_busy(uv_idle_t *idle)
{
    (void)idle; /* exists only to keep the poll from sleeping */
}

static void run_deferred(struct Loop *loop)
{
    if (!loop->first)
        return;
    /* A marker at the end of what was posted so far; what comes behind it waits. */
    struct LoopDefer marker = {.posted = true};
    *loop->last = &marker;
    loop->last = &marker.next;
    while (loop->first != &marker) {
        struct LoopDefer *defer = loop->first;
        loop->first = defer->next;
        if (!loop->first)
            loop->last = &loop->first;
        defer->next = NULL;
        defer->posted = false;
        defer->callback(defer->owner);
    }
    loop->first = marker.next;
    if (loop->first) {
        uv_idle_start(&loop->busy, on_busy);
    } else {
        loop->last = &loop->first;
        uv_idle_stop(&loop->busy);
    }
}

static void on_before(uv_prepare_t *prepare)
{
    run_deferred(prepare->data);
}

static void on_after(uv_check_t *check)
{
    run_deferred(check->data);
}

void loop_defer(struct Loop *loop, struct LoopDefer *defer)
{
    if (defer->posted)
        return;
    defer->posted = true;
    defer->next = NULL;
    *loop->last = defer;
    loop->last = &defer->next;
}

void loop_defer_cancel(struct Loop *loop, struct LoopDefer *defer)
{
    if (!defer->posted)
        return;
    for (struct LoopDefer **link = &loop->first; *link; link = &(*link)->next) {
        if (*link != defer)
            continue;
        *link = defer->next;
        if (!*link)
            loop->last = link;
        break;
    }
    defer->next = NULL;
    defer->posted = false;
}

/* --- the loop --- */

int loop_new(struct Loop **ret)
{
    _cleanup_free_ struct Loop *loop = calloc(1, sizeof(*loop));
    if (!loop)
        return -ENOMEM;
    loop->last = &loop->first;
    int r = uv_loop_init(&loop->uv);
    if (r < 0)
        return r;
    uv_prepare_init(&loop->uv, &loop->before);
    uv_check_init(&loop->uv, &loop->after);
    uv_idle_init(&loop->uv, &loop->busy);
    loop->before.data = loop->after.data = loop->busy.data = loop;
    uv_prepare_start(&loop->before, on_before);
    uv_check_start(&loop->after, on_after);
    *ret = TAKE_PTR(loop);
    return 0;
}

int loop_run(struct Loop *loop)
{
    while (!loop->stopped) {
        int r = uv_run(&loop->uv, UV_RUN_DEFAULT);
        if (r < 0)
            return r;
        if (r == 0)
            break;
    }
    loop->stopped = false;
    return 0;
}

void loop_stop(struct Loop *loop)
{
    loop->stopped = true;
    uv_stop(&loop->uv);
}

static void on_walk(uv_handle_t *handle, void *count)
{
    if (uv_is_closing(handle))
        return;
    ++*(unsigned *)count;
    uv_close(handle, NULL);
}

unsigned loop_free(struct Loop *loop)
{
    if (!loop)
        return 0;
    unsigned forgotten = loop->objects;
    uv_close((uv_handle_t *)&loop->before, NULL);
    uv_close((uv_handle_t *)&loop->after, NULL);
    uv_close((uv_handle_t *)&loop->busy, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    if (forgotten) {
        unsigned closed = 0;
        uv_walk(&loop->uv, on_walk, &closed); /* their memory is lost, and said so */
        uv_run(&loop->uv, UV_RUN_DEFAULT);
    }
    if (uv_loop_close(&loop->uv) < 0)
        forgotten++;
    free(loop);
    return forgotten;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle); /* each object begins with its handle */
}

/* --- descriptors --- */

static int poll_to_uv(short events)
{
    int result = 0;
    result |= events & POLLIN ? UV_READABLE : 0;
    result |= events & POLLOUT ? UV_WRITABLE : 0;
    result |= events & POLLPRI ? UV_PRIORITIZED : 0;
    return result;
}

static short poll_from_uv(int events)
{
    short result = 0;
    result |= events & UV_READABLE ? POLLIN : 0;
    result |= events & UV_WRITABLE ? POLLOUT : 0;
    result |= events & UV_PRIORITIZED ? POLLPRI : 0;
    result |= events & UV_DISCONNECT ? POLLHUP : 0;
    return result;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct LoopIo *io = (struct LoopIo *)poll;
    if (!io->callback)
        return;
    io->callback(io->owner, status < 0 ? POLLERR : poll_from_uv(events));
    /* libuv stops watching at an error, but a socket may have data to read before its end. */
    if (status < 0 && io->callback)
        loop_io_set(io, io->events);
}

int loop_io_new(struct Loop *loop, int fd, short events, LoopIoCallback callback, void *owner,
                struct LoopIo **ret)
{
    _cleanup_free_ struct LoopIo *io = calloc(1, sizeof(*io));
    if (!io)
        return -ENOMEM;
    io->loop = loop;
    io->callback = callback;
    io->owner = owner;
    int r = uv_poll_init(&loop->uv, &io->uv, fd);
    if (r < 0)
        return r;
    loop->objects++;
    /* From here on only the close callback may release the memory. */
    struct LoopIo *handle = TAKE_PTR(io);
    r = loop_io_set(handle, events);
    if (r < 0) {
        loop_io_free(handle);
        return r;
    }
    *ret = handle;
    return 0;
}

int loop_io_set(struct LoopIo *io, short events)
{
    io->events = events;
    return uv_poll_start(&io->uv, poll_to_uv(events) | UV_DISCONNECT, on_poll);
}

void loop_io_free(struct LoopIo *io)
{
    if (!io)
        return;
    io->callback = NULL;
    io->loop->objects--;
    uv_close((uv_handle_t *)&io->uv, on_closed);
}

/* --- timers --- */

static void on_timer(uv_timer_t *handle)
{
    struct LoopTimer *timer = (struct LoopTimer *)handle;
    if (timer->callback)
        timer->callback(timer->owner);
}

int loop_timer_new(struct Loop *loop, LoopTimerCallback callback, void *owner, struct LoopTimer **ret)
{
    struct LoopTimer *timer = calloc(1, sizeof(*timer));
    if (!timer)
        return -ENOMEM;
    timer->loop = loop;
    timer->callback = callback;
    timer->owner = owner;
    uv_timer_init(&loop->uv, &timer->uv);
    loop->objects++;
    *ret = timer;
    return 0;
}

int loop_timer_start(struct LoopTimer *timer, uint64_t usec)
{
    /* libuv counts from the time it cached at the start of the turn. */
    uv_update_time(&timer->loop->uv);
    uint64_t msec = usec / 1000 + (usec % 1000 != 0);
    return uv_timer_start(&timer->uv, on_timer, msec, 0);
}

void loop_timer_stop(struct LoopTimer *timer)
{
    uv_timer_stop(&timer->uv);
}

void loop_timer_free(struct LoopTimer *timer)
{
    if (!timer)
        return;
    timer->callback = NULL;
    timer->loop->objects--;
    uv_close((uv_handle_t *)&timer->uv, on_closed);
}

/* --- signals --- */

static void on_signal(uv_signal_t *handle, int number)
{
    struct LoopSignal *watch = (struct LoopSignal *)handle;
    if (watch->callback)
        watch->callback(watch->owner, number);
}

int loop_signal_new(struct Loop *loop, int signal, LoopSignalCallback callback, void *owner,
                    struct LoopSignal **ret)
{
    _cleanup_free_ struct LoopSignal *watch = calloc(1, sizeof(*watch));
    if (!watch)
        return -ENOMEM;
    watch->loop = loop;
    watch->callback = callback;
    watch->owner = owner;
    int r = uv_signal_init(&loop->uv, &watch->uv);
    if (r < 0)
        return r;
    loop->objects++;
    struct LoopSignal *handle = TAKE_PTR(watch);
    r = uv_signal_start(&handle->uv, on_signal, signal);
    if (r < 0) {
        loop_signal_free(handle);
        return r;
    }
    *ret = handle;
    return 0;
}

void loop_signal_free(struct LoopSignal *watch)
{
    if (!watch)
        return;
    watch->callback = NULL;
    watch->loop->objects--;
    uv_close((uv_handle_t *)&watch->uv, on_closed);
}
