// SPDX-License-Identifier: Apache-2.0
/*
 * Create: everything is decided before anything is written. The commit point is the whole DEFINITION
 * record in the journal; what is in RUN before or after it is made again or removed by the next start
 * of davitd.
 */
#include "supervisor/container/create.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "protocol/shim/message.h"
#include "supervisor/container/define.h"
#include "supervisor/container/event.h"
#include "supervisor/container/hosts.h"
#include "supervisor/container/inspect.h"
#include "supervisor/log.h"
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOG_MAX_FILES_DEFAULT = 5, FOLDER_DEPTH_MAX = 16 };
static const uint64_t LOG_MAX_SIZE_DEFAULT = UINT64_C(100) << 20, STOP_TIMEOUT_DEFAULT = 10 * USEC_PER_SEC;

static uint8_t when_full_of(const char *word)
{
    static const struct {
        const char *word;
        enum ShimWhenFull value;
    } WORDS[] = {{"drop-oldest", SHIM_DROP_OLDEST}, {"drop-newest", SHIM_DROP_NEWEST}, {"block", SHIM_BLOCK}};
    for (size_t i = 0; i < ELEMENTSOF(WORDS); i++)
        if (str_equal(WORDS[i].word, word))
            return (uint8_t)WORDS[i].value;
    return SHIM_DROP_OLDEST;
}

int container_apply(struct Container *container, const struct ArgCreate *arguments, const msgpack_object *map)
{
    const struct ArgLog *log = &arguments->log;
    container->stdin_open = arguments->stdin_open;
    container->auto_remove = arguments->auto_remove;
    container->stop_signal = arguments->stop.signal ? arguments->stop.signal : SIGTERM;
    container->stop_timeout_usec =
        arguments->stop.timeout_usec.present ? arguments->stop.timeout_usec.value : STOP_TIMEOUT_DEFAULT;
    container->log.enabled = log->sinks.count == 0 || !str_equal(log->sinks.items[0], "none");
    container->log.when_full = when_full_of(log->when_full);
    container->log.max_size = log->max_size.present ? log->max_size.value : LOG_MAX_SIZE_DEFAULT;
    container->log.max_files =
        log->max_files.present ? (uint32_t)log->max_files.value : LOG_MAX_FILES_DEFAULT;
    return container_keep_summary(container, map);
}

/* --- RUN/containers/<id> --- */

static int write_run(struct Manager *manager, const char *id, const struct ArgCreate *arguments,
                     const struct Definition *definition, struct Error *error)
{
    int r = 0;
    if (mkdirat(manager->run_fd, id, 0700) < 0 && errno != EEXIST)
        return error_set_errno(error, ERROR_INTERNAL, errno, "run-dir", "cannot make the folder of %s", id);
    _cleanup_close_ int directory =
        openat(manager->run_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "run-dir", "cannot open the folder of %s", id);
    if (!arguments->bundle)
        r = hosts_write(directory, definition->hostname, str_equal(arguments->network, "host"));
    if (r == 0 && arguments->host && mkdirat(directory, "overlay", 0700) < 0 && errno != EEXIST)
        r = -errno;
    /* The plan comes last: it being there means that all is. */
    if (r == 0)
        r = file_create(directory, "plan", definition->plan, definition->plan_size, 0600);
    if (r < 0)
        return error_set_errno(error, ERROR_INTERNAL, r, "run-dir", "cannot write the plan of %s", id);
    return 0;
}

struct Prepare {
    struct Container *container;
    struct Error *error;
};

static int prepare_from(void *owner, const struct Record *record)
{
    const struct Prepare *prepare = owner;
    struct Container *container = prepare->container;
    _cleanup_definition_ struct Definition definition = {0};
    _cleanup_buf_ struct Buf warnings = BUF_INIT;
    struct ArgCreate arguments = {0};
    msgpack_zone zone;
    if (record->kind != RECORD_DEFINITION)
        return 0;
    if (!msgpack_zone_init(&zone, 4096))
        return define_no_memory(prepare->error);
    int r = schema_decode(schema_method("container.create")->arguments, record->arguments, &zone, &arguments,
                          prepare->error);
    const struct DefineInput input = {
        .manager = container->manager,
        .id = container->id,
        .name = record->name, /* the hostname stays what it was */
        .arguments = &arguments,
        .map = record->arguments,
        .config = record->config,
        .config_size = record->config_size,
    };
    if (r == 0)
        r = define_make(&input, &definition, &warnings, prepare->error);
    if (r == 0)
        r = write_run(container->manager, container->id, &arguments, &definition, prepare->error);
    msgpack_zone_destroy(&zone);
    return r;
}

int container_prepare_run(struct Container *container, struct Error *error)
{
    struct Manager *manager = container->manager;
    struct Prepare prepare = {container, error};
    char plan[80];
    struct stat st;
    (void)str_format(plan, sizeof(plan), "%s/plan", container->id);
    if (fstatat(manager->run_fd, plan, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    int r = store_read(manager->data_fd, container->id, false, prepare_from, &prepare);
    if (r < 0 && error->code == ERROR_NONE)
        error_set_errno(error, ERROR_INTERNAL, r, "journal", "cannot read the definition of %s",
                        container->id);
    return r;
}

/* --- create --- */

static int choose_id(struct Manager *manager, const struct ArgCreate *arguments, char id[65],
                     struct Error *error)
{
    unsigned char random[8];
    if (arguments->id) {
        int r = container_check_free(manager, arguments->id, "id", error);
        return r < 0 ? r : (str_format(id, 65, "%s", arguments->id) ? 0 : -EINVAL);
    }
    do {
        if (getrandom(random, sizeof(random), 0) != sizeof(random))
            return error_set_errno(error, ERROR_INTERNAL, errno, "id", "no random numbers");
        str_hex(random, sizeof(random), id);
    } while (map_get(manager->by_id, id) || map_get(manager->by_name, id));
    return 0;
}

static int make_container(struct Manager *manager, const struct CreateRequest *request,
                          struct Container **ret, struct Error *error)
{
    char id[65];
    const struct ArgCreate *arguments = request->arguments;
    int r = choose_id(manager, arguments, id, error);
    if (r == 0 && arguments->name && !str_equal(arguments->name, id))
        r = container_check_free(manager, arguments->name, "name", error);
    if (r < 0)
        return r;
    _cleanup_container_ struct Container *container =
        container_new(manager, id, arguments->name ? arguments->name : id);
    if (!container || container_apply(container, arguments, request->map) < 0)
        return define_no_memory(error);
    container->owner_uid = request->owner_uid;
    container->created_usec = clock_realtime_usec();
    *ret = TAKE_PTR(container);
    return 0;
}

static int commit(struct Container *container, const struct CreateRequest *request,
                  const struct Definition *definition, struct Error *error)
{
    struct Manager *manager = container->manager;
    struct Record record = {
        .kind = RECORD_DEFINITION,
        .seq = event_log_next(manager->events),
        .time_usec = container->created_usec,
        .owner_uid = container->owner_uid,
        .arguments = request->map,
        .config = definition->config,
        .config_size = definition->config_size,
    };
    (void)str_format(record.id, sizeof(record.id), "%s", container->id);
    (void)str_format(record.name, sizeof(record.name), "%s", container->name);
    if (container_register(container) < 0)
        return define_no_memory(error);
    int r = store_create(manager->data_fd, container->id, &record, error);
    if (r < 0) {
        container_unregister(container);
        return r;
    }
    struct EventHead head = {
        .seq = record.seq, .type = "container.created", .container = container->id, .name = container->name};
    event_log_append(manager->events, &head, NULL, 0);
    return 0;
}

int container_create(struct Manager *manager, const struct CreateRequest *request, struct Container **ret,
                     struct Buf *warnings, struct Error *error)
{
    _cleanup_definition_ struct Definition definition = {0};
    _cleanup_container_ struct Container *container = NULL;
    int r = define_check(request->arguments, request->map, error);
    if (r == 0)
        r = make_container(manager, request, &container, error);
    if (r < 0)
        return r;
    const struct DefineInput input = {
        .manager = manager,
        .id = container->id,
        .name = container->name,
        .arguments = request->arguments,
        .map = request->map,
    };
    r = define_make(&input, &definition, warnings, error);
    if (r == 0)
        r = write_run(manager, container->id, request->arguments, &definition, error);
    if (r == 0)
        r = commit(container, request, &definition, error);
    if (r < 0) {
        (void)tree_remove(manager->run_fd, container->id, FOLDER_DEPTH_MAX);
        return r;
    }
    *ret = TAKE_PTR(container);
    return 0;
}
