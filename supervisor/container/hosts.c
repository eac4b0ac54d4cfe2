// SPDX-License-Identifier: Apache-2.0
#include "supervisor/container/hosts.h"
#include "base/buf.h"
#include "base/fd.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HOST_FILE_MAX = 64 << 10 };

/* Readable by every user inside; what an earlier try left is replaced. */
static int put_file(int directory, const char *name, const struct Buf *text)
{
    if (text->error)
        return text->error;
    _cleanup_close_ int fd =
        openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return -errno;
    int r = fd_write_all(fd, text->data, text->size);
    return r == 0 && fchmod(fd, 0644) < 0 ? -errno : r;
}

/* A host that has no such file gives an empty one. */
static void append_host_file(struct Buf *out, const char *path)
{
    _cleanup_free_ char *data = NULL;
    size_t size = 0;
    if (file_read(AT_FDCWD, path, HOST_FILE_MAX, &data, &size) == 0)
        buf_append(out, data, size);
}

int hosts_write(int directory, const char *hostname, bool host_network)
{
    _cleanup_buf_ struct Buf name = BUF_INIT, hosts = BUF_INIT, resolver = BUF_INIT;
    buf_printf(&name, "%s\n", hostname);
    if (host_network)
        append_host_file(&hosts, "/etc/hosts");
    else
        buf_printf(&hosts, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\t%s\n",
                   hostname);
    append_host_file(&resolver, "/etc/resolv.conf");
    int r = put_file(directory, "hostname", &name);
    if (r == 0)
        r = put_file(directory, "hosts", &hosts);
    return r == 0 ? put_file(directory, "resolv.conf", &resolver) : r;
}
