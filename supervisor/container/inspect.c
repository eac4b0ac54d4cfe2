// SPDX-License-Identifier: Apache-2.0
#include "supervisor/container/inspect.h"
#include "base/str.h"
#include "protocol/schema/schema.h"
#include "supervisor/container/store.h"
#include "supervisor/shim-link/link.h"
#include <limits.h>

/* --- the summary that is kept in memory: {source, command, labels}, packed --- */

static size_t pack_member(struct WireWriter *writer, const msgpack_object *map, const char *from,
                          const char *to)
{
    const msgpack_object *value = wire_get(map, from);
    if (!value || value->type == MSGPACK_OBJECT_NIL)
        return 0;
    wire_key(writer, to);
    wire_object(writer, value);
    return 1;
}

int container_keep_summary(struct Container *container, const msgpack_object *arguments)
{
    _cleanup_buf_ struct Buf bytes = BUF_INIT;
    struct WireWriter writer;
    struct WireOpenMap map, source;
    wire_writer_init(&writer, &bytes);
    wire_map_open(&writer, &map);
    wire_key(&writer, "source");
    wire_map_open(&writer, &source);
    source.entries += (uint32_t)pack_member(&writer, arguments, "bundle", "bundle");
    source.entries += (uint32_t)pack_member(&writer, arguments, "rootfs", "rootfs");
    source.entries += (uint32_t)pack_member(&writer, arguments, "host", "host");
    wire_map_close(&writer, &source);
    map.entries++;
    map.entries += (uint32_t)pack_member(&writer, arguments, "args", "command");
    map.entries += (uint32_t)pack_member(&writer, arguments, "labels", "labels");
    wire_map_close(&writer, &map);
    if (bytes.error)
        return bytes.error;
    free(container->summary);
    container->summary_size = bytes.size;
    container->summary = TAKE_PTR(bytes.data);
    return 0;
}

/* Appends the members of the kept map to a map that is being written; returns how many. */
static uint32_t append_summary(struct WireWriter *writer, const struct Container *container, bool with_labels)
{
    msgpack_object map;
    msgpack_zone zone;
    uint32_t entries = 0;
    bool labelled = false;
    if (!msgpack_zone_init(&zone, 1024))
        return 0;
    if (container->summary && wire_unpack(container->summary, container->summary_size, &WIRE_LIMITS_DEFAULT,
                                          &zone, &map, NULL) == 0)
        for (uint32_t i = 0; i < map.via.map.size; i++, entries++) {
            wire_object(writer, &map.via.map.ptr[i].key);
            wire_object(writer, &map.via.map.ptr[i].val);
            labelled = labelled || wire_is_str(&map.via.map.ptr[i].key, "labels");
        }
    msgpack_zone_destroy(&zone);
    if (with_labels && !labelled) {
        wire_key(writer, "labels");
        wire_map(writer, 0);
        entries++;
    }
    return entries;
}

bool container_has_labels(const struct Container *container, const struct SchemaPairs *labels)
{
    msgpack_object map;
    msgpack_zone zone;
    if (labels->count == 0)
        return true;
    if (!container->summary || !msgpack_zone_init(&zone, 1024))
        return false;
    bool all = wire_unpack(container->summary, container->summary_size, &WIRE_LIMITS_DEFAULT, &zone, &map,
                           NULL) == 0;
    const msgpack_object *has = all ? wire_get(&map, "labels") : NULL;
    for (size_t i = 0; all && i < labels->count; i++) {
        const msgpack_object *value = has ? wire_get(has, labels->items[i].key) : NULL;
        all = value && wire_is_str(value, labels->items[i].value);
    }
    msgpack_zone_destroy(&zone);
    return all;
}

/* --- what both results begin with --- */

static void pack_common(struct WireWriter *writer, struct WireOpenMap *map, const struct Container *container)
{
    wire_key_str(writer, "id", container->id);
    wire_key_str(writer, "name", container->name);
    wire_key_str(writer, "state", container_state_name(container->state));
    wire_key_u64(writer, "generation", container->generation);
    wire_key_u64(writer, "created_usec", container->created_usec);
    map->entries += 5;
    const struct {
        const char *key;
        uint64_t value;
    } optional[] = {
        {"pid", (uint64_t)container->init_pid},
        {"started_usec", container->started_usec},
        {"finished_usec", container->finished_usec},
    };
    for (size_t i = 0; i < ELEMENTSOF(optional); i++)
        if (optional[i].value) {
            wire_key_u64(writer, optional[i].key, optional[i].value);
            map->entries++;
        }
}

static void pack_exit(struct WireWriter *writer, struct WireOpenMap *map, struct Container *container)
{
    struct ExitSlot slot;
    if (container_read_exit(container, &slot) < 0)
        return;
    wire_key(writer, "exit");
    container_pack_exit(writer, container, &slot);
    map->entries++;
}

void container_pack_summary(struct WireWriter *writer, struct Container *container)
{
    struct WireOpenMap map;
    wire_map_open(writer, &map);
    pack_common(writer, &map, container);
    map.entries += append_summary(writer, container, false);
    if (container->exit_summary) {
        wire_key(writer, "exit");
        buf_append(writer->buf, container->exit_summary, container->exit_summary_size);
        map.entries++;
    }
    wire_map_close(writer, &map);
}

/* --- inspect --- */

struct InspectDefinition {
    struct WireWriter *writer;
    struct WireOpenMap *map;
};

static int pack_definition(void *owner, const struct Record *record)
{
    struct InspectDefinition *inspect = owner;
    if (record->kind != RECORD_DEFINITION)
        return 0;
    wire_key(inspect->writer, "definition");
    wire_object(inspect->writer, record->arguments);
    inspect->map->entries++;
    inspect->map->entries +=
        (uint32_t)pack_member(inspect->writer, record->arguments, "annotations", "annotations");
    return 0;
}

static void pack_log(struct WireWriter *writer, struct Container *container)
{
    char path[PATH_MAX + 80];
    struct ExitSlot slot;
    struct WireOpenMap map;
    wire_map_open(writer, &map);
    if (container->generation > 0 &&
        str_format(path, sizeof(path), "%s/%s/log", container->manager->places.log_dir, container->id)) {
        wire_key_str(writer, "path", path);
        map.entries++;
    }
    if (container_read_exit(container, &slot) == 0) {
        wire_key_u64(writer, "written", slot.log.written);
        wire_key_u64(writer, "stored", slot.log.stored);
        wire_key_u64(writer, "dropped", slot.log.dropped);
        wire_key_u64(writer, "rotated", slot.log.rotated);
        map.entries += 4;
    }
    wire_map_close(writer, &map);
}

int container_pack_inspect(struct WireWriter *writer, struct Container *container, struct Error *error)
{
    char cgroup[CGROUP_PATH_MAX];
    struct WireOpenMap map;
    wire_map_open(writer, &map);
    pack_common(writer, &map, container);
    wire_key_u64(writer, "owner_uid", container->owner_uid);
    map.entries++;
    map.entries += append_summary(writer, container, true);
    struct InspectDefinition inspect = {writer, &map};
    int r = store_read(container->manager->data_fd, container->id, false, pack_definition, &inspect);
    if (r < 0)
        return error_set_errno(error, ERROR_INTERNAL, r, "journal", "cannot read the definition of %s",
                               container->id);
    wire_key(writer, "log");
    pack_log(writer, container);
    map.entries++;
    if (container_cgroup_path(container->manager, container->id, cgroup, sizeof(cgroup)) == 0) {
        wire_key_str(writer, "cgroup", cgroup);
        map.entries++;
    }
    if (container->link && shim_link_pid(container->link) > 0) {
        wire_key_u64(writer, "shim_pid", (uint64_t)shim_link_pid(container->link));
        map.entries++;
    }
    pack_exit(writer, &map, container);
    wire_map_close(writer, &map);
    return 0;
}
