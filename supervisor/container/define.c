// SPDX-License-Identifier: Apache-2.0
#include "supervisor/container/define.h"
#include "base/fd.h"
#include "base/str.h"
#include "runtime/plan/seccomp.h"
#include "supervisor/container/container.h"
#include "supervisor/log.h"
#include <fcntl.h>
#include <string.h>

void definition_deinit(struct Definition *definition)
{
    free(TAKE_PTR(definition->plan));
    free(TAKE_PTR(definition->config));
}

int define_no_memory(struct Error *error)
{
    return error_set(error, ERROR_RESOURCE_EXHAUSTED, NULL, "out of memory");
}

int define_strings(struct Spec *spec, const char *const *items, size_t count, struct SpecStrings *ret)
{
    const char **copy = arena_alloc(&spec->arena, count + 1, sizeof(*copy));
    if (!copy)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        copy[i] = arena_strdup(&spec->arena, items[i]);
        if (!copy[i])
            return -ENOMEM;
    }
    *ret = (struct SpecStrings){copy, count};
    return 0;
}

/* --- the arguments alone --- */

static bool is_given(const msgpack_object *value)
{
    return value->type != MSGPACK_OBJECT_NIL &&
           !(value->type == MSGPACK_OBJECT_BOOLEAN && !value->via.boolean);
}

/* With a bundle its config.json rules: only what is about supervision may stand beside it. */
static int check_bundle(const msgpack_object *map, struct Error *error)
{
    static const char *const SUPERVISION[] = {"bundle", "id",   "name", "tty",     "stdin",
                                              "labels", "stop", "log",  "restart", "auto_remove"};
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        const msgpack_object_kv *member = &map->via.map.ptr[i];
        bool allowed = !is_given(&member->val);
        char name[64];
        for (size_t k = 0; k < ELEMENTSOF(SUPERVISION); k++)
            allowed = allowed || wire_is_str(&member->key, SUPERVISION[k]);
        if (allowed)
            continue;
        (void)str_format(name, sizeof(name), "%.*s", (int)MIN(member->key.via.str.size, 63u),
                         member->key.via.str.ptr);
        return error_set(error, ERROR_INVALID_ARGUMENT, name,
                         "cannot be given with a bundle, whose config.json rules");
    }
    return 0;
}

static int check_log(const struct ArgLog *log, struct Error *error)
{
    if (log->sinks.count > 1)
        return error_set(error, ERROR_UNSUPPORTED, "log.sinks", "one sink for now: cri or none");
    return 0;
}

int define_check(const struct ArgCreate *arguments, const msgpack_object *map, struct Error *error)
{
    int sources = !!arguments->bundle + !!arguments->rootfs + arguments->host;
    if (sources != 1)
        return error_set(error, ERROR_INVALID_ARGUMENT, sources ? "host" : "rootfs",
                         "exactly one source must be given: bundle, rootfs or host");
    const char *path = arguments->bundle ? arguments->bundle : arguments->rootfs;
    if (path && path[0] != '/')
        return error_set(error, ERROR_INVALID_ARGUMENT, arguments->bundle ? "bundle" : "rootfs",
                         "must be an absolute path");
    if (arguments->tty)
        return error_set(error, ERROR_UNSUPPORTED, "tty", "terminals are not supported yet");
    if (arguments->restart.policy && !str_equal(arguments->restart.policy, "no"))
        return error_set(error, ERROR_UNSUPPORTED, "restart.policy", "only \"no\" is supported yet");
    int r = check_log(&arguments->log, error);
    if (r == 0 && arguments->bundle)
        r = check_bundle(map, error);
    if (r == 0 && !arguments->bundle && arguments->args.count == 0)
        r = error_set(error, ERROR_INVALID_ARGUMENT, "args", "a command must be given");
    return r;
}

/* --- from Spec to plan --- */

static void choose_hostname(const struct DefineInput *input, char hostname[65])
{
    if (input->arguments->hostname)
        (void)str_format(hostname, 65, "%s", input->arguments->hostname);
    else if (!str_equal(input->name, input->id))
        (void)str_format(hostname, 65, "%s", input->name);
    else
        (void)str_format(hostname, 65, "%.12s", input->id);
}

/* A filter that was compiled for this container alone (a bundle's). */
static int compile_own(const struct DefineInput *input, const struct Spec *spec, struct Buf *bytes,
                       struct OpBlob *ret_filter, uint64_t *ret_flags, struct Buf *warnings,
                       struct Error *error)
{
    int r =
        seccomp_compile(&spec->seccomp, input->manager->seccomp_cache_fd, bytes, ret_flags, warnings, error);
    if (r == 0)
        *ret_filter = (struct OpBlob){bytes->data, (uint32_t)bytes->size};
    return r;
}

static const char *profile_of(const struct DefineInput *input)
{
    const struct ArgCreate *arguments = input->arguments;
    if (arguments->bundle || str_equal(arguments->seccomp, "unconfined") ||
        (arguments->privileged && !arguments->seccomp))
        return NULL;
    if (!arguments->seccomp || str_equal(arguments->seccomp, "default"))
        return input->manager->places.seccomp_profile;
    return arguments->seccomp;
}

static int make_plan(const struct DefineInput *input, struct Spec *spec, struct Definition *definition,
                     struct Buf *warnings, struct Error *error)
{
    struct Manager *manager = input->manager;
    _cleanup_buf_ struct Buf bytes = BUF_INIT;
    struct OpBlob filter = {0};
    uint64_t flags = 0;
    char cgroup[CGROUP_PATH_MAX];
    const char *profile = profile_of(input);

    int r = spec_validate(spec, error);
    if (r == 0 && profile)
        r = filter_cache_get(manager->filters, spec, profile, manager->seccomp_cache_fd, &filter, &flags,
                             warnings, error);
    else if (r == 0 && spec->seccomp.present)
        r = compile_own(input, spec, &bytes, &filter, &flags, warnings, error);
    if (r == 0 && container_cgroup_path(manager, input->id, cgroup, sizeof(cgroup)) < 0)
        r = error_set(error, ERROR_INTERNAL, "cgroup", "the path is too long");
    if (r < 0)
        return r;
    const struct PlanInput plan = {
        .spec = spec,
        .host = &manager->host,
        .id = input->id,
        .cgroup_path = cgroup,
        .seccomp = filter.size ? &filter : NULL,
        .seccomp_flags = flags,
    };
    return plan_make(&plan, &definition->plan, &definition->plan_size, warnings, error);
}

static int load_bundle(const struct DefineInput *input, struct Spec **ret, struct Definition *definition,
                       struct Error *error)
{
    _cleanup_spec_ struct Spec *spec = NULL;
    int r;
    if (input->config) {
        r = spec_parse(input->config, input->config_size, input->arguments->bundle, &spec, error);
    } else {
        r = spec_load(input->arguments->bundle, &spec, &definition->config, error);
        definition->config_size = definition->config ? strlen(definition->config) : 0;
    }
    if (r < 0)
        return r;
    if (spec->terminal)
        return error_set(error, ERROR_UNSUPPORTED, "process.terminal", "terminals are not supported yet");
    spec->cgroups_path = NULL; /* davitd's own: it must know what it cleans up */
    *ret = TAKE_PTR(spec);
    return 0;
}

/* How spec_validate() and the planner name things, and what the caller called them. */
static void rename_where(struct Error *error)
{
    static const struct {
        const char *path, *argument;
    } NAMES[] = {
        {"process.args", "args"},
        {"process.env", "env"},
        {"process.cwd", "cwd"},
        {"process.user", "user"},
        {"process.rlimits", "rlimits"},
        {"process.oomScoreAdj", "oom_score_adj"},
        {"root.path", "rootfs"},
        {"linux.sysctl", "sysctls"},
        {"linux.devices", "devices"},
        {"linux.resources.memory.swap", "resources.swap"},
        {"linux.resources.memory.limit", "resources.memory"},
        {"linux.resources.pids", "resources.pids"},
        {"linux.resources.cpu", "resources.cpu"},
    };
    for (size_t i = 0; i < ELEMENTSOF(NAMES); i++) {
        size_t length = strlen(NAMES[i].path);
        char where[ERROR_WHERE_SIZE];
        if (strncmp(error->where, NAMES[i].path, length) != 0)
            continue;
        (void)str_format(where, sizeof(where), "%s%s", NAMES[i].argument, error->where + length);
        memcpy(error->where, where, sizeof(error->where));
        return;
    }
}

int define_make(const struct DefineInput *input, struct Definition *ret, struct Buf *warnings,
                struct Error *error)
{
    _cleanup_definition_ struct Definition definition = {0};
    _cleanup_spec_ struct Spec *spec = NULL;
    char run_path[PATH_MAX];
    int r;

    if (input->arguments->bundle) {
        r = load_bundle(input, &spec, &definition, error);
        if (r == 0)
            r = make_plan(input, spec, &definition, warnings, error);
    } else {
        choose_hostname(input, definition.hostname);
        spec = spec_new();
        if (!spec)
            return define_no_memory(error);
        if (!str_format(run_path, sizeof(run_path), "%s/containers/%s", input->manager->places.run_dir,
                        input->id))
            return error_set(error, ERROR_INTERNAL, "run-dir", "the path is too long");
        r = define_spec(spec, input, definition.hostname, run_path, error);
        if (r == 0)
            r = make_plan(input, spec, &definition, warnings, error);
        if (r < 0)
            rename_where(error);
    }
    if (r < 0)
        return r;
    *ret = definition;
    definition = (struct Definition){0};
    return 0;
}
