// SPDX-License-Identifier: Apache-2.0
/* The harness tests itself: a table of cases that must fail runs in a child, its output is read. */
#include "base/test.h"
#include "base/fd.h"
#include "base/str.h"
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

static void inner_good(void)
{
    CHECK(true);
    CHECK_EQ(1, 1);
    CHECK_STR(NULL, NULL);
    CHECK(test_folder(NULL) != NULL);
}

static void inner_bad_value(void)
{
    test_row("seven");
    CHECK_EQ(3 + 4, 8);
}

static void inner_bad_text(void)
{
    CHECK_STR("a\n", NULL);
}

static void inner_leaks_descriptor(void)
{
    CHECK(dup(1) >= 0);
}

static void inner_leaks_child(void)
{
    siginfo_t info;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

static void inner_skips(void)
{
    test_skip("no reason");
}

static const struct Test inner[] = {
    TEST(inner_good),        TEST(inner_bad_value), TEST(inner_bad_text), TEST(inner_leaks_descriptor),
    TEST(inner_leaks_child), TEST(inner_skips),
};

/* Runs the inner table with one argument, or all of it; the output belongs to the caller. */
static char *run_inner(const char *name, int *ret_status)
{
    char *argv[] = {(char *)"test", (char *)name, NULL};
    enum { OUTPUT_MAX = 16384 };
    int ends[2];
    CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], 1);
        exit(test_main(name ? 2 : 1, argv, inner, ELEMENTSOF(inner)));
    }
    safe_close(ends[1]);
    char *output = calloc(1, OUTPUT_MAX);
    CHECK(output && fd_read_all(ends[0], output, OUTPUT_MAX - 1) > 0);
    safe_close(ends[0]);
    CHECK_EQ(waitpid(pid, ret_status, 0), pid);
    return output;
}

static void test_reports_failures(void)
{
    int status = 0;
    _cleanup_free_ char *output = run_inner(NULL, &status);
    CHECK_EQ(WEXITSTATUS(status), EXIT_FAILURE);
    CHECK(str_starts_with(output, "1..6\nok 1 - inner_good\n"));
    static const char *const expected[] = {
        "failed: 3 + 4 == 8 [row seven]\n#   left  7\n#   right 8\nnot ok 2 - inner_bad_value\n",
        "#   left  \"a\\x0a\"\n#   right NULL\nnot ok 3 - inner_bad_text\n",
        "# descriptors: ",
        "not ok 4 - inner_leaks_descriptor\n",
        "was not waited for\nnot ok 5 - inner_leaks_child\n",
        "\nok 6 - inner_skips # SKIP no reason\n",
    };
    for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
        test_row(expected[i]);
        CHECK(strstr(output, expected[i]) != NULL);
    }
    test_row(NULL);
}

static void test_selects_cases(void)
{
    int status = 0;
    _cleanup_free_ char *output = run_inner("inner_skips", &status);
    CHECK_EQ(status, 0);
    CHECK_STR(output, "1..1\nok 1 - inner_skips # SKIP no reason\n");
    _cleanup_free_ char *nothing = run_inner("no_such_case", &status);
    CHECK_EQ(WEXITSTATUS(status), EXIT_FAILURE);
    CHECK_STR(nothing, "1..0\n");
}

static const struct Test tests[] = {TEST(test_reports_failures), TEST(test_selects_cases)};
TEST_MAIN(tests)
