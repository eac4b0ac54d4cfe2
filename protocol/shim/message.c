// SPDX-License-Identifier: Apache-2.0
/*
 * One table row for each kind says how long its message is and how many descriptors come with it;
 * whatever does not fit its row is refused before anybody looks inside, and no descriptor of a
 * refused message survives.
 */
#include "protocol/shim/message.h"
#include "base/fd.h"
#include <string.h>
#include <sys/socket.h>

enum { FDS_MAX = 2 };

static const struct {
    uint16_t size;
    uint8_t fds_min, fds_max;
} kind_table[] = {
    [SHIM_CONFIG] = {sizeof(struct ShimConfig), 0, 0},
    [SHIM_HELLO] = {sizeof(struct ShimPlain), 0, 0},
    [SHIM_KILL] = {sizeof(struct ShimSignal), 0, 0},
    [SHIM_STOP] = {sizeof(struct ShimSignal), 0, 0},
    [SHIM_ATTACH] = {sizeof(struct ShimAttach), 1, 1},
    [SHIM_ACK] = {sizeof(struct ShimAck), 0, 0},
    [SHIM_HELLO_REPLY] = {sizeof(struct ShimHelloReply), 0, 2},
    [SHIM_RESULT] = {sizeof(struct ShimResult), 0, 0},
    [SHIM_WARNING] = {sizeof(struct ShimNotice), 0, 0},
    [SHIM_STARTED] = {sizeof(struct ShimNotice), 0, 1},
    [SHIM_FAILED] = {sizeof(struct ShimExited), 0, 0},
    [SHIM_EXITED] = {sizeof(struct ShimExited), 0, 0},
};

uint32_t shim_message_size(uint16_t kind)
{
    return kind < ELEMENTSOF(kind_table) ? kind_table[kind].size : 0;
}

void shim_message_init(union ShimMessage *message, enum ShimMessageKind kind, uint32_t request)
{
    message->header = (struct ShimHeader){
        .size = shim_message_size((uint16_t)kind),
        .kind = (uint16_t)kind,
        .version = SHIM_PROTOCOL_VERSION,
        .request = request,
    };
}

static int header_check(const struct ShimHeader *header, size_t size, unsigned fd_count)
{
    uint32_t expected = shim_message_size(header->kind);
    if (expected == 0 || size != expected || header->size != expected ||
        header->version != SHIM_PROTOCOL_VERSION || header->zero != 0)
        return -EBADMSG;
    if (fd_count < kind_table[header->kind].fds_min || fd_count > kind_table[header->kind].fds_max)
        return -EBADMSG;
    return 0;
}

static int signal_check(struct ShimSignal *signal)
{
    signal->verb[SHIM_VERB_SIZE - 1] = 0;
    signal->who[SHIM_WHO_SIZE - 1] = 0;
    return signal->signal >= 0 && signal->signal <= 64 ? 0 : -EBADMSG;
}

static int body_check(union ShimMessage *message)
{
    switch ((enum ShimMessageKind)message->header.kind) {
    case SHIM_CONFIG:
        message->config.id[SHIM_ID_SIZE - 1] = 0;
        return message->config.when_full <= SHIM_BLOCK ? 0 : -EBADMSG;
    case SHIM_KILL:
    case SHIM_STOP:
        return signal_check(&message->signal);
    case SHIM_HELLO_REPLY:
        return message->hello_reply.state >= SHIM_STATE_STARTING &&
                       message->hello_reply.state <= SHIM_STATE_EXITED
                   ? 0
                   : -EBADMSG;
    case SHIM_RESULT:
        error_sanitize(&message->result.error);
        return 0;
    case SHIM_WARNING:
    case SHIM_STARTED:
        error_sanitize(&message->notice.error);
        return 0;
    case SHIM_FAILED:
    case SHIM_EXITED:
        return exit_slot_sanitize(&message->exited.slot);
    case SHIM_HELLO:
    case SHIM_ATTACH:
    case SHIM_ACK:
        return 0;
    }
    return -EBADMSG;
}

int shim_message_check(union ShimMessage *message, size_t size, unsigned fd_count)
{
    if (size < sizeof(struct ShimHeader))
        return -EBADMSG;
    int r = header_check(&message->header, size, fd_count);
    return r < 0 ? r : body_check(message);
}

union Control {
    struct cmsghdr alignment;
    char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
};

int shim_message_send(int fd, const union ShimMessage *message, const int *fds, unsigned fd_count)
{
    if (header_check(&message->header, message->header.size, fd_count) < 0)
        return -EINVAL;
    union Control control = {0};
    struct iovec part = {.iov_base = (void *)message, .iov_len = message->header.size};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd_count > 0) {
        packet.msg_control = control.bytes;
        packet.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        struct cmsghdr *rights = CMSG_FIRSTHDR(&packet);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(rights), fds, fd_count * sizeof(int));
    }
    ssize_t size;
    do
        size = sendmsg(fd, &packet, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (size < 0 && errno == EINTR);
    return size < 0 ? -errno : 0;
}

/* A full control buffer holds FDS_MAX descriptors: the kernel closes the ones beyond and sets
 * MSG_CTRUNC. */
static unsigned take_fds(struct msghdr *packet, int fds[FDS_MAX])
{
    unsigned count = 0;
    for (struct cmsghdr *at = CMSG_FIRSTHDR(packet); at; at = CMSG_NXTHDR(packet, at)) {
        if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS)
            continue;
        size_t here = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < here; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(at) + i * sizeof(int), sizeof(int));
            if (count < FDS_MAX)
                fds[count++] = fd;
            else
                safe_close(fd);
        }
    }
    return count;
}

int shim_message_receive(int fd, union ShimMessage *ret, int ret_fds[2], unsigned *ret_fd_count)
{
    union ShimMessage message;
    union Control control;
    struct iovec part = {.iov_base = &message, .iov_len = sizeof(message)};
    struct msghdr packet = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof(control.bytes),
    };
    ssize_t size;
    do
        size = recvmsg(fd, &packet, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (size < 0 && errno == EINTR);
    if (size < 0)
        return errno == ECONNRESET ? -ENODATA : -errno;

    int fds[FDS_MAX] = {-1, -1};
    unsigned fd_count = take_fds(&packet, fds);
    _cleanup_close_ int first = fds[0], second = fds[1];
    if (size == 0)
        return -ENODATA;
    if (packet.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
        return -EBADMSG;
    int r = shim_message_check(&message, (size_t)size, fd_count);
    if (r < 0)
        return r;
    memcpy(ret, &message, (size_t)size);
    ret_fds[0] = TAKE_FD(first);
    ret_fds[1] = TAKE_FD(second);
    *ret_fd_count = fd_count;
    return 0;
}
