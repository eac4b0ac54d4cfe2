// SPDX-License-Identifier: Apache-2.0
/* From a path, the environment or the user's default place to a client that has said hello. */
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "client/client.h"
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { HELLO_TIMEOUT_SEC = 5, CONNECT_TIMEOUT_MSEC = 5000, CONNECT_RETRY_MSEC = 10 };

int client_connect_path(const char *path, int *ret_fd, struct Error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!str_format(address.sun_path, sizeof(address.sun_path), "%s", path)) {
        error_set(error, ERROR_INVALID_ARGUMENT, "socket", "the path of a socket has at most %zu bytes: %s",
                  sizeof(address.sun_path) - 1, path);
        return -ENAMETOOLONG;
    }
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error_set_errno(error, ERROR_UNAVAILABLE, errno, "socket", "cannot make a socket");
    /* EAGAIN: so many wait to be accepted that there is no room; no poll tells when there is. */
    for (int waited = 0; connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0;
         waited += CONNECT_RETRY_MSEC) {
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN || waited >= CONNECT_TIMEOUT_MSEC)
            return error_set_errno(error, ERROR_UNAVAILABLE, errno, "socket",
                                   "cannot connect to davitd at %s", path);
        poll(NULL, 0, CONNECT_RETRY_MSEC);
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int default_path(char *buffer, size_t size, struct Error *error)
{
    const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
    bool root = geteuid() == 0;
    if (!root && (!runtime || runtime[0] != '/'))
        return error_set(error, ERROR_INVALID_ARGUMENT, "XDG_RUNTIME_DIR",
                         "it names no folder for the socket");
    if (!str_format(buffer, size, "%s/davit/davit.sock", root ? "/run" : runtime)) {
        error_set(error, ERROR_INVALID_ARGUMENT, "XDG_RUNTIME_DIR", "it is too long for a socket");
        return -ENAMETOOLONG;
    }
    return 0;
}

/* A connected socket by the rules of davit_connect(). */
static int find_and_connect(const char *path, unsigned flags, int *ret_fd, struct Error *error)
{
    char standard[PATH_MAX];
    bool given = path || (path = secure_getenv("DAVIT_SOCKET"));
    if (!given) {
        int r = default_path(standard, sizeof(standard), error);
        if (r < 0)
            return r;
        path = standard;
    }
    int r = client_connect_path(path, ret_fd, error);
    bool nobody = r == -ENOENT || r == -ECONNREFUSED;
    if (!nobody || given || (flags & DAVIT_NO_AUTOSTART))
        return r;
    return client_autostart(path, ret_fd, error);
}

static int wait_for_hello(davit_client *client, struct Error *error)
{
    uint64_t now = client_monotonic_usec(), end = now + HELLO_TIMEOUT_SEC * USEC_PER_SEC;
    int r = 0;
    for (; r >= 0 && !client->hello && !client->hello_error.code; now = client_monotonic_usec()) {
        if (now >= end)
            return error_set(error, ERROR_TIMEOUT, "hello", "davitd has not answered for %d s",
                             HELLO_TIMEOUT_SEC);
        r = davit_wait(client, end - now);
    }
    if (client->hello_error.code) {
        *error = client->hello_error;
        return r < 0 ? r : error_code_errno((enum ErrorCode)error->code);
    }
    return 0;
}

int davit_connect(const char *path, unsigned flags, davit_client **ret, davit_error **ret_error)
{
    struct Error error = {0};
    _cleanup_close_ int fd = -1;
    _cleanup_client_ davit_client *client = NULL;
    int r = find_and_connect(path, flags, &fd, &error);
    if (r < 0)
        return client_error(ret_error, r, &error, NULL);
    r = davit_connect_fd(TAKE_FD(fd), &client, ret_error);
    if (r < 0)
        return r;
    r = wait_for_hello(client, &error);
    if (r < 0)
        return client_error(ret_error, r, &error, NULL);
    *ret = TAKE_PTR(client);
    return 0;
}
