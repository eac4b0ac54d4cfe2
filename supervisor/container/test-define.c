// SPDX-License-Identifier: Apache-2.0
/* From arguments to Spec. The arguments are written as the wire has them and decoded by the schema. */
#include "base/str.h"
#include "base/test.h"
#include "supervisor/container/define.h"

/* A map of text, number, bool and list-of-text members, ended by a NULL name. */
enum MemberKind { TEXT = 1, NUMBER, FLAG, LIST };
struct Member {
    const char *name;
    enum MemberKind kind;
    const char *text[4];
    uint64_t number;
};

struct Fixture {
    struct Buf bytes;
    msgpack_zone zone;
    msgpack_object map;
    struct ArgCreate arguments;
    struct Manager manager;
    struct Error error;
};

static void put_member(struct WireWriter *writer, const struct Member *member)
{
    size_t count = 0;
    wire_key(writer, member->name);
    switch (member->kind) {
    case TEXT:
        wire_str(writer, member->text[0]);
        break;
    case NUMBER:
        wire_u64(writer, member->number);
        break;
    case FLAG:
        wire_bool(writer, true);
        break;
    case LIST:
        while (count < ELEMENTSOF(member->text) && member->text[count])
            count++;
        wire_array(writer, count);
        for (size_t i = 0; i < count; i++)
            wire_str(writer, member->text[i]);
        break;
    }
}

static void fixture_init(struct Fixture *fixture, const struct Member *members, size_t count)
{
    struct WireWriter writer;
    size_t used = 0;
    *fixture = (struct Fixture){.manager = {.host = {.capabilities = (UINT64_C(1) << 41) - 1}}};
    while (used < count && members[used].name)
        used++;
    wire_writer_init(&writer, &fixture->bytes);
    wire_map(&writer, used);
    for (size_t i = 0; i < used; i++)
        put_member(&writer, &members[i]);
    msgpack_zone_init(&fixture->zone, 4096);
    CHECK_EQ(wire_unpack(fixture->bytes.data, fixture->bytes.size, &WIRE_LIMITS_DEFAULT, &fixture->zone,
                         &fixture->map, NULL),
             0);
    CHECK_EQ(schema_decode(schema_method("container.create")->arguments, &fixture->map, &fixture->zone,
                           &fixture->arguments, &fixture->error),
             0);
}

static void fixture_deinit(struct Fixture *fixture)
{
    msgpack_zone_destroy(&fixture->zone);
    buf_deinit(&fixture->bytes);
}

#define ROOT                                                                                                 \
    {                                                                                                        \
        "rootfs", TEXT, {"/"}, 0                                                                             \
    }
#define ARGS                                                                                                 \
    {                                                                                                        \
        "args", LIST, {"/bin/true"}, 0                                                                       \
    }

static void test_arguments_alone(void)
{
    static const struct {
        const char *name;
        struct Member members[4];
        enum ErrorCode code;
        const char *where;
    } rows[] = {
        {"a folder", {ROOT, ARGS}, ERROR_NONE, ""},
        {"no source", {ARGS}, ERROR_INVALID_ARGUMENT, "rootfs"},
        {"two sources", {ROOT, ARGS, {"host", FLAG, {NULL}, 0}}, ERROR_INVALID_ARGUMENT, "host"},
        {"no command", {ROOT}, ERROR_INVALID_ARGUMENT, "args"},
        {"relative root", {{"rootfs", TEXT, {"x"}, 0}, ARGS}, ERROR_INVALID_ARGUMENT, "rootfs"},
        {"relative bundle", {{"bundle", TEXT, {"x"}, 0}}, ERROR_INVALID_ARGUMENT, "bundle"},
        {"terminal", {ROOT, ARGS, {"tty", FLAG, {NULL}, 0}}, ERROR_UNSUPPORTED, "tty"},
        {"bundle alone", {{"bundle", TEXT, {"/b"}, 0}}, ERROR_NONE, ""},
        {"bundle with supervision",
         {{"bundle", TEXT, {"/b"}, 0}, {"name", TEXT, {"n"}, 0}, {"auto_remove", FLAG, {NULL}, 0}},
         ERROR_NONE,
         ""},
        {"bundle with args", {{"bundle", TEXT, {"/b"}, 0}, ARGS}, ERROR_INVALID_ARGUMENT, "args"},
        {"bundle with user",
         {{"bundle", TEXT, {"/b"}, 0}, {"user", TEXT, {"root"}, 0}},
         ERROR_INVALID_ARGUMENT,
         "user"},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        struct Fixture fixture;
        test_row(rows[i].name);
        fixture_init(&fixture, rows[i].members, ELEMENTSOF(rows[i].members));
        int r = define_check(&fixture.arguments, &fixture.map, &fixture.error);
        CHECK_EQ(r < 0 ? fixture.error.code : ERROR_NONE, rows[i].code);
        if (r < 0)
            CHECK_STR(fixture.error.where, rows[i].where);
        fixture_deinit(&fixture);
    }
}

static bool has(const struct SpecStrings *strings, const char *text)
{
    for (size_t i = 0; i < strings->count; i++)
        if (str_equal(strings->items[i], text))
            return true;
    return false;
}

static void test_capabilities(void)
{
    static const struct {
        const char *name;
        struct Member members[4];
        size_t count;
        const char *present, *absent;
    } rows[] = {
        {"default", {ROOT, ARGS}, 14, "CAP_CHOWN", "CAP_SYS_ADMIN"},
        {"one more", {ROOT, ARGS, {"cap_add", LIST, {"net_admin"}, 0}}, 15, "CAP_NET_ADMIN", NULL},
        {"one less", {ROOT, ARGS, {"cap_drop", LIST, {"CAP_CHOWN"}, 0}}, 13, "CAP_KILL", "CAP_CHOWN"},
        {"none", {ROOT, ARGS, {"cap_drop", LIST, {"ALL"}, 0}}, 0, NULL, "CAP_CHOWN"},
        {"all", {ROOT, ARGS, {"cap_add", LIST, {"all"}, 0}}, 41, "CAP_SYS_ADMIN", NULL},
        {"all but one",
         {ROOT, ARGS, {"cap_add", LIST, {"ALL"}, 0}, {"cap_drop", LIST, {"sys_admin"}, 0}},
         40,
         "CAP_NET_ADMIN",
         "CAP_SYS_ADMIN"},
        {"one alone",
         {ROOT, ARGS, {"cap_drop", LIST, {"ALL"}, 0}, {"cap_add", LIST, {"kill"}, 0}},
         1,
         "CAP_KILL",
         "CAP_CHOWN"},
        {"privileged", {ROOT, ARGS, {"privileged", FLAG, {NULL}, 0}}, 41, "CAP_SYS_ADMIN", NULL},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        struct Fixture fixture;
        _cleanup_spec_ struct Spec *spec = spec_new();
        test_row(rows[i].name);
        fixture_init(&fixture, rows[i].members, ELEMENTSOF(rows[i].members));
        CHECK_EQ(
            define_capabilities(spec, &fixture.arguments, fixture.manager.host.capabilities, &fixture.error),
            0);
        const struct SpecStrings *bounding = &spec->capabilities[CAPABILITY_BOUNDING];
        CHECK_EQ(bounding->count, rows[i].count);
        CHECK(!rows[i].present || has(bounding, rows[i].present));
        CHECK(!rows[i].absent || !has(bounding, rows[i].absent));
        CHECK_EQ(spec->capabilities[CAPABILITY_INHERITABLE].count, 0);
        CHECK_EQ(spec->capabilities[CAPABILITY_AMBIENT].count, 0);
        fixture_deinit(&fixture);
    }
}

static int define(struct Fixture *fixture, struct Spec *spec)
{
    const struct DefineInput input = {.manager = &fixture->manager,
                                      .id = "0123456789abcdef",
                                      .name = "web",
                                      .arguments = &fixture->arguments,
                                      .map = &fixture->map};
    return define_spec(spec, &input, "web", "/run/x", &fixture->error);
}

static void test_defaults(void)
{
    struct Fixture fixture;
    _cleanup_spec_ struct Spec *spec = spec_new();
    fixture_init(&fixture, (const struct Member[]){ROOT, ARGS}, 2);
    CHECK_EQ(define(&fixture, spec), 0);
    CHECK_EQ(spec_validate(spec, &fixture.error), 0);
    CHECK_STR(spec->rootfs, "/");
    CHECK_STR(spec->overlay_lower, NULL);
    CHECK_STR(spec->cwd, "/");
    CHECK_STR(spec->hostname, "web");
    CHECK(has(&spec->environment, "HOSTNAME=web") && has(&spec->environment, "HOME=/root"));
    CHECK_EQ(spec->environment.count, 3);
    CHECK(spec->no_new_privileges && !spec->root_readonly && !spec->has_oom_score_adj);
    for (int type = 0; type < NAMESPACE_TYPE_COUNT; type++)
        CHECK(spec->namespaces[type].wanted && !spec->namespaces[type].path);
    CHECK_EQ(spec->mount_count, 10);
    CHECK_STR(spec->mounts[7].source, "/run/x/hostname");
    CHECK_STR(spec->mounts[7].destination, "/etc/hostname");
    CHECK(has(&spec->mounts[5].options, "ro")); /* /sys */
    CHECK(has(&spec->masked_paths, "/proc/kcore") && has(&spec->readonly_paths, "/proc/sys"));
    CHECK(spec->resources.has_pids && spec->resources.pids == 4096 && !spec->resources.has_memory);
    CHECK(!spec->resources.devices[0].allow);
    fixture_deinit(&fixture);
}

static void test_host_and_privileged(void)
{
    struct Fixture fixture;
    _cleanup_spec_ struct Spec *spec = spec_new();
    const struct Member members[] = {{"host", FLAG, {NULL}, 0},
                                     ARGS,
                                     {"privileged", FLAG, {NULL}, 0},
                                     {"network", TEXT, {"host"}, 0},
                                     {"env", LIST, {"PATH=/x", "A=b"}, 0}};
    fixture_init(&fixture, members, ELEMENTSOF(members));
    CHECK_EQ(define(&fixture, spec), 0);
    CHECK_STR(spec->rootfs, NULL);
    CHECK_STR(spec->overlay_lower, "/");
    CHECK_STR(spec->overlay_scratch, "/run/x/overlay");
    CHECK(!spec->namespaces[NAMESPACE_NETWORK].wanted && spec->namespaces[NAMESPACE_PID].wanted);
    CHECK_EQ(spec->masked_paths.count, 0);
    CHECK(!has(&spec->mounts[5].options, "ro"));
    CHECK(spec->resources.devices[0].allow);
    CHECK(has(&spec->environment, "PATH=/x") && has(&spec->environment, "A=b"));
    CHECK_EQ(spec->environment.count, 4);
    fixture_deinit(&fixture);
}

static void test_wrong_arguments(void)
{
    static const struct {
        const char *name;
        struct Member members[4];
        enum ErrorCode code;
        const char *where;
    } rows[] = {
        {"no such root", {{"rootfs", TEXT, {"/nowhere/at/all"}, 0}, ARGS}, ERROR_NOT_FOUND, "rootfs"},
        {"root is a file", {{"rootfs", TEXT, {"/etc/passwd"}, 0}, ARGS}, ERROR_INVALID_ARGUMENT, "rootfs"},
        {"no such capability",
         {ROOT, ARGS, {"cap_add", LIST, {"kill", "fly"}, 0}},
         ERROR_INVALID_ARGUMENT,
         "cap_add[1]"},
        {"no such capability to drop",
         {ROOT, ARGS, {"cap_drop", LIST, {"fly"}, 0}},
         ERROR_INVALID_ARGUMENT,
         "cap_drop[0]"},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        struct Fixture fixture;
        _cleanup_spec_ struct Spec *spec = spec_new();
        test_row(rows[i].name);
        fixture_init(&fixture, rows[i].members, ELEMENTSOF(rows[i].members));
        CHECK(define(&fixture, spec) < 0);
        CHECK_EQ(fixture.error.code, rows[i].code);
        CHECK_STR(fixture.error.where, rows[i].where);
        fixture_deinit(&fixture);
    }
}

static void test_resources(void)
{
    struct Error error = {0};
    struct ArgCreate arguments = {.resources = {.memory = {64 << 20, true},
                                                .swap = {16 << 20, true},
                                                .cpu = {1.5, true},
                                                .cpu_weight = {100, true},
                                                .pids = {7, true}}};
    _cleanup_spec_ struct Spec *spec = spec_new();
    CHECK_EQ(define_resources(spec, &arguments, &error), 0);
    CHECK_EQ(spec->resources.memory, 64 << 20);
    CHECK_EQ(spec->resources.memory_swap, 80 << 20);
    CHECK_EQ(spec->resources.cpu_quota, 150000);
    CHECK_EQ(spec->resources.cpu_period, 100000);
    CHECK_EQ(spec->resources.cpu_shares, 2597);
    CHECK_EQ(spec->resources.pids, 7);
    arguments.resources.memory.present = false;
    CHECK_EQ(define_resources(spec, &arguments, &error), -EINVAL);
    CHECK_STR(error.where, "resources.swap");
    arguments.resources = (struct ArgResources){.cpu = {0.001, true}};
    CHECK_EQ(define_resources(spec, &arguments, &error), -EINVAL);
    CHECK_STR(error.where, "resources.cpu");
}

static void test_rlimits(void)
{
    struct Error error = {0};
    struct ArgRlimit limits[] = {{"nofile", {10, true}, {20, true}}, {"RLIMIT_CORE", {0, true}, {0, false}}};
    struct ArgCreate arguments = {.rlimits = {limits, 2}};
    _cleanup_spec_ struct Spec *spec = spec_new();
    CHECK_EQ(define_rlimits(spec, &arguments, &error), 0);
    CHECK_STR(spec->rlimits[0].name, "RLIMIT_NOFILE");
    CHECK_EQ(spec->rlimits[0].hard, 20);
    CHECK_STR(spec->rlimits[1].name, "RLIMIT_CORE");
    CHECK_EQ(spec->rlimits[1].hard, 0);
    limits[1].name = "luck";
    CHECK_EQ(define_rlimits(spec, &arguments, &error), -EINVAL);
    CHECK_STR(error.where, "rlimits[1].name");
    limits[1] = (struct ArgRlimit){"core", {2, true}, {1, true}};
    CHECK_EQ(define_rlimits(spec, &arguments, &error), -EINVAL);
    CHECK_STR(error.where, "rlimits[1].soft");
}

static const struct Test tests[] = {
    TEST(test_arguments_alone), TEST(test_capabilities), TEST(test_defaults), TEST(test_host_and_privileged),
    TEST(test_wrong_arguments), TEST(test_resources),    TEST(test_rlimits),
};
TEST_MAIN(tests)
