// SPDX-License-Identifier: Apache-2.0
/* Names, the loopback interface and values of the kernel that belong to the container's namespaces. */
#include "base/fd.h"
#include "base/resolve.h"
#include "base/str.h"
#include "runtime/step/step.h"
#include <fcntl.h>
#include <linux/keyctl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int step_hostname(struct StepContext *context, const struct Op *op)
{
    if (sethostname(op->name.name, strlen(op->name.name)) < 0)
        return step_fail(context, op, errno, "cannot set it");
    return 0;
}

int step_domainname(struct StepContext *context, const struct Op *op)
{
    if (setdomainname(op->name.name, strlen(op->name.name)) < 0)
        return step_fail(context, op, errno, "cannot set it");
    return 0;
}

int step_loopback(struct StepContext *context, const struct Op *op)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        return step_fail(context, op, errno, "cannot bring lo up");
    return 0;
}

int step_keyring(struct StepContext *context, const struct Op *op)
{
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, op->keyring.name) >= 0)
        return 0;
    /* A kernel without keyrings has none to keep from the container. */
    return errno == ENOSYS ? 0 : step_fail(context, op, errno, "no session keyring");
}

/* One write to a file of the host's procfs, which shows the namespaces and the process of whoever
 * writes. */
static int write_proc(int dir_fd, const char *path, const char *value)
{
    _cleanup_close_ int fd = resolve_proc(dir_fd, path, O_WRONLY);
    if (fd < 0)
        return fd;
    ssize_t written = write(fd, value, strlen(value));
    return written < 0 ? -errno : 0;
}

int step_sysctl(struct StepContext *context, const struct Op *op)
{
    _cleanup_close_ int sys_fd = resolve_proc(context->proc_fd, "sys", O_PATH | O_DIRECTORY);
    int r = sys_fd < 0 ? sys_fd : write_proc(sys_fd, op->sysctl.path, op->sysctl.value);
    return r < 0 ? step_fail(context, op, r, "cannot write \"%.64s\"", op->sysctl.value) : 0;
}

int step_oom_score(struct StepContext *context, const struct Op *op)
{
    char value[32];
    str_format(value, sizeof(value), "%lld", (long long)op->oom_score.value);
    int r = write_proc(context->proc_fd, "self/oom_score_adj", value);
    /* Below what the host gave us it takes a capability that even root may lack. */
    if (r == -EACCES || r == -EPERM)
        return step_warn(context, op, r, "oom_score_adj %s", value);
    return r < 0 ? step_fail(context, op, r, "oom_score_adj %s", value) : 0;
}
