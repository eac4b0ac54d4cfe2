// SPDX-License-Identifier: Apache-2.0
#include "shim/attach.h"
#include "base/clock.h"
#include "base/fd.h"
#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void client_on_event(struct LoopSource *source, uint32_t events);
static void patience_on_expired(struct LoopTimer *timer);

void attach_init(struct Attach *attach, struct Loop *loop, const uint64_t offsets[2])
{
    attach->loop = loop;
    attach->offsets = offsets;
    attach->input.fd = -1;
    attach->patience.owner = attach;
    attach->patience.on_expired = patience_on_expired;
}

static struct AttachClient *next_client(struct Attach *attach, struct AttachClient *client)
{
    for (client = client ? client + 1 : attach->clients; client < attach->clients + ATTACH_CLIENTS_MAX;
         client++)
        if (client->in_use)
            return client;
    return NULL;
}

#define ATTACH_FOREACH(client, attach)                                                                       \
    for (struct AttachClient *client = (attach)->count ? next_client(attach, NULL) : NULL; client;           \
         client = next_client(attach, client))

void attach_deinit(struct Attach *attach)
{
    ATTACH_FOREACH(client, attach)
    attach_drop(attach, client);
    attach_input_deinit(attach);
    loop_timer_clear(&attach->patience);
}

static void set_full(struct Attach *attach, struct AttachClient *client, bool is_full)
{
    if (client->is_full == is_full)
        return;
    client->is_full = is_full;
    attach->full_count += is_full ? 1 : -1u;
}

static void report_ready(struct Attach *attach)
{
    if (attach->full_count > 0)
        return;
    loop_timer_clear(&attach->patience);
    if (attach->on_ready)
        attach->on_ready(attach->owner);
}

void attach_drop(struct Attach *attach, struct AttachClient *client)
{
    bool was_full = client->is_full;
    loop_unwatch(attach->loop, &client->source);
    safe_close(client->source.fd);
    set_full(attach, client, false);
    attach_input_forget(&attach->input, client);
    *client = (struct AttachClient){0};
    attach->count--;
    if (was_full)
        report_ready(attach);
}

/* One packet: the channel byte, then the data. 0 or a negative errno. */
static int packet_send(struct AttachClient *client, uint8_t channel, const void *data, size_t size)
{
    struct iovec parts[] = {
        {.iov_base = &channel, .iov_len = 1},
        {.iov_base = (void *)data, .iov_len = size},
    };
    struct msghdr packet = {.msg_iov = parts, .msg_iovlen = ELEMENTSOF(parts)};
    ssize_t count;
    do
        count = sendmsg(client->source.fd, &packet, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : 0;
}

int attach_control(struct AttachClient *client, enum AttachControlKind kind, enum AttachChannel channel,
                   uint64_t bytes, const uint64_t offsets[2])
{
    struct AttachControl control = {
        .kind = (uint8_t)kind,
        .channel = (uint8_t)channel,
        .bytes = bytes,
        .offset_stdout = offsets[0],
        .offset_stderr = offsets[1],
    };
    return packet_send(client, ATTACH_CONTROL, &control, sizeof(control));
}

static bool is_gone(int r)
{
    return r == -EPIPE || r == -ECONNRESET || r == -ENOTCONN;
}

/* Tells what was lost so far. The offsets are those after the gap. */
static int send_gap(struct Attach *attach, struct AttachClient *client, unsigned stream)
{
    if (client->gap[stream] == 0)
        return 0;
    int r = attach_control(client, ATTACH_GAP, (enum AttachChannel)(ATTACH_STDOUT + stream),
                           client->gap[stream], attach->offsets);
    if (r == 0)
        client->gap[stream] = 0;
    return r;
}

static uint32_t queued(const struct AttachClient *client)
{
    int size = 0;
    return ioctl(client->source.fd, SIOCOUTQ, &size) < 0 || size < 0 ? 0 : (uint32_t)size;
}

static void patience_refill(struct AttachClient *client, uint64_t now)
{
    uint64_t gained = (now - client->patience_time) / ATTACH_PATIENCE_SHARE;
    client->patience_usec = MIN(client->patience_usec + gained, (uint64_t)ATTACH_PATIENCE_MAX);
    client->patience_time = now;
}

/* After a packet was sent: a half full queue holds the pump back while the client has patience. */
static void judge_queue(struct Attach *attach, struct AttachClient *client)
{
    uint32_t size = queued(client);
    if (client->is_lagging && size <= client->queue_size / 4)
        client->is_lagging = false;
    if (size <= client->queue_size / 2 || client->is_lagging || client->is_full)
        return;
    uint64_t now = clock_boottime_usec();
    patience_refill(client, now);
    if (client->patience_usec == 0) {
        client->is_lagging = true;
        return;
    }
    set_full(attach, client, true);
    attach_rewatch(attach, client);
    if (!attach->patience.deadline || attach->patience.deadline > now + client->patience_usec)
        loop_timer_set(attach->loop, &attach->patience, now + client->patience_usec);
}

static void stop_waiting(struct Attach *attach, struct AttachClient *client, uint64_t now)
{
    uint64_t waited = now - client->patience_time;
    client->patience_usec -= MIN(client->patience_usec, waited);
    client->patience_time = now;
    set_full(attach, client, false);
    attach_rewatch(attach, client);
}

static void patience_on_expired(struct LoopTimer *timer)
{
    struct Attach *attach = timer->owner;
    uint64_t now = clock_boottime_usec(), next = 0;
    ATTACH_FOREACH(client, attach)
    {
        uint64_t end = client->patience_time + client->patience_usec;
        if (!client->is_full)
            continue;
        if (end > now) {
            next = next ? MIN(next, end) : end;
            continue;
        }
        stop_waiting(attach, client, now);
        client->is_lagging = true;
    }
    if (next)
        loop_timer_set(attach->loop, timer, next);
    else
        report_ready(attach);
}

/* 0, also when the data were counted as lost; otherwise the client is gone. */
static int client_send(struct Attach *attach, struct AttachClient *client, unsigned stream, const char *data,
                       size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t part = MIN(size - at, (size_t)ATTACH_PAYLOAD_MAX);
        int r = send_gap(attach, client, stream);
        if (r == 0)
            r = packet_send(client, (uint8_t)(ATTACH_STDOUT + stream), data + at, part);
        if (is_gone(r))
            return r;
        if (r < 0)
            client->gap[stream] += part;
        at += part;
    }
    judge_queue(attach, client);
    return 0;
}

void attach_send(struct Attach *attach, unsigned stream, const char *data, size_t size)
{
    ATTACH_FOREACH(client, attach)
    {
        if (client->wants_output[stream] && !client->is_ending &&
            client_send(attach, client, stream, data, size) < 0)
            attach_drop(attach, client);
    }
}

bool attach_is_ready(const struct Attach *attach)
{
    return attach->full_count == 0;
}

size_t attach_read_limit(const struct Attach *attach)
{
    size_t limit = SIZE_MAX;
    ATTACH_FOREACH(client, (struct Attach *)attach)
    limit = MIN(limit, (size_t)client->queue_size / 4);
    return MAX(limit, (size_t)4096);
}

/* Gaps and END, as far as they fit; the client leaves once they are sent. */
static void client_end(struct Attach *attach, struct AttachClient *client)
{
    int r = send_gap(attach, client, 0);
    if (r == 0)
        r = send_gap(attach, client, 1);
    if (r == 0)
        r = attach_control(client, ATTACH_END, ATTACH_CONTROL, 0, attach->offsets);
    if (r == 0 || is_gone(r)) {
        attach_drop(attach, client);
        return;
    }
    client->is_ending = true;
    set_full(attach, client, false);
    attach_rewatch(attach, client);
}

void attach_end(struct Attach *attach)
{
    attach->is_ended = true;
    ATTACH_FOREACH(client, attach)
    client_end(attach, client);
}

bool attach_is_ending(const struct Attach *attach)
{
    return attach->is_ended && attach->count > 0;
}

void attach_rewatch(struct Attach *attach, struct AttachClient *client)
{
    uint32_t events = 0;
    if (client->is_parked && !attach_input_is_busy(&attach->input)) {
        if (loop_watch(attach->loop, &client->source, client->source.fd, 0) < 0) {
            attach_drop(attach, client);
            return;
        }
        client->is_parked = false;
    }
    if (client->is_full || client->is_ending)
        events |= EPOLLOUT;
    if (client->wants_stdin && !client->is_ending && !attach_input_is_busy(&attach->input))
        events |= EPOLLIN;
    loop_change(attach->loop, &client->source, events);
}

static void client_on_event(struct LoopSource *source, uint32_t events)
{
    struct Attach *attach = source->owner;
    struct AttachClient *client = CONTAINER_OF(source, struct AttachClient, source);
    if (events & EPOLLIN) { /* first, so that what was sent before a hang-up still arrives */
        attach_input_on_readable(attach, client);
        return;
    }
    if (events & (EPOLLHUP | EPOLLERR)) {
        if (client->wants_stdin && attach_input_is_busy(&attach->input)) {
            loop_unwatch(attach->loop, source);
            client->is_parked = true;
        } else {
            attach_drop(attach, client);
        }
        return;
    }
    if (!(events & EPOLLOUT))
        return;
    if (client->is_ending) {
        client_end(attach, client);
        return;
    }
    stop_waiting(attach, client, clock_boottime_usec());
    report_ready(attach);
}

static struct AttachClient *free_client(struct Attach *attach)
{
    for (unsigned i = 0; i < ATTACH_CLIENTS_MAX; i++)
        if (!attach->clients[i].in_use)
            return &attach->clients[i];
    return NULL;
}

static int option(int fd, int name)
{
    int value = -1;
    socklen_t size = sizeof(value);
    return getsockopt(fd, SOL_SOCKET, name, &value, &size) < 0 ? -errno : value;
}

/* A queue that holds a few of the largest reads, where we may; its size as the kernel counts. */
static uint32_t queue_grow(int fd)
{
    int size = ATTACH_QUEUE_SIZE;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    int got = option(fd, SO_SNDBUF);
    return got > 0 ? (uint32_t)got : 0;
}

int attach_add_consume(struct Attach *attach, int socket_fd, const struct ShimAttach *wishes,
                       struct Error *error)
{
    _cleanup_close_ int fd = socket_fd;
    if (option(fd, SO_DOMAIN) != AF_UNIX || option(fd, SO_TYPE) != SOCK_SEQPACKET)
        return error_set(error, ERROR_INVALID_ARGUMENT, "fd", "not a SOCK_SEQPACKET socket");
    struct AttachClient *client = free_client(attach);
    if (!client)
        return error_set(error, ERROR_RESOURCE_EXHAUSTED, "attach", "%d clients are attached already",
                         ATTACH_CLIENTS_MAX);
    *client = (struct AttachClient){
        .source = {.fd = fd, .owner = attach, .on_event = client_on_event},
        .in_use = true,
        .wants_stdin = wishes->want_stdin,
        .wants_output = {wishes->want_stdout, wishes->want_stderr},
        .queue_size = queue_grow(fd),
        .patience_usec = ATTACH_PATIENCE_MAX,
        .patience_time = clock_boottime_usec(),
    };
    int r = attach_control(client, ATTACH_BEGIN, ATTACH_CONTROL, 0, attach->offsets);
    if (r == 0 && wishes->want_stdin && attach->input.is_gone)
        r = attach_control(client, ATTACH_STDIN_GONE, ATTACH_STDIN, 0, attach->offsets);
    if (r == 0 || is_gone(r)) /* who has left already may have sent stdin before */
        r = loop_watch(attach->loop, &client->source, fd, 0);
    if (r < 0) {
        *client = (struct AttachClient){0};
        return error_set_errno(error, ERROR_INVALID_ARGUMENT, r, "fd", "the socket cannot be used");
    }
    TAKE_FD(fd);
    attach->count++;
    if (attach->is_ended)
        client_end(attach, client);
    else
        attach_rewatch(attach, client);
    return 0;
}
