// SPDX-License-Identifier: Apache-2.0
/*
 * THE STATE TABLE. A request or event that has no row here changes nothing: the verb answers
 * WrongState. Pure.
 */
#include "base/cleanup.h"
#include "supervisor/container/container.h"

static const char *const NAMES[CONTAINER_STATE_COUNT] = {
    [CONTAINER_CREATED] = "created",   [CONTAINER_STARTING] = "starting", [CONTAINER_RUNNING] = "running",
    [CONTAINER_STOPPING] = "stopping", [CONTAINER_EXITED] = "exited",     [CONTAINER_REMOVING] = "removing",
    [CONTAINER_GONE] = "gone",
};

static const struct {
    enum ContainerState from;
    enum ContainerInput input;
    enum ContainerState to;
} TRANSITIONS[] = {
    {CONTAINER_CREATED, INPUT_START, CONTAINER_STARTING},
    {CONTAINER_CREATED, INPUT_DELETE, CONTAINER_REMOVING},
    {CONTAINER_CREATED, INPUT_ATTACH, CONTAINER_CREATED},
    {CONTAINER_CREATED, INPUT_RENAME, CONTAINER_CREATED},

    {CONTAINER_STARTING, INPUT_STARTED, CONTAINER_RUNNING},
    {CONTAINER_STARTING, INPUT_STOP, CONTAINER_STOPPING},
    {CONTAINER_STARTING, INPUT_EXIT, CONTAINER_EXITED},
    {CONTAINER_STARTING, INPUT_ATTACH, CONTAINER_STARTING},
    {CONTAINER_STARTING, INPUT_RENAME, CONTAINER_STARTING},

    {CONTAINER_RUNNING, INPUT_STOP, CONTAINER_STOPPING},
    {CONTAINER_RUNNING, INPUT_KILL, CONTAINER_RUNNING},
    {CONTAINER_RUNNING, INPUT_EXIT, CONTAINER_EXITED},
    {CONTAINER_RUNNING, INPUT_ATTACH, CONTAINER_RUNNING},
    {CONTAINER_RUNNING, INPUT_RENAME, CONTAINER_RUNNING},

    /* A second stop may only shorten the first one's grace. */
    {CONTAINER_STOPPING, INPUT_STOP, CONTAINER_STOPPING},
    {CONTAINER_STOPPING, INPUT_KILL, CONTAINER_STOPPING},
    {CONTAINER_STOPPING, INPUT_STARTED, CONTAINER_STOPPING},
    {CONTAINER_STOPPING, INPUT_EXIT, CONTAINER_EXITED},
    {CONTAINER_STOPPING, INPUT_ATTACH, CONTAINER_STOPPING},
    {CONTAINER_STOPPING, INPUT_RENAME, CONTAINER_STOPPING},

    {CONTAINER_EXITED, INPUT_START, CONTAINER_STARTING},
    {CONTAINER_EXITED, INPUT_DELETE, CONTAINER_REMOVING},
    {CONTAINER_EXITED, INPUT_ATTACH, CONTAINER_EXITED},
    {CONTAINER_EXITED, INPUT_RENAME, CONTAINER_EXITED},

    {CONTAINER_REMOVING, INPUT_REMOVED, CONTAINER_GONE},
};

const char *container_state_name(enum ContainerState state)
{
    return (unsigned)state < CONTAINER_STATE_COUNT ? NAMES[state] : "unknown";
}

int container_state_from_name(const char *name)
{
    for (int state = 0; state < CONTAINER_STATE_COUNT; state++)
        if (strcmp(NAMES[state], name) == 0)
            return state;
    return -1;
}

int container_state_next(enum ContainerState state, enum ContainerInput input)
{
    for (size_t i = 0; i < ELEMENTSOF(TRANSITIONS); i++)
        if (TRANSITIONS[i].from == state && TRANSITIONS[i].input == input)
            return (int)TRANSITIONS[i].to;
    return -1;
}
