// SPDX-License-Identifier: Apache-2.0
#pragma once
/* The options of one mount of the specification, taken apart. */
#include "runtime/plan/plan-internal.h"

struct MountOptions {
    bool bind, recursive_bind;
    uint64_t set, clear;    /* MOUNT_ATTR_x of the mount itself */
    uint64_t recursive_set; /* of it and what lies below it */
    uint64_t propagation;   /* MS_x, 0: unchanged */
    const char **data;      /* for the filesystem, NULL at the end; pointers into the Spec */
    size_t first_data;      /* the number of the option that data[0] was */
};

/* Later options win over earlier ones. Unsupported with where = mounts[index].options[j] for what
 * this version does not carry out. */
int mount_options_parse(struct Planner *planner, size_t index, struct MountOptions *ret);
void mount_options_deinit(struct MountOptions *options);
