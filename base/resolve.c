// SPDX-License-Identifier: Apache-2.0
#include "base/resolve.h"
#include "base/fd.h"
#include "base/sys.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* The kernel follows 40 links in one path. */
enum { ATTEMPTS_MAX = 64, LINKS_MAX = 40, PROCFS_ROOT_INODE = 1 };

static int open_how(int dir_fd, const char *path, int flags, uint64_t resolve)
{
    const struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
        .mode = flags & O_CREAT ? 0644 : 0,
        .resolve = resolve,
    };
    for (unsigned attempt = 0;; attempt++) {
        int fd = sys_openat2(dir_fd, path, &how, sizeof(how));
        if (fd >= 0)
            return fd;
        if ((errno != EAGAIN && errno != EINTR) || attempt == ATTEMPTS_MAX)
            return -errno;
    }
}

int resolve_open(int root_fd, const char *path, int flags)
{
    return open_how(root_fd, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

/*
 * A path of which folders are being made. Each prefix is opened from the root again, so that the
 * kernel resolves every link and ".." in it; only a single, missing name is ever made, below the
 * descriptor of the prefix before it. A dangling link is replaced in the text by its target: the
 * new text is again resolved by the kernel from the root, so it cannot lead out of it.
 */
struct Making {
    int root_fd;
    mode_t mode;
    bool last_is_file;
    unsigned links;
    char path[PATH_MAX];
};

/* The end of the component that begins at or behind `at`; `at` itself when there is none. */
static size_t component_end(const char *path, size_t at)
{
    size_t begin = at + strspn(path + at, "/");
    return path[begin] ? begin + strcspn(path + begin, "/") : at;
}

static int open_prefix(struct Making *making, size_t end, int flags)
{
    char saved = making->path[end];
    making->path[end] = 0;
    int fd = resolve_open(making->root_fd, making->path, flags);
    making->path[end] = saved;
    return fd;
}

/* A plain name below a folder that is held open. */
static int make_name(int parent_fd, const char *name, mode_t mode, bool is_file)
{
    if (!is_file) {
        if (mkdirat(parent_fd, name, mode) < 0)
            return -errno;
        return open_how(parent_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, RESOLVE_BENEATH);
    }
    _cleanup_close_ int created =
        openat(parent_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode & 0666);
    if (created < 0)
        return -errno;
    return open_how(parent_fd, name, O_PATH, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

/* Puts the target of the dangling link `name` (path[begin..end)) in its place. */
static int expand_link(struct Making *making, int parent_fd, const char *name, size_t begin, size_t end)
{
    char target[PATH_MAX], rest[PATH_MAX];
    if (++making->links > LINKS_MAX)
        return -ELOOP;
    ssize_t size = readlinkat(parent_fd, name, target, sizeof(target) - 1);
    if (size < 0)
        return errno == EINVAL ? -EAGAIN : -errno;
    target[size] = 0;
    size_t at = target[0] == '/' ? 0 : begin, rest_size = strlen(making->path + end);
    memcpy(rest, making->path + end, rest_size + 1);
    if (at + (size_t)size + rest_size >= sizeof(making->path))
        return -ENAMETOOLONG;
    memcpy(making->path + at, target, (size_t)size);
    memcpy(making->path + at + size, rest, rest_size + 1);
    return 0;
}

/* Opens or makes the component path[begin..end), below parent_fd; -EAGAIN asks for another walk
 * over the changed path. */
static int make_component(struct Making *making, int parent_fd, size_t begin, size_t end)
{
    bool is_last = component_end(making->path, end) == end, is_file = is_last && making->last_is_file;
    int fd = open_prefix(making, end, is_file ? O_PATH : O_PATH | O_DIRECTORY);
    if (fd != -ENOENT)
        return fd;
    char name[NAME_MAX + 1];
    size_t size = end - begin;
    if (size > NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(name, making->path + begin, size);
    name[size] = 0;
    fd = make_name(parent_fd, name, making->mode, is_file);
    if (fd != -EEXIST)
        return fd;
    int r = expand_link(making, parent_fd, name, begin, end);
    return r < 0 ? r : -EAGAIN;
}

static int make_all(struct Making *making)
{
    _cleanup_close_ int parent_fd = open_how(making->root_fd, ".", O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT);
    if (parent_fd < 0)
        return parent_fd;
    for (size_t at = 0;;) {
        size_t end = component_end(making->path, at);
        if (end == at)
            return TAKE_FD(parent_fd);
        size_t begin = at + strspn(making->path + at, "/");
        int fd = make_component(making, parent_fd, begin, end);
        if (fd < 0)
            return fd;
        safe_close(parent_fd);
        parent_fd = fd;
        at = end;
    }
}

int resolve_make(int root_fd, const char *path, mode_t mode, bool last_is_file)
{
    struct Making making = {.root_fd = root_fd, .mode = mode, .last_is_file = last_is_file};
    int fd = resolve_open(root_fd, path, last_is_file ? O_PATH : O_PATH | O_DIRECTORY);
    if (fd != -ENOENT || path[0] == 0)
        return fd;
    size_t size = strlen(path);
    if (size >= sizeof(making.path))
        return -ENAMETOOLONG;
    memcpy(making.path, path, size + 1);
    for (unsigned attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        fd = make_all(&making);
        if (fd != -EAGAIN)
            return fd;
    }
    return -EAGAIN;
}

int resolve_parent(int root_fd, const char *path, bool make, int *ret_parent_fd, const char **ret_name)
{
    char parent[PATH_MAX] = ".";
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return -EINVAL;
    if (slash) {
        size_t size = (size_t)(slash - path) + 1;
        if (size >= sizeof(parent))
            return -ENAMETOOLONG;
        memcpy(parent, path, size);
        parent[size] = 0;
    }
    int fd = make ? resolve_make(root_fd, parent, 0755, false)
                  : resolve_open(root_fd, parent, O_PATH | O_DIRECTORY);
    if (fd < 0)
        return fd;
    *ret_parent_fd = fd;
    *ret_name = name;
    return 0;
}

/* 0 or -EXDEV. */
static int check_procfs(int fd)
{
    struct statfs fs;
    if (fstatfs(fd, &fs) < 0)
        return -errno;
    return (unsigned long)fs.f_type == PROC_SUPER_MAGIC ? 0 : -EXDEV;
}

int resolve_proc(int proc_fd, const char *path, int flags)
{
    _cleanup_close_ int fd =
        open_how(proc_fd, path, flags, RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS);
    if (fd < 0)
        return fd;
    int r = check_procfs(fd);
    return r < 0 ? r : TAKE_FD(fd);
}

int resolve_open_procfs(void)
{
    _cleanup_close_ int fd = open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    int r = check_procfs(fd);
    if (r < 0)
        return r;
    /* A folder of procfs that was mounted over /proc is not its root. */
    return st.st_ino == PROCFS_ROOT_INODE ? TAKE_FD(fd) : -EXDEV;
}
