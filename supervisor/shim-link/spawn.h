// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Starting davit-shim. */
#include "base/pidref.h"
#include <sys/resource.h>

struct ShimSpawn {
    const char *program;
    const char *id; /* argv[1], for people who look at ps */
    int listen_fd, plan_fd, slot_fd, log_fd, null_fd;
    const struct rlimit *descriptors; /* RLIMIT_NOFILE of the shim and so of the container */
};

/* Starts the shim with its descriptors (SHIM_FD_x) and returns when its exec has succeeded: 0, or the
 * negative errno of clone or exec. The child shares our memory for the few system calls until then and
 * calls nothing else. */
int shim_spawn(const struct ShimSpawn *spawn, struct PidRef *ret);
