// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"
#include "runtime/oci/oci.h"
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    int (*run)(struct Oci *oci, int *ret_code);
    bool needs_root; /* the folder of all state */
} verbs[] = {
    [OCI_CREATE] = {verb_create, true}, [OCI_START] = {verb_start, true},   [OCI_STATE] = {verb_state, true},
    [OCI_KILL] = {verb_kill, true},     [OCI_DELETE] = {verb_delete, true}, [OCI_RUN] = {verb_run, true},
    [OCI_LIST] = {verb_list, true},     [OCI_SPEC] = {verb_spec, false},    [OCI_PLAN] = {verb_plan, false},
};

/* Otherwise the first files that we open would become the payload's standard output. */
static int fill_stdio(void)
{
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            return -errno;
    return 0;
}

/* What is to be passed on must be there before we open anything: a gap would be filled by ours. */
static int check_preserved(struct Oci *oci)
{
    for (unsigned i = 0; i < oci->options.preserve; i++)
        if (fcntl((int)(3 + i), F_GETFD) < 0)
            return error_set(&oci->error, ERROR_INVALID_ARGUMENT, "--preserve-fds",
                             "descriptor %u is not open", 3 + i);
    return 0;
}

static int make_folders(const char *path)
{
    char part[PATH_MAX];
    size_t size = strlen(path);
    if (size >= sizeof(part))
        return -ENAMETOOLONG;
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return 0;
    for (size_t i = 1; i <= size; i++) {
        if (path[i] != '/' && path[i] != 0)
            continue;
        memcpy(part, path, i);
        part[i] = 0;
        if (mkdir(part, 0700) < 0 && errno != EEXIST)
            return -errno;
    }
    return 0;
}

static int open_root(struct Oci *oci)
{
    struct stat st;
    int r = make_folders(oci->options.root);
    if (r < 0)
        return error_set_errno(&oci->error, ERROR_INVALID_ARGUMENT, r, "--root", "%s", oci->options.root);
    oci->root_fd = open(oci->options.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (oci->root_fd < 0 || fstat(oci->root_fd, &st) < 0)
        return error_set_errno(&oci->error, ERROR_INVALID_ARGUMENT, errno, "--root", "%s", oci->options.root);
    if ((st.st_uid != 0 && st.st_uid != geteuid()) || st.st_mode & (S_IWGRP | S_IWOTH))
        return error_set(&oci->error, ERROR_PERMISSION_DENIED, "--root", "others can write to %s",
                         oci->options.root);
    return 0;
}

static int run(struct Oci *oci, int *ret_code)
{
    enum OciVerb verb = oci->options.verb;
    int r = check_preserved(oci);
    if (r >= 0 && verbs[verb].needs_root)
        r = open_root(oci);
    return r < 0 ? r : verbs[verb].run(oci, ret_code);
}

int main(int argc, char **argv)
{
    struct Oci oci = {.root_fd = -1};
    int code = EXIT_FAILURE;
    if (fill_stdio() < 0)
        return EXIT_FAILURE;
    signal(SIGPIPE, SIG_IGN);
    umask(077);
    int r = options_parse(&oci.options, argc, argv, &oci.error);
    if (r >= 0 && oci.options.verb == OCI_HELP) {
        options_print_help();
        return EXIT_SUCCESS;
    }
    if (r >= 0 && oci.options.verb == OCI_VERSION) {
        printf("davit-oci version " DAVIT_VERSION "\nspec: 1.2.0\n");
        return EXIT_SUCCESS;
    }
    if (r >= 0)
        r = run(&oci, &code);
    safe_close(oci.root_fd);
    if (r < 0)
        report_error(&oci, &oci.error);
    if (fflush(stdout) != 0 && code == EXIT_SUCCESS)
        code = EXIT_FAILURE;
    return r < 0 ? EXIT_FAILURE : code;
}
