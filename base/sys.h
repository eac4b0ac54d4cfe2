// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * System calls and constants that one of our C libraries (glibc 2.36, musl 1.2.3) does not wrap.
 * Thin: arguments in, -1 and errno out. Linux 5.12 is the oldest kernel they are used on.
 */
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/wait.h>

#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

/* fork-like when args->stack is 0: returns twice. */
pid_t sys_clone3(struct clone_args *args, size_t size);
int sys_pidfd_open(pid_t pid, unsigned flags);
int sys_pidfd_send_signal(int pidfd, int signal, siginfo_t *info, unsigned flags);
int sys_openat2(int dir_fd, const char *path, const struct open_how *how, size_t size);
int sys_close_range(unsigned first, unsigned last, unsigned flags);
int sys_open_tree(int dir_fd, const char *path, unsigned flags);
int sys_move_mount(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int sys_fsopen(const char *type, unsigned flags);
int sys_fsconfig(int fs_fd, unsigned command, const char *key, const void *value, int aux);
int sys_fsmount(int fs_fd, unsigned flags, unsigned attributes);
int sys_mount_setattr(int dir_fd, const char *path, unsigned flags, struct mount_attr *attr, size_t size);
int sys_pivot_root(const char *new_root, const char *put_old);
int sys_memfd_create(const char *name, unsigned flags);
int sys_seccomp(unsigned operation, unsigned flags, void *args);
int sys_execveat(int dir_fd, const char *path, char *const argv[], char *const envp[], int flags);

/* Exit status of a process of which only a pidfd is held, also when it was reaped by another
 * (PIDFD_INFO_EXIT, Linux 6.15). wait_status is as wait(2) gives it. 0; -EAGAIN while it lives or
 * is not reaped; -EOPNOTSUPP on kernels that cannot tell. */
int pidfd_get_exit(int pidfd, int *ret_wait_status);
