// SPDX-License-Identifier: Apache-2.0
/*
 * Which cgroup folders the container gets and what is written into them. A controller is taken from
 * where this host has it, v2 first; a limit for which there is none is left out with a warning, as
 * the container runs without it.
 *
 * v1: a hierarchy costs some 50 us a start, so a folder is made only where it limits something or
 * tells something: pids and memory always, cpu for a limit; freezer and devices only where no v2
 * hierarchy does that work.
 */
#include "base/str.h"
#include "runtime/plan/plan-internal.h"
#include <inttypes.h>
#include <linux/bpf.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

enum { DEFAULT_CPU_PERIOD_USEC = 100000 };

static bool wants_cpu(const struct SpecResources *resources)
{
    return resources->has_cpu_shares || resources->has_cpu_quota || resources->has_cpu_period ||
           resources->cpu_weight;
}

static void add_v1(const struct Planner *planner, struct PlanFolders *folders, const char *controller)
{
    const struct CgroupLayout *layout = &planner->host->cgroups;
    const struct CgroupHierarchy *hierarchy = cgroup_layout_v1(layout, controller);
    if (!hierarchy || cgroup_layout_has_v2(layout, controller) || folders->count == CGROUP_DIRS_MAX)
        return;
    for (unsigned i = 0; i < folders->count; i++)
        if (folders->items[i].mount == hierarchy->mount)
            return;
    folders->items[folders->count++] = (struct PlanFolder){1, hierarchy->mount, hierarchy->controllers};
}

void plan_folders(const struct Planner *planner, struct PlanFolders *ret)
{
    const struct CgroupLayout *layout = &planner->host->cgroups;
    ret->count = 0;
    if (layout->v2_mount[0])
        ret->items[ret->count++] = (struct PlanFolder){2, layout->v2_mount, ""};
    add_v1(planner, ret, "pids");
    add_v1(planner, ret, "memory");
    if (wants_cpu(&planner->spec->resources))
        add_v1(planner, ret, "cpu");
    if (!layout->v2_mount[0]) {
        add_v1(planner, ret, "freezer");
        add_v1(planner, ret, "devices");
    }
}

int plan_folder_of(const struct Planner *planner, const struct PlanFolders *folders, const char *controller)
{
    const struct CgroupLayout *layout = &planner->host->cgroups;
    if (cgroup_layout_has_v2(layout, controller))
        return 0;
    const struct CgroupHierarchy *hierarchy = cgroup_layout_v1(layout, controller);
    for (unsigned i = 0; hierarchy && i < folders->count; i++)
        if (folders->items[i].mount == hierarchy->mount)
            return (int)i;
    return -1;
}

struct Target {
    int index;
    unsigned version;
};

enum Importance { REQUIRED, OPTIONAL };

static void add_value(struct Planner *planner, struct Target target, enum Importance importance,
                      const char *file, const char *format, ...) _printf_(5, 6);
static void add_value(struct Planner *planner, struct Target target, enum Importance importance,
                      const char *file, const char *format, ...)
{
    char value[64];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(value, sizeof(value), format, arguments);
    va_end(arguments);
    planner_add(planner, &(struct Op){.kind = OP_CGROUP_VALUE,
                                      .cgroup_value = {
                                          .index = (uint64_t)target.index,
                                          .file = file,
                                          .value = value,
                                          .optional = importance == OPTIONAL,
                                      }});
}

/* A limit in the notation of the version; -1 is none. */
static void add_limit(struct Planner *planner, struct Target target, enum Importance importance,
                      const char *file, int64_t value)
{
    if (value >= 0)
        add_value(planner, target, importance, file, "%" PRId64, value);
    else
        add_value(planner, target, importance, file, target.version == 2 ? "max" : "-1");
}

/* Where the controller is; false, with a warning, where it is not. */
static bool find_target(struct Planner *planner, const struct PlanFolders *folders, const char *controller,
                        const char *what, struct Target *ret)
{
    int index = plan_folder_of(planner, folders, controller);
    if (index < 0) {
        planner_warn(planner, "The %s is left out: this host has no %s controller.", what, controller);
        return false;
    }
    *ret = (struct Target){index, folders->items[index].version};
    return true;
}

/* memory.swap of OCI is memory and swap together, as v1 has it; v2 limits swap alone. */
static int check_swap(struct Planner *planner)
{
    const struct SpecResources *resources = &planner->spec->resources;
    if (!resources->has_memory_swap || resources->memory_swap < 0)
        return 0;
    if (!resources->has_memory || resources->memory < 0)
        return planner_fail(planner, ERROR_INVALID_ARGUMENT, "linux.resources.memory.swap",
                            "needs a memory limit");
    if (resources->memory_swap < resources->memory)
        return planner_fail(planner, ERROR_INVALID_ARGUMENT, "linux.resources.memory.swap",
                            "must be at least the memory limit, which it includes");
    return 0;
}

/* Unlimited memory means unlimited swap, unless that was said otherwise. */
static bool has_swap(const struct SpecResources *resources, int64_t *ret)
{
    if (!resources->has_memory_swap && !(resources->has_memory && resources->memory < 0))
        return false;
    *ret = resources->has_memory_swap ? resources->memory_swap : -1;
    return true;
}

static void add_memory(struct Planner *planner, struct Target target)
{
    const struct SpecResources *resources = &planner->spec->resources;
    int64_t swap;
    if (resources->has_memory)
        add_limit(planner, target, REQUIRED, target.version == 2 ? "memory.max" : "memory.limit_in_bytes",
                  resources->memory);
    if (has_swap(resources, &swap)) {
        /* Kernels without accounting of swap lack the file; v1's goes after the limit that it may
         * not be below. */
        if (target.version == 2)
            add_limit(planner, target, OPTIONAL, "memory.swap.max", swap < 0 ? -1 : swap - resources->memory);
        else if (planner->host->swap_accounting_v1)
            add_limit(planner, target, REQUIRED, "memory.memsw.limit_in_bytes", swap);
        else if (swap >= 0)
            planner_warn(planner, "The swap limit is left out: this host does not account swap.");
    }
    if (resources->has_memory_reservation)
        add_limit(planner, target, REQUIRED,
                  target.version == 2 ? "memory.low" : "memory.soft_limit_in_bytes",
                  resources->memory_reservation);
}

/* A curve through the ends of both ranges (2 and 1, 262144 and 10000) and both defaults (1024 and
 * 100): 10 ^ ((l^2 + 125 l) / 612 - 7 / 34) with l = log2(shares), rounded up. It is what runc uses
 * since 1.3.2; the linear one of before put the default at 39. */
uint64_t cpu_weight_from_shares(uint64_t shares)
{
    if (shares <= 2)
        return 1;
    if (shares >= 262144)
        return 10000;
    double l = log2((double)shares);
    return (uint64_t)ceil(pow(10, (l * l + 125 * l) / 612.0 - 7.0 / 34.0));
}

static void add_cpu(struct Planner *planner, struct Target target)
{
    const struct SpecResources *resources = &planner->spec->resources;
    bool quota = resources->has_cpu_quota && resources->cpu_quota > 0;
    uint64_t period = resources->has_cpu_period ? resources->cpu_period : DEFAULT_CPU_PERIOD_USEC;
    if (target.version == 2) {
        if (resources->cpu_weight || resources->has_cpu_shares)
            add_value(planner, target, REQUIRED, "cpu.weight", "%" PRIu64,
                      resources->cpu_weight ? resources->cpu_weight
                                            : cpu_weight_from_shares(resources->cpu_shares));
        if (quota)
            add_value(planner, target, REQUIRED, "cpu.max", "%" PRId64 " %" PRIu64, resources->cpu_quota,
                      period);
        else if (resources->has_cpu_quota || resources->has_cpu_period)
            add_value(planner, target, REQUIRED, "cpu.max", "max %" PRIu64, period);
        return;
    }
    if (resources->cpu_weight) /* the defaults of both scales, 100 and 1024, stay each other's */
        add_value(planner, target, REQUIRED, "cpu.shares", "%" PRIu64,
                  MAX(resources->cpu_weight * 1024 / 100, UINT64_C(2)));
    else if (resources->has_cpu_shares)
        add_value(planner, target, REQUIRED, "cpu.shares", "%" PRIu64, resources->cpu_shares);
    if (resources->has_cpu_period)
        add_value(planner, target, REQUIRED, "cpu.cfs_period_us", "%" PRIu64, period);
    if (resources->has_cpu_quota)
        add_limit(planner, target, REQUIRED, "cpu.cfs_quota_us", quota ? resources->cpu_quota : -1);
}

static void add_pids(struct Planner *planner, struct Target target)
{
    int64_t limit = planner->spec->resources.pids;
    if (limit > 0)
        add_value(planner, target, REQUIRED, "pids.max", "%" PRId64, limit);
    else
        add_value(planner, target, REQUIRED, "pids.max", "max");
}

static int add_limits(struct Planner *planner, const struct PlanFolders *folders)
{
    const struct SpecResources *resources = &planner->spec->resources;
    struct Target target;
    int r = check_swap(planner);
    if (r < 0)
        return r;
    if (resources->has_pids && find_target(planner, folders, "pids", "limit of processes", &target))
        add_pids(planner, target);
    if ((resources->has_memory || resources->has_memory_swap || resources->has_memory_reservation) &&
        find_target(planner, folders, "memory", "memory limit", &target))
        add_memory(planner, target);
    if (wants_cpu(resources) && find_target(planner, folders, "cpu", "cpu limit", &target))
        add_cpu(planner, target);
    return 0;
}

static void add_device_list(struct Planner *planner, struct Target target, const struct SpecDeviceRule *rules,
                            size_t count)
{
    char text[DEVICE_RULE_SIZE];
    add_value(planner, target, REQUIRED, "devices.deny", "a");
    for (size_t i = 0; i < count; i++) {
        const struct SpecDeviceRule *rule = &rules[i];
        const char *file = rule->allow ? "devices.allow" : "devices.deny";
        /* "a" alone is all of both types and takes no numbers. */
        bool all = rule->type == 'a' && rule->major < 0 && rule->minor < 0 && rule->read && rule->write &&
                   rule->mknod;
        for (const char *type = all ? "a" : rule->type == 'a' ? "bc" : ""; *type; type++) {
            device_rule_format(rule, *type, text);
            add_value(planner, target, REQUIRED, file, "%s", text);
        }
        if (rule->type != 'a') {
            device_rule_format(rule, rule->type, text);
            add_value(planner, target, REQUIRED, file, "%s", text);
        }
    }
}

/* Lists of v1 are values of its cgroup; the program of v2 is a stage of its own. */
static int add_device_rules(struct Planner *planner, const struct PlanFolders *folders, bool as_program)
{
    _cleanup_free_ struct SpecDeviceRule *rules = NULL;
    _cleanup_buf_ struct Buf program = BUF_INIT;
    size_t count;
    if ((folders->count && folders->items[0].version == 2) != as_program)
        return 0;
    int r = device_rules_make(planner->spec, &rules, &count);
    if (r < 0)
        return planner_fail(planner, ERROR_RESOURCE_EXHAUSTED, "linux.resources.devices", "too many rules");
    if (device_rules_allow_all(rules, count))
        return 0;
    if (as_program) {
        device_rules_compile(rules, count, &program);
        if (program.error)
            return planner_fail(planner, ERROR_INTERNAL, "linux.resources.devices", "out of memory");
        planner_add(planner, &(struct Op){.kind = OP_CGROUP_DEVICES,
                                          .cgroup_devices = {{program.data, (uint32_t)program.size}}});
        return 0;
    }
    struct Target target;
    if (find_target(planner, folders, "devices", "device filter", &target))
        add_device_list(planner, target, rules, count);
    return 0;
}

static void add_folder(struct Planner *planner, const struct PlanFolder *folder)
{
    const struct CgroupLayout *layout = &planner->host->cgroups;
    const struct {
        const char *name;
        bool wanted;
    } controllers[] = {{"pids", true}, {"memory", true}, {"cpu", wants_cpu(&planner->spec->resources)}};
    const char *names[ELEMENTSOF(controllers) + 1] = {NULL};
    size_t count = 0;
    _cleanup_buf_ struct Buf storage = BUF_INIT;
    for (size_t i = 0; i < ELEMENTSOF(controllers) && folder->version == 2; i++)
        if (controllers[i].wanted && cgroup_layout_has_v2(layout, controllers[i].name))
            names[count++] = controllers[i].name;
    planner_add(planner, &(struct Op){.kind = OP_CGROUP,
                                      .cgroup = {
                                          .mount = folder->mount,
                                          .path = planner->input->cgroup_path,
                                          .version = folder->version,
                                          .controllers = op_strings_pack(&storage, names),
                                      }});
}

int plan_cgroups(struct Planner *planner)
{
    struct PlanFolders folders;
    plan_folders(planner, &folders);
    for (unsigned i = 0; i < folders.count; i++)
        add_folder(planner, &folders.items[i]);
    int r = add_limits(planner, &folders);
    return r < 0 ? r : add_device_rules(planner, &folders, false);
}

int plan_device_filter(struct Planner *planner)
{
    struct PlanFolders folders;
    plan_folders(planner, &folders);
    return add_device_rules(planner, &folders, true);
}
