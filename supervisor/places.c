// SPDX-License-Identifier: Apache-2.0
/* The folders of davitd: made where they are missing, refused where they are somebody else's, locked. */
#include "supervisor/places.h"
#include "base/fd.h"
#include "base/str.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* Parents are ordinary folders. */
static int make_parents(const char *path)
{
    char part[PATH_MAX];
    for (const char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
        (void)str_format(part, sizeof(part), "%.*s", (int)(at - path), path);
        if (mkdir(part, 0755) < 0 && errno != EEXIST)
            return -errno;
    }
    return 0;
}

static int refuse(struct Error *error, int r, const char *where, const char *path)
{
    switch (-r) {
    case EPERM:
        return error_set(error, ERROR_PERMISSION_DENIED, where,
                         "%s is open to others or belongs to somebody else", path);
    case ENOTDIR:
    case ELOOP:
        return error_set(error, ERROR_INVALID_ARGUMENT, where, "%s is no folder", path);
    default:
        return error_set_errno(error, ERROR_INTERNAL, r, where, "cannot use %s", path);
    }
}

int place_open(const char *path, mode_t mode, const char *where, int *ret_fd, struct Error *error)
{
    int r = make_parents(path);
    if (r == 0 && mkdir(path, mode) < 0 && errno != EEXIST)
        r = -errno;
    if (r < 0)
        return refuse(error, r, where, path);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    r = fd < 0 ? -errno : directory_check_private(fd);
    if (r < 0)
        return refuse(error, r, where, path);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int place_open_below(int directory, const char *name, const char *where, int *ret_fd, struct Error *error)
{
    if (mkdirat(directory, name, 0700) < 0 && errno != EEXIST)
        return refuse(error, -errno, where, name);
    _cleanup_close_ int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int r = fd < 0 ? -errno : directory_check_private(fd);
    if (r < 0)
        return refuse(error, r, where, name);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int place_lock(int fd, const char *path, const char *where, struct Error *error)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return error_set(error, ERROR_ALREADY_EXISTS, where, "another davitd uses %s", path);
    return error_set_errno(error, ERROR_INTERNAL, errno, where, "cannot lock %s", path);
}

int place_read_boot(char boot[37], struct Error *error)
{
    _cleanup_free_ char *text = NULL;
    size_t size;
    int r = file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &text, &size);
    if (r < 0 || size < 36)
        return error_set_errno(error, ERROR_INTERNAL, r, "boot_id", "cannot be read");
    text[36] = 0;
    memcpy(boot, text, 37);
    return 0;
}

int place_read_instance(int data_fd, char instance[17], struct Error *error)
{
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    unsigned char random[8];
    int r = file_read(data_fd, "instance", 64, &text, &size);
    if (r == 0 && size >= 16 && strspn(text, "0123456789abcdef") == 16) {
        memcpy(instance, text, 16);
        instance[16] = 0;
        return 0;
    }
    if (r < 0 && r != -ENOENT)
        return error_set_errno(error, ERROR_INTERNAL, r, "instance", "cannot be read");
    if (getrandom(random, sizeof(random), 0) != sizeof(random))
        return error_set_errno(error, ERROR_INTERNAL, errno, "instance", "no random numbers");
    str_hex(random, sizeof(random), instance);
    unlinkat(data_fd, "instance.new", 0);
    r = file_create(data_fd, "instance.new", instance, 16, 0600);
    if (r == 0 && renameat(data_fd, "instance.new", data_fd, "instance") < 0)
        r = -errno;
    return r < 0 ? error_set_errno(error, ERROR_INTERNAL, r, "instance", "cannot be written") : 0;
}

int place_begin_boot(int run_fd, const char *boot, struct Error *error)
{
    _cleanup_free_ char *text = NULL;
    size_t size;
    if (file_read(run_fd, "boot", 64, &text, &size) == 0 && str_equal(text, boot))
        return 0;
    int r = tree_remove(run_fd, "containers", 16);
    if (r == 0) {
        unlinkat(run_fd, "boot", 0);
        r = file_create(run_fd, "boot", boot, strlen(boot), 0600);
    }
    return r < 0 ? error_set_errno(error, ERROR_INTERNAL, r, "run-dir", "cannot be emptied after the reboot")
                 : 0;
}

int place_mark(int log_fd, const char *instance, struct Error *error)
{
    int r = file_create(log_fd, ".davit", instance, strlen(instance), 0600);
    if (r == 0 || r == -EEXIST)
        return 0;
    return error_set_errno(error, ERROR_INTERNAL, r, "log-dir", "cannot be written");
}
