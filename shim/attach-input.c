// SPDX-License-Identifier: Apache-2.0
/*
 * From attached clients to the container's stdin. One packet is under way at a time: while the pipe is full
 * no client is read, so their sockets fill up and they wait. Bytes are acknowledged to their sender when
 * the pipe took them.
 */
#include "base/fd.h"
#include "shim/attach.h"
#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PACKET_MAX = 1 + ATTACH_PAYLOAD_MAX };

static void input_on_event(struct LoopSource *source, uint32_t events);

static bool is_pending(const struct AttachInput *input)
{
    return input->at < input->size;
}

bool attach_input_is_busy(const struct AttachInput *input)
{
    return is_pending(input) || (input->fd < 0 && !input->is_gone);
}

void attach_input_forget(struct AttachInput *input, const struct AttachClient *client)
{
    if (input->sender == client)
        input->sender = NULL;
}

static void rewatch_senders(struct Attach *attach)
{
    for (unsigned i = 0; attach->count > 0 && i < ATTACH_CLIENTS_MAX; i++)
        if (attach->clients[i].in_use && attach->clients[i].wants_stdin)
            attach_rewatch(attach, &attach->clients[i]);
}

int attach_set_input_consume(struct Attach *attach, int pipe_fd)
{
    struct AttachInput *input = &attach->input;
    _cleanup_close_ int fd = pipe_fd;
    void *buffer = mmap(NULL, PACKET_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (buffer == MAP_FAILED)
        return -errno;
    input->source.owner = attach;
    input->source.on_event = input_on_event;
    int r = loop_watch(attach->loop, &input->source, fd, 0);
    if (r < 0) {
        munmap(buffer, PACKET_MAX);
        return r;
    }
    input->buffer = buffer;
    input->fd = TAKE_FD(fd);
    rewatch_senders(attach);
    return 0;
}

void attach_input_deinit(struct Attach *attach)
{
    struct AttachInput *input = &attach->input;
    loop_unwatch(attach->loop, &input->source);
    input->fd = safe_close(input->fd);
    if (input->buffer)
        munmap(input->buffer, PACKET_MAX);
    input->buffer = NULL;
    input->at = input->size = 0;
    input->sender = NULL;
}

static void tell_gone(struct Attach *attach)
{
    for (unsigned i = 0; i < ATTACH_CLIENTS_MAX; i++)
        if (attach->clients[i].in_use && attach->clients[i].wants_stdin)
            (void)attach_control(&attach->clients[i], ATTACH_STDIN_GONE, ATTACH_STDIN, 0, attach->offsets);
}

void attach_input_close(struct Attach *attach)
{
    if (attach->input.is_gone)
        return;
    attach->input.is_gone = true;
    attach_input_deinit(attach);
    tell_gone(attach);
    rewatch_senders(attach);
}

/* Gives the pipe what it takes; the rest waits for it. */
static void input_flush(struct Attach *attach)
{
    struct AttachInput *input = &attach->input;
    ssize_t count;
    do
        count = write(input->fd, input->buffer + input->at, input->size - input->at);
    while (count < 0 && errno == EINTR);
    if (count < 0 && errno != EAGAIN) {
        attach_input_close(attach);
        return;
    }
    if (count > 0) {
        input->at += (size_t)count;
        if (input->sender)
            (void)attach_control(input->sender, ATTACH_STDIN_ACK, ATTACH_STDIN, (uint64_t)count,
                                 attach->offsets);
    }
    bool is_blocked = is_pending(input);
    if (!is_blocked) {
        input->at = input->size = 0;
        input->sender = NULL;
        madvise(input->buffer, PACKET_MAX, MADV_DONTNEED);
    }
    loop_change(attach->loop, &input->source, is_blocked ? EPOLLOUT : 0);
    rewatch_senders(attach);
}

static void input_on_event(struct LoopSource *source, uint32_t events)
{
    struct Attach *attach = source->owner;
    if (events & EPOLLERR) /* nobody holds the other end any more */
        attach_input_close(attach);
    else if (is_pending(&attach->input))
        input_flush(attach);
}

/* It may still read; when it has hung up altogether, the next event says so. */
static void end_sending(struct Attach *attach, struct AttachClient *client)
{
    client->wants_stdin = false;
    attach_rewatch(attach, client);
}

/* A client that has lost the stdin goes on writing: its bytes go nowhere, as it has been told. */
static void discard_packet(struct Attach *attach, struct AttachClient *client)
{
    char byte;
    ssize_t count = recv(client->source.fd, &byte, 1, MSG_DONTWAIT | MSG_TRUNC);
    if (count == 0)
        end_sending(attach, client);
    else if (count < 0 && errno != EAGAIN && errno != EINTR)
        attach_drop(attach, client);
}

void attach_input_on_readable(struct Attach *attach, struct AttachClient *client)
{
    struct AttachInput *input = &attach->input;
    if (input->fd < 0) {
        discard_packet(attach, client);
        return;
    }
    ssize_t count = recv(client->source.fd, input->buffer, PACKET_MAX, MSG_DONTWAIT | MSG_TRUNC);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count == 0) {
        end_sending(attach, client);
        return;
    }
    if (count < 0 || count > PACKET_MAX || input->buffer[0] != ATTACH_STDIN) {
        attach_drop(attach, client);
        return;
    }
    if (count == 1) { /* the half-close */
        attach_input_close(attach);
        return;
    }
    input->at = 1;
    input->size = (size_t)count;
    input->sender = client;
    input_flush(attach);
}
