// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What a seccomp profile means, told by walking it, and a compiled filter checked against that: every
 * syscall of every architecture, with the arguments that the profile speaks of, their neighbours,
 * and noise in the upper halves.
 */
#include "base/buf.h"
#include "runtime/spec/spec.h"

enum { PROFILE_AMBIGUOUS = 1 };

/* 0 with the action, or PROFILE_AMBIGUOUS when rules contradict each other. */
int profile_oracle(const struct SpecSeccomp *profile, const char *name, const uint64_t args[6],
                   uint32_t *ret);
/* Checks the filter; returns how many names there were. */
unsigned profile_check(const struct SpecSeccomp *profile, const struct Buf *filter);
/* seccomp_compile() without a cache. */
int profile_compile(const struct SpecSeccomp *profile, struct Buf *filter, struct Buf *warnings,
                    struct Error *error);
/* A Spec with this bounding set, at most 16, NULL at the end. */
struct Spec *profile_spec(const char *const *capabilities);

#define NAMES(...)                                                                                           \
    {                                                                                                        \
        (const char *[]){__VA_ARGS__, NULL}, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)          \
    }
#define ARGS(...)                                                                                            \
    .arguments = (struct SpecSeccompArgument[]){__VA_ARGS__},                                                \
    .argument_count =                                                                                        \
        sizeof((struct SpecSeccompArgument[]){__VA_ARGS__}) / sizeof(struct SpecSeccompArgument)
