// SPDX-License-Identifier: Apache-2.0
#include "base/pidref.h"
#include "base/fd.h"
#include "base/sys.h"
#include <errno.h>

void pidref_deinit(struct PidRef *ref)
{
    safe_close(ref->fd);
    *ref = (struct PidRef)PIDREF_INIT;
}

int pidref_kill(const struct PidRef *ref, int signal)
{
    if (ref->fd < 0)
        return -ESRCH;
    return sys_pidfd_send_signal(ref->fd, signal, NULL, 0) < 0 ? -errno : 0;
}

/* As wait(2) would have given it. */
static int status_of(const siginfo_t *info)
{
    if (info->si_code == CLD_EXITED)
        return (info->si_status & 0xff) << 8;
    return (info->si_status & 0x7f) | (info->si_code == CLD_DUMPED ? 0x80 : 0);
}

int pidref_wait(const struct PidRef *ref, int options, int *ret_wait_status)
{
    siginfo_t info = {0};
    int r;
    if (ref->fd < 0)
        return -ECHILD;
    do
        r = waitid((idtype_t)P_PIDFD, (id_t)ref->fd, &info, WEXITED | options);
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return -errno;
    if (info.si_pid == 0)
        return -EAGAIN;
    *ret_wait_status = status_of(&info);
    return 0;
}
