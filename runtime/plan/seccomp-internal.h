// SPDX-License-Identifier: Apache-2.0
#pragma once
/* What the files of the seccomp compiler share. */
#include "runtime/plan/seccomp.h"

enum {
    SECCOMP_INSTRUCTIONS_MAX = 4096, /* BPF_MAXINSNS: the kernel takes no more */
    SECCOMP_RULES_MAX = 8192,        /* single rules, one syscall and one set of conditions each */
    SECCOMP_WARNINGS_MAX = 64 << 10,
};

/* A compiled filter and the warnings that came with it. */
struct SeccompResult {
    struct Buf filter, warnings;
};

/* By libseccomp; see seccomp_compile(). */
int seccomp_build(const struct SpecSeccomp *profile, struct SeccompResult *result, struct Error *error);

/* Everything that decides what the filter is, as bytes. */
void seccomp_key(const struct SpecSeccomp *profile, struct Buf *ret_key);
/* 1 when the cache had it, 0 when not (also when what it has is damaged or not ours). */
int seccomp_cache_read(int cache_dir, const struct Buf *key, struct SeccompResult *result);
/* As good as it goes: a cache that cannot be written is no error. */
void seccomp_cache_write(int cache_dir, const struct Buf *key, const struct SeccompResult *result);
