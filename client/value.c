// SPDX-License-Identifier: Apache-2.0
/*
 * Making and changing values. A value that was put into another is not changed any more but through
 * davit_value_set_path() and davit_value_append_path(), which know all levels above it, so that
 * `height` is always right.
 */
#include "client/value.h"
#include <errno.h>
#include <string.h>

static davit_value *value_new(enum davit_type type)
{
    davit_value *value = calloc(1, sizeof(*value));
    if (value) {
        value->type = type;
        value->height = type == DAVIT_ARRAY || type == DAVIT_MAP;
    }
    return value;
}

davit_value *davit_value_new_nil(void)
{
    return value_new(DAVIT_NIL);
}

davit_value *davit_value_new_bool(bool boolean)
{
    davit_value *value = value_new(DAVIT_BOOL);
    if (value)
        value->boolean = boolean;
    return value;
}

davit_value *davit_value_new_uint(uint64_t number)
{
    davit_value *value = value_new(DAVIT_UINT);
    if (value)
        value->u64 = number;
    return value;
}

davit_value *davit_value_new_int(int64_t number)
{
    if (number >= 0)
        return davit_value_new_uint((uint64_t)number);
    davit_value *value = value_new(DAVIT_INT);
    if (value)
        value->i64 = number;
    return value;
}

davit_value *davit_value_new_double(double number)
{
    davit_value *value = value_new(DAVIT_DOUBLE);
    if (value)
        value->real = number;
    return value;
}

static davit_value *value_new_text(enum davit_type type, const void *data, size_t size)
{
    _cleanup_value_ davit_value *value = value_new(type);
    if (!value || size == SIZE_MAX)
        return NULL;
    value->text.data = malloc(size + 1);
    if (!value->text.data)
        return NULL;
    if (size > 0)
        memcpy(value->text.data, data, size);
    value->text.data[size] = 0;
    value->text.size = size;
    return TAKE_PTR(value);
}

davit_value *davit_value_new_string(const char *text)
{
    return text ? value_new_text(DAVIT_STRING, text, strlen(text)) : davit_value_new_nil();
}

davit_value *davit_value_new_bytes(const void *data, size_t size)
{
    return value_new_text(DAVIT_BYTES, data, size);
}

davit_value *davit_value_new_array(void)
{
    return value_new(DAVIT_ARRAY);
}

davit_value *davit_value_new_map(void)
{
    return value_new(DAVIT_MAP);
}

static bool is_container(const davit_value *value)
{
    return value->type == DAVIT_ARRAY || value->type == DAVIT_MAP;
}

/* Frees one value whose members have been freed. */
static void value_free_node(davit_value *value)
{
    if (value->type == DAVIT_STRING || value->type == DAVIT_BYTES)
        free(value->text.data);
    if (is_container(value)) {
        for (size_t i = 0; value->list.keys && i < value->list.count; i++)
            free(value->list.keys[i]);
        free(value->list.keys);
        free(value->list.items);
    }
    free(value);
}

/* A walk of its own: it takes each list apart from its end, so that nothing freed is looked at. */
void davit_value_free(davit_value *value)
{
    davit_value *stack[DAVIT_DEPTH_MAX + 1];
    unsigned depth = 0;
    size_t left[DAVIT_DEPTH_MAX + 1];
    if (!value)
        return;
    stack[0] = value;
    left[0] = is_container(value) ? value->list.count : 0;
    while (true) {
        if (left[depth] == 0) {
            value_free_node(stack[depth]);
            if (depth == 0)
                return;
            depth--;
            continue;
        }
        davit_value *child = stack[depth]->list.items[--left[depth]];
        stack[++depth] = child;
        left[depth] = is_container(child) ? child->list.count : 0;
    }
}

static int list_grow(davit_value *value)
{
    struct ValueList *list = &value->list;
    if (list->count < list->capacity)
        return 0;
    size_t capacity = list->capacity ? list->capacity * 2 : 4;
    davit_value **items = reallocarray(list->items, capacity, sizeof(*items));
    if (!items)
        return -ENOMEM;
    list->items = items;
    if (value->type == DAVIT_MAP) {
        char **keys = reallocarray(list->keys, capacity, sizeof(*keys));
        if (!keys)
            return -ENOMEM;
        list->keys = keys;
    }
    list->capacity = capacity;
    return 0;
}

static size_t map_find(const davit_value *map, const char *key, size_t size)
{
    for (size_t i = 0; i < map->list.count; i++)
        if (strncmp(map->list.keys[i], key, size) == 0 && map->list.keys[i][size] == 0)
            return i;
    return SIZE_MAX;
}

/* Puts a child at its place without regard to depth. The key is the first `size` bytes of `key`. */
static int map_put(davit_value *map, const char *key, size_t size, davit_value *child)
{
    size_t at = map_find(map, key, size);
    if (at != SIZE_MAX) {
        davit_value_free(map->list.items[at]);
        map->list.items[at] = child;
        return 0;
    }
    _cleanup_free_ char *copy = strndup(key, size);
    int r = list_grow(map);
    if (!copy || r < 0)
        return -ENOMEM;
    map->list.keys[map->list.count] = TAKE_PTR(copy);
    map->list.items[map->list.count++] = child;
    return 0;
}

static int array_put(davit_value *array, davit_value *child)
{
    int r = list_grow(array);
    if (r == 0)
        array->list.items[array->list.count++] = child;
    return r;
}

static bool height_fits(const davit_value *child, size_t levels)
{
    return child->height + levels <= DAVIT_DEPTH_MAX;
}

int davit_value_set(davit_value *map, const char *key, davit_value *value)
{
    _cleanup_value_ davit_value *child = value;
    if (!map || map->type != DAVIT_MAP || !key)
        return -EINVAL;
    if (!child)
        return -ENOMEM;
    if (!height_fits(child, 1))
        return -E2BIG;
    int r = map_put(map, key, strlen(key), child);
    if (r < 0)
        return r;
    map->height = MAX(map->height, child->height + 1);
    TAKE_PTR(child);
    return 0;
}

int davit_value_set_string(davit_value *map, const char *key, const char *text)
{
    return davit_value_set(map, key, davit_value_new_string(text));
}

int davit_value_set_uint(davit_value *map, const char *key, uint64_t value)
{
    return davit_value_set(map, key, davit_value_new_uint(value));
}

int davit_value_set_bool(davit_value *map, const char *key, bool value)
{
    return davit_value_set(map, key, davit_value_new_bool(value));
}

int davit_value_append(davit_value *array, davit_value *value)
{
    _cleanup_value_ davit_value *child = value;
    if (!array || array->type != DAVIT_ARRAY)
        return -EINVAL;
    if (!child)
        return -ENOMEM;
    if (!height_fits(child, 1))
        return -E2BIG;
    int r = array_put(array, child);
    if (r < 0)
        return r;
    array->height = MAX(array->height, child->height + 1);
    TAKE_PTR(child);
    return 0;
}

/* The member of a map by the first `size` bytes of `key`, made with this type when it is missing. */
static int map_enter(davit_value *map, const char *key, size_t size, enum davit_type type, davit_value **ret)
{
    size_t at = map_find(map, key, size);
    if (at == SIZE_MAX) {
        _cleanup_value_ davit_value *made = value_new(type);
        if (!made)
            return -ENOMEM;
        int r = map_put(map, key, size, made);
        if (r < 0)
            return r;
        map->height = MAX(map->height, 2);
        *ret = TAKE_PTR(made);
        return 0;
    }
    if (map->list.items[at]->type != type)
        return -EINVAL;
    *ret = map->list.items[at];
    return 0;
}

/* The levels of a dotted path, from the root on. */
struct Levels {
    davit_value *values[DAVIT_DEPTH_MAX];
    unsigned count;
};

/* Enters all components of the path, the last of them with type `last`; what is missing is made. */
static int path_enter(struct Levels *levels, const char *path, size_t size, enum davit_type last)
{
    const char *end = path + size;
    while (path < end) {
        const char *dot = memchr(path, '.', (size_t)(end - path));
        const char *stop = dot ? dot : end;
        int r = map_enter(levels->values[levels->count - 1], path, (size_t)(stop - path),
                          dot ? DAVIT_MAP : last, &levels->values[levels->count]);
        if (r < 0)
            return r;
        levels->count++;
        path = stop + 1;
    }
    return 0;
}

static size_t path_components(const char *path, size_t size)
{
    size_t count = size > 0;
    for (size_t i = 0; i < size; i++)
        count += path[i] == '.';
    return count;
}

/* Puts a child under the list that the first `size` bytes of the path name; key NULL: an array. */
static int put_below(davit_value *map, const char *path, size_t size, const char *key, davit_value *value)
{
    _cleanup_value_ davit_value *child = value;
    struct Levels levels = {.values = {map}, .count = 1};
    if (!map || map->type != DAVIT_MAP)
        return -EINVAL;
    if (!child)
        return -ENOMEM;
    if (!height_fits(child, path_components(path, size) + 1))
        return -E2BIG;
    int r = path_enter(&levels, path, size, key ? DAVIT_MAP : DAVIT_ARRAY);
    if (r < 0)
        return r;
    davit_value *parent = levels.values[levels.count - 1];
    r = key ? map_put(parent, key, strlen(key), child) : array_put(parent, child);
    if (r < 0)
        return r;
    unsigned height = child->height;
    TAKE_PTR(child);
    for (unsigned i = levels.count; i > 0; i--)
        levels.values[i - 1]->height = MAX(levels.values[i - 1]->height, ++height);
    return 0;
}

int davit_value_set_path(davit_value *map, const char *path, davit_value *value)
{
    const char *dot = strrchr(path, '.');
    return put_below(map, path, dot ? (size_t)(dot - path) : 0, dot ? dot + 1 : path, value);
}

int davit_value_set_member(davit_value *map, const char *path, const char *key, davit_value *value)
{
    return put_below(map, path, strlen(path), key, value);
}

int davit_value_append_path(davit_value *map, const char *path, davit_value *value)
{
    return put_below(map, path, strlen(path), NULL, value);
}
