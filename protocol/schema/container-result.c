// SPDX-License-Identifier: Apache-2.0
/* What the container methods answer, the exit record first. */
#include "protocol/schema/tables.h"

const char *const CONTAINER_STATE_WORDS[] = {"created", "starting", "running", "stopping",
                                             "exited",  "removing", "gone",    NULL};

static const struct SchemaField cause_fields[] = {
    ALWAYS("kind", SCHEMA_TEXT, "Why it ended.",
           .choices = WORDS("exited", "killed-by-request", "killed-by-other", "oom", "start-failed",
                            "seccomp", "unknown")),
    MAYBE("who", SCHEMA_TEXT, "killed-by-request: who asked."),
    MAYBE("verb", SCHEMA_TEXT, "killed-by-request: the request, for instance stop."),
    MAYBE("limit", SCHEMA_TEXT, "oom: whose memory limit was hit.",
          .choices = WORDS("own", "ancestor", "host")),
    MAYBE("process", SCHEMA_TEXT, "oom: the process that was killed, where it is known."),
    MAYBE("step", SCHEMA_TEXT, "start-failed: the step that failed, for instance mount /proc."),
    MAYBE("errno", SCHEMA_U64, "start-failed: the error number, where there is one."),
    MAYBE("message", SCHEMA_TEXT, "start-failed: one line for a person."),
    MAYBE("reason", SCHEMA_TEXT, "unknown: why nobody knows."),
};
static const struct SchemaStruct type_cause = RESULT("Cause", cause_fields);

static const struct SchemaField evidence_fields[] = {
    MAYBE("memory_peak", SCHEMA_U64, "Most memory used at once, in bytes."),
    MAYBE("memory_limit", SCHEMA_U64, "The limit, in bytes."),
    MAYBE("oom_kills", SCHEMA_U64, "Processes that the kernel killed for memory."),
    MAYBE("oom_local", SCHEMA_U64, "... of them because of the container's own limit."),
    MAYBE("cpu_usec", SCHEMA_U64, "Processor time used, in microseconds."),
    MAYBE("pids_refused", SCHEMA_U64, "Processes and threads that the limit refused."),
};
static const struct SchemaStruct type_evidence = RESULT("Evidence", evidence_fields);

static const struct SchemaField exit_log_fields[] = {
    ALWAYS("written", SCHEMA_U64, "Bytes of output read from the container."),
    ALWAYS("stored", SCHEMA_U64, "Bytes stored in log files."),
    ALWAYS("dropped", SCHEMA_U64, "Bytes not stored, told by gap records."),
    ALWAYS("rotated", SCHEMA_U64, "Bytes stored once, in files that rotation has deleted since."),
    MAYBE("tail", SCHEMA_BINARY, "The last bytes of output, at most 4096."),
};
static const struct SchemaStruct type_exit_log = RESULT("ExitLog", exit_log_fields);

static const struct SchemaField exit_fields[] = {
    MAYBE("code", SCHEMA_U64, "The exit code, 0 to 255; nil when it was killed or its end was not seen."),
    MAYBE("signal", SCHEMA_U64, "The number of the signal that ended it."),
    MAYBE("core_dumped", SCHEMA_BOOL, "The kernel wrote a core dump."),
    ALWAYS("cause", SCHEMA_STRUCT, "Why it ended.", .of = &type_cause),
    ALWAYS("evidence", SCHEMA_STRUCT, "What its cgroup counted; what is not known is missing.",
           .of = &type_evidence),
    MAYBE("started", SCHEMA_U64,
          "When its program began, in microseconds since the epoch; nil: it never did."),
    MAYBE("finished", SCHEMA_U64, "When it ended, in microseconds since the epoch."),
    ALWAYS("generation", SCHEMA_U64, "Which of its starts this is about, counted from 1."),
    ALWAYS("log", SCHEMA_STRUCT, "What became of its output.", .of = &type_exit_log),
};
const struct SchemaStruct TYPE_EXIT = RESULT("Exit", exit_fields);

static const struct SchemaField id_fields[] = {
    ALWAYS("id", SCHEMA_TEXT, "The container's id."),
};
const struct SchemaStruct RESULT_ID = RESULT("Id", id_fields);

static const struct SchemaField created_fields[] = {
    ALWAYS("id", SCHEMA_TEXT, "The container's id."),
    ALWAYS("warnings", SCHEMA_TEXTS, "What was asked for and cannot be had on this host."),
};
const struct SchemaStruct RESULT_CREATE = RESULT("Created", created_fields);

static const struct SchemaField started_fields[] = {
    ALWAYS("id", SCHEMA_TEXT, "The container's id."),
    ALWAYS("pid", SCHEMA_U64, "Its first process, as the host numbers it."),
    ALWAYS("generation", SCHEMA_U64, "The number of this start, counted from 1."),
    MAYBE("warnings", SCHEMA_TEXTS, "What was asked for and could not be had."),
};
const struct SchemaStruct RESULT_START = RESULT("Started", started_fields);

static const struct SchemaField renamed_fields[] = {
    ALWAYS("id", SCHEMA_TEXT, "The container's id."),
    ALWAYS("name", SCHEMA_TEXT, "Its new name."),
};
const struct SchemaStruct RESULT_RENAME = RESULT("Renamed", renamed_fields);

static const struct SchemaField waited_fields[] = {
    ALWAYS("id", SCHEMA_TEXT, "The container's id."),
    ALWAYS("condition", SCHEMA_TEXT, "What was waited for.",
           .choices = WORDS("exited", "running", "deleted")),
    ALWAYS("state", SCHEMA_TEXT, "Its state now.", .choices = CONTAINER_STATE_WORDS),
    MAYBE("exit", SCHEMA_STRUCT, "How its last generation ended.", .of = &TYPE_EXIT),
};
const struct SchemaStruct RESULT_WAIT = RESULT("Waited", waited_fields);

static const struct SchemaField source_fields[] = {
    MAYBE("bundle", SCHEMA_TEXT, "The bundle folder."),
    MAYBE("rootfs", SCHEMA_TEXT, "The root folder."),
    MAYBE("host", SCHEMA_BOOL, "An overlay over the host's root."),
};
static const struct SchemaStruct type_source = RESULT("Source", source_fields);

static const struct SchemaField summary_fields[] = {
    ALWAYS("id", SCHEMA_TEXT, "The container's id."),
    ALWAYS("name", SCHEMA_TEXT, "Its name."),
    ALWAYS("state", SCHEMA_TEXT, "Its state.", .choices = CONTAINER_STATE_WORDS),
    ALWAYS("generation", SCHEMA_U64, "How often it was started."),
    MAYBE("pid", SCHEMA_U64, "Its first process, while it runs."),
    ALWAYS("created_usec", SCHEMA_U64, "When it was created, in microseconds since the epoch."),
    MAYBE("started_usec", SCHEMA_U64, "When it was last started, in microseconds since the epoch."),
    MAYBE("finished_usec", SCHEMA_U64, "When it last ended, in microseconds since the epoch."),
    MAYBE("source", SCHEMA_STRUCT, "What it was made from.", .of = &type_source),
    MAYBE("command", SCHEMA_TEXTS, "Its command and arguments."),
    MAYBE("labels", SCHEMA_PAIRS, "Its labels."),
    MAYBE("exit", SCHEMA_STRUCT, "How its last generation ended.", .of = &TYPE_EXIT),
};
static const struct SchemaStruct type_summary = RESULT("ContainerSummary", summary_fields);

static const struct SchemaField list_fields[] = {
    ALWAYS("containers", SCHEMA_STRUCTS, "In the order of their creation.", .of = &type_summary),
};
const struct SchemaStruct RESULT_LIST = RESULT("Containers", list_fields);

static const struct SchemaField log_fields[] = {
    MAYBE("path", SCHEMA_TEXT, "The log file of the host."),
    MAYBE("written", SCHEMA_U64, "Bytes of output read from the container in this generation."),
    MAYBE("stored", SCHEMA_U64, "Bytes stored in log files."),
    MAYBE("dropped", SCHEMA_U64, "Bytes not stored, told by gap records."),
    MAYBE("rotated", SCHEMA_U64, "Bytes stored once, in files that rotation has deleted since."),
};
static const struct SchemaStruct type_log = RESULT("Log", log_fields);

static const struct SchemaField inspect_fields[] = {
    ALWAYS("id", SCHEMA_TEXT, "The container's id."),
    ALWAYS("name", SCHEMA_TEXT, "Its name."),
    ALWAYS("state", SCHEMA_TEXT, "Its state.", .choices = CONTAINER_STATE_WORDS),
    ALWAYS("generation", SCHEMA_U64, "How often it was started."),
    MAYBE("pid", SCHEMA_U64, "Its first process, while it runs."),
    MAYBE("shim_pid", SCHEMA_U64, "Its shim, while there is one."),
    ALWAYS("created_usec", SCHEMA_U64, "When it was created, in microseconds since the epoch."),
    MAYBE("started_usec", SCHEMA_U64, "When it was last started, in microseconds since the epoch."),
    MAYBE("finished_usec", SCHEMA_U64, "When it last ended, in microseconds since the epoch."),
    ALWAYS("owner_uid", SCHEMA_U64, "The user who created it."),
    MAYBE("source", SCHEMA_STRUCT, "What it was made from.", .of = &type_source),
    MAYBE("command", SCHEMA_TEXTS, "Its command and arguments."),
    ALWAYS("labels", SCHEMA_PAIRS, "Its labels."),
    MAYBE("annotations", SCHEMA_PAIRS, "Its annotations."),
    ALWAYS("definition", SCHEMA_ANY, "The arguments of container.create, as they were given."),
    ALWAYS("log", SCHEMA_STRUCT, "Where its output is and how much there was.", .of = &type_log),
    MAYBE("cgroup", SCHEMA_TEXT, "Its cgroup, from the root of every hierarchy."),
    MAYBE("warnings", SCHEMA_TEXTS, "What was asked for and cannot be had on this host."),
    MAYBE("attached", SCHEMA_U64, "Clients that are attached to it."),
    MAYBE("exit", SCHEMA_STRUCT, "How its last generation ended.", .of = &TYPE_EXIT),
};
const struct SchemaStruct RESULT_INSPECT = RESULT("Container", inspect_fields);
