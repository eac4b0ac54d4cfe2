// SPDX-License-Identifier: Apache-2.0
/* Streams: what opens and feeds them, and the notifications. */
#include "protocol/schema/tables.h"

static const struct SchemaField subscribe_fields[] = {
    ARG_U64(struct ArgSubscribe, from, "from",
            .doc = "The number of the first event wanted; none: only those to come. 0: all that are kept."),
    ARG_TEXTS(struct ArgSubscribe, types, "types", .doc = "Only events of these types."),
    ARG_TEXTS(struct ArgSubscribe, containers, "containers", .doc = "Only events of these containers."),
};
const struct SchemaStruct ARGUMENTS_SUBSCRIBE = ARGUMENTS("Subscribe", struct ArgSubscribe, subscribe_fields);

static const struct SchemaField write_fields[] = {
    ARG_U64(struct ArgStreamWrite, stream, "stream", .required = true,
            .doc = "A stream of container.attach."),
    ARG_BINARY(struct ArgStreamWrite, data, "data", .required = true, .doc = "Bytes for its standard input."),
};
const struct SchemaStruct ARGUMENTS_STREAM_WRITE =
    ARGUMENTS("StreamWrite", struct ArgStreamWrite, write_fields);

static const struct SchemaField close_fields[] = {
    ARG_U64(struct ArgStreamClose, stream, "stream", .required = true, .doc = "Which stream."),
    ARG_TEXT(struct ArgStreamClose, channel, "channel", .choices = WORDS("stdin"),
             .doc = "stdin: only the container's standard input is at its end; none: the whole stream."),
};
const struct SchemaStruct ARGUMENTS_STREAM_CLOSE =
    ARGUMENTS("StreamClose", struct ArgStreamClose, close_fields);

static const struct SchemaField stream_fields[] = {
    ALWAYS("stream", SCHEMA_U64, "The number of the stream on this connection."),
    MAYBE("id", SCHEMA_TEXT, "The container's id."),
};
const struct SchemaStruct RESULT_STREAM = RESULT("Stream", stream_fields);

static const struct SchemaField written_fields[] = {
    ALWAYS("written", SCHEMA_U64, "Bytes that the container's side took."),
};
const struct SchemaStruct RESULT_WRITTEN = RESULT("Written", written_fields);

static const struct SchemaField data_fields[] = {
    ALWAYS("stream", SCHEMA_U64, "Which stream."),
    ALWAYS("channel", SCHEMA_TEXT, "What the data is.", .choices = WORDS("stdout", "stderr", "log", "event")),
    ALWAYS(
        "offset", SCHEMA_U64,
        "Bytes of this channel before these: since the start of the generation, for log and event since the "
        "stream began."),
    ALWAYS("data", SCHEMA_ANY, "Bytes; of the channel event one event, a map."),
};
static const struct SchemaStruct notification_data = RESULT("StreamData", data_fields);

static const struct SchemaField end_fields[] = {
    ALWAYS("stream", SCHEMA_U64, "Which stream."),
    ALWAYS("status", SCHEMA_TEXT, "ok, or an error as \"Code: text\"."),
    ALWAYS("dropped", SCHEMA_U64, "Bytes, or events, that this client did not get."),
};
static const struct SchemaStruct notification_end = RESULT("StreamEnd", end_fields);

static const struct SchemaField credit_fields[] = {
    ARG_U64(struct ArgStreamCredit, stream, "stream", .required = true, .doc = "Which stream."),
    ARG_U64(struct ArgStreamCredit, bytes, "bytes", .required = true, .minimum = 1, .maximum = INT64_MAX,
            .doc = "So many payload bytes more may be sent."),
};
static const struct SchemaStruct notification_credit =
    ARGUMENTS("StreamCredit", struct ArgStreamCredit, credit_fields);

const struct SchemaNotification SCHEMA_NOTIFICATIONS[] = {
    {"stream.data", true, &notification_data, "A piece of a stream, within the credit that the client gave."},
    {"stream.end", true, &notification_end, "The last that is heard of a stream; needs no credit."},
    {"stream.credit", false, &notification_credit,
     "The client takes more; a stream begins with a credit of 0."},
};
const size_t SCHEMA_NOTIFICATION_COUNT = ELEMENTSOF(SCHEMA_NOTIFICATIONS);
