// SPDX-License-Identifier: Apache-2.0
/* What the verbs share: reaching davitd, and telling people and programs what came of it. */
#include "client/cli.h"
#include "base/clock.h"
#include "base/str.h"
#include "client/client.h"
#include "client/print.h"
#include <poll.h>
#include <stdarg.h>

int cli_fail(const struct Cli *cli, davit_error *error)
{
    _cleanup_error_ davit_error *owned = error;
    return cli_fail_error(cli, &owned->error);
}

int cli_fail_error(const struct Cli *cli, const struct Error *error)
{
    char text[ERROR_WHAT_SIZE + ERROR_WHERE_SIZE + 32];
    _cleanup_buf_ struct Buf line = BUF_INIT;
    error_format(error, text, sizeof(text));
    print_escaped(&line, text, strlen(text));
    buf_append(&line, "\n", 2);
    fflush(stdout);
    fprintf(stderr, "davit: %s: %s", cli->verb, line.error ? "Internal: out of memory\n" : line.data);
    return EXIT_DAVIT;
}

void cli_warn(const struct Cli *cli, const char *format, ...)
{
    char text[ERROR_WHAT_SIZE + ERROR_WHERE_SIZE + 32];
    _cleanup_buf_ struct Buf line = BUF_INIT;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    print_escaped(&line, text, strlen(text));
    buf_append(&line, "\n", 2);
    fflush(stdout);
    fprintf(stderr, "davit: %s: warning: %s", cli->verb, line.error ? "out of memory\n" : line.data);
}

void cli_warn_list(const struct Cli *cli, const davit_value *warnings)
{
    for (size_t i = 0; i < davit_value_size(warnings); i++) {
        const davit_value *warning = davit_value_at(warnings, i);
        const char *text = davit_value_string(warning);
        const char *where = davit_value_get_string(warning, "where");
        if (!text)
            text = davit_value_get_string(warning, "message");
        if (where && *where)
            cli_warn(cli, "%s (%s)", text ? text : "", where);
        else
            cli_warn(cli, "%s", text ? text : "");
    }
}

int cli_connect(struct Cli *cli)
{
    davit_error *error = NULL;
    if (cli->client)
        return 0;
    if (davit_connect(cli->socket, cli->connect_flags, &cli->client, &error) < 0)
        return cli_fail(cli, error);
    return 0;
}

bool cli_is_lost(const struct Cli *cli)
{
    return cli->client && cli->client->lost.code != 0;
}

enum Reconnect cli_reconnect(struct Cli *cli, int wake_fd)
{
    enum { PATIENCE_SEC = 30, PAUSE_MSEC = 100 };
    uint64_t end = client_monotonic_usec() + PATIENCE_SEC * USEC_PER_SEC;
    cli_warn(cli, "the connection to davitd is lost, trying again for %d s", PATIENCE_SEC);
    davit_client_free(TAKE_PTR(cli->client));
    while (true) {
        _cleanup_error_ davit_error *error = NULL;
        if (davit_connect(cli->socket, cli->connect_flags | DAVIT_NO_AUTOSTART, &cli->client, &error) == 0)
            return RECONNECT_DONE;
        if (client_monotonic_usec() >= end) {
            cli_fail_error(cli, &error->error);
            return RECONNECT_FAILED;
        }
        struct pollfd wake = {.fd = wake_fd, .events = POLLIN};
        if (poll(&wake, 1, PAUSE_MSEC) > 0)
            return RECONNECT_INTERRUPTED;
    }
}

int cli_call(struct Cli *cli, const char *method, const davit_value *arguments, davit_value **ret_result)
{
    davit_error *error = NULL;
    int status = cli_connect(cli);
    if (status)
        return status;
    if (davit_call(cli->client, method, arguments, DAVIT_FOREVER, ret_result, &error) < 0)
        return cli_fail(cli, error);
    return 0;
}

struct EachCall {
    bool done;
    davit_value *result;
    davit_error *error;
};

struct Each {
    struct EachCall *calls;
    size_t count;
};

static void each_deinit(struct Each *each)
{
    for (size_t i = 0; i < each->count; i++) {
        davit_value_free(each->calls[i].result);
        davit_error_free(each->calls[i].error);
    }
    free(each->calls);
}

static void on_each(davit_client *client, const davit_value *result, const davit_error *error, void *userdata)
{
    (void)client;
    struct EachCall *call = userdata;
    call->done = true;
    if (error)
        client_error(&call->error, 0, &error->error, error->details);
    else
        call->result = davit_value_copy(result);
}

static int each_send(struct Cli *cli, const char *method, const davit_value *arguments, const char *container,
                     struct EachCall *call)
{
    _cleanup_value_ davit_value *copy = davit_value_copy(arguments);
    int r = davit_value_set_string(copy, "container", container);
    if (r == 0)
        r = davit_call_async(cli->client, method, copy, DAVIT_FOREVER, on_each, call, NULL);
    if (r < 0) {
        struct Error error = {0};
        error_set_errno(&error, ERROR_INTERNAL, r, container, "cannot send the request");
        client_error(&call->error, r, &error, NULL);
        call->done = true;
    }
    return r;
}

/* Waits for one call; the others go on meanwhile. */
static void each_wait(struct Cli *cli, const struct EachCall *call)
{
    /* A lost connection answers the calls too. */
    while (!call->done)
        davit_wait(cli->client, DAVIT_FOREVER);
}

/* The connection is lost: asks again for what has not been answered of [from, to). */
static bool each_resume(struct Cli *cli, const char *method, const struct Parsed *parsed, struct Each *each,
                        size_t from, size_t to)
{
    if (cli_reconnect(cli, -1) != RECONNECT_DONE)
        return false;
    for (size_t i = from; i < to; i++) {
        struct EachCall *call = &each->calls[i];
        if (call->result)
            continue;
        davit_error_free(TAKE_PTR(call->error));
        call->done = false;
        each_send(cli, method, parsed->arguments, parsed->positional[i], call);
    }
    return true;
}

int cli_call_each(struct Cli *cli, const char *method, struct Parsed *parsed,
                  void (*show)(struct Cli *cli, const char *container, const davit_value *result))
{
    /* davitd stops reading from a connection with more requests than this under way. */
    enum { AT_ONCE = 32 };
    size_t count = (size_t)parsed->positional_count;
    _cleanup_(each_deinit) struct Each each = {.calls = calloc(count, sizeof(struct EachCall)),
                                               .count = count};
    /* Waiting changes nothing, so it can be asked for twice. */
    bool resumes = str_equal(method, "container.wait");
    int status = cli_connect(cli);
    if (status || !each.calls) {
        each.count = each.calls ? count : 0;
        return EXIT_DAVIT;
    }
    for (size_t i = 0; i < count + AT_ONCE; i++) {
        if (i < count)
            each_send(cli, method, parsed->arguments, parsed->positional[i], &each.calls[i]);
        if (i < AT_ONCE || i - AT_ONCE >= count)
            continue;
        struct EachCall *call = &each.calls[i - AT_ONCE];
        const char *container = parsed->positional[i - AT_ONCE];
        each_wait(cli, call);
        while (resumes && cli_is_lost(cli) && !call->result) {
            if (!each_resume(cli, method, parsed, &each, i - AT_ONCE, MIN(i + 1, count)))
                return EXIT_DAVIT;
            each_wait(cli, call);
        }
        if (call->error)
            status = cli_fail_error(cli, &call->error->error);
        else if (show)
            show(cli, container, call->result);
        else
            printf("%s\n", container);
    }
    return status ? status : cli_finish_stdout(cli);
}

static int print_text(struct Cli *cli, const char *text)
{
    if (!text) {
        struct Error error = {0};
        error_set(&error, ERROR_RESOURCE_EXHAUSTED, "", "out of memory");
        return cli_fail_error(cli, &error);
    }
    printf("%s\n", text);
    return cli_finish_stdout(cli);
}

int cli_print_json(struct Cli *cli, const davit_value *value)
{
    _cleanup_free_ char *text = davit_value_to_json(value);
    return print_text(cli, text);
}

int cli_print_document(struct Cli *cli, const davit_value *value)
{
    _cleanup_buf_ struct Buf out = BUF_INIT;
    _cleanup_free_ char *text = davit_value_to_json(value);
    if (text)
        print_indented(&out, text);
    _cleanup_free_ char *indented = text ? buf_take_str(&out) : NULL;
    return print_text(cli, indented);
}

bool cli_exit_code(const davit_value *exit_record, int *ret)
{
    uint64_t number = 0;
    if (davit_value_get_uint(exit_record, "code", &number))
        *ret = (int)(number & 255);
    else if (davit_value_get_uint(exit_record, "signal", &number))
        *ret = 128 + (int)(number & 127);
    else
        return false;
    return true;
}

int cli_finish_stdout(const struct Cli *cli)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_OK;
    struct Error error = {0};
    error_set_errno(&error, ERROR_INTERNAL, errno, "stdout", "cannot write");
    return cli_fail_error(cli, &error);
}
