// SPDX-License-Identifier: Apache-2.0
/*
 * What belongs to no container: of a create that was killed before its journal was whole, or of a
 * removal that was killed after its journal was gone. Log folders are removed only below a log folder
 * that carries our mark, because it may have been given to us with other people's files in it.
 */
#include "base/fd.h"
#include "base/str.h"
#include "supervisor/container/adopt.h"
#include "supervisor/container/container.h"
#include "supervisor/log.h"
#include "supervisor/shim-link/scope.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { FOLDER_DEPTH_MAX = 16 };

struct Orphan {
    struct ListNode node;
    struct Scope *scope;
};

typedef void (*NameVisitor)(struct Manager *manager, void *owner, const char *name);

/* Each name in the folder that could be a container's and is not. */
static void visit_unknown(struct Manager *manager, int directory_take, NameVisitor visit, void *owner)
{
    DIR *folder = directory_take < 0 ? NULL : fdopendir(directory_take);
    if (!folder) {
        safe_close(directory_take);
        return;
    }
    for (struct dirent *entry; (entry = readdir(folder));)
        if (entry->d_type == DT_DIR && str_is_id(entry->d_name) && !map_get(manager->by_id, entry->d_name))
            visit(manager, owner, entry->d_name);
    closedir(folder);
}

static void remove_folder(struct Manager *manager, void *owner, const char *name)
{
    const int *directory = owner;
    (void)manager;
    int r = tree_remove(*directory, name, FOLDER_DEPTH_MAX);
    if (r < 0)
        log_event(LOG_LEVEL_WARNING, "orphan.unremoved", name, "%s", strerror(-r));
}

static int reopen(int directory)
{
    return openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool is_marked(const struct Manager *manager)
{
    _cleanup_free_ char *text = NULL;
    size_t size;
    return file_read(manager->log_fd, ".davit", 64, &text, &size) == 0 &&
           str_starts_with(text, manager->instance);
}

/* --- cgroups --- */

static void orphan_free(struct Orphan *orphan)
{
    list_remove(&orphan->node);
    scope_free(orphan->scope);
    free(orphan);
}

static void orphan_on_empty(void *owner, const struct CgroupEvidence *evidence, bool clean)
{
    struct Orphan *orphan = owner;
    (void)evidence;
    (void)clean;
    orphan->scope = NULL;
    orphan_free(orphan);
}

static void clear_cgroup(struct Manager *manager, void *owner, const char *name)
{
    char path[CGROUP_PATH_MAX];
    struct CgroupEvidence evidence;
    (void)owner;
    struct Orphan *orphan = calloc(1, sizeof(*orphan));
    if (!orphan || container_cgroup_path(manager, name, path, sizeof(path)) < 0) {
        free(orphan);
        return;
    }
    log_event(LOG_LEVEL_WARNING, "cgroup.orphan", name, "belongs to no container and is removed");
    list_append(&manager->orphans, &orphan->node);
    if (scope_clear(manager, path, orphan_on_empty, orphan, &orphan->scope, &evidence) != 0)
        orphan_free(orphan);
}

static void clear_hierarchy(struct Manager *manager, const char *mount)
{
    char path[CGROUP_MOUNT_MAX + CGROUP_PATH_MAX + 16];
    if (!mount[0] ||
        !str_format(path, sizeof(path), "%s%s/%.8s", mount, manager->places.cgroup_parent, manager->instance))
        return;
    visit_unknown(manager, open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), clear_cgroup, NULL);
}

void orphans_remove(struct Manager *manager)
{
    const struct CgroupLayout *layout = &manager->host.cgroups;
    clear_hierarchy(manager, layout->v2_mount);
    for (unsigned i = 0; i < layout->v1_count; i++)
        clear_hierarchy(manager, layout->v1[i].mount);
    scope_tidy_later(manager);
    visit_unknown(manager, reopen(manager->run_fd), remove_folder, &manager->run_fd);
    if (is_marked(manager))
        visit_unknown(manager, reopen(manager->log_fd), remove_folder, &manager->log_fd);
}

void orphans_free(struct Manager *manager)
{
    while (!list_is_empty(&manager->orphans))
        orphan_free(CONTAINER_OF(manager->orphans.next, struct Orphan, node));
}
