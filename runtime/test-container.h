// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Fixture: small plans made by hand and carried out over a root folder with busybox in it, inside
 * a mount namespace and on a tmpfs of this test program alone.
 */
#include "runtime/runtime.h"

enum { RECIPE_OPS_MAX = 16, RECIPE_ARGUMENTS_MAX = 8, OUTPUT_MAX = 8192, WARNINGS_MAX = 4 };

/* Ops with kind 0 end a list. Left out members get what a small container needs. */
struct Recipe {
    const char *arguments[RECIPE_ARGUMENTS_MAX];
    const char *environment[RECIPE_ARGUMENTS_MAX];
    struct Op root;              /* kind 0: the fixture's folder */
    uint64_t without_namespaces; /* CLONE_NEWx that are not made */
    bool no_root, no_proc, no_user;
    struct Op host[RECIPE_OPS_MAX];   /* host stage */
    struct Op mounts[RECIPE_OPS_MAX]; /* between rootfs and pivot */
    struct Op inside[RECIPE_OPS_MAX]; /* between pivot and look-up */
    struct Op exec[RECIPE_OPS_MAX];   /* exec stage, before the user is set if it has none */
};

struct Outcome {
    enum RuntimeEvent event; /* how the start ended */
    struct Error error;
    struct Error warnings[WARNINGS_MAX];
    unsigned warning_count;
    int wait_status;
    char output[OUTPUT_MAX];
};

/* False (and the case is skipped) when the tests cannot run here. */
bool fixture_ready(void);
/* Path below the fixture's folder; static, four at a time. */
const char *fixture_path(const char *name);
const char *fixture_rootfs(void);
/* Runs a shell command on the host side, in the fixture's folder. */
void fixture_shell(const char *command);

/* The plan's bytes; the caller frees. */
char *recipe_plan(const struct Recipe *recipe, struct Plan *ret);
/* Starts it and follows it to its end; everything is undone. io may be NULL: output is caught. */
void recipe_run(const struct Recipe *recipe, struct Outcome *ret);
/* Waits for the next event but AGAIN and WARNING (kept in outcome), with a deadline. */
enum RuntimeEvent runtime_wait_event(struct Runtime *runtime, struct Outcome *outcome);
/* Waits for init's end and reaps it. */
int runtime_wait_exit(struct Runtime *runtime);
