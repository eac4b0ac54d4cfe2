// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Judges a JSON text before a library builds anything from it. A text that passes is one object in
 * the strict grammar of RFC 8259, in valid UTF-8, at most JSON_DEPTH_MAX containers deep and
 * JSON_VALUES_MAX values large, without two members of one name in one object (compared after
 * their escapes are undone), without U+0000 and lone surrogates, and every number without fraction
 * and exponent fits into 64 bits. Linear but for sorting the names of each object. Pure.
 */
#include "base/error.h"
#include <stddef.h>

enum { JSON_DEPTH_MAX = 32, JSON_VALUES_MAX = 1 << 18 };

/* 0, or InvalidArgument: where = "config.json" when the text is no JSON, else the path of the value.
 * *ret_size is the size of the text without the white space behind it. */
int json_scan(const char *text, size_t size, size_t *ret_size, struct Error *error);
