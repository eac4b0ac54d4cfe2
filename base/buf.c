// SPDX-License-Identifier: Apache-2.0
/* size <= limit and, whenever data is there, size < capacity: a NUL always fits behind the end. */
#include "base/buf.h"
#include <errno.h>
#include <string.h>

enum { BUF_CAPACITY_FIRST = 256 };

void buf_deinit(struct Buf *buf)
{
    free(buf->data);
    *buf = (struct Buf){.limit = buf->limit};
}

/* Room for `size` bytes and a NUL behind what is there; false after a failure. */
static bool buf_reserve(struct Buf *buf, size_t size)
{
    size_t limit = MIN(buf->limit ? buf->limit : BUF_LIMIT_DEFAULT, SIZE_MAX / 2), needed;
    if (buf->error)
        return false;
    if (__builtin_add_overflow(buf->size, size, &needed) || needed > limit) {
        buf->error = -EFBIG;
        return false;
    }
    if (needed < buf->capacity)
        return true;
    size_t capacity = MAX(MAX(buf->capacity * 2, needed + 1), (size_t)BUF_CAPACITY_FIRST);
    capacity = MIN(capacity, limit + 1);
    char *data = realloc(buf->data, capacity);
    if (!data) {
        buf->error = -ENOMEM;
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

void *buf_extend(struct Buf *buf, size_t size)
{
    if (!buf_reserve(buf, size))
        return NULL;
    void *room = buf->data + buf->size;
    buf->size += size;
    return room;
}

void buf_append(struct Buf *buf, const void *data, size_t size)
{
    void *room = buf_extend(buf, size);
    if (room && size > 0)
        memcpy(room, data, size);
}

void buf_append_str(struct Buf *buf, const char *text)
{
    buf_append(buf, text, strlen(text));
}

void buf_printf(struct Buf *buf, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (size < 0 && !buf->error)
        buf->error = -EFBIG;
    if (size < 0 || !buf_reserve(buf, (size_t)size))
        return;
    va_start(arguments, format);
    vsnprintf(buf->data + buf->size, (size_t)size + 1, format, arguments);
    va_end(arguments);
    buf->size += (size_t)size;
}

void buf_consume(struct Buf *buf, size_t size)
{
    size = MIN(size, buf->size);
    if (size == 0)
        return;
    memmove(buf->data, buf->data + size, buf->size - size);
    buf->size -= size;
}

char *buf_take_str(struct Buf *buf)
{
    if (!buf_reserve(buf, 0))
        return NULL;
    buf->data[buf->size] = 0;
    char *text = TAKE_PTR(buf->data);
    buf_deinit(buf);
    return text;
}
