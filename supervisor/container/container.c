// SPDX-License-Identifier: Apache-2.0
/*
 * The container's object, the tables that find it, and the one writer of its state. The order in
 * container_set_state() is the promise: record on disk, event on disk, memory, then everybody who
 * watches. A number of an event is in the record that goes with it, so that a kill between the two is
 * made up for at the next start.
 */
#include "supervisor/container/container.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "supervisor/container/event.h"
#include "supervisor/container/lost.h"
#include "supervisor/container/store.h"
#include "supervisor/shim-link/link.h"
#include "supervisor/shim-link/scope.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct Container *container_new(struct Manager *manager, const char *id, const char *name)
{
    struct Container *container = calloc(1, sizeof(*container));
    if (!container)
        return NULL;
    container->manager = manager;
    container->init = (struct PidRef)PIDREF_INIT;
    list_init(&container->watches);
    list_init(&container->attachments);
    (void)str_format(container->id, sizeof(container->id), "%s", id);
    container->name = strdup(name);
    if (!container->name) {
        free(container);
        return NULL;
    }
    return container;
}

static void drop_list(struct ListNode *list)
{
    LIST_FOREACH (node, list)
        list_remove(node); /* their owners look after themselves */
}

void container_free(struct Container *container)
{
    if (!container)
        return;
    drop_list(&container->watches);
    drop_list(&container->attachments);
    loop_defer_cancel(container->manager->loop, &container->settle);
    loop_timer_free(container->retry);
    scope_free(container->scope);
    container_forget_loss(container);
    shim_link_free(container->link);
    shim_link_free(container->leaving_link);
    pidref_deinit(&container->init);
    free(container->exit_unsaved);
    free(container->summary);
    free(container->exit_summary);
    buf_deinit(&container->warnings);
    free(container->name);
    free(container);
}

int container_register(struct Container *container)
{
    struct Manager *manager = container->manager;
    int r = map_add(manager->by_id, container->id, container);
    if (r < 0)
        return r;
    r = map_add(manager->by_name, container->name, container);
    if (r < 0) {
        map_remove(manager->by_id, container->id);
        return r;
    }
    list_append(&manager->containers, &container->manager_node);
    return 0;
}

void container_unregister(struct Container *container)
{
    struct Manager *manager = container->manager;
    if (map_get(manager->by_id, container->id) == container)
        map_remove(manager->by_id, container->id);
    if (map_get(manager->by_name, container->name) == container)
        map_remove(manager->by_name, container->name);
    list_remove(&container->manager_node);
}

/* --- finding --- */

enum { REFERENCE_PREFIX_MIN = 4 };

int container_find(struct Manager *manager, const char *reference, struct Container **ret,
                   struct Error *error)
{
    struct Container *found = map_get(manager->by_id, reference);
    if (!found)
        found = map_get(manager->by_name, reference);
    if (!found && strlen(reference) >= REFERENCE_PREFIX_MIN) {
        size_t cursor = 0, matches = 0;
        struct Container *container;
        while ((container = map_next(manager->by_id, &cursor)) && matches < 2)
            if (str_starts_with(container->id, reference)) {
                found = container;
                matches++;
            }
        if (matches > 1)
            return error_set(error, ERROR_INVALID_ARGUMENT, "container", "more than one id begins with %s",
                             reference);
    }
    if (!found)
        return error_set(error, ERROR_NOT_FOUND, "container", "no such container: %s", reference);
    *ret = found;
    return 0;
}

int container_check_free(struct Manager *manager, const char *reference, const char *where,
                         struct Error *error)
{
    if (!str_is_id(reference))
        return error_set(error, ERROR_INVALID_ARGUMENT, where,
                         "must be a letter or digit and then at most 63 of letters, digits, _ . + -");
    if (map_get(manager->by_id, reference) || map_get(manager->by_name, reference))
        return error_set(error, ERROR_ALREADY_EXISTS, where, "there is a container %s already", reference);
    return 0;
}

/* --- watching --- */

void container_watch(struct Container *container, struct ContainerWatch *watch)
{
    list_remove(&watch->node);
    list_append(&container->watches, &watch->node);
}

void container_unwatch(struct ContainerWatch *watch)
{
    list_remove(&watch->node);
}

/* Watches that go away or come while others are told are safe: each is moved over before its turn. */
static void tell_watches(struct Container *container)
{
    struct ListNode pending;
    list_init(&pending);
    LIST_FOREACH (node, &container->watches) {
        list_remove(node);
        list_append(&pending, node);
    }
    while (!list_is_empty(&pending)) {
        struct ContainerWatch *watch = CONTAINER_OF(pending.next, struct ContainerWatch, node);
        list_remove(&watch->node);
        list_append(&container->watches, &watch->node);
        watch->on_change(watch, container);
    }
}

/* --- the state --- */

int container_check(const struct Container *container, enum ContainerInput input, struct Error *error)
{
    static const char *const VERBS[INPUT_COUNT] = {
        [INPUT_START] = "started",   [INPUT_STARTED] = "running",    [INPUT_STOP] = "stopped",
        [INPUT_KILL] = "killed",     [INPUT_EXIT] = "ended",         [INPUT_DELETE] = "deleted",
        [INPUT_REMOVED] = "removed", [INPUT_ATTACH] = "attached to", [INPUT_RENAME] = "renamed",
    };
    if (container_state_next(container->state, input) >= 0)
        return 0;
    return error_set(error, ERROR_WRONG_STATE, "container", "%s is %s and cannot be %s", container->name,
                     container_state_name(container->state), VERBS[input]);
}

static const char *const EVENT_TYPES[CONTAINER_STATE_COUNT] = {
    [CONTAINER_CREATED] = "container.created", [CONTAINER_STARTING] = "container.starting",
    [CONTAINER_RUNNING] = "container.started", [CONTAINER_EXITED] = "container.exited",
    [CONTAINER_GONE] = "container.deleted",
};

/* 0 with a record to store; 1: this state is not stored (a stop's deadline lives in the shim). */
static int fill_record(const struct Container *container, enum ContainerState state,
                       const struct ExitSlot *slot, struct Record *record)
{
    record->time_usec = clock_realtime_usec();
    record->generation = container->generation;
    record->seq = EVENT_TYPES[state] ? event_log_next(container->manager->events) : 0;
    record->state = state;
    (void)str_format(record->boot, sizeof(record->boot), "%s", container->manager->boot);
    switch (state) {
    case CONTAINER_STARTING:
        record->kind = RECORD_STATE;
        record->generation++;
        return 0;
    case CONTAINER_RUNNING:
        record->kind = RECORD_STATE;
        record->pid = container->init_pid;
        record->time_usec = container->started_usec;
        return 0;
    case CONTAINER_EXITED:
        record->kind = RECORD_EXIT;
        record->slot = slot;
        return 0;
    case CONTAINER_REMOVING:
        record->kind = RECORD_REMOVING;
        return 0;
    case CONTAINER_GONE:
        record->kind = RECORD_REMOVED;
        return 0;
    case CONTAINER_CREATED:
    case CONTAINER_STOPPING:
    case CONTAINER_STATE_COUNT:
        break;
    }
    return 1;
}

static void pack_event_data(const struct Container *container, enum ContainerState state,
                            const struct ExitSlot *slot, struct Buf *out)
{
    struct WireWriter writer;
    wire_writer_init(&writer, out);
    if (state == CONTAINER_EXITED) {
        container_pack_exit(&writer, container, slot);
    } else if (state == CONTAINER_RUNNING) {
        wire_map(&writer, container->warnings.size ? 2 : 1);
        wire_key_i64(&writer, "pid", container->init_pid);
        if (container->warnings.size) {
            wire_key(&writer, "warnings");
            container_pack_lines(&writer, &container->warnings);
        }
    }
}

void container_pack_lines(struct WireWriter *writer, const struct Buf *lines)
{
    size_t count = 0;
    for (size_t i = 0; i < lines->size; i++)
        count += lines->data[i] == '\n' || i + 1 == lines->size;
    wire_array(writer, count);
    if (count == 0)
        return;
    const char *end = lines->data + lines->size;
    for (const char *at = lines->data; at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop ? stop : end;
        msgpack_pack_str_with_body(&writer->packer, at, (size_t)(stop - at));
        at = stop + 1;
    }
}

static void append_event(struct Container *container, enum ContainerState state, const struct Record *record,
                         const struct ExitSlot *slot)
{
    _cleanup_buf_ struct Buf data = BUF_INIT;
    pack_event_data(container, state, slot, &data);
    struct EventHead head = {
        .seq = record->seq,
        .type = EVENT_TYPES[state],
        .container = container->id,
        .name = container->name,
        .generation = record->generation,
    };
    event_log_append(container->manager->events, &head, data.data, data.error ? 0 : data.size);
}

static void apply_state(struct Container *container, enum ContainerState state, const struct Record *record,
                        const struct ExitSlot *slot)
{
    container->state = state;
    container->generation = record->generation;
    if (state == CONTAINER_STARTING) {
        container->started_usec = container->finished_usec = 0;
        container->requested.signal = 0;
        container->init_pid = 0;
        container->wants_restart = false;
        container_keep_exit(container, NULL);
    } else if (state == CONTAINER_EXITED) {
        container->finished_usec = slot->finished_usec ? slot->finished_usec : record->time_usec;
        container->init_pid = 0;
        pidref_deinit(&container->init);
        buf_deinit(&container->warnings);
        container_keep_exit(container, slot);
    }
}

int container_set_state(struct Container *container, enum ContainerState state, const struct ExitSlot *slot,
                        struct Error *error)
{
    struct Record record = {0};
    bool stored = fill_record(container, state, slot, &record) == 0;
    if (stored) {
        int r = store_append(container->manager->data_fd, container->id, &record, error);
        /* It runs, whatever the disk says; the shim tells the next davitd. */
        if (r < 0 && state != CONTAINER_RUNNING)
            return r;
    }
    if (EVENT_TYPES[state])
        append_event(container, state, &record, slot);
    apply_state(container, state, &record, slot);
    container->exit = slot;
    if (state == CONTAINER_GONE)
        container_unregister(container);
    tell_watches(container);
    container->exit = NULL;
    struct Manager *manager = container->manager;
    if (state == CONTAINER_GONE)
        container_free(container);
    manager_idle_changed(manager);
    return 0;
}

void container_abandon(struct Container *container)
{
    container->state = CONTAINER_GONE;
    container_unregister(container);
    tell_watches(container);
    container_free(container);
}

int container_rename(struct Container *container, const char *name, struct Error *error)
{
    struct Manager *manager = container->manager;
    struct Record record = {.kind = RECORD_RENAME, .time_usec = clock_realtime_usec()};
    _cleanup_buf_ struct Buf data = BUF_INIT;
    struct WireWriter writer;

    if (str_equal(name, container->name))
        return 0;
    int r = container_check(container, INPUT_RENAME, error);
    if (r == 0 && !str_equal(name, container->id)) /* going back to the id is always possible */
        r = container_check_free(manager, name, "name", error);
    if (r < 0)
        return r;
    _cleanup_free_ char *copy = strdup(name);
    if (!copy || map_add(manager->by_name, copy, container) < 0)
        return error_set(error, ERROR_RESOURCE_EXHAUSTED, NULL, "out of memory");
    (void)str_format(record.name, sizeof(record.name), "%s", name);
    record.seq = event_log_next(manager->events);
    r = store_append(manager->data_fd, container->id, &record, error);
    if (r < 0) {
        map_remove(manager->by_name, copy);
        return r;
    }
    wire_writer_init(&writer, &data);
    wire_map(&writer, 1);
    wire_key_str(&writer, "name", name);
    map_remove(manager->by_name, container->name);
    free(container->name);
    container->name = TAKE_PTR(copy);
    struct EventHead head = {.seq = record.seq,
                             .type = "container.updated",
                             .container = container->id,
                             .name = container->name,
                             .generation = container->generation};
    event_log_append(manager->events, &head, data.data, data.error ? 0 : data.size);
    return 0;
}

/* --- its places --- */

int container_open_log(struct Container *container)
{
    int directory = container->manager->log_fd;
    int fd = openat(directory, container->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 || errno != ENOENT || container->state == CONTAINER_REMOVING)
        return fd < 0 ? -errno : fd;
    if (mkdirat(directory, container->id, 0700) < 0 && errno != EEXIST)
        return -errno;
    fd = openat(directory, container->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int container_open_run(const struct Container *container)
{
    int fd =
        openat(container->manager->run_fd, container->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int container_cgroup_path(const struct Manager *manager, const char *id, char *ret, size_t size)
{
    return str_format(ret, size, "%s/%.8s/%s", manager->places.cgroup_parent, manager->instance, id)
               ? 0
               : -ENAMETOOLONG;
}
