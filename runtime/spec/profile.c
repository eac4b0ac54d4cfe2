// SPDX-License-Identifier: Apache-2.0
/*
 * Conditions are answered once, here, for one container on one host: what comes out is a profile
 * without any, as linux.seccomp would hold it.
 */
#include "runtime/spec/profile.h"
#include "base/str.h"
#include "runtime/spec/parse.h"
#include "runtime/spec/validate.h"

enum {
    EXCEPT_VALUES_MAX = 32,
    RULES_MAX = 4096,
    BLOCKS_PER_VALUE = 66, /* up to 32 on each side of it, and the value */
};

struct ProfileConditions {
    struct SpecStrings capabilities, arches;
    const char *min_kernel;
};

struct ProfileExcept {
    bool present;
    uint32_t index;
    uint32_t *values;
    size_t value_count;
    const char *action;
    bool has_errno;
    uint32_t errno_value;
};

struct ProfileRule {
    struct SpecSeccompRule rule;
    struct ProfileConditions includes, excludes;
    struct ProfileExcept except;
};

struct ProfileArch {
    const char *architecture;
    struct SpecStrings others;
};

struct Profile {
    struct SpecSeccomp seccomp;
    struct ProfileRule *rules;
    size_t rule_count;
    struct ProfileArch *arches;
    size_t arch_count;
};

#define CONDITIONS_TABLE(table, field)                                                                       \
    static const struct Member table[] = {                                                                   \
        {.name = "caps", .read = member_read_strings, MEMBER_FIELD(ProfileRule, field.capabilities)},        \
        {.name = "arches", .read = member_read_strings, MEMBER_FIELD(ProfileRule, field.arches)},            \
        {.name = "minKernel", .read = member_read_string, MEMBER_FIELD(ProfileRule, field.min_kernel)},      \
        {0},                                                                                                 \
    }
CONDITIONS_TABLE(includes_members, includes);
CONDITIONS_TABLE(excludes_members, excludes);

static const struct Member except_members[] = {
    {.name = "index",
     .read = member_read_u32,
     MEMBER_FIELD(ProfileRule, except.index),
     .maximum = 5,
     .is_required = true},
    {.name = "values",
     .read = member_read_u32s,
     MEMBER_FIELD(ProfileRule, except.values),
     MEMBER_OTHER(ProfileRule, except.value_count),
     .maximum = UINT32_MAX,
     .is_required = true},
    {.name = "action",
     .read = member_read_string,
     MEMBER_FIELD(ProfileRule, except.action),
     .is_required = true},
    {.name = "errnoRet",
     .read = member_read_u32,
     MEMBER_FIELD(ProfileRule, except.errno_value),
     MEMBER_OTHER(ProfileRule, except.has_errno),
     .maximum = UINT32_MAX},
    {0},
};

static const struct Member rule_members[] = {
    {.name = "names",
     .read = member_read_strings,
     MEMBER_FIELD(ProfileRule, rule.names),
     .is_required = true},
    {.name = "action",
     .read = member_read_string,
     MEMBER_FIELD(ProfileRule, rule.action),
     .is_required = true},
    {.name = "errnoRet",
     .read = member_read_u32,
     MEMBER_FIELD(ProfileRule, rule.errno_value),
     MEMBER_OTHER(ProfileRule, rule.has_errno),
     .maximum = UINT32_MAX},
    {.name = "args",
     .read = member_read_list,
     MEMBER_FIELD(ProfileRule, rule.arguments),
     MEMBER_OTHER(ProfileRule, rule.argument_count),
     .members = parse_seccomp_argument_members,
     .element_size = sizeof(struct SpecSeccompArgument)},
    {.name = "includes", .read = member_read_section, .members = includes_members},
    {.name = "excludes", .read = member_read_section, .members = excludes_members},
    {.name = "except",
     .read = member_read_section,
     .members = except_members,
     MEMBER_OTHER(ProfileRule, except.present)},
    {0},
};

static const struct Member arch_members[] = {
    {.name = "architecture",
     .read = member_read_string,
     MEMBER_FIELD(ProfileArch, architecture),
     .is_required = true},
    {.name = "subArchitectures", .read = member_read_strings, MEMBER_FIELD(ProfileArch, others)},
    {0},
};

static const struct Member profile_members[] = {
    {.name = "defaultAction",
     .read = member_read_string,
     MEMBER_FIELD(Profile, seccomp.default_action),
     .is_required = true},
    {.name = "defaultErrnoRet",
     .read = member_read_u32,
     MEMBER_FIELD(Profile, seccomp.default_errno),
     MEMBER_OTHER(Profile, seccomp.has_default_errno),
     .maximum = UINT32_MAX},
    {.name = "architectures", .read = member_read_strings, MEMBER_FIELD(Profile, seccomp.architectures)},
    {.name = "archMap",
     .read = member_read_list,
     MEMBER_FIELD(Profile, arches),
     MEMBER_OTHER(Profile, arch_count),
     .members = arch_members,
     .element_size = sizeof(struct ProfileArch)},
    {.name = "flags", .read = member_read_strings, MEMBER_FIELD(Profile, seccomp.flags)},
    {.name = "listenerPath", .read = member_refuse},
    {.name = "listenerMetadata", .read = member_refuse},
    {.name = "syscalls",
     .read = member_read_list,
     MEMBER_FIELD(Profile, rules),
     MEMBER_OTHER(Profile, rule_count),
     .members = rule_members,
     .element_size = sizeof(struct ProfileRule)},
    {0},
};

/* A machine has three names: uname's, seccomp's, and the one that container tools use. */
static const struct {
    const char *machine, *architecture, *arch;
} machines[] = {
    {"x86_64", "SCMP_ARCH_X86_64", "amd64"},     {"i686", "SCMP_ARCH_X86", "x86"},
    {"aarch64", "SCMP_ARCH_AARCH64", "arm64"},   {"armv7l", "SCMP_ARCH_ARM", "arm"},
    {"riscv64", "SCMP_ARCH_RISCV64", "riscv64"}, {"ppc64le", "SCMP_ARCH_PPC64LE", "ppc64le"},
    {"s390x", "SCMP_ARCH_S390X", "s390x"},
};

struct Host {
    const char *architecture, *arch;
    unsigned major, minor;
    const struct SpecStrings *bounding;
};

static bool kernel_version(const char *text, unsigned *ret_major, unsigned *ret_minor)
{
    return sscanf(text, "%u.%u", ret_major, ret_minor) == 2;
}

static bool list_has(const struct SpecStrings *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++)
        if (str_equal(list->items[i], text))
            return true;
    return false;
}

/* 1: the rule counts, 0: it does not, -EINVAL: minKernel is no version. */
static int rule_counts(const struct ProfileRule *rule, const struct Host *host)
{
    unsigned major, minor;
    if (rule->includes.min_kernel) {
        if (!kernel_version(rule->includes.min_kernel, &major, &minor))
            return -EINVAL;
        if (host->major < major || (host->major == major && host->minor < minor))
            return 0;
    }
    if (rule->excludes.min_kernel) {
        if (!kernel_version(rule->excludes.min_kernel, &major, &minor))
            return -EINVAL;
        if (host->major > major || (host->major == major && host->minor >= minor))
            return 0;
    }
    for (size_t i = 0; i < rule->includes.capabilities.count; i++)
        if (!list_has(host->bounding, rule->includes.capabilities.items[i]))
            return 0;
    for (size_t i = 0; i < rule->excludes.capabilities.count; i++)
        if (list_has(host->bounding, rule->excludes.capabilities.items[i]))
            return 0;
    if (rule->includes.arches.count && !list_has(&rule->includes.arches, host->arch))
        return 0;
    return !list_has(&rule->excludes.arches, host->arch);
}

struct RuleList {
    struct Arena *arena;
    struct SpecSeccompRule *items;
    size_t count, limit;
};

static bool list_add(struct RuleList *list, const struct SpecSeccompRule *rule)
{
    if (list->count == list->limit)
        return false;
    list->items[list->count++] = *rule;
    return true;
}

/* The rule with one more condition on 32 bits of the argument. */
static bool list_add_masked(struct RuleList *list, const struct SpecSeccompRule *rule, uint32_t index,
                            uint32_t mask, uint32_t value)
{
    struct SpecSeccompRule copy = *rule;
    copy.arguments = arena_alloc(list->arena, rule->argument_count + 1, sizeof(*copy.arguments));
    if (!copy.arguments)
        return false;
    if (rule->argument_count)
        memcpy(copy.arguments, rule->arguments, rule->argument_count * sizeof(*copy.arguments));
    copy.arguments[copy.argument_count++] = (struct SpecSeccompArgument){
        .index = index, .value = mask, .value_two = value, .op = "SCMP_CMP_MASKED_EQ"};
    return list_add(list, &copy);
}

/* The numbers first..last as blocks of a power of two, each of which is one mask and one value. */
static bool list_add_range(struct RuleList *list, const struct SpecSeccompRule *rule, uint32_t index,
                           uint64_t first, uint64_t last)
{
    while (first <= last) {
        uint64_t size = first ? first & -first : UINT64_C(1) << 32;
        while (size > last - first + 1)
            size >>= 1;
        if (!list_add_masked(list, rule, index, (uint32_t) ~(size - 1), (uint32_t)first))
            return false;
        first += size;
    }
    return true;
}

static int compare_u32(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return left < right ? -1 : left > right;
}

/* No two of these rules overlap, so their order, which libseccomp does not keep, says nothing. */
static bool list_add_except(struct RuleList *list, const struct ProfileRule *entry)
{
    const struct ProfileExcept *except = &entry->except;
    struct SpecSeccompRule other = entry->rule;
    other.action = except->action;
    other.has_errno = except->has_errno;
    other.errno_value = except->errno_value;
    qsort(except->values, except->value_count, sizeof(*except->values), compare_u32);
    uint64_t next = 0;
    for (size_t i = 0; i < except->value_count; i++) {
        uint64_t value = except->values[i];
        if (value < next)
            continue; /* there twice */
        if (value > next && !list_add_range(list, &entry->rule, except->index, next, value - 1))
            return false;
        if (!list_add_masked(list, &other, except->index, UINT32_MAX, (uint32_t)value))
            return false;
        next = value + 1;
    }
    return next > UINT32_MAX || list_add_range(list, &entry->rule, except->index, next, UINT32_MAX);
}

static int fail_rule(struct Error *error, size_t rule, const char *member, const char *text)
{
    char where[64];
    str_format(where, sizeof(where), "syscalls[%zu].%s", rule, member);
    return error_set(error, ERROR_INVALID_ARGUMENT, where, "%s", text);
}

static int check_except(const struct ProfileRule *entry, size_t number, struct Error *error)
{
    if (entry->except.value_count == 0 || entry->except.value_count > EXCEPT_VALUES_MAX)
        return fail_rule(error, number, "except.values", "must have 1 to 32 entries");
    for (size_t i = 0; i < entry->rule.argument_count; i++)
        if (entry->rule.arguments[i].index == entry->except.index)
            return fail_rule(error, number, "except.index", "is an argument that args speaks of too");
    return 0;
}

static int resolve_rules(const struct Profile *profile, const struct Host *host, struct RuleList *list,
                         struct Error *error)
{
    size_t limit = 0;
    for (size_t i = 0; i < profile->rule_count; i++)
        limit += 1 + MIN(profile->rules[i].except.value_count, (size_t)EXCEPT_VALUES_MAX) * BLOCKS_PER_VALUE;
    list->limit = MIN(limit, (size_t)RULES_MAX);
    list->items = arena_alloc(list->arena, list->limit + 1, sizeof(*list->items));
    if (!list->items)
        return error_set(error, ERROR_RESOURCE_EXHAUSTED, "syscalls", "no memory for it");
    for (size_t i = 0; i < profile->rule_count; i++) {
        const struct ProfileRule *entry = &profile->rules[i];
        int counts = rule_counts(entry, host);
        if (counts < 0)
            return fail_rule(error, i,
                             entry->includes.min_kernel ? "includes.minKernel" : "excludes.minKernel",
                             "is no version of a kernel");
        int r = counts && entry->except.present ? check_except(entry, i, error) : 0;
        if (r < 0)
            return r;
        if (counts && !(entry->except.present ? list_add_except(list, entry) : list_add(list, &entry->rule)))
            return error_set(error, ERROR_RESOURCE_EXHAUSTED, "syscalls", "the profile has too many rules");
    }
    return 0;
}

/* The native architecture and those that run beside it. */
static int resolve_architectures(const struct Profile *profile, const struct Host *host, struct Arena *arena,
                                 struct SpecStrings *ret, struct Error *error)
{
    for (size_t i = 0; i < profile->arch_count; i++) {
        const struct ProfileArch *entry = &profile->arches[i];
        if (!str_equal(entry->architecture, host->architecture))
            continue;
        struct SpecStrings names = {arena_alloc(arena, entry->others.count + 2, sizeof(*names.items)), 0};
        if (!names.items)
            return error_set(error, ERROR_RESOURCE_EXHAUSTED, "archMap", "no memory for it");
        names.items[names.count++] = entry->architecture;
        for (size_t j = 0; j < entry->others.count; j++)
            names.items[names.count++] = entry->others.items[j];
        *ret = names;
        return 0;
    }
    return 0;
}

int spec_parse_profile(struct Spec *spec, const char *json, size_t size, const char *machine,
                       const char *release, struct Error *error)
{
    _cleanup_json_ struct JsonDocument *document = NULL;
    int r = json_parse(json, size, &document, error);
    if (r < 0)
        return r;
    struct Profile profile = {0};
    struct Reader reader = {.arena = &spec->arena, .error = error};
    struct JsonNode root = json_root(document);
    r = member_read_object(&reader, &root, profile_members, &profile);
    if (r < 0)
        return r;
    struct Host host = {.architecture = "", .arch = "", .bounding = &spec->capabilities[CAPABILITY_BOUNDING]};
    for (size_t i = 0; i < ELEMENTSOF(machines); i++)
        if (str_equal(machines[i].machine, machine)) {
            host.architecture = machines[i].architecture;
            host.arch = machines[i].arch;
        }
    (void)kernel_version(release, &host.major, &host.minor);
    struct RuleList rules = {.arena = &spec->arena};
    r = resolve_rules(&profile, &host, &rules, error);
    if (r >= 0 && profile.arch_count)
        r = resolve_architectures(&profile, &host, &spec->arena, &profile.seccomp.architectures, error);
    if (r < 0)
        return r;
    profile.seccomp.present = true;
    profile.seccomp.rules = rules.items;
    profile.seccomp.rule_count = rules.count;
    r = validate_seccomp(&profile.seccomp, error);
    if (r < 0)
        return r;
    spec->seccomp = profile.seccomp;
    return 0;
}
