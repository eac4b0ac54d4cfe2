// SPDX-License-Identifier: Apache-2.0
/* What all steps share: their context, and how a failure gets the name of its step and object. */
#include "runtime/step/step.h"
#include "base/fd.h"
#include "base/str.h"
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

void step_context_deinit(struct StepContext *context)
{
    int *const owned[] = {&context->proc_fd, &context->root_fd, &context->null_fd, &context->empty_fd};
    for (size_t i = 0; i < ELEMENTSOF(owned); i++)
        *owned[i] = safe_close(*owned[i]);
    for (unsigned i = 0; i < context->join_count; i++)
        context->joins[i].fd = safe_close(context->joins[i].fd);
    context->join_count = 0;
}

static _printf_(4, 0) void set_error(struct StepContext *context, const struct Op *op, int errnum,
                                     const char *format, va_list arguments)
{
    const struct OpSchema *schema = op_schema(op->kind);
    const char *object = op_object(op);
    char where[PATH_MAX], what[ERROR_WHAT_SIZE];
    str_format(where, sizeof(where), "%s%s%s", schema ? schema->name : "?", object[0] ? " " : "", object);
    vsnprintf(what, sizeof(what), format, arguments);
    error_set_errno(context->error, ERROR_RUNTIME_FAILED, errnum, where, "%s", what);
}

int step_fail(struct StepContext *context, const struct Op *op, int errnum, const char *format, ...)
{
    va_list arguments;
    errnum = errnum < 0 ? -errnum : errnum;
    va_start(arguments, format);
    set_error(context, op, errnum, format, arguments);
    va_end(arguments);
    return errnum ? -errnum : -EIO;
}

int step_warn(struct StepContext *context, const struct Op *op, int errnum, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    set_error(context, op, errnum, format, arguments);
    va_end(arguments);
    return STEP_WARNING;
}

bool fd_is_dev_null(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}
