// SPDX-License-Identifier: Apache-2.0
/*
 * Compiled seccomp filters, a few of them. Reading and resolving a profile costs a millisecond, and
 * nearly all containers use the same one with the same capabilities. The key is the file (path,
 * inode, size, time) and the set of capabilities that its rules look at.
 */
#include "base/str.h"
#include "runtime/plan/seccomp.h"
#include "supervisor/container/define.h"
#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>

enum { FILTERS_MAX = 8 };

struct Filter {
    char *key;
    struct Buf bytes, warnings;
    uint64_t flags;
};

struct FilterCache {
    struct Filter filters[FILTERS_MAX];
    unsigned next; /* the one that is replaced */
};

struct FilterCache *filter_cache_new(void)
{
    return calloc(1, sizeof(struct FilterCache));
}

static void filter_deinit(struct Filter *filter)
{
    free(filter->key);
    buf_deinit(&filter->bytes);
    buf_deinit(&filter->warnings);
    *filter = (struct Filter){0};
}

void filter_cache_free(struct FilterCache *cache)
{
    if (!cache)
        return;
    for (unsigned i = 0; i < FILTERS_MAX; i++)
        filter_deinit(&cache->filters[i]);
    free(cache);
}

static int make_key(const struct Spec *spec, const char *profile, char **ret, struct Error *error)
{
    _cleanup_buf_ struct Buf key = BUF_INIT;
    struct stat st;
    if (profile[0] != '/')
        return error_set(error, ERROR_INVALID_ARGUMENT, "seccomp",
                         "must be default, unconfined or the absolute path of a profile");
    if (stat(profile, &st) < 0)
        return error_set_errno(error, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_INVALID_ARGUMENT, errno,
                               "seccomp", "%s", profile);
    buf_printf(&key, "%s %ju %ju %jd.%09ld", profile, (uintmax_t)st.st_ino, (uintmax_t)st.st_size,
               (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    for (size_t i = 0; i < spec->capabilities[CAPABILITY_BOUNDING].count; i++)
        buf_printf(&key, " %s", spec->capabilities[CAPABILITY_BOUNDING].items[i]);
    *ret = buf_take_str(&key);
    return *ret ? 0 : define_no_memory(error);
}

/* What is wrong in the profile, as a path below the argument that named it. */
static void rename_where(struct Error *error)
{
    char where[ERROR_WHERE_SIZE];
    const char *rest = error->where;
    if (str_starts_with(rest, "seccomp"))
        return;
    if (str_starts_with(rest, "linux.seccomp"))
        rest += strlen("linux.seccomp");
    bool whole = !*rest || str_equal(rest, "config.json");
    (void)str_format(where, sizeof(where), "seccomp%s%s", whole || *rest == '.' || *rest == '[' ? "" : ".",
                     whole ? "" : rest);
    memcpy(error->where, where, sizeof(where));
}

static int compile(struct Filter *filter, struct Spec *spec, const char *profile, int directory,
                   struct Error *error)
{
    int r = seccomp_profile_load(spec, profile, error);
    if (r == 0)
        r = spec_validate(spec, error);
    if (r == 0)
        r = seccomp_compile(&spec->seccomp, directory, &filter->bytes, &filter->flags, &filter->warnings,
                            error);
    if (r < 0)
        rename_where(error);
    return r;
}

int filter_cache_get(struct FilterCache *cache, struct Spec *spec, const char *profile, int directory,
                     struct OpBlob *ret_filter, uint64_t *ret_flags, struct Buf *warnings,
                     struct Error *error)
{
    _cleanup_free_ char *key = NULL;
    struct Filter *filter = NULL;
    int r = make_key(spec, profile, &key, error);
    if (r < 0)
        return r;
    for (unsigned i = 0; i < FILTERS_MAX && !filter; i++)
        if (str_equal(cache->filters[i].key, key))
            filter = &cache->filters[i];
    if (!filter) {
        struct Filter fresh = {0};
        r = compile(&fresh, spec, profile, directory, error);
        if (r < 0) {
            filter_deinit(&fresh);
            return r;
        }
        filter = &cache->filters[cache->next];
        cache->next = (cache->next + 1) % FILTERS_MAX;
        filter_deinit(filter);
        fresh.key = TAKE_PTR(key);
        *filter = fresh;
    }
    buf_append(warnings, filter->warnings.data, filter->warnings.size);
    *ret_filter = (struct OpBlob){filter->bytes.data, (uint32_t)filter->bytes.size};
    *ret_flags = filter->flags;
    return 0;
}
