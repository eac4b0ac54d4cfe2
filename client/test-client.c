// SPDX-License-Identifier: Apache-2.0
/* libdavit against a peer at the other end of a socket pair, which speaks as each case has it. */
#include "base/fd.h"
#include "base/str.h"
#include "base/test.h"
#include "client/client.h"
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

/* The other end: remembers the last request and the credit. */
struct Server {
    struct RpcPeer *peer;
    char method[32];
    char arguments[256]; /* JSON */
    uint32_t id;
    unsigned requests;
    uint64_t credit;
};

static void remember(struct Server *server, const char *method, const msgpack_object *arguments)
{
    _cleanup_buf_ struct Buf text = BUF_INIT;
    if (arguments)
        wire_to_json(arguments, &text);
    _cleanup_free_ char *json = buf_take_str(&text);
    str_format(server->method, sizeof(server->method), "%s", method);
    str_format(server->arguments, sizeof(server->arguments), "%s", json);
}

static void on_request(struct RpcPeer *peer, void *owner, uint32_t id, const char *method,
                       const msgpack_object *arguments)
{
    (void)peer;
    struct Server *server = owner;
    remember(server, method, arguments);
    server->id = id;
    server->requests++;
}

static void on_notification(struct RpcPeer *peer, void *owner, const char *method,
                            const msgpack_object *arguments)
{
    (void)peer;
    struct Server *server = owner;
    uint64_t bytes = 0;
    CHECK_STR(method, "stream.credit");
    if (wire_get_u64(arguments, "bytes", &bytes))
        server->credit += bytes;
}

static void on_response(struct RpcPeer *peer, void *owner, uint32_t id, const msgpack_object *error,
                        const msgpack_object *result)
{
    (void)peer;
    (void)owner;
    (void)id;
    (void)error;
    (void)result;
}

static const struct RpcHandler server_handler = {on_request, on_notification, on_response};

struct Fixture {
    struct Server server;
    davit_client *client;
};

/* Lets both ends do what they can. */
static void pump(struct Fixture *fixture)
{
    for (int quiet = 0; quiet < 2;) {
        struct pollfd ready = {.fd = rpc_peer_fd(fixture->server.peer),
                               .events = rpc_peer_events(fixture->server.peer)};
        struct Error error = {0};
        quiet++;
        if (poll(&ready, 1, 0) > 0 && rpc_peer_process(fixture->server.peer, ready.revents, &error) == 0)
            quiet = 0;
        rpc_peer_flush(fixture->server.peer);
        if (davit_process(fixture->client) > 0)
            quiet = 0;
    }
}

/* Answers with a map that is written as pairs of text and number. */
static void reply_number(struct Server *server, uint32_t id, const char *key, uint64_t value)
{
    _cleanup_buf_ struct Buf buf = BUF_INIT;
    struct WireWriter writer;
    wire_writer_init(&writer, &buf);
    wire_map(&writer, 1);
    wire_key_u64(&writer, key, value);
    CHECK_EQ(rpc_peer_reply(server->peer, id, buf.data, buf.size), 0);
}

static void send_data(struct Server *server, uint64_t stream, const char *channel, uint64_t offset,
                      size_t size)
{
    _cleanup_buf_ struct Buf buf = BUF_INIT;
    struct WireWriter writer;
    _cleanup_free_ char *data = calloc(1, size + 1);
    wire_writer_init(&writer, &buf);
    wire_map(&writer, 4);
    wire_key_u64(&writer, "stream", stream);
    wire_key_str(&writer, "channel", channel);
    wire_key_u64(&writer, "offset", offset);
    wire_key(&writer, "data");
    wire_bin(&writer, data, size);
    CHECK_EQ(rpc_peer_notify(server->peer, "stream.data", buf.data, buf.size), 0);
}

static void send_end(struct Server *server, uint64_t stream, const char *status, uint64_t dropped)
{
    _cleanup_buf_ struct Buf buf = BUF_INIT;
    struct WireWriter writer;
    wire_writer_init(&writer, &buf);
    wire_map(&writer, 3);
    wire_key_u64(&writer, "stream", stream);
    wire_key_str(&writer, "status", status);
    wire_key_u64(&writer, "dropped", dropped);
    CHECK_EQ(rpc_peer_notify(server->peer, "stream.end", buf.data, buf.size), 0);
}

static void fixture_init(struct Fixture *fixture)
{
    int pair[2] = {-1, -1};
    *fixture = (struct Fixture){0};
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    CHECK_EQ(
        rpc_peer_new(pair[0], &RPC_LIMITS_DEFAULT, &server_handler, &fixture->server, &fixture->server.peer),
        0);
    CHECK_EQ(davit_connect_fd(pair[1], &fixture->client, NULL), 0);
    CHECK(davit_get_hello(fixture->client) == NULL);
    pump(fixture);
    CHECK_STR(fixture->server.method, "hello");
    CHECK(strstr(fixture->server.arguments, "\"errors\":\"map\"") != NULL);
    reply_number(&fixture->server, fixture->server.id, "api_level", 1);
    rpc_peer_set_error_maps(fixture->server.peer, true);
    pump(fixture);
    uint64_t level = 0;
    CHECK(davit_value_get_uint(davit_get_hello(fixture->client), "api_level", &level) && level == 1);
}

static void fixture_deinit(struct Fixture *fixture)
{
    davit_client_free(fixture->client);
    if (fixture->server.peer)
        rpc_peer_free(fixture->server.peer);
}

struct Answer {
    unsigned count;
    char code[32], message[64], where[32];
    uint64_t number, detail;
};

static void on_answer(davit_client *client, const davit_value *result, const davit_error *error,
                      void *userdata)
{
    (void)client;
    struct Answer *answer = userdata;
    answer->count++;
    CHECK((result == NULL) != (error == NULL));
    davit_value_get_uint(result, "n", &answer->number);
    if (!error)
        return;
    str_format(answer->code, sizeof(answer->code), "%s", davit_error_code(error));
    str_format(answer->message, sizeof(answer->message), "%s", davit_error_message(error));
    str_format(answer->where, sizeof(answer->where), "%s", davit_error_where(error));
    davit_value_get_uint(davit_error_details(error), "errno", &answer->detail);
}

static void test_answers_in_any_order(void)
{
    _cleanup_(fixture_deinit) struct Fixture fixture;
    struct Answer first = {0}, second = {0};
    fixture_init(&fixture);
    CHECK_EQ(davit_call_async(fixture.client, "a", NULL, DAVIT_FOREVER, on_answer, &first, NULL), 0);
    pump(&fixture);
    uint32_t first_id = fixture.server.id;
    _cleanup_value_ davit_value *arguments = davit_value_new_map();
    davit_value_set_uint(arguments, "x", 5);
    CHECK_EQ(davit_call_async(fixture.client, "b", arguments, DAVIT_FOREVER, on_answer, &second, NULL), 0);
    pump(&fixture);
    CHECK_STR(fixture.server.arguments, "{\"x\":5}");
    reply_number(&fixture.server, fixture.server.id, "n", 2);
    pump(&fixture);
    CHECK(first.count == 0 && second.count == 1 && second.number == 2);
    reply_number(&fixture.server, first_id, "n", 1);
    pump(&fixture);
    CHECK(first.count == 1 && first.number == 1);
}

static void test_errors_are_whole(void)
{
    _cleanup_(fixture_deinit) struct Fixture fixture;
    struct Answer answer = {0};
    struct Error error = {0};
    _cleanup_buf_ struct Buf details = BUF_INIT;
    struct WireWriter writer;
    fixture_init(&fixture);
    davit_call_async(fixture.client, "a", NULL, DAVIT_FOREVER, on_answer, &answer, NULL);
    pump(&fixture);
    wire_writer_init(&writer, &details);
    wire_map(&writer, 1);
    wire_key_u64(&writer, "errno", 2);
    error_set(&error, ERROR_RUNTIME_FAILED, "exec /x", "not there");
    rpc_peer_reply_error(fixture.server.peer, fixture.server.id, &error, details.data, details.size);
    pump(&fixture);
    CHECK_EQ(answer.count, 1);
    CHECK_STR(answer.code, "RuntimeFailed");
    CHECK_STR(answer.message, "not there");
    CHECK_STR(answer.where, "exec /x");
    CHECK_EQ(answer.detail, 2);
}

static void test_timeouts_and_cancelling(void)
{
    _cleanup_(fixture_deinit) struct Fixture fixture;
    struct Answer late = {0}, cancelled = {0};
    uint32_t id = 0;
    fixture_init(&fixture);
    CHECK(davit_get_timeout(fixture.client) == DAVIT_FOREVER);
    CHECK_EQ(davit_call_async(fixture.client, "a", NULL, 1000, on_answer, &late, NULL), 0);
    CHECK(davit_get_timeout(fixture.client) != DAVIT_FOREVER);
    CHECK_EQ(davit_call_async(fixture.client, "b", NULL, DAVIT_FOREVER, on_answer, &cancelled, &id), 0);
    davit_cancel(fixture.client, id);
    while (late.count == 0)
        CHECK(davit_wait(fixture.client, DAVIT_FOREVER) >= 0);
    CHECK_STR(late.code, "Timeout");
    CHECK(davit_get_timeout(fixture.client) == DAVIT_FOREVER);
    pump(&fixture);
    reply_number(&fixture.server, fixture.server.id, "n", 1);
    pump(&fixture);
    CHECK(late.count == 1 && cancelled.count == 0);
}

static void test_a_lost_connection_tells_everybody_once(void)
{
    _cleanup_(fixture_deinit) struct Fixture fixture;
    struct Answer answer = {0};
    _cleanup_error_ davit_error *error = NULL;
    fixture_init(&fixture);
    davit_call_async(fixture.client, "a", NULL, DAVIT_FOREVER, on_answer, &answer, NULL);
    rpc_peer_free(TAKE_PTR(fixture.server.peer));
    int r = 0;
    while ((r = davit_wait(fixture.client, DAVIT_FOREVER)) >= 0)
        continue;
    CHECK_EQ(answer.count, 1);
    CHECK_STR(answer.code, "Unavailable");
    CHECK_EQ(davit_process(fixture.client), r);
    CHECK_EQ(davit_get_events(fixture.client), 0);
    CHECK_EQ(davit_call_async(fixture.client, "a", NULL, DAVIT_FOREVER, on_answer, &answer, NULL), -ENOTCONN);
    CHECK_EQ(davit_call(fixture.client, "a", NULL, DAVIT_FOREVER, NULL, &error), -ENOTCONN);
    CHECK_STR(error ? davit_error_code(error) : NULL, "Unavailable");
    CHECK_EQ(answer.count, 1);
}

static void on_nested(davit_client *client, const davit_value *result, const davit_error *error,
                      void *userdata)
{
    (void)result;
    (void)error;
    *(int *)userdata = davit_call(client, "b", NULL, DAVIT_FOREVER, NULL, NULL);
    CHECK_EQ(davit_wait(client, 0), -EDEADLK);
}

static void test_waiting_in_a_callback_is_refused(void)
{
    _cleanup_(fixture_deinit) struct Fixture fixture;
    int result = 0;
    fixture_init(&fixture);
    davit_call_async(fixture.client, "a", NULL, DAVIT_FOREVER, on_nested, &result, NULL);
    pump(&fixture);
    reply_number(&fixture.server, fixture.server.id, "n", 1);
    pump(&fixture);
    CHECK_EQ(result, -EDEADLK);
}

struct Seen {
    unsigned opened, ended, written;
    size_t bytes;
    uint64_t offset, dropped, value;
    char channel[16], error[32];
    bool free_on_data;
};

static void seen_open(davit_stream *stream, const davit_value *result, const davit_error *error,
                      void *userdata)
{
    (void)stream;
    struct Seen *seen = userdata;
    CHECK((result == NULL) != (error == NULL));
    seen->opened++;
    if (error)
        str_format(seen->error, sizeof(seen->error), "%s", davit_error_code(error));
}

static void seen_data(davit_stream *stream, const char *channel, uint64_t offset, const void *data,
                      size_t size, void *userdata)
{
    (void)data;
    struct Seen *seen = userdata;
    seen->bytes += size;
    seen->offset = offset;
    str_format(seen->channel, sizeof(seen->channel), "%s", channel);
    if (seen->free_on_data)
        davit_stream_free(stream);
}

static void seen_value(davit_stream *stream, const char *channel, const davit_value *value, void *userdata)
{
    (void)stream;
    (void)channel;
    struct Seen *seen = userdata;
    davit_value_get_uint(value, "seq", &seen->value);
}

static void seen_end(davit_stream *stream, uint64_t dropped, const davit_error *error, void *userdata)
{
    (void)stream;
    struct Seen *seen = userdata;
    seen->ended++;
    seen->dropped = dropped;
    if (error)
        str_format(seen->error, sizeof(seen->error), "%s", davit_error_code(error));
}

static const davit_stream_callbacks seen_callbacks = {seen_open, seen_data, seen_value, seen_end};

static void open_stream(struct Fixture *fixture, size_t window, struct Seen *seen, davit_stream **ret)
{
    fixture_init(fixture);
    CHECK_EQ(davit_stream_open(fixture->client, "container.attach", NULL, window, &seen_callbacks, seen, ret),
             0);
    CHECK_EQ(davit_stream_write(*ret, "x", 1, NULL, NULL), -EPIPE);
    pump(fixture);
    CHECK_EQ(fixture->server.credit, 0);
    reply_number(&fixture->server, fixture->server.id, "stream", 7);
    pump(fixture);
    CHECK_EQ(seen->opened, 1);
    CHECK_EQ(fixture->server.credit, window);
}

static void test_stream_credit_and_end(void)
{
    _cleanup_(fixture_deinit) struct Fixture fixture;
    struct Seen seen = {0};
    davit_stream *stream = NULL;
    open_stream(&fixture, 1000, &seen, &stream);
    send_data(&fixture.server, 7, "stdout", 10, 400);
    send_data(&fixture.server, 8, "stdout", 0, 50);
    pump(&fixture);
    CHECK(seen.bytes == 400 && seen.offset == 10);
    CHECK_STR(seen.channel, "stdout");
    CHECK_EQ(fixture.server.credit, 1000);
    send_data(&fixture.server, 7, "stderr", 0, 100);
    pump(&fixture);
    CHECK_EQ(fixture.server.credit, 1500);
    send_end(&fixture.server, 7, "Unavailable: gone", 3);
    send_data(&fixture.server, 7, "stdout", 0, 1);
    pump(&fixture);
    CHECK(seen.ended == 1 && seen.dropped == 3 && seen.bytes == 500);
    CHECK_STR(seen.error, "Unavailable");
    unsigned requests = fixture.server.requests;
    davit_stream_free(stream);
    pump(&fixture);
    CHECK_EQ(fixture.server.requests, requests);
}

static void test_stream_values_count_their_encoded_size(void)
{
    _cleanup_(fixture_deinit) struct Fixture fixture;
    struct Seen seen = {0};
    davit_stream *stream = NULL;
    _cleanup_buf_ struct Buf buf = BUF_INIT;
    struct WireWriter writer;
    open_stream(&fixture, 12, &seen, &stream);
    wire_writer_init(&writer, &buf);
    wire_map(&writer, 3);
    wire_key_u64(&writer, "stream", 7);
    wire_key_str(&writer, "channel", "event");
    wire_key(&writer, "data");
    wire_map(&writer, 1);
    wire_key_u64(&writer, "seq", 9);
    rpc_peer_notify(fixture.server.peer, "stream.data", buf.data, buf.size);
    pump(&fixture);
    CHECK_EQ(seen.value, 9);
    CHECK_EQ(fixture.server.credit, 12 + 6); /* 0x81 0xa3 s e q 0x09 */
    davit_stream_free(stream);
    pump(&fixture);
    CHECK_STR(fixture.server.method, "stream.close");
    CHECK_STR(fixture.server.arguments, "{\"stream\":7}");
}

static void test_stream_freed_in_its_callback(void)
{
    _cleanup_(fixture_deinit) struct Fixture fixture;
    struct Seen seen = {.free_on_data = true};
    davit_stream *stream = NULL;
    open_stream(&fixture, 100, &seen, &stream);
    send_data(&fixture.server, 7, "stdout", 0, 80);
    send_data(&fixture.server, 7, "stdout", 80, 20);
    pump(&fixture);
    CHECK_EQ(seen.bytes, 80);
    CHECK_EQ(fixture.server.credit, 100);
    CHECK_STR(fixture.server.method, "stream.close");
}

static void test_stream_freed_before_it_is_open_is_closed(void)
{
    _cleanup_(fixture_deinit) struct Fixture fixture;
    struct Seen seen = {0};
    davit_stream *stream = NULL;
    fixture_init(&fixture);
    CHECK_EQ(davit_stream_open(fixture.client, "events.subscribe", NULL, 0, &seen_callbacks, &seen, &stream),
             0);
    pump(&fixture);
    davit_stream_free(stream);
    reply_number(&fixture.server, fixture.server.id, "stream", 3);
    pump(&fixture);
    CHECK_EQ(seen.opened, 0);
    CHECK_STR(fixture.server.method, "stream.close");
    CHECK_STR(fixture.server.arguments, "{\"stream\":3}");
}

static void seen_written(davit_stream *stream, uint64_t written, const davit_error *error, void *userdata)
{
    (void)stream;
    struct Seen *seen = userdata;
    seen->written++;
    seen->value = written;
    if (error)
        str_format(seen->error, sizeof(seen->error), "%s", davit_error_code(error));
}

static void test_stream_writes_one_at_a_time(void)
{
    _cleanup_(fixture_deinit) struct Fixture fixture;
    struct Seen seen = {0};
    davit_stream *stream = NULL;
    open_stream(&fixture, 100, &seen, &stream);
    CHECK_EQ(davit_stream_write(stream, "abc", 3, seen_written, &seen), 0);
    CHECK_EQ(davit_stream_write(stream, "d", 1, NULL, NULL), -EBUSY);
    CHECK_EQ(davit_stream_close_stdin(stream), -EBUSY);
    pump(&fixture);
    CHECK_STR(fixture.server.arguments, "{\"stream\":7,\"data\":\"abc\"}");
    reply_number(&fixture.server, fixture.server.id, "written", 3);
    pump(&fixture);
    CHECK(seen.written == 1 && seen.value == 3);
    CHECK_EQ(davit_stream_close_stdin(stream), 0);
    pump(&fixture);
    CHECK_STR(fixture.server.arguments, "{\"stream\":7,\"channel\":\"stdin\"}");
    CHECK_EQ(davit_stream_write(stream, "d", 1, NULL, NULL), -EPIPE);
    rpc_peer_free(TAKE_PTR(fixture.server.peer));
    while (davit_wait(fixture.client, DAVIT_FOREVER) >= 0)
        continue;
    CHECK_EQ(seen.ended, 1);
    CHECK_STR(seen.error, "Unavailable");
    davit_stream_free(stream);
}

static const struct Test tests[] = {
    TEST(test_answers_in_any_order),
    TEST(test_errors_are_whole),
    TEST(test_timeouts_and_cancelling),
    TEST(test_a_lost_connection_tells_everybody_once),
    TEST(test_waiting_in_a_callback_is_refused),
    TEST(test_stream_credit_and_end),
    TEST(test_stream_values_count_their_encoded_size),
    TEST(test_stream_freed_in_its_callback),
    TEST(test_stream_freed_before_it_is_open_is_closed),
    TEST(test_stream_writes_one_at_a_time),
};
TEST_MAIN(tests)
