// SPDX-License-Identifier: Apache-2.0
#include "shim/test-rig.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "shim/logline.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { LOG_READ_MAX = 256 << 20, FD_SPARE = 100, PROGRAM_SIZE_MAX = 64 << 20 };

static const char ID[] = "box";
static const char *const HIERARCHIES[] = {"/sys/fs/cgroup/unified", "/sys/fs/cgroup/pids"};

/* The fixture hides /tmp, where the build may be: the program goes along, into the fixture's folder. */
static bool bring_program(void)
{
    _cleanup_free_ char *program = NULL;
    size_t size = 0;
    int r = file_read(AT_FDCWD, getenv("DAVIT_SHIM"), PROGRAM_SIZE_MAX, &program, &size);
    CHECK_EQ(r, 0);
    if (r < 0 || !fixture_ready())
        return false;
    CHECK_EQ(file_create(AT_FDCWD, fixture_path("davit-shim"), program, size, 0755), 0);
    return true;
}

bool rig_ready(void)
{
    static bool is_ready;
    if (!getenv("DAVIT_SHIM")) {
        test_skip("needs DAVIT_SHIM, the program under test");
        return false;
    }
    if (!is_ready)
        is_ready = bring_program();
    return is_ready && fixture_ready();
}

static struct sockaddr_un socket_address(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    str_format(address.sun_path, sizeof(address.sun_path), "%s", fixture_path("shim.sock"));
    return address;
}

int rig_connect(struct Rig *rig)
{
    struct sockaddr_un address = socket_address();
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    (void)rig;
    CHECK_EQ(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void send_config(struct Rig *rig, const struct RigPlan *plan)
{
    union ShimMessage message = {0};
    shim_message_init(&message, SHIM_CONFIG, ++rig->request);
    message.config = (struct ShimConfig){
        .header = message.header,
        .stdin_open = plan->stdin_open,
        .log_enabled = !plan->no_log,
        .when_full = (uint8_t)plan->when_full,
        .generation = RIG_GENERATION,
        .log_max_size = plan->log_max_size,
        .log_max_files = plan->log_max_files ? plan->log_max_files : 5,
    };
    memcpy(message.config.id, ID, sizeof(ID));
    CHECK_EQ(shim_message_send(rig->connection, &message, NULL, 0), 0);
}

void rig_prepare(struct Rig *rig, const struct RigPlan *plan)
{
    struct sockaddr_un address = socket_address();
    struct ExitSlot slot;
    fixture_shell("rm -rf shim.sock slot log && mkdir log");
    rig->listen = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    CHECK_EQ(bind(rig->listen, (const struct sockaddr *)&address, sizeof(address)), 0);
    CHECK_EQ(listen(rig->listen, 16), 0);
    rig->connection = rig_connect(rig);
    rig->slot = open(fixture_path("slot"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    exit_slot_init(&slot, RIG_GENERATION, EXIT_SLOT_ARMED);
    CHECK_EQ(exit_slot_write(rig->slot, &slot), 0);
    rig->log_dir =
        open(fixture_path(plan->log_dir ? plan->log_dir : "log"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(rig->log_dir >= 0);
    if (!plan->no_config)
        send_config(rig, plan);
}

static const char *parent_path(const char *hierarchy, const char *below)
{
    static char path[256];
    str_format(path, sizeof(path), "%s/davit-test-shim-%d%s", hierarchy, (int)getpid(), below);
    return path;
}

static void make_parents(struct Rig *rig, bool frozen)
{
    str_format(rig->cgroup, sizeof(rig->cgroup), "/davit-test-shim-%d/%s", (int)getpid(), ID);
    for (size_t i = 0; i < ELEMENTSOF(HIERARCHIES); i++)
        CHECK_EQ(mkdir(parent_path(HIERARCHIES[i], ""), 0755), 0);
    if (frozen) {
        _cleanup_close_ int fd = open(parent_path(HIERARCHIES[0], "/cgroup.freeze"), O_WRONLY | O_CLOEXEC);
        CHECK_EQ(fd_write_all(fd, "1", 1), 0);
    }
}

/* A shim that nobody was connected to has done it itself. */
static void remove_parents(struct Rig *rig)
{
    for (size_t i = 0; rig->cgroup[0] && i < ELEMENTSOF(HIERARCHIES); i++)
        CHECK(rmdir(parent_path(HIERARCHIES[i], "")) == 0 || errno == ENOENT);
}

static int write_plan(struct Rig *rig, const struct RigPlan *plan)
{
    struct Recipe recipe = plan->recipe;
    struct Plan made;
    /* A shell opens it for what it runs in the background. */
    recipe.mounts[0] =
        (struct Op){.kind = OP_MOUNT, .mount = {.type = "tmpfs", .source = "tmpfs", .target = "/dev"}};
    recipe.mounts[1] = (struct Op){.kind = OP_DEVICE, .device = {"/dev/null", S_IFCHR | 0666, 1, 3, 0, 0}};
    recipe.mounts[2] = (struct Op){.kind = OP_DEVICE, .device = {"/dev/zero", S_IFCHR | 0666, 1, 5, 0, 0}};
    if (plan->with_cgroups) {
        make_parents(rig, plan->frozen);
        recipe.host[0] =
            (struct Op){.kind = OP_CGROUP, .cgroup = {HIERARCHIES[0], rig->cgroup, 2, {"", 0, 0}}};
        recipe.host[1] =
            (struct Op){.kind = OP_CGROUP, .cgroup = {HIERARCHIES[1], rig->cgroup, 1, {"", 0, 0}}};
    }
    _cleanup_free_ char *bytes = recipe_plan(&recipe, &made);
    int fd = sys_memfd_create("plan", 1 /* MFD_CLOEXEC */);
    CHECK_EQ(fd_write_all(fd, bytes, made.size), 0);
    return fd;
}

static _Noreturn void exec_shim(const int fds[4])
{
    int spare[4];
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; i < 4; i++)
        spare[i] = fcntl(fds[i], F_DUPFD, FD_SPARE);
    for (int i = 0; i < 3; i++)
        dup2(null_fd, i);
    for (int i = 0; i < 4; i++)
        dup2(spare[i], SHIM_FD_LISTEN + i);
    execl(fixture_path("davit-shim"), "davit-shim", ID, NULL);
    _exit(99);
}

static void spawn(struct Rig *rig, int plan_fd)
{
    const int fds[] = {rig->listen, plan_fd, rig->slot, rig->log_dir};
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        exec_shim(fds);
    }
    CHECK(pid > 0);
    rig->shim = (struct PidRef){pid, sys_pidfd_open(pid, 0)};
}

void rig_spawn(struct Rig *rig, const struct RigPlan *plan)
{
    _cleanup_close_ int plan_fd = write_plan(rig, plan);
    spawn(rig, plan_fd);
}

void rig_spawn_with_plan(struct Rig *rig, const char *path)
{
    _cleanup_close_ int plan_fd = open(path, O_RDONLY | O_CLOEXEC);
    spawn(rig, plan_fd);
}

void rig_start(struct Rig *rig, const struct RigPlan *plan)
{
    rig_prepare(rig, plan);
    rig_spawn(rig, plan);
}

uint32_t rig_signal(struct Rig *rig, enum ShimMessageKind kind, int signal, bool everybody,
                    uint64_t grace_usec)
{
    union ShimMessage message = {0};
    shim_message_init(&message, kind, ++rig->request);
    message.signal.signal = signal;
    message.signal.everybody = everybody;
    message.signal.grace_usec = grace_usec;
    str_format(message.signal.verb, sizeof(message.signal.verb), "%s", kind == SHIM_KILL ? "kill" : "stop");
    str_format(message.signal.who, sizeof(message.signal.who), "uid 0 pid %d", (int)getpid());
    CHECK_EQ(shim_message_send(rig->connection, &message, NULL, 0), 0);
    return rig->request;
}

uint32_t rig_ack(struct Rig *rig, uint64_t generation)
{
    union ShimMessage message = {0};
    shim_message_init(&message, SHIM_ACK, ++rig->request);
    message.ack.generation = generation;
    CHECK_EQ(shim_message_send(rig->connection, &message, NULL, 0), 0);
    return rig->request;
}

uint32_t rig_hello(struct Rig *rig)
{
    union ShimMessage message = {0};
    shim_message_init(&message, SHIM_HELLO, ++rig->request);
    CHECK_EQ(shim_message_send(rig->connection, &message, NULL, 0), 0);
    return rig->request;
}

int rig_attach(struct Rig *rig, bool in, bool out, bool err)
{
    union ShimMessage message = {0};
    int pair[2];
    CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    shim_message_init(&message, SHIM_ATTACH, ++rig->request);
    message.attach.want_stdin = in;
    message.attach.want_stdout = out;
    message.attach.want_stderr = err;
    CHECK_EQ(shim_message_send(rig->connection, &message, &pair[1], 1), 0);
    safe_close(pair[1]);
    return pair[0];
}

bool rig_wait_readable(int fd)
{
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    return poll(&waiting, 1, RIG_DEADLINE_MSEC) > 0;
}

static bool receive(struct Rig *rig, union ShimMessage *ret, int fds[2])
{
    unsigned count = 0;
    fds[0] = fds[1] = -1;
    bool ok =
        rig_wait_readable(rig->connection) && shim_message_receive(rig->connection, ret, fds, &count) == 0;
    CHECK(ok);
    return ok;
}

bool rig_expect(struct Rig *rig, enum ShimMessageKind kind, union ShimMessage *ret, int ret_fds[2])
{
    union ShimMessage message;
    int fds[2];
    char text[512];
    while (receive(rig, &message, fds)) {
        if (message.header.kind == kind) {
            if (ret)
                *ret = message;
            if (ret_fds) {
                ret_fds[0] = fds[0];
                ret_fds[1] = fds[1];
                return true;
            }
        }
        safe_close(fds[0]);
        safe_close(fds[1]);
        if (message.header.kind == kind)
            return true;
        if (message.header.kind == SHIM_RESULT)
            CHECK_EQ(message.result.error.code, 0);
        if (message.header.kind == SHIM_WARNING)
            printf("# warning: %s\n", error_format(&message.notice.error, text, sizeof(text)));
        if (message.header.kind == SHIM_FAILED) {
            printf("# %s\n", error_format(&message.exited.slot.error, text, sizeof(text)));
            CHECK(!"the start succeeds");
            return false;
        }
    }
    return false;
}

int rig_result(struct Rig *rig, uint32_t request)
{
    union ShimMessage message;
    int fds[2];
    while (receive(rig, &message, fds)) {
        safe_close(fds[0]);
        safe_close(fds[1]);
        if (message.header.kind == SHIM_RESULT && message.header.request == request)
            return message.result.error.code;
    }
    return -1;
}

int rig_wait(struct Rig *rig)
{
    int status = -1;
    CHECK(rig_wait_readable(rig->shim.fd));
    CHECK_EQ(pidref_wait(&rig->shim, WNOHANG, &status), 0);
    pidref_deinit(&rig->shim);
    return status;
}

static void check_no_cgroups(const struct Rig *rig)
{
    for (size_t i = 0; rig->cgroup[0] && i < ELEMENTSOF(HIERARCHIES); i++) {
        char path[256];
        str_format(path, sizeof(path), "%s%s", HIERARCHIES[i], rig->cgroup);
        CHECK(access(path, F_OK) < 0);
    }
}

void rig_finish_as(struct Rig *rig, enum ShimMessageKind kind, struct ExitSlot *ret)
{
    union ShimMessage message;
    struct ExitSlot slot;
    if (!rig_expect(rig, kind, &message, NULL))
        return;
    CHECK_EQ(exit_slot_read(rig->slot, &slot), 0);
    CHECK(memcmp(&slot, &message.exited.slot, sizeof(slot)) == 0);
    CHECK_EQ(slot.generation, RIG_GENERATION);
    CHECK_EQ(rig_result(rig, rig_ack(rig, RIG_GENERATION)), 0);
    CHECK_EQ(rig_wait(rig), 0);
    check_no_cgroups(rig);
    *ret = slot;
}

void rig_finish(struct Rig *rig, struct ExitSlot *ret)
{
    rig_finish_as(rig, SHIM_EXITED, ret);
}

void rig_deinit(struct Rig *rig)
{
    int status;
    if (rig->shim.fd >= 0) { /* the case has failed already */
        pidref_kill(&rig->shim, SIGKILL);
        pidref_wait(&rig->shim, 0, &status);
    }
    pidref_deinit(&rig->shim);
    remove_parents(rig);
    safe_close(rig->connection);
    safe_close(rig->listen);
    safe_close(rig->slot);
    safe_close(rig->log_dir);
    *rig = (struct Rig)RIG_INIT;
}

int rig_packet(int fd, char *data, size_t *ret_size)
{
    static char packet[1 + ATTACH_PAYLOAD_MAX];
    if (!rig_wait_readable(fd))
        return -1;
    ssize_t count = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);
    if (count <= 0)
        return -1;
    memcpy(data, packet + 1, (size_t)count - 1);
    *ret_size = (size_t)count - 1;
    return packet[0];
}

static void note_control(const char *data, struct RigOutput *output)
{
    struct AttachControl control;
    memcpy(&control, data, sizeof(control));
    switch ((enum AttachControlKind)control.kind) {
    case ATTACH_BEGIN:
        output->begins++;
        break;
    case ATTACH_GAP:
        output->gaps[control.channel == ATTACH_STDERR] += control.bytes;
        break;
    case ATTACH_STDIN_ACK:
        output->acks++;
        output->acked += control.bytes;
        break;
    case ATTACH_STDIN_GONE:
        output->gones++;
        break;
    case ATTACH_END:
        output->ends++;
        break;
    }
}

static void note_stdout(const char *data, size_t size, struct RigOutput *output)
{
    uint64_t offset = output->bytes[0] + output->gaps[0];
    if (output->bytes[0] < sizeof(output->head) - 1)
        memcpy(output->head + output->bytes[0], data,
               MIN(size, sizeof(output->head) - 1 - (size_t)output->bytes[0]));
    if (output->expected &&
        (offset + size > output->expected_size || memcmp(output->expected + offset, data, size) != 0))
        output->is_wrong = true;
}

void rig_note_packet(int channel, const char *data, size_t size, struct RigOutput *output)
{
    CHECK_EQ(output->ends, 0);
    if (channel == ATTACH_CONTROL)
        note_control(data, output);
    if (channel == ATTACH_STDOUT)
        note_stdout(data, size, output);
    if (channel == ATTACH_STDOUT || channel == ATTACH_STDERR)
        output->bytes[channel == ATTACH_STDERR] += size;
    CHECK_EQ(output->begins, 1);
}

void rig_read_output(int fd, struct RigOutput *output)
{
    static char data[ATTACH_PAYLOAD_MAX];
    size_t size = 0;
    for (int channel = rig_packet(fd, data, &size); channel >= 0; channel = rig_packet(fd, data, &size))
        rig_note_packet(channel, data, size, output);
}

char *rig_log(const struct Rig *rig, size_t *ret_size)
{
    _cleanup_buf_ struct Buf text = {.limit = LOG_READ_MAX};
    for (int i = 64; i >= 0; i--) {
        _cleanup_free_ char *data = NULL;
        char name[16];
        size_t size = 0;
        str_format(name, sizeof(name), i ? "log.%d" : "log", i);
        if (file_read(rig->log_dir, name, LOG_READ_MAX, &data, &size) == 0)
            buf_append(&text, data, size);
    }
    *ret_size = text.size;
    return buf_take_str(&text);
}

char *rig_log_payload(const char *log, size_t size, const char *stream, size_t *ret_size)
{
    _cleanup_buf_ struct Buf text = {.limit = LOG_READ_MAX};
    for (size_t at = 0; at + LOGLINE_PREFIX_SIZE < size;) {
        const char *end = memchr(log + at, '\n', size - at);
        if (!end)
            break;
        const char *record = log + at, *body = record + LOGLINE_PREFIX_SIZE;
        bool is_gap = record[LOGLINE_PREFIX_SIZE - 1] != ' ';
        if (!is_gap && memcmp(record + 31, stream, 6) == 0) {
            buf_append(&text, body, (size_t)(end - body));
            if (record[38] == 'F')
                buf_append(&text, "\n", 1);
        }
        at = (size_t)(end + 1 - log);
    }
    *ret_size = text.size;
    return buf_take_str(&text);
}
