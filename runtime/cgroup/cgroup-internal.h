// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What the back-ends share. A back-end knows the files of one cgroup version; which of them speaks
 * for a whole set is decided in cgroup.c: v2 where there is a v2 folder, else v1.
 */
#include "base/buf.h"
#include "runtime/cgroup/cgroup.h"

struct CgroupBackend {
    int (*kill)(const struct CgroupSet *set);
    /* 1, 0 or a negative errno */
    int (*is_populated)(const struct CgroupSet *set);
    /* Overwrites only what this folder knows. */
    void (*evidence)(const struct CgroupDir *dir, struct CgroupEvidence *ret);
    long magic; /* statfs */
};
extern const struct CgroupBackend cgroup_backend_v1, cgroup_backend_v2;

/* One number from a file: the whole file when key is NULL, else the line "key NUMBER"; "max" and
 * what is at least 2^62 (v1's "no limit") is UINT64_MAX. 0 or a negative errno. */
int cgroup_read_number(const struct CgroupDir *dir, const char *file, const char *key, uint64_t *ret);

/* Collects the process ids of the folder and everything below it into an array of pid_t.
 * -EFBIG when the tree is unreasonably large; what was found is still there. */
int cgroup_tree_processes(int dir_fd, struct Buf *ret_pids);
/* Signals them by pidfd, each checked to be still in the folder; 0 or the first negative errno but
 * ESRCH. */
int cgroup_tree_signal(const struct CgroupDir *dir, int signal);
/* SIGKILL, again and again until a sweep meets nobody new: what is killed stays listed until it is
 * gone, and what was forked meanwhile is met by the next one. */
int cgroup_tree_kill(const struct CgroupDir *dir);
/* Removes all folders below dir_fd, not itself. -EBUSY while something lives in one of them. */
int cgroup_tree_remove(int dir_fd);
