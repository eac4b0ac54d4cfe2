// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The clients that are attached to the container's stdio, each on a SOCK_SEQPACKET socket of its
 * own (protocol/shim/message.h has the packets). Their queue is the socket's buffer: what does not
 * fit is lost for that client alone and told to it by a GAP.
 *
 * A client that does read should lose nothing only because it was not scheduled for a moment. So
 * before the pump reads more it asks attach_is_ready(): a client whose queue is half full may hold the
 * pump back, for ATTACH_PATIENCE_MAX in one go and for a hundredth of the time in the long run. Whoever
 * has used up that patience is lagging until its queue is nearly empty again.
 */
#include "protocol/shim/message.h"
#include "shim/loop.h"
#include <stddef.h>

enum {
    ATTACH_CLIENTS_MAX = 32,
    ATTACH_QUEUE_SIZE = 512 << 10, /* asked for; without CAP_NET_ADMIN the kernel gives less */
    ATTACH_PATIENCE_MAX = 100000,  /* microseconds */
    ATTACH_PATIENCE_SHARE = 100,   /* one part in so many of the time */
};

struct AttachClient {
    struct LoopSource source;
    bool in_use, wants_stdin, wants_output[2], is_ending;
    bool is_full;    /* holds the pump back */
    bool is_lagging; /* has no patience left: not waited for */
    bool is_parked;  /* hung up with stdin still to be read, while another packet is under way */
    uint32_t queue_size;
    uint64_t gap[2];                       /* bytes of stdout and stderr not sent since the last packet */
    uint64_t patience_usec, patience_time; /* left, as of that boottime */
};

/* The container's stdin and the packet on its way there: one for all clients. */
struct AttachInput {
    struct LoopSource source;
    int fd; /* -1: not there yet, or gone */
    bool is_gone;
    char *buffer; /* mapped, ATTACH_PAYLOAD_MAX + 1 bytes */
    size_t at, size;
    struct AttachClient *sender; /* of the pending bytes; NULL: it is gone */
};

struct Attach {
    struct Loop *loop;
    void *owner;
    void (*on_ready)(void *owner); /* nobody holds the pump back any more */
    const uint64_t *offsets;       /* of stdout and stderr; borrowed */
    struct AttachClient clients[ATTACH_CLIENTS_MAX];
    unsigned count;
    unsigned full_count;
    struct LoopTimer patience;
    struct AttachInput input;
    bool is_ended;
};

/* *attach must be zeroed memory. */
void attach_init(struct Attach *attach, struct Loop *loop, const uint64_t offsets[2]);
void attach_deinit(struct Attach *attach);

/* Owns the socket in any case. 0, or a negative errno with *error filled. */
int attach_add_consume(struct Attach *attach, int fd, const struct ShimAttach *wishes, struct Error *error);
/* The write end of the container's stdin, non-blocking; owns it in any case. 0 or a negative errno. */
int attach_set_input_consume(struct Attach *attach, int fd);

/* There is no stdin (any more): everybody who wants it is told. Idempotent. */
void attach_input_close(struct Attach *attach);

/* Output of one stream (0 stdout, 1 stderr) to all who want it. Never blocks. */
void attach_send(struct Attach *attach, unsigned stream, const char *data, size_t size);
/* False while a client holds the pump back; on_ready() then comes. */
bool attach_is_ready(const struct Attach *attach);
/* The largest read that a client with an empty queue can take whole. */
size_t attach_read_limit(const struct Attach *attach);
/* Both streams are at their end: everybody is told and closed. */
void attach_end(struct Attach *attach);
/* Somebody's END could not be sent yet. */
bool attach_is_ending(const struct Attach *attach);

/* --- between attach.c and attach-input.c --- */
void attach_drop(struct Attach *attach, struct AttachClient *client);
int attach_control(struct AttachClient *client, enum AttachControlKind kind, enum AttachChannel channel,
                   uint64_t bytes, const uint64_t offsets[2]);
/* What the client's socket is watched for, as it stands. */
void attach_rewatch(struct Attach *attach, struct AttachClient *client);
void attach_input_on_readable(struct Attach *attach, struct AttachClient *client);
/* No client may be read now: a packet is under way, or the container does not exist yet. */
bool attach_input_is_busy(const struct AttachInput *input);
void attach_input_forget(struct AttachInput *input, const struct AttachClient *client);
void attach_input_deinit(struct Attach *attach);
