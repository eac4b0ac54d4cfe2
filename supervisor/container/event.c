// SPDX-License-Identifier: Apache-2.0
/*
 * The event ring on disk. A record's payload begins with bytes of fixed shape (the map's head and
 * its first member, seq, always as nine bytes), so that scanning a file needs no unpacking. For each
 * file an index of every EVENT_INDEX_STEP-th record finds a sequence number without reading much.
 * Numbers may jump within a file (after a power failure), never go back.
 */
#include "supervisor/container/event.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "supervisor/log.h"
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EVENT_HEAD = 8, EVENT_MEMBERS = 8, EVENT_INDEX_STEP = 64, EVENT_FILES = 2 };
static const char SEQ_PREFIX[] = {(char)(0x80 | EVENT_MEMBERS), (char)0xa3, 's', 'e', 'q', (char)0xcf};
enum { EVENT_SEQ_AT = sizeof(SEQ_PREFIX), EVENT_PAYLOAD_MIN = EVENT_SEQ_AT + 8 };

struct EventIndex {
    uint64_t seq;
    uint32_t offset;
};

struct EventFile {
    int fd;
    uint64_t first, last; /* numbers; last 0: empty */
    uint32_t size, records;
    struct EventIndex *index;
    size_t index_size, index_capacity;
};

struct EventLog {
    int directory;
    char boot[37], last_boot[37];
    uint64_t next, reserved;
    struct EventFile files[EVENT_FILES]; /* older, newer; fd -1: none */
    struct ListNode subscribers;
    bool failing;
    struct Buf scratch;
};

/* --- one file --- */

static void file_close(struct EventFile *file)
{
    safe_close(file->fd);
    free(file->index);
    *file = (struct EventFile){.fd = -1};
}

static int file_note(struct EventFile *file, uint64_t seq, uint32_t size)
{
    if (file->records % EVENT_INDEX_STEP == 0) {
        if (file->index_size == file->index_capacity) {
            size_t capacity = file->index_capacity ? 2 * file->index_capacity : 64;
            struct EventIndex *index = reallocarray(file->index, capacity, sizeof(*index));
            if (!index)
                return -ENOMEM;
            file->index = index;
            file->index_capacity = capacity;
        }
        file->index[file->index_size++] = (struct EventIndex){seq, file->size};
    }
    if (file->last == 0)
        file->first = seq;
    file->last = seq;
    file->records++;
    file->size += size;
    return 0;
}

/* The size of the record at `data` (frame included), or 0 when it is not whole and sound. */
static uint32_t record_size(const char *data, size_t size, uint64_t *ret_seq)
{
    uint32_t head[2];
    uint64_t seq;
    if (size < EVENT_HEAD + EVENT_PAYLOAD_MIN)
        return 0;
    memcpy(head, data, sizeof(head));
    if (head[0] < EVENT_PAYLOAD_MIN || head[0] > size - EVENT_HEAD)
        return 0;
    const char *payload = data + EVENT_HEAD;
    if (memcmp(payload, SEQ_PREFIX, sizeof(SEQ_PREFIX)) != 0 || crc32_of(payload, head[0]) != head[1])
        return 0;
    memcpy(&seq, payload + EVENT_SEQ_AT, sizeof(seq));
    *ret_seq = __builtin_bswap64(seq); /* msgpack is big-endian; davit's hosts are not */
    return EVENT_HEAD + head[0];
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "little-endian hosts only");

/* --- opening --- */

struct EventScan {
    struct EventLog *log;
    EventVisitor visitor;
    void *owner;
};

static int visit_event(const struct EventScan *scan, uint64_t seq, const char *payload, uint32_t size)
{
    msgpack_object event;
    msgpack_zone zone;
    if (!msgpack_zone_init(&zone, 2048))
        return -ENOMEM;
    int r = wire_unpack(payload, size, &WIRE_LIMITS_DEFAULT, &zone, &event, NULL);
    if (r == 0) {
        (void)wire_get_str(&event, "boot", scan->log->last_boot, sizeof(scan->log->last_boot));
        if (scan->visitor)
            scan->visitor(scan->owner, seq, &event);
    }
    msgpack_zone_destroy(&zone);
    return r == -ENOMEM ? r : 0;
}

/* Reads a file from its beginning; a torn end is cut off. */
static int file_scan(struct EventScan *scan, struct EventFile *file, const char *name)
{
    _cleanup_free_ char *data = NULL;
    size_t size = 0;
    const char *last = NULL;
    uint32_t last_size = 0;

    int r = file_read(scan->log->directory, name, 2 * (size_t)EVENT_FILE_SIZE, &data, &size);
    if (r < 0)
        return r;
    while (file->size < size) {
        uint64_t seq = 0;
        uint32_t record = record_size(data + file->size, size - file->size, &seq);
        if (record == 0 || seq <= file->last)
            break;
        last = data + file->size + EVENT_HEAD;
        last_size = record - EVENT_HEAD;
        if (scan->visitor)
            r = visit_event(scan, seq, last, last_size);
        if (r == 0)
            r = file_note(file, seq, record);
        if (r < 0)
            return r;
    }
    if (!scan->visitor && last)
        r = visit_event(scan, file->last, last, last_size); /* for its boot id */
    if (r == 0 && file->size < size && ftruncate(file->fd, file->size) < 0)
        r = -errno;
    return r;
}

static int file_open(struct EventScan *scan, uint64_t first, struct EventFile *file)
{
    char name[32];
    (void)str_format(name, sizeof(name), "%" PRIu64, first);
    file->fd = openat(scan->log->directory, name, O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
    if (file->fd < 0)
        return -errno;
    file->first = first;
    return file_scan(scan, file, name);
}

/* The two newest files; older ones (a kill during rotation) are removed. */
static int find_files(const struct EventLog *log, uint64_t ret[EVENT_FILES])
{
    _cleanup_close_ int fd = openat(log->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (!folder)
        return -errno;
    TAKE_FD(fd);
    for (struct dirent *entry; (entry = readdir(folder));) {
        uint64_t first, dropped;
        if (str_parse_u64(entry->d_name, &first) < 0 || first == 0)
            continue;
        dropped = MIN(first, ret[0]);
        if (first > ret[1]) {
            dropped = ret[0];
            ret[0] = ret[1];
            ret[1] = first;
        } else if (first > ret[0]) {
            dropped = ret[0];
            ret[0] = first;
        }
        if (dropped) {
            char name[32];
            (void)str_format(name, sizeof(name), "%" PRIu64, dropped);
            unlinkat(log->directory, name, 0);
        }
    }
    closedir(folder);
    return 0;
}

/* A damaged reservation says nothing: then as many numbers are skipped as it can have held. */
static int read_reserved(struct EventLog *log, uint64_t last)
{
    _cleanup_free_ char *text = NULL;
    size_t size;
    int r = file_read(log->directory, "reserved", 64, &text, &size);
    if (r == -ENOENT)
        return 0;
    if (r == 0 && size > 0 && text[size - 1] == '\n')
        text[size - 1] = 0;
    if (r == 0)
        r = str_parse_u64(text, &log->reserved);
    if (r == -EINVAL || r == -ERANGE || r == -EFBIG) {
        log_event(LOG_LEVEL_WARNING, "events.damaged", NULL, "the reservation of numbers cannot be read");
        log->next = last + EVENT_RESERVE;
        return 0;
    }
    return r;
}

/* Durable: a number below `value` may have been used. */
static int write_reserved(struct EventLog *log, uint64_t value)
{
    char text[32];
    _cleanup_close_ int fd =
        openat(log->directory, "reserved.new", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    (void)str_format(text, sizeof(text), "%" PRIu64 "\n", value);
    int r = fd_write_all(fd, text, strlen(text));
    if (r == 0 && fdatasync(fd) < 0)
        r = -errno;
    if (r == 0 && renameat(log->directory, "reserved.new", log->directory, "reserved") < 0)
        r = -errno;
    if (r == 0 && fsync(log->directory) < 0)
        r = -errno;
    if (r == 0)
        log->reserved = value;
    return r;
}

static int open_files(struct EventScan *scan)
{
    struct EventLog *log = scan->log;
    uint64_t names[EVENT_FILES] = {0};
    int r = find_files(log, names);
    for (size_t i = 0; r == 0 && i < EVENT_FILES; i++)
        if (names[i])
            r = file_open(scan, names[i], &log->files[i]);
    if (r < 0)
        return r;
    for (size_t i = 0; i < EVENT_FILES; i++)
        if (log->files[i].fd >= 0)
            log->next = MAX(log->next, log->files[i].last + 1);
    r = read_reserved(log, log->next);
    if (r < 0)
        return r;
    /* The page cache of another boot may have been lost: go on where no number can have been used. */
    if (!str_equal(log->boot, log->last_boot))
        log->next = MAX(log->next, log->reserved);
    log->next = MAX(log->next, UINT64_C(1));
    return 0;
}

int event_log_open(int directory_take, const char *boot, EventVisitor visitor, void *owner,
                   struct EventLog **ret, struct Error *error)
{
    _cleanup_close_ int directory = directory_take;
    struct EventLog *log = calloc(1, sizeof(*log));
    if (!log)
        return error_set(error, ERROR_RESOURCE_EXHAUSTED, "events", "out of memory");
    log->directory = TAKE_FD(directory);
    (void)str_format(log->boot, sizeof(log->boot), "%s", boot);
    list_init(&log->subscribers);
    for (size_t i = 0; i < EVENT_FILES; i++)
        log->files[i].fd = -1;
    struct EventScan scan = {.log = log, .visitor = visitor, .owner = owner};
    int r = open_files(&scan);
    if (r == 0 && log->next + EVENT_RESERVE / 2 > log->reserved)
        r = write_reserved(log, log->next + EVENT_RESERVE);
    if (r < 0) {
        log->reserved = 0; /* nothing to give back */
        event_log_free(log);
        return error_set_errno(error, ERROR_INTERNAL, r, "events", "cannot open the event ring");
    }
    *ret = log;
    return 0;
}

/* An orderly end: everything is on disk, so the next start may go on with the very next number. */
static void give_back(struct EventLog *log)
{
    if (log->next >= log->reserved || log->files[1].fd < 0)
        return;
    if (fdatasync(log->files[1].fd) == 0)
        (void)write_reserved(log, log->next); /* else numbers are skipped after a reboot */
}

void event_log_free(struct EventLog *log)
{
    if (!log)
        return;
    while (!list_is_empty(&log->subscribers))
        list_remove(log->subscribers.next);
    give_back(log);
    for (size_t i = 0; i < EVENT_FILES; i++)
        file_close(&log->files[i]);
    buf_deinit(&log->scratch);
    safe_close(log->directory);
    free(log);
}

/* --- appending --- */

static void encode_event(struct EventLog *log, const struct EventHead *head, uint64_t seq, const void *data,
                         size_t size)
{
    struct WireWriter writer;
    struct Buf *out = &log->scratch;
    uint32_t frame[2];
    uint64_t big_endian = __builtin_bswap64(seq);

    out->size = 0;
    out->error = 0;
    buf_append(out, (char[EVENT_HEAD]){0}, EVENT_HEAD);
    buf_append(out, SEQ_PREFIX, sizeof(SEQ_PREFIX));
    buf_append(out, &big_endian, sizeof(big_endian));
    wire_writer_init(&writer, out);
    wire_key_str(&writer, "boot", log->boot);
    wire_key_u64(&writer, "time", clock_realtime_usec());
    wire_key_str(&writer, "type", head->type);
    wire_key_str(&writer, "container", head->container);
    wire_key_str(&writer, "name", head->name);
    wire_key_u64(&writer, "generation", head->generation);
    wire_key(&writer, "data");
    if (size)
        buf_append(out, data, size);
    else
        wire_map(&writer, 0);
    if (out->error)
        return;
    frame[0] = (uint32_t)(out->size - EVENT_HEAD);
    frame[1] = crc32_of(out->data + EVENT_HEAD, frame[0]);
    memcpy(out->data, frame, sizeof(frame));
}

/* The older file goes, the newer becomes the older, and a new one begins with this number. */
static int rotate(struct EventLog *log, uint64_t seq)
{
    char name[32];
    (void)str_format(name, sizeof(name), "%" PRIu64, seq);
    _cleanup_close_ int fd =
        openat(log->directory, name, O_RDWR | O_APPEND | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    if (log->files[0].fd >= 0) {
        (void)str_format(name, sizeof(name), "%" PRIu64, log->files[0].first);
        unlinkat(log->directory, name, 0);
    }
    file_close(&log->files[0]);
    log->files[0] = log->files[1];
    log->files[1] = (struct EventFile){.fd = TAKE_FD(fd), .first = seq};
    return 0;
}

static int store_event(struct EventLog *log, uint64_t seq)
{
    struct EventFile *file = &log->files[1];
    const struct Buf *bytes = &log->scratch;
    int r = bytes->error;
    if (r == 0 && seq >= log->reserved)
        r = write_reserved(log, seq + EVENT_RESERVE);
    if (r == 0 && (file->fd < 0 || file->size + bytes->size > EVENT_FILE_SIZE))
        r = rotate(log, seq);
    if (r < 0)
        return r;
    r = fd_write_all(file->fd, bytes->data, bytes->size);
    if (r == 0)
        return file_note(file, seq, (uint32_t)bytes->size);
    if (ftruncate(file->fd, file->size) < 0)
        return -errno;
    return r;
}

uint64_t event_log_append(struct EventLog *log, const struct EventHead *head, const void *data, size_t size)
{
    uint64_t seq = MAX(head->seq, log->next);
    encode_event(log, head, seq, data, size);
    int r = store_event(log, seq);
    log->next = seq + 1;
    if (r < 0 && !log->failing)
        log_event(LOG_LEVEL_ERROR, "events.unsaved", head->container, "event %" PRIu64 " is not stored: %s",
                  seq, strerror(-r));
    log->failing = r < 0;
    if (!log->scratch.error)
        LIST_FOREACH (node, &log->subscribers) {
            struct EventSubscriber *subscriber = CONTAINER_OF(node, struct EventSubscriber, node);
            subscriber->on_event(subscriber, seq, log->scratch.data + EVENT_HEAD,
                                 log->scratch.size - EVENT_HEAD);
        }
    return seq;
}

uint64_t event_log_next(const struct EventLog *log)
{
    return log->next;
}

uint64_t event_log_first(const struct EventLog *log)
{
    for (size_t i = 0; i < EVENT_FILES; i++)
        if (log->files[i].fd >= 0 && log->files[i].last)
            return log->files[i].first;
    return log->next;
}

void event_log_subscribe(struct EventLog *log, struct EventSubscriber *subscriber)
{
    list_append(&log->subscribers, &subscriber->node);
}

void event_log_unsubscribe(struct EventSubscriber *subscriber)
{
    list_remove(&subscriber->node);
}

/* --- reading --- */

/* The offset of the last indexed record whose number is not above seq. */
static uint32_t index_find(const struct EventFile *file, uint64_t seq)
{
    size_t low = 0, high = file->index_size;
    while (low + 1 < high) {
        size_t middle = low + (high - low) / 2;
        if (file->index[middle].seq <= seq)
            low = middle;
        else
            high = middle;
    }
    return file->index_size ? file->index[low].offset : 0;
}

enum { EVENT_READ_CHUNK = 64 << 10 };

static int read_file(const struct EventFile *file, uint64_t *seq, size_t limit, struct Buf *out, size_t start)
{
    uint32_t offset = index_find(file, *seq);
    size_t size = EVENT_READ_CHUNK;
    _cleanup_free_ char *chunk = NULL;
    while (offset < file->size && out->size - start < limit && !out->error) {
        size_t want = MIN(size, (size_t)(file->size - offset));
        char *grown = realloc(chunk, want);
        if (!grown)
            return -ENOMEM;
        chunk = grown;
        ssize_t got = pread(file->fd, chunk, want, offset);
        if (got < 0)
            return -errno;
        size_t at = 0;
        while (out->size - start < limit) {
            uint64_t number = 0;
            uint32_t record = record_size(chunk + at, (size_t)got - at, &number);
            if (record == 0)
                break;
            if (number >= *seq) {
                buf_append(out, chunk + at + EVENT_HEAD, record - EVENT_HEAD);
                *seq = number + 1;
            }
            at += record;
        }
        if (at == 0) {
            if ((size_t)got < want || want == file->size - offset)
                return -EBADMSG;
            size *= 2; /* a record longer than the chunk */
        }
        offset += (uint32_t)at;
    }
    return out->error;
}

int event_log_read(struct EventLog *log, uint64_t seq, size_t limit, struct Buf *out, uint64_t *ret_next)
{
    size_t start = out->size;
    if (seq < event_log_first(log))
        return -ENOENT;
    for (size_t i = 0; i < EVENT_FILES && out->size - start < limit; i++) {
        const struct EventFile *file = &log->files[i];
        if (file->fd < 0 || file->last < seq)
            continue;
        int r = read_file(file, &seq, limit, out, start);
        if (r < 0)
            return r;
    }
    *ret_next = out->size == start ? log->next : seq;
    return 0;
}
