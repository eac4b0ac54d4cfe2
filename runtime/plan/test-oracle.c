// SPDX-License-Identifier: Apache-2.0
#include "runtime/plan/test-oracle.h"
#include "base/str.h"
#include "base/test.h"
#include "runtime/plan/seccomp-internal.h"
#include "runtime/plan/test-bpf.h"
#include <errno.h>
#include <seccomp.h>

enum { VALUES_MAX = 512 };

static uint32_t action_of(const char *name, bool has_errno, uint32_t errno_value)
{
    if (str_equal(name, "SCMP_ACT_ALLOW"))
        return SECCOMP_RET_ALLOW;
    if (str_equal(name, "SCMP_ACT_ERRNO"))
        return SECCOMP_RET_ERRNO | (has_errno ? errno_value : EPERM);
    if (str_equal(name, "SCMP_ACT_KILL_PROCESS"))
        return SECCOMP_RET_KILL_PROCESS;
    if (str_equal(name, "SCMP_ACT_LOG"))
        return SECCOMP_RET_LOG;
    CHECK(false);
    return 0;
}

static bool condition_holds(const struct SpecSeccompArgument *argument, const uint64_t args[6])
{
    uint64_t value = args[argument->index];
    bool narrow = argument->value <= UINT32_MAX;
    if (str_equal(argument->op, "SCMP_CMP_EQ"))
        return narrow ? (uint32_t)value == argument->value : value == argument->value;
    if (str_equal(argument->op, "SCMP_CMP_NE"))
        return narrow ? (uint32_t)value != argument->value : value != argument->value;
    if (str_equal(argument->op, "SCMP_CMP_MASKED_EQ"))
        return (value & argument->value) == argument->value_two;
    if (str_equal(argument->op, "SCMP_CMP_GE"))
        return value >= argument->value;
    if (str_equal(argument->op, "SCMP_CMP_LT"))
        return value < argument->value;
    CHECK(false);
    return false;
}

static bool rule_holds(const struct SpecSeccompRule *rule, const uint64_t args[6])
{
    bool all = true, any = rule->argument_count == 0, alternatives = false;
    for (size_t i = 0; i < rule->argument_count; i++) {
        bool holds = condition_holds(&rule->arguments[i], args);
        all &= holds;
        any |= holds;
        for (size_t j = 0; j < i; j++)
            alternatives |= rule->arguments[j].index == rule->arguments[i].index;
    }
    return alternatives ? any : all;
}

static bool rule_names(const struct SpecSeccompRule *rule, const char *name)
{
    for (size_t i = 0; i < rule->names.count; i++)
        if (str_equal(rule->names.items[i], name))
            return true;
    return false;
}

int profile_oracle(const struct SpecSeccomp *profile, const char *name, const uint64_t args[6], uint32_t *ret)
{
    uint32_t result = action_of(profile->default_action, profile->has_default_errno, profile->default_errno);
    uint32_t otherwise = result;
    for (size_t i = 0; i < profile->rule_count; i++) {
        const struct SpecSeccompRule *rule = &profile->rules[i];
        uint32_t action = action_of(rule->action, rule->has_errno, rule->errno_value);
        if (action == otherwise || !rule_names(rule, name) || !rule_holds(rule, args))
            continue;
        if (result != otherwise && result != action)
            return PROFILE_AMBIGUOUS;
        result = action;
    }
    *ret = result;
    return 0;
}

struct Values {
    struct {
        unsigned index;
        uint64_t value;
    } items[VALUES_MAX];
    size_t count;
};

static void values_add(struct Values *values, unsigned index, uint64_t value)
{
    if (values->count < VALUES_MAX) {
        values->items[values->count].index = index;
        values->items[values->count++].value = value;
    }
}

/* What this syscall's rules compare with, and what is near to it. */
static void values_of(const struct SpecSeccomp *profile, const char *name, struct Values *values)
{
    values->count = 0;
    for (size_t i = 0; i < profile->rule_count; i++) {
        const struct SpecSeccompRule *rule = &profile->rules[i];
        for (size_t j = 0; j < rule->argument_count && rule_names(rule, name); j++) {
            const struct SpecSeccompArgument *argument = &rule->arguments[j];
            uint64_t value =
                str_equal(argument->op, "SCMP_CMP_MASKED_EQ") ? argument->value_two : argument->value;
            const uint64_t tries[] = {
                value,  value | UINT64_C(1) << 32, value ^ 1, value | UINT64_C(0xdeadbeef) << 32, value + 1,
                ~value,
            };
            for (size_t k = 0; k < ELEMENTSOF(tries); k++)
                values_add(values, argument->index, tries[k]);
        }
    }
}

struct Filter {
    const struct sock_filter *code;
    size_t count;
};

static bool check_call(const struct SpecSeccomp *profile, const struct Filter *filter, uint32_t arch,
                       int number, const char *name, const uint64_t args[6])
{
    struct seccomp_data data = {.nr = number, .arch = arch};
    uint32_t expected, action = 0;
    memcpy(data.args, args, sizeof(data.args));
    if (profile_oracle(profile, name, args, &expected) == PROFILE_AMBIGUOUS) {
        test_row(name);
        CHECK(false);
        return false;
    }
    bool ran = bpf_run_seccomp(filter->code, filter->count, &data, &action);
    if (ran && action == expected)
        return true;
    char text[128];
    str_format(text, sizeof(text), "%s arch %x args %llx %llx", name, arch, (unsigned long long)args[0],
               (unsigned long long)args[1]);
    test_row(text);
    CHECK(ran);
    CHECK_EQ(action, expected);
    test_row(NULL);
    return false;
}

/* Calls that carry the number of another in their first argument: libseccomp mixes their rules. */
static bool is_multiplexer(const char *name)
{
    return str_equal(name, "socketcall") || str_equal(name, "ipc");
}

static void check_syscall(const struct SpecSeccomp *profile, const struct Filter *filter, uint32_t arch,
                          int number, const char *name)
{
    static struct Values values;
    values_of(profile, name, &values);
    static const uint64_t plain[] = {0, UINT64_MAX, UINT64_C(1) << 32, UINT64_C(0x7fffffff), 3};
    bool good = true;
    for (size_t i = 0; i < ELEMENTSOF(plain) && good; i++) {
        uint64_t args[6] = {plain[i], plain[i], plain[i], plain[i], plain[i], plain[i]};
        good = check_call(profile, filter, arch, number, name, args);
        for (size_t j = 0; j < values.count && good; j++) {
            uint64_t kept = args[values.items[j].index];
            args[values.items[j].index] = values.items[j].value;
            good = check_call(profile, filter, arch, number, name, args);
            for (size_t k = 0; k < values.count && good && values.count < 64; k++) {
                uint64_t other = args[values.items[k].index];
                args[values.items[k].index] = values.items[k].value;
                good = check_call(profile, filter, arch, number, name, args);
                args[values.items[k].index] = other;
            }
            args[values.items[j].index] = kept;
        }
    }
}

unsigned profile_check(const struct SpecSeccomp *profile, const struct Buf *bytes)
{
    static const struct {
        uint32_t token, audit;
        int base;
    } arches[] = {
        {SCMP_ARCH_X86_64, SCMP_ARCH_X86_64, 0},
        {SCMP_ARCH_X86, SCMP_ARCH_X86, 0},
        {SCMP_ARCH_X32, SCMP_ARCH_X86_64, 0x40000000},
        {SCMP_ARCH_AARCH64, SCMP_ARCH_AARCH64, 0},
        {SCMP_ARCH_ARM, SCMP_ARCH_ARM, 0},
    };
    struct Filter filter = {(const void *)bytes->data, bytes->size / sizeof(struct sock_filter)};
    unsigned names = 0;
    for (size_t i = 0; i < ELEMENTSOF(arches); i++) {
        bool covered = arches[i].token == seccomp_arch_native();
        for (size_t j = 0; j < profile->architectures.count; j++) {
            char name[64] = "";
            uint32_t token = arches[i].token;
            str_format(name, sizeof(name), "SCMP_ARCH_%s",
                       token == SCMP_ARCH_X86_64    ? "X86_64"
                       : token == SCMP_ARCH_X86     ? "X86"
                       : token == SCMP_ARCH_X32     ? "X32"
                       : token == SCMP_ARCH_AARCH64 ? "AARCH64"
                                                    : "ARM");
            covered |= str_equal(profile->architectures.items[j], name);
        }
        for (int number = 0; number < 1024 && covered; number++) {
            char *name = seccomp_syscall_resolve_num_arch(arches[i].token, arches[i].base + number);
            if (name && !is_multiplexer(name)) {
                check_syscall(profile, &filter, arches[i].audit, arches[i].base + number, name);
                names++;
            } else if (!name) {
                /* A number that nobody knows. */
                const uint64_t args[6] = {0};
                check_call(profile, &filter, arches[i].audit, arches[i].base + number, "?", args);
            }
            free(name);
        }
    }
    return names;
}

struct Spec *profile_spec(const char *const *capabilities)
{
    struct Spec *spec = spec_new();
    struct SpecStrings *bounding = &spec->capabilities[CAPABILITY_BOUNDING];
    bounding->items = arena_alloc(&spec->arena, 16, sizeof(*bounding->items));
    for (; *capabilities; capabilities++)
        bounding->items[bounding->count++] = *capabilities;
    return spec;
}

int profile_compile(const struct SpecSeccomp *profile, struct Buf *filter, struct Buf *warnings,
                    struct Error *error)
{
    uint64_t flags = 77;
    int r = seccomp_compile(profile, -1, filter, &flags, warnings, error);
    CHECK_EQ(flags, r < 0 ? 77 : 0);
    return r;
}
