// SPDX-License-Identifier: Apache-2.0
/* config.json: every text is either a Spec that spec_validate() finds good, or an error that says where. */
#include "base/str.h"
#include "runtime/spec/spec.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_spec_ struct Spec *spec = NULL;
    struct Error error = {0};
    int r = spec_parse((const char *)data, size, "/bundle", &spec, &error);
    FUZZ_CHECK((r == 0) == (spec != NULL));
    if (spec) {
        FUZZ_CHECK(spec_validate(spec, NULL) == 0);
        FUZZ_CHECK(spec->rootfs[0] == '/' && spec->arguments.count > 0 && spec->arguments.items[0][0]);
    } else {
        FUZZ_CHECK(error.code == ERROR_INVALID_ARGUMENT || error.code == ERROR_UNSUPPORTED);
        FUZZ_CHECK(error.where[0] && str_is_printable(error.where, strlen(error.where)));
        FUZZ_CHECK(error.what[0] && str_is_printable(error.what, strlen(error.what)));
    }
    return 0;
}
