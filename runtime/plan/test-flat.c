// SPDX-License-Identifier: Apache-2.0
#include "base/test.h"
#include "runtime/plan/op.h"
#include "runtime/plan/sum.h"
#include <linux/mount.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

enum { HEADER_SIZE = 24, SUM_AT = 16, PLAN_MAGIC = 0x6e6c7064 };

static const uint32_t group_list[] = {5, 20};
static const uint64_t program[] = {1, 2, 3};

/* One op of every kind, all fields set; ops of which only the table's generic parts matter share
 * the lines of their like. */
static void build_full(struct PlanBuilder *builder, struct Buf *storage)
{
    struct OpStrings words =
        op_strings_pack(storage, (const char *const[]){"sh", "-c", "echo a, b", "", NULL});
    struct OpStrings data = {"mode=755\0size=64k", 2, 18};
    const struct Op ops[] = {
        {.kind = OP_CGROUP, .cgroup = {"/sys/fs/cgroup", "/davit/x", 2, {"pids", 1, 5}}},
        {.kind = OP_CGROUP_VALUE, .cgroup_value = {0, "pids.max", "4096", 1}},
        {.kind = OP_NAMESPACE, .namespace = {CLONE_NEWPID, ""}},
        {.kind = OP_NAMESPACE, .namespace = {CLONE_NEWNET, "/run/ns/a b"}},
        {.kind = OP_CGROUP_DEVICES, .cgroup_devices = {{program, sizeof(program)}}},
        {.kind = OP_KEYRING, .keyring = {"davit"}},
        {.kind = OP_ROOTFS, .rootfs = {"/srv/root", MS_REC | MS_SLAVE}},
        {.kind = OP_OVERLAY, .overlay = {"/", "/run/x", 1 << 20, MS_REC | MS_PRIVATE}},
        {.kind = OP_MOUNT,
         .mount = {"tmpfs", "tmpfs", "/dev", data, MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME, MS_PRIVATE,
                   1}},
        {.kind = OP_BIND,
         .bind = {"/a", "/b", 1, MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOEXEC, 0, MS_REC | MS_PRIVATE}},
        {.kind = OP_DEVICE, .device = {"/dev/null", S_IFCHR | 0666, 1, 3, 0, 0}},
        {.kind = OP_LINK, .link = {"/proc/self/fd", "/dev/fd"}},
        {.kind = OP_PIVOT, .pivot = {0}},
        {.kind = OP_ROOT_READONLY},
        {.kind = OP_SYSCTL, .sysctl = {"net/ipv4/ip_forward", "1"}},
        {.kind = OP_READONLY, .path = {"/proc/sys"}},
        {.kind = OP_MASK, .path = {"/proc/kcore"}},
        {.kind = OP_HOSTNAME, .name = {"box"}},
        {.kind = OP_DOMAINNAME, .name = {"lan"}},
        {.kind = OP_LOOPBACK},
        {.kind = OP_OOM_SCORE, .oom_score = {-500}},
        {.kind = OP_RLIMIT, .rlimit = {"RLIMIT_NOFILE", 7, 1024, UINT64_MAX}},
        {.kind = OP_LOOKUP, .exec = {words, {0}}},
        {.kind = OP_NO_NEW_PRIVILEGES},
        {.kind = OP_BOUNDING, .bounding = {3}},
        {.kind = OP_USER, .user = {1000, 100, {group_list, sizeof(group_list)}, 022}},
        {.kind = OP_CAPABILITIES, .capabilities = {1, 3, 0, 0}},
        {.kind = OP_CWD, .path = {"/"}},
        {.kind = OP_SECCOMP, .seccomp = {{program, sizeof(program)}, 4}},
        {.kind = OP_EXEC, .exec = {words, {0}}},
    };
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
        plan_add(builder, &ops[i]);
}

static void make_full(char **ret_data, size_t *ret_size)
{
    struct PlanBuilder builder = PLAN_BUILDER_INIT;
    _cleanup_buf_ struct Buf storage = BUF_INIT;
    build_full(&builder, &storage);
    CHECK_EQ(plan_finish(&builder, ret_data, ret_size), 0);
    plan_builder_deinit(&builder);
}

static const char full_text[] =
    "cgroup mount=/sys/fs/cgroup path=/davit/x version=2 controllers=[pids]\n"
    "cgroup-value index=0 file=pids.max value=4096 optional\n"
    "namespace flag=pid\n"
    "namespace flag=network path=\"/run/ns/a b\"\n"
    "cgroup-devices instructions=3 crc=2bcb8d87\n"
    "keyring name=davit\n"
    "rootfs path=/srv/root propagation=recursive,slave\n"
    "overlay lower=/ scratch=/run/x size=1048576 propagation=recursive,private\n"
    "mount type=tmpfs source=tmpfs target=/dev data=[mode=755,size=64k] "
    "attributes=nosuid,strictatime propagation=private optional\n"
    "bind source=/a target=/b recursive attributes_set=ro attributes_clear=noexec "
    "propagation=recursive,private\n"
    "device path=/dev/null mode=char:0666 major=1 minor=3 uid=0 gid=0\n"
    "link target=/proc/self/fd path=/dev/fd\n"
    "pivot\n"
    "root-readonly\n"
    "sysctl path=net/ipv4/ip_forward value=1\n"
    "readonly path=/proc/sys\n"
    "mask path=/proc/kcore\n"
    "hostname name=box\n"
    "domainname name=lan\n"
    "loopback\n"
    "oom-score value=-500\n"
    "rlimit name=RLIMIT_NOFILE resource=7 soft=1024 hard=18446744073709551615\n"
    "lookup arguments=[sh,-c,\"echo a, b\",\"\"]\n"
    "no-new-privileges\n"
    "bounding keep=cap_chown,cap_dac_override\n"
    "user uid=1000 gid=100 groups=[5,20] umask=022\n"
    "capabilities effective=cap_chown permitted=cap_chown,cap_dac_override\n"
    "cwd path=/\n"
    "seccomp instructions=3 crc=2bcb8d87 flags=spec-allow\n"
    "exec arguments=[sh,-c,\"echo a, b\",\"\"]\n";

static void test_prints_every_kind(void)
{
    _cleanup_free_ char *data = NULL;
    size_t size = 0;
    make_full(&data, &size);
    struct Plan plan;
    CHECK_EQ(plan_open(&plan, data, size), 0);
    _cleanup_buf_ struct Buf out = BUF_INIT;
    plan_print(&plan, &out);
    _cleanup_free_ char *text = buf_take_str(&out);
    CHECK_STR(text, full_text);
}

static void test_encoding_again_gives_the_same_bytes(void)
{
    _cleanup_free_ char *data = NULL, *again = NULL;
    size_t size = 0, again_size = 0, cursor = 0;
    make_full(&data, &size);
    struct Plan plan;
    CHECK_EQ(plan_open(&plan, data, size), 0);
    struct PlanBuilder builder = PLAN_BUILDER_INIT;
    struct Op op;
    uint32_t kinds = 0, count = 0;
    for (; plan_next(&plan, &cursor, &op) > 0; count++) {
        plan_add(&builder, &op);
        kinds |= UINT32_C(1) << op.kind;
    }
    CHECK_EQ(count, plan.count);
    CHECK_EQ(kinds, (UINT32_C(1) << OP_KIND_END) - 2);
    CHECK_EQ(plan_finish(&builder, &again, &again_size), 0);
    CHECK_EQ(again_size, size);
    CHECK(again && memcmp(again, data, size) == 0);
    plan_builder_deinit(&builder);
}

static void test_every_truncation_is_refused(void)
{
    _cleanup_free_ char *data = NULL;
    size_t size = 0;
    make_full(&data, &size);
    struct Plan plan;
    for (size_t i = 0; i < size; i++) {
        /* A copy of exactly this size, so that a sanitizer sees the first byte read too far. */
        _cleanup_free_ char *copy = malloc(i ? i : 1);
        memcpy(copy, data, i);
        CHECK_EQ(plan_open(&plan, copy, i), -EBADMSG);
    }
}

static void test_every_flipped_byte_is_refused(void)
{
    _cleanup_free_ char *data = NULL;
    size_t size = 0;
    make_full(&data, &size);
    struct Plan plan;
    for (size_t i = 0; i < size; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            data[i] ^= (char)(1 << bit);
            CHECK_EQ(plan_open(&plan, data, size), -EBADMSG);
            data[i] ^= (char)(1 << bit);
        }
    CHECK_EQ(plan_open(&plan, data, size), 0);
}

static void fix_sum(char *data, size_t size)
{
    uint64_t sum = sum64(data + HEADER_SIZE, size - HEADER_SIZE, PLAN_MAGIC);
    memcpy(data + SUM_AT, &sum, sizeof(sum));
}

/* With the sum made right again the field checks stand alone: what they let through must be a plan
 * that can be walked to its end and printed, and must encode to the same bytes again. */
static void test_flips_with_a_right_sum_are_refused_or_canonical(void)
{
    _cleanup_free_ char *data = NULL;
    size_t size = 0, refused = 0;
    make_full(&data, &size);
    for (size_t i = HEADER_SIZE; i < size; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            data[i] ^= (char)(1 << bit);
            fix_sum(data, size);
            struct Plan plan;
            int r = plan_open(&plan, data, size);
            CHECK(r == 0 || r == -EBADMSG);
            refused += r < 0;
            struct PlanBuilder builder = PLAN_BUILDER_INIT;
            struct Op op;
            size_t cursor = 0, again_size = 0;
            _cleanup_free_ char *again = NULL;
            while (r == 0 && plan_next(&plan, &cursor, &op) > 0)
                plan_add(&builder, &op);
            if (r == 0) {
                CHECK_EQ(plan_finish(&builder, &again, &again_size), 0);
                CHECK(again_size == size && again && memcmp(again, data, size) == 0);
            }
            plan_builder_deinit(&builder);
            data[i] ^= (char)(1 << bit);
        }
    CHECK(refused > size * 2);
}

struct Patch {
    const char *name;
    size_t at; /* in a plan of one OP_CGROUP_VALUE-free op, see test */
    uint32_t value;
};

static void test_field_checks(void)
{
    /* Header 24, op header 8, then the text of OP_HOSTNAME: length at 32, "abc" at 36. */
    static const struct Patch patches[] = {
        {"kind 0", 24, 0},
        {"kind past the end", 24, OP_KIND_END},
        {"op header not zero", 24, OP_HOSTNAME | 1 << 16},
        {"op too long", 28, 16},
        {"op too short", 28, 0},
        {"text longer than the op", 32, 4},
        {"text shorter than its bytes", 32, 2},
        {"text of 4 GiB", 32, UINT32_MAX},
        {"NUL inside the text", 36, 'a' | 'c' << 16},
        {"no NUL after the text", 36, 'a' | 'b' << 8 | 'c' << 16 | (uint32_t)'d' << 24},
    };
    for (size_t i = 0; i < sizeof(patches) / sizeof(patches[0]); i++) {
        test_row(patches[i].name);
        struct PlanBuilder builder = PLAN_BUILDER_INIT;
        plan_add(&builder, &(struct Op){.kind = OP_HOSTNAME, .name = {"abc"}});
        _cleanup_free_ char *data = NULL;
        size_t size = 0;
        CHECK_EQ(plan_finish(&builder, &data, &size), 0);
        struct Plan plan;
        CHECK_EQ(plan_open(&plan, data, size), 0);
        memcpy(data + patches[i].at, &patches[i].value, sizeof(patches[i].value));
        fix_sum(data, size);
        CHECK_EQ(plan_open(&plan, data, size), -EBADMSG);
    }
    test_row(NULL);
}

static void test_whole_plan_checks(void)
{
    struct PlanBuilder builder = PLAN_BUILDER_INIT;
    _cleanup_free_ char *data = NULL;
    size_t size = 0;
    struct Plan plan;
    plan_add(&builder, &(struct Op){.kind = OP_CGROUP_VALUE, .cgroup_value = {0, "pids.max", "1", 0}});
    CHECK_EQ(plan_finish(&builder, &data, &size), 0);
    CHECK_EQ(plan_open(&plan, data, size), -EBADMSG); /* of no cgroup */
    plan_builder_deinit(&builder);

    _cleanup_free_ char *no_arguments = NULL;
    plan_add(&builder, &(struct Op){.kind = OP_EXEC});
    CHECK_EQ(plan_finish(&builder, &no_arguments, &size), 0);
    CHECK_EQ(plan_open(&plan, no_arguments, size), -EBADMSG);
    plan_builder_deinit(&builder);

    _cleanup_free_ char *empty = NULL;
    CHECK_EQ(plan_finish(&builder, &empty, &size), 0);
    CHECK_EQ(plan_open(&plan, empty, size), 0);
    CHECK_EQ(plan.count, 0);
    struct Op op;
    size_t cursor = 0;
    CHECK_EQ(plan_next(&plan, &cursor, &op), 0);
    plan_builder_deinit(&builder);

    /* Two good ops whose kinds are swapped afterwards: the later stage comes first. */
    _cleanup_free_ char *order = NULL;
    plan_add(&builder, &(struct Op){.kind = OP_LOOPBACK});
    plan_add(&builder, &(struct Op){.kind = OP_NO_NEW_PRIVILEGES});
    CHECK_EQ(plan_finish(&builder, &order, &size), 0);
    CHECK_EQ(plan_open(&plan, order, size), 0);
    order[HEADER_SIZE] = OP_NO_NEW_PRIVILEGES;
    order[HEADER_SIZE + 8] = OP_LOOPBACK;
    fix_sum(order, size);
    CHECK_EQ(plan_open(&plan, order, size), -EBADMSG);
    plan_builder_deinit(&builder);
}

static void test_builder_errors_stick(void)
{
    static const struct {
        const char *name;
        struct Op op;
        int expected;
    } rows[] = {
        {"earlier stage", {.kind = OP_CGROUP}, -EINVAL},
        {"unknown kind", {.kind = OP_KIND_END}, -EINVAL},
        {"zero kind", {0}, -EINVAL},
        {"uid out of range", {.kind = OP_USER, .user = {.uid = UINT64_C(0xffffffff)}}, -EINVAL},
        {"odd filter", {.kind = OP_SECCOMP, .seccomp = {{program, 9}, 0}}, -EINVAL},
        {"huge filter", {.kind = OP_SECCOMP, .seccomp = {{program, 0}, 0}}, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        test_row(rows[i].name);
        struct PlanBuilder builder = PLAN_BUILDER_INIT;
        plan_add(&builder, &(struct Op){.kind = OP_NO_NEW_PRIVILEGES});
        plan_add(&builder, &rows[i].op);
        plan_add(&builder, &(struct Op){.kind = OP_NO_NEW_PRIVILEGES});
        CHECK_EQ(builder.error, rows[i].expected);
        char *data = NULL;
        size_t size = 0;
        CHECK_EQ(plan_finish(&builder, &data, &size), rows[i].expected);
        free(data);
        plan_builder_deinit(&builder);
    }
    test_row(NULL);
}

static void test_size_limits(void)
{
    struct PlanBuilder builder = PLAN_BUILDER_INIT;
    for (unsigned i = 0; i <= PLAN_OPS_MAX; i++)
        plan_add(&builder, &(struct Op){.kind = OP_LOOPBACK});
    CHECK_EQ(builder.error, -EFBIG);
    plan_builder_deinit(&builder);

    _cleanup_free_ char *big = malloc(PLAN_SIZE_MAX);
    memset(big, 'a', PLAN_SIZE_MAX);
    big[PLAN_SIZE_MAX - 1] = 0;
    plan_add(&builder, &(struct Op){.kind = OP_HOSTNAME, .name = {big}});
    CHECK_EQ(builder.error, -EFBIG);
    plan_builder_deinit(&builder);
}

static void test_objects(void)
{
    static const struct {
        struct Op op;
        const char *object;
    } rows[] = {
        {{.kind = OP_MOUNT, .mount = {.type = "proc", .source = "proc", .target = "/proc"}}, "/proc"},
        {{.kind = OP_BIND, .bind = {.source = "/a", .target = "/b"}}, "/b"},
        {{.kind = OP_LINK, .link = {"/proc/self/fd", "/dev/fd"}}, "/dev/fd"},
        {{.kind = OP_CGROUP, .cgroup = {.mount = "/sys/fs/cgroup", .path = "/davit/x"}}, "/davit/x"},
        {{.kind = OP_CGROUP_VALUE, .cgroup_value = {.file = "pids.max", .value = "1"}}, "pids.max"},
        {{.kind = OP_NAMESPACE, .namespace = {CLONE_NEWUTS, ""}}, "uts"},
        {{.kind = OP_OVERLAY, .overlay = {.lower = "/", .scratch = "/run/x"}}, "/"},
        {{.kind = OP_RLIMIT, .rlimit = {.name = "RLIMIT_CORE"}}, "RLIMIT_CORE"},
        {{.kind = OP_EXEC, .exec = {.arguments = {"sh\0-c", 2, 6}}}, "sh"},
        {{.kind = OP_PIVOT}, ""},
        {{.kind = OP_KIND_END}, ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        CHECK_STR(op_object(&rows[i].op), rows[i].object);
}

static const struct Test tests[] = {
    TEST(test_prints_every_kind),
    TEST(test_encoding_again_gives_the_same_bytes),
    TEST(test_every_truncation_is_refused),
    TEST(test_every_flipped_byte_is_refused),
    TEST(test_flips_with_a_right_sum_are_refused_or_canonical),
    TEST(test_field_checks),
    TEST(test_whole_plan_checks),
    TEST(test_builder_errors_stick),
    TEST(test_size_limits),
    TEST(test_objects),
};
TEST_MAIN(tests)
