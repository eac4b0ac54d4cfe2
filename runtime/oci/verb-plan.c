// SPDX-License-Identifier: Apache-2.0
/* spec and plan: no container is made. */
#include "base/buf.h"
#include "base/fd.h"
#include "base/str.h"
#include "runtime/oci/oci.h"
#include "runtime/oci/prepare.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

int verb_spec(struct Oci *oci, int *ret_code)
{
    _cleanup_close_ int dir_fd = open(oci->options.bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return error_set_errno(&oci->error, ERROR_NOT_FOUND, errno, "--bundle", "%s", oci->options.bundle);
    int r = file_create(dir_fd, "config.json", SPEC_TEMPLATE, strlen(SPEC_TEMPLATE), 0644);
    if (r == -EEXIST)
        return error_set(&oci->error, ERROR_ALREADY_EXISTS, "config.json", "there is one already");
    if (r < 0)
        return error_set_errno(&oci->error, ERROR_INTERNAL, r, "config.json", "cannot write it");
    *ret_code = EXIT_SUCCESS;
    return 0;
}

int verb_plan(struct Oci *oci, int *ret_code)
{
    const struct OciOptions *options = &oci->options;
    const char *id = options->argument_count > 1 ? options->arguments[1] : "plan";
    _cleanup_prepared_ struct Prepared prepared = {0};
    _cleanup_buf_ struct Buf text = BUF_INIT;
    if (!str_is_id(id))
        return error_set(&oci->error, ERROR_INVALID_ARGUMENT, "id", "is none");
    int r = prepare_bundle(oci, options->arguments[0], id, true, &prepared);
    if (r < 0)
        return r;
    plan_print(&prepared.plan, &text);
    if (text.error)
        return error_set_errno(&oci->error, ERROR_INTERNAL, text.error, "plan", "cannot print it");
    *ret_code = fwrite(text.data, 1, text.size, stdout) == text.size ? EXIT_SUCCESS : EXIT_FAILURE;
    return 0;
}
