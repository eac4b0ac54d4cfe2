// SPDX-License-Identifier: Apache-2.0
/* Prints how containers end, as it happens: libdavit in the poll loop of a program of one's own. */
#include "client/davit-client.h"
#include <poll.h>
#include <stdio.h>

static void on_open(davit_stream *stream, const davit_value *result, const davit_error *error, void *userdata)
{
    (void)stream;
    (void)result;
    bool *over = userdata;
    *over = error != NULL;
    puts(error ? davit_error_message(error) : "watching");
}

static void on_event(davit_stream *stream, const char *channel, const davit_value *event, void *userdata)
{
    (void)stream;
    (void)channel;
    (void)userdata;
    uint64_t code = 0;
    const char *name = davit_value_get_string(event, "name");
    if (davit_value_get_uint(davit_value_get(event, "data"), "code", &code))
        printf("%s exited with %llu\n", name ? name : "?", (unsigned long long)code);
}

static void on_end(davit_stream *stream, uint64_t dropped, const davit_error *error, void *userdata)
{
    (void)stream;
    (void)dropped;
    bool *over = userdata;
    *over = true;
    puts(error ? davit_error_message(error) : "the end");
}

int main(void)
{
    static const davit_stream_callbacks callbacks = {
        .on_open = on_open, .on_value = on_event, .on_end = on_end};
    davit_client *client = NULL;
    davit_error *error = NULL;
    davit_stream *stream = NULL;
    bool over = false;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (davit_connect(NULL, DAVIT_NO_AUTOSTART, &client, &error) < 0) {
        fprintf(stderr, "%s: %s\n", davit_error_code(error), davit_error_message(error));
        davit_error_free(error);
        return 1;
    }
    davit_value *arguments = davit_value_new_map();
    davit_value_append_path(arguments, "types", davit_value_new_string("container.exited"));
    if (davit_stream_open(client, "events.subscribe", arguments, 0, &callbacks, &over, &stream) < 0)
        over = true;
    davit_value_free(arguments);
    while (!over) {
        struct pollfd watched = {.fd = davit_get_fd(client), .events = davit_get_events(client)};
        poll(&watched, 1, -1);
        davit_process(client);
    }
    davit_stream_free(stream);
    davit_client_free(client);
    return 0;
}
