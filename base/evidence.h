// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

/* What a death certificate needs; read before the folders are removed. */
struct CgroupEvidence {
    uint64_t memory_peak;  /* bytes; UINT64_MAX: unknown */
    uint64_t oom_kills;    /* processes killed in this cgroup; UINT64_MAX: unknown */
    uint64_t oom_local;    /* kills because of this cgroup's own limit; UINT64_MAX: unknown */
    uint64_t memory_limit; /* bytes; UINT64_MAX: none or unknown */
    uint64_t cpu_usec;     /* UINT64_MAX: unknown */
    uint64_t pids_refused; /* forks that pids.max refused; UINT64_MAX: unknown */
};
