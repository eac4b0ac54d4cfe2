// SPDX-License-Identifier: Apache-2.0
#pragma once
struct Container;
/* Stops finding out how a container ended whose shim was lost. */
void container_forget_loss(struct Container *container);
