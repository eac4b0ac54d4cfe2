// SPDX-License-Identifier: Apache-2.0
/* The events. gap, lagged and snapshot are in no ring: a subscriber gets them about itself. */
#include "protocol/schema/tables.h"

static const struct SchemaField event_fields[] = {
    ALWAYS("seq", SCHEMA_U64, "Its number: one more than the one before, for ever."),
    ALWAYS("boot", SCHEMA_TEXT, "The kernel's boot id."),
    ALWAYS("time", SCHEMA_U64, "A label, in microseconds since the epoch; the order is seq."),
    ALWAYS("type", SCHEMA_TEXT, "Its type."),
    MAYBE("container", SCHEMA_TEXT, "The id of the container that it is about."),
    MAYBE("name", SCHEMA_TEXT, "The name of that container then."),
    MAYBE("generation", SCHEMA_U64, "The number of that container's start, counted from 1."),
    MAYBE("data", SCHEMA_ANY, "As its type has it."),
};
const struct SchemaStruct SCHEMA_EVENT = RESULT("Event", event_fields);

static const struct SchemaField daemon_fields[] = {
    MAYBE("version", SCHEMA_TEXT, "davitd's version."),
    MAYBE("instance", SCHEMA_TEXT, "davitd's instance id."),
    MAYBE("pid", SCHEMA_U64, "davitd's process."),
    MAYBE("adopted", SCHEMA_U64, "Containers that it found running."),
};
static const struct SchemaStruct data_daemon = RESULT("DaemonStarted", daemon_fields);

static const struct SchemaField started_fields[] = {
    MAYBE("pid", SCHEMA_U64, "Its first process, as the host numbers it."),
    MAYBE("warnings", SCHEMA_TEXTS, "What was asked for and could not be had."),
};
static const struct SchemaStruct data_started = RESULT("ContainerStarted", started_fields);

static const struct SchemaField updated_fields[] = {
    MAYBE("name", SCHEMA_TEXT, "Its new name."),
};
static const struct SchemaStruct data_updated = RESULT("ContainerUpdated", updated_fields);

static const struct SchemaField log_gap_fields[] = {
    MAYBE("reason", SCHEMA_TEXT, "Why it is missing."),
    MAYBE("bytes", SCHEMA_U64, "Bytes that are missing."),
    MAYBE("lines", SCHEMA_U64, "Lines that are missing, where that is known."),
    MAYBE("from", SCHEMA_TEXT, "The time of the first missing line."),
    MAYBE("to", SCHEMA_TEXT, "The time of the last missing line."),
};
static const struct SchemaStruct data_log_gap = RESULT("LogGap", log_gap_fields);

static const struct SchemaField gap_fields[] = {
    ALWAYS("first", SCHEMA_U64, "The number of the oldest event that is still kept."),
};
static const struct SchemaStruct data_gap = RESULT("Gap", gap_fields);

static const struct SchemaField lagged_fields[] = {
    ALWAYS("n", SCHEMA_U64, "Events that this subscriber has lost."),
};
static const struct SchemaStruct data_lagged = RESULT("Lagged", lagged_fields);

static const struct SchemaField snapshot_fields[] = {
    ALWAYS("state", SCHEMA_TEXT, "Its state now.", .choices = CONTAINER_STATE_WORDS),
    MAYBE("pid", SCHEMA_U64, "Its first process, while it runs."),
};
static const struct SchemaStruct data_snapshot = RESULT("Snapshot", snapshot_fields);

const struct SchemaEvent SCHEMA_EVENTS[] = {
    {"daemon.started", &data_daemon, "davitd has started and knows all containers."},
    {"container.created", NULL, "A definition was stored."},
    {"container.starting", NULL, "A generation begins."},
    {"container.started", &data_started, "Its program runs."},
    {"container.exited", &TYPE_EXIT, "It has ended; the record is on disk."},
    {"container.updated", &data_updated, "Something about it was changed, for instance its name."},
    {"container.deleted", NULL, "Nothing of it is left."},
    {"log.gap", &data_log_gap, "Output was not stored."},
    {"gap", &data_gap, "Older events than those kept were asked for; snapshots of all containers follow."},
    {"lagged", &data_lagged, "The subscriber was too slow; snapshots of all containers follow."},
    {"snapshot", &data_snapshot, "How one container is now, after gap or lagged."},
};
const size_t SCHEMA_EVENT_COUNT = ELEMENTSOF(SCHEMA_EVENTS);
