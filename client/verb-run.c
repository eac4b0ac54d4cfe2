// SPDX-License-Identifier: Apache-2.0
/* run: create and start, in the foreground or not; attach: join one that runs. */
#include "base/clock.h"
#include "base/str.h"
#include "client/cli.h"
#include "client/client.h"
#include "client/session.h"
#include "client/value.h"

enum { DELETE_TIMEOUT_SEC = 5 };

static bool has_source(const davit_value *arguments)
{
    return davit_value_get(arguments, "rootfs") || davit_value_get(arguments, "bundle") ||
           davit_value_is_true(davit_value_get(arguments, "host")) || davit_value_get(arguments, "image");
}

/* The first word is an image where no other source is given; the others are the command. */
static int put_source_and_command(struct Parsed *parsed, struct Error *error)
{
    int at = 0, r = 0;
    if (!has_source(parsed->arguments)) {
        if (parsed->positional_count == 0)
            return error_set(error, ERROR_INVALID_ARGUMENT, "SOURCE",
                             "what is to be run? an image, --rootfs DIR, --bundle DIR or --host");
        r = davit_value_set_string(parsed->arguments, "image", parsed->positional[at++]);
    }
    /* The words of the command line replace those of --file. */
    if (r == 0 && at < parsed->positional_count)
        r = davit_value_set(parsed->arguments, "args", davit_value_new_array());
    for (; r == 0 && at < parsed->positional_count; at++) {
        const char *word = parsed->positional[at];
        bool text = str_is_utf8(word, strlen(word));
        if (!text)
            return error_set(error, ERROR_INVALID_ARGUMENT, "COMMAND", "word %d is not UTF-8", at + 1);
        r = davit_value_append_path(parsed->arguments, "args", davit_value_new_string(word));
    }
    return r < 0 ? error_set_errno(error, ERROR_INTERNAL, r, "", "cannot make the request") : 0;
}

/* Creates the container of the command line; *ret_id is the caller's. */
static int create(struct Cli *cli, struct Parsed *parsed, char **ret_id)
{
    struct Error error = {0};
    _cleanup_value_ davit_value *result = NULL;
    int r = option_finish_create(parsed, &error);
    if (r == 0)
        r = put_source_and_command(parsed, &error);
    if (r < 0) {
        cli_fail_error(cli, &error);
        return str_equal(cli->verb, "create") ? EXIT_USAGE : EXIT_DAVIT;
    }
    int status = cli_call(cli, "container.create", parsed->arguments, &result);
    if (status)
        return status;
    cli_warn_list(cli, davit_value_get(result, "warnings"));
    const char *id = davit_value_get_string(result, "id");
    *ret_id = strdup(id ? id : "");
    if (*ret_id)
        return 0;
    error_set(&error, ERROR_RESOURCE_EXHAUSTED, "", "out of memory");
    return cli_fail_error(cli, &error);
}

int verb_create(struct Cli *cli, struct Parsed *parsed)
{
    _cleanup_free_ char *id = NULL;
    int status = create(cli, parsed, &id);
    if (status)
        return status;
    printf("%s\n", id);
    return cli_finish_stdout(cli);
}

/* With --rm nothing stays of a container whose start has failed. Who deletes it, davitd by itself or this
 * request, does not matter: gone is what it has to be. */
static void delete_after_failure(struct Cli *cli, const char *id)
{
    _cleanup_value_ davit_value *arguments = davit_value_new_map();
    _cleanup_error_ davit_error *refused = NULL, *error = NULL;
    davit_value_set_string(arguments, "container", id);
    if (!cli->client ||
        davit_call(cli->client, "container.delete", arguments, DAVIT_FOREVER, NULL, &refused) == 0)
        return;
    davit_value_set_string(arguments, "condition", "deleted");
    davit_value_set_uint(arguments, "timeout_usec", DELETE_TIMEOUT_SEC * USEC_PER_SEC);
    if (refused->error.code == ERROR_WRONG_STATE)
        davit_call(cli->client, "container.wait", arguments, DAVIT_FOREVER, NULL, &error);
    const struct Error *told = error ? &error->error : &refused->error;
    if (told->code != ERROR_NOT_FOUND && (error || told->code != ERROR_WRONG_STATE))
        cli_warn(cli, "the container is not deleted: %s", told->what);
}

static int start_detached(struct Cli *cli, const char *id)
{
    _cleanup_value_ davit_value *arguments = davit_value_new_map(), *result = NULL;
    _cleanup_error_ davit_error *error = NULL;
    davit_value_set_string(arguments, "container", id);
    if (davit_call(cli->client, "container.start", arguments, DAVIT_FOREVER, &result, &error) < 0) {
        cli_fail_error(cli, &error->error);
        return session_start_status(error);
    }
    cli_warn_list(cli, davit_value_get(result, "warnings"));
    printf("%s\n", id);
    return cli_finish_stdout(cli);
}

int verb_run(struct Cli *cli, struct Parsed *parsed)
{
    _cleanup_free_ char *id = NULL;
    bool detach = davit_value_is_true(davit_value_get(parsed->local, "detach"));
    int status = create(cli, parsed, &id);
    if (status)
        return status;
    bool auto_remove = davit_value_is_true(davit_value_get(parsed->arguments, "auto_remove"));
    struct SessionOptions options = {
        .container = id,
        .start = true,
        .pass_stdin = davit_value_is_true(davit_value_get(parsed->arguments, "stdin")),
        .pass_signals = true,
        .auto_remove = auto_remove,
    };
    status = detach ? start_detached(cli, id) : session_run(cli, &options);
    bool may_have_failed = status >= EXIT_DAVIT && status <= EXIT_NOT_FOUND;
    if (auto_remove && may_have_failed)
        delete_after_failure(cli, id);
    return status;
}

int verb_attach(struct Cli *cli, struct Parsed *parsed)
{
    _cleanup_value_ davit_value *result = NULL, *arguments = davit_value_new_map();
    davit_value_set_string(arguments, "container", parsed->positional[0]);
    int status = cli_call(cli, "container.inspect", arguments, &result);
    if (status)
        return status;
    const davit_value *own_stdin = davit_value_get_path(result, "definition.stdin");
    struct SessionOptions options = {
        .container = davit_value_get_string(result, "id"),
        .pass_stdin = davit_value_is_true(own_stdin) &&
                      !davit_value_is_true(davit_value_get(parsed->local, "no_stdin")),
        .pass_signals = !davit_value_is_true(davit_value_get(parsed->local, "no_signals")),
    };
    return session_run(cli, &options);
}
