// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Why did it end? From the facts of an exit slot to a cause of the contract. Pure. What the facts
 * do not show is called unknown, never guessed.
 */
#include "protocol/shim/exit-slot.h"
#include <stdbool.h>

enum DeathKind {
    DEATH_EXITED,
    DEATH_KILLED_BY_REQUEST,
    DEATH_KILLED_BY_OTHER,
    DEATH_OOM,
    DEATH_SECCOMP,
    DEATH_START_FAILED,
    DEATH_UNKNOWN,
    DEATH_KIND_COUNT,
};

struct Death {
    enum DeathKind kind;
    bool has_code, has_signal, core_dumped;
    int code, signal;
    const char *who, *verb; /* KILLED_BY_REQUEST */
    const char *limit;      /* OOM: "own", "ancestor", "host" is never known here */
    const char *step;       /* START_FAILED */
    int errnum;             /* START_FAILED, 0: none */
    const char *reason;     /* UNKNOWN: "shim-lost", "host-restart", ... */
};

/* Texts point into the slot. */
void death_judge(const struct ExitSlot *slot, struct Death *ret);
const char *death_kind_name(enum DeathKind kind);

/* The start failed because a cgroup of its name was there already: that is somebody else's, and stays. */
bool death_met_foreign_cgroup(const struct ExitSlot *slot);

/* Slots that davitd writes itself when nobody else could: the payload ran (or may have), and its end was
 * not seen. The reason is kept in error.where. */
void death_slot_unknown(struct ExitSlot *slot, uint64_t generation, const char *reason);
/* It never ran. */
void death_slot_failed(struct ExitSlot *slot, uint64_t generation, const struct Error *error);
