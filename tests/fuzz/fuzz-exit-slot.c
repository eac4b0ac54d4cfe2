// SPDX-License-Identifier: Apache-2.0
/* An exit slot as it is on disk; and once more with a fitting crc, since a fuzzer does not find one. */
#include "base/str.h"
#include "protocol/shim/exit-slot.h"
#include "tests/fuzz/fuzz.h"

static void check(struct ExitSlot slot)
{
    int r = exit_slot_check(&slot);
    FUZZ_CHECK(r == 0 || r == -ENODATA || r == -EBADMSG);
    if (r < 0)
        return;
    FUZZ_CHECK(slot.state <= EXIT_SLOT_EXITED && slot.tail_size <= EXIT_TAIL_SIZE);
    FUZZ_CHECK(memchr(slot.requested_verb, 0, EXIT_SLOT_VERB_SIZE) &&
               memchr(slot.requested_who, 0, EXIT_SLOT_WHO_SIZE));
    FUZZ_CHECK(slot.error.code >= 0 && slot.error.code < ERROR_CODE_COUNT);
    FUZZ_CHECK(memchr(slot.error.where, 0, ERROR_WHERE_SIZE) && memchr(slot.error.what, 0, ERROR_WHAT_SIZE));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ExitSlot slot = {0};
    memcpy(&slot, data, MIN(size, sizeof(slot)));
    check(slot);
    slot.crc = 0;
    slot.crc = crc32_of(&slot, sizeof(slot));
    check(slot);
    return 0;
}
