// SPDX-License-Identifier: Apache-2.0
/* The loop over argv, and the kinds of options that are one value. */
#include "client/option.h"
#include "base/clock.h"
#include "base/str.h"
#include "client/parse.h"
#include "client/value.h"
#include <limits.h>
#include <unistd.h>

void parsed_deinit(struct Parsed *parsed)
{
    davit_value_free(parsed->arguments);
    davit_value_free(parsed->local);
    *parsed = (struct Parsed){0};
}

char *option_absolute_path(const char *path)
{
    char folder[PATH_MAX], joined[2 * PATH_MAX];
    if (path[0] == '/')
        return strdup(path);
    if (!getcwd(folder, sizeof(folder)) || !str_format(joined, sizeof(joined), "%s/%s", folder, path))
        return NULL;
    return strdup(joined);
}

/* A new value of a kind that is one value: 0 with *ret, or -EINVAL, -ERANGE. */
static int scalar_from_text(enum OptionKind kind, const char *text, davit_value **ret)
{
    uint64_t number = 0;
    int64_t whole = 0;
    double decimal = 0;
    int r = 0;
    switch (kind) {
    case OPTION_UINT:
        r = str_parse_u64(text, &number);
        break;
    case OPTION_SIZE:
        r = str_parse_size(text, &number);
        break;
    case OPTION_DURATION:
        r = parse_duration(text, &number);
        break;
    case OPTION_TIME:
        r = parse_time(text, clock_realtime_usec(), &number);
        break;
    case OPTION_INT:
        r = parse_i64(text, &whole);
        *ret = davit_value_new_int(whole);
        return r;
    case OPTION_DECIMAL:
        r = parse_decimal(text, &decimal);
        *ret = davit_value_new_double(decimal);
        return r;
    case OPTION_PATH: {
        _cleanup_free_ char *path = option_absolute_path(text);
        *ret = path ? davit_value_new_string(path) : NULL;
        return 0;
    }
    case OPTION_SIGNAL:
        r = str_parse_signal(text) < 0 ? -EINVAL : 0;
        *ret = davit_value_new_string(text);
        return r;
    case OPTION_FLAG:
        r = str_equal(text, "true") || str_equal(text, "false") ? 0 : -EINVAL;
        *ret = davit_value_new_bool(str_equal(text, "true"));
        return r;
    case OPTION_TEXT:
    case OPTION_TEXTS:
        *ret = davit_value_new_string(text);
        return 0;
    case OPTION_PAIR:
    case OPTION_ENV:
    case OPTION_VOLUME:
    case OPTION_MOUNT:
    case OPTION_TMPFS:
    case OPTION_DEVICE:
    case OPTION_ULIMIT:
    case OPTION_SECURITY:
    case OPTION_RESTART:
    case OPTION_SWAP:
    case OPTION_FILE:
    case OPTION_KIND_COUNT:
        return -EINVAL;
    }
    *ret = davit_value_new_uint(number);
    return r;
}

static bool is_compound(enum OptionKind kind)
{
    return kind >= OPTION_PAIR;
}

int option_apply(const struct Option *option, const char *text, davit_value *map, struct Error *error)
{
    char where[ERROR_WHERE_SIZE];
    str_format(where, sizeof(where), "--%s", option->name);
    if (!str_is_utf8(text, strlen(text)))
        return error_set(error, ERROR_INVALID_ARGUMENT, where, "the value is not UTF-8");
    if (is_compound(option->kind))
        return option_apply_compound(option, text, map, error);
    _cleanup_value_ davit_value *value = NULL;
    int r = scalar_from_text(option->kind, text, &value);
    if (r < 0)
        return error_set(error, ERROR_INVALID_ARGUMENT, where,
                         r == -ERANGE ? "out of range: %s" : "cannot read: %s", text);
    const char *path = option->path + (option->path[0] == ':');
    r = option->kind == OPTION_TEXTS ? davit_value_append_path(map, path, TAKE_PTR(value))
                                     : davit_value_set_path(map, path, TAKE_PTR(value));
    return r < 0 ? error_set_errno(error, ERROR_INTERNAL, r, where, "cannot keep the value") : 0;
}

static const struct Option *table_find(const struct OptionTable *table, const char *name, size_t size)
{
    for (size_t i = 0; i < table->count; i++)
        if (strncmp(table->rows[i].name, name, size) == 0 && table->rows[i].name[size] == 0)
            return &table->rows[i];
    return NULL;
}

static const struct Option *table_find_short(const struct OptionTable *table, char name)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].short_name == name)
            return &table->rows[i];
    return NULL;
}

struct Reader {
    const struct OptionTable *own, *common;
    int argc, at;
    char **argv;
    struct Parsed *parsed;
    struct Error *error;
};

static int reader_apply(struct Reader *reader, const struct Option *option, const char *text)
{
    davit_value *map = option->path[0] == ':' ? reader->parsed->local : reader->parsed->arguments;
    return option_apply(option, text, map, reader->error);
}

/* The argument after this one is the value. */
static int reader_apply_next(struct Reader *reader, const struct Option *option, const char *written)
{
    if (reader->at >= reader->argc)
        return error_set(reader->error, ERROR_INVALID_ARGUMENT, written, "the option needs a value");
    return reader_apply(reader, option, reader->argv[reader->at++]);
}

static int read_long(struct Reader *reader, const char *written)
{
    const char *name = written + 2, *equals = strchrnul(name, '=');
    size_t size = (size_t)(equals - name);
    const struct Option *option = table_find(reader->own, name, size);
    if (!option)
        option = table_find(reader->common, name, size);
    if (!option)
        return error_set(reader->error, ERROR_INVALID_ARGUMENT, written, "unknown option");
    if (*equals)
        return reader_apply(reader, option, equals + 1);
    if (option->kind == OPTION_FLAG)
        return reader_apply(reader, option, "true");
    return reader_apply_next(reader, option, written);
}

/* "-it", "-m64m", "-m 64m" */
static int read_short(struct Reader *reader, const char *written)
{
    for (const char *at = written + 1; *at; at++) {
        char name[3] = {'-', *at, 0};
        const struct Option *option = table_find_short(reader->own, *at);
        if (!option)
            option = table_find_short(reader->common, *at);
        if (!option)
            return error_set(reader->error, ERROR_INVALID_ARGUMENT, name, "unknown option");
        if (option->kind != OPTION_FLAG) {
            const char *rest = at[1] == '=' ? at + 2 : at + 1;
            return *rest ? reader_apply(reader, option, rest) : reader_apply_next(reader, option, name);
        }
        int r = reader_apply(reader, option, "true");
        if (r < 0)
            return r;
    }
    return 0;
}

int option_parse(const struct OptionTable *own, const struct OptionTable *common, bool stop_at_positional,
                 int argc, char **argv, struct Parsed *ret, struct Error *error)
{
    _cleanup_parsed_ struct Parsed parsed = {
        .arguments = davit_value_new_map(), .local = davit_value_new_map(), .positional = argv};
    struct Reader reader = {own, common, argc, 0, argv, &parsed, error};
    if (!parsed.arguments || !parsed.local)
        return error_set(error, ERROR_RESOURCE_EXHAUSTED, "", "out of memory");
    while (reader.at < argc) {
        char *written = argv[reader.at++];
        int r = 0;
        bool over = strcmp(written, "--") == 0;
        if (!over && written[0] == '-' && written[1]) {
            r = written[1] == '-' ? read_long(&reader, written) : read_short(&reader, written);
        } else {
            /* Never overtakes the reader: what is moved to the front has been read. */
            if (!over)
                argv[parsed.positional_count++] = written;
            if (over || stop_at_positional)
                while (reader.at < argc)
                    argv[parsed.positional_count++] = argv[reader.at++];
        }
        if (r < 0)
            return r;
    }
    argv[parsed.positional_count] = NULL;
    *ret = parsed;
    parsed = (struct Parsed){0};
    return 0;
}
