// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The steps: one function for each kind of op. A step carries out exactly what its op says, through
 * descriptors, and decides nothing. It returns 0; a negative errno with the error filled (the
 * container cannot be); or STEP_WARNING with the error filled (it can be without this).
 *
 * struct StepContext is what steps leave for later ones. The monitor fills it in the host stage;
 * init goes on with its copy. Everything here links nothing but libc, as the resident shim uses it.
 */
#include "base/error.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/plan/op.h"
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

enum { STEP_WARNING = 1 };

/* What a step can rely on. Namespaces of the container's own, new or joined, are their CLONE_NEWx
 * bits; a step that would otherwise change the host needs them, whatever the plan says. */
#define STEP_HAS_ROOT    (UINT64_C(1) << 32) /* root_fd is the container's root mount */
#define STEP_HAS_PIVOTED (UINT64_C(1) << 33) /* and it is "/" */
#define STEP_HAS_PROGRAM (UINT64_C(1) << 34) /* `program` was looked up */
#define STEP_HAS_PROCFS  (UINT64_C(1) << 35) /* proc_fd, opened before any other step of init */
#define STEP_HAS_CGROUP  (UINT64_C(1) << 36)
#define STEP_HAS_USER    (UINT64_C(1) << 37) /* groups and ids are the payload's */

struct StepJoin {
    uint64_t flag;
    int fd;
};

enum { STEP_JOINS_MAX = 8 };

struct StepContext {
    const struct Plan *plan;
    struct CgroupSet *cgroups;
    struct Error *error;
    uint64_t have;

    /* From the host stage. */
    uint64_t clone_flags;
    bool unshare_cgroup; /* by init, once it is in its cgroups */
    struct StepJoin joins[STEP_JOINS_MAX];
    unsigned join_count;
    const char *cgroup_mounts[CGROUP_DIRS_MAX]; /* in the plan's order */
    unsigned cgroup_count;

    /* In init. */
    const char *cwd; /* the plan's, NULL: none */
    int proc_fd;     /* the host's procfs */
    int root_fd;
    int null_fd; /* a mount of the host's /dev/null, verified */
    bool null_attached;
    bool masks_after_pivot;
    int empty_fd;              /* an attached, empty, read-only tmpfs, for masks */
    uint64_t root_propagation; /* MS_x for the root once all is mounted, 0: as it is */
    bool root_shared;          /* the host's tree is still shared */
    bool death_signal;         /* the parent's death kills us; to be cleared before the exec */
    int sync_fd;
    char program[PATH_MAX];
};

#define STEP_CONTEXT_INIT                                                                                    \
    {                                                                                                        \
        .proc_fd = -1, .root_fd = -1, .null_fd = -1, .empty_fd = -1, .sync_fd = -1                           \
    }
void step_context_deinit(struct StepContext *context); /* closes */

struct Step {
    enum OpKind kind;
    int (*run)(struct StepContext *context, const struct Op *op);
    uint64_t needs; /* all of them */
    uint64_t gives;
};

/* Fills the error: RuntimeFailed, where = "<step> <object>". Returns -errnum. */
int step_fail(struct StepContext *context, const struct Op *op, int errnum, const char *format, ...)
    _printf_(4, 5);
/* The same, as a warning. */
int step_warn(struct StepContext *context, const struct Op *op, int errnum, const char *format, ...)
    _printf_(4, 5);

int step_cgroup(struct StepContext *context, const struct Op *op);
int step_cgroup_value(struct StepContext *context, const struct Op *op);
int step_cgroup_devices(struct StepContext *context, const struct Op *op);
int step_namespace(struct StepContext *context, const struct Op *op);
int step_keyring(struct StepContext *context, const struct Op *op);
int step_rootfs(struct StepContext *context, const struct Op *op);
int step_overlay(struct StepContext *context, const struct Op *op);
int step_mount(struct StepContext *context, const struct Op *op);
int step_bind(struct StepContext *context, const struct Op *op);
int step_device(struct StepContext *context, const struct Op *op);
int step_link(struct StepContext *context, const struct Op *op);
int step_mask(struct StepContext *context, const struct Op *op);
int step_readonly(struct StepContext *context, const struct Op *op);
int step_root_readonly(struct StepContext *context, const struct Op *op);
int step_pivot(struct StepContext *context, const struct Op *op);
int step_hostname(struct StepContext *context, const struct Op *op);
int step_domainname(struct StepContext *context, const struct Op *op);
int step_loopback(struct StepContext *context, const struct Op *op);
int step_sysctl(struct StepContext *context, const struct Op *op);
int step_oom_score(struct StepContext *context, const struct Op *op);
int step_rlimit(struct StepContext *context, const struct Op *op);
int step_lookup(struct StepContext *context, const struct Op *op);
int step_no_new_privileges(struct StepContext *context, const struct Op *op);
int step_bounding(struct StepContext *context, const struct Op *op);
int step_user(struct StepContext *context, const struct Op *op);
int step_capabilities(struct StepContext *context, const struct Op *op);
int step_cwd(struct StepContext *context, const struct Op *op);
int step_seccomp(struct StepContext *context, const struct Op *op);
int step_exec(struct StepContext *context, const struct Op *op);

/* Gets hold of the host's /dev/null while it can be reached. */
int mask_prepare(struct StepContext *context);
/* The descriptor is a character device 1:3. */
bool fd_is_dev_null(int fd);
/* Enters the namespaces that the plan joins, all but the pid namespace (which only children can
 * enter: the monitor's part). Closes their descriptors. */
int namespace_join_all(struct StepContext *context);
/* The joined pid namespace, or -1. */
int namespace_pid_fd(const struct StepContext *context);
/* No more parent-death signal; once, just before the exec or the filter that could forbid it. */
void exec_clear_death_signal(struct StepContext *context);
