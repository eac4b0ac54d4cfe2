// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Emptying and removing the cgroups of a container whose shim cannot do it any more. Never
 * blocks: what still lives is killed and looked for again by a timer, with growing intervals.
 *
 * The folders above those of the containers are kept for the next container and removed, where they
 * are empty, when none has gone for a moment, and at the end of davitd.
 */
#include "base/evidence.h"
#include "supervisor/manager.h"

struct Scope;
/* The evidence was read before the folders went. `clean` is false when it was given up (after
 * SCOPE_PATIENCE seconds something still lived there). The scope is freed by then. */
typedef void (*ScopeCallback)(void *owner, const struct CgroupEvidence *evidence, bool clean);

enum { SCOPE_PATIENCE = 30 };

/* 1: done at once (nothing will be called), *ret_evidence is filled; 0: the callback will come. */
int scope_clear(struct Manager *manager, const char *path, ScopeCallback callback, void *owner,
                struct Scope **ret, struct CgroupEvidence *ret_evidence);
void scope_free(struct Scope *scope);

/* After a container's folders have gone, or to look for what an earlier davitd has left. */
void scope_tidy_later(struct Manager *manager);
/* At the end, when the links are closed: a shim that is still busy then does it. */
void scope_tidy(struct Manager *manager);
