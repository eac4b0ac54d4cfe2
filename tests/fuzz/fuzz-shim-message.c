// SPDX-License-Identifier: Apache-2.0
/* A packet from the shim's socket: refused, or with every text terminated and every number in range. The
 * first byte is the number of descriptors that came with it. */
#include "protocol/shim/message.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

static void check_error(const struct Error *error)
{
    FUZZ_CHECK(error->code >= 0 && error->code < ERROR_CODE_COUNT);
    FUZZ_CHECK(memchr(error->where, 0, sizeof(error->where)) && memchr(error->what, 0, sizeof(error->what)));
}

static void check_message(const union ShimMessage *message)
{
    switch ((enum ShimMessageKind)message->header.kind) {
    case SHIM_CONFIG:
        FUZZ_CHECK(memchr(message->config.id, 0, SHIM_ID_SIZE));
        return;
    case SHIM_KILL:
    case SHIM_STOP:
        FUZZ_CHECK(memchr(message->signal.verb, 0, SHIM_VERB_SIZE) &&
                   memchr(message->signal.who, 0, SHIM_WHO_SIZE));
        return;
    case SHIM_RESULT:
        check_error(&message->result.error);
        return;
    case SHIM_WARNING:
    case SHIM_STARTED:
        check_error(&message->notice.error);
        return;
    case SHIM_FAILED:
    case SHIM_EXITED:
        FUZZ_CHECK(message->exited.slot.tail_size <= EXIT_TAIL_SIZE);
        check_error(&message->exited.slot.error);
        return;
    case SHIM_HELLO:
    case SHIM_ATTACH:
    case SHIM_ACK:
    case SHIM_HELLO_REPLY:
        return;
    }
    abort(); /* a kind that was accepted and is none of ours */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    union ShimMessage message;
    if (size == 0 || size - 1 > sizeof(message))
        return 0;
    memset(&message, 0xa5, sizeof(message));
    memcpy(&message, data + 1, size - 1);
    int r = shim_message_check(&message, size - 1, data[0]);
    FUZZ_CHECK(r == 0 || r == -EBADMSG);
    if (r == 0) {
        FUZZ_CHECK(message.header.size == size - 1 && shim_message_size(message.header.kind) == size - 1);
        check_message(&message);
    }
    return 0;
}
