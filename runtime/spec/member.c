// SPDX-License-Identifier: Apache-2.0
#include "runtime/spec/member.h"
#include "base/str.h"
#include <inttypes.h>

static void *field_at(void *target, size_t offset)
{
    return (char *)target + offset;
}

static void mark_present(const struct Member *member, void *target)
{
    if (member->other_offset > 0)
        *(bool *)field_at(target, member->other_offset) = true;
}

int member_out_of_memory(struct Reader *reader, const struct JsonNode *node)
{
    return json_fail(node, reader->error, ERROR_RESOURCE_EXHAUSTED, "no memory for it");
}

int member_check_kind(struct Reader *reader, const struct JsonNode *node, enum JsonKind kind)
{
    enum JsonKind is = json_kind(node);
    if (is == kind)
        return 0;
    return json_fail(node, reader->error, ERROR_INVALID_ARGUMENT, "must be %s, not %s", json_kind_name(kind),
                     json_kind_name(is));
}

int member_read_object(struct Reader *reader, const struct JsonNode *node, const struct Member *members,
                       void *target)
{
    int r = member_check_kind(reader, node, JSON_OBJECT);
    for (const struct Member *member = members; r >= 0 && member->name; member++) {
        struct JsonNode value = json_member(node, member->name);
        if (!json_is_null(&value))
            r = member->read(reader, &value, member, target);
        else if (member->is_required)
            r = json_fail(&value, reader->error, ERROR_INVALID_ARGUMENT, "is missing");
    }
    return r;
}

int member_read_section(struct Reader *reader, const struct JsonNode *node, const struct Member *member,
                        void *target)
{
    int r = member_read_object(reader, node, member->members, target);
    if (r < 0)
        return r;
    mark_present(member, target);
    return member->finish ? member->finish(reader, node, target) : 0;
}

int member_read_boolean(struct Reader *reader, const struct JsonNode *node, const struct Member *member,
                        void *target)
{
    int r = member_check_kind(reader, node, JSON_BOOLEAN);
    if (r < 0)
        return r;
    *(bool *)field_at(target, member->offset) = json_boolean(node);
    return 0;
}

/* One of these two holds the number; the result says whether it is in the range of the member. */
struct Number {
    bool negative;
    uint64_t magnitude;
};

static bool is_in_range(const struct Number *number, const struct Member *member)
{
    if (number->negative)
        return member->minimum < 0 && number->magnitude <= 0 - (uint64_t)member->minimum;
    return number->magnitude <= member->maximum &&
           (member->minimum <= 0 || number->magnitude >= (uint64_t)member->minimum);
}

/* 1: taken, 0: asks for nothing. */
static int read_number(struct Reader *reader, const struct JsonNode *node, const struct Member *member,
                       struct Number *ret)
{
    int r = member_check_kind(reader, node, JSON_INTEGER);
    if (r < 0)
        return r;
    ret->magnitude = json_integer(node, &ret->negative);
    if (ret->magnitude == 0 && member->zero_is_absent)
        return 0;
    if (is_in_range(ret, member))
        return 1;
    return json_fail(node, reader->error, ERROR_INVALID_ARGUMENT,
                     "%s%" PRIu64 " is not in %" PRId64 "..%" PRIu64, ret->negative ? "-" : "",
                     ret->magnitude, member->minimum, member->maximum);
}

int member_read_u64(struct Reader *reader, const struct JsonNode *node, const struct Member *member,
                    void *target)
{
    struct Number number = {0};
    int r = read_number(reader, node, member, &number);
    if (r <= 0)
        return r;
    *(uint64_t *)field_at(target, member->offset) = number.magnitude;
    mark_present(member, target);
    return 0;
}

int member_read_u32(struct Reader *reader, const struct JsonNode *node, const struct Member *member,
                    void *target)
{
    struct Number number = {0};
    int r = read_number(reader, node, member, &number);
    if (r <= 0)
        return r;
    *(uint32_t *)field_at(target, member->offset) = (uint32_t)number.magnitude;
    mark_present(member, target);
    return 0;
}

static int64_t signed_value(const struct Number *number)
{
    return (int64_t)(number->negative ? 0 - number->magnitude : number->magnitude);
}

int member_read_i64(struct Reader *reader, const struct JsonNode *node, const struct Member *member,
                    void *target)
{
    struct Number number = {0};
    int r = read_number(reader, node, member, &number);
    if (r <= 0)
        return r;
    *(int64_t *)field_at(target, member->offset) = signed_value(&number);
    mark_present(member, target);
    return 0;
}

int member_read_i32(struct Reader *reader, const struct JsonNode *node, const struct Member *member,
                    void *target)
{
    struct Number number = {0};
    int r = read_number(reader, node, member, &number);
    if (r <= 0)
        return r;
    *(int32_t *)field_at(target, member->offset) = (int32_t)signed_value(&number);
    mark_present(member, target);
    return 0;
}

int member_copy_string(struct Reader *reader, const struct JsonNode *node, const char **ret)
{
    int r = member_check_kind(reader, node, JSON_STRING);
    if (r < 0)
        return r;
    const char *text = json_string(node), *copy = NULL;
    if (*text) {
        copy = arena_strdup(reader->arena, text);
        if (!copy)
            return member_out_of_memory(reader, node);
    }
    *ret = copy;
    return 0;
}

int member_read_string(struct Reader *reader, const struct JsonNode *node, const struct Member *member,
                       void *target)
{
    int r = member_copy_string(reader, node, field_at(target, member->offset));
    if (r >= 0 && member->is_required && !*json_string(node))
        return json_fail(node, reader->error, ERROR_INVALID_ARGUMENT, "is empty");
    return r;
}

static int check_list(struct Reader *reader, const struct JsonNode *node, enum JsonKind kind)
{
    int r = member_check_kind(reader, node, kind);
    if (r < 0 || json_count(node) <= SPEC_LIST_LIMIT)
        return r;
    return json_fail(node, reader->error, ERROR_INVALID_ARGUMENT, "has more than %d entries",
                     SPEC_LIST_LIMIT);
}

int member_read_strings(struct Reader *reader, const struct JsonNode *node, const struct Member *member,
                        void *target)
{
    int r = check_list(reader, node, JSON_LIST);
    if (r < 0)
        return r;
    struct SpecStrings strings = {.count = json_count(node)};
    strings.items = arena_alloc(reader->arena, strings.count + 1, sizeof(*strings.items));
    if (!strings.items)
        return member_out_of_memory(reader, node);
    for (size_t i = 0; i < strings.count; i++) {
        struct JsonNode element = json_element(node, i);
        r = member_copy_string(reader, &element, &strings.items[i]);
        if (r < 0)
            return r;
        if (!strings.items[i])
            strings.items[i] = "";
    }
    *(struct SpecStrings *)field_at(target, member->offset) = strings;
    return 0;
}

/* Pointers of every type have one form; memcpy keeps the compiler's aliasing rules. */
static void store_list(const struct Member *member, void *target, void *elements, size_t count)
{
    memcpy(field_at(target, member->offset), &elements, sizeof(elements));
    *(size_t *)field_at(target, member->other_offset) = count;
}

int member_read_u32s(struct Reader *reader, const struct JsonNode *node, const struct Member *member,
                     void *target)
{
    int r = check_list(reader, node, JSON_LIST);
    if (r < 0)
        return r;
    size_t count = json_count(node);
    uint32_t *numbers = arena_alloc(reader->arena, count + 1, sizeof(*numbers));
    if (!numbers)
        return member_out_of_memory(reader, node);
    for (size_t i = 0; i < count; i++) {
        struct JsonNode element = json_element(node, i);
        struct Number number = {0};
        r = read_number(reader, &element, member, &number);
        if (r < 0)
            return r;
        numbers[i] = (uint32_t)number.magnitude;
    }
    store_list(member, target, numbers, count);
    return 0;
}

/* With "=" in a name nobody could tell where the value begins. */
static int check_pair_name(struct Reader *reader, const struct JsonNode *pair)
{
    const char *name = pair->path.name;
    if (!*name || strchr(name, '=') || !str_is_printable(name, strlen(name)))
        return json_fail(pair, reader->error, ERROR_INVALID_ARGUMENT,
                         "a name must not be empty, hold '=' or control bytes");
    return 0;
}

int member_read_pairs(struct Reader *reader, const struct JsonNode *node, const struct Member *member,
                      void *target)
{
    int r = check_list(reader, node, JSON_OBJECT);
    if (r < 0)
        return r;
    struct SpecStrings strings = {0};
    strings.items = arena_alloc(reader->arena, json_count(node) + 1, sizeof(*strings.items));
    if (!strings.items)
        return member_out_of_memory(reader, node);
    const void *cursor = NULL;
    struct JsonNode pair;
    while (json_next(node, &cursor, &pair)) {
        r = check_pair_name(reader, &pair);
        if (r >= 0)
            r = member_check_kind(reader, &pair, JSON_STRING);
        if (r < 0)
            return r;
        const char *text = arena_printf(reader->arena, "%s=%s", pair.path.name, json_string(&pair));
        if (!text)
            return member_out_of_memory(reader, &pair);
        strings.items[strings.count++] = text;
    }
    *(struct SpecStrings *)field_at(target, member->offset) = strings;
    return 0;
}

int member_read_list(struct Reader *reader, const struct JsonNode *node, const struct Member *member,
                     void *target)
{
    int r = check_list(reader, node, JSON_LIST);
    if (r < 0)
        return r;
    size_t count = json_count(node);
    char *elements = arena_alloc(reader->arena, count + 1, member->element_size);
    if (!elements)
        return member_out_of_memory(reader, node);
    for (size_t i = 0; i < count; i++) {
        struct JsonNode element = json_element(node, i);
        void *at = elements + i * member->element_size;
        if (member->element_default)
            memcpy(at, member->element_default, member->element_size);
        r = member_read_object(reader, &element, member->members, at);
        if (r >= 0 && member->finish)
            r = member->finish(reader, &element, at);
        if (r < 0)
            return r;
    }
    store_list(member, target, elements, count);
    return 0;
}

/* Asks for nothing by itself; members of an object are looked at by the caller. */
static bool is_neutral(const struct JsonNode *node, bool zero_is_absent)
{
    bool negative = false;
    switch (json_kind(node)) {
    case JSON_NULL:
        return true;
    case JSON_BOOLEAN:
        return !json_boolean(node);
    case JSON_INTEGER:
        return zero_is_absent && json_integer(node, &negative) == 0;
    case JSON_DECIMAL:
        return false;
    case JSON_STRING:
        return !*json_string(node);
    case JSON_LIST:
    case JSON_OBJECT:
        return json_count(node) == 0;
    }
    return false;
}

int member_refuse(struct Reader *reader, const struct JsonNode *node, const struct Member *member,
                  void *target)
{
    (void)target;
    bool neutral = is_neutral(node, member->zero_is_absent);
    const void *cursor = NULL;
    struct JsonNode child;
    if (json_kind(node) == JSON_OBJECT)
        for (neutral = true; neutral && json_next(node, &cursor, &child);)
            neutral = is_neutral(&child, member->zero_is_absent);
    return neutral ? 0
                   : json_fail(node, reader->error, ERROR_UNSUPPORTED, "is not carried out by this version");
}
