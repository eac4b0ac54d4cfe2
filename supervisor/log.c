// SPDX-License-Identifier: Apache-2.0
#include "supervisor/log.h"
#include "base/cleanup.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct {
    const char *prefix, *name;
} LEVELS[] = {
    [LOG_LEVEL_ERROR] = {"<3>", "error"},
    [LOG_LEVEL_WARNING] = {"<4>", "warning"},
    [LOG_LEVEL_NOTICE] = {"<5>", "notice"},
};

enum { LOG_LINE_MAX = 1024 };

static void log_line(enum LogLevel level, const char *event, const char *container, const char *text)
{
    char line[LOG_LINE_MAX];
    int length = snprintf(line, sizeof(line), "%sdavitd: %s %s%s%s%s: %s\n",
                          getenv("JOURNAL_STREAM") ? LEVELS[level].prefix : "", LEVELS[level].name, event,
                          container ? " [" : "", container ? container : "", container ? "]" : "", text);
    if (length < 0)
        return;
    size_t size = MIN((size_t)length, sizeof(line) - 1);
    for (size_t i = 0; i + 1 < size; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?'; /* one event stays one line */
    line[size - 1] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, size);
    (void)ignored;
}

void log_event(enum LogLevel level, const char *event, const char *container, const char *format, ...)
{
    char text[LOG_LINE_MAX];
    int saved = errno;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    log_line(level, event, container, text);
    errno = saved;
}

void log_error(enum LogLevel level, const char *event, const char *container, const struct Error *error)
{
    char text[ERROR_WHERE_SIZE + ERROR_WHAT_SIZE + 64];
    int saved = errno;
    log_line(level, event, container, error_format(error, text, sizeof(text)));
    errno = saved;
}
