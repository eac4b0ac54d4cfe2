// SPDX-License-Identifier: Apache-2.0
/*
 * A plan as text: one line an op, fields in table order, `name=value`. Empty text, empty lists and
 * empty bit sets are left out; a yes/no field is its bare name. Text with blanks, quotes or control
 * bytes is quoted, so a line never holds two.
 */
#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/plan/op.h"
#include <inttypes.h>
#include <linux/bpf.h>
#include <linux/mount.h>
#include <sched.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/stat.h>

struct FlagName {
    uint64_t flag, mask; /* mask 0: the flag itself */
    const char *name;
};

static const struct FlagName attribute_names[] = {
    {MOUNT_ATTR_RDONLY, 0, "ro"},
    {MOUNT_ATTR_NOSUID, 0, "nosuid"},
    {MOUNT_ATTR_NODEV, 0, "nodev"},
    {MOUNT_ATTR_NOEXEC, 0, "noexec"},
    {MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME, "noatime"},
    {MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME, "strictatime"},
    {MOUNT_ATTR__ATIME, MOUNT_ATTR__ATIME, "atime"},
    {MOUNT_ATTR_NODIRATIME, 0, "nodiratime"},
    {MOUNT_ATTR_NOSYMFOLLOW, 0, "nosymfollow"},
    {0, 0, NULL},
};

static const struct FlagName propagation_names[] = {
    {MS_REC, 0, "recursive"}, {MS_PRIVATE, 0, "private"},       {MS_SLAVE, 0, "slave"},
    {MS_SHARED, 0, "shared"}, {MS_UNBINDABLE, 0, "unbindable"}, {0, 0, NULL},
};

static const struct FlagName namespace_names[] = {
    {CLONE_NEWNS, 0, "mount"},    {CLONE_NEWPID, 0, "pid"},
    {CLONE_NEWIPC, 0, "ipc"},     {CLONE_NEWUTS, 0, "uts"},
    {CLONE_NEWNET, 0, "network"}, {CLONE_NEWCGROUP, 0, "cgroup"},
    {CLONE_NEWUSER, 0, "user"},   {0, 0, NULL},
};

static const struct FlagName seccomp_names[] = {
    {1 << 0, 0, "tsync"}, {1 << 1, 0, "log"}, {1 << 2, 0, "spec-allow"}, {0, 0, NULL}};

static void print_flags(struct Buf *out, uint64_t value, const struct FlagName *names)
{
    const char *comma = "";
    for (; names->name; names++) {
        uint64_t mask = names->mask ? names->mask : names->flag;
        if ((value & mask) != names->flag)
            continue;
        buf_printf(out, "%s%s", comma, names->name);
        comma = ",";
        value &= ~mask;
    }
    if (value)
        buf_printf(out, "%s0x%" PRIx64, comma, value);
}

static void print_capabilities(struct Buf *out, uint64_t value)
{
    const char *comma = "";
    for (int bit = 0; bit < 64; bit++) {
        if (!(value >> bit & 1))
            continue;
        char *name = cap_to_name(bit);
        buf_printf(out, "%s%s", comma, name ? name : "?");
        cap_free(name);
        comma = ",";
    }
}

static void print_octal(struct Buf *out, uint64_t value)
{
    buf_printf(out, "0%" PRIo64, value);
}

static void print_mode(struct Buf *out, uint64_t value)
{
    const char *type = S_ISCHR(value) ? "char:" : S_ISBLK(value) ? "block:" : S_ISFIFO(value) ? "fifo:" : "";
    buf_printf(out, "%s0%" PRIo64, type, *type ? value & 07777 : value);
}

static void print_attributes(struct Buf *out, uint64_t value)
{
    print_flags(out, value, attribute_names);
}

static void print_propagation(struct Buf *out, uint64_t value)
{
    print_flags(out, value, propagation_names);
}

static void print_namespace(struct Buf *out, uint64_t value)
{
    print_flags(out, value, namespace_names);
}

static void print_seccomp_flags(struct Buf *out, uint64_t value)
{
    print_flags(out, value, seccomp_names);
}

/* How bits are shown, by field name; the names mean the same in every kind of op. */
static const struct {
    const char *field;
    void (*print)(struct Buf *out, uint64_t value);
} hex_printers[] = {
    {"attributes", print_attributes},
    {"attributes_set", print_attributes},
    {"attributes_clear", print_attributes},
    {"attributes_recursive", print_attributes},
    {"propagation", print_propagation},
    {"flag", print_namespace},
    {"flags", print_seccomp_flags},
    {"mode", print_mode},
    {"umask", print_octal},
    {"keep", print_capabilities},
    {"effective", print_capabilities},
    {"permitted", print_capabilities},
    {"inheritable", print_capabilities},
    {"ambient", print_capabilities},
};

static void print_hex(struct Buf *out, const char *name, uint64_t value)
{
    if (!value)
        return;
    buf_printf(out, " %s=", name);
    for (size_t i = 0; i < ELEMENTSOF(hex_printers); i++)
        if (strcmp(hex_printers[i].field, name) == 0) {
            hex_printers[i].print(out, value);
            return;
        }
    buf_printf(out, "0x%" PRIx64, value);
}

static void print_text(struct Buf *out, const char *text, const char *special)
{
    bool quote = !*text;
    for (const char *c = text; *c; c++)
        quote |= (unsigned char)*c <= ' ' || *c == 0x7f || strchr(special, *c);
    if (!quote) {
        buf_append_str(out, text);
        return;
    }
    buf_append_str(out, "\"");
    for (const char *c = text; *c; c++) {
        if (*c == '"' || *c == '\\')
            buf_printf(out, "\\%c", *c);
        else if ((unsigned char)*c < ' ' || *c == 0x7f)
            buf_printf(out, "\\x%02x", (unsigned char)*c);
        else
            buf_append(out, c, 1);
    }
    buf_append_str(out, "\"");
}

static void print_strings(struct Buf *out, const char *name, const struct OpStrings *strings)
{
    if (!strings->count)
        return;
    buf_printf(out, " %s=", name);
    const char *separator = "[";
    for (const char *text = op_strings_next(strings, NULL); text; text = op_strings_next(strings, text)) {
        buf_append_str(out, separator);
        print_text(out, text, "\"\\,[]");
        separator = ",";
    }
    buf_append_str(out, "]");
}

static void print_blob(struct Buf *out, const struct OpField *field, const struct OpBlob *blob)
{
    if (!blob->size)
        return;
    if (field->bound != sizeof(uint32_t)) {
        buf_printf(out, " instructions=%" PRIu64 " crc=%08" PRIx32,
                   blob->size / (field->bound ? field->bound : 1), crc32_of(blob->data, blob->size));
        return;
    }
    buf_printf(out, " %s=", field->name);
    for (uint32_t i = 0; i < blob->size; i += sizeof(uint32_t)) {
        uint32_t number;
        memcpy(&number, (const char *)blob->data + i, sizeof(number));
        buf_printf(out, "%s%" PRIu32, i ? "," : "[", number);
    }
    buf_append_str(out, "]");
}

static void print_field(struct Buf *out, const struct Op *op, const struct OpField *field)
{
    const void *value = (const char *)op + field->offset;
    switch (field->type) {
    case OP_U64:
        if (field->bound != 1)
            buf_printf(out, " %s=%" PRIu64, field->name, *(const uint64_t *)value);
        else if (*(const uint64_t *)value)
            buf_printf(out, " %s", field->name);
        break;
    case OP_I64:
        buf_printf(out, " %s=%" PRId64, field->name, *(const int64_t *)value);
        break;
    case OP_HEX:
        print_hex(out, field->name, *(const uint64_t *)value);
        break;
    case OP_TEXT:
        if (!**(const char *const *)value)
            break;
        buf_printf(out, " %s=", field->name);
        print_text(out, *(const char *const *)value, "\"\\");
        break;
    case OP_STRINGS:
        print_strings(out, field->name, value);
        break;
    case OP_BLOB:
        print_blob(out, field, value);
        break;
    }
}

void plan_print(const struct Plan *plan, struct Buf *out)
{
    size_t cursor = 0;
    struct Op op;
    while (plan_next(plan, &cursor, &op) > 0) {
        const struct OpSchema *schema = op_schema(op.kind);
        buf_append_str(out, schema->name);
        for (const struct OpField *field = schema->fields; field->name; field++)
            print_field(out, &op, field);
        buf_append_str(out, "\n");
    }
}
