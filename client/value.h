// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The inside of davit_value, for the files of libdavit. A value is a tree; each knows how many arrays and
 * maps are inside each other in it, which bounds the depth of every walk.
 */
#include "client/davit-client.h"
#include "protocol/wire/wire.h"

struct ValueList {
    davit_value **items;
    char **keys; /* of a map; NULL in an array */
    size_t count, capacity;
};

struct davit_value {
    enum davit_type type;
    unsigned height; /* 0 for a scalar, 1 for an empty array or map, else one more than the highest member */
    union {
        bool boolean;
        uint64_t u64;
        int64_t i64;
        double real;
        struct {
            char *data; /* with a NUL after the end */
            size_t size;
        } text;
        struct ValueList list;
    };
};

/* A walk in depth first order, without recursion. */
enum ValueStep { VALUE_STEP_LEAF, VALUE_STEP_OPEN, VALUE_STEP_CLOSE, VALUE_STEP_END };
struct ValueWalk {
    const davit_value *root;
    bool started;
    unsigned depth;
    struct {
        const davit_value *value;
        size_t index;
    } frames[DAVIT_DEPTH_MAX + 1];
};
/* The next step; *ret_value is the value that it is about, *ret_key its key where it is in a map. */
enum ValueStep value_walk_next(struct ValueWalk *walk, const davit_value **ret_value, const char **ret_key);

/* Packs the value; an error sticks to the writer's Buf. NULL packs nil. */
void value_pack(struct WireWriter *writer, const davit_value *value);
/* A new value from an unpacked object; NULL without memory or when it is too deep. */
davit_value *value_from_object(const msgpack_object *object);

DEFINE_CLEANUP(davit_value *, davit_value_free)
#define _cleanup_value_ _cleanup_(davit_value_free_pointer)
