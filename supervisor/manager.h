// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * davitd's root object. It owns everything; the order of its members is the order of start-up, and
 * manager_free() goes backwards. All state changes of containers go through supervisor/container.
 */
#include "base/buf.h"
#include "base/error.h"
#include "base/list.h"
#include "base/map.h"
#include "loop/loop.h"
#include "runtime/plan/plan.h"
#include "supervisor/options.h"
#include <limits.h>
#include <sys/resource.h>

struct EventLog;
struct FilterCache;
struct RpcServer;

struct Manager {
    struct Loop *loop;
    struct Places places;
    char instance[17]; /* 16 hex digits, kept in the data dir; cgroups use the first 8 */
    char boot[37];     /* the kernel's boot id */
    uint64_t started_usec;
    int run_lock, data_lock;     /* the folders themselves, locked */
    int run_fd, data_fd, log_fd; /* RUN/containers, DATA/containers, LOG */
    int seccomp_cache_fd;
    int null_fd;               /* /dev/null, for shims */
    struct rlimit descriptors; /* as we found it: shims and containers get this one */
    const char *missing_call;  /* a system call without which nothing can be started, or NULL */
    struct PlanHost host;
    struct EventLog *events;
    struct FilterCache *filters;
    struct Buf description; /* the answer of `describe` */
    struct Map *by_id, *by_name;
    struct ListNode containers; /* struct Container.manager_node, in order of creation */
    struct ListNode lingering;  /* struct ShimLink that only wait for their shim's end */
    struct ListNode orphans;    /* struct Orphan: cgroups of nobody that are being emptied */
    struct RpcServer *server;
    struct LogNotify *log_notify; /* made by the first follower of a log, freed by log_notify_free() */
    struct LoopSignal *on_terminate, *on_interrupt;
    struct LoopTimer *tidy; /* empty cgroups above those of containers, see shim-link/scope.h */
    struct LoopTimer *idle; /* --autostarted: fires when nobody needed us for a while */
    bool autostarted;
    bool stopping;
};

/* Everything but running: folders, locks, state of all containers, adoption begun, socket open.
 * `listen_fd_take` comes from systemd, or -1. */
int manager_new(const struct Options *options, const struct Places *places, int listen_fd_take,
                struct Manager **ret, struct Error *error);
/* Containers go on without us. */
void manager_free(struct Manager *manager);
/* Serves until a signal or idleness ends it. */
int manager_run(struct Manager *manager);
/* A client came or went, or a container began or ended: looks whether anybody still needs us. */
void manager_idle_changed(struct Manager *manager);
