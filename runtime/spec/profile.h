// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Seccomp profile files: linux.seccomp with conditions. */
#include "runtime/spec/spec.h"

/* Fills spec->seccomp from a profile: an object as linux.seccomp has it, plus
 *
 *   "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}]
 *       instead of "architectures": the entry of the machine counts;
 *   in a rule "includes" and "excludes": {"caps": [..], "arches": ["amd64"], "minKernel": "5.12"}
 *       a rule counts if all the capabilities that it includes are in the spec's bounding set, the
 *       machine is one of its arches and the kernel is not older; and if none of the capabilities
 *       and arches that it excludes are so;
 *   in a rule "except": {"index": 1, "values": [..], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}
 *       the rule does not hold where the low 32 bits of the argument are one of the values: there
 *       this action is taken.
 *
 * machine and release are as uname(2) gives them. Everything goes into the spec's arena. Errors
 * have the path below the profile, or below linux.seccomp, as where. */
int spec_parse_profile(struct Spec *spec, const char *json, size_t size, const char *machine,
                       const char *release, struct Error *error);
