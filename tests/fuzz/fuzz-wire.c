// SPDX-License-Identifier: Apache-2.0
/* msgpack: the scan gives one answer however the bytes come, msgpack-c agrees with it, and what was
 * unpacked can be printed and packed again. */
#include "protocol/wire/wire.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

static int scan_byte_by_byte(const uint8_t *data, size_t size, size_t *ret_length)
{
    struct WireScan scan = {0};
    int r = WIRE_MORE;
    for (size_t end = 0; end <= size && r == WIRE_MORE; end++)
        r = wire_scan(&scan, &WIRE_LIMITS_DEFAULT, data, end);
    *ret_length = scan.offset;
    return r;
}

/* Packed again it is one message with the same text; all of ours are encoded in the shortest way, so the
 * second time nothing changes at all. */
static void check_object(const msgpack_object *object)
{
    _cleanup_(msgpack_zone_destroy) msgpack_zone zone;
    _cleanup_buf_ struct Buf json = {0}, packed = {0}, json_again = {0}, packed_again = {0};
    struct WireWriter writer;
    msgpack_object again;
    FUZZ_CHECK(msgpack_zone_init(&zone, 4096));
    wire_to_json(object, &json);
    wire_writer_init(&writer, &packed);
    wire_object(&writer, object);
    FUZZ_CHECK(!json.error && !packed.error && json.size > 0);
    FUZZ_CHECK(wire_unpack(packed.data, packed.size, &WIRE_LIMITS_DEFAULT, &zone, &again, NULL) == 0);
    wire_to_json(&again, &json_again);
    wire_writer_init(&writer, &packed_again);
    wire_object(&writer, &again);
    FUZZ_CHECK(json.size == json_again.size && memcmp(json.data, json_again.data, json.size) == 0);
    FUZZ_CHECK(packed.size == packed_again.size && memcmp(packed.data, packed_again.data, packed.size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(msgpack_zone_destroy) msgpack_zone zone;
    struct WireScan scan = {0};
    struct Error error = {0};
    msgpack_object object;
    size_t length;
    int r = wire_scan(&scan, &WIRE_LIMITS_DEFAULT, data, size), slow = scan_byte_by_byte(data, size, &length);
    FUZZ_CHECK(msgpack_zone_init(&zone, 4096));
    FUZZ_CHECK(r == slow);
    FUZZ_CHECK(r == WIRE_MORE || r == WIRE_COMPLETE || r == -EBADMSG || r == -E2BIG);
    if (r != WIRE_COMPLETE) {
        FUZZ_CHECK(wire_unpack(data, size, &WIRE_LIMITS_DEFAULT, &zone, &object, &error) < 0);
        return 0;
    }
    FUZZ_CHECK(scan.offset == length && length <= size);
    r = wire_unpack(data, length, &WIRE_LIMITS_DEFAULT, &zone, &object, &error);
    FUZZ_CHECK((r < 0) == (error.code != ERROR_NONE));
    if (r == 0)
        check_object(&object);
    return 0;
}
