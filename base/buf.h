// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A growing byte buffer with a ceiling, for output that is assembled and then sent or printed.
 * Errors stick: after the first failure every call is a no-op, and the caller looks once at
 * `error` (0, -ENOMEM, -EFBIG) when it is done. Pure.
 */
#include "base/cleanup.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct Buf {
    char *data;
    size_t size, capacity;
    size_t limit; /* 0: BUF_LIMIT_DEFAULT */
    int error;
};

enum { BUF_LIMIT_DEFAULT = 64 << 20 };

#define BUF_INIT                                                                                             \
    {                                                                                                        \
        0                                                                                                    \
    }
void buf_deinit(struct Buf *buf); /* frees and zeroes; keeps the limit */
#define _cleanup_buf_ _cleanup_(buf_deinit)

void buf_append(struct Buf *buf, const void *data, size_t size);
void buf_append_str(struct Buf *buf, const char *text);
void buf_printf(struct Buf *buf, const char *format, ...) _printf_(2, 3);
/* Room for `size` more bytes, already counted into buf->size; NULL on failure. */
void *buf_extend(struct Buf *buf, size_t size);
/* Drops bytes from the front. */
void buf_consume(struct Buf *buf, size_t size);
/* The text with a NUL after its end (not counted), moved to the caller; NULL after an error. */
char *buf_take_str(struct Buf *buf);
