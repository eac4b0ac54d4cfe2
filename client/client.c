// SPDX-License-Identifier: Apache-2.0
/*
 * One connection: its calls and their deadlines. A call is in the list from the request until its one
 * callback; it is unlinked before the callback runs, so that a callback may do what it likes but free the
 * client. The first failure of the connection is kept, tells everybody, and is what every later
 * function returns.
 */
#include "client/client.h"
#include "base/clock.h"
#include "base/fd.h"
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <time.h>

struct Call {
    struct ListNode node;
    uint32_t id;
    uint64_t deadline; /* CLOCK_MONOTONIC usec or DAVIT_FOREVER */
    davit_answer callback;
    void *userdata;
};

uint64_t client_monotonic_usec(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

static struct Call *call_find(davit_client *client, uint32_t id)
{
    LIST_FOREACH (node, &client->calls) {
        struct Call *call = CONTAINER_OF(node, struct Call, node);
        if (call->id == id)
            return call;
    }
    return NULL;
}

/* Ends the call's life with its callback. */
static void call_answer(davit_client *client, struct Call *call, const davit_value *result,
                        const davit_error *error)
{
    list_remove(&call->node);
    if (call->callback)
        call->callback(client, result, error, call->userdata);
    free(call);
}

static void on_response(struct RpcPeer *peer, void *owner, uint32_t id, const msgpack_object *error,
                        const msgpack_object *result)
{
    (void)peer;
    davit_client *client = owner;
    struct Call *call = call_find(client, id);
    if (!call)
        return;
    davit_error told = {0};
    _cleanup_value_ davit_value *value = NULL, *details = NULL;
    if (error) {
        rpc_error_parse(error, &told.error);
        details = client_error_details(error);
        told.details = details;
    } else {
        value = value_from_object(result);
        if (!value)
            error_set(&told.error, ERROR_RESOURCE_EXHAUSTED, "", "no memory for the answer");
    }
    call_answer(client, call, value, value ? NULL : &told);
}

static void on_notification(struct RpcPeer *peer, void *owner, const char *method,
                            const msgpack_object *arguments)
{
    (void)peer;
    if (strcmp(method, "stream.data") == 0)
        client_stream_data(owner, arguments);
    else if (strcmp(method, "stream.end") == 0)
        client_stream_end(owner, arguments);
}

static void on_request(struct RpcPeer *peer, void *owner, uint32_t id, const char *method,
                       const msgpack_object *arguments)
{
    (void)owner;
    (void)arguments;
    struct Error error = {0};
    error_set(&error, ERROR_UNSUPPORTED, method, "a client answers no requests");
    rpc_peer_reply_error(peer, id, &error, NULL, 0);
}

static const struct RpcHandler handler = {
    .on_request = on_request, .on_notification = on_notification, .on_response = on_response};

static void client_lose(davit_client *client, int r, const struct Error *error)
{
    if (client->lost.code)
        return;
    client->lost_errno = r;
    client->lost = *error;
    if (r == -ENODATA || !error->what[0])
        error_set_errno(&client->lost, ERROR_UNAVAILABLE, r == -ENODATA ? ECONNRESET : r, "",
                        "the connection to davitd is lost");
    client->lost.code = ERROR_UNAVAILABLE;
    davit_error told = {.error = client->lost};
    while (!list_is_empty(&client->calls))
        call_answer(client, CONTAINER_OF(client->calls.next, struct Call, node), NULL, &told);
    client_streams_lost(client);
}

static void on_hello(davit_client *client, const davit_value *result, const davit_error *error,
                     void *userdata)
{
    (void)userdata;
    if (error)
        client->hello_error = error->error;
    else
        client->hello = davit_value_copy(result);
}

static int client_say_hello(davit_client *client)
{
    _cleanup_value_ davit_value *arguments = davit_value_new_map();
    davit_value_set_string(arguments, "client", "libdavit " DAVIT_VERSION);
    int r = davit_value_set_string(arguments, "errors", "map");
    if (r < 0)
        return r;
    return davit_call_async(client, "hello", arguments, DAVIT_FOREVER, on_hello, NULL, NULL);
}

int davit_connect_fd(int fd, davit_client **ret, davit_error **ret_error)
{
    struct Error error = {0};
    _cleanup_close_ int owned = fd;
    _cleanup_client_ davit_client *client = calloc(1, sizeof(*client));
    int r = client ? fd_set_nonblocking(fd, true) : -ENOMEM;
    if (client) {
        list_init(&client->calls);
        list_init(&client->streams);
    }
    if (r == 0)
        r = rpc_peer_new(TAKE_FD(owned), &RPC_LIMITS_DEFAULT, &handler, client, &client->peer);
    if (r == 0)
        r = client_say_hello(client);
    if (r < 0) {
        error_set_errno(&error, ERROR_UNAVAILABLE, r, "", "cannot use the connection to davitd");
        return client_error(ret_error, r, &error, NULL);
    }
    *ret = TAKE_PTR(client);
    return 0;
}

void davit_client_free(davit_client *client)
{
    if (!client)
        return;
    LIST_FOREACH (node, &client->calls) {
        list_remove(node);
        free(CONTAINER_OF(node, struct Call, node));
    }
    if (client->peer)
        rpc_peer_free(client->peer);
    davit_value_free(client->hello);
    free(client);
}

const davit_value *davit_get_hello(const davit_client *client)
{
    return client->hello;
}

int davit_get_fd(const davit_client *client)
{
    return rpc_peer_fd(client->peer);
}

short davit_get_events(const davit_client *client)
{
    return client->lost.code ? 0 : rpc_peer_events(client->peer);
}

uint64_t davit_get_timeout(const davit_client *client)
{
    uint64_t first = DAVIT_FOREVER;
    LIST_FOREACH (node, &client->calls)
        first = MIN(first, CONTAINER_OF(node, struct Call, node)->deadline);
    return first;
}

/* The calls whose time is over; a callback may change the list, so each look begins anew. */
static int client_expire(davit_client *client)
{
    int expired = 0;
    uint64_t now = client_monotonic_usec();
    while (davit_get_timeout(client) <= now) {
        struct Call *late = NULL;
        LIST_FOREACH (node, &client->calls) {
            struct Call *call = CONTAINER_OF(node, struct Call, node);
            if (!late || call->deadline < late->deadline)
                late = call;
        }
        davit_error error = {0};
        error_set(&error.error, ERROR_TIMEOUT, "", "davitd has not answered in time");
        call_answer(client, late, NULL, &error);
        expired = 1;
    }
    return expired;
}

int davit_process(davit_client *client)
{
    if (client->lost.code)
        return client->lost_errno;
    if (client->processing)
        return -EDEADLK;
    struct Error error = {0};
    struct pollfd ready = {.fd = davit_get_fd(client), .events = davit_get_events(client)};
    int r = poll(&ready, 1, 0) < 0 ? -errno : 0, progress = 0;
    if (r == -EINTR)
        return 0;
    client->processing = true;
    if (r == 0 && ready.revents) {
        r = rpc_peer_process(client->peer, ready.revents, &error);
        progress = 1;
    }
    if (r == 0)
        progress |= client_expire(client);
    if (r == 0)
        r = rpc_peer_flush(client->peer);
    if (r < 0)
        client_lose(client, r, &error);
    client->processing = false;
    return r < 0 ? r : progress;
}

int davit_wait(davit_client *client, uint64_t timeout_usec)
{
    if (client->lost.code)
        return client->lost_errno;
    if (client->processing)
        return -EDEADLK;
    uint64_t now = client_monotonic_usec(), wait = timeout_usec, deadline = davit_get_timeout(client);
    if (deadline != DAVIT_FOREVER)
        wait = MIN(wait, deadline > now ? deadline - now : 0);
    struct pollfd ready = {.fd = davit_get_fd(client), .events = davit_get_events(client)};
    int milliseconds = -1;
    if (wait != DAVIT_FOREVER)
        milliseconds = (int)MIN((wait + USEC_PER_MSEC - 1) / USEC_PER_MSEC, (uint64_t)INT_MAX);
    if (poll(&ready, 1, milliseconds) < 0 && errno != EINTR)
        return -errno;
    return davit_process(client);
}

int client_flush(davit_client *client)
{
    if (client->processing)
        return 0;
    int r = rpc_peer_flush(client->peer);
    /* The answer to a broken connection comes through davit_process(): callbacks run nowhere else. */
    return r == -ENOMEM ? r : 0;
}

static int send_request(davit_client *client, const char *method, const davit_value *arguments,
                        uint32_t *ret_id)
{
    _cleanup_buf_ struct Buf params = BUF_INIT;
    if (arguments) {
        struct WireWriter writer;
        wire_writer_init(&writer, &params);
        value_pack(&writer, arguments);
        if (params.error)
            return params.error == -EFBIG ? -E2BIG : params.error;
    }
    return rpc_peer_request(client->peer, method, params.data, params.size, ret_id);
}

int davit_call_async(davit_client *client, const char *method, const davit_value *arguments,
                     uint64_t timeout_usec, davit_answer callback, void *userdata, uint32_t *ret_id)
{
    if (client->lost.code)
        return -ENOTCONN;
    if (arguments && arguments->type != DAVIT_MAP)
        return -EINVAL;
    _cleanup_free_ struct Call *call = calloc(1, sizeof(*call));
    if (!call)
        return -ENOMEM;
    call->callback = callback;
    call->userdata = userdata;
    call->deadline = DAVIT_FOREVER;
    if (timeout_usec != DAVIT_FOREVER &&
        __builtin_add_overflow(client_monotonic_usec(), timeout_usec, &call->deadline))
        call->deadline = DAVIT_FOREVER;
    int r = send_request(client, method, arguments, &call->id);
    if (r < 0)
        return r;
    if (ret_id)
        *ret_id = call->id;
    list_append(&client->calls, &call->node);
    TAKE_PTR(call);
    return client_flush(client);
}

void davit_cancel(davit_client *client, uint32_t id)
{
    struct Call *call = call_find(client, id);
    if (!call)
        return;
    list_remove(&call->node);
    free(call);
}

void client_redirect(davit_client *client, uint32_t id, davit_answer callback, void *userdata)
{
    struct Call *call = call_find(client, id);
    if (!call)
        return;
    call->callback = callback;
    call->userdata = userdata;
}

struct Waiting {
    bool done;
    davit_value *result;
    struct Error error;
    davit_value *details;
};

static void on_waited(davit_client *client, const davit_value *result, const davit_error *error,
                      void *userdata)
{
    (void)client;
    struct Waiting *waiting = userdata;
    waiting->done = true;
    if (error) {
        waiting->error = error->error;
        waiting->details = error->details ? davit_value_copy(error->details) : NULL;
        return;
    }
    waiting->result = davit_value_copy(result);
    if (!waiting->result)
        error_set(&waiting->error, ERROR_RESOURCE_EXHAUSTED, "", "no memory for the answer");
}

int davit_call(davit_client *client, const char *method, const davit_value *arguments, uint64_t timeout_usec,
               davit_value **ret_result, davit_error **ret_error)
{
    struct Waiting waiting = {0};
    struct Error error = {0};
    if (client->lost.code)
        return client_error(ret_error, -ENOTCONN, &client->lost, NULL);
    int r = client->processing
                ? -EDEADLK
                : davit_call_async(client, method, arguments, timeout_usec, on_waited, &waiting, NULL);
    if (r < 0) {
        error_set_errno(&error, ERROR_INTERNAL, r, method, "cannot send the request");
        return client_error(ret_error, r, &error, NULL);
    }
    /* A lost connection answers the call too, so this ends. */
    while (!waiting.done)
        davit_wait(client, DAVIT_FOREVER);
    _cleanup_value_ davit_value *result = waiting.result, *details = waiting.details;
    if (!result)
        return client_error(ret_error, error_code_errno((enum ErrorCode)waiting.error.code), &waiting.error,
                            details);
    if (ret_result)
        *ret_result = TAKE_PTR(result);
    return 0;
}
