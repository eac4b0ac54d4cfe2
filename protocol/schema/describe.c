// SPDX-License-Identifier: Apache-2.0
/* The answer of `describe`. The nesting is that of the tables. */
#include "protocol/schema/tables.h"

const char *schema_type_name(enum SchemaType type)
{
    static const char *const names[] = {
        [SCHEMA_BOOL] = "bool",     [SCHEMA_U64] = "u64",         [SCHEMA_I64] = "i64",
        [SCHEMA_DOUBLE] = "double", [SCHEMA_TEXT] = "text",       [SCHEMA_BINARY] = "bytes",
        [SCHEMA_SIGNAL] = "signal", [SCHEMA_TEXTS] = "texts",     [SCHEMA_PAIRS] = "pairs",
        [SCHEMA_STRUCT] = "struct", [SCHEMA_STRUCTS] = "structs", [SCHEMA_ANY] = "any",
    };
    return names[type];
}

static void fields_describe(struct WireWriter *writer, const struct SchemaStruct *of);

static void range_describe(struct WireWriter *writer, const struct SchemaField *field)
{
    bool number = field->type == SCHEMA_U64 || field->type == SCHEMA_I64 || field->type == SCHEMA_DOUBLE;
    if (field->minimum != 0 || (number && field->maximum != 0))
        wire_key_i64(writer, "minimum", (int64_t)field->minimum);
    if (field->maximum != 0)
        wire_key_u64(writer, "maximum", field->maximum);
}

static void words_describe(struct WireWriter *writer, const char *key, const char *const *words)
{
    size_t count = 0;
    while (words[count])
        count++;
    wire_key(writer, key);
    wire_array(writer, count);
    for (size_t i = 0; i < count; i++)
        wire_str(writer, words[i]);
}

static void field_describe(struct WireWriter *writer, const struct SchemaField *field)
{
    struct WireOpenMap map;
    wire_map_open(writer, &map);
    wire_key_str(writer, "name", field->name);
    wire_key_str(writer, "type", schema_type_name(field->type));
    wire_key_bool(writer, "required", field->required);
    wire_key_str(writer, "doc", field->doc);
    range_describe(writer, field);
    if (field->choices)
        words_describe(writer, "choices", field->choices);
    if (field->default_true)
        wire_key_bool(writer, "default", true);
    if (field->of) {
        wire_key_str(writer, "of", field->of->name);
        wire_key(writer, "fields");
        fields_describe(writer, field->of);
    }
    wire_map_close(writer, &map);
}

static void fields_describe(struct WireWriter *writer, const struct SchemaStruct *of)
{
    wire_array(writer, of ? of->field_count : 0);
    for (size_t i = 0; of && i < of->field_count; i++)
        field_describe(writer, &of->fields[i]);
}

static void methods_describe(struct WireWriter *writer)
{
    wire_key(writer, "methods");
    wire_array(writer, SCHEMA_METHOD_COUNT);
    for (size_t i = 0; i < SCHEMA_METHOD_COUNT; i++) {
        const struct SchemaMethod *method = &SCHEMA_METHODS[i];
        wire_map(writer, 6);
        wire_key_str(writer, "name", method->name);
        wire_key_str(writer, "access", schema_class_name(method->access));
        wire_key_bool(writer, "stream", method->stream);
        wire_key_str(writer, "doc", method->doc);
        wire_key(writer, "arguments");
        fields_describe(writer, method->arguments);
        wire_key(writer, "result");
        fields_describe(writer, method->result);
    }
}

static void notifications_describe(struct WireWriter *writer)
{
    wire_key(writer, "notifications");
    wire_array(writer, SCHEMA_NOTIFICATION_COUNT);
    for (size_t i = 0; i < SCHEMA_NOTIFICATION_COUNT; i++) {
        const struct SchemaNotification *notification = &SCHEMA_NOTIFICATIONS[i];
        wire_map(writer, 4);
        wire_key_str(writer, "name", notification->name);
        wire_key_str(writer, "from", notification->from_server ? "server" : "client");
        wire_key_str(writer, "doc", notification->doc);
        wire_key(writer, "arguments");
        fields_describe(writer, notification->arguments);
    }
}

static void events_describe(struct WireWriter *writer)
{
    wire_key(writer, "events");
    wire_array(writer, SCHEMA_EVENT_COUNT);
    for (size_t i = 0; i < SCHEMA_EVENT_COUNT; i++) {
        wire_map(writer, 3);
        wire_key_str(writer, "type", SCHEMA_EVENTS[i].type);
        wire_key_str(writer, "doc", SCHEMA_EVENTS[i].doc);
        wire_key(writer, "data");
        fields_describe(writer, SCHEMA_EVENTS[i].data);
    }
}

void schema_describe(struct WireWriter *writer)
{
    wire_map(writer, 6);
    wire_key_u64(writer, "api_level", SCHEMA_API_LEVEL);
    methods_describe(writer);
    notifications_describe(writer);
    events_describe(writer);
    wire_key(writer, "event");
    fields_describe(writer, &SCHEMA_EVENT);
    wire_key(writer, "errors");
    wire_array(writer, ERROR_CODE_COUNT - 1);
    for (int code = ERROR_NONE + 1; code < ERROR_CODE_COUNT; code++)
        wire_str(writer, error_code_name(code));
}
