// SPDX-License-Identifier: Apache-2.0
/*
 * Strings are UTF-8 for every reader, and a foreign byte (in a path, in a program's output) must not
 * make a whole answer unreadable: in wire_str() what is no UTF-8 becomes U+FFFD.
 */
#include "base/str.h"
#include "protocol/wire/walk.h"
#include <string.h>

static int writer_on_bytes(void *data, const char *bytes, size_t size)
{
    struct Buf *buf = data;
    buf_append(buf, bytes, size);
    return buf->error;
}

void wire_writer_init(struct WireWriter *writer, struct Buf *buf)
{
    writer->buf = buf;
    msgpack_packer_init(&writer->packer, buf, writer_on_bytes);
}

void wire_map(struct WireWriter *writer, size_t entries)
{
    msgpack_pack_map(&writer->packer, entries);
}

void wire_array(struct WireWriter *writer, size_t entries)
{
    msgpack_pack_array(&writer->packer, entries);
}

void wire_nil(struct WireWriter *writer)
{
    msgpack_pack_nil(&writer->packer);
}

void wire_bool(struct WireWriter *writer, bool value)
{
    if (value)
        msgpack_pack_true(&writer->packer);
    else
        msgpack_pack_false(&writer->packer);
}

void wire_u64(struct WireWriter *writer, uint64_t value)
{
    msgpack_pack_uint64(&writer->packer, value);
}

void wire_i64(struct WireWriter *writer, int64_t value)
{
    msgpack_pack_int64(&writer->packer, value);
}

void wire_double(struct WireWriter *writer, double value)
{
    msgpack_pack_double(&writer->packer, value);
}

static void str_of(struct WireWriter *writer, const char *text, size_t size)
{
    msgpack_pack_str(&writer->packer, size);
    msgpack_pack_str_body(&writer->packer, text, size);
}

/* The longest valid character at text, 0 when there is none. */
static size_t character_size(const char *text, size_t size)
{
    for (size_t length = 1; length <= MIN(size, (size_t)4); length++)
        if (str_is_utf8(text, length))
            return length;
    return 0;
}

static void str_repaired(struct WireWriter *writer, const char *text, size_t size)
{
    _cleanup_buf_ struct Buf repaired = BUF_INIT;
    for (size_t at = 0, length; at < size; at += MAX(length, (size_t)1)) {
        length = character_size(text + at, size - at);
        if (length > 0)
            buf_append(&repaired, text + at, length);
        else
            buf_append_str(&repaired, "\xef\xbf\xbd");
    }
    if (repaired.error && !writer->buf->error)
        writer->buf->error = repaired.error;
    str_of(writer, repaired.data, repaired.size);
}

void wire_str(struct WireWriter *writer, const char *text)
{
    size_t size = text ? strlen(text) : 0;
    if (!text)
        wire_nil(writer);
    else if (str_is_utf8(text, size))
        str_of(writer, text, size);
    else
        str_repaired(writer, text, size);
}

void wire_bin(struct WireWriter *writer, const void *data, size_t size)
{
    msgpack_pack_bin(&writer->packer, size);
    msgpack_pack_bin_body(&writer->packer, data, size);
}

/* Containers by their header alone: their members follow in the walk. */
static void pack_one(struct WireWriter *writer, const msgpack_object *object)
{
    switch (object->type) {
    case MSGPACK_OBJECT_ARRAY:
        wire_array(writer, object->via.array.size);
        return;
    case MSGPACK_OBJECT_MAP:
        wire_map(writer, object->via.map.size);
        return;
    case MSGPACK_OBJECT_STR:
        str_of(writer, object->via.str.ptr, object->via.str.size);
        return;
    case MSGPACK_OBJECT_BIN:
        wire_bin(writer, object->via.bin.ptr, object->via.bin.size);
        return;
    case MSGPACK_OBJECT_NIL:
    case MSGPACK_OBJECT_BOOLEAN:
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
    case MSGPACK_OBJECT_EXT:
        msgpack_pack_object(&writer->packer, *object);
        return;
    }
}

void wire_object(struct WireWriter *writer, const msgpack_object *object)
{
    struct WireWalk walk;
    struct WirePlace place;
    const msgpack_object *value;
    enum WireStep step;
    wire_walk_init(&walk, object);
    while ((step = wire_walk_next(&walk, &value, &place)) != WIRE_STEP_END) {
        if (step == WIRE_STEP_VALUE)
            pack_one(writer, value);
        else if (step == WIRE_STEP_TOO_DEEP && !writer->buf->error)
            writer->buf->error = -E2BIG;
    }
}

void wire_key(struct WireWriter *writer, const char *key)
{
    wire_str(writer, key);
}

void wire_key_str(struct WireWriter *writer, const char *key, const char *text)
{
    wire_key(writer, key);
    wire_str(writer, text);
}

void wire_key_u64(struct WireWriter *writer, const char *key, uint64_t value)
{
    wire_key(writer, key);
    wire_u64(writer, value);
}

void wire_key_i64(struct WireWriter *writer, const char *key, int64_t value)
{
    wire_key(writer, key);
    wire_i64(writer, value);
}

void wire_key_bool(struct WireWriter *writer, const char *key, bool value)
{
    wire_key(writer, key);
    wire_bool(writer, value);
}

enum { FIXMAP = 0x80, MAP16 = 0xde, MAP32 = 0xdf, MAP32_SIZE = 5 };

void wire_map_open(struct WireWriter *writer, struct WireOpenMap *map)
{
    map->position = writer->buf->size;
    map->entries = 0;
    buf_append(writer->buf, (const uint8_t[MAP32_SIZE]){MAP32}, MAP32_SIZE);
}

/* Counts the values behind the header; anything but whole pairs is a mistake of the caller. */
static bool pairs_count(const struct WireWriter *writer, size_t from, uint32_t *ret)
{
    static const struct WireLimits limits = {SIZE_MAX, WIRE_DEPTH_MAX, SIZE_MAX, UINT32_MAX};
    uint64_t values = 0;
    while (from < writer->buf->size) {
        struct WireScan scan = {0};
        if (wire_scan(&scan, &limits, writer->buf->data + from, writer->buf->size - from) != WIRE_COMPLETE)
            return false;
        from += scan.offset;
        values++;
    }
    *ret = (uint32_t)(values / 2);
    return values % 2 == 0 && values / 2 <= UINT32_MAX;
}

/* The header is the shortest one, as everywhere else: a value that is read and packed again has the
 * same size, on which the credit of streams relies. */
static size_t map_header(uint32_t entries, uint8_t header[MAP32_SIZE])
{
    if (entries < 16) {
        header[0] = (uint8_t)(FIXMAP | entries);
        return 1;
    }
    size_t following = entries <= UINT16_MAX ? 2 : 4;
    header[0] = following == 2 ? MAP16 : MAP32;
    for (size_t i = 0; i < following; i++)
        header[1 + i] = (uint8_t)(entries >> (8 * (following - 1 - i)));
    return 1 + following;
}

void wire_map_close(struct WireWriter *writer, const struct WireOpenMap *map)
{
    uint8_t header[MAP32_SIZE];
    uint32_t entries;
    struct Buf *buf = writer->buf;
    if (buf->error)
        return;
    size_t members = map->position + MAP32_SIZE;
    if (!pairs_count(writer, members, &entries)) {
        buf->error = -EBADMSG;
        return;
    }
    size_t size = map_header(entries, header);
    memcpy(buf->data + map->position, header, size);
    memmove(buf->data + map->position + size, buf->data + members, buf->size - members);
    buf->size -= MAP32_SIZE - size;
}
