// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Reading a log folder from its oldest to its newest file while the shim rotates it: `log` becomes
 * log.1, log.1 becomes log.2, the oldest is deleted. A reader holds the file it reads and the
 * one after it, so a rotation cannot take them away; files are recognised by inode, not by name.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct LogFiles {
    int directory; /* owned */
    int fd;        /* being read; -1: none yet */
    int next_fd;   /* its successor, when it had one; -1 */
    off_t offset;  /* in fd */
};
#define LOG_FILES_INIT                                                                                       \
    {                                                                                                        \
        -1, -1, -1, 0                                                                                        \
    }

enum { LOG_FILES_MAX = 1000 }; /* files of one log */

void log_files_deinit(struct LogFiles *files);
/* Starts at the oldest file; 0, -ENOENT when there is none yet, or a negative errno. */
int log_files_open_oldest(struct LogFiles *files);
/* Starts so that the last `lines` complete lines (records with tag F) follow. Does a bounded amount of
 * work per call: 1 = call again, 0 = positioned. Zero the struct for the first call. */
struct LogTail {
    uint64_t lines, seen;
    unsigned index;   /* of the file looked at: 0 is `log` */
    off_t position;   /* everything from here on has been looked at */
    off_t line_start; /* the earliest line of it */
    bool open;
};
int log_files_seek_tail(struct LogFiles *files, struct LogTail *tail);

enum LogFilesRead {
    LOG_FILES_DATA,    /* *ret_size bytes */
    LOG_FILES_END,     /* at the end of the newest file */
    LOG_FILES_BUSY,    /* a rotation is under way: try again in a moment */
    LOG_FILES_SKIPPED, /* rotation deleted files that were not read; reading goes on with the oldest */
};
/* Reads on, from file to file. A negative errno when reading fails. */
int log_files_read(struct LogFiles *files, char *buffer, size_t size, size_t *ret_size);
/* Steps back, so that the last `size` bytes read are read again. */
void log_files_unread(struct LogFiles *files, size_t size);
