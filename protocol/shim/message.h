// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What davitd and one davit-shim say to each other: fixed structs over a SOCK_SEQPACKET socket, one
 * packet a message. The shim links nothing but libc, and both ends come from one build or a
 * versioned neighbour, so plain structs beat an encoding.
 *
 * The shim listens on RUN/containers/<id>/shim.sock. davitd binds that socket, connects to it, queues
 * CONFIG and any ATTACH, and only then starts the shim, which therefore needs nobody alive to
 * carry the start through. A davitd that comes later connects in the same way and says HELLO.
 * Any number of connections may exist; notifications go to all of them.
 *
 *     davitd -> shim   CONFIG (first, once)  HELLO  KILL  STOP  ATTACH(+fd)  ACK
 *     shim -> davitd   HELLO_REPLY(+fds)  RESULT  WARNING  STARTED  FAILED  EXITED
 *
 * After EXITED (or FAILED) the shim stays until somebody acknowledges it with ACK{generation},
 * then it exits. Every request is answered by RESULT with the same `request` number, or by
 * HELLO_REPLY. The exit slot is on disk before EXITED or FAILED is sent.
 */
#include "base/error.h"
#include "protocol/shim/exit-slot.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SHIM_PROTOCOL_VERSION = 1,
    /* Descriptors of a new shim. */
    SHIM_FD_LISTEN = 3,  /* the listening socket */
    SHIM_FD_PLAN = 4,    /* the plan, a regular file or memfd, read only */
    SHIM_FD_SLOT = 5,    /* the exit slot, preallocated, read-write */
    SHIM_FD_LOG_DIR = 6, /* the container's log folder */
    SHIM_FD_END = 7,
};

enum ShimMessageKind {
    SHIM_CONFIG = 1,
    SHIM_HELLO,
    SHIM_KILL,
    SHIM_STOP,
    SHIM_ATTACH,
    SHIM_ACK,
    SHIM_HELLO_REPLY = 64,
    SHIM_RESULT,
    SHIM_WARNING,
    SHIM_STARTED,
    SHIM_FAILED,
    SHIM_EXITED,
};

enum ShimState { SHIM_STATE_STARTING = 1, SHIM_STATE_RUNNING, SHIM_STATE_STOPPING, SHIM_STATE_EXITED };

enum { SHIM_VERB_SIZE = 16, SHIM_WHO_SIZE = 48, SHIM_ID_SIZE = 65 };

struct ShimHeader {
    uint32_t size; /* of the whole packet */
    uint16_t kind; /* enum ShimMessageKind */
    uint16_t version;
    uint32_t request; /* chosen by davitd, repeated in the answer; 0 in notifications */
    uint32_t zero;
};

struct ShimConfig { /* SHIM_CONFIG */
    struct ShimHeader header;
    char id[SHIM_ID_SIZE];
    uint8_t stdin_open; /* the payload gets a pipe as stdin; else /dev/null */
    uint8_t log_enabled;
    uint8_t when_full; /* enum ShimWhenFull */
    uint64_t generation;
    uint64_t log_max_size; /* bytes of one file */
    uint32_t log_max_files;
    uint32_t zero;
};
enum ShimWhenFull { SHIM_DROP_OLDEST, SHIM_DROP_NEWEST, SHIM_BLOCK };

struct ShimPlain { /* SHIM_HELLO */
    struct ShimHeader header;
};

struct ShimSignal { /* SHIM_KILL: one signal now. SHIM_STOP: signal, then SIGKILL to all after grace. */
    struct ShimHeader header;
    int32_t signal;
    uint32_t everybody;  /* KILL: the whole cgroup, not only init */
    uint64_t grace_usec; /* STOP; a second STOP may only shorten the deadline */
    char verb[SHIM_VERB_SIZE];
    char who[SHIM_WHO_SIZE]; /* "uid 0 pid 123", for the exit record */
};

/* SHIM_ATTACH carries one SOCK_SEQPACKET socket (SCM_RIGHTS). On it each packet is one channel
 * byte and up to ATTACH_PAYLOAD_MAX bytes. From the client: ATTACH_STDIN data; an empty
 * ATTACH_STDIN packet is the half-close. From the shim: ATTACH_STDOUT and ATTACH_STDERR data,
 * and ATTACH_CONTROL with a struct AttachControl. A socket that is full loses that data and only
 * that client: the next packet that fits is preceded by a GAP. */
struct ShimAttach {
    struct ShimHeader header;
    uint32_t want_stdin, want_stdout, want_stderr;
    uint32_t zero;
};
enum AttachChannel { ATTACH_STDIN = 0, ATTACH_STDOUT = 1, ATTACH_STDERR = 2, ATTACH_CONTROL = 3 };
enum { ATTACH_PAYLOAD_MAX = 65536 };
enum AttachControlKind {
    ATTACH_BEGIN = 1,  /* offsets: where stdout and stderr stand now; always first */
    ATTACH_GAP,        /* `bytes` of `channel` were not sent */
    ATTACH_STDIN_ACK,  /* `bytes` of stdin were taken by the container's side */
    ATTACH_STDIN_GONE, /* the container closed its stdin */
    ATTACH_END,        /* both outputs are at their end; always last */
};
struct AttachControl {
    uint8_t kind, channel;
    uint8_t zero[6];
    uint64_t bytes;
    uint64_t offset_stdout, offset_stderr; /* since the start of the generation */
};

struct ShimAck { /* SHIM_ACK: the exit of this generation is stored elsewhere; the shim may go */
    struct ShimHeader header;
    uint64_t generation;
};

struct ShimHelloReply { /* with two descriptors: a pidfd of the shim, a pidfd of init (if any) */
    struct ShimHeader header;
    uint64_t generation;
    uint32_t state;             /* enum ShimState */
    int32_t shim_pid, init_pid; /* 0: none */
    uint32_t attached;
    struct ShimLogCounters log;
};

struct ShimResult { /* SHIM_RESULT: error.code 0 is success */
    struct ShimHeader header;
    struct Error error;
};

struct ShimNotice { /* SHIM_WARNING: error. SHIM_STARTED (with init's pidfd): pid, time. */
    struct ShimHeader header;
    uint64_t generation;
    int32_t init_pid;
    uint32_t zero;
    uint64_t time_usec; /* realtime */
    struct Error error;
};

struct ShimExited { /* SHIM_EXITED and SHIM_FAILED: what the slot holds */
    struct ShimHeader header;
    struct ExitSlot slot;
};

union ShimMessage {
    struct ShimHeader header;
    struct ShimConfig config;
    struct ShimSignal signal;
    struct ShimAttach attach;
    struct ShimAck ack;
    struct ShimHelloReply hello_reply;
    struct ShimResult result;
    struct ShimNotice notice;
    struct ShimExited exited;
};

/* Fills the header of a (zeroed) message of this kind; the size comes from the kind. */
void shim_message_init(union ShimMessage *message, enum ShimMessageKind kind, uint32_t request);
/* Bytes of a message of this kind, 0 when it is none of ours. */
uint32_t shim_message_size(uint16_t kind);
/* Checks `size` bytes that came with `fd_count` descriptors and terminates the texts: 0 or -EBADMSG. */
int shim_message_check(union ShimMessage *message, size_t size, unsigned fd_count);
/* Sends one message with up to 2 descriptors, without blocking: 0, -EAGAIN or a negative errno (-EINVAL when
 * the header or the number of descriptors does not fit the kind). The descriptors stay the caller's. */
int shim_message_send(int fd, const union ShimMessage *message, const int *fds, unsigned fd_count);
/* Receives one message; texts are terminated, sizes, kind and version checked. Descriptors beyond
 * those expected are closed and make it -EBADMSG. 0; -EAGAIN; -ENODATA at the end (a reset is one);
 * -EBADMSG. On success the descriptors (O_CLOEXEC; unused places hold -1) are the caller's. */
int shim_message_receive(int fd, union ShimMessage *ret, int ret_fds[2], unsigned *ret_fd_count);
