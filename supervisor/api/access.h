// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Who may do what: one pure function for every transport. */
#include "protocol/schema/schema.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct Caller {
    uid_t uid;
    gid_t gid;
    pid_t pid;
    bool in_davit_group; /* root-equivalent, as the socket's group */
};

enum AccessVerdict { ACCESS_ALLOW, ACCESS_DENY };

/* `own_uid` is davitd's. `owner` is the uid of the container in question, NULL when the verb is about
 * none: then only the root-equivalent may. */
enum AccessVerdict access_decide(enum SchemaClass wanted, const struct Caller *caller, uid_t own_uid,
                                 const uint32_t *owner);
