// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What log files hold, so that what rotation deletes is never lost without an account: <dir>/rotated is one
 * gap record, rewritten with every deletion, that sums up all files that are gone. Readers of the log
 * show it first.
 */
#include "shim/logline.h"

enum { LOG_ACCOUNT_TIME_SIZE = 30 }; /* the time of a record, not terminated */

struct LogAccount {
    uint64_t payload; /* bytes of the container's output */
    uint64_t lines;
    char from[LOG_ACCOUNT_TIME_SIZE],
        to[LOG_ACCOUNT_TIME_SIZE]; /* of the first and last record; from[0] 0: none */
    bool is_shared; /* an earlier generation wrote into the file too: only reading it tells all */
};

/* Records that were stored; all have the time of the first. */
void log_account_add(struct LogAccount *account, const char *records, uint64_t payload, uint64_t lines);
/* Adds a part that is later than all so far. */
void log_account_merge(struct LogAccount *account, const struct LogAccount *part);
/* Counts a file by reading it; one that is missing or unreadable counts as nothing. */
void log_account_scan(int dir_fd, const char *name, struct LogAccount *ret);
/* The sum of what is gone, from and to <dir>/rotated. 0 or a negative errno. */
void log_account_load(int dir_fd, struct LogAccount *ret);
int log_account_store(int dir_fd, const struct LogAccount *account, uint64_t now_nsec);
