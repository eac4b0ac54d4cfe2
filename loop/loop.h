// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The event loop: libuv behind five small objects. The only place that sees <uv.h>. Nothing here
 * blocks and no thread is ever started. Every _free is synchronous for the caller (libuv's late
 * close callback is hidden) and legal inside the object's own callback; NULL is fine.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct Loop;
struct LoopIo;
struct LoopTimer;
struct LoopSignal;

int loop_new(struct Loop **ret);
/* Runs until loop_stop(). 0 or a negative errno. */
int loop_run(struct Loop *loop);
void loop_stop(struct Loop *loop);
/* Ends it; returns the number of objects that somebody forgot to free (their memory is lost), which
 * is 0 in a correct program. Deferred work that did not run is dropped. */
unsigned loop_free(struct Loop *loop);

/* Watches a descriptor that poll(2) can watch; borrowed, made non-blocking by its owner. events: POLLIN,
 * POLLOUT, POLLPRI; POLLHUP (also: the other end will send no more) and POLLERR are always told,
 * again and again until the owner reads to the end or frees it. One LoopIo per descriptor. */
typedef void (*LoopIoCallback)(void *owner, short revents);
int loop_io_new(struct Loop *loop, int fd, short events, LoopIoCallback callback, void *owner,
                struct LoopIo **ret);
int loop_io_set(struct LoopIo *io, short events);
void loop_io_free(struct LoopIo *io);

typedef void (*LoopTimerCallback)(void *owner);
int loop_timer_new(struct Loop *loop, LoopTimerCallback callback, void *owner, struct LoopTimer **ret);
/* Fires once, `usec` from now (rounded up to a millisecond); replaces an earlier start. Always 0. */
int loop_timer_start(struct LoopTimer *timer, uint64_t usec);
void loop_timer_stop(struct LoopTimer *timer);
void loop_timer_free(struct LoopTimer *timer);

typedef void (*LoopSignalCallback)(void *owner, int signal);
int loop_signal_new(struct Loop *loop, int signal, LoopSignalCallback callback, void *owner,
                    struct LoopSignal **ret);
void loop_signal_free(struct LoopSignal *signal);

/* Work for the end of this turn of the loop, before it sleeps again; embedded in its owner.
 * Posting twice is posting once; cancelling is legal at any time. What deferred work itself posts
 * runs a turn later, after descriptors had their chance. */
struct LoopDefer {
    void (*callback)(void *owner);
    void *owner;
    struct LoopDefer *next;
    bool posted;
};
void loop_defer(struct Loop *loop, struct LoopDefer *defer);
void loop_defer_cancel(struct Loop *loop, struct LoopDefer *defer);
