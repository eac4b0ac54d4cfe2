// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A container as the OCI runtime specification 1.2 describes it, as plain structs. Filled either
 * by spec_parse() from a config.json or by the supervisor from the arguments of container.create;
 * everything a Spec points to lives in its arena. Strings never hold control bytes that could
 * become a second line or argument, never NUL. A field that this version does not carry out is
 * refused by spec_parse() with Unsupported and its JSON path, never dropped.
 */
#include "base/arena.h"
#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum NamespaceType {
    NAMESPACE_MOUNT,
    NAMESPACE_PID,
    NAMESPACE_IPC,
    NAMESPACE_UTS,
    NAMESPACE_NETWORK,
    NAMESPACE_CGROUP,
    NAMESPACE_TYPE_COUNT,
};

struct SpecNamespace {
    bool wanted;      /* present in linux.namespaces */
    const char *path; /* join this one; NULL: a new one */
};

struct SpecStrings {
    const char **items; /* count entries, then NULL */
    size_t count;
};

struct SpecMount {
    const char *destination; /* absolute in the container */
    const char *type;        /* NULL: a bind when options say so */
    const char *source;      /* NULL: none */
    struct SpecStrings options;
};

struct SpecDevice {
    const char *path;
    char type; /* c u b p */
    int64_t major, minor;
    uint32_t mode; /* permissions; 0666 when absent */
    uint32_t uid, gid;
};

struct SpecRlimit {
    int resource; /* RLIMIT_x */
    const char *name;
    uint64_t soft, hard;
};

/* linux.resources.devices[]: applied in order, the last match wins. */
struct SpecDeviceRule {
    bool allow;
    char type;            /* a c b */
    int64_t major, minor; /* -1: all */
    bool read, write, mknod;
};

enum SpecCapabilitySet {
    CAPABILITY_BOUNDING,
    CAPABILITY_EFFECTIVE,
    CAPABILITY_PERMITTED,
    CAPABILITY_INHERITABLE,
    CAPABILITY_AMBIENT,
    CAPABILITY_SET_COUNT,
};

struct SpecSeccompArgument {
    uint32_t index;
    uint64_t value, value_two;
    const char *op; /* SCMP_CMP_EQ ... */
};

struct SpecSeccompRule {
    struct SpecStrings names;
    const char *action;
    bool has_errno;
    uint32_t errno_value;
    struct SpecSeccompArgument *arguments;
    size_t argument_count;
};

struct SpecSeccomp {
    bool present;
    const char *default_action;
    bool has_default_errno;
    uint32_t default_errno;
    struct SpecStrings architectures; /* SCMP_ARCH_x */
    struct SpecStrings flags;
    struct SpecSeccompRule *rules;
    size_t rule_count;
};

/* Limits: has_x false = not given. Bytes, except where named otherwise; -1 = unlimited. */
struct SpecResources {
    bool has_memory, has_memory_swap, has_memory_reservation, has_pids, has_cpu_shares, has_cpu_quota,
        has_cpu_period;
    int64_t memory;             /* linux.resources.memory.limit */
    int64_t memory_swap;        /* memory + swap together, as OCI has it */
    int64_t memory_reservation; /* soft limit: memory.low on v2, soft_limit on v1 */
    int64_t pids;
    uint64_t cpu_shares; /* 2..262144 */
    uint64_t cpu_weight; /* 1..10000, in place of shares; 0: not given (config.json has no such member) */
    int64_t cpu_quota;   /* usec per period */
    uint64_t cpu_period; /* usec */
    struct SpecDeviceRule *devices;
    size_t device_count;
};

struct Spec {
    struct Arena arena;
    const char *oci_version;
    const char *hostname, *domainname; /* NULL: none */

    /* root: a folder, or (rootfs NULL, overlay_lower set) a throw-away overlay over that folder. */
    const char *rootfs; /* absolute on the host */
    const char *overlay_lower;
    const char *overlay_scratch; /* empty folder of ours where the overlay's tmpfs is mounted */
    bool root_readonly;

    struct SpecStrings arguments; /* process.args, at least one */
    struct SpecStrings environment;
    const char *cwd;
    bool terminal;
    uint32_t uid, gid, umask;
    bool has_umask;
    uint32_t *additional_gids;
    size_t additional_gid_count;
    bool no_new_privileges;
    bool has_oom_score_adj;
    int32_t oom_score_adj;
    struct SpecRlimit *rlimits;
    size_t rlimit_count;
    bool has_capabilities; /* process.capabilities absent: all five sets are empty */
    struct SpecStrings capabilities[CAPABILITY_SET_COUNT]; /* "CAP_X", not yet checked against the kernel */

    struct SpecNamespace namespaces[NAMESPACE_TYPE_COUNT];
    struct SpecMount *mounts;
    size_t mount_count;
    struct SpecDevice *devices;
    size_t device_count;
    struct SpecStrings masked_paths, readonly_paths;
    const char *rootfs_propagation; /* NULL: rprivate for our own tree, "/" becomes rslave */
    struct SpecStrings sysctls;     /* "key=value" */
    const char *cgroups_path;       /* NULL: the caller's default */
    struct SpecResources resources;
    struct SpecSeccomp seccomp;
    struct SpecStrings annotations; /* "key=value" */
};

enum {
    SPEC_JSON_LIMIT = 4 << 20, /* bytes of config.json */
    SPEC_LIST_LIMIT = 65536,   /* entries of any list */
};

/* Parses a config.json. `bundle` is the absolute folder that root.path and relative mount sources
 * are relative to. Unknown members are ignored as the specification asks, fields davit knows but
 * does not carry out are Unsupported, everything else wrong is InvalidArgument; error->where is
 * the JSON path (`linux.resources.memory.limit`, `mounts[3].destination`), or `config.json` when
 * it is no JSON at all. On success the Spec belongs to the caller. */
int spec_parse(const char *json, size_t size, const char *bundle, struct Spec **ret, struct Error *error);

/* Reads BUNDLE/config.json (bounded, a regular file) and parses it; json (optional) returns the text. */
int spec_load(const char *bundle, struct Spec **ret, char **ret_json, struct Error *error);

/* An empty Spec with its arena, for callers that fill it themselves. */
struct Spec *spec_new(void);
void spec_free(struct Spec *spec);
DEFINE_CLEANUP(struct Spec *, spec_free)
#define _cleanup_spec_ _cleanup_(spec_free_pointer)

/* The rules that hold for a Spec of either origin (paths absolute, ids in range, at least one
 * argument, no duplicate namespaces, names without control bytes, ...). spec_parse() calls it. */
int spec_validate(const struct Spec *spec, struct Error *error);

/* process.user given as text: "uid", "uid:gid", "name", "name:group" looked up in /etc/passwd and
 * /etc/group below root_fd (bounded, regular files only); numbers stay numbers. Fills uid, gid and
 * the groups that list the name. where = "user". */
int spec_resolve_user(struct Spec *spec, int root_fd, const char *user, struct Error *error);

/* Sets name and resource from "RLIMIT_NOFILE"; -EINVAL when Linux has no such limit. */
int spec_rlimit_name(struct SpecRlimit *limit, const char *name);

/* The text that `davit-oci spec` prints: a config.json that runs `sh` in rootfs. */
extern const char *const SPEC_TEMPLATE;
