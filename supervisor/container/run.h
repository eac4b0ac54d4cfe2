// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What is done to a container between create and gone: start, stop, kill, end, remove. Each checks the
 * state table first (WrongState), changes the state, and returns; how it went on is told to the watches.
 */
#include "supervisor/container/container.h"
#include "supervisor/shim-link/link.h"

/* Begins a generation. A failure after the state is `starting` shows as an exit, not as an error here. */
int container_start(struct Container *container, struct Error *error);
/* Asks the shim: signal, grace, then SIGKILL to all. `verb` and `who` go into the exit record. */
int container_stop(struct Container *container, int signal, uint64_t grace_usec, const char *verb,
                   const char *who, struct Error *error);
/* The answer of the shim comes by the callback unless this fails. */
int container_kill(struct Container *container, int signal, bool everybody, const char *who,
                   ShimReplyCallback callback, void *owner, struct Error *error);
/* Removes it with its log, cgroups and journal; GONE is told when nothing is left, maybe before this
 * returns. */
int container_remove(struct Container *container, struct Error *error);

/* --- told by the link and by adoption --- */
void container_on_started(struct Container *container, int32_t pid, int pidfd_take, uint64_t time_usec);
/* The shim of an earlier davitd has answered. */
void container_on_adopted(struct Container *container, enum ShimState state, int32_t pid, int pidfd_take);
/* ... but it is the one of an earlier generation, whose exit is stored and which was not told so. */
void container_on_older_shim(struct Container *container, uint64_t generation);
void container_on_warning(struct Container *container, const struct Error *error);
/* Whole or failed: the slot says. Acknowledged once it is stored. */
void container_on_exited(struct Container *container, const struct ExitSlot *slot);
/* The shim is gone without a word: looks into the slot, else kills what is left and says unknown. */
void container_on_shim_lost(struct Container *container);
/* The exit is stored: the shim may go. */
void container_release_shim(struct Container *container);
/* The shim has done all its work and closed the socket. */
void container_on_shim_gone(struct Container *container);
/* Exit slot and socket: the exit is stored elsewhere. */
void container_unlink_run(const struct Container *container);
/* Goes on with a removal that a kill interrupted. */
void container_resume_removal(struct Container *container);
/* An exited container that is to be removed by itself is. */
void container_settle(struct Container *container);
