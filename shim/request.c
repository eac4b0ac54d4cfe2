// SPDX-License-Identifier: Apache-2.0
/*
 * What davitd can ask for, and in which phases: one table. A request that the table does not allow
 * gets WrongState and changes nothing. Every request is answered.
 */
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "shim/shim.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* The message without its header, where the kinds differ; descriptors kept are replaced by -1. */
struct Request {
    const union ShimMessage *message;
    int *fds;
    struct Error *error;
};

static void handle_config(struct Shim *shim, const struct Request *request)
{
    const struct ShimConfig *config = &request->message->config;
    if (shim->is_configured)
        error_set(request->error, ERROR_WRONG_STATE, "config", "the shim is configured already");
    else if (!str_equal(config->id, shim->id))
        error_set(request->error, ERROR_INVALID_ARGUMENT, "id", "this is the shim of %s", shim->id);
    else {
        shim->config = *config;
        shim->is_configured = true;
    }
}

/* For the exit record: who asked for what. */
static void remember(struct Shim *shim, const struct ShimSignal *signal)
{
    shim->slot.requested_signal = (uint32_t)signal->signal;
    shim->slot.requested_usec = clock_realtime_usec();
    memcpy(shim->slot.requested_verb, signal->verb, sizeof(shim->slot.requested_verb));
    memcpy(shim->slot.requested_who, signal->who, sizeof(shim->slot.requested_who));
}

static bool is_fatal(int signal)
{
    static const uint64_t harmless = UINT64_C(1) << SIGCHLD | UINT64_C(1) << SIGCONT | UINT64_C(1) << SIGURG |
                                     UINT64_C(1) << SIGWINCH | UINT64_C(1) << SIGSTOP |
                                     UINT64_C(1) << SIGTSTP | UINT64_C(1) << SIGTTIN | UINT64_C(1) << SIGTTOU;
    return signal >= 64 || !(harmless >> signal & 1);
}

static int signal_everybody(struct Shim *shim, int signal)
{
    if (shim->runtime.cgroups.count == 0)
        return pidref_kill(&shim->runtime.init, signal);
    return signal == SIGKILL ? cgroup_set_kill(&shim->runtime.cgroups)
                             : cgroup_set_signal(&shim->runtime.cgroups, signal);
}

/* Before the payload runs nothing could answer a signal: one that would end it ends the start. */
static int deliver(struct Shim *shim, int signal, bool everybody)
{
    if (shim->phase == PHASE_STARTING && is_fatal(signal)) {
        runtime_kill(&shim->runtime);
        return 0;
    }
    return everybody ? signal_everybody(shim, signal) : pidref_kill(&shim->runtime.init, signal);
}

static bool check_signal(const struct Request *request)
{
    int signal = request->message->signal.signal;
    if (signal >= 1 && signal <= 64)
        return true;
    error_set(request->error, ERROR_INVALID_ARGUMENT, "signal", "%d is no signal", signal);
    return false;
}

static int send_signal(struct Shim *shim, const struct Request *request, bool everybody)
{
    const struct ShimSignal *signal = &request->message->signal;
    int r = deliver(shim, signal->signal, everybody);
    if (r == -ESRCH)
        return error_set(request->error, ERROR_WRONG_STATE, "signal", "the container has just ended");
    if (r < 0)
        return error_set_errno(request->error, ERROR_INTERNAL, r, "signal", "cannot be sent");
    remember(shim, signal);
    return 0;
}

static void handle_kill(struct Shim *shim, const struct Request *request)
{
    if (check_signal(request))
        (void)send_signal(shim, request, request->message->signal.everybody != 0);
}

static void handle_stop(struct Shim *shim, const struct Request *request)
{
    uint64_t now = clock_boottime_usec(), deadline;
    if (!check_signal(request) || send_signal(shim, request, false) < 0)
        return;
    if (shim->phase == PHASE_RUNNING)
        shim->phase = PHASE_STOPPING;
    if (__builtin_add_overflow(now, request->message->signal.grace_usec, &deadline))
        return; /* for ever */
    if (!shim->stop_timer.deadline || deadline < shim->stop_timer.deadline)
        loop_timer_set(&shim->loop, &shim->stop_timer, deadline);
}

static void handle_attach(struct Shim *shim, const struct Request *request)
{
    (void)attach_add_consume(&shim->attach, TAKE_FD(request->fds[0]), &request->message->attach,
                             request->error);
}

static void handle_ack(struct Shim *shim, const struct Request *request)
{
    if (request->message->ack.generation != shim->slot.generation)
        error_set(request->error, ERROR_INVALID_ARGUMENT, "generation", "this is generation %llu",
                  (unsigned long long)shim->slot.generation);
    else
        shim->is_acknowledged = true;
}

#define IN(phase) (1u << (phase))
enum {
    ALIVE = IN(PHASE_STARTING) | IN(PHASE_RUNNING) | IN(PHASE_STOPPING),
    ALWAYS = (1u << PHASE_COUNT) - 1,
};

static const struct {
    void (*handle)(struct Shim *shim, const struct Request *request);
    unsigned phases;
} request_table[] = {
    [SHIM_CONFIG] = {handle_config, ALWAYS},
    [SHIM_KILL] = {handle_kill, ALIVE},
    [SHIM_STOP] = {handle_stop, ALIVE},
    [SHIM_ATTACH] = {handle_attach, IN(PHASE_CONFIG) | ALIVE | IN(PHASE_DRAINING)},
    [SHIM_ACK] = {handle_ack, IN(PHASE_ENDED)},
};

static const struct {
    const char *name;
    enum ShimState state;
} phase_table[PHASE_COUNT] = {
    [PHASE_CONFIG] = {"not configured", SHIM_STATE_STARTING},
    [PHASE_STARTING] = {"starting", SHIM_STATE_STARTING},
    [PHASE_RUNNING] = {"running", SHIM_STATE_RUNNING},
    [PHASE_STOPPING] = {"stopping", SHIM_STATE_STOPPING},
    [PHASE_DRAINING] = {"ending", SHIM_STATE_STOPPING},
    [PHASE_ENDED] = {"ended", SHIM_STATE_EXITED},
};

void shim_fill_end(const struct Shim *shim, union ShimMessage *message)
{
    shim_message_init(message, shim->has_failed ? SHIM_FAILED : SHIM_EXITED, 0);
    message->exited.slot = shim->slot;
}

/* The state, then, where there is one, the end: whoever comes late learns all of it. */
static void answer_hello(struct Shim *shim, struct ControlConnection *connection, uint32_t number)
{
    union ShimMessage message;
    _cleanup_close_ int self = sys_pidfd_open(getpid(), 0);
    int fds[2] = {self, shim->runtime.init.fd};
    unsigned fd_count = self < 0 ? 0 : fds[1] < 0 ? 1 : 2;
    memset(&message.hello_reply, 0, sizeof(message.hello_reply));
    shim_message_init(&message, SHIM_HELLO_REPLY, number);
    message.hello_reply.generation = shim->slot.generation;
    message.hello_reply.state = phase_table[shim->phase].state;
    message.hello_reply.shim_pid = getpid();
    message.hello_reply.init_pid = shim->runtime.init.pid;
    message.hello_reply.attached = shim->attach.count;
    message.hello_reply.log = shim->pump.counters;
    if (control_send(&shim->control, connection, &message, fds, fd_count) < 0 || shim->phase != PHASE_ENDED)
        return;
    shim_fill_end(shim, &message);
    (void)control_send(&shim->control, connection, &message, NULL, 0);
}

static void answer(struct Shim *shim, struct ControlConnection *connection, uint32_t number,
                   const struct Error *error)
{
    union ShimMessage message;
    shim_message_init(&message, SHIM_RESULT, number);
    message.result.error = *error;
    (void)control_send(&shim->control, connection, &message, NULL, 0);
}

void shim_on_request(void *owner, struct ControlConnection *connection, const union ShimMessage *message,
                     int fds[2], unsigned fd_count)
{
    struct Shim *shim = owner;
    struct Error error = {0};
    uint16_t kind = message->header.kind;
    (void)fd_count;
    shim_trim_later(shim);
    if (kind == SHIM_HELLO) {
        answer_hello(shim, connection, message->header.request);
        return;
    }
    if (kind >= ELEMENTSOF(request_table) || !request_table[kind].handle)
        error_set(&error, ERROR_INVALID_ARGUMENT, "kind", "%u is no request", kind);
    else if (!(request_table[kind].phases & IN(shim->phase)))
        error_set(&error, ERROR_WRONG_STATE, "", "the container is %s", phase_table[shim->phase].name);
    else
        request_table[kind].handle(shim, &(struct Request){message, fds, &error});
    answer(shim, connection, message->header.request, &error);
}
