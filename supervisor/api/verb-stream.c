// SPDX-License-Identifier: Apache-2.0
#include "supervisor/api/stream/stream.h"
#include "supervisor/api/verb.h"

static void hand_over(struct Request *request, int result, struct Stream *stream, const struct Error *error)
{
    if (result < 0)
        request_fail(request, error);
    else
        request_stream(request, stream);
}

void verb_logs(struct Request *request, struct Container *container, const void *arguments)
{
    struct Stream *stream = NULL;
    struct Error error = {0};
    int r = stream_logs_new(container, arguments, &stream, &error);
    hand_over(request, r, stream, &error);
}

void verb_attach(struct Request *request, struct Container *container, const void *arguments)
{
    struct Stream *stream = NULL;
    struct Error error = {0};
    int r = stream_attach_new(container, arguments, &stream, &error);
    hand_over(request, r, stream, &error);
}

void verb_subscribe(struct Request *request, struct Container *container, const void *arguments)
{
    struct Stream *stream = NULL;
    struct Error error = {0};
    (void)container;
    int r = stream_events_new(request->manager, arguments, &stream, &error);
    hand_over(request, r, stream, &error);
}
