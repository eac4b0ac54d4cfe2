// SPDX-License-Identifier: Apache-2.0
/*
 * events.subscribe: a reader of the event ring at its own pace. Nothing is queued for it: a new event
 * only wakes it, and it reads on from the ring by sequence number. One that asks for, or falls back
 * to, what the ring has dropped is told so (gap, lagged) and gets the present state of every
 * container as `snapshot` events, then goes on from now.
 */
#include "base/clock.h"
#include "base/str.h"
#include "protocol/schema/container.h"
#include "supervisor/api/stream/stream.h"
#include "supervisor/container/container.h"
#include "supervisor/container/event.h"
#include <inttypes.h>

enum { EVENTS_READ = 32 << 10, EVENTS_FILTERS = 64 };

struct EventStream {
    struct Stream stream;
    struct Manager *manager;
    struct EventSubscriber subscriber;
    uint64_t next;      /* the event to read next */
    struct Buf pending; /* encoded events read from the ring, from `at` on not yet sent */
    size_t at;
    uint64_t sent;
    bool started;
    char *types[EVENTS_FILTERS], *containers[EVENTS_FILTERS];
};

static struct EventStream *event_stream(struct Stream *stream)
{
    return CONTAINER_OF(stream, struct EventStream, stream);
}

static void event_stream_free(struct Stream *base)
{
    struct EventStream *stream = event_stream(base);
    event_log_unsubscribe(&stream->subscriber);
    buf_deinit(&stream->pending);
    for (size_t i = 0; i < EVENTS_FILTERS; i++) {
        free(stream->types[i]);
        free(stream->containers[i]);
    }
    free(stream);
}

static void event_stream_on_event(struct EventSubscriber *subscriber, uint64_t seq, const void *event,
                                  size_t size)
{
    (void)seq, (void)event, (void)size;
    stream_wake(&CONTAINER_OF(subscriber, struct EventStream, subscriber)->stream);
}

static bool event_filter_matches(char *const filters[EVENTS_FILTERS], const msgpack_object *event,
                                 const char *key, const char *other_key)
{
    if (!filters[0])
        return true;
    for (size_t i = 0; i < EVENTS_FILTERS && filters[i]; i++) {
        const msgpack_object *value = wire_get(event, key),
                             *other = other_key ? wire_get(event, other_key) : NULL;
        if ((value && wire_is_str(value, filters[i])) || (other && wire_is_str(other, filters[i])))
            return true;
    }
    return false;
}

static bool event_is_wanted(const struct EventStream *stream, const void *data, size_t size)
{
    if (!stream->types[0] && !stream->containers[0])
        return true;
    msgpack_zone zone;
    if (!msgpack_zone_init(&zone, 2048))
        return true;
    msgpack_object event;
    bool wanted = wire_unpack(data, size, &WIRE_LIMITS_DEFAULT, &zone, &event, NULL) < 0;
    if (!wanted) {
        const msgpack_object *type = wire_get(&event, "type");
        bool gap = type && (wire_is_str(type, "gap") || wire_is_str(type, "lagged"));
        bool snapshot = type && wire_is_str(type, "snapshot");
        wanted = gap || ((snapshot || event_filter_matches(stream->types, &event, "type", NULL)) &&
                         event_filter_matches(stream->containers, &event, "container", "name"));
    }
    msgpack_zone_destroy(&zone);
    return wanted;
}

/* One event that is in no ring: it tells the subscriber about itself. */
static void event_pack(const struct EventStream *stream, const char *type, const struct Container *container,
                       const void *data, size_t size, struct Buf *out)
{
    struct WireWriter writer;
    wire_writer_init(&writer, out);
    wire_map(&writer, 8);
    wire_key_u64(&writer, "seq", event_log_next(stream->manager->events) - 1);
    wire_key_str(&writer, "boot", stream->manager->boot);
    wire_key_u64(&writer, "time", clock_realtime_usec());
    wire_key_str(&writer, "type", type);
    wire_key_str(&writer, "container", container ? container->id : NULL);
    wire_key_str(&writer, "name", container ? container->name : NULL);
    wire_key_u64(&writer, "generation", container ? container->generation : 0);
    wire_key(&writer, "data");
    buf_append(out, data, size);
}

static void event_pack_data(struct Buf *out, const char *key, const char *text, const char *number_key,
                            uint64_t number)
{
    struct WireWriter writer;
    wire_writer_init(&writer, out);
    wire_map(&writer, (text ? 1 : 0) + (number_key ? 1 : 0));
    if (text)
        wire_key_str(&writer, key, text);
    if (number_key)
        wire_key_u64(&writer, number_key, number);
}

/* What was dropped, then the state of everything, then on from now. */
static void event_stream_resynchronise(struct EventStream *stream)
{
    uint64_t now = event_log_next(stream->manager->events), first = event_log_first(stream->manager->events);
    _cleanup_buf_ struct Buf data = BUF_INIT;
    if (stream->started)
        event_pack_data(&data, NULL, NULL, "n", now - stream->next);
    else
        event_pack_data(&data, NULL, NULL, "first", first);
    event_pack(stream, stream->started ? "lagged" : "gap", NULL, data.data, data.size, &stream->pending);
    LIST_FOREACH (node, &stream->manager->containers) {
        const struct Container *container = CONTAINER_OF(node, struct Container, manager_node);
        data.size = 0;
        event_pack_data(&data, "state", container_state_name(container->state), "pid",
                        (uint64_t)container->init_pid);
        event_pack(stream, "snapshot", container, data.data, data.size, &stream->pending);
    }
    if (stream->started)
        stream->stream.dropped += now - stream->next;
    stream->next = now;
}

static int event_stream_fill(struct EventStream *stream)
{
    stream->pending.size = stream->at = 0;
    if (stream->next >= event_log_next(stream->manager->events))
        return 0;
    int result =
        event_log_read(stream->manager->events, stream->next, EVENTS_READ, &stream->pending, &stream->next);
    if (result == -ENOENT) {
        stream->pending.size = 0;
        event_stream_resynchronise(stream);
        return stream->pending.error;
    }
    return result < 0 ? result : stream->pending.error;
}

static enum StreamPull event_stream_pull(struct Stream *base)
{
    struct EventStream *stream = event_stream(base);
    if (stream->at == stream->pending.size) {
        int result = event_stream_fill(stream);
        if (result < 0) {
            char status[128];
            (void)str_format(status, sizeof(status), "Internal: the event ring cannot be read: %s",
                             strerror(-result));
            stream_end(base, status);
            return STREAM_OVER;
        }
        stream->started = true;
        if (stream->pending.size == 0)
            return STREAM_IDLE;
    }
    struct WireScan scan = {0};
    const char *event = stream->pending.data + stream->at;
    if (wire_scan(&scan, &WIRE_LIMITS_DEFAULT, event, stream->pending.size - stream->at) != WIRE_COMPLETE) {
        stream_end(base, "Internal: the event ring is damaged");
        return STREAM_OVER;
    }
    if (event_is_wanted(stream, event, scan.offset)) {
        if (stream_room(base) < scan.offset ||
            stream_send_value(base, "event", stream->sent, event, scan.offset) < 0)
            return STREAM_IDLE;
        stream->sent += scan.offset;
    }
    stream->at += scan.offset;
    return STREAM_AGAIN;
}

static const struct StreamSource event_stream_source = {.pull = event_stream_pull, .free = event_stream_free};

static int event_filters_copy(char *filters[EVENTS_FILTERS], const struct SchemaTexts *texts,
                              const char *where, struct Error *error)
{
    if (texts->count >= EVENTS_FILTERS)
        return error_set(error, ERROR_INVALID_ARGUMENT, where, "more than %d entries", EVENTS_FILTERS - 1);
    for (size_t i = 0; i < texts->count; i++) {
        filters[i] = strdup(texts->items[i]);
        if (!filters[i])
            return error_set(error, ERROR_RESOURCE_EXHAUSTED, where, "out of memory");
    }
    return 0;
}

/* A filter is an id or a name; a name or prefix of a container that exists becomes its id. */
static int event_filters_resolve(struct EventStream *stream, struct Error *error)
{
    for (size_t i = 0; i < EVENTS_FILTERS && stream->containers[i]; i++) {
        struct Container *container = NULL;
        if (container_find(stream->manager, stream->containers[i], &container, NULL) < 0)
            continue;
        char *id = strdup(container->id);
        if (!id)
            return error_set(error, ERROR_RESOURCE_EXHAUSTED, "containers", "out of memory");
        free(stream->containers[i]);
        stream->containers[i] = id;
    }
    return 0;
}

int stream_events_new(struct Manager *manager, const struct ArgSubscribe *arguments, struct Stream **ret,
                      struct Error *error)
{
    struct EventStream *stream = calloc(1, sizeof(*stream));
    if (!stream)
        return error_set(error, ERROR_RESOURCE_EXHAUSTED, NULL, "out of memory");
    stream->stream.source = &event_stream_source;
    stream->manager = manager;
    stream->subscriber.on_event = event_stream_on_event;
    event_log_subscribe(manager->events, &stream->subscriber);
    uint64_t now = event_log_next(manager->events);
    stream->next =
        arguments->from.present ? MAX(arguments->from.value, UINT64_C(1)) : now; /* numbers begin at 1 */
    int result = 0;
    if (stream->next > now)
        result = error_set(error, ERROR_INVALID_ARGUMENT, "from", "the next event will be %" PRIu64, now);
    if (result == 0)
        result = event_filters_copy(stream->types, &arguments->types, "types", error);
    if (result == 0)
        result = event_filters_copy(stream->containers, &arguments->containers, "containers", error);
    if (result == 0)
        result = event_filters_resolve(stream, error);
    if (result < 0) {
        event_stream_free(&stream->stream);
        return result;
    }
    *ret = &stream->stream;
    return 0;
}
