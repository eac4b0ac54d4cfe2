// SPDX-License-Identifier: Apache-2.0
#pragma once
/* The verbs: what a client can ask of davitd, once for every transport. */
#include "protocol/schema/container.h"
#include "supervisor/api/request.h"

struct Container;

/* Finds the method, checks rights and arguments, and runs the verb, which answers the request. */
void verb_dispatch(struct Request *request, const char *method, const msgpack_object *arguments);

/* `container` is NULL for verbs that are about none. */
typedef void (*VerbFunction)(struct Request *request, struct Container *container, const void *arguments);

/* verb-system.c */
void verb_hello(struct Request *request, struct Container *container, const void *arguments);
void verb_describe(struct Request *request, struct Container *container, const void *arguments);
void verb_system_info(struct Request *request, struct Container *container, const void *arguments);
/* verb-create.c */
void verb_create(struct Request *request, struct Container *container, const void *arguments);
/* verb-control.c */
void verb_start(struct Request *request, struct Container *container, const void *arguments);
void verb_stop(struct Request *request, struct Container *container, const void *arguments);
void verb_kill(struct Request *request, struct Container *container, const void *arguments);
void verb_restart(struct Request *request, struct Container *container, const void *arguments);
void verb_delete(struct Request *request, struct Container *container, const void *arguments);
void verb_rename(struct Request *request, struct Container *container, const void *arguments);
/* verb-read.c */
void verb_wait(struct Request *request, struct Container *container, const void *arguments);
void verb_list(struct Request *request, struct Container *container, const void *arguments);
void verb_inspect(struct Request *request, struct Container *container, const void *arguments);
/* verb-stream.c */
void verb_logs(struct Request *request, struct Container *container, const void *arguments);
void verb_attach(struct Request *request, struct Container *container, const void *arguments);
void verb_subscribe(struct Request *request, struct Container *container, const void *arguments);
