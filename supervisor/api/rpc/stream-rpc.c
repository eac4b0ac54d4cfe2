// SPDX-License-Identifier: Apache-2.0
/*
 * Streams on a connection: what a source sends becomes notifications, within the client's credit and
 * while little is queued. A stream that has ended, or that the client closed, is freed by the
 * connection's work and not inside the source's own calls.
 */
#include "base/str.h"
#include "protocol/schema/container.h"
#include "supervisor/api/rpc/server.h"
#include "supervisor/api/stream/stream.h"

enum { STREAM_PULLS_PER_TURN = 64, STREAM_QUEUE_SHORT = 256 << 10 };

static struct Stream *find_stream(struct Connection *connection, uint64_t id)
{
    LIST_FOREACH (node, &connection->streams) {
        struct Stream *stream = CONTAINER_OF(node, struct Stream, node);
        if (stream->id == id && !stream->ended)
            return stream;
    }
    return NULL;
}

static void notify(struct Stream *stream, const char *method, const struct Buf *params)
{
    int r = params->error;
    if (r == 0)
        r = rpc_peer_notify(stream->connection->peer, method, params->data, params->size);
    if (r < 0)
        connection_break(stream->connection);
    else
        connection_touch(stream->connection);
}

/* --- for the sources --- */

size_t stream_room(const struct Stream *stream)
{
    if (!stream->connection || stream->ended || stream->connection->broken ||
        rpc_peer_queued(stream->connection->peer) >= STREAM_QUEUE_SHORT)
        return 0;
    return (size_t)MIN(stream->credit, (uint64_t)STREAM_QUEUE_SHORT);
}

static int send_data(struct Stream *stream, const char *channel, uint64_t offset, const void *data,
                     size_t size, bool is_value)
{
    _cleanup_buf_ struct Buf params = BUF_INIT;
    struct WireWriter writer;
    if (size > stream->credit)
        return -ENOBUFS;
    wire_writer_init(&writer, &params);
    wire_map(&writer, 4);
    wire_key_u64(&writer, "stream", stream->id);
    wire_key_str(&writer, "channel", channel);
    wire_key_u64(&writer, "offset", offset);
    wire_key(&writer, "data");
    if (is_value)
        buf_append(&params, data, size);
    else
        wire_bin(&writer, data, size);
    if (params.error)
        return params.error;
    stream->credit -= size;
    notify(stream, "stream.data", &params);
    return 0;
}

int stream_send(struct Stream *stream, const char *channel, uint64_t offset, const void *data, size_t size)
{
    return send_data(stream, channel, offset, data, size, false);
}

int stream_send_value(struct Stream *stream, const char *channel, uint64_t offset, const void *data,
                      size_t size)
{
    return send_data(stream, channel, offset, data, size, true);
}

void stream_end(struct Stream *stream, const char *status)
{
    _cleanup_buf_ struct Buf params = BUF_INIT;
    struct WireWriter writer;
    if (stream->ended)
        return;
    if (stream->writing) {
        struct Error error;
        error_set(&error, ERROR_UNAVAILABLE, "stream", "the stream has ended");
        stream_write_done(stream, 0, &error);
    }
    stream->ended = true;
    if (!stream->connection)
        return;
    wire_writer_init(&writer, &params);
    wire_map(&writer, 3);
    wire_key_u64(&writer, "stream", stream->id);
    wire_key_str(&writer, "status", status);
    wire_key_u64(&writer, "dropped", stream->dropped);
    notify(stream, "stream.end", &params);
}

void stream_wake(struct Stream *stream)
{
    stream->woken = true;
    if (stream->connection)
        connection_touch(stream->connection);
}

void stream_write_done(struct Stream *stream, uint64_t written, const struct Error *error)
{
    _cleanup_buf_ struct Buf result = BUF_INIT;
    struct WireWriter writer;
    int r;
    if (!stream->writing)
        return;
    stream->writing = false;
    wire_writer_init(&writer, &result);
    wire_map(&writer, 1);
    wire_key_u64(&writer, "written", written);
    if (error)
        r = rpc_peer_reply_error(stream->connection->peer, stream->write_request, error, NULL, 0);
    else
        r = rpc_peer_reply(stream->connection->peer, stream->write_request, result.data, result.size);
    if (r < 0)
        connection_break(stream->connection);
    else
        connection_touch(stream->connection);
}

/* --- for the connection --- */

static void reply_error(struct Connection *connection, uint32_t id, const struct Error *error)
{
    if (rpc_peer_reply_error(connection->peer, id, error, NULL, 0) < 0)
        connection_break(connection);
    connection_touch(connection);
}

/* A map of one member, or nil without a key. */
static void reply_value(struct Connection *connection, uint32_t id, const char *key, uint64_t value)
{
    _cleanup_buf_ struct Buf result = BUF_INIT;
    struct WireWriter writer;
    wire_writer_init(&writer, &result);
    if (key) {
        wire_map(&writer, 1);
        wire_key_u64(&writer, key, value);
    }
    if (result.error || rpc_peer_reply(connection->peer, id, result.data, result.size) < 0)
        connection_break(connection);
    connection_touch(connection);
}

static unsigned count_streams(const struct Connection *connection)
{
    unsigned count = 0;
    LIST_FOREACH (node, &connection->streams)
        count++;
    return count;
}

void connection_add_stream(struct Connection *connection, uint32_t id, struct Stream *stream)
{
    if (count_streams(connection) >= STREAMS_PER_CONNECTION_MAX) {
        struct Error error;
        error_set(&error, ERROR_RESOURCE_EXHAUSTED, "stream", "at most %d streams on one connection",
                  STREAMS_PER_CONNECTION_MAX);
        stream->source->free(stream);
        reply_error(connection, id, &error);
        return;
    }
    stream->connection = connection;
    stream->id = ++connection->next_stream;
    list_append(&connection->streams, &stream->node);
    reply_value(connection, id, "stream", stream->id);
    stream_wake(stream);
}

static void release_stream(struct Stream *stream)
{
    list_remove(&stream->node);
    stream->source->free(stream);
}

/* False when it has more to send at once. */
static bool pull_stream(struct Stream *stream)
{
    for (int i = 0; i < STREAM_PULLS_PER_TURN && !stream->ended; i++) {
        switch (stream->source->pull(stream)) {
        case STREAM_IDLE:
            return true;
        case STREAM_AGAIN:
            break;
        case STREAM_OVER:
            stream_end(stream, "ok"); /* nothing when the source has said so itself */
            return true;
        }
    }
    return stream->ended;
}

void connection_pull_streams(struct Connection *connection)
{
    LIST_FOREACH (node, &connection->streams) {
        struct Stream *stream = CONTAINER_OF(node, struct Stream, node);
        /* While the queue is long nothing is pulled; the stream stays woken until it is short. */
        bool pull = stream->woken && !stream->ended && rpc_peer_queued(connection->peer) < STREAM_QUEUE_SHORT;
        if (pull) {
            stream->woken = false;
            if (!pull_stream(stream))
                stream_wake(stream);
            else if (!stream->ended && rpc_peer_queued(connection->peer) >= STREAM_QUEUE_SHORT)
                stream->woken = true;
        }
        if (stream->ended)
            release_stream(stream);
    }
}

bool connection_can_pull(const struct Connection *connection)
{
    if (rpc_peer_queued(connection->peer) >= STREAM_QUEUE_SHORT)
        return false;
    LIST_FOREACH (node, &connection->streams) {
        const struct Stream *stream = CONTAINER_OF(node, struct Stream, node);
        if (stream->woken && !stream->ended)
            return true;
    }
    return false;
}

void connection_drop_streams(struct Connection *connection)
{
    while (!list_is_empty(&connection->streams))
        release_stream(CONTAINER_OF(connection->streams.next, struct Stream, node));
}

/* --- what clients say about streams --- */

static int decode(const char *name, const msgpack_object *map, msgpack_zone *zone, void *ret,
                  struct Error *error)
{
    const struct SchemaStruct *arguments = NULL;
    const struct SchemaMethod *method = schema_method(name);
    if (method)
        arguments = method->arguments;
    const struct SchemaNotification *notification = method ? NULL : schema_notification(name);
    if (notification)
        arguments = notification->arguments;
    if (!arguments)
        return error_set(error, ERROR_NOT_FOUND, "method", "there is no method %.64s", name);
    return schema_decode(arguments, map, zone, ret, error);
}

void connection_on_credit(struct Connection *connection, const msgpack_object *map)
{
    struct ArgStreamCredit credit = {0};
    msgpack_zone zone;
    if (!msgpack_zone_init(&zone, 256))
        return;
    if (decode("stream.credit", map, &zone, &credit, NULL) == 0) {
        /* A stream that has just ended is not found: nothing to do then. */
        struct Stream *stream = find_stream(connection, credit.stream.value);
        if (stream) {
            if (__builtin_add_overflow(stream->credit, credit.bytes.value, &stream->credit))
                stream->credit = UINT64_MAX;
            stream_wake(stream);
        }
    }
    msgpack_zone_destroy(&zone);
}

static int on_write(struct Connection *connection, uint32_t id, const msgpack_object *map, msgpack_zone *zone,
                    struct Error *error)
{
    struct ArgStreamWrite arguments = {0};
    int r = decode("stream.write", map, zone, &arguments, error);
    if (r < 0)
        return r;
    struct Stream *stream = find_stream(connection, arguments.stream.value);
    if (!stream)
        return error_set(error, ERROR_NOT_FOUND, "stream", "no such stream");
    if (!stream->source->write)
        return error_set(error, ERROR_WRONG_STATE, "stream", "this stream cannot be written to");
    if (stream->writing)
        return error_set(error, ERROR_WRONG_STATE, "stream", "an earlier write is not answered yet");
    r = stream->source->write(stream, arguments.data.data, arguments.data.size, error);
    if (r < 0)
        return r;
    if (r == 0) {
        reply_value(connection, id, "written", arguments.data.size);
    } else {
        stream->writing = true;
        stream->write_request = id;
    }
    return 0;
}

static int on_close(struct Connection *connection, uint32_t id, const msgpack_object *map, msgpack_zone *zone,
                    struct Error *error)
{
    struct ArgStreamClose arguments = {0};
    int r = decode("stream.close", map, zone, &arguments, error);
    if (r < 0)
        return r;
    struct Stream *stream = find_stream(connection, arguments.stream.value);
    if (!stream)
        return error_set(error, ERROR_NOT_FOUND, "stream", "no such stream");
    if (!arguments.channel) {
        stream_end(stream, "ok");
        reply_value(connection, id, NULL, 0);
        return 0;
    }
    if (!str_equal(arguments.channel, "stdin") || !stream->source->close_stdin)
        return error_set(error, ERROR_INVALID_ARGUMENT, "channel",
                         "only stdin of an attachment can be closed");
    r = stream->source->close_stdin(stream, error);
    if (r >= 0)
        reply_value(connection, id, NULL, 0);
    return r;
}

void connection_on_stream_request(struct Connection *connection, uint32_t id, const char *method,
                                  const msgpack_object *map)
{
    struct Error error = {0};
    msgpack_zone zone;
    int r;
    if (!msgpack_zone_init(&zone, 4096)) {
        error_set(&error, ERROR_RESOURCE_EXHAUSTED, NULL, "out of memory");
        reply_error(connection, id, &error);
        return;
    }
    if (str_equal(method, "stream.write"))
        r = on_write(connection, id, map, &zone, &error);
    else if (str_equal(method, "stream.close"))
        r = on_close(connection, id, map, &zone, &error);
    else
        r = error_set(&error, ERROR_NOT_FOUND, "method", "there is no method %.64s", method);
    if (r < 0)
        reply_error(connection, id, &error);
    msgpack_zone_destroy(&zone);
}
