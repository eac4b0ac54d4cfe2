// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/prepare.h"
#include "base/fd.h"
#include "base/str.h"
#include "runtime/plan/plan.h"
#include "runtime/plan/seccomp.h"
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void prepared_deinit(struct Prepared *prepared)
{
    spec_free(prepared->spec);
    free(prepared->cgroup_path);
    free(prepared->bundle);
    free(prepared->bytes);
    *prepared = (struct Prepared){0};
}

/* Relative paths count from our own part of the hierarchy, as the specification leaves to runtimes. Without
 * one the container's folder has no parent that would have to be made and removed for it each time. */
static int choose_cgroup(struct Oci *oci, const struct Spec *spec, const char *id, char **ret)
{
    char path[CGROUP_PATH_MAX];
    const char *wanted = spec->cgroups_path ? spec->cgroups_path : id;
    const char *prefix = !spec->cgroups_path ? "/davit-oci-" : wanted[0] == '/' ? "" : "/davit-oci/";
    if (strchr(wanted, ':'))
        return error_set(&oci->error, ERROR_UNSUPPORTED, "linux.cgroupsPath",
                         "systemd's form is not supported");
    if (!str_format(path, sizeof(path), "%s%s", prefix, wanted))
        return error_set(&oci->error, ERROR_INVALID_ARGUMENT, "linux.cgroupsPath", "too long");
    *ret = strdup(path);
    return *ret ? 0 : -ENOMEM;
}

static int check_terminal(struct Oci *oci, struct Spec *spec, bool without_terminal)
{
    if (!spec->terminal)
        return 0;
    if (!without_terminal)
        return error_set(&oci->error, ERROR_UNSUPPORTED, "process.terminal", "terminals are not supported");
    report_warning(oci, "process.terminal is left out: there is no terminal here");
    spec->terminal = false;
    return 0;
}

static int open_cache(const struct Oci *oci)
{
    if (oci->root_fd < 0)
        return -1;
    if (mkdirat(oci->root_fd, ".seccomp", 0700) < 0 && errno != EEXIST)
        return -1;
    return openat(oci->root_fd, ".seccomp", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int make_plan(struct Oci *oci, const char *id, struct Prepared *prepared)
{
    struct PlanHost host = {0};
    _cleanup_buf_ struct Buf filter = BUF_INIT, warnings = BUF_INIT;
    struct OpBlob blob;
    struct PlanInput input = {
        .spec = prepared->spec, .host = &host, .id = id, .cgroup_path = prepared->cgroup_path};
    size_t size = 0;
    int r = plan_host_probe(&host, &oci->error);
    if (r >= 0 && prepared->spec->seccomp.present) {
        _cleanup_close_ int cache_fd = open_cache(oci);
        r = seccomp_compile(&prepared->spec->seccomp, cache_fd, &filter, &input.seccomp_flags, &warnings,
                            &oci->error);
        blob = (struct OpBlob){filter.data, (uint32_t)filter.size};
        input.seccomp = &blob;
    }
    if (r >= 0)
        r = plan_make(&input, &prepared->bytes, &size, &warnings, &oci->error);
    _cleanup_free_ char *text = buf_take_str(&warnings);
    if (r < 0)
        return r;
    report_warnings(oci, text);
    r = plan_open(&prepared->plan, prepared->bytes, size);
    return r < 0 ? error_set_errno(&oci->error, ERROR_INTERNAL, r, "plan", "the plan is damaged") : 0;
}

int prepare_bundle(struct Oci *oci, const char *bundle, const char *id, bool without_terminal,
                   struct Prepared *ret)
{
    _cleanup_prepared_ struct Prepared prepared = {0};
    prepared.bundle = realpath(bundle, NULL);
    if (!prepared.bundle)
        return error_set_errno(&oci->error, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_INVALID_ARGUMENT, errno,
                               "bundle", "%s", bundle);
    int r = spec_load(prepared.bundle, &prepared.spec, NULL, &oci->error);
    if (r >= 0)
        r = check_terminal(oci, prepared.spec, without_terminal);
    if (r >= 0)
        r = choose_cgroup(oci, prepared.spec, id, &prepared.cgroup_path);
    if (r >= 0)
        r = make_plan(oci, id, &prepared);
    if (r < 0)
        return r;
    *ret = prepared;
    prepared = (struct Prepared){0};
    return 0;
}
