// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The planner's sections: each looks at one topic of the Spec and adds its ops. plan.c has their
 * order. A section returns 0, or a negative errno with the error filled.
 */
#include "runtime/plan/plan.h"

struct Planner {
    const struct PlanInput *input;
    const struct Spec *spec;
    const struct PlanHost *host;
    struct PlanBuilder builder;
    struct Buf *warnings;
    struct Error *error;
};

void planner_add(struct Planner *planner, const struct Op *op);
/* One sentence; the line's end is added. */
void planner_warn(struct Planner *planner, const char *format, ...) _printf_(2, 3);
/* Fills the error; the where is a JSON path. */
int planner_fail(struct Planner *planner, enum ErrorCode code, const char *where, const char *format, ...)
    _printf_(4, 5);

/* A new namespace of this type, not a joined one. */
static inline bool planner_has_new(const struct Planner *planner, enum NamespaceType type)
{
    return planner->spec->namespaces[type].wanted && !planner->spec->namespaces[type].path;
}

/* The folders that the container gets, in the order of their OP_CGROUP. */
struct PlanFolder {
    unsigned version;
    const char *mount;
    const char *controllers; /* v1: as the hierarchy is mounted, "cpu,cpuacct" */
};
struct PlanFolders {
    struct PlanFolder items[CGROUP_DIRS_MAX];
    unsigned count;
};
void plan_folders(const struct Planner *planner, struct PlanFolders *ret);
/* The index of the folder with this controller, or -1. */
int plan_folder_of(const struct Planner *planner, const struct PlanFolders *folders, const char *controller);

/* --- sections --- */
int plan_cgroups(struct Planner *planner);
int plan_device_filter(struct Planner *planner);
int plan_namespaces(struct Planner *planner);
int plan_root(struct Planner *planner);
int plan_mounts(struct Planner *planner);
int plan_devices(struct Planner *planner);
int plan_pivot(struct Planner *planner);
int plan_sysctls(struct Planner *planner);
int plan_paths(struct Planner *planner);
int plan_names(struct Planner *planner);
int plan_limits(struct Planner *planner);
int plan_exec(struct Planner *planner);

/* --- device rules (plan-device-rules.c) --- */
/* The spec's rules and then the ones that every container has; the caller frees the list. */
int device_rules_make(const struct Spec *spec, struct SpecDeviceRule **ret_rules, size_t *ret_count);
/* Everything is allowed: no filter is needed. */
bool device_rules_allow_all(const struct SpecDeviceRule *rules, size_t count);
/* The rules as a BPF_PROG_TYPE_CGROUP_DEVICE program of struct bpf_insn. For each of the accesses
 * asked for, the last rule that speaks of it decides; what no rule speaks of is denied. */
void device_rules_compile(const struct SpecDeviceRule *rules, size_t count, struct Buf *ret_program);
/* A rule as devices.allow and devices.deny take it: "c 1:3 rwm"; type is b or c (or a: "a"). */
enum { DEVICE_RULE_SIZE = 64 };
void device_rule_format(const struct SpecDeviceRule *rule, char type, char text[DEVICE_RULE_SIZE]);

/* cpu.shares of v1 as cpu.weight of v2. */
uint64_t cpu_weight_from_shares(uint64_t shares);
