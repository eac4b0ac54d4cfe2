// SPDX-License-Identifier: Apache-2.0
/* The old hierarchies, one for each controller. A process is in one folder of each of them, so any
 * folder of the set tells who belongs to the container. */
#include "base/fd.h"
#include "base/str.h"
#include "runtime/cgroup/cgroup-internal.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <unistd.h>

enum {
    CHARGE_SLACK = 64 << 10, /* the largest allocation for which the kernel kills rather than fails */
};

/* The folder whose hierarchy can freeze; NULL: none. */
static const struct CgroupDir *freezer_of(const struct CgroupSet *set)
{
    for (unsigned i = 0; i < set->count; i++)
        if (set->dirs[i].version == 1 && faccessat(set->dirs[i].fd, "freezer.state", F_OK, 0) == 0)
            return &set->dirs[i];
    return NULL;
}

/* A frozen task keeps its SIGKILL pending until the thaw. */
static int v1_kill(const struct CgroupSet *set)
{
    const struct CgroupDir *freezer = freezer_of(set);
    if (!freezer)
        return cgroup_tree_kill(&set->dirs[0]);
    (void)cgroup_dir_write(freezer, "freezer.state", "FROZEN");
    int r = cgroup_tree_kill(freezer);
    int thawed = cgroup_dir_write(freezer, "freezer.state", "THAWED");
    return r < 0 || thawed == -ENODEV || thawed == -ENOENT ? r : thawed;
}

static int v1_is_populated(const struct CgroupSet *set)
{
    _cleanup_buf_ struct Buf pids = BUF_INIT;
    int r = cgroup_tree_processes(set->dirs[0].fd, &pids);
    if (pids.size)
        return 1;
    return r < 0 ? r : 0;
}

/* Whether this limit was ever reached. memory.failcnt is not enough: newer kernels leave it 0. */
static bool limit_was_reached(const struct CgroupDir *dir, uint64_t limit, uint64_t peak,
                              const char *hits_file)
{
    uint64_t hits = 0;
    if (limit != UINT64_MAX && peak != UINT64_MAX && peak + CHARGE_SLACK >= limit)
        return true;
    (void)cgroup_read_number(dir, hits_file, NULL, &hits);
    return hits > 0;
}

static bool swap_limit_was_reached(const struct CgroupDir *dir)
{
    uint64_t limit = UINT64_MAX, peak = UINT64_MAX;
    if (cgroup_read_number(dir, "memory.memsw.limit_in_bytes", NULL, &limit) == 0 && limit != UINT64_MAX)
        (void)cgroup_read_number(dir, "memory.memsw.max_usage_in_bytes", NULL, &peak);
    return limit_was_reached(dir, limit, peak, "memory.memsw.failcnt");
}

/* v1 does not say whose limit a kill was for. Where our own was never reached it was not ours. Each
 * file costs the kernel an inode, so those that only explain a kill are read only after one. */
static void memory_evidence(const struct CgroupDir *dir, struct CgroupEvidence *ret)
{
    if (cgroup_read_number(dir, "memory.max_usage_in_bytes", NULL, &ret->memory_peak) < 0)
        return;
    (void)cgroup_read_number(dir, "memory.limit_in_bytes", NULL, &ret->memory_limit);
    if (cgroup_read_number(dir, "memory.oom_control", "oom_kill", &ret->oom_kills) < 0)
        return;
    bool ours = ret->oom_kills > 0 &&
                (limit_was_reached(dir, ret->memory_limit, ret->memory_peak, "memory.failcnt") ||
                 swap_limit_was_reached(dir));
    ret->oom_local = ours ? ret->oom_kills : 0;
}

static void v1_evidence(const struct CgroupDir *dir, struct CgroupEvidence *ret)
{
    uint64_t nanoseconds;
    memory_evidence(dir, ret);
    if (ret->cpu_usec == UINT64_MAX && cgroup_read_number(dir, "cpuacct.usage", NULL, &nanoseconds) == 0)
        ret->cpu_usec = nanoseconds / 1000;
    if (ret->pids_refused == UINT64_MAX)
        (void)cgroup_read_number(dir, "pids.events", "max", &ret->pids_refused);
}

const struct CgroupBackend cgroup_backend_v1 = {
    .kill = v1_kill,
    .is_populated = v1_is_populated,
    .evidence = v1_evidence,
    .magic = CGROUP_SUPER_MAGIC,
};
