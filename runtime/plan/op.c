// SPDX-License-Identifier: Apache-2.0
/*
 * The table of all kinds of operations: name, stage and fields. Encoding, decoding and printing
 * walk it, so a new kind is one row here and one step that executes it.
 */
#include "runtime/plan/op.h"
#include "base/cleanup.h"
#include <linux/bpf.h>
#include <linux/filter.h>
#include <sched.h>
#include <string.h>

enum { ID_MAX = 0xfffffffe, DEVICE_NUMBER_MAX = 0xffffffff };

#define FIELD(kind_name, field_type, member)                                                                 \
    {                                                                                                        \
        .name = #member, .type = field_type, .offset = offsetof(struct Op, kind_name.member)                 \
    }
#define BOUNDED(kind_name, field_type, member, largest)                                                      \
    {                                                                                                        \
        .name = #member, .type = field_type, .offset = offsetof(struct Op, kind_name.member),                \
        .bound = largest                                                                                     \
    }

static const struct OpSchema schemas[OP_KIND_END] = {
    [OP_CGROUP] = {"cgroup",
                   STAGE_HOST,
                   {FIELD(cgroup, OP_TEXT, mount), FIELD(cgroup, OP_TEXT, path),
                    BOUNDED(cgroup, OP_U64, version, 2), FIELD(cgroup, OP_STRINGS, controllers)}},
    [OP_CGROUP_VALUE] = {"cgroup-value",
                         STAGE_HOST,
                         {BOUNDED(cgroup_value, OP_U64, index, PLAN_OPS_MAX),
                          FIELD(cgroup_value, OP_TEXT, file), FIELD(cgroup_value, OP_TEXT, value),
                          BOUNDED(cgroup_value, OP_U64, optional, 1)}},
    [OP_NAMESPACE] = {"namespace",
                      STAGE_HOST,
                      {FIELD(namespace, OP_HEX, flag), FIELD(namespace, OP_TEXT, path)}},
    [OP_CGROUP_DEVICES] = {"cgroup-devices",
                           STAGE_MONITOR,
                           {BOUNDED(cgroup_devices, OP_BLOB, program, sizeof(struct bpf_insn))}},
    [OP_KEYRING] = {"keyring", STAGE_CHILD, {FIELD(keyring, OP_TEXT, name)}},
    [OP_ROOTFS] = {"rootfs", STAGE_CHILD, {FIELD(rootfs, OP_TEXT, path), FIELD(rootfs, OP_HEX, propagation)}},
    [OP_OVERLAY] = {"overlay",
                    STAGE_CHILD,
                    {FIELD(overlay, OP_TEXT, lower), FIELD(overlay, OP_TEXT, scratch),
                     FIELD(overlay, OP_U64, size), FIELD(overlay, OP_HEX, propagation)}},
    [OP_MOUNT] = {"mount",
                  STAGE_CHILD,
                  {FIELD(mount, OP_TEXT, type), FIELD(mount, OP_TEXT, source), FIELD(mount, OP_TEXT, target),
                   FIELD(mount, OP_STRINGS, data), FIELD(mount, OP_HEX, attributes),
                   FIELD(mount, OP_HEX, propagation), BOUNDED(mount, OP_U64, optional, 1)}},
    [OP_BIND] = {"bind",
                 STAGE_CHILD,
                 {FIELD(bind, OP_TEXT, source), FIELD(bind, OP_TEXT, target),
                  BOUNDED(bind, OP_U64, recursive, 1), FIELD(bind, OP_HEX, attributes_set),
                  FIELD(bind, OP_HEX, attributes_clear), FIELD(bind, OP_HEX, attributes_recursive),
                  FIELD(bind, OP_HEX, propagation)}},
    [OP_DEVICE] = {"device",
                   STAGE_CHILD,
                   {FIELD(device, OP_TEXT, path), BOUNDED(device, OP_HEX, mode, 0177777),
                    BOUNDED(device, OP_U64, major, DEVICE_NUMBER_MAX),
                    BOUNDED(device, OP_U64, minor, DEVICE_NUMBER_MAX), BOUNDED(device, OP_U64, uid, ID_MAX),
                    BOUNDED(device, OP_U64, gid, ID_MAX)}},
    [OP_LINK] = {"link", STAGE_CHILD, {FIELD(link, OP_TEXT, target), FIELD(link, OP_TEXT, path)}},
    [OP_MASK] = {"mask", STAGE_CHILD, {FIELD(path, OP_TEXT, path)}},
    [OP_READONLY] = {"readonly", STAGE_CHILD, {FIELD(path, OP_TEXT, path)}},
    [OP_ROOT_READONLY] = {"root-readonly", STAGE_CHILD, {{0}}},
    [OP_PIVOT] = {"pivot", STAGE_CHILD, {BOUNDED(pivot, OP_U64, chroot, 1)}},
    [OP_HOSTNAME] = {"hostname", STAGE_CHILD, {FIELD(name, OP_TEXT, name)}},
    [OP_DOMAINNAME] = {"domainname", STAGE_CHILD, {FIELD(name, OP_TEXT, name)}},
    [OP_LOOPBACK] = {"loopback", STAGE_CHILD, {{0}}},
    [OP_SYSCTL] = {"sysctl", STAGE_CHILD, {FIELD(sysctl, OP_TEXT, path), FIELD(sysctl, OP_TEXT, value)}},
    [OP_OOM_SCORE] = {"oom-score", STAGE_CHILD, {BOUNDED(oom_score, OP_I64, value, 1000)}},
    [OP_RLIMIT] = {"rlimit",
                   STAGE_CHILD,
                   {FIELD(rlimit, OP_TEXT, name), BOUNDED(rlimit, OP_U64, resource, 255),
                    FIELD(rlimit, OP_U64, soft), FIELD(rlimit, OP_U64, hard)}},
    [OP_LOOKUP] = {"lookup",
                   STAGE_CHILD,
                   {FIELD(exec, OP_STRINGS, arguments), FIELD(exec, OP_STRINGS, environment)}},
    [OP_NO_NEW_PRIVILEGES] = {"no-new-privileges", STAGE_EXEC, {{0}}},
    [OP_BOUNDING] = {"bounding", STAGE_EXEC, {FIELD(bounding, OP_HEX, keep)}},
    [OP_USER] = {"user",
                 STAGE_EXEC,
                 {BOUNDED(user, OP_U64, uid, ID_MAX), BOUNDED(user, OP_U64, gid, ID_MAX),
                  BOUNDED(user, OP_BLOB, groups, sizeof(uint32_t)), BOUNDED(user, OP_HEX, umask, 0777)}},
    [OP_CAPABILITIES] = {"capabilities",
                         STAGE_EXEC,
                         {FIELD(capabilities, OP_HEX, effective), FIELD(capabilities, OP_HEX, permitted),
                          FIELD(capabilities, OP_HEX, inheritable), FIELD(capabilities, OP_HEX, ambient)}},
    [OP_CWD] = {"cwd", STAGE_EXEC, {FIELD(path, OP_TEXT, path)}},
    [OP_SECCOMP] = {"seccomp",
                    STAGE_EXEC,
                    {BOUNDED(seccomp, OP_BLOB, filter, sizeof(struct sock_filter)),
                     FIELD(seccomp, OP_HEX, flags)}},
    [OP_EXEC] = {"exec",
                 STAGE_EXEC,
                 {FIELD(exec, OP_STRINGS, arguments), FIELD(exec, OP_STRINGS, environment)}},
};

const struct OpSchema *op_schema(enum OpKind kind)
{
    if ((unsigned)kind >= ELEMENTSOF(schemas) || !schemas[kind].name)
        return NULL;
    return &schemas[kind];
}

static const char *namespace_name(uint64_t flag)
{
    static const struct {
        uint64_t flag;
        const char *name;
    } names[] = {
        {CLONE_NEWNS, "mount"},  {CLONE_NEWPID, "pid"},     {CLONE_NEWIPC, "ipc"},
        {CLONE_NEWUTS, "uts"},   {CLONE_NEWNET, "network"}, {CLONE_NEWCGROUP, "cgroup"},
        {CLONE_NEWUSER, "user"},
    };
    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        if (names[i].flag == flag)
            return names[i].name;
    return "";
}

/* The field that says what an op acts on: the first of these names that its schema has. */
static const char *const object_fields[] = {"file", "path", "target", "name", "lower"};

const char *op_object(const struct Op *op)
{
    const struct OpSchema *schema = op_schema(op->kind);
    if (!schema)
        return "";
    if (op->kind == OP_NAMESPACE)
        return namespace_name(op->namespace.flag);
    if (op->kind == OP_EXEC || op->kind == OP_LOOKUP)
        return op->exec.arguments.count ? op->exec.arguments.data : "";
    for (size_t i = 0; i < ELEMENTSOF(object_fields); i++)
        for (const struct OpField *field = schema->fields; field->name; field++)
            if (field->type == OP_TEXT && strcmp(field->name, object_fields[i]) == 0) {
                const char *text = *(const char *const *)((const char *)op + field->offset);
                return text ? text : "";
            }
    return "";
}

const char *op_strings_next(const struct OpStrings *strings, const char *previous)
{
    if (!previous)
        return strings->count ? strings->data : NULL;
    const char *next = previous + strlen(previous) + 1;
    return next < strings->data + strings->size ? next : NULL;
}
