// SPDX-License-Identifier: Apache-2.0
/* The `linux` section of config.json but for seccomp. */
#include "base/str.h"
#include "runtime/spec/parse.h"
#include "runtime/spec/validate.h"
#include <sys/stat.h>

/* Of linux.namespaces[]: which slot of Spec a type has; -1 for those that are not carried out. */
enum { NAMESPACE_REFUSED = -1 };
static const struct {
    const char *name;
    int type;
} namespace_names[] = {
    {"mount", NAMESPACE_MOUNT},  {"pid", NAMESPACE_PID},         {"ipc", NAMESPACE_IPC},
    {"uts", NAMESPACE_UTS},      {"network", NAMESPACE_NETWORK}, {"cgroup", NAMESPACE_CGROUP},
    {"user", NAMESPACE_REFUSED}, {"time", NAMESPACE_REFUSED},
};

struct NamespaceEntry {
    int type;
    const char *path;
};

static int read_namespace_type(struct Reader *reader, const struct JsonNode *node,
                               const struct Member *member, void *target)
{
    struct NamespaceEntry *entry = target;
    (void)member;
    int r = member_check_kind(reader, node, JSON_STRING);
    if (r < 0)
        return r;
    for (size_t i = 0; i < ELEMENTSOF(namespace_names); i++) {
        if (!str_equal(json_string(node), namespace_names[i].name))
            continue;
        if (namespace_names[i].type == NAMESPACE_REFUSED)
            return json_fail(node, reader->error, ERROR_UNSUPPORTED,
                             "%s namespaces are not carried out by this version", namespace_names[i].name);
        entry->type = namespace_names[i].type;
        return 0;
    }
    return json_fail(node, reader->error, ERROR_INVALID_ARGUMENT, "is no type of namespace");
}

static const struct Member namespace_members[] = {
    {.name = "type", .read = read_namespace_type, .is_required = true},
    {.name = "path", .read = member_read_string, MEMBER_FIELD(NamespaceEntry, path)},
    {0},
};

static int read_namespaces(struct Reader *reader, const struct JsonNode *node, const struct Member *member,
                           void *target)
{
    struct Spec *spec = target;
    (void)member;
    int r = member_check_kind(reader, node, JSON_LIST);
    for (size_t i = 0; r >= 0 && i < json_count(node); i++) {
        struct JsonNode element = json_element(node, i);
        struct JsonNode type = json_member(&element, "type"), path = json_member(&element, "path");
        struct NamespaceEntry entry = {0};
        r = member_read_object(reader, &element, namespace_members, &entry);
        if (r < 0)
            return r;
        if (spec->namespaces[entry.type].wanted)
            return json_fail(&type, reader->error, ERROR_INVALID_ARGUMENT, "is there twice");
        const char *complaint = entry.path ? validate_path(entry.path) : NULL;
        if (complaint)
            return json_fail(&path, reader->error, ERROR_INVALID_ARGUMENT, "%s", complaint);
        spec->namespaces[entry.type] = (struct SpecNamespace){.wanted = true, .path = entry.path};
    }
    return r;
}

/* A single letter; what letters are good is spec_validate()'s. */
static int read_letter(struct Reader *reader, const struct JsonNode *node, const struct Member *member,
                       void *target)
{
    int r = member_check_kind(reader, node, JSON_STRING);
    if (r < 0)
        return r;
    const char *text = json_string(node);
    if (strlen(text) != 1)
        return json_fail(node, reader->error, ERROR_INVALID_ARGUMENT, "must be one letter");
    ((char *)target)[member->offset] = text[0];
    return 0;
}

/* Some engines copy st_mode as it is: the type bits are no news, but must not contradict. */
static int finish_device(struct Reader *reader, const struct JsonNode *node, void *target)
{
    static const struct {
        char letter;
        uint32_t bits;
    } types[] = {{'c', S_IFCHR}, {'u', S_IFCHR}, {'b', S_IFBLK}, {'p', S_IFIFO}};
    struct SpecDevice *device = target;
    struct JsonNode mode = json_member(node, "fileMode");
    uint32_t bits = device->mode & ~(uint32_t)07777;
    bool good = bits == 0;
    for (size_t i = 0; i < ELEMENTSOF(types); i++)
        good |= types[i].letter == device->type && types[i].bits == bits;
    if (!good)
        return json_fail(&mode, reader->error, ERROR_INVALID_ARGUMENT, "is no mode of such a device");
    device->mode &= 07777;
    return 0;
}

#define NUMBER_RANGE .minimum = INT64_MIN, .maximum = INT64_MAX
static const struct SpecDevice device_default = {.major = -1, .minor = -1, .mode = 0666};
static const struct Member device_members[] = {
    {.name = "path", .read = member_read_string, MEMBER_FIELD(SpecDevice, path), .is_required = true},
    {.name = "type", .read = read_letter, MEMBER_FIELD(SpecDevice, type), .is_required = true},
    {.name = "major", .read = member_read_i64, MEMBER_FIELD(SpecDevice, major), NUMBER_RANGE},
    {.name = "minor", .read = member_read_i64, MEMBER_FIELD(SpecDevice, minor), NUMBER_RANGE},
    {.name = "fileMode", .read = member_read_u32, MEMBER_FIELD(SpecDevice, mode), .maximum = UINT32_MAX},
    {.name = "uid", .read = member_read_u32, MEMBER_FIELD(SpecDevice, uid), .maximum = UINT32_MAX},
    {.name = "gid", .read = member_read_u32, MEMBER_FIELD(SpecDevice, gid), .maximum = UINT32_MAX},
    {0},
};

static int read_access(struct Reader *reader, const struct JsonNode *node, const struct Member *member,
                       void *target)
{
    struct SpecDeviceRule *rule = target;
    (void)member;
    int r = member_check_kind(reader, node, JSON_STRING);
    if (r < 0)
        return r;
    const char *text = json_string(node);
    if (!*text || text[strspn(text, "rwm")])
        return json_fail(node, reader->error, ERROR_INVALID_ARGUMENT,
                         "must be made of the letters r, w and m");
    rule->read = strchr(text, 'r');
    rule->write = strchr(text, 'w');
    rule->mknod = strchr(text, 'm');
    return 0;
}

static const struct SpecDeviceRule rule_default = {
    .type = 'a', .major = -1, .minor = -1, .read = true, .write = true, .mknod = true};
static const struct Member rule_members[] = {
    {.name = "allow", .read = member_read_boolean, MEMBER_FIELD(SpecDeviceRule, allow), .is_required = true},
    {.name = "type", .read = read_letter, MEMBER_FIELD(SpecDeviceRule, type)},
    {.name = "major", .read = member_read_i64, MEMBER_FIELD(SpecDeviceRule, major), NUMBER_RANGE},
    {.name = "minor", .read = member_read_i64, MEMBER_FIELD(SpecDeviceRule, minor), NUMBER_RANGE},
    {.name = "access", .read = read_access},
    {0},
};

/* Engines write 0 for "no limit was asked for". */
#define LIMIT(member, field)                                                                                 \
    .name = member, MEMBER_FIELD(Spec, resources.field), MEMBER_OTHER(Spec, resources.has_##field),          \
    .zero_is_absent = true
#define SIGNED_LIMIT(member, field)                                                                          \
    {                                                                                                        \
        LIMIT(member, field), .read = member_read_i64, NUMBER_RANGE                                          \
    }
#define UNSIGNED_LIMIT(member, field)                                                                        \
    {                                                                                                        \
        LIMIT(member, field), .read = member_read_u64, .maximum = UINT64_MAX                                 \
    }
static const struct Member memory_members[] = {
    SIGNED_LIMIT("limit", memory),
    SIGNED_LIMIT("swap", memory_swap),
    SIGNED_LIMIT("reservation", memory_reservation),
    {.name = "kernel", .read = member_refuse, .zero_is_absent = true},
    {.name = "kernelTCP", .read = member_refuse, .zero_is_absent = true},
    {.name = "swappiness", .read = member_refuse},
    {.name = "disableOOMKiller", .read = member_refuse},
    {.name = "useHierarchy", .read = member_refuse},
    {.name = "checkBeforeUpdate", .read = member_refuse},
    {0},
};

static const struct Member cpu_members[] = {
    UNSIGNED_LIMIT("shares", cpu_shares),
    SIGNED_LIMIT("quota", cpu_quota),
    UNSIGNED_LIMIT("period", cpu_period),
    {.name = "burst", .read = member_refuse, .zero_is_absent = true},
    {.name = "realtimeRuntime", .read = member_refuse, .zero_is_absent = true},
    {.name = "realtimePeriod", .read = member_refuse, .zero_is_absent = true},
    {.name = "cpus", .read = member_refuse},
    {.name = "mems", .read = member_refuse},
    {.name = "idle", .read = member_refuse, .zero_is_absent = true},
    {0},
};

static const struct Member pids_members[] = {
    SIGNED_LIMIT("limit", pids),
    {0},
};

static const struct Member resource_members[] = {
    {.name = "devices",
     .read = member_read_list,
     MEMBER_FIELD(Spec, resources.devices),
     MEMBER_OTHER(Spec, resources.device_count),
     .members = rule_members,
     .element_size = sizeof(struct SpecDeviceRule),
     .element_default = &rule_default},
    {.name = "memory", .read = member_read_section, .members = memory_members},
    {.name = "cpu", .read = member_read_section, .members = cpu_members},
    {.name = "pids", .read = member_read_section, .members = pids_members},
    {.name = "blockIO", .read = member_refuse, .zero_is_absent = true},
    {.name = "hugepageLimits", .read = member_refuse},
    {.name = "network", .read = member_refuse, .zero_is_absent = true},
    {.name = "rdma", .read = member_refuse},
    {.name = "unified", .read = member_refuse},
    {0},
};

const struct Member parse_linux_members[] = {
    {.name = "namespaces", .read = read_namespaces},
    {.name = "devices",
     .read = member_read_list,
     MEMBER_FIELD(Spec, devices),
     MEMBER_OTHER(Spec, device_count),
     .members = device_members,
     .element_size = sizeof(struct SpecDevice),
     .element_default = &device_default,
     .finish = finish_device},
    {.name = "maskedPaths", .read = member_read_strings, MEMBER_FIELD(Spec, masked_paths)},
    {.name = "readonlyPaths", .read = member_read_strings, MEMBER_FIELD(Spec, readonly_paths)},
    {.name = "rootfsPropagation", .read = member_read_string, MEMBER_FIELD(Spec, rootfs_propagation)},
    {.name = "sysctl", .read = member_read_pairs, MEMBER_FIELD(Spec, sysctls)},
    {.name = "cgroupsPath", .read = member_read_string, MEMBER_FIELD(Spec, cgroups_path)},
    {.name = "resources", .read = member_read_section, .members = resource_members},
    {.name = "seccomp",
     .read = member_read_section,
     .members = parse_seccomp_members,
     MEMBER_OTHER(Spec, seccomp.present)},
    {.name = "uidMappings", .read = member_refuse},
    {.name = "gidMappings", .read = member_refuse},
    {.name = "timeOffsets", .read = member_refuse},
    {.name = "intelRdt", .read = member_refuse},
    {.name = "personality", .read = member_refuse},
    {.name = "mountLabel", .read = member_refuse},
    {.name = "netDevices", .read = member_refuse},
    {.name = "memoryPolicy", .read = member_refuse},
    {0},
};
