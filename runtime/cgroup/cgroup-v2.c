// SPDX-License-Identifier: Apache-2.0
/* The unified hierarchy, alone or beside v1 ones (then it has no controllers, but kills, counts
 * cpu time and tells whether anybody lives in it). */
#include "base/fd.h"
#include "base/str.h"
#include "runtime/cgroup/cgroup-internal.h"
#include <errno.h>
#include <linux/magic.h>

/* Linux before 5.14 has no cgroup.kill. Frozen, nothing in it can fork away from the sweep, and
 * killed tasks leave the freezer by themselves. */
static int kill_by_sweep(const struct CgroupDir *dir)
{
    (void)cgroup_dir_write(dir, "cgroup.freeze", "1");
    int r = cgroup_tree_kill(dir);
    (void)cgroup_dir_write(dir, "cgroup.freeze", "0");
    return r;
}

static int v2_is_populated(const struct CgroupSet *set)
{
    uint64_t populated;
    int r = cgroup_read_number(&set->dirs[0], "cgroup.events", "populated", &populated);
    if (r == -ENODEV || r == -ENOENT)
        return 0;
    return r < 0 ? r : populated != 0;
}

static int v2_kill(const struct CgroupSet *set)
{
    const struct CgroupDir *dir = &set->dirs[0];
    /* An empty folder is left alone: since Linux 6.14 a process that is cloned into a folder whose
     * cgroup.kill was ever written dies at birth. */
    int r = v2_is_populated(set);
    if (r <= 0)
        return r;
    r = cgroup_dir_write(dir, "cgroup.kill", "1");
    if (r == -ENODEV) /* the folder was removed */
        return 0;
    return r == -ENOENT ? kill_by_sweep(dir) : r;
}

static void v2_evidence(const struct CgroupDir *dir, struct CgroupEvidence *ret)
{
    /* Beside v1 hierarchies there is no memory controller here: one look is enough. */
    if (cgroup_read_number(dir, "memory.max", NULL, &ret->memory_limit) == 0) {
        (void)cgroup_read_number(dir, "memory.peak", NULL, &ret->memory_peak);
        (void)cgroup_read_number(dir, "memory.events", "oom_kill", &ret->oom_kills);
        (void)cgroup_read_number(dir, "memory.events.local", "oom", &ret->oom_local);
    }
    (void)cgroup_read_number(dir, "cpu.stat", "usage_usec", &ret->cpu_usec);
    (void)cgroup_read_number(dir, "pids.events", "max", &ret->pids_refused);
}

const struct CgroupBackend cgroup_backend_v2 = {
    .kill = v2_kill,
    .is_populated = v2_is_populated,
    .evidence = v2_evidence,
    .magic = CGROUP2_SUPER_MAGIC,
};
