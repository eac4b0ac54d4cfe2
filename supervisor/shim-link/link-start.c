// SPDX-License-Identifier: Apache-2.0
/*
 * Making a link: the files of a start, the socket, what is queued on it, and last the shim. The socket
 * is named through the folder's descriptor, so that no run folder is too deep for sun_path.
 */
#include "base/fd.h"
#include "base/str.h"
#include "supervisor/api/stream/attach.h"
#include "supervisor/shim-link/link-internal.h"
#include "supervisor/shim-link/spawn.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { SHIM_BACKLOG = 64 };

static void socket_address(int directory, struct sockaddr_un *ret)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    (void)str_format(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/shim.sock", directory);
}

static int connect_in(struct Container *container, int directory, struct ShimLink **ret)
{
    struct sockaddr_un address;
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    socket_address(directory, &address);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    struct ShimLink *link = calloc(1, sizeof(*link));
    if (!link)
        return -ENOMEM;
    link->manager = container->manager;
    link->container = container;
    link->shim = (struct PidRef)PIDREF_INIT;
    link->fd = TAKE_FD(fd);
    list_init(&link->requests);
    int r = loop_io_new(link->manager->loop, link->fd, POLLIN, link_on_socket, link, &link->io);
    if (r < 0) {
        shim_link_free(link);
        return r;
    }
    *ret = link;
    return 0;
}

int link_connect(struct Container *container, struct ShimLink **ret)
{
    _cleanup_close_ int directory = container_open_run(container);
    return directory < 0 ? directory : connect_in(container, directory, ret);
}

static int listen_in(int directory, int *ret)
{
    struct sockaddr_un address;
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    socket_address(directory, &address);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        /* Left by a generation whose davitd was killed while it tidied up. */
        if (errno != EADDRINUSE || unlinkat(directory, "shim.sock", 0) < 0 ||
            bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
            return -errno;
    }
    if (listen(fd, SHIM_BACKLOG) < 0)
        return -errno;
    *ret = TAKE_FD(fd);
    return 0;
}

/* Whole and armed before a shim exists: an exit can then be stored on a full disk. */
static int make_slot(int directory, uint64_t generation, int *ret)
{
    struct ExitSlot slot;
    _cleanup_close_ int fd =
        openat(directory, "exit", O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int r = -posix_fallocate(fd, 0, sizeof(slot));
    if (r < 0)
        return r;
    exit_slot_init(&slot, generation, EXIT_SLOT_ARMED);
    r = exit_slot_write(fd, &slot);
    if (r < 0)
        return r;
    *ret = TAKE_FD(fd);
    return 0;
}

static int queue_config(struct ShimLink *link)
{
    const struct Container *container = link->container;
    union ShimMessage message;
    shim_message_init(&message, SHIM_CONFIG, 0);
    memcpy(message.config.id, container->id, sizeof(message.config.id));
    message.config.stdin_open = container->stdin_open;
    message.config.log_enabled = container->log.enabled;
    message.config.when_full = container->log.when_full;
    message.config.generation = container->generation;
    message.config.log_max_size = container->log.max_size;
    message.config.log_max_files = container->log.max_files;
    return link_request(link, &message, -1, NULL, NULL);
}

/* Those that came before the start, in their order. */
static int queue_attachments(struct ShimLink *link)
{
    LIST_FOREACH (node, &link->container->attachments) {
        struct Attachment *attachment = CONTAINER_OF(node, struct Attachment, node);
        list_remove(node);
        int r = shim_link_attach(link, TAKE_FD(attachment->shim_fd), attachment->want_stdin,
                                 attachment->want_stdout, attachment->want_stderr, NULL, NULL);
        if (r < 0)
            return r;
    }
    return 0;
}

static int fail(struct Error *error, int r, const char *what)
{
    return error_set_errno(error, ERROR_RUNTIME_FAILED, r, "shim", "cannot %s", what);
}

int shim_link_start(struct Container *container, struct ShimLink **ret, struct Error *error)
{
    struct Manager *manager = container->manager;
    _cleanup_close_ int directory = -1, listener = -1, plan = -1, slot = -1, log = -1;
    struct ShimLink *link = NULL;

    directory = container_open_run(container);
    if (directory < 0)
        return fail(error, directory, "open its folder");
    plan = openat(directory, "plan", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (plan < 0)
        return fail(error, -errno, "open the plan");
    int r = make_slot(directory, container->generation, &slot);
    if (r < 0)
        return fail(error, r, "make the exit slot");
    log = container_open_log(container);
    if (log < 0)
        return fail(error, log, "open the log folder");
    r = listen_in(directory, &listener);
    if (r == 0)
        r = connect_in(container, directory, &link);
    if (r < 0)
        return fail(error, r, "make the socket");
    r = queue_config(link);
    if (r == 0)
        r = queue_attachments(link);
    if (r < 0) {
        shim_link_free(link);
        return fail(error, r, "queue its configuration");
    }
    const struct ShimSpawn spawn = {
        .program = manager->places.shim,
        .id = container->id,
        .listen_fd = listener,
        .plan_fd = plan,
        .slot_fd = slot,
        .log_fd = log,
        .null_fd = manager->null_fd,
        .descriptors = &manager->descriptors,
    };
    r = shim_spawn(&spawn, &link->shim);
    if (r < 0) {
        shim_link_free(link);
        return error_set_errno(error, ERROR_RUNTIME_FAILED, r, "shim", "cannot run %s", manager->places.shim);
    }
    link->is_child = link->ready = true;
    *ret = link;
    return 0;
}
