// SPDX-License-Identifier: Apache-2.0
#include "supervisor/shim-link/scope.h"
#include "base/clock.h"
#include "base/str.h"
#include "supervisor/container/container.h"
#include "supervisor/log.h"
#include <string.h>

static const uint64_t TIDY_USEC = 500 * USEC_PER_MSEC;
static const uint64_t SCOPE_WAIT_MIN_USEC = USEC_PER_MSEC, SCOPE_WAIT_MAX_USEC = 200 * USEC_PER_MSEC;

struct Scope {
    struct Manager *manager;
    struct LoopTimer *timer;
    ScopeCallback callback;
    void *owner;
    struct CgroupEvidence evidence;
    uint64_t wait_usec, deadline_usec;
    char path[CGROUP_PATH_MAX];
};

static const struct CgroupEvidence NO_EVIDENCE = {UINT64_MAX, UINT64_MAX, UINT64_MAX,
                                                  UINT64_MAX, UINT64_MAX, UINT64_MAX};

/* One try: 0, or -EBUSY while something lives there. */
static int scope_try(struct Manager *manager, const char *path, struct CgroupEvidence *evidence)
{
    struct CgroupSet set = {0};
    int r = cgroup_set_open(&set, &manager->host.cgroups, path);
    if (r >= 0 && set.count > 0) {
        (void)cgroup_set_kill(&set);
        cgroup_set_evidence(&set, evidence);
        r = cgroup_set_remove(&set);
    }
    cgroup_set_deinit(&set);
    if (r >= 0)
        scope_tidy_later(manager);
    return r < 0 ? r : 0;
}

void scope_tidy(struct Manager *manager)
{
    char path[CGROUP_PATH_MAX];
    if (container_cgroup_path(manager, "container", path, sizeof(path)) == 0)
        cgroup_remove_parents(&manager->host.cgroups, path);
}

static void on_tidy(void *owner)
{
    scope_tidy(owner);
}

void scope_tidy_later(struct Manager *manager)
{
    if (!manager->tidy && loop_timer_new(manager->loop, on_tidy, manager, &manager->tidy) < 0)
        return; /* then at the end */
    loop_timer_start(manager->tidy, TIDY_USEC);
}

void scope_free(struct Scope *scope)
{
    if (!scope)
        return;
    loop_timer_free(scope->timer);
    free(scope);
}

static void scope_on_timer(void *owner)
{
    struct Scope *scope = owner;
    int r = scope_try(scope->manager, scope->path, &scope->evidence);
    bool over = clock_boottime_usec() >= scope->deadline_usec;
    if (r < 0 && !over) {
        scope->wait_usec = MIN(2 * scope->wait_usec, SCOPE_WAIT_MAX_USEC);
        loop_timer_start(scope->timer, scope->wait_usec);
        return;
    }
    if (r < 0)
        log_event(LOG_LEVEL_ERROR, "cgroup.stuck", NULL, "%s cannot be removed: %s", scope->path,
                  strerror(-r));
    ScopeCallback callback = scope->callback;
    struct CgroupEvidence evidence = scope->evidence;
    void *waiting = scope->owner;
    scope_free(scope);
    callback(waiting, &evidence, r == 0);
}

int scope_clear(struct Manager *manager, const char *path, ScopeCallback callback, void *owner,
                struct Scope **ret, struct CgroupEvidence *ret_evidence)
{
    struct CgroupEvidence evidence = NO_EVIDENCE;
    int r = scope_try(manager, path, &evidence);
    if (r == 0) {
        *ret_evidence = evidence;
        return 1;
    }
    struct Scope *scope = calloc(1, sizeof(*scope));
    if (!scope)
        return -ENOMEM;
    scope->manager = manager;
    scope->callback = callback;
    scope->owner = owner;
    scope->evidence = evidence;
    scope->wait_usec = SCOPE_WAIT_MIN_USEC;
    scope->deadline_usec = clock_boottime_usec() + SCOPE_PATIENCE * USEC_PER_SEC;
    (void)str_format(scope->path, sizeof(scope->path), "%s", path);
    r = loop_timer_new(manager->loop, scope_on_timer, scope, &scope->timer);
    if (r < 0) {
        scope_free(scope);
        return r;
    }
    loop_timer_start(scope->timer, scope->wait_usec);
    *ret = scope;
    return 0;
}
