// SPDX-License-Identifier: Apache-2.0
/* Seccomp profile files: either a profile without conditions, or an error that says where. */
#include "base/str.h"
#include "runtime/spec/profile.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_spec_ struct Spec *spec = spec_new();
    struct Error error = {0};
    FUZZ_CHECK(spec);
    int r = spec_parse_profile(spec, (const char *)data, size, "x86_64", "6.1.0", &error);
    FUZZ_CHECK((r == 0) == spec->seccomp.present);
    if (r < 0) {
        FUZZ_CHECK(error.where[0] && str_is_printable(error.where, strlen(error.where)));
        FUZZ_CHECK(error.what[0] && str_is_printable(error.what, strlen(error.what)));
    } else {
        FUZZ_CHECK(spec->seccomp.default_action);
        for (size_t i = 0; i < spec->seccomp.rule_count; i++)
            FUZZ_CHECK(spec->seccomp.rules[i].names.count && spec->seccomp.rules[i].action);
    }
    return 0;
}
