// SPDX-License-Identifier: Apache-2.0
/* Profile files: conditions and exceptions resolved, nonsense refused. */
#include "base/str.h"
#include "base/test.h"
#include "runtime/plan/seccomp-internal.h"
#include "runtime/plan/test-oracle.h"
#include "runtime/spec/profile.h"
#include <linux/seccomp.h>

static void test_profile_conditions(void)
{
    static const char json[] =
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":["
        "{\"names\":[\"a\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"caps\":[\"CAP_X\"]}},"
        "{\"names\":[\"b\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"caps\":[\"CAP_X\",\"CAP_Y\"]}},"
        "{\"names\":[\"c\"],\"action\":\"SCMP_ACT_ALLOW\",\"excludes\":{\"caps\":[\"CAP_X\"]}},"
        "{\"names\":[\"d\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"arches\":[\"arm64\",\"amd64\"]}},"
        "{\"names\":[\"e\"],\"action\":\"SCMP_ACT_ALLOW\",\"excludes\":{\"arches\":[\"arm64\"]}},"
        "{\"names\":[\"f\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"minKernel\":\"5.15\"}},"
        "{\"names\":[\"g\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[],\"includes\":{},\"excludes\":null}],"
        "\"archMap\":[{\"architecture\":\"SCMP_ARCH_AARCH64\",\"subArchitectures\":[\"SCMP_ARCH_ARM\"]},"
        "{\"architecture\":\"SCMP_ARCH_X86_64\",\"subArchitectures\":[\"SCMP_ARCH_X86\"]}]}";
    static const struct {
        const char *machine, *release, *capability, *names;
        size_t architectures;
    } rows[] = {
        {"x86_64", "6.1.0-18-amd64", "CAP_X", "adefg", 2},
        {"x86_64", "5.14.21", "CAP_X", "adeg", 2},
        {"aarch64", "5.15.0", "CAP_Z", "cdfg", 2},
        {"riscv64", "5.10", "CAP_Z", "ceg", 0},
        {"x86_64", "4.19", "CAP_Z", "cdeg", 2},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        test_row(rows[i].machine);
        _cleanup_spec_ struct Spec *spec = profile_spec((const char *const[]){rows[i].capability, NULL});
        struct Error error = {0};
        CHECK_EQ(spec_parse_profile(spec, json, strlen(json), rows[i].machine, rows[i].release, &error), 0);
        CHECK_STR(error.what, "");
        char names[16] = "";
        for (size_t j = 0; j < spec->seccomp.rule_count && j + 1 < sizeof(names); j++)
            names[j] = spec->seccomp.rules[j].names.items[0][0];
        CHECK_STR(names, rows[i].names);
        CHECK_EQ(spec->seccomp.architectures.count, rows[i].architectures);
    }
    test_row(NULL);
}

static void test_bad_profiles(void)
{
    static const struct {
        const char *json, *where;
        int code;
    } rows[] = {
        {"", "config.json", ERROR_INVALID_ARGUMENT},
        {"[]", "config.json", ERROR_INVALID_ARGUMENT},
        {"{}", "defaultAction", ERROR_INVALID_ARGUMENT},
        {"{\"defaultAction\":1}", "defaultAction", ERROR_INVALID_ARGUMENT},
        {"{\"defaultAction\":\"SCMP_ACT_NO\"}", "linux.seccomp.defaultAction", ERROR_INVALID_ARGUMENT},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{}]}", "syscalls[0].names",
         ERROR_INVALID_ARGUMENT},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"a\"],\"action\":\"SCMP_ACT_"
         "ALLOW\","
         "\"includes\":{\"minKernel\":\"new\"}}]}",
         "syscalls[0].includes.minKernel", ERROR_INVALID_ARGUMENT},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"a\"],\"action\":\"SCMP_ACT_"
         "ALLOW\","
         "\"except\":{\"index\":6,\"values\":[1],\"action\":\"SCMP_ACT_ERRNO\"}}]}",
         "syscalls[0].except.index", ERROR_INVALID_ARGUMENT},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"a\"],\"action\":\"SCMP_ACT_"
         "ALLOW\","
         "\"except\":{\"index\":0,\"values\":[],\"action\":\"SCMP_ACT_ERRNO\"}}]}",
         "syscalls[0].except.values", ERROR_INVALID_ARGUMENT},
        {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/x\"}", "listenerPath", ERROR_UNSUPPORTED},
    };
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        test_row(rows[i].json);
        _cleanup_spec_ struct Spec *spec = spec_new();
        struct Error error = {0};
        CHECK(spec_parse_profile(spec, rows[i].json, strlen(rows[i].json), "x86_64", "6.1", &error) < 0);
        CHECK_EQ(error.code, rows[i].code);
        CHECK_STR(error.where, rows[i].where);
        CHECK(!spec->seccomp.present);
    }
    test_row(NULL);
    _cleanup_spec_ struct Spec *spec = spec_new();
    struct Error error = {0};
    CHECK(seccomp_profile_load(spec, "/nonexistent/profile.json", &error) < 0);
    CHECK_EQ(error.code, ERROR_NOT_FOUND);
    CHECK_STR(error.where, "/nonexistent/profile.json");
}

/* The values get the one action, all others the other, and no argument two. */
static void test_except_covers_every_value_once(void)
{
    static const char json[] =
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38,\"syscalls\":["
        "{\"names\":[\"kill\"],\"action\":\"SCMP_ACT_ALLOW\",\"except\":{\"index\":1,"
        "\"values\":[4294967295,7,0,7,2147483648],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":5}}]}";
    static const uint64_t denied[] = {0, 7, UINT64_C(0x80000000), UINT64_C(0xffffffff),
                                      UINT64_C(0x500000007)};
    static const uint64_t allowed[] = {
        1, 6, 8, 15, 16, 0x7fffffff, UINT64_C(0x80000001), UINT64_C(0xfffffffe), UINT64_C(0x500000008)};
    _cleanup_spec_ struct Spec *spec = profile_spec((const char *const[]){NULL});
    _cleanup_buf_ struct Buf filter = BUF_INIT;
    uint32_t action;
    CHECK_EQ(spec_parse_profile(spec, json, strlen(json), "x86_64", "6.1", NULL), 0);
    for (size_t i = 0; i < ELEMENTSOF(denied); i++) {
        CHECK_EQ(profile_oracle(&spec->seccomp, "kill", (const uint64_t[6]){0, denied[i]}, &action), 0);
        CHECK_EQ(action, SECCOMP_RET_ERRNO | 5);
    }
    for (size_t i = 0; i < ELEMENTSOF(allowed); i++) {
        CHECK_EQ(profile_oracle(&spec->seccomp, "kill", (const uint64_t[6]){0, allowed[i]}, &action), 0);
        CHECK_EQ(action, SECCOMP_RET_ALLOW);
    }
    CHECK_EQ(profile_compile(&spec->seccomp, &filter, NULL, NULL), 0);
    CHECK(profile_check(&spec->seccomp, &filter) > 300);
}

static const struct Test tests[] = {
    TEST(test_profile_conditions),
    TEST(test_bad_profiles),
    TEST(test_except_covers_every_value_once),
};
TEST_MAIN(tests)
