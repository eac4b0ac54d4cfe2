// SPDX-License-Identifier: Apache-2.0
/*
 * The mounts of the specification, in its order. The type "cgroup" stands for whatever control
 * groups this host has: the container sees its own part of them, by its cgroup namespace, or, where
 * it shares the host's, by a bind of the folders that were made for it.
 */
#include "base/str.h"
#include "runtime/plan/mount-options.h"
#include <limits.h>
#include <linux/mount.h>
#include <sys/mount.h>

static int fail_at(struct Planner *planner, enum ErrorCode code, size_t index, const char *member,
                   const char *text)
{
    char where[ERROR_WHERE_SIZE];
    str_format(where, sizeof(where), "mounts[%zu].%s", index, member);
    return planner_fail(planner, code, where, "%s", text);
}

static int add_bind(struct Planner *planner, size_t index, const struct MountOptions *options)
{
    const struct SpecMount *mount = &planner->spec->mounts[index];
    if (!mount->source)
        return fail_at(planner, ERROR_INVALID_ARGUMENT, index, "source", "a bind mount needs one");
    if (options->data[0]) {
        char member[64];
        str_format(member, sizeof(member), "options[%zu]", options->first_data);
        return fail_at(planner, ERROR_INVALID_ARGUMENT, index, member, "is no option of a bind mount");
    }
    planner_add(planner, &(struct Op){.kind = OP_BIND,
                                      .bind = {
                                          .source = mount->source,
                                          .target = mount->destination,
                                          .recursive = options->recursive_bind,
                                          .attributes_set = options->set,
                                          .attributes_clear = options->clear,
                                          .attributes_recursive = options->recursive_set,
                                          .propagation = options->propagation,
                                      }});
    return 0;
}

static void add_mount(struct Planner *planner, const char *type, const char *source, const char *target,
                      const char *const *data, const struct MountOptions *options)
{
    _cleanup_buf_ struct Buf storage = BUF_INIT;
    /* Nothing lies below a new mount, so what is asked for recursively is asked for it. */
    uint64_t set = options->set;
    if (options->recursive_set & MOUNT_ATTR__ATIME)
        set &= ~(uint64_t)MOUNT_ATTR__ATIME;
    planner_add(planner, &(struct Op){.kind = OP_MOUNT,
                                      .mount = {
                                          .type = type,
                                          .source = source,
                                          .target = target,
                                          .data = op_strings_pack(&storage, data),
                                          .attributes = set | options->recursive_set,
                                          .propagation = options->propagation,
                                      }});
}

static void add_own_folder(struct Planner *planner, const struct PlanFolder *folder, const char *target,
                           const struct MountOptions *options)
{
    char source[PATH_MAX];
    str_format(source, sizeof(source), "%s%s", folder->mount, planner->input->cgroup_path);
    planner_add(planner, &(struct Op){.kind = OP_BIND,
                                      .bind = {
                                          .source = source,
                                          .target = target,
                                          .attributes_set = options->set | options->recursive_set,
                                          .propagation = options->propagation,
                                      }});
}

/* One hierarchy, as this container may see it. */
static void add_hierarchy(struct Planner *planner, const struct PlanFolder *folder, const char *target,
                          const struct MountOptions *options)
{
    const char *const v1_data[] = {folder->controllers, NULL}, *const v2_data[] = {NULL};
    if (!planner_has_new(planner, NAMESPACE_CGROUP))
        add_own_folder(planner, folder, target, options);
    else if (folder->version == 2)
        add_mount(planner, "cgroup2", "cgroup", target, v2_data, options);
    else
        add_mount(planner, "cgroup", "cgroup", target, v1_data, options);
}

/* Hierarchies with several controllers are found under each of their names. */
static void add_links(struct Planner *planner, const struct PlanFolder *folder, const char *target)
{
    char name[CGROUP_MOUNT_MAX], path[PATH_MAX];
    const char *rest = folder->controllers;
    if (folder->version != 1 || !strchr(rest, ','))
        return;
    while (*rest) {
        size_t length = strcspn(rest, ",");
        str_format(name, sizeof(name), "%.*s", (int)length, rest);
        str_format(path, sizeof(path), "%s/%s", target, name);
        planner_add(planner,
                    &(struct Op){.kind = OP_LINK, .link = {.target = folder->controllers, .path = path}});
        rest += length + (rest[length] == ',');
    }
}

/* A tmpfs that holds one folder for each hierarchy. Whether it is read-only can be said only when
 * they are all mounted: the last op does, for all of them. */
static int add_cgroups(struct Planner *planner, size_t index, const struct MountOptions *options)
{
    static const char *const tmpfs_data[] = {"mode=755", NULL};
    const struct SpecMount *mount = &planner->spec->mounts[index];
    struct PlanFolders folders;
    plan_folders(planner, &folders);
    if (!folders.count)
        return fail_at(planner, ERROR_UNSUPPORTED, index, "type", "this host has no control groups");
    if (folders.count == 1 && folders.items[0].version == 2) {
        add_hierarchy(planner, &folders.items[0], mount->destination, options);
        return 0;
    }
    bool read_only = (options->set | options->recursive_set) & MOUNT_ATTR_RDONLY;
    struct MountOptions outer = *options;
    outer.set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
    outer.recursive_set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
    add_mount(planner, "tmpfs", "tmpfs", mount->destination, tmpfs_data, &outer);
    for (unsigned i = 0; i < folders.count; i++) {
        const struct PlanFolder *folder = &folders.items[i];
        char target[PATH_MAX];
        if (!str_format(target, sizeof(target), "%s/%s", mount->destination,
                        folder->version == 2 ? "unified" : folder->controllers))
            return fail_at(planner, ERROR_INVALID_ARGUMENT, index, "destination", "is too long");
        add_hierarchy(planner, folder, target, options);
        add_links(planner, folder, mount->destination);
    }
    if (read_only)
        planner_add(planner, &(struct Op){.kind = OP_READONLY, .path = {mount->destination}});
    return 0;
}

static int add_one(struct Planner *planner, size_t index)
{
    const struct SpecMount *mount = &planner->spec->mounts[index];
    struct MountOptions options __attribute__((cleanup(mount_options_deinit))) = {0};
    int r = mount_options_parse(planner, index, &options);
    if (r < 0)
        return r;
    if (options.bind || str_equal(mount->type, "bind"))
        return add_bind(planner, index, &options);
    if (!mount->type)
        return fail_at(planner, ERROR_INVALID_ARGUMENT, index, "type", "is missing, and no option says bind");
    if (str_equal(mount->type, "cgroup") || str_equal(mount->type, "cgroup2"))
        return add_cgroups(planner, index, &options);
    add_mount(planner, mount->type, mount->source ? mount->source : mount->type, mount->destination,
              options.data, &options);
    return 0;
}

int plan_mounts(struct Planner *planner)
{
    for (size_t i = 0; i < planner->spec->mount_count; i++) {
        int r = add_one(planner, i);
        if (r < 0)
            return r;
    }
    return 0;
}
