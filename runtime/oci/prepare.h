// SPDX-License-Identifier: Apache-2.0
#pragma once
/* From a bundle to the bytes of a plan. */
#include "runtime/oci/oci.h"
#include "runtime/plan/op.h"

struct Prepared {
    struct Spec *spec;
    char *cgroup_path, *bundle;
    char *bytes;
    struct Plan plan; /* of the bytes */
};
void prepared_deinit(struct Prepared *prepared);
#define _cleanup_prepared_ _cleanup_(prepared_deinit)

/* `bundle` is made absolute. Warnings are reported. A terminal can be left out only by those who
 * wait in the foreground: for the others it is Unsupported. root_fd -1: no filter cache. */
int prepare_bundle(struct Oci *oci, const char *bundle, const char *id, bool without_terminal,
                   struct Prepared *ret);
