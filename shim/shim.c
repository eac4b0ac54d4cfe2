// SPDX-License-Identifier: Apache-2.0
#include "shim/shim.h"
#include "base/clock.h"
#include "base/fd.h"
#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    CONFIG_WAIT_USEC = 10000000,
    LINGER_USEC = 200000, /* for attached clients that have not read their end yet */
    TRIM_USEC = 200000,
    STACK_KEPT = 1024, /* below the frame that trims; also more than any red zone */
    STACK_TRIMMED = 128 << 10,
};

static void nothing_on_expired(struct LoopTimer *timer)
{
    (void)timer; /* the step itself lets shim_advance() look at the time */
}

/* What the stack below us holds is of calls that have returned. Parts of the range that were never
 * touched are no mapping: the error is meant to be ignored. */
static void trim_on_expired(struct LoopTimer *timer)
{
    uintptr_t end = ((uintptr_t)__builtin_frame_address(0) - STACK_KEPT) & ~(uintptr_t)4095;
    (void)timer;
    (void)madvise((void *)(end - STACK_TRIMMED), STACK_TRIMMED, MADV_DONTNEED);
}

void shim_trim_later(struct Shim *shim)
{
    if (!shim->trim_timer.deadline)
        loop_timer_set(&shim->loop, &shim->trim_timer, clock_boottime_usec() + TRIM_USEC);
}

static int shim_init(struct Shim *shim, const char *id, const struct ShimFds *fds)
{
    shim->id = id;
    shim->plan_fd = fds->plan;
    shim->slot_fd = fds->slot;
    shim->log_dir_fd = fds->log_dir;
    shim->signal_fd = -1;
    shim->runtime = (struct Runtime)RUNTIME_INIT;
    shim->loop = (struct Loop)LOOP_INIT;
    if (exit_slot_read(fds->slot, &shim->slot) < 0)
        exit_slot_init(&shim->slot, 0, EXIT_SLOT_EMPTY);
    int r = loop_init(&shim->loop);
    if (r < 0)
        return r;
    attach_init(&shim->attach, &shim->loop, shim->pump.offsets);
    shim->config_timer.on_expired = shim->linger_timer.on_expired = nothing_on_expired;
    shim->trim_timer.on_expired = trim_on_expired;
    shim->control.owner = shim;
    shim->control.on_request = shim_on_request;
    r = pump_init(&shim->pump, &shim->loop, &shim->attach);
    if (r >= 0)
        r = reaper_init(shim);
    if (r >= 0)
        r = control_init(&shim->control, &shim->loop, fds->listen);
    return r;
}

static void shim_deinit(struct Shim *shim)
{
    control_deinit(&shim->control);
    if (shim->attach.loop)
        attach_deinit(&shim->attach);
    if (shim->pump.loop)
        pump_deinit(&shim->pump);
    runtime_deinit(&shim->runtime);
    safe_close(shim->signal_fd);
    loop_deinit(&shim->loop);
}

/* Nobody is left who could send CONFIG, or it takes too long. */
static bool is_abandoned(const struct Shim *shim)
{
    return shim->control.count == 0 || !shim->config_timer.deadline;
}

static bool is_done(struct Shim *shim)
{
    if (shim->phase != PHASE_ENDED || !shim->is_acknowledged || !shim->is_clean)
        return false;
    if (!attach_is_ending(&shim->attach))
        return true;
    if (!shim->linger_timer.owner) {
        shim->linger_timer.owner = shim;
        loop_timer_set(&shim->loop, &shim->linger_timer, clock_boottime_usec() + LINGER_USEC);
    }
    return !shim->linger_timer.deadline;
}

static bool is_drained(const struct Shim *shim)
{
    return shim->runtime.init.fd < 0 || pump_is_finished(&shim->pump) || !shim->drain_timer.deadline;
}

/* Makes the move that the last event allows; false when all is over. */
static bool shim_advance(struct Shim *shim)
{
    if (shim->phase == PHASE_CONFIG && shim->is_configured) {
        loop_timer_clear(&shim->config_timer);
        shim_start(shim);
    } else if (shim->phase == PHASE_CONFIG && is_abandoned(shim)) {
        struct Error error;
        error_set(&error, ERROR_UNAVAILABLE, "shim", "the configuration did not come");
        shim_fail(shim, &error);
        shim->is_acknowledged = true; /* nobody would */
    }
    if (shim->phase == PHASE_DRAINING && is_drained(shim))
        shim_finish(shim);
    return !is_done(shim);
}

static int run(struct Shim *shim)
{
    loop_timer_set(&shim->loop, &shim->config_timer, clock_boottime_usec() + CONFIG_WAIT_USEC);
    control_poll(&shim->control);
    while (shim_advance(shim)) {
        int r = loop_step(&shim->loop);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Without a loop there is no container either: the slot says so. */
static void record_failure(struct Shim *shim, int error)
{
    exit_slot_init(&shim->slot, shim->slot.generation, EXIT_SLOT_FAILED);
    error_set_errno(&shim->slot.error, ERROR_INTERNAL, error, "shim", "cannot begin");
    (void)exit_slot_write(shim->slot_fd, &shim->slot);
}

int shim_run(const char *id, const struct ShimFds *fds)
{
    struct Shim *shim = mmap(NULL, sizeof(*shim), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (shim == MAP_FAILED)
        return EXIT_FAILURE;
    int r = shim_init(shim, id, fds);
    if (r < 0)
        record_failure(shim, r);
    else
        r = run(shim);
    shim_deinit(shim);
    munmap(shim, sizeof(*shim));
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
