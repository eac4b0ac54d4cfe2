// SPDX-License-Identifier: Apache-2.0
/*
 * Arguments from a JSON file. json-c parses, with its own limit of depth and UTF-8 checked. Its tree is
 * walked once and written as msgpack, from which values come with all the checks of the wire.
 */
#include "base/fd.h"
#include "base/str.h"
#include "client/option.h"
#include "client/value.h"
#include <fcntl.h>
#include <json-c/json.h>
#include <unistd.h>

enum { FILE_LIMIT = 1 << 20, JSON_DEPTH = 16 };

struct Level {
    struct json_object *object;
    struct lh_entry *entry; /* next member of an object */
    size_t index;           /* next member of an array */
};

static bool is_list(struct json_object *object)
{
    return json_object_is_type(object, json_type_array) || json_object_is_type(object, json_type_object);
}

static struct Level level_of(struct json_object *object)
{
    bool map = json_object_is_type(object, json_type_object);
    return (struct Level){.object = object, .entry = map ? json_object_get_object(object)->head : NULL};
}

/* The next member of a level and, in an object, its key; false after the last. */
static bool level_next(struct Level *level, struct json_object **ret, const char **ret_key)
{
    *ret_key = NULL;
    if (json_object_is_type(level->object, json_type_array)) {
        if (level->index == json_object_array_length(level->object))
            return false;
        *ret = json_object_array_get_idx(level->object, level->index++);
        return true;
    }
    if (!level->entry)
        return false;
    *ret_key = lh_entry_k(level->entry);
    *ret = lh_entry_v(level->entry);
    level->entry = level->entry->next;
    return true;
}

/* A scalar whole, of a list the head. False for a text with a NUL. */
static bool write_one(struct WireWriter *writer, struct json_object *object)
{
    switch (json_object_get_type(object)) {
    case json_type_null:
        wire_nil(writer);
        break;
    case json_type_boolean:
        wire_bool(writer, json_object_get_boolean(object));
        break;
    case json_type_double:
        wire_double(writer, json_object_get_double(object));
        break;
    case json_type_int:
        if (json_object_get_int64(object) < 0)
            wire_i64(writer, json_object_get_int64(object));
        else
            wire_u64(writer, json_object_get_uint64(object));
        break;
    case json_type_string:
        wire_str(writer, json_object_get_string(object));
        return strlen(json_object_get_string(object)) == (size_t)json_object_get_string_len(object);
    case json_type_object:
        wire_map(writer, (size_t)json_object_object_length(object));
        break;
    case json_type_array:
        wire_array(writer, json_object_array_length(object));
        break;
    }
    return true;
}

static bool write_tree(struct WireWriter *writer, struct json_object *root)
{
    struct Level levels[JSON_DEPTH + 1];
    unsigned depth = 0;
    const char *key = NULL;
    bool ok = write_one(writer, root);
    if (is_list(root))
        levels[depth++] = level_of(root);
    while (depth > 0) {
        struct json_object *member = NULL;
        if (!level_next(&levels[depth - 1], &member, &key)) {
            depth--;
            continue;
        }
        if (key)
            wire_key(writer, key);
        ok &= write_one(writer, member);
        if (is_list(member))
            levels[depth++] = level_of(member);
    }
    return ok;
}

static int put_members(struct json_object *root, const char *path, davit_value *map, struct Error *error)
{
    _cleanup_buf_ struct Buf packed = BUF_INIT;
    struct WireWriter writer;
    msgpack_zone zone;
    msgpack_object object;
    wire_writer_init(&writer, &packed);
    if (!write_tree(&writer, root))
        return error_set(error, ERROR_INVALID_ARGUMENT, path, "a text holds a NUL");
    if (packed.error || !msgpack_zone_init(&zone, 4096))
        return error_set(error, ERROR_RESOURCE_EXHAUSTED, path, "out of memory");
    _cleanup_value_ davit_value *made = NULL;
    int r = wire_unpack(packed.data, packed.size, &WIRE_LIMITS_DEFAULT, &zone, &object, error);
    if (r == 0)
        made = value_from_object(&object);
    msgpack_zone_destroy(&zone);
    for (size_t i = 0; r == 0 && i < davit_value_size(made); i++)
        r = davit_value_set(map, davit_value_key_at(made, i), davit_value_copy(davit_value_at(made, i)));
    return r;
}

static int read_text(const char *path, char **ret, size_t *ret_size, struct Error *error)
{
    _cleanup_free_ char *text = NULL;
    if (strcmp(path, "-") != 0) {
        int r = file_read(AT_FDCWD, path, FILE_LIMIT, ret, ret_size);
        return r < 0 ? error_set_errno(error, ERROR_INVALID_ARGUMENT, r, path, "cannot read the file") : 0;
    }
    text = malloc(FILE_LIMIT + 1);
    ssize_t size = text ? fd_read_all(STDIN_FILENO, text, FILE_LIMIT + 1) : -ENOMEM;
    if (size > FILE_LIMIT)
        size = -EFBIG;
    if (size < 0)
        return error_set_errno(error, ERROR_INVALID_ARGUMENT, (int)size, path, "cannot read stdin");
    *ret = TAKE_PTR(text);
    *ret_size = (size_t)size;
    return 0;
}

int option_apply_text(const char *text, size_t size, const char *where, davit_value *map, struct Error *error)
{
    struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH);
    if (!tokener)
        return error_set(error, ERROR_RESOURCE_EXHAUSTED, where, "out of memory");
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *root = json_tokener_parse_ex(tokener, text, (int)size);
    enum json_tokener_error failure = json_tokener_get_error(tokener);
    size_t end = json_tokener_get_parse_end(tokener);
    json_tokener_free(tokener);
    while (end < size && text[end] && strchr(" \t\r\n", text[end]))
        end++;
    int r = 0;
    if (failure != json_tokener_success || end < size)
        r = error_set(error, ERROR_INVALID_ARGUMENT, where, "no JSON: %s at byte %zu",
                      failure == json_tokener_success ? "more than one document"
                                                      : json_tokener_error_desc(failure),
                      end);
    else if (!json_object_is_type(root, json_type_object))
        r = error_set(error, ERROR_INVALID_ARGUMENT, where, "the arguments must be an object");
    else
        r = put_members(root, where, map, error);
    json_object_put(root);
    return r;
}

int option_apply_file(const char *path, davit_value *map, struct Error *error)
{
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    int r = read_text(path, &text, &size, error);
    return r < 0 ? r : option_apply_text(text, size, path, map, error);
}
