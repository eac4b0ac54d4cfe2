// SPDX-License-Identifier: Apache-2.0
#include "supervisor/manager.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "supervisor/api/rpc/server.h"
#include "supervisor/api/stream/log-notify.h"
#include "supervisor/container/adopt.h"
#include "supervisor/container/container.h"
#include "supervisor/container/define.h"
#include "supervisor/container/event.h"
#include "supervisor/log.h"
#include "supervisor/places.h"
#include "supervisor/shim-link/link-internal.h"
#include "supervisor/shim-link/scope.h"
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint64_t IDLE_USEC = 60 * USEC_PER_SEC;

/* --- facts --- */

static const char *find_missing_call(void)
{
    struct clone_args clone = {0};
    struct open_how how = {0};
    struct mount_attr attributes = {0};
    /* Each with arguments that a kernel which knows the call refuses. */
    if (sys_clone3(&clone, 0) < 0 && errno == ENOSYS)
        return "clone3";
    if (sys_openat2(-1, "", &how, 0) < 0 && errno == ENOSYS)
        return "openat2";
    if (sys_close_range(2, 1, 0) < 0 && errno == ENOSYS)
        return "close_range";
    if (sys_mount_setattr(-1, "", 0, &attributes, 0) < 0 && errno == ENOSYS)
        return "mount_setattr";
    return NULL;
}

static int gather_facts(struct Manager *manager, struct Error *error)
{
    manager->started_usec = clock_realtime_usec();
    manager->missing_call = find_missing_call();
    if (getrlimit(RLIMIT_NOFILE, &manager->descriptors) == 0) {
        struct rlimit raised = {manager->descriptors.rlim_max, manager->descriptors.rlim_max};
        (void)setrlimit(RLIMIT_NOFILE, &raised);
    }
    int r = place_read_boot(manager->boot, error);
    return r < 0 ? r : plan_host_probe(&manager->host, error);
}

/* --- folders --- */

static int open_run(struct Manager *manager, struct Error *error)
{
    const struct Places *places = &manager->places;
    int r = place_open(places->run_dir, 0710, "run-dir", &manager->run_lock, error);
    if (r == 0)
        r = place_lock(manager->run_lock, places->run_dir, "run-dir", error);
    if (r == 0)
        r = place_begin_boot(manager->run_lock, manager->boot, error);
    if (r < 0)
        return r;
    gid_t group = geteuid() == 0 ? rpc_socket_group() : (gid_t)-1;
    if (group != (gid_t)-1 &&
        (fchown(manager->run_lock, (uid_t)-1, group) < 0 || fchmod(manager->run_lock, 0710) < 0))
        return error_set_errno(error, ERROR_INTERNAL, errno, "run-dir", "cannot give %s to its group",
                               places->run_dir);
    return place_open_below(manager->run_lock, "containers", "run-dir", &manager->run_fd, error);
}

static int open_data(struct Manager *manager, int *ret_events, struct Error *error)
{
    const struct Places *places = &manager->places;
    _cleanup_close_ int cache = -1;
    int r = place_open(places->data_dir, 0700, "data-dir", &manager->data_lock, error);
    if (r == 0)
        r = place_lock(manager->data_lock, places->data_dir, "data-dir", error);
    if (r == 0)
        r = place_read_instance(manager->data_lock, manager->instance, error);
    if (r == 0)
        r = place_open_below(manager->data_lock, "containers", "data-dir", &manager->data_fd, error);
    if (r == 0)
        r = place_open_below(manager->data_lock, "cache", "data-dir", &cache, error);
    if (r == 0)
        r = place_open_below(cache, "seccomp", "data-dir", &manager->seccomp_cache_fd, error);
    if (r == 0)
        r = place_open(places->log_dir, 0700, "log-dir", &manager->log_fd, error);
    if (r == 0)
        r = place_mark(manager->log_fd, manager->instance, error);
    return r == 0 ? place_open_below(manager->data_lock, "events", "data-dir", ret_events, error) : r;
}

/* --- signals and idleness --- */

static void on_signal(void *owner, int signal)
{
    struct Manager *manager = owner;
    (void)signal;
    manager->stopping = true;
    loop_stop(manager->loop);
}

static void on_idle(void *owner)
{
    struct Manager *manager = owner;
    log_event(LOG_LEVEL_NOTICE, "daemon.idle", NULL, "nobody has needed davitd for a while");
    on_signal(manager, 0);
}

static bool is_needed(const struct Manager *manager)
{
    if (manager->server && manager->server->connection_count > 0)
        return true;
    LIST_FOREACH (node, &manager->containers) {
        enum ContainerState state = CONTAINER_OF(node, struct Container, manager_node)->state;
        if (state != CONTAINER_CREATED && state != CONTAINER_EXITED)
            return true;
    }
    return false;
}

void manager_idle_changed(struct Manager *manager)
{
    if (!manager->idle || manager->stopping)
        return;
    if (is_needed(manager))
        loop_timer_stop(manager->idle);
    else
        loop_timer_start(manager->idle, IDLE_USEC);
}

static int watch_signals(struct Manager *manager, struct Error *error)
{
    int r = loop_signal_new(manager->loop, SIGTERM, on_signal, manager, &manager->on_terminate);
    if (r == 0)
        r = loop_signal_new(manager->loop, SIGINT, on_signal, manager, &manager->on_interrupt);
    if (r == 0 && manager->autostarted)
        r = loop_timer_new(manager->loop, on_idle, manager, &manager->idle);
    return r < 0 ? error_set_errno(error, ERROR_INTERNAL, r, "signals", "cannot be watched") : 0;
}

/* --- life --- */

static int prepare(struct Manager *manager, struct Error *error)
{
    manager->by_id = map_new();
    manager->by_name = map_new();
    manager->filters = filter_cache_new();
    if (!manager->by_id || !manager->by_name || !manager->filters)
        return error_set(error, ERROR_RESOURCE_EXHAUSTED, NULL, "out of memory");
    manager->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (manager->null_fd < 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "/dev/null", "cannot be opened");
    int r = loop_new(&manager->loop);
    return r < 0 ? error_set_errno(error, ERROR_INTERNAL, r, "loop", "cannot be made") : 0;
}

static void tell_started(struct Manager *manager, unsigned adopted)
{
    _cleanup_buf_ struct Buf data = BUF_INIT;
    struct WireWriter writer;
    wire_writer_init(&writer, &data);
    wire_map(&writer, 4);
    wire_key_str(&writer, "version", DAVIT_VERSION);
    wire_key_str(&writer, "instance", manager->instance);
    wire_key_u64(&writer, "pid", (uint64_t)getpid());
    wire_key_u64(&writer, "adopted", adopted);
    const struct EventHead head = {.type = "daemon.started"};
    event_log_append(manager->events, &head, data.data, data.error ? 0 : data.size);
    log_event(LOG_LEVEL_NOTICE, "daemon.started", NULL,
              "davitd %s serves %s (instance %s, %zu containers, %u with a shim)", DAVIT_VERSION,
              manager->places.socket, manager->instance, map_size(manager->by_id), adopted);
}

static int start(struct Manager *manager, int listen_fd_take, struct Error *error)
{
    _cleanup_close_ int listener = listen_fd_take, events = -1;
    unsigned adopted = 0;
    int r = prepare(manager, error);
    if (r == 0)
        r = gather_facts(manager, error);
    if (r == 0)
        r = open_run(manager, error);
    if (r == 0)
        r = open_data(manager, &events, error);
    if (r == 0)
        r = event_log_open(TAKE_FD(events), manager->boot, NULL, NULL, &manager->events, error);
    if (r == 0)
        r = watch_signals(manager, error);
    /* A socket that somebody serves is refused before any container is touched. */
    if (r == 0)
        r = rpc_server_new(manager, TAKE_FD(listener), &manager->server, error);
    if (r == 0)
        r = adopt_all(manager, &adopted, error);
    if (r < 0)
        return r;
    tell_started(manager, adopted);
    manager_idle_changed(manager);
    return 0;
}

int manager_new(const struct Options *options, const struct Places *places, int listen_fd_take,
                struct Manager **ret, struct Error *error)
{
    _cleanup_close_ int listener = listen_fd_take;
    struct Manager *manager = calloc(1, sizeof(*manager));
    if (!manager)
        return error_set(error, ERROR_RESOURCE_EXHAUSTED, NULL, "out of memory");
    manager->places = *places;
    manager->autostarted = options->autostarted;
    manager->run_lock = manager->data_lock = manager->run_fd = manager->data_fd = manager->log_fd = -1;
    manager->seccomp_cache_fd = manager->null_fd = -1;
    list_init(&manager->containers);
    list_init(&manager->lingering);
    list_init(&manager->orphans);
    int r = start(manager, TAKE_FD(listener), error);
    if (r < 0) {
        manager_free(manager);
        return r;
    }
    *ret = manager;
    return 0;
}

void manager_free(struct Manager *manager)
{
    if (!manager)
        return;
    manager->stopping = true;
    rpc_server_free(TAKE_PTR(manager->server));
    log_notify_free(TAKE_PTR(manager->log_notify));
    while (!list_is_empty(&manager->containers))
        container_abandon(CONTAINER_OF(manager->containers.next, struct Container, manager_node));
    while (!list_is_empty(&manager->lingering))
        shim_link_free(CONTAINER_OF(manager->lingering.next, struct ShimLink, node));
    orphans_free(manager);
    if (manager->loop)
        scope_tidy(manager);
    event_log_free(manager->events);
    filter_cache_free(manager->filters);
    buf_deinit(&manager->description);
    map_free(manager->by_name);
    map_free(manager->by_id);
    loop_signal_free(manager->on_terminate);
    loop_signal_free(manager->on_interrupt);
    loop_timer_free(manager->idle);
    loop_timer_free(manager->tidy);
    if (loop_free(manager->loop) != 0)
        log_event(LOG_LEVEL_ERROR, "daemon.leak", NULL, "something still watched the loop at its end");
    safe_close(manager->null_fd);
    safe_close(manager->seccomp_cache_fd);
    safe_close(manager->log_fd);
    safe_close(manager->data_fd);
    safe_close(manager->run_fd);
    safe_close(manager->data_lock);
    safe_close(manager->run_lock);
    free(manager);
}

int manager_run(struct Manager *manager)
{
    return loop_run(manager->loop);
}
