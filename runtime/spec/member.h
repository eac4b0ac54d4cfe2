// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Tables that say how a JSON object becomes a struct: one row for each member that is known, with
 * the function that takes it and the place where it goes. Members without a row are ignored, null
 * is the same as absent. Everything taken is copied into the arena.
 */
#include "base/arena.h"
#include "runtime/spec/json.h"
#include "runtime/spec/spec.h"

struct Reader {
    struct Arena *arena;
    struct Error *error;
    const char *bundle;
};

struct Member;
typedef int MemberRead(struct Reader *reader, const struct JsonNode *node, const struct Member *member,
                       void *target);

/* Looks at an object whose members have all been read, and fills what follows from several. */
typedef int MemberFinish(struct Reader *reader, const struct JsonNode *node, void *target);

struct Member {
    const char *name;
    MemberRead *read;
    size_t offset;                /* of the field in the target */
    size_t other_offset;          /* of the bool `has_x` or of the list's count; 0: none */
    int64_t minimum;              /* of integers */
    uint64_t maximum;             /* of integers */
    const struct Member *members; /* of objects and of lists of objects; ends with a row without name */
    size_t element_size;          /* of lists of objects */
    const void *element_default;  /* of lists of objects; NULL: zeros */
    MemberFinish *finish;
    bool is_required;
    bool zero_is_absent; /* 0 asks for nothing here */
};

#define MEMBER_FIELD(type, field) .offset = offsetof(struct type, field)
#define MEMBER_OTHER(type, field) .other_offset = offsetof(struct type, field)

/* Reads one object by its table. */
int member_read_object(struct Reader *reader, const struct JsonNode *node, const struct Member *members,
                       void *target);

MemberRead member_read_boolean; /* bool */
MemberRead member_read_u32;
MemberRead member_read_u64;
MemberRead member_read_i32;
MemberRead member_read_i64;
MemberRead member_read_string;  /* const char *; "" is absent */
MemberRead member_read_strings; /* struct SpecStrings */
MemberRead member_read_u32s;    /* uint32_t * and its count */
MemberRead member_read_pairs;   /* struct SpecStrings of "name=value", from an object of strings */
MemberRead member_read_section; /* an object whose members go into the same target */
MemberRead member_read_list;    /* a list of objects: pointer and count */
/* Unsupported unless the value asks for nothing: null, false, 0 (zero_is_absent), "", an empty list
 * or an object of such members. */
MemberRead member_refuse;

/* For readers of their own: the kind is right, or InvalidArgument. */
int member_check_kind(struct Reader *reader, const struct JsonNode *node, enum JsonKind kind);
/* A copy in the arena; *ret is NULL for "". */
int member_copy_string(struct Reader *reader, const struct JsonNode *node, const char **ret);
int member_out_of_memory(struct Reader *reader, const struct JsonNode *node);
