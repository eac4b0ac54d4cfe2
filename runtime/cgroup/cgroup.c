// SPDX-License-Identifier: Apache-2.0
/*
 * The folders of one container: made, opened, removed. Every folder is reached by descriptor from
 * the mount point, one component at a time and never through a link; what is found there must be a
 * cgroup filesystem of the expected version.
 *
 * A parent that two containers share can vanish while one is being removed and the other made, so
 * making starts over a few times when that happens.
 */
#include "runtime/cgroup/cgroup.h"
#include "base/fd.h"
#include "base/str.h"
#include "runtime/cgroup/cgroup-internal.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
    MAKE_ATTEMPTS = 16,
    PARENT_LEVELS = 2, /* davit's own folder and the instance's */
};

static const struct CgroupBackend *backend_of(unsigned version)
{
    return version == 2 ? &cgroup_backend_v2 : &cgroup_backend_v1;
}

static const struct CgroupBackend *set_backend(const struct CgroupSet *set)
{
    return backend_of(set->count ? set->dirs[0].version : 1);
}

void cgroup_set_deinit(struct CgroupSet *set)
{
    for (unsigned i = 0; i < set->count; i++)
        safe_close(set->dirs[i].fd);
    set->count = set->removed = 0;
}

/* Absolute, not the root itself, no empty, "." or ".." component. */
static bool path_is_valid(const char *path)
{
    if (path[0] != '/' || strlen(path) >= CGROUP_PATH_MAX)
        return false;
    while (*path == '/') {
        size_t length = strcspn(++path, "/");
        if (length == 0 || (length == 1 && path[0] == '.') || (length == 2 && memcmp(path, "..", 2) == 0))
            return false;
        path += length;
    }
    return *path == 0;
}

/* The next component of *path into name; false at the end. */
static bool path_next(const char **path, char name[CGROUP_PATH_MAX])
{
    if (**path != '/')
        return false;
    size_t length = strcspn(++*path, "/");
    memcpy(name, *path, length);
    name[length] = 0;
    *path += length;
    return true;
}

static int open_folder(int dir_fd, const char *name)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int open_mount(unsigned version, const char *mount)
{
    _cleanup_close_ int fd = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct statfs st;
    if (fd < 0 || fstatfs(fd, &st) < 0)
        return -errno;
    if ((long)st.f_type != backend_of(version)->magic)
        return -ENODEV;
    return TAKE_FD(fd);
}

/* Each controller by itself: one that this parent does not offer must not keep the others away. A
 * limit that then has no file is reported when it is written. */
static void enable_controllers(int dir_fd, const char *controllers)
{
    while (*controllers) {
        controllers += strspn(controllers, " ");
        size_t length = strcspn(controllers, " ");
        char word[CGROUP_MOUNT_MAX];
        if (length && str_format(word, sizeof(word), "+%.*s", (int)length, controllers))
            (void)file_write(dir_fd, "cgroup.subtree_control", word);
        controllers += length;
    }
}

/* Opens the folder at the first `levels` components of the path. */
static int open_levels(unsigned version, const char *mount, const char *path, unsigned levels)
{
    _cleanup_close_ int fd = open_mount(version, mount);
    char name[CGROUP_PATH_MAX];
    for (unsigned i = 0; fd >= 0 && i < levels && path_next(&path, name); i++) {
        int next = open_folder(fd, name);
        safe_close(fd);
        fd = next;
    }
    return TAKE_FD(fd);
}

static unsigned path_levels(const char *path)
{
    unsigned levels = 0;
    for (; *path; path++)
        levels += *path == '/';
    return levels;
}

static const char *path_component(const char *path, unsigned level, char name[CGROUP_PATH_MAX])
{
    for (unsigned i = 0; i < level && path_next(&path, name); i++)
        ;
    return name;
}

/* rmdir of the folder at this level, 1 being the one below the mount. */
static int remove_level(unsigned version, const char *mount, const char *path, unsigned level)
{
    char name[CGROUP_PATH_MAX];
    _cleanup_close_ int parent = open_levels(version, mount, path, level - 1);
    if (parent < 0)
        return parent;
    return unlinkat(parent, path_component(path, level, name), AT_REMOVEDIR) < 0 ? -errno : 0;
}

/* Those that others still use refuse, and so end the way up. */
static void remove_parents(unsigned version, const char *mount, const char *path)
{
    unsigned levels = path_levels(path);
    for (unsigned i = 1; i <= PARENT_LEVELS && levels > i; i++)
        if (remove_level(version, mount, path, levels - i) < 0)
            return;
}

/* The folder's descriptor; -EEXIST when it is there already; -ENOENT when a parent vanished. */
static int make_once(unsigned version, const char *mount, const char *path, const char *controllers)
{
    _cleanup_close_ int fd = open_mount(version, mount);
    if (fd < 0)
        return fd == -ENOENT ? -ENODEV : fd;
    char name[CGROUP_PATH_MAX];
    while (path_next(&path, name)) {
        bool last = !*path;
        if (version == 2)
            enable_controllers(fd, controllers);
        int next = last ? -ENOENT : open_folder(fd, name);
        if (next == -ENOENT) {
            if (mkdirat(fd, name, 0755) < 0 && (errno != EEXIST || last))
                return -errno;
            next = open_folder(fd, name);
        }
        if (next < 0 && last)
            (void)unlinkat(fd, name, AT_REMOVEDIR);
        /* It becomes the root of what the container sees, whatever our umask is. */
        if (next >= 0 && last)
            (void)fchmod(next, 0755);
        safe_close(fd);
        fd = next;
        if (fd < 0)
            return fd;
    }
    return TAKE_FD(fd);
}

static struct CgroupDir *set_add(struct CgroupSet *set, unsigned version)
{
    unsigned at = version == 2 ? 0 : set->count;
    set->removed = 0;
    memmove(&set->dirs[at + 1], &set->dirs[at], (set->count - at) * sizeof(set->dirs[0]));
    set->count++;
    return &set->dirs[at];
}

static void dir_init(struct CgroupDir *dir, unsigned version, const char *mount, const char *path, int fd)
{
    *dir = (struct CgroupDir){.version = version, .fd = fd};
    strcpy(dir->mount, mount);
    strcpy(dir->path, path);
}

int cgroup_set_make(struct CgroupSet *set, unsigned version, const char *mount, const char *path,
                    const char *controllers, struct Error *error)
{
    if ((version != 1 && version != 2) || !path_is_valid(path) || strlen(mount) >= CGROUP_MOUNT_MAX)
        return error_set(error, ERROR_INVALID_ARGUMENT, path, "not a usable cgroup path");
    if (set->count == CGROUP_DIRS_MAX)
        return error_set(error, ERROR_RESOURCE_EXHAUSTED, path, "more than %d cgroup folders",
                         CGROUP_DIRS_MAX);
    int fd = -ENOENT;
    for (unsigned i = 0; i < MAKE_ATTEMPTS && (fd == -ENOENT || fd == -ENODEV); i++)
        fd = make_once(version, mount, path, controllers ? controllers : "");
    if (fd == -EEXIST)
        return error_set(error, ERROR_ALREADY_EXISTS, path, "the cgroup exists already below %s", mount);
    if (fd < 0) {
        remove_parents(version, mount, path);
        return error_set_errno(error, ERROR_RUNTIME_FAILED, fd, path, "cannot make the cgroup below %s",
                               mount);
    }
    dir_init(set_add(set, version), version, mount, path, fd);
    return 0;
}

/* One hierarchy; -ENOENT is no error. A hierarchy with several controllers comes up once. */
static int set_open(struct CgroupSet *set, unsigned version, const char *mount, const char *path)
{
    for (unsigned i = 0; i < set->count; i++)
        if (str_equal(set->dirs[i].mount, mount))
            return 0;
    char whole[CGROUP_MOUNT_MAX + CGROUP_PATH_MAX];
    /* Mostly there is none, which one call can tell. */
    if (str_format(whole, sizeof(whole), "%s%s", mount, path) &&
        faccessat(AT_FDCWD, whole, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
        return 0;
    int fd = open_levels(version, mount, path, path_levels(path));
    if (fd == -ENOENT)
        return 0;
    if (fd < 0)
        return fd;
    if (set->count == CGROUP_DIRS_MAX) {
        safe_close(fd);
        return -ENOSPC;
    }
    dir_init(set_add(set, version), version, mount, path, fd);
    return 0;
}

int cgroup_set_open(struct CgroupSet *set, const struct CgroupLayout *layout, const char *path)
{
    static const char *const controllers[] = {"pids", "memory", "cpu", "cpuacct", "freezer", "devices"};
    if (!path_is_valid(path))
        return -EINVAL;
    int r = layout->v2_mount[0] ? set_open(set, 2, layout->v2_mount, path) : 0;
    for (size_t i = 0; i < ELEMENTSOF(controllers) && r >= 0; i++) {
        const struct CgroupHierarchy *hierarchy = cgroup_layout_v1(layout, controllers[i]);
        if (hierarchy)
            r = set_open(set, 1, hierarchy->mount, path);
    }
    return r;
}

int cgroup_dir_write(const struct CgroupDir *dir, const char *file, const char *value)
{
    return file_write(dir->fd, file, value);
}

int cgroup_set_enter_v1(const struct CgroupSet *set)
{
    for (unsigned i = 0; i < set->count; i++) {
        /* Not cgroup.procs: that waits for a grace period of the kernel's, 5-12 ms on an idle host. */
        int r = set->dirs[i].version == 1 ? file_write(set->dirs[i].fd, "tasks", "0") : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

int cgroup_set_kill(const struct CgroupSet *set)
{
    return set->count ? set_backend(set)->kill(set) : 0;
}

int cgroup_set_signal(const struct CgroupSet *set, int signal)
{
    return set->count ? cgroup_tree_signal(&set->dirs[0], signal) : 0;
}

int cgroup_set_is_populated(const struct CgroupSet *set)
{
    return set->count ? set_backend(set)->is_populated(set) : 0;
}

/* By way of its own descriptor: ".." of a cgroup is always where it was made, as one cannot be moved to
 * another parent; only renamed by root in v1, and then the name is not ours any more. */
static int remove_itself(const struct CgroupDir *dir)
{
    char name[CGROUP_PATH_MAX + 4] = "../";
    strcpy(name + 3, strrchr(dir->path, '/') + 1);
    return unlinkat(dir->fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

/* Most have nothing below them: first without a look. */
static int remove_dir(const struct CgroupDir *dir)
{
    int r = remove_itself(dir);
    if (r == -EBUSY || r == -ENOTEMPTY) {
        r = cgroup_tree_remove(dir->fd);
        if (r >= 0)
            r = remove_itself(dir);
    }
    return r == -ENOENT ? 0 : r;
}

int cgroup_set_remove(struct CgroupSet *set)
{
    int result = 0;
    unsigned kept = 0;
    for (unsigned i = 0; i < set->count; i++) {
        struct CgroupDir dir = set->dirs[i];
        int r = remove_dir(&dir);
        if (r < 0) {
            if (result == 0 || r != -EBUSY)
                result = r;
            set->dirs[i] = set->dirs[kept];
            set->dirs[kept++] = dir;
        } else {
            set->dirs[i].fd = safe_close(dir.fd);
        }
    }
    set->removed += set->count - kept;
    set->count = kept;
    return result;
}

void cgroup_set_remove_parents(const struct CgroupSet *set)
{
    for (unsigned i = 0; i < set->removed; i++) {
        const struct CgroupDir *dir = &set->dirs[set->count + i];
        remove_parents(dir->version, dir->mount, dir->path);
    }
}

void cgroup_remove_parents(const struct CgroupLayout *layout, const char *path)
{
    if (!path_is_valid(path))
        return;
    if (layout->v2_mount[0])
        remove_parents(2, layout->v2_mount, path);
    for (unsigned i = 0; i < layout->v1_count; i++)
        remove_parents(1, layout->v1[i].mount, path);
}

void cgroup_set_evidence(const struct CgroupSet *set, struct CgroupEvidence *ret)
{
    *ret = (struct CgroupEvidence){UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
    for (unsigned i = 0; i < set->count; i++)
        backend_of(set->dirs[i].version)->evidence(&set->dirs[i], ret);
}
