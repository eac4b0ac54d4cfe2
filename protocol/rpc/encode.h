// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "protocol/rpc/peer.h"

/* Packs the error member of a response. `details` is one encoded value, or size 0. */
void rpc_error_encode(struct WireWriter *writer, const struct Error *error, bool as_map, const void *details,
                      size_t details_size);
