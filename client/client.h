// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The inside of a connection, for the files of libdavit. client.c owns the RpcPeer and the calls,
 * stream.c the streams; connect.c and autostart.c only make the descriptor.
 */
#include "base/list.h"
#include "client/value.h"
#include "protocol/rpc/peer.h"

struct davit_error {
    struct Error error;
    davit_value *details;
};

struct davit_client {
    struct RpcPeer *peer;
    struct ListNode calls;   /* struct Call: not answered yet */
    struct ListNode streams; /* struct davit_stream */
    davit_value *hello;
    struct Error hello_error; /* why hello was refused */
    struct Error lost;        /* code 0 while the connection stands */
    int lost_errno;           /* negative */
    bool processing;          /* inside davit_process(): callbacks must not wait */
};

/* A davit_error for ret_error (may be NULL) from error; details (may be NULL) are copied. Returns `r`. */
int client_error(davit_error **ret_error, int r, const struct Error *error, const davit_value *details);
/* The details of an error map of the wire, or NULL; the caller's to free. */
davit_value *client_error_details(const msgpack_object *object);
/* Gives the answer of a call that is under way to another callback. */
void client_redirect(davit_client *client, uint32_t id, davit_answer callback, void *userdata);
/* Sends what a call outside of davit_process() has queued. */
int client_flush(davit_client *client);
void client_stream_data(davit_client *client, const msgpack_object *arguments);
void client_stream_end(davit_client *client, const msgpack_object *arguments);
void client_streams_lost(davit_client *client);

/* A connected stream socket to `path`. 0, or a negative errno and *error. */
int client_connect_path(const char *path, int *ret_fd, struct Error *error);
/* Starts a davitd with the default places of this user, unless another client has just done so, and
 * connects to `path`, its socket. Waits 5 s at most. */
int client_autostart(const char *path, int *ret_fd, struct Error *error);

uint64_t client_monotonic_usec(void);

DEFINE_CLEANUP(davit_client *, davit_client_free)
#define _cleanup_client_ _cleanup_(davit_client_free_pointer)
DEFINE_CLEANUP(davit_error *, davit_error_free)
#define _cleanup_error_ _cleanup_(davit_error_free_pointer)
