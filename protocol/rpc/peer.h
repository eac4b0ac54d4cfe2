// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * One end of a msgpack-RPC connection: a non-blocking stream socket, the frames on it, and a bounded
 * output queue. It knows no event loop: the owner polls rpc_peer_fd() for rpc_peer_events() and calls
 * rpc_peer_process(). davitd does so from its loop, libdavit from its user's.
 *
 * Output is collected while rpc_peer_process() runs and written once at its end; outside of it
 * call rpc_peer_flush() after a batch. Handlers may call anything here but rpc_peer_free() and
 * rpc_peer_process().
 */
#include "protocol/wire/wire.h"

struct RpcPeer;

struct RpcHandler {
    /* `arguments` is the map in params, or NULL for [] . Objects live until the handler returns. */
    void (*on_request)(struct RpcPeer *peer, void *owner, uint32_t id, const char *method,
                       const msgpack_object *arguments);
    void (*on_notification)(struct RpcPeer *peer, void *owner, const char *method,
                            const msgpack_object *arguments);
    /* error is NULL on success. */
    void (*on_response)(struct RpcPeer *peer, void *owner, uint32_t id, const msgpack_object *error,
                        const msgpack_object *result);
};

struct RpcLimits {
    struct WireLimits wire;
    unsigned in_flight;  /* unanswered requests of the other end: then reading pauses */
    size_t queued_bytes; /* output the other end has not taken: then requests are no longer read */
    size_t queued_limit; /* ... and from here on rpc_peer_send() refuses */
};
extern const struct RpcLimits RPC_LIMITS_DEFAULT; /* wire default, 64, 1 MiB, 8 MiB */

/* For the end that asks and trusts the answers: 64 MiB, 4 Mi values. */
extern const struct RpcLimits RPC_LIMITS_CLIENT;

/* Takes fd (also on failure). Handler and owner must outlive the peer. */
int rpc_peer_new(int fd_take, const struct RpcLimits *limits, const struct RpcHandler *handler, void *owner,
                 struct RpcPeer **ret);
void rpc_peer_free(struct RpcPeer *peer);
int rpc_peer_fd(const struct RpcPeer *peer);
/* POLLIN and POLLOUT as wanted now, and POLLRDHUP (a paused peer learns by it that the other end has
 * gone); changes with every call below. POLLOUT is also asked for when messages that were read
 * already may be dispatched again. */
short rpc_peer_events(const struct RpcPeer *peer);
/* Reads, dispatches, writes. 0; -ENODATA: the other end closed; -EBADMSG, -E2BIG: it broke the
 * protocol (*error says how); other errno: the socket failed. After an error only free it. */
int rpc_peer_process(struct RpcPeer *peer, short revents, struct Error *error);
int rpc_peer_flush(struct RpcPeer *peer);
size_t rpc_peer_queued(const struct RpcPeer *peer);

/* Each: 0, -ENOBUFS over queued_limit, -ENOMEM. `params` is the encoded map of arguments, or size 0. */
int rpc_peer_request(struct RpcPeer *peer, const char *method, const void *params, size_t size,
                     uint32_t *ret_id);
int rpc_peer_notify(struct RpcPeer *peer, const char *method, const void *params, size_t size);
/* `result` is one encoded value; size 0 answers nil. */
int rpc_peer_reply(struct RpcPeer *peer, uint32_t id, const void *result, size_t size);
/* As the contract has it: the string "Code: text", or a map when the peer said hello {errors: "map"}.
 * details (optional) is an encoded map. */
int rpc_peer_reply_error(struct RpcPeer *peer, uint32_t id, const struct Error *error, const void *details,
                         size_t details_size);
void rpc_peer_set_error_maps(struct RpcPeer *peer, bool on);
/* Reads an error object of either form. */
void rpc_error_parse(const msgpack_object *object, struct Error *ret);
