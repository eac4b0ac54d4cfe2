// SPDX-License-Identifier: Apache-2.0
/*
 * Input is read in pieces of at most READ_SIZE, one for each call, so that a busy connection leaves
 * the loop to the others. All of its messages are dispatched before anything is written: what the
 * handlers answer goes out in one send.
 *
 * A peer that answers requests stops reading while too many of them are unanswered or too much output
 * waits: the other end then meets a full socket, and memory stays bounded. Messages that were read
 * already wait in `input` (`stalled`); as soon as they may go on, rpc_peer_events() asks for POLLOUT, which
 * brings the owner back here at once. A peer without on_request never pauses: two ends that both wait
 * for the other to read would wait forever.
 *
 * A failed send does not end the connection but for writing: requests that the other end sent before
 * it closed are still carried out, and the end comes with the read. A paused peer ends at once when
 * the other end stops sending, and what it has not read is dropped: nobody waits for those answers.
 */
#include "protocol/rpc/peer.h"
#include "base/fd.h"
#include "protocol/rpc/encode.h"
#include "protocol/rpc/message.h"
#include <poll.h>
#include <sys/socket.h>

const struct RpcLimits RPC_LIMITS_DEFAULT = {
    .wire = {.bytes = 4 << 20, .depth = 16, .nodes = 65536, .map_keys = 1024},
    .in_flight = 64,
    .queued_bytes = 1 << 20,
    .queued_limit = 8 << 20,
};

const struct RpcLimits RPC_LIMITS_CLIENT = {
    .wire = {.bytes = 64 << 20, .depth = WIRE_DEPTH_MAX, .nodes = 4 << 20, .map_keys = 65536},
    .in_flight = 64,
    .queued_bytes = 1 << 20,
    .queued_limit = 8 << 20,
};

enum { READ_SIZE = 64 << 10, COMPACT_SIZE = 64 << 10, ZONE_CHUNK = 4096, MESSAGES_PER_TURN = 64 };

struct RpcPeer {
    int fd;
    struct RpcLimits limits;
    const struct RpcHandler *handler;
    void *owner;
    struct Buf input;
    size_t input_start; /* of the first message not yet dispatched */
    struct WireScan scan;
    bool stalled; /* input holds more, but the peer was paused */
    struct Buf output;
    size_t output_start; /* of the first byte not yet sent */
    bool write_closed;
    bool processing;
    bool error_maps;
    unsigned in_flight;
    uint32_t next_id;
};

int rpc_peer_new(int fd_take, const struct RpcLimits *limits, const struct RpcHandler *handler, void *owner,
                 struct RpcPeer **ret)
{
    _cleanup_close_ int fd = fd_take;
    int r = fd_set_nonblocking(fd, true);
    if (r < 0)
        return r;
    struct RpcPeer *peer = calloc(1, sizeof(*peer));
    if (!peer)
        return -ENOMEM;
    peer->fd = TAKE_FD(fd);
    peer->limits = *limits;
    peer->handler = handler;
    peer->owner = owner;
    peer->input.limit = limits->wire.bytes + 2 * READ_SIZE;
    peer->output.limit = 2 * (limits->queued_limit + COMPACT_SIZE);
    *ret = peer;
    return 0;
}

void rpc_peer_free(struct RpcPeer *peer)
{
    if (!peer)
        return;
    safe_close(peer->fd);
    buf_deinit(&peer->input);
    buf_deinit(&peer->output);
    free(peer);
}

int rpc_peer_fd(const struct RpcPeer *peer)
{
    return peer->fd;
}

size_t rpc_peer_queued(const struct RpcPeer *peer)
{
    return peer->output.size - peer->output_start;
}

static bool is_paused(const struct RpcPeer *peer)
{
    return peer->handler->on_request &&
           (peer->in_flight >= peer->limits.in_flight || rpc_peer_queued(peer) >= peer->limits.queued_bytes);
}

short rpc_peer_events(const struct RpcPeer *peer)
{
    short events = is_paused(peer) ? POLLRDHUP : POLLRDHUP | POLLIN;
    bool resumes = peer->stalled && !is_paused(peer);
    return rpc_peer_queued(peer) > 0 || resumes ? events | POLLOUT : events;
}

/* Drops what was sent, without moving the rest at every turn. */
static void output_advance(struct RpcPeer *peer, size_t size)
{
    peer->output_start += size;
    if (peer->output_start == peer->output.size) {
        buf_deinit(&peer->output);
        peer->output_start = 0;
    } else if (peer->output_start >= COMPACT_SIZE && peer->output_start >= peer->output.size / 2) {
        buf_consume(&peer->output, peer->output_start);
        peer->output_start = 0;
    }
}

static int output_send(struct RpcPeer *peer)
{
    ssize_t size;
    if (rpc_peer_queued(peer) == 0)
        return 0;
    do
        size = send(peer->fd, peer->output.data + peer->output_start, rpc_peer_queued(peer),
                    MSG_DONTWAIT | MSG_NOSIGNAL);
    while (size < 0 && errno == EINTR);
    if (size < 0 && errno == EAGAIN)
        return 0;
    if (size < 0 && errno != EPIPE && errno != ECONNRESET)
        return -errno;
    if (size < 0)
        peer->write_closed = true;
    output_advance(peer, size < 0 ? rpc_peer_queued(peer) : (size_t)size);
    return 0;
}

int rpc_peer_flush(struct RpcPeer *peer)
{
    return peer->processing ? 0 : output_send(peer);
}

/* Keeps what was packed since `mark` behind the queue, or drops all of it. */
static int message_end(struct RpcPeer *peer, size_t mark)
{
    int r = peer->output.error == -EFBIG ? -ENOBUFS : peer->output.error;
    if (r == 0 && rpc_peer_queued(peer) > peer->limits.queued_limit)
        r = -ENOBUFS;
    if (r < 0 || peer->write_closed) {
        peer->output.error = 0;
        peer->output.size = mark;
    }
    return r;
}

/* The array's head and its type; the id follows but for a notification. */
static void message_begin(struct RpcPeer *peer, struct WireWriter *writer, enum RpcMessageType type,
                          uint32_t id)
{
    wire_writer_init(writer, &peer->output);
    wire_array(writer, type == RPC_NOTIFICATION ? 3 : 4);
    wire_u64(writer, type);
    if (type != RPC_NOTIFICATION)
        wire_u64(writer, id);
}

static void call_pack(struct WireWriter *writer, const char *method, const void *params, size_t size)
{
    wire_str(writer, method);
    wire_array(writer, size > 0);
    buf_append(writer->buf, params, size);
}

int rpc_peer_request(struct RpcPeer *peer, const char *method, const void *params, size_t size,
                     uint32_t *ret_id)
{
    struct WireWriter writer;
    size_t mark = peer->output.size;
    message_begin(peer, &writer, RPC_REQUEST, peer->next_id);
    call_pack(&writer, method, params, size);
    int r = message_end(peer, mark);
    if (r == 0)
        *ret_id = peer->next_id++;
    return r;
}

int rpc_peer_notify(struct RpcPeer *peer, const char *method, const void *params, size_t size)
{
    struct WireWriter writer;
    size_t mark = peer->output.size;
    message_begin(peer, &writer, RPC_NOTIFICATION, 0);
    call_pack(&writer, method, params, size);
    return message_end(peer, mark);
}

static int answer_end(struct RpcPeer *peer, size_t mark)
{
    int r = message_end(peer, mark);
    if (r == 0 && peer->in_flight > 0)
        peer->in_flight--;
    return r;
}

int rpc_peer_reply(struct RpcPeer *peer, uint32_t id, const void *result, size_t size)
{
    struct WireWriter writer;
    size_t mark = peer->output.size;
    message_begin(peer, &writer, RPC_RESPONSE, id);
    wire_nil(&writer);
    if (size > 0)
        buf_append(&peer->output, result, size);
    else
        wire_nil(&writer);
    return answer_end(peer, mark);
}

int rpc_peer_reply_error(struct RpcPeer *peer, uint32_t id, const struct Error *error, const void *details,
                         size_t details_size)
{
    struct WireWriter writer;
    size_t mark = peer->output.size;
    message_begin(peer, &writer, RPC_RESPONSE, id);
    rpc_error_encode(&writer, error, peer->error_maps, details, details_size);
    wire_nil(&writer);
    return answer_end(peer, mark);
}

void rpc_peer_set_error_maps(struct RpcPeer *peer, bool on)
{
    peer->error_maps = on;
}

/* A request that breaks the rules is answered; the connection goes on when its framing is whole. */
static int refuse_request(struct RpcPeer *peer, uint32_t id, const struct Error *error)
{
    peer->in_flight++;
    return rpc_peer_reply_error(peer, id, error, NULL, 0);
}

static int request_dispatch(struct RpcPeer *peer, const struct RpcMessage *message)
{
    if (!peer->handler->on_request) {
        struct Error error;
        error_set(&error, ERROR_UNSUPPORTED, "method", "this end answers no requests");
        return refuse_request(peer, message->id, &error);
    }
    peer->in_flight++;
    peer->handler->on_request(peer, peer->owner, message->id, message->method, message->arguments);
    return 0;
}

static int message_dispatch(struct RpcPeer *peer, const msgpack_object *object, struct Error *error)
{
    struct RpcMessage message;
    int r = rpc_message_read(object, &message, error);
    if (r < 0)
        return message.has_id && message.type == RPC_REQUEST ? refuse_request(peer, message.id, error) : r;
    switch (message.type) {
    case RPC_REQUEST:
        return request_dispatch(peer, &message);
    case RPC_RESPONSE:
        if (!peer->handler->on_response) {
            error_set(error, ERROR_INVALID_ARGUMENT, "message", "a response that nobody has asked for");
            return -EBADMSG;
        }
        peer->handler->on_response(peer, peer->owner, message.id, message.error, message.result);
        return 0;
    case RPC_NOTIFICATION:
        if (peer->handler->on_notification)
            peer->handler->on_notification(peer, peer->owner, message.method, message.arguments);
        return 0;
    }
    return -EBADMSG;
}

/* Exactly one message, whose end the scan has found. */
static int message_take(struct RpcPeer *peer, const char *data, size_t size, struct Error *error)
{
    _cleanup_(msgpack_zone_destroy) msgpack_zone zone;
    msgpack_object object;
    uint32_t id;
    if (!msgpack_zone_init(&zone, ZONE_CHUNK)) {
        zone = (msgpack_zone){0};
        return error_set_errno(error, ERROR_RESOURCE_EXHAUSTED, ENOMEM, NULL, "cannot unpack a message");
    }
    int r = wire_unpack(data, size, &peer->limits.wire, &zone, &object, error);
    if (r == -EBADMSG && rpc_message_peek_id(data, size, &id))
        return refuse_request(peer, id, error);
    return r < 0 ? r : message_dispatch(peer, &object, error);
}

/* Where messages begin is lost: the request at fault is answered if it can be named, then it is over. */
static int framing_failed(struct RpcPeer *peer, int r, struct Error *error)
{
    uint32_t id;
    const char *data = peer->input.data + peer->input_start;
    if (r == -E2BIG)
        error_set(error, ERROR_RESOURCE_EXHAUSTED, "message", "the message is beyond the limits");
    else
        error_set(error, ERROR_INVALID_ARGUMENT, "message", "this is no msgpack");
    if (rpc_message_peek_id(data, peer->input.size - peer->input_start, &id))
        refuse_request(peer, id, error);
    return r;
}

/* Dispatches whole messages of the input, until the peer pauses or has had its turn: many small requests
 * may not keep others waiting. */
static int input_dispatch(struct RpcPeer *peer, struct Error *error)
{
    int r = 0;
    peer->stalled = false;
    for (unsigned count = 0; r == 0 && peer->input_start < peer->input.size; count++) {
        const char *data = peer->input.data + peer->input_start;
        if (is_paused(peer) || count == MESSAGES_PER_TURN) {
            peer->stalled = true;
            break;
        }
        r = wire_scan(&peer->scan, &peer->limits.wire, data, peer->input.size - peer->input_start);
        if (r < 0)
            return framing_failed(peer, r, error);
        if (r == WIRE_MORE)
            break;
        size_t size = peer->scan.offset;
        peer->scan = (struct WireScan){0};
        peer->input_start += size;
        r = message_take(peer, data, size, error);
    }
    buf_consume(&peer->input, peer->input_start);
    peer->input_start = 0;
    if (peer->input.size == 0)
        buf_deinit(&peer->input);
    return r;
}

static int input_read(struct RpcPeer *peer, struct Error *error)
{
    ssize_t size;
    char *room = buf_extend(&peer->input, READ_SIZE);
    if (!room)
        return error_set_errno(error, ERROR_RESOURCE_EXHAUSTED, peer->input.error, NULL, "cannot read");
    do
        size = recv(peer->fd, room, READ_SIZE, MSG_DONTWAIT);
    while (size < 0 && errno == EINTR);
    int errnum = size < 0 ? errno : 0;
    peer->input.size -= READ_SIZE - (size_t)MAX(size, (ssize_t)0);
    if (size > 0 || errnum == EAGAIN)
        return 0;
    if (size == 0 || errnum == ECONNRESET) {
        error_set(error, ERROR_UNAVAILABLE, NULL, "the other end has closed the connection");
        return -ENODATA;
    }
    return error_set_errno(error, ERROR_UNAVAILABLE, errnum, NULL, "cannot read");
}

static int process(struct RpcPeer *peer, short revents, struct Error *error)
{
    int r = input_dispatch(peer, error);
    if (r < 0)
        return r;
    if (peer->stalled && !is_paused(peer))
        return 0; /* more is here already, for the next turn */
    if (!is_paused(peer) && (revents & (POLLIN | POLLHUP | POLLERR | POLLRDHUP))) {
        r = input_read(peer, error);
        return r < 0 ? r : input_dispatch(peer, error);
    }
    if (revents & (POLLHUP | POLLERR | POLLRDHUP)) {
        error_set(error, ERROR_UNAVAILABLE, NULL, "the other end has gone while its requests were pending");
        return -ENODATA;
    }
    return 0;
}

int rpc_peer_process(struct RpcPeer *peer, short revents, struct Error *error)
{
    int r = output_send(peer);
    if (r < 0)
        return error_set_errno(error, ERROR_UNAVAILABLE, r, NULL, "cannot write");
    peer->processing = true;
    r = process(peer, revents, error);
    peer->processing = false;
    int sent = output_send(peer);
    if (r == 0 && sent < 0)
        return error_set_errno(error, ERROR_UNAVAILABLE, sent, NULL, "cannot write");
    return r;
}
