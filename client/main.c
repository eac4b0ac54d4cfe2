// SPDX-License-Identifier: Apache-2.0
/* davit: davitd's command line. The verbs are in verbs.c. */
#include "base/str.h"
#include "client/help.h"
#include "client/value.h"
#include <fcntl.h>
#include <unistd.h>

/* A closed standard stream would become the first socket or file that is opened. */
static bool keep_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY) != fd)
            return false;
    return true;
}

/* The options before the verb: those of every verb. Returns how many words they are. */
static int skip_global(int argc, char **argv)
{
    int count = 0;
    while (count < argc && argv[count][0] == '-') {
        bool takes_value = strcmp(argv[count], "--socket") == 0;
        count += takes_value && count + 1 < argc ? 2 : 1;
    }
    return count;
}

static int usage_error(const struct Cli *cli, const struct Verb *verb, const struct Error *error)
{
    cli_fail_error(cli, error);
    return verb ? verb->usage_status : EXIT_USAGE;
}

static void take_common(struct Cli *cli, const struct Parsed *parsed)
{
    const char *socket = davit_value_get_string(parsed->local, "socket");
    if (socket)
        cli->socket = socket;
    if (davit_value_is_true(davit_value_get(parsed->local, "no_autostart")))
        cli->connect_flags |= DAVIT_NO_AUTOSTART;
    cli->json = davit_value_is_true(davit_value_get(parsed->local, "json"));
}

static int run_verb(struct Cli *cli, const struct Verb *verb, int argc, char **argv)
{
    static const struct OptionTable none = {NULL, 0};
    _cleanup_parsed_ struct Parsed parsed = {0};
    struct Error error = {0};
    int r = option_parse(verb->options ? verb->options : &none, verb->reads ? &CLI_READING : &CLI_COMMON,
                         verb->stop_at_positional, argc, argv, &parsed, &error);
    if (r < 0)
        return usage_error(cli, verb, &error);
    if (davit_value_is_true(davit_value_get(parsed.local, "help"))) {
        help_verb(stdout, verb);
        return cli_finish_stdout(cli);
    }
    int count = parsed.positional_count;
    if (count < verb->positional_min || (verb->positional_max >= 0 && count > verb->positional_max)) {
        error_set(&error, ERROR_INVALID_ARGUMENT, "arguments", "too %s, usage: davit %s %s",
                  count < verb->positional_min ? "few" : "many", verb->name, verb->synopsis);
        return usage_error(cli, verb, &error);
    }
    take_common(cli, &parsed);
    int status = verb->run(cli, &parsed);
    davit_client_free(TAKE_PTR(cli->client));
    return status;
}

int main(int argc, char **argv)
{
    struct Cli cli = {.verb = "davit"};
    _cleanup_parsed_ struct Parsed global = {0};
    static const struct Option version_row[] = {{0, "version", OPTION_FLAG, ":version", NULL, "", true}};
    struct Error error = {0};
    if (argc < 1 || !keep_standard_streams())
        return EXIT_DAVIT;
    int words = skip_global(argc - 1, argv + 1);
    /* A copy of the pointer array: the parser permutes what it reads. */
    _cleanup_free_ char **before = calloc((size_t)words + 1, sizeof(*before));
    if (!before)
        return EXIT_DAVIT;
    memcpy(before, argv + 1, (size_t)words * sizeof(*before));
    const struct OptionTable own = {version_row, 1};
    if (option_parse(&own, &CLI_COMMON, true, words, before, &global, &error) < 0)
        return usage_error(&cli, NULL, &error);
    take_common(&cli, &global);
    if (davit_value_is_true(davit_value_get(global.local, "version")))
        return verb_version(&cli, &global);
    const char *name = words + 1 < argc ? argv[words + 1] : NULL;
    if (davit_value_is_true(davit_value_get(global.local, "help")) || str_equal(name, "help")) {
        help_overview(stdout);
        return cli_finish_stdout(&cli);
    }
    const struct Verb *verb = name ? verb_find(name) : NULL;
    if (!verb) {
        if (!name)
            help_overview(stderr);
        error_set(&error, ERROR_INVALID_ARGUMENT, name ? name : "VERB",
                  name ? "there is no such verb" : "it is missing");
        return usage_error(&cli, NULL, &error);
    }
    cli.verb = verb->name;
    return run_verb(&cli, verb, argc - words - 2, argv + words + 2);
}
