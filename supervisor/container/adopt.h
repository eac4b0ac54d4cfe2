// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The start of davitd: what the journals, the run folder and the cgroups say about earlier times
 * becomes containers again. Never waits for a shim.
 */
#include "supervisor/manager.h"

/* Reads all journals; makes up for events that a kill left out; begins adoption; removes what belongs to
 * no container. *ret_adopted: how many have a shim that answers the connection. */
int adopt_all(struct Manager *manager, unsigned *ret_adopted, struct Error *error);
/* orphans.c: run folders, log folders and cgroups without a journal. */
void orphans_remove(struct Manager *manager);
void orphans_free(struct Manager *manager);
