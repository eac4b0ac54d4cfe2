// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The option parser of the command line. Each verb has a table; a row says how the text becomes a value and
 * where that stands in the arguments of the request (a dotted path), so that most verbs only send what
 * was parsed. A path that begins with ':' is for the verb itself and goes into `local`.
 * Nothing here talks to davitd or prints.
 */
#include "base/error.h"
#include "client/davit-client.h"

enum OptionKind {
    OPTION_FLAG, /* --flag, --flag=true, --flag=false: bool */
    OPTION_TEXT,
    OPTION_PATH, /* a relative one becomes absolute here, where it means something */
    OPTION_UINT,
    OPTION_INT,
    OPTION_DECIMAL,
    OPTION_SIZE,     /* "64m": bytes */
    OPTION_DURATION, /* "10", "1.5s": microseconds */
    OPTION_TIME,     /* RFC 3339, seconds since the epoch, or a duration before now */
    OPTION_SIGNAL,   /* a name or number that exists */
    OPTION_TEXTS,    /* appends to a list */
    OPTION_PAIR,     /* K=V, or K with an empty value, into a map */
    OPTION_ENV,      /* K=V, or K to pass on the own value */
    OPTION_VOLUME,   /* SRC:DST[:OPTION,...] -> {source, target, type, options} */
    OPTION_MOUNT,    /* type=bind,source=SRC,target=DST,readonly -> the same */
    OPTION_TMPFS,    /* DST[:OPTION,...] -> {target, options} */
    OPTION_DEVICE,   /* PATH[:TARGET[:rwm]] -> {path, target, access} */
    OPTION_ULIMIT,   /* NAME=SOFT[:HARD] -> {name, soft, hard} */
    OPTION_SECURITY, /* docker's --security-opt */
    OPTION_RESTART,  /* POLICY[:MAX] -> {policy, max} */
    OPTION_SWAP,     /* docker's --memory-swap: memory and swap together; see option_finish_create() */
    OPTION_FILE,     /* a JSON file with arguments */
    OPTION_KIND_COUNT,
};

struct Option {
    char short_name; /* 0: none */
    const char *name;
    enum OptionKind kind;
    const char *path;
    const char *value; /* of the help text; NULL for a flag */
    const char *help;
    bool hidden; /* another name of a row above */
};

struct OptionTable {
    const struct Option *rows;
    size_t count;
};

struct Parsed {
    davit_value *arguments, *local;
    char **positional; /* borrowed from argv, NULL-terminated */
    int positional_count;
};
void parsed_deinit(struct Parsed *parsed);
#define _cleanup_parsed_ _cleanup_(parsed_deinit)

/* Reads argv (without program and verb), which is permuted. With `stop_at_positional` the first argument
 * that is no option ends them, else only "--" does. Rows of `own` go before those of `common`.
 * InvalidArgument with where = the option as it was written. */
int option_parse(const struct OptionTable *own, const struct OptionTable *common, bool stop_at_positional,
                 int argc, char **argv, struct Parsed *ret, struct Error *error);

/* Puts one text at its place; the kinds of docker's compound options are in option-value.c. */
int option_apply(const struct Option *option, const char *text, davit_value *map, struct Error *error);
int option_apply_compound(const struct Option *option, const char *text, davit_value *map,
                          struct Error *error);
/* The arguments of a JSON file, "-" being stdin, laid over those in `map`. */
int option_apply_file(const char *path, davit_value *map, struct Error *error);
/* The same of a text; `where` names it in errors. */
int option_apply_text(const char *text, size_t size, const char *where, davit_value *map,
                      struct Error *error);
/* A path as davitd must see it, to be freed by the caller; NULL without memory or working folder. */
char *option_absolute_path(const char *path);

/* The options of run and create, and what is to be done when all of them are read: memory_swap. */
extern const struct OptionTable OPTIONS_CREATE;
int option_finish_create(struct Parsed *parsed, struct Error *error);
