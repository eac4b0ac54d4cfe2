// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Arguments of create to Spec to plan: every default that davit gives a container is decided here. */
#include "protocol/schema/container.h"
#include "supervisor/manager.h"

struct DefineInput {
    struct Manager *manager;
    const char *id, *name;
    const struct ArgCreate *arguments;
    const msgpack_object *map;
    const char *config; /* the frozen config.json of a bundle, or NULL: read it */
    size_t config_size;
};

struct Definition {
    char *plan;
    size_t plan_size;
    char *config; /* what was read of a bundle */
    size_t config_size;
    char hostname[65];
};
void definition_deinit(struct Definition *definition);
#define _cleanup_definition_ _cleanup_(definition_deinit)

/* What is wrong with the arguments alone: sources, what goes with a bundle, what is not there yet. Pure. */
int define_check(const struct ArgCreate *arguments, const msgpack_object *map, struct Error *error);
int define_make(const struct DefineInput *input, struct Definition *ret, struct Buf *warnings,
                struct Error *error);

/* --- the parts (define-*.c) --- */
/* Spec of a container from `rootfs` or `host`, without its seccomp filter. `run_path` is
 * RUN/containers/<id>. where of errors is the argument at fault. */
int define_spec(struct Spec *spec, const struct DefineInput *input, const char *hostname,
                const char *run_path, struct Error *error);
int define_capabilities(struct Spec *spec, const struct ArgCreate *arguments, uint64_t known,
                        struct Error *error);
int define_devices(struct Spec *spec, const struct ArgCreate *arguments, struct Error *error);
int define_resources(struct Spec *spec, const struct ArgCreate *arguments, struct Error *error);
int define_rlimits(struct Spec *spec, const struct ArgCreate *arguments, struct Error *error);

/* --- small helpers over the spec's arena --- */
int define_no_memory(struct Error *error);
/* NULL-terminated words into a list of the arena; -ENOMEM. */
int define_strings(struct Spec *spec, const char *const *items, size_t count, struct SpecStrings *ret);

/* A filter for these capabilities from a profile, compiled or remembered: the bytes belong to the cache. */
struct FilterCache *filter_cache_new(void);
void filter_cache_free(struct FilterCache *cache);
int filter_cache_get(struct FilterCache *cache, struct Spec *spec, const char *profile, int directory,
                     struct OpBlob *ret_filter, uint64_t *ret_flags, struct Buf *warnings,
                     struct Error *error);
