// SPDX-License-Identifier: Apache-2.0
/* What a peer does with messages that break the rules. */
#include "protocol/rpc/test-rig.h"

static void test_requests_of_bad_shape_are_answered(void)
{
    static const struct {
        const char *name, *data;
        size_t size;
        const char *answer;
        size_t answer_size;
    } rows[] = {
#define ROW(name, data, answer) {name, data, sizeof(data) - 1, answer, sizeof(answer) - 1}
        ROW("no method", "\x94\x00\x05\x07\x90",
            "\x94\x01\x05\xd9\x31InvalidArgument: the method is no string (method)\xc0"),
        ROW("a key twice",
            "\x94\x00\x05\xa1m\x91\x82\xa1"
            "a\x01\xa1"
            "a\x01",
            "\x94\x01\x05\xd9\x2cInvalidArgument: the key \"a\" twice (message)\xc0"),
        ROW("NUL in a text",
            "\x94\x00\x05\xa1m\x91\x81\xa1"
            "a\xa1\0",
            "\x94\x01\x05\xd9\x33InvalidArgument: a string with a NUL byte (message)\xc0"),
        ROW("positional", "\x94\x00\x05\xa1m\x91\x07",
            "\x94\x01\x05\xd9\x46InvalidArgument: arguments are named: params is [] or [{...}] (params)\xc0"),
#undef ROW
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_pair_ struct Pair pair;
        struct Error error;
        test_row(rows[i].name);
        pair_init(&pair, SOCK_STREAM, &RPC_LIMITS_DEFAULT);
        put(&pair, rows[i].data, rows[i].size);
        CHECK_EQ(turn(pair.server, &error), 0);
        char answer[256];
        size_t size = get(&pair, answer, sizeof(answer));
        CHECK_EQ(size, rows[i].answer_size);
        CHECK(size == rows[i].answer_size && memcmp(answer, rows[i].answer, size) == 0);
        CHECK_EQ(pair.log.requests, 0);
        PUT(&pair, "\x94\x00\x06\xa1m\x90"); /* it goes on */
        CHECK_EQ(turn(pair.server, &error), 0);
        CHECK_EQ(pair.log.requests, 1);
    }
    test_row(NULL);
}

static void test_what_ends_the_connection(void)
{
    static const struct {
        const char *name, *data;
        size_t size;
        int expected;
        const char *where;
        enum ErrorCode code;
    } rows[] = {
#define ROW(name, data, expected, where, code) {name, data, sizeof(data) - 1, expected, where, code}
        ROW("HTTP", "GET / HTTP/1.1\r\n", -EBADMSG, "message", ERROR_INVALID_ARGUMENT),
        ROW("the unused byte", "\xc1", -EBADMSG, "message", ERROR_INVALID_ARGUMENT),
        ROW("ext", "\x94\x00\x05\xd4\x00\x00\x90", -EBADMSG, "message", ERROR_INVALID_ARGUMENT),
        ROW("no id", "\x94\x00\xff\xa1m\x90", -EBADMSG, "message", ERROR_INVALID_ARGUMENT),
        ROW("an unasked response", "\x94\x01\x05\xc0\xc0", -EBADMSG, "message", ERROR_INVALID_ARGUMENT),
        ROW("a bad notification", "\x93\x02\x07\x90", -EBADMSG, "method", ERROR_INVALID_ARGUMENT),
        ROW("a key twice in a notification",
            "\x93\x02\xa1m\x91\x82\xa1"
            "a\x01\xa1"
            "a\x01",
            -EBADMSG, "message", ERROR_INVALID_ARGUMENT),
        ROW("a huge array", "\xdd\xff\xff\xff\xff", -E2BIG, "message", ERROR_RESOURCE_EXHAUSTED),
        ROW("a huge text", "\x94\x00\x05\xdb\xff\xff\xff\xff", -E2BIG, "message", ERROR_RESOURCE_EXHAUSTED),
        ROW("nested", "\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91", -E2BIG,
            "message", ERROR_RESOURCE_EXHAUSTED),
#undef ROW
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_pair_ struct Pair pair;
        struct Error error = {0};
        test_row(rows[i].name);
        pair_init(&pair, SOCK_STREAM, &RPC_LIMITS_DEFAULT);
        put(&pair, rows[i].data, rows[i].size);
        CHECK_EQ(turn(pair.server, &error), rows[i].expected);
        CHECK_EQ(error.code, rows[i].code);
        CHECK_STR(error.where, rows[i].where);
        CHECK_EQ(pair.log.requests + pair.log.notifications, 0);
    }
    test_row(NULL);
}

/* Whose request it was is told before the end when the message began with a readable id. */
static void test_the_culprit_is_answered_before_the_end(void)
{
    _cleanup_pair_ struct Pair pair;
    struct Error error;
    pair_init(&pair, SOCK_STREAM, &RPC_LIMITS_DEFAULT);
    PUT(&pair, "\x94\x00\x05\xa1m\x91\xdd\xff\xff\xff\xff");
    CHECK_EQ(turn(pair.server, &error), -E2BIG);
    CHECK(
        GOT(&pair, "\x94\x01\x05\xd9\x3dResourceExhausted: the message is beyond the limits (message)\xc0"));
}

static void test_requests_before_garbage_are_served(void)
{
    _cleanup_pair_ struct Pair pair;
    struct Error error;
    pair_init(&pair, SOCK_STREAM, &RPC_LIMITS_DEFAULT);
    pair.log.answers = true;
    PUT(&pair, "\x94\x00\x05\xa1m\x90\xc1");
    CHECK_EQ(turn(pair.server, &error), -EBADMSG);
    CHECK_EQ(pair.log.requests, 1);
    CHECK(GOT(&pair, "\x94\x01\x05\xc0\x01"));
}

static const struct Test tests[] = {
    TEST(test_requests_of_bad_shape_are_answered),
    TEST(test_what_ends_the_connection),
    TEST(test_the_culprit_is_answered_before_the_end),
    TEST(test_requests_before_garbage_are_served),
};
TEST_MAIN(tests)
