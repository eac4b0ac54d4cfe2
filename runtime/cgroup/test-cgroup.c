// SPDX-License-Identifier: Apache-2.0
/* On the hierarchies of the machine that runs it, below /davit-test-<pid> only. */
#include "base/clock.h"
#include "base/fd.h"
#include "base/pidref.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/test.h"
#include "runtime/cgroup/cgroup.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEADLINE_MSEC = 5000 };

static bool prepare(struct CgroupLayout *layout, char path[CGROUP_PATH_MAX], const char *name)
{
    if (geteuid() != 0 || cgroup_layout_probe(layout, NULL) < 0 || layout->kind == CGROUP_NONE) {
        test_skip("needs root and cgroups");
        return false;
    }
    str_format(path, CGROUP_PATH_MAX, "/davit-test-%d/i/%s", getpid(), name);
    return true;
}

static const char *v1_mount(const struct CgroupLayout *layout, const char *controller)
{
    const struct CgroupHierarchy *hierarchy = cgroup_layout_v1(layout, controller);
    if (!hierarchy)
        test_skip("no such v1 controller here");
    return hierarchy ? hierarchy->mount : NULL;
}

static bool host_has(const char *mount, const char *path)
{
    char full[CGROUP_PATH_MAX + CGROUP_MOUNT_MAX];
    str_format(full, sizeof(full), "%s%s", mount, path);
    return access(full, F_OK) == 0;
}

static bool parents_are_gone(const char *mount)
{
    char path[CGROUP_PATH_MAX];
    str_format(path, sizeof(path), "/davit-test-%d", getpid());
    return !host_has(mount, path);
}

/* A child that enters the set (v2 by clone, v1 by itself), says so, and then runs `body`. */
static struct PidRef spawn(const struct CgroupSet *set, void (*body)(void))
{
    int sync[2];
    CHECK_EQ(pipe2(sync, O_CLOEXEC), 0);
    struct PidRef child = PIDREF_INIT;
    bool v2 = set->count && set->dirs[0].version == 2;
    struct clone_args args = {
        .flags = CLONE_PIDFD | (v2 ? CLONE_INTO_CGROUP : 0),
        .pidfd = (uintptr_t)&child.fd,
        .exit_signal = SIGCHLD,
        .cgroup = v2 ? (uint64_t)set->dirs[0].fd : 0,
    };
    child.pid = sys_clone3(&args, sizeof(args));
    if (child.pid == 0) {
        int r = cgroup_set_enter_v1(set);
        if (write(sync[1], &r, sizeof(r)) != sizeof(r) || r < 0)
            _exit(1);
        close(sync[1]);
        body();
        _exit(0);
    }
    int result = -1;
    close(sync[1]);
    CHECK_EQ(read(sync[0], &result, sizeof(result)), sizeof(result));
    CHECK_EQ(result, 0);
    close(sync[0]);
    return child;
}

static void sleep_for_ever(void)
{
    for (;;)
        pause();
}

static int wait_exit(struct PidRef *child)
{
    struct pollfd poll_fd = {.fd = child->fd, .events = POLLIN};
    CHECK_EQ(poll(&poll_fd, 1, DEADLINE_MSEC), 1);
    int status = -1;
    CHECK_EQ(pidref_wait(child, 0, &status), 0);
    pidref_deinit(child);
    return status;
}

/* The kernel tells "populated" a moment after the last process is reaped. */
static void wait_empty(const struct CgroupSet *set)
{
    uint64_t end = clock_boottime_usec() + DEADLINE_MSEC * USEC_PER_MSEC;
    while (cgroup_set_is_populated(set) == 1 && clock_boottime_usec() < end)
        poll(NULL, 0, 1);
    CHECK_EQ(cgroup_set_is_populated(set), 0);
}

static void remove_set(struct CgroupSet *set)
{
    uint64_t end = clock_boottime_usec() + DEADLINE_MSEC * USEC_PER_MSEC;
    int r;
    while ((r = cgroup_set_remove(set)) == -EBUSY && clock_boottime_usec() < end)
        poll(NULL, 0, 1);
    CHECK_EQ(r, 0);
    CHECK_EQ(set->count, 0);
    cgroup_set_remove_parents(set);
    cgroup_set_deinit(set);
}

static int make(struct CgroupSet *set, unsigned version, const char *mount, const char *path)
{
    struct Error error = {0};
    int r = cgroup_set_make(set, version, mount, path, "", &error);
    CHECK_STR(error.what, "");
    return r;
}

static void check_end(const struct CgroupSet *set, struct PidRef *child, int signal)
{
    int status = wait_exit(child);
    CHECK_EQ(WIFSIGNALED(status) ? WTERMSIG(status) : -1, signal);
    wait_empty(set);
}

/* The whole life on one hierarchy. The kill comes last: see cgroup-v2.c. */
static void check_life(const struct CgroupSet *set)
{
    CHECK_EQ(cgroup_set_is_populated(set), 0);
    CHECK_EQ(cgroup_set_kill(set), 0);
    struct PidRef child = spawn(set, sleep_for_ever);
    CHECK_EQ(cgroup_set_is_populated(set), 1);
    CHECK_EQ(cgroup_set_signal(set, SIGTERM), 0);
    check_end(set, &child, SIGTERM);
    child = spawn(set, sleep_for_ever);
    CHECK_EQ(cgroup_set_kill(set), 0);
    check_end(set, &child, SIGKILL);
}

static void test_v2(void)
{
    struct CgroupLayout layout;
    char path[CGROUP_PATH_MAX];
    if (!prepare(&layout, path, "v2"))
        return;
    if (!layout.v2_mount[0]) {
        test_skip("no cgroup2 mount");
        return;
    }
    struct CgroupSet set = {0};
    struct stat st = {0};
    mode_t before = umask(077);
    CHECK_EQ(make(&set, 2, layout.v2_mount, path), 0);
    umask(before);
    CHECK_EQ(fstat(set.dirs[0].fd, &st), 0);
    CHECK_EQ(st.st_mode & 0777, 0755);
    check_life(&set);
    struct CgroupEvidence evidence;
    cgroup_set_evidence(&set, &evidence);
    CHECK(evidence.cpu_usec != UINT64_MAX);
    remove_set(&set);
    CHECK(parents_are_gone(layout.v2_mount));
}

static void check_v1(const char *controller)
{
    struct CgroupLayout layout;
    char path[CGROUP_PATH_MAX];
    if (!prepare(&layout, path, controller))
        return;
    const char *mount = v1_mount(&layout, controller);
    if (!mount)
        return;
    struct CgroupSet set = {0};
    CHECK_EQ(make(&set, 1, mount, path), 0);
    check_life(&set);
    remove_set(&set);
    CHECK(parents_are_gone(mount));
}

static void test_v1_with_and_without_freezer(void)
{
    check_v1("freezer");
    check_v1("pids");
}

static void fork_without_end(void)
{
    for (;;) {
        pid_t child = fork();
        if (child > 0)
            pause();
    }
}

/* Each process makes one more and sleeps: a kill that looks once would miss some. */
static void check_fork_chain(unsigned version, const char *mount, const char *path)
{
    struct CgroupSet set = {0};
    CHECK_EQ(make(&set, version, mount, path), 0);
    struct CgroupLayout layout;
    CHECK_EQ(cgroup_layout_probe(&layout, NULL), 0);
    const struct CgroupHierarchy *pids = cgroup_layout_v1(&layout, "pids");
    if (pids && version == 2)
        CHECK_EQ(make(&set, 1, pids->mount, path), 0);
    for (unsigned i = 0; i < set.count; i++)
        (void)cgroup_dir_write(&set.dirs[i], "pids.max", "20");
    struct PidRef child = spawn(&set, fork_without_end);
    CHECK_EQ(cgroup_set_kill(&set), 0);
    int status = wait_exit(&child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    wait_empty(&set);
    remove_set(&set);
}

static void test_kill_of_a_fork_chain_v2(void)
{
    struct CgroupLayout layout;
    char path[CGROUP_PATH_MAX];
    if (!prepare(&layout, path, "chain2"))
        return;
    if (layout.v2_mount[0] && (cgroup_layout_v1(&layout, "pids") || cgroup_layout_has_v2(&layout, "pids")))
        check_fork_chain(2, layout.v2_mount, path);
    else
        test_skip("no cgroup2 mount with a way to bound the number of processes");
}

static void test_kill_of_a_fork_chain_v1(void)
{
    struct CgroupLayout layout;
    char path[CGROUP_PATH_MAX];
    if (!prepare(&layout, path, "chain1"))
        return;
    const char *mount = v1_mount(&layout, "pids");
    if (mount)
        check_fork_chain(1, mount, path);
}

static void test_make_refuses(void)
{
    struct CgroupLayout layout;
    char path[CGROUP_PATH_MAX], long_path[CGROUP_PATH_MAX + 8];
    if (!prepare(&layout, path, "refuse"))
        return;
    unsigned version = layout.v2_mount[0] ? 2 : 1;
    const char *mount = version == 2 ? layout.v2_mount : layout.v1[0].mount;
    memset(long_path, 'a', sizeof(long_path));
    long_path[0] = '/';
    long_path[sizeof(long_path) - 1] = 0;
    const struct {
        const char *mount, *path;
        unsigned version;
        int code;
    } rows[] = {
        {mount, "", version, ERROR_INVALID_ARGUMENT},
        {mount, "/", version, ERROR_INVALID_ARGUMENT},
        {mount, "davit-test", version, ERROR_INVALID_ARGUMENT},
        {mount, "/davit-test/..", version, ERROR_INVALID_ARGUMENT},
        {mount, "/davit-test/../x", version, ERROR_INVALID_ARGUMENT},
        {mount, "/davit-test/./x", version, ERROR_INVALID_ARGUMENT},
        {mount, "/davit-test//x", version, ERROR_INVALID_ARGUMENT},
        {mount, "/davit-test/", version, ERROR_INVALID_ARGUMENT},
        {mount, long_path, version, ERROR_INVALID_ARGUMENT},
        {mount, path, 3, ERROR_INVALID_ARGUMENT},
        {mount, path, version == 2 ? 1 : 2, ERROR_RUNTIME_FAILED}, /* the other version lives there */
        {"/tmp", path, version, ERROR_RUNTIME_FAILED},
        {"/nonexistent", path, version, ERROR_RUNTIME_FAILED},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        test_row(rows[i].path);
        struct CgroupSet set = {0};
        struct Error error = {0};
        CHECK(cgroup_set_make(&set, rows[i].version, rows[i].mount, rows[i].path, "", &error) < 0);
        CHECK_EQ(error.code, rows[i].code);
        size_t length = strlen(rows[i].path), shown = strlen(error.where);
        CHECK(shown <= length && str_equal(rows[i].path + length - shown, error.where));
        CHECK_EQ(set.count, 0);
    }
    test_row(NULL);
    CHECK(!host_has("/tmp", path));
    CHECK(parents_are_gone(mount));
}

static void test_an_existing_folder_is_refused(void)
{
    struct CgroupLayout layout;
    char path[CGROUP_PATH_MAX];
    if (!prepare(&layout, path, "twice"))
        return;
    unsigned version = layout.v2_mount[0] ? 2 : 1;
    const char *mount = version == 2 ? layout.v2_mount : layout.v1[0].mount;
    struct CgroupSet set = {0}, second = {0};
    struct Error error = {0};
    CHECK_EQ(make(&set, version, mount, path), 0);
    CHECK(cgroup_set_make(&second, version, mount, path, "", &error) < 0);
    CHECK_EQ(error.code, ERROR_ALREADY_EXISTS);
    CHECK_STR(error.where, path);
    CHECK_EQ(second.count, 0);
    CHECK(host_has(mount, path));
    remove_set(&set);
}

static void test_remove_is_busy_while_somebody_lives_there(void)
{
    struct CgroupLayout layout;
    char path[CGROUP_PATH_MAX], inner[CGROUP_PATH_MAX + 8];
    if (!prepare(&layout, path, "busy"))
        return;
    unsigned version = layout.v2_mount[0] ? 2 : 1;
    const char *mount = version == 2 ? layout.v2_mount : layout.v1[0].mount;
    struct CgroupSet set = {0}, below = {0};
    CHECK_EQ(make(&set, version, mount, path), 0);
    str_format(inner, sizeof(inner), "%s/x", path);
    CHECK_EQ(make(&below, version, mount, inner), 0);
    struct PidRef child = spawn(&below, sleep_for_ever);
    CHECK_EQ(cgroup_set_remove(&set), -EBUSY);
    CHECK_EQ(set.count, 1);
    CHECK_EQ(cgroup_set_is_populated(&set), 1); /* by its child folder */
    CHECK_EQ(cgroup_set_kill(&set), 0);
    CHECK_EQ(WTERMSIG(wait_exit(&child)), SIGKILL);
    wait_empty(&set);
    cgroup_set_deinit(&below);
    remove_set(&set);
    CHECK(parents_are_gone(mount));
}

static void make_deep_and_wide(int fd, unsigned depth, unsigned width)
{
    char name[32];
    for (unsigned i = 0; i < width; i++) {
        str_format(name, sizeof(name), "w%u", i);
        CHECK_EQ(mkdirat(fd, name, 0755), 0);
    }
    int current = dup(fd);
    for (unsigned i = 0; i < depth; i++) {
        CHECK_EQ(mkdirat(current, "d", 0755), 0);
        int next = openat(current, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(current);
        current = next;
    }
    close(current);
}

static void test_remove_of_a_deep_and_wide_tree(void)
{
    struct CgroupLayout layout;
    char path[CGROUP_PATH_MAX];
    if (!prepare(&layout, path, "deep"))
        return;
    unsigned version = layout.v2_mount[0] ? 2 : 1;
    const char *mount = version == 2 ? layout.v2_mount : layout.v1[0].mount;
    struct CgroupSet set = {0};
    CHECK_EQ(make(&set, version, mount, path), 0);
    make_deep_and_wide(set.dirs[0].fd, 300, 40);
    remove_set(&set);
    CHECK(parents_are_gone(mount));
}

static void test_all_hierarchies_together(void)
{
    struct CgroupLayout layout;
    char path[CGROUP_PATH_MAX];
    if (!prepare(&layout, path, "all"))
        return;
    const struct CgroupHierarchy *pids = cgroup_layout_v1(&layout, "pids"),
                                 *memory = cgroup_layout_v1(&layout, "memory");
    if (layout.kind != CGROUP_HYBRID || !pids || !memory) {
        test_skip("no hybrid layout");
        return;
    }
    struct CgroupSet set = {0};
    CHECK_EQ(make(&set, 1, pids->mount, path), 0);
    CHECK_EQ(make(&set, 1, memory->mount, path), 0);
    CHECK_EQ(make(&set, 2, layout.v2_mount, path), 0);
    CHECK_EQ(set.count, 3);
    CHECK_EQ(set.dirs[0].version, 2);
    check_life(&set);

    struct CgroupSet opened = {0};
    CHECK_EQ(cgroup_set_open(&opened, &layout, path), 0);
    CHECK_EQ(opened.count, 3);
    CHECK_EQ(opened.dirs[0].version, 2);
    cgroup_set_deinit(&set);
    remove_set(&opened);
    CHECK(parents_are_gone(pids->mount) && parents_are_gone(memory->mount) &&
          parents_are_gone(layout.v2_mount));
    CHECK_EQ(cgroup_set_open(&opened, &layout, path), 0);
    CHECK_EQ(opened.count, 0);
    CHECK_EQ(cgroup_set_open(&opened, &layout, "/a/../b"), -EINVAL);
}

static void test_a_removed_folder_is_fine(void)
{
    struct CgroupLayout layout;
    char path[CGROUP_PATH_MAX];
    if (!prepare(&layout, path, "gone"))
        return;
    unsigned version = layout.v2_mount[0] ? 2 : 1;
    const char *mount = version == 2 ? layout.v2_mount : layout.v1[0].mount;
    struct CgroupSet set = {0}, other = {0};
    CHECK_EQ(make(&set, version, mount, path), 0);
    CHECK_EQ(cgroup_set_open(&other, &layout, path), 0);
    remove_set(&set);
    CHECK_EQ(cgroup_set_kill(&other), 0);
    CHECK_EQ(cgroup_set_signal(&other, SIGTERM), 0);
    CHECK_EQ(cgroup_set_is_populated(&other), 0);
    remove_set(&other);
}

static void eat_memory(void)
{
    size_t size = 64 << 20;
    char *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data != MAP_FAILED)
        for (size_t i = 0; i < size; i += 4096)
            ((volatile char *)data)[i] = 1;
}

static void test_evidence_of_an_oom_kill_v1(void)
{
    struct CgroupLayout layout;
    char path[CGROUP_PATH_MAX];
    if (!prepare(&layout, path, "oom"))
        return;
    const char *mount = v1_mount(&layout, "memory");
    if (!mount)
        return;
    struct CgroupSet set = {0};
    CHECK_EQ(make(&set, 1, mount, path), 0);
    struct CgroupEvidence evidence;
    cgroup_set_evidence(&set, &evidence);
    CHECK_EQ(evidence.memory_limit, UINT64_MAX);
    CHECK_EQ(evidence.oom_kills, 0);
    CHECK_EQ(evidence.oom_local, 0);
    CHECK_EQ(evidence.pids_refused, UINT64_MAX);
    CHECK_EQ(cgroup_dir_write(&set.dirs[0], "memory.limit_in_bytes", "16777216"), 0);
    (void)cgroup_dir_write(&set.dirs[0], "memory.memsw.limit_in_bytes", "16777216");
    struct PidRef child = spawn(&set, eat_memory);
    CHECK_EQ(WTERMSIG(wait_exit(&child)), SIGKILL);
    cgroup_set_evidence(&set, &evidence);
    CHECK_EQ(evidence.memory_limit, 16777216);
    CHECK_EQ(evidence.oom_kills, 1);
    CHECK_EQ(evidence.oom_local, 1);
    CHECK(evidence.memory_peak > 15 << 20 && evidence.memory_peak <= 16777216);
    remove_set(&set);
}

static void fork_a_few(void)
{
    for (unsigned i = 0; i < 3; i++)
        if (fork() == 0)
            _exit(0);
}

static void test_evidence_of_refused_forks_v1(void)
{
    struct CgroupLayout layout;
    char path[CGROUP_PATH_MAX];
    if (!prepare(&layout, path, "forks"))
        return;
    const char *mount = v1_mount(&layout, "pids");
    if (!mount)
        return;
    struct CgroupSet set = {0};
    CHECK_EQ(make(&set, 1, mount, path), 0);
    CHECK_EQ(cgroup_dir_write(&set.dirs[0], "pids.max", "1"), 0);
    struct PidRef child = spawn(&set, fork_a_few);
    CHECK_EQ(wait_exit(&child), 0);
    struct CgroupEvidence evidence;
    cgroup_set_evidence(&set, &evidence);
    CHECK_EQ(evidence.pids_refused, 3);
    CHECK_EQ(cgroup_dir_write(&set.dirs[0], "no.such.file", "1"), -ENOENT);
    remove_set(&set);
}

static const struct Test tests[] = {
    TEST(test_v2),
    TEST(test_v1_with_and_without_freezer),
    TEST(test_kill_of_a_fork_chain_v2),
    TEST(test_kill_of_a_fork_chain_v1),
    TEST(test_make_refuses),
    TEST(test_an_existing_folder_is_refused),
    TEST(test_remove_is_busy_while_somebody_lives_there),
    TEST(test_remove_of_a_deep_and_wide_tree),
    TEST(test_all_hierarchies_together),
    TEST(test_a_removed_folder_is_fine),
    TEST(test_evidence_of_an_oom_kill_v1),
    TEST(test_evidence_of_refused_forks_v1),
};
TEST_MAIN(tests)
