// SPDX-License-Identifier: Apache-2.0
/*
 * The record is one struct without padding, guarded by a CRC over all of it: a write that was cut
 * short, or a byte that the disk has changed, is seen, and damage is told apart from a slot that was
 * never written (too short, or nothing but zeros, as fallocate(2) leaves it).
 */
#include "protocol/shim/exit-slot.h"
#include "base/str.h"
#include <stddef.h>
#include <unistd.h>

static const char magic[8] = {'d', 'a', 'v', 'i', 't', 'e', 'x', '1'};

_Static_assert(offsetof(struct ExitSlot, evidence) == 136 && offsetof(struct ExitSlot, error) == 232 &&
                   sizeof(struct ExitSlot) == 232 + sizeof(struct Error) + EXIT_TAIL_SIZE,
               "no padding: every byte of the record is meant");

void exit_slot_init(struct ExitSlot *slot, uint64_t generation, enum ExitSlotState state)
{
    *slot = (struct ExitSlot){
        .version = EXIT_SLOT_VERSION,
        .generation = generation,
        .state = state,
        .evidence = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX},
    };
    memcpy(slot->magic, magic, sizeof(magic));
}

static uint32_t slot_crc(const struct ExitSlot *slot)
{
    struct ExitSlot copy = *slot;
    copy.crc = 0;
    return crc32_of(&copy, sizeof(copy));
}

int exit_slot_sanitize(struct ExitSlot *slot)
{
    if (slot->state > EXIT_SLOT_EXITED || slot->tail_size > EXIT_TAIL_SIZE)
        return -EBADMSG;
    slot->requested_verb[EXIT_SLOT_VERB_SIZE - 1] = 0;
    slot->requested_who[EXIT_SLOT_WHO_SIZE - 1] = 0;
    error_sanitize(&slot->error);
    return 0;
}

int exit_slot_seal(struct ExitSlot *slot)
{
    if (exit_slot_sanitize(slot) < 0)
        return -EINVAL;
    memcpy(slot->magic, magic, sizeof(magic));
    slot->version = EXIT_SLOT_VERSION;
    slot->crc = slot_crc(slot);
    return 0;
}

int exit_slot_write(int fd, struct ExitSlot *slot)
{
    int r = exit_slot_seal(slot);
    if (r < 0)
        return r;
    ssize_t size;
    do
        size = pwrite(fd, slot, sizeof(*slot), 0);
    while (size < 0 && errno == EINTR);
    if (size < 0)
        return -errno;
    if (size != sizeof(*slot))
        return -EIO;
    return fdatasync(fd) < 0 ? -errno : 0;
}

static bool is_blank(const struct ExitSlot *slot)
{
    const char *bytes = (const char *)slot;
    for (size_t i = 0; i < sizeof(*slot); i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

int exit_slot_check(struct ExitSlot *slot)
{
    if (is_blank(slot))
        return -ENODATA;
    if (memcmp(slot->magic, magic, sizeof(magic)) != 0 || slot->version != EXIT_SLOT_VERSION ||
        slot->crc != slot_crc(slot))
        return -EBADMSG;
    return exit_slot_sanitize(slot);
}

int exit_slot_read(int fd, struct ExitSlot *ret)
{
    struct ExitSlot slot;
    size_t size = 0;
    while (size < sizeof(slot)) {
        ssize_t more = pread(fd, (char *)&slot + size, sizeof(slot) - size, (off_t)size);
        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0)
            return -errno;
        if (more == 0)
            return -ENODATA;
        size += (size_t)more;
    }
    int r = exit_slot_check(&slot);
    if (r < 0)
        return r;
    *ret = slot;
    return 0;
}
