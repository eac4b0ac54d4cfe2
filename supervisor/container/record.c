// SPDX-License-Identifier: Apache-2.0
#include "base/str.h"
#include "supervisor/container/store.h"

enum { RECORD_HEAD = 8 };

static const char *const KINDS[RECORD_KIND_COUNT] = {
    [RECORD_DEFINITION] = "definition", [RECORD_STATE] = "state",       [RECORD_EXIT] = "exit",
    [RECORD_RENAME] = "rename",         [RECORD_REMOVING] = "removing", [RECORD_REMOVED] = "removed",
};

/* A definition holds a whole request and a config.json of at most 4 MiB each. */
static const struct WireLimits RECORD_LIMITS = {
    .bytes = 16 << 20, .depth = WIRE_DEPTH_MAX, .nodes = 131072, .map_keys = 1024};

/* Sealed anew: a slot that davitd has concluded itself was never on disk. */
static void encode_slot(struct WireWriter *writer, const struct ExitSlot *slot)
{
    struct ExitSlot sealed = *slot;
    (void)exit_slot_seal(&sealed);
    wire_key(writer, "slot");
    wire_bin(writer, &sealed, sizeof(sealed));
}

static void encode_members(struct WireWriter *writer, struct WireOpenMap *map, const struct Record *record)
{
    switch (record->kind) {
    case RECORD_DEFINITION:
        wire_key_str(writer, "id", record->id);
        wire_key_str(writer, "name", record->name);
        wire_key_u64(writer, "uid", record->owner_uid);
        wire_key(writer, "arguments");
        wire_object(writer, record->arguments);
        map->entries += 4;
        if (record->config) {
            wire_key(writer, "config");
            wire_bin(writer, record->config, record->config_size);
            map->entries++;
        }
        break;
    case RECORD_STATE:
        wire_key_str(writer, "state", container_state_name(record->state));
        wire_key_u64(writer, "generation", record->generation);
        wire_key_i64(writer, "pid", record->pid);
        wire_key_str(writer, "boot", record->boot);
        map->entries += 4;
        break;
    case RECORD_EXIT:
        wire_key_u64(writer, "generation", record->generation);
        encode_slot(writer, record->slot);
        map->entries += 2;
        break;
    case RECORD_RENAME:
        wire_key_str(writer, "name", record->name);
        map->entries++;
        break;
    case RECORD_REMOVING:
    case RECORD_REMOVED:
    case RECORD_KIND_COUNT:
        break;
    }
}

void record_encode(const struct Record *record, struct Buf *out)
{
    struct WireWriter writer;
    struct WireOpenMap map;
    size_t start = out->size;
    uint32_t head[2];

    buf_append(out, (char[RECORD_HEAD]){0}, RECORD_HEAD);
    wire_writer_init(&writer, out);
    wire_map_open(&writer, &map);
    wire_key_str(&writer, "kind", KINDS[record->kind]);
    wire_key_u64(&writer, "seq", record->seq);
    wire_key_u64(&writer, "time", record->time_usec);
    map.entries += 3;
    encode_members(&writer, &map, record);
    wire_map_close(&writer, &map);
    if (out->error)
        return;
    head[0] = (uint32_t)(out->size - start - RECORD_HEAD);
    head[1] = crc32_of(out->data + start + RECORD_HEAD, head[0]);
    memcpy(out->data + start, head, sizeof(head));
}

static int decode_kind(const msgpack_object *map, enum RecordKind *ret)
{
    const msgpack_object *kind = wire_get(map, "kind");
    for (int i = 0; i < RECORD_KIND_COUNT; i++)
        if (kind && wire_is_str(kind, KINDS[i])) {
            *ret = (enum RecordKind)i;
            return 0;
        }
    return -EBADMSG;
}

static bool decode_definition(const msgpack_object *map, struct Record *record)
{
    uint64_t uid;
    const msgpack_object *config = wire_get(map, "config");
    record->arguments = wire_get(map, "arguments");
    if (!wire_get_str(map, "id", record->id, sizeof(record->id)) ||
        !wire_get_str(map, "name", record->name, sizeof(record->name)) || !wire_get_u64(map, "uid", &uid) ||
        !record->arguments || record->arguments->type != MSGPACK_OBJECT_MAP)
        return false;
    record->owner_uid = (uint32_t)uid;
    if (config && config->type != MSGPACK_OBJECT_BIN)
        return false;
    if (config) {
        record->config = config->via.bin.ptr;
        record->config_size = config->via.bin.size;
    }
    return str_is_id(record->id) && str_is_id(record->name);
}

static bool decode_state(const msgpack_object *map, struct Record *record)
{
    char name[32];
    int64_t pid;
    int state;
    if (!wire_get_str(map, "state", name, sizeof(name)) ||
        !wire_get_u64(map, "generation", &record->generation) || !wire_get_i64(map, "pid", &pid) ||
        !wire_get_str(map, "boot", record->boot, sizeof(record->boot)))
        return false;
    state = container_state_from_name(name);
    if (state != CONTAINER_STARTING && state != CONTAINER_RUNNING)
        return false;
    record->state = (enum ContainerState)state;
    record->pid = (int32_t)pid;
    return true;
}

static bool decode_exit(const msgpack_object *map, msgpack_zone *zone, struct Record *record)
{
    const msgpack_object *slot = wire_get(map, "slot");
    if (!slot || slot->type != MSGPACK_OBJECT_BIN || slot->via.bin.size != sizeof(struct ExitSlot) ||
        !wire_get_u64(map, "generation", &record->generation))
        return false;
    struct ExitSlot *copy = msgpack_zone_malloc(zone, sizeof(*copy)); /* the bytes are not aligned */
    if (!copy)
        return false;
    memcpy(copy, slot->via.bin.ptr, sizeof(*copy));
    record->slot = copy;
    return exit_slot_check(copy) == 0;
}

static bool decode_members(const msgpack_object *map, msgpack_zone *zone, struct Record *record)
{
    switch (record->kind) {
    case RECORD_DEFINITION:
        return decode_definition(map, record);
    case RECORD_STATE:
        return decode_state(map, record);
    case RECORD_EXIT:
        return decode_exit(map, zone, record);
    case RECORD_RENAME:
        return wire_get_str(map, "name", record->name, sizeof(record->name)) && str_is_id(record->name);
    case RECORD_REMOVING:
    case RECORD_REMOVED:
        return true;
    case RECORD_KIND_COUNT:
        break;
    }
    return false;
}

int record_decode(const void *data, size_t size, size_t *offset, msgpack_zone *zone, struct Record *ret)
{
    const char *bytes = data;
    uint32_t head[2];
    msgpack_object map;
    struct Record record = {0};

    if (*offset == size)
        return 0;
    if (size - *offset < RECORD_HEAD)
        return -EBADMSG;
    memcpy(head, bytes + *offset, sizeof(head));
    const char *payload = bytes + *offset + RECORD_HEAD;
    if (head[0] == 0 || head[0] > size - *offset - RECORD_HEAD || crc32_of(payload, head[0]) != head[1])
        return -EBADMSG;
    if (wire_unpack(payload, head[0], &RECORD_LIMITS, zone, &map, NULL) < 0 || map.type != MSGPACK_OBJECT_MAP)
        return -EBADMSG;
    if (decode_kind(&map, &record.kind) < 0 || !wire_get_u64(&map, "seq", &record.seq) ||
        !wire_get_u64(&map, "time", &record.time_usec) || !decode_members(&map, zone, &record))
        return -EBADMSG;
    *offset += RECORD_HEAD + head[0];
    *ret = record;
    return 1;
}
