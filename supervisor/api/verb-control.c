// SPDX-License-Identifier: Apache-2.0
/*
 * Verbs that change something and answer when it has happened. A Call watches its container and holds
 * the request; whatever follows a change of state (start again, remove) is posted, never done inside
 * the telling.
 */
#include "base/clock.h"
#include "supervisor/api/verb.h"
#include "supervisor/container/run.h"
#include <signal.h>

enum CallKind { CALL_START, CALL_STOP, CALL_RESTART, CALL_DELETE };

struct Call {
    struct ContainerWatch watch;
    struct LoopDefer next_step;
    struct Container *container;
    struct Request *request;
    enum CallKind kind;
};

static void call_free(struct Call *call)
{
    container_unwatch(&call->watch);
    loop_defer_cancel(call->container->manager->loop, &call->next_step);
    free(call);
}

static void call_fail(struct Call *call, const struct Error *error)
{
    request_fail(call->request, error);
    call_free(call);
}

static void answer_started(struct Call *call)
{
    _cleanup_buf_ struct Buf result = BUF_INIT;
    struct WireWriter writer;
    const struct Container *container = call->container;
    wire_writer_init(&writer, &result);
    wire_map(&writer, container->warnings.size ? 4 : 3);
    wire_key_str(&writer, "id", container->id);
    wire_key_i64(&writer, "pid", container->init_pid);
    wire_key_u64(&writer, "generation", container->generation);
    if (container->warnings.size) {
        wire_key(&writer, "warnings");
        container_pack_lines(&writer, &container->warnings);
    }
    request_answer(call->request, &result);
    call_free(call);
}

/* The start ended without the payload ever running. */
static void answer_start_failed(struct Call *call)
{
    _cleanup_buf_ struct Buf details = BUF_INIT;
    struct WireWriter writer;
    struct ExitSlot slot;
    struct Error error;
    error_set(&error, ERROR_RUNTIME_FAILED, "start", "it ended before its program ran");
    if (container_read_exit(call->container, &slot) == 0 && slot.error.code != ERROR_NONE) {
        error = slot.error;
        error.code = ERROR_RUNTIME_FAILED;
    }
    wire_writer_init(&writer, &details);
    wire_map(&writer, error.errnum ? 2 : 1);
    wire_key_str(&writer, "step", error.where);
    if (error.errnum)
        wire_key_i64(&writer, "errno", error.errnum);
    request_fail_with(call->request, &error, &details);
    call_free(call);
}

static void answer_gone(struct Call *call)
{
    struct Error error;
    if (call->kind == CALL_STOP || call->kind == CALL_DELETE) {
        request_answer_id(call->request, call->container->id);
        call_free(call);
        return;
    }
    error_set(&error, ERROR_NOT_FOUND, "container", "%s was deleted meanwhile", call->container->name);
    call_fail(call, &error);
}

static void call_on_exited(struct Call *call)
{
    switch (call->kind) {
    case CALL_START:
        answer_start_failed(call);
        break;
    case CALL_STOP:
        request_answer_id(call->request, call->container->id);
        call_free(call);
        break;
    case CALL_RESTART:
    case CALL_DELETE:
        loop_defer(call->container->manager->loop, &call->next_step);
        break;
    }
}

static void call_on_change(struct ContainerWatch *watch, struct Container *container)
{
    struct Call *call = CONTAINER_OF(watch, struct Call, watch);
    if (container->state == CONTAINER_GONE)
        answer_gone(call);
    else if (container->state == CONTAINER_EXITED)
        call_on_exited(call);
    else if (container->state == CONTAINER_RUNNING && call->kind == CALL_START)
        answer_started(call);
}

static void call_on_next_step(void *owner)
{
    struct Call *call = owner;
    struct Error error = {0};
    if (call->kind == CALL_DELETE) {
        /* Done at once or later, the watch answers and frees the call. */
        struct Container *container = call->container;
        if (container_check(container, INPUT_DELETE, &error) < 0 || container_remove(container, &error) < 0)
            call_fail(call, &error);
        return;
    }
    call->kind = CALL_START;
    if (container_start(call->container, &error) < 0) {
        call->container->wants_restart = false;
        call_fail(call, &error);
    }
}

/* NULL (and the request failed) without memory. */
static struct Call *call_new(struct Request *request, struct Container *container, enum CallKind kind)
{
    struct Call *call = calloc(1, sizeof(*call));
    if (!call) {
        struct Error error;
        error_set(&error, ERROR_RESOURCE_EXHAUSTED, NULL, "out of memory");
        request_fail(request, &error);
        return NULL;
    }
    *call = (struct Call){
        .watch.on_change = call_on_change,
        .next_step = {.callback = call_on_next_step, .owner = call},
        .container = container,
        .request = request,
        .kind = kind,
    };
    container_watch(container, &call->watch);
    return call;
}

/* --- the verbs --- */

void verb_start(struct Request *request, struct Container *container, const void *arguments)
{
    struct Error error = {0};
    (void)arguments;
    struct Call *call = call_new(request, container, CALL_START);
    if (call && container_start(container, &error) < 0)
        call_fail(call, &error);
}

static int stop(const struct Request *request, struct Container *container,
                const struct ArgStopCall *arguments, const char *verb, struct Error *error)
{
    char who[REQUEST_WHO_SIZE];
    int signal = arguments->signal ? arguments->signal : container->stop_signal;
    uint64_t grace =
        arguments->timeout_usec.present ? arguments->timeout_usec.value : container->stop_timeout_usec;
    request_who(request, who);
    return container_stop(container, signal, grace, verb, who, error);
}

void verb_stop(struct Request *request, struct Container *container, const void *arguments)
{
    struct Error error = {0};
    struct Call *call = call_new(request, container, CALL_STOP);
    if (call && stop(request, container, arguments, "stop", &error) < 0)
        call_fail(call, &error);
}

void verb_restart(struct Request *request, struct Container *container, const void *arguments)
{
    struct Error error = {0};
    int r;
    bool running = container_state_next(container->state, INPUT_STOP) >= 0;
    struct Call *call = call_new(request, container, running ? CALL_RESTART : CALL_START);
    if (!call)
        return;
    if (running) {
        r = stop(request, container, arguments, "restart", &error);
        container->wants_restart = container->wants_restart || r == 0;
    } else {
        r = container_start(container, &error);
    }
    if (r < 0)
        call_fail(call, &error);
}

void verb_delete(struct Request *request, struct Container *container, const void *arguments)
{
    const struct ArgDelete *delete = arguments;
    struct Error error = {0};
    char who[REQUEST_WHO_SIZE];
    struct Call *call = call_new(request, container, CALL_DELETE);
    if (!call)
        return;
    bool running = delete->force && container_state_next(container->state, INPUT_STOP) >= 0;
    request_who(request, who);
    int r = running ? container_stop(container, SIGKILL, 0, "delete", who, &error)
                    : container_remove(container, &error);
    if (r < 0)
        call_fail(call, &error);
}

struct KillCall {
    struct Request *request;
    char id[65];
};

static void kill_on_reply(void *owner, const struct Error *error)
{
    struct KillCall *call = owner;
    if (error->code != ERROR_NONE)
        request_fail(call->request, error);
    else
        request_answer_id(call->request, call->id);
    free(call);
}

void verb_kill(struct Request *request, struct Container *container, const void *arguments)
{
    const struct ArgKill *kill = arguments;
    struct Error error = {0};
    char who[REQUEST_WHO_SIZE];
    struct KillCall *call = calloc(1, sizeof(*call));
    if (!call) {
        error_set(&error, ERROR_RESOURCE_EXHAUSTED, NULL, "out of memory");
        request_fail(request, &error);
        return;
    }
    call->request = request;
    memcpy(call->id, container->id, sizeof(call->id));
    request_who(request, who);
    if (container_kill(container, kill->signal ? kill->signal : SIGKILL, kill->all, who, kill_on_reply, call,
                       &error) < 0) {
        request_fail(request, &error);
        free(call);
    }
}

void verb_rename(struct Request *request, struct Container *container, const void *arguments)
{
    const struct ArgRename *rename = arguments;
    _cleanup_buf_ struct Buf result = BUF_INIT;
    struct WireWriter writer;
    struct Error error = {0};
    if (container_rename(container, rename->name, &error) < 0) {
        request_fail(request, &error);
        return;
    }
    wire_writer_init(&writer, &result);
    wire_map(&writer, 2);
    wire_key_str(&writer, "id", container->id);
    wire_key_str(&writer, "name", container->name);
    request_answer(request, &result);
}
