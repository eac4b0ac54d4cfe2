// SPDX-License-Identifier: Apache-2.0
#include "runtime/spec/spec.h"
#include "base/fd.h"
#include "runtime/spec/json-path.h"
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

struct Spec *spec_new(void)
{
    return calloc(1, sizeof(struct Spec));
}

void spec_free(struct Spec *spec)
{
    if (spec)
        arena_deinit(&spec->arena);
    free(spec);
}

/* How a failed system call on a file that the user named is told. */
static int fail_file(int r, const char *where, const char *what, struct Error *error)
{
    static const struct {
        int errnum;
        enum ErrorCode code;
    } codes[] = {
        {ENOENT, ERROR_NOT_FOUND},          {EACCES, ERROR_PERMISSION_DENIED},
        {EPERM, ERROR_PERMISSION_DENIED},   {ENOTDIR, ERROR_INVALID_ARGUMENT},
        {ELOOP, ERROR_INVALID_ARGUMENT},    {ENAMETOOLONG, ERROR_INVALID_ARGUMENT},
        {EISDIR, ERROR_INVALID_ARGUMENT},   {ENXIO, ERROR_INVALID_ARGUMENT},
        {ENOMEM, ERROR_RESOURCE_EXHAUSTED}, {EMFILE, ERROR_RESOURCE_EXHAUSTED},
        {ENFILE, ERROR_RESOURCE_EXHAUSTED},
    };
    enum ErrorCode code = ERROR_INTERNAL;
    for (size_t i = 0; i < ELEMENTSOF(codes); i++)
        if (codes[i].errnum == -r)
            code = codes[i].code;
    return error_set_errno(error, code, r, where, "%s", what);
}

/* The bundle as the rest of the runtime needs it: from "/". */
static int absolute_bundle(const char *bundle, char **ret, struct Error *error)
{
    _cleanup_free_ char *cwd = bundle[0] == '/' ? NULL : getcwd(NULL, 0), *absolute = NULL;
    if (bundle[0] != '/' && !cwd)
        return fail_file(-errno, "bundle", "finding the current folder", error);
    int size = cwd ? asprintf(&absolute, "%s/%s", cwd, bundle) : asprintf(&absolute, "%s", bundle);
    if (size < 0) {
        absolute = NULL; /* asprintf leaves it undefined */
        return fail_file(-ENOMEM, "bundle", "loading it", error);
    }
    *ret = TAKE_PTR(absolute);
    return 0;
}

static int read_config(const char *bundle, char **ret, size_t *ret_size, struct Error *error)
{
    _cleanup_close_ int fd = open(bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail_file(-errno, "bundle", "opening the bundle folder", error);
    int r = file_read(fd, "config.json", SPEC_JSON_LIMIT, ret, ret_size);
    if (r == -EFBIG)
        return error_set(error, ERROR_INVALID_ARGUMENT, JSON_DOCUMENT, "longer than %d bytes",
                         SPEC_JSON_LIMIT);
    if (r == -EINVAL)
        return error_set(error, ERROR_INVALID_ARGUMENT, JSON_DOCUMENT, "not a regular file");
    return r < 0 ? fail_file(r, JSON_DOCUMENT, "reading it", error) : 0;
}

int spec_load(const char *bundle, struct Spec **ret, char **ret_json, struct Error *error)
{
    _cleanup_free_ char *absolute = NULL, *json = NULL;
    size_t size = 0;
    if (!bundle || !*bundle)
        return error_set(error, ERROR_INVALID_ARGUMENT, "bundle", "is empty");
    int r = absolute_bundle(bundle, &absolute, error);
    if (r >= 0)
        r = read_config(absolute, &json, &size, error);
    if (r >= 0)
        r = spec_parse(json, size, absolute, ret, error);
    if (r >= 0 && ret_json)
        *ret_json = TAKE_PTR(json);
    return r;
}
