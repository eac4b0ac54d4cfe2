// SPDX-License-Identifier: Apache-2.0
/* What a payload finds around it, and what a caller is told when a step fails. */
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/test.h"
#include "runtime/test-container.h"
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/mount.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define SHELL(script) .arguments = {"sh", "-c", script}

static const struct Op DEV_TMPFS = {
    .kind = OP_MOUNT,
    .mount = {.type = "tmpfs", .source = "tmpfs", .target = "/dev", .attributes = MOUNT_ATTR_NOSUID}};

static struct Op device_op(const char *path, unsigned minor)
{
    return (struct Op){.kind = OP_DEVICE, .device = {path, S_IFCHR | 0666, 1, minor, 0, 0}};
}

static struct Op path_op(enum OpKind kind, const char *path)
{
    return (struct Op){.kind = kind, .path = {path}};
}

/* Runs it and expects this output of a payload that ended with 0. */
static void expect_output(const struct Recipe *recipe, const char *output)
{
    struct Outcome outcome;
    recipe_run(recipe, &outcome);
    CHECK_EQ(outcome.event, RUNTIME_STARTED);
    if (outcome.event != RUNTIME_STARTED)
        printf("# %s: %s\n", outcome.error.where, outcome.error.what);
    CHECK_EQ(outcome.wait_status, 0);
    CHECK_STR(outcome.output, output);
}

static void test_payload_is_init_of_its_own_world(void)
{
    if (!fixture_ready())
        return;
    expect_output(
        &(struct Recipe){
            SHELL("echo $$; hostname; pwd; umask; ls /; cat /proc/1/comm; ls /sys 2>&1; "
                  "grep -c . /proc/self/mountinfo; grep -c : /proc/net/dev"),
            .inside = {{.kind = OP_HOSTNAME, .name = {"box"}}, {.kind = OP_LOOPBACK}},
        },
        "1\nbox\n/\n0022\nbin\ndev\netc\nproc\ntmp\nsh\nls: /sys: No such file or directory\n2\n1\n");
}

static void test_no_descriptor_is_left_over(void)
{
    if (!fixture_ready())
        return;
    _cleanup_close_ int stray = open("/", O_RDONLY | O_DIRECTORY); /* not even close-on-exec */
    CHECK(stray > 2);
    expect_output(&(struct Recipe){SHELL("cd /proc/self/fd && echo *; readlink 0"),
                                   .mounts = {DEV_TMPFS, device_op("/dev/null", 3)}},
                  "0 1 2 3\n/dev/null\n");
}

static void test_signals_are_at_their_defaults(void)
{
    if (!fixture_ready())
        return;
    sigset_t blocked, before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    signal(SIGHUP, SIG_IGN);
    expect_output(&(struct Recipe){.arguments = {"grep", "-E", "^Sig(Blk|Ign|Cgt)", "/proc/self/status"}},
                  "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nSigCgt:\t0000000000000000\n");
    signal(SIGHUP, SIG_DFL);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

static void test_devices_and_links(void)
{
    if (!fixture_ready())
        return;
    struct Op zero = device_op("/dev/zero", 5);
    zero.device.mode = S_IFCHR | 0601;
    zero.device.uid = 7;
    zero.device.gid = 8;
    expect_output(
        &(struct Recipe){
            SHELL("stat -c '%n %F %t:%T %a %u:%g' /dev/null /dev/zero /dev/deep/fifo; readlink /dev/fd"),
            .mounts = {DEV_TMPFS,
                       device_op("/dev/null", 3),
                       device_op("/dev/null", 3),
                       zero,
                       {.kind = OP_DEVICE, .device = {"/dev/deep/fifo", S_IFIFO | 0622, 0, 0, 0, 0}},
                       {.kind = OP_LINK, .link = {"/proc/self/fd", "/dev/fd"}},
                       {.kind = OP_LINK, .link = {"/proc/self/fd", "/dev/fd"}}},
        },
        "/dev/null character special file 1:3 666 0:0\n/dev/zero character special file 1:5 601 7:8\n"
        "/dev/deep/fifo fifo 0:0 622 0:0\n/proc/self/fd\n");
}

static void test_masked_and_readonly_paths(void)
{
    if (!fixture_ready())
        return;
    fixture_shell("mkdir -p root/m/hidden root/m/hidden2 root/m/ro && echo x >root/m/secret && "
                  "echo x >root/m/hidden/file && echo x >root/m/ro/file");
    expect_output(
        &(struct Recipe){
            SHELL("cat /m/secret; echo y >/m/secret; cat /m/secret; ls /m/hidden /m/hidden2; "
                  "touch /m/hidden/new 2>&1; cat /m/ro/file; touch /m/ro/file 2>&1; touch /m/ok"),
            .mounts = {path_op(OP_MASK, "/m/secret"), path_op(OP_MASK, "/m/hidden"),
                       path_op(OP_MASK, "/m/hidden2"), path_op(OP_MASK, "/m/missing"),
                       path_op(OP_MASK, "/m/secret/below-a-file"), path_op(OP_MASK, "/m/secret"),
                       path_op(OP_READONLY, "/m/ro"), path_op(OP_READONLY, "/m/missing")},
        },
        "/m/hidden:\n\n/m/hidden2:\ntouch: /m/hidden/new: Read-only file system\nx\n"
        "touch: /m/ro/file: Read-only file system\n");
    fixture_shell("test $(cat root/m/secret) = x && test -e root/m/ok && rm -r root/m");
}

static void test_mask_does_not_trust_the_roots_dev_null(void)
{
    if (!fixture_ready())
        return;
    fixture_shell("echo safe >root/victim && ln -s /victim root/dev/null && echo x >root/secret");
    expect_output(&(struct Recipe){SHELL("echo gone >/secret; cat /secret; cat /victim"),
                                   .mounts = {path_op(OP_MASK, "/secret")}},
                  "safe\n");
    expect_output(&(struct Recipe){SHELL("echo gone >/secret; cat /secret; cat /victim"),
                                   .inside = {path_op(OP_MASK, "/secret"), path_op(OP_MASK, "/secret"),
                                              path_op(OP_MASK, "/proc/keys")}},
                  "safe\n");
    fixture_shell("test $(cat root/secret) = x && rm root/victim root/dev/null root/secret");
}

static void test_bind_mounts(void)
{
    if (!fixture_ready())
        return;
    fixture_shell("mkdir -p src/sub && echo f >src/file");
    char folder[256], file[256];
    str_format(folder, sizeof(folder), "%s", fixture_path("src"));
    str_format(file, sizeof(file), "%s", fixture_path("src/file"));
    expect_output(
        &(struct Recipe){
            SHELL("ls /b; touch /b/file 2>&1; cat /etc/one; "
                  "grep ' /b ' /proc/self/mountinfo | grep -c 'ro,nosuid'"),
            .mounts = {{.kind = OP_BIND,
                        .bind = {folder, "/b", 1, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, 0, 0,
                                 MS_REC | MS_PRIVATE}},
                       {.kind = OP_BIND, .bind = {file, "/etc/one", 0, 0, 0, 0, 0}}},
        },
        "file\nsub\ntouch: /b/file: Read-only file system\nf\n1\n");
    fixture_shell("rm -r src root/b root/etc/one");
}

static void test_read_only_root(void)
{
    if (!fixture_ready())
        return;
    expect_output(&(struct Recipe){SHELL("touch /x 2>&1; touch /dev/x; pwd"),
                                   .mounts = {DEV_TMPFS, {.kind = OP_ROOT_READONLY}},
                                   .exec = {path_op(OP_CWD, "/tmp")}},
                  "touch: /x: Read-only file system\n/tmp\n");
}

static void test_overlay_keeps_the_lower_folder(void)
{
    if (!fixture_ready())
        return;
    fixture_shell("mkdir -p 'lower:1/proc' scratch && cp -a root/bin 'lower:1/'");
    expect_output(&(struct Recipe){SHELL("echo new >/new; echo *; grep -c . /proc/self/mountinfo"),
                                   .root = {.kind = OP_OVERLAY,
                                            .overlay = {fixture_path("lower:1"), fixture_path("scratch"),
                                                        1 << 20, MS_REC | MS_SLAVE}}},
                  "bin new proc\n2\n");
    fixture_shell("test ! -e 'lower:1/new' && rm -r 'lower:1' && rmdir scratch");
}

static void test_working_directory_is_made(void)
{
    if (!fixture_ready())
        return;
    expect_output(&(struct Recipe){SHELL("pwd"), .exec = {path_op(OP_CWD, "/made/for/it")}},
                  "/made/for/it\n");
    fixture_shell("printf '#!/bin/sh\\npwd\\n' >root/made/program && chmod 755 root/made/program");
    expect_output(&(struct Recipe){.arguments = {"./program"}, .exec = {path_op(OP_CWD, "/made")}},
                  "/made\n");
    fixture_shell("rm -r root/made");
}

static void test_user_and_capabilities(void)
{
    if (!fixture_ready())
        return;
    static const uint32_t groups[] = {1000, 42, 7};
    expect_output(
        &(struct Recipe){
            SHELL("id -u; id -g; id -G; umask; grep -E '^(Cap|NoNew)' /proc/self/status"),
            .exec = {{.kind = OP_NO_NEW_PRIVILEGES},
                     {.kind = OP_BOUNDING, .bounding = {0x4a1}},
                     {.kind = OP_USER, .user = {500, 1000, {groups, sizeof(groups)}, 027}},
                     {.kind = OP_CAPABILITIES, .capabilities = {0x1, 0x421, 0x400, 0x400}}},
        },
        "500\n1000\n1000 7 42\n0027\nCapInh:\t0000000000000400\nCapPrm:\t0000000000000400\n"
        "CapEff:\t0000000000000400\nCapBnd:\t00000000000004a1\nCapAmb:\t0000000000000400\n"
        "NoNewPrivs:\t1\n");
}

static void test_root_without_capabilities(void)
{
    if (!fixture_ready())
        return;
    expect_output(&(struct Recipe){SHELL("grep ^Cap /proc/self/status"),
                                   .exec = {{.kind = OP_BOUNDING, .bounding = {0x20}},
                                            {.kind = OP_USER, .user = {0, 0, {NULL, 0}, 022}},
                                            {.kind = OP_CAPABILITIES, .capabilities = {0x20, 0x20, 0, 0}}}},
                  "CapInh:\t0000000000000000\nCapPrm:\t0000000000000020\nCapEff:\t0000000000000020\n"
                  "CapBnd:\t0000000000000020\nCapAmb:\t0000000000000000\n");
}

static void test_limits_and_warnings(void)
{
    if (!fixture_ready())
        return;
    struct Outcome outcome;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    recipe_run(
        &(struct Recipe){
            SHELL("ulimit -n; ulimit -c; cat /proc/self/oom_score_adj"),
            .inside = {{.kind = OP_RLIMIT, .rlimit = {"RLIMIT_NOFILE", RLIMIT_NOFILE, 100, 200}},
                       {.kind = OP_RLIMIT, .rlimit = {"RLIMIT_CORE", RLIMIT_CORE, 0, 0}},
                       {.kind = OP_OOM_SCORE, .oom_score = {500}}},
        },
        &outcome);
    CHECK_EQ(outcome.event, RUNTIME_STARTED);
    CHECK_STR(outcome.output, "100\n0\n500\n");
    CHECK_EQ(outcome.warning_count, 0);
}

static void test_sysctls_of_the_own_namespaces(void)
{
    if (!fixture_ready())
        return;
    expect_output(&(struct Recipe){SHELL("cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmni"),
                                   .inside = {{.kind = OP_SYSCTL, .sysctl = {"net/ipv4/ip_forward", "1"}},
                                              {.kind = OP_SYSCTL, .sysctl = {"kernel/shmmni", "77"}}}},
                  "1\n77\n");
}

static void test_seccomp_filter(void)
{
    if (!fixture_ready())
        return;
    static const struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sethostname, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 38),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    expect_output(&(struct Recipe){SHELL("hostname x 2>&1; grep Seccomp: /proc/self/status"),
                                   .exec = {{.kind = OP_USER, .user = {0, 0, {NULL, 0}, 022}},
                                            {.kind = OP_SECCOMP, .seccomp = {{filter, sizeof(filter)}, 0}}}},
                  "hostname: sethostname: Function not implemented\nSeccomp:\t2\n");
}

static void test_search_path(void)
{
    if (!fixture_ready())
        return;
    fixture_shell("mkdir root/one root/two && echo data >root/one/tool && cp root/bin/busybox root/two/echo");
    expect_output(&(struct Recipe){.arguments = {"echo", "found"}, .environment = {"PATH=/one::/two"}},
                  "found\n");
    expect_output(&(struct Recipe){.arguments = {"echo", "default"}, .environment = {"A=b"}}, "default\n");
    expect_output(&(struct Recipe){.arguments = {"/two/echo", "absolute"}}, "absolute\n");
    fixture_shell("rm -r root/one root/two");
}

static const struct Test tests[] = {
    TEST(test_payload_is_init_of_its_own_world),
    TEST(test_no_descriptor_is_left_over),
    TEST(test_signals_are_at_their_defaults),
    TEST(test_devices_and_links),
    TEST(test_masked_and_readonly_paths),
    TEST(test_mask_does_not_trust_the_roots_dev_null),
    TEST(test_bind_mounts),
    TEST(test_read_only_root),
    TEST(test_overlay_keeps_the_lower_folder),
    TEST(test_working_directory_is_made),
    TEST(test_user_and_capabilities),
    TEST(test_root_without_capabilities),
    TEST(test_limits_and_warnings),
    TEST(test_sysctls_of_the_own_namespaces),
    TEST(test_seccomp_filter),
    TEST(test_search_path),
};
TEST_MAIN(tests)
