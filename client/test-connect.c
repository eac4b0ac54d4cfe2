// SPDX-License-Identifier: Apache-2.0
/* Connections that come to nothing. */
#include "base/fd.h"
#include "base/str.h"
#include "base/test.h"
#include "client/client.h"
#include <string.h>
#include <sys/socket.h>

struct Refusal {
    unsigned count;
    char code[32];
};

static void on_refused(davit_client *client, const davit_value *result, const davit_error *error,
                       void *userdata)
{
    (void)client;
    struct Refusal *refusal = userdata;
    CHECK(!result && error);
    refusal->count++;
    str_format(refusal->code, sizeof(refusal->code), "%s", davit_error_code(error));
}

static void test_connecting_where_nobody_is(void)
{
    davit_client *client = NULL;
    davit_error *error = NULL;
    char path[200];
    str_format(path, sizeof(path), "%s/none.sock", test_folder(NULL));
    CHECK_EQ(davit_connect(path, 0, &client, &error), -ENOENT);
    CHECK_STR(davit_error_code(error), "Unavailable");
    CHECK_STR(davit_error_where(error), "socket");
    davit_error_free(error);
    memset(path, 'x', 150);
    path[0] = '/';
    path[150] = 0;
    CHECK_EQ(davit_connect(path, 0, &client, &error), -ENAMETOOLONG);
    CHECK_STR(davit_error_code(error), "InvalidArgument");
    CHECK_STR(davit_error_where(error), "socket");
    davit_error_free(error);
    CHECK(client == NULL);
}

static void test_a_peer_that_breaks_the_protocol(void)
{
    int pair[2] = {-1, -1};
    _cleanup_client_ davit_client *client = NULL;
    struct Refusal refusal = {0};
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    _cleanup_close_ int other = pair[0];
    CHECK_EQ(davit_connect_fd(pair[1], &client, NULL), 0);
    davit_call_async(client, "a", NULL, DAVIT_FOREVER, on_refused, &refusal, NULL);
    CHECK_EQ(fd_write_all(other, "\xc1\xc1\xc1", 3), 0);
    while (davit_wait(client, DAVIT_FOREVER) >= 0)
        continue;
    CHECK_EQ(refusal.count, 1);
    CHECK_STR(refusal.code, "Unavailable");
}

static const struct Test tests[] = {
    TEST(test_connecting_where_nobody_is),
    TEST(test_a_peer_that_breaks_the_protocol),
};
TEST_MAIN(tests)
