// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/test.h"
#include "shim/logfile.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BATCH_MAX = 1 << 20 };

static const uint64_t TIME = UINT64_C(1767323045123456789);

struct Folder {
    char path[64];
    int fd;
    bool is_mounted;
};

static void folder_init(struct Folder *folder, const char *mount_options)
{
    *folder = (struct Folder){.path = "/tmp/davit-test-logfile-XXXXXX", .fd = -1};
    CHECK(mkdtemp(folder->path) != NULL);
    if (mount_options) {
        CHECK_EQ(unshare(CLONE_NEWNS), 0);
        CHECK_EQ(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
        CHECK_EQ(mount("davit-test", folder->path, "tmpfs", 0, mount_options), 0);
        folder->is_mounted = true;
    }
    folder->fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void folder_deinit(struct Folder *folder)
{
    folder->fd = safe_close(folder->fd);
    if (folder->is_mounted)
        umount2(folder->path, MNT_DETACH);
    CHECK_EQ(tree_remove(AT_FDCWD, folder->path, 2), 0);
}

static struct Logfile *file_new(int dir_fd, uint64_t max_size, uint32_t max_files,
                                struct ShimLogCounters *counters)
{
    struct Logfile *file = calloc(1, sizeof(*file));
    logfile_init(file, dir_fd, max_size, max_files, counters);
    return file;
}

static void file_free(struct Logfile *file)
{
    logfile_deinit(file);
    free(file);
}

/* Output as records; the memory is static. */
static struct LogfileBatch batch_of(const char *text, size_t size, enum LoglineStream stream,
                                    bool *is_partial)
{
    static char in[BATCH_MAX / 8 + LOGLINE_SLACK], out[BATCH_MAX + LOGLINE_SLACK];
    struct LoglinePrefix prefix;
    memcpy(in, text, size);
    logline_prefix(&prefix, TIME, stream);
    struct LoglineResult made = logline_format(is_partial, &prefix, in, size, out, BATCH_MAX);
    CHECK_EQ(made.consumed, size);
    return (struct LogfileBatch){out, made.produced, made.consumed, made.lines, stream};
}

static int append_text(struct Logfile *file, const char *text)
{
    bool is_partial = file->is_partial[LOGLINE_STDOUT];
    struct LogfileBatch batch = batch_of(text, strlen(text), LOGLINE_STDOUT, &is_partial);
    return logfile_append(file, &batch);
}

static char *text_of(const struct Folder *folder, const char *name)
{
    char *text = NULL;
    size_t size = 0;
    return file_read(folder->fd, name, BATCH_MAX, &text, &size) < 0 ? NULL : text;
}

static uint64_t payload_of(const struct Folder *folder, const char *name)
{
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    if (file_read(folder->fd, name, 64 << 20, &text, &size) < 0)
        return 0;
    CHECK(size == 0 || text[size - 1] == '\n');
    return logline_measure(text, size).payload;
}

static uint64_t size_of(const struct Folder *folder, const char *name)
{
    struct stat status;
    return fstatat(folder->fd, name, &status, 0) < 0 ? UINT64_MAX : (uint64_t)status.st_size;
}

static void test_appends(void)
{
    struct Folder folder;
    struct ShimLogCounters counters = {0};
    folder_init(&folder, NULL);
    struct Logfile *file = file_new(folder.fd, 0, 5, &counters);
    CHECK_EQ(logfile_recover(file, TIME), 0);
    CHECK_EQ(append_text(file, "one\ntwo"), 0);
    CHECK(file->is_partial[LOGLINE_STDOUT]);
    CHECK_EQ(append_text(file, " three\n"), 0);
    CHECK(!file->is_partial[LOGLINE_STDOUT]);
    CHECK_EQ(counters.stored, 14);
    _cleanup_free_ char *text = text_of(&folder, "log");
    CHECK_STR(text,
              "2026-01-02T03:04:05.123456789Z stdout F one\n2026-01-02T03:04:05.123456789Z stdout P two\n"
              "2026-01-02T03:04:05.123456789Z stdout F  three\n");
    file_free(file);
    folder_deinit(&folder);
}

/* Batches of many sizes over a small maximum: no file is larger, no byte is lost or counted twice. */
static void test_rotates(void)
{
    static const uint32_t file_counts[] = {1, 2, 3, 7};
    for (size_t row = 0; row < ELEMENTSOF(file_counts); row++) {
        struct Folder folder;
        struct ShimLogCounters counters = {0};
        uint64_t written = 0, left = 0;
        char batch_text[4000], name[16];
        folder_init(&folder, NULL);
        struct Logfile *file = file_new(folder.fd, LOGFILE_SIZE_MIN, file_counts[row], &counters);
        CHECK_EQ(logfile_recover(file, TIME), 0);
        for (unsigned i = 0; i < 400; i++) {
            size_t used = 0;
            for (unsigned k = 0; k <= i % 17; k++)
                used += (size_t)snprintf(batch_text + used, sizeof(batch_text) - used, "%0*u%s",
                                         (int)(1 + (i * 7 + k * 13) % 150), i, k % 5 == 4 ? "" : "\n");
            CHECK_EQ(append_text(file, batch_text), 0);
            written += strlen(batch_text);
            CHECK(size_of(&folder, "log") <= LOGFILE_SIZE_MIN);
        }
        CHECK_EQ(counters.stored, written);
        CHECK_EQ(counters.dropped, 0);
        for (unsigned i = 0; i < file_counts[row]; i++) {
            str_format(name, sizeof(name), i ? "log.%u" : "log", i);
            left += payload_of(&folder, name);
            CHECK(size_of(&folder, name) <= LOGFILE_SIZE_MIN);
        }
        CHECK_EQ(left + counters.rotated, written);
        str_format(name, sizeof(name), "log.%u", file_counts[row]);
        CHECK_EQ(size_of(&folder, name), UINT64_MAX);
        file_free(file);
        folder_deinit(&folder);
    }
}

static void test_record_larger_than_the_maximum(void)
{
    struct Folder folder;
    struct ShimLogCounters counters = {0};
    static char text[12000];
    memset(text, 'x', sizeof(text) - 2);
    text[sizeof(text) - 2] = '\n';
    folder_init(&folder, NULL);
    struct Logfile *file = file_new(folder.fd, 1, 3, &counters); /* taken as LOGFILE_SIZE_MIN */
    CHECK_EQ(logfile_recover(file, TIME), 0);
    CHECK_EQ(append_text(file, "small\n"), 0);
    CHECK_EQ(append_text(file, text), 0);
    CHECK_EQ(append_text(file, "small\n"), 0);
    CHECK_EQ(payload_of(&folder, "log"), 6);
    CHECK_EQ(payload_of(&folder, "log.1"), sizeof(text) - 1);
    CHECK_EQ(payload_of(&folder, "log.2"), 6);
    CHECK_EQ(counters.rotated, 0);
    file_free(file);
    folder_deinit(&folder);
}

/* A generation before us: appended to, not counted; half a record of it is ended first. */
static void test_continues_an_older_log(void)
{
    struct Folder folder;
    struct ShimLogCounters counters = {0};
    folder_init(&folder, NULL);
    CHECK_EQ(file_create(folder.fd, "log", "whole\nhalf", 10, 0600), 0);
    struct Logfile *file = file_new(folder.fd, LOGFILE_SIZE_MIN, 2, &counters);
    CHECK_EQ(logfile_recover(file, TIME), 0);
    CHECK_EQ(append_text(file, "new\n"), 0);
    _cleanup_free_ char *text = text_of(&folder, "log");
    CHECK_STR(text, "whole\nhalf\n2026-01-02T03:04:05.123456789Z stdout F new\n");
    CHECK_EQ(counters.stored, 4);
    file_free(file);
    folder_deinit(&folder);
}

static void test_full_disk(void)
{
    struct Folder folder;
    struct ShimLogCounters counters = {0};
    static char text[60001];
    uint64_t written = 0, lines = 0;
    if (geteuid() != 0) {
        test_skip("mounts a tmpfs");
        return;
    }
    folder_init(&folder, "size=256k");
    for (unsigned i = 0; i < sizeof(text) - 1; i++)
        text[i] = i % 60 == 59 ? '\n' : 'x';
    struct Logfile *file = file_new(folder.fd, 0, 5, &counters);
    CHECK_EQ(logfile_recover(file, TIME), 0);
    CHECK_EQ(append_text(file, "open line"), 0);
    written = 9;
    for (unsigned i = 0; i < 10; i++) {
        bool is_partial = false;
        struct LogfileBatch batch = batch_of(text, sizeof(text) - 1, LOGLINE_STDERR, &is_partial);
        written += sizeof(text) - 1;
        int r = logfile_append(file, &batch);
        CHECK_EQ(r, batch.size ? -ENOSPC : 0);
        CHECK_EQ(logline_measure(batch.records, batch.size).payload, batch.payload);
        lines += logline_measure(batch.records, batch.size).lines;
        logfile_drop(file, batch.payload, logline_measure(batch.records, batch.size).lines, TIME + i);
        CHECK_EQ(counters.stored + counters.dropped, written);
    }
    CHECK(counters.dropped > 300000);
    CHECK_EQ(payload_of(&folder, "log"), counters.stored); /* whole records, to the last one */
    CHECK_EQ(logfile_recover(file, TIME), -ENOSPC);
    CHECK_EQ(file->reason, ENOSPC);
    CHECK_EQ(mount("davit-test", folder.path, NULL, MS_REMOUNT, "size=4m"), 0);
    CHECK_EQ(logfile_recover(file, TIME), 0);
    CHECK_EQ(append_text(file, "after\n"), 0);
    char expected[512];
    str_format(expected, sizeof(expected),
               "\n2026-01-02T03:04:05.123456789Z stdout F \n"
               "2026-01-02T03:04:05.123456789Z stderr F:davit.gap "
               "{\"reason\":\"ENOSPC\",\"bytes\":%llu,\"lines\":%llu,"
               "\"from\":\"2026-01-02T03:04:05.12345679",
               (unsigned long long)counters.dropped, (unsigned long long)lines);
    _cleanup_free_ char *log = text_of(&folder, "log");
    CHECK(log && strstr(log, expected));
    CHECK(log && strstr(log, "Z\"}\n2026-01-02T03:04:05.123456789Z stdout F after\n"));
    file_free(file);
    folder_deinit(&folder);
}

/* RLIMIT_FSIZE cuts a write in the middle of a record. */
static void test_cut_write(void)
{
    struct Folder folder;
    struct ShimLogCounters counters = {0};
    struct rlimit before, limit;
    folder_init(&folder, NULL);
    struct Logfile *file = file_new(folder.fd, 0, 5, &counters);
    CHECK_EQ(logfile_recover(file, TIME), 0);
    getrlimit(RLIMIT_FSIZE, &before);
    limit = (struct rlimit){100, before.rlim_max};
    sigset_t blocked, old;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGXFSZ);
    sigprocmask(SIG_BLOCK, &blocked, &old);
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
    CHECK_EQ(append_text(file, "first\nsecond\nthird\n"), -EFBIG);
    setrlimit(RLIMIT_FSIZE, &before);
    struct timespec none = {0};
    sigtimedwait(&blocked, NULL, &none);
    sigprocmask(SIG_SETMASK, &old, NULL);
    CHECK_EQ(counters.stored, 13);
    CHECK_EQ(size_of(&folder, "log"), 46 + 47);
    CHECK_EQ(payload_of(&folder, "log"), 13);
    file_free(file);
    folder_deinit(&folder);
}

static void test_folder_that_is_gone(void)
{
    struct Folder folder;
    struct ShimLogCounters counters = {0};
    folder_init(&folder, NULL);
    CHECK_EQ(rmdir(folder.path), 0);
    struct Logfile *file = file_new(folder.fd, 0, 5, &counters);
    CHECK_EQ(logfile_recover(file, TIME), -ENOENT);
    CHECK_EQ(append_text(file, "lost\n"), -ENOENT);
    logfile_drop(file, 5, 1, TIME);
    CHECK_EQ(counters.dropped, 5);
    CHECK_EQ(counters.stored, 0);
    file_free(file);
    folder_deinit(&folder);
}

static void test_what_is_no_file_is_refused(void)
{
    struct Folder folder;
    struct ShimLogCounters counters = {0};
    folder_init(&folder, NULL);
    CHECK_EQ(symlinkat("/etc/passwd", folder.fd, "log"), 0);
    struct Logfile *file = file_new(folder.fd, 0, 5, &counters);
    CHECK_EQ(logfile_recover(file, TIME), -ELOOP);
    CHECK_EQ(unlinkat(folder.fd, "log", 0), 0);
    CHECK_EQ(mkfifoat(folder.fd, "log", 0600), 0);
    CHECK_EQ(logfile_recover(file, TIME), -EINVAL);
    file_free(file);
    folder_deinit(&folder);
}

/* The account of deleted files goes on over generations, exactly: what is there and what is told is all. */
static void test_accounts_for_what_rotation_deletes(void)
{
    static const uint32_t file_counts[] = {1, 2, 4};
    for (size_t row = 0; row < ELEMENTSOF(file_counts); row++) {
        struct Folder folder;
        uint64_t written = 0, left = 0, rotated = 0;
        char line[200], name[16];
        folder_init(&folder, NULL);
        for (unsigned generation = 0; generation < 3; generation++) {
            struct ShimLogCounters counters = {0};
            struct Logfile *file = file_new(folder.fd, LOGFILE_SIZE_MIN, file_counts[row], &counters);
            CHECK_EQ(logfile_recover(file, TIME), 0);
            for (unsigned i = 0; i < 250; i++) {
                str_format(line, sizeof(line), "%0*u\n", (int)(1 + i * 7 % 150), i);
                CHECK_EQ(append_text(file, line), 0);
                written += strlen(line);
            }
            rotated += counters.rotated;
            file_free(file);
        }
        for (unsigned i = 0; i < file_counts[row]; i++) {
            str_format(name, sizeof(name), i ? "log.%u" : "log", i);
            left += payload_of(&folder, name);
        }
        struct LogAccount gone;
        log_account_load(folder.fd, &gone);
        CHECK_EQ(left + gone.payload, written);
        CHECK(rotated < gone.payload); /* a generation counts its own alone */
        CHECK_EQ(memcmp(gone.from, "2026-01-02T03:04:05.123456789Z", LOG_ACCOUNT_TIME_SIZE), 0);
        _cleanup_free_ char *text = text_of(&folder, "rotated");
        CHECK(text && strstr(text, " stderr F:davit.gap {\"reason\":\"rotated\",\"bytes\":") &&
              text[strlen(text) - 1] == '\n');
        folder_deinit(&folder);
    }
}

/* A rotation that cannot be done loses nothing but what comes meanwhile. */
static void test_rotation_that_fails(void)
{
    struct Folder folder;
    struct ShimLogCounters counters = {0};
    char line[3000];
    memset(line, 'x', sizeof(line) - 2);
    memcpy(line + sizeof(line) - 2, "\n", 2);
    folder_init(&folder, NULL);
    struct Logfile *file = file_new(folder.fd, LOGFILE_SIZE_MIN, 2, &counters);
    CHECK_EQ(logfile_recover(file, TIME), 0);
    CHECK_EQ(mkdirat(folder.fd, "log.1", 0700), 0);
    CHECK_EQ(append_text(file, line), 0);
    CHECK_EQ(append_text(file, line), -EISDIR);
    logfile_drop(file, sizeof(line) - 1, 1, TIME);
    /* The gap record still fits into the full file; more output does not. */
    CHECK_EQ(logfile_recover(file, TIME), 0);
    CHECK_EQ(append_text(file, line), -EISDIR);
    logfile_drop(file, sizeof(line) - 1, 1, TIME);
    CHECK_EQ(unlinkat(folder.fd, "log.1", AT_REMOVEDIR), 0);
    CHECK_EQ(logfile_recover(file, TIME), 0);
    CHECK_EQ(append_text(file, line), 0);
    CHECK_EQ(counters.stored, 2 * (sizeof(line) - 1));
    CHECK_EQ(counters.dropped, 2 * (sizeof(line) - 1));
    CHECK_EQ(counters.rotated, 0);
    file_free(file);
    folder_deinit(&folder);
}

static const struct Test tests[] = {
    TEST(test_appends),
    TEST(test_rotates),
    TEST(test_accounts_for_what_rotation_deletes),
    TEST(test_record_larger_than_the_maximum),
    TEST(test_continues_an_older_log),
    TEST(test_cut_write),
    TEST(test_folder_that_is_gone),
    TEST(test_what_is_no_file_is_refused),
    TEST(test_rotation_that_fails),
    TEST(test_full_disk),
};
TEST_MAIN(tests)
