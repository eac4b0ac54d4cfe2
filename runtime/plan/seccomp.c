// SPDX-License-Identifier: Apache-2.0
/*
 * A profile by the cache or by libseccomp. The key of the cache is not a digest of the profile but
 * the profile itself: the file's name is a hash of it, and what is in the file must match in full.
 */
#include "runtime/plan/seccomp.h"
#include "base/fd.h"
#include "base/str.h"
#include "runtime/plan/seccomp-internal.h"
#include "runtime/spec/profile.h"
#include <fcntl.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/utsname.h>

enum { PROFILE_LIMIT = 4 << 20 };

static void put_number(struct Buf *key, uint64_t number)
{
    buf_append(key, &number, sizeof(number));
}

static void put_text(struct Buf *key, const char *text)
{
    size_t size = text ? strlen(text) : 0;
    put_number(key, text ? size : UINT64_MAX);
    buf_append(key, text, size);
}

static void put_strings(struct Buf *key, const struct SpecStrings *strings)
{
    put_number(key, strings->count);
    for (size_t i = 0; i < strings->count; i++)
        put_text(key, strings->items[i]);
}

static void put_rule(struct Buf *key, const struct SpecSeccompRule *rule)
{
    put_strings(key, &rule->names);
    put_text(key, rule->action);
    put_number(key, rule->has_errno ? rule->errno_value : UINT64_MAX);
    put_number(key, rule->argument_count);
    for (size_t i = 0; i < rule->argument_count; i++) {
        const struct SpecSeccompArgument *argument = &rule->arguments[i];
        put_number(key, argument->index);
        put_number(key, argument->value);
        put_number(key, argument->value_two);
        put_text(key, argument->op);
    }
}

void seccomp_key(const struct SpecSeccomp *profile, struct Buf *ret_key)
{
    struct utsname name = {0};
    const struct scmp_version *version = seccomp_version();
    uname(&name);
    put_text(ret_key, "davit " DAVIT_VERSION);
    put_number(ret_key, version->major);
    put_number(ret_key, version->minor);
    put_number(ret_key, version->micro);
    put_text(ret_key, name.release);
    put_text(ret_key, name.machine);
    put_text(ret_key, profile->default_action);
    put_number(ret_key, profile->has_default_errno ? profile->default_errno : UINT64_MAX);
    put_strings(ret_key, &profile->architectures);
    put_strings(ret_key, &profile->flags);
    put_number(ret_key, profile->rule_count);
    for (size_t i = 0; i < profile->rule_count; i++)
        put_rule(ret_key, &profile->rules[i]);
}

static int read_flags(const struct SpecSeccomp *profile, uint64_t *ret, struct Error *error)
{
    static const struct {
        const char *name;
        uint64_t flag;
    } names[] = {
        {"SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC},
        {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
        {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
    };
    uint64_t flags = 0;
    for (size_t i = 0; i < profile->flags.count; i++) {
        uint64_t flag = 0;
        for (size_t j = 0; j < ELEMENTSOF(names); j++)
            if (str_equal(names[j].name, profile->flags.items[i]))
                flag = names[j].flag;
        char where[ERROR_WHERE_SIZE];
        str_format(where, sizeof(where), "linux.seccomp.flags[%zu]", i);
        if (!flag)
            return error_set(error, ERROR_UNSUPPORTED, where, "%s is not carried out by this version",
                             profile->flags.items[i]);
        flags |= flag;
    }
    *ret = flags;
    return 0;
}

static void result_deinit(struct SeccompResult *result)
{
    buf_deinit(&result->filter);
    buf_deinit(&result->warnings);
}

int seccomp_compile(const struct SpecSeccomp *profile, int cache_dir, struct Buf *ret_filter,
                    uint64_t *ret_flags, struct Buf *warnings, struct Error *error)
{
    struct SeccompResult result
        __attribute__((cleanup(result_deinit))) = {.warnings = {.limit = SECCOMP_WARNINGS_MAX}};
    _cleanup_buf_ struct Buf key = BUF_INIT;
    uint64_t flags = 0;
    int r = read_flags(profile, &flags, error);
    if (r < 0)
        return r;
    seccomp_key(profile, &key);
    if (key.error)
        return error_set_errno(error, ERROR_INTERNAL, key.error, "linux.seccomp", "cannot compile it");
    if (cache_dir < 0 || seccomp_cache_read(cache_dir, &key, &result) == 0) {
        r = seccomp_build(profile, &result, error);
        if (r < 0)
            return r;
        if (cache_dir >= 0)
            seccomp_cache_write(cache_dir, &key, &result);
    }
    buf_append(ret_filter, result.filter.data, result.filter.size);
    if (ret_filter->error)
        return error_set_errno(error, ERROR_INTERNAL, ret_filter->error, "linux.seccomp",
                               "cannot compile it");
    if (warnings)
        buf_append(warnings, result.warnings.data, result.warnings.size);
    *ret_flags = flags;
    return 0;
}

int seccomp_profile_load(struct Spec *spec, const char *path, struct Error *error)
{
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    struct utsname name;
    int r = file_read(AT_FDCWD, path, PROFILE_LIMIT, &text, &size);
    if (r < 0)
        return error_set_errno(error, r == -ENOENT ? ERROR_NOT_FOUND : ERROR_INVALID_ARGUMENT, r, path,
                               "cannot read the seccomp profile");
    if (uname(&name) < 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, path, "uname");
    return spec_parse_profile(spec, text, size, name.machine, name.release, error);
}
