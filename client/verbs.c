// SPDX-License-Identifier: Apache-2.0
/* The table of verbs with their options, and the help text that is made from it. */
#include "base/buf.h"
#include "client/cli.h"
#include "client/help.h"
#include <string.h>

static const struct Option common_rows[] = {
    {0, "socket", OPTION_TEXT, ":socket", "PATH", "davitd's socket ($DAVIT_SOCKET, else the user's own)",
     false},
    {0, "no-autostart", OPTION_FLAG, ":no_autostart", NULL, "do not start a davitd when none runs", false},
    {'h', "help", OPTION_FLAG, ":help", NULL, "show this help", false},
};
static const struct Option reading_rows[] = {
    {0, "socket", OPTION_TEXT, ":socket", "PATH", "davitd's socket ($DAVIT_SOCKET, else the user's own)",
     false},
    {0, "no-autostart", OPTION_FLAG, ":no_autostart", NULL, "do not start a davitd when none runs", false},
    {'h', "help", OPTION_FLAG, ":help", NULL, "show this help", false},
    {0, "json", OPTION_FLAG, ":json", NULL, "print what davitd answers, as JSON", false},
};
static const struct Option attach_rows[] = {
    {0, "no-stdin", OPTION_FLAG, ":no_stdin", NULL, "do not pass stdin on", false},
    {0, "no-signals", OPTION_FLAG, ":no_signals", NULL, "do not pass signals on", false},
};
static const struct Option stop_rows[] = {
    {'s', "signal", OPTION_SIGNAL, "signal", "SIGNAL", "in place of the container's stop signal", false},
    {'t', "time", OPTION_DURATION, "timeout_usec", "TIME", "grace before the kill: 10, 1.5s, 2m", false},
    {0, "timeout", OPTION_DURATION, "timeout_usec", "TIME", "", true},
};
static const struct Option kill_rows[] = {
    {'s', "signal", OPTION_SIGNAL, "signal", "SIGNAL", "a name or number (KILL)", false},
    {0, "all", OPTION_FLAG, "all", NULL, "to all processes of the container", false},
};
static const struct Option rm_rows[] = {
    {'f', "force", OPTION_FLAG, "force", NULL, "stop it first if it runs", false},
};
static const struct Option wait_rows[] = {
    {0, "condition", OPTION_TEXT, "condition", "WHAT", "exited (the default), running or deleted", false},
    {0, "timeout", OPTION_DURATION, "timeout_usec", "TIME", "give up after this time", false},
};
static const struct Option ps_rows[] = {
    {'a', "all", OPTION_FLAG, "all", NULL, "also those that do not run", false},
    {'q', "quiet", OPTION_FLAG, ":quiet", NULL, "ids only", false},
    {0, "no-trunc", OPTION_FLAG, ":no_trunc", NULL, "whole ids and commands", false},
    {'l', "label", OPTION_PAIR, "labels", "K=V", "only those with this label", false},
};
static const struct Option logs_rows[] = {
    {'f', "follow", OPTION_FLAG, "follow", NULL, "go on with what comes", false},
    {'n', "tail", OPTION_TEXT, ":tail", "N|all", "only the last lines", false},
    {0, "since", OPTION_TIME, "since", "TIME", "from then on: RFC 3339, seconds since the epoch, or 10m ago",
     false},
    {0, "until", OPTION_TIME, "until", "TIME", "before that time", false},
    {'t', "timestamps", OPTION_FLAG, ":timestamps", NULL, "begin each line with its time", false},
    {0, "stream", OPTION_TEXTS, "streams", "NAME", "only stdout, or only stderr", false},
};
static const struct Option events_rows[] = {
    {0, "from", OPTION_UINT, "from", "SEQ", "begin with the event of this number, 0 for the oldest", false},
    {0, "since", OPTION_UINT, "from", "SEQ", "", true},
    {0, "type", OPTION_TEXTS, "types", "TYPE", "only events of this type", false},
    {0, "container", OPTION_TEXTS, "containers", "CONTAINER", "only events of this container", false},
};

#define TABLE(rows)                                                                                          \
    &(const struct OptionTable)                                                                              \
    {                                                                                                        \
        rows, ELEMENTSOF(rows)                                                                               \
    }

const struct OptionTable CLI_COMMON = {common_rows, ELEMENTSOF(common_rows)};
const struct OptionTable CLI_READING = {reading_rows, ELEMENTSOF(reading_rows)};

const struct Verb CLI_VERBS[] = {
    {"run", "[OPTION...] SOURCE [COMMAND...]", "create and start a container", &OPTIONS_CREATE, true, false,
     EXIT_DAVIT, 0, -1, verb_run},
    {"create", "[OPTION...] SOURCE [COMMAND...]", "create a container and print its id", &OPTIONS_CREATE,
     true, false, EXIT_USAGE, 0, -1, verb_create},
    {"start", "CONTAINER...", "start containers", NULL, false, false, EXIT_USAGE, 1, -1, verb_start},
    {"stop", "[OPTION...] CONTAINER...", "stop containers: a signal, a grace, then the kill",
     TABLE(stop_rows), false, false, EXIT_USAGE, 1, -1, verb_stop},
    {"kill", "[OPTION...] CONTAINER...", "send a signal to containers", TABLE(kill_rows), false, false,
     EXIT_USAGE, 1, -1, verb_kill},
    {"restart", "[OPTION...] CONTAINER...", "stop and start containers", TABLE(stop_rows), false, false,
     EXIT_USAGE, 1, -1, verb_restart},
    {"rm", "[OPTION...] CONTAINER...", "delete containers", TABLE(rm_rows), false, false, EXIT_USAGE, 1, -1,
     verb_rm},
    {"rename", "CONTAINER NAME", "give a container another name", NULL, false, false, EXIT_USAGE, 2, 2,
     verb_rename},
    {"ps", "[OPTION...]", "list containers", TABLE(ps_rows), false, true, EXIT_USAGE, 0, 0, verb_ps},
    {"inspect", "CONTAINER...", "print all that is known about containers", NULL, false, true, EXIT_USAGE, 1,
     -1, verb_inspect},
    {"logs", "[OPTION...] CONTAINER", "print the output of a container", TABLE(logs_rows), false, true,
     EXIT_USAGE, 1, 1, verb_logs},
    {"attach", "[OPTION...] CONTAINER", "join a container: its output, stdin and signals", TABLE(attach_rows),
     false, false, EXIT_USAGE, 1, 1, verb_attach},
    {"wait", "[OPTION...] CONTAINER...", "wait for containers to exit and print their codes",
     TABLE(wait_rows), false, true, EXIT_USAGE, 1, -1, verb_wait},
    {"events", "[OPTION...] [CONTAINER...]", "print events as they happen", TABLE(events_rows), false, true,
     EXIT_USAGE, 0, -1, verb_events},
    {"system", "info", "print facts about davitd and this host", NULL, false, true, EXIT_USAGE, 1, 1,
     verb_system},
    {"version", "", "print the version of davit", NULL, false, true, EXIT_USAGE, 0, 0, verb_version},
};
const size_t CLI_VERB_COUNT = ELEMENTSOF(CLI_VERBS);

const struct Verb *verb_find(const char *name)
{
    for (size_t i = 0; i < CLI_VERB_COUNT; i++)
        if (strcmp(CLI_VERBS[i].name, name) == 0)
            return &CLI_VERBS[i];
    return NULL;
}

void help_overview(FILE *out)
{
    fputs("Usage: davit [--socket PATH] [--no-autostart] VERB [OPTION...] [ARGUMENT...]\n\nVerbs:\n", out);
    for (size_t i = 0; i < CLI_VERB_COUNT; i++)
        fprintf(out, "  %-10s %s\n", CLI_VERBS[i].name, CLI_VERBS[i].help);
    fputs("\n\"davit VERB --help\" tells the options of a verb.\n", out);
}

static void help_options(FILE *out, const struct OptionTable *table)
{
    for (size_t i = 0; table && i < table->count; i++) {
        const struct Option *option = &table->rows[i];
        char left[64];
        if (option->hidden)
            continue;
        snprintf(left, sizeof(left), "--%s%s%s", option->name, option->value ? " " : "",
                 option->value ? option->value : "");
        if (option->short_name)
            fprintf(out, "  -%c, %-32s %s\n", option->short_name, left, option->help);
        else
            fprintf(out, "      %-32s %s\n", left, option->help);
    }
}

void help_verb(FILE *out, const struct Verb *verb)
{
    fprintf(out, "Usage: davit %s%s%s\n\n%s.\n\nOptions:\n", verb->name, *verb->synopsis ? " " : "",
            verb->synopsis, verb->help);
    help_options(out, verb->options);
    help_options(out, verb->reads ? &CLI_READING : &CLI_COMMON);
}
