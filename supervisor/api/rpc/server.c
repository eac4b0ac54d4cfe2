// SPDX-License-Identifier: Apache-2.0
/*
 * Accepting. Clients may use descriptors only up to DESCRIPTOR_RESERVE below the limit: what is left is
 * for starting nothing new but stopping and cleaning up. When the table is full all the same, accepting
 * pauses for a moment instead of spinning on a readable listener.
 */
#include "supervisor/api/rpc/server.h"
#include "base/clock.h"
#include "base/fd.h"
#include "supervisor/log.h"
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACCEPT_PER_TURN = 16 };
static const uint64_t ACCEPT_PAUSE_USEC = 100 * USEC_PER_MSEC;

static bool is_within_limits(const struct RpcServer *server, int fd, const struct Caller *caller)
{
    unsigned same = 0;
    if (server->connection_count >= CONNECTIONS_MAX ||
        (uint64_t)fd + DESCRIPTOR_RESERVE >= server->descriptor_limit)
        return false;
    if (caller->uid == 0)
        return true;
    LIST_FOREACH (node, &server->connections)
        same += CONTAINER_OF(node, struct Connection, node)->caller.uid == caller->uid;
    return same < CONNECTIONS_PER_USER_MAX;
}

static void accept_one(struct RpcServer *server, int fd_take)
{
    _cleanup_close_ int fd = fd_take;
    struct Caller caller;
    int r = rpc_socket_caller(fd, server->davit_gid, &caller);
    if (r < 0)
        return;
    if (!is_within_limits(server, fd, &caller)) {
        log_event(LOG_LEVEL_WARNING, "client.refused", NULL, "too many connections (uid %u)", caller.uid);
        return;
    }
    r = connection_new(server, TAKE_FD(fd), &caller);
    if (r < 0)
        log_event(LOG_LEVEL_WARNING, "client.refused", NULL, "%s", strerror(-r));
}

static void server_on_acceptable(void *owner, short revents)
{
    struct RpcServer *server = owner;
    (void)revents;
    for (int i = 0; i < ACCEPT_PER_TURN; i++) {
        int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            accept_one(server, fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            loop_io_set(server->io, 0);
            loop_timer_start(server->resume, ACCEPT_PAUSE_USEC);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

static void server_on_resume(void *owner)
{
    struct RpcServer *server = owner;
    loop_io_set(server->io, POLLIN);
}

int rpc_server_new(struct Manager *manager, int listen_fd_take, struct RpcServer **ret, struct Error *error)
{
    _cleanup_close_ int fd = listen_fd_take;
    struct rlimit limit = {.rlim_cur = 1024};
    struct RpcServer *server = calloc(1, sizeof(*server));
    if (!server)
        return error_set(error, ERROR_RESOURCE_EXHAUSTED, "socket", "out of memory");
    server->manager = manager;
    server->listen_fd = -1;
    list_init(&server->connections);
    server->davit_gid = rpc_socket_group();
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    server->descriptor_limit = limit.rlim_cur;
    int r = 0;
    if (fd < 0) {
        r = rpc_socket_bind(manager->places.socket, server->davit_gid, &fd, error);
        server->bound = r == 0;
    }
    server->listen_fd = TAKE_FD(fd);
    if (r == 0) {
        r = loop_timer_new(manager->loop, server_on_resume, server, &server->resume);
        if (r == 0)
            r = loop_io_new(manager->loop, server->listen_fd, POLLIN, server_on_acceptable, server,
                            &server->io);
        if (r < 0)
            error_set_errno(error, ERROR_INTERNAL, r, "socket", "cannot watch the socket");
    }
    if (r < 0) {
        rpc_server_free(server);
        return r;
    }
    *ret = server;
    return 0;
}

void rpc_server_free(struct RpcServer *server)
{
    if (!server)
        return;
    while (!list_is_empty(&server->connections))
        connection_free(CONTAINER_OF(server->connections.next, struct Connection, node));
    loop_io_free(server->io);
    loop_timer_free(server->resume);
    if (server->bound)
        unlink(server->manager->places.socket);
    safe_close(server->listen_fd);
    free(server);
}
