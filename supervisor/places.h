// SPDX-License-Identifier: Apache-2.0
#pragma once
/* The folders of davitd and the small files in them that say whose they are. */
#include "base/error.h"
#include <limits.h>
#include <sys/types.h>

/* Opens a private folder, made with this mode where it is missing. PermissionDenied when it is open to
 * others or somebody else's, InvalidArgument when it is no folder. */
int place_open(const char *path, mode_t mode, const char *where, int *ret_fd, struct Error *error);
int place_open_below(int directory, const char *name, const char *where, int *ret_fd, struct Error *error);
/* AlreadyExists when another davitd has it. */
int place_lock(int fd, const char *path, const char *where, struct Error *error);

int place_read_boot(char boot[37], struct Error *error);
/* 16 hex digits, made up the first time. */
int place_read_instance(int data_fd, char instance[17], struct Error *error);
/* Empties the run folder when it is of another boot. */
int place_begin_boot(int run_fd, const char *boot, struct Error *error);
/* Says that what is in this log folder is ours. Only the first one to come is believed. */
int place_mark(int log_fd, const char *instance, struct Error *error);
