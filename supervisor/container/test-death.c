// SPDX-License-Identifier: Apache-2.0
#include "base/cleanup.h"
#include "base/test.h"
#include "supervisor/container/death.h"
#include <signal.h>
#include <string.h>

enum { UNKNOWN_COUNT = -1, CORE = 0x80 };

static const struct {
    const char *name;
    enum ExitSlotState state;
    int wait_status, requested;
    bool escalated;
    int oom_kills, oom_local; /* -1: not known */
    const char *where;
    /* expected */
    enum DeathKind kind;
    int code, signal; /* -1: absent */
    bool core;
    const char *limit, *step, *reason, *verb;
} ROWS[] = {
    {"exit 0", EXIT_SLOT_EXITED, 0, 0, false, 0, 0, "", DEATH_EXITED, 0, -1, false, NULL, NULL, NULL, NULL},
    {"exit 42", EXIT_SLOT_EXITED, 42 << 8, 0, false, 0, 0, "", DEATH_EXITED, 42, -1, false, NULL, NULL, NULL,
     NULL},
    {"exit 0 after TERM was asked for", EXIT_SLOT_EXITED, 0, SIGTERM, false, 0, 0, "", DEATH_EXITED, 0, -1,
     false, NULL, NULL, NULL, NULL},
    {"exit 1 with an oom kill of a child", EXIT_SLOT_EXITED, 1 << 8, 0, false, 1, 1, "", DEATH_EXITED, 1, -1,
     false, NULL, NULL, NULL, NULL},
    {"TERM as asked", EXIT_SLOT_EXITED, SIGTERM, SIGTERM, false, 0, 0, "", DEATH_KILLED_BY_REQUEST, -1,
     SIGTERM, false, NULL, NULL, NULL, "stop"},
    {"KILL after the grace", EXIT_SLOT_EXITED, SIGKILL, SIGTERM, true, 0, 0, "", DEATH_KILLED_BY_REQUEST, -1,
     SIGKILL, false, NULL, NULL, NULL, "stop"},
    {"KILL while TERM was asked for, grace not over", EXIT_SLOT_EXITED, SIGKILL, SIGTERM, false, 0, 0, "",
     DEATH_KILLED_BY_OTHER, -1, SIGKILL, false, NULL, NULL, NULL, NULL},
    {"INT while TERM escalated", EXIT_SLOT_EXITED, SIGINT, SIGTERM, true, 0, 0, "", DEATH_KILLED_BY_OTHER, -1,
     SIGINT, false, NULL, NULL, NULL, NULL},
    {"KILL as asked, although there was an oom kill", EXIT_SLOT_EXITED, SIGKILL, SIGKILL, false, 3, 3, "",
     DEATH_KILLED_BY_REQUEST, -1, SIGKILL, false, NULL, NULL, NULL, "stop"},
    {"oom by its own limit", EXIT_SLOT_EXITED, SIGKILL, 0, false, 1, 1, "", DEATH_OOM, -1, SIGKILL, false,
     "own", NULL, NULL, NULL},
    {"oom by a parent's limit", EXIT_SLOT_EXITED, SIGKILL, 0, false, 1, 0, "", DEATH_OOM, -1, SIGKILL, false,
     "ancestor", NULL, NULL, NULL},
    {"oom, nobody knows whose limit", EXIT_SLOT_EXITED, SIGKILL, 0, false, 2, UNKNOWN_COUNT, "", DEATH_OOM,
     -1, SIGKILL, false, NULL, NULL, NULL, NULL},
    {"KILL without evidence", EXIT_SLOT_EXITED, SIGKILL, 0, false, UNKNOWN_COUNT, UNKNOWN_COUNT, "",
     DEATH_KILLED_BY_OTHER, -1, SIGKILL, false, NULL, NULL, NULL, NULL},
    {"KILL by somebody", EXIT_SLOT_EXITED, SIGKILL, 0, false, 0, 0, "", DEATH_KILLED_BY_OTHER, -1, SIGKILL,
     false, NULL, NULL, NULL, NULL},
    {"SYS", EXIT_SLOT_EXITED, SIGSYS | CORE, 0, false, 0, 0, "", DEATH_SECCOMP, -1, SIGSYS, true, NULL, NULL,
     NULL, NULL},
    {"SEGV with a core", EXIT_SLOT_EXITED, SIGSEGV | CORE, 0, false, 0, 0, "", DEATH_KILLED_BY_OTHER, -1,
     SIGSEGV, true, NULL, NULL, NULL, NULL},
    {"a stop status is no end", EXIT_SLOT_EXITED, 0x137f, 0, false, 0, 0, "", DEATH_UNKNOWN, -1, -1, false,
     NULL, NULL, "wait-status", NULL},
    {"a step failed", EXIT_SLOT_FAILED, 0, 0, false, 0, 0, "mount /proc", DEATH_START_FAILED, -1, -1, false,
     NULL, "mount /proc", NULL, NULL},
    {"the shim never began", EXIT_SLOT_ARMED, 0, 0, false, 0, 0, "", DEATH_START_FAILED, -1, -1, false, NULL,
     "shim", NULL, NULL},
    {"started, shim lost", EXIT_SLOT_STARTED, 0, 0, false, 0, 0, "", DEATH_UNKNOWN, -1, -1, false, NULL, NULL,
     "shim-lost", NULL},
    {"host restarted", EXIT_SLOT_STARTED, 0, 0, false, 0, 0, "host-restart", DEATH_UNKNOWN, -1, -1, false,
     NULL, NULL, "host-restart", NULL},
    {"nothing known", EXIT_SLOT_EMPTY, 0, 0, false, 0, 0, "", DEATH_UNKNOWN, -1, -1, false, NULL, NULL,
     "shim-lost", NULL},
};

static uint64_t count_of(int value)
{
    return value == UNKNOWN_COUNT ? UINT64_MAX : (uint64_t)value;
}

static void test_table(void)
{
    for (size_t i = 0; i < ELEMENTSOF(ROWS); i++) {
        struct ExitSlot slot;
        struct Death death;
        test_row(ROWS[i].name);
        exit_slot_init(&slot, 1, ROWS[i].state);
        slot.wait_status = ROWS[i].wait_status;
        slot.requested_signal = (uint32_t)ROWS[i].requested;
        slot.stop_escalated = ROWS[i].escalated;
        slot.evidence.oom_kills = count_of(ROWS[i].oom_kills);
        slot.evidence.oom_local = count_of(ROWS[i].oom_local);
        strcpy(slot.requested_verb, "stop");
        strcpy(slot.requested_who, "uid 0 pid 7");
        strcpy(slot.error.where, ROWS[i].where);
        slot.error.errnum = 2;
        death_judge(&slot, &death);
        CHECK_EQ(death.kind, ROWS[i].kind);
        CHECK_EQ(death.has_code ? death.code : -1, ROWS[i].code);
        CHECK_EQ(death.has_signal ? death.signal : -1, ROWS[i].signal);
        CHECK_EQ(death.core_dumped, ROWS[i].core);
        CHECK_STR(death.limit, ROWS[i].limit);
        CHECK_STR(death.step, ROWS[i].step);
        CHECK_STR(death.reason, ROWS[i].reason);
        CHECK_STR(death.verb, ROWS[i].verb);
        if (ROWS[i].verb)
            CHECK_STR(death.who, "uid 0 pid 7");
        if (ROWS[i].kind == DEATH_START_FAILED)
            CHECK_EQ(death.errnum, 2);
    }
}

static void test_slots_of_davitd(void)
{
    struct ExitSlot slot;
    struct Death death;
    struct Error error;
    death_slot_unknown(&slot, 3, "host-restart");
    death_judge(&slot, &death);
    CHECK_EQ(death.kind, DEATH_UNKNOWN);
    CHECK_STR(death.reason, "host-restart");
    CHECK_EQ(slot.generation, 3);
    error_set_errno(&error, ERROR_RUNTIME_FAILED, ENOENT, "shim", "exec");
    death_slot_failed(&slot, 4, &error);
    death_judge(&slot, &death);
    CHECK_EQ(death.kind, DEATH_START_FAILED);
    CHECK_STR(death.step, "shim");
    CHECK_EQ(death.errnum, ENOENT);
    CHECK(!death_met_foreign_cgroup(&slot));
    error_set(&error, ERROR_ALREADY_EXISTS, "cgroup /x", "is there");
    death_slot_failed(&slot, 4, &error);
    CHECK(death_met_foreign_cgroup(&slot));
}

static const struct Test tests[] = {TEST(test_table), TEST(test_slots_of_davitd)};
TEST_MAIN(tests)
