// SPDX-License-Identifier: Apache-2.0
/*
 * json-c builds the tree; what it is lenient about (quotes, NaN, duplicates, numbers that it would
 * clamp) json_scan() has refused before.
 */
#include "runtime/spec/json.h"
#include "runtime/spec/json-scan.h"
#include <json-c/json.h>
#include <limits.h>
#include <string.h>

/* The document is json-c's reference to its root. */
static struct json_object *root_of(const struct JsonDocument *document)
{
    return (struct json_object *)document;
}

DEFINE_CLEANUP(struct json_tokener *, json_tokener_free)
#define _cleanup_tokener_ _cleanup_(json_tokener_free_pointer)

int json_parse(const char *text, size_t size, struct JsonDocument **ret, struct Error *error)
{
    size_t used = 0;
    if (size > INT_MAX)
        return error_set(error, ERROR_INVALID_ARGUMENT, JSON_DOCUMENT, "too long");
    int r = json_scan(text, size, &used, error);
    if (r < 0)
        return r;
    _cleanup_tokener_ struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX + 1);
    if (!tokener)
        return error_set_errno(error, ERROR_RESOURCE_EXHAUSTED, ENOMEM, JSON_DOCUMENT, "parsing");
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *root = json_tokener_parse_ex(tokener, text, (int)used);
    if (!root)
        return error_set(error, ERROR_INVALID_ARGUMENT, JSON_DOCUMENT, "not JSON: %s",
                         json_tokener_error_desc(json_tokener_get_error(tokener)));
    *ret = (struct JsonDocument *)root;
    return 0;
}

void json_free(struct JsonDocument *document)
{
    json_object_put(root_of(document));
}

struct JsonNode json_root(const struct JsonDocument *document)
{
    return (struct JsonNode){.object = root_of(document)};
}

enum JsonKind json_kind(const struct JsonNode *node)
{
    static const enum JsonKind kinds[] = {
        [json_type_null] = JSON_NULL,      [json_type_boolean] = JSON_BOOLEAN, [json_type_int] = JSON_INTEGER,
        [json_type_double] = JSON_DECIMAL, [json_type_string] = JSON_STRING,   [json_type_array] = JSON_LIST,
        [json_type_object] = JSON_OBJECT,
    };
    return kinds[json_object_get_type(node->object)];
}

const char *json_kind_name(enum JsonKind kind)
{
    static const char *const names[] = {
        [JSON_NULL] = "null",          [JSON_BOOLEAN] = "true or false",
        [JSON_INTEGER] = "an integer", [JSON_DECIMAL] = "a number with a fraction or exponent",
        [JSON_STRING] = "a string",    [JSON_LIST] = "a list",
        [JSON_OBJECT] = "an object",
    };
    return names[kind];
}

bool json_is_null(const struct JsonNode *node)
{
    return node->object == NULL;
}

size_t json_count(const struct JsonNode *node)
{
    if (json_object_is_type(node->object, json_type_array))
        return json_object_array_length(node->object);
    return json_object_is_type(node->object, json_type_object)
               ? (size_t)json_object_object_length(node->object)
               : 0;
}

/* The root, always an object, is no step of a path. */
static const struct JsonPath *path_of(const struct JsonNode *node)
{
    return node->path.parent || node->path.name ? &node->path : NULL;
}

static struct JsonNode member_node(const struct JsonNode *node, const char *name, struct json_object *object)
{
    struct JsonNode member = {.path = {.parent = path_of(node)}, .object = object};
    member.path.name = name;
    member.path.name_size = strlen(name);
    return member;
}

struct JsonNode json_member(const struct JsonNode *node, const char *name)
{
    struct json_object *object = NULL;
    if (json_object_is_type(node->object, json_type_object))
        json_object_object_get_ex(node->object, name, &object);
    return member_node(node, name, object);
}

struct JsonNode json_element(const struct JsonNode *node, size_t index)
{
    struct JsonNode element = {.path = {.parent = path_of(node), .index = index}};
    if (json_object_is_type(node->object, json_type_array))
        element.object = json_object_array_get_idx(node->object, index);
    return element;
}

bool json_next(const struct JsonNode *node, const void **cursor, struct JsonNode *ret_member)
{
    const struct lh_entry *entry = *cursor;
    if (!json_object_is_type(node->object, json_type_object))
        return false;
    entry = entry ? entry->next : json_object_get_object(node->object)->head;
    if (!entry)
        return false;
    *cursor = entry;
    *ret_member = member_node(node, lh_entry_k(entry), lh_entry_v(entry));
    return true;
}

bool json_boolean(const struct JsonNode *node)
{
    return json_object_is_type(node->object, json_type_boolean) && json_object_get_boolean(node->object);
}

const char *json_string(const struct JsonNode *node)
{
    return json_object_is_type(node->object, json_type_string) ? json_object_get_string(node->object) : "";
}

uint64_t json_integer(const struct JsonNode *node, bool *ret_negative)
{
    *ret_negative = false;
    if (!json_object_is_type(node->object, json_type_int))
        return 0;
    /* Numbers above INT64_MAX come out of this as INT64_MAX: the sign is right in any case. */
    int64_t value = json_object_get_int64(node->object);
    *ret_negative = value < 0;
    return value < 0 ? 0 - (uint64_t)value : json_object_get_uint64(node->object);
}

int json_fail(const struct JsonNode *node, struct Error *error, enum ErrorCode code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int r = json_path_vfail(path_of(node), error, code, format, arguments);
    va_end(arguments);
    return r;
}
