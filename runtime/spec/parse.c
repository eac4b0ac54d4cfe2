// SPDX-License-Identifier: Apache-2.0
/*
 * config.json as tables: what is known, where it goes, and what is refused because nobody would
 * carry it out. Only types and what the form of JSON makes necessary is looked at here; the rules
 * for values are spec_validate()'s, as they hold for every Spec.
 */
#include "runtime/spec/parse.h"
#include "base/str.h"
#include <sys/resource.h>

#define U32_RANGE .maximum = UINT32_MAX

static const struct Member user_members[] = {
    {.name = "uid", .read = member_read_u32, MEMBER_FIELD(Spec, uid), U32_RANGE},
    {.name = "gid", .read = member_read_u32, MEMBER_FIELD(Spec, gid), U32_RANGE},
    {.name = "umask",
     .read = member_read_u32,
     MEMBER_FIELD(Spec, umask),
     MEMBER_OTHER(Spec, has_umask),
     U32_RANGE},
    {.name = "additionalGids",
     .read = member_read_u32s,
     MEMBER_FIELD(Spec, additional_gids),
     MEMBER_OTHER(Spec, additional_gid_count),
     U32_RANGE},
    {0},
};

#define CAPABILITIES(member, set)                                                                            \
    {                                                                                                        \
        .name = member, .read = member_read_strings, MEMBER_FIELD(Spec, capabilities[set])                   \
    }
static const struct Member capability_members[] = {
    CAPABILITIES("bounding", CAPABILITY_BOUNDING),   CAPABILITIES("effective", CAPABILITY_EFFECTIVE),
    CAPABILITIES("permitted", CAPABILITY_PERMITTED), CAPABILITIES("inheritable", CAPABILITY_INHERITABLE),
    CAPABILITIES("ambient", CAPABILITY_AMBIENT),     {0},
};

#define RLIMIT(name)                                                                                         \
    {                                                                                                        \
        "RLIMIT_" #name, RLIMIT_##name                                                                       \
    }
static const struct {
    const char *name;
    int resource;
} rlimit_names[] = {
    RLIMIT(AS),      RLIMIT(CORE),     RLIMIT(CPU),        RLIMIT(DATA),   RLIMIT(FSIZE), RLIMIT(LOCKS),
    RLIMIT(MEMLOCK), RLIMIT(MSGQUEUE), RLIMIT(NICE),       RLIMIT(NOFILE), RLIMIT(NPROC), RLIMIT(RSS),
    RLIMIT(RTPRIO),  RLIMIT(RTTIME),   RLIMIT(SIGPENDING), RLIMIT(STACK),
};

int spec_rlimit_name(struct SpecRlimit *limit, const char *name)
{
    for (size_t i = 0; i < ELEMENTSOF(rlimit_names); i++) {
        if (!str_equal(name, rlimit_names[i].name))
            continue;
        limit->name = rlimit_names[i].name;
        limit->resource = rlimit_names[i].resource;
        return 0;
    }
    return -EINVAL;
}

static int read_rlimit_type(struct Reader *reader, const struct JsonNode *node, const struct Member *member,
                            void *target)
{
    struct SpecRlimit *limit = target;
    (void)member;
    int r = member_check_kind(reader, node, JSON_STRING);
    if (r < 0)
        return r;
    if (spec_rlimit_name(limit, json_string(node)) < 0)
        return json_fail(node, reader->error, ERROR_INVALID_ARGUMENT, "is no resource limit of Linux");
    return 0;
}

static const struct Member rlimit_members[] = {
    {.name = "type", .read = read_rlimit_type, .is_required = true},
    {.name = "soft",
     .read = member_read_u64,
     MEMBER_FIELD(SpecRlimit, soft),
     .maximum = UINT64_MAX,
     .is_required = true},
    {.name = "hard",
     .read = member_read_u64,
     MEMBER_FIELD(SpecRlimit, hard),
     .maximum = UINT64_MAX,
     .is_required = true},
    {0},
};

static const struct Member process_members[] = {
    {.name = "terminal", .read = member_read_boolean, MEMBER_FIELD(Spec, terminal)},
    {.name = "user", .read = member_read_section, .members = user_members},
    {.name = "args", .read = member_read_strings, MEMBER_FIELD(Spec, arguments), .is_required = true},
    {.name = "env", .read = member_read_strings, MEMBER_FIELD(Spec, environment)},
    {.name = "cwd", .read = member_read_string, MEMBER_FIELD(Spec, cwd), .is_required = true},
    {.name = "capabilities",
     .read = member_read_section,
     .members = capability_members,
     MEMBER_OTHER(Spec, has_capabilities)},
    {.name = "rlimits",
     .read = member_read_list,
     MEMBER_FIELD(Spec, rlimits),
     MEMBER_OTHER(Spec, rlimit_count),
     .members = rlimit_members,
     .element_size = sizeof(struct SpecRlimit)},
    {.name = "noNewPrivileges", .read = member_read_boolean, MEMBER_FIELD(Spec, no_new_privileges)},
    {.name = "oomScoreAdj",
     .read = member_read_i32,
     MEMBER_FIELD(Spec, oom_score_adj),
     MEMBER_OTHER(Spec, has_oom_score_adj),
     .minimum = INT32_MIN,
     .maximum = INT32_MAX},
    {.name = "scheduler", .read = member_refuse},
    {.name = "ioPriority", .read = member_refuse},
    {.name = "execCPUAffinity", .read = member_refuse},
    {.name = "apparmorProfile", .read = member_refuse},
    {.name = "selinuxLabel", .read = member_refuse},
    {0},
};

/* An absolute form of a path that may be relative to the bundle. */
static int below_bundle(struct Reader *reader, const struct JsonNode *node, const char **path)
{
    if (!*path || **path == '/')
        return 0;
    const char *absolute = arena_printf(reader->arena, "%s/%s", reader->bundle, *path);
    if (!absolute)
        return member_out_of_memory(reader, node);
    *path = absolute;
    return 0;
}

static int finish_root(struct Reader *reader, const struct JsonNode *node, void *target)
{
    struct Spec *spec = target;
    return below_bundle(reader, node, &spec->rootfs);
}

static const struct Member root_members[] = {
    {.name = "path", .read = member_read_string, MEMBER_FIELD(Spec, rootfs), .is_required = true},
    {.name = "readonly", .read = member_read_boolean, MEMBER_FIELD(Spec, root_readonly)},
    {0},
};

/* The specification still allows a relative destination and takes it from the root. */
static int read_destination(struct Reader *reader, const struct JsonNode *node, const struct Member *member,
                            void *target)
{
    struct SpecMount *mount = target;
    int r = member_read_string(reader, node, member, target);
    if (r < 0 || mount->destination[0] == '/')
        return r;
    mount->destination = arena_printf(reader->arena, "/%s", mount->destination);
    return mount->destination ? 0 : member_out_of_memory(reader, node);
}

static bool is_bind(const struct SpecMount *mount)
{
    bool bind = str_equal(mount->type, "bind");
    for (size_t i = 0; i < mount->options.count && !bind; i++)
        bind = str_equal(mount->options.items[i], "bind") || str_equal(mount->options.items[i], "rbind");
    return bind;
}

static int finish_mount(struct Reader *reader, const struct JsonNode *node, void *target)
{
    struct SpecMount *mount = target;
    struct JsonNode options = json_member(node, "options");
    for (size_t i = 0; i < mount->options.count; i++) {
        struct JsonNode option = json_element(&options, i);
        if (str_equal(mount->options.items[i], "idmap") || str_equal(mount->options.items[i], "ridmap"))
            return json_fail(&option, reader->error, ERROR_UNSUPPORTED, "is not carried out by this version");
    }
    return is_bind(mount) ? below_bundle(reader, node, &mount->source) : 0;
}

static const struct Member mount_members[] = {
    {.name = "destination",
     .read = read_destination,
     MEMBER_FIELD(SpecMount, destination),
     .is_required = true},
    {.name = "type", .read = member_read_string, MEMBER_FIELD(SpecMount, type)},
    {.name = "source", .read = member_read_string, MEMBER_FIELD(SpecMount, source)},
    {.name = "options", .read = member_read_strings, MEMBER_FIELD(SpecMount, options)},
    {.name = "uidMappings", .read = member_refuse},
    {.name = "gidMappings", .read = member_refuse},
    {0},
};

static const struct Member hook_members[] = {
    {.name = "prestart", .read = member_refuse},
    {.name = "createRuntime", .read = member_refuse},
    {.name = "createContainer", .read = member_refuse},
    {.name = "startContainer", .read = member_refuse},
    {.name = "poststart", .read = member_refuse},
    {.name = "poststop", .read = member_refuse},
    {0},
};

static const struct Member spec_members[] = {
    {.name = "ociVersion", .read = member_read_string, MEMBER_FIELD(Spec, oci_version), .is_required = true},
    {.name = "root",
     .read = member_read_section,
     .members = root_members,
     .finish = finish_root,
     .is_required = true},
    {.name = "process", .read = member_read_section, .members = process_members, .is_required = true},
    {.name = "hostname", .read = member_read_string, MEMBER_FIELD(Spec, hostname)},
    {.name = "domainname", .read = member_read_string, MEMBER_FIELD(Spec, domainname)},
    {.name = "mounts",
     .read = member_read_list,
     MEMBER_FIELD(Spec, mounts),
     MEMBER_OTHER(Spec, mount_count),
     .members = mount_members,
     .element_size = sizeof(struct SpecMount),
     .finish = finish_mount},
    {.name = "hooks", .read = member_read_section, .members = hook_members},
    {.name = "linux", .read = member_read_section, .members = parse_linux_members},
    {.name = "annotations", .read = member_read_pairs, MEMBER_FIELD(Spec, annotations)},
    {0},
};

int spec_parse(const char *json, size_t size, const char *bundle, struct Spec **ret, struct Error *error)
{
    if (!bundle || bundle[0] != '/')
        return error_set(error, ERROR_INVALID_ARGUMENT, "bundle", "must be an absolute path");
    if (size > SPEC_JSON_LIMIT)
        return error_set(error, ERROR_INVALID_ARGUMENT, JSON_DOCUMENT, "longer than %d bytes",
                         SPEC_JSON_LIMIT);
    _cleanup_json_ struct JsonDocument *document = NULL;
    int r = json_parse(json, size, &document, error);
    if (r < 0)
        return r;
    _cleanup_spec_ struct Spec *spec = spec_new();
    struct JsonNode root = json_root(document);
    if (!spec)
        return error_set_errno(error, ERROR_RESOURCE_EXHAUSTED, ENOMEM, JSON_DOCUMENT, "parsing");
    struct Reader reader = {.arena = &spec->arena, .error = error, .bundle = bundle};
    r = member_read_object(&reader, &root, spec_members, spec);
    if (r >= 0)
        r = spec_validate(spec, error);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(spec);
    return 0;
}
