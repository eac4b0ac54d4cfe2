// SPDX-License-Identifier: Apache-2.0
/* A whole config.json becomes a whole Spec; the rules for a Spec without one; bundles on disk. */
#include "base/fd.h"
#include "base/str.h"
#include "runtime/spec/test-rows.h"
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char everything[] =
    "{'ociVersion':'1.2.0','hostname':'web','domainname':'example.org',"
    "'root':{'path':'../rootfs','readonly':true},"
    "'process':{'terminal':true,'args':['/bin/sh','-c','exit 7'],'env':['A=B','C='],'cwd':'/work',"
    " 'user':{'uid':1000,'gid':1001,'umask':18,'additionalGids':[5,6]},'noNewPrivileges':true,'oomScoreAdj':-"
    "7,"
    " 'capabilities':{'bounding':['CAP_KILL','CAP_CHOWN'],'ambient':['CAP_KILL']},"
    " 'rlimits':[{'type':'RLIMIT_NOFILE','soft':1024,'hard':18446744073709551615}]},"
    "'mounts':[{'destination':'proc','type':'proc','source':'proc','options':['nosuid']},"
    " {'destination':'/data','source':'data','options':['rbind','ro']},"
    " {'destination':'/host','type':'bind','source':'/srv'}],"
    "'annotations':{'org.example.key':'a value','empty':''},"
    "'linux':{'namespaces':[{'type':'mount'},{'type':'uts'},{'type':'network','path':'/run/netns/x'}],"
    " 'devices':[{'path':'/dev/fuse','type':'c','major':10,'minor':229,'fileMode':8624,'uid':1,'gid':2},"
    "  {'path':'/dev/pipe','type':'p'}],"
    " 'maskedPaths':['/proc/kcore'],'readonlyPaths':['/proc/sys','/proc/bus'],'rootfsPropagation':'rshared',"
    " 'sysctl':{'net.ipv4.ip_forward':'1','kernel/shmmax':'5 6'},'cgroupsPath':'/a/b',"
    " 'resources':{'memory':{'limit':1048576,'swap':2097152,'reservation':-1},'pids':{'limit':64},"
    "  'cpu':{'shares':512,'quota':50000,'period':100000},"
    "  'devices':[{'allow':false},{'allow':true,'type':'c','major':1,'access':'rw'}]},"
    " 'seccomp':{'defaultAction':'SCMP_ACT_ERRNO','defaultErrnoRet':38,'architectures':['SCMP_ARCH_X86_64'],"
    "  'flags':['SECCOMP_FILTER_FLAG_LOG'],'syscalls':[{'names':['read','write'],'action':'SCMP_ACT_ALLOW'},"
    "   {'names':['clone'],'action':'SCMP_ACT_ERRNO','errnoRet':1,"
    "    "
    "'args':[{'index':0,'value':2114060288,'valueTwo':18446744073709551615,'op':'SCMP_CMP_MASKED_EQ'}]}]}}}";

static void check_process(const struct Spec *spec)
{
    CHECK_EQ(spec->arguments.count, 3);
    CHECK_STR(spec->arguments.items[2], "exit 7");
    CHECK(spec->arguments.items[3] == NULL);
    CHECK_EQ(spec->environment.count, 2);
    CHECK_STR(spec->environment.items[1], "C=");
    CHECK_STR(spec->cwd, "/work");
    CHECK(spec->terminal && spec->no_new_privileges && spec->has_umask && spec->has_oom_score_adj);
    CHECK_EQ(spec->uid, 1000);
    CHECK_EQ(spec->gid, 1001);
    CHECK_EQ(spec->umask, 022);
    CHECK_EQ(spec->oom_score_adj, -7);
    CHECK_EQ(spec->additional_gid_count, 2);
    CHECK_EQ(spec->additional_gids[1], 6);
    CHECK(spec->has_capabilities);
    CHECK_EQ(spec->capabilities[CAPABILITY_BOUNDING].count, 2);
    CHECK_STR(spec->capabilities[CAPABILITY_AMBIENT].items[0], "CAP_KILL");
    CHECK_EQ(spec->capabilities[CAPABILITY_EFFECTIVE].count, 0);
    CHECK_EQ(spec->rlimit_count, 1);
    CHECK_EQ(spec->rlimits[0].resource, RLIMIT_NOFILE);
    CHECK_STR(spec->rlimits[0].name, "RLIMIT_NOFILE");
    CHECK_EQ(spec->rlimits[0].soft, 1024);
    CHECK(spec->rlimits[0].hard == UINT64_MAX);
}

static void check_files(const struct Spec *spec)
{
    CHECK_STR(spec->rootfs, "/bundle/../rootfs");
    CHECK(spec->root_readonly);
    CHECK_EQ(spec->mount_count, 3);
    CHECK_STR(spec->mounts[0].destination, "/proc");
    CHECK_STR(spec->mounts[0].source, "proc");
    CHECK_STR(spec->mounts[0].options.items[0], "nosuid");
    CHECK(spec->mounts[1].type == NULL);
    CHECK_STR(spec->mounts[1].source, "/bundle/data");
    CHECK_EQ(spec->mounts[1].options.count, 2);
    CHECK_STR(spec->mounts[2].source, "/srv");
    CHECK_EQ(spec->device_count, 2);
    CHECK_STR(spec->devices[0].path, "/dev/fuse");
    CHECK_EQ(spec->devices[0].type, 'c');
    CHECK_EQ(spec->devices[0].major, 10);
    CHECK_EQ(spec->devices[0].minor, 229);
    CHECK_EQ(spec->devices[0].mode, 0660);
    CHECK_EQ(spec->devices[0].gid, 2);
    CHECK_EQ(spec->devices[1].mode, 0666);
    CHECK_STR(spec->masked_paths.items[0], "/proc/kcore");
    CHECK_EQ(spec->readonly_paths.count, 2);
    CHECK_STR(spec->rootfs_propagation, "rshared");
}

static void check_limits(const struct SpecResources *resources)
{
    CHECK(resources->has_memory && resources->has_memory_swap && resources->has_memory_reservation);
    CHECK(resources->has_pids && resources->has_cpu_shares && resources->has_cpu_quota &&
          resources->has_cpu_period);
    CHECK_EQ(resources->memory, 1 << 20);
    CHECK_EQ(resources->memory_swap, 2 << 20);
    CHECK_EQ(resources->memory_reservation, -1);
    CHECK_EQ(resources->pids, 64);
    CHECK_EQ(resources->cpu_shares, 512);
    CHECK_EQ(resources->cpu_quota, 50000);
    CHECK_EQ(resources->cpu_period, 100000);
    CHECK_EQ(resources->device_count, 2);
    const struct SpecDeviceRule *rule = &resources->devices[0];
    CHECK(!rule->allow && rule->type == 'a' && rule->major == -1 && rule->minor == -1);
    CHECK(rule->read && rule->write && rule->mknod);
    rule = &resources->devices[1];
    CHECK(rule->allow && rule->type == 'c' && rule->major == 1 && rule->minor == -1);
    CHECK(rule->read && rule->write && !rule->mknod);
}

static void check_seccomp(const struct SpecSeccomp *seccomp)
{
    CHECK(seccomp->present && seccomp->has_default_errno);
    CHECK_STR(seccomp->default_action, "SCMP_ACT_ERRNO");
    CHECK_EQ(seccomp->default_errno, 38);
    CHECK_STR(seccomp->architectures.items[0], "SCMP_ARCH_X86_64");
    CHECK_STR(seccomp->flags.items[0], "SECCOMP_FILTER_FLAG_LOG");
    CHECK_EQ(seccomp->rule_count, 2);
    CHECK_STR(seccomp->rules[0].names.items[1], "write");
    CHECK(!seccomp->rules[0].has_errno);
    CHECK(seccomp->rules[1].has_errno);
    CHECK_EQ(seccomp->rules[1].errno_value, 1);
    CHECK_EQ(seccomp->rules[1].argument_count, 1);
    const struct SpecSeccompArgument *argument = &seccomp->rules[1].arguments[0];
    CHECK_EQ(argument->index, 0);
    CHECK_EQ(argument->value, 2114060288);
    CHECK(argument->value_two == UINT64_MAX);
    CHECK_STR(argument->op, "SCMP_CMP_MASKED_EQ");
}

static void test_everything(void)
{
    _cleanup_spec_ struct Spec *spec = NULL;
    struct Error error = {0};
    CHECK_EQ(parse_quoted(everything, &spec, &error), 0);
    CHECK_STR(error.what, "");
    if (!spec)
        return;
    CHECK_STR(spec->oci_version, "1.2.0");
    CHECK_STR(spec->hostname, "web");
    CHECK_STR(spec->domainname, "example.org");
    check_process(spec);
    check_files(spec);
    check_limits(&spec->resources);
    check_seccomp(&spec->seccomp);
    CHECK(spec->namespaces[NAMESPACE_MOUNT].wanted && spec->namespaces[NAMESPACE_UTS].wanted);
    CHECK(!spec->namespaces[NAMESPACE_PID].wanted && !spec->namespaces[NAMESPACE_MOUNT].path);
    CHECK_STR(spec->namespaces[NAMESPACE_NETWORK].path, "/run/netns/x");
    CHECK_STR(spec->cgroups_path, "/a/b");
    CHECK_EQ(spec->sysctls.count, 2);
    CHECK_STR(spec->sysctls.items[0], "net.ipv4.ip_forward=1");
    CHECK_STR(spec->sysctls.items[1], "kernel/shmmax=5 6");
    CHECK_EQ(spec->annotations.count, 2);
    CHECK_STR(spec->annotations.items[0], "org.example.key=a value");
    CHECK_STR(spec->annotations.items[1], "empty=");
}

static void test_zero_limit_is_none(void)
{
    _cleanup_spec_ struct Spec *spec = NULL;
    struct Error error = {0};
    CHECK_EQ(parse_quoted("{" HEAD "," BASE_ROOT "," COMMAND ",'linux':{" SPACES
                          ",'resources':{'memory':{'limit':0}}}}",
                          &spec, &error),
             0);
    CHECK(spec && !spec->resources.has_memory);
}

static void test_bundle_must_be_absolute(void)
{
    struct Spec *spec = NULL;
    struct Error error = {0};
    CHECK_EQ(spec_parse("{}", 2, "bundle", &spec, &error), -EINVAL);
    CHECK_STR(error.where, "bundle");
}

/* The rules for a Spec that no JSON was behind. */
static struct Spec *filled(void)
{
    static const char *arguments[] = {"sh", NULL};
    struct Spec *spec = spec_new();
    spec->overlay_lower = "/";
    spec->arguments = (struct SpecStrings){arguments, 1};
    spec->cwd = "/";
    spec->namespaces[NAMESPACE_MOUNT].wanted = true;
    return spec;
}

static void test_validate_filled(void)
{
    _cleanup_spec_ struct Spec *spec = filled();
    struct Error error = {0};
    CHECK_EQ(spec_validate(spec, &error), 0);
    spec->rootfs = "/srv";
    CHECK_EQ(spec_validate(spec, &error), -EINVAL);
    CHECK_STR(error.where, "root.path");
    spec->rootfs = NULL;
    spec->overlay_scratch = "run";
    CHECK_EQ(spec_validate(spec, &error), -EINVAL);
    CHECK_STR(error.where, "root.path");
    spec->overlay_scratch = "/run/scratch";
    spec->resources.has_pids = true;
    CHECK_EQ(spec_validate(spec, &error), -EINVAL);
    CHECK_STR(error.where, "linux.resources.pids.limit");
    spec->resources.pids = 1;
    struct SpecRlimit limit = {.resource = 99, .name = "RLIMIT_X"};
    spec->rlimits = &limit;
    spec->rlimit_count = 1;
    CHECK_EQ(spec_validate(spec, &error), -EINVAL);
    CHECK_STR(error.where, "process.rlimits[0].type");
    limit.resource = RLIMIT_CORE;
    CHECK_EQ(spec_validate(spec, &error), 0);
}

static void test_template(void)
{
    _cleanup_spec_ struct Spec *spec = NULL;
    struct Error error = {0};
    CHECK_EQ(parse_exact(SPEC_TEMPLATE, strlen(SPEC_TEMPLATE), &spec, &error), 0);
    if (!spec)
        return;
    CHECK(!spec->terminal);
    CHECK_STR(spec->arguments.items[0], "sh");
    CHECK_STR(spec->rootfs, "/bundle/rootfs");
    for (int type = 0; type < NAMESPACE_TYPE_COUNT; type++)
        CHECK(spec->namespaces[type].wanted);
}

/* A folder of the test's own. */
struct Folder {
    char path[64];
};

static void folder_deinit(struct Folder *folder)
{
    tree_remove(AT_FDCWD, folder->path, 8);
}
#define FOLDER(name)                                                                                         \
    _cleanup_(folder_deinit) struct Folder name = {"/tmp/davit-test-spec-XXXXXX"};                           \
    CHECK(mkdtemp(name.path) != NULL)

static void check_load(const char *bundle, enum ErrorCode code, const char *where)
{
    _cleanup_spec_ struct Spec *spec = NULL;
    _cleanup_free_ char *json = NULL;
    struct Error error = {0};
    test_row(bundle);
    CHECK_EQ(spec_load(bundle, &spec, &json, &error) == 0, code == ERROR_NONE);
    CHECK_STR(error_code_name(error.code), error_code_name((int)code));
    CHECK_STR(error.where, where);
    CHECK_EQ(spec != NULL, code == ERROR_NONE);
    CHECK_EQ(json != NULL, code == ERROR_NONE);
    test_row(NULL);
}

static void test_load(void)
{
    FOLDER(folder);
    char path[128];
    struct stat st;
    _cleanup_close_ int cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    str_format(path, sizeof(path), "%s/missing", folder.path);
    check_load(path, ERROR_NOT_FOUND, "bundle");
    check_load("", ERROR_INVALID_ARGUMENT, "bundle");
    check_load(folder.path, ERROR_NOT_FOUND, "config.json");
    str_format(path, sizeof(path), "%s/config.json", folder.path);
    CHECK_EQ(mkdir(path, 0700), 0);
    check_load(folder.path, ERROR_INVALID_ARGUMENT, "config.json");
    CHECK_EQ(rmdir(path), 0);
    CHECK_EQ(mkfifo(path, 0600), 0);
    check_load(folder.path, ERROR_INVALID_ARGUMENT, "config.json");
    CHECK_EQ(unlink(path), 0);
    CHECK_EQ(symlink("config.json", path), 0);
    check_load(folder.path, ERROR_INVALID_ARGUMENT, "config.json");
    CHECK_EQ(unlink(path), 0);
    CHECK_EQ(file_create(AT_FDCWD, path, SPEC_TEMPLATE, strlen(SPEC_TEMPLATE), 0600), 0);
    CHECK_EQ(stat(path, &st), 0);
    check_load(path, ERROR_INVALID_ARGUMENT, "bundle");
    check_load(folder.path, ERROR_NONE, "");
    CHECK_EQ(chdir(folder.path), 0);
    check_load(".", ERROR_NONE, "");
    CHECK_EQ(fchdir(cwd), 0);
    CHECK_EQ(truncate(path, (off_t)4 << 30), 0);
    check_load(folder.path, ERROR_INVALID_ARGUMENT, "config.json");
}

static void test_load_gives_text_and_absolute_root(void)
{
    FOLDER(folder);
    _cleanup_spec_ struct Spec *spec = NULL;
    _cleanup_free_ char *json = NULL;
    struct Error error = {0};
    char path[128];
    str_format(path, sizeof(path), "%s/config.json", folder.path);
    CHECK_EQ(file_create(AT_FDCWD, path, SPEC_TEMPLATE, strlen(SPEC_TEMPLATE), 0600), 0);
    CHECK_EQ(spec_load(folder.path, &spec, &json, &error), 0);
    CHECK_STR(json, SPEC_TEMPLATE);
    str_format(path, sizeof(path), "%s/rootfs", folder.path);
    CHECK_STR(spec ? spec->rootfs : NULL, path);
}

/* What another runtime writes, unchanged. */
static void test_runc_spec(void)
{
    FOLDER(folder);
    if (access("/usr/sbin/runc", X_OK) < 0 && access("/usr/bin/runc", X_OK) < 0) {
        test_skip("runc is not installed");
        return;
    }
    pid_t child = fork();
    if (child == 0) {
        execlp("runc", "runc", "spec", "--bundle", folder.path, NULL);
        _exit(127);
    }
    int status = -1;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    _cleanup_spec_ struct Spec *spec = NULL;
    struct Error error = {0};
    CHECK_EQ(spec_load(folder.path, &spec, NULL, &error), 0);
    CHECK_STR(error.where, "");
    if (!spec)
        return;
    CHECK(spec->terminal && spec->root_readonly && spec->no_new_privileges);
    CHECK_EQ(spec->mount_count, 7);
    CHECK_STR(spec->hostname, "runc");
}

static const struct Test tests[] = {
    TEST(test_everything),
    TEST(test_zero_limit_is_none),
    TEST(test_bundle_must_be_absolute),
    TEST(test_validate_filled),
    TEST(test_template),
    TEST(test_load),
    TEST(test_load_gives_text_and_absolute_root),
    TEST(test_runc_spec),
};
TEST_MAIN(tests)
