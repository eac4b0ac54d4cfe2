// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"
#include "base/resolve.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/test.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* A root folder "root" beside a folder "outside" that nothing may reach. */
static int make_root(void)
{
    int dir;
    test_folder(&dir);
    CHECK_EQ(mkdirat(dir, "root", 0755), 0);
    CHECK_EQ(mkdirat(dir, "outside", 0755), 0);
    CHECK_EQ(file_create(dir, "outside/secret", "s", 1, 0600), 0);
    int root = openat(dir, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    CHECK(root >= 0);
    return root;
}

static ino_t inode_of(int fd)
{
    struct stat st = {0};
    CHECK_EQ(fstat(fd, &st), 0);
    return st.st_ino;
}

/* Opens, closes and says how it went. */
static int opens(int fd)
{
    safe_close(fd);
    return fd < 0 ? fd : 0;
}

static mode_t type_at(int dir, const char *path)
{
    struct stat st;
    return fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : st.st_mode & S_IFMT;
}

static void test_open_stays_in_the_root(void)
{
    _cleanup_close_ int root = make_root();
    CHECK_EQ(mkdirat(root, "etc", 0755), 0);
    CHECK_EQ(file_create(root, "etc/file", "x", 1, 0644), 0);
    CHECK_EQ(symlinkat("/etc/file", root, "absolute"), 0);
    CHECK_EQ(symlinkat("../outside/secret", root, "escape"), 0);
    CHECK_EQ(symlinkat("/proc/self/fd/0", root, "magic"), 0);
    CHECK_EQ(symlinkat("loop", root, "loop"), 0);
    static const struct {
        const char *path;
        int result;
    } rows[] = {
        {"etc/file", 0},          {"/etc/file", 0},
        {"absolute", 0},          {"../../../etc/file", 0},
        {"escape", -ENOENT},      {"../outside/secret", -ENOENT},
        {"magic", -ENOENT},       {"loop", -ELOOP},
        {"etc/file/x", -ENOTDIR}, {"", -ENOENT},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        test_row(rows[i].path);
        CHECK_EQ(opens(resolve_open(root, rows[i].path, O_RDONLY)), rows[i].result);
    }
    test_row(NULL);
    _cleanup_close_ int top = resolve_open(root, "../..", O_PATH);
    CHECK_EQ(inode_of(top), inode_of(root));
    CHECK_EQ(fcntl(top, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(resolve_open(-1, "x", O_PATH), -EBADF);
}

static void test_make_folders_and_files(void)
{
    _cleanup_close_ int root = make_root();
    CHECK_EQ(opens(resolve_make(root, "/a/b//c/", 0700, false)), 0);
    CHECK_EQ(type_at(root, "a/b/c"), S_IFDIR);
    struct stat st = {0};
    CHECK_EQ(fstatat(root, "a/b", &st, 0), 0);
    CHECK_EQ(st.st_mode & 0777, 0700);
    CHECK_EQ(opens(resolve_make(root, "a/b/d/file", 0755, true)), 0);
    CHECK_EQ(type_at(root, "a/b/d/file"), S_IFREG);
    CHECK_EQ(opens(resolve_make(root, "a/b/d/file", 0755, true)), 0);
    CHECK_EQ(opens(resolve_make(root, "a/b/d/file", 0755, false)), -ENOTDIR);
    CHECK_EQ(opens(resolve_make(root, "a/b/d/file/x", 0755, false)), -ENOTDIR);
    CHECK_EQ(opens(resolve_make(root, "a/b/c", 0755, true)), 0);
    CHECK_EQ(opens(resolve_make(root, "n/../m/./k", 0755, false)), 0);
    CHECK_EQ(type_at(root, "m/k"), S_IFDIR);
    CHECK_EQ(opens(resolve_make(root, "../../up", 0755, false)), 0);
    CHECK_EQ(type_at(root, "up"), S_IFDIR);
    CHECK_EQ(resolve_make(root, "", 0755, false), -ENOENT);
    _cleanup_close_ int top = resolve_make(root, "/", 0755, false);
    CHECK_EQ(inode_of(top), inode_of(root));
    char name[300];
    memset(name, 'n', sizeof(name));
    name[sizeof(name) - 1] = 0;
    CHECK_EQ(resolve_make(root, name, 0755, false), -ENAMETOOLONG);
}

static void test_make_follows_dangling_links_inside(void)
{
    _cleanup_close_ int root = make_root();
    int dir;
    test_folder(&dir);
    CHECK_EQ(mkdirat(root, "etc", 0755), 0);
    CHECK_EQ(symlinkat("/run/resolve/stub.conf", root, "etc/resolv.conf"), 0);
    CHECK_EQ(symlinkat("../../../outside/new", root, "etc/up"), 0);
    CHECK_EQ(symlinkat("next", root, "etc/first"), 0);
    CHECK_EQ(symlinkat("deep/er", root, "etc/next"), 0);
    CHECK_EQ(symlinkat("one", root, "two"), 0);
    CHECK_EQ(symlinkat("two/x", root, "one"), 0);
    CHECK_EQ(opens(resolve_make(root, "etc/resolv.conf", 0755, true)), 0);
    CHECK_EQ(type_at(root, "run/resolve/stub.conf"), S_IFREG);
    CHECK_EQ(type_at(root, "etc/resolv.conf"), S_IFLNK);
    CHECK_EQ(opens(resolve_make(root, "etc/up/file", 0755, true)), 0);
    CHECK_EQ(type_at(root, "outside/new/file"), S_IFREG);
    CHECK_EQ(type_at(dir, "outside/new"), 0);
    CHECK_EQ(opens(resolve_make(root, "etc/first/est", 0755, false)), 0);
    CHECK_EQ(type_at(root, "etc/deep/er/est"), S_IFDIR);
    CHECK_EQ(opens(resolve_make(root, "one", 0755, false)), -ELOOP);
}

static void test_parent(void)
{
    _cleanup_close_ int root = make_root();
    const char *name = "untouched", *path = "a/b/leaf";
    int parent = -1;
    CHECK_EQ(resolve_parent(root, path, false, &parent, &name), -ENOENT);
    CHECK_STR(name, "untouched");
    CHECK_EQ(resolve_parent(root, path, true, &parent, &name), 0);
    CHECK(name == path + 4);
    _cleanup_close_ int expected = resolve_open(root, "a/b", O_PATH);
    CHECK_EQ(inode_of(parent), inode_of(expected));
    safe_close(parent);
    CHECK_EQ(resolve_parent(root, "/leaf", false, &parent, &name), 0);
    CHECK_EQ(inode_of(parent), inode_of(root));
    safe_close(parent);
    CHECK_EQ(resolve_parent(root, "leaf", true, &parent, &name), 0);
    CHECK_EQ(inode_of(parent), inode_of(root));
    safe_close(parent);
    static const char *const bad[] = {"", "/", "a/", "a/..", "..", ".", "a/."};
    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        CHECK_EQ(resolve_parent(root, bad[i], true, &parent, &name), -EINVAL);
}

static void test_procfs(void)
{
    _cleanup_close_ int proc = resolve_open_procfs();
    CHECK(proc >= 0);
    CHECK_EQ(opens(resolve_proc(proc, "self/status", O_RDONLY)), 0);
    CHECK_EQ(opens(resolve_proc(proc, "sys/kernel/ostype", O_RDONLY)), 0);
    CHECK_EQ(resolve_proc(proc, "self/root/etc", O_PATH), -ELOOP);
    CHECK_EQ(resolve_proc(proc, "../etc", O_PATH), -EXDEV);
    CHECK_EQ(resolve_proc(proc, "/etc", O_PATH), -EXDEV);
    CHECK_EQ(resolve_proc(proc, "absent", O_PATH), -ENOENT);
    int dir;
    test_folder(&dir);
    CHECK_EQ(file_create(dir, "status", "", 0, 0600), 0);
    CHECK_EQ(resolve_proc(dir, "status", O_RDONLY), -EXDEV);
}

static const struct Test tests[] = {
    TEST(test_open_stays_in_the_root),
    TEST(test_make_folders_and_files),
    TEST(test_make_follows_dangling_links_inside),
    TEST(test_parent),
    TEST(test_procfs),
};
TEST_MAIN(tests)
