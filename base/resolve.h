// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The only way to look below a folder that somebody else may write to (a rootfs): openat2 with
 * RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS. An absolute path or link is taken as relative to the
 * root descriptor, ".." stops there. Nothing here ever builds a path by concatenation.
 */
#include <stdbool.h>
#include <sys/types.h>

/* Opens below root_fd with these O_ flags (O_CLOEXEC is added); a descriptor or a negative errno.
 * EAGAIN (a racing rename) is tried again a bounded number of times. */
int resolve_open(int root_fd, const char *path, int flags);

/* As resolve_open() with O_PATH, but each missing folder on the way is made with this mode.
 * The last component is made as a folder too (what is there must be one: -ENOTDIR), or as an empty
 * file of mode & 0666 when `last_is_file` (what is there is taken as it is). Dangling links are
 * followed and their target is made. The umask applies. */
int resolve_make(int root_fd, const char *path, mode_t mode, bool last_is_file);

/* The O_PATH descriptor of the parent folder (made if `make` with mode 0755) and the last
 * component, pointing into `path`; -EINVAL when there is no proper last component. */
int resolve_parent(int root_fd, const char *path, bool make, int *ret_parent_fd, const char **ret_name);

/* Opens a path below the private procfs descriptor: RESOLVE_BENEATH | NO_XDEV | NO_MAGICLINKS, and
 * the result must live on procfs. */
int resolve_proc(int proc_fd, const char *path, int flags);

/* /proc as this process sees it, checked to be a procfs; an O_PATH descriptor or a negative errno. */
int resolve_open_procfs(void);
