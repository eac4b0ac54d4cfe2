// SPDX-License-Identifier: Apache-2.0
/*
 * Plans as text: tests/golden/HOST-NAME.json is planned for the made-up host HOST and compared with
 * HOST-NAME.plan. With DAVIT_GOLDEN_UPDATE=1 in the environment the texts are written instead.
 */
#include "base/fd.h"
#include "base/str.h"
#include "base/test.h"
#include "runtime/plan/mount-options.h"
#include "runtime/plan/plan-internal.h"
#include <dirent.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <unistd.h>

#define GOLDEN SOURCE_ROOT "/tests/golden"

/* Every capability up to CAP_CHECKPOINT_RESTORE; the process itself lacks CAP_SYS_RESOURCE. */
#define ALL_CAPABILITIES ((UINT64_C(1) << 41) - 1)
#define SYS_RESOURCE     (UINT64_C(1) << 24)

static const struct PlanHost hosts[] = {
    {.cgroups = {.kind = CGROUP_V2,
                 .v2_mount = "/sys/fs/cgroup",
                 .v2_controllers = "cpuset cpu io memory pids"},
     .capabilities = ALL_CAPABILITIES,
     .bounding = ALL_CAPABILITIES & ~SYS_RESOURCE,
     .kcore = true},
    {.cgroups = {.kind = CGROUP_HYBRID,
                 .v2_mount = "/sys/fs/cgroup/unified",
                 .v2_controllers = "hugetlb",
                 .v1 = {{"cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct"},
                        {"memory", "/sys/fs/cgroup/memory"},
                        {"devices", "/sys/fs/cgroup/devices"},
                        {"freezer", "/sys/fs/cgroup/freezer"},
                        {"pids", "/sys/fs/cgroup/pids"},
                        {"name=systemd", "/sys/fs/cgroup/systemd"}},
                 .v1_count = 6},
     .capabilities = ALL_CAPABILITIES >> 1,
     .bounding = (ALL_CAPABILITIES >> 1) & ~SYS_RESOURCE,
     .swap_accounting_v1 = true,
     .kcore = true},
    {.cgroups = {.kind = CGROUP_V1,
                 .v1 = {{"cpu", "/sys/fs/cgroup/cpu"},
                        {"memory", "/sys/fs/cgroup/memory"},
                        {"devices", "/sys/fs/cgroup/devices"},
                        {"freezer", "/sys/fs/cgroup/freezer"},
                        {"pids", "/sys/fs/cgroup/pids"}},
                 .v1_count = 5},
     .capabilities = ALL_CAPABILITIES,
     .bounding = ALL_CAPABILITIES},
    {.cgroups = {.kind = CGROUP_NONE}, .capabilities = ALL_CAPABILITIES, .bounding = ALL_CAPABILITIES},
};

static const struct PlanHost *host_of(const char *file)
{
    static const char *const names[] = {"v2-", "hybrid-", "v1-", "none-"};
    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        if (str_starts_with(file, names[i]))
            return &hosts[i];
    CHECK(!"a golden file of an unknown host");
    return &hosts[0];
}

/* A filter of its own, so that the text does not change with libseccomp. */
static const struct sock_filter filter[] = {{BPF_LD | BPF_W | BPF_ABS, 0, 0, 0},
                                            {BPF_RET | BPF_K, 0, 0, 0x7fff0000}};

static int make(const struct Spec *spec, const struct PlanHost *host, char **ret_data, size_t *ret_size,
                struct Buf *warnings, struct Error *error)
{
    const struct OpBlob seccomp = {filter, sizeof(filter)};
    const struct PlanInput input = {
        .spec = spec,
        .host = host,
        .id = "web",
        .cgroup_path = "/davit/0123abcd/web",
        .seccomp = spec->seccomp.present ? &seccomp : NULL,
        .seccomp_flags = spec->seccomp.flags.count ? SECCOMP_FILTER_FLAG_LOG : 0,
    };
    return plan_make(&input, ret_data, ret_size, warnings, error);
}

/* The plan, and the warnings as comments. */
static char *plan_text(const struct Spec *spec, const struct PlanHost *host)
{
    _cleanup_free_ char *data = NULL, *notes = NULL;
    _cleanup_buf_ struct Buf warnings = BUF_INIT, out = BUF_INIT;
    size_t size = 0;
    struct Error error = {0};
    struct Plan plan;
    CHECK_EQ(make(spec, host, &data, &size, &warnings, &error), 0);
    CHECK_STR(error.where, "");
    CHECK_STR(error.what, "");
    if (!data)
        return NULL;
    CHECK_EQ(plan_open(&plan, data, size), 0);
    plan_print(&plan, &out);
    notes = buf_take_str(&warnings);
    for (char *line = notes; line && *line;) {
        size_t length = strcspn(line, "\n");
        buf_printf(&out, "# %.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
    return buf_take_str(&out);
}

static void check_golden(int dir, const char *file)
{
    _cleanup_free_ char *json = NULL, *expected = NULL;
    _cleanup_spec_ struct Spec *spec = NULL;
    struct Error error = {0};
    size_t size = 0;
    char plan_file[280];
    test_row(file);
    CHECK_EQ(file_read(dir, file, 1 << 20, &json, &size), 0);
    CHECK_EQ(spec_parse(json, size, "/bundle", &spec, &error), 0);
    CHECK_STR(error.where, "");
    if (!spec)
        return;
    _cleanup_free_ char *text = plan_text(spec, host_of(file));
    str_format(plan_file, sizeof(plan_file), "%.*splan", (int)(strlen(file) - strlen("json")), file);
    if (getenv("DAVIT_GOLDEN_UPDATE")) {
        (void)unlinkat(dir, plan_file, 0);
        CHECK_EQ(file_create(dir, plan_file, text, strlen(text), 0644), 0);
    }
    CHECK_EQ(file_read(dir, plan_file, 1 << 20, &expected, NULL), 0);
    CHECK_STR(text, expected);
}

DEFINE_CLEANUP(DIR *, closedir)

static void test_golden_plans(void)
{
    _cleanup_(closedir_pointer) DIR *dir = opendir(GOLDEN);
    CHECK(dir);
    unsigned count = 0;
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        size_t length = strlen(entry->d_name);
        if (length < 5 || !str_equal(entry->d_name + length - 5, ".json"))
            continue;
        check_golden(dirfd(dir), entry->d_name);
        count++;
    }
    test_row(NULL);
    CHECK(count >= 8);
}

/* What a row adds to a config that is good without it. */
static char *config_with(const char *process, const char *mounts, const char *linux_members,
                         const char *others)
{
    struct Buf json = BUF_INIT;
    buf_printf(
        &json,
        "{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"r\"},\"process\":{\"args\":[\"sh\"],\"cwd\":\"/\"%s},"
        "\"mounts\":[%s],\"linux\":{%s\"maskedPaths\":[]}%s}",
        process, mounts, linux_members, others);
    return buf_take_str(&json);
}

#define NS                                                                                                   \
    "\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"ipc\"},{\"type\":\"network\"},{\"type\":\"uts\"}],"
#define NS_HOST "\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"network\",\"path\":\"/n\"}],"

static void test_errors(void)
{
    static const struct {
        const char *process, *mounts, *linux_members, *others, *where;
        int code;
    } rows[] = {
        {",\"capabilities\":{\"bounding\":[\"CAP_KILL\",\"CAP_KIL\"]}", "", NS, "",
         "process.capabilities.bounding[1]", ERROR_INVALID_ARGUMENT},
        {",\"capabilities\":{\"ambient\":[\"cap_kill\"]}", "", NS, "", "process.capabilities.ambient[0]",
         ERROR_INVALID_ARGUMENT},
        {"", "{\"destination\":\"/a\",\"type\":\"bind\",\"options\":[\"bind\"]}", NS, "", "mounts[0].source",
         ERROR_INVALID_ARGUMENT},
        {"", "{\"destination\":\"/a\",\"type\":\"bind\",\"source\":\"/b\",\"options\":[\"bind\",\"size=1\"]}",
         NS, "", "mounts[0].options[1]", ERROR_INVALID_ARGUMENT},
        {"", "{\"destination\":\"/a\",\"source\":\"/b\",\"options\":[\"ro\"]}", NS, "", "mounts[0].type",
         ERROR_INVALID_ARGUMENT},
        {"", "{\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":[\"ro\",\"tmpcopyup\"]}", NS, "",
         "mounts[0].options[1]", ERROR_UNSUPPORTED},
        {"", "{\"destination\":\"/a\",\"type\":\"bind\",\"source\":\"/b\",\"options\":[\"rbind\",\"idmap\"]}",
         NS, "", "mounts[0].options[1]", ERROR_UNSUPPORTED},
        {"", "{\"destination\":\"/a\",\"type\":\"bind\",\"source\":\"/b\",\"options\":[\"rbind\",\"rrw\"]}",
         NS, "", "mounts[0].options[1]", ERROR_UNSUPPORTED},
        {"", "{\"destination\":\"/a\",\"type\":\"bind\",\"source\":\"/b\",\"options\":[\"remount\"]}", NS, "",
         "mounts[0].options[0]", ERROR_UNSUPPORTED},
        {"", "", NS "\"sysctl\":{\"kernel.core_pattern\":\"|/x\"},", "", "linux.sysctl.kernel.core_pattern",
         ERROR_INVALID_ARGUMENT},
        {"", "", NS "\"sysctl\":{\"kernel/../net/x\":\"1\"},", "", "linux.sysctl.kernel/../net/x",
         ERROR_INVALID_ARGUMENT},
        {"", "", NS "\"sysctl\":{\"net/../kernel/x\":\"1\"},", "", "linux.sysctl.net/../kernel/x",
         ERROR_INVALID_ARGUMENT},
        {"", "", NS "\"sysctl\":{\"networking\":\"1\"},", "", "linux.sysctl.networking",
         ERROR_INVALID_ARGUMENT},
        {"", "", NS "\"sysctl\":{\"kernel.hostname\":\"x\"},", "", "linux.sysctl.kernel.hostname",
         ERROR_INVALID_ARGUMENT},
        {"", "", NS "\"sysctl\":{\"kernel/domainname\":\"x\"},", "", "linux.sysctl.kernel/domainname",
         ERROR_INVALID_ARGUMENT},
        {"", "", NS_HOST "\"sysctl\":{\"net.core.somaxconn\":\"1\"},", "", "linux.sysctl.net.core.somaxconn",
         ERROR_INVALID_ARGUMENT},
        {"", "", NS_HOST "\"sysctl\":{\"kernel.shmmax\":\"1\"},", "", "linux.sysctl.kernel.shmmax",
         ERROR_INVALID_ARGUMENT},
        {"", "", NS_HOST "\"sysctl\":{\"fs.mqueue.msg_max\":\"1\"},", "", "linux.sysctl.fs.mqueue.msg_max",
         ERROR_INVALID_ARGUMENT},
        {"", "", NS "\"resources\":{\"memory\":{\"swap\":1000000}},", "", "linux.resources.memory.swap",
         ERROR_INVALID_ARGUMENT},
        {"", "", NS "\"resources\":{\"memory\":{\"limit\":2000000,\"swap\":1000000}},", "",
         "linux.resources.memory.swap", ERROR_INVALID_ARGUMENT},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        test_row(rows[i].where);
        _cleanup_free_ char *json =
            config_with(rows[i].process, rows[i].mounts, rows[i].linux_members, rows[i].others);
        _cleanup_spec_ struct Spec *spec = NULL;
        struct Error error = {0};
        char *data = NULL;
        size_t size = 7;
        int r = spec_parse(json, strlen(json), "/bundle", &spec, &error);
        if (r >= 0)
            r = make(spec, &hosts[0], &data, &size, NULL, &error);
        CHECK(r < 0);
        CHECK_EQ(error.code, rows[i].code);
        CHECK_STR(error.where, rows[i].where);
        CHECK(!data && size == 7);
        free(data);
    }
    test_row(NULL);
}

static void test_the_config_without_rows_is_good(void)
{
    _cleanup_free_ char *json = config_with("", "", NS, "");
    _cleanup_spec_ struct Spec *spec = NULL;
    CHECK_EQ(spec_parse(json, strlen(json), "/bundle", &spec, NULL), 0);
    _cleanup_free_ char *text = plan_text(spec, &hosts[0]);
    CHECK(text && strstr(text, "\nexec arguments=[sh]\n"));
}

/* A Spec that the supervisor fills itself, with the overlay in place of a folder. */
static void test_overlay_root(void)
{
    _cleanup_spec_ struct Spec *spec = spec_new();
    const char *arguments[] = {"true", NULL};
    spec->overlay_lower = "/";
    spec->overlay_scratch = "/run/davit/web/scratch";
    spec->arguments = (struct SpecStrings){arguments, 1};
    spec->namespaces[NAMESPACE_MOUNT].wanted = true;
    _cleanup_free_ char *text = plan_text(spec, &hosts[3]);
    CHECK(
        strstr(text, "overlay lower=/ scratch=/run/davit/web/scratch size=0 propagation=recursive,slave\n"));
    CHECK(strstr(text, "cwd path=/\n"));
    CHECK(!strstr(text, "rootfs"));
}

static void test_too_large(void)
{
    _cleanup_spec_ struct Spec *spec = spec_new();
    _cleanup_free_ char *big = malloc(PLAN_SIZE_MAX);
    memset(big, 'x', PLAN_SIZE_MAX);
    big[PLAN_SIZE_MAX - 1] = 0;
    const char *arguments[] = {"true", NULL}, *environment[] = {big, NULL};
    spec->rootfs = "/r";
    spec->arguments = (struct SpecStrings){arguments, 1};
    spec->environment = (struct SpecStrings){environment, 1};
    struct Error error = {0};
    char *data = NULL;
    size_t size = 0;
    CHECK(make(spec, &hosts[0], &data, &size, NULL, &error) < 0);
    CHECK_EQ(error.code, ERROR_RESOURCE_EXHAUSTED);
    CHECK_STR(error.where, "plan");
}

static void test_cpu_weight(void)
{
    static const struct {
        uint64_t shares, weight;
    } rows[] = {{2, 1},      {1024, 100}, {262144, 10000}, {512, 59},
                {2048, 174}, {3, 2},      {0, 1},          {1 << 20, 10000}};
    for (size_t i = 0; i < ELEMENTSOF(rows); i++)
        CHECK_EQ(cpu_weight_from_shares(rows[i].shares), rows[i].weight);
    for (uint64_t shares = 3; shares < 262144; shares += 97)
        CHECK(cpu_weight_from_shares(shares) >= cpu_weight_from_shares(shares - 1));
}

static void test_probe(void)
{
    struct PlanHost host;
    struct Error error = {0};
    CHECK_EQ(plan_host_probe(&host, &error), 0);
    CHECK_STR(error.what, "");
    CHECK(host.capabilities & 1);
    CHECK_EQ(host.bounding & ~host.capabilities, 0);
}

static const struct Test tests[] = {
    TEST(test_golden_plans), TEST(test_errors),    TEST(test_the_config_without_rows_is_good),
    TEST(test_overlay_root), TEST(test_too_large), TEST(test_cpu_weight),
    TEST(test_probe),
};
TEST_MAIN(tests)
