// SPDX-License-Identifier: Apache-2.0
#include "shim/log-account.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { SCAN_SIZE = LOGLINE_RECORD_MAX * 2, TEXT_SIZE = 512 };

void log_account_add(struct LogAccount *account, const char *records, uint64_t payload, uint64_t lines)
{
    if (!account->from[0])
        memcpy(account->from, records, LOG_ACCOUNT_TIME_SIZE);
    memcpy(account->to, records, LOG_ACCOUNT_TIME_SIZE);
    account->payload += payload;
    account->lines += lines;
}

void log_account_merge(struct LogAccount *account, const struct LogAccount *part)
{
    if (!part->from[0])
        return;
    if (!account->from[0])
        memcpy(account->from, part->from, LOG_ACCOUNT_TIME_SIZE);
    memcpy(account->to, part->to, LOG_ACCOUNT_TIME_SIZE);
    account->payload += part->payload;
    account->lines += part->lines;
}

/* Whole records of one read; a gap record is davit's own and holds no output. */
static void scan_records(struct LogAccount *account, const char *records, size_t size)
{
    static const char gap[] = "F:davit.gap ";
    for (size_t at = 0; at < size;) {
        const char *end = memchr(records + at, '\n', size - at);
        size_t length = (size_t)(end + 1 - (records + at));
        bool is_gap = length > LOGLINE_PREFIX_SIZE + sizeof(gap) &&
                      memcmp(records + at + LOGLINE_PREFIX_SIZE - 2, gap, sizeof(gap) - 1) == 0;
        if (length > LOGLINE_PREFIX_SIZE && !is_gap) {
            struct LoglineMeasure measure = logline_measure(records + at, length);
            log_account_add(account, records + at, measure.payload, measure.lines);
        }
        at += length;
    }
}

void log_account_scan(int dir_fd, const char *name, struct LogAccount *ret)
{
    char data[SCAN_SIZE];
    size_t kept = 0;
    *ret = (struct LogAccount){0};
    _cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    while (fd >= 0) {
        ssize_t count = read(fd, data + kept, sizeof(data) - kept);
        if (count <= 0)
            return;
        size_t size = kept + (size_t)count;
        const char *last = memrchr(data, '\n', size);
        size_t whole = last ? (size_t)(last + 1 - data) : 0;
        scan_records(ret, data, whole);
        kept = size - whole;
        memmove(data, data + whole, kept);
        if (kept == sizeof(data))
            return; /* no record is that long: the rest is not ours */
    }
}

void log_account_load(int dir_fd, struct LogAccount *ret)
{
    char text[TEXT_SIZE], from[LOG_ACCOUNT_TIME_SIZE + 1], to[LOG_ACCOUNT_TIME_SIZE + 1];
    struct LogAccount account = {0};
    _cleanup_close_ int fd = openat(dir_fd, "rotated", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : fd_read_all(fd, text, sizeof(text) - 1);
    if (size > 0) {
        text[size] = 0;
        const char *numbers = strstr(text, "\"bytes\":");
        if (numbers &&
            sscanf(numbers,
                   "\"bytes\":%" SCNu64 ",\"lines\":%" SCNu64 ",\"from\":\"%30[^\"]\",\"to\":\"%30[^\"]\"",
                   &account.payload, &account.lines, from, to) == 4 &&
            strlen(from) == LOG_ACCOUNT_TIME_SIZE && strlen(to) == LOG_ACCOUNT_TIME_SIZE) {
            memcpy(account.from, from, LOG_ACCOUNT_TIME_SIZE);
            memcpy(account.to, to, LOG_ACCOUNT_TIME_SIZE);
            *ret = account;
            return;
        }
    }
    *ret = (struct LogAccount){0};
}

int log_account_store(int dir_fd, const struct LogAccount *account, uint64_t now_nsec)
{
    char text[TEXT_SIZE], now[TIMESTAMP_SIZE];
    timestamp_format(now_nsec, now);
    str_format(text, sizeof(text),
               "%s stderr F:davit.gap {\"reason\":\"rotated\",\"bytes\":%" PRIu64 ",\"lines\":%" PRIu64
               ",\"from\":\"%.*s\",\"to\":\"%.*s\"}\n",
               now, account->payload, account->lines, LOG_ACCOUNT_TIME_SIZE, account->from,
               LOG_ACCOUNT_TIME_SIZE, account->to);
    _cleanup_close_ int fd =
        openat(dir_fd, "rotated.new", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int r = fd_write_all(fd, text, strlen(text));
    if (r >= 0 && renameat(dir_fd, "rotated.new", dir_fd, "rotated") < 0)
        r = -errno;
    return r;
}
