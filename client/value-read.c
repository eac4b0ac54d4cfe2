// SPDX-License-Identifier: Apache-2.0
/* Looking into values, and their two other forms: msgpack and JSON. */
#include "client/value.h"
#include <errno.h>
#include <string.h>

static bool is_container(const davit_value *value)
{
    return value->type == DAVIT_ARRAY || value->type == DAVIT_MAP;
}

enum davit_type davit_value_type(const davit_value *value)
{
    return value ? value->type : DAVIT_NIL;
}

size_t davit_value_size(const davit_value *value)
{
    if (!value)
        return 0;
    if (is_container(value))
        return value->list.count;
    return value->type == DAVIT_STRING || value->type == DAVIT_BYTES ? value->text.size : 0;
}

const davit_value *davit_value_at(const davit_value *value, size_t index)
{
    return value && is_container(value) && index < value->list.count ? value->list.items[index] : NULL;
}

const char *davit_value_key_at(const davit_value *map, size_t index)
{
    return map && map->type == DAVIT_MAP && index < map->list.count ? map->list.keys[index] : NULL;
}

static const davit_value *get_sized(const davit_value *map, const char *key, size_t size)
{
    for (size_t i = 0; map && map->type == DAVIT_MAP && i < map->list.count; i++)
        if (strncmp(map->list.keys[i], key, size) == 0 && map->list.keys[i][size] == 0)
            return map->list.items[i];
    return NULL;
}

const davit_value *davit_value_get(const davit_value *map, const char *key)
{
    return get_sized(map, key, strlen(key));
}

const davit_value *davit_value_get_path(const davit_value *map, const char *path)
{
    const char *dot = strchrnul(path, '.');
    for (; map && *dot; path = dot + 1, dot = strchrnul(path, '.'))
        map = get_sized(map, path, (size_t)(dot - path));
    return get_sized(map, path, strlen(path));
}

const char *davit_value_string(const davit_value *value)
{
    return value && value->type == DAVIT_STRING ? value->text.data : NULL;
}

const void *davit_value_bytes(const davit_value *value)
{
    return value && (value->type == DAVIT_STRING || value->type == DAVIT_BYTES) ? value->text.data : NULL;
}

bool davit_value_uint(const davit_value *value, uint64_t *ret)
{
    if (!value || value->type != DAVIT_UINT)
        return false;
    *ret = value->u64;
    return true;
}

bool davit_value_int(const davit_value *value, int64_t *ret)
{
    if (value && value->type == DAVIT_INT)
        *ret = value->i64;
    else if (value && value->type == DAVIT_UINT && value->u64 <= INT64_MAX)
        *ret = (int64_t)value->u64;
    else
        return false;
    return true;
}

bool davit_value_double(const davit_value *value, double *ret)
{
    if (value && value->type == DAVIT_DOUBLE)
        *ret = value->real;
    else if (value && value->type == DAVIT_INT)
        *ret = (double)value->i64;
    else if (value && value->type == DAVIT_UINT)
        *ret = (double)value->u64;
    else
        return false;
    return true;
}

bool davit_value_is_true(const davit_value *value)
{
    return value && value->type == DAVIT_BOOL && value->boolean;
}

const char *davit_value_get_string(const davit_value *map, const char *key)
{
    return davit_value_string(davit_value_get(map, key));
}

bool davit_value_get_uint(const davit_value *map, const char *key, uint64_t *ret)
{
    return davit_value_uint(davit_value_get(map, key), ret);
}

static enum ValueStep walk_enter(struct ValueWalk *walk, const davit_value *value)
{
    if (!is_container(value))
        return VALUE_STEP_LEAF;
    walk->frames[walk->depth].value = value;
    walk->frames[walk->depth++].index = 0;
    return VALUE_STEP_OPEN;
}

enum ValueStep value_walk_next(struct ValueWalk *walk, const davit_value **ret_value, const char **ret_key)
{
    *ret_key = NULL;
    if (!walk->started) {
        walk->started = true;
        *ret_value = walk->root;
        return walk_enter(walk, walk->root);
    }
    if (walk->depth == 0)
        return VALUE_STEP_END;
    const davit_value *parent = walk->frames[walk->depth - 1].value;
    size_t index = walk->frames[walk->depth - 1].index++;
    if (index == parent->list.count) {
        walk->depth--;
        *ret_value = parent;
        return VALUE_STEP_CLOSE;
    }
    *ret_value = parent->list.items[index];
    *ret_key = parent->list.keys ? parent->list.keys[index] : NULL;
    return walk_enter(walk, *ret_value);
}

static void pack_one(struct WireWriter *writer, const davit_value *value)
{
    switch (value->type) {
    case DAVIT_NIL:
        wire_nil(writer);
        break;
    case DAVIT_BOOL:
        wire_bool(writer, value->boolean);
        break;
    case DAVIT_UINT:
        wire_u64(writer, value->u64);
        break;
    case DAVIT_INT:
        wire_i64(writer, value->i64);
        break;
    case DAVIT_DOUBLE:
        wire_double(writer, value->real);
        break;
    case DAVIT_STRING:
        wire_str(writer, value->text.data);
        break;
    case DAVIT_BYTES:
        wire_bin(writer, value->text.data, value->text.size);
        break;
    case DAVIT_ARRAY:
        wire_array(writer, value->list.count);
        break;
    case DAVIT_MAP:
        wire_map(writer, value->list.count);
        break;
    }
}

void value_pack(struct WireWriter *writer, const davit_value *value)
{
    if (!value) {
        wire_nil(writer);
        return;
    }
    struct ValueWalk walk = {.root = value};
    const char *key = NULL;
    for (enum ValueStep step; (step = value_walk_next(&walk, &value, &key)) != VALUE_STEP_END;) {
        if (step == VALUE_STEP_CLOSE)
            continue;
        if (key)
            wire_key(writer, key);
        pack_one(writer, value);
    }
}

static davit_value *from_leaf(const msgpack_object *object)
{
    switch (object->type) {
    case MSGPACK_OBJECT_BOOLEAN:
        return davit_value_new_bool(object->via.boolean);
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        return davit_value_new_uint(object->via.u64);
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return davit_value_new_int(object->via.i64);
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        return davit_value_new_double(object->via.f64);
    case MSGPACK_OBJECT_STR: {
        davit_value *value = davit_value_new_bytes(object->via.str.ptr, object->via.str.size);
        if (value)
            value->type = DAVIT_STRING;
        return value;
    }
    case MSGPACK_OBJECT_BIN:
        return davit_value_new_bytes(object->via.bin.ptr, object->via.bin.size);
    case MSGPACK_OBJECT_ARRAY:
        return davit_value_new_array();
    case MSGPACK_OBJECT_MAP:
        return davit_value_new_map();
    case MSGPACK_OBJECT_NIL:
    case MSGPACK_OBJECT_EXT:
        break;
    }
    return davit_value_new_nil();
}

struct Frame {
    const msgpack_object *object;
    davit_value *value;
    uint32_t index, count;
};

static struct Frame frame_of(const msgpack_object *object, davit_value *value)
{
    bool map = object->type == MSGPACK_OBJECT_MAP;
    return (struct Frame){
        .object = object, .value = value, .count = map ? object->via.map.size : object->via.array.size};
}

/* Adds the next member of the innermost frame; NULL on failure. */
static davit_value *add_member(struct Frame *frame, const msgpack_object **ret_object)
{
    const msgpack_object *object = frame->object;
    uint32_t index = frame->index++;
    davit_value *child = NULL;
    if (object->type == MSGPACK_OBJECT_ARRAY) {
        *ret_object = &object->via.array.ptr[index];
        child = from_leaf(*ret_object);
        return davit_value_append(frame->value, child) == 0 ? child : NULL;
    }
    const msgpack_object *key = &object->via.map.ptr[index].key;
    if (key->type != MSGPACK_OBJECT_STR)
        return NULL;
    _cleanup_free_ char *text = strndup(key->via.str.ptr, key->via.str.size);
    *ret_object = &object->via.map.ptr[index].val;
    child = text ? from_leaf(*ret_object) : NULL;
    return davit_value_set(frame->value, text ? text : "", child) == 0 ? child : NULL;
}

davit_value *value_from_object(const msgpack_object *object)
{
    struct Frame frames[DAVIT_DEPTH_MAX];
    unsigned depth = 0;
    _cleanup_value_ davit_value *root = from_leaf(object);
    if (root && is_container(root))
        frames[depth++] = frame_of(object, root);
    while (depth > 0) {
        if (frames[depth - 1].index == frames[depth - 1].count) {
            depth--;
            continue;
        }
        davit_value *child = add_member(&frames[depth - 1], &object);
        if (!child)
            return NULL;
        for (unsigned i = 0; i < depth; i++)
            frames[i].value->height = MAX(frames[i].value->height, depth - i + child->height);
        if (!is_container(child))
            continue;
        if (depth == DAVIT_DEPTH_MAX)
            return NULL;
        frames[depth++] = frame_of(object, child);
    }
    return TAKE_PTR(root);
}

/* Calls use() with the value as an object, which our own packer made: no limits are needed. */
static void with_object(const davit_value *value, void (*use)(const msgpack_object *object, void *owner),
                        void *owner)
{
    _cleanup_buf_ struct Buf packed = BUF_INIT;
    struct WireWriter writer;
    wire_writer_init(&writer, &packed);
    value_pack(&writer, value);
    msgpack_zone zone;
    msgpack_object object;
    size_t offset = 0;
    if (packed.error || !msgpack_zone_init(&zone, 4096))
        return;
    if (msgpack_unpack(packed.data, packed.size, &offset, &zone, &object) == MSGPACK_UNPACK_SUCCESS)
        use(&object, owner);
    msgpack_zone_destroy(&zone);
}

static void use_copy(const msgpack_object *object, void *owner)
{
    *(davit_value **)owner = value_from_object(object);
}

static void use_json(const msgpack_object *object, void *owner)
{
    _cleanup_buf_ struct Buf text = BUF_INIT;
    wire_to_json(object, &text);
    *(char **)owner = buf_take_str(&text);
}

davit_value *davit_value_copy(const davit_value *value)
{
    davit_value *copy = NULL;
    with_object(value, use_copy, &copy);
    return copy;
}

char *davit_value_to_json(const davit_value *value)
{
    char *text = NULL;
    with_object(value, use_json, &text);
    return text;
}
