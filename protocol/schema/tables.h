// SPDX-License-Identifier: Apache-2.0
#pragma once
/* How the tables are written, and what one file of them takes from another. */
#include "protocol/schema/container.h"

/* The offset of an argument's place in its C struct, refused by the compiler when it has not the C
 * type that this schema type fills. */
#define PLACE(ctype, member, expected)                                                                       \
    (offsetof(ctype, member) +                                                                               \
     0 * sizeof(struct {                                                                                     \
         _Static_assert(__builtin_types_compatible_p(__typeof__(((ctype *)0)->member), expected),            \
                        "the member has another type than the schema says");                                 \
         int dummy;                                                                                          \
     }))

#define ARGUMENT(ctype, member, label, kind, expected, ...)                                                  \
    {                                                                                                        \
        .name = label, .type = kind, .offset = PLACE(ctype, member, expected), __VA_ARGS__                   \
    }
#define ARG_BOOL(c, m, n, ...) ARGUMENT(c, m, n, SCHEMA_BOOL, bool, __VA_ARGS__)
#define ARG_TRI(c, m, n, ...)                                                                                \
    ARGUMENT(c, m, n, SCHEMA_BOOL, enum SchemaTristate, .tristate = true, __VA_ARGS__)
#define ARG_U64(c, m, n, ...)    ARGUMENT(c, m, n, SCHEMA_U64, struct SchemaU64, __VA_ARGS__)
#define ARG_I64(c, m, n, ...)    ARGUMENT(c, m, n, SCHEMA_I64, struct SchemaI64, __VA_ARGS__)
#define ARG_DOUBLE(c, m, n, ...) ARGUMENT(c, m, n, SCHEMA_DOUBLE, struct SchemaDouble, __VA_ARGS__)
#define ARG_TEXT(c, m, n, ...)   ARGUMENT(c, m, n, SCHEMA_TEXT, const char *, __VA_ARGS__)
#define ARG_BINARY(c, m, n, ...) ARGUMENT(c, m, n, SCHEMA_BINARY, struct SchemaBytes, __VA_ARGS__)
#define ARG_SIGNAL(c, m, n, ...) ARGUMENT(c, m, n, SCHEMA_SIGNAL, int, __VA_ARGS__)
#define ARG_TEXTS(c, m, n, ...)  ARGUMENT(c, m, n, SCHEMA_TEXTS, struct SchemaTexts, __VA_ARGS__)
#define ARG_PAIRS(c, m, n, ...)  ARGUMENT(c, m, n, SCHEMA_PAIRS, struct SchemaPairs, __VA_ARGS__)
#define ARG_STRUCTS(c, m, n, type, ...)                                                                      \
    ARGUMENT(c, m, n, SCHEMA_STRUCTS, struct SchemaStructs, .of = &(type), __VA_ARGS__)
#define ARG_STRUCT(c, m, n, ctype, type, ...)                                                                \
    ARGUMENT(c, m, n, SCHEMA_STRUCT, ctype, .of = &(type), __VA_ARGS__)

/* A struct description over a table of fields; results and events have no C struct. */
#define ARGUMENTS(label, ctype, table, ...)                                                                  \
    {                                                                                                        \
        .name = label, .size = sizeof(ctype), .fields = table, .field_count = ELEMENTSOF(table), __VA_ARGS__ \
    }
#define RESULT(label, table)                                                                                 \
    {                                                                                                        \
        .name = label, .fields = table, .field_count = ELEMENTSOF(table)                                     \
    }
/* A member of a result that is always there, and one that may be nil or missing. */
#define ALWAYS(label, kind, text, ...)                                                                       \
    {                                                                                                        \
        .name = label, .type = kind, .required = true, .doc = text, ##__VA_ARGS__                            \
    }
#define MAYBE(label, kind, text, ...)                                                                        \
    {                                                                                                        \
        .name = label, .type = kind, .doc = text, ##__VA_ARGS__                                              \
    }
#define WORDS(...)                                                                                           \
    (const char *const[])                                                                                    \
    {                                                                                                        \
        __VA_ARGS__, NULL                                                                                    \
    }

/* container.c */
extern const struct SchemaStruct ARGUMENTS_CREATE, ARGUMENTS_CONTAINER, ARGUMENTS_STOP, ARGUMENTS_KILL,
    ARGUMENTS_DELETE, ARGUMENTS_RENAME, ARGUMENTS_WAIT, ARGUMENTS_LIST, ARGUMENTS_LOGS, ARGUMENTS_ATTACH;
/* container-result.c */
extern const struct SchemaStruct RESULT_CREATE, RESULT_START, RESULT_ID, RESULT_WAIT, RESULT_LIST,
    RESULT_INSPECT, RESULT_RENAME, TYPE_EXIT;
extern const char *const CONTAINER_STATE_WORDS[];
/* daemon.c */
extern const struct SchemaStruct ARGUMENTS_HELLO, RESULT_HELLO, RESULT_DESCRIBE, RESULT_SYSTEM_INFO;
/* stream.c */
extern const struct SchemaStruct ARGUMENTS_SUBSCRIBE, ARGUMENTS_STREAM_WRITE, ARGUMENTS_STREAM_CLOSE,
    RESULT_STREAM, RESULT_WRITTEN;

/* describe.c and markdown.c */
const char *schema_type_name(enum SchemaType type);
/* markdown-head.c: what is said before the tables */
extern const char SCHEMA_MARKDOWN_HEAD[];
