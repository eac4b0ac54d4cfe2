// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What is remembered of a container between two calls: ROOT/<id>/, mode 0700, with
 *   state.json   the record below, replaced by rename
 *   start.sock   where a created init waits (see runtime.h); gone once it was started
 * The folder itself is flock'ed by whoever creates, starts or deletes. The record is written before
 * anything is made and again when init waits, so that a creator that was killed leaves enough
 * behind to clean up. A pid from a file is only believed together with its start time and boot id.
 */
#include "base/arena.h"
#include "base/error.h"
#include "base/pidref.h"
#include "runtime/spec/spec.h"
#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#define STATE_START_SOCKET "start.sock"

enum StateStatus { STATE_CREATING, STATE_CREATED, STATE_RUNNING, STATE_STOPPED };
const char *state_status_name(enum StateStatus status);

struct State {
    struct Arena arena; /* of all texts */
    const char *id, *oci_version, *bundle, *rootfs, *cgroup_path, *created;
    const char *boot_id;
    struct SpecStrings annotations; /* "key=value" */
    pid_t pid;                      /* 0: none yet */
    uint64_t start_time;            /* clock ticks since boot, as procfs has it */
};
void state_deinit(struct State *state);
#define _cleanup_state_ _cleanup_(state_deinit)

/* Makes the folder, locked: its descriptor, or AlreadyExists. */
int state_make(int root_fd, const char *id, struct Error *error);
/* Opens and, if `lock`, locks the folder (waiting for others); NotFound. */
int state_open(int root_fd, const char *id, bool lock, struct Error *error);
/* Removes the folder and what is in it. */
int state_remove(int root_fd, const char *id);

int state_save(int dir_fd, const struct State *state, struct Error *error);
/* NotFound when the creator died before it wrote anything. */
int state_load(int dir_fd, struct State *ret, struct Error *error);

/* Fills pid, start time and boot id of a child that was not reaped. */
int state_set_process(struct State *state, pid_t pid);
/* Its init, if that still is the process of the record: 0 or -ESRCH. */
int state_open_init(const struct State *state, struct PidRef *ret);
/* `dir_fd` is the folder, not locked by the caller. */
enum StateStatus state_status(const struct State *state, int dir_fd);

/* The object that `state` and `list` print; the caller puts it. */
struct json_object *state_to_json(const struct State *state, enum StateStatus status);
