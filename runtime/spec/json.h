// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A parsed JSON document, and cursors into it that know their path. The only face of json-c: no
 * other file sees it. The document owns everything; texts and cursors are valid as long as it is.
 */
#include "base/cleanup.h"
#include "base/error.h"
#include "runtime/spec/json-path.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum JsonKind {
    JSON_NULL,
    JSON_BOOLEAN,
    JSON_INTEGER, /* a number without fraction and exponent */
    JSON_DECIMAL, /* any other number */
    JSON_STRING,
    JSON_LIST,
    JSON_OBJECT,
};

struct JsonDocument;

/* A value, and how it was reached. Lives on the stack below that of its parent. */
struct JsonNode {
    struct JsonPath path;
    struct json_object *object; /* NULL: null, or absent */
};

/* Runs json_scan() first: *ret_root is an object, without duplicate members, NUL characters and
 * integers of more than 64 bits. InvalidArgument with where = "config.json" or a path; the text
 * needs no terminator. */
int json_parse(const char *text, size_t size, struct JsonDocument **ret, struct Error *error);
void json_free(struct JsonDocument *document);
DEFINE_CLEANUP(struct JsonDocument *, json_free)
#define _cleanup_json_ _cleanup_(json_free_pointer)

struct JsonNode json_root(const struct JsonDocument *document);

enum JsonKind json_kind(const struct JsonNode *node);
/* "a string", "null": for messages. */
const char *json_kind_name(enum JsonKind kind);
bool json_is_null(const struct JsonNode *node);

/* Members of an object, elements of a list; 0 of anything else. */
size_t json_count(const struct JsonNode *node);
/* JSON_NULL when there is no such member. `name` must outlive the result. */
struct JsonNode json_member(const struct JsonNode *node, const char *name);
struct JsonNode json_element(const struct JsonNode *node, size_t index);
/* Every member of an object in the order of the text; start with *cursor = NULL. */
bool json_next(const struct JsonNode *node, const void **cursor, struct JsonNode *ret_member);

/* These return the neutral value unless the kind is right, which the caller has looked at. */
bool json_boolean(const struct JsonNode *node);
const char *json_string(const struct JsonNode *node); /* never NULL */
/* *ret_negative tells a negative number, of which the result is the magnitude. */
uint64_t json_integer(const struct JsonNode *node, bool *ret_negative);

/* Fills *error with the node's path as where; returns as error_set(). */
int json_fail(const struct JsonNode *node, struct Error *error, enum ErrorCode code, const char *format, ...)
    _printf_(4, 5);
