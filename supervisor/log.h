// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * davitd's own log: one line per event on stderr, `davitd: LEVEL EVENT [CONTAINER]: text`, with the
 * level as a journal prefix (<4>) when stderr is the journal's. Only the supervisor logs; the libraries
 * below it return errors.
 */
#include "base/error.h"

enum LogLevel { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_NOTICE };

/* `event` is a word such as "shim.lost"; `container` an id or NULL. Never fails, keeps errno. */
void log_event(enum LogLevel level, const char *event, const char *container, const char *format, ...)
    _printf_(4, 5);
/* The same with the text of an error. */
void log_error(enum LogLevel level, const char *event, const char *container, const struct Error *error);
