// SPDX-License-Identifier: Apache-2.0
#include "supervisor/api/request.h"
#include "base/str.h"
#include "supervisor/api/stream/stream.h"

struct Request *request_new(struct Manager *manager, const struct RequestTransport *transport,
                            void *connection, uint32_t id, const struct Caller *caller)
{
    struct Request *request = calloc(1, sizeof(*request));
    if (!request)
        return NULL;
    request->manager = manager;
    request->transport = transport;
    request->connection = connection;
    request->id = id;
    request->caller = *caller;
    return request;
}

void request_drop(struct Request *request)
{
    list_remove(&request->node);
    free(request);
}

void request_answer(struct Request *request, const struct Buf *result)
{
    if (result->error) {
        struct Error error;
        error_set(&error, ERROR_RESOURCE_EXHAUSTED, NULL, "the answer does not fit into memory");
        request_fail(request, &error);
        return;
    }
    if (request->connection)
        request->transport->answer(request, result->data, result->size);
    request_drop(request);
}

void request_answer_id(struct Request *request, const char *id)
{
    _cleanup_buf_ struct Buf result = BUF_INIT;
    struct WireWriter writer;
    wire_writer_init(&writer, &result);
    wire_map(&writer, 1);
    wire_key_str(&writer, "id", id);
    request_answer(request, &result);
}

void request_fail_with(struct Request *request, const struct Error *error, const struct Buf *details)
{
    if (request->connection) {
        bool whole = details && !details->error;
        request->transport->fail(request, error, whole ? details->data : NULL, whole ? details->size : 0);
    }
    request_drop(request);
}

void request_fail(struct Request *request, const struct Error *error)
{
    request_fail_with(request, error, NULL);
}

void request_stream(struct Request *request, struct Stream *stream)
{
    if (request->connection)
        request->transport->stream(request, stream);
    else
        stream->source->free(stream);
    request_drop(request);
}

void request_abandon(struct Request *request)
{
    list_remove(&request->node);
    request->connection = NULL;
    if (request->on_gone)
        request->on_gone(request->owner);
}

void request_who(const struct Request *request, char who[REQUEST_WHO_SIZE])
{
    (void)str_format(who, REQUEST_WHO_SIZE, "uid %u pid %d", request->caller.uid, request->caller.pid);
}
