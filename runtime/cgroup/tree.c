// SPDX-License-Identifier: Apache-2.0
/*
 * A cgroup and what the container made below it. Its depth and width are the container's choice, so
 * nothing here recurses and memory is bounded.
 */
#include "base/fd.h"
#include "base/pidref.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/cgroup/cgroup-internal.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

enum {
    TREE_PATHS_MAX = 16 << 20,
    PROCESSES_SIZE_MAX = 64 << 20,
    OPEN_CHUNK = 2048, /* below PATH_MAX */
    NUMBERS_SIZE = 1024,
    SWEEPS_MAX = 256,
};

#define NO_LIMIT (UINT64_C(1) << 62) /* v1 shows "none" as the largest multiple of a page */

/* The files with numbers are short; of a longer one only the beginning is looked at. */
int cgroup_read_number(const struct CgroupDir *dir, const char *file, const char *key, uint64_t *ret)
{
    char text[NUMBERS_SIZE];
    _cleanup_close_ int fd = openat(dir->fd, file, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -errno : read(fd, text, sizeof(text) - 1);
    if (got < 0)
        return fd < 0 ? (int)got : -errno;
    text[got] = 0;
    size_t length = key ? strlen(key) : 0;
    for (char *line = text; *line;) {
        char *end = strchrnul(line, '\n');
        bool more = *end;
        *end = 0;
        if (!key || (strncmp(line, key, length) == 0 && line[length] == ' ')) {
            const char *number = key ? line + length + 1 : line;
            uint64_t value;
            if (str_equal(number, "max")) {
                *ret = UINT64_MAX;
                return 0;
            }
            int r = str_parse_u64(number, &value);
            if (r == 0)
                *ret = value >= NO_LIMIT ? UINT64_MAX : value;
            return r;
        }
        line = end + more;
    }
    return -ENODATA;
}

DEFINE_CLEANUP(DIR *, closedir)
#define _cleanup_closedir_ _cleanup_(closedir_pointer)

/* An iterator of its own: the caller's descriptor keeps its position. */
static DIR *folder_iterate(int dir_fd)
{
    _cleanup_close_ int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    DIR *dir = fdopendir(fd);
    if (dir)
        (void)TAKE_FD(fd);
    return dir;
}

/* The next folder in it, "." and ".." left out; NULL at the end. */
static const char *folder_next(DIR *dir)
{
    struct dirent *entry;
    while ((entry = readdir(dir)))
        if (entry->d_type == DT_DIR && !str_equal(entry->d_name, ".") && !str_equal(entry->d_name, ".."))
            return entry->d_name;
    return NULL;
}

/* As openat() for folders, for a path of any length. */
static int open_deep(int dir_fd, const char *path)
{
    _cleanup_close_ int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (fd >= 0 && *path) {
        char chunk[OPEN_CHUNK];
        size_t length = strlen(path);
        if (length >= sizeof(chunk)) {
            length = sizeof(chunk) - 1;
            while (length && path[length] != '/')
                length--;
        }
        memcpy(chunk, path, length);
        chunk[length] = 0;
        int next = openat(fd, chunk, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int saved = errno;
        safe_close(fd);
        errno = saved;
        fd = next;
        path += length;
        path += *path == '/';
    }
    return fd < 0 ? -errno : TAKE_FD(fd);
}

/* Paths relative to dir_fd, each with its NUL, parents before children; the first is "". */
static int tree_list(int dir_fd, struct Buf *paths)
{
    paths->limit = TREE_PATHS_MAX;
    buf_append(paths, "", 1);
    for (size_t at = 0; at < paths->size && !paths->error; at += strlen(paths->data + at) + 1) {
        _cleanup_close_ int fd = open_deep(dir_fd, paths->data + at);
        _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : folder_iterate(fd);
        const char *name;
        while (dir && (name = folder_next(dir))) {
            size_t length = strlen(paths->data + at);
            size_t total = length + (length != 0) + strlen(name) + 1;
            char *path = buf_extend(paths, total);
            if (!path)
                break;
            memcpy(path, paths->data + at, length);
            if (length)
                path[length++] = '/';
            strcpy(path + length, name);
        }
    }
    return paths->error;
}

static int folder_processes(int fd, struct Buf *pids)
{
    _cleanup_free_ char *text = NULL;
    int r = file_read(fd, "cgroup.procs", PROCESSES_SIZE_MAX, &text, NULL);
    if (r < 0)
        return r == -ENODEV || r == -ENOENT ? 0 : r; /* removed meanwhile */
    for (char *line = text; *line;) {
        char *end = strchrnul(line, '\n');
        bool more = *end;
        *end = 0;
        uint32_t number;
        /* 0: a process of a pid namespace that is not below ours. */
        if (str_parse_u32(line, &number) == 0 && number > 0) {
            pid_t pid = (pid_t)number;
            buf_append(pids, &pid, sizeof(pid));
        }
        line = end + more;
    }
    return pids->error;
}

int cgroup_tree_processes(int dir_fd, struct Buf *ret_pids)
{
    _cleanup_buf_ struct Buf paths = BUF_INIT;
    int result = tree_list(dir_fd, &paths);
    for (size_t at = 0; at < paths.size; at += strlen(paths.data + at) + 1) {
        _cleanup_close_ int fd = open_deep(dir_fd, paths.data + at);
        int r = fd < 0 ? 0 : folder_processes(fd, ret_pids);
        if (r < 0)
            result = r;
    }
    return result;
}

/* The number may have been used again between reading it and opening the pidfd: what is signalled
 * must still be listed in the cgroup by then. */
static bool process_is_inside(const struct CgroupDir *dir, pid_t pid)
{
    char path[64];
    _cleanup_free_ char *text = NULL;
    str_format(path, sizeof(path), "/proc/%d/cgroup", pid);
    if (file_read(AT_FDCWD, path, 1 << 20, &text, NULL) < 0)
        return false;
    size_t length = strlen(dir->path);
    for (char *line = text; *line;) {
        char *end = strchrnul(line, '\n');
        char *where = memchr(line, ':', (size_t)(end - line));
        where = where ? memchr(where + 1, ':', (size_t)(end - where - 1)) : NULL;
        if (where && (dir->version == 2) == (line[0] == '0' && where == line + 2)) {
            /* Not only at the start: the mount may show a part of the hierarchy. */
            const char *at = memmem(where + 1, (size_t)(end - where - 1), dir->path, length);
            if (at && (at + length == end || at[length] == '/' || at[length] == ' '))
                return true;
        }
        line = *end ? end + 1 : end;
    }
    return false;
}

static bool is_listed(const struct Buf *pids, pid_t pid)
{
    for (size_t at = 0; at + sizeof(pid) <= pids->size; at += sizeof(pid))
        if (memcmp(pids->data + at, &pid, sizeof(pid)) == 0)
            return true;
    return false;
}

static int signal_all(const struct CgroupDir *dir, int signal, struct Buf *pids)
{
    int result = cgroup_tree_processes(dir->fd, pids);
    for (size_t at = 0; at + sizeof(pid_t) <= pids->size; at += sizeof(pid_t)) {
        pid_t pid;
        memcpy(&pid, pids->data + at, sizeof(pid));
        _cleanup_close_ int fd = sys_pidfd_open(pid, 0);
        if (fd < 0 || !process_is_inside(dir, pid))
            continue;
        if (sys_pidfd_send_signal(fd, signal, NULL, 0) < 0 && errno != ESRCH && result == 0)
            result = -errno;
    }
    return result;
}

int cgroup_tree_signal(const struct CgroupDir *dir, int signal)
{
    _cleanup_buf_ struct Buf pids = BUF_INIT;
    return signal_all(dir, signal, &pids);
}

int cgroup_tree_kill(const struct CgroupDir *dir)
{
    _cleanup_buf_ struct Buf before = BUF_INIT;
    bool fresh = true;
    int result = 0;
    for (unsigned i = 0; i < SWEEPS_MAX && fresh && result >= 0; i++) {
        _cleanup_buf_ struct Buf pids = BUF_INIT;
        result = signal_all(dir, SIGKILL, &pids);
        fresh = false;
        for (size_t at = 0; at + sizeof(pid_t) <= pids.size && !fresh; at += sizeof(pid_t)) {
            pid_t pid;
            memcpy(&pid, pids.data + at, sizeof(pid));
            fresh = !is_listed(&before, pid);
        }
        buf_deinit(&before);
        before = pids;
        pids = (struct Buf)BUF_INIT;
    }
    return result;
}

/* Down to a leaf, remove it, go on from its parent. The names on the way are kept in one buffer;
 * the way up is "..", which a cgroup filesystem answers truthfully: folders there cannot be moved
 * to another parent. */
int cgroup_tree_remove(int dir_fd)
{
    _cleanup_buf_ struct Buf names = {.limit = TREE_PATHS_MAX};
    _cleanup_close_ int current = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (current >= 0) {
        _cleanup_closedir_ DIR *dir = folder_iterate(current);
        const char *name = dir ? folder_next(dir) : NULL;
        if (!name && names.size == 0)
            return 0;
        int next = openat(current, name ? name : "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0)
            return errno == ENOENT ? -EAGAIN : -errno;
        safe_close(current);
        current = next;
        if (name) {
            buf_append(&names, name, strlen(name) + 1);
            if (names.error)
                return names.error;
            continue;
        }
        size_t start = names.size - 1;
        while (start && names.data[start - 1])
            start--;
        if (unlinkat(current, names.data + start, AT_REMOVEDIR) < 0 && errno != ENOENT)
            return -errno;
        names.size = start;
    }
    return -errno;
}
