// SPDX-License-Identifier: Apache-2.0
#include "base/str.h"
#include "base/test.h"
#include "protocol/schema/tables.h"
#include <inttypes.h>

/* Rows are written as JSON with ' for ", and B'...' for bytes. */
static void pack_value(struct WireWriter *writer, const char **at);

static void pack_text(struct WireWriter *writer, const char **at, bool binary)
{
    char text[256] = "";
    size_t size = strcspn(*at, "'");
    str_format(text, sizeof(text), "%.*s", (int)size, *at);
    *at += size + 1;
    if (binary)
        wire_bin(writer, text, size);
    else
        wire_str(writer, text);
}

static void pack_array(struct WireWriter *writer, const char **at)
{
    _cleanup_buf_ struct Buf items = BUF_INIT;
    struct WireWriter inner;
    size_t count = 0;
    wire_writer_init(&inner, &items);
    for (; **at != ']'; count++) {
        pack_value(&inner, at);
        *at += strspn(*at, ", ");
    }
    ++*at;
    wire_array(writer, count);
    buf_append(writer->buf, items.data, items.size);
}

static void pack_map(struct WireWriter *writer, const char **at)
{
    struct WireOpenMap map;
    wire_map_open(writer, &map);
    while (**at != '}') {
        pack_value(writer, at);
        *at += strspn(*at, ": ");
        pack_value(writer, at);
        *at += strspn(*at, ", ");
    }
    ++*at;
    wire_map_close(writer, &map);
}

static void pack_number(struct WireWriter *writer, const char **at)
{
    size_t size = strspn(*at, "-0123456789.einfa");
    bool real = memchr(*at, '.', size) || memchr(*at, 'n', size);
    if (real)
        wire_double(writer, strtod(*at, NULL));
    else if (**at == '-')
        wire_i64(writer, strtoll(*at, NULL, 10));
    else
        wire_u64(writer, strtoull(*at, NULL, 10));
    *at += size;
}

static bool skip_word(const char **at, const char *word)
{
    bool found = str_starts_with(*at, word);
    *at += found ? strlen(word) : 0;
    return found;
}

static void pack_value(struct WireWriter *writer, const char **at)
{
    if (skip_word(at, "null"))
        wire_nil(writer);
    else if (skip_word(at, "true"))
        wire_bool(writer, true);
    else if (skip_word(at, "false"))
        wire_bool(writer, false);
    else if (skip_word(at, "B'"))
        pack_text(writer, at, true);
    else if (skip_word(at, "'"))
        pack_text(writer, at, false);
    else if (skip_word(at, "["))
        pack_array(writer, at);
    else if (skip_word(at, "{"))
        pack_map(writer, at);
    else
        pack_number(writer, at);
}

struct Input {
    msgpack_zone zone;
    struct Buf bytes;
    msgpack_object object;
};

static void input_init(struct Input *input, const char *text)
{
    struct WireWriter writer;
    *input = (struct Input){0};
    CHECK(msgpack_zone_init(&input->zone, 4096));
    wire_writer_init(&writer, &input->bytes);
    pack_value(&writer, &text);
    CHECK_STR(text, "");
    CHECK_EQ(wire_unpack(input->bytes.data, input->bytes.size, &WIRE_LIMITS_DEFAULT, &input->zone,
                         &input->object, NULL),
             0);
}

static void input_deinit(struct Input *input)
{
    msgpack_zone_destroy(&input->zone);
    buf_deinit(&input->bytes);
}
#define _cleanup_input_ _cleanup_(input_deinit)

static void test_refused(void)
{
    static const struct {
        const char *method, *arguments;
        enum ErrorCode code;
        const char *where;
    } rows[] = {
#define ROW(method, arguments, where) {method, arguments, ERROR_INVALID_ARGUMENT, where}
#define UNSUPPORTED(method, arguments, where)                                                                \
    {                                                                                                        \
        method, arguments, ERROR_UNSUPPORTED, where                                                          \
    }
        ROW("container.start", "{}", "container"),
        ROW("container.start", "{'container': null}", "container"),
        ROW("container.start", "{'container': ''}", "container"),
        ROW("container.start", "{'container': 5}", "container"),
        ROW("container.start", "{'container': B'x'}", "container"),
        ROW("container.start", "{'container': 'x\x1b'}", "container"),
        ROW("container.start", "{'container': 'x\n'}", "container"),
        ROW("container.start",
            "{'container': '012345678901234567890123456789012345678901234567890123456789abcde'}",
            "container"),
        ROW("container.start", "{'container': 'x', 'nonsense': 1}", "nonsense"),
        ROW("container.start", "{'container': 'x', 'nonsense': null}", "nonsense"),
        ROW("container.start", "{'container': 'x', 'a\x01z': 1}", "a?z"),
        ROW("container.start", "{'container': 'x', '': 1}", ""),
        ROW("container.start", "[]", ""),
        ROW("container.create", "{'host': 1}", "host"),
        ROW("container.create", "{'host': 'true'}", "host"),
        ROW("container.create", "{'no_new_privileges': 0}", "no_new_privileges"),
        ROW("container.create", "{'args': 'sh'}", "args"),
        ROW("container.create", "{'args': ['sh', 5]}", "args[1]"),
        ROW("container.create", "{'env': [null]}", "env[0]"),
        ROW("container.create", "{'labels': []}", "labels"),
        ROW("container.create", "{'labels': {'a': 1}}", "labels.a"),
        ROW("container.create", "{'labels': {'': 'x'}}", "labels."),
        ROW("container.create", "{'labels': {'a\tb': 'x'}}", "labels.a?b"),
        ROW("container.create", "{'sysctls': {'a': 'x\ny'}}", "sysctls.a"),
        ROW("container.create", "{'resources': 5}", "resources"),
        ROW("container.create", "{'resources': {'memory': -1}}", "resources.memory"),
        ROW("container.create", "{'resources': {'memory': 0}}", "resources.memory"),
        ROW("container.create", "{'resources': {'memory': 1.5}}", "resources.memory"),
        ROW("container.create", "{'resources': {'memory': '64m'}}", "resources.memory"),
        ROW("container.create", "{'resources': {'memory': 18446744073709551615}}", "resources.memory"),
        ROW("container.create", "{'resources': {'cpu': nan}}", "resources.cpu"),
        ROW("container.create", "{'resources': {'cpu': inf}}", "resources.cpu"),
        ROW("container.create", "{'resources': {'cpu': -1}}", "resources.cpu"),
        ROW("container.create", "{'resources': {'cpu': '1'}}", "resources.cpu"),
        ROW("container.create", "{'resources': {'cpu_weight': 10001}}", "resources.cpu_weight"),
        ROW("container.create", "{'resources': {'io_max': 1}}", "resources.io_max"),
        ROW("container.create", "{'oom_score_adj': -1001}", "oom_score_adj"),
        ROW("container.create", "{'oom_score_adj': 1001}", "oom_score_adj"),
        ROW("container.create", "{'oom_score_adj': 18446744073709551615}", "oom_score_adj"),
        ROW("container.create", "{'oom_score_adj': 1.0}", "oom_score_adj"),
        ROW("container.create", "{'mounts': {}}", "mounts"),
        ROW("container.create", "{'mounts': ['x']}", "mounts[0]"),
        ROW("container.create", "{'mounts': [{'target': '/a'}, {'source': '/b'}]}", "mounts[1].target"),
        ROW("container.create", "{'mounts': [{'target': '/a'}, {'target': 7}]}", "mounts[1].target"),
        ROW("container.create", "{'mounts': [{'target': '/a', 'options': ['ro', {}]}]}",
            "mounts[0].options[1]"),
        ROW("container.create", "{'rlimits': [{'name': 'nofile'}]}", "rlimits[0].soft"),
        ROW("container.create", "{'stop': {'signal': 0}}", "stop.signal"),
        ROW("container.create", "{'stop': {'signal': 65}}", "stop.signal"),
        ROW("container.create", "{'stop': {'signal': 'NONE'}}", "stop.signal"),
        ROW("container.create", "{'stop': {'signal': 'A-VERY-LONG-NAME'}}", "stop.signal"),
        ROW("container.create", "{'stop': {'signal': true}}", "stop.signal"),
        ROW("container.create", "{'network': 'bridge'}", "network"),
        ROW("container.create", "{'log': {'sinks': ['cri', 'syslog']}}", "log.sinks[1]"),
        ROW("container.create", "{'log': {'when_full': 'panic'}}", "log.when_full"),
        ROW("container.create", "{'restart': {'policy': 'sometimes'}}", "restart.policy"),
        ROW("hello", "{'errors': 'xml'}", "errors"),
        ROW("describe", "{'x': 1}", "x"),
        ROW("stream.write", "{'stream': 1}", "data"),
        ROW("stream.write", "{'stream': 1, 'data': 5}", "data"),
        ROW("stream.close", "{'stream': 1, 'channel': 'stdout'}", "channel"),
        UNSUPPORTED("container.create", "{'image': 'x'}", "image"),
        UNSUPPORTED("container.create", "{'health': {}}", "health"),
        UNSUPPORTED("container.create", "{'resources': {'cpuset': '0'}}", "resources.cpuset"),
        UNSUPPORTED("container.create", "{'restart': {'policy': 'always'}}", "restart.policy"),
        UNSUPPORTED("container.create", "{'restart': {'max': 3}}", "restart.max"),
        UNSUPPORTED("container.wait", "{'container': 'x', 'condition': 'healthy'}", "condition"),
        UNSUPPORTED("container.attach", "{'container': 'x', 'transport': 'fd'}", "transport"),
#undef ROW
#undef UNSUPPORTED
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_input_ struct Input input;
        struct ArgCreate place = {0}; /* the largest of all */
        struct Error error = {0};
        const struct SchemaMethod *method = schema_method(rows[i].method);
        test_row(rows[i].arguments);
        input_init(&input, rows[i].arguments);
        CHECK(!method->arguments || method->arguments->size <= sizeof(place));
        int r = schema_decode(method->arguments, &input.object, &input.zone, &place, &error);
        CHECK_EQ(r, error_code_errno(rows[i].code));
        CHECK_EQ(error.code, rows[i].code);
        CHECK_STR(error.where, rows[i].where);
        CHECK(error.what[0] != 0);
    }
    test_row(NULL);
}

static void test_create_is_filled(void)
{
    _cleanup_input_ struct Input input;
    struct ArgCreate create = {0};
    struct Error error = {0};
    input_init(&input,
               "{'rootfs': '/srv', 'host': false, 'id': null, 'args': ['sh', '-c', 'a\nb'], 'env': [], "
               "'stdin': true, "
               "'mounts': [{'source': '/a', 'target': '/b'}, {'target': '/c', 'options': ['ro', 'rbind']}], "
               "'no_new_privileges': false, 'sysctls': {'k': 'v', 'l': ''}, 'image': null, "
               "'resources': {'memory': 67108864, 'cpu': 2, 'pids': null}, 'oom_score_adj': -1000, "
               "'rlimits': [{'name': 'nofile', 'soft': 18446744073709551615}], 'stop': {'signal': 'SIGINT'}, "
               "'log': {'sinks': ['none'], 'when_full': 'block'}, 'labels': {'note': 'two\nlines'}}");
    CHECK_EQ(schema_decode(&ARGUMENTS_CREATE, &input.object, &input.zone, &create, &error), 0);
    CHECK_STR(create.rootfs, "/srv");
    CHECK(!create.bundle && !create.id && !create.host && create.stdin_open);
    CHECK_EQ(create.args.count, 3);
    CHECK_STR(create.args.items[2], "a\nb");
    CHECK(create.args.items[3] == NULL);
    CHECK(create.env.count == 0 && create.env.items && create.env.items[0] == NULL);
    CHECK(create.cap_add.count == 0 && create.cap_add.items == NULL);
    CHECK_EQ(create.mounts.count, 2);
    const struct ArgMount *mounts = create.mounts.items;
    CHECK_STR(mounts[0].source, "/a");
    CHECK(!mounts[1].source && mounts[1].options.count == 2);
    CHECK_STR(mounts[1].options.items[1], "rbind");
    CHECK_EQ(create.no_new_privileges, SCHEMA_FALSE);
    CHECK_EQ(create.sysctls.count, 2);
    CHECK_STR(create.sysctls.items[0].key, "k");
    CHECK_STR(create.sysctls.items[1].value, "");
    CHECK(create.resources.memory.present && create.resources.memory.value == 64 << 20);
    CHECK(create.resources.cpu.present && create.resources.cpu.value == 2.0);
    CHECK(!create.resources.pids.present && !create.resources.swap.present);
    CHECK(create.oom_score_adj.present && create.oom_score_adj.value == -1000);
    const struct ArgRlimit *rlimit = create.rlimits.items;
    CHECK(rlimit->soft.value == UINT64_MAX && !rlimit->hard.present);
    CHECK_EQ(create.stop.signal, 2);
    CHECK_STR(create.log.sinks.items[0], "none");
    CHECK_STR(create.labels.items[0].value, "two\nlines");
}

static void test_absent_is_absent(void)
{
    _cleanup_input_ struct Input input;
    struct ArgCreate create = {0};
    struct ArgList list = {0};
    struct Error error = {0};
    input_init(&input, "{'all': false}");
    CHECK_EQ(schema_decode(&ARGUMENTS_CREATE, NULL, &input.zone, &create, &error), 0);
    CHECK_EQ(create.no_new_privileges, SCHEMA_ABSENT);
    CHECK_EQ(schema_decode(&ARGUMENTS_LIST, NULL, &input.zone, &list, &error), 0);
    CHECK(list.all);
    CHECK_EQ(schema_decode(&ARGUMENTS_LIST, &input.object, &input.zone, &list, &error), 0);
    CHECK(!list.all);
    CHECK_EQ(schema_decode(NULL, NULL, &input.zone, NULL, &error), 0);
    CHECK_EQ(schema_decode(&ARGUMENTS_CONTAINER, NULL, &input.zone, &(struct ArgContainer){0}, &error),
             -EINVAL);
    CHECK_STR(error.where, "container");
}

static void test_bytes_and_signals(void)
{
    _cleanup_input_ struct Input binary, text, kill;
    struct ArgStreamWrite write = {0};
    struct ArgKill arguments = {0};
    input_init(&binary, "{'stream': 3, 'data': B'a\x01'}");
    input_init(&text, "{'stream': 3, 'data': 'a\x01z'}");
    input_init(&kill, "{'container': 'x', 'signal': 9, 'all': true}");
    CHECK_EQ(schema_decode(&ARGUMENTS_STREAM_WRITE, &binary.object, &binary.zone, &write, NULL), 0);
    CHECK(write.stream.value == 3 && write.data.size == 2 && memcmp(write.data.data, "a\x01", 2) == 0);
    CHECK_EQ(schema_decode(&ARGUMENTS_STREAM_WRITE, &text.object, &text.zone, &write, NULL), 0);
    CHECK_EQ(write.data.size, 3);
    CHECK_EQ(schema_decode(&ARGUMENTS_KILL, &kill.object, &kill.zone, &arguments, NULL), 0);
    CHECK(arguments.signal == 9 && arguments.all);
}

/* A path that is longer than the error's place for it keeps its tail. */
static void test_long_names_keep_the_tail(void)
{
    _cleanup_input_ struct Input input;
    struct ArgCreate create = {0};
    struct Error error = {0};
    input_init(&input,
               "{'annotations': {'0123456789012345678901234567890123456789012345678901234567890123456789"
               "0123456789012345678901234567890123456789': 5}}");
    CHECK_EQ(schema_decode(&ARGUMENTS_CREATE, &input.object, &input.zone, &create, &error), -EINVAL);
    CHECK_STR(error.where, "annotations.0123456789012345678901234567890123456789012345678901234567890123");
}

static void test_check_of_results(void)
{
    static const struct {
        const char *method, *result, *where; /* NULL: fine */
    } rows[] = {
        {"container.create", "{'id': 'x', 'warnings': []}", NULL},
        {"container.create", "{'id': 'x'}", "warnings"},
        {"container.create", "{'id': 'x', 'warnings': ['a\nb'], 'more': 1}", "more"},
        {"container.list", "{'containers': []}", NULL},
        {"container.list", "{'containers': [{'id': 'x'}]}", "containers[0].name"},
        {"container.wait",
         "{'id': 'x', 'condition': 'exited', 'state': 'exited', 'exit': {'signal': 9, 'cause': {'kind': "
         "'oom', "
         "'limit': 'own'}, 'evidence': {'oom_kills': 1}, 'generation': 1, 'log': {'written': 1, 'stored': 1, "
         "'dropped': 0, 'rotated': 0, 'tail': B'x'}}}",
         NULL},
        {"container.wait",
         "{'id': 'x', 'condition': 'exited', 'state': 'exited', 'exit': {'signal': 9, 'cause': {'kind': "
         "'fate'}}}",
         "exit.cause.kind"},
        {"container.wait", "{'id': 'x', 'condition': 'exited', 'state': 'lost'}", "state"},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_input_ struct Input input;
        struct Error error = {0};
        test_row(rows[i].result);
        input_init(&input, rows[i].result);
        CHECK_EQ(schema_check(schema_method(rows[i].method)->result, &input.object, &error),
                 rows[i].where ? -EINVAL : 0);
        CHECK_STR(error.where, rows[i].where ? rows[i].where : "");
    }
    test_row(NULL);
}

static const struct Test tests[] = {
    TEST(test_refused),           TEST(test_create_is_filled),         TEST(test_absent_is_absent),
    TEST(test_bytes_and_signals), TEST(test_long_names_keep_the_tail), TEST(test_check_of_results),
};
TEST_MAIN(tests)
