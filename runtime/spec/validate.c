// SPDX-License-Identifier: Apache-2.0
/*
 * The rules for values, whoever filled the Spec. What they keep out is what later code would have
 * to think about again and again: relative paths, bytes that begin a second line, numbers that
 * turn into others when they are narrowed.
 */
#include "runtime/spec/validate.h"
#include "base/str.h"
#include <stdarg.h>
#include <sys/resource.h>

/* execve(2) takes no longer argument or variable: MAX_ARG_STRLEN, 32 pages. */
enum { ARGUMENT_LIMIT = 32 * 4096, HOSTNAME_LIMIT = 64, WHERE_SIZE = 128 };

int validate_fail(struct Error *error, const char *complaint, const char *where_format, ...)
{
    char where[WHERE_SIZE];
    if (!complaint)
        return 0;
    va_list arguments;
    va_start(arguments, where_format);
    vsnprintf(where, sizeof(where), where_format, arguments);
    va_end(arguments);
    return error_set(error, ERROR_INVALID_ARGUMENT, where, "%s", complaint);
}

const char *validate_text(const char *text, size_t limit)
{
    size_t size = strnlen(text, limit);
    if (size == limit)
        return "is too long";
    return str_is_printable(text, size) ? NULL : "must not hold control bytes";
}

const char *validate_path(const char *text)
{
    if (!text || text[0] != '/')
        return "must be an absolute path";
    return validate_text(text, VALIDATE_PATH_LIMIT);
}

/* The kernel takes more, but what goes through a signed int on its way becomes another user. */
const char *validate_id(uint32_t id)
{
    return id > INT32_MAX ? "must not be above 2147483647" : NULL;
}

/* 1.x.y; later minor versions only add. */
static int check_version(const struct Spec *spec, struct Error *error)
{
    const char *version = spec->oci_version;
    if (!version)
        return 0;
    size_t digits = strspn(version, "0123456789");
    if (digits == 0 || version[digits] != '.' || !str_is_printable(version, strlen(version)))
        return validate_fail(error, "is no version", "ociVersion");
    if (digits == 1 && version[0] == '1')
        return 0;
    return error_set(error, ERROR_UNSUPPORTED, "ociVersion", "only versions 1.x are known");
}

static int check_root(const struct Spec *spec, struct Error *error)
{
    if (!spec->rootfs == !spec->overlay_lower)
        return validate_fail(error, spec->rootfs ? "is given twice" : "is missing", "root.path");
    if (spec->rootfs)
        return validate_fail(error, validate_path(spec->rootfs), "root.path");
    int r = validate_fail(error, validate_path(spec->overlay_lower), "root.path");
    if (r < 0 || !spec->overlay_scratch)
        return r;
    return validate_fail(error, validate_path(spec->overlay_scratch), "root.path");
}

/* Without a namespace of their own they would become the host's. */
static int check_name(const struct Spec *spec, const char *name, const char *where, struct Error *error)
{
    if (!name)
        return 0;
    if (!spec->namespaces[NAMESPACE_UTS].wanted)
        return validate_fail(error, "needs a uts namespace", "%s", where);
    return validate_fail(error, validate_text(name, HOSTNAME_LIMIT + 1), "%s", where);
}

static const char *variable_complaint(const char *text)
{
    size_t name = strcspn(text, "=");
    if (name == 0 || !text[name])
        return "must be NAME=VALUE";
    if (!str_is_printable(text, name))
        return "must not hold control bytes in its name";
    return strnlen(text, ARGUMENT_LIMIT) == ARGUMENT_LIMIT ? "is too long" : NULL;
}

static int check_command(const struct Spec *spec, struct Error *error)
{
    if (spec->arguments.count == 0)
        return validate_fail(error, "must have at least one entry", "process.args");
    if (!spec->arguments.items[0][0])
        return validate_fail(error, "is empty", "process.args[0]");
    for (size_t i = 0; i < spec->arguments.count; i++)
        if (strnlen(spec->arguments.items[i], ARGUMENT_LIMIT) == ARGUMENT_LIMIT)
            return validate_fail(error, "is too long", "process.args[%zu]", i);
    for (size_t i = 0; i < spec->environment.count; i++) {
        int r = validate_fail(error, variable_complaint(spec->environment.items[i]), "process.env[%zu]", i);
        if (r < 0)
            return r;
    }
    return validate_fail(error, validate_path(spec->cwd), "process.cwd");
}

static int check_user(const struct Spec *spec, struct Error *error)
{
    int r = validate_fail(error, validate_id(spec->uid), "process.user.uid");
    if (r >= 0)
        r = validate_fail(error, validate_id(spec->gid), "process.user.gid");
    if (r >= 0 && spec->has_umask && spec->umask > 0777)
        r = validate_fail(error, "must not be above 511 (0777)", "process.user.umask");
    for (size_t i = 0; r >= 0 && i < spec->additional_gid_count; i++)
        r = validate_fail(error, validate_id(spec->additional_gids[i]), "process.user.additionalGids[%zu]",
                          i);
    return r;
}

static const char *const capability_where[CAPABILITY_SET_COUNT] = {
    [CAPABILITY_BOUNDING] = "bounding",   [CAPABILITY_EFFECTIVE] = "effective",
    [CAPABILITY_PERMITTED] = "permitted", [CAPABILITY_INHERITABLE] = "inheritable",
    [CAPABILITY_AMBIENT] = "ambient",
};

/* Names that the kernel does not know are for the planner: the specification makes them a warning. */
static int check_capabilities(const struct Spec *spec, struct Error *error)
{
    enum { NAME_LIMIT = 64 };
    for (int set = 0; set < CAPABILITY_SET_COUNT; set++)
        for (size_t i = 0; i < spec->capabilities[set].count; i++) {
            const char *name = spec->capabilities[set].items[i];
            const char *complaint = *name ? validate_text(name, NAME_LIMIT) : "is empty";
            if (complaint)
                return validate_fail(error, complaint, "process.capabilities.%s[%zu]", capability_where[set],
                                     i);
        }
    return 0;
}

static int check_limits(const struct Spec *spec, struct Error *error)
{
    uint32_t seen = 0;
    for (size_t i = 0; i < spec->rlimit_count; i++) {
        const struct SpecRlimit *limit = &spec->rlimits[i];
        if (limit->resource < 0 || limit->resource >= RLIM_NLIMITS)
            return validate_fail(error, "is no resource limit of Linux", "process.rlimits[%zu].type", i);
        if (seen & UINT32_C(1) << limit->resource)
            return validate_fail(error, "is there twice", "process.rlimits[%zu].type", i);
        if (limit->soft > limit->hard)
            return validate_fail(error, "must not be above the hard limit", "process.rlimits[%zu].soft", i);
        seen |= UINT32_C(1) << limit->resource;
    }
    if (spec->has_oom_score_adj && (spec->oom_score_adj < -1000 || spec->oom_score_adj > 1000))
        return validate_fail(error, "must be in -1000..1000", "process.oomScoreAdj");
    return 0;
}

static int check_mount(const struct SpecMount *mount, size_t number, struct Error *error)
{
    bool bind = str_equal(mount->type, "bind");
    int r = validate_fail(error, validate_path(mount->destination), "mounts[%zu].destination", number);
    for (size_t i = 0; r >= 0 && i < mount->options.count; i++) {
        const char *option = mount->options.items[i];
        bind |= str_equal(option, "bind") || str_equal(option, "rbind");
        const char *complaint = *option ? validate_text(option, VALIDATE_PATH_LIMIT) : "is empty";
        r = validate_fail(error, complaint, "mounts[%zu].options[%zu]", number, i);
    }
    if (r < 0)
        return r;
    if (bind)
        return validate_fail(error, mount->source ? validate_path(mount->source) : "is missing",
                             "mounts[%zu].source", number);
    const char *complaint = mount->type ? validate_text(mount->type, VALIDATE_PATH_LIMIT) : "is missing";
    r = validate_fail(error, complaint, "mounts[%zu].type", number);
    if (r < 0 || !mount->source)
        return r;
    return validate_fail(error, validate_text(mount->source, VALIDATE_PATH_LIMIT), "mounts[%zu].source",
                         number);
}

static int check_mounts(const struct Spec *spec, struct Error *error)
{
    int r = 0;
    for (size_t i = 0; r >= 0 && i < spec->mount_count; i++)
        r = check_mount(&spec->mounts[i], i, error);
    return r;
}

static int check_names(const struct Spec *spec, struct Error *error)
{
    int r = check_name(spec, spec->hostname, "hostname", error);
    return r < 0 ? r : check_name(spec, spec->domainname, "domainname", error);
}

static int check_seccomp(const struct Spec *spec, struct Error *error)
{
    return spec->seccomp.present ? validate_seccomp(&spec->seccomp, error) : 0;
}

int spec_validate(const struct Spec *spec, struct Error *error)
{
    static int (*const checks[])(const struct Spec *, struct Error *) = {
        check_version, check_root,  check_command, check_user,     check_capabilities,
        check_limits,  check_names, check_mounts,  validate_linux, check_seccomp,
    };
    int r = 0;
    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(checks); i++)
        r = checks[i](spec, error);
    return r;
}
