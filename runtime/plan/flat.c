// SPDX-License-Identifier: Apache-2.0
/*
 * The plan as bytes. Writing trusts its caller and sticks to the first error; reading trusts
 * nothing: plan_open() walks every field of every op once, and only then may plan_next() hand out
 * pointers into the bytes without checking again.
 */
#include "runtime/plan/op.h"
#include "runtime/plan/sum.h"
#include <errno.h>
#include <string.h>

enum {
    PLAN_MAGIC = 0x6e6c7064, /* "dpln" */
    ALIGNMENT = 8,
};

struct Header {
    uint32_t magic, version, size, count;
    uint64_t sum; /* of what follows */
};

struct OpHeader {
    uint16_t kind, zero;
    uint32_t size; /* of the fields that follow */
};

_Static_assert(sizeof(struct Header) % ALIGNMENT == 0, "ops are aligned");
_Static_assert(sizeof(struct OpHeader) % ALIGNMENT == 0, "fields are aligned");

static const void *field_const(const struct Op *op, const struct OpField *field)
{
    return (const char *)op + field->offset;
}

static void *field_of(struct Op *op, const struct OpField *field)
{
    return (char *)op + field->offset;
}

static size_t element_size(const struct OpField *field)
{
    return field->bound ? (size_t)field->bound : 1;
}

static bool number_in_range(const struct OpField *field, uint64_t value)
{
    if (!field->bound)
        return true;
    if (field->type == OP_I64) {
        int64_t bound = (int64_t)field->bound;
        return (int64_t)value >= -bound && (int64_t)value <= bound;
    }
    return value <= field->bound;
}

/* --- writing --- */

void plan_builder_deinit(struct PlanBuilder *builder)
{
    buf_deinit(&builder->bytes);
    *builder = (struct PlanBuilder)PLAN_BUILDER_INIT;
}

static void put_u32(struct Buf *bytes, size_t value)
{
    uint32_t number = (uint32_t)value;
    buf_append(bytes, &number, sizeof(number));
}

static void put_padding(struct Buf *bytes)
{
    static const char zeros[ALIGNMENT];
    buf_append(bytes, zeros, (ALIGNMENT - bytes->size % ALIGNMENT) % ALIGNMENT);
}

static int put_field(struct Buf *bytes, const struct Op *op, const struct OpField *field)
{
    const void *value = field_const(op, field);
    switch (field->type) {
    case OP_U64:
    case OP_HEX:
    case OP_I64: {
        uint64_t number;
        memcpy(&number, value, sizeof(number));
        if (!number_in_range(field, number))
            return -EINVAL;
        buf_append(bytes, &number, sizeof(number));
        break;
    }
    case OP_TEXT: {
        const char *text = *(const char *const *)value ? *(const char *const *)value : "";
        size_t length = strlen(text);
        if (length >= PLAN_SIZE_MAX)
            return -EFBIG;
        put_u32(bytes, length);
        buf_append(bytes, text, length + 1);
        break;
    }
    case OP_STRINGS: {
        const struct OpStrings *strings = value;
        put_u32(bytes, strings->count);
        put_u32(bytes, strings->size);
        buf_append(bytes, strings->data, strings->size);
        break;
    }
    case OP_BLOB: {
        const struct OpBlob *blob = value;
        if (blob->size % element_size(field) != 0)
            return -EINVAL;
        put_u32(bytes, blob->size);
        buf_append(bytes, blob->data, blob->size);
        break;
    }
    }
    put_padding(bytes);
    return 0;
}

static int add_op(struct PlanBuilder *builder, const struct Op *op)
{
    const struct OpSchema *schema = op_schema(op->kind);
    if (!schema || schema->stage < builder->stage)
        return -EINVAL;
    if (builder->count >= PLAN_OPS_MAX)
        return -EFBIG;
    struct Buf *bytes = &builder->bytes;
    if (builder->count == 0) {
        bytes->limit = PLAN_SIZE_MAX;
        if (buf_extend(bytes, sizeof(struct Header)))
            memset(bytes->data, 0, sizeof(struct Header));
    }
    size_t start = bytes->size;
    struct OpHeader header = {.kind = (uint16_t)op->kind};
    buf_append(bytes, &header, sizeof(header));
    for (const struct OpField *field = schema->fields; field->name; field++) {
        int r = put_field(bytes, op, field);
        if (r < 0)
            return r;
    }
    if (bytes->error)
        return bytes->error;
    header.size = (uint32_t)(bytes->size - start - sizeof(header));
    memcpy(bytes->data + start, &header, sizeof(header));
    builder->stage = schema->stage;
    builder->count++;
    return 0;
}

void plan_add(struct PlanBuilder *builder, const struct Op *op)
{
    if (!builder->error)
        builder->error = add_op(builder, op);
}

struct OpStrings op_strings_pack(struct Buf *storage, const char *const *items)
{
    struct OpStrings strings = {0};
    size_t start = storage->size;
    for (; items && *items; items++, strings.count++)
        buf_append(storage, *items, strlen(*items) + 1);
    if (storage->error || strings.count == 0)
        return (struct OpStrings){0};
    strings.data = storage->data + start;
    strings.size = (uint32_t)(storage->size - start);
    return strings;
}

int plan_finish(struct PlanBuilder *builder, char **ret_data, size_t *ret_size)
{
    if (builder->error)
        return builder->error;
    struct Buf *bytes = &builder->bytes;
    if (builder->count == 0) {
        bytes->limit = PLAN_SIZE_MAX;
        if (!buf_extend(bytes, sizeof(struct Header)))
            return bytes->error;
    }
    struct Header header = {
        .magic = PLAN_MAGIC,
        .version = PLAN_VERSION,
        .size = (uint32_t)bytes->size,
        .count = builder->count,
        .sum = sum64(bytes->data + sizeof(header), bytes->size - sizeof(header), PLAN_MAGIC),
    };
    memcpy(bytes->data, &header, sizeof(header));
    size_t size = bytes->size;
    char *data = buf_take_str(bytes);
    if (!data)
        return bytes->error ? bytes->error : -ENOMEM;
    *ret_data = data;
    *ret_size = size;
    plan_builder_deinit(builder);
    return 0;
}

/* --- reading --- */

struct Reader {
    const char *data;
    size_t size, position;
};

static bool take(struct Reader *reader, void *ret, size_t size)
{
    if (reader->size - reader->position < size)
        return false;
    memcpy(ret, reader->data + reader->position, size);
    reader->position += size;
    return true;
}

/* Points *ret at the next bytes. */
static bool take_bytes(struct Reader *reader, const char **ret, size_t size)
{
    if (reader->size - reader->position < size)
        return false;
    *ret = reader->data + reader->position;
    reader->position += size;
    return true;
}

static bool take_padding(struct Reader *reader)
{
    size_t size = (ALIGNMENT - reader->position % ALIGNMENT) % ALIGNMENT;
    const char *padding;
    if (!take_bytes(reader, &padding, size))
        return false;
    for (size_t i = 0; i < size; i++)
        if (padding[i])
            return false;
    return true;
}

static bool take_text(struct Reader *reader, const char **ret)
{
    uint32_t length;
    const char *text;
    if (!take(reader, &length, sizeof(length)) || !take_bytes(reader, &text, (size_t)length + 1))
        return false;
    if (memchr(text, 0, (size_t)length + 1) != text + length)
        return false;
    *ret = text;
    return true;
}

static bool take_strings(struct Reader *reader, struct OpStrings *ret)
{
    struct OpStrings strings;
    if (!take(reader, &strings.count, sizeof(strings.count)) ||
        !take(reader, &strings.size, sizeof(strings.size)) ||
        !take_bytes(reader, &strings.data, strings.size))
        return false;
    size_t ends = 0;
    for (size_t i = 0; i < strings.size; i++)
        ends += strings.data[i] == 0;
    if (ends != strings.count || (strings.size && strings.data[strings.size - 1]))
        return false;
    *ret = strings;
    return true;
}

static bool take_blob(struct Reader *reader, const struct OpField *field, struct OpBlob *ret)
{
    uint32_t size;
    const char *data;
    if (!take(reader, &size, sizeof(size)) || !take_bytes(reader, &data, size))
        return false;
    if (size % element_size(field) != 0)
        return false;
    *ret = (struct OpBlob){.data = data, .size = size};
    return true;
}

static bool take_field(struct Reader *reader, const struct OpField *field, struct Op *op)
{
    void *value = field_of(op, field);
    bool ok = false;
    switch (field->type) {
    case OP_U64:
    case OP_HEX:
    case OP_I64: {
        uint64_t number;
        ok = take(reader, &number, sizeof(number)) && number_in_range(field, number);
        if (ok)
            memcpy(value, &number, sizeof(number));
        break;
    }
    case OP_TEXT:
        ok = take_text(reader, value);
        break;
    case OP_STRINGS:
        ok = take_strings(reader, value);
        break;
    case OP_BLOB:
        ok = take_blob(reader, field, value);
        break;
    }
    return ok && take_padding(reader);
}

static bool take_op(struct Reader *reader, struct Op *ret)
{
    struct OpHeader header;
    if (!take(reader, &header, sizeof(header)) || header.zero)
        return false;
    const struct OpSchema *schema = op_schema((enum OpKind)header.kind);
    if (!schema || header.size > reader->size - reader->position)
        return false;
    /* A field never reads beyond its own op, whatever its length says. */
    struct Reader fields = {reader->data, reader->position + header.size, reader->position};
    struct Op op = {.kind = (enum OpKind)header.kind};
    for (const struct OpField *field = schema->fields; field->name; field++)
        if (!take_field(&fields, field, &op))
            return false;
    if (fields.position != fields.size)
        return false;
    reader->position = fields.size;
    *ret = op;
    return true;
}

int plan_open(struct Plan *plan, const void *data, size_t size)
{
    struct Header header;
    if (size < sizeof(header) || size > PLAN_SIZE_MAX)
        return -EBADMSG;
    memcpy(&header, data, sizeof(header));
    if (header.magic != PLAN_MAGIC || header.version != PLAN_VERSION || header.size != size ||
        header.count > PLAN_OPS_MAX ||
        header.sum != sum64((const char *)data + sizeof(header), size - sizeof(header), PLAN_MAGIC))
        return -EBADMSG;

    struct Reader reader = {data, size, sizeof(header)};
    enum OpStage stage = STAGE_HOST;
    uint64_t cgroups = 0;
    for (uint32_t i = 0; i < header.count; i++) {
        struct Op op;
        if (!take_op(&reader, &op) || op_schema(op.kind)->stage < stage)
            return -EBADMSG;
        stage = op_schema(op.kind)->stage;
        cgroups += op.kind == OP_CGROUP;
        if (op.kind == OP_CGROUP_VALUE && op.cgroup_value.index >= cgroups)
            return -EBADMSG;
        if ((op.kind == OP_EXEC || op.kind == OP_LOOKUP) && !op.exec.arguments.count)
            return -EBADMSG;
    }
    if (reader.position != size)
        return -EBADMSG;
    *plan = (struct Plan){.data = data, .size = size, .count = header.count};
    return 0;
}

int plan_next(const struct Plan *plan, size_t *cursor, struct Op *ret_op)
{
    struct Reader reader = {plan->data, plan->size, *cursor ? *cursor : sizeof(struct Header)};
    if (reader.position >= reader.size || !take_op(&reader, ret_op))
        return 0;
    *cursor = reader.position;
    return 1;
}
