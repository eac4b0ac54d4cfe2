// SPDX-License-Identifier: Apache-2.0
#include "client/cri.h"
#include <string.h>

/* The next field before a space; false when there is no space. */
static bool take_field(const char **at, const char *end, const char **ret, size_t *ret_size)
{
    const char *space = memchr(*at, ' ', (size_t)(end - *at));
    if (!space)
        return false;
    *ret = *at;
    *ret_size = (size_t)(space - *at);
    *at = space + 1;
    return true;
}

bool cri_parse(const char *line, size_t size, struct CriRecord *ret)
{
    static const char gap[] = "F:davit.gap";
    struct CriRecord record = {0};
    const char *end = line + size, *stream = NULL, *tag = NULL;
    size_t stream_size = 0, tag_size = 0;
    if (!take_field(&line, end, &record.time, &record.time_size) ||
        !take_field(&line, end, &stream, &stream_size) || !take_field(&line, end, &tag, &tag_size))
        return false;
    record.is_stderr = stream_size == 6 && memcmp(stream, "stderr", 6) == 0;
    if (!record.is_stderr && (stream_size != 6 || memcmp(stream, "stdout", 6) != 0))
        return false;
    if (tag_size == 0 || (tag_size > 1 && tag[1] != ':') || (tag[0] != 'P' && tag[0] != 'F'))
        return false;
    record.partial = tag[0] == 'P';
    record.gap = tag_size == sizeof(gap) - 1 && memcmp(tag, gap, tag_size) == 0;
    record.text = line;
    record.text_size = (size_t)(end - line);
    *ret = record;
    return true;
}

void cri_reader_deinit(struct CriReader *reader)
{
    buf_deinit(&reader->rest);
}

int cri_feed(struct CriReader *reader, const void *data, size_t size,
             void (*on_line)(void *owner, const char *line, size_t size), void *owner)
{
    const char *at = data, *end = at + size;
    const char *newline = NULL;
    for (; (newline = memchr(at, '\n', (size_t)(end - at))); at = newline + 1) {
        if (reader->rest.size == 0) {
            on_line(owner, at, (size_t)(newline - at));
            continue;
        }
        buf_append(&reader->rest, at, (size_t)(newline - at));
        if (reader->rest.error)
            return reader->rest.error;
        on_line(owner, reader->rest.data, reader->rest.size);
        reader->rest.size = 0;
    }
    buf_append(&reader->rest, at, (size_t)(end - at));
    return reader->rest.error;
}
