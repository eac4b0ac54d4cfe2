// SPDX-License-Identifier: Apache-2.0
/*
 * Device nodes and symbolic links: made by name below a parent folder that openat2 resolved inside
 * the root. mknodat and symlinkat never follow the last name. Init's umask is 0 meanwhile, so modes
 * are exact.
 */
#include "base/fd.h"
#include "base/resolve.h"
#include "runtime/step/step.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* What is there already stays if it is the same device. */
static int check_existing(struct StepContext *context, const struct Op *op, int parent_fd, const char *name,
                          dev_t device)
{
    struct stat st;
    if (fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return step_fail(context, op, errno, "cannot make the node");
    bool same = (st.st_mode & S_IFMT) == (op->device.mode & S_IFMT);
    if (same && (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)))
        same = st.st_rdev == device;
    return same ? 0 : step_fail(context, op, EEXIST, "something else is there");
}

int step_device(struct StepContext *context, const struct Op *op)
{
    _cleanup_close_ int parent_fd = -1;
    const char *name;
    int r = resolve_parent(context->root_fd, op->device.path, true, &parent_fd, &name);
    if (r < 0)
        return step_fail(context, op, r, "folder");
    dev_t device = makedev((unsigned)op->device.major, (unsigned)op->device.minor);
    if (mknodat(parent_fd, name, (mode_t)op->device.mode, device) < 0)
        return errno == EEXIST ? check_existing(context, op, parent_fd, name, device)
                               : step_fail(context, op, errno, "cannot make the node");
    if ((op->device.uid || op->device.gid) &&
        fchownat(parent_fd, name, (uid_t)op->device.uid, (gid_t)op->device.gid, AT_SYMLINK_NOFOLLOW) < 0)
        return step_fail(context, op, errno, "cannot give it to its owner");
    return 0;
}

int step_link(struct StepContext *context, const struct Op *op)
{
    _cleanup_close_ int parent_fd = -1;
    const char *name;
    int r = resolve_parent(context->root_fd, op->link.path, true, &parent_fd, &name);
    if (r < 0)
        return step_fail(context, op, r, "folder");
    if (symlinkat(op->link.target, parent_fd, name) == 0)
        return 0;
    if (errno != EEXIST)
        return step_fail(context, op, errno, "cannot make the link");
    char target[PATH_MAX];
    ssize_t size = readlinkat(parent_fd, name, target, sizeof(target) - 1);
    if (size < 0 || (size_t)size != strlen(op->link.target) ||
        memcmp(target, op->link.target, (size_t)size) != 0)
        return step_fail(context, op, EEXIST, "something else is there");
    return 0;
}
