// SPDX-License-Identifier: Apache-2.0
#include "protocol/rpc/test-rig.h"

static void test_request_and_reply(void)
{
    _cleanup_pair_ struct Pair pair;
    struct Error error;
    pair_init(&pair, SOCK_STREAM, &RPC_LIMITS_DEFAULT);
    PUT(&pair, "\x94\x00\x00\xa3x.y\x91\x80");
    CHECK_EQ(turn(pair.server, &error), 0);
    CHECK_EQ(pair.log.requests, 1);
    CHECK_EQ(pair.log.last_id, 0);
    CHECK_STR(pair.log.last_method, "x.y");
    CHECK(pair.log.had_arguments);
    CHECK_EQ(rpc_peer_reply(pair.server, 0, "\x2a", 1), 0);
    CHECK(rpc_peer_events(pair.server) & POLLOUT);
    CHECK_EQ(rpc_peer_queued(pair.server), 5);
    CHECK_EQ(rpc_peer_flush(pair.server), 0);
    CHECK_EQ(rpc_peer_queued(pair.server), 0);
    CHECK_EQ(rpc_peer_events(pair.server), POLLIN | POLLRDHUP);
    CHECK(GOT(&pair, "\x94\x01\x00\xc0\x2a"));

    PUT(&pair, "\x94\x00\xcc\xff\xa1z\x90");
    CHECK_EQ(turn(pair.server, &error), 0);
    CHECK(!pair.log.had_arguments);
    CHECK_EQ(rpc_peer_reply(pair.server, 255, NULL, 0), 0);
    CHECK_EQ(rpc_peer_flush(pair.server), 0);
    CHECK(GOT(&pair, "\x94\x01\xcc\xff\xc0\xc0"));

    PUT(&pair, "\x93\x02\xa1n\x90");
    CHECK_EQ(turn(pair.server, &error), 0);
    CHECK_EQ(pair.log.notifications, 1);
    CHECK_STR(pair.log.last_method, "n");
}

static void test_errors_in_the_form_asked_for(void)
{
    _cleanup_pair_ struct Pair pair;
    struct Error error;
    pair_init(&pair, SOCK_STREAM, &RPC_LIMITS_DEFAULT);
    error_set(&error, ERROR_TIMEOUT, "w", "m");
    CHECK_EQ(rpc_peer_reply_error(pair.server, 1, &error, NULL, 0), 0);
    CHECK_EQ(rpc_peer_flush(pair.server), 0);
    CHECK(GOT(&pair, "\x94\x01\x01\xaeTimeout: m (w)\xc0"));
    rpc_peer_set_error_maps(pair.server, true);
    CHECK_EQ(rpc_peer_reply_error(pair.server, 1, &error, "\x80", 1), 0);
    CHECK_EQ(rpc_peer_flush(pair.server), 0);
    CHECK(GOT(&pair, "\x94\x01\x01\x84\xa4"
                     "code\xa7Timeout\xa7message\xa1m\xa5where\xa1w\xa7"
                     "details\x80\xc0"));
}

/* On a socket that keeps packets apart, one packet is one write. */
static void test_a_batch_is_one_write(void)
{
    _cleanup_pair_ struct Pair pair;
    struct Error error;
    char requests[50 * 6], answers[1024];
    pair_init(&pair, SOCK_SEQPACKET, &RPC_LIMITS_DEFAULT);
    pair.log.answers = true;
    for (size_t i = 0; i < 50; i++) {
        memcpy(requests + 6 * i, "\x94\x00\x00\xa1m\x90", 6);
        requests[6 * i + 2] = (char)i;
    }
    put(&pair, requests, sizeof(requests));
    CHECK_EQ(turn(pair.server, &error), 0);
    CHECK_EQ(pair.log.requests, 50);
    CHECK_EQ(get(&pair, answers, sizeof(answers)), 50 * 5);
    CHECK_EQ(answers[49 * 5 + 2], 49);
    CHECK_EQ(get(&pair, answers, sizeof(answers)), 0);
}

static void test_byte_by_byte(void)
{
    _cleanup_pair_ struct Pair pair;
    struct Error error;
    static const char request[] = "\x94\x00\x05\xa3x.y\x91\x81\xa1"
                                  "a\xa5hello";
    pair_init(&pair, SOCK_STREAM, &RPC_LIMITS_DEFAULT);
    for (size_t i = 0; i < sizeof(request) - 1; i++) {
        CHECK_EQ(pair.log.requests, 0);
        put(&pair, request + i, 1);
        CHECK_EQ(turn(pair.server, &error), 0);
    }
    CHECK_EQ(pair.log.requests, 1);
    CHECK_EQ(pair.log.last_id, 5);
}

static void test_a_message_over_many_reads(void)
{
    enum { SIZE = 1 << 20 };
    _cleanup_pair_ struct Pair pair;
    struct Error error;
    char *request = malloc(SIZE);
    pair_init(&pair, SOCK_STREAM, &RPC_LIMITS_DEFAULT);
    memcpy(request,
           "\x94\x00\x05\xa1m\x91\x81\xa1"
           "d\xc6\x00\x0f\xff\xf2",
           14);
    memset(request + 14, 7, SIZE - 14);
    for (size_t sent = 0; sent < SIZE;) {
        ssize_t size = send(pair.client, request + sent, SIZE - sent, MSG_NOSIGNAL);
        sent += size > 0 ? (size_t)size : 0;
        CHECK_EQ(turn(pair.server, &error), 0);
    }
    while (pair.log.requests == 0 && turn(pair.server, &error) == 0)
        ;
    CHECK_EQ(pair.log.requests, 1);
    CHECK(pair.log.had_arguments);
    free(request);
}

static void test_reading_pauses_while_answers_are_due(void)
{
    struct RpcLimits limits = RPC_LIMITS_DEFAULT;
    _cleanup_pair_ struct Pair pair;
    struct Error error;
    limits.in_flight = 2;
    pair_init(&pair, SOCK_STREAM, &limits);
    PUT(&pair, "\x94\x00\x01\xa1m\x90\x94\x00\x02\xa1m\x90\x94\x00\x03\xa1m\x90\x94\x00");
    CHECK_EQ(turn(pair.server, &error), 0);
    CHECK_EQ(pair.log.requests, 2);
    CHECK_EQ(rpc_peer_events(pair.server), POLLRDHUP);
    PUT(&pair, "\x04\xa1m\x90");
    CHECK_EQ(turn(pair.server, &error), 0);
    CHECK_EQ(pair.log.requests, 2);
    CHECK_EQ(rpc_peer_reply(pair.server, 1, NULL, 0), 0);
    CHECK_EQ(rpc_peer_flush(pair.server), 0);
    CHECK_EQ(rpc_peer_events(pair.server), POLLRDHUP | POLLIN | POLLOUT); /* the third waits in memory */
    CHECK_EQ(turn(pair.server, &error), 0);
    CHECK_EQ(pair.log.requests, 3);
    CHECK_EQ(pair.log.last_id, 3);
    CHECK_EQ(rpc_peer_events(pair.server), POLLRDHUP);
    CHECK_EQ(rpc_peer_reply(pair.server, 2, NULL, 0), 0);
    CHECK_EQ(rpc_peer_reply(pair.server, 3, NULL, 0), 0);
    CHECK_EQ(turn(pair.server, &error), 0);
    CHECK_EQ(pair.log.requests, 4);
    CHECK_EQ(pair.log.last_id, 4);
}

static void test_a_paused_peer_sees_the_end(void)
{
    struct RpcLimits limits = RPC_LIMITS_DEFAULT;
    _cleanup_pair_ struct Pair pair;
    struct Error error;
    limits.in_flight = 1;
    pair_init(&pair, SOCK_STREAM, &limits);
    PUT(&pair, "\x94\x00\x01\xa1m\x90");
    CHECK_EQ(turn(pair.server, &error), 0);
    CHECK_EQ(rpc_peer_events(pair.server), POLLRDHUP);
    pair.client = safe_close(pair.client);
    CHECK_EQ(turn(pair.server, &error), -ENODATA);
    CHECK_EQ(error.code, ERROR_UNAVAILABLE);
}

/* A client that asks for much and reads nothing: the server stops reading it at about queued_bytes, and
 * goes on where it was when the client reads at last. */
static void test_a_client_that_never_reads(void)
{
    enum { COUNT = 3000, FILLER = 1000 };
    struct RpcLimits limits = RPC_LIMITS_DEFAULT;
    _cleanup_pair_ struct Pair pair;
    struct Error error;
    limits.queued_bytes = 64 << 10;
    pair_init(&pair, SOCK_STREAM, &limits);
    pair.log.answers = true;
    pair.log.filler = FILLER;
    unsigned sent = 0;
    size_t most = 0, received = 0;
    for (unsigned idle = 0; idle < 3; idle++)
        while (sent < COUNT && send(pair.client, "\x94\x00\x01\xa1m\x90", 6, MSG_NOSIGNAL) == 6) {
            sent++;
            CHECK_EQ(turn(pair.server, &error), 0);
            most = MAX(most, rpc_peer_queued(pair.server));
            idle = 0;
        }
    CHECK(pair.log.requests < COUNT);
    CHECK(most >= limits.queued_bytes && most < limits.queued_bytes + FILLER + 64);
    CHECK(!(rpc_peer_events(pair.server) & POLLIN));

    static char sink[1 << 20];
    size_t size;
    do {
        size = get(&pair, sink, sizeof(sink));
        received += size;
        CHECK_EQ(turn(pair.server, &error), 0);
    } while (size > 0 || pair.log.requests < sent);
    CHECK_EQ(pair.log.requests, sent);
    CHECK_EQ(received, (size_t)sent * (FILLER + 7));
    CHECK_EQ(rpc_peer_queued(pair.server), 0);
}

static void test_the_queue_has_an_end(void)
{
    struct RpcLimits limits = RPC_LIMITS_DEFAULT;
    _cleanup_pair_ struct Pair pair;
    static char value[1000];
    limits.queued_limit = 100 << 10;
    pair_init(&pair, SOCK_STREAM, &limits);
    memcpy(value, "\xc5\x03\xe5", 3);
    int r = 0;
    unsigned queued = 0;
    while ((r = rpc_peer_notify(pair.server, "n", value, sizeof(value))) == 0)
        queued++;
    CHECK_EQ(r, -ENOBUFS);
    CHECK_EQ(rpc_peer_queued(pair.server), queued * (sizeof(value) + 5));
    CHECK(rpc_peer_queued(pair.server) <= limits.queued_limit);
    CHECK_EQ(rpc_peer_reply(pair.server, 1, value, sizeof(value)), -ENOBUFS);
    CHECK_EQ(rpc_peer_queued(pair.server), queued * (sizeof(value) + 5));
    _cleanup_free_ char *huge = calloc(1, 1 << 20);
    uint32_t id = 77;
    CHECK_EQ(rpc_peer_request(pair.server, "m", huge, 1 << 20, &id), -ENOBUFS);
    CHECK_EQ(id, 77);
    while (rpc_peer_queued(pair.server) > 0) {
        char sink[4096];
        CHECK_EQ(rpc_peer_flush(pair.server), 0);
        while (get(&pair, sink, sizeof(sink)) > 0)
            ;
    }
    CHECK_EQ(rpc_peer_notify(pair.server, "n", value, sizeof(value)), 0);
}

/* Requests that were sent are carried out, also when nobody waits for the answers. */
static void test_closing_mid_request(void)
{
    _cleanup_pair_ struct Pair pair;
    struct Error error;
    pair_init(&pair, SOCK_STREAM, &RPC_LIMITS_DEFAULT);
    pair.log.answers = true;
    PUT(&pair, "\x94\x00\x01\xa1m\x90\x94\x00\x02\xa1m\x90\x94\x00");
    pair.client = safe_close(pair.client);
    CHECK_EQ(turn(pair.server, &error), 0);
    CHECK_EQ(pair.log.requests, 2);
    CHECK_EQ(rpc_peer_reply(pair.server, 9, NULL, 0), 0);
    CHECK_EQ(rpc_peer_flush(pair.server), 0);
    CHECK_EQ(rpc_peer_queued(pair.server), 0);
    CHECK_EQ(turn(pair.server, &error), -ENODATA);
    CHECK_EQ(error.code, ERROR_UNAVAILABLE);
}

static void test_half_closed_client_gets_its_answer(void)
{
    _cleanup_pair_ struct Pair pair;
    struct Error error;
    pair_init(&pair, SOCK_STREAM, &RPC_LIMITS_DEFAULT);
    pair.log.answers = true;
    PUT(&pair, "\x94\x00\x01\xa1m\x90");
    CHECK_EQ(shutdown(pair.client, SHUT_WR), 0);
    CHECK_EQ(turn(pair.server, &error), 0);
    CHECK_EQ(turn(pair.server, &error), -ENODATA);
    CHECK(GOT(&pair, "\x94\x01\x01\xc0\x01"));
}

static void test_two_peers(void)
{
    int ends[2];
    struct RpcPeer *server = NULL, *client = NULL;
    struct Log server_log = {.answers = true}, client_log = {0};
    struct Error error;
    uint32_t first, second;
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    CHECK_EQ(rpc_peer_new(ends[0], &RPC_LIMITS_DEFAULT, &server_handler, &server_log, &server), 0);
    CHECK_EQ(rpc_peer_new(ends[1], &RPC_LIMITS_CLIENT, &client_handler, &client_log, &client), 0);
    CHECK_EQ(rpc_peer_request(client, "a", NULL, 0, &first), 0);
    CHECK_EQ(rpc_peer_request(client, "b", "\x80", 1, &second), 0);
    CHECK(first != second);
    CHECK_EQ(rpc_peer_notify(client, "n", NULL, 0), 0);
    CHECK_EQ(rpc_peer_flush(client), 0);
    CHECK_EQ(turn(server, &error), 0);
    CHECK_EQ(server_log.requests, 2);
    CHECK_EQ(server_log.notifications, 1);
    CHECK_EQ(turn(client, &error), 0);
    CHECK_EQ(client_log.responses, 2);
    CHECK_EQ(client_log.last_id, second);
    CHECK_EQ(client_log.result, 2);
    CHECK_EQ(client_log.error.code, ERROR_NONE);

    CHECK_EQ(rpc_peer_request(server, "who", NULL, 0, &first), 0); /* a client answers none */
    CHECK_EQ(rpc_peer_flush(server), 0);
    CHECK_EQ(turn(client, &error), 0);
    CHECK_EQ(turn(server, &error), -EBADMSG); /* ... and a server asks none */
    rpc_peer_free(server);
    CHECK_EQ(turn(client, &error), -ENODATA);
    rpc_peer_free(client);
}

static void test_new_closes_what_it_takes(void)
{
    struct RpcPeer *peer = NULL;
    CHECK(rpc_peer_new(-1, &RPC_LIMITS_DEFAULT, &server_handler, NULL, &peer) < 0);
    CHECK(peer == NULL);
    rpc_peer_free(NULL);
}

static const struct Test tests[] = {
    TEST(test_request_and_reply),
    TEST(test_errors_in_the_form_asked_for),
    TEST(test_a_batch_is_one_write),
    TEST(test_byte_by_byte),
    TEST(test_a_message_over_many_reads),
    TEST(test_reading_pauses_while_answers_are_due),
    TEST(test_a_paused_peer_sees_the_end),
    TEST(test_a_client_that_never_reads),
    TEST(test_the_queue_has_an_end),
    TEST(test_closing_mid_request),
    TEST(test_half_closed_client_gets_its_answer),
    TEST(test_two_peers),
    TEST(test_new_closes_what_it_takes),
};
TEST_MAIN(tests)
