// SPDX-License-Identifier: Apache-2.0
/*
 * A successful exec says nothing: it closes the socket. But so does the death of init, and the two
 * must not be taken for one another, or a container that never ran would be reported as started.
 * What tells them apart is the process itself, which keeps its name until the exec (first that of its
 * monitor), and, if the payload should bear that name too, the kernel's flag "forked but did not exec".
 */
#include "runtime/handshake.h"
#include "base/fd.h"
#include "base/resolve.h"
#include "base/str.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

const char INIT_COMM[16] = "davit-init";

enum {
    HANDSHAKE_GO = 64,     /* apart from enum RuntimeMessageKind */
    FORKED_NO_EXEC = 0x40, /* PF_FORKNOEXEC of the kernel, in field 9 of /proc/PID/stat */
    FLAGS_FIELD_BEHIND_COMM = 7,
    CONNECT_TIMEOUT_SEC = 10, /* while others that only look are being turned away */
};

int handshake_report(int fd, enum RuntimeMessageKind kind, const struct Error *error)
{
    struct RuntimeMessage message = {.kind = kind};
    if (error)
        message.error = *error;
    ssize_t written;
    do
        written = write(fd, &message, sizeof(message));
    while (written < 0 && errno == EINTR);
    return written < 0 ? -errno : 0;
}

/* A peer that closes with something of ours unread is reported once as a reset, before the packets
 * that it sent: what is asked for here may still be there. */
static ssize_t receive(int fd, void *data, size_t size, int flags)
{
    ssize_t got;
    do
        got = recv(fd, data, size, flags);
    while (got < 0 && (errno == EINTR || errno == ECONNRESET));
    return got;
}

static bool receive_go(int fd, int flags)
{
    uint32_t word = 0;
    return receive(fd, &word, sizeof(word), flags) == (ssize_t)sizeof(word) && word == HANDSHAKE_GO;
}

int handshake_wait(int fd)
{
    return receive_go(fd, 0) ? 0 : -EPIPE;
}

bool handshake_is_released(int fd)
{
    return receive_go(fd, MSG_DONTWAIT);
}

int handshake_accept(int listen_fd)
{
    for (;;) {
        _cleanup_close_ int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EINTR || errno == ECONNABORTED)
                continue;
            return -errno;
        }
        struct ucred peer = {0};
        socklen_t size = sizeof(peer);
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.uid != geteuid())
            continue;
        if (handshake_wait(fd) == 0)
            return TAKE_FD(fd);
    }
}

int handshake_go(int fd)
{
    uint32_t word = HANDSHAKE_GO;
    ssize_t sent;
    do
        sent = send(fd, &word, sizeof(word), MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

int handshake_receive(int fd, struct RuntimeMessage *ret)
{
    struct RuntimeMessage message;
    ssize_t got = receive(fd, &message, sizeof(message), MSG_DONTWAIT);
    if (got < 0)
        return -errno;
    if (got == 0)
        return 0;
    if ((size_t)got != sizeof(message))
        return -EBADMSG;
    error_sanitize(&message.error);
    *ret = message;
    return 1;
}

int handshake_connect(int dir_fd, const char *name, bool wait)
{
    /* Over the descriptor, as a socket's path has 107 bytes at most. */
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!str_format(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", dir_fd, name))
        return -ENAMETOOLONG;
    const struct timeval timeout = {.tv_sec = CONNECT_TIMEOUT_SEC};
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | (wait ? 0 : SOCK_NONBLOCK), 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    return TAKE_FD(fd);
}

/* Reads PID/name of procfs as text; the number of bytes or a negative errno. */
static ssize_t read_of(int proc_fd, pid_t pid, const char *name, char *buffer, size_t size)
{
    char path[64];
    str_format(path, sizeof(path), "%d/%s", (int)pid, name);
    _cleanup_close_ int fd = resolve_proc(proc_fd, path, O_RDONLY);
    if (fd < 0)
        return fd;
    ssize_t got = fd_read_all(fd, buffer, size - 1);
    if (got >= 0)
        buffer[got] = 0;
    return got;
}

static bool has_flag_forked(const char *stat)
{
    const char *at = strrchr(stat, ')');
    for (unsigned field = 0; at && field < FLAGS_FIELD_BEHIND_COMM; field++)
        at = strchr(at + 1, ' ');
    return at && (strtoul(at + 1, NULL, 10) & FORKED_NO_EXEC);
}

bool handshake_has_executed(pid_t pid)
{
    char buffer[1024], own[sizeof(INIT_COMM)] = "";
    _cleanup_close_ int proc_fd = resolve_open_procfs();
    if (proc_fd < 0)
        return true;
    ssize_t got = read_of(proc_fd, pid, "comm", buffer, sizeof(buffer));
    if (got <= 0)
        return true;
    buffer[strcspn(buffer, "\n")] = 0;
    /* At birth, before it has named itself, it has our name. */
    prctl(PR_GET_NAME, own, 0, 0, 0);
    if (!str_equal(buffer, INIT_COMM) && !str_equal(buffer, own))
        return true;
    return read_of(proc_fd, pid, "stat", buffer, sizeof(buffer)) <= 0 || !has_flag_forked(buffer);
}
