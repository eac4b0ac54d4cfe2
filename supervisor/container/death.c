// SPDX-License-Identifier: Apache-2.0
#include "supervisor/container/death.h"
#include "base/cleanup.h"
#include "base/str.h"
#include <signal.h>
#include <sys/wait.h>

static const char *const NAMES[DEATH_KIND_COUNT] = {
    [DEATH_EXITED] = "exited",
    [DEATH_KILLED_BY_REQUEST] = "killed-by-request",
    [DEATH_KILLED_BY_OTHER] = "killed-by-other",
    [DEATH_OOM] = "oom",
    [DEATH_SECCOMP] = "seccomp",
    [DEATH_START_FAILED] = "start-failed",
    [DEATH_UNKNOWN] = "unknown",
};

const char *death_kind_name(enum DeathKind kind)
{
    return NAMES[kind];
}

static bool is_known_and_positive(uint64_t value)
{
    return value != UINT64_MAX && value > 0;
}

static void judge_signal(const struct ExitSlot *slot, struct Death *death)
{
    /* A request explains the signal only when it is that one, or when its grace ended in SIGKILL. */
    bool requested = slot->requested_signal != 0 && ((int)slot->requested_signal == death->signal ||
                                                     (slot->stop_escalated && death->signal == SIGKILL));
    if (requested) {
        death->kind = DEATH_KILLED_BY_REQUEST;
        death->who = slot->requested_who;
        death->verb = slot->requested_verb;
    } else if (death->signal == SIGKILL && is_known_and_positive(slot->evidence.oom_kills)) {
        death->kind = DEATH_OOM;
        /* Without the local counter it cannot be told whose limit it was. */
        if (slot->evidence.oom_local != UINT64_MAX)
            death->limit = slot->evidence.oom_local > 0 ? "own" : "ancestor";
    } else if (death->signal == SIGSYS) {
        death->kind = DEATH_SECCOMP;
    } else {
        death->kind = DEATH_KILLED_BY_OTHER;
    }
}

void death_judge(const struct ExitSlot *slot, struct Death *ret)
{
    *ret = (struct Death){.kind = DEATH_UNKNOWN};
    switch ((enum ExitSlotState)slot->state) {
    case EXIT_SLOT_FAILED:
    case EXIT_SLOT_ARMED:
        ret->kind = DEATH_START_FAILED;
        ret->step = slot->error.where[0] ? slot->error.where : "shim";
        ret->errnum = slot->error.errnum;
        return;
    case EXIT_SLOT_EMPTY:
    case EXIT_SLOT_STARTED:
        ret->reason = slot->error.where[0] ? slot->error.where : "shim-lost";
        return;
    case EXIT_SLOT_EXITED:
        break;
    }
    if (WIFEXITED(slot->wait_status)) {
        ret->kind = DEATH_EXITED;
        ret->has_code = true;
        ret->code = WEXITSTATUS(slot->wait_status);
    } else if (WIFSIGNALED(slot->wait_status)) {
        ret->has_signal = true;
        ret->signal = WTERMSIG(slot->wait_status);
        ret->core_dumped = WCOREDUMP(slot->wait_status);
        judge_signal(slot, ret);
    } else {
        ret->reason = "wait-status";
    }
}

void death_slot_unknown(struct ExitSlot *slot, uint64_t generation, const char *reason)
{
    exit_slot_init(slot, generation, EXIT_SLOT_STARTED);
    error_set(&slot->error, ERROR_UNAVAILABLE, reason, "the end of the container was not seen");
}

/* No other step of a start answers with this code. */
bool death_met_foreign_cgroup(const struct ExitSlot *slot)
{
    return slot->state == EXIT_SLOT_FAILED && slot->error.code == ERROR_ALREADY_EXISTS;
}

void death_slot_failed(struct ExitSlot *slot, uint64_t generation, const struct Error *error)
{
    exit_slot_init(slot, generation, EXIT_SLOT_FAILED);
    slot->error = *error;
}
