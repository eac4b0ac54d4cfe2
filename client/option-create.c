// SPDX-License-Identifier: Apache-2.0
/* The options of run and create: for each argument of container.create one, named as docker names it. */
#include "base/cleanup.h"
#include "client/option.h"
#include "client/value.h"

static const struct Option rows[] = {
    {0, "rootfs", OPTION_PATH, "rootfs", "DIR", "run in this root folder", false},
    {0, "bundle", OPTION_PATH, "bundle", "DIR",
     "run this OCI bundle; only options of supervision may be added", false},
    {0, "host", OPTION_FLAG, "host", NULL, "run in a throw-away overlay over the host's own root", false},
    {0, "id", OPTION_TEXT, "id", "ID", "id of the container (16 random hex digits)", false},
    {0, "name", OPTION_TEXT, "name", "NAME", "name of the container (its id)", false},
    {0, "file", OPTION_FILE, "", "FILE",
     "take arguments from a JSON file, - for stdin; options after it go before it", false},
    {'e', "env", OPTION_ENV, "env", "K[=V]", "set a variable, or pass on the own one", false},
    {'w', "workdir", OPTION_TEXT, "cwd", "DIR", "working folder", false},
    {'u', "user", OPTION_TEXT, "user", "USER[:GROUP]", "user and group, names or numbers", false},
    {'h', "hostname", OPTION_TEXT, "hostname", "NAME", "host name", false},
    {'t', "tty", OPTION_FLAG, "tty", NULL, "give it a terminal", false},
    {'i', "interactive", OPTION_FLAG, "stdin", NULL, "give it a stdin, and pass on the own one", false},
    {'v', "volume", OPTION_VOLUME, "mounts", "SRC:DST[:ro]", "bind a file or folder", false},
    {0, "mount", OPTION_MOUNT, "mounts", "type=T,source=S,target=D", "mount something", false},
    {0, "tmpfs", OPTION_TMPFS, "tmpfs", "DST[:OPTIONS]", "mount a tmpfs", false},
    {0, "read-only", OPTION_FLAG, "read_only", NULL, "mount the root read only", false},
    {0, "device", OPTION_DEVICE, "devices", "PATH[:DST[:rwm]]", "give it a device", false},
    {0, "ulimit", OPTION_ULIMIT, "rlimits", "NAME=SOFT[:HARD]", "set a resource limit", false},
    {0, "cap-add", OPTION_TEXTS, "cap_add", "CAP", "add a capability, or ALL", false},
    {0, "cap-drop", OPTION_TEXTS, "cap_drop", "CAP", "drop a capability, or ALL", false},
    {0, "privileged", OPTION_FLAG, "privileged", NULL,
     "all capabilities and devices, nothing masked, no filter", false},
    {0, "security-opt", OPTION_SECURITY, "", "OPTION", "no-new-privileges[=false], seccomp=unconfined|FILE",
     false},
    {0, "seccomp", OPTION_TEXT, "seccomp", "PROFILE",
     "default, unconfined, or the absolute path of a profile", true},
    {0, "no-new-privileges", OPTION_FLAG, "no_new_privileges", NULL, "gain nothing by set-uid programs",
     true},
    {0, "sysctl", OPTION_PAIR, "sysctls", "K=V", "set a kernel parameter of its namespaces", false},
    {0, "network", OPTION_TEXT, "network", "none|host", "its network (none)", false},
    {0, "net", OPTION_TEXT, "network", "none|host", "", true},
    {'m', "memory", OPTION_SIZE, "resources.memory", "SIZE", "memory limit", false},
    {0, "swap", OPTION_SIZE, "resources.swap", "SIZE", "limit of swap beside memory", false},
    {0, "memory-swap", OPTION_SWAP, ":memory_swap", "SIZE", "limit of memory and swap together", false},
    {0, "cpus", OPTION_DECIMAL, "resources.cpu", "N", "processors, 1.5 for one and a half", false},
    {0, "cpu-weight", OPTION_UINT, "resources.cpu_weight", "N", "share of a busy processor, 1 to 10000 (100)",
     false},
    {0, "pids-limit", OPTION_UINT, "resources.pids", "N", "most processes and threads (4096)", false},
    {0, "oom-score-adj", OPTION_INT, "oom_score_adj", "N", "how soon the kernel kills it, -1000 to 1000",
     false},
    {'l', "label", OPTION_PAIR, "labels", "K=V", "a label", false},
    {0, "annotation", OPTION_PAIR, "annotations", "K=V", "an annotation", false},
    {0, "restart", OPTION_RESTART, "restart", "POLICY[:MAX]", "restart policy (no)", false},
    {0, "stop-signal", OPTION_SIGNAL, "stop.signal", "SIGNAL", "what stop sends (TERM)", false},
    {0, "stop-timeout", OPTION_DURATION, "stop.timeout_usec", "TIME", "grace before the kill (10 s)", false},
    {0, "log-sink", OPTION_TEXTS, "log.sinks", "cri|none", "where output is kept (cri)", false},
    {0, "log-max-size", OPTION_SIZE, "log.max_size", "SIZE", "size of one log file (100m)", false},
    {0, "log-max-files", OPTION_UINT, "log.max_files", "N", "number of log files (5)", false},
    {0, "log-when-full", OPTION_TEXT, "log.when_full", "POLICY", "drop-oldest, drop-newest or block", false},
    {0, "rm", OPTION_FLAG, "auto_remove", NULL, "delete it when it has exited", false},
    {'d', "detach", OPTION_FLAG, ":detach", NULL, "run in the background and print the id", false},
};

const struct OptionTable OPTIONS_CREATE = {rows, ELEMENTSOF(rows)};

int option_finish_create(struct Parsed *parsed, struct Error *error)
{
    uint64_t total = 0, memory = 0;
    if (!davit_value_get_uint(parsed->local, "memory_swap", &total))
        return 0;
    if (!davit_value_uint(davit_value_get_path(parsed->arguments, "resources.memory"), &memory))
        return error_set(error, ERROR_INVALID_ARGUMENT, "--memory-swap", "it needs --memory too");
    if (total < memory)
        return error_set(error, ERROR_INVALID_ARGUMENT, "--memory-swap", "it includes --memory and is less");
    int r = davit_value_set_path(parsed->arguments, "resources.swap", davit_value_new_uint(total - memory));
    return r < 0 ? error_set_errno(error, ERROR_INTERNAL, r, "--memory-swap", "cannot keep the value") : 0;
}
