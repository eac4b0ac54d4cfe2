// SPDX-License-Identifier: Apache-2.0
/*
 * CHECK() has no handle to pass, so the state of the running case is one static struct here: the
 * exception to the rule, in a file that no program links.
 */
#include "base/test.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
    const char *row, *skip_reason;
    unsigned failures;
    int folder_fd; /* -1: none */
    char folder[PATH_MAX];
} current = {.folder_fd = -1};

void test_skip(const char *reason)
{
    current.skip_reason = reason;
}

void test_row(const char *name)
{
    current.row = name;
}

static void fail(const char *file, int line, const char *expression)
{
    current.failures++;
    printf("# %s:%d: failed: %s", file, line, expression);
    if (current.row)
        printf(" [row %s]", current.row);
    printf("\n");
}

void test_check(bool ok, const char *expression, const char *file, int line)
{
    if (!ok)
        fail(file, line, expression);
}

void test_check_int(long long a, long long b, const char *expression, const char *file, int line)
{
    if (a == b)
        return;
    fail(file, line, expression);
    printf("#   left  %lld\n#   right %lld\n", a, b);
}

/* A text as one line of a TAP comment. */
static void print_value(const char *side, const char *text)
{
    printf("#   %s ", side);
    if (!text) {
        printf("NULL\n");
        return;
    }
    putchar('"');
    for (const unsigned char *at = (const unsigned char *)text; *at; at++)
        if (*at < 0x20 || *at == 0x7f || *at == '"' || *at == '\\')
            printf("\\x%02x", *at);
        else
            putchar(*at);
    printf("\"\n");
}

void test_check_str(const char *a, const char *b, const char *expression, const char *file, int line)
{
    if (a == b || (a && b && strcmp(a, b) == 0))
        return;
    fail(file, line, expression);
    print_value("left ", a);
    print_value("right", b);
}

const char *test_folder(int *ret_fd)
{
    if (current.folder_fd < 0) {
        const char *parent = getenv("TMPDIR");
        snprintf(current.folder, sizeof(current.folder), "%s/davit-test-XXXXXX", parent ? parent : "/tmp");
        if (mkdtemp(current.folder))
            current.folder_fd = open(current.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (current.folder_fd < 0) {
            printf("Bail out! cannot make %s: %s\n", current.folder, strerror(errno));
            exit(EXIT_FAILURE);
        }
    }
    if (ret_fd)
        *ret_fd = current.folder_fd;
    return current.folder;
}

static void folder_remove(void)
{
    enum { DEPTH = 64 };
    if (current.folder_fd < 0)
        return;
    current.folder_fd = safe_close(current.folder_fd);
    int r = tree_remove(AT_FDCWD, current.folder, DEPTH);
    if (r < 0) {
        current.failures++;
        printf("# cannot remove %s: %s\n", current.folder, strerror(-r));
    }
}

static int count_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;
    if (!dir)
        return -1;
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

static void check_leaks(int descriptors_before)
{
    int descriptors = count_descriptors();
    if (descriptors != descriptors_before) {
        current.failures++;
        printf("# descriptors: %d before the case, %d after it\n", descriptors_before, descriptors);
    }
    siginfo_t info = {0};
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == 0) {
        current.failures++;
        if (info.si_pid == 0) {
            printf("# a child is still running\n");
            break;
        }
        printf("# child %d was not waited for\n", (int)info.si_pid);
        info.si_pid = 0;
    }
}

static bool run_case(const struct Test *test, size_t number)
{
    int descriptors = count_descriptors();
    current.row = current.skip_reason = NULL;
    current.failures = 0;
    test->run();
    folder_remove();
    check_leaks(descriptors);
    printf("%s %zu - %s", current.failures ? "not ok" : "ok", number, test->name);
    if (current.skip_reason && !current.failures)
        printf(" # SKIP %s", current.skip_reason);
    printf("\n");
    return current.failures == 0;
}

static bool is_wanted(int argc, char **argv, const char *name)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return argc <= 1;
}

/* Arguments name the cases to run; none means all. */
int test_main(int argc, char **argv, const struct Test *tests, size_t count)
{
    size_t wanted = 0, number = 0;
    bool ok = true;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < count; i++)
        wanted += is_wanted(argc, argv, tests[i].name);
    printf("1..%zu\n", wanted);
    for (size_t i = 0; i < count; i++)
        if (is_wanted(argc, argv, tests[i].name))
            ok &= run_case(&tests[i], ++number);
    return ok && wanted > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
