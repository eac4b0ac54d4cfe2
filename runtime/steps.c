// SPDX-License-Identifier: Apache-2.0
/*
 * THE ORDER: what each kind of operation does, what must have happened before it, and what it makes
 * possible. The stage of a kind (host, monitor, child, exec) is part of its schema in runtime/plan/op.c; a
 * plan lists its ops in the order in which they run and never goes back to an earlier stage.
 *
 * `needs` is not trust in the planner but the opposite: a plan that would mount in the host's mount
 * namespace, or rename the host, is refused by the step itself.
 */
#include "runtime/stage.h"
#include <sched.h>

#define NEEDS_ROOT  (CLONE_NEWNS | STEP_HAS_ROOT)
#define NEEDS_PIVOT (CLONE_NEWNS | STEP_HAS_ROOT | STEP_HAS_PIVOTED)

static const struct Step steps[OP_KIND_END] = {
    /* In the monitor. */
    [OP_CGROUP] = {OP_CGROUP, step_cgroup, 0, STEP_HAS_CGROUP},
    [OP_CGROUP_VALUE] = {OP_CGROUP_VALUE, step_cgroup_value, STEP_HAS_CGROUP, 0},
    [OP_NAMESPACE] = {OP_NAMESPACE, step_namespace, 0, 0}, /* gives its flag */
    [OP_CGROUP_DEVICES] = {OP_CGROUP_DEVICES, step_cgroup_devices, STEP_HAS_CGROUP, 0},
    /* In init, up to ready. */
    [OP_KEYRING] = {OP_KEYRING, step_keyring, 0, 0},
    [OP_ROOTFS] = {OP_ROOTFS, step_rootfs, CLONE_NEWNS, STEP_HAS_ROOT},
    [OP_OVERLAY] = {OP_OVERLAY, step_overlay, CLONE_NEWNS, STEP_HAS_ROOT},
    [OP_MOUNT] = {OP_MOUNT, step_mount, NEEDS_ROOT, 0},
    [OP_BIND] = {OP_BIND, step_bind, NEEDS_ROOT, 0},
    [OP_DEVICE] = {OP_DEVICE, step_device, NEEDS_ROOT, 0},
    [OP_LINK] = {OP_LINK, step_link, NEEDS_ROOT, 0},
    [OP_MASK] = {OP_MASK, step_mask, NEEDS_ROOT, 0},
    [OP_READONLY] = {OP_READONLY, step_readonly, NEEDS_ROOT, 0},
    [OP_ROOT_READONLY] = {OP_ROOT_READONLY, step_root_readonly, NEEDS_ROOT, 0},
    [OP_PIVOT] = {OP_PIVOT, step_pivot, NEEDS_ROOT, STEP_HAS_PIVOTED},
    [OP_HOSTNAME] = {OP_HOSTNAME, step_hostname, CLONE_NEWUTS, 0},
    [OP_DOMAINNAME] = {OP_DOMAINNAME, step_domainname, CLONE_NEWUTS, 0},
    [OP_LOOPBACK] = {OP_LOOPBACK, step_loopback, CLONE_NEWNET, 0},
    [OP_SYSCTL] = {OP_SYSCTL, step_sysctl, STEP_HAS_PROCFS, 0},
    [OP_OOM_SCORE] = {OP_OOM_SCORE, step_oom_score, STEP_HAS_PROCFS, 0},
    [OP_RLIMIT] = {OP_RLIMIT, step_rlimit, 0, 0},
    [OP_LOOKUP] = {OP_LOOKUP, step_lookup, NEEDS_PIVOT, STEP_HAS_PROGRAM},
    /* In init, once it was released. */
    [OP_NO_NEW_PRIVILEGES] = {OP_NO_NEW_PRIVILEGES, step_no_new_privileges, NEEDS_PIVOT, 0},
    [OP_BOUNDING] = {OP_BOUNDING, step_bounding, NEEDS_PIVOT, 0},
    [OP_USER] = {OP_USER, step_user, NEEDS_PIVOT, STEP_HAS_USER},
    [OP_CAPABILITIES] = {OP_CAPABILITIES, step_capabilities, NEEDS_PIVOT | STEP_HAS_USER, 0},
    [OP_CWD] = {OP_CWD, step_cwd, NEEDS_PIVOT, 0},
    [OP_SECCOMP] = {OP_SECCOMP, step_seccomp, NEEDS_PIVOT, 0},
    [OP_EXEC] = {OP_EXEC, step_exec, NEEDS_PIVOT | STEP_HAS_PROGRAM | STEP_HAS_USER, 0},
};

const struct Step *runtime_step(enum OpKind kind)
{
    if ((unsigned)kind >= ELEMENTSOF(steps) || !steps[kind].run)
        return NULL;
    return &steps[kind];
}

int step_run(struct StepContext *context, const struct Op *op)
{
    const struct Step *step = runtime_step(op->kind);
    if (!step)
        return step_fail(context, op, EBADMSG, "the plan has an operation of unknown kind %d", (int)op->kind);
    if ((context->have & step->needs) != step->needs)
        return step_fail(context, op, EBADMSG, "the plan lacks what this step needs (0x%llx)",
                         (unsigned long long)(step->needs & ~context->have));
    int r = step->run(context, op);
    if (r >= 0)
        context->have |= step->gives;
    return r;
}
