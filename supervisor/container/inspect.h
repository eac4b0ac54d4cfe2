// SPDX-License-Identifier: Apache-2.0
#pragma once
/* A container as clients see it: the results of container.list and container.inspect. */
#include "supervisor/container/container.h"

void container_pack_summary(struct WireWriter *writer, struct Container *container);
/* 0 or a negative errno when its journal cannot be read. */
int container_pack_inspect(struct WireWriter *writer, struct Container *container, struct Error *error);
/* Whether it has all of these labels. */
struct SchemaPairs;
bool container_has_labels(const struct Container *container, const struct SchemaPairs *labels);
/* Keeps of a definition what listing needs. */
int container_keep_summary(struct Container *container, const msgpack_object *arguments);
