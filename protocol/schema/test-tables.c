// SPDX-License-Identifier: Apache-2.0
/* The tables as a whole: complete, unambiguous, and inside the structs that they fill. */
#include "base/str.h"
#include "base/test.h"
#include "protocol/schema/tables.h"
#include <ctype.h>

static size_t place_size(const struct SchemaField *field)
{
    switch (field->type) {
    case SCHEMA_BOOL:
        return field->tristate ? sizeof(enum SchemaTristate) : sizeof(bool);
    case SCHEMA_U64:
        return sizeof(struct SchemaU64);
    case SCHEMA_I64:
        return sizeof(struct SchemaI64);
    case SCHEMA_DOUBLE:
        return sizeof(struct SchemaDouble);
    case SCHEMA_TEXT:
        return sizeof(const char *);
    case SCHEMA_BINARY:
        return sizeof(struct SchemaBytes);
    case SCHEMA_SIGNAL:
        return sizeof(int);
    case SCHEMA_TEXTS:
        return sizeof(struct SchemaTexts);
    case SCHEMA_PAIRS:
        return sizeof(struct SchemaPairs);
    case SCHEMA_STRUCT:
        return field->of->size;
    case SCHEMA_STRUCTS:
        return sizeof(struct SchemaStructs);
    case SCHEMA_ANY:
        return sizeof(const msgpack_object *);
    }
    return 0;
}

static bool is_sentence(const char *doc)
{
    size_t size = doc ? strlen(doc) : 0;
    return size > 3 && doc[size - 1] == '.' && !strchr(doc, '|') && !strchr(doc, '\n');
}

static bool is_name(const char *name)
{
    return name && name[0] && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name);
}

static void check_field(const struct SchemaField *field)
{
    bool nested = field->type == SCHEMA_STRUCT || field->type == SCHEMA_STRUCTS;
    bool words = field->type == SCHEMA_TEXT || field->type == SCHEMA_TEXTS;
    size_t size = strlen(field->name);
    CHECK(is_name(field->name));
    CHECK(is_sentence(field->doc));
    CHECK_EQ(nested, field->of != NULL);
    CHECK(!field->choices || (words && field->choices[0]));
    CHECK(!field->planned || field->choices);
    CHECK(!field->tristate || field->type == SCHEMA_BOOL);
    CHECK(!field->default_true || (field->type == SCHEMA_BOOL && !field->tristate));
    CHECK(field->type == SCHEMA_I64 || field->maximum == 0 || field->minimum <= field->maximum);
    if (size > 5 && strcmp(field->name + size - 5, "_usec") == 0)
        CHECK(strstr(field->doc, "icroseconds") != NULL);
}

static void check_places(const struct SchemaStruct *of, size_t index)
{
    const struct SchemaField *field = &of->fields[index];
    CHECK(field->offset + place_size(field) <= of->size);
    for (size_t i = 0; i < index; i++) {
        const struct SchemaField *other = &of->fields[i];
        CHECK(other->offset + place_size(other) <= field->offset ||
              field->offset + place_size(field) <= other->offset);
    }
}

static void check_struct(const struct SchemaStruct *of, unsigned depth)
{
    CHECK(depth < 6);
    if (depth >= 6)
        return;
    CHECK(of->name && isupper((unsigned char)of->name[0]));
    CHECK(of->field_count > 0);
    for (size_t i = 0; i < of->field_count; i++) {
        char row[128];
        str_format(row, sizeof(row), "%s.%s", of->name, of->fields[i].name);
        test_row(row);
        check_field(&of->fields[i]);
        if (of->size > 0)
            check_places(of, i);
        for (size_t k = 0; k < i; k++)
            CHECK(strcmp(of->fields[i].name, of->fields[k].name) != 0);
        for (size_t k = 0; of->planned && of->planned[k]; k++)
            CHECK(strcmp(of->fields[i].name, of->planned[k]) != 0);
        if (of->fields[i].of) {
            CHECK_EQ(of->size > 0, of->fields[i].of->size > 0);
            check_struct(of->fields[i].of, depth + 1);
        }
    }
    test_row(NULL);
}

static void test_methods(void)
{
    for (size_t i = 0; i < SCHEMA_METHOD_COUNT; i++) {
        const struct SchemaMethod *method = &SCHEMA_METHODS[i];
        test_row(method->name);
        CHECK(schema_method(method->name) == method); /* unique */
        CHECK(!schema_method_is_planned(method->name));
        CHECK(is_sentence(method->doc));
        CHECK(schema_class_name(method->access)[0]);
        CHECK(!method->stream || method->result == &RESULT_STREAM);
        CHECK(method->result || str_equal(method->name, "stream.close"));
        if (method->arguments) {
            CHECK(method->arguments->size > 0);
            check_struct(method->arguments, 0);
        }
        if (method->result)
            check_struct(method->result, 0);
    }
    CHECK(schema_method("container.exec") == NULL && schema_method_is_planned("container.exec"));
    CHECK(schema_method("nonsense") == NULL && !schema_method_is_planned("nonsense"));
}

static void test_events_and_notifications(void)
{
    for (size_t i = 0; i < SCHEMA_EVENT_COUNT; i++) {
        test_row(SCHEMA_EVENTS[i].type);
        CHECK(schema_event(SCHEMA_EVENTS[i].type) == &SCHEMA_EVENTS[i]);
        CHECK(is_sentence(SCHEMA_EVENTS[i].doc));
        if (SCHEMA_EVENTS[i].data)
            check_struct(SCHEMA_EVENTS[i].data, 0);
    }
    for (size_t i = 0; i < SCHEMA_NOTIFICATION_COUNT; i++) {
        const struct SchemaNotification *notification = &SCHEMA_NOTIFICATIONS[i];
        test_row(notification->name);
        CHECK(schema_notification(notification->name) == notification);
        CHECK(is_sentence(notification->doc));
        CHECK_EQ(notification->from_server, notification->arguments->size == 0);
        check_struct(notification->arguments, 0);
    }
    check_struct(&SCHEMA_EVENT, 0);
    CHECK(schema_event("container.paused") == NULL && schema_notification("x") == NULL);
}

static void test_describe_describes_itself(void)
{
    _cleanup_(msgpack_zone_destroy) msgpack_zone zone;
    _cleanup_buf_ struct Buf buf = BUF_INIT;
    struct WireWriter writer;
    msgpack_object object;
    struct Error error = {0};
    CHECK(msgpack_zone_init(&zone, 65536));
    wire_writer_init(&writer, &buf);
    schema_describe(&writer);
    CHECK_EQ(buf.error, 0);
    CHECK_EQ(wire_unpack(buf.data, buf.size, &WIRE_LIMITS_DEFAULT, &zone, &object, &error), 0);
    CHECK_EQ(schema_check(schema_method("describe")->result, &object, &error), 0);
    CHECK_STR(error.where, "");
    const msgpack_object *methods = wire_get(&object, "methods");
    CHECK_EQ(methods->via.array.size, SCHEMA_METHOD_COUNT);
    const msgpack_object *create = NULL;
    for (uint32_t i = 0; i < methods->via.array.size; i++)
        if (wire_is_str(wire_get(&methods->via.array.ptr[i], "name"), "container.create"))
            create = &methods->via.array.ptr[i];
    CHECK(create && wire_get(create, "arguments")->via.array.size == ARGUMENTS_CREATE.field_count);
    CHECK(wire_is_str(wire_get(create, "access"), "create"));
}

static void test_markdown_names_everything(void)
{
    _cleanup_buf_ struct Buf buf = BUF_INIT;
    schema_print_markdown(&buf);
    _cleanup_free_ char *text = buf_take_str(&buf);
    CHECK(text && text[0] == '#');
    for (size_t i = 0; text && i < SCHEMA_METHOD_COUNT; i++) {
        char heading[80];
        str_format(heading, sizeof(heading), "\n### %s\n", SCHEMA_METHODS[i].name);
        test_row(SCHEMA_METHODS[i].name);
        CHECK(strstr(text, heading) != NULL);
    }
    test_row(NULL);
    size_t size = text ? strlen(text) : 0;
    CHECK(size > 2 && text[size - 1] == '\n' && text[size - 2] != '\n');
}

static const struct Test tests[] = {
    TEST(test_methods),
    TEST(test_events_and_notifications),
    TEST(test_describe_describes_itself),
    TEST(test_markdown_names_everything),
};
TEST_MAIN(tests)
