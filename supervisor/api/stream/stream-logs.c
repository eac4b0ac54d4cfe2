// SPDX-License-Identifier: Apache-2.0
/*
 * container.logs: the CRI lines of a container, oldest first, over rotations, as one byte stream on
 * channel "log". Lines are filtered whole; what goes over the wire may be cut anywhere. A follower
 * sleeps until inotify tells of its folder and ends when the container has exited and all is read:
 * the shim has stored the last line before it reports the exit.
 */
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "protocol/schema/container.h"
#include "supervisor/api/stream/log-files.h"
#include "supervisor/api/stream/log-notify.h"
#include "supervisor/api/stream/stream.h"
#include "supervisor/container/container.h"
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

enum {
    LOG_READ = 64 << 10,    /* bytes of file looked at in one go */
    LOG_PENDING = 32 << 10, /* filtered bytes kept ready for the client */
    LOG_STAMP = 30,         /* 2026-01-02T03:04:05.123456789Z */
    LOG_BUSY_MAX = 10000,
};

struct LogStream {
    struct Stream stream;
    struct Manager *manager;
    struct ContainerWatch watch;
    struct LogNotifyClient notify;
    struct LogFiles files;
    struct LogTail tail;
    bool seeking, follow, want_stdout, want_stderr;
    bool final; /* the container is not running: the end of the file is the end */
    char since[LOG_STAMP + 6], until[LOG_STAMP + 6];
    struct Buf pending;
    uint64_t sent, damaged, skipped;
    unsigned busy;
};

static struct LogStream *log_stream(struct Stream *stream)
{
    return CONTAINER_OF(stream, struct LogStream, stream);
}

static void log_stream_free(struct Stream *base)
{
    struct LogStream *stream = log_stream(base);
    container_unwatch(&stream->watch);
    if (stream->notify.watch >= 0)
        log_notify_remove(stream->manager->log_notify, &stream->notify);
    log_files_deinit(&stream->files);
    buf_deinit(&stream->pending);
    free(stream);
}

static bool log_container_is_over(const struct Container *container)
{
    return container->state == CONTAINER_EXITED || container->state == CONTAINER_REMOVING ||
           container->state == CONTAINER_GONE;
}

static void log_stream_on_container(struct ContainerWatch *watch, struct Container *container)
{
    struct LogStream *stream = CONTAINER_OF(watch, struct LogStream, watch);
    stream->final = !stream->follow || log_container_is_over(container);
    stream_wake(&stream->stream);
}

static void log_stream_on_change(struct LogNotifyClient *client)
{
    stream_wake(&CONTAINER_OF(client, struct LogStream, notify)->stream);
}

/* TIME stdout|stderr TAG TEXT; false when it is no CRI line at all. */
static bool log_line_is_valid(const char *line, size_t size)
{
    return size > LOG_STAMP + 10 && line[LOG_STAMP] == ' ' && line[LOG_STAMP - 1] == 'Z' &&
           (memcmp(line + LOG_STAMP + 1, "stdout ", 7) == 0 ||
            memcmp(line + LOG_STAMP + 1, "stderr ", 7) == 0);
}

/* Moves one whole line (with its newline) into pending, if it is wanted. */
static void log_stream_take_line(struct LogStream *stream, const char *line, size_t size)
{
    if (!log_line_is_valid(line, size)) {
        stream->damaged++;
        return;
    }
    bool is_stdout = line[LOG_STAMP + 4] == 'o';
    if (is_stdout ? !stream->want_stdout : !stream->want_stderr)
        return;
    if (stream->since[0] && memcmp(line, stream->since, LOG_STAMP) < 0)
        return;
    if (stream->until[0] && memcmp(line, stream->until, LOG_STAMP) > 0)
        return;
    buf_append(&stream->pending, line, size);
}

static void log_stream_take(struct LogStream *stream, const char *data, size_t size)
{
    size_t at = 0;
    for (;;) {
        const char *newline = memchr(data + at, '\n', size - at);
        if (!newline)
            break;
        size_t length = (size_t)(newline + 1 - (data + at));
        log_stream_take_line(stream, data + at, length);
        at += length;
    }
    if (at == 0 && size == LOG_READ) {
        stream->damaged++; /* no line is that long: step over it */
        return;
    }
    log_files_unread(&stream->files, size - at);
}

static void log_stream_add_gap(struct LogStream *stream, const char *reason)
{
    char stamp[TIMESTAMP_SIZE];
    timestamp_format(clock_realtime_usec() * 1000, stamp);
    buf_printf(&stream->pending, "%s stderr F:davit.gap {\"reason\":\"%s\"}\n", stamp, reason);
}

/* Reads some more of the files: 1 there may be more, 0 nothing now, negative errno. */
static int log_stream_fill(struct LogStream *stream)
{
    if (stream->seeking) {
        int result = log_files_seek_tail(&stream->files, &stream->tail);
        if (result != 0 && result != -ENOENT)
            return result;
        stream->seeking = result == -ENOENT && !stream->final;
        return stream->seeking ? 0 : 1;
    }
    char data[LOG_READ];
    size_t size = 0;
    int result = log_files_read(&stream->files, data, sizeof(data), &size);
    if (result < 0)
        return result;
    if (result != LOG_FILES_BUSY)
        stream->busy = 0;
    switch ((enum LogFilesRead)result) {
    case LOG_FILES_DATA: {
        off_t before = stream->files.offset - (off_t)size;
        log_stream_take(stream, data, size);
        return stream->files.offset > before; /* a torn last line: wait for its rest */
    }
    case LOG_FILES_END:
        return 0;
    case LOG_FILES_SKIPPED:
        stream->skipped++;
        log_stream_add_gap(stream, "rotated");
        return 1;
    case LOG_FILES_BUSY:
        return ++stream->busy < LOG_BUSY_MAX ? 1 : -EBUSY;
    }
    return 0;
}

static void log_stream_finish(struct LogStream *stream, int result)
{
    char status[128] = "ok";
    if (result < 0)
        (void)str_format(status, sizeof(status), "Internal: the log cannot be read: %s", strerror(-result));
    else if (stream->damaged > 0)
        (void)str_format(status, sizeof(status), "Unavailable: %" PRIu64 " damaged lines in the log",
                         stream->damaged);
    else if (stream->skipped > 0)
        (void)str_format(status, sizeof(status),
                         "Unavailable: files were rotated away before they were read");
    stream_end(&stream->stream, status);
}

static enum StreamPull log_stream_pull(struct Stream *base)
{
    struct LogStream *stream = log_stream(base);
    size_t room = stream_room(base);
    if (room == 0)
        return STREAM_IDLE;
    /* Whether the container is over is looked at before the files are: then their end is final. */
    bool final = stream->final;
    int more = 1;
    if (stream->pending.size < LOG_PENDING)
        more = log_stream_fill(stream);
    if (stream->pending.size > 0) {
        size_t size = MIN(room, stream->pending.size);
        if (stream_send(base, "log", stream->sent, stream->pending.data, size) < 0)
            return STREAM_IDLE;
        stream->sent += size;
        buf_consume(&stream->pending, size);
        return STREAM_AGAIN;
    }
    if (more < 0 || (more == 0 && final)) {
        log_stream_finish(stream, more);
        return STREAM_OVER;
    }
    return more ? STREAM_AGAIN : STREAM_IDLE;
}

static const struct StreamSource log_stream_source = {.pull = log_stream_pull, .free = log_stream_free};

static int log_stream_want(struct LogStream *stream, const struct SchemaTexts *streams, struct Error *error)
{
    stream->want_stdout = stream->want_stderr = !streams->items;
    for (size_t i = 0; i < streams->count; i++) {
        if (str_equal(streams->items[i], "stdout"))
            stream->want_stdout = true;
        else if (str_equal(streams->items[i], "stderr"))
            stream->want_stderr = true;
        else
            return error_set(error, ERROR_INVALID_ARGUMENT, "streams", "no such stream: %.32s",
                             streams->items[i]);
    }
    return 0;
}

/* What rotation deleted before this reader came is the first record (the shim keeps the account). */
static void log_stream_tell_rotated(struct LogStream *stream)
{
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    if (file_read(stream->files.directory, "rotated", 4096, &text, &size) < 0)
        return;
    char *newline = memchr(text, '\n', size);
    if (newline)
        log_stream_take_line(stream, text, (size_t)(newline + 1 - text));
}

static int log_stream_follow(struct LogStream *stream, struct Error *error)
{
    struct Manager *manager = stream->manager;
    int result = 0;
    if (!manager->log_notify)
        result = log_notify_new(manager->loop, &manager->log_notify);
    if (result == 0)
        result = log_notify_add(manager->log_notify, &stream->notify, stream->files.directory);
    if (result < 0)
        return error_set_errno(error, ERROR_RESOURCE_EXHAUSTED, result, "follow",
                               "cannot watch the log folder");
    return 0;
}

int stream_logs_new(struct Container *container, const struct ArgLogs *arguments, struct Stream **ret,
                    struct Error *error)
{
    struct LogStream *stream = calloc(1, sizeof(*stream));
    if (!stream)
        return error_set(error, ERROR_RESOURCE_EXHAUSTED, NULL, "out of memory");
    stream->stream.source = &log_stream_source;
    stream->manager = container->manager;
    stream->files = (struct LogFiles)LOG_FILES_INIT;
    stream->notify = (struct LogNotifyClient){.watch = -1, .on_change = log_stream_on_change};
    stream->watch.on_change = log_stream_on_container;
    container_watch(container, &stream->watch);
    stream->follow = arguments->follow;
    stream->final = !stream->follow || log_container_is_over(container);
    stream->seeking = arguments->tail.present;
    stream->tail.lines = arguments->tail.value;
    if (arguments->since.present)
        timestamp_format(arguments->since.value * 1000, stream->since);
    if (arguments->until.present)
        timestamp_format(arguments->until.value * 1000, stream->until);
    int result = log_stream_want(stream, &arguments->streams, error);
    if (result == 0) {
        stream->files.directory = container_open_log(container);
        if (stream->files.directory < 0)
            result = error_set_errno(error, ERROR_UNAVAILABLE, stream->files.directory, "container",
                                     "the log folder cannot be opened");
    }
    if (result == 0 && !stream->seeking && !arguments->since.present)
        log_stream_tell_rotated(stream);
    if (result == 0 && !stream->final)
        result = log_stream_follow(stream, error);
    if (result < 0) {
        log_stream_free(&stream->stream);
        return result;
    }
    *ret = &stream->stream;
    return 0;
}
