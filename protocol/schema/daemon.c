// SPDX-License-Identifier: Apache-2.0
/* Methods about davitd itself. */
#include "protocol/schema/tables.h"

static const struct SchemaField hello_fields[] = {
    ARG_TEXT(struct ArgHello, client, "client", .maximum = 128, .doc = "Who is calling, for davitd's log."),
    ARG_TEXT(struct ArgHello, errors, "errors", .choices = WORDS("string", "map"),
             .doc = "The form of errors on this connection; the default is string."),
};
const struct SchemaStruct ARGUMENTS_HELLO = ARGUMENTS("Hello", struct ArgHello, hello_fields);

static const struct SchemaField hello_result_fields[] = {
    ALWAYS("version", SCHEMA_TEXT, "davitd's version."),
    ALWAYS("api_level", SCHEMA_U64, "Grows with every addition to this interface."),
    ALWAYS("instance", SCHEMA_TEXT, "16 hex digits that this davitd's data folder keeps."),
    ALWAYS("time", SCHEMA_U64, "davitd's clock, in microseconds since the epoch."),
};
const struct SchemaStruct RESULT_HELLO = RESULT("Greeting", hello_result_fields);

static const struct SchemaField field_fields[] = {
    ALWAYS("name", SCHEMA_TEXT, "The member's name."),
    ALWAYS("type", SCHEMA_TEXT, "The member's type."),
    ALWAYS("required", SCHEMA_BOOL, "It must be given; in results: it is never nil."),
    ALWAYS("doc", SCHEMA_TEXT, "One sentence, with the unit."),
    MAYBE("minimum", SCHEMA_I64, "The smallest number, or fewest bytes of a text."),
    MAYBE("maximum", SCHEMA_U64, "The largest number, or most bytes of a text."),
    MAYBE("choices", SCHEMA_TEXTS, "The only words allowed."),
    MAYBE("default", SCHEMA_BOOL, "What its absence means, where that is not false."),
    MAYBE("of", SCHEMA_TEXT, "The name of a struct's or structs' kind."),
    MAYBE("fields", SCHEMA_ANY, "The members of a struct or structs, as this list."),
};
static const struct SchemaStruct type_field = RESULT("Field", field_fields);

static const struct SchemaField method_fields[] = {
    ALWAYS("name", SCHEMA_TEXT, "What to call."),
    ALWAYS("access", SCHEMA_TEXT, "Who may.",
           .choices = WORDS("observe", "control", "exec", "create", "manage")),
    ALWAYS("stream", SCHEMA_BOOL, "It answers {stream} and sends stream.data."),
    ALWAYS("doc", SCHEMA_TEXT, "What it does."),
    ALWAYS("arguments", SCHEMA_STRUCTS, "What it takes.", .of = &type_field),
    ALWAYS("result", SCHEMA_STRUCTS, "What it answers.", .of = &type_field),
};
static const struct SchemaStruct type_method = RESULT("Method", method_fields);

static const struct SchemaField notification_fields[] = {
    ALWAYS("name", SCHEMA_TEXT, "Its name."),
    ALWAYS("from", SCHEMA_TEXT, "Who sends it.", .choices = WORDS("server", "client")),
    ALWAYS("doc", SCHEMA_TEXT, "What it means."),
    ALWAYS("arguments", SCHEMA_STRUCTS, "What it carries.", .of = &type_field),
};
static const struct SchemaStruct type_notification = RESULT("Notification", notification_fields);

static const struct SchemaField event_fields[] = {
    ALWAYS("type", SCHEMA_TEXT, "Its type."),
    ALWAYS("doc", SCHEMA_TEXT, "When it happens."),
    ALWAYS("data", SCHEMA_STRUCTS, "What its data holds.", .of = &type_field),
};
static const struct SchemaStruct type_event = RESULT("EventType", event_fields);

static const struct SchemaField describe_fields[] = {
    ALWAYS("api_level", SCHEMA_U64, "Grows with every addition to this interface."),
    ALWAYS("methods", SCHEMA_STRUCTS, "What can be called.", .of = &type_method),
    ALWAYS("notifications", SCHEMA_STRUCTS, "What is sent without an answer.", .of = &type_notification),
    ALWAYS("events", SCHEMA_STRUCTS, "What events.subscribe tells.", .of = &type_event),
    ALWAYS("event", SCHEMA_STRUCTS, "What every event holds.", .of = &type_field),
    ALWAYS("errors", SCHEMA_TEXTS, "The codes of errors."),
};
const struct SchemaStruct RESULT_DESCRIBE = RESULT("Schema", describe_fields);

static const struct SchemaField cgroups_fields[] = {
    ALWAYS("kind", SCHEMA_TEXT, "How this host lays control groups out.",
           .choices = WORDS("none", "v1", "v2", "hybrid")),
    MAYBE("parent", SCHEMA_TEXT, "Below which cgroup the containers' are."),
    MAYBE("controllers", SCHEMA_TEXTS, "The controllers that can be used."),
};
static const struct SchemaStruct type_cgroups = RESULT("Cgroups", cgroups_fields);

static const struct SchemaField places_fields[] = {
    ALWAYS("socket", SCHEMA_TEXT, "The socket of this interface."),
    ALWAYS("run_dir", SCHEMA_TEXT, "The state of this boot."),
    ALWAYS("data_dir", SCHEMA_TEXT, "What lasts."),
    ALWAYS("log_dir", SCHEMA_TEXT, "The logs."),
    MAYBE("shim", SCHEMA_TEXT, "The program davit-shim."),
    MAYBE("seccomp_profile", SCHEMA_TEXT, "The default seccomp profile."),
};
static const struct SchemaStruct type_places = RESULT("Places", places_fields);

static const struct SchemaField limits_fields[] = {
    ALWAYS("message_bytes", SCHEMA_U64, "Bytes of one message."),
    ALWAYS("message_depth", SCHEMA_U64, "Arrays and maps inside each other."),
    ALWAYS("message_nodes", SCHEMA_U64, "Values in one message, keys included."),
    ALWAYS("map_keys", SCHEMA_U64, "Keys of one map."),
    ALWAYS("in_flight", SCHEMA_U64, "Unanswered requests of a connection, after which it is not read."),
    ALWAYS("queued_bytes", SCHEMA_U64, "Bytes that wait for a client, after which it is not read."),
    ALWAYS("queued_limit", SCHEMA_U64, "Bytes that wait for a client, after which it is disconnected."),
    MAYBE("connections", SCHEMA_U64, "Connections at once."),
    MAYBE("connections_per_uid", SCHEMA_U64, "Connections at once of one user other than root."),
    MAYBE("streams", SCHEMA_U64, "Streams of one connection."),
};
static const struct SchemaStruct type_limits = RESULT("Limits", limits_fields);

static const struct SchemaField counts_fields[] = {
    ALWAYS("total", SCHEMA_U64, "All containers."),
    ALWAYS("created", SCHEMA_U64, "Created and never started."),
    ALWAYS("starting", SCHEMA_U64, "Being started."),
    ALWAYS("running", SCHEMA_U64, "Running."),
    ALWAYS("stopping", SCHEMA_U64, "Being stopped."),
    ALWAYS("exited", SCHEMA_U64, "Exited."),
    ALWAYS("removing", SCHEMA_U64, "Being deleted."),
};
static const struct SchemaStruct type_counts = RESULT("Counts", counts_fields);

static const struct SchemaField info_fields[] = {
    ALWAYS("version", SCHEMA_TEXT, "davitd's version."),
    ALWAYS("api_level", SCHEMA_U64, "Grows with every addition to this interface."),
    ALWAYS("instance", SCHEMA_TEXT, "16 hex digits that this davitd's data folder keeps."),
    ALWAYS("boot", SCHEMA_TEXT, "The kernel's boot id."),
    ALWAYS("pid", SCHEMA_U64, "davitd's process."),
    MAYBE("started_usec", SCHEMA_U64, "When davitd was started, in microseconds since the epoch."),
    ALWAYS("kernel", SCHEMA_TEXT, "The kernel's release."),
    ALWAYS("cgroups", SCHEMA_STRUCT, "Control groups of this host.", .of = &type_cgroups),
    ALWAYS("places", SCHEMA_STRUCT, "Where things are.", .of = &type_places),
    ALWAYS("limits", SCHEMA_STRUCT, "Limits of this interface.", .of = &type_limits),
    ALWAYS("containers", SCHEMA_STRUCT, "How many there are in each state.", .of = &type_counts),
    MAYBE("connections", SCHEMA_U64, "Clients that are connected."),
    MAYBE("next_event", SCHEMA_U64, "The number of the next event."),
    MAYBE("first_event", SCHEMA_U64, "The number of the oldest event that is still kept."),
};
const struct SchemaStruct RESULT_SYSTEM_INFO = RESULT("SystemInfo", info_fields);
