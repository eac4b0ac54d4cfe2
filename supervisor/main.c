// SPDX-License-Identifier: Apache-2.0
/* davitd: the supervisor. One process, one thread, one loop. */
#include "base/fd.h"
#include "base/str.h"
#include "supervisor/log.h"
#include "supervisor/manager.h"
#include <signal.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

enum { STATUS_FAILED = 1, STATUS_USAGE = 2 };

static int complain(const struct Error *error, int status)
{
    char text[512];
    fprintf(stderr, "davitd: %s\n", error_format(error, text, sizeof(text)));
    return status;
}

/* Not for a program that runs with more rights than its caller. */
static const char *environment_of(const char *name)
{
    return getauxval(AT_SECURE) ? NULL : getenv(name);
}

/* The listening socket that systemd holds for us, or -1. */
static int take_listener(struct Error *error, int *ret)
{
    char **names = NULL;
    int count = sd_listen_fds_with_names(1, &names), found = -1;
    if (count < 0)
        return error_set_errno(error, ERROR_INTERNAL, count, "LISTEN_FDS", "cannot be read");
    for (int i = 0; i < count; i++) {
        int fd = SD_LISTEN_FDS_START + i;
        bool ours = found < 0 && sd_is_socket(fd, AF_UNIX, SOCK_STREAM, 1) > 0;
        if (ours)
            found = fd;
        else
            safe_close(fd);
        free(names[i]);
    }
    free(names);
    if (count > 0 && found < 0)
        return error_set(error, ERROR_INVALID_ARGUMENT, "LISTEN_FDS", "holds no listening stream socket");
    if (found >= 0 && fd_set_nonblocking(found, true) < 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "LISTEN_FDS", "cannot be used");
    *ret = found;
    return 0;
}

static int resolve(const struct Options *options, struct Places *places, struct Error *error)
{
    _cleanup_free_ char *folder = getcwd(NULL, 0);
    const struct PlacesInput input = {
        .options = options,
        .uid = geteuid(),
        .environment = environment_of,
        .working_folder = folder ? folder : "/",
        .in_build_tree = places_in_build_tree(),
    };
    return places_resolve(&input, places, error);
}

static int serve(const struct Options *options, const struct Places *places)
{
    struct Manager *manager = NULL;
    struct Error error = {0};
    int listener = -1;
    int r = take_listener(&error, &listener);
    if (r == 0)
        r = manager_new(options, places, listener, &manager, &error);
    if (r < 0)
        return complain(&error, STATUS_FAILED);
    (void)sd_notify(0, "READY=1");
    r = manager_run(manager);
    (void)sd_notify(0, "STOPPING=1");
    manager_free(manager);
    return r < 0 ? STATUS_FAILED : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct Options options;
    struct Places places = {0};
    struct Error error = {0};
    if (options_parse(argc, argv, &options, &error) < 0)
        return complain(&error, STATUS_USAGE);
    if (options.help) {
        fputs(OPTIONS_HELP, stdout);
        return EXIT_SUCCESS;
    }
    if (options.version) {
        puts("davitd " DAVIT_VERSION);
        return EXIT_SUCCESS;
    }
    if (resolve(&options, &places, &error) < 0)
        return complain(&error, STATUS_USAGE);
    if (options.bus && !str_equal(options.bus, "none"))
        log_event(LOG_LEVEL_WARNING, "bus.unsupported", NULL, "--bus %s: there is no D-Bus service yet",
                  options.bus);
    umask(022);
    signal(SIGPIPE, SIG_IGN);
    /* The children of a shim that dies become ours: their exit status is not lost with it. */
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    return serve(&options, &places);
}
