// SPDX-License-Identifier: Apache-2.0
/* The exit record of the contract: made from the slot, told in inspect, wait and container.exited. */
#include "supervisor/container/container.h"
#include "supervisor/container/death.h"
#include "supervisor/container/store.h"
#include <string.h>

static int keep_exit(void *owner, const struct Record *record)
{
    struct ExitSlot *slot = owner;
    if (record->kind == RECORD_EXIT)
        *slot = *record->slot;
    return 0;
}

int container_read_exit(struct Container *container, struct ExitSlot *ret)
{
    struct ExitSlot slot = {0};
    if (container->exit) {
        *ret = *container->exit;
        return 0;
    }
    if (container->state != CONTAINER_EXITED && container->state != CONTAINER_REMOVING)
        return -ENODATA;
    int r = store_read(container->manager->data_fd, container->id, false, keep_exit, &slot);
    if (r < 0)
        return r;
    if (slot.version == 0)
        return -ENODATA;
    *ret = slot;
    return 0;
}

static void pack_cause(struct WireWriter *writer, const struct Death *death, const char *message)
{
    struct WireOpenMap map;
    wire_map_open(writer, &map);
    wire_key_str(writer, "kind", death_kind_name(death->kind));
    map.entries++;
    const struct {
        const char *key, *value;
    } texts[] = {
        {"who", death->who},   {"verb", death->verb},     {"limit", death->limit},
        {"step", death->step}, {"reason", death->reason},
    };
    for (size_t i = 0; i < ELEMENTSOF(texts); i++)
        if (texts[i].value) {
            wire_key_str(writer, texts[i].key, texts[i].value);
            map.entries++;
        }
    if (death->errnum) {
        wire_key_i64(writer, "errno", death->errnum);
        map.entries++;
    }
    if (message) {
        wire_key_str(writer, "message", message);
        map.entries++;
    }
    wire_map_close(writer, &map);
}

static void pack_known(struct WireWriter *writer, struct WireOpenMap *map, const char *key, uint64_t value)
{
    if (value == UINT64_MAX)
        return;
    wire_key_u64(writer, key, value);
    map->entries++;
}

static void pack_evidence(struct WireWriter *writer, const struct CgroupEvidence *evidence)
{
    struct WireOpenMap map;
    wire_map_open(writer, &map);
    pack_known(writer, &map, "memory_peak", evidence->memory_peak);
    pack_known(writer, &map, "memory_limit", evidence->memory_limit);
    pack_known(writer, &map, "oom_kills", evidence->oom_kills);
    pack_known(writer, &map, "oom_local", evidence->oom_local);
    pack_known(writer, &map, "cpu_usec", evidence->cpu_usec);
    pack_known(writer, &map, "pids_refused", evidence->pids_refused);
    wire_map_close(writer, &map);
}

static void pack_log(struct WireWriter *writer, const struct ExitSlot *slot)
{
    wire_map(writer, slot->tail_size ? 5 : 4);
    wire_key_u64(writer, "written", slot->log.written);
    wire_key_u64(writer, "stored", slot->log.stored);
    wire_key_u64(writer, "dropped", slot->log.dropped);
    wire_key_u64(writer, "rotated", slot->log.rotated);
    if (!slot->tail_size)
        return;
    wire_key(writer, "tail");
    wire_bin(writer, slot->tail, slot->tail_size);
}

static void pack_time(struct WireWriter *writer, struct WireOpenMap *map, const char *key, uint64_t usec)
{
    if (usec == 0)
        return;
    wire_key_u64(writer, key, usec);
    map->entries++;
}

void container_pack_exit(struct WireWriter *writer, const struct Container *container,
                         const struct ExitSlot *slot)
{
    struct Death death;
    struct WireOpenMap map;

    death_judge(slot, &death);
    wire_map_open(writer, &map);
    if (death.has_code) {
        wire_key_i64(writer, "code", death.code);
        map.entries++;
    }
    if (death.has_signal) {
        wire_key_i64(writer, "signal", death.signal);
        wire_key_bool(writer, "core_dumped", death.core_dumped);
        map.entries += 2;
    }
    wire_key(writer, "cause");
    pack_cause(writer, &death, slot->error.what[0] ? slot->error.what : NULL);
    wire_key(writer, "evidence");
    pack_evidence(writer, &slot->evidence);
    wire_key_u64(writer, "generation", slot->generation);
    pack_time(writer, &map, "started", slot->started_usec);
    pack_time(writer, &map, "finished", slot->finished_usec ? slot->finished_usec : container->finished_usec);
    wire_key(writer, "log");
    pack_log(writer, slot);
    map.entries += 4;
    wire_map_close(writer, &map);
}

void container_keep_exit(struct Container *container, const struct ExitSlot *slot)
{
    _cleanup_buf_ struct Buf bytes = BUF_INIT;
    struct WireWriter writer;
    free(TAKE_PTR(container->exit_summary));
    container->exit_summary_size = 0;
    if (!slot)
        return;
    container->cgroup_is_foreign = death_met_foreign_cgroup(slot);
    struct ExitSlot copy = *slot;
    copy.tail_size = 0;
    wire_writer_init(&writer, &bytes);
    container_pack_exit(&writer, container, &copy);
    if (bytes.error)
        return; /* then a listing shows the state alone */
    container->exit_summary_size = bytes.size;
    container->exit_summary = TAKE_PTR(bytes.data);
}
