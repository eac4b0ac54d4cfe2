// SPDX-License-Identifier: Apache-2.0
/* The rules for linux.seccomp. Which syscalls and architectures exist is libseccomp's knowledge. */
#include "base/str.h"
#include "runtime/spec/validate.h"

enum { NAME_LIMIT = 128, ERRNO_LIMIT = 4095, ARGUMENT_INDEX_MAX = 5 };

enum Known { KNOWN_NOT, KNOWN, KNOWN_REFUSED };

struct Word {
    const char *name;
    enum Known known;
};

static const struct Word actions[] = {
    {"SCMP_ACT_KILL", KNOWN},           {"SCMP_ACT_KILL_THREAD", KNOWN},
    {"SCMP_ACT_KILL_PROCESS", KNOWN},   {"SCMP_ACT_TRAP", KNOWN},
    {"SCMP_ACT_ERRNO", KNOWN},          {"SCMP_ACT_TRACE", KNOWN},
    {"SCMP_ACT_ALLOW", KNOWN},          {"SCMP_ACT_LOG", KNOWN},
    {"SCMP_ACT_NOTIFY", KNOWN_REFUSED}, {0},
};

static const struct Word flags[] = {
    {"SECCOMP_FILTER_FLAG_TSYNC", KNOWN},
    {"SECCOMP_FILTER_FLAG_LOG", KNOWN},
    {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", KNOWN},
    {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", KNOWN_REFUSED}, /* goes with NOTIFY */
    {0},
};

static const struct Word comparisons[] = {
    {"SCMP_CMP_NE", KNOWN}, {"SCMP_CMP_LT", KNOWN}, {"SCMP_CMP_LE", KNOWN},        {"SCMP_CMP_EQ", KNOWN},
    {"SCMP_CMP_GE", KNOWN}, {"SCMP_CMP_GT", KNOWN}, {"SCMP_CMP_MASKED_EQ", KNOWN}, {0},
};

static enum Known look_up(const struct Word *words, const char *name)
{
    for (; words->name; words++)
        if (str_equal(words->name, name))
            return words->known;
    return KNOWN_NOT;
}

static int check_word(const struct Word *words, const char *name, const char *where, struct Error *error)
{
    switch (look_up(words, name)) {
    case KNOWN:
        return 0;
    case KNOWN_REFUSED:
        return error_set(error, ERROR_UNSUPPORTED, where, "%s is not carried out by this version", name);
    case KNOWN_NOT:
        break;
    }
    return validate_fail(error, "is unknown", "%s", where);
}

static int check_errno(uint32_t value, const char *where, struct Error *error)
{
    return validate_fail(error, value > ERRNO_LIMIT ? "must not be above 4095" : NULL, "%s", where);
}

static int check_argument(const struct SpecSeccompArgument *argument, const char *where, struct Error *error)
{
    char path[160];
    if (argument->index > ARGUMENT_INDEX_MAX)
        return validate_fail(error, "must be in 0..5", "%s.index", where);
    str_format(path, sizeof(path), "%s.op", where);
    return check_word(comparisons, argument->op, path, error);
}

static int check_rule(const struct SpecSeccompRule *rule, size_t number, struct Error *error)
{
    char where[128];
    if (rule->names.count == 0)
        return validate_fail(error, "must have at least one entry", "linux.seccomp.syscalls[%zu].names",
                             number);
    for (size_t i = 0; i < rule->names.count; i++) {
        const char *name = rule->names.items[i];
        const char *complaint = *name ? validate_text(name, NAME_LIMIT) : "is empty";
        if (complaint)
            return validate_fail(error, complaint, "linux.seccomp.syscalls[%zu].names[%zu]", number, i);
    }
    str_format(where, sizeof(where), "linux.seccomp.syscalls[%zu].action", number);
    int r = check_word(actions, rule->action, where, error);
    str_format(where, sizeof(where), "linux.seccomp.syscalls[%zu].errnoRet", number);
    if (r >= 0 && rule->has_errno)
        r = check_errno(rule->errno_value, where, error);
    for (size_t i = 0; r >= 0 && i < rule->argument_count; i++) {
        str_format(where, sizeof(where), "linux.seccomp.syscalls[%zu].args[%zu]", number, i);
        r = check_argument(&rule->arguments[i], where, error);
    }
    return r;
}

static int check_architectures(const struct SpecStrings *architectures, struct Error *error)
{
    for (size_t i = 0; i < architectures->count; i++) {
        const char *name = architectures->items[i];
        const char *complaint = str_starts_with(name, "SCMP_ARCH_") ? validate_text(name, NAME_LIMIT)
                                                                    : "is no name of an architecture";
        if (complaint)
            return validate_fail(error, complaint, "linux.seccomp.architectures[%zu]", i);
    }
    return 0;
}

int validate_seccomp(const struct SpecSeccomp *seccomp, struct Error *error)
{
    char where[64];
    int r = check_word(actions, seccomp->default_action, "linux.seccomp.defaultAction", error);
    if (r >= 0 && seccomp->has_default_errno)
        r = check_errno(seccomp->default_errno, "linux.seccomp.defaultErrnoRet", error);
    if (r >= 0)
        r = check_architectures(&seccomp->architectures, error);
    for (size_t i = 0; r >= 0 && i < seccomp->flags.count; i++) {
        str_format(where, sizeof(where), "linux.seccomp.flags[%zu]", i);
        r = check_word(flags, seccomp->flags.items[i], where, error);
    }
    for (size_t i = 0; r >= 0 && i < seccomp->rule_count; i++)
        r = check_rule(&seccomp->rules[i], i, error);
    return r;
}
