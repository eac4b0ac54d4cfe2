// SPDX-License-Identifier: Apache-2.0
/*
 * A shim that is gone without a word. First its exit slot: what it stored is what happened. Else what
 * is left of the container is killed, because nobody reads its output or reaps it any more, and the
 * exit status comes from init's pidfd, where the kernel keeps it, or is unknown.
 */
#include "supervisor/container/lost.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "supervisor/container/death.h"
#include "supervisor/container/run.h"
#include "supervisor/log.h"
#include "supervisor/shim-link/scope.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const uint64_t REAP_PATIENCE_USEC = 2 * USEC_PER_SEC, REAP_WAIT_USEC = 5 * USEC_PER_MSEC;

struct Loss {
    struct Container *container;
    struct LoopTimer *timer; /* until somebody has reaped init */
    struct Scope *scope;
    uint64_t deadline_usec;
    bool killed_by_us; /* init lived when we came */
    bool told;         /* the slot has the end */
    struct ExitSlot slot;
};

void container_forget_loss(struct Container *container)
{
    struct Loss *loss = TAKE_PTR(container->loss);
    if (!loss)
        return;
    loop_timer_free(loss->timer);
    scope_free(loss->scope);
    free(loss);
}

static bool is_init(const struct Manager *manager, uint32_t pid)
{
    LIST_FOREACH (node, &manager->containers) {
        const struct Container *container = CONTAINER_OF(node, struct Container, manager_node);
        if (container->init.pid == (pid_t)pid)
            return true;
    }
    return false;
}

/* What else the shim would have reaped came to us with its death; all of it has been killed. Shims and
 * inits are not touched: whoever holds their pidfd waits for them. */
static void reap_strays(const struct Manager *manager)
{
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    if (file_read(AT_FDCWD, "/proc/thread-self/children", 1 << 20, &text, &size) < 0)
        return;
    for (char *save = NULL, *word = strtok_r(text, " \n", &save); word; word = strtok_r(NULL, " \n", &save)) {
        char path[64];
        _cleanup_free_ char *comm = NULL;
        uint32_t pid;
        siginfo_t info = {0};
        if (str_parse_u32(word, &pid) < 0 || !str_format(path, sizeof(path), "/proc/%u/comm", pid))
            continue;
        if (file_read(AT_FDCWD, path, 64, &comm, &size) == 0 && !str_equal(comm, "davit-shim\n") &&
            !is_init(manager, pid))
            (void)waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG);
    }
}

static void conclude(struct Loss *loss)
{
    struct Container *container = loss->container;
    reap_strays(container->manager);
    struct ExitSlot slot = loss->slot;
    container_forget_loss(container);
    container_on_exited(container, &slot);
}

/* What the lost shim would have written of the last request. */
static void tell_request(const struct Container *container, struct ExitSlot *slot)
{
    uint64_t passed = clock_realtime_usec() - container->requested.time_usec;
    slot->requested_signal = (uint32_t)container->requested.signal;
    slot->requested_usec = container->requested.time_usec;
    slot->stop_escalated = passed >= container->requested.grace_usec;
    memcpy(slot->requested_verb, container->requested.verb, sizeof(slot->requested_verb));
    memcpy(slot->requested_who, container->requested.who, sizeof(slot->requested_who));
}

/* The kernel's word about init, when it was killed by nobody else before we came. */
static bool read_exit(struct Loss *loss)
{
    int status = 0;
    struct ExitSlot *slot = &loss->slot;
    if (loss->container->init.fd < 0)
        return true;
    /* The shim's children are ours now, unless it was started by an earlier davitd. */
    int r = pidref_wait(&loss->container->init, WNOHANG, &status);
    if (r == -ECHILD)
        r = pidfd_get_exit(loss->container->init.fd, &status);
    if (r == -EAGAIN && clock_boottime_usec() < loss->deadline_usec)
        return false;
    if (r < 0)
        return true; /* unknown it stays */
    slot->state = EXIT_SLOT_EXITED;
    slot->wait_status = status;
    slot->error = (struct Error){0};
    if (!slot->requested_signal && loss->container->requested.signal)
        tell_request(loss->container, slot);
    if (loss->killed_by_us) {
        slot->requested_signal = SIGKILL;
        (void)str_format(slot->requested_verb, sizeof(slot->requested_verb), "shim-lost");
        (void)str_format(slot->requested_who, sizeof(slot->requested_who), "davitd");
    }
    return true;
}

static void loss_on_timer(void *owner)
{
    struct Loss *loss = owner;
    if (read_exit(loss) || !loss->timer)
        conclude(loss);
    else
        loop_timer_start(loss->timer, REAP_WAIT_USEC);
}

static void loss_on_empty(void *owner, const struct CgroupEvidence *evidence, bool clean)
{
    struct Loss *loss = owner;
    (void)clean;
    loss->scope = NULL;
    if (loss->told) {
        conclude(loss);
        return;
    }
    loss->slot.evidence = *evidence;
    loss->slot.finished_usec = clock_realtime_usec();
    loss->deadline_usec = clock_boottime_usec() + REAP_PATIENCE_USEC;
    loss_on_timer(loss);
}

static int read_slot(const struct Container *container, struct ExitSlot *ret)
{
    _cleanup_close_ int directory = container_open_run(container);
    _cleanup_close_ int fd =
        directory < 0 ? -1 : openat(directory, "exit", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return directory < 0 ? directory : -errno;
    int r = exit_slot_read(fd, ret);
    return r == 0 && ret->generation != container->generation ? -ESTALE : r;
}

/* What was known up to now, as a record of its own. */
static void describe_loss(const struct Container *container, struct ExitSlot *slot)
{
    struct Error error;
    bool started = container->state == CONTAINER_RUNNING || container->started_usec > 0;
    if (read_slot(container, slot) < 0)
        exit_slot_init(slot, container->generation, started ? EXIT_SLOT_STARTED : EXIT_SLOT_ARMED);
    if (slot->state == EXIT_SLOT_FAILED || slot->state == EXIT_SLOT_EXITED)
        return;
    if (slot->state == EXIT_SLOT_STARTED || started) {
        slot->state = EXIT_SLOT_STARTED;
        slot->started_usec = slot->started_usec ? slot->started_usec : container->started_usec;
        error_set(&slot->error, ERROR_UNAVAILABLE, "shim-lost", "the shim was lost, and with it the exit");
        return;
    }
    error_set(&error, ERROR_RUNTIME_FAILED, "shim", "the shim was lost before the program ran");
    death_slot_failed(slot, container->generation, &error);
}

static bool is_alive(const struct PidRef *process)
{
    struct pollfd item = {.fd = process->fd, .events = POLLIN};
    return process->fd >= 0 && poll(&item, 1, 0) == 0;
}

void container_on_shim_lost(struct Container *container)
{
    char path[CGROUP_PATH_MAX];
    struct CgroupEvidence evidence;
    struct Loss *loss = container->loss ? NULL : calloc(1, sizeof(*loss));
    if (!loss)
        return;
    loss->container = container;
    container->loss = loss;
    describe_loss(container, &loss->slot);
    loss->told = loss->slot.state == EXIT_SLOT_EXITED || loss->slot.state == EXIT_SLOT_FAILED;
    if (!loss->told)
        log_event(LOG_LEVEL_ERROR, "shim.lost", container->id, "what is left of the container is killed");
    loss->killed_by_us = is_alive(&container->init);
    if (loss->killed_by_us)
        (void)pidref_kill(&container->init, SIGKILL);
    int r = loop_timer_new(container->manager->loop, loss_on_timer, loss, &loss->timer);
    if (r == 0 && death_met_foreign_cgroup(&loss->slot)) {
        conclude(loss);
        return;
    }
    if (r == 0)
        r = container_cgroup_path(container->manager, container->id, path, sizeof(path));
    if (r == 0)
        r = scope_clear(container->manager, path, loss_on_empty, loss, &loss->scope, &evidence);
    if (r < 0)
        log_event(LOG_LEVEL_ERROR, "cgroup.stuck", container->id, "%s", strerror(-r));
    if (r != 0)
        loss_on_empty(loss, r == 1 ? &evidence : &loss->slot.evidence, r == 1);
}
