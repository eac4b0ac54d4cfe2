// SPDX-License-Identifier: Apache-2.0
/* The command line: one table of options, each with the verbs that take it. */
#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/oci/oci.h"
#include <stddef.h>

static const struct {
    const char *name, *arguments, *help;
    unsigned least, most; /* of arguments that are no options */
} verbs[] = {
    [OCI_NONE] = {"", NULL, NULL, 0, 0},
    [OCI_CREATE] = {"create", "[options] ID", "make a container; its program waits for start", 1, 1},
    [OCI_START] = {"start", "ID", "run the program of a created container", 1, 1},
    [OCI_STATE] = {"state", "ID", "print the state of a container", 1, 1},
    [OCI_KILL] = {"kill", "[--all] ID [SIGNAL]", "signal its init (default TERM)", 1, 2},
    [OCI_DELETE] = {"delete", "[--force] ID", "remove a stopped container", 1, 1},
    [OCI_RUN] = {"run", "[options] ID", "create and start; wait for its end unless --detach", 1, 1},
    [OCI_LIST] = {"list", "[--format table|json] [--quiet]", "list containers", 0, 0},
    [OCI_SPEC] = {"spec", "[--bundle DIR]", "write a config.json to begin with", 0, 0},
    [OCI_PLAN] = {"plan", "BUNDLE [ID]", "print what would be done, step by step", 1, 2},
    [OCI_HELP] = {"help", "", "this text", 0, 2},
    [OCI_VERSION] = {"version", "", "print the version", 0, 0},
};

enum OptionType { OPTION_FLAG, OPTION_TEXT };

#define GLOBAL        0u
#define VERB(verb)    (1u << (verb))
#define CREATE_OR_RUN (VERB(OCI_CREATE) | VERB(OCI_RUN))

static const struct {
    const char *name;
    char letter;
    enum OptionType type;
    unsigned verbs; /* GLOBAL: before the verb */
    size_t offset;
    const char *help;
} option_table[] = {
#define OPTION(member) offsetof(struct OciOptions, member)
    {"root", 0, OPTION_TEXT, GLOBAL, OPTION(root), "folder of all state (default /run/davit-oci)"},
    {"log", 0, OPTION_TEXT, GLOBAL, OPTION(log), "file that errors and warnings are appended to"},
    {"log-format", 0, OPTION_TEXT, GLOBAL, OPTION(log_format), "text (default) or json"},
    {"debug", 0, OPTION_FLAG, GLOBAL, OPTION(debug), "log every step of the plan"},
    {"bundle", 'b', OPTION_TEXT, CREATE_OR_RUN | VERB(OCI_SPEC), OPTION(bundle), "folder of config.json"},
    {"pid-file", 0, OPTION_TEXT, CREATE_OR_RUN, OPTION(pid_file), "file to write the pid of init to"},
    {"console-socket", 0, OPTION_TEXT, CREATE_OR_RUN, OPTION(console_socket), "not supported"},
    {"preserve-fds", 0, OPTION_TEXT, CREATE_OR_RUN, OPTION(preserve_text), "pass N descriptors from 3 on"},
    {"no-pivot", 0, OPTION_FLAG, CREATE_OR_RUN, OPTION(no_pivot), "not supported"},
    {"no-new-keyring", 0, OPTION_FLAG, CREATE_OR_RUN, OPTION(no_new_keyring), "not supported"},
    {"detach", 'd', OPTION_FLAG, VERB(OCI_RUN), OPTION(detach), "do not wait for the end"},
    {"keep", 0, OPTION_FLAG, VERB(OCI_RUN), OPTION(keep), "keep the state after the end"},
    {"all", 'a', OPTION_FLAG, VERB(OCI_KILL), OPTION(all), "every process, not only init"},
    {"force", 'f', OPTION_FLAG, VERB(OCI_DELETE), OPTION(force), "kill it first; a missing one is fine"},
    {"format", 'f', OPTION_TEXT, VERB(OCI_LIST), OPTION(format), "table (default) or json"},
    {"quiet", 'q', OPTION_FLAG, VERB(OCI_LIST), OPTION(quiet), "only ids"},
#undef OPTION
};

const char *oci_verb_name(enum OciVerb verb)
{
    return verbs[verb].name;
}

static enum OciVerb find_verb(const char *name)
{
    for (unsigned i = OCI_NONE + 1; i < ELEMENTSOF(verbs); i++)
        if (strcmp(verbs[i].name, name) == 0)
            return (enum OciVerb)i;
    return OCI_NONE;
}

static bool takes(size_t row, enum OciVerb verb)
{
    return verb == OCI_NONE ? option_table[row].verbs == GLOBAL : (option_table[row].verbs & VERB(verb)) != 0;
}

/* The row of "--name", "--name=value", "-name" or "-n", or -1. */
static int find_option(const char *text, enum OciVerb verb, const char **ret_value)
{
    const char *name = text + (text[1] == '-' ? 2 : 1);
    size_t size = strcspn(name, "=");
    for (size_t i = 0; i < ELEMENTSOF(option_table); i++) {
        bool is_long = strlen(option_table[i].name) == size && memcmp(option_table[i].name, name, size) == 0;
        bool is_short = size == 1 && text[1] != '-' && option_table[i].letter == name[0];
        if (!takes(i, verb) || !(is_long || is_short))
            continue;
        *ret_value = name[size] == '=' ? name + size + 1 : NULL;
        return (int)i;
    }
    return -1;
}

struct Arguments {
    int at, count;
    char **values;
};

static int parse_option(struct OciOptions *options, struct Arguments *arguments, struct Error *error)
{
    const char *text = arguments->values[arguments->at++], *value = NULL;
    int row = find_option(text, options->verb, &value);
    if (row < 0)
        return error_set(error, ERROR_INVALID_ARGUMENT, text, "unknown option");
    char *member = (char *)options + option_table[row].offset;
    switch (option_table[row].type) {
    case OPTION_FLAG:
        if (value && strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
            return error_set(error, ERROR_INVALID_ARGUMENT, text, "takes no value");
        *(bool *)member = !str_equal(value, "false");
        return 0;
    case OPTION_TEXT:
        if (!value && arguments->at == arguments->count)
            return error_set(error, ERROR_INVALID_ARGUMENT, text, "needs a value");
        *(const char **)member = value ? value : arguments->values[arguments->at++];
        return 0;
    }
    return 0;
}

static int parse_word(struct OciOptions *options, const char *text, struct Error *error)
{
    if (options->verb == OCI_NONE) {
        options->verb = find_verb(text);
        return options->verb == OCI_NONE
                   ? error_set(error, ERROR_INVALID_ARGUMENT, "verb", "unknown verb %.64s", text)
                   : 0;
    }
    if (options->argument_count == OCI_ARGUMENTS_MAX)
        return error_set(error, ERROR_INVALID_ARGUMENT, text, "one argument too many");
    options->arguments[options->argument_count++] = text;
    return 0;
}

static bool is_one_of(const char *text, const char *a, const char *b)
{
    return !text || strcmp(text, a) == 0 || strcmp(text, b) == 0;
}

static int check(struct OciOptions *options, struct Error *error)
{
    if (options->verb == OCI_NONE)
        return error_set(error, ERROR_INVALID_ARGUMENT, "verb", "no verb given; see davit-oci --help");
    if (options->argument_count < verbs[options->verb].least ||
        options->argument_count > verbs[options->verb].most)
        return error_set(error, ERROR_INVALID_ARGUMENT, "arguments", "usage: davit-oci %s %s",
                         verbs[options->verb].name, verbs[options->verb].arguments);
    if (!is_one_of(options->log_format, "text", "json"))
        return error_set(error, ERROR_INVALID_ARGUMENT, "--log-format", "must be text or json");
    if (!is_one_of(options->format, "table", "json"))
        return error_set(error, ERROR_INVALID_ARGUMENT, "--format", "must be table or json");
    if (options->preserve_text &&
        (str_parse_u32(options->preserve_text, &options->preserve) < 0 || options->preserve > 1024))
        return error_set(error, ERROR_INVALID_ARGUMENT, "--preserve-fds", "must be a number up to 1024");
    return 0;
}

int options_parse(struct OciOptions *options, int argc, char **argv, struct Error *error)
{
    struct Arguments arguments = {1, argc, argv};
    bool only_words = false;
    int r = 0;
    *options = (struct OciOptions){.root = "/run/davit-oci", .bundle = "."};
    while (r >= 0 && arguments.at < argc) {
        const char *text = argv[arguments.at];
        if (!only_words && (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0)) {
            options->verb = OCI_HELP;
            return 0;
        }
        if (options->verb == OCI_NONE && (strcmp(text, "--version") == 0 || strcmp(text, "-v") == 0)) {
            options->verb = OCI_VERSION;
            return 0;
        }
        if (!only_words && strcmp(text, "--") == 0) {
            only_words = true;
            arguments.at++;
        } else if (!only_words && text[0] == '-' && text[1])
            r = parse_option(options, &arguments, error);
        else
            r = parse_word(options, argv[arguments.at++], error);
    }
    return r < 0 ? r : check(options, error);
}

static void print_option(size_t row)
{
    char left[64], letter[8] = "";
    if (option_table[row].letter)
        str_format(letter, sizeof(letter), ", -%c", option_table[row].letter);
    str_format(left, sizeof(left), "--%s%s%s", option_table[row].name, letter,
               option_table[row].type == OPTION_TEXT ? " VALUE" : "");
    printf("  %-24s %s", left, option_table[row].help);
    const char *separator = " (";
    for (unsigned verb = OCI_NONE + 1; verb < ELEMENTSOF(verbs); verb++)
        if (takes(row, (enum OciVerb)verb)) {
            printf("%s%s", separator, verbs[verb].name);
            separator = ", ";
        }
    printf("%s\n", separator[0] == ',' ? ")" : "");
}

void options_print_help(void)
{
    printf("usage: davit-oci [options] VERB [options] [arguments]\n\nVerbs:\n");
    for (unsigned i = OCI_NONE + 1; i < ELEMENTSOF(verbs); i++)
        printf("  %-8s %-32s %s\n", verbs[i].name, verbs[i].arguments, verbs[i].help);
    printf("\nOptions before the verb:\n  %-24s this text\n  %-24s the version\n", "--help, -h",
           "--version, -v");
    for (size_t i = 0; i < ELEMENTSOF(option_table); i++)
        if (option_table[i].verbs == GLOBAL)
            print_option(i);
    printf("\nOptions of verbs:\n");
    for (size_t i = 0; i < ELEMENTSOF(option_table); i++)
        if (option_table[i].verbs != GLOBAL)
            print_option(i);
}
