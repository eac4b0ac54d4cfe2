// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The journal of one container, DATA/containers/<id>: records appended with one write(2) each, first
 * the definition. A record that a kill or a full disk cut short is at the end and is cut off
 * when the journal is read; a journal without a whole definition is a create that never happened.
 *
 *     record  {u32 size of the payload, u32 crc of the payload, payload: a msgpack map}
 *
 * A record that goes with an event holds the event's sequence number: the record is written first,
 * then the event, and what a kill left between the two is made up for when the journals are loaded.
 */
#include "supervisor/container/container.h"

enum RecordKind {
    RECORD_DEFINITION,
    RECORD_STATE, /* starting, running */
    RECORD_EXIT,  /* exited, with the slot */
    RECORD_RENAME,
    RECORD_REMOVING, /* delete was accepted: finish it */
    RECORD_REMOVED,
    RECORD_KIND_COUNT,
};

struct Record {
    enum RecordKind kind;
    uint64_t seq; /* of its event, 0: none */
    uint64_t time_usec;
    /* STATE */
    enum ContainerState state;
    int32_t pid;
    char boot[37];
    /* STATE, EXIT */
    uint64_t generation;
    /* EXIT; points into the read data */
    const struct ExitSlot *slot;
    /* DEFINITION, RENAME */
    char name[65];
    /* DEFINITION; points into the read data and the zone */
    char id[65];
    uint32_t owner_uid;
    const msgpack_object *arguments; /* of container.create, as given */
    const void *config;              /* the frozen config.json of a bundle */
    size_t config_size;
};

/* The whole record, with its frame. Pure. */
void record_encode(const struct Record *record, struct Buf *out);
/* Reads the record at *offset and moves it on: 1; 0 at the end; -EBADMSG when what is there is no whole,
 * sound record. Texts and objects live in data and zone. Pure. */
int record_decode(const void *data, size_t size, size_t *offset, msgpack_zone *zone, struct Record *ret);

enum { STORE_COMPACT_SIZE = 64 << 10, STORE_JOURNAL_MAX = 64 << 20 };

/* Writes a new journal with its definition (O_EXCL) and reserves room for what must be written
 * later, so that a full disk refuses a create and not an exit. On failure nothing is left. */
int store_create(int directory, const char *id, const struct Record *definition, struct Error *error);
/* Appends one record; what a failed write left is cut off again. */
int store_append(int directory, const char *id, const struct Record *record, struct Error *error);
int store_remove(int directory, const char *id);
/* Gets a journal without a definition out of the way: 0 when it was removed, a create that was cut short;
 * 1 when it is damaged and was kept as `.damaged-<id>`. */
int store_discard(int directory, const char *id);

/* Calls `visit` for each record in order. `repair` cuts a torn end off. 0; -ENOENT; -EBADMSG when there is
 * no definition; or what visit returned when it is negative. */
typedef int (*StoreVisitor)(void *owner, const struct Record *record);
int store_read(int directory, const char *id, bool repair, StoreVisitor visit, void *owner);
/* Rewrites a journal that has grown over STORE_COMPACT_SIZE with the records that still count. */
int store_compact(int directory, const char *id);
/* Whether this is a file of a compaction that was cut short. Pure. */
bool store_is_temporary(const char *name);
