// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/state.h"
#include "base/fd.h"
#include "base/resolve.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/runtime.h"
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RECORD_LIMIT = 4 << 20, JSON_DEPTH = 8, START_TIME_BEHIND_COMM = 20, BOOT_ID_SIZE = 36 };

static const char RECORD[] = "state.json", RECORD_NEW[] = "state.json.new";

const char *state_status_name(enum StateStatus status)
{
    static const char *const names[] = {[STATE_CREATING] = "creating",
                                        [STATE_CREATED] = "created",
                                        [STATE_RUNNING] = "running",
                                        [STATE_STOPPED] = "stopped"};
    return names[status];
}

void state_deinit(struct State *state)
{
    arena_deinit(&state->arena);
    *state = (struct State){0};
}

/* --- the folder --- */

static int lock_folder(int fd, int operation)
{
    while (flock(fd, operation) < 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

int state_make(int root_fd, const char *id, struct Error *error)
{
    if (mkdirat(root_fd, id, 0700) < 0)
        return errno == EEXIST
                   ? error_set(error, ERROR_ALREADY_EXISTS, "id", "container with given ID already exists")
                   : error_set_errno(error, ERROR_INTERNAL, errno, "--root", "state folder");
    return state_open(root_fd, id, true, error);
}

int state_open(int root_fd, const char *id, bool lock, struct Error *error)
{
    struct stat st;
    _cleanup_close_ int fd = openat(root_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT)
        return error_set_errno(error, ERROR_INTERNAL, errno, "--root", "state folder");
    int r = fd >= 0 && lock ? lock_folder(fd, LOCK_EX) : 0;
    if (r < 0)
        return error_set_errno(error, ERROR_INTERNAL, r, "--root", "lock of the state folder");
    /* It may have been removed while we waited for the lock. */
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_nlink == 0)
        return error_set(error, ERROR_NOT_FOUND, "id", "container does not exist");
    return TAKE_FD(fd);
}

int state_remove(int root_fd, const char *id)
{
    return tree_remove(root_fd, id, 2);
}

/* --- the record --- */

static void add_text(struct json_object *object, const char *key, const char *text)
{
    if (text)
        json_object_object_add(object, key, json_object_new_string(text));
}

static struct json_object *annotations_to_json(const struct SpecStrings *annotations)
{
    struct json_object *object = json_object_new_object();
    for (size_t i = 0; i < annotations->count; i++) {
        char key[1024];
        const char *value = strchr(annotations->items[i], '=');
        if (value &&
            str_format(key, sizeof(key), "%.*s", (int)(value - annotations->items[i]), annotations->items[i]))
            add_text(object, key, value + 1);
    }
    return object;
}

struct json_object *state_to_json(const struct State *state, enum StateStatus status)
{
    bool alive = status == STATE_CREATED || status == STATE_RUNNING;
    struct json_object *object = json_object_new_object();
    add_text(object, "ociVersion", state->oci_version);
    add_text(object, "id", state->id);
    json_object_object_add(object, "pid", json_object_new_int(alive ? (int)state->pid : 0));
    add_text(object, "status", state_status_name(status));
    add_text(object, "bundle", state->bundle);
    add_text(object, "rootfs", state->rootfs);
    add_text(object, "created", state->created);
    if (state->annotations.count)
        json_object_object_add(object, "annotations", annotations_to_json(&state->annotations));
    return object;
}

int state_save(int dir_fd, const struct State *state, struct Error *error)
{
    struct json_object *object = state_to_json(state, STATE_CREATED);
    add_text(object, "cgroupPath", state->cgroup_path);
    add_text(object, "bootId", state->boot_id);
    json_object_object_add(object, "startTime", json_object_new_uint64(state->start_time));
    const char *text =
        json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    unlinkat(dir_fd, RECORD_NEW, 0);
    int r = text ? file_create(dir_fd, RECORD_NEW, text, strlen(text), 0600) : -ENOMEM;
    if (r >= 0 && renameat(dir_fd, RECORD_NEW, dir_fd, RECORD) < 0)
        r = -errno;
    json_object_put(object);
    return r < 0 ? error_set_errno(error, ERROR_INTERNAL, r, "--root", "state record") : 0;
}

static struct json_object *parse(const char *text, size_t size)
{
    struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH);
    if (!tokener)
        return NULL;
    struct json_object *object = json_tokener_parse_ex(tokener, text, (int)size + 1);
    if (json_tokener_get_error(tokener) != json_tokener_success) {
        json_object_put(object);
        object = NULL;
    }
    json_tokener_free(tokener);
    return object;
}

static const char *get_text(struct State *state, struct json_object *object, const char *key)
{
    struct json_object *value;
    if (!json_object_object_get_ex(object, key, &value) || !json_object_is_type(value, json_type_string))
        return NULL;
    return arena_strdup(&state->arena, json_object_get_string(value));
}

static void get_annotations(struct State *state, struct json_object *object)
{
    struct json_object *map;
    if (!json_object_object_get_ex(object, "annotations", &map) ||
        !json_object_is_type(map, json_type_object))
        return;
    size_t count = (size_t)json_object_object_length(map);
    const char **items = arena_alloc(&state->arena, count + 1, sizeof(*items));
    if (!items)
        return;
    state->annotations.items = items;
    json_object_object_foreach(map, key, value)
    {
        const char *item = arena_printf(&state->arena, "%s=%s", key, json_object_get_string(value));
        if (item)
            items[state->annotations.count++] = item;
    }
}

static void read_members(struct State *state, struct json_object *object)
{
    struct json_object *value;
    state->id = get_text(state, object, "id");
    state->oci_version = get_text(state, object, "ociVersion");
    state->bundle = get_text(state, object, "bundle");
    state->rootfs = get_text(state, object, "rootfs");
    state->created = get_text(state, object, "created");
    state->cgroup_path = get_text(state, object, "cgroupPath");
    state->boot_id = get_text(state, object, "bootId");
    if (json_object_object_get_ex(object, "pid", &value))
        state->pid = json_object_get_int(value);
    if (json_object_object_get_ex(object, "startTime", &value))
        state->start_time = json_object_get_uint64(value);
    get_annotations(state, object);
}

int state_load(int dir_fd, struct State *ret, struct Error *error)
{
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    int r = file_read(dir_fd, RECORD, RECORD_LIMIT, &text, &size);
    if (r == -ENOENT)
        return error_set(error, ERROR_NOT_FOUND, "id", "container does not exist");
    if (r < 0)
        return error_set_errno(error, ERROR_INTERNAL, r, "--root", "state record");
    struct json_object *object = parse(text, size);
    *ret = (struct State){0};
    if (object)
        read_members(ret, object);
    json_object_put(object);
    if (!ret->id || !ret->cgroup_path || !ret->bundle) {
        state_deinit(ret);
        return error_set(error, ERROR_INTERNAL, "--root", "the state record is damaged");
    }
    return 0;
}

/* --- the process --- */

/* Its start time, and whether it still runs: a zombie has ended. */
static int read_start_time(int proc_fd, pid_t pid, uint64_t *ret, bool *ret_ended)
{
    char path[32], buffer[1024];
    str_format(path, sizeof(path), "%d/stat", (int)pid);
    _cleanup_close_ int fd = resolve_proc(proc_fd, path, O_RDONLY);
    ssize_t size = fd < 0 ? fd : fd_read_all(fd, buffer, sizeof(buffer) - 1);
    if (size < 0)
        return -ESRCH;
    buffer[size] = 0;
    const char *at = strrchr(buffer, ')');
    if (!at || strlen(at) < 3)
        return -ESRCH;
    bool ended = at[2] == 'Z' || at[2] == 'X';
    for (unsigned field = 0; at && field < START_TIME_BEHIND_COMM; field++)
        at = strchr(at + 1, ' ');
    if (!at)
        return -ESRCH;
    *ret = strtoull(at + 1, NULL, 10);
    *ret_ended = ended;
    return 0;
}

static int read_boot_id(int proc_fd, char buffer[BOOT_ID_SIZE + 1])
{
    _cleanup_close_ int fd = resolve_proc(proc_fd, "sys/kernel/random/boot_id", O_RDONLY);
    if (fd < 0)
        return fd;
    ssize_t size = fd_read_all(fd, buffer, BOOT_ID_SIZE);
    if (size != BOOT_ID_SIZE)
        return size < 0 ? (int)size : -EIO;
    buffer[BOOT_ID_SIZE] = 0;
    return 0;
}

int state_set_process(struct State *state, pid_t pid)
{
    char boot_id[BOOT_ID_SIZE + 1];
    bool ended;
    _cleanup_close_ int proc_fd = resolve_open_procfs();
    int r = proc_fd < 0 ? proc_fd : read_start_time(proc_fd, pid, &state->start_time, &ended);
    if (r >= 0)
        r = read_boot_id(proc_fd, boot_id);
    if (r < 0)
        return r;
    state->pid = pid;
    state->boot_id = arena_strdup(&state->arena, boot_id);
    return state->boot_id ? 0 : -ENOMEM;
}

int state_open_init(const struct State *state, struct PidRef *ret)
{
    char boot_id[BOOT_ID_SIZE + 1];
    uint64_t start_time = 0;
    bool ended = true;
    _cleanup_close_ int proc_fd = resolve_open_procfs();
    if (state->pid <= 0 || proc_fd < 0 || read_boot_id(proc_fd, boot_id) < 0 ||
        !str_equal(boot_id, state->boot_id))
        return -ESRCH;
    _cleanup_close_ int fd = sys_pidfd_open(state->pid, 0);
    /* The start time is read while the pidfd holds the process: it is its own. */
    if (fd < 0 || read_start_time(proc_fd, state->pid, &start_time, &ended) < 0 || ended ||
        start_time != state->start_time)
        return -ESRCH;
    *ret = (struct PidRef){state->pid, TAKE_FD(fd)};
    return 0;
}

/* Somebody else is creating, starting or deleting it. */
static bool is_locked(int dir_fd)
{
    /* A description of its own: a lock belongs to that, and must not be taken from the caller. */
    _cleanup_close_ int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

enum StateStatus state_status(const struct State *state, int dir_fd)
{
    _cleanup_pidref_ struct PidRef init = PIDREF_INIT;
    if (state->pid == 0)
        return is_locked(dir_fd) ? STATE_CREATING : STATE_STOPPED;
    if (state_open_init(state, &init) < 0)
        return STATE_STOPPED;
    return runtime_is_waiting(dir_fd, STATE_START_SOCKET) ? STATE_CREATED : STATE_RUNNING;
}
