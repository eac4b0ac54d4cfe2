// SPDX-License-Identifier: Apache-2.0
/* The rules for what config.json has below `linux`. */
#include "base/str.h"
#include "runtime/spec/validate.h"

static const char *const namespace_where[NAMESPACE_TYPE_COUNT] = {
    [NAMESPACE_MOUNT] = "mount", [NAMESPACE_PID] = "pid",         [NAMESPACE_IPC] = "ipc",
    [NAMESPACE_UTS] = "uts",     [NAMESPACE_NETWORK] = "network", [NAMESPACE_CGROUP] = "cgroup",
};

static int check_namespaces(const struct Spec *spec, struct Error *error)
{
    if (!spec->namespaces[NAMESPACE_MOUNT].wanted)
        return error_set(error, ERROR_UNSUPPORTED, "linux.namespaces",
                         "a container without a mount namespace is not carried out by this version");
    for (int type = 0; type < NAMESPACE_TYPE_COUNT; type++) {
        const char *path = spec->namespaces[type].path;
        const char *complaint = path ? validate_path(path) : NULL;
        if (complaint)
            return error_set(error, ERROR_INVALID_ARGUMENT, "linux.namespaces",
                             "the path of the %s namespace %s", namespace_where[type], complaint);
    }
    return 0;
}

/* dev_t of the kernel: 12 bits and 20 bits. */
enum { MAJOR_MAX = (1 << 12) - 1, MINOR_MAX = (1 << 20) - 1 };

static int check_device(const struct SpecDevice *device, size_t number, struct Error *error)
{
    static const char types[] = "cubp";
    if (!device->type || !strchr(types, device->type))
        return validate_fail(error, "must be c, u, b or p", "linux.devices[%zu].type", number);
    int r = validate_fail(error, validate_path(device->path), "linux.devices[%zu].path", number);
    if (r < 0)
        return r;
    bool numbered = device->type != 'p';
    if (numbered && (device->major < 0 || device->major > MAJOR_MAX))
        return validate_fail(error, "must be in 0..4095", "linux.devices[%zu].major", number);
    if (numbered && (device->minor < 0 || device->minor > MINOR_MAX))
        return validate_fail(error, "must be in 0..1048575", "linux.devices[%zu].minor", number);
    if (device->mode > 07777)
        return validate_fail(error, "must not be above 4095 (07777)", "linux.devices[%zu].fileMode", number);
    r = validate_fail(error, validate_id(device->uid), "linux.devices[%zu].uid", number);
    return r < 0 ? r : validate_fail(error, validate_id(device->gid), "linux.devices[%zu].gid", number);
}

static int check_devices(const struct Spec *spec, struct Error *error)
{
    int r = 0;
    for (size_t i = 0; r >= 0 && i < spec->device_count; i++)
        r = check_device(&spec->devices[i], i, error);
    return r;
}

static int check_device_rules(const struct Spec *spec, struct Error *error)
{
    for (size_t i = 0; i < spec->resources.device_count; i++) {
        const struct SpecDeviceRule *rule = &spec->resources.devices[i];
        if (!rule->type || !strchr("acb", rule->type))
            return validate_fail(error, "must be a, c or b", "linux.resources.devices[%zu].type", i);
        if (rule->major < -1 || rule->major > MAJOR_MAX)
            return validate_fail(error, "must be in -1..4095", "linux.resources.devices[%zu].major", i);
        if (rule->minor < -1 || rule->minor > MINOR_MAX)
            return validate_fail(error, "must be in -1..1048575", "linux.resources.devices[%zu].minor", i);
    }
    return 0;
}

static int check_path_list(const struct SpecStrings *paths, const char *where, struct Error *error)
{
    int r = 0;
    for (size_t i = 0; r >= 0 && i < paths->count; i++)
        r = validate_fail(error, validate_path(paths->items[i]), "linux.%s[%zu]", where, i);
    return r;
}

static int check_paths(const struct Spec *spec, struct Error *error)
{
    int r = check_path_list(&spec->masked_paths, "maskedPaths", error);
    return r < 0 ? r : check_path_list(&spec->readonly_paths, "readonlyPaths", error);
}

static int check_propagation(const struct Spec *spec, struct Error *error)
{
    static const char *const names[] = {"private", "rprivate", "slave",      "rslave",
                                        "shared",  "rshared",  "unbindable", "runbindable"};
    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        if (!spec->rootfs_propagation || str_equal(spec->rootfs_propagation, names[i]))
            return 0;
    return validate_fail(error, "is no kind of mount propagation", "linux.rootfsPropagation");
}

/* Keys go into a path below /proc/sys, with dots or slashes between the parts. Which of them belong
 * to the container's namespaces is the planner's question. */
static const char *sysctl_complaint(const char *text)
{
    size_t size = strcspn(text, "=");
    if (!text[size])
        return "must be KEY=VALUE";
    for (size_t at = 0, part = 0; at <= size; at += part + 1) {
        part = strcspn(text + at, "./=");
        if (part == 0)
            return "has an empty part in its key";
    }
    if (memchr(text, ' ', size))
        return "must not hold a space in its key";
    return validate_text(text, VALIDATE_PATH_LIMIT);
}

static int check_sysctls(const struct Spec *spec, struct Error *error)
{
    for (size_t i = 0; i < spec->sysctls.count; i++) {
        const char *text = spec->sysctls.items[i], *complaint = sysctl_complaint(text);
        if (complaint)
            return validate_fail(error, complaint, "linux.sysctl.%.*s",
                                 str_is_printable(text, strcspn(text, "=")) ? (int)strcspn(text, "=") : 0,
                                 text);
    }
    return 0;
}

static const char *cgroup_path_complaint(const char *path)
{
    for (const char *at = path; *at;) {
        size_t size = strcspn(at, "/");
        if (size == 2 && memcmp(at, "..", 2) == 0)
            return "must not hold \"..\"";
        at += size + (at[size] == '/');
    }
    return validate_text(path, VALIDATE_PATH_LIMIT);
}

static int check_cgroups_path(const struct Spec *spec, struct Error *error)
{
    const char *path = spec->cgroups_path;
    return path ? validate_fail(error, cgroup_path_complaint(path), "linux.cgroupsPath") : 0;
}

static int check_annotations(const struct Spec *spec, struct Error *error)
{
    for (size_t i = 0; i < spec->annotations.count; i++) {
        const char *text = spec->annotations.items[i];
        size_t name = strcspn(text, "=");
        if (name == 0 || !text[name] || !str_is_printable(text, name))
            return validate_fail(error, "must be NAME=VALUE, without control bytes in the name",
                                 "annotations");
    }
    return 0;
}

/* A limit as spec.h has it: `unlimited` ones may be -1. */
struct Range {
    const char *where, *complaint;
    size_t has_offset, offset;
    int64_t minimum, maximum;
    bool unlimited;
};
#define RANGE(member, field, text)                                                                           \
    .where = "linux.resources." member, .complaint = text,                                                   \
    .has_offset = offsetof(struct SpecResources, has_##field),                                               \
    .offset = offsetof(struct SpecResources, field)

static const struct Range ranges[] = {
    {RANGE("memory.limit", memory, "must be positive or -1"), 1, INT64_MAX, true},
    {RANGE("memory.swap", memory_swap, "must be positive or -1"), 1, INT64_MAX, true},
    {RANGE("memory.reservation", memory_reservation, "must be positive or -1"), 1, INT64_MAX, true},
    {RANGE("pids.limit", pids, "must be positive or -1"), 1, INT64_MAX, true},
    {RANGE("cpu.shares", cpu_shares, "must be in 2..262144"), 2, 262144, false},
    {RANGE("cpu.quota", cpu_quota, "must be at least 1000 or -1"), 1000, INT64_MAX, true},
    {RANGE("cpu.period", cpu_period, "must be in 1000..1000000"), 1000, 1000000, false},
};

static int check_ranges(const struct SpecResources *resources, struct Error *error)
{
    for (size_t i = 0; i < ELEMENTSOF(ranges); i++) {
        const struct Range *range = &ranges[i];
        int64_t value = 0;
        if (!*((const bool *)((const char *)resources + range->has_offset)))
            continue;
        /* Unsigned ones above INT64_MAX come out negative, and so out of range. */
        memcpy(&value, (const char *)resources + range->offset, sizeof(value));
        bool good = (value >= range->minimum && value <= range->maximum) || (range->unlimited && value == -1);
        if (!good)
            return validate_fail(error, range->complaint, "%s", range->where);
    }
    return 0;
}

static int check_resources(const struct Spec *spec, struct Error *error)
{
    const struct SpecResources *resources = &spec->resources;
    int r = check_ranges(resources, error);
    if (r < 0)
        return r;
    /* Swap counts memory and swap together: it says nothing without the first, and cannot be less. */
    if (resources->has_memory_swap && resources->memory_swap > 0) {
        if (!resources->has_memory || resources->memory == -1)
            return validate_fail(error, "needs a limit of memory", "linux.resources.memory.swap");
        if (resources->memory_swap < resources->memory)
            return validate_fail(error, "must not be below the limit of memory",
                                 "linux.resources.memory.swap");
    }
    return check_device_rules(spec, error);
}

int validate_linux(const struct Spec *spec, struct Error *error)
{
    static int (*const checks[])(const struct Spec *, struct Error *) = {
        check_namespaces, check_devices,      check_paths,     check_propagation,
        check_sysctls,    check_cgroups_path, check_resources, check_annotations,
    };
    int r = 0;
    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(checks); i++)
        r = checks[i](spec, error);
    return r;
}
