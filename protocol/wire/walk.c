// SPDX-License-Identifier: Apache-2.0
#include "protocol/wire/walk.h"

void wire_walk_init(struct WireWalk *walk, const msgpack_object *root)
{
    walk->root = root;
    walk->depth = 0;
}

static const msgpack_object *member_at(const msgpack_object *container, uint64_t index)
{
    if (container->type == MSGPACK_OBJECT_ARRAY)
        return &container->via.array.ptr[index];
    const msgpack_object_kv *entry = &container->via.map.ptr[index / 2];
    return index % 2 == 0 ? &entry->key : &entry->val;
}

static enum WireStep walk_open(struct WireWalk *walk, const msgpack_object *container, uint64_t count)
{
    if (walk->depth == WIRE_DEPTH_MAX) {
        walk->depth = 0;
        return WIRE_STEP_TOO_DEEP;
    }
    walk->frames[walk->depth++] = (struct WireFrame){.container = container, .count = count};
    return WIRE_STEP_VALUE;
}

enum WireStep wire_walk_next(struct WireWalk *walk, const msgpack_object **ret, struct WirePlace *ret_place)
{
    const msgpack_object *object = walk->root;
    struct WirePlace place = {0};
    if (object) {
        walk->root = NULL;
    } else if (walk->depth == 0) {
        return WIRE_STEP_END;
    } else {
        struct WireFrame *frame = &walk->frames[walk->depth - 1];
        if (frame->next == frame->count) {
            walk->depth--;
            *ret = frame->container;
            return WIRE_STEP_CLOSE;
        }
        bool in_map = frame->container->type == MSGPACK_OBJECT_MAP;
        place.index = frame->next;
        place.is_key = in_map && frame->next % 2 == 0;
        place.is_map_value = in_map && frame->next % 2 == 1;
        object = member_at(frame->container, frame->next++);
    }
    *ret = object;
    *ret_place = place;
    if (object->type == MSGPACK_OBJECT_ARRAY)
        return walk_open(walk, object, object->via.array.size);
    if (object->type == MSGPACK_OBJECT_MAP)
        return walk_open(walk, object, UINT64_C(2) * object->via.map.size);
    return WIRE_STEP_VALUE;
}
