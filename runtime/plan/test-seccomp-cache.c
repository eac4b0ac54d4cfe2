// SPDX-License-Identifier: Apache-2.0
/* The cache of compiled filters: what it gives back, and what it does not take for its own. */
#include "base/fd.h"
#include "base/str.h"
#include "base/test.h"
#include "runtime/plan/seccomp-internal.h"
#include "runtime/plan/test-oracle.h"
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int make_folder(char path[64])
{
    strcpy(path, "/tmp/davit-test-XXXXXX");
    CHECK(mkdtemp(path));
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(fd >= 0);
    return fd;
}

static void remove_folder(int fd, const char *path)
{
    safe_close(fd);
    CHECK_EQ(tree_remove(AT_FDCWD, path, 8), 0);
}

static struct SpecSeccomp small_profile(struct SpecSeccompRule *rule, uint32_t errno_value)
{
    static const char *names[] = {"reboot", "no_such_call", NULL};
    *rule = (struct SpecSeccompRule){
        .names = {names, 2}, .action = "SCMP_ACT_ERRNO", .has_errno = true, .errno_value = errno_value};
    return (struct SpecSeccomp){
        .present = true, .default_action = "SCMP_ACT_ALLOW", .rules = rule, .rule_count = 1};
}

static bool cached(int dir, const struct SpecSeccomp *profile)
{
    _cleanup_buf_ struct Buf key = BUF_INIT, filter = BUF_INIT, warnings = BUF_INIT;
    struct SeccompResult result = {0};
    seccomp_key(profile, &key);
    int r = seccomp_cache_read(dir, &key, &result);
    filter = result.filter;
    warnings = result.warnings;
    CHECK_EQ(filter.size > 0, r);
    return r;
}

static void test_cache_gives_the_same(void)
{
    char path[64];
    int dir = make_folder(path);
    struct SpecSeccompRule rule;
    struct SpecSeccomp profile = small_profile(&rule, 5);
    char *first = NULL, *warned = NULL;
    size_t first_size = 0;
    for (unsigned round = 0; round < 2; round++) {
        _cleanup_buf_ struct Buf filter = BUF_INIT, warnings = BUF_INIT;
        uint64_t flags;
        CHECK_EQ(cached(dir, &profile), round > 0);
        CHECK_EQ(seccomp_compile(&profile, dir, &filter, &flags, &warnings, NULL), 0);
        size_t size = filter.size;
        _cleanup_free_ char *bytes = buf_take_str(&filter), *text = buf_take_str(&warnings);
        if (round == 0) {
            first = TAKE_PTR(bytes);
            warned = TAKE_PTR(text);
            first_size = size;
        } else {
            CHECK(size == first_size && memcmp(bytes, first, size) == 0);
            CHECK_STR(text, warned);
        }
    }
    free(first);
    free(warned);
    /* Another errno is another filter. */
    struct SpecSeccompRule other_rule;
    struct SpecSeccomp other = small_profile(&other_rule, 6);
    CHECK(!cached(dir, &other));
    remove_folder(dir, path);
}

static void only_file(const char *path, char name[128])
{
    char command[128];
    str_format(command, sizeof(command), "%s", path);
    _cleanup_close_ int fd = open(command, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char buffer[2048];
    long got = syscall(SYS_getdents64, fd, buffer, sizeof(buffer));
    name[0] = 0;
    for (long at = 0; at < got;) {
        const unsigned short *length = (const void *)(buffer + at + 16);
        const char *entry = buffer + at + 19;
        if (entry[0] != '.')
            str_format(name, 128, "%s/%s", path, entry);
        at += *length;
    }
}

static void test_cache_refuses_what_is_not_its_own(void)
{
    char path[64], file[128];
    int dir = make_folder(path);
    struct SpecSeccompRule rule;
    struct SpecSeccomp profile = small_profile(&rule, 5);
    _cleanup_buf_ struct Buf filter = BUF_INIT;
    uint64_t flags;
    CHECK_EQ(seccomp_compile(&profile, dir, &filter, &flags, NULL, NULL), 0);
    only_file(path, file);
    CHECK(cached(dir, &profile));

    CHECK_EQ(chmod(file, 0644), 0);
    CHECK(!cached(dir, &profile));
    CHECK_EQ(chmod(file, 0600), 0);
    CHECK(cached(dir, &profile));
    if (geteuid() == 0) {
        CHECK_EQ(chown(file, 1, 1), 0);
        CHECK(!cached(dir, &profile));
        CHECK_EQ(chown(file, 0, 0), 0);
    }
    /* Any byte, also of the key and the filter. */
    struct stat st;
    CHECK_EQ(stat(file, &st), 0);
    _cleanup_close_ int fd = open(file, O_RDWR | O_CLOEXEC);
    for (off_t at = 0; at < st.st_size; at++) {
        char byte;
        CHECK_EQ(pread(fd, &byte, 1, at), 1);
        byte ^= 1;
        CHECK_EQ(pwrite(fd, &byte, 1, at), 1);
        CHECK(!cached(dir, &profile));
        byte ^= 1;
        CHECK_EQ(pwrite(fd, &byte, 1, at), 1);
    }
    CHECK(cached(dir, &profile));
    CHECK_EQ(ftruncate(fd, st.st_size - 1), 0);
    CHECK(!cached(dir, &profile));
    CHECK_EQ(ftruncate(fd, 0), 0);
    CHECK(!cached(dir, &profile));
    /* A damaged file is replaced. */
    CHECK_EQ(seccomp_compile(&profile, dir, &filter, &flags, NULL, NULL), 0);
    CHECK(cached(dir, &profile));
    CHECK_EQ(unlink(file), 0);
    CHECK_EQ(symlink("/dev/zero", file), 0);
    CHECK(!cached(dir, &profile));
    CHECK_EQ(unlink(file), 0);
    CHECK_EQ(mkfifo(file, 0600), 0);
    CHECK(!cached(dir, &profile));
    remove_folder(dir, path);
}

/* The file of one profile under the name of another, as a collision of names would have it. */
static void test_cache_compares_the_whole_key(void)
{
    char path[64], file[128], moved[160], second[128];
    int dir = make_folder(path);
    struct SpecSeccompRule rule, other_rule;
    struct SpecSeccomp profile = small_profile(&rule, 5), other = small_profile(&other_rule, 6);
    _cleanup_buf_ struct Buf filter = BUF_INIT;
    uint64_t flags;
    CHECK_EQ(seccomp_compile(&profile, dir, &filter, &flags, NULL, NULL), 0);
    only_file(path, file);
    str_format(moved, sizeof(moved), "%s/.kept", path);
    CHECK_EQ(rename(file, moved), 0);
    CHECK_EQ(seccomp_compile(&other, dir, &filter, &flags, NULL, NULL), 0);
    only_file(path, second);
    CHECK(cached(dir, &other));
    CHECK_EQ(rename(moved, second), 0);
    CHECK(!cached(dir, &other));
    remove_folder(dir, path);
}

static void test_cache_is_bounded(void)
{
    char path[64];
    int dir = make_folder(path);
    struct SeccompResult result = {0};
    const struct sock_filter allow = {.code = BPF_RET | BPF_K, .k = SECCOMP_RET_ALLOW};
    buf_append(&result.filter, &allow, sizeof(allow));
    unsigned kept = 0;
    for (unsigned round = 0; round < 2; round++)
        for (uint32_t i = 0; i < SECCOMP_CACHE_MAX + 10; i++) {
            _cleanup_buf_ struct Buf key = BUF_INIT;
            struct SeccompResult found = {0};
            buf_append(&key, &i, sizeof(i));
            if (round == 0)
                seccomp_cache_write(dir, &key, &result);
            else
                kept += (unsigned)seccomp_cache_read(dir, &key, &found);
            buf_deinit(&found.filter);
            buf_deinit(&found.warnings);
        }
    CHECK_EQ(kept, SECCOMP_CACHE_MAX);
    buf_deinit(&result.filter);
    remove_folder(dir, path);
}

static const struct Test tests[] = {
    TEST(test_cache_gives_the_same),
    TEST(test_cache_refuses_what_is_not_its_own),
    TEST(test_cache_compares_the_whole_key),
    TEST(test_cache_is_bounded),
};
TEST_MAIN(tests)
