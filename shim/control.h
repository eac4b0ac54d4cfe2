// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The connections to davitd: accepts them (only from root or our own user), receives requests,
 * sends answers and notices. Nothing is queued here: a peer whose socket is full does not read, loses
 * its connection, and learns the state by HELLO when it comes back.
 */
#include "protocol/shim/message.h"
#include "shim/loop.h"

enum { CONTROL_CONNECTIONS_MAX = 8 };

struct ControlConnection {
    struct LoopSource source;
    bool in_use;
};

struct Control {
    struct Loop *loop;
    void *owner;
    /* Descriptors that the callee keeps it replaces by -1; the others are closed after the call. */
    void (*on_request)(void *owner, struct ControlConnection *connection, const union ShimMessage *message,
                       int fds[2], unsigned fd_count);
    struct LoopSource listen;
    struct LoopTimer pause;
    struct ControlConnection connections[CONTROL_CONNECTIONS_MAX];
    unsigned count;
};

/* Takes the listening socket, which stays the caller's. owner and on_request are set by the caller. */
int control_init(struct Control *control, struct Loop *loop, int listen_fd);
void control_deinit(struct Control *control);
/* Accepts who waits and handles what they have sent, without waiting for more. */
void control_poll(struct Control *control);
/* On failure the connection is gone. 0 or a negative errno. */
int control_send(struct Control *control, struct ControlConnection *connection,
                 const union ShimMessage *message, const int *fds, unsigned fd_count);
/* Does anybody hold the other end of a connection at this moment? */
bool control_has_peer(const struct Control *control);
void control_broadcast(struct Control *control, const union ShimMessage *message, const int *fds,
                       unsigned fd_count);
