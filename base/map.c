// SPDX-License-Identifier: Apache-2.0
/*
 * Linear probing at most half full; a removal shifts the entries behind it back, so there are no
 * tombstones. The hash starts from the map's address, so colliding keys cannot be made in advance.
 */
#include "base/map.h"
#include "base/cleanup.h"
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct Entry {
    const char *key; /* NULL: free */
    void *value;
    uint64_t hash;
};

struct Map {
    struct Entry *entries;
    size_t size, capacity; /* capacity is 0 or a power of two */
};

enum { MAP_CAPACITY_FIRST = 16 };

struct Map *map_new(void)
{
    return calloc(1, sizeof(struct Map));
}

void map_free(struct Map *map)
{
    if (!map)
        return;
    free(map->entries);
    free(map);
}

/* FNV-1a with a final mix, as only the low bits choose the slot. */
static uint64_t map_hash(const struct Map *map, const char *key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ (uintptr_t)map;
    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * UINT64_C(0x100000001b3);
    return hash ^ hash >> 29;
}

/* The slot of the key, or the free slot where it belongs. There is always a free one. */
static size_t map_slot(const struct Entry *entries, size_t capacity, uint64_t hash, const char *key)
{
    size_t slot = hash & (capacity - 1);
    while (entries[slot].key && (entries[slot].hash != hash || strcmp(entries[slot].key, key) != 0))
        slot = (slot + 1) & (capacity - 1);
    return slot;
}

static struct Entry *map_find(const struct Map *map, const char *key)
{
    if (map->size == 0)
        return NULL;
    struct Entry *entry = &map->entries[map_slot(map->entries, map->capacity, map_hash(map, key), key)];
    return entry->key ? entry : NULL;
}

void *map_get(const struct Map *map, const char *key)
{
    const struct Entry *entry = map_find(map, key);
    return entry ? entry->value : NULL;
}

static int map_grow(struct Map *map)
{
    size_t capacity = MAP_CAPACITY_FIRST;
    if (map->capacity && __builtin_mul_overflow(map->capacity, 2, &capacity))
        return -ENOMEM;
    struct Entry *entries = calloc(capacity, sizeof(*entries));
    if (!entries)
        return -ENOMEM;
    for (size_t i = 0; i < map->capacity; i++) {
        const struct Entry *entry = &map->entries[i];
        if (entry->key)
            entries[map_slot(entries, capacity, entry->hash, entry->key)] = *entry;
    }
    free(map->entries);
    map->entries = entries;
    map->capacity = capacity;
    return 0;
}

int map_add(struct Map *map, const char *key, void *value)
{
    if (map_find(map, key))
        return -EEXIST;
    if (map->size >= map->capacity / 2) {
        int r = map_grow(map);
        if (r < 0)
            return r;
    }
    uint64_t hash = map_hash(map, key);
    map->entries[map_slot(map->entries, map->capacity, hash, key)] = (struct Entry){key, value, hash};
    map->size++;
    return 0;
}

void *map_remove(struct Map *map, const char *key)
{
    struct Entry *entry = map_find(map, key);
    if (!entry)
        return NULL;
    void *value = entry->value;
    size_t mask = map->capacity - 1, hole = (size_t)(entry - map->entries);
    for (size_t slot = (hole + 1) & mask; map->entries[slot].key; slot = (slot + 1) & mask) {
        size_t distance = (slot - map->entries[slot].hash) & mask;
        if (distance < ((slot - hole) & mask))
            continue;
        map->entries[hole] = map->entries[slot];
        hole = slot;
    }
    map->entries[hole] = (struct Entry){0};
    map->size--;
    return value;
}

size_t map_size(const struct Map *map)
{
    return map->size;
}

void *map_next(const struct Map *map, size_t *cursor)
{
    while (*cursor < map->capacity) {
        const struct Entry *entry = &map->entries[(*cursor)++];
        if (entry->key)
            return entry->value;
    }
    return NULL;
}
