// SPDX-License-Identifier: Apache-2.0
#include "base/cleanup.h"
#include "base/test.h"
#include "supervisor/options.h"
#include <string.h>

enum { ARGUMENTS_MAX = 6 };

static int parse(const char *const *words, struct Options *options, struct Error *error)
{
    char name[] = "davitd";
    char *argv[ARGUMENTS_MAX + 2] = {name};
    int argc = 1;
    for (; argc <= ARGUMENTS_MAX && words[argc - 1]; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc - 1];
    return options_parse(argc, argv, options, error);
}

static void test_all_options(void)
{
    struct Options options = {0};
    struct Error error;
    CHECK_EQ(parse((const char *[]){"--socket=/s", "--run-dir", "/r", "--user", "--autostarted", NULL},
                   &options, &error),
             0);
    CHECK_STR(options.socket, "/s");
    CHECK_STR(options.run_dir, "/r");
    CHECK(options.user && options.autostarted);
    CHECK_STR(options.data_dir, NULL);
    CHECK_EQ(parse((const char *[]){"--data-dir=/d", "--log-dir=/l", "--config-dir=/c", "--cgroup-parent=/g",
                                    "--bus=none", NULL},
                   &options, &error),
             0);
    CHECK_STR(options.data_dir, "/d");
    CHECK_STR(options.log_dir, "/l");
    CHECK_STR(options.config_dir, "/c");
    CHECK_STR(options.cgroup_parent, "/g");
    CHECK_STR(options.bus, "none");
}

static void test_wrong_usage(void)
{
    static const struct {
        const char *words[3], *where;
    } rows[] = {
        {{"--nothing"}, "--nothing"}, {{"--socket"}, "--socket"},     {{"--user=1"}, "--user=1"},
        {{"file"}, "file"},           {{"--run-dir", ""}, "run-dir"}, {{"-x"}, "-x"},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        struct Options options;
        struct Error error = {0};
        test_row(rows[i].where);
        CHECK_EQ(parse(rows[i].words, &options, &error), -EINVAL);
        CHECK_EQ(error.code, ERROR_INVALID_ARGUMENT);
        CHECK_STR(error.where, rows[i].where);
    }
}

static const char *no_environment(const char *name)
{
    (void)name;
    return NULL;
}

static const char *some_environment(const char *name)
{
    static const struct {
        const char *name, *value;
    } values[] = {
        {"XDG_RUNTIME_DIR", "/run/user/7"}, {"HOME", "/users/u"},          {"DAVIT_SHIM", "/x/shim"},
        {"DAVIT_DATA_DIR", "/x/data"},      {"DAVIT_SOCKET", "/x/s.sock"}, {"XDG_STATE_HOME", ""},
    };
    for (size_t i = 0; i < ELEMENTSOF(values); i++)
        if (strcmp(values[i].name, name) == 0)
            return values[i].value;
    return NULL;
}

static void test_system_places(void)
{
    const struct Options options = {0};
    const struct PlacesInput input = {&options, 0, no_environment, "/cwd", false};
    struct Places places;
    struct Error error;
    CHECK_EQ(places_resolve(&input, &places, &error), 0);
    CHECK_STR(places.run_dir, "/run/davit");
    CHECK_STR(places.data_dir, "/var/lib/davit");
    CHECK_STR(places.log_dir, "/var/log/davit");
    CHECK_STR(places.config_dir, "/etc/davit/containers");
    CHECK_STR(places.socket, "/run/davit/davit.sock");
    CHECK_STR(places.cgroup_parent, "/davit");
}

static void test_user_places(void)
{
    const struct Options options = {0};
    const struct PlacesInput input = {&options, 7, some_environment, "/cwd", false};
    struct Places places;
    struct Error error;
    CHECK_EQ(places_resolve(&input, &places, &error), 0);
    CHECK_STR(places.run_dir, "/run/user/7/davit");
    CHECK_STR(places.data_dir, "/users/u/.local/state/davit");
    CHECK_STR(places.log_dir, "/users/u/.local/state/davit/log");
    CHECK_STR(places.config_dir, "/users/u/.config/davit/containers");
    CHECK_STR(places.socket, "/x/s.sock");
    CHECK_STR(places.shim, "/x/shim");
    CHECK_STR(places.seccomp_profile, "/x/data/seccomp/default.json");
}

static void test_given_places(void)
{
    const struct Options options = {.run_dir = "r", .data_dir = "/d", .cgroup_parent = "/a/b"};
    const struct PlacesInput input = {&options, 0, some_environment, "/cwd", false};
    struct Places places;
    struct Error error;
    CHECK_EQ(places_resolve(&input, &places, &error), 0);
    CHECK_STR(places.run_dir, "/cwd/r");
    CHECK_STR(places.data_dir, "/d");
    CHECK_STR(places.socket, "/cwd/r/davit.sock"); /* beside the run folder, whatever the environment says */
    CHECK_STR(places.cgroup_parent, "/a/b");
}

static void test_refused_places(void)
{
    static const struct {
        const char *parent, *where;
        uid_t uid;
    } rows[] = {
        {"davit", "cgroup-parent", 0}, {"/", "cgroup-parent", 0},     {"/a/../b", "cgroup-parent", 0},
        {"/a/", "cgroup-parent", 0},   {"/a//b", "cgroup-parent", 0}, {NULL, "run-dir", 7},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        const struct Options options = {.cgroup_parent = rows[i].parent};
        const struct PlacesInput input = {&options, rows[i].uid, no_environment, "/cwd", false};
        struct Places places;
        struct Error error = {0};
        test_row(rows[i].parent ? rows[i].parent : "no XDG_RUNTIME_DIR");
        CHECK_EQ(places_resolve(&input, &places, &error), -EINVAL);
        CHECK_EQ(error.code, ERROR_INVALID_ARGUMENT);
        CHECK_STR(error.where, rows[i].where);
    }
}

static const struct Test tests[] = {
    TEST(test_all_options), TEST(test_wrong_usage),  TEST(test_system_places),
    TEST(test_user_places), TEST(test_given_places), TEST(test_refused_places),
};
TEST_MAIN(tests)
