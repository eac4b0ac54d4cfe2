// SPDX-License-Identifier: Apache-2.0
/*
 * The last steps: find the program, the working directory, the filter, the exec itself. The look-up
 * happens before init reports ready, so that a missing program fails the creation; the kernel then
 * has the last word.
 */
#include "base/fd.h"
#include "base/resolve.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/step/step.h"
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char DEFAULT_PATH[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/* 0; -EACCES for what is no program; -ENOENT and others. */
static int check_program(int cwd_fd, const char *path)
{
    struct stat st;
    if (fstatat(cwd_fd, path, &st, 0) < 0)
        return -errno;
    return S_ISREG(st.st_mode) && st.st_mode & 0111 ? 0 : -EACCES;
}

static const char *search_path(const struct OpStrings *environment)
{
    const char *entry = op_strings_next(environment, NULL);
    for (; entry; entry = op_strings_next(environment, entry))
        if (str_starts_with(entry, "PATH="))
            return entry + strlen("PATH=");
    return DEFAULT_PATH;
}

/* As execvp(3): the first that can be run; EACCES if there were only others. */
static int search(struct StepContext *context, int cwd_fd, const char *name, const char *folders)
{
    int result = -ENOENT;
    for (;;) {
        size_t size = strcspn(folders, ":");
        char path[PATH_MAX];
        if (size < sizeof(path) &&
            str_format(path, sizeof(path), "%.*s%s%s", (int)size, folders, size ? "/" : "./", name)) {
            int r = check_program(cwd_fd, path);
            if (r == 0) {
                str_format(context->program, sizeof(context->program), "%s", path);
                return 0;
            }
            if (r == -EACCES)
                result = r;
        }
        if (!folders[size])
            return result;
        folders += size + 1;
    }
}

int step_lookup(struct StepContext *context, const struct Op *op)
{
    const char *name = op_strings_next(&op->exec.arguments, NULL);
    if (!name || !*name)
        return step_fail(context, op, ENOENT, "no program given");
    /* Relative names count from the payload's working directory, which is not ours yet. */
    _cleanup_close_ int cwd_fd =
        context->cwd ? resolve_open(context->root_fd, context->cwd, O_PATH | O_DIRECTORY) : -ENOENT;
    int dir_fd = cwd_fd < 0 ? context->root_fd : cwd_fd, r;
    if (strchr(name, '/')) {
        r = check_program(dir_fd, name);
        if (r >= 0 && !str_format(context->program, sizeof(context->program), "%s", name))
            r = -ENAMETOOLONG;
    } else
        r = search(context, dir_fd, name, search_path(&op->exec.environment));
    if (r >= 0)
        return 0;
    /* For the caller this is the exec that cannot succeed, however early it is known. */
    const struct Op exec = {.kind = OP_EXEC, .exec = op->exec};
    return step_fail(context, &exec, r, r == -EACCES ? "not an executable file" : "no such program");
}

int step_cwd(struct StepContext *context, const struct Op *op)
{
    char path[PATH_MAX];
    if (chdir(op->path.path) < 0)
        return step_fail(context, op, errno, "cannot enter it");
    /* The C library hides the kernel's "(unreachable)", which tells of a folder outside the root. */
    long size = syscall(SYS_getcwd, path, sizeof(path));
    if (size < 0 && errno != ERANGE)
        return step_fail(context, op, errno, "cannot enter it");
    if (size > 0 && path[0] != '/')
        return step_fail(context, op, EPERM, "it lies outside of the container");
    return 0;
}

void exec_clear_death_signal(struct StepContext *context)
{
    if (!context->death_signal)
        return;
    prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
    context->death_signal = false;
}

int step_seccomp(struct StepContext *context, const struct Op *op)
{
    exec_clear_death_signal(context);
    size_t count = op->seccomp.filter.size / sizeof(struct sock_filter);
    struct sock_fprog program = {.len = (unsigned short)count, .filter = (void *)op->seccomp.filter.data};
    if (count > UINT16_MAX)
        return step_fail(context, op, E2BIG, "filter of %zu instructions", count);
    if (sys_seccomp(SECCOMP_SET_MODE_FILTER, (unsigned)op->seccomp.flags, &program) < 0)
        return step_fail(context, op, errno, "cannot install the filter");
    return 0;
}

static char **make_vector(const struct OpStrings *strings)
{
    char **vector = calloc((size_t)strings->count + 1, sizeof(*vector));
    size_t i = 0;
    if (vector)
        for (const char *item = op_strings_next(strings, NULL); item && i < strings->count;
             item = op_strings_next(strings, item))
            vector[i++] = (char *)item;
    return vector;
}

int step_exec(struct StepContext *context, const struct Op *op)
{
    _cleanup_free_ char **arguments = make_vector(&op->exec.arguments);
    _cleanup_free_ char **environment = make_vector(&op->exec.environment);
    if (!arguments || !environment)
        return step_fail(context, op, ENOMEM, "arguments");
    exec_clear_death_signal(context);
    execve(context->program, arguments, environment);
    const char *text = "cannot run it";
    if (errno == ENOENT)
        text = "no such file, or its interpreter is missing";
    return step_fail(context, op, errno, "%s", text);
}
