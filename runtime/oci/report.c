// SPDX-License-Identifier: Apache-2.0
/* What people and the callers' log files are told; the log has the two forms that runc's has. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "runtime/oci/oci.h"
#include <fcntl.h>
#include <unistd.h>

enum { LINE_MAX_SIZE = 1024 };

/* As JSON and Go's %q both read it. */
static void append_quoted(struct Buf *out, const char *text)
{
    buf_append_str(out, "\"");
    for (const unsigned char *at = (const unsigned char *)text; *at; at++)
        if (*at == '"' || *at == '\\')
            buf_printf(out, "\\%c", *at);
        else if (*at < 0x20 || *at == 0x7f)
            buf_printf(out, "\\u%04x", *at);
        else
            buf_append(out, at, 1);
    buf_append_str(out, "\"");
}

static void write_log(const struct Oci *oci, const char *level, const char *text)
{
    if (!oci->options.log)
        return;
    char time[TIMESTAMP_SIZE];
    _cleanup_buf_ struct Buf line = BUF_INIT;
    timestamp_format(clock_realtime_usec() * 1000, time);
    if (str_equal(oci->options.log_format, "json")) {
        buf_printf(&line, "{\"level\":\"%s\",\"msg\":", level);
        append_quoted(&line, text);
        buf_printf(&line, ",\"time\":\"%s\"}\n", time);
    } else {
        buf_printf(&line, "time=\"%s\" level=%s msg=", time, level);
        append_quoted(&line, text);
        buf_append_str(&line, "\n");
    }
    _cleanup_close_ int fd =
        open(oci->options.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
    if (fd >= 0 && line.error == 0)
        fd_write_all(fd, line.data, line.size);
}

static void print_line(const struct Oci *oci, const char *kind, const char *text)
{
    const char *verb = oci_verb_name(oci->options.verb);
    fprintf(stderr, "davit-oci: %s%s%s%s\n", verb, *verb ? ": " : "", kind, text);
}

void report_error(const struct Oci *oci, const struct Error *error)
{
    char text[LINE_MAX_SIZE];
    error_format(error, text, sizeof(text));
    print_line(oci, "", text);
    write_log(oci, "error", text);
}

void report_warning(const struct Oci *oci, const char *text)
{
    if (oci->options.log)
        write_log(oci, "warning", text);
    else
        print_line(oci, "warning: ", text);
}

static void each_line(const struct Oci *oci, const char *text,
                      void (*report)(const struct Oci *oci, const char *line))
{
    char line[LINE_MAX_SIZE];
    while (text && *text) {
        size_t size = strcspn(text, "\n");
        str_format(line, sizeof(line), "%.*s", (int)MIN(size, sizeof(line) - 1), text);
        if (*line)
            report(oci, line);
        text += size + (text[size] == '\n');
    }
}

void report_warnings(const struct Oci *oci, const char *text)
{
    each_line(oci, text, report_warning);
}

static void debug_line(const struct Oci *oci, const char *line)
{
    write_log(oci, "debug", line);
}

void report_debug(const struct Oci *oci, const char *text)
{
    if (oci->options.debug)
        each_line(oci, text, debug_line);
}
