// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"
#include "base/fd.h"
#include "base/test.h"
#include "supervisor/api/stream/log-files.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SMALL = 1000 };

struct Folder {
    char path[64];
    int fd;
};

static void folder_open(struct Folder *folder)
{
    strcpy(folder->path, "/tmp/davit-test-XXXXXX");
    CHECK(mkdtemp(folder->path) != NULL);
    folder->fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void folder_close(struct Folder *folder)
{
    CHECK_EQ(tree_remove(AT_FDCWD, folder->path, 4), 0);
    safe_close(folder->fd);
}

/* `count` records numbered from `first`; every third is a P record that the next one ends. */
static void folder_write(const struct Folder *folder, const char *name, unsigned first, unsigned count)
{
    int fd = openat(folder->fd, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    for (unsigned i = first; i < first + count; i++) {
        char line[128];
        int size = snprintf(line, sizeof(line), "2026-01-02T03:04:05.%09uZ stdout %c line %u\n", i,
                            i % 3 == 2 ? 'P' : 'F', i);
        CHECK_EQ(fd_write_all(fd, line, (size_t)size), 0);
    }
    safe_close(fd);
}

static void folder_rotate(const struct Folder *folder, unsigned keep)
{
    char from[16], to[16];
    (void)snprintf(to, sizeof(to), "log.%u", keep - 1);
    (void)unlinkat(folder->fd, to, 0);
    for (unsigned i = keep - 1; i > 0; i--) {
        (void)snprintf(from, sizeof(from), i == 1 ? "log" : "log.%u", i - 1);
        (void)snprintf(to, sizeof(to), "log.%u", i);
        (void)renameat(folder->fd, from, folder->fd, to);
    }
}

static struct LogFiles files_of(const struct Folder *folder)
{
    struct LogFiles files = LOG_FILES_INIT;
    files.directory = fcntl(folder->fd, F_DUPFD_CLOEXEC, 3);
    return files;
}

/* Everything up to the end; skips are counted. */
static void read_to_end(struct LogFiles *files, struct Buf *out, unsigned *skips)
{
    for (;;) {
        char data[SMALL];
        size_t size = 0;
        int result = log_files_read(files, data, sizeof(data), &size);
        CHECK(result >= 0);
        if (result == LOG_FILES_SKIPPED && skips)
            ++*skips;
        if (result == LOG_FILES_END || result < 0)
            return;
        if (result == LOG_FILES_DATA)
            buf_append(out, data, size);
    }
}

/* The text holds the lines first..last, each once and in order. */
static void check_lines(const struct Buf *out, unsigned first, unsigned last)
{
    const char *at = out->data, *end = out->data + out->size;
    for (unsigned i = first; i <= last && at < end; i++) {
        char tail[32];
        (void)snprintf(tail, sizeof(tail), "line %u\n", i);
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        CHECK(newline && (size_t)(newline + 1 - at) > strlen(tail) &&
              memcmp(newline + 1 - strlen(tail), tail, strlen(tail)) == 0);
        at = newline ? newline + 1 : end;
        if (i == last)
            CHECK(at == end);
    }
    CHECK(out->size > 0 && at == end);
}

static void test_reads_over_rotations(void)
{
    struct Folder folder;
    folder_open(&folder);
    struct LogFiles files = files_of(&folder);
    _cleanup_buf_ struct Buf out = BUF_INIT;
    size_t size;
    CHECK_EQ(log_files_read(&files, NULL, 0, &size), LOG_FILES_END); /* none yet */
    folder_write(&folder, "log", 0, 50);
    folder_rotate(&folder, 4);
    folder_write(&folder, "log", 50, 50);
    read_to_end(&files, &out, NULL);
    check_lines(&out, 0, 99);
    /* goes on where it stood, through two rotations at once */
    folder_write(&folder, "log", 100, 10);
    folder_rotate(&folder, 4);
    folder_write(&folder, "log", 110, 10);
    folder_rotate(&folder, 4);
    folder_write(&folder, "log", 120, 10);
    read_to_end(&files, &out, NULL);
    check_lines(&out, 0, 129);
    log_files_deinit(&files);
    folder_close(&folder);
}

static void test_tells_when_files_were_rotated_away(void)
{
    struct Folder folder;
    folder_open(&folder);
    struct LogFiles files = files_of(&folder);
    _cleanup_buf_ struct Buf out = BUF_INIT;
    unsigned skips = 0;
    folder_write(&folder, "log", 0, 10);
    read_to_end(&files, &out, &skips);
    for (unsigned i = 1; i <= 6; i++) {
        folder_rotate(&folder, 3);
        folder_write(&folder, "log", i * 10, 10);
    }
    out.size = 0;
    read_to_end(&files, &out, &skips);
    CHECK_EQ(skips, 1);
    check_lines(&out, 40, 69); /* what is still there, whole */
    log_files_deinit(&files);
    folder_close(&folder);
}

static void test_a_held_file_is_read_though_deleted(void)
{
    struct Folder folder;
    folder_open(&folder);
    folder_write(&folder, "log", 0, 100);
    folder_rotate(&folder, 2);
    folder_write(&folder, "log", 100, 10);
    struct LogFiles files = files_of(&folder);
    char data[SMALL];
    size_t size = 0;
    _cleanup_buf_ struct Buf out = BUF_INIT;
    CHECK_EQ(log_files_read(&files, data, sizeof(data), &size), LOG_FILES_DATA);
    buf_append(&out, data, size);
    folder_rotate(&folder, 2); /* deletes the file that is being read */
    folder_write(&folder, "log", 110, 10);
    unsigned skips = 0;
    read_to_end(&files, &out, &skips);
    CHECK_EQ(skips, 0);
    check_lines(&out, 0, 119);
    log_files_deinit(&files);
    folder_close(&folder);
}

/* Lines 2, 5, 8 ... are P records: the last n complete lines begin after the (n+1)th F from the end. */
static unsigned first_of_tail(unsigned total, unsigned lines)
{
    unsigned seen = 0;
    for (unsigned i = total; i-- > 0;)
        if (i % 3 != 2 && ++seen > lines)
            return i + 1;
    return 0;
}

static void test_tail(void)
{
    struct Folder folder;
    folder_open(&folder);
    folder_write(&folder, "log", 0, 9000); /* several blocks */
    folder_rotate(&folder, 4);
    folder_write(&folder, "log", 9000, 30);
    static const unsigned LINES[] = {1, 2, 3, 19, 20, 21, 100, 2000, 5999, 6000, 6019, 6020, 6021, 100000};
    for (unsigned i = 0; i < ELEMENTSOF(LINES); i++) {
        char row[32];
        (void)snprintf(row, sizeof(row), "tail %u", LINES[i]);
        test_row(row);
        struct LogFiles files = files_of(&folder);
        struct LogTail tail = {.lines = LINES[i]};
        int result;
        while ((result = log_files_seek_tail(&files, &tail)) == 1)
            ;
        CHECK_EQ(result, 0);
        _cleanup_buf_ struct Buf out = BUF_INIT;
        read_to_end(&files, &out, NULL);
        check_lines(&out, first_of_tail(9030, LINES[i]), 9029);
        log_files_deinit(&files);
    }
    test_row(NULL);
    folder_close(&folder);
}

static void test_tail_of_an_empty_folder(void)
{
    struct Folder folder;
    folder_open(&folder);
    struct LogFiles files = files_of(&folder);
    struct LogTail tail = {.lines = 3};
    CHECK_EQ(log_files_seek_tail(&files, &tail), -ENOENT);
    log_files_deinit(&files);
    folder_close(&folder);
}

static const struct Test tests[] = {
    TEST(test_reads_over_rotations),
    TEST(test_tells_when_files_were_rotated_away),
    TEST(test_a_held_file_is_read_though_deleted),
    TEST(test_tail),
    TEST(test_tail_of_an_empty_folder),
};
TEST_MAIN(tests)
