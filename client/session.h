// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A container in the foreground: its output on ours, our stdin on its, signals passed on, until it has
 * exited. When davitd dies the session connects again for 30 s and goes on: the container lives with its
 * shim, and what it printed meanwhile is missing here (which is told) but not in its log.
 */
#include "client/cli.h"

struct SessionOptions {
    const char *container; /* id */
    bool start;            /* it is to be started, after everything is attached */
    bool pass_stdin;
    bool pass_signals;
    bool auto_remove; /* wait until it is deleted too */
};

/* Returns the exit status of the program: the container's, 128 + n, 125 to 127. */
int session_run(struct Cli *cli, const struct SessionOptions *options);
/* The exit status that a refused start has: 126 and 127 for a command that cannot be executed. */
int session_start_status(const davit_error *error);
/* The exit status of a container that is deleted, from the events that are kept of it. */
bool session_find_exit(struct Cli *cli, const char *container, int *ret_status);
