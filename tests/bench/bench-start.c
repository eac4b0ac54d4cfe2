// SPDX-License-Identifier: Apache-2.0
/*
 * How long a container takes from the decision to its end, interleaved in one run:
 *     floor   floor_run() of the same payload (a fork of this process)
 *     davit   container.create + start + wait + delete over one connection; each call by its method's name
 * too
 *     ...     each --program "NAME=COMMAND LINE", as a whole process by vfork and execve
 * One line per sample on stdout: NAME MICROSECONDS. `{}` in a command line is a fresh id.
 */
#include "base/cleanup.h"
#include "client/davit-client.h"
#include "tests/bench/floor.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PROGRAMS_MAX = 8, WORDS_MAX = 32, PARALLEL_MAX = 64 };

struct Bench {
    const char *socket, *bundle, *rootfs, *payload;
    unsigned rounds, gap_usec, parallel;
    bool network;
    char *programs[PROGRAMS_MAX];
    unsigned program_count;
    davit_client *client;
};

static uint64_t bench_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void bench_die(const char *what, davit_error *error)
{
    (void)fprintf(stderr, "bench-start: %s: %s %s (%s)\n", what, davit_error_code(error),
                  davit_error_message(error), davit_error_where(error));
    exit(1);
}

static davit_value *bench_call(struct Bench *bench, const char *method, davit_value *arguments)
{
    davit_value *result = NULL;
    davit_error *error = NULL;
    uint64_t begin = bench_now();
    if (davit_call(bench->client, method, arguments, 10000000, &result, &error) < 0)
        bench_die(method, error);
    printf("%s %" PRIu64 "\n", method, bench_now() - begin);
    davit_value_free(arguments);
    return result;
}

static davit_value *bench_container(const char *id)
{
    davit_value *arguments = davit_value_new_map();
    (void)davit_value_set_string(arguments, "container", id);
    return arguments;
}

static void bench_davit_once(struct Bench *bench)
{
    davit_value *arguments = davit_value_new_map();
    (void)davit_value_set_string(arguments, "bundle", bench->bundle);
    davit_value *created = bench_call(bench, "container.create", arguments);
    const char *id = davit_value_get_string(created, "id");
    davit_value_free(bench_call(bench, "container.start", bench_container(id)));
    davit_value *waited = bench_call(bench, "container.wait", bench_container(id));
    uint64_t code = 1;
    if (!davit_value_uint(davit_value_get_path(waited, "exit.code"), &code) || code != 0)
        bench_die("the container did not exit with 0", NULL);
    davit_value_free(waited);
    davit_value_free(bench_call(bench, "container.delete", bench_container(id)));
    davit_value_free(created);
}

/* Several at a time: each slot goes through the four calls, pushed on by the answers. */
struct BenchSlot {
    struct Bench *bench;
    uint64_t begin;
    unsigned step;
    char id[65];
};
static unsigned bench_left, bench_running;

static void bench_slot_on_answer(davit_client *client, const davit_value *result, const davit_error *error,
                                 void *data);

static void bench_slot_send(struct BenchSlot *slot)
{
    static const char *const METHODS[] = {"container.create", "container.start", "container.wait",
                                          "container.delete"};
    davit_value *arguments = slot->step == 0 ? davit_value_new_map() : bench_container(slot->id);
    if (slot->step == 0) {
        (void)davit_value_set_string(arguments, "bundle", slot->bench->bundle);
        slot->begin = bench_now();
    }
    if (davit_call_async(slot->bench->client, METHODS[slot->step], arguments, DAVIT_FOREVER,
                         bench_slot_on_answer, slot, NULL) < 0)
        bench_die(METHODS[slot->step], NULL);
    davit_value_free(arguments);
}

static void bench_slot_on_answer(davit_client *client, const davit_value *result, const davit_error *error,
                                 void *data)
{
    (void)client;
    struct BenchSlot *slot = data;
    if (error)
        bench_die("call", (davit_error *)(uintptr_t)error);
    if (slot->step == 0)
        (void)snprintf(slot->id, sizeof(slot->id), "%s", davit_value_get_string(result, "id"));
    if (++slot->step == 4) {
        printf("davit-parallel %" PRIu64 "\n", bench_now() - slot->begin);
        slot->step = 0;
        if (bench_left == 0) {
            bench_running--;
            return;
        }
        bench_left--;
    }
    bench_slot_send(slot);
}

static void bench_parallel(struct Bench *bench)
{
    static struct BenchSlot slots[PARALLEL_MAX];
    uint64_t begin = bench_now();
    bench_left = bench->rounds;
    for (unsigned i = 0; i < bench->parallel && bench_left > 0; i++) {
        slots[i] = (struct BenchSlot){.bench = bench};
        bench_left--;
        bench_running++;
        bench_slot_send(&slots[i]);
    }
    while (bench_running > 0) {
        if (davit_wait(bench->client, DAVIT_FOREVER) < 0)
            bench_die("davit_wait", NULL);
    }
    printf("davit-parallel-each %" PRIu64 "\n", (bench_now() - begin) / bench->rounds);
    /* The floor, as many at a time, by as many processes. */
    (void)fflush(stdout);
    begin = bench_now();
    for (unsigned i = 0; i < bench->parallel; i++) {
        if (fork() == 0) {
            char *const argv[] = {(char *)(uintptr_t)bench->payload, NULL};
            for (unsigned k = 0; k < bench->rounds / bench->parallel; k++)
                (void)floor_run(bench->rootfs, argv, bench->network);
            _exit(0);
        }
    }
    while (wait(NULL) > 0)
        ;
    printf("floor-parallel-each %" PRIu64 "\n",
           (bench_now() - begin) / (bench->rounds / bench->parallel * bench->parallel));
}

static void bench_program_once(const char *line, unsigned round)
{
    char text[2048], id[32], *words[WORDS_MAX + 1];
    (void)snprintf(text, sizeof(text), "%s", line);
    (void)snprintf(id, sizeof(id), "bench-%d-%u", (int)getpid(), round);
    unsigned count = 0;
    for (char *save = NULL, *word = strtok_r(text, " ", &save); word && count < WORDS_MAX;
         word = strtok_r(NULL, " ", &save))
        words[count++] = strcmp(word, "{}") == 0 ? id : word;
    words[count] = NULL;
    posix_spawn_file_actions_t actions;
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
    (void)posix_spawn_file_actions_adddup2(&actions, 0, 1);
    pid_t pid = 0;
    int status = -1;
    if (posix_spawnp(&pid, words[0], &actions, NULL, words, environ) == 0)
        (void)waitpid(pid, &status, 0);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        (void)fprintf(stderr, "bench-start: failed with status %d: %s\n", status, line);
        exit(1);
    }
}

static void bench_serial(struct Bench *bench)
{
    char *const argv[] = {(char *)(uintptr_t)bench->payload, NULL};
    for (unsigned round = 0; round < bench->rounds; round++) {
        for (unsigned i = 0; i < bench->program_count + 2; i++) {
            if (bench->gap_usec > 0)
                (void)usleep(bench->gap_usec);
            const char *name = i == 0 ? "floor" : "davit";
            unsigned length = 5;
            if (i >= 2) {
                name = bench->programs[i - 2];
                length = (unsigned)strcspn(name, "=");
            }
            uint64_t begin = bench_now();
            if (i == 0) {
                if (floor_run(bench->rootfs, argv, bench->network) != 0)
                    bench_die("the floor failed", NULL);
            } else if (i == 1 && bench->client) {
                bench_davit_once(bench);
            } else if (i >= 2) {
                bench_program_once(name + length + 1, round);
            } else {
                continue;
            }
            printf("%.*s %" PRIu64 "\n", (int)length, name, bench_now() - begin);
        }
    }
}

int main(int argc, char **argv)
{
    struct Bench bench = {.rounds = 100, .network = true, .payload = "/bin/true"};
    static const struct option OPTIONS[] = {
        {"socket", 1, NULL, 's'},   {"bundle", 1, NULL, 'b'},     {"rootfs", 1, NULL, 'r'},
        {"payload", 1, NULL, 'p'},  {"rounds", 1, NULL, 'n'},     {"gap", 1, NULL, 'g'},
        {"parallel", 1, NULL, 'j'}, {"no-network", 0, NULL, 'N'}, {"program", 1, NULL, 'x'},
        {NULL, 0, NULL, 0},
    };
    for (int option; (option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        switch (option) {
        case 's':
            bench.socket = optarg;
            break;
        case 'b':
            bench.bundle = optarg;
            break;
        case 'r':
            bench.rootfs = optarg;
            break;
        case 'p':
            bench.payload = optarg;
            break;
        case 'n':
            bench.rounds = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'g':
            bench.gap_usec = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'j':
            bench.parallel = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'N':
            bench.network = false;
            break;
        case 'x':
            if (bench.program_count == PROGRAMS_MAX || !strchr(optarg, '='))
                return 2;
            bench.programs[bench.program_count++] = optarg;
            break;
        default:
            return 2;
        }
    }
    if (!bench.rootfs || bench.parallel > PARALLEL_MAX || bench.rounds == 0)
        return 2;
    davit_error *error = NULL;
    if (bench.socket && davit_connect(bench.socket, DAVIT_NO_AUTOSTART, &bench.client, &error) < 0)
        bench_die("connect", error);
    if (bench.parallel > 0)
        bench_parallel(&bench);
    else
        bench_serial(&bench);
    davit_client_free(bench.client);
    return 0;
}
