// SPDX-License-Identifier: Apache-2.0
/*
 * The container's root: a recursive bind of a folder, or an overlay whose upper layer is a tmpfs
 * that only this mount namespace has. Both leave root_fd, the root of a mount that is attached in
 * our namespace; every later path is resolved from it. The pivot makes it "/" and detaches the
 * host's tree in one go: the single unmount of a start, as each costs an RCU grace period.
 *
 * Nothing may travel back to the host: its tree becomes a slave first. Where the configuration asks
 * for shared propagation, the host's tree stays shared for the sake of bind mounts, and the mount
 * that the root is attached to is cut off instead. The root itself gets its propagation at the end.
 */
#include "base/fd.h"
#include "base/resolve.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/step/step.h"
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PARENTS_MAX = 512 };

static const unsigned MOVE_EMPTY = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;

/* Only the root of a mount has a propagation, so walk up to it. */
static int make_parent_private(int dir_fd)
{
    struct mount_attr attributes = {.propagation = MS_PRIVATE};
    _cleanup_close_ int fd = openat(dir_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (unsigned i = 0; fd >= 0 && i < PARENTS_MAX; i++) {
        if (sys_mount_setattr(fd, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) == 0)
            return 0;
        if (errno != EINVAL)
            break;
        int parent = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        safe_close(fd);
        fd = parent;
    }
    return -errno;
}

/* Before anything is attached. What the configuration asks for is then the root's, see step_pivot(). */
static int cut_off(struct StepContext *context, const struct Op *op, uint64_t propagation, int dir_fd)
{
    bool shared = propagation & MS_SHARED;
    context->root_propagation = propagation == (MS_REC | MS_SLAVE) ? 0 : propagation;
    context->root_shared = shared;
    if (mount(NULL, "/", NULL, shared ? (unsigned long)propagation : MS_REC | MS_SLAVE, NULL) < 0)
        return step_fail(context, op, errno, "propagation of the host's tree");
    int r = shared ? make_parent_private(dir_fd) : 0;
    return r < 0 ? step_fail(context, op, r, "the mount that holds it") : 0;
}

int step_rootfs(struct StepContext *context, const struct Op *op)
{
    _cleanup_close_ int dir_fd = open(op->rootfs.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return step_fail(context, op, errno, "cannot open the root folder");
    int r = cut_off(context, op, op->rootfs.propagation, dir_fd);
    if (r < 0)
        return r;
    _cleanup_close_ int tree_fd =
        sys_open_tree(dir_fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH);
    if (tree_fd < 0 || sys_move_mount(tree_fd, "", dir_fd, "", MOVE_EMPTY) < 0)
        return step_fail(context, op, errno, "cannot bind the root folder");
    context->root_fd = TAKE_FD(tree_fd);
    return 0;
}

struct Setting {
    const char *key, *value;
};

/* A filesystem of this type, mounted nowhere. */
static int make_filesystem(const char *type, const struct Setting *settings)
{
    _cleanup_close_ int fs_fd = sys_fsopen(type, FSOPEN_CLOEXEC);
    if (fs_fd < 0)
        return -errno;
    for (; settings->key; settings++)
        if (sys_fsconfig(fs_fd, FSCONFIG_SET_STRING, settings->key, settings->value, 0) < 0)
            return -errno;
    if (sys_fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -errno;
    int fd = sys_fsmount(fs_fd, FSMOUNT_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

/* A lower folder is one of a list in overlay's option: its colons and backslashes are escaped. */
static int escape_layer(const char *path, char *buffer, size_t size)
{
    size_t used = 0;
    for (; *path; path++) {
        if (used + 3 > size)
            return -ENAMETOOLONG;
        if (*path == ':' || *path == '\\')
            buffer[used++] = '\\';
        buffer[used++] = *path;
    }
    buffer[used] = 0;
    return 0;
}

/* The tmpfs with upper, work and root, attached on the scratch folder, and entered: overlay takes the
 * two by path, and relative ones need no knowledge of where we are. */
static int make_scratch(struct StepContext *context, const struct Op *op, int scratch_fd)
{
    char size[32];
    str_format(size, sizeof(size), "%llu", (unsigned long long)op->overlay.size);
    const struct Setting settings[] = {
        {"source", "davit"}, {"mode", "0755"}, {op->overlay.size ? "size" : NULL, size}, {NULL, NULL}};
    _cleanup_close_ int fd = make_filesystem("tmpfs", settings);
    if (fd < 0)
        return step_fail(context, op, fd, "tmpfs for the upper layer");
    if (sys_move_mount(fd, "", scratch_fd, "", MOVE_EMPTY) < 0 || fchdir(fd) < 0)
        return step_fail(context, op, errno, "cannot attach the tmpfs on %s", op->overlay.scratch);
    if (mkdir("upper", 0755) < 0 || mkdir("work", 0700) < 0 || mkdir("root", 0755) < 0)
        return step_fail(context, op, errno, "layers");
    return 0;
}

int step_overlay(struct StepContext *context, const struct Op *op)
{
    char lower[PATH_MAX];
    int r = escape_layer(op->overlay.lower, lower, sizeof(lower));
    if (r < 0)
        return step_fail(context, op, r, "lower folder");
    _cleanup_close_ int scratch_fd = open(op->overlay.scratch, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (scratch_fd < 0)
        return step_fail(context, op, errno, "cannot open %s", op->overlay.scratch);
    r = cut_off(context, op, op->overlay.propagation, scratch_fd);
    if (r >= 0)
        r = make_scratch(context, op, scratch_fd);
    if (r < 0)
        return r;
    const struct Setting settings[] = {
        {"source", "davit"}, {"lowerdir", lower}, {"upperdir", "upper"}, {"workdir", "work"}, {NULL, NULL}};
    _cleanup_close_ int fd = make_filesystem("overlay", settings);
    if (fd < 0)
        return step_fail(context, op, fd, "cannot make the overlay");
    if (sys_move_mount(fd, "", AT_FDCWD, "root", MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return step_fail(context, op, errno, "cannot attach the overlay");
    context->root_fd = TAKE_FD(fd);
    return 0;
}

/* A working directory that the root lacks is made, as long as the root can be written to. */
static int make_cwd(struct StepContext *context)
{
    if (!context->cwd)
        return 0;
    const struct Op op = {.kind = OP_CWD, .path = {context->cwd}};
    _cleanup_close_ int fd = resolve_make(context->root_fd, context->cwd, 0755, false);
    return fd < 0 && fd != -EROFS ? step_fail(context, &op, fd, "cannot make it") : 0;
}

int step_root_readonly(struct StepContext *context, const struct Op *op)
{
    int r = make_cwd(context);
    if (r < 0)
        return r;
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    if (sys_mount_setattr(context->root_fd, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) < 0)
        return step_fail(context, op, errno, "cannot make the root read-only");
    return 0;
}

int step_pivot(struct StepContext *context, const struct Op *op)
{
    int r = make_cwd(context);
    if (r >= 0 && context->masks_after_pivot)
        r = mask_prepare(context);
    if (r < 0)
        return r;
    if (fchdir(context->root_fd) < 0)
        return step_fail(context, op, errno, "cannot enter the root");
    if (op->pivot.chroot) {
        if (chroot(".") < 0 || chdir("/") < 0)
            return step_fail(context, op, errno, "cannot make it the root");
        return 0;
    }
    if (sys_pivot_root(".", ".") < 0)
        return step_fail(context, op, errno, "cannot make it the root");
    /* The host's tree now lies over "/", and "." is still the new root below it. */
    if (context->root_shared && mount(NULL, ".", NULL, MS_REC | MS_SLAVE, NULL) < 0)
        return step_fail(context, op, errno, "cannot cut off the host's tree");
    if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        return step_fail(context, op, errno, "cannot detach the host's tree");
    if (context->root_propagation &&
        mount(NULL, "/", NULL, (unsigned long)context->root_propagation, NULL) < 0)
        return step_fail(context, op, errno, "propagation of the root");
    return 0;
}
