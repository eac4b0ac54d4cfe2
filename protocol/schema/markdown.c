// SPDX-License-Identifier: Apache-2.0
/* docs/protocol.md: the head, then every table; each kind of struct is printed once, where it is first met.
 */
#include "base/str.h"
#include "protocol/schema/tables.h"

enum { KINDS_MAX = 64 };

struct Printer {
    struct Buf *out;
    const struct SchemaStruct *kinds[KINDS_MAX]; /* met so far */
    size_t kind_count, printed;
};

static void kind_remember(struct Printer *printer, const struct SchemaStruct *of)
{
    for (size_t i = 0; i < printer->kind_count; i++)
        if (printer->kinds[i] == of)
            return;
    if (printer->kind_count < KINDS_MAX)
        printer->kinds[printer->kind_count++] = of;
}

static void type_print(struct Printer *printer, const struct SchemaField *field)
{
    if (!field->of) {
        buf_append_str(printer->out, schema_type_name(field->type));
        return;
    }
    kind_remember(printer, field->of);
    buf_printf(printer->out, "%s%s", field->type == SCHEMA_STRUCTS ? "list of " : "", field->of->name);
}

static void words_print(struct Buf *out, const char *const *words)
{
    buf_append_str(out, " One of:");
    for (size_t i = 0; words[i]; i++)
        buf_printf(out, "%s `%s`", i ? "," : "", words[i]);
    buf_append_str(out, ".");
}

static void fields_print(struct Printer *printer, const struct SchemaStruct *of, const char *mark)
{
    buf_printf(printer->out, "| member | type | %s | |\n| --- | --- | --- | --- |\n", mark);
    for (size_t i = 0; i < of->field_count; i++) {
        const struct SchemaField *field = &of->fields[i];
        buf_printf(printer->out, "| `%s` | ", field->name);
        type_print(printer, field);
        buf_printf(printer->out, " | %s | %s", field->required ? "yes" : "", field->doc);
        if (field->choices)
            words_print(printer->out, field->choices);
        buf_append_str(printer->out, " |\n");
    }
    buf_append_str(printer->out, "\n");
}

/* The structs that were named since the last call, and those that they name. */
static void kinds_print(struct Printer *printer, const char *mark)
{
    while (printer->printed < printer->kind_count) {
        const struct SchemaStruct *of = printer->kinds[printer->printed++];
        buf_printf(printer->out, "**%s**\n\n", of->name);
        fields_print(printer, of, mark);
    }
}

static void method_print(struct Printer *printer, const struct SchemaMethod *method)
{
    buf_printf(printer->out, "### %s\n\n%s Class: %s.%s\n\n", method->name, method->doc,
               schema_class_name(method->access), method->stream ? " Opens a stream." : "");
    if (method->arguments) {
        buf_append_str(printer->out, "Arguments:\n\n");
        fields_print(printer, method->arguments, "required");
        kinds_print(printer, "required");
    } else {
        buf_append_str(printer->out, "No arguments.\n\n");
    }
    if (method->result) {
        buf_append_str(printer->out, "Answers:\n\n");
        fields_print(printer, method->result, "always");
        kinds_print(printer, "always");
    } else {
        buf_append_str(printer->out, "Answers nil.\n\n");
    }
}

void schema_print_markdown(struct Buf *out)
{
    struct Printer printer = {.out = out};
    buf_append_str(out, SCHEMA_MARKDOWN_HEAD);
    buf_append_str(out, "## Methods\n\n");
    for (size_t i = 0; i < SCHEMA_METHOD_COUNT; i++)
        method_print(&printer, &SCHEMA_METHODS[i]);
    buf_append_str(out, "## Notifications\n\n");
    for (size_t i = 0; i < SCHEMA_NOTIFICATION_COUNT; i++) {
        const struct SchemaNotification *notification = &SCHEMA_NOTIFICATIONS[i];
        buf_printf(out, "### %s\n\nFrom the %s. %s\n\n", notification->name,
                   notification->from_server ? "server" : "client", notification->doc);
        fields_print(&printer, notification->arguments, "always");
        kinds_print(&printer, "always");
    }
    buf_append_str(out, "## Events\n\nEvery event is a map:\n\n");
    fields_print(&printer, &SCHEMA_EVENT, "always");
    for (size_t i = 0; i < SCHEMA_EVENT_COUNT; i++) {
        const struct SchemaEvent *event = &SCHEMA_EVENTS[i];
        buf_printf(out, "### %s\n\n%s\n\n", event->type, event->doc);
        if (event->data == &TYPE_EXIT)
            buf_printf(out, "Its data is an %s, as above.\n\n", TYPE_EXIT.name);
        else if (event->data)
            fields_print(&printer, event->data, "always");
        else
            buf_append_str(out, "No data.\n\n");
        kinds_print(&printer, "always");
    }
    if (out->size > 0 && !out->error)
        out->size--; /* the last empty line */
}
