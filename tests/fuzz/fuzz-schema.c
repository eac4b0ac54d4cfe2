// SPDX-License-Identifier: Apache-2.0
/* Any map against the arguments of every method: either a filled struct that the check accepts too, or
 * an error that says where. */
#include "base/str.h"
#include "protocol/schema/schema.h"
#include "tests/fuzz/fuzz.h"

static void decode(const struct SchemaStruct *arguments, const msgpack_object *map, msgpack_zone *zone)
{
    struct Error error = {0};
    _cleanup_free_ void *exact = calloc(1, arguments ? arguments->size : 1);
    FUZZ_CHECK(exact != NULL);
    int r = schema_decode(arguments, map, zone, exact, &error);
    if (r == 0) {
        FUZZ_CHECK(schema_check(arguments, map, &error) == 0);
        return;
    }
    FUZZ_CHECK(error.code == ERROR_INVALID_ARGUMENT || error.code == ERROR_UNSUPPORTED);
    FUZZ_CHECK(r == error_code_errno((enum ErrorCode)error.code));
    FUZZ_CHECK(str_is_printable(error.where, strlen(error.where)) && error.what[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(msgpack_zone_destroy) msgpack_zone zone;
    msgpack_object map;
    FUZZ_CHECK(msgpack_zone_init(&zone, 4096));
    if (wire_unpack(data, size, &WIRE_LIMITS_DEFAULT, &zone, &map, NULL) < 0)
        return 0;
    for (size_t i = 0; i < SCHEMA_METHOD_COUNT; i++) {
        decode(SCHEMA_METHODS[i].arguments, &map, &zone);
        (void)schema_check(SCHEMA_METHODS[i].result, &map, NULL);
    }
    for (size_t i = 0; i < SCHEMA_EVENT_COUNT; i++)
        (void)schema_check(SCHEMA_EVENTS[i].data, &map, NULL);
    return 0;
}
