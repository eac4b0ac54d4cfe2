// SPDX-License-Identifier: Apache-2.0
/*
 * Streams and their credit. What arrives is counted before the callback and given back as new credit after
 * it, in portions of half the window, so that a slow consumer holds the sender back. A callback may
 * free its stream: after each one the stream is looked up again.
 */
#include "client/client.h"
#include <string.h>

enum { WINDOW_DEFAULT = 1 << 20 };

enum StreamState { STREAM_OPENING, STREAM_OPEN, STREAM_ENDED };

struct davit_stream {
    struct ListNode node;
    davit_client *client;
    const davit_stream_callbacks *callbacks;
    void *userdata;
    enum StreamState state;
    uint64_t id;
    uint64_t window, consumed; /* consumed: not given back as credit yet */
    uint32_t open_call, write_call;
    bool writing, stdin_closed;
    davit_written written;
    void *written_userdata;
};

static struct davit_stream *stream_find(davit_client *client, const msgpack_object *arguments)
{
    uint64_t id = 0;
    if (!arguments || !wire_get_u64(arguments, "stream", &id))
        return NULL;
    LIST_FOREACH (node, &client->streams) {
        struct davit_stream *stream = CONTAINER_OF(node, struct davit_stream, node);
        if (stream->state == STREAM_OPEN && stream->id == id)
            return stream;
    }
    return NULL;
}

static void stream_credit(struct davit_stream *stream, uint64_t bytes)
{
    _cleanup_buf_ struct Buf params = BUF_INIT;
    struct WireWriter writer;
    wire_writer_init(&writer, &params);
    wire_map(&writer, 2);
    wire_key_u64(&writer, "stream", stream->id);
    wire_key_u64(&writer, "bytes", bytes);
    /* Without memory the credit is tried again with the next data. */
    if (!params.error &&
        rpc_peer_notify(stream->client->peer, "stream.credit", params.data, params.size) == 0)
        stream->consumed -= MIN(stream->consumed, bytes);
}

static size_t encoded_size(const msgpack_object *object)
{
    _cleanup_buf_ struct Buf buf = BUF_INIT;
    struct WireWriter writer;
    wire_writer_init(&writer, &buf);
    wire_object(&writer, object);
    return buf.size;
}

static void stream_deliver(struct davit_stream *stream, const char *channel, uint64_t offset,
                           const msgpack_object *data)
{
    const davit_stream_callbacks *callbacks = stream->callbacks;
    if (data->type == MSGPACK_OBJECT_BIN || data->type == MSGPACK_OBJECT_STR) {
        /* Both variants of the union begin with size and pointer, but only one is set. */
        bool binary = data->type == MSGPACK_OBJECT_BIN;
        const char *bytes = binary ? data->via.bin.ptr : data->via.str.ptr;
        size_t size = binary ? data->via.bin.size : data->via.str.size;
        stream->consumed += size;
        if (callbacks->on_data)
            callbacks->on_data(stream, channel, offset, bytes, size, stream->userdata);
        return;
    }
    stream->consumed += encoded_size(data);
    _cleanup_value_ davit_value *value = value_from_object(data);
    if (callbacks->on_value && value)
        callbacks->on_value(stream, channel, value, stream->userdata);
}

void client_stream_data(davit_client *client, const msgpack_object *arguments)
{
    char channel[16] = "";
    uint64_t offset = 0;
    struct davit_stream *stream = stream_find(client, arguments);
    const msgpack_object *data = arguments ? wire_get(arguments, "data") : NULL;
    if (!stream || !data)
        return;
    wire_get_str(arguments, "channel", channel, sizeof(channel));
    wire_get_u64(arguments, "offset", &offset);
    stream_deliver(stream, channel, offset, data);
    stream = stream_find(client, arguments);
    if (stream && stream->consumed >= stream->window / 2)
        stream_credit(stream, stream->consumed);
}

/* An end without on_end for a write under way: its answer comes, or the loss tells it. */
static void stream_finish(struct davit_stream *stream, uint64_t dropped, const davit_error *error)
{
    stream->state = STREAM_ENDED;
    if (stream->callbacks->on_end)
        stream->callbacks->on_end(stream, dropped, error, stream->userdata);
}

void client_stream_end(davit_client *client, const msgpack_object *arguments)
{
    uint64_t dropped = 0;
    struct davit_stream *stream = stream_find(client, arguments);
    if (!stream)
        return;
    wire_get_u64(arguments, "dropped", &dropped);
    const msgpack_object *status = wire_get(arguments, "status");
    davit_error error = {0};
    if (status && !wire_is_str(status, "ok"))
        rpc_error_parse(status, &error.error);
    stream_finish(stream, dropped, error.error.code ? &error : NULL);
}

static struct davit_stream *stream_first_open(davit_client *client)
{
    LIST_FOREACH (node, &client->streams) {
        struct davit_stream *stream = CONTAINER_OF(node, struct davit_stream, node);
        if (stream->state == STREAM_OPEN)
            return stream;
    }
    return NULL;
}

void client_streams_lost(davit_client *client)
{
    davit_error error = {.error = client->lost};
    for (struct davit_stream *stream; (stream = stream_first_open(client));)
        stream_finish(stream, 0, &error);
}

static void on_opened(davit_client *client, const davit_value *result, const davit_error *error,
                      void *userdata)
{
    (void)client;
    struct davit_stream *stream = userdata;
    davit_error strange = {0};
    stream->state = STREAM_ENDED;
    if (!error && !davit_value_get_uint(result, "stream", &stream->id)) {
        error_set(&strange.error, ERROR_INTERNAL, "stream", "the answer holds no stream");
        error = &strange;
        result = NULL;
    }
    if (!error) {
        stream->state = STREAM_OPEN;
        stream_credit(stream, stream->window);
    }
    if (stream->callbacks->on_open)
        stream->callbacks->on_open(stream, result, error, stream->userdata);
}

int davit_stream_open(davit_client *client, const char *method, const davit_value *arguments, size_t window,
                      const davit_stream_callbacks *callbacks, void *userdata, davit_stream **ret)
{
    _cleanup_free_ struct davit_stream *stream = calloc(1, sizeof(*stream));
    if (!stream)
        return -ENOMEM;
    stream->client = client;
    stream->callbacks = callbacks;
    stream->userdata = userdata;
    stream->window = window ? window : WINDOW_DEFAULT;
    int r = davit_call_async(client, method, arguments, DAVIT_FOREVER, on_opened, stream, &stream->open_call);
    if (r < 0)
        return r;
    list_append(&client->streams, &stream->node);
    *ret = TAKE_PTR(stream);
    return 0;
}

static void on_written(davit_client *client, const davit_value *result, const davit_error *error,
                       void *userdata)
{
    (void)client;
    struct davit_stream *stream = userdata;
    uint64_t written = 0;
    stream->writing = false;
    davit_value_get_uint(result, "written", &written);
    if (stream->written)
        stream->written(stream, written, error, stream->written_userdata);
}

int davit_stream_write(davit_stream *stream, const void *data, size_t size, davit_written callback,
                       void *userdata)
{
    if (stream->state != STREAM_OPEN || stream->stdin_closed)
        return -EPIPE;
    if (stream->writing)
        return -EBUSY;
    _cleanup_value_ davit_value *arguments = davit_value_new_map();
    int r = davit_value_set_uint(arguments, "stream", stream->id);
    if (r == 0)
        r = davit_value_set(arguments, "data", davit_value_new_bytes(data, size));
    if (r == 0)
        r = davit_call_async(stream->client, "stream.write", arguments, DAVIT_FOREVER, on_written, stream,
                             &stream->write_call);
    if (r < 0)
        return r;
    stream->writing = true;
    stream->written = callback;
    stream->written_userdata = userdata;
    return 0;
}

/* Nobody waits for the answer of stream.close. */
static int send_close(davit_client *client, uint64_t id, const char *channel)
{
    _cleanup_value_ davit_value *arguments = davit_value_new_map();
    int r = davit_value_set_uint(arguments, "stream", id);
    if (r == 0 && channel)
        r = davit_value_set_string(arguments, "channel", channel);
    if (r < 0)
        return r;
    return davit_call_async(client, "stream.close", arguments, DAVIT_FOREVER, NULL, NULL, NULL);
}

int davit_stream_close_stdin(davit_stream *stream)
{
    if (stream->state != STREAM_OPEN || stream->stdin_closed)
        return -EPIPE;
    if (stream->writing)
        return -EBUSY;
    int r = send_close(stream->client, stream->id, "stdin");
    stream->stdin_closed = r == 0;
    return r;
}

/* The stream was freed before davitd had opened it. */
static void on_opened_too_late(davit_client *client, const davit_value *result, const davit_error *error,
                               void *userdata)
{
    (void)error;
    (void)userdata;
    uint64_t id = 0;
    if (davit_value_get_uint(result, "stream", &id))
        send_close(client, id, NULL);
}

void davit_stream_free(davit_stream *stream)
{
    if (!stream)
        return;
    if (stream->state == STREAM_OPEN && !stream->client->lost.code)
        send_close(stream->client, stream->id, NULL);
    if (stream->state == STREAM_OPENING)
        client_redirect(stream->client, stream->open_call, on_opened_too_late, NULL);
    if (stream->writing)
        davit_cancel(stream->client, stream->write_call);
    list_remove(&stream->node);
    free(stream);
}
