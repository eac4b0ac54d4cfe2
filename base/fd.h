// SPDX-License-Identifier: Apache-2.0
#pragma once
/* File descriptors: ownership, complete reads and writes. Everything is opened O_CLOEXEC. */
#include "base/cleanup.h"
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Closes unless negative, keeps errno, returns -1. */
int safe_close(int fd);

static inline void safe_close_pointer(int *fd)
{
    safe_close(*fd);
}
#define _cleanup_close_ _cleanup_(safe_close_pointer)

/* Writes all of it to a blocking descriptor; 0 or a negative errno. */
int fd_write_all(int fd, const void *data, size_t size);
/* Reads until EOF or until size bytes are there; the number of bytes or a negative errno. */
ssize_t fd_read_all(int fd, void *data, size_t size);

/* Reads a whole file below a folder (dir_fd may be AT_FDCWD), at most `limit` bytes; -EFBIG when
 * it is longer, -EINVAL when it is not a regular file (files of procfs, sysfs and cgroupfs are
 * regular). The result is allocated, has one NUL after its end, and belongs to the caller. */
int file_read(int dir_fd, const char *path, size_t limit, char **ret_data, size_t *ret_size);
/* One write(2) of the whole text into an existing file; 0 or a negative errno. */
int file_write(int dir_fd, const char *path, const char *text);
/* Creates (O_EXCL) a file with these bytes and this mode; unlinks it again on failure. */
int file_create(int dir_fd, const char *path, const void *data, size_t size, mode_t mode);

/* Removes a tree below dir_fd without following links, crossing mounts or walking
 * deeper than `depth` folders (-ELOOP); a missing tree is fine. What can be removed is removed;
 * 0 or the first negative errno. */
int tree_remove(int dir_fd, const char *name, unsigned depth);

int fd_set_nonblocking(int fd, bool on);
/* A real folder, owned by root or ourselves, closed to others and not writable for its group (0700,
 * 0710): 0; -ENOTDIR, -EPERM otherwise. */
int directory_check_private(int fd);
