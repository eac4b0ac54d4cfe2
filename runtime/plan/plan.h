// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * All decisions: a Spec and facts about the host become a plan (see op.h). Pure but for
 * capability names (libcap) and the compiled seccomp filter, which comes in as bytes.
 */
#include "runtime/cgroup/cgroup.h"
#include "runtime/plan/op.h"
#include "runtime/spec/spec.h"

struct PlanHost {
    struct CgroupLayout cgroups;
    uint64_t capabilities;   /* bit mask of those the kernel knows */
    uint64_t bounding;       /* of this process: what cannot be had is left out with a warning */
    bool swap_accounting_v1; /* memory.memsw.* exists */
    bool kcore;              /* /proc/kcore exists */
};

/* Gathers the facts; 0 or a negative errno with *error. */
int plan_host_probe(struct PlanHost *host, struct Error *error);

struct PlanInput {
    const struct Spec *spec;
    const struct PlanHost *host;
    const char *id;
    const char *cgroup_path;      /* absolute in every hierarchy, e.g. /davit/0123abcd/web */
    const struct OpBlob *seccomp; /* compiled filter; NULL: none */
    uint64_t seccomp_flags;
};

/* Warnings are whole sentences, one a line in *warnings: things asked for that this host cannot
 * give but without which the container can run. Errors name the JSON path in error->where. */
int plan_make(const struct PlanInput *input, char **ret_data, size_t *ret_size, struct Buf *warnings,
              struct Error *error);
