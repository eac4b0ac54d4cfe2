// SPDX-License-Identifier: Apache-2.0
/*
 * container.attach: a bridge between one client's stream and the socket whose far end the shim has
 * (the packets are described in protocol/shim/message.h). At most one packet is held here; while the
 * client has no credit nothing is read, the socket fills, and the shim counts for this client alone
 * what it could not send. That arrives as GAP, becomes `dropped`, and shows in the offsets.
 */
#include "base/fd.h"
#include "base/str.h"
#include "protocol/schema/container.h"
#include "supervisor/api/stream/attach.h"
#include "supervisor/api/stream/stream.h"
#include "supervisor/shim-link/link.h"
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ATTACH_SOCKET_BUFFER = 1 << 20 };

struct AttachStream {
    struct Stream stream;
    struct Attachment attachment;
    struct ContainerWatch watch;
    int fd;
    struct LoopIo *io;
    uint64_t generation;             /* the one that it is attached to */
    uint64_t offset[ATTACH_CONTROL]; /* of the next byte, per channel */
    bool is_over;                    /* the generation has ended, with so many bytes: */
    uint64_t end[2];                 /* of stdout and stderr */
    char *packet;                    /* ATTACH_PAYLOAD_MAX + 1 bytes while one is held */
    size_t packet_size, packet_at;
    uint64_t write_size, write_taken; /* of the write in flight */
    bool stdin_gone;
};

static struct AttachStream *attach_stream(struct Stream *stream)
{
    return CONTAINER_OF(stream, struct AttachStream, stream);
}

static void attach_stream_free(struct Stream *base)
{
    struct AttachStream *stream = attach_stream(base);
    container_unwatch(&stream->watch);
    list_remove(&stream->attachment.node);
    safe_close(stream->attachment.shim_fd);
    loop_io_free(stream->io);
    safe_close(stream->fd);
    free(stream->packet);
    free(stream);
}

static void attach_stream_on_readable(void *owner, short revents)
{
    (void)revents;
    struct AttachStream *stream = owner;
    /* Until the client takes more: the socket is the queue. */
    (void)loop_io_set(stream->io, 0);
    stream_wake(&stream->stream);
}

static void attach_stream_on_container(struct ContainerWatch *watch, struct Container *container)
{
    struct AttachStream *stream = CONTAINER_OF(watch, struct AttachStream, watch);
    if (container->state == CONTAINER_EXITED && container->exit &&
        container->generation == stream->generation) {
        stream->is_over = true;
        stream->end[0] = container->exit->offset_stdout;
        stream->end[1] = container->exit->offset_stderr;
    }
    /* It went away without ever having been started. */
    if (container->state == CONTAINER_GONE && stream->attachment.shim_fd >= 0)
        stream_end(&stream->stream, "NotFound: the container was deleted");
}

static enum StreamPull attach_stream_on_control(struct AttachStream *stream)
{
    struct AttachControl control;
    if (stream->packet_size != sizeof(control) + 1) {
        stream_end(&stream->stream, "Internal: the shim sent a damaged control packet");
        return STREAM_OVER;
    }
    memcpy(&control, stream->packet + 1, sizeof(control));
    switch ((enum AttachControlKind)control.kind) {
    case ATTACH_BEGIN:
        stream->offset[ATTACH_STDOUT] = control.offset_stdout;
        stream->offset[ATTACH_STDERR] = control.offset_stderr;
        return STREAM_AGAIN;
    case ATTACH_GAP:
        if (control.channel == ATTACH_STDOUT || control.channel == ATTACH_STDERR)
            stream->offset[control.channel] += control.bytes;
        stream->stream.dropped += control.bytes;
        return STREAM_AGAIN;
    case ATTACH_STDIN_ACK:
        stream->write_taken += control.bytes;
        if (stream->stream.writing && stream->write_taken >= stream->write_size)
            stream_write_done(&stream->stream, stream->write_size, NULL);
        return STREAM_AGAIN;
    case ATTACH_STDIN_GONE:
        stream->stdin_gone = true;
        if (stream->stream.writing) {
            struct Error error;
            (void)error_set(&error, ERROR_WRONG_STATE, "stdin", "the container closed its stdin");
            stream_write_done(&stream->stream, 0, &error);
        }
        return STREAM_AGAIN;
    case ATTACH_END:
        stream_end(&stream->stream, "ok");
        return STREAM_OVER;
    }
    stream_end(&stream->stream, "Internal: the shim sent an unknown control packet");
    return STREAM_OVER;
}

/* The shim does not wait for clients when all is over: what it could not send to this one any more is known
 * from the exit record. */
static void attach_stream_on_end_of_file(struct AttachStream *stream)
{
    const bool wanted[] = {stream->attachment.want_stdout, stream->attachment.want_stderr};
    for (unsigned i = 0; i < ELEMENTSOF(wanted); i++) {
        uint64_t at = stream->offset[ATTACH_STDOUT + i];
        if (stream->is_over && wanted[i] && stream->end[i] > at)
            stream->stream.dropped += stream->end[i] - at;
    }
    stream_end(&stream->stream, stream->is_over ? "ok" : "Unavailable: the container's shim is gone");
}

/* Receives one packet: AGAIN when one is held, IDLE when there is none. */
static enum StreamPull attach_stream_receive(struct AttachStream *stream)
{
    if (!stream->packet)
        stream->packet = malloc(ATTACH_PAYLOAD_MAX + 1);
    if (!stream->packet) {
        stream_end(&stream->stream, "ResourceExhausted: out of memory");
        return STREAM_OVER;
    }
    ssize_t size = recv(stream->fd, stream->packet, ATTACH_PAYLOAD_MAX + 1, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        free(TAKE_PTR(stream->packet));
        (void)loop_io_set(stream->io, POLLIN);
        return STREAM_IDLE;
    }
    if (size <= 0) {
        free(TAKE_PTR(stream->packet));
        attach_stream_on_end_of_file(stream);
        return STREAM_OVER;
    }
    stream->packet_size = (size_t)size;
    stream->packet_at = 1;
    return STREAM_AGAIN;
}

static enum StreamPull attach_stream_pull(struct Stream *base)
{
    struct AttachStream *stream = attach_stream(base);
    if (stream->packet_size == 0) {
        enum StreamPull result = attach_stream_receive(stream);
        if (result != STREAM_AGAIN)
            return result;
    }
    unsigned char channel = (unsigned char)stream->packet[0];
    if (channel == ATTACH_STDOUT || channel == ATTACH_STDERR) {
        size_t room = stream_room(base), left = stream->packet_size - stream->packet_at;
        if (room == 0 && left > 0)
            return STREAM_IDLE;
        size_t size = MIN(room, left);
        const char *name = channel == ATTACH_STDOUT ? "stdout" : "stderr";
        if (size > 0 &&
            stream_send(base, name, stream->offset[channel], stream->packet + stream->packet_at, size) < 0)
            return STREAM_IDLE;
        stream->offset[channel] += size;
        stream->packet_at += size;
        if (stream->packet_at < stream->packet_size)
            return STREAM_AGAIN;
        stream->packet_size = 0;
        return STREAM_AGAIN;
    }
    enum StreamPull result = attach_stream_on_control(stream);
    stream->packet_size = 0;
    return result;
}

static int attach_stream_write(struct Stream *base, const void *data, size_t size, struct Error *error)
{
    struct AttachStream *stream = attach_stream(base);
    if (!stream->attachment.want_stdin)
        return error_set(error, ERROR_WRONG_STATE, "stream", "this attachment has no stdin");
    if (stream->stdin_gone)
        return error_set(error, ERROR_WRONG_STATE, "stdin", "the container closed its stdin");
    if (size == 0)
        return 0;
    if (size > ATTACH_PAYLOAD_MAX)
        return error_set(error, ERROR_INVALID_ARGUMENT, "data", "more than %d bytes in one write",
                         ATTACH_PAYLOAD_MAX);
    char channel = ATTACH_STDIN;
    struct iovec parts[2] = {{&channel, 1}, {(void *)(uintptr_t)data, size}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    if (sendmsg(stream->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        return error_set_errno(error, ERROR_UNAVAILABLE, errno, "stdin", "the shim does not take it");
    stream->write_size = size;
    stream->write_taken = 0;
    return 1;
}

static int attach_stream_close_stdin(struct Stream *base, struct Error *error)
{
    struct AttachStream *stream = attach_stream(base);
    if (!stream->attachment.want_stdin)
        return error_set(error, ERROR_WRONG_STATE, "stream", "this attachment has no stdin");
    char channel = ATTACH_STDIN;
    if (send(stream->fd, &channel, 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EPIPE)
        return error_set_errno(error, ERROR_UNAVAILABLE, errno, "stdin", "the shim does not take it");
    return 0;
}

static const struct StreamSource attach_stream_source = {
    .pull = attach_stream_pull,
    .write = attach_stream_write,
    .close_stdin = attach_stream_close_stdin,
    .free = attach_stream_free,
};

static int attach_stream_want(struct Attachment *attachment, const struct ArgAttach *arguments,
                              struct Error *error)
{
    attachment->want_stdin = arguments->stdin_wanted;
    attachment->want_stdout = attachment->want_stderr = !arguments->streams.items;
    for (size_t i = 0; i < arguments->streams.count; i++) {
        if (str_equal(arguments->streams.items[i], "stdout"))
            attachment->want_stdout = true;
        else if (str_equal(arguments->streams.items[i], "stderr"))
            attachment->want_stderr = true;
        else
            return error_set(error, ERROR_INVALID_ARGUMENT, "streams", "no such stream: %.32s",
                             arguments->streams.items[i]);
    }
    return 0;
}

static int attach_stream_open(struct AttachStream *stream, struct Loop *loop, struct Error *error)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return error_set_errno(error, ERROR_RESOURCE_EXHAUSTED, errno, NULL, "cannot make a socket");
    stream->fd = pair[0];
    stream->attachment.shim_fd = pair[1];
    int size = ATTACH_SOCKET_BUFFER;
    if (setsockopt(pair[1], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
        (void)setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    if (loop_io_new(loop, stream->fd, POLLIN, attach_stream_on_readable, stream, &stream->io) < 0)
        return error_set(error, ERROR_RESOURCE_EXHAUSTED, NULL, "out of memory");
    return 0;
}

int stream_attach_new(struct Container *container, const struct ArgAttach *arguments, struct Stream **ret,
                      struct Error *error)
{
    if (container_state_next(container->state, INPUT_ATTACH) < 0)
        return error_set(error, ERROR_WRONG_STATE, "container", "the container is %s",
                         container_state_name(container->state));
    if (arguments->stdin_wanted && !container->stdin_open)
        return error_set(error, ERROR_WRONG_STATE, "stdin", "the container was created without stdin");
    struct AttachStream *stream = calloc(1, sizeof(*stream));
    if (!stream)
        return error_set(error, ERROR_RESOURCE_EXHAUSTED, NULL, "out of memory");
    stream->stream.source = &attach_stream_source;
    stream->generation = container->generation + (container->link ? 0 : 1);
    stream->fd = stream->attachment.shim_fd = -1;
    stream->watch.on_change = attach_stream_on_container;
    container_watch(container, &stream->watch);
    struct Attachment *attachment = &stream->attachment;
    int result = attach_stream_want(attachment, arguments, error);
    if (result == 0)
        result = attach_stream_open(stream, container->manager->loop, error);
    if (result == 0 && container->link) {
        /* Refusal by the shim shows as the end of the socket. */
        result = shim_link_attach(container->link, TAKE_FD(attachment->shim_fd), attachment->want_stdin,
                                  attachment->want_stdout, attachment->want_stderr, NULL, NULL);
        if (result < 0)
            result =
                error_set_errno(error, ERROR_UNAVAILABLE, result, "container", "the shim does not answer");
    } else if (result == 0) {
        list_append(&container->attachments, &attachment->node);
    }
    if (result < 0) {
        attach_stream_free(&stream->stream);
        return result;
    }
    *ret = &stream->stream;
    return 0;
}
