// SPDX-License-Identifier: Apache-2.0
/* The two forms of an error on the wire: "Code: text (where)", and {code, message, where, details}. */
#include "base/str.h"
#include "protocol/rpc/encode.h"

enum { TEXT_SIZE = ERROR_WHERE_SIZE + ERROR_WHAT_SIZE + 64 };

void rpc_error_encode(struct WireWriter *writer, const struct Error *error, bool as_map, const void *details,
                      size_t details_size)
{
    char text[TEXT_SIZE];
    if (!as_map) {
        wire_str(writer, error_format(error, text, sizeof(text)));
        return;
    }
    wire_map(writer, 4);
    wire_key_str(writer, "code", error_code_name(error->code));
    wire_key_str(writer, "message", error->what);
    wire_key_str(writer, "where", error->where[0] ? error->where : NULL);
    wire_key(writer, "details");
    if (details_size > 0)
        buf_append(writer->buf, details, details_size);
    else
        wire_nil(writer);
}

static void parse_text(const msgpack_object_str *text, struct Error *ret)
{
    char code[32] = "";
    const char *colon = text->size > 0 ? memchr(text->ptr, ':', text->size) : NULL;
    size_t code_size = colon ? (size_t)(colon - text->ptr) : 0;
    if (colon && code_size < sizeof(code))
        memcpy(code, text->ptr, code_size);
    enum ErrorCode known = error_code_from_name(code);
    size_t skip = known == ERROR_NONE ? 0 : code_size + 1;
    while (known != ERROR_NONE && skip < text->size && text->ptr[skip] == ' ')
        skip++;
    error_set(ret, known == ERROR_NONE ? ERROR_INTERNAL : known, NULL, "%.*s",
              (int)MIN(text->size - skip, (size_t)ERROR_WHAT_SIZE), text->ptr + skip);
}

void rpc_error_parse(const msgpack_object *object, struct Error *ret)
{
    char code[32] = "", what[ERROR_WHAT_SIZE] = "", where[ERROR_WHERE_SIZE] = "";
    if (object->type == MSGPACK_OBJECT_STR) {
        parse_text(&object->via.str, ret);
        return;
    }
    wire_get_str(object, "code", code, sizeof(code));
    wire_get_str(object, "where", where, sizeof(where));
    if (!wire_get_str(object, "message", what, sizeof(what)))
        str_format(what, sizeof(what), "an error of unknown form");
    enum ErrorCode known = error_code_from_name(code);
    error_set(ret, known == ERROR_NONE ? ERROR_INTERNAL : known, where, "%s", what);
}
