// SPDX-License-Identifier: Apache-2.0
/* The life of a container as davitd sees it: the built program, real payloads, every end. */
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "shim/test-rig.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Waits for a line of output, so that what follows finds the payload where it wants it. */
static void wait_for_output(int attached, const char *expected)
{
    char data[ATTACH_PAYLOAD_MAX + 1];
    size_t size = 0;
    for (int channel = rig_packet(attached, data, &size); channel >= 0;
         channel = rig_packet(attached, data, &size)) {
        data[size] = 0;
        if (channel == ATTACH_STDOUT && strstr(data, expected))
            return;
    }
    CHECK(!"the output in time");
}

static void test_runs_and_ends(void)
{
    struct Rig rig = RIG_INIT;
    union ShimMessage started;
    struct ExitSlot slot = {0}, running;
    int fds[2] = {-1, -1};
    if (!rig_ready())
        return;
    uint64_t before = clock_realtime_usec();
    rig_prepare(&rig, &(struct RigPlan){RIG_SHELL("")});
    _cleanup_close_ int attached = rig_attach(&rig, false, true, true);
    rig_spawn(&rig,
              &(struct RigPlan){RIG_SHELL("echo one; echo two >&2; read x; exit 7"), .with_cgroups = true});
    CHECK(rig_expect(&rig, SHIM_STARTED, &started, fds));
    CHECK(fds[0] >= 0);
    CHECK_EQ(fds[1], -1);
    safe_close(fds[0]);
    CHECK_EQ(exit_slot_read(rig.slot, &running), 0);
    CHECK(running.state == EXIT_SLOT_STARTED || running.state == EXIT_SLOT_EXITED);
    CHECK(running.init_pid > 0 && running.init_pid == started.notice.init_pid);
    CHECK(started.notice.time_usec >= before);
    rig_finish(&rig, &slot);
    CHECK_EQ(slot.state, EXIT_SLOT_EXITED);
    CHECK(WIFEXITED(slot.wait_status));
    CHECK_EQ(WEXITSTATUS(slot.wait_status), 7);
    CHECK_EQ(slot.requested_signal, 0);
    CHECK_EQ(slot.started_usec, started.notice.time_usec);
    CHECK(slot.finished_usec >= slot.started_usec);
    CHECK_EQ(slot.log.written, 8);
    CHECK_EQ(slot.log.stored, 8);
    CHECK_EQ(slot.log.dropped, 0);
    CHECK_EQ(slot.offset_stdout, 4);
    CHECK_EQ(slot.offset_stderr, 4);
    CHECK_EQ(slot.tail_size, 8);
    struct RigOutput output = {0};
    rig_read_output(attached, &output);
    CHECK_STR(output.head, "one\n");
    CHECK_EQ(output.bytes[1], 4);
    CHECK_EQ(output.ends, 1);
    size_t size = 0;
    _cleanup_free_ char *log = rig_log(&rig, &size);
    CHECK(strstr(log, "Z stdout F one\n"));
    CHECK(strstr(log, "Z stderr F two\n"));
    rig_deinit(&rig);
}

static void test_exit_codes(void)
{
    static const char *const scripts[] = {"exit 0",   "exit 1",   "exit 2",   "exit 126",
                                          "exit 127", "exit 128", "exit 200", "exit 255"};
    static const int codes[] = {0, 1, 2, 126, 127, 128, 200, 255};
    if (!rig_ready())
        return;
    for (size_t i = 0; i < ELEMENTSOF(codes); i++) {
        struct Rig rig = RIG_INIT;
        struct ExitSlot slot = {0};
        test_row(scripts[i]);
        rig_start(&rig, &(struct RigPlan){.recipe = {.arguments = {"sh", "-c", scripts[i]}}});
        rig_finish(&rig, &slot);
        CHECK(WIFEXITED(slot.wait_status));
        CHECK_EQ(WEXITSTATUS(slot.wait_status), codes[i]);
        rig_deinit(&rig);
    }
    test_row(NULL);
}

static void test_kill(void)
{
    static const struct {
        const char *name;
        int signal;
        bool everybody;
        const char *script;
        int wait_status;
    } rows[] = {
        {"KILL to init", SIGKILL, false, "echo ready; exec sleep 1000", SIGKILL},
        {"KILL to everybody", SIGKILL, true, "sleep 1000 & echo ready; wait", SIGKILL},
        {"TERM that is handled", SIGTERM, false, "trap 'exit 3' TERM; echo ready; sleep 1000 & wait", 3 << 8},
        {"USR1 to everybody", SIGUSR1, true, "trap 'exit 4' USR1; (sleep 1000) & echo ready; wait", 4 << 8},
    };
    if (!rig_ready())
        return;
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        struct Rig rig = RIG_INIT;
        struct ExitSlot slot = {0};
        struct RigPlan plan = {.recipe = {.arguments = {"sh", "-c", rows[i].script}}, .with_cgroups = true};
        test_row(rows[i].name);
        rig_prepare(&rig, &plan);
        _cleanup_close_ int attached = rig_attach(&rig, false, true, false);
        rig_spawn(&rig, &plan);
        wait_for_output(attached, "ready");
        uint64_t before = clock_realtime_usec();
        CHECK_EQ(rig_result(&rig, rig_signal(&rig, SHIM_KILL, rows[i].signal, rows[i].everybody, 0)), 0);
        rig_finish(&rig, &slot);
        CHECK_EQ(slot.wait_status, rows[i].wait_status);
        CHECK_EQ(slot.requested_signal, rows[i].signal);
        CHECK(slot.requested_usec >= before);
        CHECK_STR(slot.requested_verb, "kill");
        CHECK(str_starts_with(slot.requested_who, "uid 0 pid "));
        CHECK_EQ(slot.stop_escalated, 0);
        rig_deinit(&rig);
    }
    test_row(NULL);
}

static void test_stop_is_obeyed(void)
{
    struct Rig rig = RIG_INIT;
    struct ExitSlot slot = {0};
    struct RigPlan plan = {RIG_SHELL("trap 'exit 5' TERM; echo ready; sleep 1000 & wait"),
                           .with_cgroups = true};
    if (!rig_ready())
        return;
    rig_prepare(&rig, &plan);
    _cleanup_close_ int attached = rig_attach(&rig, false, true, false);
    rig_spawn(&rig, &plan);
    wait_for_output(attached, "ready");
    CHECK_EQ(rig_result(&rig, rig_signal(&rig, SHIM_STOP, SIGTERM, false, UINT64_MAX)), 0);
    rig_finish(&rig, &slot);
    CHECK_EQ(slot.wait_status, 5 << 8);
    CHECK_EQ(slot.stop_escalated, 0);
    CHECK_STR(slot.requested_verb, "stop");
    rig_deinit(&rig);
}

static void test_stop_escalates(void)
{
    struct Rig rig = RIG_INIT;
    struct ExitSlot slot = {0};
    union ShimMessage reply;
    struct RigPlan plan = {RIG_SHELL("trap '' TERM; echo ready; sleep 1000 & wait; wait"),
                           .with_cgroups = true};
    if (!rig_ready())
        return;
    rig_prepare(&rig, &plan);
    _cleanup_close_ int attached = rig_attach(&rig, false, true, false);
    rig_spawn(&rig, &plan);
    wait_for_output(attached, "ready");
    uint64_t before = clock_boottime_usec();
    CHECK_EQ(rig_result(&rig, rig_signal(&rig, SHIM_STOP, SIGTERM, false, 3600 * USEC_PER_SEC)), 0);
    rig_hello(&rig);
    CHECK(rig_expect(&rig, SHIM_HELLO_REPLY, &reply, NULL));
    CHECK_EQ(reply.hello_reply.state, SHIM_STATE_STOPPING);
    CHECK_EQ(rig_result(&rig, rig_signal(&rig, SHIM_STOP, SIGTERM, false, 200 * USEC_PER_MSEC)), 0);
    /* This one would be later: it changes nothing. */
    CHECK_EQ(rig_result(&rig, rig_signal(&rig, SHIM_STOP, SIGTERM, false, 3600 * USEC_PER_SEC)), 0);
    rig_finish(&rig, &slot);
    uint64_t elapsed = clock_boottime_usec() - before;
    CHECK(elapsed >= 200 * USEC_PER_MSEC);
    CHECK(elapsed < 2 * USEC_PER_SEC);
    CHECK_EQ(slot.wait_status, SIGKILL);
    CHECK_EQ(slot.stop_escalated, 1);
    CHECK_EQ(slot.requested_signal, SIGTERM);
    rig_deinit(&rig);
}

static void test_start_failure(void)
{
    static const struct {
        const char *name, *program, *where;
        int errnum;
    } rows[] = {
        {"missing program", "nothing-here", "exec nothing-here", ENOENT},
        {"not executable", "/etc/plain", "exec /etc/plain", EACCES},
        {"not a program", "/etc/garbage", "exec /etc/garbage", ENOEXEC},
    };
    if (!rig_ready())
        return;
    fixture_shell(
        "echo x >root/etc/plain && printf 'x\\001y' >root/etc/garbage && chmod 755 root/etc/garbage");
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        struct Rig rig = RIG_INIT;
        struct ExitSlot slot = {0};
        test_row(rows[i].name);
        rig_start(&rig, &(struct RigPlan){.recipe = {.arguments = {rows[i].program}}, .with_cgroups = true});
        rig_finish_as(&rig, SHIM_FAILED, &slot);
        CHECK_EQ(slot.state, EXIT_SLOT_FAILED);
        CHECK_EQ(slot.error.code, ERROR_RUNTIME_FAILED);
        CHECK_EQ(slot.error.errnum, rows[i].errnum);
        CHECK_STR(slot.error.where, rows[i].where);
        CHECK_EQ(slot.started_usec, 0);
        rig_deinit(&rig);
    }
    test_row(NULL);
}

/* The shim takes 64 messages at a time: the KILL behind them is read once the start has begun. Init
 * does not get to its end by then, for it is frozen. */
static void test_kill_while_starting(void)
{
    struct Rig rig = RIG_INIT;
    struct ExitSlot slot = {0};
    struct RigPlan plan = {RIG_SHELL("sleep 1000"), .with_cgroups = true, .frozen = true};
    union ShimMessage message;
    unsigned refused = 0;
    if (!rig_ready())
        return;
    rig_prepare(&rig, &plan);
    for (unsigned i = 0; i < 63; i++)
        rig_ack(&rig, RIG_GENERATION);
    uint32_t kill = rig_signal(&rig, SHIM_KILL, SIGTERM, false, 0);
    rig_spawn(&rig, &plan);
    while (rig_wait_readable(rig.connection)) {
        int fds[2] = {-1, -1};
        unsigned count = 0;
        if (shim_message_receive(rig.connection, &message, fds, &count) < 0)
            break;
        if (message.header.kind != SHIM_RESULT || message.header.request >= kill)
            break;
        refused += message.result.error.code == ERROR_WRONG_STATE;
    }
    CHECK_EQ(refused, 63);
    CHECK_EQ(message.header.kind, SHIM_RESULT);
    CHECK_EQ(message.result.error.code, 0);
    rig_finish_as(&rig, SHIM_FAILED, &slot);
    CHECK_EQ(slot.error.code, ERROR_RUNTIME_FAILED);
    CHECK_STR(slot.error.where, "start");
    CHECK_EQ(slot.requested_signal, SIGTERM);
    CHECK_EQ(slot.started_usec, 0);
    rig_deinit(&rig);
}

static void test_damaged_plan(void)
{
    struct Rig rig = RIG_INIT;
    struct ExitSlot slot = {0};
    struct RigPlan plan = {RIG_SHELL("true")};
    if (!rig_ready())
        return;
    rig_prepare(&rig, &plan);
    /* No plan at all stands where the plan should be. */
    fixture_shell("printf 'this is no plan' >bad-plan");
    _cleanup_close_ int attached = rig_attach(&rig, true, true, true);
    rig_spawn_with_plan(&rig, fixture_path("bad-plan"));
    rig_finish_as(&rig, SHIM_FAILED, &slot);
    CHECK_EQ(slot.error.code, ERROR_INTERNAL);
    CHECK_STR(slot.error.where, "plan");
    struct RigOutput output = {0};
    rig_read_output(attached, &output);
    CHECK_EQ(output.ends, 1);
    rig_deinit(&rig);
}

static void test_adoption(void)
{
    struct Rig rig = RIG_INIT;
    struct ExitSlot slot = {0};
    union ShimMessage reply;
    int fds[2] = {-1, -1};
    struct RigPlan plan = {RIG_SHELL("echo ready; read line; echo got $line; exit 9"), .stdin_open = true,
                           .with_cgroups = true};
    if (!rig_ready())
        return;
    rig_prepare(&rig, &plan);
    _cleanup_close_ int attached = rig_attach(&rig, true, true, false);
    rig_spawn(&rig, &plan);
    CHECK(rig_expect(&rig, SHIM_STARTED, NULL, NULL));
    wait_for_output(attached, "ready");
    rig.connection = safe_close(rig.connection);
    rig.connection = rig_connect(&rig);
    rig_hello(&rig);
    CHECK(rig_expect(&rig, SHIM_HELLO_REPLY, &reply, fds));
    CHECK(fds[0] >= 0 && fds[1] >= 0);
    CHECK_EQ(reply.hello_reply.state, SHIM_STATE_RUNNING);
    CHECK_EQ(reply.hello_reply.generation, RIG_GENERATION);
    CHECK_EQ(reply.hello_reply.shim_pid, rig.shim.pid);
    CHECK(reply.hello_reply.init_pid > 0);
    CHECK_EQ(reply.hello_reply.attached, 1);
    CHECK_EQ(reply.hello_reply.log.written, 6);
    safe_close(fds[0]);
    /* It ends while nobody is there; who comes then learns it. */
    rig.connection = safe_close(rig.connection);
    CHECK_EQ(write(attached, "\0word\n", 6), 6);
    wait_for_output(attached, "got word");
    CHECK(rig_wait_readable(fds[1]));
    safe_close(fds[1]);
    struct RigOutput rest = {.begins = 1};
    char data[ATTACH_PAYLOAD_MAX];
    size_t size = 0;
    while (rig_packet(attached, data, &size) >= 0)
        rest.ends++;
    CHECK(rest.ends >= 1);
    rig.connection = rig_connect(&rig);
    rig_hello(&rig);
    CHECK(rig_expect(&rig, SHIM_HELLO_REPLY, &reply, NULL));
    rig_finish(&rig, &slot);
    CHECK_EQ(WEXITSTATUS(slot.wait_status), 9);
    rig_deinit(&rig);
}

static void test_wrong_requests(void)
{
    struct Rig rig = RIG_INIT;
    struct ExitSlot slot = {0};
    union ShimMessage message = {0};
    struct RigPlan plan = {RIG_SHELL("read line"), .stdin_open = true};
    if (!rig_ready())
        return;
    rig_prepare(&rig, &plan);
    uint32_t early = rig_signal(&rig, SHIM_KILL, SIGKILL, false, 0);
    rig_spawn(&rig, &plan);
    CHECK_EQ(rig_result(&rig, 1), 0);
    CHECK_EQ(rig_result(&rig, early), ERROR_WRONG_STATE);
    CHECK(rig_expect(&rig, SHIM_STARTED, NULL, NULL));
    CHECK_EQ(rig_result(&rig, rig_ack(&rig, RIG_GENERATION)), ERROR_WRONG_STATE);
    CHECK_EQ(rig_result(&rig, rig_signal(&rig, SHIM_KILL, 0, false, 0)), ERROR_INVALID_ARGUMENT);
    shim_message_init(&message, SHIM_CONFIG, ++rig.request);
    CHECK_EQ(shim_message_send(rig.connection, &message, NULL, 0), 0);
    CHECK_EQ(rig_result(&rig, rig.request), ERROR_WRONG_STATE);
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    shim_message_init(&message, SHIM_ATTACH, ++rig.request);
    CHECK_EQ(shim_message_send(rig.connection, &message, &file, 1), 0);
    safe_close(file);
    CHECK_EQ(rig_result(&rig, rig.request), ERROR_INVALID_ARGUMENT);
    memset(&message, 0, sizeof(message));
    shim_message_init(&message, SHIM_RESULT, ++rig.request);
    CHECK_EQ(shim_message_send(rig.connection, &message, NULL, 0), 0);
    CHECK_EQ(rig_result(&rig, rig.request), ERROR_INVALID_ARGUMENT);
    CHECK_EQ(rig_result(&rig, rig_signal(&rig, SHIM_KILL, SIGKILL, false, 0)), 0);
    CHECK(rig_expect(&rig, SHIM_EXITED, &message, NULL));
    CHECK_EQ(rig_result(&rig, rig_signal(&rig, SHIM_KILL, SIGKILL, false, 0)), ERROR_WRONG_STATE);
    CHECK_EQ(rig_result(&rig, rig_ack(&rig, RIG_GENERATION + 1)), ERROR_INVALID_ARGUMENT);
    rig_hello(&rig);
    rig_finish(&rig, &slot);
    rig_deinit(&rig);
}

static void test_garbage_costs_only_the_connection(void)
{
    struct Rig rig = RIG_INIT;
    struct ExitSlot slot = {0};
    char byte;
    struct RigPlan plan = {RIG_SHELL("read line"), .stdin_open = true};
    if (!rig_ready())
        return;
    rig_start(&rig, &plan);
    CHECK(rig_expect(&rig, SHIM_STARTED, NULL, NULL));
    _cleanup_close_ int other = rig_connect(&rig);
    CHECK_EQ(write(other, "garbage", 7), 7);
    CHECK(rig_wait_readable(other));
    CHECK_EQ(read(other, &byte, 1), 0);
    CHECK_EQ(rig_result(&rig, rig_signal(&rig, SHIM_KILL, SIGKILL, false, 0)), 0);
    rig_finish(&rig, &slot);
    rig_deinit(&rig);
}

static void check_refused(int fd)
{
    char byte;
    CHECK(rig_wait_readable(fd));
    CHECK(read(fd, &byte, 1) <= 0);
}

static void test_strangers_and_crowds_are_refused(void)
{
    enum { CROWD = 9 };
    struct Rig rig = RIG_INIT;
    struct ExitSlot slot = {0};
    int crowd[CROWD];
    if (!rig_ready())
        return;
    rig_start(&rig, &(struct RigPlan){RIG_SHELL("read line"), .stdin_open = true});
    CHECK(rig_expect(&rig, SHIM_STARTED, NULL, NULL));
    fixture_shell("chmod 711 . && chmod 777 shim.sock");
    CHECK_EQ(seteuid(65534), 0);
    _cleanup_close_ int stranger = rig_connect(&rig);
    CHECK_EQ(seteuid(0), 0);
    check_refused(stranger);
    for (unsigned i = 0; i < CROWD; i++)
        crowd[i] = rig_connect(&rig);
    check_refused(crowd[CROWD - 2]); /* the rig's own makes eight with the first seven */
    check_refused(crowd[CROWD - 1]);
    for (unsigned i = 0; i < CROWD; i++)
        safe_close(crowd[i]);
    CHECK_EQ(rig_result(&rig, rig_signal(&rig, SHIM_KILL, SIGKILL, false, 0)), 0);
    rig_finish(&rig, &slot);
    rig_deinit(&rig);
}

static void test_no_configuration(void)
{
    struct Rig rig = RIG_INIT;
    struct ExitSlot slot = {0};
    if (!rig_ready())
        return;
    rig_prepare(&rig, &(struct RigPlan){RIG_SHELL("true"), .no_config = true});
    rig.connection = safe_close(rig.connection);
    rig_spawn(&rig, &(struct RigPlan){RIG_SHELL("true")});
    CHECK_EQ(rig_wait(&rig), 0);
    CHECK_EQ(exit_slot_read(rig.slot, &slot), 0);
    CHECK_EQ(slot.state, EXIT_SLOT_FAILED);
    CHECK_EQ(slot.generation, RIG_GENERATION);
    CHECK_EQ(slot.error.code, ERROR_UNAVAILABLE);
    rig_deinit(&rig);
}

static void test_polite_signals_do_not_end_the_shim(void)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGPIPE, SIGALRM};
    struct Rig rig = RIG_INIT;
    struct ExitSlot slot = {0};
    if (!rig_ready())
        return;
    rig_start(&rig, &(struct RigPlan){RIG_SHELL("read line; exit 6"), .stdin_open = true});
    CHECK(rig_expect(&rig, SHIM_STARTED, NULL, NULL));
    for (size_t i = 0; i < ELEMENTSOF(signals); i++)
        CHECK_EQ(pidref_kill(&rig.shim, signals[i]), 0);
    rig_hello(&rig);
    CHECK(rig_expect(&rig, SHIM_HELLO_REPLY, NULL, NULL));
    CHECK_EQ(rig_result(&rig, rig_signal(&rig, SHIM_KILL, SIGKILL, false, 0)), 0);
    rig_finish(&rig, &slot);
    rig_deinit(&rig);
}

/* Processes that outlive init in a shared pid namespace, one of them with the pipes in its hands. */
static void test_what_init_leaves_behind(void)
{
    struct Rig rig = RIG_INIT;
    struct ExitSlot slot = {0};
    struct RigPlan plan = {RIG_SHELL("sleep 1000 & sleep 1000 & exit 2"), .with_cgroups = true};
    if (!rig_ready())
        return;
    plan.recipe.without_namespaces = 0x20000000; /* CLONE_NEWPID */
    uint64_t before = clock_boottime_usec();
    rig_start(&rig, &plan);
    rig_finish(&rig, &slot);
    CHECK_EQ(slot.wait_status, 2 << 8);
    CHECK(clock_boottime_usec() - before < USEC_PER_SEC);
    rig_deinit(&rig);
}

static const struct Test tests[] = {
    TEST(test_runs_and_ends),
    TEST(test_exit_codes),
    TEST(test_kill),
    TEST(test_stop_is_obeyed),
    TEST(test_stop_escalates),
    TEST(test_start_failure),
    TEST(test_kill_while_starting),
    TEST(test_damaged_plan),
    TEST(test_adoption),
    TEST(test_wrong_requests),
    TEST(test_garbage_costs_only_the_connection),
    TEST(test_strangers_and_crowds_are_refused),
    TEST(test_no_configuration),
    TEST(test_polite_signals_do_not_end_the_shim),
    TEST(test_what_init_leaves_behind),
};
TEST_MAIN(tests)
