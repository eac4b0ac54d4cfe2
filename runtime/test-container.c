// SPDX-License-Identifier: Apache-2.0
#include "runtime/test-container.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/test.h"
#include <fcntl.h>
#include <linux/mount.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEADLINE_MSEC = 20000 };

static const char BASE[] = "/tmp/davit-test-runtime";

const char *fixture_path(const char *name)
{
    static char paths[4][256];
    static unsigned next;
    char *path = paths[next++ % ELEMENTSOF(paths)];
    str_format(path, sizeof(paths[0]), "%s/%s", BASE, name);
    return path;
}

const char *fixture_rootfs(void)
{
    return fixture_path("root");
}

void fixture_shell(const char *command)
{
    char line[4096];
    char *const arguments[] = {(char *)"busybox", (char *)"sh", (char *)"-c", line, NULL};
    pid_t pid;
    int status = -1;
    str_format(line, sizeof(line), "cd %s && { %s\n}", BASE, command);
    if (posix_spawn(&pid, "/bin/busybox", NULL, NULL, arguments, environ) == 0)
        waitpid(pid, &status, 0);
    if (status != 0) {
        fprintf(stderr, "set-up failed: %s\n", line);
        abort();
    }
}

static bool set_up(void)
{
    if (geteuid() != 0 || access("/bin/busybox", X_OK) < 0 || unshare(CLONE_NEWNS) < 0)
        return false;
    /* A /tmp of our own: nothing is left on the host. */
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("davit-test", "/tmp", "tmpfs", 0, "mode=0755") < 0 || mkdir(BASE, 0755) < 0)
        return false;
    fixture_shell(
        "mkdir -p root/bin root/proc root/dev root/tmp root/etc outside && chmod 755 root && "
        "cp /bin/busybox root/bin/busybox && "
        "for a in sh cat ls id hostname stat echo grep sleep true touch pwd readlink wc mount sort; "
        "do ln -s busybox root/bin/$a; done");
    return true;
}

bool fixture_ready(void)
{
    static int ready = -1;
    if (ready < 0)
        ready = set_up();
    if (!ready)
        test_skip("needs root, mount namespaces and a static busybox");
    return ready;
}

static void add_all(struct PlanBuilder *builder, const struct Op *ops)
{
    for (; ops->kind; ops++)
        plan_add(builder, ops);
}

static bool has(const struct Op *ops, enum OpKind kind)
{
    for (; ops->kind; ops++)
        if (ops->kind == kind)
            return true;
    return false;
}

static void add_namespaces(struct PlanBuilder *builder, uint64_t without)
{
    static const uint64_t flags[] = {CLONE_NEWNS,  CLONE_NEWPID, CLONE_NEWIPC,
                                     CLONE_NEWUTS, CLONE_NEWNET, CLONE_NEWCGROUP};
    for (size_t i = 0; i < ELEMENTSOF(flags); i++)
        if (!(without & flags[i]))
            plan_add(builder, &(struct Op){.kind = OP_NAMESPACE, .namespace = {flags[i], ""}});
}

static void add_root(struct PlanBuilder *builder, const struct Recipe *recipe)
{
    const struct Op own = {.kind = OP_ROOTFS, .rootfs = {fixture_rootfs(), MS_REC | MS_SLAVE}};
    if (!recipe->no_root)
        plan_add(builder, recipe->root.kind ? &recipe->root : &own);
    if (!recipe->no_proc)
        plan_add(builder, &(struct Op){.kind = OP_MOUNT,
                                       .mount = {.type = "proc",
                                                 .source = "proc",
                                                 .target = "/proc",
                                                 .attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
                                                               MOUNT_ATTR_NOEXEC}});
    add_all(builder, recipe->mounts);
    plan_add(builder, &(struct Op){.kind = OP_PIVOT});
}

char *recipe_plan(const struct Recipe *recipe, struct Plan *ret)
{
    struct PlanBuilder builder = PLAN_BUILDER_INIT;
    _cleanup_buf_ struct Buf arguments = BUF_INIT, environment = BUF_INIT;
    static const char *const path[] = {"PATH=/bin", NULL};
    const char *const *environ_items = recipe->environment[0] ? recipe->environment : path;
    struct Op exec = {.kind = OP_EXEC,
                      .exec = {op_strings_pack(&arguments, recipe->arguments),
                               op_strings_pack(&environment, environ_items)}};
    struct Op lookup = {.kind = OP_LOOKUP, .exec = exec.exec};
    char *data = NULL;
    size_t size = 0;
    add_namespaces(&builder, recipe->without_namespaces);
    add_all(&builder, recipe->host);
    add_root(&builder, recipe);
    add_all(&builder, recipe->inside);
    plan_add(&builder, &lookup);
    add_all(&builder, recipe->exec);
    if (!recipe->no_user && !has(recipe->exec, OP_USER))
        plan_add(&builder, &(struct Op){.kind = OP_USER, .user = {0, 0, {NULL, 0}, 022}});
    plan_add(&builder, &exec);
    CHECK_EQ(plan_finish(&builder, &data, &size), 0);
    CHECK_EQ(plan_open(ret, data, size), 0);
    plan_builder_deinit(&builder);
    return data;
}

enum RuntimeEvent runtime_wait_event(struct Runtime *runtime, struct Outcome *outcome)
{
    for (;;) {
        struct pollfd waiting = {.fd = runtime->sync_fd, .events = POLLIN};
        if (poll(&waiting, 1, DEADLINE_MSEC) <= 0) {
            CHECK(!"an event in time");
            return RUNTIME_AGAIN;
        }
        enum RuntimeEvent event = runtime_on_sync(runtime, &outcome->error);
        if (event == RUNTIME_WARNING && outcome->warning_count < WARNINGS_MAX)
            outcome->warnings[outcome->warning_count++] = outcome->error;
        if (event != RUNTIME_WARNING && event != RUNTIME_AGAIN)
            return event;
    }
}

int runtime_wait_exit(struct Runtime *runtime)
{
    struct pollfd waiting = {.fd = runtime->init.fd, .events = POLLIN};
    int status = -1;
    if (poll(&waiting, 1, DEADLINE_MSEC) <= 0)
        CHECK(!"the end in time");
    pidref_wait(&runtime->init, WNOHANG, &status);
    return status;
}

void recipe_run(const struct Recipe *recipe, struct Outcome *ret)
{
    *ret = (struct Outcome){.event = RUNTIME_AGAIN};
    struct Runtime runtime = RUNTIME_INIT;
    struct Plan plan;
    int output[2];
    if (pipe2(output, O_CLOEXEC) < 0)
        abort();
    _cleanup_close_ int reader = output[0], writer = output[1];
    _cleanup_free_ char *bytes = recipe_plan(recipe, &plan);
    CHECK(bytes != NULL);
    struct RuntimeIo io = {.fds = {-1, writer, writer}};
    int r = runtime_create(&runtime, &plan, &io, &ret->error);
    writer = safe_close(writer);
    ret->event = RUNTIME_FAILED;
    if (r < 0)
        return;
    ret->event = runtime_wait_event(&runtime, ret);
    if (ret->event == RUNTIME_READY) {
        CHECK_EQ(runtime_release(&runtime), 0);
        ret->event = runtime_wait_event(&runtime, ret);
    }
    if (ret->event == RUNTIME_STARTED) {
        ssize_t got = fd_read_all(reader, ret->output, sizeof(ret->output) - 1);
        ret->output[MAX(got, (ssize_t)0)] = 0;
        ret->wait_status = runtime_wait_exit(&runtime);
    }
    runtime_undo(&runtime);
}
