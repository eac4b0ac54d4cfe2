// SPDX-License-Identifier: Apache-2.0
#pragma once
/* `run` without --detach: signals go to the container, its end is ours. */
#include "runtime/oci/oci.h"
#include "runtime/runtime.h"

/* Before the container is made, so that no signal is lost; init resets its own. */
void foreground_block_signals(void);
/* Follows a running container to its end and reaps it; *ret_code is its exit status or 128 + n. */
int foreground_wait(struct Oci *oci, struct Runtime *runtime, int *ret_code);
