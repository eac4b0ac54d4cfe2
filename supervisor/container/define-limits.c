// SPDX-License-Identifier: Apache-2.0
/* Capabilities, devices and limits of a container that is not a bundle. */
#include "base/str.h"
#include "supervisor/container/define.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include <sys/capability.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum { CPU_PERIOD_USEC = 100000, PIDS_DEFAULT = 4096 };

/* --- capabilities --- */

#define BIT(value) (UINT64_C(1) << (value))
static const uint64_t DEFAULT_CAPABILITIES =
    BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FOWNER) | BIT(CAP_FSETID) | BIT(CAP_KILL) |
    BIT(CAP_SETGID) | BIT(CAP_SETUID) | BIT(CAP_SETPCAP) | BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_NET_RAW) |
    BIT(CAP_SYS_CHROOT) | BIT(CAP_MKNOD) | BIT(CAP_AUDIT_WRITE) | BIT(CAP_SETFCAP);

/* "NET_ADMIN", "cap_net_admin", "CAP_NET_ADMIN"; ALL is every bit of `known`. */
static int parse_capability(const char *text, uint64_t known, uint64_t *ret)
{
    char name[64];
    cap_value_t value;
    bool prefixed = strncasecmp(text, "cap_", 4) == 0;
    if (strcasecmp(text, "all") == 0) {
        *ret = known;
        return 0;
    }
    if (!str_format(name, sizeof(name), "%s%s", prefixed ? "" : "cap_", text) ||
        cap_from_name(name, &value) < 0 || value < 0 || value >= 64)
        return -EINVAL;
    *ret = BIT(value);
    return 0;
}

static int parse_capabilities(const struct SchemaTexts *texts, const char *argument, uint64_t known,
                              bool *ret_all, uint64_t *ret, struct Error *error)
{
    for (size_t i = 0; i < texts->count; i++) {
        uint64_t bits;
        char where[64];
        if (parse_capability(texts->items[i], known, &bits) < 0) {
            (void)str_format(where, sizeof(where), "%s[%zu]", argument, i);
            return error_set(error, ERROR_INVALID_ARGUMENT, where, "%.64s is no capability", texts->items[i]);
        }
        if (strcasecmp(texts->items[i], "all") == 0)
            *ret_all = true;
        else
            *ret |= bits;
    }
    return 0;
}

static int name_capabilities(struct Spec *spec, uint64_t mask, struct SpecStrings *ret)
{
    const char *names[64];
    size_t count = 0;
    for (int value = 0; value < 64; value++) {
        if (!(mask & BIT(value)))
            continue;
        char *lower = cap_to_name(value);
        char *name = lower ? arena_strdup(&spec->arena, lower) : NULL;
        cap_free(lower);
        if (!name)
            return -ENOMEM;
        for (char *at = name; *at; at++)
            *at = (char)toupper((unsigned char)*at);
        names[count++] = name;
    }
    return define_strings(spec, names, count, ret);
}

/* Single names win over ALL: {drop: ALL, add: X} is X alone, {add: ALL, drop: X} all but X. */
int define_capabilities(struct Spec *spec, const struct ArgCreate *arguments, uint64_t known,
                        struct Error *error)
{
    uint64_t add = 0, drop = 0, mask = DEFAULT_CAPABILITIES;
    bool add_all = arguments->privileged, drop_all = false;
    int r = parse_capabilities(&arguments->cap_add, "cap_add", known, &add_all, &add, error);
    if (r == 0)
        r = parse_capabilities(&arguments->cap_drop, "cap_drop", known, &drop_all, &drop, error);
    if (r < 0)
        return r;
    if (add_all)
        mask = known;
    if (drop_all)
        mask = 0;
    mask = (mask | add) & ~drop;
    static const enum SpecCapabilitySet SETS[] = {CAPABILITY_BOUNDING, CAPABILITY_EFFECTIVE,
                                                  CAPABILITY_PERMITTED};
    struct SpecStrings names;
    if (name_capabilities(spec, mask, &names) < 0)
        return define_no_memory(error);
    spec->has_capabilities = true;
    for (size_t i = 0; i < ELEMENTSOF(SETS); i++)
        spec->capabilities[SETS[i]] = names;
    return 0;
}

/* --- devices --- */

static int define_device(struct Spec *spec, const struct ArgDevice *asked, size_t index, struct Error *error)
{
    struct SpecDevice *device = &spec->devices[spec->device_count++];
    struct SpecDeviceRule *rule = &spec->resources.devices[spec->resources.device_count++];
    const char *access = asked->access ? asked->access : "rwm";
    struct stat st;
    char where[64];
    (void)str_format(where, sizeof(where), "devices[%zu].path", index);
    if (stat(asked->path, &st) < 0)
        return error_set_errno(error, ERROR_NOT_FOUND, errno, where, "%s", asked->path);
    if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
        return error_set(error, ERROR_INVALID_ARGUMENT, where, "%s is no device", asked->path);
    if (access[strspn(access, "rwm")]) {
        (void)str_format(where, sizeof(where), "devices[%zu].access", index);
        return error_set(error, ERROR_INVALID_ARGUMENT, where, "must be letters of rwm");
    }
    *device = (struct SpecDevice){
        .path = arena_strdup(&spec->arena, asked->target ? asked->target : asked->path),
        .type = S_ISCHR(st.st_mode) ? 'c' : 'b',
        .major = major(st.st_rdev),
        .minor = minor(st.st_rdev),
        .mode = st.st_mode & 07777,
        .uid = st.st_uid,
        .gid = st.st_gid,
    };
    *rule = (struct SpecDeviceRule){
        .allow = true,
        .type = device->type,
        .major = device->major,
        .minor = device->minor,
        .read = strchr(access, 'r'),
        .write = strchr(access, 'w'),
        .mknod = strchr(access, 'm'),
    };
    return device->path ? 0 : define_no_memory(error);
}

int define_devices(struct Spec *spec, const struct ArgCreate *arguments, struct Error *error)
{
    const struct ArgDevice *devices = arguments->devices.items;
    size_t count = arguments->devices.count;
    spec->devices = arena_alloc(&spec->arena, count + 1, sizeof(*spec->devices));
    spec->resources.devices = arena_alloc(&spec->arena, count + 1, sizeof(*spec->resources.devices));
    if (!spec->devices || !spec->resources.devices)
        return define_no_memory(error);
    /* Nothing but what is listed and what every container has; a privileged one has all. */
    spec->resources.devices[spec->resources.device_count++] =
        (struct SpecDeviceRule){.allow = arguments->privileged,
                                .type = 'a',
                                .major = -1,
                                .minor = -1,
                                .read = true,
                                .write = true,
                                .mknod = true};
    int r = 0;
    for (size_t i = 0; r == 0 && i < count; i++)
        r = define_device(spec, &devices[i], i, error);
    return r;
}

/* --- limits --- */

static const struct {
    const char *name;
    int resource;
} RLIMITS[] = {
    {"RLIMIT_AS", RLIMIT_AS},
    {"RLIMIT_CORE", RLIMIT_CORE},
    {"RLIMIT_CPU", RLIMIT_CPU},
    {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_NPROC", RLIMIT_NPROC},
    {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    {"RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_STACK", RLIMIT_STACK},
};

static int define_rlimit(struct SpecRlimit *limit, const struct ArgRlimit *asked, size_t index,
                         struct Error *error)
{
    char where[64];
    uint64_t hard = asked->hard.present ? asked->hard.value : asked->soft.value;
    const char *plain = strncasecmp(asked->name, "rlimit_", 7) == 0 ? asked->name + 7 : asked->name;
    for (size_t i = 0; i < ELEMENTSOF(RLIMITS); i++)
        if (strcasecmp(RLIMITS[i].name + 7, plain) == 0)
            *limit = (struct SpecRlimit){RLIMITS[i].resource, RLIMITS[i].name, asked->soft.value, hard};
    (void)str_format(where, sizeof(where), "rlimits[%zu].%s", index, limit->name ? "soft" : "name");
    if (!limit->name)
        return error_set(error, ERROR_INVALID_ARGUMENT, where, "%.32s is no resource limit", asked->name);
    if (asked->soft.value > hard)
        return error_set(error, ERROR_INVALID_ARGUMENT, where, "must not be above the hard limit");
    return 0;
}

int define_rlimits(struct Spec *spec, const struct ArgCreate *arguments, struct Error *error)
{
    const struct ArgRlimit *asked = arguments->rlimits.items;
    spec->rlimits = arena_alloc(&spec->arena, arguments->rlimits.count + 1, sizeof(*spec->rlimits));
    if (!spec->rlimits)
        return define_no_memory(error);
    for (size_t i = 0; i < arguments->rlimits.count; i++) {
        int r = define_rlimit(&spec->rlimits[spec->rlimit_count++], &asked[i], i, error);
        if (r < 0)
            return r;
    }
    return 0;
}

int define_resources(struct Spec *spec, const struct ArgCreate *arguments, struct Error *error)
{
    const struct ArgResources *asked = &arguments->resources;
    struct SpecResources *resources = &spec->resources;
    int64_t together;
    resources->has_pids = true;
    resources->pids = asked->pids.present ? (int64_t)asked->pids.value : PIDS_DEFAULT;
    if (asked->memory.present) {
        resources->has_memory = true;
        resources->memory = (int64_t)asked->memory.value;
    }
    if (asked->swap.present) {
        if (!asked->memory.present)
            return error_set(error, ERROR_INVALID_ARGUMENT, "resources.swap", "needs resources.memory");
        if (__builtin_add_overflow((int64_t)asked->memory.value, (int64_t)asked->swap.value, &together))
            return error_set(error, ERROR_INVALID_ARGUMENT, "resources.swap", "is too large");
        resources->has_memory_swap = true;
        resources->memory_swap = together; /* OCI counts both together */
    }
    if (asked->cpu.present) {
        resources->has_cpu_quota = resources->has_cpu_period = true;
        resources->cpu_period = CPU_PERIOD_USEC;
        resources->cpu_quota = (int64_t)(asked->cpu.value * CPU_PERIOD_USEC);
        if (resources->cpu_quota < 1000)
            return error_set(error, ERROR_INVALID_ARGUMENT, "resources.cpu", "must be at least 0.01");
    }
    if (asked->cpu_weight.present) {
        /* The inverse of the usual map of 2..262144 shares onto 1..10000. */
        resources->has_cpu_shares = true;
        resources->cpu_shares = 2 + (asked->cpu_weight.value - 1) * 262142 / 9999;
    }
    return 0;
}
