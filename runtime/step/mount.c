// SPDX-License-Identifier: Apache-2.0
/*
 * New filesystems and bind mounts. The target is always a descriptor that openat2 resolved inside
 * the container's root; a new filesystem is then mounted on "." after fchdir(), which is mount(2)'s
 * way of naming a descriptor, or, where that call cannot carry the options or fails, through a
 * filesystem context, whose log says in words what the kernel did not like.
 *
 * procfs and sysfs are special: what is later written below them must be theirs, so their target
 * may not be reached over a symbolic link.
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

enum { CLASSIC_DATA_MAX = 4096 };

/* Attributes of mount_setattr(2) as flags of mount(2). Access times: none of these is relatime. */
static const struct {
    uint64_t attribute;
    unsigned long flag;
} attribute_table[] = {
    {MOUNT_ATTR_RDONLY, MS_RDONLY},         {MOUNT_ATTR_NOSUID, MS_NOSUID},
    {MOUNT_ATTR_NODEV, MS_NODEV},           {MOUNT_ATTR_NOEXEC, MS_NOEXEC},
    {MOUNT_ATTR_NOATIME, MS_NOATIME},       {MOUNT_ATTR_STRICTATIME, MS_STRICTATIME},
    {MOUNT_ATTR_NODIRATIME, MS_NODIRATIME},
};

/* False when some attribute has no flag. */
static bool classic_flags(uint64_t attributes, unsigned long *ret)
{
    unsigned long flags = 0;
    for (size_t i = 0; i < ELEMENTSOF(attribute_table); i++)
        if (attributes & attribute_table[i].attribute) {
            flags |= attribute_table[i].flag;
            attributes &= ~attribute_table[i].attribute;
        }
    *ret = flags;
    return attributes == 0;
}

/* False when the options cannot be told apart again once they are joined by commas. */
static bool classic_data(const struct OpStrings *options, char data[CLASSIC_DATA_MAX])
{
    size_t used = 0;
    data[0] = 0;
    for (const char *option = op_strings_next(options, NULL); option;
         option = op_strings_next(options, option)) {
        size_t size = strlen(option);
        if (strchr(option, ',') || used + size + 2 > CLASSIC_DATA_MAX)
            return false;
        if (used)
            data[used++] = ',';
        memcpy(data + used, option, size + 1);
        used += size;
    }
    return true;
}

/* 0; a negative errno, also when it cannot be done this way. */
static int mount_classic(const struct Op *op, int target_fd)
{
    unsigned long flags;
    char data[CLASSIC_DATA_MAX];
    if (!classic_flags(op->mount.attributes, &flags) || !classic_data(&op->mount.data, data))
        return -EOPNOTSUPP;
    if (fchdir(target_fd) < 0)
        return -errno;
    return mount(op->mount.source, ".", op->mount.type, flags, data[0] ? data : NULL) < 0 ? -errno : 0;
}

/* The last complaint in the log of a filesystem context, without its "e " prefix; or "". */
static const char *context_log(int fs_fd, char *buffer, size_t size)
{
    const char *found = "";
    char line[ERROR_WHAT_SIZE];
    for (unsigned lines = 0; lines < 32; lines++) {
        ssize_t got = read(fs_fd, line, sizeof(line) - 1);
        if (got < 3)
            break;
        line[got] = 0;
        if (line[0] != 'e')
            continue;
        line[strcspn(line, "\n")] = 0;
        str_format(buffer, size, "%s", line + 2);
        found = buffer;
    }
    return found;
}

static int configure(int fs_fd, const char *option)
{
    char key[256];
    const char *value = strchr(option, '=');
    if (!value)
        return sys_fsconfig(fs_fd, FSCONFIG_SET_FLAG, option, NULL, 0);
    size_t size = (size_t)(value - option);
    if (size >= sizeof(key)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(key, option, size);
    key[size] = 0;
    return sys_fsconfig(fs_fd, FSCONFIG_SET_STRING, key, value + 1, 0);
}

/* A filesystem with these options, mounted nowhere; *failed is the option at fault. */
static int context_create(const struct Op *op, int fs_fd, const char **failed)
{
    *failed = "source";
    if (op->mount.source[0] && sys_fsconfig(fs_fd, FSCONFIG_SET_STRING, "source", op->mount.source, 0) < 0)
        return -errno;
    const struct OpStrings *options = &op->mount.data;
    for (*failed = op_strings_next(options, NULL); *failed; *failed = op_strings_next(options, *failed))
        if (configure(fs_fd, *failed) < 0)
            return -errno;
    /* As mount(2) does: the filesystem itself, not only this mount of it. */
    if (op->mount.attributes & MOUNT_ATTR_RDONLY && sys_fsconfig(fs_fd, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0)
        return -errno;
    return sys_fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ? -errno : 0;
}

static int mount_by_context(struct StepContext *context, const struct Op *op, int target_fd)
{
    char log[ERROR_WHAT_SIZE];
    const char *failed = NULL;
    _cleanup_close_ int fs_fd = sys_fsopen(op->mount.type, FSOPEN_CLOEXEC);
    if (fs_fd < 0)
        return step_fail(context, op, errno, "filesystem type %.32s", op->mount.type);
    int r = context_create(op, fs_fd, &failed);
    if (r < 0) {
        const char *text = context_log(fs_fd, log, sizeof(log));
        return step_fail(context, op, r, "%s%s%s", failed ? failed : "cannot mount", text[0] ? ": " : "",
                         text);
    }
    _cleanup_close_ int mount_fd = sys_fsmount(fs_fd, FSMOUNT_CLOEXEC, (unsigned)op->mount.attributes);
    if (mount_fd < 0)
        return step_fail(context, op, errno, "cannot mount");
    if (sys_move_mount(mount_fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        return step_fail(context, op, errno, "cannot attach the mount");
    return 0;
}

static bool is_kernel_filesystem(const char *type)
{
    return strcmp(type, "proc") == 0 || strcmp(type, "sysfs") == 0;
}

static int open_plain(int root_fd, const char *path)
{
    const struct open_how how = {
        .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS,
    };
    int fd = sys_openat2(root_fd, path, &how, sizeof(how));
    return fd < 0 ? -errno : fd;
}

/* The folder to mount on; a descriptor or a negative errno with the error filled. */
static int open_target(struct StepContext *context, const struct Op *op)
{
    const char *target = op->mount.target;
    bool plain = is_kernel_filesystem(op->mount.type);
    int fd = plain ? open_plain(context->root_fd, target) : -ENOENT;
    if (fd == -ENOENT)
        fd = resolve_make(context->root_fd, target, 0755, false);
    if (fd >= 0 && plain) {
        /* What was just made may have been swapped meanwhile: only a plain look-up counts. */
        safe_close(fd);
        fd = open_plain(context->root_fd, target);
    }
    if (fd == -ELOOP && plain)
        return step_fail(context, op, fd, "the target is reached over a symbolic link");
    return fd < 0 ? step_fail(context, op, fd, "target") : fd;
}

static int set_propagation(struct StepContext *context, const struct Op *op, const char *target,
                           uint64_t propagation)
{
    _cleanup_close_ int fd = resolve_open(context->root_fd, target, O_PATH);
    if (fd < 0)
        return step_fail(context, op, fd, "the new mount");
    struct mount_attr attributes = {.propagation = propagation & ~(uint64_t)MS_REC};
    unsigned flags = AT_EMPTY_PATH | (propagation & MS_REC ? AT_RECURSIVE : 0);
    if (sys_mount_setattr(fd, "", flags, &attributes, sizeof(attributes)) < 0)
        return step_fail(context, op, errno, "propagation");
    return 0;
}

int step_mount(struct StepContext *context, const struct Op *op)
{
    _cleanup_close_ int target_fd = open_target(context, op);
    int r = target_fd;
    if (r >= 0 && mount_classic(op, target_fd) < 0)
        r = mount_by_context(context, op, target_fd);
    if (r >= 0 && op->mount.propagation)
        r = set_propagation(context, op, op->mount.target, op->mount.propagation);
    if (r < 0)
        return op->mount.optional ? STEP_WARNING : r;
    return 0;
}

/* Attributes that exclude each other are cleared together. */
static int set_attributes(int tree_fd, unsigned flags, uint64_t set, uint64_t clear, uint64_t propagation)
{
    struct mount_attr attributes = {
        .attr_set = set,
        .attr_clr = clear | (set & MOUNT_ATTR__ATIME ? MOUNT_ATTR__ATIME : 0),
        .propagation = propagation & ~(uint64_t)MS_REC,
    };
    if (!attributes.attr_set && !attributes.attr_clr && !attributes.propagation)
        return 0;
    return sys_mount_setattr(tree_fd, "", AT_EMPTY_PATH | flags, &attributes, sizeof(attributes)) < 0 ? -errno
                                                                                                      : 0;
}

/* All of it while the tree is attached nowhere: nobody sees it without its attributes. */
static int prepare_tree(const struct Op *op, int tree_fd)
{
    uint64_t propagation = op->bind.propagation;
    bool deep = propagation & MS_REC;
    int r = set_attributes(tree_fd, 0, op->bind.attributes_set, op->bind.attributes_clear,
                           deep ? 0 : propagation);
    if (r < 0)
        return r;
    return set_attributes(tree_fd, AT_RECURSIVE, op->bind.attributes_recursive, 0, deep ? propagation : 0);
}

int step_bind(struct StepContext *context, const struct Op *op)
{
    unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (op->bind.recursive ? AT_RECURSIVE : 0);
    _cleanup_close_ int tree_fd = sys_open_tree(AT_FDCWD, op->bind.source, flags);
    struct stat st;
    if (tree_fd < 0 || fstat(tree_fd, &st) < 0)
        return step_fail(context, op, errno, "source %s", op->bind.source);
    _cleanup_close_ int target_fd =
        resolve_make(context->root_fd, op->bind.target, 0755, !S_ISDIR(st.st_mode));
    if (target_fd < 0)
        return step_fail(context, op, target_fd, "target");
    int r = prepare_tree(op, tree_fd);
    if (r < 0)
        return step_fail(context, op, r, "attributes");
    if (sys_move_mount(tree_fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        return step_fail(context, op, errno, "cannot attach the mount");
    return 0;
}
