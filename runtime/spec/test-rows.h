// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * For the tests of config.json: rows of a fragment, the place it is put into, and the code and JSON
 * path of the answer. Fragments are written with ' for ".
 */
#include "base/error.h"
#include "base/test.h"
#include "runtime/spec/spec.h"

enum Place {
    DOCUMENT,
    TOP,
    ROOT,
    PROCESS,
    BARE_PROCESS,
    LINUX,
    BARE_LINUX,
    RESOURCES,
    MOUNT,
    DEVICE,
    RULE,
    SECCOMP
};

#define HEAD      "'ociVersion':'1.0.2'"
#define BASE_ROOT "'root':{'path':'rootfs'}"
#define COMMAND   "'process':{'args':['sh'],'cwd':'/'}"
#define SPACES    "'namespaces':[{'type':'mount'},{'type':'uts'}]"

/* where == NULL: any. */
struct Row {
    enum Place place;
    const char *json;
    enum ErrorCode code;
    const char *where;
};

#define INVALID     ERROR_INVALID_ARGUMENT
#define UNSUPPORTED ERROR_UNSUPPORTED

void check_row(const struct Row *row);
#define ROWS_TEST(name)                                                                                      \
    static void test_##name(void)                                                                            \
    {                                                                                                        \
        for (size_t i = 0; i < ELEMENTSOF(name); i++)                                                        \
            check_row(&name[i]);                                                                             \
    }
/* Makes " of every '; returns the text. */
char *quotes_doubled(char *text);
/* Parses with the bundle /bundle; the text has no byte behind its end, so that the sanitizers see a
 * byte too many. */
int parse_exact(const char *text, size_t size, struct Spec **ret, struct Error *error);
/* As above, a text with ' for ". */
int parse_quoted(const char *text, struct Spec **ret, struct Error *error);
