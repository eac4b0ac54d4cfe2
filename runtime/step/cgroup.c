// SPDX-License-Identifier: Apache-2.0
/* The container's cgroups: made and limited by the monitor before init exists. */
#include "base/fd.h"
#include "base/str.h"
#include "runtime/step/step.h"
#include <linux/bpf.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int step_cgroup(struct StepContext *context, const struct Op *op)
{
    char controllers[256] = "";
    size_t used = 0;
    const struct OpStrings *names = &op->cgroup.controllers;
    for (const char *name = op_strings_next(names, NULL); name; name = op_strings_next(names, name)) {
        int size = snprintf(controllers + used, sizeof(controllers) - used, "%s%s", used ? " " : "", name);
        if (size < 0 || (size_t)size >= sizeof(controllers) - used)
            return step_fail(context, op, E2BIG, "too many controllers");
        used += (size_t)size;
    }
    if (context->cgroup_count == CGROUP_DIRS_MAX)
        return step_fail(context, op, E2BIG, "too many hierarchies");
    struct Error error = {0};
    int r = cgroup_set_make(context->cgroups, (unsigned)op->cgroup.version, op->cgroup.mount, op->cgroup.path,
                            controllers, &error);
    if (r < 0) {
        /* The code stays: a folder that exists already is the caller's choice of a path. */
        char where[PATH_MAX];
        str_format(where, sizeof(where), "cgroup %s%s", op->cgroup.mount, op->cgroup.path);
        error_set(context->error, error.code ? (enum ErrorCode)error.code : ERROR_RUNTIME_FAILED, where, "%s",
                  error.what);
        context->error->errnum = error.errnum ? error.errnum : -r;
        return r;
    }
    context->cgroup_mounts[context->cgroup_count++] = op->cgroup.mount;
    return 0;
}

static const struct CgroupDir *find_dir(const struct StepContext *context, uint64_t index)
{
    if (index >= context->cgroup_count)
        return NULL;
    for (unsigned i = 0; i < context->cgroups->count; i++)
        if (str_equal(context->cgroups->dirs[i].mount, context->cgroup_mounts[index]))
            return &context->cgroups->dirs[i];
    return NULL;
}

int step_cgroup_value(struct StepContext *context, const struct Op *op)
{
    const struct CgroupDir *dir = find_dir(context, op->cgroup_value.index);
    if (!dir)
        return step_fail(context, op, EBADMSG, "the plan names no cgroup of its own");
    int r = cgroup_dir_write(dir, op->cgroup_value.file, op->cgroup_value.value);
    if (r >= 0)
        return 0;
    int (*report)(struct StepContext *, const struct Op *, int, const char *, ...) =
        op->cgroup_value.optional ? step_warn : step_fail;
    return report(context, op, r, "cannot write \"%.64s\"", op->cgroup_value.value);
}

static int bpf(int command, union bpf_attr *attributes)
{
    return (int)syscall(SYS_bpf, command, attributes, sizeof(*attributes));
}

int step_cgroup_devices(struct StepContext *context, const struct Op *op)
{
    const struct OpBlob *program = &op->cgroup_devices.program;
    const struct CgroupDir *dir = context->cgroups->count > 0 ? &context->cgroups->dirs[0] : NULL;
    if (!dir || dir->version != 2)
        return step_fail(context, op, EBADMSG, "the plan makes no v2 cgroup");
    union bpf_attr load = {
        .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
        .insns = (uintptr_t)program->data,
        .insn_cnt = program->size / (uint32_t)sizeof(struct bpf_insn),
        .license = (uintptr_t) "Apache-2.0",
    };
    _cleanup_close_ int fd = bpf(BPF_PROG_LOAD, &load);
    if (fd < 0 && errno == EPERM)
        return step_warn(context, op, errno, "no device filter");
    if (fd < 0)
        return step_fail(context, op, errno, "cannot load the device filter");
    union bpf_attr attach = {
        .target_fd = (uint32_t)dir->fd,
        .attach_bpf_fd = (uint32_t)fd,
        .attach_type = BPF_CGROUP_DEVICE,
        .attach_flags = BPF_F_ALLOW_MULTI,
    };
    if (bpf(BPF_PROG_ATTACH, &attach) == 0)
        return 0;
    return errno == EPERM ? step_warn(context, op, errno, "no device filter")
                          : step_fail(context, op, errno, "cannot attach the device filter");
}
