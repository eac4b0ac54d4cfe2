// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The event ring: events with sequence numbers that grow by one for ever, appended to files in the
 * data dir before anybody is told, and the subscribers that are told.
 *
 * DATA/events/<first seq>: records {u32 size, u32 crc, msgpack map}. Two files of EVENT_FILE_SIZE at
 * most are kept, the older is dropped whole. Written with write(2): it survives a killed davitd. So
 * that a number is never used twice after a power failure, DATA/events/reserved holds
 * (fdatasynced, in steps of EVENT_RESERVE) a number that none has passed; a start under another
 * boot id goes on from there.
 */
#include "base/error.h"
#include "base/list.h"
#include "protocol/wire/wire.h"

enum { EVENT_FILE_SIZE = 4 << 20, EVENT_RESERVE = 65536 };

struct EventLog;

struct EventSubscriber {
    struct ListNode node;
    /* `event` is the encoded map of the contract: {seq, boot, time, type, container, name, generation,
     * data}. Called in order, from event_log_append(); must not append. */
    void (*on_event)(struct EventSubscriber *subscriber, uint64_t seq, const void *event, size_t size);
};

/* `directory` is DATA/events (taken). Called once per stored event in order, for recovery. */
typedef void (*EventVisitor)(void *owner, uint64_t seq, const msgpack_object *event);
int event_log_open(int directory_take, const char *boot, EventVisitor visitor, void *owner,
                   struct EventLog **ret, struct Error *error);
void event_log_free(struct EventLog *log);

uint64_t event_log_next(const struct EventLog *log);  /* the number the next event gets */
uint64_t event_log_first(const struct EventLog *log); /* the oldest still kept; next when none */

struct EventHead {
    uint64_t seq; /* 0: the next one; else exactly this one, which must be >= next (recovery) */
    const char *type, *container, *name;
    uint64_t generation;
};
/* Appends, then tells. `data` is an encoded map, or size 0. Returns the seq. When the disk refuses,
 * the event is told all the same and the failure is reported once on stderr. */
uint64_t event_log_append(struct EventLog *log, const struct EventHead *head, const void *data, size_t size);

void event_log_subscribe(struct EventLog *log, struct EventSubscriber *subscriber);
void event_log_unsubscribe(struct EventSubscriber *subscriber);
/* Reads stored events from `seq` on into *out (encoded maps one after the other) until about `limit`
 * bytes; *ret_next is the first not read. -ENOENT when seq has been dropped. */
int event_log_read(struct EventLog *log, uint64_t seq, size_t limit, struct Buf *out, uint64_t *ret_next);
