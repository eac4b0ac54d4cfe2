// SPDX-License-Identifier: Apache-2.0
/* What belongs to the namespaces themselves: sysctls, names, the loopback interface. */
#include "base/str.h"
#include "runtime/plan/plan-internal.h"
#include <limits.h>

/* A value of the kernel may be set only where it belongs to a namespace that is the container's
 * alone; all others are the host's. A name that ends in "/" stands for everything below it. */
static const struct {
    const char *name;
    enum NamespaceType type;
} sysctls[] = {
    {"kernel/msgmax", NAMESPACE_IPC}, {"kernel/msgmnb", NAMESPACE_IPC},
    {"kernel/msgmni", NAMESPACE_IPC}, {"kernel/sem", NAMESPACE_IPC},
    {"kernel/shmall", NAMESPACE_IPC}, {"kernel/shmmax", NAMESPACE_IPC},
    {"kernel/shmmni", NAMESPACE_IPC}, {"kernel/shm_rmid_forced", NAMESPACE_IPC},
    {"fs/mqueue/", NAMESPACE_IPC},    {"net/", NAMESPACE_NETWORK},
};

static const char *const namespace_names[NAMESPACE_TYPE_COUNT] = {
    [NAMESPACE_MOUNT] = "mount", [NAMESPACE_PID] = "pid",         [NAMESPACE_IPC] = "IPC",
    [NAMESPACE_UTS] = "UTS",     [NAMESPACE_NETWORK] = "network", [NAMESPACE_CGROUP] = "cgroup",
};

/* As sysctl(8): where the first separator is a dot, dots and slashes change places. False for what
 * could be another path than it looks. */
static bool normalize(const char *key, size_t length, char path[PATH_MAX])
{
    if (length == 0 || length >= PATH_MAX)
        return false;
    const char *first = key + strcspn(key, "./");
    bool dots = first < key + length && *first == '.';
    for (size_t i = 0; i < length; i++) {
        char c = key[i];
        path[i] = !dots ? c : c == '.' ? '/' : c == '/' ? '.' : c;
    }
    path[length] = 0;
    for (const char *part = path;; part++) {
        size_t size = strcspn(part, "/");
        if (size == 0 || (size == 1 && part[0] == '.') || (size == 2 && memcmp(part, "..", 2) == 0))
            return false;
        part += size;
        if (!*part)
            return str_is_printable(path, length);
    }
}

static int add_sysctl(struct Planner *planner, const char *text)
{
    char path[PATH_MAX], where[PATH_MAX];
    size_t length = strcspn(text, "=");
    str_format(where, sizeof(where), "linux.sysctl.%.*s", (int)MIN(length, (size_t)PATH_MAX / 2), text);
    if (!text[length] || !normalize(text, length, path))
        return planner_fail(planner, ERROR_INVALID_ARGUMENT, where, "is no name of a sysctl");
    if (str_equal(path, "kernel/hostname") || str_equal(path, "kernel/domainname"))
        return planner_fail(planner, ERROR_INVALID_ARGUMENT, where, "is set by %s",
                            str_equal(path, "kernel/hostname") ? "hostname" : "domainname");
    for (size_t i = 0; i < ELEMENTSOF(sysctls); i++) {
        const char *name = sysctls[i].name;
        bool below = name[strlen(name) - 1] == '/';
        if (below ? !str_starts_with(path, name) : !str_equal(path, name))
            continue;
        if (!planner_has_new(planner, sysctls[i].type))
            return planner_fail(planner, ERROR_INVALID_ARGUMENT, where, "needs a new %s namespace",
                                namespace_names[sysctls[i].type]);
        planner_add(planner, &(struct Op){.kind = OP_SYSCTL, .sysctl = {path, text + length + 1}});
        return 0;
    }
    return planner_fail(planner, ERROR_INVALID_ARGUMENT, where, "belongs to the host, not to a namespace");
}

int plan_sysctls(struct Planner *planner)
{
    const struct SpecStrings *list = &planner->spec->sysctls;
    for (size_t i = 0; i < list->count; i++) {
        int r = add_sysctl(planner, list->items[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

int plan_names(struct Planner *planner)
{
    const struct Spec *spec = planner->spec;
    const struct {
        const char *where, *name;
        enum OpKind kind;
    } names[] = {
        {"hostname", spec->hostname, OP_HOSTNAME},
        {"domainname", spec->domainname, OP_DOMAINNAME},
    };
    for (size_t i = 0; i < ELEMENTSOF(names); i++) {
        if (!names[i].name)
            continue;
        if (!spec->namespaces[NAMESPACE_UTS].wanted)
            return planner_fail(planner, ERROR_INVALID_ARGUMENT, names[i].where, "needs a UTS namespace");
        planner_add(planner, &(struct Op){.kind = names[i].kind, .name = {names[i].name}});
    }
    if (planner_has_new(planner, NAMESPACE_NETWORK))
        planner_add(planner, &(struct Op){.kind = OP_LOOPBACK});
    return 0;
}
