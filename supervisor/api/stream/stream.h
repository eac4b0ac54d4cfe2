// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A stream of one connection: logs, attach or events. The connection's object (api/rpc) owns the
 * list; a stream is freed by its own end, by stream.close, or with the connection. Data is sent only
 * within the client's credit and while the connection's queue is short: then `pull` of the source is
 * called until it has nothing or the credit is used up. stream.end is always last and needs no credit.
 */
#include "base/list.h"
#include "protocol/wire/wire.h"
#include "supervisor/manager.h"

struct Stream;
struct Connection; /* api/rpc/server.h */

enum StreamPull { STREAM_IDLE, STREAM_AGAIN, STREAM_OVER };

struct StreamSource {
    /* Sends what it can with stream_send(). IDLE: nothing now, stream_wake() will come; AGAIN: more at
     * once; OVER: stream_end() was called. */
    enum StreamPull (*pull)(struct Stream *stream);
    /* stream.write: 1 answered later by stream_write_done(), 0 done, or a negative errno with *error. */
    int (*write)(struct Stream *stream, const void *data, size_t size, struct Error *error);
    /* stream.close {channel: "stdin"}; NULL: not possible. */
    int (*close_stdin)(struct Stream *stream, struct Error *error);
    void (*free)(struct Stream *stream); /* releases the source and frees the stream's memory */
};

struct Stream { /* first member of each kind's struct */
    struct ListNode node;
    struct Connection *connection;
    const struct StreamSource *source;
    uint64_t id;
    uint64_t credit;        /* payload bytes the client still takes */
    uint64_t dropped;       /* bytes (events: count) it did not get */
    uint32_t write_request; /* msgid of the stream.write in flight */
    bool writing, ended;
    bool woken; /* stream_wake() was called since the last pull */
};

/* --- for the sources (implemented in api/rpc/stream-rpc.c beside the server) --- */
/* How many payload bytes may be sent now: the credit, 0 while the connection's queue is full. */
size_t stream_room(const struct Stream *stream);
/* Queues one stream.data; channel "stdout" "stderr" "log" "event"; takes size from the credit. */
int stream_send(struct Stream *stream, const char *channel, uint64_t offset, const void *data, size_t size);
/* As stream_send for data that is an encoded msgpack value (channel "event"): embedded, not binary. */
int stream_send_value(struct Stream *stream, const char *channel, uint64_t offset, const void *data,
                      size_t size);
/* Queues stream.end {stream, status, dropped}; status "ok", or an error as "Code: text". */
void stream_end(struct Stream *stream, const char *status);
/* There is something to pull: the connection pulls at the end of this turn of the loop. */
void stream_wake(struct Stream *stream);
/* Answers the stream.write in flight: {written}, or an error. */
void stream_write_done(struct Stream *stream, uint64_t written, const struct Error *error);

/* --- the kinds (this folder) --- */
struct Container;
struct ArgLogs;
struct ArgAttach;
struct ArgSubscribe;
int stream_logs_new(struct Container *container, const struct ArgLogs *arguments, struct Stream **ret,
                    struct Error *error);
int stream_attach_new(struct Container *container, const struct ArgAttach *arguments, struct Stream **ret,
                      struct Error *error);
int stream_events_new(struct Manager *manager, const struct ArgSubscribe *arguments, struct Stream **ret,
                      struct Error *error);
