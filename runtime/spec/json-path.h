// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Where in a JSON document something is, as a chain of stack frames: each step points to the one
 * it was taken from, the document itself is NULL. It becomes text only when an error is made.
 */
#include "base/error.h"
#include <stdarg.h>
#include <stddef.h>

struct JsonPath {
    const struct JsonPath *parent;
    const char *name; /* a member, not necessarily terminated; NULL: an element of a list */
    size_t name_size;
    size_t index;
};

/* What errors name when the document itself is at fault. */
#define JSON_DOCUMENT "config.json"

enum { JSON_PATH_SIZE = 256 };

/* "linux.devices[2].path" into the buffer; of a path that is too long, its tail. Bytes that would
 * not print become '?'. Returns the buffer's text. */
const char *json_path_format(const struct JsonPath *path, char buffer[JSON_PATH_SIZE]);

/* error_set() with the path as where. */
int json_path_fail(const struct JsonPath *path, struct Error *error, enum ErrorCode code, const char *format,
                   ...) _printf_(4, 5);
int json_path_vfail(const struct JsonPath *path, struct Error *error, enum ErrorCode code, const char *format,
                    va_list arguments) _printf_(4, 0);
