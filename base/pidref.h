// SPDX-License-Identifier: Apache-2.0
#pragma once
/* A process: its number for people, its pidfd for everything that is done to it. */
#include "base/cleanup.h"
#include <signal.h>
#include <sys/types.h>

struct PidRef {
    pid_t pid; /* 0: none */
    int fd;    /* pidfd, -1: none */
};

#define PIDREF_INIT                                                                                          \
    {                                                                                                        \
        0, -1                                                                                                \
    }
void pidref_deinit(struct PidRef *ref); /* closes, never kills; idempotent */
#define _cleanup_pidref_ _cleanup_(pidref_deinit)

/* 0 or a negative errno: -ESRCH when it is gone or *ref holds none. */
int pidref_kill(const struct PidRef *ref, int signal);
/* Reaps our own child; waits unless options has WNOHANG. 0 with the wait status, -EAGAIN when it
 * lives and WNOHANG was given, -ECHILD when it is not (or no longer) our child. */
int pidref_wait(const struct PidRef *ref, int options, int *ret_wait_status);
