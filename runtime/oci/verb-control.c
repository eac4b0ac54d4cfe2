// SPDX-License-Identifier: Apache-2.0
/* state, kill, delete and list: what is done to containers that exist. */
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "runtime/oci/oci.h"
#include "runtime/oci/state.h"
#include "runtime/runtime.h"
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_container(struct Oci *oci, const char *id, bool lock, int *ret_dir_fd, struct State *ret)
{
    if (!str_is_id(id))
        return error_set(&oci->error, ERROR_NOT_FOUND, "id", "container does not exist");
    _cleanup_close_ int dir_fd = state_open(oci->root_fd, id, lock, &oci->error);
    int r = dir_fd < 0 ? dir_fd : state_load(dir_fd, ret, &oci->error);
    if (r >= 0 || (lock && dir_fd >= 0))
        *ret_dir_fd = TAKE_FD(dir_fd);
    return r;
}

static void print_json(struct json_object *object)
{
    printf("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                                              JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(object);
}

int verb_state(struct Oci *oci, int *ret_code)
{
    _cleanup_state_ struct State state = {0};
    _cleanup_close_ int dir_fd = -1;
    int r = open_container(oci, oci->options.arguments[0], false, &dir_fd, &state);
    if (r < 0)
        return r;
    print_json(state_to_json(&state, state_status(&state, dir_fd)));
    *ret_code = EXIT_SUCCESS;
    return 0;
}

static int signal_all(struct Oci *oci, const struct State *state, int signal)
{
    struct CgroupLayout layout;
    _cleanup_(cgroup_set_deinit) struct CgroupSet set = {0};
    int r = cgroup_layout_probe(&layout, &oci->error);
    if (r < 0)
        return r;
    r = cgroup_set_open(&set, &layout, state->cgroup_path);
    if (r >= 0)
        r = signal == SIGKILL ? cgroup_set_kill(&set) : cgroup_set_signal(&set, signal);
    return r < 0 ? error_set_errno(&oci->error, ERROR_INTERNAL, r, "cgroup", "cannot signal all") : 0;
}

int verb_kill(struct Oci *oci, int *ret_code)
{
    const struct OciOptions *options = &oci->options;
    _cleanup_state_ struct State state = {0};
    _cleanup_close_ int dir_fd = -1;
    _cleanup_pidref_ struct PidRef init = PIDREF_INIT;
    int signal = options->argument_count > 1 ? str_parse_signal(options->arguments[1]) : SIGTERM;
    if (options->argument_count > 1 && str_equal(options->arguments[1], "0"))
        signal = 0; /* is it there? */
    if (signal < 0)
        return error_set(&oci->error, ERROR_INVALID_ARGUMENT, "signal", "unknown signal %.32s",
                         options->arguments[1]);
    int r = open_container(oci, options->arguments[0], false, &dir_fd, &state);
    if (r < 0)
        return r;
    bool alive = state_open_init(&state, &init) >= 0;
    *ret_code = EXIT_SUCCESS;
    if (options->all && state.pid != 0)
        return signal_all(oci, &state, signal);
    if (!alive || pidref_kill(&init, signal) < 0)
        return error_set(&oci->error, ERROR_WRONG_STATE, "id", "container not running");
    return 0;
}

/* Ends what lives, removes the cgroups. */
static int remove_processes(struct Oci *oci, const struct State *state)
{
    struct CgroupLayout layout;
    _cleanup_(runtime_deinit) struct Runtime runtime = RUNTIME_INIT;
    state_open_init(state, &runtime.init);
    int r = cgroup_layout_probe(&layout, &oci->error);
    if (r >= 0 && cgroup_set_open(&runtime.cgroups, &layout, state->cgroup_path) < 0)
        r = error_set(&oci->error, ERROR_INTERNAL, "cgroup", "cannot open %s", state->cgroup_path);
    if (r < 0)
        return r;
    runtime_undo(&runtime);
    if (cgroup_set_open(&runtime.cgroups, &layout, state->cgroup_path) >= 0 && runtime.cgroups.count > 0)
        return error_set(&oci->error, ERROR_TIMEOUT, "cgroup", "something in %s does not end",
                         state->cgroup_path);
    return 0;
}

static const char *refusal(const struct State *state, int dir_fd, bool force)
{
    /* The lock is ours: nobody is creating it any more. */
    enum StateStatus status = state->pid ? state_status(state, dir_fd) : STATE_STOPPED;
    return status == STATE_RUNNING && !force ? state_status_name(status) : NULL;
}

int verb_delete(struct Oci *oci, int *ret_code)
{
    const char *id = oci->options.arguments[0];
    _cleanup_state_ struct State state = {0};
    _cleanup_close_ int dir_fd = -1;
    *ret_code = EXIT_SUCCESS;
    int r = open_container(oci, id, true, &dir_fd, &state);
    if (r < 0 && (dir_fd < 0 || oci->error.code != ERROR_NOT_FOUND))
        return oci->error.code == ERROR_NOT_FOUND && oci->options.force ? 0 : r;
    if (r >= 0) {
        const char *status = refusal(&state, dir_fd, oci->options.force);
        if (status)
            return error_set(&oci->error, ERROR_WRONG_STATE, "id",
                             "cannot delete container %s that is not stopped: %s", id, status);
        r = remove_processes(oci, &state);
        if (r < 0)
            return r;
    }
    /* Also a folder without a record: its creator died between the two. */
    r = state_remove(oci->root_fd, id);
    return r < 0 ? error_set_errno(&oci->error, ERROR_INTERNAL, r, "--root", "state folder") : 0;
}

static const char *owner_name(int dir_fd, char *buffer, size_t size)
{
    struct stat st;
    if (fstat(dir_fd, &st) < 0)
        return "";
    if (st.st_uid == 0)
        return "root";
    str_format(buffer, size, "%u", (unsigned)st.st_uid);
    return buffer;
}

static void list_row(const struct OciOptions *options, const struct State *state, int dir_fd,
                     struct json_object *array)
{
    char buffer[16];
    enum StateStatus status = state_status(state, dir_fd);
    bool alive = status == STATE_CREATED || status == STATE_RUNNING;
    const char *owner = owner_name(dir_fd, buffer, sizeof(buffer));
    if (options->quiet)
        printf("%s\n", state->id);
    else if (array) {
        struct json_object *object = state_to_json(state, status);
        json_object_object_add(object, "owner", json_object_new_string(owner));
        json_object_array_add(array, object);
    } else
        printf("%-24s %-8d %-9s %-32s %-30s %s\n", state->id, alive ? (int)state->pid : 0,
               state_status_name(status), state->bundle, state->created ? state->created : "", owner);
}

int verb_list(struct Oci *oci, int *ret_code)
{
    const struct OciOptions *options = &oci->options;
    _cleanup_close_ int fd = openat(oci->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir)
        return error_set_errno(&oci->error, ERROR_INTERNAL, errno, "--root", "cannot read it");
    TAKE_FD(fd);
    struct json_object *array = NULL;
    if (!options->quiet && str_equal(options->format, "json"))
        array = json_object_new_array();
    else if (!options->quiet)
        printf("%-24s %-8s %-9s %-32s %-30s %s\n", "ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER");
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        _cleanup_state_ struct State state = {0};
        _cleanup_close_ int dir_fd = -1;
        /* One that vanishes meanwhile, or is not written yet, is not there. */
        if (str_is_id(entry->d_name) && open_container(oci, entry->d_name, false, &dir_fd, &state) >= 0)
            list_row(options, &state, dir_fd, array);
    }
    closedir(dir);
    if (array) {
        printf("%s", json_object_to_json_string_ext(array,
                                                    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
        json_object_put(array);
    }
    *ret_code = EXIT_SUCCESS;
    return 0;
}
