// SPDX-License-Identifier: Apache-2.0
#pragma once
/* A peer that answers requests on one end of a socket pair; the other end is raw bytes. */
#include "base/fd.h"
#include "base/str.h"
#include "base/test.h"
#include "protocol/rpc/peer.h"
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the handlers have seen. */
struct Log {
    unsigned requests, notifications, responses;
    uint32_t last_id;
    char last_method[64];
    bool had_arguments;
    struct Error error; /* of the last response */
    uint64_t result;
    bool answers; /* answer requests at once, with `filler` bytes */
    size_t filler;
    int reply; /* what the last rpc_peer_reply() returned */
};

static inline void on_request(struct RpcPeer *peer, void *owner, uint32_t id, const char *method,
                              const msgpack_object *arguments)
{
    struct Log *log = owner;
    log->requests++;
    log->last_id = id;
    log->had_arguments = arguments != NULL;
    str_format(log->last_method, sizeof(log->last_method), "%s", method);
    if (!log->answers)
        return;
    _cleanup_buf_ struct Buf result = BUF_INIT;
    _cleanup_free_ char *filler = calloc(1, log->filler + 1);
    struct WireWriter writer;
    wire_writer_init(&writer, &result);
    if (log->filler > 0)
        wire_bin(&writer, filler, log->filler);
    else
        wire_u64(&writer, log->requests);
    log->reply = rpc_peer_reply(peer, id, result.data, result.size);
}

static inline void on_notification(struct RpcPeer *peer, void *owner, const char *method,
                                   const msgpack_object *arguments)
{
    struct Log *log = owner;
    (void)peer;
    log->notifications++;
    log->had_arguments = arguments != NULL;
    str_format(log->last_method, sizeof(log->last_method), "%s", method);
}

static inline void on_response(struct RpcPeer *peer, void *owner, uint32_t id, const msgpack_object *error,
                               const msgpack_object *result)
{
    struct Log *log = owner;
    (void)peer;
    log->responses++;
    log->last_id = id;
    log->error = (struct Error){0};
    log->result = result->type == MSGPACK_OBJECT_POSITIVE_INTEGER ? result->via.u64 : 0;
    if (error)
        rpc_error_parse(error, &log->error);
}

static const struct RpcHandler server_handler = {.on_request = on_request,
                                                 .on_notification = on_notification};
static const struct RpcHandler client_handler = {.on_response = on_response,
                                                 .on_notification = on_notification};

struct Pair {
    struct RpcPeer *server;
    struct Log log;
    int client; /* the raw far end */
};

static inline void pair_init(struct Pair *pair, int type, const struct RpcLimits *limits)
{
    int ends[2];
    *pair = (struct Pair){.client = -1};
    CHECK_EQ(socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    pair->client = ends[1];
    CHECK_EQ(rpc_peer_new(ends[0], limits, &server_handler, &pair->log, &pair->server), 0);
}

static inline void pair_deinit(struct Pair *pair)
{
    rpc_peer_free(pair->server);
    safe_close(pair->client);
}
#define _cleanup_pair_ _cleanup_(pair_deinit)

static inline void put(const struct Pair *pair, const void *data, size_t size)
{
    CHECK_EQ(send(pair->client, data, size, MSG_NOSIGNAL), (ssize_t)size);
}
#define PUT(pair, text) put(pair, text, sizeof(text) - 1)

/* One turn of a loop: what poll(2) says now. */
static inline int turn(struct RpcPeer *peer, struct Error *error)
{
    struct pollfd watched = {.fd = rpc_peer_fd(peer), .events = rpc_peer_events(peer)};
    CHECK(poll(&watched, 1, 0) >= 0);
    return watched.revents ? rpc_peer_process(peer, watched.revents, error) : 0;
}

static inline size_t get(const struct Pair *pair, char *data, size_t size)
{
    ssize_t got = recv(pair->client, data, size, 0);
    return got < 0 ? 0 : (size_t)got;
}

static inline bool got(const struct Pair *pair, const void *expected, size_t size)
{
    char data[1024];
    size_t count = get(pair, data, sizeof(data));
    return count == size && memcmp(data, expected, size) == 0;
}
#define GOT(pair, text) got(pair, text, sizeof(text) - 1)
