// SPDX-License-Identifier: Apache-2.0
/* The text is built from its end, as the chain goes from the innermost step outwards. */
#include "runtime/spec/json-path.h"
#include "base/str.h"
#include <stdio.h>

/* Puts the text before `at` as far as there is room; the new beginning. */
static size_t prepend(char *buffer, size_t at, const char *text, size_t size)
{
    while (size > 0 && at > 0) {
        unsigned char byte = (unsigned char)text[--size];
        buffer[--at] = byte < 0x20 || byte > 0x7e ? '?' : (char)byte;
    }
    return at;
}

static size_t prepend_step(char *buffer, size_t at, const struct JsonPath *step)
{
    char index[32];
    if (!step->name) {
        str_format(index, sizeof(index), "[%zu]", step->index);
        return prepend(buffer, at, index, strlen(index));
    }
    bool is_empty = step->name_size == 0;
    at = is_empty ? prepend(buffer, at, "\"\"", 2) : prepend(buffer, at, step->name, step->name_size);
    return step->parent ? prepend(buffer, at, ".", 1) : at;
}

const char *json_path_format(const struct JsonPath *path, char buffer[JSON_PATH_SIZE])
{
    size_t at = JSON_PATH_SIZE - 1;
    if (!path)
        return JSON_DOCUMENT;
    buffer[at] = 0;
    for (; path && at > 0; path = path->parent)
        at = prepend_step(buffer, at, path);
    return buffer + at;
}

int json_path_vfail(const struct JsonPath *path, struct Error *error, enum ErrorCode code, const char *format,
                    va_list arguments)
{
    char where[JSON_PATH_SIZE], what[ERROR_WHAT_SIZE];
    vsnprintf(what, sizeof(what), format, arguments);
    return error_set(error, code, json_path_format(path, where), "%s", what);
}

int json_path_fail(const struct JsonPath *path, struct Error *error, enum ErrorCode code, const char *format,
                   ...)
{
    va_list arguments;
    va_start(arguments, format);
    int r = json_path_vfail(path, error, code, format, arguments);
    va_end(arguments);
    return r;
}
