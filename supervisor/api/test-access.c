// SPDX-License-Identifier: Apache-2.0
#include "base/cleanup.h"
#include "base/test.h"
#include "supervisor/api/access.h"

enum { OWN = 500, OWNER = 1000, OTHER = 1001 };

static const struct {
    const char *name;
    uid_t uid, own;
    bool group, container;
    bool allowed[5]; /* observe control exec create manage */
} ROWS[] = {
    {"root", 0, OWN, false, true, {1, 1, 1, 1, 1}},
    {"root without a container", 0, OWN, false, false, {1, 1, 1, 1, 1}},
    {"davitd's own user", OWN, OWN, false, true, {1, 1, 1, 1, 1}},
    {"davitd's own user without a container", OWN, OWN, false, false, {1, 1, 1, 1, 1}},
    {"group davit", OTHER, 0, true, true, {1, 1, 1, 1, 1}},
    {"group davit without a container", OTHER, 0, true, false, {1, 1, 1, 1, 1}},
    {"owner", OWNER, 0, false, true, {1, 1, 1, 0, 0}},
    {"owner without a container", OWNER, 0, false, false, {0, 0, 0, 0, 0}},
    {"somebody else", OTHER, 0, false, true, {0, 0, 0, 0, 0}},
    {"somebody else without a container", OTHER, 0, false, false, {0, 0, 0, 0, 0}},
};

static void test_matrix(void)
{
    static const enum SchemaClass classes[] = {CLASS_OBSERVE, CLASS_CONTROL, CLASS_EXEC, CLASS_CREATE,
                                               CLASS_MANAGE};
    const uint32_t owner = OWNER;
    for (size_t i = 0; i < ELEMENTSOF(ROWS); i++)
        for (size_t k = 0; k < ELEMENTSOF(classes); k++) {
            struct Caller caller = {.uid = ROWS[i].uid, .in_davit_group = ROWS[i].group};
            test_row(ROWS[i].name);
            CHECK_EQ(access_decide(classes[k], &caller, ROWS[i].own, ROWS[i].container ? &owner : NULL),
                     ROWS[i].allowed[k] ? ACCESS_ALLOW : ACCESS_DENY);
        }
}

static const struct Test tests[] = {TEST(test_matrix)};
TEST_MAIN(tests)
