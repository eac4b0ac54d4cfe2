// SPDX-License-Identifier: Apache-2.0
/* The list of all methods, and looking things up. */
#include "base/str.h"
#include "protocol/schema/tables.h"

const struct SchemaMethod SCHEMA_METHODS[] = {
    {"hello", CLASS_OBSERVE, &ARGUMENTS_HELLO, &RESULT_HELLO, false,
     "Says who davitd is, and sets options of this connection."},
    {"describe", CLASS_OBSERVE, NULL, &RESULT_DESCRIBE, false, "This whole interface as data."},
    {"system.info", CLASS_OBSERVE, NULL, &RESULT_SYSTEM_INFO, false, "Facts about the host and davitd."},
    {"container.create", CLASS_CREATE, &ARGUMENTS_CREATE, &RESULT_CREATE, false,
     "Stores a definition from exactly one source; no process, mount or cgroup exists until the start."},
    {"container.start", CLASS_CONTROL, &ARGUMENTS_CONTAINER, &RESULT_START, false,
     "Starts it; answers when its program runs, else RuntimeFailed with the step that failed."},
    {"container.stop", CLASS_CONTROL, &ARGUMENTS_STOP, &RESULT_ID, false,
     "Asks it to end, and after the grace time kills all of it; answers when it has exited."},
    {"container.kill", CLASS_CONTROL, &ARGUMENTS_KILL, &RESULT_ID, false, "Sends one signal."},
    {"container.restart", CLASS_CONTROL, &ARGUMENTS_STOP, &RESULT_START, false,
     "Stops it if it runs, then starts it."},
    {"container.wait", CLASS_OBSERVE, &ARGUMENTS_WAIT, &RESULT_WAIT, false,
     "Answers when the condition holds."},
    {"container.list", CLASS_OBSERVE, &ARGUMENTS_LIST, &RESULT_LIST, false, "All containers in short."},
    {"container.inspect", CLASS_OBSERVE, &ARGUMENTS_CONTAINER, &RESULT_INSPECT, false,
     "Everything that is known of one container."},
    {"container.delete", CLASS_CONTROL, &ARGUMENTS_DELETE, &RESULT_ID, false,
     "Removes it with its log; answers when nothing is left."},
    {"container.rename", CLASS_CONTROL, &ARGUMENTS_RENAME, &RESULT_RENAME, false, "Gives it another name."},
    {"container.logs", CLASS_OBSERVE, &ARGUMENTS_LOGS, &RESULT_STREAM, true,
     "Its log lines, complete and in order, over rotations, on the channel log."},
    {"container.attach", CLASS_CONTROL, &ARGUMENTS_ATTACH, &RESULT_STREAM, true,
     "Its output as it comes, on the channels stdout and stderr, and its standard input."},
    {"events.subscribe", CLASS_OBSERVE, &ARGUMENTS_SUBSCRIBE, &RESULT_STREAM, true,
     "Events from a number on, on the channel event."},
    {"stream.write", CLASS_OBSERVE, &ARGUMENTS_STREAM_WRITE, &RESULT_WRITTEN, false,
     "Bytes for a container's standard input, one request at a time; answers when they were taken."},
    {"stream.close", CLASS_OBSERVE, &ARGUMENTS_STREAM_CLOSE, NULL, false,
     "Ends a stream, or its standard input alone."},
};
const size_t SCHEMA_METHOD_COUNT = ELEMENTSOF(SCHEMA_METHODS);

static const char *const planned_methods[] = {
    "system.check",      "system.metrics",   "container.pause",   "container.resume",
    "container.stats",   "container.top",    "container.explain", "container.update",
    "container.exec",    "container.resize", "exec.list",         "exec.inspect",
    "exec.kill",         "exec.wait",        "exec.attach",       "container.checkpoint",
    "container.restore",
};

const struct SchemaMethod *schema_method(const char *name)
{
    for (size_t i = 0; i < SCHEMA_METHOD_COUNT; i++)
        if (str_equal(SCHEMA_METHODS[i].name, name))
            return &SCHEMA_METHODS[i];
    return NULL;
}

const struct SchemaEvent *schema_event(const char *type)
{
    for (size_t i = 0; i < SCHEMA_EVENT_COUNT; i++)
        if (str_equal(SCHEMA_EVENTS[i].type, type))
            return &SCHEMA_EVENTS[i];
    return NULL;
}

const struct SchemaNotification *schema_notification(const char *name)
{
    for (size_t i = 0; i < SCHEMA_NOTIFICATION_COUNT; i++)
        if (str_equal(SCHEMA_NOTIFICATIONS[i].name, name))
            return &SCHEMA_NOTIFICATIONS[i];
    return NULL;
}

bool schema_method_is_planned(const char *name)
{
    for (size_t i = 0; i < ELEMENTSOF(planned_methods); i++)
        if (str_equal(planned_methods[i], name))
            return true;
    return false;
}

const char *schema_class_name(enum SchemaClass access)
{
    static const char *const names[] = {
        [CLASS_OBSERVE] = "observe", [CLASS_CONTROL] = "control", [CLASS_EXEC] = "exec",
        [CLASS_CREATE] = "create",   [CLASS_MANAGE] = "manage",
    };
    return names[access];
}
