// SPDX-License-Identifier: Apache-2.0
#pragma once
/* The argument structs of the container methods, as schema_decode() fills them. */
#include "protocol/schema/schema.h"

struct ArgResources {
    struct SchemaU64 memory;     /* bytes */
    struct SchemaU64 swap;       /* bytes of swap beyond memory */
    struct SchemaDouble cpu;     /* processors, 1.5 */
    struct SchemaU64 cpu_weight; /* 1..10000, as v2 has it */
    struct SchemaU64 pids;
};
struct ArgStop {
    int signal;
    struct SchemaU64 timeout_usec;
};
struct ArgLog {
    struct SchemaTexts sinks;  /* "cri" | "none" for now */
    struct SchemaU64 max_size; /* bytes */
    struct SchemaU64 max_files;
    const char *when_full; /* drop-oldest drop-newest block */
};
struct ArgMount {
    const char *source, *target, *type;
    struct SchemaTexts options;
};
struct ArgTmpfs {
    const char *target;
    struct SchemaTexts options;
};
struct ArgDevice {
    const char *path; /* on the host; the node inside is a copy of it */
    const char *target;
    const char *access; /* "rwm" */
};
struct ArgRlimit {
    const char *name; /* "nofile" or "RLIMIT_NOFILE" */
    struct SchemaU64 soft, hard;
};
struct ArgRestart {
    const char *policy; /* "no" for now */
};

struct ArgCreate {
    /* exactly one source */
    const char *bundle, *rootfs;
    bool host;
    const char *id, *name;
    struct SchemaTexts args, env;
    const char *cwd, *user, *hostname;
    bool tty;        /* Unsupported for now */
    bool stdin_open; /* "stdin" */
    struct SchemaStructs mounts, tmpfs, devices, rlimits;
    bool read_only;
    struct SchemaTexts cap_add, cap_drop;
    const char *seccomp; /* "default", "unconfined", or the path of a profile */
    enum SchemaTristate no_new_privileges;
    bool privileged;
    struct SchemaPairs sysctls;
    const char *network; /* none host */
    struct ArgResources resources;
    struct SchemaI64 oom_score_adj;
    struct SchemaPairs labels, annotations;
    struct ArgStop stop;
    struct ArgLog log;
    struct ArgRestart restart;
    bool auto_remove;
};

struct ArgContainer { /* describe one: start, inspect */
    const char *container;
};
struct ArgKill {
    const char *container;
    int signal;
    bool all;
};
struct ArgStopCall {
    const char *container;
    int signal;
    struct SchemaU64 timeout_usec;
};
struct ArgDelete {
    const char *container;
    bool force;
};
struct ArgRename {
    const char *container, *name;
};
struct ArgWait {
    const char *container;
    const char *condition; /* exited (default) running deleted */
    struct SchemaU64 timeout_usec;
};
struct ArgList {
    bool all; /* also exited ones; default true over RPC */
    struct SchemaPairs labels;
};
struct ArgLogs {
    const char *container;
    struct SchemaU64 since, until; /* usec since the epoch */
    struct SchemaU64 tail;         /* lines */
    bool follow;
    struct SchemaTexts streams; /* stdout stderr */
};
struct ArgAttach {
    const char *container;
    bool stdin_wanted;          /* "stdin" */
    struct SchemaTexts streams; /* stdout stderr; absent: both */
};
struct ArgSubscribe {
    struct SchemaU64 from;
    struct SchemaTexts types, containers;
};
struct ArgStreamWrite {
    struct SchemaU64 stream;
    struct SchemaBytes data;
};
struct ArgStreamClose {
    struct SchemaU64 stream;
    const char *channel;
};
struct ArgStreamCredit {
    struct SchemaU64 stream, bytes;
};
struct ArgHello {
    const char *client; /* free text for the log */
    const char *errors; /* string | map */
};
