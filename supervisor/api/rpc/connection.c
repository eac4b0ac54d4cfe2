// SPDX-License-Identifier: Apache-2.0
/*
 * One client. Everything that is queued for it outside of its own turn is written by the deferred
 * work, once; and a connection is freed only there or in its own descriptor callback, never under
 * the feet of a verb.
 */
#include "base/fd.h"
#include "base/str.h"
#include "supervisor/api/rpc/server.h"
#include "supervisor/api/verb.h"
#include "supervisor/log.h"
#include <poll.h>

/* --- answering --- */

static void check_queued(struct Connection *connection, int r)
{
    if (r < 0)
        connection_break(connection); /* it takes nothing, and memory is bounded */
    else
        connection_touch(connection);
}

static void rpc_answer(struct Request *request, const void *result, size_t size)
{
    struct Connection *connection = request->connection;
    check_queued(connection, rpc_peer_reply(connection->peer, request->id, result, size));
}

static void rpc_fail(struct Request *request, const struct Error *error, const void *details, size_t size)
{
    struct Connection *connection = request->connection;
    check_queued(connection, rpc_peer_reply_error(connection->peer, request->id, error, details, size));
}

static void rpc_stream(struct Request *request, struct Stream *stream)
{
    connection_add_stream(request->connection, request->id, stream);
}

static const struct RequestTransport RPC_TRANSPORT = {rpc_answer, rpc_fail, rpc_stream};

/* --- asking --- */

/* Options of this connection, so it is the transport's own. */
static int hello(struct Connection *connection, const msgpack_object *arguments, struct Error *error)
{
    const struct SchemaMethod *method = schema_method("hello");
    struct ArgHello options = {0};
    msgpack_zone zone;
    if (!msgpack_zone_init(&zone, 256))
        return error_set(error, ERROR_RESOURCE_EXHAUSTED, NULL, "out of memory");
    int r = schema_decode(method->arguments, arguments, &zone, &options, error);
    if (r == 0 && options.errors)
        rpc_peer_set_error_maps(connection->peer, str_equal(options.errors, "map"));
    msgpack_zone_destroy(&zone);
    return r;
}

static void connection_on_request(struct RpcPeer *peer, void *owner, uint32_t id, const char *method,
                                  const msgpack_object *arguments)
{
    struct Connection *connection = owner;
    if (connection->broken)
        return;
    if (str_starts_with(method, "stream.")) {
        connection_on_stream_request(connection, id, method, arguments);
        return;
    }
    struct Error error = {0};
    struct Request *request =
        request_new(connection->server->manager, &RPC_TRANSPORT, connection, id, &connection->caller);
    if (!request) {
        error_set(&error, ERROR_RESOURCE_EXHAUSTED, NULL, "out of memory");
        check_queued(connection, rpc_peer_reply_error(peer, id, &error, NULL, 0));
        return;
    }
    list_append(&connection->requests, &request->node);
    if (!str_equal(method, "hello"))
        verb_dispatch(request, method, arguments);
    else if (hello(connection, arguments, &error) < 0)
        request_fail(request, &error);
    else
        verb_hello(request, NULL, NULL);
}

static void connection_on_notification(struct RpcPeer *peer, void *owner, const char *method,
                                       const msgpack_object *arguments)
{
    struct Connection *connection = owner;
    (void)peer;
    /* The only one that clients send; others have no answer to complain in. */
    if (str_equal(method, "stream.credit"))
        connection_on_credit(connection, arguments);
}

static const struct RpcHandler RPC_HANDLER = {
    .on_request = connection_on_request,
    .on_notification = connection_on_notification,
};

/* --- life --- */

static void update_events(struct Connection *connection)
{
    short events = rpc_peer_events(connection->peer);
    if (events == connection->events)
        return;
    connection->events = events;
    loop_io_set(connection->io, events);
}

static void connection_on_io(void *owner, short revents)
{
    struct Connection *connection = owner;
    struct Error error = {0};
    int r = rpc_peer_process(connection->peer, revents, &error);
    if (r < 0 || connection->broken) {
        if (r < 0 && r != -ENODATA)
            log_error(LOG_LEVEL_WARNING, "client.broken", NULL, &error);
        connection_free(connection);
        return;
    }
    connection_pull_streams(connection);
    if (connection_can_pull(connection))
        connection_touch(connection);
    update_events(connection);
}

static void connection_on_work(void *owner)
{
    struct Connection *connection = owner;
    if (!connection->broken) {
        connection_pull_streams(connection);
        if (rpc_peer_flush(connection->peer) < 0)
            connection->broken = true;
    }
    if (connection->broken) {
        connection_free(connection);
        return;
    }
    if (connection_can_pull(connection)) /* the flush has made room */
        connection_touch(connection);
    update_events(connection);
}

void connection_touch(struct Connection *connection)
{
    loop_defer(connection->server->manager->loop, &connection->work);
}

void connection_break(struct Connection *connection)
{
    connection->broken = true;
    connection_touch(connection);
}

int connection_new(struct RpcServer *server, int fd_take, const struct Caller *caller)
{
    _cleanup_close_ int fd = fd_take;
    struct Connection *connection = calloc(1, sizeof(*connection));
    if (!connection)
        return -ENOMEM;
    connection->server = server;
    connection->caller = *caller;
    connection->work = (struct LoopDefer){.callback = connection_on_work, .owner = connection};
    list_init(&connection->requests);
    list_init(&connection->streams);
    int r = rpc_peer_new(TAKE_FD(fd), &RPC_LIMITS_DEFAULT, &RPC_HANDLER, connection, &connection->peer);
    if (r == 0) {
        connection->events = rpc_peer_events(connection->peer);
        r = loop_io_new(server->manager->loop, rpc_peer_fd(connection->peer), connection->events,
                        connection_on_io, connection, &connection->io);
    }
    if (r < 0) {
        rpc_peer_free(connection->peer);
        free(connection);
        return r;
    }
    list_append(&server->connections, &connection->node);
    server->connection_count++;
    manager_idle_changed(server->manager);
    return 0;
}

void connection_free(struct Connection *connection)
{
    struct RpcServer *server = connection->server;
    connection->broken = true;
    connection_drop_streams(connection);
    while (!list_is_empty(&connection->requests))
        request_abandon(CONTAINER_OF(connection->requests.next, struct Request, node));
    loop_defer_cancel(server->manager->loop, &connection->work);
    loop_io_free(connection->io);
    rpc_peer_free(connection->peer);
    list_remove(&connection->node);
    server->connection_count--;
    manager_idle_changed(server->manager);
    free(connection);
}
