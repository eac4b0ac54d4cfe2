// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * One call of one verb, whatever it came by. A verb answers it exactly once, at once or later, with
 * request_answer(), request_fail() or request_stream(), which free it. When the client goes away
 * first, an answer goes nowhere; who waits only for the client's sake sets on_gone.
 */
#include "base/list.h"
#include "protocol/schema/schema.h"
#include "supervisor/api/access.h"
#include "supervisor/manager.h"

struct Request;
struct Stream;

struct RequestTransport {
    /* The client is there when these are called; the request is freed by the caller. */
    void (*answer)(struct Request *request, const void *result, size_t size);
    void (*fail)(struct Request *request, const struct Error *error, const void *details, size_t size);
    /* Takes the stream, answers {stream}. */
    void (*stream)(struct Request *request, struct Stream *stream);
};

struct Request {
    struct ListNode node; /* in the transport's list of open requests */
    struct Manager *manager;
    const struct RequestTransport *transport;
    void *connection; /* the transport's; NULL: the client is gone */
    uint32_t id;
    struct Caller caller;
    const msgpack_object *arguments; /* as given; only until the verb's function returns */
    void (*on_gone)(void *owner);    /* must drop the request with request_drop() */
    void *owner;
};

struct Request *request_new(struct Manager *manager, const struct RequestTransport *transport,
                            void *connection, uint32_t id, const struct Caller *caller);
/* `result` is one encoded map; an error of the buffer becomes a failed request. */
void request_answer(struct Request *request, const struct Buf *result);
/* Answers {id}. */
void request_answer_id(struct Request *request, const char *id);
void request_fail(struct Request *request, const struct Error *error);
void request_fail_with(struct Request *request, const struct Error *error, const struct Buf *details);
void request_stream(struct Request *request, struct Stream *stream);
/* Without an answer: the client is gone, or the transport has answered itself. */
void request_drop(struct Request *request);
/* Called by the transport for each open request when a client goes away. */
void request_abandon(struct Request *request);

enum { REQUEST_WHO_SIZE = 48 };
/* "uid 0 pid 123", for exit records. */
void request_who(const struct Request *request, char who[REQUEST_WHO_SIZE]);
