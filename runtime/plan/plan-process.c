// SPDX-License-Identifier: Apache-2.0
/*
 * The payload itself. Order of the last steps:
 * a filter that may be installed only with a capability (no_new_privileges off) comes before the
 * capabilities go, any other as late as possible, so that it need not allow what the steps do;
 * the bounding set is reduced while CAP_SETPCAP is there; the working directory is entered as the
 * payload's user, so that what that user may not enter stays closed.
 */
#include "base/str.h"
#include "runtime/plan/plan-internal.h"
#include <ctype.h>
#include <sys/capability.h>

int plan_limits(struct Planner *planner)
{
    const struct Spec *spec = planner->spec;
    if (spec->has_oom_score_adj)
        planner_add(planner, &(struct Op){.kind = OP_OOM_SCORE, .oom_score = {spec->oom_score_adj}});
    for (size_t i = 0; i < spec->rlimit_count; i++) {
        const struct SpecRlimit *limit = &spec->rlimits[i];
        planner_add(planner, &(struct Op){.kind = OP_RLIMIT,
                                          .rlimit = {
                                              .name = limit->name,
                                              .resource = (uint64_t)limit->resource,
                                              .soft = limit->soft,
                                              .hard = limit->hard,
                                          }});
    }
    return 0;
}

static const char *const set_names[CAPABILITY_SET_COUNT] = {
    [CAPABILITY_BOUNDING] = "bounding",   [CAPABILITY_EFFECTIVE] = "effective",
    [CAPABILITY_PERMITTED] = "permitted", [CAPABILITY_INHERITABLE] = "inheritable",
    [CAPABILITY_AMBIENT] = "ambient",
};

struct Capabilities {
    uint64_t sets[CAPABILITY_SET_COUNT];
    uint64_t warned; /* one line each is enough */
};

/* The bit; 64 when the kernel or this process does not have it (with a warning). */
static int capability_bit(struct Planner *planner, struct Capabilities *all, const char *name,
                          const char *where, unsigned *ret)
{
    cap_value_t value;
    if (!str_starts_with(name, "CAP_") || cap_from_name(name, &value) < 0 || value < 0 || value >= 64)
        return planner_fail(planner, ERROR_INVALID_ARGUMENT, where, "%s is no capability", name);
    uint64_t bit = UINT64_C(1) << value;
    *ret = (unsigned)value;
    if (planner->host->capabilities & planner->host->bounding & bit)
        return 0;
    if (!(all->warned & bit))
        planner_warn(planner, "%s is left out: %s does not have it.", name,
                     planner->host->capabilities & bit ? "the runtime itself" : "this kernel");
    all->warned |= bit;
    *ret = 64;
    return 0;
}

static int read_sets(struct Planner *planner, struct Capabilities *all)
{
    for (unsigned set = 0; set < CAPABILITY_SET_COUNT; set++) {
        const struct SpecStrings *names = &planner->spec->capabilities[set];
        for (size_t i = 0; i < names->count; i++) {
            char where[ERROR_WHERE_SIZE];
            unsigned bit;
            str_format(where, sizeof(where), "process.capabilities.%s[%zu]", set_names[set], i);
            int r = capability_bit(planner, all, names->items[i], where, &bit);
            if (r < 0)
                return r;
            if (bit < 64)
                all->sets[set] |= UINT64_C(1) << bit;
        }
    }
    return 0;
}

/* What the kernel would refuse as a whole is left out one by one. */
static void keep_only(struct Planner *planner, struct Capabilities *all, enum SpecCapabilitySet set,
                      uint64_t possible, const char *why)
{
    uint64_t extra = all->sets[set] & ~possible;
    for (int bit = 0; bit < 64; bit++) {
        if (!(extra >> bit & 1))
            continue;
        char *name = cap_to_name(bit);
        for (char *c = name; c && *c; c++)
            *c = (char)toupper((unsigned char)*c);
        planner_warn(planner, "%s is left out of the %s capabilities: %s.", name ? name : "A capability",
                     set_names[set], why);
        cap_free(name);
    }
    all->sets[set] &= possible;
}

static int capabilities_of(struct Planner *planner, struct Capabilities *ret)
{
    struct Capabilities all = {0};
    int r = planner->spec->has_capabilities ? read_sets(planner, &all) : 0;
    if (r < 0)
        return r;
    keep_only(planner, &all, CAPABILITY_EFFECTIVE, all.sets[CAPABILITY_PERMITTED],
              "it is not in the permitted ones");
    keep_only(planner, &all, CAPABILITY_INHERITABLE, all.sets[CAPABILITY_BOUNDING],
              "it is not in the bounding ones");
    keep_only(planner, &all, CAPABILITY_AMBIENT,
              all.sets[CAPABILITY_PERMITTED] & all.sets[CAPABILITY_INHERITABLE],
              "it is not both in the permitted and in the inheritable ones");
    *ret = all;
    return 0;
}

static void add_seccomp(struct Planner *planner)
{
    const struct PlanInput *input = planner->input;
    if (input->seccomp)
        planner_add(planner,
                    &(struct Op){.kind = OP_SECCOMP, .seccomp = {*input->seccomp, input->seccomp_flags}});
}

static void add_user(struct Planner *planner)
{
    const struct Spec *spec = planner->spec;
    planner_add(planner,
                &(struct Op){.kind = OP_USER,
                             .user = {
                                 .uid = spec->uid,
                                 .gid = spec->gid,
                                 .groups = {spec->additional_gids,
                                            (uint32_t)(spec->additional_gid_count * sizeof(uint32_t))},
                                 .umask = spec->has_umask ? spec->umask : 022,
                             }});
}

/* Finding the program takes its name and PATH alone. */
static void add_lookup(struct Planner *planner)
{
    const struct Spec *spec = planner->spec;
    _cleanup_buf_ struct Buf name = BUF_INIT, path = BUF_INIT;
    const char *arguments[] = {spec->arguments.items[0], NULL}, *environment[] = {NULL, NULL};
    for (size_t i = 0; i < spec->environment.count && !environment[0]; i++)
        if (str_starts_with(spec->environment.items[i], "PATH="))
            environment[0] = spec->environment.items[i];
    planner_add(planner, &(struct Op){.kind = OP_LOOKUP,
                                      .exec = {op_strings_pack(&name, arguments),
                                               op_strings_pack(&path, environment)}});
}

static int add_exec(struct Planner *planner)
{
    const struct Spec *spec = planner->spec;
    _cleanup_buf_ struct Buf arguments = {.limit = PLAN_SIZE_MAX}, environment = {.limit = PLAN_SIZE_MAX};
    struct Op op = {.kind = OP_EXEC,
                    .exec = {op_strings_pack(&arguments, spec->arguments.items),
                             op_strings_pack(&environment, spec->environment.items)}};
    if (arguments.error || environment.error)
        return planner_fail(planner, ERROR_RESOURCE_EXHAUSTED,
                            arguments.error ? "process.args" : "process.env", "is too large");
    planner_add(planner, &op);
    return 0;
}

int plan_exec(struct Planner *planner)
{
    const struct Spec *spec = planner->spec;
    struct Capabilities capabilities;
    int r = capabilities_of(planner, &capabilities);
    if (r < 0)
        return r;
    add_lookup(planner);
    if (spec->no_new_privileges)
        planner_add(planner, &(struct Op){.kind = OP_NO_NEW_PRIVILEGES});
    else
        add_seccomp(planner);
    planner_add(planner,
                &(struct Op){.kind = OP_BOUNDING, .bounding = {capabilities.sets[CAPABILITY_BOUNDING]}});
    add_user(planner);
    planner_add(planner, &(struct Op){.kind = OP_CAPABILITIES,
                                      .capabilities = {
                                          .effective = capabilities.sets[CAPABILITY_EFFECTIVE],
                                          .permitted = capabilities.sets[CAPABILITY_PERMITTED],
                                          .inheritable = capabilities.sets[CAPABILITY_INHERITABLE],
                                          .ambient = capabilities.sets[CAPABILITY_AMBIENT],
                                      }});
    planner_add(planner, &(struct Op){.kind = OP_CWD, .path = {spec->cwd ? spec->cwd : "/"}});
    if (spec->no_new_privileges)
        add_seccomp(planner);
    return add_exec(planner);
}
