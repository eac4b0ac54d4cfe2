// SPDX-License-Identifier: Apache-2.0
/*
 * The Spec of a container that comes from a folder or from the host's own root: what somebody who
 * knows docker expects to find inside.
 */
#include "base/fd.h"
#include "base/str.h"
#include "supervisor/container/define.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { DEFAULT_MOUNTS = 7, HOST_FILES = 3 };

#define OPTIONS(...)                                                                                         \
    (const char *const[])                                                                                    \
    {                                                                                                        \
        __VA_ARGS__, NULL                                                                                    \
    }

static const struct DefaultMount {
    const char *destination, *type, *source;
    const char *const *options;
    bool read_only; /* unless privileged */
} DEFAULTS[DEFAULT_MOUNTS] = {
    {"/proc", "proc", "proc", OPTIONS("nosuid", "noexec", "nodev"), false},
    {"/dev", "tmpfs", "tmpfs", OPTIONS("nosuid", "strictatime", "mode=755", "size=65536k"), false},
    {"/dev/pts", "devpts", "devpts",
     OPTIONS("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"), false},
    {"/dev/shm", "tmpfs", "shm", OPTIONS("nosuid", "noexec", "nodev", "mode=1777", "size=65536k"), false},
    {"/dev/mqueue", "mqueue", "mqueue", OPTIONS("nosuid", "noexec", "nodev"), false},
    {"/sys", "sysfs", "sysfs", OPTIONS("nosuid", "noexec", "nodev"), true},
    {"/sys/fs/cgroup", "cgroup", "cgroup", OPTIONS("nosuid", "noexec", "nodev", "relatime"), true},
};

static const char *const MASKED[] = {
    "/proc/asound",        "/proc/acpi",       "/proc/kcore",       "/proc/keys",
    "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
    "/proc/scsi",          "/proc/interrupts", "/sys/firmware",     "/sys/devices/virtual/powercap",
};
static const char *const READ_ONLY[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                        "/proc/sysrq-trigger"};

static const char PATH_VARIABLE[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/* --- mounts --- */

static int add_options(struct Spec *spec, struct SpecMount *mount, const char *const *options, size_t count,
                       const char *more)
{
    const char *all[32];
    if (count + 1 > ELEMENTSOF(all))
        return -E2BIG;
    for (size_t i = 0; i < count; i++)
        all[i] = options[i];
    if (more)
        all[count++] = more;
    return define_strings(spec, all, count, &mount->options);
}

static int add_defaults(struct Spec *spec, const struct ArgCreate *arguments)
{
    for (size_t i = 0; i < ELEMENTSOF(DEFAULTS); i++) {
        struct SpecMount *mount = &spec->mounts[spec->mount_count++];
        size_t count = 0;
        while (DEFAULTS[i].options[count])
            count++;
        *mount = (struct SpecMount){DEFAULTS[i].destination, DEFAULTS[i].type, DEFAULTS[i].source, {0}};
        int r = add_options(spec, mount, DEFAULTS[i].options, count,
                            DEFAULTS[i].read_only && !arguments->privileged ? "ro" : NULL);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Copies of its own, so that nothing of the container is written into the folder it came from. */
static int add_host_files(struct Spec *spec, const char *run_path)
{
    static const char *const FILES[HOST_FILES] = {"hostname", "hosts", "resolv.conf"};
    for (size_t i = 0; i < HOST_FILES; i++) {
        struct SpecMount *mount = &spec->mounts[spec->mount_count++];
        *mount = (struct SpecMount){
            .destination = arena_printf(&spec->arena, "/etc/%s", FILES[i]),
            .type = "bind",
            .source = arena_printf(&spec->arena, "%s/%s", run_path, FILES[i]),
        };
        if (!mount->destination || !mount->source)
            return -ENOMEM;
        int r = add_options(spec, mount, OPTIONS("bind", "rprivate", "nosuid", "nodev"), 4, NULL);
        if (r < 0)
            return r;
    }
    return 0;
}

static bool has_option(const struct SchemaTexts *options, const char *word)
{
    for (size_t i = 0; i < options->count; i++)
        if (str_equal(options->items[i], word))
            return true;
    return false;
}

/* `list` is the argument it came from, for the error. */
static int add_mount(struct Spec *spec, const struct ArgMount *asked, const char *list, size_t index,
                     struct Error *error)
{
    struct SpecMount *mount = &spec->mounts[spec->mount_count++];
    char where[64];
    bool bind = !asked->type || str_equal(asked->type, "bind");
    bool target_is_wrong = asked->target[0] != '/';
    if (target_is_wrong || (bind && (!asked->source || asked->source[0] != '/'))) {
        (void)str_format(where, sizeof(where), "%s[%zu].%s", list, index,
                         target_is_wrong ? "target" : "source");
        return error_set(error, ERROR_INVALID_ARGUMENT, where, "must be an absolute path");
    }
    *mount = (struct SpecMount){
        .destination = arena_strdup(&spec->arena, asked->target),
        .type = arena_strdup(&spec->arena, asked->type ? asked->type : "bind"),
        .source = asked->source ? arena_strdup(&spec->arena, asked->source) : NULL,
    };
    if (!mount->destination || !mount->type || (asked->source && !mount->source))
        return define_no_memory(error);
    bool plain = bind && !has_option(&asked->options, "bind") && !has_option(&asked->options, "rbind");
    int r = add_options(spec, mount, asked->options.items, asked->options.count, plain ? "rbind" : NULL);
    (void)str_format(where, sizeof(where), "%s[%zu].options", list, index);
    return r < 0 ? error_set(error, ERROR_INVALID_ARGUMENT, where, "are too many") : 0;
}

static int add_tmpfs(struct Spec *spec, const struct ArgTmpfs *asked, size_t index, struct Error *error)
{
    const struct ArgMount mount = {
        .source = "tmpfs", .target = asked->target, .type = "tmpfs", .options = asked->options};
    return add_mount(spec, &mount, "tmpfs", index, error);
}

static int define_mounts(struct Spec *spec, const struct ArgCreate *arguments, const char *run_path,
                         struct Error *error)
{
    const struct ArgMount *mounts = arguments->mounts.items;
    const struct ArgTmpfs *tmpfs = arguments->tmpfs.items;
    size_t count = DEFAULT_MOUNTS + HOST_FILES + arguments->mounts.count + arguments->tmpfs.count;
    spec->mounts = arena_alloc(&spec->arena, count, sizeof(*spec->mounts));
    if (!spec->mounts || add_defaults(spec, arguments) < 0 || add_host_files(spec, run_path) < 0)
        return define_no_memory(error);
    int r = 0;
    for (size_t i = 0; r == 0 && i < arguments->tmpfs.count; i++)
        r = add_tmpfs(spec, &tmpfs[i], i, error);
    for (size_t i = 0; r == 0 && i < arguments->mounts.count; i++)
        r = add_mount(spec, &mounts[i], "mounts", i, error);
    return r;
}

/* --- root, process --- */

static int define_root(struct Spec *spec, const struct ArgCreate *arguments, const char *run_path,
                       int *ret_fd, struct Error *error)
{
    const char *root = arguments->host ? "/" : arguments->rootfs;
    int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(error, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_INVALID_ARGUMENT, errno,
                               "rootfs", "%s", root);
    *ret_fd = fd;
    spec->root_readonly = arguments->read_only;
    if (arguments->host) {
        spec->overlay_lower = "/";
        spec->overlay_scratch = arena_printf(&spec->arena, "%s/overlay", run_path);
        return spec->overlay_scratch ? 0 : define_no_memory(error);
    }
    spec->rootfs = arena_strdup(&spec->arena, root);
    return spec->rootfs ? 0 : define_no_memory(error);
}

static bool has_variable(const struct SchemaTexts *env, const char *variable)
{
    size_t length = strcspn(variable, "=") + 1;
    for (size_t i = 0; i < env->count; i++)
        if (strncmp(env->items[i], variable, length) == 0)
            return true;
    return false;
}

static int define_environment(struct Spec *spec, const struct ArgCreate *arguments, const char *hostname,
                              struct Error *error)
{
    const char *defaults[] = {
        PATH_VARIABLE,
        arena_printf(&spec->arena, "HOSTNAME=%s", hostname),
        spec->uid == 0 ? "HOME=/root" : "HOME=/",
    };
    size_t given = arguments->env.count, count = 0;
    const char **all = arena_alloc(&spec->arena, given + ELEMENTSOF(defaults), sizeof(*all));
    if (!all)
        return define_no_memory(error);
    /* The given ones first: errors count them as the caller did. */
    for (size_t i = 0; i < given; i++)
        all[count++] = arguments->env.items[i];
    for (size_t i = 0; i < ELEMENTSOF(defaults); i++) {
        if (!defaults[i])
            return define_no_memory(error);
        if (!has_variable(&arguments->env, defaults[i]))
            all[count++] = defaults[i];
    }
    return define_strings(spec, all, count, &spec->environment) < 0 ? define_no_memory(error) : 0;
}

static int define_process(struct Spec *spec, const struct ArgCreate *arguments, int root_fd,
                          const char *hostname, struct Error *error)
{
    spec->cwd = arena_strdup(&spec->arena, arguments->cwd ? arguments->cwd : "/");
    spec->hostname = arena_strdup(&spec->arena, hostname);
    if (!spec->cwd || !spec->hostname ||
        define_strings(spec, arguments->args.items, arguments->args.count, &spec->arguments) < 0)
        return define_no_memory(error);
    spec->no_new_privileges = arguments->no_new_privileges != SCHEMA_FALSE;
    spec->has_oom_score_adj = arguments->oom_score_adj.present;
    spec->oom_score_adj = (int32_t)arguments->oom_score_adj.value;
    int r = arguments->user ? spec_resolve_user(spec, root_fd, arguments->user, error) : 0;
    return r < 0 ? r : define_environment(spec, arguments, hostname, error);
}

static int define_protection(struct Spec *spec, const struct ArgCreate *arguments, struct Error *error)
{
    for (int type = 0; type < NAMESPACE_TYPE_COUNT; type++)
        spec->namespaces[type].wanted = type != NAMESPACE_NETWORK || !str_equal(arguments->network, "host");
    if (arguments->privileged)
        return 0;
    if (define_strings(spec, MASKED, ELEMENTSOF(MASKED), &spec->masked_paths) < 0 ||
        define_strings(spec, READ_ONLY, ELEMENTSOF(READ_ONLY), &spec->readonly_paths) < 0)
        return define_no_memory(error);
    return 0;
}

/* {key: value} as "key=value". */
static int define_pairs(struct Spec *spec, const struct SchemaPairs *pairs, struct SpecStrings *ret,
                        struct Error *error)
{
    const char **items = arena_alloc(&spec->arena, pairs->count + 1, sizeof(*items));
    if (!items)
        return define_no_memory(error);
    for (size_t i = 0; i < pairs->count; i++) {
        items[i] = arena_printf(&spec->arena, "%s=%s", pairs->items[i].key, pairs->items[i].value);
        if (!items[i])
            return define_no_memory(error);
    }
    *ret = (struct SpecStrings){items, pairs->count};
    return 0;
}

int define_spec(struct Spec *spec, const struct DefineInput *input, const char *hostname,
                const char *run_path, struct Error *error)
{
    const struct ArgCreate *arguments = input->arguments;
    _cleanup_close_ int root_fd = -1;
    int r = define_root(spec, arguments, run_path, &root_fd, error);
    if (r == 0)
        r = define_process(spec, arguments, root_fd, hostname, error);
    if (r == 0)
        r = define_mounts(spec, arguments, run_path, error);
    if (r == 0)
        r = define_protection(spec, arguments, error);
    if (r == 0)
        r = define_capabilities(spec, arguments, input->manager->host.capabilities, error);
    if (r == 0)
        r = define_devices(spec, arguments, error);
    if (r == 0)
        r = define_rlimits(spec, arguments, error);
    if (r == 0)
        r = define_pairs(spec, &arguments->sysctls, &spec->sysctls, error);
    if (r == 0)
        r = define_pairs(spec, &arguments->annotations, &spec->annotations, error);
    return r == 0 ? define_resources(spec, arguments, error) : r;
}
