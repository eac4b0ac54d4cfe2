// SPDX-License-Identifier: Apache-2.0
/*
 * The successor of a file is found by name: the reader looks which name its inode has now (log.k)
 * and takes log.(k-1). Between two renames of a rotation that name may be missing for a moment:
 * BUSY. An inode that has no name any more was deleted by rotation; if its successor had not been
 * opened before, whole files may have gone unread: SKIPPED.
 */
#include "supervisor/api/stream/log-files.h"
#include "base/fd.h"
#include "base/str.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TAIL_BLOCK = 128 << 10, TAIL_HEADER = 64 };

void log_files_deinit(struct LogFiles *files)
{
    files->fd = safe_close(files->fd);
    files->next_fd = safe_close(files->next_fd);
    files->directory = safe_close(files->directory);
}

static void log_file_name(unsigned index, char name[16])
{
    if (index == 0)
        (void)snprintf(name, 16, "log");
    else
        (void)snprintf(name, 16, "log.%u", index);
}

static int log_file_open(const struct LogFiles *files, unsigned index)
{
    char name[16];
    log_file_name(index, name);
    int fd = openat(files->directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

/* The index whose name leads to this inode, -ENOENT when none does. */
static int log_file_index(const struct LogFiles *files, int fd)
{
    struct stat mine;
    if (fstat(fd, &mine) < 0)
        return -errno;
    unsigned missing = 0;
    for (unsigned i = 0; i < LOG_FILES_MAX && missing < 2; i++) {
        char name[16];
        struct stat other;
        log_file_name(i, name);
        if (fstatat(files->directory, name, &other, AT_SYMLINK_NOFOLLOW) < 0) {
            missing++;
            continue;
        }
        if (other.st_ino == mine.st_ino && other.st_dev == mine.st_dev)
            return (int)i;
    }
    return -ENOENT;
}

/* Opens the successor of fd into next_fd: 0; -ENOENT: fd is the newest; -EAGAIN: mid-rotation;
 * -ESTALE: fd has no name any more. */
static int log_files_open_next(struct LogFiles *files, int fd)
{
    int index = log_file_index(files, fd);
    if (index == -ENOENT)
        return -ESTALE;
    if (index <= 0)
        return index < 0 ? index : -ENOENT;
    int next = log_file_open(files, (unsigned)index - 1);
    if (next == -ENOENT)
        return -EAGAIN;
    if (next < 0)
        return next;
    /* A rotation between the two looks may have moved both: then `next` is fd itself. */
    if (log_file_index(files, fd) != index) {
        safe_close(next);
        return -EAGAIN;
    }
    files->next_fd = next;
    return 0;
}

int log_files_open_oldest(struct LogFiles *files)
{
    int oldest = -ENOENT;
    for (unsigned i = 0; i < LOG_FILES_MAX; i++) {
        int fd = log_file_open(files, i);
        if (fd == -ENOENT && i > 0)
            break;
        if (fd < 0 && fd != -ENOENT) {
            safe_close(oldest);
            return fd;
        }
        if (fd >= 0) {
            safe_close(oldest);
            oldest = fd;
        }
    }
    if (oldest < 0)
        return oldest;
    files->fd = oldest;
    files->offset = 0;
    (void)log_files_open_next(files, files->fd);
    return 0;
}

static bool line_is_full(const char *line, size_t size)
{
    /* TIME STREAM TAG...: the tag is what follows the second blank */
    const char *end = line + size, *blank = memchr(line, ' ', size);
    blank = blank ? memchr(blank + 1, ' ', (size_t)(end - blank - 1)) : NULL;
    return blank && blank + 1 < end && blank[1] == 'F';
}

/* Looks through one block, backwards; true when the place is found. */
static bool log_tail_block(struct LogFiles *files, struct LogTail *tail, off_t start, size_t block)
{
    char buffer[TAIL_BLOCK + TAIL_HEADER];
    ssize_t got = pread(files->fd, buffer, block + TAIL_HEADER, start);
    if (got < 0)
        got = 0;
    for (size_t i = MIN(block, (size_t)got); i-- > 0;) {
        if (start + (off_t)i > 0 && (i == 0 || buffer[i - 1] != '\n'))
            continue;
        off_t after = tail->line_start;
        tail->line_start = start + (off_t)i;
        if (!line_is_full(buffer + i, (size_t)got - i) || ++tail->seen <= tail->lines)
            continue;
        files->offset = after;
        return true;
    }
    return false;
}

static int log_files_restart(struct LogFiles *files)
{
    files->fd = safe_close(files->fd);
    files->next_fd = safe_close(files->next_fd);
    return log_files_open_oldest(files);
}

int log_files_seek_tail(struct LogFiles *files, struct LogTail *tail)
{
    if (!tail->open) {
        int fd = log_file_open(files, tail->index);
        if (fd == -ENOENT && tail->index > 0)
            return files->fd >= 0 ? 0 : log_files_open_oldest(files);
        if (fd < 0)
            return fd;
        if (files->fd >= 0 && log_file_index(files, files->fd) != (int)tail->index - 1) {
            /* A rotation moved the names meanwhile: look again where this one is now. */
            safe_close(fd);
            int index = log_file_index(files, files->fd);
            if (index < 0)
                return log_files_restart(files);
            tail->index = (unsigned)index + 1;
            return 1;
        }
        safe_close(files->next_fd);
        files->next_fd = TAKE_FD(files->fd);
        files->fd = fd;
        files->offset = 0;
        struct stat info;
        if (fstat(fd, &info) < 0)
            return -errno;
        tail->position = tail->line_start = info.st_size;
        tail->open = true;
    }
    if (tail->position > 0) {
        /* Blocks overlap by one byte, so that each line start sees the newline before it. */
        off_t start = MAX(tail->position - (TAIL_BLOCK - 1), (off_t)0);
        if (log_tail_block(files, tail, start, (size_t)(tail->position - start)))
            return 0;
        tail->position = start == 0 ? 0 : start + 1;
        if (start > 0)
            return 1;
    }
    tail->open = false;
    tail->index++;
    return 1;
}

int log_files_read(struct LogFiles *files, char *buffer, size_t size, size_t *ret_size)
{
    if (files->fd < 0) {
        int result = log_files_open_oldest(files);
        if (result == -ENOENT)
            return LOG_FILES_END;
        if (result < 0)
            return result;
    }
    for (;;) {
        ssize_t got = pread(files->fd, buffer, size, files->offset);
        if (got < 0)
            return -errno;
        if (got > 0) {
            files->offset += got;
            *ret_size = (size_t)got;
            return LOG_FILES_DATA;
        }
        bool skipped = false;
        if (files->next_fd < 0) {
            int result = log_files_open_next(files, files->fd);
            if (result == -ENOENT)
                return LOG_FILES_END;
            if (result == -EAGAIN)
                return LOG_FILES_BUSY;
            if (result == -ESTALE) {
                safe_close(files->fd);
                files->fd = -1;
                result = log_files_open_oldest(files);
                skipped = true;
            }
            if (result < 0)
                return result;
            if (skipped)
                return LOG_FILES_SKIPPED;
            /* The shim may have written between our last read and its rotation. */
            continue;
        }
        safe_close(files->fd);
        files->fd = TAKE_FD(files->next_fd);
        files->offset = 0;
        (void)log_files_open_next(files, files->fd);
    }
}

void log_files_unread(struct LogFiles *files, size_t size)
{
    files->offset -= (off_t)size;
}
