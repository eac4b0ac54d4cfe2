// SPDX-License-Identifier: Apache-2.0
#include "base/str.h"
#include "protocol/wire/wire.h"

const msgpack_object *wire_get(const msgpack_object *map, const char *key)
{
    if (!map || map->type != MSGPACK_OBJECT_MAP)
        return NULL;
    for (uint32_t i = 0; i < map->via.map.size; i++)
        if (wire_is_str(&map->via.map.ptr[i].key, key))
            return &map->via.map.ptr[i].val;
    return NULL;
}

bool wire_is_str(const msgpack_object *object, const char *text)
{
    size_t size = strlen(text);
    return object && object->type == MSGPACK_OBJECT_STR && object->via.str.size == size &&
           (size == 0 || memcmp(object->via.str.ptr, text, size) == 0);
}

bool wire_get_u64(const msgpack_object *map, const char *key, uint64_t *ret)
{
    const msgpack_object *object = wire_get(map, key);
    if (!object || object->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
        return false;
    *ret = object->via.u64;
    return true;
}

bool wire_get_i64(const msgpack_object *map, const char *key, int64_t *ret)
{
    const msgpack_object *object = wire_get(map, key);
    if (object && object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
        *ret = object->via.i64;
    else if (object && object->type == MSGPACK_OBJECT_POSITIVE_INTEGER && object->via.u64 <= INT64_MAX)
        *ret = (int64_t)object->via.u64;
    else
        return false;
    return true;
}

bool wire_get_bool(const msgpack_object *map, const char *key, bool *ret)
{
    const msgpack_object *object = wire_get(map, key);
    if (!object || object->type != MSGPACK_OBJECT_BOOLEAN)
        return false;
    *ret = object->via.boolean;
    return true;
}

bool wire_get_str(const msgpack_object *map, const char *key, char *buffer, size_t size)
{
    const msgpack_object *object = wire_get(map, key);
    if (!object || object->type != MSGPACK_OBJECT_STR || object->via.str.size >= size)
        return false;
    if (object->via.str.size > 0)
        memcpy(buffer, object->via.str.ptr, object->via.str.size);
    buffer[object->via.str.size] = 0;
    return true;
}
