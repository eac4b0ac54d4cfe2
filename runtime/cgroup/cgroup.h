// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Control groups: how this host lays them out, and what is done to one container's cgroup.
 * Three back-ends behind one header (cgroup-v2.c, cgroup-v1.c, cgroup-hybrid by both): v2 alone;
 * v1 alone; hybrid, where v2 (without controllers) tracks, kills and freezes and v1 limits.
 * Links nothing but libc: the resident shim uses it too.
 */
#include "base/error.h"
#include "base/evidence.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum CgroupKind { CGROUP_NONE, CGROUP_V1, CGROUP_V2, CGROUP_HYBRID };

enum { CGROUP_V1_MAX = 16, CGROUP_MOUNT_MAX = 64, CGROUP_PATH_MAX = 512, CGROUP_DIRS_MAX = 8 };

struct CgroupHierarchy {
    char controllers[CGROUP_MOUNT_MAX]; /* "memory", "cpu,cpuacct", "name=systemd" */
    char mount[CGROUP_MOUNT_MAX];       /* its mount point */
};

struct CgroupLayout {
    enum CgroupKind kind;
    char v2_mount[CGROUP_MOUNT_MAX]; /* "" on pure v1 */
    char v2_controllers[128];        /* cgroup.controllers of the root, space separated */
    struct CgroupHierarchy v1[CGROUP_V1_MAX];
    unsigned v1_count;
};

/* From the text of /proc/self/mountinfo and the root's cgroup.controllers; pure, for tests. */
int cgroup_layout_parse(struct CgroupLayout *layout, const char *mountinfo, const char *v2_controllers,
                        struct Error *error);
int cgroup_layout_probe(struct CgroupLayout *layout, struct Error *error);
/* The v1 hierarchy that holds this controller, or NULL. */
const struct CgroupHierarchy *cgroup_layout_v1(const struct CgroupLayout *layout, const char *controller);
bool cgroup_layout_has_v2(const struct CgroupLayout *layout, const char *controller);

/* One folder of a container in one hierarchy. */
struct CgroupDir {
    unsigned version; /* 1, 2 */
    int fd;           /* O_PATH-free folder descriptor, -1: none */
    char mount[CGROUP_MOUNT_MAX];
    char path[CGROUP_PATH_MAX];
};

/* All folders of one container; [0] is the v2 one when there is one. Behind them is where those were
 * that have been removed. */
struct CgroupSet {
    struct CgroupDir dirs[CGROUP_DIRS_MAX];
    unsigned count, removed;
};
void cgroup_set_deinit(struct CgroupSet *set); /* closes; removes nothing */

/* mkdir -p of the parents (enabling `controllers`, a space separated list, on v2), then the folder
 * itself, which must not exist: AlreadyExists. The set grows by one. */
int cgroup_set_make(struct CgroupSet *set, unsigned version, const char *mount, const char *path,
                    const char *controllers, struct Error *error);
/* Opens the folders that exist for this path, for clean-up after a crash; missing ones are skipped. */
int cgroup_set_open(struct CgroupSet *set, const struct CgroupLayout *layout, const char *path);

/* Writes one file of one folder; 0 or a negative errno. */
int cgroup_dir_write(const struct CgroupDir *dir, const char *file, const char *value);
/* The calling, single-threaded process enters every v1 folder ("0" into tasks). */
int cgroup_set_enter_v1(const struct CgroupSet *set);
/* SIGKILL to everything in it: cgroup.kill, or on v1 freeze, pidfd sweep, thaw. Returns at once;
 * 0 also when it is empty. */
int cgroup_set_kill(const struct CgroupSet *set);
/* Signals every process in it by pidfd (no freeze). */
int cgroup_set_signal(const struct CgroupSet *set, int signal);
/* 1 populated, 0 empty, negative errno. */
int cgroup_set_is_populated(const struct CgroupSet *set);
/* Removes the folders, children first. -EBUSY while something lives in it (try again later); missing
 * is fine. */
int cgroup_set_remove(struct CgroupSet *set);
/* The two levels above those that were removed (davit's own), where they are empty. A step of its own,
 * because making them anew for each container costs more than the container's own folders. */
void cgroup_set_remove_parents(const struct CgroupSet *set);
/* The same for where a container's folders would be. */
void cgroup_remove_parents(const struct CgroupLayout *layout, const char *path);

/* Read it before the folders are removed. */
void cgroup_set_evidence(const struct CgroupSet *set, struct CgroupEvidence *ret);
