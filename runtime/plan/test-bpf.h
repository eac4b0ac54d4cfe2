// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Interpreters for tests: what a filter would answer, without loading it. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bpf_insn;

/* A seccomp filter (classic BPF); false when it does what the kernel would refuse. */
bool bpf_run_seccomp(const struct sock_filter *filter, size_t count, const struct seccomp_data *data,
                     uint32_t *ret_action);
/* A device filter; the same. */
bool bpf_run_device(const struct bpf_insn *program, size_t count, uint32_t type, uint32_t access,
                    uint32_t major, uint32_t minor, bool *ret_allowed);
