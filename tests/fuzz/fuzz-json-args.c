// SPDX-License-Identifier: Apache-2.0
/* The JSON of --file: every text becomes arguments that can be sent and printed, or an error. */
#include "base/error.h"
#include "client/option.h"
#include "client/value.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_value_ davit_value *map = davit_value_new_map();
    struct Error error = {0};
    int r = option_apply_text((const char *)data, size, "FILE", map, &error);
    FUZZ_CHECK((r == 0) == (error.code == ERROR_NONE));
    FUZZ_CHECK(r == 0 || davit_value_size(map) == 0);
    _cleanup_value_ davit_value *copy = davit_value_copy(map);
    _cleanup_free_ char *json = davit_value_to_json(map), *again = davit_value_to_json(copy);
    FUZZ_CHECK(json && again && strcmp(json, again) == 0);
    return 0;
}
