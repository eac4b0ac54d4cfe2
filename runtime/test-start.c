// SPDX-License-Identifier: Apache-2.0
/* Starts that fail: what the caller is told, and that nothing is left. And the handshake. */
#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/test.h"
#include "runtime/test-container.h"
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static char *mount_table(void)
{
    char *text = NULL;
    CHECK_EQ(file_read(AT_FDCWD, "/proc/self/mountinfo", 1 << 20, &text, NULL), 0);
    return text;
}

/* The start fails at `where` with this errno and nothing of it is left; returns the error's text. */
static const char *expect_failure(const struct Recipe *recipe, const char *where, int errnum)
{
    static struct Outcome outcome;
    _cleanup_free_ char *before = mount_table();
    recipe_run(recipe, &outcome);
    _cleanup_free_ char *after = mount_table();
    CHECK_EQ(outcome.event, RUNTIME_FAILED);
    CHECK_EQ(outcome.error.code, ERROR_RUNTIME_FAILED);
    CHECK_STR(outcome.error.where, where);
    CHECK_EQ(outcome.error.errnum, errnum);
    CHECK_STR(after, before);
    return outcome.error.what;
}

#define TRUE_PROGRAM .arguments = {"true"}

static struct Op mount_op(const char *type, const char *target)
{
    return (struct Op){.kind = OP_MOUNT, .mount = {.type = type, .source = type, .target = target}};
}

static void test_failing_steps_are_named(void)
{
    if (!fixture_ready())
        return;
    static const struct sock_filter bad_filter[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 3)};
    static const char long_name[] = "0123456789012345678901234567890123456789012345678901234567890123456789";
    fixture_shell("mkdir -p root/busy/x && ln -s /elsewhere root/busy/link && ln -s loop root/loop");
    const struct {
        const char *where;
        int errnum;
        struct Recipe recipe;
    } rows[] = {
        {"mount /new", ENODEV, {TRUE_PROGRAM, .mounts = {mount_op("no-such-type", "/new")}}},
        {"mount /loop/x", ELOOP, {TRUE_PROGRAM, .mounts = {mount_op("tmpfs", "/loop/x")}}},
        {"mount /bin/true", ENOTDIR, {TRUE_PROGRAM, .mounts = {mount_op("tmpfs", "/bin/true")}}},
        {"bind /b",
         ENOENT,
         {TRUE_PROGRAM, .mounts = {{.kind = OP_BIND, .bind = {"/no/such", "/b", 0, 0, 0, 0, 0}}}}},
        {"bind /bin/true",
         ENOTDIR,
         {TRUE_PROGRAM, .mounts = {{.kind = OP_BIND, .bind = {"/", "/bin/true", 0, 0, 0, 0, 0}}}}},
        {"device /busy/x",
         EEXIST,
         {TRUE_PROGRAM, .mounts = {{.kind = OP_DEVICE, .device = {"/busy/x", S_IFCHR | 0666, 1, 3, 0, 0}}}}},
        {"link /busy/link",
         EEXIST,
         {TRUE_PROGRAM, .mounts = {{.kind = OP_LINK, .link = {"/other", "/busy/link"}}}}},
        {"mask /loop", ELOOP, {TRUE_PROGRAM, .mounts = {{.kind = OP_MASK, .path = {"/loop"}}}}},
        {"rootfs /no/such",
         ENOENT,
         {TRUE_PROGRAM, .root = {.kind = OP_ROOTFS, .rootfs = {"/no/such", MS_REC | MS_SLAVE}}}},
        {"rootfs /bin/busybox",
         ENOTDIR,
         {TRUE_PROGRAM, .root = {.kind = OP_ROOTFS, .rootfs = {"/bin/busybox", MS_REC | MS_SLAVE}}}},
        {"overlay /",
         ENOENT,
         {TRUE_PROGRAM, .root = {.kind = OP_OVERLAY, .overlay = {"/", "/no/scratch", 0, MS_REC | MS_SLAVE}}}},
        {"namespace network",
         EINVAL,
         {TRUE_PROGRAM, .without_namespaces = CLONE_NEWNET,
          .host = {{.kind = OP_NAMESPACE, .namespace = {CLONE_NEWNET, "/proc/self/ns/uts"}}}}},
        {"namespace network",
         EINVAL,
         {TRUE_PROGRAM, .without_namespaces = CLONE_NEWNET,
          .host = {{.kind = OP_NAMESPACE, .namespace = {CLONE_NEWNET, "/dev/null"}}}}},
        {"namespace ipc",
         ENOENT,
         {TRUE_PROGRAM, .without_namespaces = CLONE_NEWIPC,
          .host = {{.kind = OP_NAMESPACE, .namespace = {CLONE_NEWIPC, "/proc/0/ns/ipc"}}}}},
        {"hostname 0123456789012345678901234567890123456789012345678901234567890123456789",
         EINVAL,
         {TRUE_PROGRAM, .inside = {{.kind = OP_HOSTNAME, .name = {long_name}}}}},
        {"sysctl net/nothing",
         ENOENT,
         {TRUE_PROGRAM, .inside = {{.kind = OP_SYSCTL, .sysctl = {"net/nothing", "1"}}}}},
        {"sysctl ../version",
         EXDEV,
         {TRUE_PROGRAM, .inside = {{.kind = OP_SYSCTL, .sysctl = {"../version", "1"}}}}},
        {"rlimit RLIMIT_CORE",
         EINVAL,
         {TRUE_PROGRAM, .inside = {{.kind = OP_RLIMIT, .rlimit = {"RLIMIT_CORE", 4, 2, 1}}}}},
        {"exec nothing", ENOENT, {.arguments = {"nothing"}}},
        {"exec /bin", EACCES, {.arguments = {"/bin"}}},
        {"exec /etc/text", EACCES, {.arguments = {"/etc/text"}}},
        {"exec /etc/lost", ENOENT, {.arguments = {"/etc/lost"}}},
        {"exec /etc/junk", ENOEXEC, {.arguments = {"/etc/junk"}}},
        {"cwd /bin/true", ENOTDIR, {TRUE_PROGRAM, .exec = {{.kind = OP_CWD, .path = {"/bin/true"}}}}},
        {"capabilities",
         EPERM,
         {TRUE_PROGRAM, .exec = {{.kind = OP_USER, .user = {1, 1, {NULL, 0}, 022}},
                                 {.kind = OP_CAPABILITIES, .capabilities = {1, 1, 0, 0}},
                                 {.kind = OP_CAPABILITIES, .capabilities = {3, 3, 0, 0}}}}},
        {"seccomp",
         EINVAL,
         {TRUE_PROGRAM, .exec = {{.kind = OP_SECCOMP, .seccomp = {{bad_filter, sizeof(bad_filter)}, 0}}}}},
        /* What a plan may not leave out. */
        {"hostname x",
         EBADMSG,
         {TRUE_PROGRAM, .without_namespaces = CLONE_NEWUTS,
          .inside = {{.kind = OP_HOSTNAME, .name = {"x"}}}}},
        {"rootfs /",
         EBADMSG,
         {TRUE_PROGRAM, .without_namespaces = CLONE_NEWNS, .root = {.kind = OP_ROOTFS, .rootfs = {"/", 0}}}},
        {"mount /proc", EBADMSG, {TRUE_PROGRAM, .no_root = true}},
        {"exec true", EBADMSG, {TRUE_PROGRAM, .no_user = true}},
    };
    fixture_shell(
        "printf '#!/no/such\\n' >root/etc/lost && chmod 755 root/etc/lost && "
        "echo text >root/etc/text && printf '\\177ELFjunk' >root/etc/junk && chmod 755 root/etc/junk");
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        test_row(rows[i].where);
        expect_failure(&rows[i].recipe, rows[i].where, rows[i].errnum);
    }
    test_row(NULL);
    fixture_shell("rm -rf root/busy root/loop root/etc/* root/new root/b");
}

static void test_texts_say_what_was_wrong(void)
{
    if (!fixture_ready())
        return;
    struct Op mount = mount_op("tmpfs", "/tmp");
    static const char option[] = "no_such_option=1";
    mount.mount.data = (struct OpStrings){option, 1, sizeof(option)};
    CHECK_STR(expect_failure(&(struct Recipe){TRUE_PROGRAM, .mounts = {mount}}, "mount /tmp", EINVAL),
              "no_such_option=1: tmpfs: Unknown parameter 'no_such_option': Invalid argument");
    fixture_shell("printf '#!/no/such\\n' >root/etc/lost && chmod 755 root/etc/lost");
    CHECK_STR(expect_failure(&(struct Recipe){.arguments = {"/etc/lost"}}, "exec /etc/lost", ENOENT),
              "no such file, or its interpreter is missing: No such file or directory");
    fixture_shell("rm root/etc/lost");
}

static void test_optional_steps_only_warn(void)
{
    if (!fixture_ready())
        return;
    struct Outcome outcome;
    struct Op mount = mount_op("no-such-type", "/tmp");
    mount.mount.optional = 1;
    recipe_run(&(struct Recipe){TRUE_PROGRAM, .mounts = {mount}}, &outcome);
    CHECK_EQ(outcome.event, RUNTIME_STARTED);
    CHECK_EQ(outcome.warning_count, 1);
    CHECK_STR(outcome.warnings[0].where, "mount /tmp");
    CHECK_EQ(outcome.warnings[0].errnum, ENODEV);
}

/* Links in the root folder that point outside of it on the host. */
static void test_links_stay_in_the_root(void)
{
    if (!fixture_ready())
        return;
    static const char *const links[] = {"$PWD/outside", "../outside", "../../../../..$PWD/outside"};
    const struct Recipe recipe = {
        .arguments = {"/bin/busybox", "true"},
        .mounts = {{.kind = OP_DEVICE, .device = {"/dev/null", S_IFCHR | 0666, 1, 3, 0, 0}},
                   {.kind = OP_DEVICE, .device = {"/dev/sub/fifo", S_IFIFO | 0666, 0, 0, 0, 0}},
                   {.kind = OP_LINK, .link = {"/proc/self/fd", "/dev/fd"}},
                   mount_op("tmpfs", "/dev/shm"),
                   {.kind = OP_BIND, .bind = {"/etc/hostname", "/dev/hostname", 0, 0, 0, 0, 0}},
                   {.kind = OP_BIND, .bind = {"/etc", "/dev/etc", 0, 0, 0, 0, 0}}},
    };
    for (size_t i = 0; i < ELEMENTSOF(links); i++) {
        char command[512];
        struct Outcome outcome;
        test_row(links[i]);
        str_format(command, sizeof(command), "mv root/dev saved && ln -s %s root/dev", links[i]);
        fixture_shell(command);
        recipe_run(&recipe, &outcome);
        CHECK_EQ(outcome.event, RUNTIME_STARTED);
        fixture_shell("test -z \"$(ls -A outside)\" && rm root/dev && mv saved root/dev && "
                      "rm -rf root/outside root/tmp/* ");
    }
    test_row(NULL);
}

static void test_proc_and_sys_are_not_reached_over_links(void)
{
    if (!fixture_ready())
        return;
    fixture_shell(
        "mkdir root/real && ln -s real root/proc2 && ln -s /real root/sys && mkfifo root/etc/pipe && "
        "mkdir root/real/deep");
    const struct {
        const char *type, *target, *where;
        int errnum;
    } rows[] = {
        {"proc", "/proc2", "mount /proc2", ELOOP},
        {"proc", "/proc2/deep", "mount /proc2/deep", ELOOP},
        {"proc", "/proc2/new", "mount /proc2/new", ELOOP},
        {"sysfs", "/sys", "mount /sys", ELOOP},
        {"proc", "/etc/pipe", "mount /etc/pipe", ENOTDIR},
        {"proc", "/bin/busybox", "mount /bin/busybox", ENOTDIR},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        test_row(rows[i].where);
        expect_failure(&(struct Recipe){TRUE_PROGRAM, .mounts = {mount_op(rows[i].type, rows[i].target)}},
                       rows[i].where, rows[i].errnum);
    }
    test_row(NULL);
    fixture_shell("rm -r root/real root/proc2 root/sys root/etc/pipe");
}

static void create(struct Runtime *runtime, const struct Recipe *recipe, const struct RuntimeIo *io,
                   struct Outcome *outcome)
{
    struct Plan plan;
    _cleanup_free_ char *bytes = recipe_plan(recipe, &plan);
    CHECK(bytes != NULL);
    *outcome = (struct Outcome){0};
    CHECK_EQ(runtime_create(runtime, &plan, io, &outcome->error), 0);
    CHECK_EQ(runtime_wait_event(runtime, outcome), RUNTIME_READY);
}

static void test_init_ends_with_its_monitor(void)
{
    if (!fixture_ready())
        return;
    struct Runtime runtime = RUNTIME_INIT;
    struct Outcome outcome;
    create(&runtime, &(struct Recipe){TRUE_PROGRAM}, &(struct RuntimeIo){.fds = {-1, -1, -1}}, &outcome);
    runtime.sync_fd = safe_close(runtime.sync_fd);
    CHECK_EQ(runtime_wait_exit(&runtime), EXIT_FAILURE << 8);
    runtime_undo(&runtime);
}

static void test_killed_before_its_exec_is_no_start(void)
{
    if (!fixture_ready())
        return;
    static const struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    expect_failure(&(struct Recipe){TRUE_PROGRAM,
                                    .exec = {{.kind = OP_SECCOMP, .seccomp = {{filter, sizeof(filter)}, 0}}}},
                   "init", 0);
}

static void test_payload_may_bear_inits_name(void)
{
    if (!fixture_ready())
        return;
    fixture_shell(
        "cp root/bin/busybox root/etc/true && mkdir root/x && mv root/etc/true root/x/davit-init && "
        "printf '#!/bin/sh\\necho ran\\n' >root/x/davit-init");
    struct Outcome outcome;
    recipe_run(&(struct Recipe){.arguments = {"/x/davit-init"}}, &outcome);
    CHECK_EQ(outcome.event, RUNTIME_STARTED);
    CHECK_STR(outcome.output, "ran\n");
    fixture_shell("rm -r root/x");
}

/* The go may come at any time; it is never the reason that an error is lost. */
static void test_released_before_it_is_ready(void)
{
    if (!fixture_ready())
        return;
    const struct {
        struct Recipe recipe;
        enum RuntimeEvent event;
        const char *where;
    } rows[] = {
        {{TRUE_PROGRAM}, RUNTIME_STARTED, ""},
        {{TRUE_PROGRAM, .mounts = {mount_op("no-such-type", "/new")}}, RUNTIME_FAILED, "mount /new"},
        {{TRUE_PROGRAM, .without_namespaces = CLONE_NEWUTS, .inside = {{.kind = OP_HOSTNAME, .name = {"x"}}}},
         RUNTIME_FAILED,
         "hostname x"},
    };
    for (size_t i = 0; i < 20 * ELEMENTSOF(rows); i++) {
        struct Runtime runtime = RUNTIME_INIT;
        struct Outcome outcome = {0};
        struct Plan plan;
        size_t row = i % ELEMENTSOF(rows);
        test_row(rows[row].where);
        _cleanup_free_ char *bytes = recipe_plan(&rows[row].recipe, &plan);
        CHECK(bytes != NULL);
        CHECK_EQ(runtime_create(&runtime, &plan, &(struct RuntimeIo){.fds = {-1, -1, -1}}, &outcome.error),
                 0);
        /* With the error already sent, or before anything. */
        if (i % 2 == 0 && rows[row].event == RUNTIME_FAILED)
            poll(&(struct pollfd){.fd = runtime.init.fd, .events = POLLIN}, 1, -1);
        runtime_release(&runtime);
        CHECK_EQ(runtime_wait_event(&runtime, &outcome), rows[row].event);
        CHECK_STR(outcome.error.where, rows[row].where);
        runtime_wait_exit(&runtime);
        runtime_undo(&runtime);
    }
    test_row(NULL);
    fixture_shell("rm -rf root/new");
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    str_format(address.sun_path, sizeof(address.sun_path), "%s", path);
    CHECK_EQ(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    CHECK_EQ(listen(fd, 4), 0);
    return fd;
}

static void test_start_by_another_process(void)
{
    if (!fixture_ready())
        return;
    _cleanup_close_ int dir_fd = open(fixture_path("."), O_PATH | O_DIRECTORY | O_CLOEXEC);
    const struct {
        const char *program, *where;
        enum RuntimeEvent event;
    } rows[] = {{"/bin/true", "", RUNTIME_STARTED}, {"/etc/lost", "exec /etc/lost", RUNTIME_FAILED}};
    fixture_shell("printf '#!/no/such\\n' >root/etc/lost && chmod 755 root/etc/lost");
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        test_row(rows[i].program);
        struct Runtime creator = RUNTIME_INIT, starter = RUNTIME_INIT;
        struct Outcome outcome;
        _cleanup_close_ int listener = listen_at(fixture_path("start.sock"));
        struct RuntimeIo io = {.fds = {-1, -1, -1}, .start_listen_fd = listener};
        create(&creator, &(struct Recipe){.arguments = {rows[i].program}}, &io, &outcome);
        listener = safe_close(listener);
        CHECK_EQ(runtime_release(&creator), 0);
        creator.sync_fd = safe_close(creator.sync_fd); /* the creator is gone */
        for (int probe = 0; probe < 10; probe++)
            CHECK(runtime_is_waiting(dir_fd, "start.sock"));
        struct PidRef init = {creator.init.pid, fcntl(creator.init.fd, F_DUPFD_CLOEXEC, 3)};
        CHECK_EQ(runtime_connect(&starter, dir_fd, "start.sock", &init), 0);
        CHECK_EQ(runtime_release(&starter), 0);
        CHECK_EQ(runtime_wait_event(&starter, &outcome), rows[i].event);
        CHECK_STR(outcome.error.where, rows[i].where);
        runtime_wait_exit(&creator);
        CHECK(!runtime_is_waiting(dir_fd, "start.sock"));
        runtime_deinit(&starter);
        runtime_undo(&creator);
        fixture_shell("rm start.sock");
    }
    test_row(NULL);
    fixture_shell("rm root/etc/lost");
}

static void test_namespaces_of_another_container(void)
{
    if (!fixture_ready())
        return;
    static const struct {
        uint64_t flag;
        const char *name;
    } types[] = {{CLONE_NEWPID, "pid"}, {CLONE_NEWUTS, "uts"}, {CLONE_NEWNET, "net"}, {CLONE_NEWIPC, "ipc"}};
    struct Runtime other = RUNTIME_INIT;
    struct Outcome outcome;
    struct Recipe first = {.arguments = {"sleep", "60"},
                           .inside = {{.kind = OP_HOSTNAME, .name = {"first"}}}};
    create(&other, &first, &(struct RuntimeIo){.fds = {-1, -1, -1}}, &outcome);
    CHECK_EQ(runtime_release(&other), 0);
    CHECK_EQ(runtime_wait_event(&other, &outcome), RUNTIME_STARTED);
    struct Recipe second = {
        .arguments = {"sh", "-c", "hostname; test $$ != 1 && cat /proc/1/comm"},
        .without_namespaces = CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWIPC,
    };
    char paths[ELEMENTSOF(types)][64];
    for (size_t i = 0; i < ELEMENTSOF(types); i++) {
        str_format(paths[i], sizeof(paths[i]), "/proc/%d/ns/%s", (int)other.init.pid, types[i].name);
        second.host[i] = (struct Op){.kind = OP_NAMESPACE, .namespace = {types[i].flag, paths[i]}};
    }
    struct Outcome joined;
    recipe_run(&second, &joined);
    CHECK_EQ(joined.event, RUNTIME_STARTED);
    CHECK_STR(joined.output, "first\nsleep\n");
    runtime_undo(&other);
    /* The monitor's own children are born in its own namespace again. */
    recipe_run(&(struct Recipe){TRUE_PROGRAM, .without_namespaces = CLONE_NEWPID, .no_proc = true}, &joined);
    CHECK_EQ(joined.event, RUNTIME_STARTED);
}

static void test_cgroups_are_made_and_removed(void)
{
    if (!fixture_ready())
        return;
    struct CgroupLayout layout;
    struct Error error;
    char path[64], folder[256];
    CHECK_EQ(cgroup_layout_probe(&layout, &error), 0);
    const struct CgroupHierarchy *pids = cgroup_layout_v1(&layout, "pids");
    const char *mount = pids ? pids->mount : layout.v2_mount;
    str_format(path, sizeof(path), "/davit-test-%d/one", (int)getpid());
    str_format(folder, sizeof(folder), "%s%s", mount, path);
    static const char controllers[] = "pids";
    struct Recipe recipe = {
        .arguments = {"grep", "-c", "davit-test", "/proc/self/cgroup"},
        .without_namespaces = CLONE_NEWCGROUP,
        .host = {{.kind = OP_CGROUP,
                  .cgroup = {mount, path, pids ? 1 : 2,
                             pids ? (struct OpStrings){0}
                                  : (struct OpStrings){controllers, 1, sizeof(controllers)}}},
                 {.kind = OP_CGROUP_VALUE, .cgroup_value = {0, "pids.max", "10", 0}}},
    };
    struct Outcome outcome;
    recipe_run(&recipe, &outcome);
    CHECK_EQ(outcome.event, RUNTIME_STARTED);
    CHECK_STR(outcome.output, "1\n");
    CHECK(access(folder, F_OK) < 0);
    recipe.host[1].cgroup_value.file = "no.such";
    expect_failure(&recipe, "cgroup-value no.such", ENOENT);
    CHECK(access(folder, F_OK) < 0);
    recipe.host[1].cgroup_value.optional = 1;
    recipe_run(&recipe, &outcome);
    CHECK_EQ(outcome.event, RUNTIME_STARTED);
    CHECK_EQ(outcome.warning_count, 1);
    recipe.host[1] = recipe.host[0];
    recipe_run(&recipe, &outcome);
    CHECK_EQ(outcome.event, RUNTIME_FAILED);
    CHECK_EQ(outcome.error.code, ERROR_ALREADY_EXISTS);
    CHECK(access(folder, F_OK) < 0);
    /* One that is not ours stays. */
    recipe.host[1].kind = (enum OpKind)0;
    *strrchr(folder, '/') = 0;
    CHECK_EQ(mkdir(folder, 0755), 0);
    *strrchr(path, '/') = 0;
    recipe_run(&recipe, &outcome);
    CHECK_EQ(outcome.error.code, ERROR_ALREADY_EXISTS);
    CHECK_EQ(rmdir(folder), 0);
}

static const struct Test tests[] = {
    TEST(test_failing_steps_are_named),
    TEST(test_texts_say_what_was_wrong),
    TEST(test_optional_steps_only_warn),
    TEST(test_links_stay_in_the_root),
    TEST(test_proc_and_sys_are_not_reached_over_links),
    TEST(test_init_ends_with_its_monitor),
    TEST(test_killed_before_its_exec_is_no_start),
    TEST(test_payload_may_bear_inits_name),
    TEST(test_released_before_it_is_ready),
    TEST(test_start_by_another_process),
    TEST(test_namespaces_of_another_container),
    TEST(test_cgroups_are_made_and_removed),
};
TEST_MAIN(tests)
