// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What the files of spec_validate() share. A rule gives a complaint, a text that follows the name
 * of the value ("must be absolute"), or NULL when it has none.
 */
#include "runtime/spec/spec.h"

enum { VALIDATE_PATH_LIMIT = 4096 };

/* InvalidArgument with this complaint at the formatted JSON path; 0 when complaint is NULL. */
int validate_fail(struct Error *error, const char *complaint, const char *where_format, ...) _printf_(3, 4);

const char *validate_text(const char *text, size_t limit); /* no control bytes, shorter than limit */
const char *validate_path(const char *text);               /* as above, absolute */
const char *validate_id(uint32_t id);                      /* uid or gid */

int validate_linux(const struct Spec *spec, struct Error *error);
int validate_seccomp(const struct SpecSeccomp *seccomp, struct Error *error);
