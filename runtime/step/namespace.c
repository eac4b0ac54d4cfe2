// SPDX-License-Identifier: Apache-2.0
/*
 * Namespaces, new or joined. New ones come with the clone, all at once; the cgroup namespace is the
 * exception, as its root is where its maker sits: init unshares it once it is in its cgroups.
 * Joined ones are opened and checked on the host, before anything of the container exists, and
 * entered by init; a pid namespace only takes effect on children, so there the monitor enters.
 */
#include "base/fd.h"
#include "runtime/step/step.h"
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>

int step_namespace(struct StepContext *context, const struct Op *op)
{
    uint64_t flag = op->namespace.flag;
    if (context->have & flag)
        return step_fail(context, op, EBADMSG, "the plan has this namespace twice");
    if (op->namespace.path[0] == 0) {
        if (flag == CLONE_NEWCGROUP)
            context->unshare_cgroup = true;
        else
            context->clone_flags |= flag;
        context->have |= flag;
        return 0;
    }
    if (context->join_count == STEP_JOINS_MAX)
        return step_fail(context, op, E2BIG, "too many namespaces to join");
    /* Non-blocking: the path may be anything until the ioctl has told. */
    _cleanup_close_ int fd = open(op->namespace.path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return step_fail(context, op, errno, "cannot open %s", op->namespace.path);
    int type = ioctl(fd, NS_GET_NSTYPE);
    if (type < 0 || (uint64_t)type != flag)
        return step_fail(context, op, EINVAL, "%s is no namespace of this type", op->namespace.path);
    context->joins[context->join_count++] = (struct StepJoin){flag, TAKE_FD(fd)};
    context->have |= flag;
    return 0;
}

int namespace_pid_fd(const struct StepContext *context)
{
    for (unsigned i = 0; i < context->join_count; i++)
        if (context->joins[i].flag == CLONE_NEWPID)
            return context->joins[i].fd;
    return -1;
}

static int join(struct StepContext *context, uint64_t flag)
{
    for (unsigned i = 0; i < context->join_count; i++) {
        struct StepJoin *entry = &context->joins[i];
        if (entry->flag != flag)
            continue;
        if (setns(entry->fd, (int)flag) < 0) {
            const struct Op op = {.kind = OP_NAMESPACE, .namespace = {.flag = flag, .path = ""}};
            return step_fail(context, &op, errno, "cannot join it");
        }
        entry->fd = safe_close(entry->fd);
    }
    return 0;
}

int namespace_join_all(struct StepContext *context)
{
    /* The mount namespace last: until then the host's /proc and /dev are there for others. */
    static const uint64_t order[] = {CLONE_NEWCGROUP, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWNS};
    for (size_t i = 0; i < ELEMENTSOF(order); i++) {
        int r = join(context, order[i]);
        if (r < 0)
            return r;
    }
    return 0;
}
