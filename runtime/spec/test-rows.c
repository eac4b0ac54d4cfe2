// SPDX-License-Identifier: Apache-2.0
#include "runtime/spec/test-rows.h"
#include "base/cleanup.h"
#include <string.h>

static const char *const templates[][2] = {
    [DOCUMENT] = {"", ""},
    [TOP] = {"{" HEAD "," BASE_ROOT "," COMMAND ",'linux':{" SPACES "},", "}"},
    [ROOT] = {"{" HEAD "," COMMAND ",'linux':{" SPACES "},'root':{", "}}"},
    [PROCESS] = {"{" HEAD "," BASE_ROOT ",'linux':{" SPACES "},'process':{'args':['sh'],'cwd':'/',", "}}"},
    [BARE_PROCESS] = {"{" HEAD "," BASE_ROOT ",'linux':{" SPACES "},'process':{", "}}"},
    [LINUX] = {"{" HEAD "," BASE_ROOT "," COMMAND ",'linux':{" SPACES ",", "}}"},
    [BARE_LINUX] = {"{" HEAD "," BASE_ROOT "," COMMAND ",'linux':{", "}}"},
    [RESOURCES] = {"{" HEAD "," BASE_ROOT "," COMMAND ",'linux':{" SPACES ",'resources':{", "}}}"},
    [MOUNT] = {"{" HEAD "," BASE_ROOT "," COMMAND ",'linux':{" SPACES
               "},'mounts':[{'destination':'/a','type':'tmpfs'},{",
               "}]}"},
    [DEVICE] = {"{" HEAD "," BASE_ROOT "," COMMAND ",'linux':{" SPACES ",'devices':[{", "}]}}"},
    [RULE] = {"{" HEAD "," BASE_ROOT "," COMMAND ",'linux':{" SPACES ",'resources':{'devices':[{", "}]}}}"},
    [SECCOMP] = {"{" HEAD "," BASE_ROOT "," COMMAND ",'linux':{" SPACES ",'seccomp':{", "}}}"},
};

char *quotes_doubled(char *text)
{
    for (char *at = text; *at; at++)
        if (*at == '\'')
            *at = '"';
    return text;
}

int parse_exact(const char *text, size_t size, struct Spec **ret, struct Error *error)
{
    _cleanup_free_ char *exact = malloc(size > 0 ? size : 1);
    memcpy(exact, text, size);
    return spec_parse(exact, size, "/bundle", ret, error);
}

int parse_quoted(const char *text, struct Spec **ret, struct Error *error)
{
    _cleanup_free_ char *json = strdup(text);
    return parse_exact(quotes_doubled(json), strlen(json), ret, error);
}

void check_row(const struct Row *row)
{
    _cleanup_free_ char *json = NULL;
    _cleanup_spec_ struct Spec *spec = NULL;
    struct Error error = {0};
    if (asprintf(&json, "%s%s%s", templates[row->place][0], row->json, templates[row->place][1]) < 0)
        abort();
    size_t size = strlen(json);
    /* An empty fragment leaves the comma of its template. */
    const char *found = row->json[0] ? NULL : strstr(json, ",}");
    if (found)
        memmove(json + (found - json), found + 1, size - (size_t)(found - json));
    test_row(row->json[0] ? row->json : row->where);
    int r = parse_quoted(json, &spec, &error);
    CHECK_EQ(r, error_code_errno(row->code));
    CHECK_STR(error_code_name((int)error.code), error_code_name((int)row->code));
    if (row->where)
        CHECK_STR(error.where, row->where);
    CHECK_EQ(spec != NULL, row->code == ERROR_NONE);
    test_row(NULL);
}
