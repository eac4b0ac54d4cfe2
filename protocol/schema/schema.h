// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The public interface as const tables: methods with their arguments and results, events, error
 * codes. Dispatch, argument checking, `describe`, docs/protocol.md and (later) D-Bus come from them.
 * A field of an argument struct knows its offset, so that schema_decode() can fill the C struct.
 */
#include "protocol/wire/wire.h"
#include <stddef.h>

enum SchemaType {
    SCHEMA_BOOL,    /* bool, or enum SchemaTristate when `tristate` */
    SCHEMA_U64,     /* struct SchemaU64 */
    SCHEMA_I64,     /* struct SchemaI64 */
    SCHEMA_DOUBLE,  /* struct SchemaDouble; integers are accepted */
    SCHEMA_TEXT,    /* const char *, NULL when absent */
    SCHEMA_BINARY,  /* struct SchemaBytes; text is accepted */
    SCHEMA_SIGNAL,  /* int, 0 when absent: a number or a name */
    SCHEMA_TEXTS,   /* struct SchemaTexts */
    SCHEMA_PAIRS,   /* struct SchemaPairs: a map of text to text */
    SCHEMA_STRUCT,  /* a nested struct, in place */
    SCHEMA_STRUCTS, /* struct SchemaStructs */
    SCHEMA_ANY,     /* const msgpack_object *, NULL when absent; in results: anything */
};

struct SchemaU64 {
    uint64_t value;
    bool present;
};
struct SchemaI64 {
    int64_t value;
    bool present;
};
struct SchemaDouble {
    double value;
    bool present;
};
enum SchemaTristate { SCHEMA_ABSENT = 0, SCHEMA_FALSE, SCHEMA_TRUE };
struct SchemaBytes {
    const void *data;
    size_t size;
};
struct SchemaTexts {
    const char **items; /* count entries, then NULL; NULL when absent */
    size_t count;
};
struct SchemaPair {
    const char *key, *value;
};
struct SchemaPairs {
    struct SchemaPair *items;
    size_t count;
};
struct SchemaStructs {
    void *items; /* count structs of the type's size */
    size_t count;
};

struct SchemaStruct;
struct SchemaField {
    const char *name;
    enum SchemaType type;
    bool required;
    size_t offset;                 /* in the C struct; results need none */
    const struct SchemaStruct *of; /* SCHEMA_STRUCT(S) */
    const char *doc;               /* one sentence, with the unit */
    uint64_t minimum, maximum;     /* SCHEMA_U64 / lengths; 0, 0: any */
    const char *const *choices;    /* SCHEMA_TEXT(S): NULL-terminated words allowed */
    const char *const *planned;    /* ... and words that will be: Unsupported */
    bool tristate;                 /* SCHEMA_BOOL fills an enum SchemaTristate */
    bool default_true;             /* SCHEMA_BOOL: what absent means */
    bool free_text;                /* texts may hold newlines and other control bytes, never NUL */
};
struct SchemaStruct {
    const char *name;
    size_t size;
    const struct SchemaField *fields;
    size_t field_count;
    const char *const *planned; /* NULL-terminated names of members to come: Unsupported, not described */
};

enum SchemaClass { CLASS_OBSERVE, CLASS_CONTROL, CLASS_EXEC, CLASS_CREATE, CLASS_MANAGE };

struct SchemaMethod {
    const char *name; /* "container.create" */
    enum SchemaClass access;
    const struct SchemaStruct *arguments, *result; /* NULL: none */
    bool stream;                                   /* answers {stream} and sends stream.* */
    const char *doc;
};
struct SchemaEvent {
    const char *type; /* "container.started" */
    const struct SchemaStruct *data;
    const char *doc;
};
struct SchemaNotification {
    const char *name; /* "stream.data" */
    bool from_server;
    const struct SchemaStruct *arguments;
    const char *doc;
};

extern const struct SchemaMethod SCHEMA_METHODS[];
extern const size_t SCHEMA_METHOD_COUNT;
extern const struct SchemaEvent SCHEMA_EVENTS[];
extern const size_t SCHEMA_EVENT_COUNT;
extern const struct SchemaNotification SCHEMA_NOTIFICATIONS[];
extern const size_t SCHEMA_NOTIFICATION_COUNT;
enum { SCHEMA_API_LEVEL = 1 };

/* What every event is: {seq, boot, time, type, container, name, generation, data}. */
extern const struct SchemaStruct SCHEMA_EVENT;

const struct SchemaMethod *schema_method(const char *name);
const struct SchemaEvent *schema_event(const char *type);
const struct SchemaNotification *schema_notification(const char *name);
/* A method of the contract that does not exist yet: the answer is Unsupported. */
bool schema_method_is_planned(const char *name);
/* "observe" */
const char *schema_class_name(enum SchemaClass access);

/* Checks a map against a struct description and fills the zeroed C struct. Memory for lists comes
 * from `zone` (texts are copied, with a NUL). map NULL is the empty map, description NULL takes none
 * but that. Unknown members, wrong types, missing required ones, texts with NUL or (but in free_text)
 * control bytes: InvalidArgument with where = the member's path ("resources.memory",
 * "mounts[2].target"); what is planned: Unsupported with the same. On failure *ret is in pieces. */
int schema_decode(const struct SchemaStruct *description, const msgpack_object *map, msgpack_zone *zone,
                  void *ret, struct Error *error);
/* The check alone, for results and events in tests: every member is described, types agree. */
int schema_check(const struct SchemaStruct *description, const msgpack_object *map, struct Error *error);

/* The whole schema as msgpack (the answer of `describe`) and as the text of docs/protocol.md. */
void schema_describe(struct WireWriter *writer);
void schema_print_markdown(struct Buf *out);
