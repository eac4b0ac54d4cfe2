// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What will be done to start a container, as a list of operations in the order in which they are
 * carried out. The planner (davitd or davit-oci) decides; whoever carries the plan out (davit-shim
 * or davit-oci) only executes. One op is one kind of step with its arguments; the table in op.c
 * describes the fields of every kind, and encoding, decoding and printing all walk that table.
 *
 * Encoded form (host byte order, one machine): header {u32 magic, version, size, count, u64 sum
 * of what follows the header}, then per op {u16 kind, u16 zero, u32 size} and its fields in table order:
 * numbers as 8 bytes, text as u32 length + bytes + NUL, a list as u32 count + u32 bytes +
 * NUL-terminated strings, a blob as u32 length + bytes; each field is filled up with zeros to a
 * multiple of 8 bytes, so a blob is aligned for 4-byte elements when the plan itself is.
 * Pure; the decoder trusts nothing.
 */
#include "base/buf.h"
#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where an op runs. A plan's ops never go back to an earlier stage. */
enum OpStage {
    STAGE_HOST,    /* in the monitor, before init exists */
    STAGE_MONITOR, /* in the monitor, beside init's work, and done before init is released */
    STAGE_CHILD,   /* in init, in its namespaces; then init reports ready and waits */
    STAGE_EXEC,    /* in init, after it was released, up to the exec of the payload */
};

enum OpKind {
    OP_CGROUP = 1,     /* make one cgroup folder; the first with version 2 is entered by clone */
    OP_CGROUP_VALUE,   /* write one of its files */
    OP_NAMESPACE,      /* a new namespace, or join by path */
    OP_CGROUP_DEVICES, /* attach a BPF device filter to the v2 cgroup */
    OP_KEYRING,        /* a session keyring of its own */
    OP_ROOTFS,         /* bind the root folder; everything after is relative to it */
    OP_OVERLAY,        /* instead: a throw-away overlay over a folder, upper layer in a tmpfs */
    OP_MOUNT,          /* a new filesystem */
    OP_BIND,           /* a bind mount of a host path, file or folder */
    OP_DEVICE,         /* a device node (or FIFO) */
    OP_LINK,           /* a symbolic link */
    OP_MASK,           /* hide a path; missing is fine */
    OP_READONLY,       /* make a path read-only; missing is fine */
    OP_ROOT_READONLY,
    OP_PIVOT, /* the root becomes "/" and the host's tree is detached */
    OP_HOSTNAME,
    OP_DOMAINNAME,
    OP_LOOPBACK, /* `lo` up in the new network namespace */
    OP_SYSCTL,
    OP_OOM_SCORE,
    OP_RLIMIT,
    OP_LOOKUP, /* check that the payload's program is there and executable */
    OP_NO_NEW_PRIVILEGES,
    OP_BOUNDING, /* drop from the bounding set */
    OP_USER,     /* groups, gid, uid, keeping permitted capabilities meanwhile */
    OP_CAPABILITIES,
    OP_CWD,
    OP_SECCOMP,
    OP_EXEC,
    OP_KIND_END,
};

struct OpBlob {
    const void *data;
    uint32_t size;
};

/* Strings one after the other, each with its NUL. */
struct OpStrings {
    const char *data;
    uint32_t count, size;
};
/* NULL first, then each returned string; NULL at the end. */
const char *op_strings_next(const struct OpStrings *strings, const char *previous);

struct Op {
    enum OpKind kind;
    union {
        struct {
            const char *mount;            /* where the hierarchy is mounted on the host */
            const char *path;             /* absolute within it */
            uint64_t version;             /* 1, 2 */
            struct OpStrings controllers; /* v2: enabled on the way down, "memory" "pids" */
        } cgroup;
        struct {
            uint64_t index; /* of the OP_CGROUP, counted from 0 */
            const char *file, *value;
            uint64_t optional; /* failure is a warning */
        } cgroup_value;
        struct {
            struct OpBlob program; /* struct bpf_insn[] */
        } cgroup_devices;
        struct {
            uint64_t flag;    /* CLONE_NEWx */
            const char *path; /* "": new */
        } namespace;
        struct {
            const char *name;
        } keyring;
        struct {
            const char *path;
            uint64_t propagation; /* MS_x of the host's tree as seen by the container */
        } rootfs;
        struct {
            const char *lower, *scratch;
            uint64_t size; /* bytes of the tmpfs, 0: the kernel's default */
            uint64_t propagation;
        } overlay;
        struct {
            const char *type, *source, *target;
            struct OpStrings data; /* "key=value" or "key" */
            uint64_t attributes;   /* MOUNT_ATTR_x */
            uint64_t propagation;  /* MS_x, 0: unchanged */
            uint64_t optional;
        } mount;
        struct {
            const char *source, *target;
            uint64_t recursive;
            uint64_t attributes_set, attributes_clear;
            uint64_t attributes_recursive; /* set on the whole tree, an access time replaces the old one */
            uint64_t propagation;
        } bind;
        struct {
            const char *path;
            uint64_t mode; /* S_IFx | permissions */
            uint64_t major, minor, uid, gid;
        } device;
        struct {
            const char *target, *path;
        } link;
        struct {
            const char *path;
        } path; /* OP_MASK, OP_READONLY, OP_CWD */
        struct {
            uint64_t chroot; /* a joined mount namespace: chroot only, nothing is detached */
        } pivot;
        struct {
            const char *name;
        } name; /* OP_HOSTNAME, OP_DOMAINNAME */
        struct {
            const char *path, *value; /* "net/ipv4/ip_forward" */
        } sysctl;
        struct {
            int64_t value;
        } oom_score;
        struct {
            const char *name;
            uint64_t resource, soft, hard;
        } rlimit;
        struct {
            uint64_t keep; /* bit mask of capabilities */
        } bounding;
        struct {
            uint64_t uid, gid;
            struct OpBlob groups; /* uint32_t[] */
            uint64_t umask;
        } user;
        struct {
            uint64_t effective, permitted, inheritable, ambient;
        } capabilities;
        struct {
            struct OpBlob filter; /* struct sock_filter[] */
            uint64_t flags;       /* SECCOMP_FILTER_FLAG_x */
        } seccomp;
        struct {
            struct OpStrings arguments, environment;
        } exec; /* OP_LOOKUP and OP_EXEC */
    };
};

enum OpFieldType { OP_U64, OP_HEX, OP_I64, OP_TEXT, OP_STRINGS, OP_BLOB };

struct OpField {
    const char *name;
    enum OpFieldType type;
    size_t offset;  /* in struct Op */
    uint64_t bound; /* numbers: the largest value, 0: any; blobs: bytes of one element, 0: 1 */
};

enum { OP_FIELD_MAX = 8 };

struct OpSchema {
    const char *name; /* as printed and as the step in an error: "mount" */
    enum OpStage stage;
    struct OpField fields[OP_FIELD_MAX]; /* ends with name NULL */
};

/* NULL when kind is none of ours. */
const struct OpSchema *op_schema(enum OpKind kind);
/* The object an op acts on (target, path, name ...), for "mount /proc"; "" when it has none. */
const char *op_object(const struct Op *op);

enum {
    PLAN_SIZE_MAX = 4 << 20,
    PLAN_OPS_MAX = 8192,
    PLAN_VERSION = 1,
};

/* --- writing --- */
struct PlanBuilder {
    struct Buf bytes;
    uint32_t count;
    enum OpStage stage;
    int error; /* sticks: -ENOMEM, -EFBIG, -EINVAL for an op out of stage order */
};
#define PLAN_BUILDER_INIT                                                                                    \
    {                                                                                                        \
        0                                                                                                    \
    }
void plan_builder_deinit(struct PlanBuilder *builder);
void plan_add(struct PlanBuilder *builder, const struct Op *op);
/* Packs a NULL-terminated array; the data belongs to *storage. */
struct OpStrings op_strings_pack(struct Buf *storage, const char *const *items);
/* Ends the plan; the bytes belong to the caller. */
int plan_finish(struct PlanBuilder *builder, char **ret_data, size_t *ret_size);

/* --- reading: no allocation, everything points into the bytes --- */
struct Plan {
    const char *data;
    size_t size;
    uint32_t count;
};
/* Checks the whole plan: header, crc, every field of every op, stage order. -EBADMSG if anything is off. */
int plan_open(struct Plan *plan, const void *data, size_t size);
/* Start with *cursor = 0. 1 with *op filled, 0 at the end. Only on an opened plan. */
int plan_next(const struct Plan *plan, size_t *cursor, struct Op *ret_op);

/* One line an op: `mount type=proc source=proc target=/proc attributes=nosuid,nodev,noexec`. */
void plan_print(const struct Plan *plan, struct Buf *out);
