// SPDX-License-Identifier: Apache-2.0
/*
 * Paths that the container may not read, or not write. A hidden file is the host's own /dev/null,
 * taken before the pivot, checked to be that device and mounted by descriptor, never the one that the
 * root folder has; hidden folders share one empty read-only tmpfs. What does not exist needs no hiding.
 *
 * Of both the first mount is attached as it is and then cloned for the others: a detached mount that
 * stays unused would cost an RCU grace period when it is closed.
 */
#include "base/fd.h"
#include "base/resolve.h"
#include "base/sys.h"
#include "runtime/step/step.h"
#include <fcntl.h>
#include <sys/stat.h>

static const unsigned CLONE_EMPTY = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;

/* A descriptor; -ENOENT, without an error, when there is nothing. */
static int open_existing(struct StepContext *context, const struct Op *op, struct stat *ret_st)
{
    _cleanup_close_ int fd = resolve_open(context->root_fd, op->path.path, O_PATH);
    if (fd == -ENOENT || fd == -ENOTDIR)
        return -ENOENT;
    if (fd < 0)
        return step_fail(context, op, fd, "cannot open it");
    if (fstat(fd, ret_st) < 0)
        return step_fail(context, op, errno, "cannot open it");
    return TAKE_FD(fd);
}

static int attach(struct StepContext *context, const struct Op *op, int tree_fd, int target_fd)
{
    if (sys_move_mount(tree_fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        return step_fail(context, op, errno, "cannot mount over it");
    return 0;
}

int mask_prepare(struct StepContext *context)
{
    if (context->null_fd >= 0)
        return 0;
    const struct Op op = {.kind = OP_MASK, .path = {"/dev/null"}};
    unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW;
    _cleanup_close_ int fd = sys_open_tree(AT_FDCWD, "/dev/null", flags);
    if (fd < 0)
        return step_fail(context, &op, errno, "the host's /dev/null");
    if (!fd_is_dev_null(fd))
        return step_fail(context, &op, ENODEV, "the host's /dev/null is another device");
    context->null_fd = TAKE_FD(fd);
    return 0;
}

static int mask_file(struct StepContext *context, const struct Op *op, int target_fd)
{
    int r = mask_prepare(context);
    if (r < 0)
        return r;
    if (!context->null_attached) {
        r = attach(context, op, context->null_fd, target_fd);
        context->null_attached = r >= 0;
        return r;
    }
    _cleanup_close_ int tree_fd = sys_open_tree(context->null_fd, "", CLONE_EMPTY);
    if (tree_fd < 0)
        return step_fail(context, op, errno, "/dev/null");
    return attach(context, op, tree_fd, target_fd);
}

static int make_empty(void)
{
    _cleanup_close_ int fs_fd = sys_fsopen("tmpfs", FSOPEN_CLOEXEC);
    if (fs_fd < 0 || sys_fsconfig(fs_fd, FSCONFIG_SET_STRING, "source", "tmpfs", 0) < 0 ||
        sys_fsconfig(fs_fd, FSCONFIG_SET_STRING, "nr_inodes", "1", 0) < 0 ||
        sys_fsconfig(fs_fd, FSCONFIG_SET_STRING, "nr_blocks", "1", 0) < 0 ||
        sys_fsconfig(fs_fd, FSCONFIG_SET_STRING, "mode", "0555", 0) < 0 ||
        sys_fsconfig(fs_fd, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0 ||
        sys_fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -errno;
    int fd = sys_fsmount(fs_fd, FSMOUNT_CLOEXEC,
                         MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    return fd < 0 ? -errno : fd;
}

static int mask_folder(struct StepContext *context, const struct Op *op, int target_fd)
{
    if (context->empty_fd >= 0) {
        _cleanup_close_ int tree_fd = sys_open_tree(context->empty_fd, "", CLONE_EMPTY);
        if (tree_fd < 0)
            return step_fail(context, op, errno, "empty folder");
        return attach(context, op, tree_fd, target_fd);
    }
    _cleanup_close_ int fd = make_empty();
    if (fd < 0)
        return step_fail(context, op, fd, "empty folder");
    int r = attach(context, op, fd, target_fd);
    if (r >= 0)
        context->empty_fd = TAKE_FD(fd);
    return r;
}

int step_mask(struct StepContext *context, const struct Op *op)
{
    struct stat st;
    _cleanup_close_ int target_fd = open_existing(context, op, &st);
    if (target_fd < 0)
        return target_fd == -ENOENT ? 0 : target_fd;
    return S_ISDIR(st.st_mode) ? mask_folder(context, op, target_fd) : mask_file(context, op, target_fd);
}

int step_readonly(struct StepContext *context, const struct Op *op)
{
    struct stat st;
    _cleanup_close_ int target_fd = open_existing(context, op, &st);
    if (target_fd < 0)
        return target_fd == -ENOENT ? 0 : target_fd;
    _cleanup_close_ int tree_fd = sys_open_tree(target_fd, "", CLONE_EMPTY | AT_RECURSIVE);
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    if (tree_fd < 0 ||
        sys_mount_setattr(tree_fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof(attributes)) < 0)
        return step_fail(context, op, errno, "cannot make it read-only");
    return attach(context, op, tree_fd, target_fd);
}
