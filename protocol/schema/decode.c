// SPDX-License-Identifier: Apache-2.0
/*
 * One walker for arguments and for results: with a C struct to fill, or without (the check alone, in
 * which texts may be anything). It descends along the tables, whose nesting is their own, never along
 * the input. The places passed on the way are a list on the stack; they become a path only for an error.
 */
#include "base/str.h"
#include "protocol/schema/tables.h"
#include <math.h>

enum { PATH_SIZE = 512, PLACE_MAX = 8 };

struct Place {
    const struct Place *parent;
    const char *name;
    size_t name_size;
    bool indexed;
    size_t index;
};

struct Decoder {
    msgpack_zone *zone;
    struct Error *error;
    bool fills; /* else: the check alone */
};

static void path_format(const struct Place *place, char *path, size_t size)
{
    const struct Place *places[PLACE_MAX];
    struct Buf text = {.limit = size - 1};
    size_t depth = 0;
    for (; place && depth < PLACE_MAX; place = place->parent)
        places[depth++] = place;
    for (size_t i = depth; i > 0; i--) {
        const struct Place *at = places[i - 1];
        if (at->indexed)
            buf_printf(&text, "[%zu]", at->index);
        else
            buf_printf(&text, "%s%.*s", text.size ? "." : "", (int)MIN(at->name_size, (size_t)64), at->name);
    }
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f)
            text.data[i] = '?';
    str_format(path, size, "%.*s", (int)text.size, text.size ? text.data : "");
    buf_deinit(&text);
}

static _printf_(4, 5) int refuse(const struct Decoder *decoder, const struct Place *place,
                                 enum ErrorCode code, const char *format, ...)
{
    char path[PATH_SIZE], what[ERROR_WHAT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    path_format(place, path, sizeof(path));
    return error_set(decoder->error, code, path, "%s", what);
}

static int wrong_type(const struct Decoder *decoder, const struct Place *place,
                      const struct SchemaField *field)
{
    return refuse(decoder, place, ERROR_INVALID_ARGUMENT, "must be %s", schema_type_name(field->type));
}

static int no_memory(const struct Decoder *decoder)
{
    return error_set(decoder->error, ERROR_RESOURCE_EXHAUSTED, NULL, "out of memory");
}

static bool is_word(const char *const *words, const msgpack_object *object)
{
    for (; words && *words; words++)
        if (wire_is_str(object, *words))
            return true;
    return false;
}

/* "one of none, host" */
static int not_a_choice(const struct Decoder *decoder, const struct Place *place,
                        const struct SchemaField *field)
{
    char list[ERROR_WHAT_SIZE - 16];
    size_t used = 0;
    for (size_t i = 0; field->choices[i] && used < sizeof(list); i++)
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", field->choices[i]);
    return refuse(decoder, place, ERROR_INVALID_ARGUMENT, "must be one of: %s", list);
}

static bool has_range(const struct SchemaField *field)
{
    return field->minimum != 0 || field->maximum != 0;
}

static int text_check(const struct Decoder *decoder, const struct Place *place,
                      const struct SchemaField *field, const msgpack_object *object)
{
    const msgpack_object_str *text = &object->via.str;
    if (object->type != MSGPACK_OBJECT_STR)
        return wrong_type(decoder, place, field);
    if (is_word(field->planned, object))
        return refuse(decoder, place, ERROR_UNSUPPORTED, "%.*s does not exist yet", (int)MIN(text->size, 64U),
                      text->ptr);
    if (field->choices && !is_word(field->choices, object))
        return not_a_choice(decoder, place, field);
    if (text->size > 0 && memchr(text->ptr, 0, text->size))
        return refuse(decoder, place, ERROR_INVALID_ARGUMENT, "must not have NUL bytes");
    if (!decoder->fills)
        return 0;
    if (!field->free_text && text->size > 0 && !str_is_printable(text->ptr, text->size))
        return refuse(decoder, place, ERROR_INVALID_ARGUMENT, "must not have control characters");
    if (text->size < field->minimum)
        return refuse(decoder, place, ERROR_INVALID_ARGUMENT, "must not be empty");
    if (field->maximum > 0 && text->size > field->maximum)
        return refuse(decoder, place, ERROR_INVALID_ARGUMENT, "must not be longer than %llu bytes",
                      (unsigned long long)field->maximum);
    return 0;
}

/* A copy with a NUL, NULL without memory. */
static const char *text_copy(const struct Decoder *decoder, const msgpack_object_str *text)
{
    char *copy = msgpack_zone_malloc_no_align(decoder->zone, (size_t)text->size + 1);
    if (!copy)
        return NULL;
    if (text->size > 0)
        memcpy(copy, text->ptr, text->size);
    copy[text->size] = 0;
    return copy;
}

/* Zeroed, NULL without memory. The size is bounded by the message: there is an object for each item. */
static void *items_new(const struct Decoder *decoder, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    void *items = msgpack_zone_malloc(decoder->zone, MAX(bytes, (size_t)1));
    return items ? memset(items, 0, bytes) : NULL;
}

static int decode_bool(const struct Decoder *decoder, const struct Place *place,
                       const struct SchemaField *field, const msgpack_object *object, void *target)
{
    if (object->type != MSGPACK_OBJECT_BOOLEAN)
        return wrong_type(decoder, place, field);
    if (decoder->fills && field->tristate)
        *(enum SchemaTristate *)target = object->via.boolean ? SCHEMA_TRUE : SCHEMA_FALSE;
    else if (decoder->fills)
        *(bool *)target = object->via.boolean;
    return 0;
}

static int out_of_range(const struct Decoder *decoder, const struct Place *place,
                        const struct SchemaField *field)
{
    if (field->type == SCHEMA_I64)
        return refuse(decoder, place, ERROR_INVALID_ARGUMENT, "must be from %lld to %lld",
                      (long long)field->minimum, (long long)field->maximum);
    return refuse(decoder, place, ERROR_INVALID_ARGUMENT, "must be from %llu to %llu",
                  (unsigned long long)field->minimum, (unsigned long long)field->maximum);
}

static int decode_u64(const struct Decoder *decoder, const struct Place *place,
                      const struct SchemaField *field, const msgpack_object *object, void *target)
{
    uint64_t value = object->via.u64;
    if (object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
        return refuse(decoder, place, ERROR_INVALID_ARGUMENT, "must not be negative");
    if (object->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
        return wrong_type(decoder, place, field);
    if (has_range(field) && (value < field->minimum || value > field->maximum))
        return out_of_range(decoder, place, field);
    if (decoder->fills)
        *(struct SchemaU64 *)target = (struct SchemaU64){value, true};
    return 0;
}

static int decode_i64(const struct Decoder *decoder, const struct Place *place,
                      const struct SchemaField *field, const msgpack_object *object, void *target)
{
    bool positive = object->type == MSGPACK_OBJECT_POSITIVE_INTEGER;
    if (!positive && object->type != MSGPACK_OBJECT_NEGATIVE_INTEGER)
        return wrong_type(decoder, place, field);
    if (positive && object->via.u64 > INT64_MAX)
        return refuse(decoder, place, ERROR_INVALID_ARGUMENT, "is too large");
    int64_t value = positive ? (int64_t)object->via.u64 : object->via.i64;
    if (has_range(field) && (value < (int64_t)field->minimum || value > (int64_t)field->maximum))
        return out_of_range(decoder, place, field);
    if (decoder->fills)
        *(struct SchemaI64 *)target = (struct SchemaI64){value, true};
    return 0;
}

static bool number_of(const msgpack_object *object, double *ret)
{
    if (object->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
        *ret = (double)object->via.u64;
    else if (object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
        *ret = (double)object->via.i64;
    else if (object->type == MSGPACK_OBJECT_FLOAT32 || object->type == MSGPACK_OBJECT_FLOAT64)
        *ret = object->via.f64;
    else
        return false;
    return true;
}

static int decode_double(const struct Decoder *decoder, const struct Place *place,
                         const struct SchemaField *field, const msgpack_object *object, void *target)
{
    double value;
    if (!number_of(object, &value))
        return wrong_type(decoder, place, field);
    if (!isfinite(value))
        return refuse(decoder, place, ERROR_INVALID_ARGUMENT, "must be a finite number");
    if (has_range(field) && (value < (double)field->minimum || value > (double)field->maximum))
        return out_of_range(decoder, place, field);
    if (decoder->fills)
        *(struct SchemaDouble *)target = (struct SchemaDouble){value, true};
    return 0;
}

static int decode_text(const struct Decoder *decoder, const struct Place *place,
                       const struct SchemaField *field, const msgpack_object *object, const char **target)
{
    int r = text_check(decoder, place, field, object);
    if (r < 0 || !decoder->fills)
        return r;
    *target = text_copy(decoder, &object->via.str);
    return *target ? 0 : no_memory(decoder);
}

static int decode_binary(const struct Decoder *decoder, const struct Place *place,
                         const struct SchemaField *field, const msgpack_object *object,
                         struct SchemaBytes *target)
{
    struct SchemaBytes bytes;
    if (object->type == MSGPACK_OBJECT_BIN)
        bytes = (struct SchemaBytes){object->via.bin.ptr, object->via.bin.size};
    else if (object->type == MSGPACK_OBJECT_STR)
        bytes = (struct SchemaBytes){object->via.str.ptr, object->via.str.size};
    else
        return wrong_type(decoder, place, field);
    if (decoder->fills)
        *target = bytes;
    return 0;
}

static int decode_signal(const struct Decoder *decoder, const struct Place *place,
                         const struct SchemaField *field, const msgpack_object *object, int *target)
{
    char name[16] = "";
    int signal = -EINVAL;
    if (object->type == MSGPACK_OBJECT_POSITIVE_INTEGER && object->via.u64 >= 1 && object->via.u64 <= 64)
        signal = (int)object->via.u64;
    else if (object->type == MSGPACK_OBJECT_STR && object->via.str.size < sizeof(name)) {
        memcpy(name, object->via.str.ptr, object->via.str.size);
        signal = strlen(name) == object->via.str.size ? str_parse_signal(name) : -EINVAL;
    }
    if (signal < 0)
        return wrong_type(decoder, place, field);
    if (decoder->fills)
        *target = signal;
    return 0;
}

static int decode_texts(const struct Decoder *decoder, const struct Place *place,
                        const struct SchemaField *field, const msgpack_object *object,
                        struct SchemaTexts *target)
{
    if (object->type != MSGPACK_OBJECT_ARRAY)
        return wrong_type(decoder, place, field);
    struct SchemaTexts texts = {.count = object->via.array.size};
    if (decoder->fills && !(texts.items = items_new(decoder, texts.count + 1, sizeof(*texts.items))))
        return no_memory(decoder);
    for (size_t i = 0; i < texts.count; i++) {
        struct Place item = {.parent = place, .indexed = true, .index = i};
        const char **text = decoder->fills ? &texts.items[i] : NULL;
        int r = decode_text(decoder, &item, field, &object->via.array.ptr[i], text);
        if (r < 0)
            return r;
    }
    if (decoder->fills)
        *target = texts;
    return 0;
}

static int decode_pairs(const struct Decoder *decoder, const struct Place *place,
                        const struct SchemaField *field, const msgpack_object *object,
                        struct SchemaPairs *target)
{
    if (object->type != MSGPACK_OBJECT_MAP)
        return wrong_type(decoder, place, field);
    static const struct SchemaField key_field = {.type = SCHEMA_TEXT, .minimum = 1};
    struct SchemaPairs pairs = {.count = object->via.map.size};
    if (decoder->fills && !(pairs.items = items_new(decoder, pairs.count, sizeof(*pairs.items))))
        return no_memory(decoder);
    for (size_t i = 0; i < pairs.count; i++) {
        const msgpack_object_kv *entry = &object->via.map.ptr[i];
        if (entry->key.type != MSGPACK_OBJECT_STR)
            return wrong_type(decoder, place, field);
        struct Place item = {
            .parent = place, .name = entry->key.via.str.ptr, .name_size = entry->key.via.str.size};
        struct SchemaPair *pair = decoder->fills ? &pairs.items[i] : &(struct SchemaPair){0};
        int r = decode_text(decoder, &item, &key_field, &entry->key, &pair->key);
        if (r == 0)
            r = decode_text(decoder, &item, field, &entry->val, &pair->value);
        if (r < 0)
            return r;
    }
    if (decoder->fills)
        *target = pairs;
    return 0;
}

static int decode_struct(const struct Decoder *decoder, const struct Place *place,
                         const struct SchemaStruct *of, const msgpack_object *map, char *target);

static int decode_structs(const struct Decoder *decoder, const struct Place *place,
                          const struct SchemaField *field, const msgpack_object *object,
                          struct SchemaStructs *target)
{
    if (object->type != MSGPACK_OBJECT_ARRAY)
        return wrong_type(decoder, place, field);
    struct SchemaStructs structs = {.count = object->via.array.size};
    if (decoder->fills && !(structs.items = items_new(decoder, structs.count, field->of->size)))
        return no_memory(decoder);
    for (size_t i = 0; i < structs.count; i++) {
        struct Place item = {.parent = place, .indexed = true, .index = i};
        char *at = decoder->fills ? (char *)structs.items + i * field->of->size : NULL;
        int r = decode_struct(decoder, &item, field->of, &object->via.array.ptr[i], at);
        if (r < 0)
            return r;
    }
    if (decoder->fills)
        *target = structs;
    return 0;
}

static int decode_field(const struct Decoder *decoder, const struct Place *place,
                        const struct SchemaField *field, const msgpack_object *object, void *target)
{
    switch (field->type) {
    case SCHEMA_BOOL:
        return decode_bool(decoder, place, field, object, target);
    case SCHEMA_U64:
        return decode_u64(decoder, place, field, object, target);
    case SCHEMA_I64:
        return decode_i64(decoder, place, field, object, target);
    case SCHEMA_DOUBLE:
        return decode_double(decoder, place, field, object, target);
    case SCHEMA_TEXT:
        return decode_text(decoder, place, field, object, target);
    case SCHEMA_BINARY:
        return decode_binary(decoder, place, field, object, target);
    case SCHEMA_SIGNAL:
        return decode_signal(decoder, place, field, object, target);
    case SCHEMA_TEXTS:
        return decode_texts(decoder, place, field, object, target);
    case SCHEMA_PAIRS:
        return decode_pairs(decoder, place, field, object, target);
    case SCHEMA_STRUCT:
        return decode_struct(decoder, place, field->of, object, target);
    case SCHEMA_STRUCTS:
        return decode_structs(decoder, place, field, object, target);
    case SCHEMA_ANY:
        if (decoder->fills)
            *(const msgpack_object **)target = object;
        return 0;
    }
    return wrong_type(decoder, place, field);
}

static const struct SchemaField *field_find(const struct SchemaStruct *of, const msgpack_object *key)
{
    for (size_t i = 0; of && i < of->field_count; i++)
        if (wire_is_str(key, of->fields[i].name))
            return &of->fields[i];
    return NULL;
}

static int decode_member(const struct Decoder *decoder, const struct Place *parent,
                         const struct SchemaStruct *of, const msgpack_object_kv *entry, char *target)
{
    if (entry->key.type != MSGPACK_OBJECT_STR)
        return refuse(decoder, parent, ERROR_INVALID_ARGUMENT, "has a key that is not a string");
    struct Place place = {
        .parent = parent, .name = entry->key.via.str.ptr, .name_size = entry->key.via.str.size};
    const struct SchemaField *field = field_find(of, &entry->key);
    bool absent = entry->val.type == MSGPACK_OBJECT_NIL;
    if (!field && of && is_word(of->planned, &entry->key))
        return absent ? 0 : refuse(decoder, &place, ERROR_UNSUPPORTED, "does not exist yet");
    if (!field)
        return refuse(decoder, &place, ERROR_INVALID_ARGUMENT, "unknown argument");
    return absent ? 0
                  : decode_field(decoder, &place, field, &entry->val, target ? target + field->offset : NULL);
}

static int missing_check(const struct Decoder *decoder, const struct Place *parent,
                         const struct SchemaStruct *of, const msgpack_object *map)
{
    for (size_t i = 0; of && i < of->field_count; i++) {
        const struct SchemaField *field = &of->fields[i];
        const msgpack_object *value = field->required ? wire_get(map, field->name) : NULL;
        if (!field->required || (value && value->type != MSGPACK_OBJECT_NIL))
            continue;
        struct Place place = {.parent = parent, .name = field->name, .name_size = strlen(field->name)};
        return refuse(decoder, &place, ERROR_INVALID_ARGUMENT, "is required");
    }
    return 0;
}

static int decode_struct(const struct Decoder *decoder, const struct Place *place,
                         const struct SchemaStruct *of, const msgpack_object *map, char *target)
{
    if (map && map->type != MSGPACK_OBJECT_MAP)
        return refuse(decoder, place, ERROR_INVALID_ARGUMENT, "must be a map");
    for (size_t i = 0; decoder->fills && of && i < of->field_count; i++)
        if (of->fields[i].default_true)
            *(bool *)(target + of->fields[i].offset) = true;
    for (uint32_t i = 0; map && i < map->via.map.size; i++) {
        int r = decode_member(decoder, place, of, &map->via.map.ptr[i], target);
        if (r < 0)
            return r;
    }
    return missing_check(decoder, place, of, map);
}

int schema_decode(const struct SchemaStruct *description, const msgpack_object *map, msgpack_zone *zone,
                  void *ret, struct Error *error)
{
    struct Decoder decoder = {.zone = zone, .error = error, .fills = true};
    return decode_struct(&decoder, NULL, description, map, ret);
}

int schema_check(const struct SchemaStruct *description, const msgpack_object *map, struct Error *error)
{
    struct Decoder decoder = {.error = error};
    return decode_struct(&decoder, NULL, description, map, NULL);
}
