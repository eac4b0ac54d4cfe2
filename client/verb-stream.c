// SPDX-License-Identifier: Apache-2.0
/*
 * The verbs that follow a stream to its end: logs and events. When davitd dies both go on where they were:
 * events at the next number, logs at the last microsecond of which a record was seen, leaving out as
 * many records of it as were.
 */
#include "base/clock.h"
#include "base/str.h"
#include "client/cli.h"
#include "client/client.h"
#include "client/cri.h"
#include "client/print.h"
#include "client/value.h"
#include <unistd.h>

enum { STAMP_USEC = 26 /* of "2026-01-02T03:04:05.123456789Z" */ };

struct Following {
    struct Cli *cli;
    davit_stream *stream;
    davit_value *arguments; /* of the verb, changed for going on */
    struct CriReader reader;
    char last[STAMP_USEC + 1]; /* microsecond of the last record, "" before the first */
    uint64_t last_count;       /* records of it that were seen */
    uint64_t skip;             /* ... and come again */
    uint64_t next_seq;
    bool over, timestamps, damaged;
    bool escape[2];      /* stdout, stderr: a terminal */
    bool inside_line[2]; /* the last record of the stream was a partial one */
    int status;
};

static void following_deinit(struct Following *following)
{
    davit_stream_free(following->stream);
    cri_reader_deinit(&following->reader);
}

static void on_open(davit_stream *stream, const davit_value *result, const davit_error *error, void *userdata)
{
    (void)stream;
    (void)result;
    struct Following *following = userdata;
    if (!error || cli_is_lost(following->cli))
        return;
    following->over = true;
    following->status = cli_fail_error(following->cli, &error->error);
}

/* After the end of the records what is missing or damaged has been told as far as it is known. */
static void on_logs_end(davit_stream *stream, uint64_t dropped, const davit_error *error, void *userdata)
{
    (void)stream;
    struct Following *following = userdata;
    if (cli_is_lost(following->cli))
        return;
    following->over = true;
    following->damaged |= dropped > 0;
    if (!error)
        return;
    following->status = cli_fail_error(following->cli, &error->error);
    /* How davitd tells damage. */
    if (error->error.code == ERROR_UNAVAILABLE)
        following->status = EXIT_DAMAGED;
}

static void tell_gap(struct Following *following, const struct CriRecord *record)
{
    following->damaged = true;
    cli_warn(following->cli, "missing output: %.*s", (int)MIN(record->text_size, (size_t)200), record->text);
}

static void print_record_json(struct Following *following, const struct CriRecord *record)
{
    _cleanup_value_ davit_value *line = davit_value_new_map();
    _cleanup_free_ char *time = strndup(record->time, record->time_size);
    davit_value_set_string(line, "time", time);
    davit_value_set_string(line, "stream", record->is_stderr ? "stderr" : "stdout");
    davit_value_set_bool(line, "partial", record->partial);
    if (record->gap)
        davit_value_set_bool(line, "gap", true);
    davit_value_set(line, "text", davit_value_new_bytes(record->text, record->text_size));
    if (cli_print_json(following->cli, line))
        following->over = true;
}

static void print_record(struct Following *following, const struct CriRecord *record)
{
    FILE *out = record->is_stderr ? stderr : stdout;
    bool *inside = &following->inside_line[record->is_stderr];
    if (following->timestamps && !*inside)
        fprintf(out, "%.*s ", (int)record->time_size, record->time);
    if (following->escape[record->is_stderr]) {
        _cleanup_buf_ struct Buf text = BUF_INIT;
        print_escaped(&text, record->text, record->text_size);
        fwrite(text.data, 1, text.size, out);
    } else {
        fwrite(record->text, 1, record->text_size, out);
    }
    if (!record->partial)
        fputc('\n', out);
    *inside = record->partial;
}

/* Keeps the place; true for a record that was seen before the connection was lost. */
static bool is_repeated(struct Following *following, const struct CriRecord *record)
{
    char stamp[STAMP_USEC + 1];
    str_format(stamp, sizeof(stamp), "%.*s", (int)MIN(record->time_size, (size_t)STAMP_USEC), record->time);
    if (!str_equal(stamp, following->last)) {
        memcpy(following->last, stamp, sizeof(stamp));
        following->last_count = following->skip = 0;
    }
    if (following->skip > 0) {
        following->skip--;
        return true;
    }
    following->last_count++;
    return false;
}

static void on_line(void *owner, const char *line, size_t size)
{
    struct Following *following = owner;
    struct CriRecord record;
    if (!cri_parse(line, size, &record)) {
        following->damaged = true;
        cli_warn(following->cli, "a damaged line of the log was left out");
        return;
    }
    if (is_repeated(following, &record))
        return;
    if (record.gap)
        tell_gap(following, &record);
    if (following->cli->json)
        print_record_json(following, &record);
    else if (!record.gap)
        print_record(following, &record);
}

static void on_logs_data(davit_stream *stream, const char *channel, uint64_t offset, const void *data,
                         size_t size, void *userdata)
{
    (void)stream;
    (void)channel;
    (void)offset;
    struct Following *following = userdata;
    int r = cri_feed(&following->reader, data, size, on_line, following);
    if (r == 0 && cli_finish_stdout(following->cli) == EXIT_OK)
        return;
    following->over = true;
    following->status = EXIT_DAVIT;
}

static void resume_logs(struct Following *following)
{
    uint64_t nsec = 0;
    char stamp[TIMESTAMP_SIZE];
    str_format(stamp, sizeof(stamp), "%sZ", following->last);
    following->reader.rest.size = 0;
    if (timestamp_parse(stamp, &nsec) < 0)
        return;
    following->skip = following->last_count;
    davit_value_set_uint(following->arguments, "since", nsec / 1000);
    davit_value_set(following->arguments, "tail", davit_value_new_nil());
}

static void resume_events(struct Following *following)
{
    if (following->next_seq > 0)
        davit_value_set_uint(following->arguments, "from", following->next_seq);
}

/* Follows a stream until it is over, over lost connections. */
static int follow(struct Following *following, const char *method, const davit_stream_callbacks *callbacks,
                  void (*resume)(struct Following *following))
{
    struct Cli *cli = following->cli;
    int status = cli_connect(cli);
    while (status == EXIT_OK && !following->over) {
        int r = davit_stream_open(cli->client, method, following->arguments, 0, callbacks, following,
                                  &following->stream);
        if (r < 0) {
            struct Error error = {0};
            error_set_errno(&error, ERROR_INTERNAL, r, method, "cannot send the request");
            return cli_fail_error(cli, &error);
        }
        while (!following->over && !cli_is_lost(cli))
            davit_wait(cli->client, DAVIT_FOREVER);
        davit_stream_free(TAKE_PTR(following->stream));
        if (following->over)
            break;
        if (cli_reconnect(cli, -1) != RECONNECT_DONE)
            return EXIT_DAVIT;
        resume(following);
    }
    return status ? status : following->status;
}

int verb_logs(struct Cli *cli, struct Parsed *parsed)
{
    static const davit_stream_callbacks callbacks = {
        .on_open = on_open, .on_data = on_logs_data, .on_end = on_logs_end};
    _cleanup_(following_deinit) struct Following following = {
        .cli = cli,
        .arguments = parsed->arguments,
        .timestamps = davit_value_is_true(davit_value_get(parsed->local, "timestamps")),
        .escape = {isatty(STDOUT_FILENO) == 1, isatty(STDERR_FILENO) == 1},
    };
    davit_value_set_string(parsed->arguments, "container", parsed->positional[0]);
    const char *tail = davit_value_get_string(parsed->local, "tail");
    uint64_t lines = 0;
    if (tail && !str_equal(tail, "all")) {
        struct Error error = {0};
        if (str_parse_u64(tail, &lines) < 0) {
            error_set(&error, ERROR_INVALID_ARGUMENT, "--tail", "expected a number or all, not %s", tail);
            cli_fail_error(cli, &error);
            return EXIT_USAGE;
        }
        davit_value_set_uint(parsed->arguments, "tail", lines);
    }
    int status = follow(&following, "container.logs", &callbacks, resume_logs);
    if (status == EXIT_OK)
        status = cli_finish_stdout(cli);
    return status == EXIT_OK && following.damaged ? EXIT_DAMAGED : status;
}

static void add_event_data(struct Buf *line, const davit_value *data)
{
    for (size_t i = 0; i < davit_value_size(data); i++) {
        const davit_value *value = davit_value_at(data, i);
        const char *text = davit_value_string(value);
        enum davit_type type = davit_value_type(value);
        if (type == DAVIT_NIL || type == DAVIT_MAP || type == DAVIT_ARRAY)
            continue;
        _cleanup_free_ char *json = text ? NULL : davit_value_to_json(value);
        buf_printf(line, " %s=%s", davit_value_key_at(data, i), text ? text : json ? json : "");
    }
    const char *cause = davit_value_string(davit_value_get_path(data, "cause.kind"));
    if (cause)
        buf_printf(line, " cause=%s", cause);
}

/* "SEQ TIME TYPE NAME key=value ..." */
static void print_event(struct Cli *cli, const davit_value *event)
{
    char stamp[TIMESTAMP_SIZE];
    uint64_t seq = 0, time = 0;
    _cleanup_buf_ struct Buf line = BUF_INIT, escaped = BUF_INIT;
    davit_value_get_uint(event, "seq", &seq);
    davit_value_get_uint(event, "time", &time);
    timestamp_format(time * 1000, stamp);
    const char *name = davit_value_get_string(event, "name"),
               *id = davit_value_get_string(event, "container");
    const char *type = davit_value_get_string(event, "type");
    buf_printf(&line, "%llu %s %s", (unsigned long long)seq, stamp, type ? type : "?");
    if (id)
        buf_printf(&line, " %s", id);
    if (name && !str_equal(name, id))
        buf_printf(&line, " (%s)", name);
    add_event_data(&line, davit_value_get(event, "data"));
    print_escaped(&escaped, line.data, line.size);
    fwrite(escaped.data, 1, escaped.size, stdout);
    fputc('\n', stdout);
    cli_finish_stdout(cli);
}

static void on_event(davit_stream *stream, const char *channel, const davit_value *value, void *userdata)
{
    (void)stream;
    (void)channel;
    struct Following *following = userdata;
    uint64_t seq = 0;
    if (davit_value_get_uint(value, "seq", &seq) && seq >= following->next_seq)
        following->next_seq = seq + 1;
    if (following->cli->json)
        cli_print_json(following->cli, value);
    else
        print_event(following->cli, value);
    if (ferror(stdout)) {
        following->over = true;
        following->status = EXIT_DAVIT;
    }
}

static void on_events_end(davit_stream *stream, uint64_t dropped, const davit_error *error, void *userdata)
{
    (void)stream;
    (void)dropped;
    struct Following *following = userdata;
    if (cli_is_lost(following->cli))
        return;
    following->over = true;
    if (error)
        following->status = cli_fail_error(following->cli, &error->error);
}

int verb_events(struct Cli *cli, struct Parsed *parsed)
{
    static const davit_stream_callbacks callbacks = {
        .on_open = on_open, .on_value = on_event, .on_end = on_events_end};
    _cleanup_(following_deinit) struct Following following = {.cli = cli, .arguments = parsed->arguments};
    _cleanup_value_ davit_value *info = NULL;
    if (!davit_value_get(parsed->arguments, "from")) {
        /* The same as from now on, but known: where to go on if davitd dies before the first event. */
        int status = cli_call(cli, "system.info", NULL, &info);
        if (status)
            return status;
        if (davit_value_get_uint(info, "next_event", &following.next_seq))
            davit_value_set_uint(parsed->arguments, "from", following.next_seq);
    }
    for (int i = 0; i < parsed->positional_count; i++)
        davit_value_append_path(parsed->arguments, "containers",
                                davit_value_new_string(parsed->positional[i]));
    return follow(&following, "events.subscribe", &callbacks, resume_events);
}
