// SPDX-License-Identifier: Apache-2.0
#include "supervisor/container/adopt.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "supervisor/container/death.h"
#include "supervisor/container/event.h"
#include "supervisor/container/load.h"
#include "supervisor/container/run.h"
#include "supervisor/log.h"
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

static const uint64_t ADOPT_RETRY_USEC = 200 * USEC_PER_MSEC;

struct Adoption {
    struct Manager *manager;
    struct Loaded *items;
    size_t count, capacity;
};

static void adoption_deinit(struct Adoption *adoption)
{
    for (size_t i = 0; i < adoption->count; i++)
        container_free(adoption->items[i].container);
    free(adoption->items);
}

/* --- reading --- */

static int load_one(struct Adoption *adoption, const char *id)
{
    if (adoption->count == adoption->capacity) {
        size_t capacity = adoption->capacity ? 2 * adoption->capacity : 64;
        struct Loaded *items = reallocarray(adoption->items, capacity, sizeof(*items));
        if (!items)
            return -ENOMEM;
        adoption->items = items;
        adoption->capacity = capacity;
    }
    struct Loaded *loaded = &adoption->items[adoption->count];
    *loaded = (struct Loaded){0};
    int r = load_journal(adoption->manager, id, loaded);
    if (r == 0) {
        adoption->count++;
        return 0;
    }
    if (r == -EBADMSG) {
        if (store_discard(adoption->manager->data_fd, id) != 0)
            log_event(LOG_LEVEL_ERROR, "journal.damaged", id,
                      "its definition cannot be read: it is set aside");
        return 0;
    }
    log_event(LOG_LEVEL_ERROR, "journal.unreadable", id, "%s", strerror(-r));
    return r == -ENOMEM ? r : 0;
}

static int load_all(struct Adoption *adoption)
{
    _cleanup_close_ int fd = openat(adoption->manager->data_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    int r = 0;
    if (!folder)
        return -errno;
    TAKE_FD(fd);
    for (struct dirent *entry; r == 0 && (entry = readdir(folder));) {
        if (str_is_id(entry->d_name))
            r = load_one(adoption, entry->d_name);
        else if (store_is_temporary(entry->d_name))
            unlinkat(adoption->manager->data_fd, entry->d_name, 0);
    }
    closedir(folder);
    return r;
}

/* --- events that a kill left between the record and the ring --- */

static int by_sequence(const void *a, const void *b)
{
    const struct Loaded *left = a, *right = b;
    return left->last.seq < right->last.seq ? -1 : left->last.seq > right->last.seq;
}

static int by_creation(const void *a, const void *b)
{
    const struct Loaded *left = a, *right = b;
    uint64_t x = left->container ? left->container->created_usec : 0;
    uint64_t y = right->container ? right->container->created_usec : 0;
    return x < y ? -1 : x > y;
}

static void sort_items(struct Adoption *adoption, int (*compare)(const void *, const void *))
{
    if (adoption->count > 1)
        qsort(adoption->items, adoption->count, sizeof(*adoption->items), compare);
}

static const char *event_type_of(const struct Record *record)
{
    switch (record->kind) {
    case RECORD_DEFINITION:
        return "container.created";
    case RECORD_STATE:
        return record->state == CONTAINER_STARTING ? "container.starting" : "container.started";
    case RECORD_EXIT:
        return "container.exited";
    case RECORD_RENAME:
        return "container.updated";
    case RECORD_REMOVED:
        return "container.deleted";
    case RECORD_REMOVING:
    case RECORD_KIND_COUNT:
        break;
    }
    return NULL;
}

static void pack_missing(const struct Loaded *loaded, struct Buf *data)
{
    struct WireWriter writer;
    wire_writer_init(&writer, data);
    if (loaded->last.kind == RECORD_EXIT) {
        container_pack_exit(&writer, loaded->container, &loaded->exit);
    } else if (loaded->last.kind == RECORD_RENAME) {
        wire_map(&writer, 1);
        wire_key_str(&writer, "name", loaded->last.name);
    } else if (loaded->last.kind == RECORD_STATE && loaded->last.state == CONTAINER_RUNNING) {
        wire_map(&writer, 1);
        wire_key_i64(&writer, "pid", loaded->last.pid);
    }
}

static void append_missing(struct Adoption *adoption)
{
    struct EventLog *events = adoption->manager->events;
    if (adoption->count > 0)
        sort_items(adoption, by_sequence);
    for (size_t i = 0; i < adoption->count; i++) {
        const struct Loaded *loaded = &adoption->items[i];
        _cleanup_buf_ struct Buf data = BUF_INIT;
        if (loaded->last.seq < event_log_next(events))
            continue;
        pack_missing(loaded, &data);
        struct EventHead head = {
            .seq = loaded->last.seq,
            .type = event_type_of(&loaded->last),
            .container = loaded->container->id,
            .name = loaded->container->name,
            .generation = loaded->container->generation,
        };
        event_log_append(events, &head, data.data, data.error ? 0 : data.size);
    }
}

/* --- adoption --- */

static void adopt_running(struct Container *container);

static void on_adopt_retry(void *owner)
{
    struct Container *container = owner;
    loop_timer_free(container->retry);
    container->retry = NULL;
    adopt_running(container);
}

static void adopt_running(struct Container *container)
{
    struct Manager *manager = container->manager;
    int r = shim_link_adopt(container, &container->link);
    if (r == 0)
        return;
    /* A shim that is stopped and was asked too often, or no descriptors: there is one, so ask again. */
    if ((r == -EAGAIN || r == -EMFILE || r == -ENFILE || r == -ENOMEM) &&
        loop_timer_new(manager->loop, on_adopt_retry, container, &container->retry) == 0) {
        loop_timer_start(container->retry, ADOPT_RETRY_USEC);
        return;
    }
    container_on_shim_lost(container);
}

/* The exit is stored; a shim that was not told so waits for that. */
static void adopt_exited(struct Container *container)
{
    if (shim_link_adopt(container, &container->link) == 0) {
        container_release_shim(container);
    } else {
        container_on_shim_gone(container);
    }
    container_settle(container);
}

static bool adopt(const struct Loaded *loaded, struct Container *container)
{
    struct ExitSlot slot;
    bool same_boot = str_equal(loaded->boot, container->manager->boot);
    switch (container->state) {
    case CONTAINER_STARTING:
    case CONTAINER_RUNNING:
    case CONTAINER_STOPPING:
        if (same_boot) {
            adopt_running(container);
            return container->link;
        }
        death_slot_unknown(&slot, container->generation, "host-restart");
        slot.started_usec = container->started_usec;
        container_on_exited(container, &slot);
        return false;
    case CONTAINER_EXITED:
        if (same_boot)
            adopt_exited(container);
        else
            container_settle(container);
        return false;
    case CONTAINER_REMOVING:
        container_resume_removal(container);
        return false;
    case CONTAINER_CREATED:
    case CONTAINER_GONE:
    case CONTAINER_STATE_COUNT:
        break;
    }
    return false;
}

/* Two of one name cannot be, but a damaged disk can say so: the later one goes by its id. */
static int enter(struct Container *container)
{
    int r = container_register(container);
    if (r != -EEXIST)
        return r;
    char *name = strdup(container->id);
    if (!name)
        return -ENOMEM;
    free(container->name);
    container->name = name;
    return container_register(container);
}

int adopt_all(struct Manager *manager, unsigned *ret_adopted, struct Error *error)
{
    _cleanup_(adoption_deinit) struct Adoption adoption = {.manager = manager};
    unsigned adopted = 0;
    int r = load_all(&adoption);
    if (r < 0)
        return error_set_errno(error, ERROR_INTERNAL, r, "data-dir", "cannot read the containers");
    append_missing(&adoption);
    if (adoption.count > 0)
        sort_items(&adoption, by_creation);
    for (size_t i = 0; i < adoption.count; i++) {
        struct Loaded *loaded = &adoption.items[i];
        if (loaded->removed) {
            (void)store_remove(manager->data_fd, loaded->container->id);
            continue;
        }
        r = enter(loaded->container);
        if (r < 0)
            return error_set_errno(error, ERROR_INTERNAL, r, "data-dir", "cannot enter %s",
                                   loaded->container->id);
        struct Container *container = TAKE_PTR(loaded->container);
        adopted += adopt(loaded, container);
    }
    orphans_remove(manager);
    *ret_adopted = adopted;
    return 0;
}
