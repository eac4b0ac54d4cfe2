// SPDX-License-Identifier: Apache-2.0
#pragma once
/* What link.c (talking) and link-start.c (making) share. */
#include "supervisor/shim-link/link.h"

struct ShimLink {
    struct ListNode node; /* in manager->lingering at last */
    struct Manager *manager;
    struct Container *container; /* NULL: lingering */
    int fd;
    struct LoopIo *io, *process_io;
    struct LoopTimer *deadline; /* of HELLO */
    struct PidRef shim;
    bool is_child;
    bool ready;   /* started by us, or it has answered HELLO */
    bool leaving; /* the exit is acknowledged */
    uint32_t last_request;
    struct ListNode requests;
};

/* A watched connection to the container's socket. */
int link_connect(struct Container *container, struct ShimLink **ret);
/* Sends a message with up to one descriptor (-1: none) and remembers who wants to know the result. */
int link_request(struct ShimLink *link, union ShimMessage *message, int fd, ShimReplyCallback callback,
                 void *owner);
void link_on_socket(void *owner, short revents);
