// SPDX-License-Identifier: Apache-2.0
/*
 * Who the payload is and what it may: bounding set first (it takes CAP_SETPCAP), then groups and
 * ids while permitted capabilities are kept, then the sets themselves, ambient last (it needs both
 * permitted and inheritable). Raw system calls, so that the resident shim needs no library.
 */
#include "base/fd.h"
#include "runtime/step/step.h"
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CAPABILITY_BITS = 64 };

int step_no_new_privileges(struct StepContext *context, const struct Op *op)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return step_fail(context, op, errno, "cannot set it");
    return 0;
}

int step_bounding(struct StepContext *context, const struct Op *op)
{
    for (int capability = 0; capability < CAPABILITY_BITS; capability++) {
        if (op->bounding.keep >> capability & 1)
            continue;
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0)
            continue;
        if (errno == EINVAL)
            return 0; /* behind the last one that the kernel knows */
        return step_fail(context, op, errno, "cannot drop capability %d", capability);
    }
    return 0;
}

/* The payload can open its own stdio again (/dev/stdout) only if it owns it; what belongs to
 * somebody else, or is a device that everybody has, stays as it is. */
static void give_stdio(uid_t uid)
{
    for (int fd = 0; fd < 3; fd++) {
        struct stat st;
        if (fstat(fd, &st) < 0 || st.st_uid != 0 || fd_is_dev_null(fd))
            continue;
        if (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || (S_ISCHR(st.st_mode) && isatty(fd))) {
            /* Not possible on some file systems: then the payload has to do without. */
            int r = fchown(fd, uid, st.st_gid);
            (void)r;
        }
    }
}

int step_user(struct StepContext *context, const struct Op *op)
{
    const struct OpBlob *groups = &op->user.groups;
    uid_t uid = (uid_t)op->user.uid;
    gid_t gid = (gid_t)op->user.gid;
    if (uid != 0) {
        give_stdio(uid);
        if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
            return step_fail(context, op, errno, "cannot keep capabilities");
    }
    if (setgroups(groups->size / sizeof(gid_t), groups->data) < 0)
        return step_fail(context, op, errno, "additional groups");
    if (setresgid(gid, gid, gid) < 0)
        return step_fail(context, op, errno, "gid %u", gid);
    if (setresuid(uid, uid, uid) < 0)
        return step_fail(context, op, errno, "uid %u", uid);
    umask((mode_t)op->user.umask);
    return 0;
}

static void set_words(struct __user_cap_data_struct data[2], const struct Op *op)
{
    for (unsigned word = 0; word < 2; word++) {
        data[word].effective = (uint32_t)(op->capabilities.effective >> (32 * word));
        data[word].permitted = (uint32_t)(op->capabilities.permitted >> (32 * word));
        data[word].inheritable = (uint32_t)(op->capabilities.inheritable >> (32 * word));
    }
}

int step_capabilities(struct StepContext *context, const struct Op *op)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    set_words(data, op);
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return step_fail(context, op, errno, "ambient set");
    if (syscall(SYS_capset, &header, data) < 0)
        return step_fail(context, op, errno, "cannot set them");
    for (int capability = 0; capability < CAPABILITY_BITS; capability++)
        if (op->capabilities.ambient >> capability & 1 &&
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) < 0)
            return step_fail(context, op, errno, "ambient capability %d", capability);
    return 0;
}

int step_rlimit(struct StepContext *context, const struct Op *op)
{
    struct rlimit limit = {.rlim_cur = (rlim_t)op->rlimit.soft, .rlim_max = (rlim_t)op->rlimit.hard};
    if (setrlimit((int)op->rlimit.resource, &limit) == 0)
        return 0;
    if (errno == EPERM)
        return step_warn(context, op, errno, "soft %llu, hard %llu", (unsigned long long)op->rlimit.soft,
                         (unsigned long long)op->rlimit.hard);
    return step_fail(context, op, errno, "soft %llu, hard %llu", (unsigned long long)op->rlimit.soft,
                     (unsigned long long)op->rlimit.hard);
}
