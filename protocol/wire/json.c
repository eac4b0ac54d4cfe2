// SPDX-License-Identifier: Apache-2.0
#include "base/str.h"
#include "protocol/wire/walk.h"
#include <inttypes.h>
#include <math.h>

static void print_text(struct Buf *out, const char *text, size_t size)
{
    static const char *const escapes[128] = {
        ['"'] = "\\\"", ['\\'] = "\\\\", ['\n'] = "\\n", ['\r'] = "\\r", ['\t'] = "\\t",
    };
    buf_append(out, "\"", 1);
    for (size_t at = 0, start = 0; size > 0 && at <= size; at++) {
        unsigned char byte = at < size ? (unsigned char)text[at] : 0;
        bool plain = at < size && byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7f;
        if (plain)
            continue;
        buf_append(out, text + start, at - start);
        start = at + 1;
        if (at < size && escapes[byte])
            buf_append_str(out, escapes[byte]);
        else if (at < size)
            buf_printf(out, "\\u%04x", byte);
    }
    buf_append(out, "\"", 1);
}

static void print_base64(struct Buf *out, const uint8_t *data, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t at = 0; at < size; at += 3) {
        size_t have = MIN(size - at, (size_t)3);
        uint32_t group = 0;
        for (size_t i = 0; i < 3; i++)
            group = group << 8 | (i < have ? data[at + i] : 0U);
        char text[4];
        for (size_t i = 0; i < 4; i++)
            text[i] = i <= have ? digits[group >> (18 - 6 * i) & 0x3f] : '=';
        buf_append(out, text, sizeof(text));
    }
}

static void print_binary(struct Buf *out, const char *data, size_t size)
{
    if (size == 0 || str_is_utf8(data, size)) {
        print_text(out, data, size);
        return;
    }
    buf_append_str(out, "{\"base64\":\"");
    print_base64(out, (const uint8_t *)data, size);
    buf_append_str(out, "\"}");
}

/* The shortest of two forms that reads back as the same number. */
static void print_double(struct Buf *out, double value)
{
    char text[40];
    if (!isfinite(value)) {
        buf_append_str(out, "null");
        return;
    }
    str_format(text, sizeof(text), "%.15g", value);
    if (strtod(text, NULL) != value)
        str_format(text, sizeof(text), "%.17g", value);
    buf_append_str(out, text);
}

/* A container's opening bracket, or the whole of anything else. */
static void print_value(struct Buf *out, const msgpack_object *object)
{
    switch (object->type) {
    case MSGPACK_OBJECT_NIL:
    case MSGPACK_OBJECT_EXT:
        buf_append_str(out, "null");
        return;
    case MSGPACK_OBJECT_BOOLEAN:
        buf_append_str(out, object->via.boolean ? "true" : "false");
        return;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        buf_printf(out, "%" PRIu64, object->via.u64);
        return;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        buf_printf(out, "%" PRId64, object->via.i64);
        return;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        print_double(out, object->via.f64);
        return;
    case MSGPACK_OBJECT_STR:
        print_text(out, object->via.str.ptr, object->via.str.size);
        return;
    case MSGPACK_OBJECT_BIN:
        print_binary(out, object->via.bin.ptr, object->via.bin.size);
        return;
    case MSGPACK_OBJECT_ARRAY:
        buf_append(out, "[", 1);
        return;
    case MSGPACK_OBJECT_MAP:
        buf_append(out, "{", 1);
        return;
    }
}

void wire_to_json(const msgpack_object *object, struct Buf *out)
{
    struct WireWalk walk;
    struct WirePlace place;
    const msgpack_object *value;
    enum WireStep step;
    wire_walk_init(&walk, object);
    while ((step = wire_walk_next(&walk, &value, &place)) != WIRE_STEP_END) {
        if (step == WIRE_STEP_TOO_DEEP) {
            out->error = out->error ? out->error : -E2BIG;
            return;
        }
        if (step == WIRE_STEP_CLOSE) {
            buf_append(out, value->type == MSGPACK_OBJECT_MAP ? "}" : "]", 1);
            continue;
        }
        if (place.is_map_value)
            buf_append(out, ":", 1);
        else if (place.index > 0)
            buf_append(out, ",", 1);
        print_value(out, value);
    }
}
