// SPDX-License-Identifier: Apache-2.0
/* The namespaces, and the tree that the container sees: its root, nodes, links and what is hidden. */
#include "base/str.h"
#include "runtime/plan/plan-internal.h"
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

static const uint64_t namespace_flags[NAMESPACE_TYPE_COUNT] = {
    [NAMESPACE_MOUNT] = CLONE_NEWNS, [NAMESPACE_PID] = CLONE_NEWPID,     [NAMESPACE_IPC] = CLONE_NEWIPC,
    [NAMESPACE_UTS] = CLONE_NEWUTS,  [NAMESPACE_NETWORK] = CLONE_NEWNET, [NAMESPACE_CGROUP] = CLONE_NEWCGROUP,
};

int plan_namespaces(struct Planner *planner)
{
    for (unsigned type = 0; type < NAMESPACE_TYPE_COUNT; type++) {
        const struct SpecNamespace *namespace = &planner->spec->namespaces[type];
        if (namespace->wanted)
            planner_add(planner, &(struct Op){.kind = OP_NAMESPACE,
                                              .namespace = {namespace_flags[type], namespace->path}});
    }
    return 0;
}

static int propagation_of(struct Planner *planner, uint64_t *ret)
{
    static const struct {
        const char *name;
        uint64_t flags;
    } names[] = {
        {"private", MS_PRIVATE},       {"rprivate", MS_PRIVATE | MS_REC},
        {"slave", MS_SLAVE},           {"rslave", MS_SLAVE | MS_REC},
        {"shared", MS_SHARED},         {"rshared", MS_SHARED | MS_REC},
        {"unbindable", MS_UNBINDABLE}, {"runbindable", MS_UNBINDABLE | MS_REC},
    };
    const char *wanted = planner->spec->rootfs_propagation;
    *ret = MS_SLAVE | MS_REC;
    if (!wanted)
        return 0;
    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        if (str_equal(names[i].name, wanted)) {
            *ret = names[i].flags;
            return 0;
        }
    return planner_fail(planner, ERROR_INVALID_ARGUMENT, "linux.rootfsPropagation", "no such propagation");
}

int plan_root(struct Planner *planner)
{
    const struct Spec *spec = planner->spec;
    uint64_t propagation;
    int r = propagation_of(planner, &propagation);
    if (r < 0)
        return r;
    char name[128];
    str_format(name, sizeof(name), "_ses.%s", planner->input->id);
    planner_add(planner, &(struct Op){.kind = OP_KEYRING, .keyring = {name}});
    if (spec->rootfs)
        planner_add(planner, &(struct Op){.kind = OP_ROOTFS, .rootfs = {spec->rootfs, propagation}});
    else
        planner_add(planner, &(struct Op){.kind = OP_OVERLAY,
                                          .overlay = {
                                              .lower = spec->overlay_lower,
                                              .scratch = spec->overlay_scratch,
                                              .propagation = propagation,
                                          }});
    return 0;
}

/* Compares absolute paths by their components. */
static bool path_is(const char *path, const char *clean)
{
    while (*path || *clean) {
        path += strspn(path, "/");
        clean += strspn(clean, "/");
        size_t length = strcspn(path, "/");
        if (length == 1 && path[0] == '.') {
            path++;
            continue;
        }
        if (length != strcspn(clean, "/") || memcmp(path, clean, length) != 0)
            return false;
        path += length;
        clean += length;
    }
    return true;
}

static bool is_bind(const struct SpecMount *mount)
{
    if (str_equal(mount->type, "bind"))
        return true;
    for (size_t i = 0; i < mount->options.count; i++)
        if (str_equal(mount->options.items[i], "bind") || str_equal(mount->options.items[i], "rbind"))
            return true;
    return false;
}

/* A /dev that is bound from the host is left as it is. */
static bool dev_is_bound(const struct Spec *spec)
{
    for (size_t i = 0; i < spec->mount_count; i++)
        if (path_is(spec->mounts[i].destination, "/dev") && is_bind(&spec->mounts[i]))
            return true;
    return false;
}

static const struct SpecDevice default_devices[] = {
    {"/dev/null", 'c', 1, 3, 0666, 0, 0},    {"/dev/zero", 'c', 1, 5, 0666, 0, 0},
    {"/dev/full", 'c', 1, 7, 0666, 0, 0},    {"/dev/random", 'c', 1, 8, 0666, 0, 0},
    {"/dev/urandom", 'c', 1, 9, 0666, 0, 0}, {"/dev/tty", 'c', 5, 0, 0666, 0, 0},
};

static const struct {
    const char *target, *path;
    bool needs_kcore;
} default_links[] = {
    {"pts/ptmx", "/dev/ptmx", false},          {"/proc/self/fd", "/dev/fd", false},
    {"/proc/self/fd/0", "/dev/stdin", false},  {"/proc/self/fd/1", "/dev/stdout", false},
    {"/proc/self/fd/2", "/dev/stderr", false}, {"/proc/kcore", "/dev/core", true},
};

static void add_device(struct Planner *planner, const struct SpecDevice *device)
{
    uint64_t type = device->type == 'b' ? S_IFBLK : device->type == 'p' ? S_IFIFO : S_IFCHR;
    bool fifo = device->type == 'p';
    planner_add(planner, &(struct Op){.kind = OP_DEVICE,
                                      .device = {
                                          .path = device->path,
                                          .mode = type | (device->mode & 07777),
                                          .major = fifo ? 0 : (uint64_t)device->major,
                                          .minor = fifo ? 0 : (uint64_t)device->minor,
                                          .uid = device->uid,
                                          .gid = device->gid,
                                      }});
}

static bool spec_has_node(const struct Spec *spec, const char *path)
{
    for (size_t i = 0; i < spec->device_count; i++)
        if (path_is(spec->devices[i].path, path))
            return true;
    return false;
}

int plan_devices(struct Planner *planner)
{
    const struct Spec *spec = planner->spec;
    if (dev_is_bound(spec))
        return 0;
    for (size_t i = 0; i < ELEMENTSOF(default_devices); i++)
        if (!spec_has_node(spec, default_devices[i].path))
            add_device(planner, &default_devices[i]);
    for (size_t i = 0; i < spec->device_count; i++)
        add_device(planner, &spec->devices[i]);
    for (size_t i = 0; i < ELEMENTSOF(default_links); i++)
        if (!default_links[i].needs_kcore || planner->host->kcore)
            planner_add(planner, &(struct Op){.kind = OP_LINK,
                                              .link = {default_links[i].target, default_links[i].path}});
    return 0;
}

int plan_pivot(struct Planner *planner)
{
    bool joined = planner->spec->namespaces[NAMESPACE_MOUNT].path;
    planner_add(planner, &(struct Op){.kind = OP_PIVOT, .pivot = {.chroot = joined}});
    if (planner->spec->root_readonly)
        planner_add(planner, &(struct Op){.kind = OP_ROOT_READONLY});
    return 0;
}

int plan_paths(struct Planner *planner)
{
    const struct Spec *spec = planner->spec;
    for (size_t i = 0; i < spec->readonly_paths.count; i++)
        planner_add(planner, &(struct Op){.kind = OP_READONLY, .path = {spec->readonly_paths.items[i]}});
    for (size_t i = 0; i < spec->masked_paths.count; i++)
        planner_add(planner, &(struct Op){.kind = OP_MASK, .path = {spec->masked_paths.items[i]}});
    return 0;
}
