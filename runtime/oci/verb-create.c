// SPDX-License-Identifier: Apache-2.0
/*
 * create, run and start. The record of a container is written before anything of it is made
 * (intent: its cgroup path) and again when its init waits (commitment: its process); only then is
 * init told that it may outlive us. Whatever fails in between is undone here.
 */
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "runtime/oci/foreground.h"
#include "runtime/oci/oci.h"
#include "runtime/oci/prepare.h"
#include "runtime/oci/state.h"
#include "runtime/runtime.h"
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { FIRST_PRESERVED = 3, LISTEN_BACKLOG = 16 };

/* One container on its way; what is left in it when it goes out of scope is undone. */
struct Creation {
    struct Oci *oci;
    const char *id;
    int dir_fd; /* locked */
    int listen_fd;
    bool made_folder;
    struct Prepared prepared;
    struct State state;
    struct Runtime runtime;
};

#define CREATION_INIT(oci_)                                                                                  \
    {                                                                                                        \
        .oci = (oci_), .id = (oci_)->options.arguments[0], .dir_fd = -1, .listen_fd = -1,                    \
        .runtime = RUNTIME_INIT                                                                              \
    }

static void creation_undo(struct Creation *creation)
{
    if (creation->runtime.phase != RUNTIME_NONE)
        runtime_undo(&creation->runtime);
    if (creation->made_folder)
        state_remove(creation->oci->root_fd, creation->id);
    safe_close(creation->listen_fd);
    safe_close(creation->dir_fd);
    state_deinit(&creation->state);
    prepared_deinit(&creation->prepared);
}
#define _cleanup_creation_ _cleanup_(creation_undo)

static int check_options(struct Oci *oci)
{
    const struct OciOptions *options = &oci->options;
    const struct {
        bool given;
        const char *name;
    } unsupported[] = {
        {options->console_socket, "--console-socket"},
        {options->no_pivot, "--no-pivot"},
        {options->no_new_keyring, "--no-new-keyring"},
    };
    for (size_t i = 0; i < ELEMENTSOF(unsupported); i++)
        if (unsupported[i].given)
            return error_set(&oci->error, ERROR_UNSUPPORTED, unsupported[i].name, "not supported");
    if (!str_is_id(options->arguments[0]))
        return error_set(&oci->error, ERROR_INVALID_ARGUMENT, "id",
                         "must be 1 to 64 of letters, digits, _ . + - and begin with a letter or digit");
    return 0;
}

static int write_intent(struct Creation *creation)
{
    const struct Spec *spec = creation->prepared.spec;
    struct State *state = &creation->state;
    char created[TIMESTAMP_SIZE];
    timestamp_format(clock_realtime_usec() * 1000, created);
    state->id = creation->id;
    state->oci_version = spec->oci_version;
    state->bundle = creation->prepared.bundle;
    state->rootfs = spec->rootfs;
    state->cgroup_path = creation->prepared.cgroup_path;
    state->annotations = spec->annotations;
    state->created = arena_strdup(&state->arena, created);
    return state_save(creation->dir_fd, state, &creation->oci->error);
}

static int listen_for_start(struct Creation *creation)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    str_format(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", creation->dir_fd,
               STATE_START_SOCKET);
    creation->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (creation->listen_fd < 0 ||
        bind(creation->listen_fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(creation->listen_fd, LISTEN_BACKLOG) < 0)
        return error_set_errno(&creation->oci->error, ERROR_INTERNAL, errno, "--root", "start socket");
    return 0;
}

/* Waits for READY or STARTED. */
static int wait_event(struct Oci *oci, struct Runtime *runtime, enum RuntimeEvent wanted)
{
    for (;;) {
        struct pollfd waiting = {.fd = runtime->sync_fd, .events = POLLIN};
        struct Error error;
        if (poll(&waiting, 1, -1) < 0 && errno != EINTR)
            return error_set_errno(&oci->error, ERROR_INTERNAL, errno, "", "poll");
        enum RuntimeEvent event = runtime_on_sync(runtime, &error);
        if (event == wanted)
            return 0;
        switch (event) {
        case RUNTIME_AGAIN:
            break;
        case RUNTIME_WARNING: {
            char text[ERROR_WHAT_SIZE + ERROR_WHERE_SIZE + 8];
            str_format(text, sizeof(text), "%s (%s)", error.what, error.where);
            report_warning(oci, text);
            break;
        }
        case RUNTIME_READY:
        case RUNTIME_STARTED:
            return error_set(&oci->error, ERROR_INTERNAL, "init", "an event out of order");
        case RUNTIME_FAILED:
            oci->error = error;
            return -EIO;
        }
    }
}

/* Init and its record. */
static int commit(struct Creation *creation)
{
    if (state_set_process(&creation->state, creation->runtime.init.pid) < 0)
        return error_set(&creation->oci->error, ERROR_RUNTIME_FAILED, "init",
                         "ended before it ran the program");
    return state_save(creation->dir_fd, &creation->state, &creation->oci->error);
}

/* Up to an init that is being set up. */
static int create(struct Creation *creation, bool foreground, bool wait_for_start)
{
    struct Oci *oci = creation->oci;
    int r = check_options(oci);
    if (r >= 0) {
        bool no_terminal = foreground && !isatty(STDIN_FILENO);
        r = prepare_bundle(oci, oci->options.bundle, creation->id, no_terminal, &creation->prepared);
    }
    if (r < 0)
        return r;
    creation->dir_fd = state_make(oci->root_fd, creation->id, &oci->error);
    if (creation->dir_fd < 0)
        return creation->dir_fd;
    creation->made_folder = true;
    r = write_intent(creation);
    if (r >= 0 && wait_for_start)
        r = listen_for_start(creation);
    if (r < 0)
        return r;
    const struct RuntimeIo io = {
        .fds = {0, 1, 2}, .preserve = oci->options.preserve, .start_listen_fd = creation->listen_fd};
    return runtime_create(&creation->runtime, &creation->prepared.plan, &io, &oci->error);
}

/* Whole or not at all, as others wait for it to appear. */
static int write_pid_file(struct Oci *oci, pid_t pid)
{
    char path[PATH_MAX], text[16];
    if (!oci->options.pid_file)
        return 0;
    str_format(text, sizeof(text), "%d", (int)pid);
    if (!str_format(path, sizeof(path), "%s.new-%d", oci->options.pid_file, (int)getpid()))
        return error_set(&oci->error, ERROR_INVALID_ARGUMENT, "--pid-file", "too long");
    int r = file_create(AT_FDCWD, path, text, strlen(text), 0644);
    if (r >= 0 && rename(path, oci->options.pid_file) < 0) {
        r = -errno;
        unlink(path);
    }
    return r < 0 ? error_set_errno(&oci->error, ERROR_INVALID_ARGUMENT, r, "--pid-file", "cannot write it")
                 : 0;
}

/* From here on the container does not need us. */
static void let_go(struct Creation *creation)
{
    runtime_deinit(&creation->runtime);
    creation->made_folder = false;
}

int verb_create(struct Oci *oci, int *ret_code)
{
    _cleanup_creation_ struct Creation creation = CREATION_INIT(oci);
    int r = create(&creation, false, true);
    if (r >= 0)
        r = wait_event(oci, &creation.runtime, RUNTIME_READY);
    if (r >= 0)
        r = commit(&creation);
    if (r >= 0)
        r = write_pid_file(oci, creation.runtime.init.pid);
    if (r >= 0 && runtime_release(&creation.runtime) < 0)
        r = error_set(&oci->error, ERROR_RUNTIME_FAILED, "init", "ended before it ran the program");
    if (r < 0)
        return r;
    let_go(&creation);
    *ret_code = EXIT_SUCCESS;
    return 0;
}

static int release_and_wait(struct Oci *oci, struct Runtime *runtime)
{
    /* If init is gone already, what it said before is the better answer. */
    runtime_release(runtime);
    return wait_event(oci, runtime, RUNTIME_STARTED);
}

int verb_run(struct Oci *oci, int *ret_code)
{
    _cleanup_creation_ struct Creation creation = CREATION_INIT(oci);
    bool foreground = !oci->options.detach;
    if (foreground)
        foreground_block_signals();
    int r = create(&creation, foreground, false);
    /* All of this while init is being set up; the lock keeps others away until it runs. */
    if (r >= 0)
        r = commit(&creation);
    if (r >= 0)
        r = write_pid_file(oci, creation.runtime.init.pid);
    if (r >= 0)
        r = release_and_wait(oci, &creation.runtime);
    if (r < 0)
        return r;
    creation.dir_fd = safe_close(creation.dir_fd); /* and with it the lock: others may kill it */
    *ret_code = EXIT_SUCCESS;
    if (!foreground)
        let_go(&creation);
    else
        r = foreground_wait(oci, &creation.runtime, ret_code);
    if (r >= 0 && oci->options.keep)
        creation.made_folder = false;
    return r;
}

static const char *refusal(enum StateStatus status)
{
    switch (status) {
    case STATE_CREATING:
        return "the container is being created";
    case STATE_CREATED:
        return NULL;
    case STATE_RUNNING:
        return "cannot start an already running container";
    case STATE_STOPPED:
        return "cannot start a container that has stopped";
    }
    return NULL;
}

int verb_start(struct Oci *oci, int *ret_code)
{
    const char *id = oci->options.arguments[0];
    _cleanup_state_ struct State state = {0};
    _cleanup_pidref_ struct PidRef init = PIDREF_INIT;
    _cleanup_(runtime_deinit) struct Runtime runtime = RUNTIME_INIT;
    if (!str_is_id(id))
        return error_set(&oci->error, ERROR_NOT_FOUND, "id", "container does not exist");
    _cleanup_close_ int dir_fd = state_open(oci->root_fd, id, true, &oci->error);
    int r = dir_fd < 0 ? dir_fd : state_load(dir_fd, &state, &oci->error);
    if (r < 0)
        return r;
    /* The lock is ours, so a record without a process is that of a creator which died. */
    const char *text = refusal(state.pid ? state_status(&state, dir_fd) : STATE_STOPPED);
    if (text)
        return error_set(&oci->error, ERROR_WRONG_STATE, "id", "%s", text);
    if (state_open_init(&state, &init) < 0 ||
        runtime_connect(&runtime, dir_fd, STATE_START_SOCKET, &init) < 0)
        return error_set(&oci->error, ERROR_WRONG_STATE, "id", "%s", refusal(STATE_STOPPED));
    r = release_and_wait(oci, &runtime);
    unlinkat(dir_fd, STATE_START_SOCKET, 0);
    *ret_code = EXIT_SUCCESS;
    return r;
}
