// SPDX-License-Identifier: Apache-2.0
/*
 * The socket to one shim. A link has three lives: bound to a container while it runs; leaving, when the
 * exit is acknowledged and the shim removes the cgroups and ends; lingering, when the container has
 * nothing to do with it any more and only the process is left to be reaped.
 *
 * A wedged shim cannot hurt: messages are sent without blocking and a full socket is Unavailable.
 */
#include "supervisor/shim-link/link.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "supervisor/container/run.h"
#include "supervisor/log.h"
#include "supervisor/shim-link/link-internal.h"
#include <poll.h>
#include <signal.h>
#include <string.h>

enum { MESSAGES_PER_TURN = 16 };
static const uint64_t HELLO_DEADLINE_USEC = 2 * USEC_PER_SEC;

struct ShimRequest {
    struct ListNode node;
    uint32_t number;
    ShimReplyCallback callback;
    void *owner;
};

/* --- requests --- */

static void answer_request(struct ShimRequest *request, const struct Error *error)
{
    list_remove(&request->node);
    if (request->callback)
        request->callback(request->owner, error);
    free(request);
}

static void fail_requests(struct ShimLink *link)
{
    struct Error error;
    error_set(&error, ERROR_UNAVAILABLE, "shim", "the container's shim is gone");
    while (!list_is_empty(&link->requests))
        answer_request(CONTAINER_OF(link->requests.next, struct ShimRequest, node), &error);
}

void shim_link_cancel(struct ShimLink *link, const void *owner)
{
    LIST_FOREACH (node, &link->requests) {
        struct ShimRequest *request = CONTAINER_OF(node, struct ShimRequest, node);
        if (request->owner == owner)
            request->callback = NULL;
    }
}

int link_request(struct ShimLink *link, union ShimMessage *message, int fd, ShimReplyCallback callback,
                 void *owner)
{
    _cleanup_free_ struct ShimRequest *request = NULL;
    if (callback) {
        request = calloc(1, sizeof(*request));
        if (!request)
            return -ENOMEM;
        request->callback = callback;
        request->owner = owner;
    }
    message->header.request = ++link->last_request;
    int r = shim_message_send(link->fd, message, &fd, fd >= 0);
    if (r < 0)
        return r;
    if (request) {
        request->number = link->last_request;
        list_append(&link->requests, &request->node);
        TAKE_PTR(request);
    }
    return 0;
}

static int send_signal(struct ShimLink *link, enum ShimMessageKind kind, int signal, bool everybody,
                       uint64_t grace_usec, const char *verb, const char *who, ShimReplyCallback callback,
                       void *owner)
{
    union ShimMessage message;
    shim_message_init(&message, kind, 0);
    message.signal.signal = signal;
    message.signal.everybody = everybody;
    message.signal.grace_usec = grace_usec;
    (void)str_format(message.signal.verb, sizeof(message.signal.verb), "%s", verb);
    (void)str_format(message.signal.who, sizeof(message.signal.who), "%s", who);
    return link_request(link, &message, -1, callback, owner);
}

int shim_link_kill(struct ShimLink *link, int signal, bool everybody, const char *who,
                   ShimReplyCallback callback, void *owner)
{
    return send_signal(link, SHIM_KILL, signal, everybody, 0, "kill", who, callback, owner);
}

int shim_link_stop(struct ShimLink *link, int signal, uint64_t grace_usec, const char *verb, const char *who,
                   ShimReplyCallback callback, void *owner)
{
    return send_signal(link, SHIM_STOP, signal, false, grace_usec, verb, who, callback, owner);
}

int shim_link_attach(struct ShimLink *link, int fd_take, bool want_stdin, bool want_stdout, bool want_stderr,
                     ShimReplyCallback callback, void *owner)
{
    _cleanup_close_ int fd = fd_take;
    union ShimMessage message;
    shim_message_init(&message, SHIM_ATTACH, 0);
    message.attach.want_stdin = want_stdin;
    message.attach.want_stdout = want_stdout;
    message.attach.want_stderr = want_stderr;
    return link_request(link, &message, fd, callback, owner);
}

bool shim_link_is_ready(const struct ShimLink *link)
{
    return link->ready;
}

pid_t shim_link_pid(const struct ShimLink *link)
{
    return link->shim.pid;
}

/* --- the end of the process --- */

void shim_link_free(struct ShimLink *link)
{
    if (!link)
        return;
    fail_requests(link);
    list_remove(&link->node);
    loop_io_free(link->io);
    loop_io_free(link->process_io);
    loop_timer_free(link->deadline);
    pidref_deinit(&link->shim);
    safe_close(link->fd);
    free(link);
}

static void link_end(struct ShimLink *link)
{
    struct Container *container = link->leaving ? link->container : NULL;
    shim_link_free(link);
    if (!container)
        return;
    container->leaving_link = NULL;
    container_on_shim_gone(container);
}

static void link_on_process(void *owner, short revents)
{
    struct ShimLink *link = owner;
    int status;
    (void)revents;
    /* A shim that an earlier davitd has started is reaped by another. */
    if (!link->is_child || pidref_wait(&link->shim, WNOHANG, &status) != -EAGAIN)
        link_end(link);
}

/* The socket is closed: what is left is to see the process end, so that nothing of it is left either
 * when a container is said to be deleted. */
static void link_linger(struct ShimLink *link)
{
    struct Manager *manager = link->manager;
    fail_requests(link);
    loop_io_free(link->io);
    link->io = NULL;
    link->fd = safe_close(link->fd);
    loop_timer_free(link->deadline);
    link->deadline = NULL;
    if (link->shim.fd < 0 ||
        loop_io_new(manager->loop, link->shim.fd, POLLIN, link_on_process, link, &link->process_io) < 0) {
        link_end(link);
        return;
    }
    if (!link->leaving)
        list_append(&manager->lingering, &link->node);
}

void shim_link_release(struct ShimLink *link, uint64_t generation)
{
    union ShimMessage message;
    shim_message_init(&message, SHIM_ACK, 0);
    message.ack.generation = generation;
    link->leaving = true;
    int r = link_request(link, &message, -1, NULL, NULL);
    /* A shim that does not take it has stored the exit and told it; it is of no more use. */
    if (r < 0 && link->shim.fd >= 0 && r != -EPIPE && r != -ECONNRESET)
        (void)pidref_kill(&link->shim, SIGKILL);
}

/* The end of file, or a shim that does not keep to the protocol. */
static void link_on_lost(struct ShimLink *link, int reason)
{
    struct Container *container = link->container;
    if (reason != -ENODATA && reason != -ECONNRESET && link->shim.fd >= 0) {
        log_event(LOG_LEVEL_ERROR, "shim.broken", container->id, "%s", strerror(-reason));
        (void)pidref_kill(&link->shim, SIGKILL);
    }
    if (!link->leaving) {
        link->container = NULL;
        container->link = NULL;
    }
    bool lost = !link->leaving;
    link_linger(link);
    if (lost)
        container_on_shim_lost(container);
}

/* --- messages --- */

static void on_result(struct ShimLink *link, const struct ShimResult *result)
{
    LIST_FOREACH (node, &link->requests) {
        struct ShimRequest *request = CONTAINER_OF(node, struct ShimRequest, node);
        if (request->number == result->header.request) {
            answer_request(request, &result->error);
            return;
        }
    }
}

static void on_hello_reply(struct ShimLink *link, const struct ShimHelloReply *reply, int fds[2],
                           unsigned fd_count)
{
    struct Container *container = link->container;
    if (link->ready)
        return;
    pidref_deinit(&link->shim);
    link->shim = (struct PidRef){reply->shim_pid, TAKE_FD(fds[0])};
    if (reply->generation != container->generation) {
        container_on_older_shim(container, reply->generation);
        return;
    }
    link->ready = true;
    loop_timer_free(link->deadline);
    link->deadline = NULL;
    int init = fd_count > 1 ? TAKE_FD(fds[1]) : -1;
    container_on_adopted(container, (enum ShimState)reply->state, reply->init_pid, init);
}

static void on_message(struct ShimLink *link, const union ShimMessage *message, int fds[2], unsigned fd_count)
{
    struct Container *container = link->container;
    if (!container || link->leaving)
        return;
    switch ((enum ShimMessageKind)message->header.kind) {
    case SHIM_RESULT:
        on_result(link, &message->result);
        break;
    case SHIM_HELLO_REPLY:
        on_hello_reply(link, &message->hello_reply, fds, fd_count);
        break;
    case SHIM_WARNING:
        container_on_warning(container, &message->notice.error);
        break;
    case SHIM_STARTED:
        container_on_started(container, message->notice.init_pid, TAKE_FD(fds[0]), message->notice.time_usec);
        break;
    case SHIM_FAILED:
    case SHIM_EXITED:
        container_on_exited(container, &message->exited.slot);
        break;
    case SHIM_CONFIG:
    case SHIM_HELLO:
    case SHIM_KILL:
    case SHIM_STOP:
    case SHIM_ATTACH:
    case SHIM_ACK:
        break; /* not from a shim; said to be harmless */
    }
}

void link_on_socket(void *owner, short revents)
{
    struct ShimLink *link = owner;
    (void)revents;
    for (int i = 0; i < MESSAGES_PER_TURN; i++) {
        union ShimMessage message;
        int fds[2] = {-1, -1};
        unsigned fd_count = 0;
        int r = shim_message_receive(link->fd, &message, fds, &fd_count);
        if (r == -EAGAIN)
            return;
        if (r < 0) {
            link_on_lost(link, r);
            return;
        }
        on_message(link, &message, fds, fd_count);
        safe_close(fds[0]);
        safe_close(fds[1]);
    }
}

static void link_on_deadline(void *owner)
{
    struct ShimLink *link = owner;
    log_event(LOG_LEVEL_WARNING, "shim.silent", link->container->id,
              "the shim does not answer; its container cannot be controlled until it does");
}

int shim_link_adopt(struct Container *container, struct ShimLink **ret)
{
    union ShimMessage message;
    struct ShimLink *link = NULL;
    int r = link_connect(container, &link);
    if (r < 0)
        return r;
    shim_message_init(&message, SHIM_HELLO, 0);
    r = link_request(link, &message, -1, NULL, NULL);
    if (r == 0)
        r = loop_timer_new(container->manager->loop, link_on_deadline, link, &link->deadline);
    if (r < 0) {
        shim_link_free(link);
        return r;
    }
    loop_timer_start(link->deadline, HELLO_DEADLINE_USEC);
    *ret = link;
    return 0;
}
