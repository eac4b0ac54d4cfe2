// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * One container as davitd knows it. `state` has one writer, container_set_state() in container.c,
 * which stores the record and appends the event before anybody is told. What is legal when is the
 * table in container-state.c and nothing else.
 *
 * In memory: what listing and deciding need. On disk: DATA/containers/<id>, an append-only journal
 * (store.h) whose first record is the definition; RUN/containers/<id>/ with plan, exit slot, socket
 * and copies of hosts files for this boot; LOG/<id>/.
 */
#include "base/list.h"
#include "base/pidref.h"
#include "loop/loop.h"
#include "protocol/shim/exit-slot.h"
#include "protocol/wire/wire.h"
#include "supervisor/manager.h"

enum ContainerState {
    CONTAINER_CREATED,
    CONTAINER_STARTING,
    CONTAINER_RUNNING,
    CONTAINER_STOPPING,
    CONTAINER_EXITED,
    CONTAINER_REMOVING,
    CONTAINER_GONE,
    CONTAINER_STATE_COUNT,
};
const char *container_state_name(enum ContainerState state);
int container_state_from_name(const char *name); /* -1: none */

enum ContainerInput {
    INPUT_START,
    INPUT_STARTED,
    INPUT_STOP,
    INPUT_KILL,
    INPUT_EXIT,
    INPUT_DELETE,
    INPUT_REMOVED,
    INPUT_ATTACH,
    INPUT_RENAME,
    INPUT_COUNT,
};
/* The next state, or -1 when the table has no row. */
int container_state_next(enum ContainerState state, enum ContainerInput input);

struct Container;
struct ShimLink;
struct Loss;
struct Scope;

/* Told at every change of a container's state, until unwatched; the last time with GONE, after
 * which it is unwatched and the container is freed. Embedded in whoever waits. on_change() may
 * unwatch and free anything, but not change the state of a container: that is posted (LoopDefer). */
struct ContainerWatch {
    struct ListNode node;
    void (*on_change)(struct ContainerWatch *watch, struct Container *container);
};

struct Container {
    struct ListNode manager_node;
    struct Manager *manager;
    char id[65];
    char *name; /* == id when none was given */
    enum ContainerState state;
    uint64_t generation;
    uint64_t created_usec, started_usec, finished_usec; /* realtime, 0: never */
    uint32_t owner_uid;
    bool stdin_open, auto_remove;
    struct {
        bool enabled;
        uint8_t when_full; /* enum ShimWhenFull */
        uint64_t max_size; /* bytes */
        uint32_t max_files;
    } log;
    bool wants_restart; /* it ends to be started again: auto_remove waits */
    int stop_signal;
    uint64_t stop_timeout_usec;
    int32_t init_pid;
    struct PidRef init;            /* pidfd while it runs */
    struct ShimLink *link;         /* NULL: no shim */
    bool leaving;                  /* the shim of the last generation, or what it left, still goes away */
    struct ShimLink *leaving_link; /* to that shim */
    struct {
        int signal;                     /* 0: none in this generation */
        uint64_t time_usec, grace_usec; /* grace: of a stop; else UINT64_MAX */
        char verb[EXIT_SLOT_VERB_SIZE], who[EXIT_SLOT_WHO_SIZE];
    } requested;             /* the last signal asked for: a shim that is lost cannot tell it any more */
    struct Loss *loss;       /* its shim was lost, and the end is being found out (lost.c) */
    bool cgroup_is_foreign;  /* the last start failed because another has a cgroup of its name: it stays */
    struct Scope *scope;     /* cgroups being removed with it */
    struct ListNode watches; /* struct ContainerWatch */
    struct ListNode attachments;   /* of attach streams that wait for the start, see attach.h */
    const struct ExitSlot *exit;   /* while the exit is told: the record, else NULL */
    struct ExitSlot *exit_unsaved; /* an exit that the disk refused, tried again */
    struct LoopTimer *retry;       /* ... by this timer */
    struct LoopDefer settle;       /* what follows a change of state, a turn later */
    void *summary;                 /* packed map {source, command, labels}, for listing */
    size_t summary_size;
    void *exit_summary; /* packed exit record without the output's tail, likewise */
    size_t exit_summary_size;
    struct Buf warnings; /* of the start in progress, one a line */
};

/* A container that is not yet anybody's; NULL without memory. */
struct Container *container_new(struct Manager *manager, const char *id, const char *name);
/* Frees it; it must not be registered. */
void container_free(struct Container *container);
DEFINE_CLEANUP(struct Container *, container_free)
#define _cleanup_container_ _cleanup_(container_free_pointer)

/* davitd ends: whoever still watches is told GONE, nothing is stored, and it is freed. */
void container_abandon(struct Container *container);

/* Enters it into the manager's tables: 0, -EEXIST, -ENOMEM. The tables own it from then on. */
int container_register(struct Container *container);
void container_unregister(struct Container *container);

/* By id, name, or unique prefix of an id of at least 4, in this order. NotFound; InvalidArgument for a
 * prefix that fits several. */
int container_find(struct Manager *manager, const char *reference, struct Container **ret,
                   struct Error *error);
/* Whether the id or name may be given to another container: 0, or AlreadyExists with `where`. */
int container_check_free(struct Manager *manager, const char *reference, const char *where,
                         struct Error *error);
void container_watch(struct Container *container, struct ContainerWatch *watch);
void container_unwatch(struct ContainerWatch *watch);

/* WrongState unless the table has a row for this input. */
int container_check(const struct Container *container, enum ContainerInput input, struct Error *error);
/* The one writer of `state`: stores the record, appends the event, tells the watches. `slot` is the exit
 * record for EXITED, else NULL. On failure (the disk refused the record) nothing has changed. GONE
 * unregisters and frees the container. */
int container_set_state(struct Container *container, enum ContainerState state, const struct ExitSlot *slot,
                        struct Error *error);
int container_rename(struct Container *container, const char *name, struct Error *error);

/* Reads the exit record of the last generation from the journal; -ENODATA when there is none. */
int container_read_exit(struct Container *container, struct ExitSlot *ret);
/* Packs the contract's exit record (code | signal, cause, evidence, log ...) from a slot. */
void container_pack_exit(struct WireWriter *writer, const struct Container *container,
                         const struct ExitSlot *slot);
/* Packs text of one sentence a line as a list. */
void container_pack_lines(struct WireWriter *writer, const struct Buf *lines);
/* Keeps the record for listing; NULL forgets it. */
void container_keep_exit(struct Container *container, const struct ExitSlot *slot);
/* LOG/<id>, a folder descriptor of the caller's; made by whoever needs it first. */
int container_open_log(struct Container *container);
/* RUN/containers/<id>, likewise. */
int container_open_run(const struct Container *container);
/* The cgroup of a container of this instance: /davit/01234567/<id>. */
int container_cgroup_path(const struct Manager *manager, const char *id, char *ret, size_t size);
