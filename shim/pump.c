// SPDX-License-Identifier: Apache-2.0
#include "shim/pump.h"
#include "base/clock.h"
#include "base/fd.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum {
    READ_SMALL = 64 << 10,
    READ_LARGE = 256 << 10,
    PIPE_SMALL = 64 << 10,
    PIPE_LARGE = 1 << 20,
    FILLS_TO_GROW = 4,
    OUT_SIZE = 512 << 10,
    PAGE = 4096,
    IN_MAPPED = READ_LARGE + PAGE, /* with room for LOGLINE_SLACK */
    OUT_MAPPED = OUT_SIZE + 2 * PAGE,
    FINISH_READS_MAX = 64, /* of READ_LARGE: more than the pipe of a stream can hold */
    IDLE_USEC = 250000,
    RETRY_USEC_MIN = 100000,
    RETRY_USEC_MAX = 1000000,
};

static void idle_on_expired(struct LoopTimer *timer);
static void retry_on_expired(struct LoopTimer *timer);
static void pump_on_ready(void *owner);

static uint64_t realtime_nsec(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int pump_init(struct Pump *pump, struct Loop *loop, struct Attach *attach)
{
    char *memory = mmap(NULL, IN_MAPPED + OUT_MAPPED, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return -errno;
    pump->loop = loop;
    pump->attach = attach;
    pump->in = memory;
    pump->out = memory + IN_MAPPED;
    pump->idle.owner = pump->retry.owner = pump;
    pump->idle.on_expired = idle_on_expired;
    pump->retry.on_expired = retry_on_expired;
    pump->file.fd = -1;
    for (unsigned i = 0; i < LOGLINE_STREAM_COUNT; i++)
        pump->streams[i] = (struct PumpStream){
            .pump = pump, .fd = -1, .stream = (enum LoglineStream)i, .read_size = READ_SMALL};
    attach->owner = pump;
    attach->on_ready = pump_on_ready;
    return 0;
}

static void stream_close(struct PumpStream *stream)
{
    loop_unwatch(stream->pump->loop, &stream->source);
    stream->fd = safe_close(stream->fd);
}

void pump_deinit(struct Pump *pump)
{
    for (unsigned i = 0; pump->in && i < LOGLINE_STREAM_COUNT; i++)
        stream_close(&pump->streams[i]);
    if (pump->is_logging)
        logfile_deinit(&pump->file);
    loop_timer_clear(&pump->idle);
    loop_timer_clear(&pump->retry);
    if (pump->in)
        munmap(pump->in, IN_MAPPED + OUT_MAPPED);
    pump->in = pump->out = NULL;
}

/* Writing fails: tried again later and later. */
static void retry_later(struct Pump *pump)
{
    if (pump->retry.deadline)
        return;
    pump->retry_usec = MIN(MAX(pump->retry_usec * 2, (uint64_t)RETRY_USEC_MIN), (uint64_t)RETRY_USEC_MAX);
    loop_timer_set(pump->loop, &pump->retry, clock_boottime_usec() + pump->retry_usec);
}

void pump_set_log(struct Pump *pump, int dir_fd, const struct ShimConfig *config)
{
    if (!config->log_enabled)
        return;
    pump->is_logging = true;
    pump->is_blocking = config->when_full == SHIM_BLOCK;
    logfile_init(&pump->file, dir_fd, config->log_max_size, config->log_max_files, &pump->counters);
    if (logfile_recover(&pump->file, realtime_nsec()) < 0)
        retry_later(pump);
}

/* Hands the batch to the file; false when some of it is left because writing fails. */
static bool batch_flush(struct Pump *pump)
{
    struct PumpBatch *batch = &pump->batch;
    for (;;) {
        if (logfile_append(&pump->file, &batch->out) < 0 && batch->out.size > 0)
            return false;
        if (batch->in_at == batch->in_size)
            break;
        /* At the place in its page that it will have in the file: the kernel's copy is then aligned. */
        char *out = pump->out + pump->file.size % PAGE;
        struct LoglineResult made =
            logline_format(&batch->stream->is_partial, &batch->prefix, pump->in + batch->in_at,
                           batch->in_size - batch->in_at, out, OUT_SIZE);
        batch->in_at += made.consumed;
        batch->out = (struct LogfileBatch){
            .records = out,
            .size = made.produced,
            .payload = made.consumed,
            .lines = made.lines,
            .stream = batch->stream->stream,
        };
    }
    pump->retry_usec = 0;
    return true;
}

/* What is left of the batch is lost, and the line it was part of ends here. */
static void batch_drop(struct Pump *pump)
{
    struct PumpBatch *batch = &pump->batch;
    size_t raw = batch->in_size - batch->in_at;
    uint64_t lines = logline_measure(batch->out.records, batch->out.size).lines +
                     logline_count_lines(pump->in + batch->in_at, raw);
    logfile_drop(&pump->file, batch->out.payload + raw, lines, realtime_nsec());
    if (batch->stream)
        batch->stream->is_partial = false;
    *batch = (struct PumpBatch){0};
}

static bool batch_is_pending(const struct Pump *pump)
{
    return pump->batch.out.size > 0 || pump->batch.in_at < pump->batch.in_size;
}

static void stream_resume(struct PumpStream *stream)
{
    if (stream->fd < 0 || stream->source.is_watched)
        return;
    if (loop_watch(stream->pump->loop, &stream->source, stream->fd, EPOLLIN) < 0)
        retry_later(stream->pump);
}

/* A paused pipe is not watched at all: its hang-up would be reported without end. */
static void pump_rewatch(struct Pump *pump)
{
    pump->is_paused = batch_is_pending(pump) || !attach_is_ready(pump->attach);
    for (unsigned i = 0; i < LOGLINE_STREAM_COUNT; i++) {
        if (pump->is_paused)
            loop_unwatch(pump->loop, &pump->streams[i].source);
        else
            stream_resume(&pump->streams[i]);
    }
}

static void pump_on_ready(void *owner)
{
    pump_rewatch(owner);
}

static void batch_log(struct Pump *pump)
{
    if (!pump->file.reason && batch_flush(pump))
        return;
    if (!pump->is_blocking)
        batch_drop(pump);
    retry_later(pump);
}

static void retry_on_expired(struct LoopTimer *timer)
{
    struct Pump *pump = timer->owner;
    if (pump->is_logging && logfile_recover(&pump->file, realtime_nsec()) < 0)
        retry_later(pump);
    else if (batch_is_pending(pump))
        batch_log(pump);
    pump_rewatch(pump);
}

/* Resets itself as long as something comes; then everything that output has made grow shrinks. */
static void idle_on_expired(struct LoopTimer *timer)
{
    struct Pump *pump = timer->owner;
    if (pump->was_active || batch_is_pending(pump)) {
        pump->was_active = false;
        loop_timer_set(pump->loop, timer, clock_boottime_usec() + IDLE_USEC);
        return;
    }
    madvise(pump->in, IN_MAPPED + OUT_MAPPED, MADV_DONTNEED);
    for (unsigned i = 0; i < LOGLINE_STREAM_COUNT; i++) {
        struct PumpStream *stream = &pump->streams[i];
        stream->read_size = READ_SMALL;
        stream->fill = 0;
        if (stream->is_grown && stream->fd >= 0)
            (void)fcntl(stream->fd, F_SETPIPE_SZ, PIPE_SMALL);
        stream->is_grown = false;
    }
}

static void note_activity(struct Pump *pump)
{
    pump->was_active = true;
    if (!pump->idle.deadline)
        loop_timer_set(pump->loop, &pump->idle, clock_boottime_usec() + IDLE_USEC);
}

/* Reads that fill the buffer several times in a row mean that the container is ahead of us. */
static void adapt(struct PumpStream *stream, size_t size)
{
    stream->fill = size == stream->read_size ? stream->fill + 1 : 0;
    if (stream->fill < FILLS_TO_GROW || stream->is_grown)
        return;
    (void)fcntl(stream->fd, F_SETPIPE_SZ, PIPE_LARGE);
    stream->is_grown = true;
    stream->read_size = READ_LARGE;
}

/* The stream is over: its last line ends, even without a newline. */
static void stream_end(struct PumpStream *stream)
{
    struct Pump *pump = stream->pump;
    char record[LOGLINE_PREFIX_SIZE + 1];
    struct LoglinePrefix prefix;
    stream_close(stream);
    if (stream->is_partial) {
        logline_prefix(&prefix, realtime_nsec(), stream->stream);
        struct LogfileBatch batch = {
            .records = record, .size = logline_terminate(&prefix, record), .stream = stream->stream};
        (void)logfile_append(&pump->file, &batch);
        stream->is_partial = false;
    }
    if (pump->streams[LOGLINE_STDOUT].fd < 0 && pump->streams[LOGLINE_STDERR].fd < 0)
        attach_end(pump->attach);
}

/* Reads once; false when there is nothing to read now. */
static bool stream_read(struct PumpStream *stream)
{
    struct Pump *pump = stream->pump;
    ssize_t count;
    do
        count = read(stream->fd, pump->in, MIN(stream->read_size, attach_read_limit(pump->attach)));
    while (count < 0 && errno == EINTR);
    if (count < 0 && errno == EAGAIN)
        return false;
    if (count <= 0) {
        stream_end(stream);
        return false;
    }
    size_t size = (size_t)count;
    note_activity(pump);
    pump->counters.written += size;
    pump->offsets[stream->stream] += size;
    tail_add(&pump->tail, pump->in, size);
    if (pump->is_logging) {
        pump->batch = (struct PumpBatch){.stream = stream, .in_size = size};
        logline_prefix(&pump->batch.prefix, realtime_nsec(), stream->stream);
        batch_log(pump);
    }
    attach_send(pump->attach, stream->stream, pump->in, size);
    adapt(stream, size);
    return true;
}

static void stream_on_event(struct LoopSource *source, uint32_t events)
{
    struct PumpStream *stream = source->owner;
    struct Pump *pump = stream->pump;
    (void)events;
    stream_read(stream);
    if (pump->is_paused || batch_is_pending(pump) || !attach_is_ready(pump->attach))
        pump_rewatch(pump);
}

int pump_add_consume(struct Pump *pump, enum LoglineStream which, int pipe_fd)
{
    struct PumpStream *stream = &pump->streams[which];
    _cleanup_close_ int fd = pipe_fd;
    stream->source.owner = stream;
    stream->source.on_event = stream_on_event;
    int r = loop_watch(pump->loop, &stream->source, fd, EPOLLIN);
    if (r < 0)
        return r;
    stream->fd = TAKE_FD(fd);
    return 0;
}

bool pump_is_finished(const struct Pump *pump)
{
    return pump->streams[LOGLINE_STDOUT].fd < 0 && pump->streams[LOGLINE_STDERR].fd < 0 &&
           !batch_is_pending(pump);
}

void pump_finish(struct Pump *pump)
{
    pump->is_blocking = false;
    if (pump->is_logging && pump->file.reason)
        (void)logfile_recover(&pump->file, realtime_nsec());
    if (batch_is_pending(pump))
        batch_log(pump);
    for (unsigned i = 0; i < LOGLINE_STREAM_COUNT; i++) {
        struct PumpStream *stream = &pump->streams[i];
        for (unsigned reads = 0; stream->fd >= 0 && reads < FINISH_READS_MAX; reads++)
            if (!stream_read(stream))
                break;
        if (stream->fd >= 0)
            stream_end(stream);
    }
    if (pump->is_logging && (pump->file.reason || pump->file.gap.bytes))
        (void)logfile_recover(&pump->file, realtime_nsec());
    loop_timer_clear(&pump->retry);
}
