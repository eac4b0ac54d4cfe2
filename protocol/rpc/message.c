// SPDX-License-Identifier: Apache-2.0
#include "protocol/rpc/message.h"
#include "base/str.h"

static int refuse(struct Error *error, const char *where, const char *what)
{
    error_set(error, ERROR_INVALID_ARGUMENT, where, "%s", what);
    return -EBADMSG;
}

static int method_read(const msgpack_object *object, struct RpcMessage *ret, struct Error *error)
{
    const char *text;
    size_t size;
    if (object->type == MSGPACK_OBJECT_STR) {
        text = object->via.str.ptr;
        size = object->via.str.size;
    } else if (object->type == MSGPACK_OBJECT_BIN) {
        text = object->via.bin.ptr;
        size = object->via.bin.size;
    } else {
        return refuse(error, "method", "the method is no string");
    }
    if (size == 0 || size >= RPC_METHOD_SIZE || !str_is_printable(text, size) || !str_is_utf8(text, size))
        return refuse(error, "method", "this is no name of a method");
    memcpy(ret->method, text, size);
    ret->method[size] = 0;
    return 0;
}

static bool is_empty(const msgpack_object *object)
{
    return object->type == MSGPACK_OBJECT_NIL ||
           (object->type == MSGPACK_OBJECT_ARRAY && object->via.array.size == 0);
}

static int params_read(const msgpack_object *object, struct RpcMessage *ret, struct Error *error)
{
    if (object->type != MSGPACK_OBJECT_ARRAY)
        return refuse(error, "params", "params is no array");
    if (object->via.array.size > 1)
        return refuse(error, "params", "params has more than the one map of named arguments");
    const msgpack_object *first = object->via.array.size > 0 ? object->via.array.ptr : NULL;
    if (first && first->type == MSGPACK_OBJECT_MAP)
        ret->arguments = first;
    else if (first && !is_empty(first))
        return refuse(error, "params", "arguments are named: params is [] or [{...}]");
    return 0;
}

static int response_read(const msgpack_object *items, struct RpcMessage *ret)
{
    ret->error = items[2].type == MSGPACK_OBJECT_NIL ? NULL : &items[2];
    ret->result = &items[3];
    return 0;
}

int rpc_message_read(const msgpack_object *object, struct RpcMessage *ret, struct Error *error)
{
    static const uint32_t sizes[] = {[RPC_REQUEST] = 4, [RPC_RESPONSE] = 4, [RPC_NOTIFICATION] = 3};
    *ret = (struct RpcMessage){0};
    if (object->type != MSGPACK_OBJECT_ARRAY || object->via.array.size == 0)
        return refuse(error, "message", "the message is no array of a msgpack-RPC kind");
    const msgpack_object *items = object->via.array.ptr;
    uint32_t count = object->via.array.size;
    if (items[0].type != MSGPACK_OBJECT_POSITIVE_INTEGER || items[0].via.u64 > RPC_NOTIFICATION)
        return refuse(error, "message", "the message's type is not 0, 1 or 2");
    ret->type = (enum RpcMessageType)items[0].via.u64;
    bool wants_id = ret->type != RPC_NOTIFICATION;
    if (wants_id && count > 1 && items[1].type == MSGPACK_OBJECT_POSITIVE_INTEGER &&
        items[1].via.u64 <= UINT32_MAX) {
        ret->id = (uint32_t)items[1].via.u64;
        ret->has_id = true;
    }
    if (count != sizes[ret->type])
        return refuse(error, "message", "the message has not as many members as its type asks for");
    if (wants_id && !ret->has_id)
        return refuse(error, "message", "the message id is no unsigned 32-bit number");
    if (ret->type == RPC_RESPONSE)
        return response_read(items, ret);
    int r = method_read(&items[count - 2], ret, error);
    return r < 0 ? r : params_read(&items[count - 1], ret, error);
}

bool rpc_message_peek_id(const void *data, size_t size, uint32_t *ret)
{
    static const struct {
        const char *bytes;
        size_t size;
    } heads[] = {{"\x94", 1}, {"\xdc\0\x04", 3}, {"\xdd\0\0\0\x04", 5}};
    const uint8_t *bytes = data;
    size_t at = 0;
    for (size_t i = 0; i < ELEMENTSOF(heads); i++)
        if (size > heads[i].size && memcmp(bytes, heads[i].bytes, heads[i].size) == 0)
            at = heads[i].size;
    if (at == 0 || bytes[at++] != RPC_REQUEST || at >= size)
        return false;
    uint8_t first = bytes[at++];
    size_t following = first <= 0x7f   ? 0
                       : first == 0xcc ? 1
                       : first == 0xcd ? 2
                       : first == 0xce ? 4
                                       : SIZE_MAX;
    if (following > size - at)
        return false;
    uint32_t id = first <= 0x7f ? first : 0;
    for (size_t i = 0; i < following; i++)
        id = id << 8 | bytes[at + i];
    *ret = id;
    return true;
}
