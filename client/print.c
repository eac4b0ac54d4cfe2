// SPDX-License-Identifier: Apache-2.0
/* Widths are counted in characters of UTF-8; wide ones count as one. */
#include "client/print.h"
#include "base/clock.h"
#include <string.h>

void print_escaped(struct Buf *out, const char *text, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t done = 0;
    for (size_t i = 0; i < size; i++) {
        bool second_of_c1 = i > 0 && bytes[i - 1] == 0xc2 && bytes[i] >= 0x80 && bytes[i] < 0xa0;
        bool first_of_c1 = bytes[i] == 0xc2 && i + 1 < size && bytes[i + 1] >= 0x80 && bytes[i + 1] < 0xa0;
        bool control = (bytes[i] < 0x20 && bytes[i] != '\t') || bytes[i] == 0x7f;
        if (!control && !first_of_c1 && !second_of_c1)
            continue;
        buf_append(out, text + done, i - done);
        buf_printf(out, "\\x%02x", bytes[i]);
        done = i + 1;
    }
    buf_append(out, text + done, size - done);
}

static void new_line(struct Buf *out, unsigned depth)
{
    buf_append_str(out, "\n");
    for (unsigned i = 0; i < depth; i++)
        buf_append_str(out, "  ");
}

void print_indented(struct Buf *out, const char *json)
{
    unsigned depth = 0;
    bool in_string = false;
    for (const char *at = json; *at; at++) {
        if (in_string) {
            buf_append(out, at, 1);
            if (*at == '\\' && at[1])
                buf_append(out, ++at, 1);
            else if (*at == '"')
                in_string = false;
            continue;
        }
        bool opens = *at == '{' || *at == '[', closes = *at == '}' || *at == ']';
        if (*at == ' ')
            continue;
        if (closes)
            new_line(out, --depth);
        buf_append(out, at, 1);
        in_string = *at == '"';
        if (opens && (at[1] == '}' || at[1] == ']'))
            buf_append(out, ++at, 1);
        else if (opens)
            new_line(out, ++depth);
        else if (*at == ',')
            new_line(out, depth);
        else if (*at == ':')
            buf_append_str(out, " ");
    }
}

void print_age(struct Buf *out, uint64_t usec)
{
    static const struct {
        uint64_t unit, below; /* seconds */
        const char *name;
    } rows[] = {{1, 120, "s"}, {60, 7200, "min"}, {3600, 172800, "h"}, {86400, UINT64_MAX, "d"}};
    uint64_t seconds = usec / USEC_PER_SEC;
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        if (seconds >= rows[i].below)
            continue;
        buf_printf(out, "%llu %s", (unsigned long long)(seconds / rows[i].unit), rows[i].name);
        return;
    }
}

void print_size(struct Buf *out, uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    unsigned power = 0;
    double value = (double)bytes;
    for (; value >= 1024 && power + 1 < ELEMENTSOF(units); power++)
        value /= 1024;
    buf_printf(out, power == 0 || value >= 100 ? "%.0f %s" : "%.1f %s", value, units[power]);
}

void table_init(struct Table *table, unsigned columns)
{
    *table = (struct Table){.columns = columns};
}

void table_deinit(struct Table *table)
{
    buf_deinit(&table->cells);
}

void table_add(struct Table *table, const char *text)
{
    if (text)
        print_escaped(&table->cells, text, strlen(text));
    buf_append(&table->cells, "", 1);
    table->count++;
}

void table_add_format(struct Table *table, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    table_add(table, text);
}

static size_t text_width(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

void table_print(const struct Table *table, struct Buf *out)
{
    size_t widths[TABLE_COLUMNS_MAX] = {0};
    const char *cell = table->cells.data;
    if (table->cells.error)
        return;
    for (size_t i = 0; i < table->count; i++, cell += strlen(cell) + 1)
        widths[i % table->columns] = MAX(widths[i % table->columns], text_width(cell));
    cell = table->cells.data;
    for (size_t i = 0; i < table->count; i++, cell += strlen(cell) + 1) {
        size_t column = i % table->columns;
        bool last = column + 1 == table->columns;
        buf_printf(out, "%s", cell);
        for (size_t pad = text_width(cell); !last && pad < widths[column] + 3; pad++)
            buf_append_str(out, " ");
        if (last)
            buf_append_str(out, "\n");
    }
}
