// SPDX-License-Identifier: Apache-2.0
/* What the container methods take. The names are those of the public contract; nothing here decides. */
#include "protocol/schema/tables.h"

#define CONTAINER(ctype)                                                                                     \
    ARG_TEXT(ctype, container, "container", .required = true, .minimum = 1, .maximum = 64,                   \
             .doc = "Its id, its name, or a unique prefix of its id of at least 4 characters.")

static const struct SchemaField resources_fields[] = {
    ARG_U64(struct ArgResources, memory, "memory", .minimum = 1, .maximum = INT64_MAX,
            .doc = "Most memory, in bytes; none: no limit."),
    ARG_U64(struct ArgResources, swap, "swap", .minimum = 0, .maximum = INT64_MAX,
            .doc = "Most swap beyond the memory, in bytes; none: no limit of its own."),
    ARG_DOUBLE(struct ArgResources, cpu, "cpu", .minimum = 0, .maximum = 8192,
               .doc = "Most processor time, in processors: 1.5 is one and a half."),
    ARG_U64(struct ArgResources, cpu_weight, "cpu_weight", .minimum = 1, .maximum = 10000,
            .doc = "Share of contended processors, 1 to 10000; the kernel's default is 100."),
    ARG_U64(struct ArgResources, pids, "pids", .minimum = 1, .maximum = 4194304,
            .doc = "Most processes and threads; the default is 4096."),
};
static const struct SchemaStruct type_resources = ARGUMENTS(
    "Resources", struct ArgResources, resources_fields, .planned = WORDS("memory_high", "cpuset", "io"));

static const struct SchemaField stop_fields[] = {
    ARG_SIGNAL(struct ArgStop, signal, "signal",
               .doc = "The signal that asks it to end; the default is TERM."),
    ARG_U64(struct ArgStop, timeout_usec, "timeout_usec",
            .doc = "Microseconds from that signal to SIGKILL; the default is 10 seconds."),
};
static const struct SchemaStruct type_stop = ARGUMENTS("StopPolicy", struct ArgStop, stop_fields);

static const struct SchemaField log_fields[] = {
    ARG_TEXTS(struct ArgLog, sinks, "sinks", .choices = WORDS("cri", "none"),
              .doc = "Where output goes: the default is the file in CRI format."),
    ARG_U64(struct ArgLog, max_size, "max_size", .minimum = 4096, .maximum = INT64_MAX,
            .doc = "Bytes of one log file, after which it is rotated; the default is 100 MiB."),
    ARG_U64(struct ArgLog, max_files, "max_files", .minimum = 1, .maximum = 1000,
            .doc = "Most log files, the current one included; the default is 5."),
    ARG_TEXT(struct ArgLog, when_full, "when_full", .choices = WORDS("drop-oldest", "block"),
             .planned = WORDS("drop-newest"),
             .doc = "What gives way when all files are full; the default is drop-oldest."),
};
static const struct SchemaStruct type_log =
    ARGUMENTS("LogPolicy", struct ArgLog, log_fields, .planned = WORDS("rate"));

static const struct SchemaField mount_fields[] = {
    ARG_TEXT(struct ArgMount, source, "source", .minimum = 1, .maximum = 4095,
             .doc = "A path of the host for bind mounts, else what the file system takes."),
    ARG_TEXT(struct ArgMount, target, "target", .required = true, .minimum = 1, .maximum = 4095,
             .doc = "The absolute path inside the container."),
    ARG_TEXT(struct ArgMount, type, "type", .minimum = 1, .maximum = 64,
             .doc = "The kind of file system; the default is bind."),
    ARG_TEXTS(struct ArgMount, options, "options",
              .doc = "Mount options, as mount(8) has them: ro, rbind, nosuid."),
};
static const struct SchemaStruct type_mount = ARGUMENTS("Mount", struct ArgMount, mount_fields);

static const struct SchemaField tmpfs_fields[] = {
    ARG_TEXT(struct ArgTmpfs, target, "target", .required = true, .minimum = 1, .maximum = 4095,
             .doc = "The absolute path inside the container."),
    ARG_TEXTS(struct ArgTmpfs, options, "options",
              .doc = "Options of the tmpfs: size=64m, mode=1777, noexec."),
};
static const struct SchemaStruct type_tmpfs = ARGUMENTS("Tmpfs", struct ArgTmpfs, tmpfs_fields);

static const struct SchemaField device_fields[] = {
    ARG_TEXT(struct ArgDevice, path, "path", .required = true, .minimum = 1, .maximum = 4095,
             .doc = "The device node on the host; the container gets a copy of it."),
    ARG_TEXT(struct ArgDevice, target, "target", .minimum = 1, .maximum = 4095,
             .doc = "The absolute path inside; the default is the same path."),
    ARG_TEXT(struct ArgDevice, access, "access", .minimum = 1, .maximum = 3,
             .doc = "What is allowed: letters of rwm (read, write, mknod); the default is rwm."),
};
static const struct SchemaStruct type_device = ARGUMENTS("Device", struct ArgDevice, device_fields);

static const struct SchemaField rlimit_fields[] = {
    ARG_TEXT(struct ArgRlimit, name, "name", .required = true, .minimum = 1, .maximum = 32,
             .doc = "Which limit: nofile or RLIMIT_NOFILE."),
    ARG_U64(struct ArgRlimit, soft, "soft", .required = true,
            .doc = "The soft limit in the unit of setrlimit(2); 18446744073709551615 is none."),
    ARG_U64(struct ArgRlimit, hard, "hard", .doc = "The hard limit; the default is the soft one."),
};
static const struct SchemaStruct type_rlimit = ARGUMENTS("Rlimit", struct ArgRlimit, rlimit_fields);

static const struct SchemaField restart_fields[] = {
    ARG_TEXT(struct ArgRestart, policy, "policy", .choices = WORDS("no"),
             .planned = WORDS("on-failure", "always", "unless-stopped"),
             .doc = "When it is started again by itself; the default is no."),
};
static const struct SchemaStruct type_restart = ARGUMENTS(
    "RestartPolicy", struct ArgRestart, restart_fields,
    .planned = WORDS("max", "delay_usec", "max_delay_usec", "factor", "jitter", "reset_after_usec"));

#define CREATE(kind, member, ...) kind(struct ArgCreate, member, __VA_ARGS__)
static const struct SchemaField create_fields[] = {
    CREATE(ARG_TEXT, bundle, "bundle", .minimum = 1, .maximum = 4095,
           .doc =
               "Source: the absolute path of an OCI bundle folder, whose config.json rules; beside it only "
               "arguments about supervision are taken."),
    CREATE(ARG_TEXT, rootfs, "rootfs", .minimum = 1, .maximum = 4095,
           .doc = "Source: the absolute path of a folder that becomes the root."),
    CREATE(ARG_BOOL, host, "host", .doc = "Source: a throw-away overlay over the host's own root."),
    CREATE(
        ARG_TEXT, id, "id", .minimum = 1, .maximum = 64,
        .doc =
            "Letters, digits and _.+-, beginning with a letter or digit; 16 random hex digits if not given."),
    CREATE(ARG_TEXT, name, "name", .minimum = 1, .maximum = 64,
           .doc = "As the id, unique, and no other container's id; the default is the id."),
    CREATE(ARG_TEXTS, args, "args", .free_text = true, .doc = "The command and its arguments."),
    CREATE(ARG_TEXTS, env, "env", .free_text = true, .doc = "The environment, a list of NAME=VALUE."),
    CREATE(ARG_TEXT, cwd, "cwd", .minimum = 1, .maximum = 4095,
           .doc = "The absolute path of the working folder inside; the default is /."),
    CREATE(ARG_TEXT, user, "user", .minimum = 1, .maximum = 256,
           .doc = "USER, UID, USER:GROUP or UID:GID, names as the container's own /etc/passwd has them; the "
                  "default "
                  "is root."),
    CREATE(ARG_TEXT, hostname, "hostname", .minimum = 1, .maximum = 64, .doc = "The default is the id."),
    CREATE(ARG_BOOL, tty, "tty", .doc = "A terminal as standard streams; Unsupported for now."),
    CREATE(ARG_BOOL, stdin_open, "stdin",
           .doc = "Standard input is a pipe that attach can write to, else /dev/null."),
    CREATE(ARG_STRUCTS, mounts, "mounts", type_mount,
           .doc = "Mounts beside the default ones, in this order."),
    CREATE(ARG_BOOL, read_only, "read_only", .doc = "The root file system is mounted read-only."),
    CREATE(ARG_STRUCTS, tmpfs, "tmpfs", type_tmpfs, .doc = "Empty file systems in memory."),
    CREATE(ARG_TEXTS, cap_add, "cap_add",
           .doc = "Capabilities beside the default ones: CAP_NET_ADMIN, net_admin, ALL."),
    CREATE(ARG_TEXTS, cap_drop, "cap_drop", .doc = "Capabilities that are taken away."),
    CREATE(ARG_TEXT, seccomp, "seccomp", .minimum = 1, .maximum = 4095,
           .doc = "default, unconfined, or the absolute path of a profile."),
    CREATE(
        ARG_TRI, no_new_privileges, "no_new_privileges",
        .doc =
            "No program gains privileges by its set-user-id bit or file capabilities; the default is true."),
    CREATE(ARG_BOOL, privileged, "privileged",
           .doc =
               "All capabilities and devices, no seccomp filter, nothing masked: no protection of the host."),
    CREATE(ARG_STRUCTS, devices, "devices", type_device, .doc = "Device nodes of the host."),
    CREATE(ARG_PAIRS, sysctls, "sysctls", .doc = "Kernel parameters of its own namespaces, by name."),
    CREATE(ARG_STRUCTS, rlimits, "rlimits", type_rlimit, .doc = "Resource limits of its first process."),
    CREATE(ARG_TEXT, network, "network", .choices = WORDS("none", "host"),
           .doc = "none: a network of its own with nothing but lo; host: the host's. The default is none."),
    CREATE(ARG_STRUCT, resources, "resources", struct ArgResources, type_resources,
           .doc = "What it may use."),
    CREATE(ARG_I64, oom_score_adj, "oom_score_adj", .minimum = (uint64_t)-1000, .maximum = 1000,
           .doc = "-1000 to 1000: whom the kernel kills first when memory is short."),
    CREATE(ARG_PAIRS, labels, "labels", .free_text = true,
           .doc = "Texts for its owner; davit only keeps them."),
    CREATE(ARG_PAIRS, annotations, "annotations", .free_text = true,
           .doc = "As labels, and part of the OCI state."),
    CREATE(ARG_STRUCT, restart, "restart", struct ArgRestart, type_restart,
           .doc = "What happens after an exit."),
    CREATE(ARG_STRUCT, stop, "stop", struct ArgStop, type_stop, .doc = "How it is stopped."),
    CREATE(ARG_STRUCT, log, "log", struct ArgLog, type_log, .doc = "Where its output goes."),
    CREATE(ARG_BOOL, auto_remove, "auto_remove", .doc = "It is deleted when it has exited."),
};
const struct SchemaStruct ARGUMENTS_CREATE =
    ARGUMENTS("Create", struct ArgCreate, create_fields,
              .planned = WORDS("image", "userns", "systemd", "health", "ready", "after", "requires",
                               "runtime", "hooks"));

static const struct SchemaField container_fields[] = {CONTAINER(struct ArgContainer)};
const struct SchemaStruct ARGUMENTS_CONTAINER = ARGUMENTS("Which", struct ArgContainer, container_fields);

static const struct SchemaField stop_call_fields[] = {
    CONTAINER(struct ArgStopCall),
    ARG_SIGNAL(struct ArgStopCall, signal, "signal", .doc = "In place of the container's own stop signal."),
    ARG_U64(struct ArgStopCall, timeout_usec, "timeout_usec",
            .doc = "Microseconds to SIGKILL, in place of the container's own; 0 kills at once."),
};
const struct SchemaStruct ARGUMENTS_STOP = ARGUMENTS("Stop", struct ArgStopCall, stop_call_fields);

static const struct SchemaField kill_fields[] = {
    CONTAINER(struct ArgKill),
    ARG_SIGNAL(struct ArgKill, signal, "signal", .doc = "A number or a name; the default is KILL."),
    ARG_BOOL(struct ArgKill, all, "all",
             .doc = "To every process of the container, not only to its first one."),
};
const struct SchemaStruct ARGUMENTS_KILL = ARGUMENTS("Kill", struct ArgKill, kill_fields);

static const struct SchemaField delete_fields[] = {
    CONTAINER(struct ArgDelete),
    ARG_BOOL(struct ArgDelete, force, "force", .doc = "Stop it first if it runs."),
};
const struct SchemaStruct ARGUMENTS_DELETE = ARGUMENTS("Delete", struct ArgDelete, delete_fields);

static const struct SchemaField rename_fields[] = {
    CONTAINER(struct ArgRename),
    ARG_TEXT(struct ArgRename, name, "name", .required = true, .minimum = 1, .maximum = 64,
             .doc = "The new name."),
};
const struct SchemaStruct ARGUMENTS_RENAME = ARGUMENTS("Rename", struct ArgRename, rename_fields);

static const struct SchemaField wait_fields[] = {
    CONTAINER(struct ArgWait),
    ARG_TEXT(struct ArgWait, condition, "condition", .choices = WORDS("exited", "running", "deleted"),
             .planned = WORDS("ready", "healthy"), .doc = "What is waited for; the default is exited."),
    ARG_U64(struct ArgWait, timeout_usec, "timeout_usec",
            .doc = "Microseconds, after which the answer is Timeout; none: for ever."),
};
const struct SchemaStruct ARGUMENTS_WAIT = ARGUMENTS("Wait", struct ArgWait, wait_fields);

static const struct SchemaField list_fields[] = {
    ARG_BOOL(struct ArgList, all, "all", .default_true = true,
             .doc = "Also those that do not run; the default is true."),
    ARG_PAIRS(struct ArgList, labels, "labels", .free_text = true,
              .doc = "Only those that have all of these labels."),
};
const struct SchemaStruct ARGUMENTS_LIST = ARGUMENTS("List", struct ArgList, list_fields);

static const struct SchemaField logs_fields[] = {
    CONTAINER(struct ArgLogs),
    ARG_U64(struct ArgLogs, since, "since",
            .doc = "Only lines of this time or later, in microseconds since the epoch."),
    ARG_U64(struct ArgLogs, until, "until",
            .doc = "Only lines before this time, in microseconds since the epoch."),
    ARG_U64(struct ArgLogs, tail, "tail", .doc = "Only so many lines at the end."),
    ARG_BOOL(struct ArgLogs, follow, "follow", .doc = "Go on with new lines as they come."),
    ARG_TEXTS(struct ArgLogs, streams, "streams", .choices = WORDS("stdout", "stderr"),
              .doc = "Only these; the default is both."),
};
const struct SchemaStruct ARGUMENTS_LOGS =
    ARGUMENTS("Logs", struct ArgLogs, logs_fields, .planned = WORDS("from", "transport"));

static const struct SchemaField attach_fields[] = {
    CONTAINER(struct ArgAttach),
    ARG_BOOL(struct ArgAttach, stdin_wanted, "stdin", .doc = "stream.write goes to its standard input."),
    ARG_TEXTS(struct ArgAttach, streams, "streams", .choices = WORDS("stdout", "stderr"),
              .doc = "Only these; the default is both."),
};
const struct SchemaStruct ARGUMENTS_ATTACH =
    ARGUMENTS("Attach", struct ArgAttach, attach_fields, .planned = WORDS("from", "transport"));
