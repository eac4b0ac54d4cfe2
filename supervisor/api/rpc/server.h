// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The RPC socket: listening, accepting within limits, and one Connection per client, which owns its
 * peer, its open requests and its streams. Thin: the verbs are in supervisor/api.
 */
#include "protocol/rpc/peer.h"
#include "supervisor/api/request.h"
#include "supervisor/manager.h"

enum {
    CONNECTIONS_MAX = 1024,         /* in all */
    CONNECTIONS_PER_USER_MAX = 256, /* of one uid that is not root */
    STREAMS_PER_CONNECTION_MAX = 256,
    DESCRIPTOR_RESERVE = 64, /* kept free of clients, for stopping and cleaning up */
};

struct RpcServer {
    struct Manager *manager;
    int listen_fd;
    bool bound; /* by us: the file is ours to remove */
    struct LoopIo *io;
    struct LoopTimer *resume; /* accepting pauses without descriptors */
    struct ListNode connections;
    unsigned connection_count;
    gid_t davit_gid; /* (gid_t)-1: the group does not exist */
    uint64_t descriptor_limit;
};

struct Connection {
    struct ListNode node;
    struct RpcServer *server;
    struct RpcPeer *peer;
    struct LoopIo *io;
    short events;
    struct Caller caller;
    struct ListNode requests; /* struct Request */
    struct ListNode streams;  /* struct Stream */
    uint64_t next_stream;
    struct LoopDefer work; /* pull streams, write, look at what to poll for */
    bool broken;           /* to be freed by the work */
};

/* Takes the descriptor handed over by systemd, or binds places.socket (refusing when a live davitd
 * answers there); then serves. */
int rpc_server_new(struct Manager *manager, int listen_fd_take, struct RpcServer **ret, struct Error *error);
void rpc_server_free(struct RpcServer *server);

/* connection.c */
int connection_new(struct RpcServer *server, int fd_take, const struct Caller *caller);
void connection_free(struct Connection *connection);
/* Work at the end of this turn of the loop. */
void connection_touch(struct Connection *connection);
void connection_break(struct Connection *connection);

/* socket.c: binding, and who is at the other end */
int rpc_socket_bind(const char *path, gid_t group, int *ret_fd, struct Error *error);
gid_t rpc_socket_group(void);
int rpc_socket_caller(int fd, gid_t group, struct Caller *ret);

/* stream-rpc.c */
struct Stream;
void connection_add_stream(struct Connection *connection, uint32_t request_id, struct Stream *stream);
void connection_pull_streams(struct Connection *connection);
/* There is a woken stream and room for it: another turn is needed, as no event will come. */
bool connection_can_pull(const struct Connection *connection);
void connection_drop_streams(struct Connection *connection);
/* stream.credit; and the requests stream.write and stream.close, which are answered. */
void connection_on_credit(struct Connection *connection, const msgpack_object *arguments);
void connection_on_stream_request(struct Connection *connection, uint32_t id, const char *method,
                                  const msgpack_object *arguments);
