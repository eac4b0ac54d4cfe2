// SPDX-License-Identifier: Apache-2.0
/*
 * Compiled filters on disk: one file each, named by a hash of the key, holding the key, the
 * warnings and the filter. A file counts only if it is ours, closed to others, complete, and holds
 * exactly this key: neither a collision nor a planted file can stand in for another filter.
 */
#include "base/fd.h"
#include "base/str.h"
#include "runtime/plan/seccomp-internal.h"
#include "runtime/plan/sum.h"
#include <dirent.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_MAGIC = 0x70636d73, /* "smcp" */
    FILE_SIZE_MAX = 16 << 20,
    NAME_SIZE = 64,
};

struct FileHeader {
    uint32_t magic, key_size, warnings_size, filter_size;
    uint64_t sum; /* of all that follows */
};

static const char suffix[] = ".bpf";

/* The hash only spreads names, it proves nothing. */
static void file_name(const struct Buf *key, char name[NAME_SIZE])
{
    uint64_t halves[2] = {sum64(key->data, key->size, 1), sum64(key->data, key->size, 2)};
    char digits[2 * sizeof(halves) + 1];
    str_hex(halves, sizeof(halves), digits);
    str_format(name, NAME_SIZE, "%s%s", digits, suffix);
}

static bool is_ours(int fd, size_t *ret_size)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_mode & 077 ||
        st.st_size < (off_t)sizeof(struct FileHeader) || st.st_size > FILE_SIZE_MAX)
        return false;
    *ret_size = (size_t)st.st_size;
    return true;
}

static bool is_valid(const struct FileHeader *header, const char *body, size_t size, const struct Buf *key)
{
    return header->magic == FILE_MAGIC && header->key_size == key->size &&
           (uint64_t)header->key_size + header->warnings_size + header->filter_size == size &&
           header->warnings_size <= SECCOMP_WARNINGS_MAX && header->filter_size &&
           header->filter_size % sizeof(struct sock_filter) == 0 &&
           header->filter_size / sizeof(struct sock_filter) <= SECCOMP_INSTRUCTIONS_MAX &&
           sum64(body, size, FILE_MAGIC) == header->sum && memcmp(body, key->data, key->size) == 0;
}

int seccomp_cache_read(int cache_dir, const struct Buf *key, struct SeccompResult *result)
{
    char name[NAME_SIZE];
    size_t size;
    struct FileHeader header;
    file_name(key, name);
    _cleanup_close_ int fd =
        openat(cache_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || !is_ours(fd, &size))
        return 0;
    _cleanup_free_ char *data = malloc(size);
    if (!data || fd_read_all(fd, data, size) != (ssize_t)size)
        return 0;
    memcpy(&header, data, sizeof(header));
    const char *body = data + sizeof(header);
    if (!is_valid(&header, body, size - sizeof(header), key))
        return 0;
    const char *warnings = body + header.key_size;
    buf_append(&result->warnings, warnings, header.warnings_size);
    buf_append(&result->filter, warnings + header.warnings_size, header.filter_size);
    return result->warnings.error || result->filter.error ? 0 : 1;
}

DEFINE_CLEANUP(DIR *, closedir)

static bool is_cache_file(const char *name)
{
    size_t length = strlen(name), end = strlen(suffix);
    return length > end && str_equal(name + length - end, suffix);
}

/* The number of files, and the name of the one that was written first. */
static size_t find_oldest(int cache_dir, char oldest[NAME_SIZE])
{
    _cleanup_close_ int fd = openat(cache_dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(closedir_pointer) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir)
        return 0;
    (void)TAKE_FD(fd);
    size_t count = 0;
    struct timespec first = {0};
    struct dirent *entry;
    while ((entry = readdir(dir))) {
        struct stat st;
        if (!is_cache_file(entry->d_name) || strlen(entry->d_name) >= NAME_SIZE ||
            fstatat(cache_dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        bool older = st.st_mtim.tv_sec < first.tv_sec ||
                     (st.st_mtim.tv_sec == first.tv_sec && st.st_mtim.tv_nsec < first.tv_nsec);
        if (!count++ || older) {
            first = st.st_mtim;
            strcpy(oldest, entry->d_name);
        }
    }
    return count;
}

static void make_room(int cache_dir)
{
    char oldest[NAME_SIZE];
    for (unsigned i = 0; i < 2 * SECCOMP_CACHE_MAX && find_oldest(cache_dir, oldest) >= SECCOMP_CACHE_MAX;
         i++)
        if (unlinkat(cache_dir, oldest, 0) < 0)
            return;
}

void seccomp_cache_write(int cache_dir, const struct Buf *key, const struct SeccompResult *result)
{
    _cleanup_buf_ struct Buf bytes = {.limit = FILE_SIZE_MAX};
    char name[NAME_SIZE], temporary[NAME_SIZE + 32];
    struct FileHeader header = {
        .magic = FILE_MAGIC,
        .key_size = (uint32_t)key->size,
        .warnings_size = (uint32_t)result->warnings.size,
        .filter_size = (uint32_t)result->filter.size,
    };
    buf_append(&bytes, &header, sizeof(header));
    buf_append(&bytes, key->data, key->size);
    buf_append(&bytes, result->warnings.data, result->warnings.size);
    buf_append(&bytes, result->filter.data, result->filter.size);
    if (bytes.error || result->warnings.error)
        return;
    header.sum = sum64(bytes.data + sizeof(header), bytes.size - sizeof(header), FILE_MAGIC);
    memcpy(bytes.data, &header, sizeof(header));
    file_name(key, name);
    str_format(temporary, sizeof(temporary), ".%s.%d", name, getpid());
    (void)unlinkat(cache_dir, temporary, 0); /* of a crashed process with our number */
    make_room(cache_dir);
    if (file_create(cache_dir, temporary, bytes.data, bytes.size, 0600) < 0)
        return;
    if (renameat(cache_dir, temporary, cache_dir, name) < 0)
        (void)unlinkat(cache_dir, temporary, 0);
}
