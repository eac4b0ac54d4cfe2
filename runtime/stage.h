// SPDX-License-Identifier: Apache-2.0
#pragma once
/* The stages of a plan, and the process that goes through the last two of them. */
#include "base/pidref.h"
#include "runtime/runtime.h"
#include "runtime/step/step.h"

/* Looks through the plan for what init must have before its first step. */
void stage_prepare(struct StepContext *context);
/* Checks what the step of an op needs (runtime/steps.c), then runs it. */
int step_run(struct StepContext *context, const struct Op *op);
/* Runs the ops of one stage; warnings go to sync_fd. A negative errno with the error filled. */
int stage_run(struct StepContext *context, enum OpStage stage);
/* Clones init, which runs the stages child and exec and never returns. Init reports on
 * context->sync_fd, which stays the caller's as well; the monitor's end is among all the other
 * descriptors, which init closes. */
int stage_clone(struct StepContext *context, const struct RuntimeIo *io, struct PidRef *ret_init);
