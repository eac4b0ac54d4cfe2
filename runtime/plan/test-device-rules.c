// SPDX-License-Identifier: Apache-2.0
/*
 * The device filter: against an oracle in an interpreter, and for real, attached to a cgroup of our
 * own below /davit-test-<pid>.
 */
#include "base/fd.h"
#include "base/pidref.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/test.h"
#include "runtime/plan/plan-internal.h"
#include "runtime/plan/test-bpf.h"
#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { M = BPF_DEVCG_ACC_MKNOD, R = BPF_DEVCG_ACC_READ, W = BPF_DEVCG_ACC_WRITE };

static struct SpecDeviceRule rule(bool allow, char type, int64_t major, int64_t minor, unsigned access)
{
    return (struct SpecDeviceRule){allow, type, major, minor, access & R, access & W, access & M};
}

/* Forwards, bit by bit: what each rule says replaces what was said before. */
static bool oracle(const struct SpecDeviceRule *rules, size_t count, char type, unsigned access,
                   int64_t major, int64_t minor)
{
    unsigned allowed = 0;
    for (size_t i = 0; i < count; i++) {
        const struct SpecDeviceRule *one = &rules[i];
        unsigned bits = (one->read ? R : 0) | (one->write ? W : 0) | (one->mknod ? M : 0);
        if ((one->type != 'a' && one->type != type) || (one->major >= 0 && one->major != major) ||
            (one->minor >= 0 && one->minor != minor))
            continue;
        allowed = one->allow ? allowed | bits : allowed & ~bits;
    }
    return (access & ~allowed) == 0;
}

static void check_rules(const struct SpecDeviceRule *rules, size_t count)
{
    static const char types[] = "bc";
    static const int64_t numbers[] = {0, 1, 3, 5, 10, 136, 229, 4095};
    _cleanup_buf_ struct Buf program = BUF_INIT;
    device_rules_compile(rules, count, &program);
    CHECK_EQ(program.error, 0);
    size_t wrong = 0;
    for (unsigned access = 1; access <= 7; access++)
        for (size_t i = 0; i < ELEMENTSOF(numbers) * ELEMENTSOF(numbers) * 2; i++) {
            char type = types[i & 1];
            int64_t major = numbers[i / 2 % ELEMENTSOF(numbers)],
                    minor = numbers[i / 2 / ELEMENTSOF(numbers)];
            bool allowed = false;
            bool ran = bpf_run_device((const void *)program.data, program.size / sizeof(struct bpf_insn),
                                      type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR, access,
                                      (uint32_t)major, (uint32_t)minor, &allowed);
            wrong += !ran || allowed != oracle(rules, count, type, access, major, minor);
        }
    CHECK_EQ(wrong, 0);
}

static void test_rules_against_the_oracle(void)
{
    const struct {
        const char *name;
        struct SpecDeviceRule rules[6];
        size_t count;
    } rows[] = {
        {"nothing", {{0}}, 0},
        {"allow all", {rule(true, 'a', -1, -1, R | W | M)}, 1},
        {"deny all", {rule(true, 'c', 1, 3, R), rule(false, 'a', -1, -1, R | W | M)}, 2},
        {"one", {rule(true, 'c', 1, 3, R | W)}, 1},
        {"all of a major", {rule(true, 'c', 136, -1, R | W | M)}, 1},
        {"all of a minor", {rule(true, 'b', -1, 3, R)}, 1},
        {"later wins",
         {rule(true, 'c', 1, -1, R | W), rule(false, 'c', 1, 5, W), rule(true, 'c', 1, 5, M)},
         3},
        {"bits from two rules", {rule(true, 'c', 5, 1, R), rule(true, 'c', 5, 1, W)}, 2},
        {"deny on allowed", {rule(true, 'a', -1, -1, R | W | M), rule(false, 'b', -1, -1, W | M)}, 2},
        {"any type", {rule(true, 'a', 10, -1, R | M), rule(false, 'a', -1, 229, M)}, 2},
        {"neighbours", /* a whole major among single devices of it, two types, two majors */
         {rule(true, 'c', 1, 3, R | W | M), rule(true, 'c', 1, -1, R | W | M),
          rule(true, 'c', 1, 5, R | W | M), rule(true, 'c', 5, 1, R | W | M),
          rule(true, 'b', 5, 1, R | W | M), rule(true, 'b', 136, -1, R | W | M)},
         6},
        {"no access", {rule(true, 'c', 1, 3, 0), rule(false, 'c', 1, 5, 0)}, 2},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        test_row(rows[i].name);
        check_rules(rows[i].rules, rows[i].count);
    }
    test_row(NULL);
}

/* A generator of numbers with a fixed seed. */
static unsigned next(uint64_t *state, unsigned below)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(*state >> 33) % below;
}

/* Half of them of the kind that configurations are made of. */
static size_t make_random(uint64_t *state, struct SpecDeviceRule rules[12])
{
    static const int64_t numbers[] = {-1, 1, 3, 5, 10, 136, 229};
    size_t count = 1 + next(state, 12);
    for (size_t i = 0; i < count; i++) {
        int64_t major = numbers[next(state, ELEMENTSOF(numbers))],
                minor = numbers[next(state, ELEMENTSOF(numbers))];
        if (next(state, 2))
            rules[i] = rule(next(state, 2), "abc"[next(state, 3)], major, minor, next(state, 8));
        else
            rules[i] = rule(true, "bc"[next(state, 2)], major < 4 ? 1 : 5, minor, R | W | M);
    }
    return count;
}

static void test_random_rules_against_the_oracle(void)
{
    uint64_t state = 7;
    for (unsigned round = 0; round < 300; round++) {
        struct SpecDeviceRule rules[12];
        check_rules(rules, make_random(&state, rules));
    }
}

static void test_defaults(void)
{
    _cleanup_spec_ struct Spec *spec = spec_new();
    _cleanup_free_ struct SpecDeviceRule *rules = NULL;
    size_t count = 0;
    CHECK_EQ(device_rules_make(spec, &rules, &count), 0);
    CHECK(!device_rules_allow_all(rules, count));
    check_rules(rules, count);
    CHECK(oracle(rules, count, 'c', R | W, 1, 3));
    CHECK(oracle(rules, count, 'c', R | W | M, 136, 7));
    CHECK(oracle(rules, count, 'b', M, 8, 0));
    CHECK(!oracle(rules, count, 'b', R, 8, 0));
    CHECK(!oracle(rules, count, 'c', R, 1, 1)); /* mem */
    CHECK(!oracle(rules, count, 'c', R, 10, 229));

    struct SpecDeviceRule own[] = {rule(false, 'a', -1, -1, R | W | M), rule(true, 'a', -1, -1, R | W | M)};
    _cleanup_free_ struct SpecDeviceRule *open_rules = NULL;
    spec->resources.devices = own;
    spec->resources.device_count = 2;
    CHECK_EQ(device_rules_make(spec, &open_rules, &count), 0);
    CHECK(device_rules_allow_all(open_rules, count));
    spec->resources.device_count = 1 << 20;
    _cleanup_free_ struct SpecDeviceRule *too_many = NULL;
    CHECK_EQ(device_rules_make(spec, &too_many, &count), -E2BIG);
}

static void test_format(void)
{
    static const struct {
        struct SpecDeviceRule rule;
        char type;
        const char *text;
    } rows[] = {
        {{true, 'c', 1, 3, true, true, true}, 'c', "c 1:3 rwm"},
        {{true, 'a', -1, 3, true, false, true}, 'b', "b *:3 rm"},
        {{false, 'c', 136, -1, false, true, false}, 'c', "c 136:* w"},
        {{false, 'a', -1, -1, true, true, true}, 'a', "a"},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        char text[DEVICE_RULE_SIZE];
        device_rule_format(&rows[i].rule, rows[i].type, text);
        CHECK_STR(text, rows[i].text);
    }
}

static int load(const struct Buf *program)
{
    union bpf_attr load = {
        .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
        .insns = (uintptr_t)program->data,
        .insn_cnt = (uint32_t)(program->size / sizeof(struct bpf_insn)),
        .license = (uintptr_t) "Apache-2.0",
    };
    int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load));
    return fd < 0 ? -errno : fd;
}

static int attach(const struct Buf *program, int cgroup_fd)
{
    _cleanup_close_ int fd = load(program);
    if (fd < 0)
        return fd;
    union bpf_attr attach = {
        .target_fd = (uint32_t)cgroup_fd,
        .attach_bpf_fd = (uint32_t)fd,
        .attach_type = BPF_CGROUP_DEVICE,
        .attach_flags = BPF_F_ALLOW_MULTI,
    };
    return syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof(attach)) < 0 ? -errno : 0;
}

static bool can_open(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return fd >= 0 || (errno != EPERM && errno != EACCES);
}

/* In a folder of its own, with /dev/mem as the device that no container may open. */
static int try_devices(const char *folder)
{
    char mem[96], null[96];
    str_format(mem, sizeof(mem), "%s/mem", folder);
    str_format(null, sizeof(null), "%s/null", folder);
    if (mknod(mem, S_IFCHR | 0600, makedev(1, 1)) < 0)
        return 1;
    if (mknod(null, S_IFCHR | 0600, makedev(1, 3)) < 0)
        return 2;
    if (can_open(mem, O_RDONLY) || can_open(mem, O_WRONLY))
        return 3;
    if (!can_open(null, O_RDWR) || !can_open("/dev/null", O_RDWR) || !can_open("/dev/urandom", O_RDONLY))
        return 4;
    return 0;
}

static void test_the_kernel_takes_the_filter(void)
{
    struct CgroupLayout layout;
    struct CgroupSet set = {0};
    char path[64], folder[] = "/tmp/davit-test-XXXXXX";
    if (geteuid() != 0 || cgroup_layout_probe(&layout, NULL) < 0 || !layout.v2_mount[0]) {
        test_skip("needs root and a cgroup2 mount");
        return;
    }
    _cleanup_spec_ struct Spec *spec = spec_new();
    _cleanup_free_ struct SpecDeviceRule *rules = NULL;
    _cleanup_buf_ struct Buf program = BUF_INIT;
    size_t count = 0;
    CHECK_EQ(device_rules_make(spec, &rules, &count), 0);
    device_rules_compile(rules, count, &program);
    str_format(path, sizeof(path), "/davit-test-%d/i/devices", getpid());
    CHECK_EQ(cgroup_set_make(&set, 2, layout.v2_mount, path, "", NULL), 0);
    int r = attach(&program, set.dirs[0].fd);
    if (r == -EPERM) {
        test_skip("bpf(2) is not permitted");
    } else {
        CHECK_EQ(r, 0);
        CHECK(mkdtemp(folder));
        struct PidRef child = PIDREF_INIT;
        struct clone_args args = {
            .flags = CLONE_PIDFD | CLONE_INTO_CGROUP,
            .pidfd = (uintptr_t)&child.fd,
            .exit_signal = SIGCHLD,
            .cgroup = (uint64_t)set.dirs[0].fd,
        };
        child.pid = sys_clone3(&args, sizeof(args));
        if (child.pid == 0)
            _exit(try_devices(folder));
        int status = -1;
        CHECK_EQ(pidref_wait(&child, 0, &status), 0);
        CHECK_EQ(WEXITSTATUS(status), 0);
        CHECK(WIFEXITED(status));
        pidref_deinit(&child);
        CHECK_EQ(tree_remove(AT_FDCWD, folder, 4), 0);
    }
    CHECK_EQ(cgroup_set_remove(&set), 0);
    cgroup_set_remove_parents(&set);
    cgroup_set_deinit(&set);
}

/* Among other things it refuses what cannot be reached. */
static void test_the_kernel_takes_random_filters(void)
{
    uint64_t state = 11;
    for (unsigned round = 0; round < 100; round++) {
        struct SpecDeviceRule rules[12];
        size_t count = make_random(&state, rules);
        _cleanup_buf_ struct Buf program = BUF_INIT;
        device_rules_compile(rules, count, &program);
        _cleanup_close_ int fd = load(&program);
        if (fd == -EPERM) {
            test_skip("bpf(2) is not permitted");
            return;
        }
        CHECK(fd >= 0);
    }
}

static const struct Test tests[] = {
    TEST(test_rules_against_the_oracle),
    TEST(test_random_rules_against_the_oracle),
    TEST(test_defaults),
    TEST(test_format),
    TEST(test_the_kernel_takes_the_filter),
    TEST(test_the_kernel_takes_random_filters),
};
TEST_MAIN(tests)
