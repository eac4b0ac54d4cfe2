// SPDX-License-Identifier: Apache-2.0
/* The verbs that read and end: ps, inspect, system info, version. */
#include "base/clock.h"
#include "base/str.h"
#include "client/cli.h"
#include "client/print.h"
#include "client/value.h"

enum { ID_SHOWN = 12, COMMAND_SHOWN = 40 };

static int print_buf(struct Cli *cli, struct Buf *out)
{
    if (out->error) {
        struct Error error = {0};
        error_set(&error, ERROR_RESOURCE_EXHAUSTED, "", "out of memory");
        return cli_fail_error(cli, &error);
    }
    fwrite(out->data, 1, out->size, stdout);
    return cli_finish_stdout(cli);
}

/* The words of a list with spaces between them. */
static void add_words(struct Table *table, const davit_value *words, size_t most)
{
    _cleanup_buf_ struct Buf text = BUF_INIT;
    for (size_t i = 0; i < davit_value_size(words) && text.size < 4096; i++) {
        const char *word = davit_value_string(davit_value_at(words, i));
        buf_printf(&text, "%s%s", i > 0 ? " " : "", word ? word : "");
    }
    if (most > 0 && text.size > most) {
        size_t end = most - 3;
        /* Not in the middle of a character. */
        while (end > 0 && ((unsigned char)text.data[end] & 0xc0) == 0x80)
            end--;
        text.size = end;
        buf_append_str(&text, "...");
    }
    _cleanup_free_ char *owned = buf_take_str(&text);
    table_add(table, owned);
}

static void add_age(struct Table *table, const davit_value *container, const char *key, uint64_t now)
{
    uint64_t then = 0;
    _cleanup_buf_ struct Buf text = BUF_INIT;
    if (davit_value_get_uint(container, key, &then))
        print_age(&text, now > then ? now - then : 0);
    _cleanup_free_ char *owned = buf_take_str(&text);
    table_add(table, owned);
}

static void add_state(struct Table *table, const davit_value *container)
{
    int code = 0;
    const char *state = davit_value_get_string(container, "state");
    if (str_equal(state, "exited") && cli_exit_code(davit_value_get(container, "exit"), &code))
        table_add_format(table, "exited (%d)", code);
    else
        table_add(table, state);
}

static void add_container(struct Table *table, const davit_value *container, bool whole, uint64_t now)
{
    uint64_t pid = 0;
    const char *id = davit_value_get_string(container, "id");
    if (whole)
        table_add(table, id);
    else
        table_add_format(table, "%.*s", ID_SHOWN, id ? id : "");
    table_add(table, davit_value_get_string(container, "name"));
    add_state(table, container);
    if (davit_value_get_uint(container, "pid", &pid))
        table_add_format(table, "%llu", (unsigned long long)pid);
    else
        table_add(table, "");
    add_age(table, container, "created_usec", now);
    add_words(table, davit_value_get(container, "command"), whole ? 0 : COMMAND_SHOWN);
}

static int print_containers(struct Cli *cli, const davit_value *containers, bool whole)
{
    static const char *const heads[] = {"ID", "NAME", "STATE", "PID", "AGE", "COMMAND"};
    _cleanup_(table_deinit) struct Table table;
    _cleanup_buf_ struct Buf out = BUF_INIT;
    uint64_t now = clock_realtime_usec();
    table_init(&table, ELEMENTSOF(heads));
    for (size_t i = 0; i < ELEMENTSOF(heads); i++)
        table_add(&table, heads[i]);
    for (size_t i = 0; i < davit_value_size(containers); i++)
        add_container(&table, davit_value_at(containers, i), whole, now);
    table_print(&table, &out);
    return print_buf(cli, &out);
}

int verb_ps(struct Cli *cli, struct Parsed *parsed)
{
    _cleanup_value_ davit_value *result = NULL;
    bool whole = davit_value_is_true(davit_value_get(parsed->local, "no_trunc"));
    if (!davit_value_get(parsed->arguments, "all"))
        davit_value_set_bool(parsed->arguments, "all", false);
    int status = cli_call(cli, "container.list", parsed->arguments, &result);
    if (status || cli->json)
        return status ? status : cli_print_json(cli, result);
    const davit_value *containers = davit_value_get(result, "containers");
    if (!davit_value_is_true(davit_value_get(parsed->local, "quiet")))
        return print_containers(cli, containers, whole);
    for (size_t i = 0; i < davit_value_size(containers); i++) {
        const char *id = davit_value_get_string(davit_value_at(containers, i), "id");
        printf("%s\n", id ? id : "");
    }
    return cli_finish_stdout(cli);
}

static void show_inspected(struct Cli *cli, const char *container, const davit_value *result)
{
    (void)container;
    if (cli->json)
        cli_print_json(cli, result);
    else
        cli_print_document(cli, result);
}

int verb_inspect(struct Cli *cli, struct Parsed *parsed)
{
    return cli_call_each(cli, "container.inspect", parsed, show_inspected);
}

/* "a.b  value" for each scalar of a map, in order. */
static void add_facts(struct Table *table, const davit_value *facts)
{
    struct ValueWalk walk = {.root = facts};
    const char *names[DAVIT_DEPTH_MAX + 1] = {0};
    const davit_value *value = NULL;
    const char *key = NULL;
    unsigned depth = 0;
    for (enum ValueStep step; (step = value_walk_next(&walk, &value, &key)) != VALUE_STEP_END;) {
        if (step == VALUE_STEP_CLOSE)
            depth--;
        if (step == VALUE_STEP_OPEN)
            names[depth++] = key;
        if (step != VALUE_STEP_LEAF)
            continue;
        _cleanup_buf_ struct Buf name = BUF_INIT;
        for (unsigned i = 1; i < depth; i++)
            if (names[i])
                buf_printf(&name, "%s.", names[i]);
        buf_append_str(&name, key ? key : "");
        if (!key && name.size > 0)
            name.size--;
        _cleanup_free_ char *owned = buf_take_str(&name), *json = davit_value_to_json(value);
        const char *text = davit_value_string(value);
        table_add(table, owned);
        table_add(table, text ? text : json);
    }
}

int verb_system(struct Cli *cli, struct Parsed *parsed)
{
    _cleanup_value_ davit_value *result = NULL;
    if (!str_equal(parsed->positional[0], "info")) {
        struct Error error = {0};
        error_set(&error, ERROR_UNSUPPORTED, parsed->positional[0], "there is only: system info");
        return cli_fail_error(cli, &error);
    }
    int status = cli_call(cli, "system.info", NULL, &result);
    if (status || cli->json)
        return status ? status : cli_print_json(cli, result);
    _cleanup_(table_deinit) struct Table table;
    _cleanup_buf_ struct Buf out = BUF_INIT;
    table_init(&table, 2);
    add_facts(&table, result);
    table_print(&table, &out);
    return print_buf(cli, &out);
}

int verb_version(struct Cli *cli, struct Parsed *parsed)
{
    (void)parsed;
    if (!cli->json) {
        printf("davit %s\n", DAVIT_VERSION);
        return cli_finish_stdout(cli);
    }
    _cleanup_value_ davit_value *version = davit_value_new_map();
    davit_value_set_string(version, "version", DAVIT_VERSION);
    return cli_print_json(cli, version);
}
