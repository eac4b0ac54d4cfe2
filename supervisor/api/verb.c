// SPDX-License-Identifier: Apache-2.0
/*
 * Dispatch. Every argument struct of a verb about a container begins with `const char *container`,
 * so that finding it and asking who may happen here, once.
 */
#include "supervisor/api/verb.h"
#include "base/str.h"
#include "supervisor/container/container.h"
#include <unistd.h>

enum VerbObject {
    VERB_OPEN,      /* anybody who can connect */
    VERB_DAEMON,    /* davitd as a whole: the root-equivalent */
    VERB_CONTAINER, /* the container named in the arguments */
    VERB_EACH,      /* anybody; the verb leaves out what the caller may not see */
};

static const struct Verb {
    const char *method;
    enum VerbObject object;
    VerbFunction run;
} VERBS[] = {
    {"describe", VERB_OPEN, verb_describe},
    {"system.info", VERB_OPEN, verb_system_info},
    {"container.create", VERB_DAEMON, verb_create},
    {"container.start", VERB_CONTAINER, verb_start},
    {"container.stop", VERB_CONTAINER, verb_stop},
    {"container.kill", VERB_CONTAINER, verb_kill},
    {"container.restart", VERB_CONTAINER, verb_restart},
    {"container.delete", VERB_CONTAINER, verb_delete},
    {"container.rename", VERB_CONTAINER, verb_rename},
    {"container.wait", VERB_CONTAINER, verb_wait},
    {"container.list", VERB_EACH, verb_list},
    {"container.inspect", VERB_CONTAINER, verb_inspect},
    {"container.logs", VERB_CONTAINER, verb_logs},
    {"container.attach", VERB_CONTAINER, verb_attach},
    {"events.subscribe", VERB_DAEMON, verb_subscribe},
};

static const struct Verb *find_verb(const char *method)
{
    for (size_t i = 0; i < ELEMENTSOF(VERBS); i++)
        if (str_equal(VERBS[i].method, method))
            return &VERBS[i];
    return NULL;
}

static int check_access(const struct Request *request, const struct SchemaMethod *method,
                        const struct Verb *verb, const struct Container *container, struct Error *error)
{
    if (verb->object == VERB_OPEN || verb->object == VERB_EACH)
        return 0;
    if (access_decide(method->access, &request->caller, geteuid(),
                      container ? &container->owner_uid : NULL) == ACCESS_ALLOW)
        return 0;
    return error_set(error, ERROR_PERMISSION_DENIED, "method", "%s needs the right to %s here", method->name,
                     schema_class_name(method->access));
}

/* The largest argument struct; checked against the table when it is used. */
union VerbArguments {
    struct ArgCreate create;
    struct ArgLogs logs;
    struct ArgAttach attach;
    struct ArgSubscribe subscribe;
    struct ArgWait wait;
    struct ArgList list;
    struct ArgStopCall stop;
    const char *container;
};

static int prepare(struct Request *request, const struct SchemaMethod *method, const struct Verb *verb,
                   const msgpack_object *map, msgpack_zone *zone, union VerbArguments *arguments,
                   struct Container **ret, struct Error *error)
{
    if (method->arguments && method->arguments->size > sizeof(*arguments))
        return error_set(error, ERROR_INTERNAL, method->name, "the arguments do not fit");
    /* Rights before arguments: who may not call a method learns nothing from it. */
    int r = verb->object == VERB_CONTAINER ? 0 : check_access(request, method, verb, NULL, error);
    if (r == 0 && method->arguments)
        r = schema_decode(method->arguments, map, zone, arguments, error);
    else if (r == 0 && map && map->via.map.size > 0)
        r = error_set(error, ERROR_INVALID_ARGUMENT, "params", "%s takes no arguments", method->name);
    if (r < 0 || verb->object != VERB_CONTAINER)
        return r;
    r = container_find(request->manager, arguments->container, ret, error);
    return r < 0 ? r : check_access(request, method, verb, *ret, error);
}

void verb_dispatch(struct Request *request, const char *name, const msgpack_object *map)
{
    const struct SchemaMethod *method = schema_method(name);
    const struct Verb *verb = find_verb(name);
    union VerbArguments arguments;
    struct Container *container = NULL;
    struct Error error;
    msgpack_zone zone;

    if (!method || !verb) {
        bool planned = schema_method_is_planned(name);
        error_set(&error, planned ? ERROR_UNSUPPORTED : ERROR_NOT_FOUND, "method",
                  planned ? "%.64s is not supported yet" : "there is no method %.64s", name);
        request_fail(request, &error);
        return;
    }
    if (!msgpack_zone_init(&zone, 4096)) {
        error_set(&error, ERROR_RESOURCE_EXHAUSTED, NULL, "out of memory");
        request_fail(request, &error);
        return;
    }
    memset(&arguments, 0, sizeof(arguments));
    if (prepare(request, method, verb, map, &zone, &arguments, &container, &error) < 0) {
        request_fail(request, &error);
    } else {
        request->arguments = map;
        verb->run(request, container, &arguments);
    }
    msgpack_zone_destroy(&zone);
}
