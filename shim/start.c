// SPDX-License-Identifier: Apache-2.0
/*
 * From CONFIG to the payload's exec. Attached clients are there before init is, so they see the first
 * byte. The plan is mapped only while init is made: init has its own copy of the mapping.
 */
#include "base/clock.h"
#include "base/fd.h"
#include "shim/shim.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The ends of the three pipes: [0] what init gets, [1] ours. */
struct Stdio {
    int ends[3][2];
};
#define STDIO_INIT                                                                                           \
    {                                                                                                        \
        .ends = { {-1, -1}, {-1, -1}, {-1, -1} }                                                             \
    }

static void stdio_close(struct Stdio *stdio)
{
    for (unsigned i = 0; i < 3; i++) {
        safe_close(stdio->ends[i][0]);
        safe_close(stdio->ends[i][1]);
    }
}

/* Only our ends do not block; the payload's are as it expects them. */
static int stdio_open(struct Stdio *stdio, bool has_stdin)
{
    for (unsigned i = has_stdin ? 0 : 1; i < 3; i++) {
        int pair[2];
        if (pipe2(pair, O_CLOEXEC) < 0)
            return -errno;
        stdio->ends[i][0] = pair[i == 0 ? 0 : 1];
        stdio->ends[i][1] = pair[i == 0 ? 1 : 0];
        int r = fd_set_nonblocking(stdio->ends[i][1], true);
        if (r < 0)
            return r;
    }
    return 0;
}

struct PlanMap {
    void *data;
    size_t size;
};

static void plan_unmap(struct PlanMap *map)
{
    if (map->data)
        munmap(map->data, map->size);
}

static int plan_map(int fd, struct PlanMap *map, struct Plan *ret_plan, struct Error *error)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "plan", "the plan cannot be read");
    if (status.st_size <= 0 || status.st_size > PLAN_SIZE_MAX)
        return error_set(error, ERROR_INTERNAL, "plan", "a plan does not have %lld bytes",
                         (long long)status.st_size);
    void *data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return error_set_errno(error, ERROR_INTERNAL, errno, "plan", "the plan cannot be mapped");
    *map = (struct PlanMap){data, (size_t)status.st_size};
    int r = plan_open(ret_plan, map->data, map->size);
    return r < 0 ? error_set_errno(error, ERROR_INTERNAL, r, "plan", "the plan is damaged") : 0;
}

static void sync_on_event(struct LoopSource *source, uint32_t events)
{
    (void)events;
    shim_follow(source->owner);
}

static int watch(struct Shim *shim, struct Stdio *stdio, struct Error *error)
{
    shim->sync.owner = shim;
    shim->sync.on_event = sync_on_event;
    int r = loop_watch(&shim->loop, &shim->sync, shim->runtime.sync_fd, EPOLLIN);
    if (r >= 0)
        r = pump_add_consume(&shim->pump, LOGLINE_STDOUT, TAKE_FD(stdio->ends[1][1]));
    if (r >= 0)
        r = pump_add_consume(&shim->pump, LOGLINE_STDERR, TAKE_FD(stdio->ends[2][1]));
    if (r >= 0 && stdio->ends[0][1] >= 0)
        r = attach_set_input_consume(&shim->attach, TAKE_FD(stdio->ends[0][1]));
    else
        attach_input_close(&shim->attach);
    return r < 0 ? error_set_errno(error, ERROR_INTERNAL, r, "stdio", "cannot be watched") : 0;
}

/* While init is still being set up: there is nothing left that it should wait for. */
static int release(struct Shim *shim, struct Error *error)
{
    int r = runtime_release(&shim->runtime);
    if (r >= 0 || r == -EPIPE) /* init is gone: the socket's end tells how */
        return 0;
    return error_set_errno(error, ERROR_RUNTIME_FAILED, r, "init", "cannot be released");
}

static int start(struct Shim *shim, struct Error *error)
{
    _cleanup_(plan_unmap) struct PlanMap map = {0};
    _cleanup_(stdio_close) struct Stdio stdio = STDIO_INIT;
    struct Plan plan;
    int r = plan_map(shim->plan_fd, &map, &plan, error);
    if (r < 0)
        return r;
    r = stdio_open(&stdio, shim->config.stdin_open);
    if (r < 0)
        return error_set_errno(error, ERROR_INTERNAL, r, "stdio", "no pipes");
    struct RuntimeIo io = {.fds = {stdio.ends[0][0], stdio.ends[1][0], stdio.ends[2][0]}};
    r = runtime_create(&shim->runtime, &plan, &io, error);
    if (r >= 0)
        r = watch(shim, &stdio, error);
    return r < 0 ? r : release(shim, error);
}

void shim_start(struct Shim *shim)
{
    struct Error error = {0};
    shim->phase = PHASE_STARTING;
    exit_slot_init(&shim->slot, shim->config.generation, EXIT_SLOT_ARMED);
    pump_set_log(&shim->pump, shim->log_dir_fd, &shim->config);
    int r = start(shim, &error);
    shim->plan_fd = safe_close(shim->plan_fd);
    if (r < 0)
        shim_fail(shim, &error);
    else
        shim->slot.init_pid = shim->runtime.init.pid;
}

/* A container that was killed before it ran has failed by request, whatever init then said. */
static void explain_request(struct Shim *shim)
{
    if (shim->slot.requested_signal)
        error_set(&shim->slot.error, ERROR_RUNTIME_FAILED, "start",
                  "ended by a request (%s, %s) before it ran", shim->slot.requested_verb,
                  shim->slot.requested_who);
}

void shim_fail(struct Shim *shim, const struct Error *error)
{
    shim->has_failed = true;
    shim->slot.error = *error;
    explain_request(shim);
    loop_unwatch(&shim->loop, &shim->sync);
    if (shim->runtime.init.fd < 0)
        shim->phase = PHASE_DRAINING;
    else
        runtime_kill(&shim->runtime); /* its end is then the end of the start */
}

static void fill_notice(const struct Shim *shim, union ShimMessage *message, enum ShimMessageKind kind)
{
    memset(&message->notice, 0, sizeof(message->notice));
    shim_message_init(message, kind, 0);
    message->notice.generation = shim->slot.generation;
    message->notice.init_pid = shim->runtime.init.pid;
    message->notice.time_usec = clock_realtime_usec();
}

void shim_warn(struct Shim *shim, const struct Error *error)
{
    union ShimMessage message;
    fill_notice(shim, &message, SHIM_WARNING);
    message.notice.error = *error;
    control_broadcast(&shim->control, &message, NULL, 0);
}

/* On disk first. A slot that cannot be written is no reason to end a container that runs. */
static void on_started(struct Shim *shim)
{
    union ShimMessage message;
    shim->phase = PHASE_RUNNING;
    shim_trim_later(shim);
    loop_unwatch(&shim->loop, &shim->sync);
    fill_notice(shim, &message, SHIM_STARTED);
    shim->slot.started_usec = message.notice.time_usec;
    shim->slot.state = EXIT_SLOT_STARTED;
    int r = exit_slot_write(shim->slot_fd, &shim->slot);
    if (r < 0) {
        struct Error error;
        error_set_errno(&error, ERROR_INTERNAL, r, "exit slot", "cannot be written");
        shim_warn(shim, &error);
    }
    control_broadcast(&shim->control, &message, &shim->runtime.init.fd, 1);
}

/* One message; false when there is none. */
static bool follow_once(struct Shim *shim)
{
    struct Error error = {0};
    bool was_watched = shim->sync.is_watched;
    /* The runtime closes the socket when it ends; epoll must have let go of it before. */
    enum RuntimeEvent event = runtime_on_sync(&shim->runtime, &error);
    if (shim->runtime.sync_fd < 0 && was_watched)
        shim->sync.is_watched = false;
    switch (event) {
    case RUNTIME_AGAIN:
        return false;
    case RUNTIME_READY: /* not to be expected from an init that was released */
        return true;
    case RUNTIME_WARNING:
        shim_warn(shim, &error);
        return true;
    case RUNTIME_STARTED:
        on_started(shim);
        return false;
    case RUNTIME_FAILED:
        shim_fail(shim, &error);
        return false;
    }
    return false;
}

void shim_follow(struct Shim *shim)
{
    while (shim->phase == PHASE_STARTING && !shim->has_failed && follow_once(shim))
        continue;
}
