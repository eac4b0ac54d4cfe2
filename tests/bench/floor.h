// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The floor: what the kernel alone costs for one container, in the fewest system calls. clone3 into new
 * mount, pid, ipc, uts, cgroup and (optionally) network namespaces, the mounts of the default
 * bundle, pivot_root, execve, wait. No cgroup, no capabilities, no filter, no error text.
 */
#include <stdbool.h>

/* Runs it once and waits; the wait status, or -1. */
int floor_run(const char *rootfs, char *const argv[], bool network);
