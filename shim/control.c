// SPDX-License-Identifier: Apache-2.0
#include "shim/control.h"
#include "base/clock.h"
#include "base/fd.h"
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MESSAGES_PER_EVENT = 64, /* then others have their turn */
    PAUSE_USEC = 100000,
};

static void listen_on_event(struct LoopSource *source, uint32_t events);
static void connection_on_event(struct LoopSource *source, uint32_t events);
static void pause_on_expired(struct LoopTimer *timer);

int control_init(struct Control *control, struct Loop *loop, int listen_fd)
{
    control->loop = loop;
    control->listen = (struct LoopSource){.owner = control, .on_event = listen_on_event};
    control->pause.owner = control;
    control->pause.on_expired = pause_on_expired;
    int r = fd_set_nonblocking(listen_fd, true);
    return r < 0 ? r : loop_watch(loop, &control->listen, listen_fd, EPOLLIN);
}

static void connection_close(struct Control *control, struct ControlConnection *connection)
{
    loop_unwatch(control->loop, &connection->source);
    safe_close(connection->source.fd);
    *connection = (struct ControlConnection){0};
    control->count--;
}

void control_deinit(struct Control *control)
{
    for (unsigned i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
        if (control->connections[i].in_use)
            connection_close(control, &control->connections[i]);
    if (control->loop)
        loop_unwatch(control->loop, &control->listen);
    loop_timer_clear(&control->pause);
}

int control_send(struct Control *control, struct ControlConnection *connection,
                 const union ShimMessage *message, const int *fds, unsigned fd_count)
{
    int r = shim_message_send(connection->source.fd, message, fds, fd_count);
    if (r < 0)
        connection_close(control, connection);
    return r;
}

void control_broadcast(struct Control *control, const union ShimMessage *message, const int *fds,
                       unsigned fd_count)
{
    for (unsigned i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
        if (control->connections[i].in_use)
            (void)control_send(control, &control->connections[i], message, fds, fd_count);
}

bool control_has_peer(const struct Control *control)
{
    for (unsigned i = 0; i < CONTROL_CONNECTIONS_MAX; i++) {
        struct pollfd connection = {.fd = control->connections[i].source.fd, .events = POLLRDHUP};
        if (control->connections[i].in_use && poll(&connection, 1, 0) == 0)
            return true;
    }
    return false;
}

static bool peer_is_trusted(int fd)
{
    struct ucred peer = {0};
    socklen_t size = sizeof(peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == 0 || peer.uid == geteuid());
}

static void connection_receive(struct Control *control, struct ControlConnection *connection)
{
    for (unsigned i = 0; i < MESSAGES_PER_EVENT && connection->in_use; i++) {
        union ShimMessage message;
        int fds[2] = {-1, -1};
        unsigned fd_count = 0;
        int r = shim_message_receive(connection->source.fd, &message, fds, &fd_count);
        if (r == -EAGAIN)
            return;
        if (r < 0) {
            connection_close(control, connection);
            return;
        }
        control->on_request(control->owner, connection, &message, fds, fd_count);
        safe_close(fds[0]);
        safe_close(fds[1]);
    }
}

static void connection_on_event(struct LoopSource *source, uint32_t events)
{
    (void)events;
    connection_receive(source->owner, CONTAINER_OF(source, struct ControlConnection, source));
}

static void connection_add(struct Control *control, int socket_fd)
{
    _cleanup_close_ int fd = socket_fd;
    if (!peer_is_trusted(fd))
        return;
    for (unsigned i = 0; i < CONTROL_CONNECTIONS_MAX; i++) {
        struct ControlConnection *connection = &control->connections[i];
        if (connection->in_use)
            continue;
        connection->source = (struct LoopSource){.owner = control, .on_event = connection_on_event};
        if (loop_watch(control->loop, &connection->source, fd, EPOLLIN) < 0)
            return;
        TAKE_FD(fd);
        connection->in_use = true;
        control->count++;
        connection_receive(control, connection);
        return;
    }
}

void control_poll(struct Control *control)
{
    for (;;) {
        int fd = accept4(control->listen.fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            connection_add(control, fd);
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED)
            continue;
        if (errno != EAGAIN) { /* out of descriptors: the socket stays readable, so look away for a while */
            loop_unwatch(control->loop, &control->listen);
            loop_timer_set(control->loop, &control->pause, clock_boottime_usec() + PAUSE_USEC);
        }
        return;
    }
}

static void listen_on_event(struct LoopSource *source, uint32_t events)
{
    (void)events;
    control_poll(source->owner);
}

static void pause_on_expired(struct LoopTimer *timer)
{
    struct Control *control = timer->owner;
    if (loop_watch(control->loop, &control->listen, control->listen.fd, EPOLLIN) < 0)
        loop_timer_set(control->loop, timer, clock_boottime_usec() + PAUSE_USEC);
}
