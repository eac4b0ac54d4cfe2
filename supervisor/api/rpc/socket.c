// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"
#include "base/str.h"
#include "supervisor/api/rpc/server.h"
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { LISTEN_BACKLOG = 128, GROUPS_MAX = 1024 };

gid_t rpc_socket_group(void)
{
    char buffer[4096];
    struct group entry, *found = NULL;
    return getgrnam_r("davit", &entry, buffer, sizeof(buffer), &found) == 0 && found ? found->gr_gid
                                                                                     : (gid_t)-1;
}

/* A socket file that nobody serves is left from a daemon that was killed; a live one is refused. */
static int check_stale(int fd, const struct sockaddr_un *address, struct Error *error)
{
    struct stat st;
    if (lstat(address->sun_path, &st) < 0)
        return 0;
    if (!S_ISSOCK(st.st_mode))
        return error_set(error, ERROR_ALREADY_EXISTS, "socket", "%s exists and is no socket",
                         address->sun_path);
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN)
        return error_set(error, ERROR_ALREADY_EXISTS, "socket", "another davitd serves %s",
                         address->sun_path);
    if (unlink(address->sun_path) < 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "socket", "cannot remove %s", address->sun_path);
    return 0;
}

int rpc_socket_bind(const char *path, gid_t group, int *ret_fd, struct Error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!str_format(address.sun_path, sizeof(address.sun_path), "%s", path))
        return error_set(error, ERROR_INVALID_ARGUMENT, "socket",
                         "the path of the socket has %zu bytes, the most is 107: %s", strlen(path), path);
    _cleanup_close_ int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0 || fd < 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "socket", "cannot make a socket");
    int r = check_stale(probe, &address, error);
    if (r < 0)
        return r;
    /* The mode of the descriptor becomes the file's, so that it is never open to others. */
    if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "socket", "cannot bind %s", path);
    if (group != (gid_t)-1 && (chown(path, (uid_t)-1, group) < 0 || chmod(path, 0660) < 0))
        return error_set_errno(error, ERROR_INTERNAL, errno, "socket", "cannot give %s to its group", path);
    if (listen(fd, LISTEN_BACKLOG) < 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "socket", "cannot listen on %s", path);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int rpc_socket_caller(int fd, gid_t group, struct Caller *ret)
{
    struct ucred credentials;
    socklen_t size = sizeof(credentials);
    gid_t groups[GROUPS_MAX];
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
        return -errno;
    *ret = (struct Caller){.uid = credentials.uid, .gid = credentials.gid, .pid = credentials.pid};
    if (group == (gid_t)-1)
        return 0;
    ret->in_davit_group = credentials.gid == group;
    size = sizeof(groups);
    /* Somebody in more groups than fit is judged by the primary one alone. */
    if (ret->in_davit_group || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
        return 0;
    for (size_t i = 0; i < size / sizeof(groups[0]); i++)
        ret->in_davit_group = ret->in_davit_group || groups[i] == group;
    return 0;
}
