// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/floor.h"
#include "base/sys.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

/* sys/mount.h and linux/mount.h do not go together in every C library. */
extern int mount(const char *, const char *, const char *, unsigned long, const void *);
extern int umount2(const char *, int);
enum {
    BIND = 4096,
    REC = 16384,
    PRIVATE = 1 << 18,
    NOSUID = 2,
    NODEV = 4,
    NOEXEC = 8,
    RDONLY = 1,
    DETACH = 2
};

static const struct {
    const char *source, *target, *type;
    unsigned long flags;
    const char *data;
} FLOOR_MOUNTS[] = {
    {"proc", "proc", "proc", 0, NULL},
    {"tmpfs", "dev", "tmpfs", NOSUID, "mode=755,size=65536k"},
    {"devpts", "dev/pts", "devpts", NOSUID | NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5"},
    {"shm", "dev/shm", "tmpfs", NOSUID | NODEV | NOEXEC, "mode=1777,size=65536k"},
    {"mqueue", "dev/mqueue", "mqueue", NOSUID | NODEV | NOEXEC, NULL},
    {"sysfs", "sys", "sysfs", NOSUID | NODEV | NOEXEC | RDONLY, NULL},
};

static const struct {
    const char *path;
    unsigned minor, major;
} FLOOR_DEVICES[] = {{"dev/null", 3, 1}, {"dev/zero", 5, 1},   {"dev/full", 7, 1},
                     {"dev/tty", 0, 5},  {"dev/random", 8, 1}, {"dev/urandom", 9, 1}};

static void floor_child(const char *rootfs, char *const argv[])
{
    if (mount(NULL, "/", NULL, REC | PRIVATE, NULL) < 0 ||
        mount(rootfs, rootfs, NULL, BIND | REC, NULL) < 0 || chdir(rootfs) < 0)
        _exit(120);
    for (unsigned i = 0; i < sizeof(FLOOR_MOUNTS) / sizeof(FLOOR_MOUNTS[0]); i++) {
        (void)mkdir(FLOOR_MOUNTS[i].target, 0755);
        if (mount(FLOOR_MOUNTS[i].source, FLOOR_MOUNTS[i].target, FLOOR_MOUNTS[i].type, FLOOR_MOUNTS[i].flags,
                  FLOOR_MOUNTS[i].data) < 0)
            _exit(121);
    }
    for (unsigned i = 0; i < sizeof(FLOOR_DEVICES) / sizeof(FLOOR_DEVICES[0]); i++) {
        if (mknod(FLOOR_DEVICES[i].path, S_IFCHR | 0666,
                  makedev(FLOOR_DEVICES[i].major, FLOOR_DEVICES[i].minor)) < 0)
            _exit(122);
    }
    if (sys_pivot_root(".", ".") < 0 || umount2(".", DETACH) < 0 || chdir("/") < 0)
        _exit(123);
    static char path[] = "PATH=/bin:/usr/bin:/sbin:/usr/sbin";
    char *const environment[] = {path, NULL};
    execve(argv[0], argv, environment);
    _exit(124);
}

int floor_run(const char *rootfs, char *const argv[], bool network)
{
    struct clone_args args = {
        .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP |
                 (network ? CLONE_NEWNET : 0),
        .exit_signal = SIGCHLD,
    };
    pid_t pid = sys_clone3(&args, sizeof(args));
    if (pid == 0)
        floor_child(rootfs, argv);
    int status = -1;
    if (pid > 0) {
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
    }
    return status;
}
