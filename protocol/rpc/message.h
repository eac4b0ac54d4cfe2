// SPDX-License-Identifier: Apache-2.0
#pragma once
/* The shape of msgpack-RPC messages, as the specification has it. Pure. */
#include "protocol/wire/wire.h"

enum RpcMessageType { RPC_REQUEST = 0, RPC_RESPONSE = 1, RPC_NOTIFICATION = 2 };
enum { RPC_METHOD_SIZE = 64 };

struct RpcMessage {
    enum RpcMessageType type;
    bool has_id;
    uint32_t id;
    char method[RPC_METHOD_SIZE];
    const msgpack_object *arguments;      /* the map in params; NULL for [] [nil] [[]] */
    const msgpack_object *error, *result; /* of a response; error is NULL for nil */
};

/* The method may be str or bin. 0; -EBADMSG with *error filled (where: "message", "method", "params"):
 * `type` and, when has_id is set, `id` are then valid all the same, so that a request can be answered. */
int rpc_message_read(const msgpack_object *object, struct RpcMessage *ret, struct Error *error);
/* The id of a request from its first bytes, when the rest cannot be unpacked. */
bool rpc_message_peek_id(const void *data, size_t size, uint32_t *ret);
