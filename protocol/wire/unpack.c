// SPDX-License-Identifier: Apache-2.0
/*
 * msgpack-c trusts declared lengths and accepts more than we do: it sees bytes only after the scan has
 * bounded them, and its tree is checked once before anybody else sees it. Keys are unique, because
 * two readers of {"a": 1, "a": 2} may disagree; texts have no NUL, because half of them become paths.
 */
#include "base/str.h"
#include "protocol/wire/walk.h"

static int refuse(struct Error *error, int errnum, const char *what)
{
    error_set(error, errnum == -ENOMEM ? ERROR_RESOURCE_EXHAUSTED : ERROR_INVALID_ARGUMENT, "message", "%s",
              what);
    return errnum;
}

/* msgpack-c points an empty text or binary at NULL, which memcpy(3) and arithmetic must not see. */
static void empty_mend(msgpack_object *object)
{
    if (object->type == MSGPACK_OBJECT_STR && object->via.str.size == 0)
        object->via.str.ptr = "";
    else if (object->type == MSGPACK_OBJECT_BIN && object->via.bin.size == 0)
        object->via.bin.ptr = "";
}

static int key_compare(const void *a, const void *b)
{
    const msgpack_object_str *left = *(const msgpack_object_str *const *)a;
    const msgpack_object_str *right = *(const msgpack_object_str *const *)b;
    if (left->size != right->size)
        return left->size < right->size ? -1 : 1;
    return memcmp(left->ptr, right->ptr, left->size);
}

static int refuse_twice(const msgpack_object_str *key, struct Error *error)
{
    if (key->size > 64 || !str_is_printable(key->ptr, key->size) || !str_is_utf8(key->ptr, key->size))
        return refuse(error, -EBADMSG, "a key twice");
    error_set(error, ERROR_INVALID_ARGUMENT, "message", "the key \"%.*s\" twice", (int)key->size, key->ptr);
    return -EBADMSG;
}

/* The keys are sorted, so that a message full of large maps takes no quadratic time. The list lives
 * in the zone, whose size the limits bound. */
static int map_check(const msgpack_object_map *map, msgpack_zone *zone, struct Error *error)
{
    for (uint32_t i = 0; i < map->size; i++) {
        if (map->ptr[i].key.type != MSGPACK_OBJECT_STR)
            return refuse(error, -EBADMSG, "a key that is not a string");
        empty_mend(&map->ptr[i].key);
    }
    if (map->size < 2)
        return 0;
    const msgpack_object_str **keys = msgpack_zone_malloc(zone, map->size * sizeof(*keys));
    if (!keys)
        return refuse(error, -ENOMEM, "out of memory");
    for (uint32_t i = 0; i < map->size; i++)
        keys[i] = &map->ptr[i].key.via.str;
    qsort(keys, map->size, sizeof(*keys), key_compare);
    for (uint32_t i = 1; i < map->size; i++)
        if (key_compare(&keys[i - 1], &keys[i]) == 0)
            return refuse_twice(keys[i], error);
    return 0;
}

static int text_check(const msgpack_object_str *text, struct Error *error)
{
    if (memchr(text->ptr, 0, text->size))
        return refuse(error, -EBADMSG, "a string with a NUL byte");
    if (!str_is_utf8(text->ptr, text->size))
        return refuse(error, -EBADMSG, "a string that is not UTF-8");
    return 0;
}

static int tree_check(msgpack_object *root, msgpack_zone *zone, struct Error *error)
{
    struct WireWalk walk;
    struct WirePlace place;
    const msgpack_object *object;
    enum WireStep step;
    wire_walk_init(&walk, root);
    while ((step = wire_walk_next(&walk, &object, &place)) != WIRE_STEP_END) {
        int r = 0;
        if (step == WIRE_STEP_VALUE)
            empty_mend((msgpack_object *)object); /* of the tree that msgpack-c has just made for us */
        if (step == WIRE_STEP_TOO_DEEP)
            r = refuse(error, -E2BIG, "too deeply nested");
        else if (step == WIRE_STEP_VALUE && object->type == MSGPACK_OBJECT_MAP)
            r = map_check(&object->via.map, zone, error);
        else if (step == WIRE_STEP_VALUE && object->type == MSGPACK_OBJECT_STR)
            r = text_check(&object->via.str, error);
        if (r < 0)
            return r;
    }
    return 0;
}

int wire_unpack(const void *data, size_t size, const struct WireLimits *limits, msgpack_zone *zone,
                msgpack_object *ret, struct Error *error)
{
    struct WireScan scan = {0};
    int r = wire_scan(&scan, limits, data, size);
    if (r == -E2BIG)
        return refuse(error, r, "a message beyond the limits");
    if (r != WIRE_COMPLETE || scan.offset != size)
        return refuse(error, -EBADMSG, "not exactly one msgpack value");

    msgpack_object object;
    size_t offset = 0;
    msgpack_unpack_return unpacked = msgpack_unpack(data, size, &offset, zone, &object);
    if (unpacked == MSGPACK_UNPACK_NOMEM_ERROR)
        return refuse(error, -ENOMEM, "out of memory");
    if (unpacked != MSGPACK_UNPACK_SUCCESS)
        return refuse(error, -EBADMSG, "not exactly one msgpack value");
    r = tree_check(&object, zone, error);
    if (r < 0)
        return r;
    *ret = object;
    return 0;
}
