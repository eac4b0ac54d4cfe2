// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"
#include "base/test.h"
#include "protocol/shim/message.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const enum ShimMessageKind kinds[] = {
    SHIM_CONFIG,      SHIM_HELLO,  SHIM_KILL,    SHIM_STOP,    SHIM_ATTACH, SHIM_ACK,
    SHIM_HELLO_REPLY, SHIM_RESULT, SHIM_WARNING, SHIM_STARTED, SHIM_FAILED, SHIM_EXITED,
};

static void pair(int ret[2])
{
    CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret), 0);
}

/* A message of this kind that is accepted as it is. */
static void make(union ShimMessage *message, enum ShimMessageKind kind)
{
    memset(message, 0, sizeof(*message));
    shim_message_init(message, kind, 5);
    if (kind == SHIM_HELLO_REPLY)
        message->hello_reply.state = SHIM_STATE_RUNNING;
}

static int send_with_fds(int fd, const void *data, size_t size, unsigned fd_count)
{
    union {
        struct cmsghdr alignment;
        char bytes[CMSG_SPACE(8 * sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = (void *)data, .iov_len = size};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd_count > 0) {
        packet.msg_control = control.bytes;
        packet.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        struct cmsghdr *rights = CMSG_FIRSTHDR(&packet);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        for (unsigned i = 0; i < fd_count; i++)
            memcpy(CMSG_DATA(rights) + i * sizeof(int), &fd, sizeof(int));
    }
    return sendmsg(fd, &packet, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int receive(int fd)
{
    union ShimMessage message;
    int fds[2] = {-1, -1};
    unsigned fd_count = 0;
    int r = shim_message_receive(fd, &message, fds, &fd_count);
    safe_close(fds[0]);
    safe_close(fds[1]);
    return r;
}

static void test_every_kind_crosses(void)
{
    int ends[2];
    pair(ends);
    _cleanup_close_ int a = ends[0], b = ends[1];
    for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
        union ShimMessage sent, got;
        int fds[2];
        unsigned fd_count = 9, wanted = kinds[i] == SHIM_ATTACH ? 1 : kinds[i] == SHIM_HELLO_REPLY ? 2 : 0;
        make(&sent, kinds[i]);
        CHECK_EQ(shim_message_send(a, &sent, (const int[]){a, b}, wanted), 0);
        CHECK_EQ(shim_message_receive(b, &got, fds, &fd_count), 0);
        CHECK_EQ(fd_count, wanted);
        CHECK(memcmp(&sent, &got, sent.header.size) == 0);
        for (unsigned k = 0; k < 2; k++) {
            CHECK_EQ(fds[k] >= 0, k < wanted);
            if (fds[k] >= 0)
                CHECK_EQ(fcntl(fds[k], F_GETFD), FD_CLOEXEC);
            safe_close(fds[k]);
        }
    }
    CHECK_EQ(receive(b), -EAGAIN);
}

static void test_send_refuses_nonsense(void)
{
    int ends[2];
    pair(ends);
    _cleanup_close_ int a = ends[0], b = ends[1];
    union ShimMessage message;
    make(&message, SHIM_ATTACH);
    CHECK_EQ(shim_message_send(a, &message, NULL, 0), -EINVAL);
    CHECK_EQ(shim_message_send(a, &message, (const int[]){a, a}, 2), -EINVAL);
    make(&message, SHIM_HELLO);
    CHECK_EQ(shim_message_send(a, &message, (const int[]){a}, 1), -EINVAL);
    message.header.size++;
    CHECK_EQ(shim_message_send(a, &message, NULL, 0), -EINVAL);
    make(&message, 99);
    CHECK_EQ(shim_message_send(a, &message, NULL, 0), -EINVAL);
    CHECK_EQ(receive(b), -EAGAIN);
    b = safe_close(b);
    make(&message, SHIM_HELLO);
    CHECK_EQ(shim_message_send(a, &message, NULL, 0), -EPIPE);
}

static void test_full_socket_is_told(void)
{
    int ends[2];
    pair(ends);
    _cleanup_close_ int a = ends[0], b = ends[1];
    union ShimMessage message;
    make(&message, SHIM_EXITED);
    int r = 0;
    unsigned sent = 0;
    while (r == 0 && sent < 100000) {
        r = shim_message_send(a, &message, NULL, 0);
        sent += r == 0;
    }
    CHECK_EQ(r, -EAGAIN);
    for (; sent > 0; sent--)
        CHECK_EQ(receive(b), 0);
    CHECK_EQ(receive(b), -EAGAIN);
}

static void test_headers_are_checked(void)
{
    int ends[2];
    pair(ends);
    _cleanup_close_ int a = ends[0], b = ends[1];
    for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
        union ShimMessage message;
        make(&message, kinds[i]);
        unsigned fds = kinds[i] == SHIM_ATTACH;
        uint32_t size = message.header.size;
        char longer[sizeof(message) + 8] = {0};
        memcpy(longer, &message, sizeof(message));
        const struct {
            size_t size;
            struct ShimHeader header;
        } rows[] = {
            {size - 1, message.header},
            {size + 1, message.header},
            {sizeof(longer), message.header},
            {1, message.header},
            {sizeof(struct ShimHeader) - 1, message.header},
            {size, {size + 1, kinds[i], SHIM_PROTOCOL_VERSION, 0, 0}},
            {size, {size, 0, SHIM_PROTOCOL_VERSION, 0, 0}},
            {size, {size, SHIM_ACK + 1, SHIM_PROTOCOL_VERSION, 0, 0}},
            {size, {size, SHIM_EXITED + 1, SHIM_PROTOCOL_VERSION, 0, 0}},
            {size, {size, 0xffff, SHIM_PROTOCOL_VERSION, 0, 0}},
            {size, {size, kinds[i], 0, 0, 0}},
            {size, {size, kinds[i], SHIM_PROTOCOL_VERSION + 1, 0, 0}},
            {size, {size, kinds[i], SHIM_PROTOCOL_VERSION, 0, 1}},
        };
        for (size_t row = 0; row < ELEMENTSOF(rows); row++) {
            memcpy(longer, &rows[row].header, sizeof(struct ShimHeader));
            CHECK_EQ(send_with_fds(a, longer, rows[row].size, fds), 0);
            CHECK_EQ(receive(b), -EBADMSG);
        }
    }
}

static void test_contents_are_checked(void)
{
    union ShimMessage message;
    make(&message, SHIM_CONFIG);
    message.config.when_full = SHIM_BLOCK + 1;
    CHECK_EQ(shim_message_check(&message, sizeof(message.config), 0), -EBADMSG);
    make(&message, SHIM_KILL);
    message.signal.signal = 65;
    CHECK_EQ(shim_message_check(&message, sizeof(message.signal), 0), -EBADMSG);
    message.signal.signal = -1;
    CHECK_EQ(shim_message_check(&message, sizeof(message.signal), 0), -EBADMSG);
    make(&message, SHIM_HELLO_REPLY);
    message.hello_reply.state = 0;
    CHECK_EQ(shim_message_check(&message, sizeof(message.hello_reply), 0), -EBADMSG);
    make(&message, SHIM_EXITED);
    message.exited.slot.tail_size = EXIT_TAIL_SIZE + 1;
    CHECK_EQ(shim_message_check(&message, sizeof(message.exited), 0), -EBADMSG);
    make(&message, SHIM_HELLO);
    CHECK_EQ(shim_message_check(&message, 0, 0), -EBADMSG);
}

static void test_texts_are_terminated(void)
{
    union ShimMessage message;
    make(&message, SHIM_CONFIG);
    memset(message.config.id, 'x', SHIM_ID_SIZE);
    CHECK_EQ(shim_message_check(&message, sizeof(message.config), 0), 0);
    CHECK_EQ(strlen(message.config.id), SHIM_ID_SIZE - 1);
    make(&message, SHIM_STOP);
    memset(message.signal.verb, 'x', SHIM_VERB_SIZE + SHIM_WHO_SIZE);
    CHECK_EQ(shim_message_check(&message, sizeof(message.signal), 0), 0);
    CHECK_EQ(strlen(message.signal.verb), SHIM_VERB_SIZE - 1);
    CHECK_EQ(strlen(message.signal.who), SHIM_WHO_SIZE - 1);
    make(&message, SHIM_RESULT);
    memset(&message.result.error, 'x', sizeof(struct Error));
    CHECK_EQ(shim_message_check(&message, sizeof(message.result), 0), 0);
    CHECK_EQ(message.result.error.code, ERROR_INTERNAL);
    CHECK_EQ(strlen(message.result.error.what), ERROR_WHAT_SIZE - 1);
    make(&message, SHIM_STARTED);
    memset(message.notice.error.where, 'x', ERROR_WHERE_SIZE);
    CHECK_EQ(shim_message_check(&message, sizeof(message.notice), 1), 0);
    CHECK_EQ(strlen(message.notice.error.where), ERROR_WHERE_SIZE - 1);
    make(&message, SHIM_FAILED);
    memset(message.exited.slot.requested_who, 'x', SHIM_WHO_SIZE);
    CHECK_EQ(shim_message_check(&message, sizeof(message.exited), 0), 0);
    CHECK_EQ(strlen(message.exited.slot.requested_who), SHIM_WHO_SIZE - 1);
}

/* The test runner counts descriptors: one that a refused message leaves open fails the case. With
 * more than two the control buffer overflows, which the kernel tells as MSG_CTRUNC. */
static void test_unexpected_descriptors_are_closed(void)
{
    int ends[2];
    pair(ends);
    _cleanup_close_ int a = ends[0], b = ends[1];
    static const struct {
        enum ShimMessageKind kind;
        unsigned fd_count;
        int expected;
    } rows[] = {
        {SHIM_HELLO, 1, -EBADMSG},  {SHIM_HELLO, 2, -EBADMSG},
        {SHIM_HELLO, 3, -EBADMSG},  {SHIM_ATTACH, 0, -EBADMSG},
        {SHIM_ATTACH, 1, 0},        {SHIM_ATTACH, 2, -EBADMSG},
        {SHIM_ATTACH, 8, -EBADMSG}, {SHIM_HELLO_REPLY, 0, 0},
        {SHIM_HELLO_REPLY, 2, 0},   {SHIM_HELLO_REPLY, 3, -EBADMSG},
        {SHIM_STARTED, 1, 0},       {SHIM_STARTED, 2, -EBADMSG},
        {SHIM_EXITED, 1, -EBADMSG}, {(enum ShimMessageKind)99, 2, -EBADMSG},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        union ShimMessage message;
        make(&message, rows[i].kind);
        size_t size = message.header.size ? message.header.size : sizeof(struct ShimHeader);
        CHECK_EQ(send_with_fds(a, &message, size, rows[i].fd_count), 0);
        CHECK_EQ(receive(b), rows[i].expected);
    }
}

static void test_the_end_is_told(void)
{
    int ends[2];
    pair(ends);
    _cleanup_close_ int a = ends[0], b = ends[1];
    union ShimMessage message;
    make(&message, SHIM_HELLO);
    CHECK_EQ(shim_message_send(a, &message, NULL, 0), 0);
    a = safe_close(a);
    CHECK_EQ(receive(b), 0);
    CHECK_EQ(receive(b), -ENODATA);

    pair(ends);
    _cleanup_close_ int c = ends[0], d = ends[1];
    CHECK_EQ(shim_message_send(d, &message, NULL, 0), 0);
    c = safe_close(c); /* with a message unread: a reset */
    CHECK_EQ(receive(d), -ENODATA);
}

static const struct Test tests[] = {
    TEST(test_every_kind_crosses),
    TEST(test_send_refuses_nonsense),
    TEST(test_full_socket_is_told),
    TEST(test_headers_are_checked),
    TEST(test_contents_are_checked),
    TEST(test_texts_are_terminated),
    TEST(test_unexpected_descriptors_are_closed),
    TEST(test_the_end_is_told),
};
TEST_MAIN(tests)
