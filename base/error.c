// SPDX-License-Identifier: Apache-2.0
/* The codes are one table; texts are cut at whole UTF-8 characters, so that they stay valid strings. */
#include "base/error.h"
#include "base/str.h"
#include <stdarg.h>

static const struct {
    const char *name;
    int errnum;
} code_table[] = {
    [ERROR_NONE] = {"None", 0},
    [ERROR_NOT_FOUND] = {"NotFound", ENOENT},
    [ERROR_ALREADY_EXISTS] = {"AlreadyExists", EEXIST},
    [ERROR_WRONG_STATE] = {"WrongState", EBUSY},
    [ERROR_INVALID_ARGUMENT] = {"InvalidArgument", EINVAL},
    [ERROR_PERMISSION_DENIED] = {"PermissionDenied", EPERM},
    [ERROR_RESOURCE_EXHAUSTED] = {"ResourceExhausted", ENOSPC},
    [ERROR_UNSUPPORTED] = {"Unsupported", EOPNOTSUPP},
    [ERROR_TIMEOUT] = {"Timeout", ETIMEDOUT},
    [ERROR_RUNTIME_FAILED] = {"RuntimeFailed", EIO},
    [ERROR_UNAVAILABLE] = {"Unavailable", ECONNREFUSED},
    [ERROR_INTERNAL] = {"Internal", ENOTRECOVERABLE},
};
_Static_assert(ELEMENTSOF(code_table) == ERROR_CODE_COUNT, "one row for each code");

enum { ERRNO_MAX = 4095 };

static int code_in_range(int code)
{
    return code >= 0 && code < ERROR_CODE_COUNT ? code : ERROR_INTERNAL;
}

const char *error_code_name(int code)
{
    return code_table[code_in_range(code)].name;
}

enum ErrorCode error_code_from_name(const char *name)
{
    for (int code = ERROR_NONE + 1; code < ERROR_CODE_COUNT; code++)
        if (str_equal(code_table[code].name, name))
            return (enum ErrorCode)code;
    return ERROR_NONE;
}

int error_code_errno(enum ErrorCode code)
{
    return -code_table[code_in_range((int)code)].errnum;
}

static bool is_continuation(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

static void where_set(struct Error *error, const char *where)
{
    size_t size = strlen(where ? where : "");
    if (size >= sizeof(error->where)) {
        where += size - sizeof(error->where) + 1;
        while (is_continuation(*where))
            where++;
    }
    str_format(error->where, sizeof(error->where), "%s", where ? where : "");
}

/* Drops a character that the end of the buffer has cut in two. */
static void what_trim(struct Error *error)
{
    size_t size = strlen(error->what), start = size;
    while (start > 0 && size - start < 4 && is_continuation(error->what[start - 1]))
        start--;
    if (start > 0 && !str_is_utf8(error->what + start - 1, size - start + 1))
        error->what[start - 1] = 0;
}

static _printf_(2, 0) void what_append(struct Error *error, const char *format, va_list arguments)
{
    size_t used = strlen(error->what);
    int size = vsnprintf(error->what + used, sizeof(error->what) - used, format, arguments);
    if (size >= 0 && (size_t)size >= sizeof(error->what) - used)
        what_trim(error);
}

static _printf_(2, 3) void what_appendf(struct Error *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    what_append(error, format, arguments);
    va_end(arguments);
}

int error_set(struct Error *error, enum ErrorCode code, const char *where, const char *format, ...)
{
    if (error) {
        *error = (struct Error){.code = code_in_range((int)code)};
        where_set(error, where);
        va_list arguments;
        va_start(arguments, format);
        what_append(error, format, arguments);
        va_end(arguments);
    }
    return error_code_errno(code);
}

int error_set_errno(struct Error *error, enum ErrorCode code, int errnum, const char *where,
                    const char *format, ...)
{
    errnum = errnum < 0 ? -errnum : errnum;
    if (error) {
        *error = (struct Error){.code = code_in_range((int)code), .errnum = errnum};
        where_set(error, where);
        va_list arguments;
        va_start(arguments, format);
        what_append(error, format, arguments);
        va_end(arguments);
        what_appendf(error, ": %s", strerror(errnum));
    }
    return -errnum;
}

void error_sanitize(struct Error *error)
{
    error->code = code_in_range(error->code);
    if (error->errnum < 0 || error->errnum > ERRNO_MAX)
        error->errnum = 0;
    error->where[sizeof(error->where) - 1] = 0;
    error->what[sizeof(error->what) - 1] = 0;
}

const char *error_format(const struct Error *error, char *buffer, size_t size)
{
    if (error->where[0])
        str_format(buffer, size, "%s: %s (%s)", error_code_name(error->code), error->what, error->where);
    else
        str_format(buffer, size, "%s: %s", error_code_name(error->code), error->what);
    return buffer;
}
