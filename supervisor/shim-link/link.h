// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * davitd's end of one shim: starting it, talking to it (protocol/shim/message.h), noticing its death.
 * Requests are answered through the callback given with them, exactly once, also with Unavailable
 * when the shim is lost. What happens to the container is told to container/run.h.
 */
#include "base/pidref.h"
#include "protocol/shim/message.h"
#include "supervisor/container/container.h"

typedef void (*ShimReplyCallback)(void *owner, const struct Error *error /* code 0: done */);

/* Prepares slot, log folder and socket, queues CONFIG and the waiting attachments, and starts the shim.
 * The container's state is `starting`. On failure nothing runs and nothing is left. */
int shim_link_start(struct Container *container, struct ShimLink **ret, struct Error *error);
/* Connects to the shim of an earlier davitd and says HELLO; until it answers the link is not ready.
 * -ECONNREFUSED or -ENOENT: there is none. */
int shim_link_adopt(struct Container *container, struct ShimLink **ret);
/* Lets go without telling anybody: davitd ends, the shim goes on. */
void shim_link_free(struct ShimLink *link);
/* The exit is stored: acknowledges it, leaves the container, and waits for the shim's end by itself. */
void shim_link_release(struct ShimLink *link, uint64_t generation);

bool shim_link_is_ready(const struct ShimLink *link);
pid_t shim_link_pid(const struct ShimLink *link); /* 0: not known */

/* Each: the callback (NULL: nobody asks) comes exactly once unless this returns a negative errno. */
int shim_link_kill(struct ShimLink *link, int signal, bool everybody, const char *who,
                   ShimReplyCallback callback, void *owner);
int shim_link_stop(struct ShimLink *link, int signal, uint64_t grace_usec, const char *verb, const char *who,
                   ShimReplyCallback callback, void *owner);
/* Sends SHIM_ATTACH with the far end of a socket pair (closed here in any case). */
int shim_link_attach(struct ShimLink *link, int fd_take, bool want_stdin, bool want_stdout, bool want_stderr,
                     ShimReplyCallback callback, void *owner);
/* Callbacks with this owner are not called any more. */
void shim_link_cancel(struct ShimLink *link, const void *owner);
