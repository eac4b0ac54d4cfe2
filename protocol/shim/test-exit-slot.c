// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"
#include "base/str.h"
#include "base/test.h"
#include "protocol/shim/exit-slot.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static void fill(struct ExitSlot *slot)
{
    exit_slot_init(slot, 7, EXIT_SLOT_EXITED);
    slot->wait_status = 9;
    slot->init_pid = 4711;
    slot->requested_signal = 15;
    memcpy(slot->requested_verb, "stop", 5);
    memcpy(slot->requested_who, "uid 0 pid 1", 12);
    slot->evidence.oom_kills = 1;
    slot->log.written = 5;
    slot->tail_size = 5;
    memcpy(slot->tail, "hello", 5);
}

static void test_round_trip(void)
{
    _cleanup_close_ int fd = memfd_create("slot", MFD_CLOEXEC);
    struct ExitSlot slot, copy;
    fill(&slot);
    CHECK_EQ(exit_slot_write(fd, &slot), 0);
    CHECK_EQ(exit_slot_read(fd, &copy), 0);
    CHECK(memcmp(&slot, &copy, sizeof(slot)) == 0);
    CHECK_EQ(copy.generation, 7);
    CHECK_STR(copy.requested_verb, "stop");
    CHECK(copy.evidence.cpu_usec == UINT64_MAX);
    CHECK_EQ(lseek(fd, 0, SEEK_END), (off_t)sizeof(slot));
}

static void test_every_changed_byte_is_refused(void)
{
    struct ExitSlot slot;
    fill(&slot);
    CHECK_EQ(exit_slot_seal(&slot), 0);
    size_t accepted = 0;
    for (size_t i = 0; i < sizeof(slot); i++) {
        struct ExitSlot damaged = slot;
        ((unsigned char *)&damaged)[i] ^= (unsigned char)(1 + i % 255);
        accepted += exit_slot_check(&damaged) != -EBADMSG;
    }
    CHECK_EQ(accepted, 0);
    CHECK_EQ(exit_slot_check(&slot), 0);
}

static void test_torn_write_is_refused(void)
{
    struct ExitSlot before, after;
    exit_slot_init(&before, 7, EXIT_SLOT_ARMED);
    CHECK_EQ(exit_slot_seal(&before), 0);
    fill(&after);
    CHECK_EQ(exit_slot_seal(&after), 0);
    size_t tail_at = offsetof(struct ExitSlot, tail) + after.tail_size, accepted = 0;
    for (size_t cut = 16; cut < tail_at; cut++) {
        struct ExitSlot torn = before;
        memcpy(&torn, &after, cut);
        accepted += exit_slot_check(&torn) != -EBADMSG;
    }
    CHECK_EQ(accepted, 0);
}

static void test_empty_and_short_files(void)
{
    struct ExitSlot slot, untouched;
    memset(&slot, 0x55, sizeof(slot));
    untouched = slot;
    _cleanup_close_ int fd = memfd_create("slot", MFD_CLOEXEC);
    CHECK_EQ(exit_slot_read(fd, &slot), -ENODATA);
    CHECK_EQ(ftruncate(fd, sizeof(slot) - 1), 0);
    CHECK_EQ(exit_slot_read(fd, &slot), -ENODATA);
    CHECK_EQ(ftruncate(fd, sizeof(slot)), 0);
    CHECK_EQ(exit_slot_read(fd, &slot), -ENODATA);
    CHECK_EQ(pwrite(fd, "x", 1, 100), 1);
    CHECK_EQ(exit_slot_read(fd, &slot), -EBADMSG);
    CHECK(memcmp(&slot, &untouched, sizeof(slot)) == 0);
    CHECK_EQ(exit_slot_read(-1, &slot), -EBADF);
}

/* A record that is sealed correctly and still makes no sense. */
static void test_sealed_nonsense_is_refused(void)
{
    struct ExitSlot slot;
    fill(&slot);
    slot.state = EXIT_SLOT_EXITED + 1;
    CHECK_EQ(exit_slot_seal(&slot), -EINVAL);
    fill(&slot);
    slot.tail_size = EXIT_TAIL_SIZE + 1;
    CHECK_EQ(exit_slot_seal(&slot), -EINVAL);
    CHECK_EQ(exit_slot_write(-1, &slot), -EINVAL);

    fill(&slot);
    memset(slot.requested_who, 'x', sizeof(slot.requested_who));
    memset(slot.error.what, 'x', sizeof(slot.error.what));
    slot.crc = 0;
    slot.tail_size = EXIT_TAIL_SIZE + 1;
    slot.crc = crc32_of(&slot, sizeof(slot));
    CHECK_EQ(exit_slot_check(&slot), -EBADMSG);
    slot.crc = 0;
    slot.tail_size = EXIT_TAIL_SIZE;
    slot.crc = crc32_of(&slot, sizeof(slot));
    CHECK_EQ(exit_slot_check(&slot), 0);
    CHECK_EQ(strlen(slot.requested_who), EXIT_SLOT_WHO_SIZE - 1);
    CHECK_EQ(strlen(slot.error.what), ERROR_WHAT_SIZE - 1);
}

static void test_write_reports_errors(void)
{
    struct ExitSlot slot;
    fill(&slot);
    CHECK_EQ(exit_slot_write(-1, &slot), -EBADF);
    _cleanup_close_ int full = open("/dev/full", O_RDWR | O_CLOEXEC);
    CHECK_EQ(exit_slot_write(full, &slot), -ENOSPC);
}

static const struct Test tests[] = {
    TEST(test_round_trip),
    TEST(test_every_changed_byte_is_refused),
    TEST(test_torn_write_is_refused),
    TEST(test_empty_and_short_files),
    TEST(test_sealed_nonsense_is_refused),
    TEST(test_write_reports_errors),
};
TEST_MAIN(tests)
