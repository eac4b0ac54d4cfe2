// SPDX-License-Identifier: Apache-2.0
#pragma once
/* davitd's command line and environment, and the places that follow from them. */
#include "base/error.h"
#include "runtime/cgroup/cgroup.h"
#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

struct Places { /* absolute paths, as the contract's table has them */
    char run_dir[PATH_MAX], data_dir[PATH_MAX], log_dir[PATH_MAX], config_dir[PATH_MAX], socket[PATH_MAX];
    char cgroup_parent[CGROUP_PATH_MAX]; /* "/davit" */
    char shim[PATH_MAX], seccomp_profile[PATH_MAX];
};

struct Options { /* NULL: not given */
    const char *socket, *run_dir, *data_dir, *log_dir, *config_dir, *cgroup_parent, *bus;
    bool user, autostarted, help, version;
};

extern const char OPTIONS_HELP[];

/* InvalidArgument with the option as `where`. Texts point into argv. */
int options_parse(int argc, char **argv, struct Options *ret, struct Error *error);

/* What places are made from, so that this is pure. */
struct PlacesInput {
    const struct Options *options;
    uid_t uid;
    const char *(*environment)(const char *name); /* getenv, or nothing under AT_SECURE */
    const char *working_folder;                   /* for relative paths */
    bool in_build_tree;                           /* helpers come from the build, not the installation */
};
int places_resolve(const struct PlacesInput *input, struct Places *ret, struct Error *error);
/* Whether the running program lies in the build folder that it was made in. */
bool places_in_build_tree(void);
