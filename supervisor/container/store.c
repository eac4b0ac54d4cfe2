// SPDX-License-Identifier: Apache-2.0
#include "supervisor/container/store.h"
#include "base/fd.h"
#include "base/str.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Two generations' worth of records: starting, running, exit, removing, removed. */
enum { STORE_RESERVE = 16 << 10 };

static int store_failed(struct Error *error, int errnum, const char *id, const char *verb)
{
    bool full = errnum == -ENOSPC || errnum == -EDQUOT || errnum == -EFBIG;
    return error_set_errno(error, full ? ERROR_RESOURCE_EXHAUSTED : ERROR_INTERNAL, errnum, "journal",
                           "cannot %s the journal of %s", verb, id);
}

/* Whole or not at all: `start` is the size of the file before. */
static int write_record(int fd, off_t start, const struct Buf *bytes)
{
    if (bytes->error)
        return bytes->error;
    int r = fd_write_all(fd, bytes->data, bytes->size);
    if (r < 0 && ftruncate(fd, start) < 0)
        return r; /* the torn end is cut off when the journal is read */
    return r;
}

int store_create(int directory, const char *id, const struct Record *definition, struct Error *error)
{
    _cleanup_buf_ struct Buf bytes = BUF_INIT;
    _cleanup_close_ int fd = -1;

    record_encode(definition, &bytes);
    fd = openat(directory, id, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return store_failed(error, -errno, id, "create");
    int r = 0;
    if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)(bytes.size + STORE_RESERVE)) < 0 && errno != EOPNOTSUPP)
        r = -errno;
    if (r == 0)
        r = write_record(fd, 0, &bytes);
    if (r < 0) {
        unlinkat(directory, id, 0);
        return store_failed(error, r, id, "write");
    }
    return 0;
}

int store_append(int directory, const char *id, const struct Record *record, struct Error *error)
{
    _cleanup_buf_ struct Buf bytes = BUF_INIT;
    _cleanup_close_ int fd = -1;
    struct stat st;

    record_encode(record, &bytes);
    fd = openat(directory, id, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return store_failed(error, -errno, id, "open");
    if (fstat(fd, &st) < 0)
        return store_failed(error, -errno, id, "open");
    int r = write_record(fd, st.st_size, &bytes);
    if (r < 0)
        return store_failed(error, r, id, "write");
    /* An exit ends a generation: the moment to make room for the next one. */
    if (record->kind == RECORD_EXIT && st.st_size > STORE_COMPACT_SIZE)
        (void)store_compact(directory, id); /* a journal too long is still a whole journal */
    return 0;
}

int store_remove(int directory, const char *id)
{
    return unlinkat(directory, id, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int store_discard(int directory, const char *id)
{
    uint32_t head[2] = {0};
    struct stat st;
    char damaged[80];
    _cleanup_close_ int fd = openat(directory, id, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    bool torn = pread(fd, head, sizeof(head), 0) < (ssize_t)sizeof(head) ||
                (uint64_t)st.st_size < sizeof(head) + (uint64_t)head[0];
    if (torn)
        return store_remove(directory, id);
    (void)str_format(damaged, sizeof(damaged), ".damaged-%s", id);
    return renameat(directory, id, directory, damaged) < 0 ? -errno : 1;
}

/* Decodes record after record; *ret_end is where the sound part ends. */
static int visit_records(const char *data, size_t size, StoreVisitor visit, void *owner, size_t *ret_end)
{
    size_t offset = 0;
    bool defined = false;
    for (;;) {
        struct Record record;
        msgpack_zone zone;
        if (!msgpack_zone_init(&zone, 2048))
            return -ENOMEM;
        *ret_end = offset;
        int r = record_decode(data, size, &offset, &zone, &record);
        /* The definition is the first record and the only one of its kind. */
        if (r == 1 && defined == (record.kind == RECORD_DEFINITION))
            r = -EBADMSG;
        int result = 0;
        if (r == 1) {
            defined = true;
            result = visit(owner, &record);
        }
        msgpack_zone_destroy(&zone);
        if (result < 0)
            return result;
        if (r != 1)
            return defined ? 0 : -EBADMSG;
    }
}

int store_read(int directory, const char *id, bool repair, StoreVisitor visit, void *owner)
{
    _cleanup_free_ char *data = NULL;
    size_t size = 0, end = 0;

    int r = file_read(directory, id, STORE_JOURNAL_MAX, &data, &size);
    if (r < 0)
        return r;
    r = visit_records(data, size, visit, owner, &end);
    if (r == 0 && repair && end < size) {
        _cleanup_close_ int fd = openat(directory, id, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || ftruncate(fd, (off_t)end) < 0)
            return -errno;
    }
    return r;
}

/* --- compaction: keep the definition, the last of each other kind, in the order they had --- */

struct Compaction {
    struct {
        size_t start, size; /* in bytes */
    } kept[RECORD_KIND_COUNT];
    struct Buf bytes;
};

static int keep_last(void *owner, const struct Record *record)
{
    struct Compaction *compaction = owner;
    size_t start = compaction->bytes.size;
    record_encode(record, &compaction->bytes);
    compaction->kept[record->kind].start = start;
    compaction->kept[record->kind].size = compaction->bytes.size - start;
    return compaction->bytes.error;
}

static int write_kept(int fd, const struct Compaction *compaction)
{
    size_t position = 0;
    for (;;) { /* the next one by position: few kinds, so a scan each */
        int next = -1;
        for (int kind = 0; kind < RECORD_KIND_COUNT; kind++)
            if (compaction->kept[kind].size && compaction->kept[kind].start >= position &&
                (next < 0 || compaction->kept[kind].start < compaction->kept[next].start))
                next = kind;
        if (next < 0)
            return 0;
        int r = fd_write_all(fd, compaction->bytes.data + compaction->kept[next].start,
                             compaction->kept[next].size);
        if (r < 0)
            return r;
        position = compaction->kept[next].start + 1;
    }
}

bool store_is_temporary(const char *name)
{
    size_t length = strlen(name);
    return name[0] == '.' && length > 5 && str_equal(name + length - 4, ".new");
}

int store_compact(int directory, const char *id)
{
    struct Compaction compaction = {.bytes = {.limit = STORE_JOURNAL_MAX}};
    char temporary[80];
    _cleanup_close_ int fd = -1;

    if (!str_format(temporary, sizeof(temporary), ".%s.new", id))
        return -ENAMETOOLONG;
    int r = store_read(directory, id, false, keep_last, &compaction);
    if (r == 0) {
        fd = openat(directory, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
        r = fd < 0 ? -errno : write_kept(fd, &compaction);
    }
    if (r == 0 && fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, lseek(fd, 0, SEEK_CUR) + STORE_RESERVE) < 0 &&
        errno != EOPNOTSUPP)
        r = -errno;
    if (r == 0 && renameat(directory, temporary, directory, id) < 0)
        r = -errno;
    if (r < 0)
        unlinkat(directory, temporary, 0);
    buf_deinit(&compaction.bytes);
    return r;
}
