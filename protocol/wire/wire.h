// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * msgpack with limits. Bytes of a peer go through wire_scan(), our own linear, allocation-free and
 * resumable pass, before msgpack-c sees any of them: it finds where a message ends and refuses what
 * is too long, too deep, has too many nodes or no sensible meaning. msgpack-c then builds the tree of
 * one whole message in a zone whose size is thereby bounded. Pure.
 */
#include "base/buf.h"
#include "base/error.h"
#include <msgpack.h>
#include <stdbool.h>

struct WireLimits {
    size_t bytes;    /* of one message */
    unsigned depth;  /* nested arrays and maps, at most WIRE_DEPTH_MAX */
    size_t nodes;    /* values in one message, keys included */
    size_t map_keys; /* of one map */
};
enum { WIRE_DEPTH_MAX = 24 };
extern const struct WireLimits WIRE_LIMITS_DEFAULT; /* 4 MiB, 16, 65536, 1024 */

struct WireScan {
    size_t offset; /* bytes looked at so far */
    size_t nodes;
    unsigned depth;
    uint32_t remaining[WIRE_DEPTH_MAX]; /* values still to come per open container */
};
enum WireScanResult { WIRE_MORE = 0, WIRE_COMPLETE = 1 };

/* Zero the scan for each message. `data` is the message from its first byte (the same bytes as in
 * the last call, and more). WIRE_COMPLETE: scan->offset is the message's length. -EBADMSG: no valid
 * msgpack (0xc1, ext types); -E2BIG: over a limit, also as soon as a declared length says so. */
int wire_scan(struct WireScan *scan, const struct WireLimits *limits, const void *data, size_t size);

/* Scans and unpacks exactly one message that fills data. Refuses duplicate map keys, keys that are
 * not strings, strings with NUL or invalid UTF-8. The object points into data and zone; no pointer
 * in it is NULL. 0; -EBADMSG,
 * -E2BIG (as wire_scan(), and for what is refused here), -ENOMEM; *error then has the code
 * InvalidArgument or ResourceExhausted. */
int wire_unpack(const void *data, size_t size, const struct WireLimits *limits, msgpack_zone *zone,
                msgpack_object *ret, struct Error *error);

/* Packing into a Buf, whose error sticks. */
struct WireWriter {
    msgpack_packer packer;
    struct Buf *buf;
};
void wire_writer_init(struct WireWriter *writer, struct Buf *buf);
void wire_map(struct WireWriter *writer, size_t entries);
void wire_array(struct WireWriter *writer, size_t entries);
void wire_nil(struct WireWriter *writer);
void wire_bool(struct WireWriter *writer, bool value);
void wire_u64(struct WireWriter *writer, uint64_t value);
void wire_i64(struct WireWriter *writer, int64_t value);
void wire_double(struct WireWriter *writer, double value);
void wire_str(struct WireWriter *writer, const char *text); /* NULL packs nil; mends invalid UTF-8 */
void wire_bin(struct WireWriter *writer, const void *data, size_t size);
void wire_object(struct WireWriter *writer, const msgpack_object *object);
/* key, then value */
void wire_key(struct WireWriter *writer, const char *key);
void wire_key_str(struct WireWriter *writer, const char *key, const char *text);
void wire_key_u64(struct WireWriter *writer, const char *key, uint64_t value);
void wire_key_i64(struct WireWriter *writer, const char *key, int64_t value);
void wire_key_bool(struct WireWriter *writer, const char *key, bool value);

/* A map whose number of entries is known only at its end: open, write pairs, close, which counts
 * them. The Buf must not be consumed meanwhile. */
struct WireOpenMap {
    size_t position;
    uint32_t entries; /* the caller's own, if it wants to count */
};
void wire_map_open(struct WireWriter *writer, struct WireOpenMap *map);
void wire_map_close(struct WireWriter *writer, const struct WireOpenMap *map);

/* Looking into an object. NULL, or false, when it is absent or of another type. */
const msgpack_object *wire_get(const msgpack_object *map, const char *key);
bool wire_is_str(const msgpack_object *object, const char *text);
bool wire_get_u64(const msgpack_object *map, const char *key, uint64_t *ret);
bool wire_get_i64(const msgpack_object *map, const char *key, int64_t *ret);
bool wire_get_bool(const msgpack_object *map, const char *key, bool *ret);
/* Copied into a fixed array; false when absent, no text, or too long. */
bool wire_get_str(const msgpack_object *map, const char *key, char *buffer, size_t size);
/* The object as one line of JSON (binary as base64 in {"base64": ...} when it is no UTF-8). */
void wire_to_json(const msgpack_object *object, struct Buf *out);
