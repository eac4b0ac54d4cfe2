// SPDX-License-Identifier: Apache-2.0
/*
 * A container with auto_remove may exit and be deleted while nobody is connected. Its exit is then told by
 * the event ring alone: all its events are asked for again, up to that of its deletion.
 */
#include "base/clock.h"
#include "base/str.h"
#include "client/client.h"
#include "client/session.h"

enum { LOOKUP_SEC = 5 };

struct Lookup {
    bool over, found;
    int status;
};

static void on_open(davit_stream *stream, const davit_value *result, const davit_error *error, void *userdata)
{
    (void)stream;
    (void)result;
    struct Lookup *lookup = userdata;
    lookup->over = error != NULL;
}

static void on_value(davit_stream *stream, const char *channel, const davit_value *event, void *userdata)
{
    (void)stream;
    (void)channel;
    struct Lookup *lookup = userdata;
    const char *type = davit_value_get_string(event, "type");
    if (str_equal(type, "container.exited"))
        lookup->found = cli_exit_code(davit_value_get(event, "data"), &lookup->status);
    else if (str_equal(type, "container.deleted"))
        lookup->over = true;
}

static void on_end(davit_stream *stream, uint64_t dropped, const davit_error *error, void *userdata)
{
    (void)stream;
    (void)dropped;
    (void)error;
    struct Lookup *lookup = userdata;
    lookup->over = true;
}

bool session_find_exit(struct Cli *cli, const char *container, int *ret_status)
{
    static const davit_stream_callbacks callbacks = {
        .on_open = on_open, .on_value = on_value, .on_end = on_end};
    struct Lookup lookup = {0};
    davit_stream *stream = NULL;
    _cleanup_value_ davit_value *arguments = davit_value_new_map();
    davit_value_set_uint(arguments, "from", 0);
    davit_value_append_path(arguments, "containers", davit_value_new_string(container));
    if (davit_stream_open(cli->client, "events.subscribe", arguments, 0, &callbacks, &lookup, &stream) < 0)
        return false;
    uint64_t now = client_monotonic_usec(), end = now + LOOKUP_SEC * USEC_PER_SEC;
    for (; !lookup.over && now < end; now = client_monotonic_usec())
        davit_wait(cli->client, end - now);
    davit_stream_free(stream);
    if (lookup.found)
        *ret_status = lookup.status;
    return lookup.found;
}
