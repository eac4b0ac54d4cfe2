// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * All values of an object in the order of their encoding, without recursion: a container comes
 * before its members and is closed after them. Borrows the object.
 */
#include "protocol/wire/wire.h"

struct WireFrame {
    const msgpack_object *container;
    uint64_t next, count; /* members; a map has two for each entry, the key first */
};
struct WireWalk {
    const msgpack_object *root;
    unsigned depth;
    struct WireFrame frames[WIRE_DEPTH_MAX];
};
enum WireStep {
    WIRE_STEP_END,
    WIRE_STEP_VALUE,
    WIRE_STEP_CLOSE,
    WIRE_STEP_TOO_DEEP, /* more than WIRE_DEPTH_MAX; nothing follows */
};

/* Where a value stands in its container. */
struct WirePlace {
    uint64_t index; /* among the members */
    bool is_key, is_map_value;
};

void wire_walk_init(struct WireWalk *walk, const msgpack_object *root);
/* *ret_place is set with WIRE_STEP_VALUE only. */
enum WireStep wire_walk_next(struct WireWalk *walk, const msgpack_object **ret, struct WirePlace *ret_place);
