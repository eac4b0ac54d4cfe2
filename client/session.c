// SPDX-License-Identifier: Apache-2.0
/*
 * The order matters: attached first, so that no output is missed; then the wait, which davitd answers before
 * it forgets a container with auto_remove; then the start. The end is reached when the exit is known and the
 * output is at its end, or when there is nothing more to hope for.
 */
#include "client/session.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "client/client.h"
#include "client/value.h"
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { STDIN_CHUNK = 65536, END_MSEC = 1000 };
enum SessionChannel { CHANNEL_STDOUT, CHANNEL_STDERR, CHANNEL_COUNT };

static const struct {
    const char *name;
    int fd;
} channel_table[CHANNEL_COUNT] = {
    [CHANNEL_STDOUT] = {"stdout", STDOUT_FILENO},
    [CHANNEL_STDERR] = {"stderr", STDERR_FILENO},
};

static const int passed_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

struct Session {
    struct Cli *cli;
    const struct SessionOptions *options;
    davit_stream *attach;
    int signal_fd;
    bool attached, output_over, started, exited, over;
    bool stdin_open, stdin_eof, writing;
    bool wants_kill[NSIG]; /* came before the start was answered */
    uint64_t seen[CHANNEL_COUNT];
    bool offset_known[CHANNEL_COUNT];
    bool missing;  /* deleted while nobody was connected */
    bool resuming; /* after a reconnection: gaps in the offsets are told */
    int status;
};

static void session_fail(struct Session *session, const struct Error *error, int status)
{
    cli_fail_error(session->cli, error);
    session->status = status;
    session->over = true;
}

static bool is_lost(const struct Session *session)
{
    return cli_is_lost(session->cli);
}

/* The answer of a davitd that was away: the container has been deleted meanwhile. */
static bool is_missing(struct Session *session, const davit_error *error)
{
    session->missing |= session->resuming && session->started && error->error.code == ERROR_NOT_FOUND;
    return session->missing;
}

int session_start_status(const davit_error *error)
{
    uint64_t number = 0;
    bool exec = str_starts_with(error->error.where, "exec");
    if (error->error.code != ERROR_RUNTIME_FAILED || !exec)
        return EXIT_DAVIT;
    davit_value_get_uint(error->details, "errno", &number);
    return number == ENOENT || number == ENOTDIR ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}

/* ---- requests ---- */

static void on_wait(davit_client *client, const davit_value *result, const davit_error *error, void *userdata)
{
    (void)client;
    struct Session *session = userdata;
    if (is_lost(session) || session->over)
        return;
    if (error && is_missing(session, error))
        return;
    if (error) {
        session_fail(session, &error->error, EXIT_DAVIT);
        return;
    }
    session->exited = true;
    session->status = EXIT_DAVIT;
    if (cli_exit_code(davit_value_get(result, "exit"), &session->status))
        return;
    /* A start that failed is told by the answer of start. */
    if (session->started)
        cli_warn(session->cli, "it is not known how the container ended");
}

static void on_start(davit_client *client, const davit_value *result, const davit_error *error,
                     void *userdata)
{
    (void)client;
    struct Session *session = userdata;
    if (is_lost(session) || session->over)
        return;
    /* Asked again after a reconnection: the first request has been carried out. */
    if (error && session->resuming && error->error.code == ERROR_WRONG_STATE)
        error = NULL;
    if (error) {
        session_fail(session, &error->error, session_start_status(error));
        return;
    }
    session->started = true;
    cli_warn_list(session->cli, davit_value_get(result, "warnings"));
}

static int session_call(struct Session *session, const char *method, const char *key,
                        const davit_value *value, davit_answer callback)
{
    _cleanup_value_ davit_value *arguments = davit_value_new_map();
    int r = davit_value_set_string(arguments, "container", session->options->container);
    if (r == 0 && key)
        r = davit_value_set(arguments, key, davit_value_copy(value));
    if (r == 0)
        r = davit_call_async(session->cli->client, method, arguments, DAVIT_FOREVER, callback, session, NULL);
    return r;
}

/* The container may just have exited: then there is nobody to tell. */
static void on_killed(davit_client *client, const davit_value *result, const davit_error *error,
                      void *userdata)
{
    (void)client;
    (void)result;
    struct Session *session = userdata;
    if (error && !is_lost(session) && error->error.code != ERROR_WRONG_STATE &&
        error->error.code != ERROR_NOT_FOUND)
        cli_warn(session->cli, "the signal was not passed on: %s", error->error.what);
}

static void session_pass_signals(struct Session *session)
{
    for (int signal = 1; session->started && !session->exited && signal < NSIG; signal++) {
        if (!session->wants_kill[signal])
            continue;
        session->wants_kill[signal] = false;
        _cleanup_value_ davit_value *number = davit_value_new_uint((uint64_t)signal);
        session_call(session, "container.kill", "signal", number, on_killed);
    }
}

/* ---- output ---- */

static int write_patiently(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, data, size);
        if (written < 0 && errno == EAGAIN) {
            /* Somebody else who has this terminal or pipe made it non-blocking. */
            struct pollfd room = {.fd = fd, .events = POLLOUT};
            poll(&room, 1, -1);
            continue;
        }
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        data += written;
        size -= (size_t)written;
    }
    return 0;
}

static void on_data(davit_stream *stream, const char *channel, uint64_t offset, const void *data, size_t size,
                    void *userdata)
{
    (void)stream;
    struct Session *session = userdata;
    for (size_t i = 0; i < CHANNEL_COUNT; i++) {
        if (!str_equal(channel, channel_table[i].name))
            continue;
        uint64_t expected = session->offset_known[i] ? session->seen[i] : 0;
        if (offset > expected && (session->offset_known[i] || session->resuming))
            cli_warn(session->cli, "%llu bytes of %s were missed, the log has them",
                     (unsigned long long)(offset - expected), channel);
        session->offset_known[i] = true;
        session->seen[i] = offset + size;
        int r = write_patiently(channel_table[i].fd, data, size);
        if (r == 0 || session->over)
            return;
        struct Error error = {0};
        error_set_errno(&error, ERROR_UNAVAILABLE, r, channel, "cannot write the container's output");
        session_fail(session, &error, EXIT_DAVIT);
    }
}

static void on_end(davit_stream *stream, uint64_t dropped, const davit_error *error, void *userdata)
{
    (void)stream;
    (void)dropped; /* the offsets have told it */
    struct Session *session = userdata;
    if (is_lost(session))
        return;
    session->output_over = true;
    session->stdin_open = false;
    /* Deleted or not started: the other answers say so better. */
    if (error && session->started && !session->exited)
        cli_warn(session->cli, "the output ends here: %s", error->error.what);
}

static void on_open(davit_stream *stream, const davit_value *result, const davit_error *error, void *userdata)
{
    (void)stream;
    (void)result;
    struct Session *session = userdata;
    if (is_lost(session) || session->over)
        return;
    if (!error) {
        session->attached = true;
        return;
    }
    if (is_missing(session, error))
        return;
    /* It has ended while nobody was connected: what is left is to hear how. */
    session->output_over = session->resuming && error->error.code == ERROR_WRONG_STATE;
    if (!session->output_over)
        session_fail(session, &error->error, EXIT_DAVIT);
}

/* ---- input ---- */

/* The container has closed its stdin or has ended, which its exit tells; anything else is worth a word. */
static void on_stdin_closed(struct Session *session, const struct Error *error)
{
    static const int32_t ends[] = {ERROR_WRONG_STATE, ERROR_NOT_FOUND, ERROR_UNAVAILABLE};
    session->stdin_open = false;
    for (size_t i = 0; i < ELEMENTSOF(ends); i++)
        if (error->code == ends[i])
            return;
    cli_warn(session->cli, "stdin was not passed on: %s", error->what);
}

static void on_written(davit_stream *stream, uint64_t written, const davit_error *error, void *userdata)
{
    (void)stream;
    (void)written;
    struct Session *session = userdata;
    session->writing = false;
    if (error && is_lost(session))
        cli_warn(session->cli, "the last bytes of stdin may be lost");
    else if (error)
        on_stdin_closed(session, &error->error);
}

static void session_read_stdin(struct Session *session)
{
    char data[STDIN_CHUNK];
    ssize_t size = read(STDIN_FILENO, data, sizeof(data));
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    int r = 0;
    if (size > 0) {
        r = davit_stream_write(session->attach, data, (size_t)size, on_written, session);
        session->writing = r == 0;
    } else {
        r = davit_stream_close_stdin(session->attach);
        session->stdin_open = false;
        session->stdin_eof = true;
    }
    if (r == 0 || is_lost(session))
        return;
    struct Error error = {0};
    error_set_errno(&error, r == -EPIPE ? ERROR_UNAVAILABLE : ERROR_INTERNAL, r, "stdin", "cannot send");
    on_stdin_closed(session, &error);
}

/* ---- the loop ---- */

/* After a reconnection: to one that has exited there is nothing to attach, it would wait for a next start. */
static void session_look(struct Session *session)
{
    static const char *const active[] = {"starting", "running", "stopping"};
    _cleanup_value_ davit_value *arguments = davit_value_new_map(), *result = NULL;
    _cleanup_error_ davit_error *error = NULL;
    davit_value_set_string(arguments, "container", session->options->container);
    davit_call(session->cli->client, "container.inspect", arguments, DAVIT_FOREVER, &result, &error);
    if (is_lost(session) || (error && is_missing(session, error)))
        return;
    session->output_over |= session->started;
    for (size_t i = 0; i < ELEMENTSOF(active); i++)
        if (str_equal(davit_value_get_string(result, "state"), active[i]))
            session->output_over = false;
}

static int session_attach(struct Session *session)
{
    static const davit_stream_callbacks callbacks = {
        .on_open = on_open, .on_data = on_data, .on_end = on_end};
    _cleanup_value_ davit_value *arguments = davit_value_new_map();
    davit_client *client = session->cli->client;
    int r = davit_value_set_string(arguments, "container", session->options->container);
    if (r == 0 && (session->stdin_open || session->stdin_eof))
        r = davit_value_set_bool(arguments, "stdin", true);
    if (r == 0)
        r = davit_stream_open(client, "container.attach", arguments, 0, &callbacks, session,
                              &session->attach);
    while (r == 0 && !session->attached && !session->output_over && !session->missing && !session->over &&
           !is_lost(session))
        davit_wait(client, DAVIT_FOREVER);
    /* Whether the half-close has arrived before the connection was lost is not known. */
    if (r == 0 && session->attached && session->stdin_eof)
        r = davit_stream_close_stdin(session->attach);
    return r;
}

/* Attaches, waits and, where it is not known to be started, starts. */
static int session_begin(struct Session *session)
{
    int r = 0;
    if (session->resuming)
        session_look(session);
    if (!session->output_over && !session->missing && !is_lost(session))
        r = session_attach(session);
    if (r < 0 || session->missing || session->over || is_lost(session))
        return r;
    r = session_call(session, "container.wait", NULL, NULL, on_wait);
    if (r == 0 && !session->started)
        r = session_call(session, "container.start", NULL, NULL, on_start);
    return r;
}

static int session_reconnect(struct Session *session)
{
    struct signalfd_siginfo info;
    davit_stream_free(TAKE_PTR(session->attach));
    session->attached = session->writing = false;
    session->resuming = true;
    switch (cli_reconnect(session->cli, session->signal_fd)) {
    case RECONNECT_DONE:
        return session_begin(session);
    case RECONNECT_INTERRUPTED:
        /* Nobody can pass a signal on now; it is for this program. */
        session->over = true;
        if (read(session->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
            session->status = 128 + (int)info.ssi_signo;
        break;
    case RECONNECT_FAILED:
        session->status = EXIT_DAVIT;
        session->over = true;
        break;
    }
    return 0;
}

static void session_read_signal(struct Session *session)
{
    struct signalfd_siginfo info;
    if (read(session->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info) && info.ssi_signo < NSIG)
        session->wants_kill[info.ssi_signo] = true;
}

static void session_look_up(struct Session *session)
{
    struct Error error = {0};
    session->over = true;
    if (session_find_exit(session->cli, session->options->container, &session->status))
        return;
    error_set(&error, ERROR_NOT_FOUND, "container", "%s was deleted, and it is not known how it ended",
              session->options->container);
    session_fail(session, &error, EXIT_DAVIT);
}

static int session_turn(struct Session *session)
{
    davit_client *client = session->cli->client;
    if (session->missing) {
        session_look_up(session);
        return 0;
    }
    bool reads = session->stdin_open && session->attached && session->started && !session->writing;
    struct pollfd watched[3] = {
        {.fd = davit_get_fd(client), .events = davit_get_events(client)},
        {.fd = session->signal_fd, .events = POLLIN},
        {.fd = reads ? STDIN_FILENO : -1, .events = POLLIN},
    };
    /* It may have exited between the look and the attaching: then no end of the stream comes. */
    bool doubtful = session->resuming && session->exited;
    int ready = poll(watched, 3, doubtful ? END_MSEC : -1);
    if (ready < 0)
        return errno == EINTR ? 0 : -errno;
    session->output_over |= doubtful && ready == 0;
    if (watched[1].revents)
        session_read_signal(session);
    if (watched[2].revents)
        session_read_stdin(session);
    session_pass_signals(session);
    if (davit_process(client) < 0)
        return session_reconnect(session);
    session_pass_signals(session);
    return 0;
}

/* Deleted means: nothing of it is left when this program has ended. */
static void session_wait_deleted(struct Session *session)
{
    _cleanup_value_ davit_value *arguments = davit_value_new_map();
    _cleanup_error_ davit_error *error = NULL;
    davit_value_set_string(arguments, "container", session->options->container);
    davit_value_set_string(arguments, "condition", "deleted");
    if (davit_call(session->cli->client, "container.wait", arguments, DAVIT_FOREVER, NULL, &error) < 0 &&
        error->error.code != ERROR_NOT_FOUND)
        cli_warn(session->cli, "the container is not deleted: %s", error->error.what);
}

static int session_open_signals(const struct SessionOptions *options)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; options->pass_signals && i < ELEMENTSOF(passed_signals); i++)
        sigaddset(&set, passed_signals[i]);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

int session_run(struct Cli *cli, const struct SessionOptions *options)
{
    _cleanup_close_ int signal_fd = session_open_signals(options);
    struct Session session = {.cli = cli,
                              .options = options,
                              .signal_fd = signal_fd,
                              .started = !options->start,
                              .stdin_open = options->pass_stdin,
                              .status = EXIT_DAVIT};
    fflush(stdout);
    int r = signal_fd < 0 ? signal_fd : session_begin(&session);
    while (r >= 0 && !session.over && !(session.started && session.exited && session.output_over))
        r = session_turn(&session);
    if (r < 0) {
        struct Error error = {0};
        error_set_errno(&error, ERROR_INTERNAL, r, "", "the session cannot go on");
        session_fail(&session, &error, EXIT_DAVIT);
    }
    davit_stream_free(TAKE_PTR(session.attach));
    if (options->auto_remove && session.exited && cli->client && !is_lost(&session))
        session_wait_deleted(&session);
    return session.status;
}
