// SPDX-License-Identifier: Apache-2.0
#include "base/sys.h"
#include <errno.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The numbers are the same on every architecture but alpha; the oldest headers lack these. */
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

pid_t sys_clone3(struct clone_args *args, size_t size)
{
    return (pid_t)syscall(SYS_clone3, args, size);
}

int sys_pidfd_open(pid_t pid, unsigned flags)
{
    return (int)syscall(SYS_pidfd_open, pid, flags);
}

int sys_pidfd_send_signal(int pidfd, int signal, siginfo_t *info, unsigned flags)
{
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, info, flags);
}

int sys_openat2(int dir_fd, const char *path, const struct open_how *how, size_t size)
{
    return (int)syscall(SYS_openat2, dir_fd, path, how, size);
}

int sys_close_range(unsigned first, unsigned last, unsigned flags)
{
    return (int)syscall(SYS_close_range, first, last, flags);
}

int sys_open_tree(int dir_fd, const char *path, unsigned flags)
{
    return (int)syscall(SYS_open_tree, dir_fd, path, flags);
}

int sys_move_mount(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    return (int)syscall(SYS_move_mount, from_fd, from, to_fd, to, flags);
}

int sys_fsopen(const char *type, unsigned flags)
{
    return (int)syscall(SYS_fsopen, type, flags);
}

int sys_fsconfig(int fs_fd, unsigned command, const char *key, const void *value, int aux)
{
    return (int)syscall(SYS_fsconfig, fs_fd, command, key, value, aux);
}

int sys_fsmount(int fs_fd, unsigned flags, unsigned attributes)
{
    return (int)syscall(SYS_fsmount, fs_fd, flags, attributes);
}

int sys_mount_setattr(int dir_fd, const char *path, unsigned flags, struct mount_attr *attr, size_t size)
{
    return (int)syscall(SYS_mount_setattr, dir_fd, path, flags, attr, size);
}

int sys_pivot_root(const char *new_root, const char *put_old)
{
    return (int)syscall(SYS_pivot_root, new_root, put_old);
}

int sys_memfd_create(const char *name, unsigned flags)
{
    return (int)syscall(SYS_memfd_create, name, flags);
}

int sys_seccomp(unsigned operation, unsigned flags, void *args)
{
    return (int)syscall(SYS_seccomp, operation, flags, args);
}

int sys_execveat(int dir_fd, const char *path, char *const argv[], char *const envp[], int flags)
{
    return (int)syscall(SYS_execveat, dir_fd, path, argv, envp, flags);
}

/* struct pidfd_info of <linux/pidfd.h> in its first published size, which Linux 6.13 brought and
 * where 6.15 gave the last word its meaning. */
struct PidfdInfo {
    uint64_t mask, cgroup_id;
    uint32_t pid, tgid, ppid;
    uint32_t ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
    int32_t exit_code;
};
_Static_assert(sizeof(struct PidfdInfo) == 64, "the size is part of the request's number");

#define PIDFD_REQUEST_INFO _IOWR(0xff, 11, struct PidfdInfo)
#define PIDFD_MASK_EXIT    (UINT64_C(1) << 3)

int pidfd_get_exit(int pidfd, int *ret_wait_status)
{
    struct PidfdInfo info = {.mask = PIDFD_MASK_EXIT};
    if (ioctl(pidfd, PIDFD_REQUEST_INFO, &info) < 0) {
        /* ESRCH: reaped, and nothing was kept of it, as before 6.15. */
        bool unable = errno == ENOTTY || errno == EINVAL || errno == ESRCH;
        return unable ? -EOPNOTSUPP : -errno;
    }
    if (!(info.mask & PIDFD_MASK_EXIT))
        return -EAGAIN;
    *ret_wait_status = info.exit_code;
    return 0;
}
