// SPDX-License-Identifier: Apache-2.0
/*
 * A Spec becomes a plan: the sections in their order, and the facts about the host.
 *
 * Where the order is the kernel's: mounts, nodes and links come before the pivot, as what they are
 * made of is the host's; sysctls before /proc/sys becomes read-only; masks and names after the pivot,
 * when nothing of the host's tree can be reached any more, though each would work before it.
 */
#include "runtime/plan/plan.h"
#include "base/fd.h"
#include "base/str.h"
#include "runtime/plan/plan-internal.h"
#include <stdio.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

static int (*const sections[])(struct Planner *) = {
    plan_cgroups, plan_namespaces, plan_device_filter, plan_root,  plan_mounts, plan_devices,
    plan_pivot,   plan_sysctls,    plan_paths,         plan_names, plan_limits, plan_exec,
};

void planner_add(struct Planner *planner, const struct Op *op)
{
    plan_add(&planner->builder, op);
}

void planner_warn(struct Planner *planner, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (planner->warnings)
        buf_printf(planner->warnings, "%s\n", text);
}

int planner_fail(struct Planner *planner, enum ErrorCode code, const char *where, const char *format, ...)
{
    char text[ERROR_WHAT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return error_set(planner->error, code, where, "%s", text);
}

static int builder_failed(int r, struct Error *error)
{
    enum ErrorCode code = r == -EFBIG ? ERROR_RESOURCE_EXHAUSTED : ERROR_INTERNAL;
    return error_set_errno(error, code, r, "plan", "the plan cannot be written");
}

static int run_sections(struct Planner *planner)
{
    for (size_t i = 0; i < ELEMENTSOF(sections); i++) {
        int r = sections[i](planner);
        if (r < 0)
            return r;
    }
    return 0;
}

int plan_make(const struct PlanInput *input, char **ret_data, size_t *ret_size, struct Buf *warnings,
              struct Error *error)
{
    struct Planner planner = {
        .input = input,
        .spec = input->spec,
        .host = input->host,
        .warnings = warnings,
        .error = error,
    };
    int r = run_sections(&planner);
    if (r >= 0) {
        r = plan_finish(&planner.builder, ret_data, ret_size);
        r = r < 0 ? builder_failed(r, error) : 0;
    }
    plan_builder_deinit(&planner.builder);
    return r;
}

static uint64_t probe_bounding(uint64_t capabilities)
{
    uint64_t bounding = 0;
    for (int bit = 0; bit < 64; bit++)
        if (capabilities >> bit & 1 && prctl(PR_CAPBSET_READ, bit, 0, 0, 0) == 1)
            bounding |= UINT64_C(1) << bit;
    return bounding;
}

int plan_host_probe(struct PlanHost *host, struct Error *error)
{
    struct PlanHost result = {0};
    int r = cgroup_layout_probe(&result.cgroups, error);
    if (r < 0)
        return r;
    cap_value_t bits = cap_max_bits();
    result.capabilities = bits >= 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
    result.bounding = probe_bounding(result.capabilities);
    const struct CgroupHierarchy *memory = cgroup_layout_v1(&result.cgroups, "memory");
    if (memory) {
        char path[CGROUP_MOUNT_MAX + 64];
        str_format(path, sizeof(path), "%s/memory.memsw.limit_in_bytes", memory->mount);
        result.swap_accounting_v1 = access(path, F_OK) == 0;
    }
    result.kcore = access("/proc/kcore", F_OK) == 0;
    *host = result;
    return 0;
}
