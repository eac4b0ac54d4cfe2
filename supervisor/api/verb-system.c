// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"
#include "protocol/rpc/peer.h"
#include "supervisor/api/rpc/server.h"
#include "supervisor/api/verb.h"
#include "supervisor/container/container.h"
#include "supervisor/container/event.h"
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

void verb_hello(struct Request *request, struct Container *container, const void *arguments)
{
    _cleanup_buf_ struct Buf result = BUF_INIT;
    struct WireWriter writer;
    (void)container;
    (void)arguments;
    wire_writer_init(&writer, &result);
    wire_map(&writer, 4);
    wire_key_str(&writer, "version", DAVIT_VERSION);
    wire_key_u64(&writer, "api_level", SCHEMA_API_LEVEL);
    wire_key_str(&writer, "instance", request->manager->instance);
    wire_key_u64(&writer, "time", clock_realtime_usec());
    request_answer(request, &result);
}

/* Made once: it is long, never changes, and may be asked for often. */
void verb_describe(struct Request *request, struct Container *container, const void *arguments)
{
    struct Buf *description = &request->manager->description;
    struct WireWriter writer;
    (void)container;
    (void)arguments;
    if (description->size == 0) {
        wire_writer_init(&writer, description);
        schema_describe(&writer);
    }
    request_answer(request, description);
}

static void pack_words(struct WireWriter *writer, const char *text)
{
    _cleanup_buf_ struct Buf words = BUF_INIT;
    struct WireWriter inner;
    size_t count = 0;
    char copy[512] = "", *rest = NULL;
    wire_writer_init(&inner, &words);
    strncpy(copy, text, sizeof(copy) - 1);
    for (char *word = strtok_r(copy, " ,\n", &rest); word; word = strtok_r(NULL, " ,\n", &rest), count++)
        wire_str(&inner, word);
    wire_array(writer, count);
    buf_append(writer->buf, words.data, words.size);
}

static void pack_cgroups(struct WireWriter *writer, const struct Manager *manager)
{
    static const char *const KINDS[] = {
        [CGROUP_NONE] = "none", [CGROUP_V1] = "v1", [CGROUP_V2] = "v2", [CGROUP_HYBRID] = "hybrid"};
    const struct CgroupLayout *layout = &manager->host.cgroups;
    _cleanup_buf_ struct Buf controllers = BUF_INIT;
    buf_append_str(&controllers, layout->v2_controllers);
    for (unsigned i = 0; i < layout->v1_count; i++)
        if (layout->v1[i].controllers[0] != 'n') /* "name=systemd" limits nothing */
            buf_printf(&controllers, " %s", layout->v1[i].controllers);
    _cleanup_free_ char *text = buf_take_str(&controllers);
    wire_map(writer, 3);
    wire_key_str(writer, "kind", KINDS[layout->kind]);
    wire_key_str(writer, "parent", manager->places.cgroup_parent);
    wire_key(writer, "controllers");
    pack_words(writer, text ? text : "");
}

static void pack_places(struct WireWriter *writer, const struct Places *places)
{
    wire_map(writer, 6);
    wire_key_str(writer, "socket", places->socket);
    wire_key_str(writer, "run_dir", places->run_dir);
    wire_key_str(writer, "data_dir", places->data_dir);
    wire_key_str(writer, "log_dir", places->log_dir);
    wire_key_str(writer, "shim", places->shim);
    wire_key_str(writer, "seccomp_profile", places->seccomp_profile);
}

static void pack_limits(struct WireWriter *writer)
{
    const struct RpcLimits *limits = &RPC_LIMITS_DEFAULT;
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"message_bytes", limits->wire.bytes},
        {"message_depth", limits->wire.depth},
        {"message_nodes", limits->wire.nodes},
        {"map_keys", limits->wire.map_keys},
        {"in_flight", limits->in_flight},
        {"queued_bytes", limits->queued_bytes},
        {"queued_limit", limits->queued_limit},
        {"connections", CONNECTIONS_MAX},
        {"connections_per_uid", CONNECTIONS_PER_USER_MAX},
        {"streams", STREAMS_PER_CONNECTION_MAX},
    };
    wire_map(writer, ELEMENTSOF(rows));
    for (size_t i = 0; i < ELEMENTSOF(rows); i++)
        wire_key_u64(writer, rows[i].name, rows[i].value);
}

static void pack_counts(struct WireWriter *writer, const struct Manager *manager)
{
    uint64_t counts[CONTAINER_STATE_COUNT] = {0}, total = 0;
    LIST_FOREACH (node, &manager->containers) {
        counts[CONTAINER_OF(node, struct Container, manager_node)->state]++;
        total++;
    }
    wire_map(writer, 1 + CONTAINER_GONE);
    wire_key_u64(writer, "total", total);
    for (int state = 0; state < CONTAINER_GONE; state++) /* who is gone is not counted */
        wire_key_u64(writer, container_state_name(state), counts[state]);
}

void verb_system_info(struct Request *request, struct Container *container, const void *arguments)
{
    const struct Manager *manager = request->manager;
    _cleanup_buf_ struct Buf result = BUF_INIT;
    struct WireWriter writer;
    struct utsname kernel = {0};
    (void)container;
    (void)arguments;
    uname(&kernel);
    wire_writer_init(&writer, &result);
    wire_map(&writer, 14);
    wire_key_str(&writer, "version", DAVIT_VERSION);
    wire_key_u64(&writer, "api_level", SCHEMA_API_LEVEL);
    wire_key_str(&writer, "instance", manager->instance);
    wire_key_str(&writer, "boot", manager->boot);
    wire_key_u64(&writer, "pid", (uint64_t)getpid());
    wire_key_u64(&writer, "started_usec", manager->started_usec);
    wire_key_str(&writer, "kernel", kernel.release);
    wire_key(&writer, "cgroups");
    pack_cgroups(&writer, manager);
    wire_key(&writer, "places");
    pack_places(&writer, &manager->places);
    wire_key(&writer, "limits");
    pack_limits(&writer);
    wire_key(&writer, "containers");
    pack_counts(&writer, manager);
    wire_key_u64(&writer, "connections", manager->server ? manager->server->connection_count : 0);
    wire_key_u64(&writer, "next_event", event_log_next(manager->events));
    wire_key_u64(&writer, "first_event", event_log_first(manager->events));
    request_answer(request, &result);
}
