// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"
#include "base/sys.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int safe_close(int fd)
{
    if (fd >= 0) {
        int saved = errno;
        close(fd);
        errno = saved;
    }
    return -1;
}

int fd_write_all(int fd, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        ssize_t written = write(fd, at, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? -errno : -EIO;
        at += written;
        size -= (size_t)written;
    }
    return 0;
}

ssize_t fd_read_all(int fd, void *data, size_t size)
{
    char *bytes = data;
    size_t filled = 0;
    while (filled < size) {
        ssize_t got = read(fd, bytes + filled, size - filled);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        filled += (size_t)got;
    }
    return (ssize_t)filled;
}

/* The size in the inode is only a hint: files of the kernel say 0 there, others may be growing. */
static int read_growing(int fd, size_t hint, size_t limit, char **ret_data, size_t *ret_size)
{
    enum { FIRST = 4096 };
    size_t most = MIN(limit, (size_t)SSIZE_MAX - 1) + 1; /* one more tells that it is too long */
    size_t capacity = hint > 0 && hint < most ? hint + 1 : MIN((size_t)FIRST, most), filled = 0;
    _cleanup_free_ char *data = malloc(capacity + 1);
    if (!data)
        return -ENOMEM;
    for (;;) {
        ssize_t got = fd_read_all(fd, data + filled, capacity - filled);
        if (got < 0)
            return (int)got;
        filled += (size_t)got;
        if (filled < capacity)
            break;
        if (capacity == most)
            return -EFBIG;
        capacity = capacity > most / 2 ? most : capacity * 2;
        char *larger = realloc(data, capacity + 1);
        if (!larger)
            return -ENOMEM;
        data = larger;
    }
    data[filled] = 0;
    *ret_data = TAKE_PTR(data);
    if (ret_size)
        *ret_size = filled;
    return 0;
}

int file_read(int dir_fd, const char *path, size_t limit, char **ret_data, size_t *ret_size)
{
    /* Non-blocking, as the open of a FIFO would otherwise wait for its writer. */
    _cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    return read_growing(fd, (size_t)st.st_size, limit, ret_data, ret_size);
}

int file_write(int dir_fd, const char *path, const char *text)
{
    _cleanup_close_ int fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    size_t size = strlen(text);
    ssize_t written;
    do
        written = write(fd, text, size);
    while (written < 0 && errno == EINTR);
    if (written < 0)
        return -errno;
    return (size_t)written == size ? 0 : -EIO;
}

int file_create(int dir_fd, const char *path, const void *data, size_t size, mode_t mode)
{
    _cleanup_close_ int fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int r = fd_write_all(fd, data, size);
    if (r == 0 && fchmod(fd, mode) < 0)
        r = -errno;
    if (r < 0)
        unlinkat(dir_fd, path, 0);
    return r;
}

/*
 * tree_remove() walks with one frame for each open folder. rmdir(2) comes before a folder is
 * opened: it settles empty ones, and it refuses a mount point (EBUSY) before anything below it is
 * touched; openat2 then holds the walk to the same mount.
 */
struct Frame {
    DIR *dir;
    char name[NAME_MAX + 1]; /* "" for the topmost */
    bool again;              /* something went since the last rewind */
    unsigned passes;
};

struct Walk {
    struct Frame *frames;
    unsigned count, capacity;
    int error; /* the first */
};

/* Removing entries may hide others from readdir on some file systems: the folder is read again,
 * but not for ever, as somebody may be filling it. */
enum { WALK_PASSES_MAX = 8, WALK_DEEPER = 1 };

static void walk_deinit(struct Walk *walk)
{
    while (walk->count > 0)
        closedir(walk->frames[--walk->count].dir);
    free(walk->frames);
}

static void walk_note(struct Walk *walk, int error)
{
    if (error < 0 && walk->error == 0)
        walk->error = error;
}

/* 0 when it is gone, WALK_DEEPER for a folder with entries, a negative errno. */
static int entry_remove(int dir_fd, const char *name)
{
    if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
        return 0;
    int error = errno;
    if (error != EISDIR && error != EPERM)
        return -error;
    if (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    if (errno == ENOTEMPTY || errno == EEXIST)
        return WALK_DEEPER;
    return errno == ENOTDIR ? -error : -errno;
}

/* Takes over the descriptor. */
static int walk_push(struct Walk *walk, int fd, const char *name)
{
    _cleanup_close_ int owned = fd;
    if (walk->count == walk->capacity)
        return -ELOOP;
    struct Frame *frame = &walk->frames[walk->count];
    DIR *dir = fdopendir(owned);
    if (!dir)
        return -errno;
    TAKE_FD(owned);
    *frame = (struct Frame){.dir = dir};
    size_t size = strnlen(name, NAME_MAX);
    memcpy(frame->name, name, size);
    walk->count++;
    return 0;
}

static int walk_descend(struct Walk *walk, const char *name)
{
    const struct open_how how = {
        .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS,
    };
    int fd = sys_openat2(dirfd(walk->frames[walk->count - 1].dir), name, &how, sizeof(how));
    return fd < 0 ? -errno : walk_push(walk, fd, name);
}

/* The folder has been read to its end. */
static void walk_pop(struct Walk *walk)
{
    struct Frame *frame = &walk->frames[walk->count - 1];
    if (walk->count > 1) {
        struct Frame *parent = frame - 1;
        if (unlinkat(dirfd(parent->dir), frame->name, AT_REMOVEDIR) < 0 && errno != ENOENT) {
            if (errno == ENOTEMPTY && frame->again && ++frame->passes < WALK_PASSES_MAX) {
                frame->again = false;
                rewinddir(frame->dir);
                return;
            }
            walk_note(walk, -errno);
        } else
            parent->again = true;
    }
    closedir(frame->dir);
    walk->count--;
}

static void walk_step(struct Walk *walk)
{
    struct Frame *frame = &walk->frames[walk->count - 1];
    errno = 0;
    const struct dirent *entry = readdir(frame->dir);
    if (!entry) {
        walk_note(walk, -errno);
        walk_pop(walk);
        return;
    }
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
        return;
    int r = entry_remove(dirfd(frame->dir), entry->d_name);
    if (r == 0)
        frame->again = true;
    if (r == WALK_DEEPER)
        r = walk_descend(walk, entry->d_name);
    walk_note(walk, r);
}

int tree_remove(int dir_fd, const char *name, unsigned depth)
{
    int r = entry_remove(dir_fd, name);
    if (r != WALK_DEEPER)
        return r;
    _cleanup_(walk_deinit) struct Walk walk = {.capacity = depth};
    walk.frames = calloc(MAX(depth, 1u), sizeof(*walk.frames));
    if (!walk.frames)
        return -ENOMEM;
    for (unsigned pass = 0; r == WALK_DEEPER && pass < WALK_PASSES_MAX; pass++) {
        int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            return errno == ENOENT ? 0 : -errno;
        walk_note(&walk, walk_push(&walk, fd, ""));
        while (walk.count > 0)
            walk_step(&walk);
        if (walk.error < 0)
            return walk.error;
        r = entry_remove(dir_fd, name);
    }
    return r == WALK_DEEPER ? -ENOTEMPTY : r;
}

int fd_set_nonblocking(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return -errno;
    int wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    return wanted != flags && fcntl(fd, F_SETFL, wanted) < 0 ? -errno : 0;
}

int directory_check_private(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISDIR(st.st_mode))
        return -ENOTDIR;
    bool foreign = st.st_uid != 0 && st.st_uid != geteuid();
    return foreign || (st.st_mode & (S_IWGRP | S_IRWXO)) ? -EPERM : 0;
}
