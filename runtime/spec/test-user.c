// SPDX-License-Identifier: Apache-2.0
/* Users given as text, against a rootfs whose files may be anything. */
#include "base/fd.h"
#include "base/str.h"
#include "base/test.h"
#include "runtime/spec/spec.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
                             "# a comment\n"
                             "\n"
                             "short:x:5\n"
                             "4294967295:x:0:0::/:\n"
                             "12:x:0:0::/:\n"
                             "bad:x:-1:0::/:\n"
                             "huge:x:2147483648:0::/:\n"
                             "web:x:33:34:the web:/var/www:/bin/false\n"
                             "web:x:0:0:not this one:/:\n"
                             "last:x:77:78::/:/bin/sh";
static const char group[] = "root:x:0:\n"
                            "nonsense\n"
                            "www:x:34:\n"
                            "adm:x:4:syslog,web\n"
                            "adm2:x:4:web\n"
                            "tty:x:5:web,root\n"
                            "webby:x:6:webb,we\n"
                            "12:x:99:\n"
                            "broken:x:many:web\n"
                            "large:x:4294967296:web\n"
                            "audio:x:29:last";

/* A rootfs of the test's own. */
struct Root {
    char path[64];
    int fd;
};

static void root_init(struct Root *root)
{
    *root = (struct Root){"/tmp/davit-test-user-XXXXXX", -1};
    CHECK(mkdtemp(root->path) != NULL);
    root->fd = open(root->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    CHECK_EQ(mkdirat(root->fd, "etc", 0755), 0);
}

static void root_deinit(struct Root *root)
{
    safe_close(root->fd);
    tree_remove(AT_FDCWD, root->path, 8);
}
#define _cleanup_root_ _cleanup_(root_deinit)

struct Row {
    const char *user;
    enum ErrorCode code;
    uint32_t uid, gid;
    const char *groups;
};

#define INVALID   ERROR_INVALID_ARGUMENT, 0, 0, NULL
#define NOT_FOUND ERROR_NOT_FOUND, 0, 0, NULL

static const struct Row rows[] = {
    {"0", ERROR_NONE, 0, 0, "0 5"},
    {"1", ERROR_NONE, 1, 0, "0"},
    {"12", ERROR_NONE, 12, 0, "0"},
    {"33", ERROR_NONE, 33, 34, "4 5 34"},
    {"77", ERROR_NONE, 77, 78, "29 78"},
    {"1:2", ERROR_NONE, 1, 2, "2"},
    {"33:2", ERROR_NONE, 33, 2, "2"},
    {"33:12", ERROR_NONE, 33, 12, "12"},
    {"33:tty", ERROR_NONE, 33, 5, "5"},
    {"2147483647:2147483647", ERROR_NONE, 2147483647, 2147483647, "2147483647"},
    {"web", ERROR_NONE, 33, 34, "4 5 34"},
    {"web:adm", ERROR_NONE, 33, 4, "4"},
    {"web:7", ERROR_NONE, 33, 7, "7"},
    {"last", ERROR_NONE, 77, 78, "29 78"},
    {"root", ERROR_NONE, 0, 0, "0 5"},
    {"", INVALID},
    {":", INVALID},
    {"01", INVALID},
    {"+1", INVALID},
    {"-1", INVALID},
    {" 1", INVALID},
    {"1 ", INVALID},
    {"1\n", INVALID},
    {"1:", INVALID},
    {":1", INVALID},
    {"1:2:3", INVALID},
    {"web:adm:4", INVALID},
    {"0x0", INVALID},
    {"1e3", INVALID},
    {"1.0", INVALID},
    {"12abc", INVALID},
    {"2147483648", INVALID},
    {"4294967295", INVALID},
    {"4294967296", INVALID},
    {"18446744073709551616", INVALID},
    {"340282366920938463463374607431768211456", INVALID},
    {"1:4294967295", INVALID},
    {"1:-1", INVALID},
    {"web:01", INVALID},
    {"we b", INVALID},
    {"we\tb", INVALID},
    {"we/b", INVALID},
    {"bad", INVALID},
    {"huge", INVALID},
    {"web:broken", INVALID},
    {"web:large", INVALID},
    {"nobody", NOT_FOUND},
    {"short", NOT_FOUND},
    {"we", NOT_FOUND},
    {"Web", NOT_FOUND},
    {"web:nobody", NOT_FOUND},
    {"web:nonsense", NOT_FOUND},
};

static char *groups_text(const struct Spec *spec, char *buffer, size_t size)
{
    size_t at = 0;
    buffer[0] = 0;
    for (size_t i = 0; i < spec->additional_gid_count && at < size; i++)
        at += (size_t)snprintf(buffer + at, size - at, "%s%u", i > 0 ? " " : "", spec->additional_gids[i]);
    return buffer;
}

/* Ids that nobody asks for tell whether a failure left the Spec alone. */
enum { UNTOUCHED = 4242 };

static void check_row(const struct Row *row, int root_fd)
{
    _cleanup_spec_ struct Spec *spec = spec_new();
    struct Error error = {0};
    char text[128];
    bool good = row->code == ERROR_NONE;
    spec->uid = spec->gid = UNTOUCHED;
    test_row(row->user);
    CHECK_EQ(spec_resolve_user(spec, root_fd, row->user, &error) == 0, good);
    CHECK_STR(error_code_name(error.code), error_code_name((int)row->code));
    CHECK_STR(error.where, good ? "" : "user");
    CHECK_EQ(spec->uid, good ? row->uid : UNTOUCHED);
    CHECK_EQ(spec->gid, good ? row->gid : UNTOUCHED);
    CHECK_STR(groups_text(spec, text, sizeof(text)), good ? row->groups : "");
    test_row(NULL);
}

static void test_rows(void)
{
    _cleanup_root_ struct Root root;
    root_init(&root);
    CHECK_EQ(file_create(root.fd, "etc/passwd", passwd, strlen(passwd), 0644), 0);
    CHECK_EQ(file_create(root.fd, "etc/group", group, strlen(group), 0644), 0);
    for (size_t i = 0; i < ELEMENTSOF(rows); i++)
        check_row(&rows[i], root.fd);
}

static void test_long_text(void)
{
    _cleanup_root_ struct Root root;
    char text[65536];
    root_init(&root);
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = 0;
    check_row(&(const struct Row){text, INVALID}, root.fd);
    memset(text, '1', sizeof(text) - 1);
    check_row(&(const struct Row){text, INVALID}, root.fd);
    text[300] = 0;
    check_row(&(const struct Row){text, INVALID}, root.fd);
}

static void test_no_files(void)
{
    _cleanup_root_ struct Root root;
    root_init(&root);
    check_row(&(const struct Row){"1000", ERROR_NONE, 1000, 0, "0"}, root.fd);
    check_row(&(const struct Row){"1000:5", ERROR_NONE, 1000, 5, "5"}, root.fd);
    check_row(&(const struct Row){"root", NOT_FOUND}, root.fd);
    check_row(&(const struct Row){"1000:wheel", NOT_FOUND}, root.fd);
    CHECK_EQ(unlinkat(root.fd, "etc", AT_REMOVEDIR), 0);
    check_row(&(const struct Row){"1000", ERROR_NONE, 1000, 0, "0"}, root.fd);
    check_row(&(const struct Row){"root", NOT_FOUND}, root.fd);
}

enum Odd { ODD_FIFO, ODD_FOLDER, ODD_DEVICE, ODD_LOOP, ODD_SPARSE, ODD_HOST_LINK, ODD_UP_LINK, ODD_COUNT };

static void make_odd(const struct Root *root, enum Odd odd, const char *name)
{
    _cleanup_close_ int fd = -1;
    switch (odd) {
    case ODD_FIFO:
        CHECK_EQ(mkfifoat(root->fd, name, 0644), 0);
        break;
    case ODD_FOLDER:
        CHECK_EQ(mkdirat(root->fd, name, 0755), 0);
        break;
    case ODD_DEVICE:
        CHECK_EQ(mknodat(root->fd, name, S_IFCHR | 0666, makedev(1, 5)), 0);
        break;
    case ODD_LOOP:
        CHECK_EQ(symlinkat("../etc/../etc/passwd", root->fd, "etc/loop"), 0);
        CHECK_EQ(symlinkat("loop", root->fd, "etc/passwd"), 0);
        break;
    case ODD_SPARSE:
        fd = openat(root->fd, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
        CHECK_EQ(ftruncate(fd, (off_t)4 << 30), 0);
        break;
    case ODD_HOST_LINK:
        CHECK_EQ(symlinkat("/etc/passwd-of-the-host", root->fd, name), 0);
        break;
    case ODD_UP_LINK:
        CHECK_EQ(symlinkat("../../../../../../etc/hostname", root->fd, name), 0);
        break;
    case ODD_COUNT:
        break;
    }
}

static void test_odd_passwd(void)
{
    static const enum ErrorCode codes[ODD_COUNT] = {
        [ODD_FIFO] = ERROR_INVALID_ARGUMENT,   [ODD_FOLDER] = ERROR_INVALID_ARGUMENT,
        [ODD_DEVICE] = ERROR_INVALID_ARGUMENT, [ODD_LOOP] = ERROR_INVALID_ARGUMENT,
        [ODD_SPARSE] = ERROR_INVALID_ARGUMENT, [ODD_HOST_LINK] = ERROR_NOT_FOUND,
        [ODD_UP_LINK] = ERROR_NOT_FOUND,
    };
    for (int odd = 0; odd < ODD_COUNT; odd++) {
        if (odd == ODD_DEVICE && geteuid() != 0)
            continue;
        _cleanup_root_ struct Root root;
        root_init(&root);
        make_odd(&root, (enum Odd)odd, "etc/passwd");
        check_row(&(const struct Row){"root", codes[odd], 0, 0, NULL}, root.fd);
        check_row(&(const struct Row){"7:8", ERROR_NONE, 7, 8, "8"}, root.fd);
    }
}

static void test_odd_group(void)
{
    for (int odd = ODD_FIFO; odd <= ODD_FOLDER; odd++) {
        _cleanup_root_ struct Root root;
        root_init(&root);
        CHECK_EQ(file_create(root.fd, "etc/passwd", passwd, strlen(passwd), 0644), 0);
        make_odd(&root, (enum Odd)odd, "etc/group");
        check_row(&(const struct Row){"web", INVALID}, root.fd);
        check_row(&(const struct Row){"0:www", INVALID}, root.fd);
        check_row(&(const struct Row){"web:8", ERROR_NONE, 33, 8, "8"}, root.fd);
    }
}

/* A link that leaves the root is taken as one that starts there. */
static void test_link_stays_inside(void)
{
    _cleanup_root_ struct Root root;
    root_init(&root);
    CHECK_EQ(mkdirat(root.fd, "data", 0755), 0);
    CHECK_EQ(file_create(root.fd, "data/users", passwd, strlen(passwd), 0644), 0);
    CHECK_EQ(symlinkat("/../../data/users", root.fd, "etc/passwd"), 0);
    check_row(&(const struct Row){"web", ERROR_NONE, 33, 34, "34"}, root.fd);
}

static void test_too_many_groups(void)
{
    _cleanup_root_ struct Root root;
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    root_init(&root);
    FILE *file = open_memstream(&text, &size);
    for (unsigned i = 0; i < 65536; i++)
        fprintf(file, "g:x:%u:web\n", i);
    fclose(file);
    CHECK_EQ(file_create(root.fd, "etc/passwd", passwd, strlen(passwd), 0644), 0);
    CHECK_EQ(file_create(root.fd, "etc/group", text, size, 0644), 0);
    check_row(&(const struct Row){"web", INVALID}, root.fd);
    check_row(&(const struct Row){"web:3", ERROR_NONE, 33, 3, "3"}, root.fd);
}

static const struct Test tests[] = {
    TEST(test_rows),      TEST(test_long_text),         TEST(test_no_files),        TEST(test_odd_passwd),
    TEST(test_odd_group), TEST(test_link_stays_inside), TEST(test_too_many_groups),
};
TEST_MAIN(tests)
