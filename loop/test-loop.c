// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"
#include "base/test.h"
#include "loop/loop.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct Fixture {
    struct Loop *loop;
    struct LoopIo *io;
    struct LoopTimer *timer;
    struct LoopSignal *signal;
    struct LoopDefer defer, other;
    int fds[2];
    int calls, others;
    short seen;
    char order[16];
};

static void note(struct Fixture *fixture, char mark)
{
    size_t length = strlen(fixture->order);
    if (length + 1 < sizeof(fixture->order))
        fixture->order[length] = mark;
}

static void stop_late(void *owner)
{
    struct Fixture *fixture = owner;
    note(fixture, 't');
    loop_stop(fixture->loop);
}

static void on_readable(void *owner, short revents)
{
    struct Fixture *fixture = owner;
    fixture->calls++;
    fixture->seen |= revents;
    loop_io_free(fixture->io); /* within its own callback */
    fixture->io = NULL;
    loop_stop(fixture->loop);
}

static void test_frees_io_in_its_own_callback(void)
{
    struct Fixture fixture = {0};
    CHECK_EQ(loop_new(&fixture.loop), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fixture.fds), 0);
    CHECK_EQ(loop_io_new(fixture.loop, fixture.fds[0], POLLIN, on_readable, &fixture, &fixture.io), 0);
    CHECK_EQ(write(fixture.fds[1], "x", 1), 1);
    CHECK_EQ(loop_run(fixture.loop), 0);
    CHECK_EQ(fixture.calls, 1);
    CHECK(fixture.seen & POLLIN);
    CHECK_EQ(loop_free(fixture.loop), 0);
    close(fixture.fds[0]);
    close(fixture.fds[1]);
}

static void test_tells_hangup_without_interest(void)
{
    struct Fixture fixture = {0};
    CHECK_EQ(loop_new(&fixture.loop), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fixture.fds), 0);
    CHECK_EQ(loop_io_new(fixture.loop, fixture.fds[0], 0, on_readable, &fixture, &fixture.io), 0);
    close(fixture.fds[1]);
    CHECK_EQ(loop_run(fixture.loop), 0);
    CHECK(fixture.seen & POLLHUP);
    CHECK_EQ(loop_free(fixture.loop), 0);
    close(fixture.fds[0]);
}

static void test_refuses_what_cannot_be_polled(void)
{
    struct Fixture fixture = {0};
    int folder = -1;
    test_folder(&folder);
    CHECK_EQ(loop_new(&fixture.loop), 0);
    CHECK_EQ(loop_io_new(fixture.loop, folder, POLLIN, on_readable, &fixture, &fixture.io), -EPERM);
    CHECK_EQ(loop_free(fixture.loop), 0);
}

static void on_reset(void *owner, short revents)
{
    struct Fixture *fixture = owner;
    char byte;
    fixture->seen |= revents;
    ssize_t size = read(fixture->fds[0], &byte, 1); /* one byte each time: the end comes later */
    if (size > 0)
        fixture->calls++;
    else if (size == 0)
        loop_stop(fixture->loop);
}

/* The other end closes with our bytes unread: an error is pending here, and so is what it sent. */
static void test_goes_on_after_an_error(void)
{
    struct Fixture fixture = {0};
    CHECK_EQ(loop_new(&fixture.loop), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fixture.fds), 0);
    CHECK_EQ(write(fixture.fds[0], "unread", 6), 6);
    CHECK_EQ(write(fixture.fds[1], "abc", 3), 3);
    close(fixture.fds[1]);
    CHECK_EQ(loop_io_new(fixture.loop, fixture.fds[0], POLLIN, on_reset, &fixture, &fixture.io), 0);
    CHECK_EQ(loop_run(fixture.loop), 0);
    CHECK(fixture.seen & POLLERR);
    CHECK_EQ(fixture.calls, 3);
    loop_io_free(fixture.io);
    CHECK_EQ(loop_free(fixture.loop), 0);
    close(fixture.fds[0]);
}

static void on_timer(void *owner)
{
    struct Fixture *fixture = owner;
    fixture->calls++;
    if (fixture->calls == 1) {
        loop_timer_start(fixture->timer, 1);
        return;
    }
    loop_timer_free(fixture->timer); /* within its own callback */
    fixture->timer = NULL;
    loop_stop(fixture->loop);
}

static void test_timer_starts_again_and_frees_itself(void)
{
    struct Fixture fixture = {0};
    CHECK_EQ(loop_new(&fixture.loop), 0);
    CHECK_EQ(loop_timer_new(fixture.loop, on_timer, &fixture, &fixture.timer), 0);
    loop_timer_start(fixture.timer, 1000);
    CHECK_EQ(loop_run(fixture.loop), 0);
    CHECK_EQ(fixture.calls, 2);
    CHECK_EQ(loop_free(fixture.loop), 0);
}

static void on_signal(void *owner, int number)
{
    struct Fixture *fixture = owner;
    fixture->calls = number;
    loop_signal_free(fixture->signal);
    fixture->signal = NULL;
    loop_stop(fixture->loop);
}

static void test_signal(void)
{
    struct Fixture fixture = {0};
    CHECK_EQ(loop_new(&fixture.loop), 0);
    CHECK_EQ(loop_signal_new(fixture.loop, SIGUSR1, on_signal, &fixture, &fixture.signal), 0);
    raise(SIGUSR1);
    CHECK_EQ(loop_run(fixture.loop), 0);
    CHECK_EQ(fixture.calls, SIGUSR1);
    CHECK_EQ(loop_free(fixture.loop), 0);
}

static void on_defer(void *owner)
{
    struct Fixture *fixture = owner;
    note(fixture, 'a');
    if (++fixture->calls < 3)
        loop_defer(fixture->loop, &fixture->defer); /* a chain must not starve the timer */
    else
        loop_stop(fixture->loop);
}

static void on_other(void *owner)
{
    struct Fixture *fixture = owner;
    note(fixture, 'b');
    fixture->others++;
}

static void test_defer_runs_once_in_order(void)
{
    struct Fixture fixture = {0};
    fixture.defer = (struct LoopDefer){.callback = on_defer, .owner = &fixture};
    fixture.other = (struct LoopDefer){.callback = on_other, .owner = &fixture};
    CHECK_EQ(loop_new(&fixture.loop), 0);
    loop_defer(fixture.loop, &fixture.defer);
    loop_defer(fixture.loop, &fixture.other);
    loop_defer(fixture.loop, &fixture.defer);
    CHECK_EQ(loop_run(fixture.loop), 0);
    CHECK_STR(fixture.order, "abaa");
    CHECK_EQ(loop_free(fixture.loop), 0);
}

static void test_defer_cancel(void)
{
    struct Fixture fixture = {0};
    fixture.calls = 2;
    fixture.defer = (struct LoopDefer){.callback = on_defer, .owner = &fixture};
    fixture.other = (struct LoopDefer){.callback = on_other, .owner = &fixture};
    CHECK_EQ(loop_new(&fixture.loop), 0);
    loop_defer(fixture.loop, &fixture.defer);
    loop_defer(fixture.loop, &fixture.other);
    loop_defer_cancel(fixture.loop, &fixture.other);
    loop_defer_cancel(fixture.loop, &fixture.other);
    CHECK_EQ(loop_run(fixture.loop), 0);
    CHECK_EQ(fixture.others, 0);
    CHECK_STR(fixture.order, "a");
    CHECK_EQ(loop_free(fixture.loop), 0);
}

static void cancel_next(void *owner)
{
    struct Fixture *fixture = owner;
    note(fixture, 'c');
    loop_defer_cancel(fixture->loop, &fixture->other);
    loop_defer(fixture->loop, &fixture->other); /* posted anew: a turn later */
    loop_timer_start(fixture->timer, 1);
}

static void test_defer_cancelled_by_its_neighbour(void)
{
    struct Fixture fixture = {0};
    fixture.defer = (struct LoopDefer){.callback = cancel_next, .owner = &fixture};
    fixture.other = (struct LoopDefer){.callback = on_other, .owner = &fixture};
    CHECK_EQ(loop_new(&fixture.loop), 0);
    CHECK_EQ(loop_timer_new(fixture.loop, stop_late, &fixture, &fixture.timer), 0);
    loop_defer(fixture.loop, &fixture.defer);
    loop_defer(fixture.loop, &fixture.other);
    CHECK_EQ(loop_run(fixture.loop), 0);
    CHECK_STR(fixture.order, "cbt");
    loop_timer_free(fixture.timer);
    CHECK_EQ(loop_free(fixture.loop), 0);
}

static const struct Test tests[] = {
    TEST(test_frees_io_in_its_own_callback),
    TEST(test_tells_hangup_without_interest),
    TEST(test_refuses_what_cannot_be_polled),
    TEST(test_goes_on_after_an_error),
    TEST(test_timer_starts_again_and_frees_itself),
    TEST(test_signal),
    TEST(test_defer_runs_once_in_order),
    TEST(test_defer_cancel),
    TEST(test_defer_cancelled_by_its_neighbour),
};

int main(int argc, char **argv)
{
    /* libuv opens its process-wide signal pipe with the first loop and keeps it. */
    struct Loop *first = NULL;
    if (loop_new(&first) < 0 || loop_free(first) != 0)
        return 1;
    return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
