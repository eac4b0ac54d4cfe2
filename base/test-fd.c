// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/test.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_close_keeps_errno(void)
{
    errno = EXDEV;
    CHECK_EQ(safe_close(-1), -1);
    CHECK_EQ(safe_close(dup(0)), -1);
    CHECK_EQ(errno, EXDEV);
}

static void test_read_and_write_all(void)
{
    int ends[2];
    char data[70000], back[70000] = {0};
    CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
    memset(data, 'x', sizeof(data));
    CHECK_EQ(fd_write_all(ends[1], data, 60000), 0);
    CHECK_EQ(fd_read_all(ends[0], back, 50000), 50000);
    safe_close(ends[1]);
    CHECK_EQ(fd_read_all(ends[0], back + 50000, 20000), 10000);
    CHECK(memcmp(data, back, 60000) == 0);
    safe_close(ends[0]);
    CHECK_EQ(fd_read_all(ends[0], back, 1), -EBADF);
    CHECK_EQ(fd_write_all(ends[1], data, 1), -EBADF);
}

static void test_file_round_trip(void)
{
    int dir;
    test_folder(&dir);
    char data[10000];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (char)i;
    CHECK_EQ(file_create(dir, "f", data, sizeof(data), 0640), 0);
    CHECK_EQ(file_create(dir, "f", data, sizeof(data), 0640), -EEXIST);
    struct stat st;
    CHECK_EQ(fstatat(dir, "f", &st, 0), 0);
    CHECK_EQ(st.st_mode & 07777, 0640);

    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    CHECK_EQ(file_read(dir, "f", sizeof(data) - 1, &text, &size), -EFBIG);
    CHECK(text == NULL);
    CHECK_EQ(file_read(dir, "f", sizeof(data), &text, &size), 0);
    CHECK_EQ(size, sizeof(data));
    CHECK(text && memcmp(text, data, sizeof(data)) == 0 && text[size] == 0);

    CHECK_EQ(file_write(dir, "f", "new"), 0);
    CHECK_EQ(file_write(dir, "absent", "new"), -ENOENT);
    _cleanup_free_ char *changed = NULL;
    CHECK_EQ(file_read(dir, "f", SIZE_MAX, &changed, &size), 0);
    CHECK(changed && memcmp(changed, "new", 3) == 0 && size == sizeof(data));
}

static void test_file_create_unlinks_after_a_failure(void)
{
    int dir;
    test_folder(&dir);
    CHECK_EQ(file_create(dir, "f", (void *)UINTPTR_MAX, 4096, 0600), -EFAULT);
    CHECK_EQ(faccessat(dir, "f", F_OK, 0), -1);
}

static void test_file_read_takes_only_files(void)
{
    int dir;
    test_folder(&dir);
    _cleanup_free_ char *text = NULL, *empty = NULL;
    size_t size = 99;
    CHECK_EQ(mkfifoat(dir, "fifo", 0600), 0);
    CHECK_EQ(file_read(dir, "fifo", 10, &text, &size), -EINVAL);
    CHECK_EQ(file_read(dir, ".", 10, &text, &size), -EINVAL);
    CHECK_EQ(file_read(dir, "absent", 10, &text, &size), -ENOENT);
    CHECK_EQ(file_read(AT_FDCWD, "/dev/null", 10, &text, &size), -EINVAL);
    CHECK_EQ(size, 99);
    CHECK_EQ(file_read(AT_FDCWD, "/proc/self/stat", 1 << 20, &text, &size), 0);
    CHECK(text && size > 10 && strlen(text) == size);
    CHECK_EQ(file_create(dir, "empty", "", 0, 0600), 0);
    CHECK_EQ(file_read(dir, "empty", 0, &empty, &size), 0);
    CHECK_STR(empty, "");
    CHECK_EQ(size, 0);
}

static void make_chain(int dir, const char *name, unsigned depth)
{
    int at = dup(dir);
    for (unsigned i = 0; i < depth; i++) {
        CHECK_EQ(mkdirat(at, name, 0700), 0);
        int next = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        safe_close(at);
        at = next;
    }
    CHECK_EQ(file_create(at, "leaf", "", 0, 0600), 0);
    safe_close(at);
}

static void test_tree_remove(void)
{
    int dir;
    test_folder(&dir);
    CHECK_EQ(tree_remove(dir, "absent", 8), 0);
    CHECK_EQ(mkdirat(dir, "kept", 0700), 0);
    CHECK_EQ(file_create(dir, "kept/file", "", 0, 0600), 0);
    make_chain(dir, "tree", 5);
    CHECK_EQ(symlinkat("../kept", dir, "tree/link"), 0);
    char name[32];
    for (int i = 0; i < 500; i++) {
        str_format(name, sizeof(name), "tree/tree/file-%d", i);
        CHECK_EQ(file_create(dir, name, "", 0, 0600), 0);
        str_format(name, sizeof(name), "tree/tree/folder-%d", i);
        CHECK_EQ(mkdirat(dir, name, 0), 0);
    }
    CHECK_EQ(tree_remove(dir, "tree", 5), 0);
    CHECK_EQ(faccessat(dir, "tree", F_OK, AT_SYMLINK_NOFOLLOW), -1);
    CHECK_EQ(faccessat(dir, "kept/file", F_OK, 0), 0);
    CHECK_EQ(symlinkat("kept", dir, "link"), 0);
    CHECK_EQ(tree_remove(dir, "link", 8), 0);
    CHECK_EQ(tree_remove(dir, "kept/file", 0), 0);
    CHECK_EQ(faccessat(dir, "kept", F_OK, 0), 0);
}

static void test_tree_remove_stops_at_its_depth(void)
{
    int dir;
    test_folder(&dir);
    make_chain(dir, "tree", 4);
    CHECK_EQ(file_create(dir, "tree/file", "", 0, 0600), 0);
    CHECK_EQ(tree_remove(dir, "tree", 3), -ELOOP);
    CHECK_EQ(faccessat(dir, "tree/file", F_OK, 0), -1);
    CHECK_EQ(faccessat(dir, "tree/tree/tree/tree/leaf", F_OK, 0), 0);
    CHECK_EQ(tree_remove(dir, "tree", 0), -ELOOP);
    CHECK_EQ(tree_remove(dir, "tree", 4), 0);
}

/* In a child of its own, as the mounts need a private namespace. */
static int remove_over_mounts(const char *path)
{
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || chdir(path) < 0)
        return 77;
    if (mkdir("tree", 0700) < 0 || mkdir("tree/bound", 0700) < 0 || mkdir("source", 0700) < 0 ||
        file_create(AT_FDCWD, "source/file", "", 0, 0600) < 0 ||
        mount("source", "tree/bound", NULL, MS_BIND, NULL) < 0)
        return 1;
    if (tree_remove(AT_FDCWD, "tree", 8) != -EBUSY || access("source/file", F_OK) < 0)
        return 2;
    if (tree_remove(AT_FDCWD, "tree/bound", 8) != -EBUSY || access("source/file", F_OK) < 0)
        return 3;
    return 0;
}

static void test_tree_remove_keeps_out_of_mounts(void)
{
    int status = 0;
    const char *path = test_folder(NULL);
    pid_t pid = fork();
    if (pid == 0)
        _exit(remove_over_mounts(path));
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        test_skip("needs a private mount namespace");
    else
        CHECK_EQ(status, 0);
}

static void test_nonblocking(void)
{
    int ends[2];
    char byte;
    CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
    CHECK_EQ(fd_set_nonblocking(ends[0], true), 0);
    CHECK_EQ(fd_read_all(ends[0], &byte, 1), -EAGAIN);
    CHECK_EQ(fd_set_nonblocking(ends[0], false), 0);
    CHECK(!(fcntl(ends[0], F_GETFL) & O_NONBLOCK));
    safe_close(ends[0]);
    safe_close(ends[1]);
    CHECK_EQ(fd_set_nonblocking(ends[0], true), -EBADF);
}

static void test_check_private(void)
{
    static const struct {
        mode_t mode;
        int result;
    } rows[] = {{0700, 0},      {0710, 0},      {0750, 0},     {0701, -EPERM},
                {0720, -EPERM}, {0755, -EPERM}, {0777, -EPERM}};
    int dir;
    test_folder(&dir);
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        CHECK_EQ(fchmod(dir, rows[i].mode), 0);
        CHECK_EQ(directory_check_private(dir), rows[i].result);
    }
    CHECK_EQ(fchmod(dir, 0700), 0);
    CHECK_EQ(symlinkat(".", dir, "link"), 0);
    _cleanup_close_ int link = openat(dir, "link", O_PATH | O_NOFOLLOW | O_CLOEXEC);
    CHECK_EQ(directory_check_private(link), -ENOTDIR);
    if (geteuid() == 0) {
        CHECK_EQ(fchown(dir, 12345, 12345), 0);
        CHECK_EQ(directory_check_private(dir), -EPERM);
    }
}

static const struct Test tests[] = {
    TEST(test_close_keeps_errno),
    TEST(test_read_and_write_all),
    TEST(test_file_round_trip),
    TEST(test_file_create_unlinks_after_a_failure),
    TEST(test_file_read_takes_only_files),
    TEST(test_tree_remove),
    TEST(test_tree_remove_stops_at_its_depth),
    TEST(test_tree_remove_keeps_out_of_mounts),
    TEST(test_nonblocking),
    TEST(test_check_private),
};
TEST_MAIN(tests)
