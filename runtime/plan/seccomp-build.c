// SPDX-License-Identifier: Apache-2.0
/*
 * A profile handed to libseccomp. Three things are not as the profile writes them:
 *
 * The kernel looks at 32 bits of most arguments, so a comparison of all 64 could be told apart from
 * the real thing by noise in the upper half. EQ with a value that fits 32 bits compares those;
 * NE with such a value becomes 32 rules, one for each bit that may differ.
 *
 * Several conditions on one argument would contradict each other; as in other runtimes they are
 * alternatives.
 *
 * Ordered comparisons are taken only where a syscall has a single rule with a single one: in any
 * other constellation libseccomp before 2.6.1 makes filters that are weaker than asked for.
 */
#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/plan/seccomp-internal.h"
#include <linux/filter.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPTIMIZE_FROM = 9, CONDITIONS_MAX = 6, DEFAULT_ERRNO = EPERM };

struct Build {
    scmp_filter_ctx context;
    const struct SpecSeccomp *profile;
    uint32_t default_action;
    size_t rules; /* given to libseccomp so far */
    struct Buf *warnings;
    struct Error *error;
};

static int fail(struct Build *build, enum ErrorCode code, const char *where, const char *format, ...)
    _printf_(4, 5);
static int fail(struct Build *build, enum ErrorCode code, const char *where, const char *format, ...)
{
    char path[ERROR_WHERE_SIZE], text[ERROR_WHAT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    str_format(path, sizeof(path), "linux.seccomp.%s", where);
    return error_set(build->error, code, path, "%s", text);
}

static int fail_rule(struct Build *build, enum ErrorCode code, size_t rule, const char *member,
                     const char *what)
{
    char where[64];
    str_format(where, sizeof(where), "syscalls[%zu].%s", rule, member);
    return fail(build, code, where, "%s", what);
}

/* --- words of the specification --- */

static bool parse_action(const char *name, bool has_errno, uint32_t errno_value, uint32_t *ret)
{
    uint32_t value = has_errno ? errno_value : DEFAULT_ERRNO;
    const struct {
        const char *name;
        uint32_t action;
    } names[] = {
        {"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
        {"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(value)},
        {"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD},
        {"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
        {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
        {"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
        {"SCMP_ACT_TRACE", SCMP_ACT_TRACE(value)},
        {"SCMP_ACT_LOG", SCMP_ACT_LOG},
    };
    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        if (str_equal(names[i].name, name)) {
            *ret = names[i].action;
            return true;
        }
    return false;
}

static const struct {
    const char *name;
    uint32_t token;
} architecture_names[] = {
    {"SCMP_ARCH_X86", SCMP_ARCH_X86},
    {"SCMP_ARCH_X86_64", SCMP_ARCH_X86_64},
    {"SCMP_ARCH_X32", SCMP_ARCH_X32},
    {"SCMP_ARCH_ARM", SCMP_ARCH_ARM},
    {"SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64},
    {"SCMP_ARCH_MIPS", SCMP_ARCH_MIPS},
    {"SCMP_ARCH_MIPS64", SCMP_ARCH_MIPS64},
    {"SCMP_ARCH_MIPS64N32", SCMP_ARCH_MIPS64N32},
    {"SCMP_ARCH_MIPSEL", SCMP_ARCH_MIPSEL},
    {"SCMP_ARCH_MIPSEL64", SCMP_ARCH_MIPSEL64},
    {"SCMP_ARCH_MIPSEL64N32", SCMP_ARCH_MIPSEL64N32},
    {"SCMP_ARCH_PARISC", SCMP_ARCH_PARISC},
    {"SCMP_ARCH_PARISC64", SCMP_ARCH_PARISC64},
    {"SCMP_ARCH_PPC", SCMP_ARCH_PPC},
    {"SCMP_ARCH_PPC64", SCMP_ARCH_PPC64},
    {"SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE},
    {"SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64},
    {"SCMP_ARCH_S390", SCMP_ARCH_S390},
    {"SCMP_ARCH_S390X", SCMP_ARCH_S390X},
};

static int add_architectures(struct Build *build)
{
    const struct SpecStrings *names = &build->profile->architectures;
    for (size_t i = 0; i < names->count; i++) {
        char where[64];
        uint32_t token = 0;
        str_format(where, sizeof(where), "architectures[%zu]", i);
        for (size_t j = 0; j < ELEMENTSOF(architecture_names); j++)
            if (str_equal(architecture_names[j].name, names->items[i]))
                token = architecture_names[j].token;
        if (!token)
            return fail(build, ERROR_INVALID_ARGUMENT, where, "%s is no architecture", names->items[i]);
        int r = seccomp_arch_add(build->context, token);
        if (r < 0 && r != -EEXIST)
            return fail(build, ERROR_UNSUPPORTED, where, "%s cannot be filtered beside the native one",
                        names->items[i]);
    }
    return 0;
}

static bool parse_comparison(const char *name, enum scmp_compare *ret)
{
    static const struct {
        const char *name;
        enum scmp_compare compare;
    } names[] = {
        {"SCMP_CMP_NE", SCMP_CMP_NE},
        {"SCMP_CMP_LT", SCMP_CMP_LT},
        {"SCMP_CMP_LE", SCMP_CMP_LE},
        {"SCMP_CMP_EQ", SCMP_CMP_EQ},
        {"SCMP_CMP_GE", SCMP_CMP_GE},
        {"SCMP_CMP_GT", SCMP_CMP_GT},
        {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
    };
    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        if (str_equal(names[i].name, name)) {
            *ret = names[i].compare;
            return true;
        }
    return false;
}

static bool is_ordered(const struct SpecSeccompArgument *argument)
{
    return str_equal(argument->op, "SCMP_CMP_LT") || str_equal(argument->op, "SCMP_CMP_LE") ||
           str_equal(argument->op, "SCMP_CMP_GE") || str_equal(argument->op, "SCMP_CMP_GT");
}

static bool is_narrow_ne(const struct SpecSeccompArgument *argument)
{
    return str_equal(argument->op, "SCMP_CMP_NE") && argument->value <= UINT32_MAX;
}

static bool to_condition(const struct SpecSeccompArgument *argument, struct scmp_arg_cmp *ret)
{
    enum scmp_compare compare;
    if (argument->index >= CONDITIONS_MAX || !parse_comparison(argument->op, &compare))
        return false;
    *ret = (struct scmp_arg_cmp){argument->index, compare, argument->value, argument->value_two};
    if (compare == SCMP_CMP_EQ && argument->value <= UINT32_MAX)
        *ret = (struct scmp_arg_cmp){argument->index, SCMP_CMP_MASKED_EQ, UINT32_MAX, argument->value};
    return true;
}

/* --- which rules there are --- */

/* Alternatives: some argument has more than one condition. */
static bool rule_is_split(const struct SpecSeccompRule *rule)
{
    unsigned seen = 0;
    for (size_t i = 0; i < rule->argument_count; i++) {
        unsigned bit = 1u << (rule->arguments[i].index & 31);
        if (seen & bit)
            return true;
        seen |= bit;
    }
    return false;
}

struct Use {
    int number;
    uint32_t rules, ordered; /* single rules; ordered comparisons in them */
    uint32_t last_rule;
};

static int use_compare(const void *a, const void *b)
{
    const struct Use *left = a, *right = b;
    return left->number < right->number ? -1 : left->number > right->number;
}

/* Counts the single rules that all names make, and bounds them. */
static int count_uses(struct Build *build, size_t *ret)
{
    size_t uses = 0;
    for (size_t i = 0; i < build->profile->rule_count; i++) {
        const struct SpecSeccompRule *rule = &build->profile->rules[i];
        if (__builtin_add_overflow(uses, rule->names.count, &uses) || uses > SECCOMP_RULES_MAX)
            return fail_rule(build, ERROR_RESOURCE_EXHAUSTED, i, "names", "the profile has too many rules");
    }
    *ret = uses;
    return 0;
}

static int check_ordered(struct Build *build)
{
    const struct SpecSeccomp *profile = build->profile;
    size_t count = 0, used = 0;
    int r = count_uses(build, &count);
    if (r < 0)
        return r;
    _cleanup_free_ struct Use *uses = calloc(count + 1, sizeof(*uses));
    if (!uses)
        return fail(build, ERROR_INTERNAL, "syscalls", "out of memory");
    for (size_t i = 0; i < profile->rule_count; i++) {
        const struct SpecSeccompRule *rule = &profile->rules[i];
        uint32_t ordered = 0;
        for (size_t j = 0; j < rule->argument_count; j++)
            ordered += is_ordered(&rule->arguments[j]);
        uint32_t rules = rule_is_split(rule) ? (uint32_t)rule->argument_count : 1;
        for (size_t j = 0; j < rule->names.count; j++)
            uses[used++] =
                (struct Use){seccomp_syscall_resolve_name(rule->names.items[j]), rules, ordered, (uint32_t)i};
    }
    qsort(uses, used, sizeof(*uses), use_compare);
    for (size_t i = 0; i < used;) {
        struct Use sum = uses[i];
        for (i++; i < used && uses[i].number == sum.number; i++) {
            sum.rules += uses[i].rules;
            sum.ordered += uses[i].ordered;
            sum.last_rule = MAX(sum.last_rule, uses[i].last_rule);
        }
        if (sum.number != __NR_SCMP_ERROR && sum.ordered && (sum.rules > 1 || sum.ordered > 1))
            return fail_rule(build, ERROR_UNSUPPORTED, sum.last_rule, "args",
                             "mixes ordered comparisons (LT, LE, GE, GT) with other rules or comparisons "
                             "of one syscall");
    }
    return 0;
}

/* --- handing them over --- */

static int add_single(struct Build *build, size_t rule, uint32_t action, int number,
                      const struct scmp_arg_cmp *conditions, unsigned count)
{
    if (++build->rules > SECCOMP_RULES_MAX)
        return fail_rule(build, ERROR_RESOURCE_EXHAUSTED, rule, "args", "the profile has too many rules");
    int r = seccomp_rule_add_array(build->context, action, number, count, conditions);
    /* EEXIST: said before. EDOM: a syscall that none of the architectures has. */
    if (r < 0 && r != -EEXIST && r != -EDOM)
        return fail_rule(build, ERROR_INVALID_ARGUMENT, rule, "args", strerror(-r));
    return 0;
}

/* One set of conditions that all must hold; an NE of 32 bits stands for several. */
static int add_conditions(struct Build *build, size_t rule, uint32_t action, int number,
                          const struct SpecSeccompArgument *arguments, size_t count)
{
    struct scmp_arg_cmp conditions[CONDITIONS_MAX];
    size_t narrow = 0, narrow_at = 0;
    if (count > CONDITIONS_MAX)
        return fail_rule(build, ERROR_INVALID_ARGUMENT, rule, "args", "has too many conditions");
    for (size_t i = 0; i < count; i++) {
        if (!to_condition(&arguments[i], &conditions[i]))
            return fail_rule(build, ERROR_INVALID_ARGUMENT, rule, "args", "has an unknown condition");
        if (is_narrow_ne(&arguments[i])) {
            narrow++;
            narrow_at = i;
        }
    }
    if (!narrow)
        return add_single(build, rule, action, number, conditions, (unsigned)count);
    if (narrow > 1)
        return fail_rule(build, ERROR_UNSUPPORTED, rule, "args", "has more than one NE in one rule");
    uint64_t value = arguments[narrow_at].value;
    int r = 0;
    for (unsigned bit = 0; bit < 32 && r >= 0; bit++) {
        uint64_t mask = UINT64_C(1) << bit;
        conditions[narrow_at] =
            (struct scmp_arg_cmp){arguments[narrow_at].index, SCMP_CMP_MASKED_EQ, mask, ~value & mask};
        r = add_single(build, rule, action, number, conditions, (unsigned)count);
    }
    return r;
}

static int add_name(struct Build *build, size_t index, uint32_t action, const char *name)
{
    const struct SpecSeccompRule *rule = &build->profile->rules[index];
    int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR) {
        buf_printf(build->warnings, "The seccomp profile names %s, which is no known syscall.\n", name);
        return 0;
    }
    if (!rule_is_split(rule))
        return add_conditions(build, index, action, number, rule->arguments, rule->argument_count);
    int r = 0;
    for (size_t i = 0; i < rule->argument_count && r >= 0; i++)
        r = add_conditions(build, index, action, number, &rule->arguments[i], 1);
    return r;
}

static int add_rules(struct Build *build)
{
    const struct SpecSeccomp *profile = build->profile;
    for (size_t i = 0; i < profile->rule_count; i++) {
        const struct SpecSeccompRule *rule = &profile->rules[i];
        uint32_t action;
        if (!parse_action(rule->action, rule->has_errno, rule->errno_value, &action))
            return fail_rule(build, ERROR_UNSUPPORTED, i, "action", "is not carried out by this version");
        /* libseccomp refuses a rule that says what is so without it. */
        if (action == build->default_action)
            continue;
        for (size_t j = 0; j < rule->names.count; j++) {
            int r = add_name(build, i, action, rule->names.items[j]);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

static int export_filter(struct Build *build, struct Buf *ret)
{
    _cleanup_close_ int fd = sys_memfd_create("davit-seccomp", MFD_CLOEXEC);
    struct stat st;
    int r = fd < 0 ? -errno : seccomp_export_bpf(build->context, fd);
    if (r < 0 || fstat(fd, &st) < 0)
        return fail(build, ERROR_INTERNAL, "syscalls", "libseccomp cannot make the filter: %s", strerror(-r));
    size_t size = (size_t)st.st_size;
    if (size == 0 || size % sizeof(struct sock_filter) ||
        size / sizeof(struct sock_filter) > SECCOMP_INSTRUCTIONS_MAX)
        return fail(build, ERROR_RESOURCE_EXHAUSTED, "syscalls",
                    "the filter has %zu instructions, %d is the most", size / sizeof(struct sock_filter),
                    SECCOMP_INSTRUCTIONS_MAX);
    char *data = buf_extend(ret, size);
    if (!data || pread(fd, data, size, 0) != (ssize_t)size)
        return fail(build, ERROR_INTERNAL, "syscalls", "cannot read the filter");
    return 0;
}

int seccomp_build(const struct SpecSeccomp *profile, struct SeccompResult *result, struct Error *error)
{
    struct Build build = {.profile = profile, .warnings = &result->warnings, .error = error};
    if (!parse_action(profile->default_action, profile->has_default_errno, profile->default_errno,
                      &build.default_action))
        return fail(&build, ERROR_UNSUPPORTED, "defaultAction", "%s is not carried out by this version",
                    profile->default_action ? profile->default_action : "nothing");
    build.context = seccomp_init(build.default_action);
    if (!build.context)
        return fail(&build, ERROR_INTERNAL, "defaultAction", "libseccomp cannot start");
    int r = add_architectures(&build);
    if (r >= 0)
        r = check_ordered(&build);
    if (r >= 0)
        r = add_rules(&build);
    /* The tree pays off only for real profiles, and libseccomp before 2.5.4 breaks on empty ones. */
    if (r >= 0 && build.rules >= OPTIMIZE_FROM)
        (void)seccomp_attr_set(build.context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (r >= 0)
        r = export_filter(&build, &result->filter);
    seccomp_release(build.context);
    return r;
}
