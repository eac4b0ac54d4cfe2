// SPDX-License-Identifier: Apache-2.0
#pragma once
/* From the arguments of container.create to a stored definition and a plan. */
#include "protocol/schema/container.h"
#include "supervisor/container/container.h"
#include "supervisor/container/store.h"

struct CreateRequest {
    const struct ArgCreate *arguments;
    const msgpack_object *map; /* the same, as given: this is what is kept */
    uint32_t owner_uid;
};

/* Whole or not at all. Warnings are whole sentences, one a line. The container is the manager's. */
int container_create(struct Manager *manager, const struct CreateRequest *request, struct Container **ret,
                     struct Buf *warnings, struct Error *error);

/* Takes over what davitd itself needs of the arguments. */
int container_apply(struct Container *container, const struct ArgCreate *arguments,
                    const msgpack_object *map);

/* RUN/containers/<id> with plan and hosts files: made by create, made again after a reboot. */
int container_prepare_run(struct Container *container, struct Error *error);
