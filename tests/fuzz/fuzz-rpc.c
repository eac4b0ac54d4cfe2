// SPDX-License-Identifier: Apache-2.0
/* A peer that is fed in pieces. The first byte says how: the size of the pieces, whether requests are
 * answered at once, and the form of errors. */
#include "base/fd.h"
#include "protocol/rpc/peer.h"
#include "tests/fuzz/fuzz.h"
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

static void on_request(struct RpcPeer *peer, void *owner, uint32_t id, const char *method,
                       const msgpack_object *arguments)
{
    const bool *answers = owner;
    FUZZ_CHECK(method[0] && (!arguments || arguments->type == MSGPACK_OBJECT_MAP));
    if (!*answers)
        return;
    struct Error error;
    error_set(&error, ERROR_NOT_FOUND, "method", "there is no %s", method);
    int r = arguments ? rpc_peer_reply(peer, id, "\x80", 1) : rpc_peer_reply_error(peer, id, &error, NULL, 0);
    FUZZ_CHECK(r == 0);
}

static void on_notification(struct RpcPeer *peer, void *owner, const char *method,
                            const msgpack_object *arguments)
{
    (void)owner;
    FUZZ_CHECK(method[0] && (!arguments || arguments->type == MSGPACK_OBJECT_MAP));
    FUZZ_CHECK(rpc_peer_notify(peer, method, NULL, 0) == 0);
}

static const struct RpcHandler handler = {.on_request = on_request, .on_notification = on_notification};

/* Turns until nothing more happens by itself; takes what the peer sends. */
static int settle(struct RpcPeer *peer, int far)
{
    struct Error error = {0};
    for (unsigned round = 0; round < 10000; round++) {
        char sink[65536];
        struct pollfd watched = {.fd = rpc_peer_fd(peer), .events = rpc_peer_events(peer)};
        ssize_t taken = recv(far, sink, sizeof(sink), MSG_DONTWAIT);
        if (poll(&watched, 1, 0) <= 0 && taken <= 0)
            return 0;
        int r = rpc_peer_process(peer, watched.revents, &error);
        FUZZ_CHECK(r == 0 || r == -EBADMSG || r == -E2BIG || r == -ENODATA);
        FUZZ_CHECK((r == 0) == (error.code == ERROR_NONE) || r == 0);
        if (r < 0)
            return r;
    }
    abort(); /* it spins */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int ends[2];
    struct RpcPeer *peer = NULL;
    struct RpcLimits limits = RPC_LIMITS_DEFAULT;
    if (size == 0)
        return 0;
    bool answers = data[0] & 1;
    size_t piece = data[0] & 2 ? 1 : (size_t)data[0] + 1;
    limits.in_flight = 4;
    FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    _cleanup_close_ int far = ends[1];
    FUZZ_CHECK(rpc_peer_new(ends[0], &limits, &handler, &answers, &peer) == 0);
    rpc_peer_set_error_maps(peer, data[0] & 4);
    int r = 0;
    for (size_t at = 1; at < size && r == 0; at += MIN(piece, size - at)) {
        if (send(far, data + at, MIN(piece, size - at), MSG_NOSIGNAL) < 0)
            break;
        r = settle(peer, far);
    }
    shutdown(far, SHUT_WR);
    if (r == 0)
        FUZZ_CHECK(settle(peer, far) < 0);
    rpc_peer_free(peer);
    return 0;
}
