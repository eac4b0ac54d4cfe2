// SPDX-License-Identifier: Apache-2.0
/* The default profile and others, compiled. */
#include "base/fd.h"
#include "base/str.h"
#include "base/test.h"
#include "runtime/plan/seccomp-internal.h"
#include "runtime/plan/test-bpf.h"
#include "runtime/plan/test-oracle.h"
#include <fcntl.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROFILE SOURCE_ROOT "/contrib/seccomp/default.json"

/* --- the default profile --- */

static void check_default(const char *const *capabilities)
{
    _cleanup_spec_ struct Spec *spec = profile_spec(capabilities);
    _cleanup_buf_ struct Buf filter = BUF_INIT, warnings = BUF_INIT;
    struct Error error = {0};
    CHECK_EQ(seccomp_profile_load(spec, PROFILE, &error), 0);
    CHECK_STR(error.what, "");
    CHECK_EQ(profile_compile(&spec->seccomp, &filter, &warnings, &error), 0);
    CHECK_STR(error.what, "");
    CHECK_EQ(warnings.size, 0);
    CHECK(filter.size > 0);
    CHECK(profile_check(&spec->seccomp, &filter) > 300);
}

static void test_default_profile(void)
{
    check_default((const char *const[]){NULL});
    check_default((const char *const[]){"CAP_SYS_ADMIN", NULL});
    check_default((const char *const[]){"CAP_SYS_TIME", "CAP_BPF", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", NULL});
}

/* What the profile is there for, said once more, independently of its text. */
static void test_default_profile_answers(void)
{
    static const struct {
        const char *name;
        uint64_t args[2];
        uint32_t action, with_admin;
    } rows[] = {
        {"read", {0}, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW},
        {"mount", {0}, SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ALLOW},
        {"unshare", {0}, SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ALLOW},
        {"bpf", {0}, SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ALLOW},
        {"reboot", {0}, SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ERRNO | EPERM},
        {"keyctl", {0}, SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ERRNO | EPERM},
        {"add_key", {0}, SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ERRNO | EPERM},
        {"userfaultfd", {0}, SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ERRNO | EPERM},
        {"io_uring_setup", {0}, SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ERRNO | EPERM},
        {"kexec_load", {0}, SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ERRNO | EPERM},
        {"ptrace", {0}, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW},
        {"clone3", {0}, SECCOMP_RET_ERRNO | ENOSYS, SECCOMP_RET_ALLOW},
        {"clone", {0x3d0f00}, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW}, /* a thread */
        {"clone", {17}, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW},
        {"clone", {17 | 0x10000000}, SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ALLOW},
        {"clone", {17 | 0x20000}, SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ALLOW},
        {"socket", {AF_INET}, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW},
        {"socket", {AF_UNIX}, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW},
        {"socket", {39}, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW},
        {"socket", {AF_VSOCK}, SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ERRNO | EPERM},
        {"socket", {AF_ALG}, SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ERRNO | EPERM},
        {"socket", {AF_ALG | UINT64_C(1) << 32}, SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ERRNO | EPERM},
        {"ioctl", {0, TCGETS}, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW},
        {"ioctl", {0, TIOCSTI}, SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ERRNO | EPERM},
        {"ioctl", {0, TIOCSTI | UINT64_C(1) << 32}, SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ERRNO | EPERM},
        {"ioctl", {0, TIOCLINUX | UINT64_C(7) << 40}, SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ERRNO | EPERM},
        {"personality", {0xffffffff}, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW},
        {"personality", {0x0040000}, SECCOMP_RET_ERRNO | ENOSYS, SECCOMP_RET_ERRNO | ENOSYS},
    };
    for (unsigned admin = 0; admin < 2; admin++) {
        _cleanup_spec_ struct Spec *spec =
            profile_spec(admin ? (const char *const[]){"CAP_SYS_ADMIN", NULL} : (const char *const[]){NULL});
        _cleanup_buf_ struct Buf filter = BUF_INIT;
        CHECK_EQ(seccomp_profile_load(spec, PROFILE, NULL), 0);
        CHECK_EQ(profile_compile(&spec->seccomp, &filter, NULL, NULL), 0);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
            test_row(rows[i].name);
            struct seccomp_data data = {
                .nr = seccomp_syscall_resolve_name(rows[i].name),
                .arch = seccomp_arch_native(),
                .args = {rows[i].args[0], rows[i].args[1]},
            };
            uint32_t action = 0;
            CHECK(bpf_run_seccomp((const void *)filter.data, filter.size / sizeof(struct sock_filter), &data,
                                  &action));
            CHECK_EQ(action, admin ? rows[i].with_admin : rows[i].action);
        }
        test_row(NULL);
    }
}

/* A syscall that the profile does not mention would be answered as if the kernel did not have it. */
static void test_default_profile_names_every_syscall(void)
{
    static const uint32_t arches[] = {SCMP_ARCH_X86_64, SCMP_ARCH_X86, SCMP_ARCH_AARCH64, SCMP_ARCH_ARM};
    _cleanup_free_ char *text = NULL;
    CHECK_EQ(file_read(AT_FDCWD, PROFILE, 1 << 20, &text, NULL), 0);
    for (size_t i = 0; i < ELEMENTSOF(arches); i++)
        for (int number = 0; number < 457; number++) {
            char *name = seccomp_syscall_resolve_num_arch(arches[i], number), quoted[80];
            if (!name)
                continue;
            str_format(quoted, sizeof(quoted), "\"%s\"", name);
            test_row(name);
            CHECK(strstr(text, quoted));
            free(name);
        }
    test_row(NULL);
}

static int status_of_child(void (*body)(void))
{
    pid_t child = fork();
    if (child == 0) {
        body();
        _exit(0);
    }
    int status = -1;
    CHECK_EQ(waitpid(child, &status, 0), child);
    return status;
}

static void run_under_default_filter(void)
{
    _cleanup_spec_ struct Spec *spec = profile_spec((const char *const[]){NULL});
    _cleanup_buf_ struct Buf filter = BUF_INIT;
    uint64_t flags;
    if (seccomp_profile_load(spec, PROFILE, NULL) < 0 ||
        seccomp_compile(&spec->seccomp, -1, &filter, &flags, NULL, NULL) < 0)
        _exit(1);
    struct sock_fprog program = {(unsigned short)(filter.size / sizeof(struct sock_filter)),
                                 (void *)filter.data};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
        _exit(2);
    if (getppid() <= 0)
        _exit(3);
    if (syscall(SYS_keyctl, 0, 0, 0, 0, 0) != -1 || errno != EPERM)
        _exit(4);
    if (syscall(SYS_clone3, NULL, 0) != -1 || errno != ENOSYS)
        _exit(5);
    if (syscall(SYS_ioctl, -1, TIOCSTI | UINT64_C(1) << 32, "x") != -1 || errno != EPERM)
        _exit(6);
    if (syscall(SYS_ioctl, -1, TCGETS, NULL) != -1 || errno != EBADF)
        _exit(7);
    if (syscall(SYS_unshare, 0) != -1 || errno != EPERM)
        _exit(8);
    if (syscall(999, 0) != -1 || errno != ENOSYS)
        _exit(9);
    if (socket(AF_ALG, SOCK_SEQPACKET, 0) != -1 || errno != EPERM)
        _exit(10);
}

static void test_the_kernel_takes_the_default_filter(void)
{
    CHECK_EQ(status_of_child(run_under_default_filter), 0);
}

/* --- other profiles --- */

static void test_sample_profiles(void)
{
    const struct SpecSeccomp profiles[] = {
        /* Denying by EQ and allowing by NE, as many profiles in use have it. */
        {.present = true,
         .default_action = "SCMP_ACT_ERRNO",
         .architectures = NAMES("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"),
         .rule_count = 2,
         .rules =
             (struct SpecSeccompRule[]){
                 {.names = NAMES("read", "write", "exit_group"), .action = "SCMP_ACT_ALLOW"},
                 {.names = NAMES("socket"), .action = "SCMP_ACT_ALLOW", ARGS({0, 40, 0, "SCMP_CMP_NE"})},
             }},
        {.present = true,
         .default_action = "SCMP_ACT_ALLOW",
         .rule_count = 3,
         .rules =
             (struct SpecSeccompRule[]){
                 {.names = NAMES("ioctl"),
                  .action = "SCMP_ACT_ERRNO",
                  .has_errno = true,
                  .errno_value = 13,
                  ARGS({1, TIOCSTI, 0, "SCMP_CMP_EQ"})},
                 {.names = NAMES("kill", "tkill"),
                  .action = "SCMP_ACT_LOG",
                  ARGS({0, 1, 0, "SCMP_CMP_EQ"}, {1, 9, 0, "SCMP_CMP_EQ"})},
                 {.names = NAMES("lseek"),
                  .action = "SCMP_ACT_KILL_PROCESS",
                  ARGS({1, UINT64_C(0x123456789a), 0, "SCMP_CMP_EQ"})},
             }},
        /* Alternatives on one argument, and a rule that says what is so anyway. */
        {.present = true,
         .default_action = "SCMP_ACT_ERRNO",
         .has_default_errno = true,
         .default_errno = 38,
         .rule_count = 3,
         .rules =
             (struct SpecSeccompRule[]){
                 {.names = NAMES("personality"),
                  .action = "SCMP_ACT_ALLOW",
                  ARGS({0, 0, 0, "SCMP_CMP_EQ"}, {0, 8, 0, "SCMP_CMP_EQ"},
                       {0, 0xffffffff, 0, "SCMP_CMP_EQ"})},
                 {.names = NAMES("mount"), .action = "SCMP_ACT_ERRNO", .has_errno = true, .errno_value = 38},
                 {.names = NAMES("clone"),
                  .action = "SCMP_ACT_ALLOW",
                  ARGS({0, 0x7E020000, 0, "SCMP_CMP_MASKED_EQ"})},
             }},
        /* One ordered comparison alone. */
        {.present = true,
         .default_action = "SCMP_ACT_ALLOW",
         .rule_count = 1,
         .rules =
             (struct SpecSeccompRule[]){
                 {.names = NAMES("setpriority"), .action = "SCMP_ACT_ERRNO", ARGS({2, 10, 0, "SCMP_CMP_GE"})},
             }},
        {.present = true, .default_action = "SCMP_ACT_ALLOW"},
    };
    for (size_t i = 0; i < ELEMENTSOF(profiles); i++) {
        _cleanup_buf_ struct Buf filter = BUF_INIT, warnings = BUF_INIT;
        struct Error error = {0};
        CHECK_EQ(profile_compile(&profiles[i], &filter, &warnings, &error), 0);
        CHECK_STR(error.what, "");
        CHECK(profile_check(&profiles[i], &filter) > 300);
        CHECK_EQ(warnings.size, 0);
    }
}

static void test_unknown_names_are_warnings(void)
{
    const struct SpecSeccomp profile = {
        .default_action = "SCMP_ACT_ALLOW",
        .rule_count = 1,
        .rules = (struct SpecSeccompRule[]){{.names = NAMES("no_such_call", "reboot"),
                                             .action = "SCMP_ACT_ERRNO"}},
    };
    _cleanup_buf_ struct Buf filter = BUF_INIT, warnings = BUF_INIT;
    CHECK_EQ(profile_compile(&profile, &filter, &warnings, NULL), 0);
    _cleanup_free_ char *text = buf_take_str(&warnings);
    CHECK_STR(text, "The seccomp profile names no_such_call, which is no known syscall.\n");
    CHECK(profile_check(&profile, &filter) > 300);
}

static void test_refused_profiles(void)
{
    const struct {
        const char *name, *where;
        int code;
        struct SpecSeccomp profile;
    } rows[] = {
        {"no default", "linux.seccomp.defaultAction", ERROR_UNSUPPORTED, {0}},
        {"notify",
         "linux.seccomp.syscalls[0].action",
         ERROR_UNSUPPORTED,
         {.default_action = "SCMP_ACT_ALLOW",
          .rule_count = 1,
          .rules = (struct SpecSeccompRule[]){{.names = NAMES("mkdir"), .action = "SCMP_ACT_NOTIFY"}}}},
        {"architecture",
         "linux.seccomp.architectures[1]",
         ERROR_INVALID_ARGUMENT,
         {.default_action = "SCMP_ACT_ALLOW", .architectures = NAMES("SCMP_ARCH_X86", "SCMP_ARCH_VAX")}},
        {"other byte order",
         "linux.seccomp.architectures[0]",
         ERROR_UNSUPPORTED,
         {.default_action = "SCMP_ACT_ALLOW", .architectures = NAMES("SCMP_ARCH_S390X")}},
        {"flag",
         "linux.seccomp.flags[0]",
         ERROR_UNSUPPORTED,
         {.default_action = "SCMP_ACT_ALLOW", .flags = NAMES("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV")}},
        {"two rules, one ordered",
         "linux.seccomp.syscalls[1].args",
         ERROR_UNSUPPORTED,
         {.default_action = "SCMP_ACT_ALLOW",
          .rule_count = 2,
          .rules =
              (struct SpecSeccompRule[]){
                  {.names = NAMES("mkdir", "ioctl"),
                   .action = "SCMP_ACT_ERRNO",
                   ARGS({0, 5, 0, "SCMP_CMP_LE"})},
                  {.names = NAMES("ioctl"), .action = "SCMP_ACT_ERRNO", ARGS({1, 5, 0, "SCMP_CMP_EQ"})}}}},
        {"two ordered in a rule",
         "linux.seccomp.syscalls[0].args",
         ERROR_UNSUPPORTED,
         {.default_action = "SCMP_ACT_ALLOW",
          .rule_count = 1,
          .rules = (struct SpecSeccompRule[]){{.names = NAMES("ioctl"),
                                               .action = "SCMP_ACT_ERRNO",
                                               ARGS({0, 5, 0, "SCMP_CMP_LT"}, {1, 5, 0, "SCMP_CMP_GT"})}}}},
        {"two NE",
         "linux.seccomp.syscalls[0].args",
         ERROR_UNSUPPORTED,
         {.default_action = "SCMP_ACT_ALLOW",
          .rule_count = 1,
          .rules = (struct SpecSeccompRule[]){{.names = NAMES("ioctl"),
                                               .action = "SCMP_ACT_ERRNO",
                                               ARGS({0, 5, 0, "SCMP_CMP_NE"}, {1, 5, 0, "SCMP_CMP_NE"})}}}},
        {"index",
         "linux.seccomp.syscalls[0].args",
         ERROR_INVALID_ARGUMENT,
         {.default_action = "SCMP_ACT_ALLOW",
          .rule_count = 1,
          .rules =
              (struct SpecSeccompRule[]){
                  {.names = NAMES("ioctl"), .action = "SCMP_ACT_ERRNO", ARGS({6, 5, 0, "SCMP_CMP_EQ"})}}}},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        test_row(rows[i].name);
        _cleanup_buf_ struct Buf filter = BUF_INIT;
        struct Error error = {0};
        CHECK(profile_compile(&rows[i].profile, &filter, NULL, &error) < 0);
        CHECK_EQ(error.code, rows[i].code);
        CHECK_STR(error.where, rows[i].where);
        CHECK_EQ(filter.size, 0);
    }
    test_row(NULL);
}

static void test_too_many_rules(void)
{
    static struct SpecSeccompRule rules[SECCOMP_RULES_MAX + 1];
    static const char *names[] = {"mkdir", NULL};
    for (size_t i = 0; i < ELEMENTSOF(rules); i++)
        rules[i] = (struct SpecSeccompRule){.names = {names, 1}, .action = "SCMP_ACT_ERRNO"};
    const struct SpecSeccomp profile = {
        .default_action = "SCMP_ACT_ALLOW", .rules = rules, .rule_count = ELEMENTSOF(rules)};
    _cleanup_buf_ struct Buf filter = BUF_INIT;
    struct Error error = {0};
    CHECK(profile_compile(&profile, &filter, NULL, &error) < 0);
    CHECK_EQ(error.code, ERROR_RESOURCE_EXHAUSTED);
    CHECK_STR(error.where, "linux.seccomp.syscalls[8192].names");
}

static const struct Test tests[] = {
    TEST(test_default_profile),
    TEST(test_default_profile_answers),
    TEST(test_default_profile_names_every_syscall),
    TEST(test_the_kernel_takes_the_default_filter),
    TEST(test_sample_profiles),
    TEST(test_unknown_names_are_warnings),
    TEST(test_refused_profiles),
    TEST(test_too_many_rules),
};
TEST_MAIN(tests)
