// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The shim's event loop: descriptors in one epoll set, deadlines in one timer. It is this small
 * because the shim links nothing but libc. Sources and timers are members of their owners, never
 * allocated, and a zeroed one is idle. Deadlines are CLOCK_BOOTTIME, so a stop's grace also runs while
 * the host sleeps.
 */
#include "base/list.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct LoopSource {
    int fd; /* borrowed; valid while watched */
    bool is_watched;
    uint32_t events;
    void *owner;
    void (*on_event)(struct LoopSource *source, uint32_t events);
};

struct LoopTimer {
    struct ListNode node;
    uint64_t deadline; /* boottime, microseconds; 0: not set */
    void *owner;
    void (*on_expired)(struct LoopTimer *timer);
};

struct Loop {
    int epoll_fd;
    struct LoopSource clock; /* the timerfd */
    struct ListNode timers;
    uint64_t armed; /* the deadline that the timerfd was given, 0: none */
};
#define LOOP_INIT                                                                                            \
    {                                                                                                        \
        .epoll_fd = -1, .clock.fd = -1                                                                       \
    }

int loop_init(struct Loop *loop);
void loop_deinit(struct Loop *loop);

/* `events` may be 0: then only hang-up and errors are reported, for as long as they last. */
int loop_watch(struct Loop *loop, struct LoopSource *source, int fd, uint32_t events);
void loop_change(struct Loop *loop, struct LoopSource *source, uint32_t events);
/* Idempotent. Must come before the descriptor is closed. */
void loop_unwatch(struct Loop *loop, struct LoopSource *source);

/* Sets or moves the deadline; one in the past expires at the next step. */
void loop_timer_set(struct Loop *loop, struct LoopTimer *timer, uint64_t deadline);
void loop_timer_clear(struct LoopTimer *timer);

/* Waits for one event or one expired timer and calls its owner. 0 or a negative errno. */
int loop_step(struct Loop *loop);
