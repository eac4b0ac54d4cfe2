// SPDX-License-Identifier: Apache-2.0
#pragma once
/* The parts of config.json by file: parse.c holds the top, these tables the `linux` section. */
#include "runtime/spec/member.h"

extern const struct Member parse_linux_members[];            /* target: struct Spec */
extern const struct Member parse_seccomp_members[];          /* target: struct Spec */
extern const struct Member parse_seccomp_argument_members[]; /* target: struct SpecSeccompArgument */
