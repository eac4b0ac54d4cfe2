// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A profile compiled to BPF by libseccomp, kept in a cache folder: compiling for three
 * architectures takes milliseconds, reading it back microseconds. EQ and NE with a value that fits
 * 32 bits compare 32 bits, as the kernel does, whatever the upper half holds; a profile that mixes
 * ordered compares on one syscall is refused with Unsupported (libseccomp before 2.6.1 compiles
 * those wrongly).
 */
#include "base/buf.h"
#include "base/error.h"
#include "runtime/spec/spec.h"

/* Compiles, or takes from the cache below cache_dir (mode 0700, ours; -1: no cache).
 * The key covers the whole profile (also errnoRet, flags, architectures), libseccomp's version and
 * uname. Files of the cache are checked (owner, mode, size, at most 4096 instructions) and written
 * by temporary name and rename; at most SECCOMP_CACHE_MAX are kept. Unknown syscall names are
 * skipped, each with a line in *warnings. error->where is a JSON path below linux.seccomp. */
int seccomp_compile(const struct SpecSeccomp *profile, int cache_dir, struct Buf *ret_filter,
                    uint64_t *ret_flags, struct Buf *warnings, struct Error *error);

enum { SECCOMP_CACHE_MAX = 256 };

/* A profile file of the form of contrib/seccomp/default.json: OCI's linux.seccomp object with
 * conditions, see runtime/spec/profile.h. Resolved for this machine and the bounding set of the spec,
 * which must be filled before; everything goes into the spec's arena. NotFound when there is no such
 * file (where = path). */
int seccomp_profile_load(struct Spec *spec, const char *path, struct Error *error);
