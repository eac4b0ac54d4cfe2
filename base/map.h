// SPDX-License-Identifier: Apache-2.0
#pragma once
/* String keys to pointers. The keys are borrowed (usually a member of the value), the values too. */
#include <stddef.h>

struct Map; /* open addressing, grows by doubling */

struct Map *map_new(void); /* NULL without memory */
void map_free(struct Map *map);
void *map_get(const struct Map *map, const char *key);
/* 0, -EEXIST, -ENOMEM */
int map_add(struct Map *map, const char *key, void *value);
/* The removed value or NULL. */
void *map_remove(struct Map *map, const char *key);
size_t map_size(const struct Map *map);
/* Iteration in no order: start with *cursor = 0; NULL at the end. Do not change the map meanwhile. */
void *map_next(const struct Map *map, size_t *cursor);
