// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * How a generation of a container ended, as the shim saw it: facts, no verdict (davitd's
 * death.c concludes the cause). One record of fixed size in a file that davitd preallocates
 * before the start, so that it can be written on a full disk. The shim writes it with one pwrite,
 * fdatasyncs, and only then tells anybody. Pure but for the two functions that name a descriptor.
 */
#include "base/error.h"
#include "base/evidence.h"
#include <stdint.h>

enum { EXIT_SLOT_VERSION = 1, EXIT_TAIL_SIZE = 4096, EXIT_SLOT_VERB_SIZE = 16, EXIT_SLOT_WHO_SIZE = 48 };

enum ExitSlotState {
    EXIT_SLOT_EMPTY = 0, /* as preallocated: nothing is known */
    EXIT_SLOT_ARMED,     /* written by davitd: generation is valid, a shim is about to be started */
    EXIT_SLOT_STARTED,   /* the payload's exec succeeded: pid and time are valid */
    EXIT_SLOT_FAILED,    /* it never ran: error says why */
    EXIT_SLOT_EXITED,
};

struct ShimLogCounters { /* bytes of payload output */
    uint64_t written;    /* read from the container */
    uint64_t stored;     /* in log files, gone ones included */
    uint64_t dropped;    /* told by gap records */
    uint64_t rotated;    /* stored once, in files that rotation has deleted */
};

struct ExitSlot {
    char magic[8]; /* "davitex1" */
    uint32_t version;
    uint32_t crc; /* of the whole struct with this field 0 */
    uint64_t generation;
    uint32_t state; /* enum ExitSlotState */
    int32_t wait_status;
    int32_t init_pid;
    uint32_t requested_signal; /* last signal asked for by KILL or STOP, 0: none */
    uint64_t requested_usec;   /* realtime of that request */
    char requested_verb[EXIT_SLOT_VERB_SIZE];
    char requested_who[EXIT_SLOT_WHO_SIZE];
    uint32_t stop_escalated; /* the grace of a STOP ended in SIGKILL */
    uint32_t tail_size;
    uint64_t started_usec, finished_usec; /* realtime; 0: never */
    struct CgroupEvidence evidence;
    struct ShimLogCounters log;
    uint64_t offset_stdout, offset_stderr;
    struct Error error;
    char tail[EXIT_TAIL_SIZE]; /* the last bytes of output, oldest first */
};

/* All zero but for these and the evidence, which is unknown. */
void exit_slot_init(struct ExitSlot *slot, uint64_t generation, enum ExitSlotState state);
/* Terminates the texts; -EBADMSG when a number is out of range. No look at the crc. */
int exit_slot_sanitize(struct ExitSlot *slot);
/* Magic, version, crc. -EINVAL when a number is out of range. */
int exit_slot_seal(struct ExitSlot *slot);
/* Seals and writes it at offset 0, then fdatasync. 0 or a negative errno. */
int exit_slot_write(int fd, struct ExitSlot *slot);
/* Reads and checks it: 0; -ENODATA when it is shorter or never written; -EBADMSG when damaged. */
int exit_slot_read(int fd, struct ExitSlot *ret);
/* Checks bytes: 0, -ENODATA, -EBADMSG; terminates the texts. */
int exit_slot_check(struct ExitSlot *slot);
