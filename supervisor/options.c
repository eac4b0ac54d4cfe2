// SPDX-License-Identifier: Apache-2.0
#include "supervisor/options.h"
#include "base/str.h"
#include <getopt.h>
#include <unistd.h>

const char OPTIONS_HELP[] =
    "Usage: davitd [OPTION]...\n"
    "The container supervisor.\n"
    "\n"
    "      --socket PATH         where clients connect\n"
    "      --run-dir FOLDER      state that is valid for this boot\n"
    "      --data-dir FOLDER     definitions, events and exit records\n"
    "      --log-dir FOLDER      the containers' output\n"
    "      --config-dir FOLDER   declared containers\n"
    "      --cgroup-parent PATH  the cgroup that the containers' cgroups are below (/davit)\n"
    "      --user                the places of this user, not of the system\n"
    "      --bus none            the D-Bus to serve\n"
    "      --autostarted         end when nobody has needed it for 60 seconds\n"
    "      --help                print this and exit\n"
    "      --version             print the version and exit\n";

enum {
    OPTION_FIRST = 256,
    OPTION_SOCKET = OPTION_FIRST,
    OPTION_RUN_DIR,
    OPTION_DATA_DIR,
    OPTION_LOG_DIR,
    OPTION_CONFIG_DIR,
    OPTION_CGROUP_PARENT,
    OPTION_BUS,
    OPTION_USER,
    OPTION_AUTOSTARTED,
    OPTION_HELP,
    OPTION_VERSION
};

static const struct option OPTIONS[] = {
    {"socket", required_argument, NULL, OPTION_SOCKET},
    {"run-dir", required_argument, NULL, OPTION_RUN_DIR},
    {"data-dir", required_argument, NULL, OPTION_DATA_DIR},
    {"log-dir", required_argument, NULL, OPTION_LOG_DIR},
    {"config-dir", required_argument, NULL, OPTION_CONFIG_DIR},
    {"cgroup-parent", required_argument, NULL, OPTION_CGROUP_PARENT},
    {"bus", required_argument, NULL, OPTION_BUS},
    {"user", no_argument, NULL, OPTION_USER},
    {"autostarted", no_argument, NULL, OPTION_AUTOSTARTED},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {0},
};

static void set_option(struct Options *options, int code)
{
    const struct {
        int code;
        const char **text;
        bool *flag;
    } rows[] = {
        {OPTION_SOCKET, &options->socket, NULL},
        {OPTION_RUN_DIR, &options->run_dir, NULL},
        {OPTION_DATA_DIR, &options->data_dir, NULL},
        {OPTION_LOG_DIR, &options->log_dir, NULL},
        {OPTION_CONFIG_DIR, &options->config_dir, NULL},
        {OPTION_CGROUP_PARENT, &options->cgroup_parent, NULL},
        {OPTION_BUS, &options->bus, NULL},
        {OPTION_USER, NULL, &options->user},
        {OPTION_AUTOSTARTED, NULL, &options->autostarted},
        {OPTION_HELP, NULL, &options->help},
        {OPTION_VERSION, NULL, &options->version},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++)
        if (rows[i].code == code && rows[i].text)
            *rows[i].text = optarg;
        else if (rows[i].code == code)
            *rows[i].flag = true;
}

int options_parse(int argc, char **argv, struct Options *ret, struct Error *error)
{
    struct Options options = {0};
    int code;
    optind = 0; /* from the start, also when called again */
    opterr = 0;
    while ((code = getopt_long(argc, argv, ":", OPTIONS, NULL)) != -1) {
        const char *given = argv[optind > 1 ? optind - 1 : 1];
        if (code == ':')
            return error_set(error, ERROR_INVALID_ARGUMENT, given, "needs a value");
        if (code == '?')
            return error_set(error, ERROR_INVALID_ARGUMENT, given, "no such option");
        if (optarg && !*optarg)
            return error_set(error, ERROR_INVALID_ARGUMENT, OPTIONS[code - OPTION_FIRST].name, "is empty");
        set_option(&options, code);
    }
    if (optind < argc)
        return error_set(error, ERROR_INVALID_ARGUMENT, argv[optind], "davitd takes options only");
    *ret = options;
    return 0;
}

/* --- places --- */

static const char *getenv_of(const struct PlacesInput *input, const char *name)
{
    const char *value = input->environment(name);
    return value && *value ? value : NULL;
}

/* An absolute path into a fixed array; a relative one is below the working folder. */
static int put(const struct PlacesInput *input, char *out, size_t size, const char *where,
               struct Error *error, const char *path)
{
    const char *base = path[0] == '/' ? "" : input->working_folder;
    if (str_format(out, size, "%s%s%s", base, *base ? "/" : "", path))
        return 0;
    return error_set(error, ERROR_INVALID_ARGUMENT, where, "the path is too long");
}

/* Folders of one user, by the XDG rules; false when the variables do not say where. */
static bool user_default(const struct PlacesInput *input, const char *variable, const char *home_part,
                         const char *tail, char *out, size_t size)
{
    const char *base = getenv_of(input, variable), *home = getenv_of(input, "HOME");
    if (base && base[0] == '/')
        return str_format(out, size, "%s/%s", base, tail);
    return home_part && home && home[0] == '/' && str_format(out, size, "%s/%s/%s", home, home_part, tail);
}

static int resolve_folder(const struct PlacesInput *input, char out[PATH_MAX], const char *where,
                          const char *given, const char *system, const char *variable, const char *home_part,
                          const char *tail, struct Error *error)
{
    bool system_mode = input->uid == 0 && !input->options->user;
    if (given)
        return put(input, out, PATH_MAX, where, error, given);
    if (system_mode)
        return put(input, out, PATH_MAX, where, error, system);
    if (user_default(input, variable, home_part, tail, out, PATH_MAX))
        return 0;
    return error_set(error, ERROR_INVALID_ARGUMENT, where, "give --%s, or set %s", where, variable);
}

static int resolve_helpers(const struct PlacesInput *input, struct Places *places, struct Error *error)
{
    const char *libexec = getenv_of(input, "DAVIT_LIBEXEC_DIR"), *data = getenv_of(input, "DAVIT_DATA_DIR");
    const char *shim = getenv_of(input, "DAVIT_SHIM");
    char shim_path[PATH_MAX] = "", profile[PATH_MAX] = "";
    bool fits;
    if (shim)
        fits = str_format(shim_path, sizeof(shim_path), "%s", shim);
    else if (libexec || !input->in_build_tree)
        fits =
            str_format(shim_path, sizeof(shim_path), "%s/davit-shim", libexec ? libexec : DAVIT_LIBEXEC_DIR);
    else
        fits = str_format(shim_path, sizeof(shim_path), "%s/shim/davit-shim", DAVIT_BUILD_DIR);
    if (data || !input->in_build_tree)
        fits = fits &&
               str_format(profile, sizeof(profile), "%s/seccomp/default.json", data ? data : DAVIT_DATA_DIR);
    else
        fits =
            fits && str_format(profile, sizeof(profile), "%s/contrib/seccomp/default.json", DAVIT_SOURCE_DIR);
    if (!fits)
        return error_set(error, ERROR_INVALID_ARGUMENT, "DAVIT_LIBEXEC_DIR", "the path is too long");
    int r = put(input, places->shim, sizeof(places->shim), "DAVIT_SHIM", error, shim_path);
    return r < 0 ? r
                 : put(input, places->seccomp_profile, sizeof(places->seccomp_profile), "DAVIT_DATA_DIR",
                       error, profile);
}

static int resolve_socket(const struct PlacesInput *input, struct Places *places, struct Error *error)
{
    char path[PATH_MAX];
    const char *socket = input->options->socket;
    if (!socket && !input->options->run_dir)
        socket = getenv_of(input, "DAVIT_SOCKET");
    if (socket)
        return put(input, places->socket, sizeof(places->socket), "socket", error, socket);
    if (!str_format(path, sizeof(path), "%s/davit.sock", places->run_dir))
        return error_set(error, ERROR_INVALID_ARGUMENT, "run-dir", "the path is too long");
    return put(input, places->socket, sizeof(places->socket), "socket", error, path);
}

static int resolve_cgroup_parent(const struct Options *options, struct Places *places, struct Error *error)
{
    const char *parent = options->cgroup_parent ? options->cgroup_parent : "/davit";
    size_t length = strlen(parent);
    if (parent[0] != '/' || length < 2 || parent[length - 1] == '/' || strstr(parent, "//") ||
        strstr(parent, "/.") || !str_is_printable(parent, length))
        return error_set(error, ERROR_INVALID_ARGUMENT, "cgroup-parent",
                         "must be an absolute path from the root of the hierarchies");
    /* Room for the instance and the longest id. */
    if (length + 80 > sizeof(places->cgroup_parent))
        return error_set(error, ERROR_INVALID_ARGUMENT, "cgroup-parent", "the path is too long");
    (void)str_format(places->cgroup_parent, sizeof(places->cgroup_parent), "%s", parent);
    return 0;
}

int places_resolve(const struct PlacesInput *input, struct Places *ret, struct Error *error)
{
    const struct Options *options = input->options;
    struct Places *places = ret;
    int r = resolve_folder(input, places->run_dir, "run-dir", options->run_dir, "/run/davit",
                           "XDG_RUNTIME_DIR", NULL, "davit", error);
    if (r == 0)
        r = resolve_folder(input, places->data_dir, "data-dir", options->data_dir, "/var/lib/davit",
                           "XDG_STATE_HOME", ".local/state", "davit", error);
    if (r == 0)
        r = resolve_folder(input, places->log_dir, "log-dir", options->log_dir, "/var/log/davit",
                           "XDG_STATE_HOME", ".local/state", "davit/log", error);
    if (r == 0)
        r = resolve_folder(input, places->config_dir, "config-dir", options->config_dir,
                           "/etc/davit/containers", "XDG_CONFIG_HOME", ".config", "davit/containers", error);
    if (r == 0)
        r = resolve_socket(input, places, error);
    if (r == 0)
        r = resolve_cgroup_parent(options, places, error);
    return r == 0 ? resolve_helpers(input, places, error) : r;
}

bool places_in_build_tree(void)
{
    char path[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (size <= 0)
        return false;
    path[size] = 0;
    return str_starts_with(path, DAVIT_BUILD_DIR "/");
}
