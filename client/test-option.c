// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"
#include "base/str.h"
#include "base/test.h"
#include "client/option.h"
#include "client/value.h"
#include "protocol/schema/schema.h"
#include <fcntl.h>
#include <unistd.h>

static const struct OptionTable none = {NULL, 0};

/* Splits a command line at spaces and parses it as that of create. */
static int parse(const char *line, struct Parsed *ret, struct Error *error, char *words, char **argv)
{
    int argc = 0;
    strcpy(words, line);
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    int r = option_parse(&OPTIONS_CREATE, &none, true, argc, argv, ret, error);
    return r < 0 ? r : option_finish_create(ret, error);
}

static void test_arguments_of_create(void)
{
    static const struct {
        const char *line, *json;
    } rows[] = {
        {"", "{}"},
        {"--host", "{\"host\":true}"},
        {"--read-only=false --rm=true", "{\"read_only\":false,\"auto_remove\":true}"},
        {"--rootfs /r --name n --id i", "{\"rootfs\":\"/r\",\"name\":\"n\",\"id\":\"i\"}"},
        {"-e A=1 --env=B=2=3 -eC=", "{\"env\":[\"A=1\",\"B=2=3\",\"C=\"]}"},
        {"-e DAVIT_TEST_OWN -e DAVIT_TEST_ABSENT", "{\"env\":[\"DAVIT_TEST_OWN=x\"]}"},
        {"-it -w/tmp -u 1:2 -h host", "{\"stdin\":true,\"tty\":true,\"cwd\":\"/tmp\",\"user\":\"1:2\","
                                      "\"hostname\":\"host\"}"},
        {"-v /a:/b -v /c:/d:ro,nosuid",
         "{\"mounts\":[{\"source\":\"/a\",\"target\":\"/b\",\"type\":\"bind\"},"
         "{\"source\":\"/c\",\"target\":\"/d\",\"type\":\"bind\",\"options\":[\"ro\",\"nosuid\"]}]}"},
        {"--mount type=tmpfs,dst=/t,size=1m,readonly",
         "{\"mounts\":[{\"type\":\"tmpfs\",\"target\":\"/t\",\"options\":[\"size=1m\",\"ro\"]}]}"},
        {"--mount source=/a,target=/b",
         "{\"mounts\":[{\"source\":\"/a\",\"target\":\"/b\",\"type\":\"bind\"}]}"},
        {"--tmpfs /t --tmpfs /u:size=1m,noexec",
         "{\"tmpfs\":[{\"target\":\"/t\"},{\"target\":\"/u\",\"options\":[\"size=1m\",\"noexec\"]}]}"},
        {"--device /dev/a --device /dev/b:/dev/c:r --device /dev/d:rw",
         "{\"devices\":[{\"path\":\"/dev/a\"},{\"path\":\"/dev/b\",\"target\":\"/dev/c\",\"access\":\"r\"},"
         "{\"path\":\"/dev/d\",\"access\":\"rw\"}]}"},
        {"--ulimit nofile=10:20 --ulimit core=0 --ulimit nproc=unlimited",
         "{\"rlimits\":[{\"name\":\"nofile\",\"soft\":10,\"hard\":20},{\"name\":\"core\",\"soft\":0,\"hard\":"
         "0},"
         "{\"name\":\"nproc\",\"soft\":18446744073709551615,\"hard\":18446744073709551615}]}"},
        {"--cap-add NET_ADMIN --cap-add ALL --cap-drop CHOWN",
         "{\"cap_add\":[\"NET_ADMIN\",\"ALL\"],\"cap_drop\":[\"CHOWN\"]}"},
        {"--security-opt no-new-privileges", "{\"no_new_privileges\":true}"},
        {"--security-opt no-new-privileges:false --security-opt seccomp=unconfined",
         "{\"no_new_privileges\":false,\"seccomp\":\"unconfined\"}"},
        {"--seccomp default --no-new-privileges", "{\"seccomp\":\"default\",\"no_new_privileges\":true}"},
        {"--sysctl net.ipv4.ip_forward=1 -l a=b -l c --annotation x.y=z",
         "{\"sysctls\":{\"net.ipv4.ip_forward\":\"1\"},\"labels\":{\"a\":\"b\",\"c\":\"\"},\"annotations\":{"
         "\"x.y\":\"z\"}}"},
        {"--net host --privileged", "{\"network\":\"host\",\"privileged\":true}"},
        {"-m64m --memory-swap 1g", "{\"resources\":{\"memory\":67108864,\"swap\":1006632960}}"},
        {"--memory-swap 64m -m 64m", "{\"resources\":{\"memory\":67108864,\"swap\":0}}"},
        {"--swap 1k --cpus 1.5 --cpu-weight 50 --pids-limit 9",
         "{\"resources\":{\"swap\":1024,\"cpu\":1.5,\"cpu_weight\":50,\"pids\":9}}"},
        {"--oom-score-adj -500", "{\"oom_score_adj\":-500}"},
        {"--restart on-failure:3", "{\"restart\":{\"policy\":\"on-failure\",\"max\":3}}"},
        {"--stop-signal SIGINT --stop-timeout 1.5",
         "{\"stop\":{\"signal\":\"SIGINT\",\"timeout_usec\":1500000}}"},
        {"--log-sink cri --log-max-size 1m --log-max-files 2 --log-when-full block",
         "{\"log\":{\"sinks\":[\"cri\"],\"max_size\":1048576,\"max_files\":2,\"when_full\":\"block\"}}"},
    };
    setenv("DAVIT_TEST_OWN", "x", 1);
    unsetenv("DAVIT_TEST_ABSENT");
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        char words[512], *argv[64];
        _cleanup_parsed_ struct Parsed parsed = {0};
        struct Error error = {0};
        test_row(rows[i].line);
        CHECK_EQ(parse(rows[i].line, &parsed, &error, words, argv), 0);
        CHECK_STR(error.what, "");
        _cleanup_free_ char *json = davit_value_to_json(parsed.arguments);
        CHECK_STR(json, rows[i].json);
    }
    test_row(NULL);
}

static void test_refusals_name_the_option(void)
{
    static const struct {
        const char *line, *where;
    } rows[] = {
        {"--bogus", "--bogus"},
        {"--memo 5", "--memo"},
        {"-Z", "-Z"},
        {"-iZ", "-Z"},
        {"--name", "--name"},
        {"-m", "-m"},
        {"-m 5x", "--memory"},
        {"--host=maybe", "--host"},
        {"--cpus nan", "--cpus"},
        {"--pids-limit -1", "--pids-limit"},
        {"--oom-score-adj ten", "--oom-score-adj"},
        {"--stop-signal NOPE", "--stop-signal"},
        {"--stop-timeout 1w", "--stop-timeout"},
        {"--memory-swap 64m", "--memory-swap"},
        {"-m 64m --memory-swap 32m", "--memory-swap"},
        {"--memory-swap -1", "--memory-swap"},
        {"-v /a", "--volume"},
        {"-v /a:", "--volume"},
        {"-v /a:/b:ro:x", "--volume"},
        {"--mount type=bind,source=/a", "--mount"},
        {"--mount =x,target=/b", "--mount"},
        {"--tmpfs :size=1m", "--tmpfs"},
        {"--device :/a", "--device"},
        {"--ulimit nofile", "--ulimit"},
        {"--ulimit nofile=a:b", "--ulimit"},
        {"--security-opt label=x", "--security-opt"},
        {"--security-opt no-new-privileges=x", "--security-opt"},
        {"--restart :3", "--restart"},
        {"--restart on-failure:x", "--restart"},
        {"-l =x", "--label"},
        {"-e =x", "--env"},
        {"--name \xff", "--name"},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        char words[512], *argv[64];
        _cleanup_parsed_ struct Parsed parsed = {0};
        struct Error error = {0};
        test_row(rows[i].line);
        CHECK(parse(rows[i].line, &parsed, &error, words, argv) < 0);
        CHECK_EQ(error.code, ERROR_INVALID_ARGUMENT);
        CHECK_STR(error.where, rows[i].where);
    }
    test_row(NULL);
}

static void test_where_options_end(void)
{
    static const struct {
        const char *line;
        bool stop;
        const char *positional;
    } rows[] = {
        {"--host sh -c x", true, "sh|-c|x|"},
        {"--host -- -c x", true, "-c|x|"},
        {"a --name n b -- --c", false, "a|b|--c|"},
        {"- a", false, "-|a|"},
        {"sh -- x", true, "sh|--|x|"},
        {"--name -- -- b", false, "b|"},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        char words[128], *argv[16];
        int argc = 0;
        _cleanup_parsed_ struct Parsed parsed = {0};
        _cleanup_buf_ struct Buf seen = BUF_INIT;
        test_row(rows[i].line);
        strcpy(words, rows[i].line);
        for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
            argv[argc++] = word;
        argv[argc] = NULL;
        CHECK_EQ(option_parse(&OPTIONS_CREATE, &none, rows[i].stop, argc, argv, &parsed, NULL), 0);
        for (int k = 0; k < parsed.positional_count; k++)
            buf_printf(&seen, "%s|", parsed.positional[k]);
        CHECK(parsed.positional && parsed.positional[parsed.positional_count] == NULL);
        _cleanup_free_ char *text = buf_take_str(&seen);
        CHECK_STR(text, rows[i].positional);
    }
    test_row(NULL);
}

static void test_relative_paths_become_absolute(void)
{
    char words[64], *argv[16], folder[4096], expected[4200];
    _cleanup_parsed_ struct Parsed parsed = {0};
    struct Error error = {0};
    CHECK(getcwd(folder, sizeof(folder)) != NULL);
    CHECK_EQ(parse("--rootfs r -v ./a:/b", &parsed, &error, words, argv), 0);
    str_format(expected, sizeof(expected), "%s/r", folder);
    CHECK_STR(davit_value_get_string(parsed.arguments, "rootfs"), expected);
    str_format(expected, sizeof(expected), "%s/./a", folder);
    CHECK_STR(
        davit_value_get_string(davit_value_at(davit_value_get(parsed.arguments, "mounts"), 0), "source"),
        expected);
}

static void test_files(void)
{
    static const struct {
        const char *text, *line, *json; /* json NULL: refused */
    } rows[] = {
        {"{\"name\":\"a\",\"env\":[\"X=1\"],\"resources\":{\"memory\":5}}", "--file F -e Y=2 -m 1k",
         "{\"name\":\"a\",\"env\":[\"X=1\",\"Y=2\"],\"resources\":{\"memory\":1024}}"},
        {" {\"a\":[1,-1,1.5,true,null,{\"b\":[]}]} \n", "--file F",
         "{\"a\":[1,-1,1.5,true,null,{\"b\":[]}]}"},
        {"{\"big\":18446744073709551615}", "--file F", "{\"big\":18446744073709551615}"},
        {"{}", "--file F", "{}"},
        {"", "--file F", NULL},
        {"[]", "--file F", NULL},
        {"{\"a\":1", "--file F", NULL},
        {"{\"a\":1} x", "--file F", NULL},
        {"{\"a\":1}{}", "--file F", NULL},
        {"{\"a\":1,}", "--file F", NULL},
        {"{\"a\":\"\\u0000\"}", "--file F", NULL},
        {"{\"a\":\"\xff\"}", "--file F", NULL},
        {"{\"a\":[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]}", "--file F", NULL},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        char words[512], *argv[64], path[4096];
        int folder = -1;
        _cleanup_parsed_ struct Parsed parsed = {0};
        struct Error error = {0};
        test_row(rows[i].text);
        str_format(path, sizeof(path), "%s/F", test_folder(&folder));
        unlink(path);
        CHECK_EQ(file_create(AT_FDCWD, path, rows[i].text, strlen(rows[i].text), 0600), 0);
        _cleanup_close_ int before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK_EQ(fchdir(folder), 0);
        int r = parse(rows[i].line, &parsed, &error, words, argv);
        CHECK_EQ(fchdir(before), 0);
        _cleanup_free_ char *json = r == 0 ? davit_value_to_json(parsed.arguments) : NULL;
        CHECK_STR(json, rows[i].json);
        CHECK_EQ(error.code, rows[i].json ? ERROR_NONE : ERROR_INVALID_ARGUMENT);
    }
    test_row(NULL);
}

static bool has_option(const char *path)
{
    for (size_t i = 0; i < OPTIONS_CREATE.count; i++) {
        const char *own = OPTIONS_CREATE.rows[i].path;
        size_t size = strlen(own);
        if (size > 0 && strncmp(own, path, size) == 0 && (path[size] == 0 || path[size] == '.'))
            return true;
    }
    return false;
}

static bool schema_has(const struct SchemaStruct *description, const char *path)
{
    for (size_t i = 0; i < description->field_count; i++) {
        const struct SchemaField *field = &description->fields[i];
        size_t size = strlen(field->name);
        if (strncmp(field->name, path, size) != 0 || (path[size] && path[size] != '.'))
            continue;
        return !path[size] || (field->type == SCHEMA_STRUCT && schema_has(field->of, path + size + 1));
    }
    return false;
}

/* What is a list of words on the command line, not an option. */
static bool is_positional(const char *path)
{
    return str_equal(path, "args");
}

static void test_every_argument_has_an_option_and_every_option_an_argument(void)
{
    const struct SchemaMethod *create = schema_method("container.create");
    CHECK(create != NULL);
    for (size_t i = 0; create && i < create->arguments->field_count; i++) {
        const struct SchemaField *field = &create->arguments->fields[i];
        bool nested = field->type == SCHEMA_STRUCT;
        for (size_t k = 0; k < (nested ? field->of->field_count : 1); k++) {
            char path[128];
            str_format(path, sizeof(path), nested ? "%s.%s" : "%s", field->name,
                       nested ? field->of->fields[k].name : "");
            test_row(path);
            CHECK(has_option(path) || is_positional(path));
        }
    }
    for (size_t i = 0; create && i < OPTIONS_CREATE.count; i++) {
        const char *path = OPTIONS_CREATE.rows[i].path;
        test_row(OPTIONS_CREATE.rows[i].name);
        CHECK(path[0] == ':' || path[0] == 0 || schema_has(create->arguments, path));
    }
    test_row(NULL);
}

static void test_no_option_twice(void)
{
    for (size_t i = 0; i < OPTIONS_CREATE.count; i++)
        for (size_t k = i + 1; k < OPTIONS_CREATE.count; k++) {
            const struct Option *a = &OPTIONS_CREATE.rows[i], *b = &OPTIONS_CREATE.rows[k];
            test_row(a->name);
            CHECK(!str_equal(a->name, b->name));
            CHECK(a->short_name == 0 || a->short_name != b->short_name);
        }
    test_row(NULL);
}

static const struct Test tests[] = {
    TEST(test_arguments_of_create),
    TEST(test_refusals_name_the_option),
    TEST(test_where_options_end),
    TEST(test_relative_paths_become_absolute),
    TEST(test_files),
    TEST(test_every_argument_has_an_option_and_every_option_an_argument),
    TEST(test_no_option_twice),
};
TEST_MAIN(tests)
