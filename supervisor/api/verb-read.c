// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"
#include "base/str.h"
#include "supervisor/api/verb.h"
#include "supervisor/container/inspect.h"
#include <unistd.h>

/* --- list and inspect --- */

static bool is_listed(const struct Request *request, const struct Container *container,
                      const struct ArgList *list)
{
    bool active = container->state == CONTAINER_STARTING || container->state == CONTAINER_RUNNING ||
                  container->state == CONTAINER_STOPPING;
    if (!list->all && !active)
        return false;
    return access_decide(CLASS_OBSERVE, &request->caller, geteuid(), &container->owner_uid) == ACCESS_ALLOW &&
           container_has_labels(container, &list->labels);
}

void verb_list(struct Request *request, struct Container *none, const void *arguments)
{
    _cleanup_buf_ struct Buf items = BUF_INIT, result = BUF_INIT;
    struct WireWriter writer;
    size_t count = 0;
    (void)none;
    wire_writer_init(&writer, &items);
    LIST_FOREACH (node, &request->manager->containers) {
        struct Container *container = CONTAINER_OF(node, struct Container, manager_node);
        if (!is_listed(request, container, arguments))
            continue;
        container_pack_summary(&writer, container);
        count++;
    }
    wire_writer_init(&writer, &result);
    wire_map(&writer, 1);
    wire_key(&writer, "containers");
    wire_array(&writer, count);
    buf_append(&result, items.data, items.size);
    result.error = result.error ? result.error : items.error;
    request_answer(request, &result);
}

void verb_inspect(struct Request *request, struct Container *container, const void *arguments)
{
    _cleanup_buf_ struct Buf result = BUF_INIT;
    struct WireWriter writer;
    struct Error error = {0};
    (void)arguments;
    wire_writer_init(&writer, &result);
    if (container_pack_inspect(&writer, container, &error) < 0)
        request_fail(request, &error);
    else
        request_answer(request, &result);
}

/* --- wait --- */

struct Wait {
    struct ContainerWatch watch;
    struct Container *container;
    struct Request *request;
    struct LoopTimer *timer;
    enum ContainerState condition;
};

static void wait_free(void *owner)
{
    struct Wait *wait = owner;
    container_unwatch(&wait->watch);
    loop_timer_free(wait->timer);
    free(wait);
}

static void wait_on_gone(void *owner)
{
    struct Wait *wait = owner;
    request_drop(wait->request);
    wait_free(wait);
}

static void wait_fail(struct Wait *wait, const struct Error *error)
{
    request_fail(wait->request, error);
    wait_free(wait);
}

static const char *condition_name(enum ContainerState condition)
{
    return condition == CONTAINER_GONE ? "deleted" : container_state_name(condition);
}

static void wait_answer(struct Wait *wait)
{
    _cleanup_buf_ struct Buf result = BUF_INIT;
    struct WireWriter writer;
    struct ExitSlot slot;
    bool has_exit = container_read_exit(wait->container, &slot) == 0;
    wire_writer_init(&writer, &result);
    wire_map(&writer, has_exit ? 4 : 3);
    wire_key_str(&writer, "id", wait->container->id);
    wire_key_str(&writer, "condition", condition_name(wait->condition));
    wire_key_str(&writer, "state", container_state_name(wait->container->state));
    if (has_exit) {
        wire_key(&writer, "exit");
        container_pack_exit(&writer, wait->container, &slot);
    }
    request_answer(wait->request, &result);
    wait_free(wait);
}

static void wait_on_change(struct ContainerWatch *watch, struct Container *container)
{
    struct Wait *wait = CONTAINER_OF(watch, struct Wait, watch);
    struct Error error;
    if (container->state == wait->condition) {
        wait_answer(wait);
    } else if (container->state == CONTAINER_GONE) {
        error_set(&error, ERROR_NOT_FOUND, "container", "%s was deleted meanwhile", container->name);
        wait_fail(wait, &error);
    }
}

static void wait_on_timeout(void *owner)
{
    struct Wait *wait = owner;
    struct Error error;
    error_set(&error, ERROR_TIMEOUT, "timeout_usec", "%s is %s", wait->container->name,
              container_state_name(wait->container->state));
    wait_fail(wait, &error);
}

static int wait_arm(struct Wait *wait, const struct SchemaU64 *timeout)
{
    struct Loop *loop = wait->container->manager->loop;
    if (!timeout->present)
        return 0;
    int r = loop_timer_new(loop, wait_on_timeout, wait, &wait->timer);
    return r < 0 ? r : loop_timer_start(wait->timer, timeout->value);
}

void verb_wait(struct Request *request, struct Container *container, const void *arguments)
{
    const struct ArgWait *asked = arguments;
    struct Error error;
    struct Wait *wait = calloc(1, sizeof(*wait));
    if (!wait) {
        error_set(&error, ERROR_RESOURCE_EXHAUSTED, NULL, "out of memory");
        request_fail(request, &error);
        return;
    }
    wait->container = container;
    wait->request = request;
    wait->watch.on_change = wait_on_change;
    if (str_equal(asked->condition, "running"))
        wait->condition = CONTAINER_RUNNING;
    else if (str_equal(asked->condition, "deleted"))
        wait->condition = CONTAINER_GONE;
    else
        wait->condition = CONTAINER_EXITED;
    if (container->state == wait->condition) {
        wait_answer(wait);
        return;
    }
    if (wait_arm(wait, &asked->timeout_usec) < 0) {
        error_set(&error, ERROR_RESOURCE_EXHAUSTED, NULL, "out of memory");
        wait_fail(wait, &error);
        return;
    }
    request->on_gone = wait_on_gone;
    request->owner = wait;
    container_watch(container, &wait->watch);
}
