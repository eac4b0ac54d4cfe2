// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"
#include "base/fd.h"
#include "base/test.h"
#include "shim/loop.h"
#include <sys/eventfd.h>
#include <unistd.h>

struct Counted {
    struct Loop *loop;
    struct LoopSource source, *other;
    struct LoopTimer timer;
    unsigned count;
};

static void on_event(struct LoopSource *source, uint32_t events)
{
    struct Counted *counted = source->owner;
    CHECK(events & EPOLLIN);
    counted->count++;
    if (counted->other)
        loop_unwatch(counted->loop, counted->other);
    loop_unwatch(counted->loop, source);
}

static void on_expired(struct LoopTimer *timer)
{
    struct Counted *counted = timer->owner;
    counted->count++;
}

static void test_source_unwatched_by_another(void)
{
    struct Loop loop = LOOP_INIT;
    struct Counted a = {.loop = &loop}, b = {.loop = &loop}, timed = {.loop = &loop};
    _cleanup_close_ int fd_a = eventfd(1, EFD_CLOEXEC), fd_b = eventfd(1, EFD_CLOEXEC);
    CHECK_EQ(loop_init(&loop), 0);
    a.source = (struct LoopSource){.owner = &a, .on_event = on_event};
    b.source = (struct LoopSource){.owner = &b, .on_event = on_event};
    a.other = &b.source;
    b.other = &a.source;
    timed.timer = (struct LoopTimer){.owner = &timed, .on_expired = on_expired};
    CHECK_EQ(loop_watch(&loop, &a.source, fd_a, EPOLLIN), 0);
    CHECK_EQ(loop_watch(&loop, &b.source, fd_b, EPOLLIN), 0);
    loop_timer_set(&loop, &timed.timer, clock_boottime_usec() + 50000);
    while (timed.count == 0)
        CHECK_EQ(loop_step(&loop), 0);
    CHECK_EQ(a.count + b.count, 1);
    loop_deinit(&loop);
}

static void test_timers_in_order(void)
{
    struct Loop loop = LOOP_INIT;
    struct Counted early = {0}, late = {0}, never = {0};
    CHECK_EQ(loop_init(&loop), 0);
    early.timer = (struct LoopTimer){.owner = &early, .on_expired = on_expired};
    late.timer = (struct LoopTimer){.owner = &late, .on_expired = on_expired};
    never.timer = (struct LoopTimer){.owner = &never, .on_expired = on_expired};
    uint64_t now = clock_boottime_usec();
    loop_timer_set(&loop, &late.timer, now + 40000);
    loop_timer_set(&loop, &never.timer, now + 5000);
    loop_timer_set(&loop, &early.timer, 0); /* long past */
    while (early.count == 0)
        CHECK_EQ(loop_step(&loop), 0);
    CHECK_EQ(late.count, 0);
    CHECK_EQ(early.timer.deadline, 0);
    loop_timer_clear(&never.timer);
    while (late.count == 0)
        CHECK_EQ(loop_step(&loop), 0);
    CHECK(clock_boottime_usec() >= now + 40000);
    CHECK_EQ(never.count, 0);
    CHECK_EQ(early.count, 1);
    /* Moved later, then earlier again. */
    now = clock_boottime_usec();
    loop_timer_set(&loop, &late.timer, now + 3600 * USEC_PER_SEC);
    loop_timer_set(&loop, &early.timer, now + 1000);
    while (early.count == 1)
        CHECK_EQ(loop_step(&loop), 0);
    loop_timer_set(&loop, &late.timer, now + 2000);
    while (late.count == 1)
        CHECK_EQ(loop_step(&loop), 0);
    CHECK(clock_boottime_usec() < now + 3600 * USEC_PER_SEC);
    loop_deinit(&loop);
}

static const struct Test tests[] = {
    TEST(test_source_unwatched_by_another),
    TEST(test_timers_in_order),
};
TEST_MAIN(tests)
