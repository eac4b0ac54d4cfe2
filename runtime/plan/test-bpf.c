// SPDX-License-Identifier: Apache-2.0
#include "runtime/plan/test-bpf.h"
#include <linux/bpf.h>
#include <string.h>

static bool load_word(const struct seccomp_data *data, uint32_t offset, uint32_t *ret)
{
    if (offset % sizeof(*ret) || offset + sizeof(*ret) > sizeof(*data))
        return false;
    memcpy(ret, (const char *)data + offset, sizeof(*ret));
    return true;
}

static bool compare(uint16_t code, uint32_t a, uint32_t k, bool *ret)
{
    switch (BPF_OP(code)) {
    case BPF_JEQ:
        *ret = a == k;
        return true;
    case BPF_JGT:
        *ret = a > k;
        return true;
    case BPF_JGE:
        *ret = a >= k;
        return true;
    case BPF_JSET:
        *ret = a & k;
        return true;
    }
    return false;
}

bool bpf_run_seccomp(const struct sock_filter *filter, size_t count, const struct seccomp_data *data,
                     uint32_t *ret_action)
{
    uint32_t a = 0, memory[BPF_MEMWORDS] = {0};
    for (size_t at = 0; at < count;) {
        const struct sock_filter *step = &filter[at++];
        bool taken;
        switch (step->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            if (!load_word(data, step->k, &a))
                return false;
            break;
        case BPF_LD | BPF_MEM:
        case BPF_ST:
            if (step->k >= BPF_MEMWORDS)
                return false;
            if (step->code == BPF_ST)
                memory[step->k] = a;
            else
                a = memory[step->k];
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= step->k;
            break;
        case BPF_JMP | BPF_JA:
            at += step->k;
            break;
        case BPF_RET | BPF_K:
            *ret_action = step->k;
            return true;
        default:
            if (BPF_CLASS(step->code) != BPF_JMP || !compare(step->code, a, step->k, &taken))
                return false;
            at += taken ? step->jt : step->jf;
        }
    }
    return false;
}

bool bpf_run_device(const struct bpf_insn *program, size_t count, uint32_t type, uint32_t access,
                    uint32_t major, uint32_t minor, bool *ret_allowed)
{
    const uint32_t context[] = {access << 16 | type, major, minor};
    uint64_t reg[11] = {0};
    for (size_t at = 0; at < count;) {
        const struct bpf_insn *step = &program[at++];
        uint64_t *to = &reg[step->dst_reg], from = reg[step->src_reg];
        bool taken = false;
        switch (step->code) {
        case BPF_LDX | BPF_MEM | BPF_W:
            if (step->src_reg != BPF_REG_1 || step->off % 4 || (size_t)step->off >= sizeof(context))
                return false;
            *to = context[step->off / 4];
            break;
        case BPF_ALU | BPF_MOV | BPF_X:
            *to = (uint32_t)from;
            break;
        case BPF_ALU64 | BPF_MOV | BPF_K:
            *to = (uint64_t)(int64_t)step->imm;
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            *to = (uint32_t)*to & (uint32_t)step->imm;
            break;
        case BPF_ALU | BPF_RSH | BPF_K:
            *to = (uint32_t)*to >> step->imm;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            taken = *to == (uint64_t)(int64_t)step->imm;
            break;
        case BPF_JMP | BPF_JNE | BPF_K:
            taken = *to != (uint64_t)(int64_t)step->imm;
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            taken = *to & (uint64_t)(int64_t)step->imm;
            break;
        case BPF_JMP | BPF_JA:
            taken = true;
            break;
        case BPF_JMP | BPF_EXIT:
            *ret_allowed = reg[0];
            return reg[0] <= 1;
        default:
            return false;
        }
        if (taken)
            at += (size_t)step->off;
    }
    return false;
}
