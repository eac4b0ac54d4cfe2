// SPDX-License-Identifier: Apache-2.0
/*
 * Removal. REMOVING in the journal is the promise; everything after it can be repeated: cgroups, the
 * folders of this boot and of the log, then REMOVED with its event, and last the journal itself.
 */
#include "base/clock.h"
#include "base/fd.h"
#include "supervisor/container/run.h"
#include "supervisor/container/store.h"
#include "supervisor/log.h"
#include "supervisor/shim-link/scope.h"
#include <string.h>

enum { FOLDER_DEPTH_MAX = 16 };
static const uint64_t REMOVE_RETRY_USEC = USEC_PER_SEC;

static void on_remove_retry(void *owner)
{
    container_resume_removal(owner);
}

static void remove_later(struct Container *container, const char *what, const char *why)
{
    if (!container->retry) {
        log_event(LOG_LEVEL_ERROR, "container.unremoved", container->id, "%s: %s", what, why);
        if (loop_timer_new(container->manager->loop, on_remove_retry, container, &container->retry) < 0)
            return; /* the next davitd finishes it */
    }
    loop_timer_start(container->retry, REMOVE_RETRY_USEC);
}

static void remove_files(struct Container *container)
{
    struct Manager *manager = container->manager;
    struct Error error;
    char id[sizeof(container->id)];

    int r = tree_remove(manager->run_fd, container->id, FOLDER_DEPTH_MAX);
    if (r == 0)
        r = tree_remove(manager->log_fd, container->id, FOLDER_DEPTH_MAX);
    if (r < 0) {
        remove_later(container, "its folders", strerror(-r));
        return;
    }
    memcpy(id, container->id, sizeof(id));
    if (container_set_state(container, CONTAINER_GONE, NULL, &error) < 0) {
        remove_later(container, error.where, error.what);
        return;
    }
    r = store_remove(manager->data_fd, id);
    if (r < 0)
        log_event(LOG_LEVEL_ERROR, "container.unremoved", id, "its journal: %s", strerror(-r));
}

static void on_cgroups_gone(void *owner, const struct CgroupEvidence *evidence, bool clean)
{
    struct Container *container = owner;
    (void)evidence;
    container->scope = NULL;
    if (clean)
        remove_files(container);
    else
        remove_later(container, "its cgroups", "something lives in them");
}

void container_resume_removal(struct Container *container)
{
    char path[CGROUP_PATH_MAX];
    struct CgroupEvidence evidence;
    if (container->leaving || container->scope)
        return; /* the end of either comes back here */
    if (container->generation == 0 || container->cgroup_is_foreign) {
        remove_files(container); /* it never had a cgroup, or one that could not be made */
        return;
    }
    int r = container_cgroup_path(container->manager, container->id, path, sizeof(path));
    if (r == 0)
        r = scope_clear(container->manager, path, on_cgroups_gone, container, &container->scope, &evidence);
    if (r == 1)
        remove_files(container);
    else if (r < 0)
        remove_later(container, "its cgroups", strerror(-r));
}

int container_remove(struct Container *container, struct Error *error)
{
    int r = container_check(container, INPUT_DELETE, error);
    if (r == 0)
        r = container_set_state(container, CONTAINER_REMOVING, NULL, error);
    if (r == 0)
        container_resume_removal(container);
    return r;
}
