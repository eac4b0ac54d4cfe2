// SPDX-License-Identifier: Apache-2.0
#include "supervisor/container/load.h"
#include "base/str.h"
#include "supervisor/container/create.h"

struct Loading {
    struct Manager *manager;
    const char *id;
    struct Loaded *loaded;
};

static int load_definition(const struct Loading *loading, const struct Record *record)
{
    struct ArgCreate arguments = {0};
    struct Loaded *loaded = loading->loaded;
    msgpack_zone zone;
    if (!str_equal(record->id, loading->id))
        return -EBADMSG;
    loaded->container = container_new(loading->manager, record->id, record->name);
    if (!loaded->container || !msgpack_zone_init(&zone, 4096))
        return -ENOMEM;
    loaded->container->created_usec = record->time_usec;
    loaded->container->owner_uid = record->owner_uid;
    int r = schema_decode(schema_method("container.create")->arguments, record->arguments, &zone, &arguments,
                          &loaded->error);
    if (r == 0)
        r = container_apply(loaded->container, &arguments, record->arguments);
    msgpack_zone_destroy(&zone);
    return r;
}

static void load_state(struct Loaded *loaded, const struct Record *record)
{
    struct Container *container = loaded->container;
    container->state = record->state;
    container->generation = record->generation;
    container->init_pid = record->pid;
    container->finished_usec = 0;
    container->started_usec = record->state == CONTAINER_RUNNING ? record->time_usec : 0;
    loaded->has_exit = false;
    memcpy(loaded->boot, record->boot, sizeof(loaded->boot));
}

static void load_exit(struct Loaded *loaded, const struct Record *record)
{
    struct Container *container = loaded->container;
    container->state = CONTAINER_EXITED;
    container->generation = record->generation;
    container->init_pid = 0;
    container->started_usec = record->slot->started_usec;
    container->finished_usec = record->slot->finished_usec ? record->slot->finished_usec : record->time_usec;
    loaded->exit = *record->slot;
    loaded->has_exit = true;
}

static int load_name(struct Loaded *loaded, const struct Record *record)
{
    char *name = strdup(record->name);
    if (!name)
        return -ENOMEM;
    free(loaded->container->name);
    loaded->container->name = name;
    return 0;
}

static int load_record(void *owner, const struct Record *record)
{
    const struct Loading *loading = owner;
    struct Loaded *loaded = loading->loaded;
    if (record->seq) {
        loaded->last = *record;
        loaded->last.arguments = NULL; /* they go with the journal's bytes */
        loaded->last.config = NULL;
        loaded->last.slot = NULL;
    }
    switch (record->kind) {
    case RECORD_DEFINITION:
        return load_definition(loading, record);
    case RECORD_STATE:
        load_state(loaded, record);
        return 0;
    case RECORD_EXIT:
        load_exit(loaded, record);
        return 0;
    case RECORD_RENAME:
        return load_name(loaded, record);
    case RECORD_REMOVING:
        loaded->container->state = CONTAINER_REMOVING;
        return 0;
    case RECORD_REMOVED:
        loaded->removed = true;
        return 0;
    case RECORD_KIND_COUNT:
        break;
    }
    return -EBADMSG;
}

int load_journal(struct Manager *manager, const char *id, struct Loaded *ret)
{
    struct Loading loading = {manager, id, ret};
    int r = store_read(manager->data_fd, id, true, load_record, &loading);
    if (r == 0 && ret->has_exit)
        container_keep_exit(ret->container, &ret->exit);
    if (r < 0) {
        container_free(TAKE_PTR(ret->container));
        return r;
    }
    return 0;
}
