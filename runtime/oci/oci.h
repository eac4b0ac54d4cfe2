// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * davit-oci: the native runtime behind the command line that OCI runtimes share. Each call is one
 * process that parses, plans, acts and exits; what must be remembered lies in ROOT/<id>/ (state.h).
 * A container made by `create` is held by its own init, which waits on a socket in that folder.
 */
#include "base/error.h"
#include "runtime/spec/spec.h"
#include <stdbool.h>
#include <stdint.h>

enum OciVerb {
    OCI_NONE,
    OCI_CREATE,
    OCI_START,
    OCI_STATE,
    OCI_KILL,
    OCI_DELETE,
    OCI_RUN,
    OCI_LIST,
    OCI_SPEC,
    OCI_PLAN,
    OCI_HELP,
    OCI_VERSION,
};

enum { OCI_ARGUMENTS_MAX = 2 };

struct OciOptions {
    enum OciVerb verb;
    /* Before the verb. */
    const char *root, *log, *log_format;
    bool debug;
    /* Of the verbs. */
    const char *bundle, *pid_file, *console_socket, *format;
    const char *preserve_text;
    uint32_t preserve;
    bool detach, keep, all, force, quiet, no_pivot, no_new_keyring;
    const char *arguments[OCI_ARGUMENTS_MAX]; /* what is no option: id, signal, bundle */
    unsigned argument_count;
};

/* Everything of one call. */
struct Oci {
    struct OciOptions options;
    int root_fd; /* the folder of all state folders */
    struct Error error;
};

/* InvalidArgument with the option or verb at fault. */
int options_parse(struct OciOptions *options, int argc, char **argv, struct Error *error);
void options_print_help(void);
const char *oci_verb_name(enum OciVerb verb);

/* The verbs. A negative errno with oci->error filled; else *ret_code is the exit status. */
int verb_create(struct Oci *oci, int *ret_code);
int verb_run(struct Oci *oci, int *ret_code);
int verb_start(struct Oci *oci, int *ret_code);
int verb_state(struct Oci *oci, int *ret_code);
int verb_kill(struct Oci *oci, int *ret_code);
int verb_delete(struct Oci *oci, int *ret_code);
int verb_list(struct Oci *oci, int *ret_code);
int verb_spec(struct Oci *oci, int *ret_code);
int verb_plan(struct Oci *oci, int *ret_code);

/* One line on stderr (`davit-oci: VERB: Code: text (where)`), and one in --log. */
void report_error(const struct Oci *oci, const struct Error *error);
/* `davit-oci: VERB: warning: text`, or, when there is a log, only there. */
void report_warning(const struct Oci *oci, const char *text);
/* Each line of the text is a warning. */
void report_warnings(const struct Oci *oci, const char *text);
/* Each line into the log, with --debug. */
void report_debug(const struct Oci *oci, const char *text);
