// SPDX-License-Identifier: Apache-2.0
#include "base/str.h"
#include "base/test.h"
#include "runtime/cgroup/cgroup.h"
#include <string.h>

static const char v2_text[] =
    "22 28 0:20 / /proc rw,nosuid - proc proc rw\n"
    "28 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
    "30 28 0:25 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 "
    "rw,nsdelegate,memory_recursiveprot\n"
    "99 28 0:25 / /srv/root/sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw\n";

static const char hybrid_text[] =
    "28 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "90 28 0:32 / /var/lib/box/root/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:4 master:2 - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "36 31 0:33 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids,release_agent=/x,clone_children\n"
    "40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw";

static const char v1_text[] = "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
                              "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
                              "36 31 0:33 / /sys/fs/cgroup/my\\040pids rw,relatime - cgroup cgroup rw,pids\n"
                              "a line that is none\n"
                              "37 31 0:34 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer\n";

/* A v2 mount over the whole hybrid tree: what lies below it can no longer be reached. */
static const char covered_text[] =
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "50 31 0:38 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw\n";

static const char named_only_text[] =
    "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

struct Row {
    const char *name, *text, *controllers;
    enum CgroupKind kind;
    const char *v2_mount;
    unsigned v1_count;
    const char *memory, *pids, *cpuacct; /* mount points on v1, NULL: none */
    bool v2_memory;
};

static const struct Row rows[] = {
    {"v2", v2_text, "cpuset cpu io memory pids\n", CGROUP_V2, "/sys/fs/cgroup", 0, NULL, NULL, NULL, true},
    {"v2 without controllers", v2_text, "\n", CGROUP_V2, "/sys/fs/cgroup", 0, NULL, NULL, NULL, false},
    {"hybrid", hybrid_text, "hugetlb\n", CGROUP_HYBRID, "/sys/fs/cgroup/unified", 4, "/sys/fs/cgroup/memory",
     "/sys/fs/cgroup/pids", "/sys/fs/cgroup/cpu,cpuacct", false},
    {"v1", v1_text, NULL, CGROUP_V1, "", 3, "/sys/fs/cgroup/memory", "/sys/fs/cgroup/my pids", NULL, false},
    {"covered", covered_text, "memory pids", CGROUP_V2, "/sys/fs/cgroup", 0, NULL, NULL, NULL, true},
    {"named only", named_only_text, "memory", CGROUP_V2, "/sys/fs/cgroup/unified", 1, NULL, NULL, NULL, true},
    {"nothing", "28 1 8:1 / / rw - ext4 /dev/sda1 rw\n", NULL, CGROUP_NONE, "", 0, NULL, NULL, NULL, false},
    {"empty", "", NULL, CGROUP_NONE, "", 0, NULL, NULL, NULL, false},
    {"cut", "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup", NULL, CGROUP_NONE, "", 0, NULL, NULL,
     NULL, false},
};

static const char *v1_mount(const struct CgroupLayout *layout, const char *controller)
{
    const struct CgroupHierarchy *hierarchy = cgroup_layout_v1(layout, controller);
    return hierarchy ? hierarchy->mount : NULL;
}

static void test_layouts(void)
{
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        const struct Row *row = &rows[i];
        test_row(row->name);
        struct CgroupLayout layout;
        CHECK_EQ(cgroup_layout_parse(&layout, row->text, row->controllers, NULL), 0);
        CHECK_EQ(layout.kind, row->kind);
        CHECK_STR(layout.v2_mount, row->v2_mount);
        CHECK_EQ(layout.v1_count, row->v1_count);
        CHECK_STR(v1_mount(&layout, "memory"), row->memory);
        CHECK_STR(v1_mount(&layout, "pids"), row->pids);
        CHECK_STR(v1_mount(&layout, "cpuacct"), row->cpuacct);
        CHECK_EQ(cgroup_layout_has_v2(&layout, "memory"), row->v2_memory);
        CHECK(!cgroup_layout_has_v2(&layout, "mem"));
    }
    test_row(NULL);
}

static void test_a_mount_point_too_long_is_left_out(void)
{
    char text[512], name[CGROUP_MOUNT_MAX + 1];
    memset(name, 'x', sizeof(name));
    name[sizeof(name) - 1] = 0;
    str_format(text, sizeof(text), "41 31 0:38 / /sys/fs/cgroup/%s rw - cgroup2 cgroup2 rw\n", name);
    struct CgroupLayout layout;
    CHECK_EQ(cgroup_layout_parse(&layout, text, NULL, NULL), 0);
    CHECK_EQ(layout.kind, CGROUP_NONE);
}

static void test_too_many_controllers_are_an_error(void)
{
    char controllers[256];
    memset(controllers, 'x', sizeof(controllers) - 1);
    controllers[sizeof(controllers) - 1] = 0;
    struct CgroupLayout layout = {.v1_count = 7};
    struct Error error = {0};
    CHECK(cgroup_layout_parse(&layout, v2_text, controllers, &error) < 0);
    CHECK_EQ(error.code, ERROR_RUNTIME_FAILED);
    CHECK_STR(error.where, "cgroup.controllers");
    CHECK_EQ(layout.v1_count, 7); /* untouched on failure */
}

static void test_this_machine(void)
{
    struct CgroupLayout layout;
    struct Error error = {0};
    CHECK_EQ(cgroup_layout_probe(&layout, &error), 0);
    CHECK_STR(error.what, "");
}

static const struct Test tests[] = {
    TEST(test_layouts),
    TEST(test_a_mount_point_too_long_is_left_out),
    TEST(test_too_many_controllers_are_an_error),
    TEST(test_this_machine),
};
TEST_MAIN(tests)
