// SPDX-License-Identifier: Apache-2.0
#include "supervisor/api/access.h"

/* Create and manage are root-equivalent, and so never granted by ownership. */
static const bool BY_OWNERSHIP[] = {
    [CLASS_OBSERVE] = true, [CLASS_CONTROL] = true, [CLASS_EXEC] = true,
    [CLASS_CREATE] = false, [CLASS_MANAGE] = false,
};

enum AccessVerdict access_decide(enum SchemaClass wanted, const struct Caller *caller, uid_t own_uid,
                                 const uint32_t *owner)
{
    if (caller->uid == 0 || caller->uid == own_uid || caller->in_davit_group)
        return ACCESS_ALLOW;
    if (owner && *owner == caller->uid && BY_OWNERSHIP[wanted])
        return ACCESS_ALLOW;
    return ACCESS_DENY;
}
