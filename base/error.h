// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What a person will read when something failed. Functions return 0, a negative errno (fatal,
 * forwarded, never matched) or a positive code of their own module's enum (handled by the direct
 * caller). Where the text matters they also fill a struct Error, once, at the origin.
 *
 * The struct is plain bytes: it crosses the handshake between processes by memcpy and is part of
 * the exit slot on disk.
 */
#include "base/cleanup.h"
#include <errno.h>
#include <stdint.h>

/* The codes of the public contract. The order is part of the shim's protocol and the exit slot. */
enum ErrorCode {
    ERROR_NONE = 0,
    ERROR_NOT_FOUND,
    ERROR_ALREADY_EXISTS,
    ERROR_WRONG_STATE,
    ERROR_INVALID_ARGUMENT,
    ERROR_PERMISSION_DENIED,
    ERROR_RESOURCE_EXHAUSTED,
    ERROR_UNSUPPORTED,
    ERROR_TIMEOUT,
    ERROR_RUNTIME_FAILED,
    ERROR_UNAVAILABLE,
    ERROR_INTERNAL,
    ERROR_CODE_COUNT,
};

enum { ERROR_WHERE_SIZE = 96, ERROR_WHAT_SIZE = 256 };

struct Error {
    int32_t code;                 /* enum ErrorCode */
    int32_t errnum;               /* positive errno, or 0 when none applies */
    char where[ERROR_WHERE_SIZE]; /* argument, JSON path or step at fault; "" when none */
    char what[ERROR_WHAT_SIZE];   /* one line for a person */
};

/* "NotFound" and so on; "Internal" for a number that is no code. */
const char *error_code_name(int code);
/* The inverse; ERROR_NONE when the name is unknown. */
enum ErrorCode error_code_from_name(const char *name);

/* The negative errno that a function returns beside this code, when no system call gave one. */
int error_code_errno(enum ErrorCode code);

/* Fills *error (which may be NULL). A too long where keeps its tail, a too long text its head.
 * Returns error_code_errno(code), so callers write `return error_set(...)`. */
int error_set(struct Error *error, enum ErrorCode code, const char *where, const char *format, ...)
    _printf_(4, 5);

/* As error_set() for a failed system call: appends ": <strerror>" to the text, stores errnum.
 * errnum may be given positive or negative; returns -errnum. */
int error_set_errno(struct Error *error, enum ErrorCode code, int errnum, const char *where,
                    const char *format, ...) _printf_(5, 6);

/* Makes sure that a struct received from another process is terminated and in range. */
void error_sanitize(struct Error *error);

/* "Code: text (where)" into the buffer; returns the buffer. */
const char *error_format(const struct Error *error, char *buffer, size_t size);
