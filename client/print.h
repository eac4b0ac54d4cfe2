// SPDX-License-Identifier: Apache-2.0
#pragma once
/* How things look on a terminal. Pure: text in, text out. */
#include "base/buf.h"
#include <stdint.h>

/* Appends the text with control bytes, also those of C1, as \xNN; tabs stay. */
void print_escaped(struct Buf *out, const char *text, size_t size);
/* One line of JSON (as davit_value_to_json() makes it), broken and indented by two spaces. */
void print_indented(struct Buf *out, const char *json);
/* "3 s", "12 min", "5 h", "8 d" */
void print_age(struct Buf *out, uint64_t usec);
/* "512 B", "1.5 MiB" */
void print_size(struct Buf *out, uint64_t bytes);

/* A table: cells are added row by row and printed aligned, the last column as it is. */
enum { TABLE_COLUMNS_MAX = 12 };
struct Table {
    unsigned columns;
    struct Buf cells; /* each with a NUL */
    size_t count;
};
void table_init(struct Table *table, unsigned columns);
void table_deinit(struct Table *table);
/* The text is escaped; NULL is an empty cell. */
void table_add(struct Table *table, const char *text);
void table_add_format(struct Table *table, const char *format, ...) _printf_(2, 3);
void table_print(const struct Table *table, struct Buf *out);
