// SPDX-License-Identifier: Apache-2.0
/* The verbs that change something and print little. */
#include "client/cli.h"
#include "client/value.h"

int verb_start(struct Cli *cli, struct Parsed *parsed)
{
    return cli_call_each(cli, "container.start", parsed, NULL);
}

int verb_stop(struct Cli *cli, struct Parsed *parsed)
{
    return cli_call_each(cli, "container.stop", parsed, NULL);
}

int verb_kill(struct Cli *cli, struct Parsed *parsed)
{
    return cli_call_each(cli, "container.kill", parsed, NULL);
}

int verb_restart(struct Cli *cli, struct Parsed *parsed)
{
    return cli_call_each(cli, "container.restart", parsed, NULL);
}

int verb_rm(struct Cli *cli, struct Parsed *parsed)
{
    return cli_call_each(cli, "container.delete", parsed, NULL);
}

int verb_rename(struct Cli *cli, struct Parsed *parsed)
{
    davit_value_set_string(parsed->arguments, "container", parsed->positional[0]);
    int r = davit_value_set_string(parsed->arguments, "name", parsed->positional[1]);
    if (r < 0) {
        struct Error error = {0};
        error_set_errno(&error, ERROR_INTERNAL, r, "", "cannot make the request");
        return cli_fail_error(cli, &error);
    }
    return cli_call(cli, "container.rename", parsed->arguments, NULL);
}

/* One code a line; a container that never ran has none, which is told as the code of davit's own errors. */
static void show_waited(struct Cli *cli, const char *container, const davit_value *result)
{
    int code = EXIT_DAVIT;
    const davit_value *exit_record = davit_value_get(result, "exit");
    if (cli->json) {
        cli_print_json(cli, result);
        return;
    }
    if (!cli_exit_code(exit_record, &code)) {
        const davit_value *cause = davit_value_get(exit_record, "cause");
        const char *kind = davit_value_get_string(cause, "kind");
        const char *text = davit_value_get_string(cause, "message");
        if (!text)
            text = davit_value_get_string(cause, "reason");
        cli_warn(cli, "%s has no exit code: %s%s%s", container, kind ? kind : "it has not run",
                 text ? ": " : "", text ? text : "");
    }
    printf("%d\n", code);
}

/* Another condition than exited has no code to print. */
static void show_condition(struct Cli *cli, const char *container, const davit_value *result)
{
    if (cli->json)
        cli_print_json(cli, result);
    else
        printf("%s\n", container);
}

int verb_wait(struct Cli *cli, struct Parsed *parsed)
{
    const char *condition = davit_value_get_string(parsed->arguments, "condition");
    bool exited = !condition || strcmp(condition, "exited") == 0;
    return cli_call_each(cli, "container.wait", parsed, exited ? show_waited : show_condition);
}
