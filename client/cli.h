// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The davit command: a table of verbs, each a function in a verb-*.c file that gets the parsed command
 * line and returns the exit status. What they share is here: how to reach davitd, and how to
 * tell errors and results.
 */
#include "client/davit-client.h"
#include "client/option.h"

enum {
    EXIT_OK = 0,
    EXIT_DAMAGED = 1,
    EXIT_USAGE = 2,
    EXIT_DAVIT = 125,
    EXIT_NOT_EXECUTABLE = 126,
    EXIT_NOT_FOUND = 127
};

struct Cli {
    const char *verb;   /* for messages */
    const char *socket; /* NULL: the default */
    unsigned connect_flags;
    bool json;
    davit_client *client; /* cli_connect() made it */
};

struct Verb {
    const char *name;
    const char *synopsis, *help;
    const struct OptionTable *options;
    bool stop_at_positional;
    bool reads; /* has --json */
    int usage_status;
    int positional_min, positional_max; /* max -1: any */
    int (*run)(struct Cli *cli, struct Parsed *parsed);
};
extern const struct Verb CLI_VERBS[];
extern const size_t CLI_VERB_COUNT;

/* 0, or EXIT_DAVIT after telling why. */
int cli_connect(struct Cli *cli);
/* After a lost connection: tries again for 30 s, until wake_fd (-1: none) is readable. A davitd is not
 * started: what is gone on for is with the one that died. A failure has been told. */
enum Reconnect { RECONNECT_DONE, RECONNECT_INTERRUPTED, RECONNECT_FAILED };
enum Reconnect cli_reconnect(struct Cli *cli, int wake_fd);
bool cli_is_lost(const struct Cli *cli);
/* "davit: VERB: Code: text (where)" on stderr; frees the error; returns EXIT_DAVIT. */
int cli_fail(const struct Cli *cli, davit_error *error);
int cli_fail_error(const struct Cli *cli, const struct Error *error);
void cli_warn(const struct Cli *cli, const char *format, ...) _printf_(2, 3);
/* The warnings of an answer: a list of texts or of errors. */
void cli_warn_list(const struct Cli *cli, const davit_value *warnings);

/* One call with its answer, connecting first if need be; 0, or EXIT_DAVIT after telling why.
 * *ret_result (may be NULL) is the caller's. */
int cli_call(struct Cli *cli, const char *method, const davit_value *arguments, davit_value **ret_result);
/* The same call for each container named, all at once. With `show`, what to print of each answer, in the
 * order of the command line; else the container as it was named. EXIT_DAVIT when one has failed. */
int cli_call_each(struct Cli *cli, const char *method, struct Parsed *parsed,
                  void (*show)(struct Cli *cli, const char *container, const davit_value *result));

/* Prints a value as one line of JSON and flushes. EXIT_OK, or EXIT_DAVIT. */
int cli_print_json(struct Cli *cli, const davit_value *value);
/* The same, indented. */
int cli_print_document(struct Cli *cli, const davit_value *value);
/* The exit code of an exit record: code, or 128 + signal. False when it has neither. */
bool cli_exit_code(const davit_value *exit_record, int *ret);
/* stdout could be written; else an error has been told. */
int cli_finish_stdout(const struct Cli *cli);

/* verb-*.c */
int verb_run(struct Cli *cli, struct Parsed *parsed);
int verb_create(struct Cli *cli, struct Parsed *parsed);
int verb_attach(struct Cli *cli, struct Parsed *parsed);
int verb_start(struct Cli *cli, struct Parsed *parsed);
int verb_stop(struct Cli *cli, struct Parsed *parsed);
int verb_kill(struct Cli *cli, struct Parsed *parsed);
int verb_restart(struct Cli *cli, struct Parsed *parsed);
int verb_rm(struct Cli *cli, struct Parsed *parsed);
int verb_rename(struct Cli *cli, struct Parsed *parsed);
int verb_wait(struct Cli *cli, struct Parsed *parsed);
int verb_ps(struct Cli *cli, struct Parsed *parsed);
int verb_inspect(struct Cli *cli, struct Parsed *parsed);
int verb_logs(struct Cli *cli, struct Parsed *parsed);
int verb_events(struct Cli *cli, struct Parsed *parsed);
int verb_system(struct Cli *cli, struct Parsed *parsed);
int verb_version(struct Cli *cli, struct Parsed *parsed);
