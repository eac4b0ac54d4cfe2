// SPDX-License-Identifier: Apache-2.0
/*
 * One write(2) a batch, to an O_APPEND file that only this process writes. A short write (a full
 * disk) is cut back to the last whole record. Rotation renames from the oldest name on, so each rename
 * deletes at most the oldest file and a rotation that failed half way can be tried again.
 */
#include "shim/logfile.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_SIZE = 16, GAP_SIZE = 512 };

void logfile_init(struct Logfile *file, int dir_fd, uint64_t max_size, uint32_t max_files,
                  struct ShimLogCounters *counters)
{
    file->dir_fd = dir_fd;
    file->fd = -1;
    file->max_size = max_size ? MAX(max_size, (uint64_t)LOGFILE_SIZE_MIN) : 0;
    file->max_files = MIN(MAX(max_files, UINT32_C(1)), (uint32_t)LOGFILE_FILES_MAX);
    file->counters = counters;
}

void logfile_deinit(struct Logfile *file)
{
    file->fd = safe_close(file->fd);
}

static const char *errno_name(int error, char buffer[NAME_SIZE])
{
    static const struct {
        int error;
        const char *name;
    } names[] = {
        {ENOSPC, "ENOSPC"}, {EDQUOT, "EDQUOT"}, {EIO, "EIO"},       {EROFS, "EROFS"},   {EFBIG, "EFBIG"},
        {ENOENT, "ENOENT"}, {EACCES, "EACCES"}, {EPERM, "EPERM"},   {EMFILE, "EMFILE"}, {ENFILE, "ENFILE"},
        {ENOMEM, "ENOMEM"}, {ELOOP, "ELOOP"},   {EISDIR, "EISDIR"}, {ESTALE, "ESTALE"}, {EEXIST, "EEXIST"},
    };
    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        if (names[i].error == error)
            return names[i].name;
    snprintf(buffer, NAME_SIZE, "errno %d", error);
    return buffer;
}

static const char *file_name(uint32_t index, char buffer[NAME_SIZE])
{
    if (index == 0)
        return "log";
    snprintf(buffer, NAME_SIZE, "log.%u", index);
    return buffer;
}

static int fail(struct Logfile *file, int error)
{
    file->reason = error;
    return -error;
}

/* An earlier shim that was killed while it wrote may have left half a record. */
static bool ends_in_record(int fd, uint64_t size)
{
    char last = '\n';
    return size > 0 && pread(fd, &last, 1, (off_t)size - 1) == 1 && last != '\n';
}

static int open_current(struct Logfile *file)
{
    struct stat status;
    _cleanup_close_ int fd =
        openat(file->dir_fd, "log",
               O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(file, errno);
    if (fstat(fd, &status) < 0)
        return fail(file, errno);
    if (!S_ISREG(status.st_mode))
        return fail(file, EINVAL);
    file->size = (uint64_t)status.st_size;
    file->is_torn = ends_in_record(fd, file->size);
    if (!file->is_opened) { /* what is there now is of earlier generations */
        file->is_opened = true;
        file->accounts[0].is_shared = file->size > 0;
        log_account_load(file->dir_fd, &file->gone);
    }
    safe_close(file->fd);
    file->fd = TAKE_FD(fd);
    return 0;
}

/* What the oldest file holds; files that this generation has not written alone are read for it. */
static void measure_oldest(const struct Logfile *file, struct LogAccount *ret)
{
    char name[NAME_SIZE];
    uint32_t oldest = file->max_files - 1;
    *ret = file->accounts[oldest];
    if (ret->is_shared || !ret->from[0])
        log_account_scan(file->dir_fd, file_name(oldest, name), ret);
}

/* The oldest file is gone: replaced by the one before it, or unlinked. */
static void account_deleted(struct Logfile *file, const struct LogAccount *deleted)
{
    struct LogAccount *oldest = &file->accounts[file->max_files - 1];
    file->counters->rotated += oldest->payload;
    *oldest = (struct LogAccount){0};
    if (!deleted->from[0])
        return;
    log_account_merge(&file->gone, deleted);
    /* A full disk cannot hinder it for long: the next deletion tells the sum again. */
    (void)log_account_store(file->dir_fd, &file->gone, clock_realtime_usec() * 1000);
}

static int rotate(struct Logfile *file)
{
    char from[NAME_SIZE], to[NAME_SIZE];
    struct LogAccount deleted;
    measure_oldest(file, &deleted);
    if (file->max_files == 1) {
        if (unlinkat(file->dir_fd, "log", 0) < 0 && errno != ENOENT)
            return fail(file, errno);
        account_deleted(file, &deleted);
    }
    for (uint32_t i = file->max_files - 1; i > 0; i--) {
        if (renameat(file->dir_fd, file_name(i - 1, from), file->dir_fd, file_name(i, to)) < 0) {
            if (errno == ENOENT)
                continue;
            return fail(file, errno);
        }
        if (i == file->max_files - 1)
            account_deleted(file, &deleted);
        file->accounts[i] = file->accounts[i - 1];
        file->accounts[i - 1] = (struct LogAccount){0};
    }
    file->fd = safe_close(file->fd);
    return open_current(file);
}

/* How much of these records goes into the current file: whole records up to the maximum, one record
 * when it alone is larger, 0 when the file has to be rotated first. */
static size_t fitting_size(const struct Logfile *file, const char *records, size_t size)
{
    uint64_t room = file->max_size > file->size ? file->max_size - file->size : 0;
    if (!file->max_size || size <= room)
        return size;
    const char *end = room ? memrchr(records, '\n', (size_t)room) : NULL;
    if (!end && file->size == 0)
        end = memchr(records, '\n', size);
    return end ? (size_t)(end + 1 - records) : 0;
}

/* Cuts the file back to its last whole record. Where even that fails, what is there stays, and the
 * next record begins on a line of its own. */
static void cut_back(struct Logfile *file, size_t whole, size_t written)
{
    if (written != whole && ftruncate(file->fd, (off_t)(file->size + whole)) < 0) {
        file->is_torn = true;
        file->size += written - whole;
    }
}

/* Writes records; *ret_size is how many bytes of whole records have reached the file. */
static int write_records(struct Logfile *file, const char *records, size_t size, size_t *ret_size)
{
    size_t written = 0, whole = size;
    int error = 0;
    while (written < size && error == 0) {
        ssize_t count = write(file->fd, records + written, size - written);
        if (count > 0)
            written += (size_t)count;
        else if (count == 0 || errno != EINTR)
            error = count == 0 ? ENOSPC : errno;
    }
    if (error) {
        const char *end = written > 0 ? memrchr(records, '\n', written) : NULL;
        whole = end ? (size_t)(end + 1 - records) : 0;
        cut_back(file, whole, written);
    }
    file->size += whole;
    *ret_size = whole;
    return error ? fail(file, error) : 0;
}

static void account_stored(struct Logfile *file, struct LogfileBatch *batch, size_t size)
{
    struct LoglineMeasure stored = {batch->payload, batch->lines};
    if (size != batch->size)
        stored = logline_measure(batch->records, size);
    file->is_partial[batch->stream] = logline_ends_partial(batch->records, size);
    file->counters->stored += stored.payload;
    log_account_add(&file->accounts[0], batch->records, stored.payload, stored.lines);
    batch->records += size;
    batch->size -= size;
    batch->payload -= stored.payload;
    batch->lines -= stored.lines;
}

int logfile_append(struct Logfile *file, struct LogfileBatch *batch)
{
    if (file->reason)
        return -file->reason;
    while (batch->size > 0) {
        size_t size = fitting_size(file, batch->records, batch->size);
        if (size == 0) {
            int r = rotate(file);
            if (r < 0)
                return r;
            continue;
        }
        size_t stored = 0;
        int r = write_records(file, batch->records, size, &stored);
        if (stored > 0)
            account_stored(file, batch, stored);
        if (r < 0)
            return r;
    }
    return 0;
}

void logfile_drop(struct Logfile *file, uint64_t bytes, uint64_t lines, uint64_t now_nsec)
{
    if (bytes == 0)
        return;
    if (file->gap.bytes == 0) {
        file->gap.from_nsec = now_nsec;
        file->gap_reason = file->reason;
    }
    file->gap.bytes += bytes;
    file->gap.lines += lines;
    file->gap.to_nsec = now_nsec;
    file->counters->dropped += bytes;
}

/* A record of davit's own, which has no part in the container's output. */
static int append_note(struct Logfile *file, const char *record, size_t size)
{
    size_t stored = 0;
    if (fitting_size(file, record, size) == 0) {
        int r = rotate(file);
        if (r < 0)
            return r;
    }
    return write_records(file, record, size, &stored);
}

static int mend_torn(struct Logfile *file)
{
    if (!file->is_torn)
        return 0;
    ssize_t count = write(file->fd, "\n", 1);
    if (count != 1)
        return fail(file, count < 0 ? errno : ENOSPC);
    file->size++;
    file->is_torn = false;
    return 0;
}

static int end_open_lines(struct Logfile *file, uint64_t now_nsec)
{
    for (unsigned i = 0; i < LOGLINE_STREAM_COUNT; i++) {
        char record[LOGLINE_PREFIX_SIZE + 1];
        struct LoglinePrefix prefix;
        if (!file->is_partial[i])
            continue;
        logline_prefix(&prefix, now_nsec, (enum LoglineStream)i);
        int r = append_note(file, record, logline_terminate(&prefix, record));
        if (r < 0)
            return r;
        file->is_partial[i] = false;
    }
    return 0;
}

static int tell_gap(struct Logfile *file, uint64_t now_nsec)
{
    char record[GAP_SIZE], name[NAME_SIZE];
    char now[TIMESTAMP_SIZE], from[TIMESTAMP_SIZE], to[TIMESTAMP_SIZE];
    if (file->gap.bytes == 0)
        return 0;
    int r = end_open_lines(file, now_nsec);
    if (r < 0)
        return r;
    timestamp_format(now_nsec, now);
    timestamp_format(file->gap.from_nsec, from);
    timestamp_format(file->gap.to_nsec, to);
    str_format(record, sizeof(record),
               "%s stderr F:davit.gap {\"reason\":\"%s\",\"bytes\":%" PRIu64 ",\"lines\":%" PRIu64
               ",\"from\":\"%s\",\"to\":\"%s\"}\n",
               now, errno_name(file->gap_reason, name), file->gap.bytes, file->gap.lines, from, to);
    r = append_note(file, record, strlen(record));
    if (r < 0)
        return r;
    file->gap = (struct LogfileGap){0};
    return 0;
}

int logfile_recover(struct Logfile *file, uint64_t now_nsec)
{
    bool was_healthy = file->fd >= 0 && !file->reason;
    file->reason = 0;
    int r = was_healthy ? 0 : open_current(file);
    if (r < 0)
        return r;
    r = mend_torn(file);
    if (r < 0)
        return r;
    return tell_gap(file, now_nsec);
}
