// SPDX-License-Identifier: Apache-2.0
/*
 * Which devices may be used: a list of rules in which later ones win, for each kind of access by
 * itself. As a program it is read from the end: r3 holds the accesses that no later rule has spoken
 * of; an allowing rule takes its own away from them, a denying one that meets any of them ends it.
 */
#include "base/str.h"
#include "runtime/plan/plan-internal.h"
#include <inttypes.h>
#include <linux/bpf.h>

enum {
    RULES_MAX = 4096,
    ACCESS_ALL = BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE,
};

#define ANY (-1)
#define RULE(type_letter, major_number, minor_number, reads)                                                 \
    {                                                                                                        \
        .allow = true, .type = type_letter, .major = major_number, .minor = minor_number, .read = reads,     \
        .write = reads, .mknod = true                                                                        \
    }

/* What every container may use beside its own: the nodes that it gets, terminals, and making nodes
 * (which then cannot be opened). */
static const struct SpecDeviceRule default_rules[] = {
    RULE('c', ANY, ANY, false), RULE('b', ANY, ANY, false), RULE('c', 1, 3, true), /* null */
    RULE('c', 1, 5, true),                                                         /* zero */
    RULE('c', 1, 7, true),                                                         /* full */
    RULE('c', 1, 8, true),                                                         /* random */
    RULE('c', 1, 9, true),                                                         /* urandom */
    RULE('c', 5, 0, true),                                                         /* tty */
    RULE('c', 5, 1, true),                                                         /* console */
    RULE('c', 5, 2, true),                                                         /* ptmx */
    RULE('c', 136, ANY, true),                                                     /* pts */
};

int device_rules_make(const struct Spec *spec, struct SpecDeviceRule **ret_rules, size_t *ret_count)
{
    size_t own = spec->resources.device_count, count = own + ELEMENTSOF(default_rules);
    if (count > RULES_MAX)
        return -E2BIG;
    struct SpecDeviceRule *rules = calloc(count, sizeof(*rules));
    if (!rules)
        return -ENOMEM;
    if (own)
        memcpy(rules, spec->resources.devices, own * sizeof(*rules));
    memcpy(rules + own, default_rules, sizeof(default_rules));
    *ret_rules = rules;
    *ret_count = count;
    return 0;
}

static unsigned access_of(const struct SpecDeviceRule *rule)
{
    return (rule->mknod ? BPF_DEVCG_ACC_MKNOD : 0) | (rule->read ? BPF_DEVCG_ACC_READ : 0) |
           (rule->write ? BPF_DEVCG_ACC_WRITE : 0);
}

/* Speaks of every access to every device, so that nothing before it counts. */
static bool is_total(const struct SpecDeviceRule *rule)
{
    return rule->type == 'a' && rule->major < 0 && rule->minor < 0 && access_of(rule) == ACCESS_ALL;
}

bool device_rules_allow_all(const struct SpecDeviceRule *rules, size_t count)
{
    for (; count > 0; count--) {
        if (!rules[count - 1].allow)
            return false;
        if (is_total(&rules[count - 1]))
            return true;
    }
    return false;
}

static void emit(struct Buf *program, struct bpf_insn instruction)
{
    buf_append(program, &instruction, sizeof(instruction));
}

static void emit_return(struct Buf *program, int32_t value)
{
    emit(program, (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = value});
    emit(program, (struct bpf_insn){.code = BPF_JMP | BPF_EXIT});
}

/* How many instructions follow a rule's comparisons. */
enum { ALLOW_TAIL = 4, DENY_TAIL = 4 };

/* Past the rule's end when the register differs; `after` counts the comparisons that still follow. */
static void emit_compare(struct Buf *program, uint8_t reg, int32_t value, unsigned after)
{
    emit(program, (struct bpf_insn){
                      .code = BPF_JMP | BPF_JNE | BPF_K,
                      .dst_reg = reg,
                      .off = (int16_t)(after + ALLOW_TAIL),
                      .imm = value,
                  });
}

_Static_assert((int)ALLOW_TAIL == (int)DENY_TAIL, "one jump distance for both");

static void emit_rule(struct Buf *program, const struct SpecDeviceRule *rule)
{
    int32_t access = (int32_t)access_of(rule);
    bool type = rule->type != 'a', major = rule->major >= 0, minor = rule->minor >= 0;
    if (type)
        emit_compare(program, BPF_REG_2, rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR,
                     (unsigned)major + minor);
    if (major)
        emit_compare(program, BPF_REG_4, (int32_t)rule->major, minor);
    if (minor)
        emit_compare(program, BPF_REG_5, (int32_t)rule->minor, 0);
    if (rule->allow) {
        emit(program, (struct bpf_insn){.code = BPF_ALU | BPF_AND | BPF_K,
                                        .dst_reg = BPF_REG_3,
                                        .imm = ACCESS_ALL & ~access});
        emit(program, (struct bpf_insn){.code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = BPF_REG_3, .off = 2});
        emit_return(program, 1);
    } else {
        emit(program, (struct bpf_insn){
                          .code = BPF_JMP | BPF_JSET | BPF_K, .dst_reg = BPF_REG_3, .off = 1, .imm = access});
        emit(program, (struct bpf_insn){.code = BPF_JMP | BPF_JA, .off = 2});
        emit_return(program, 0);
    }
}

static void emit_load(struct Buf *program, uint8_t reg, size_t offset)
{
    emit(program, (struct bpf_insn){
                      .code = BPF_LDX | BPF_MEM | BPF_W,
                      .dst_reg = reg,
                      .src_reg = BPF_REG_1,
                      .off = (int16_t)offset,
                  });
}

void device_rules_compile(const struct SpecDeviceRule *rules, size_t count, struct Buf *ret_program)
{
    /* r2: type, r3: accesses, r4: major, r5: minor. */
    emit_load(ret_program, BPF_REG_2, offsetof(struct bpf_cgroup_dev_ctx, access_type));
    emit(ret_program,
         (struct bpf_insn){.code = BPF_ALU | BPF_MOV | BPF_X, .dst_reg = BPF_REG_3, .src_reg = BPF_REG_2});
    emit(ret_program,
         (struct bpf_insn){.code = BPF_ALU | BPF_AND | BPF_K, .dst_reg = BPF_REG_2, .imm = 0xffff});
    emit(ret_program, (struct bpf_insn){.code = BPF_ALU | BPF_RSH | BPF_K, .dst_reg = BPF_REG_3, .imm = 16});
    emit_load(ret_program, BPF_REG_4, offsetof(struct bpf_cgroup_dev_ctx, major));
    emit_load(ret_program, BPF_REG_5, offsetof(struct bpf_cgroup_dev_ctx, minor));
    for (; count > 0; count--) {
        const struct SpecDeviceRule *rule = &rules[count - 1];
        if (is_total(rule)) {
            emit_return(ret_program, rule->allow);
            return;
        }
        emit_rule(ret_program, rule);
    }
    emit_return(ret_program, 0);
}

static void format_number(char *text, size_t size, int64_t number)
{
    if (number < 0)
        str_format(text, size, "*");
    else
        str_format(text, size, "%" PRId64, number);
}

void device_rule_format(const struct SpecDeviceRule *rule, char type, char text[DEVICE_RULE_SIZE])
{
    char major[24], minor[24];
    if (type == 'a') {
        str_format(text, DEVICE_RULE_SIZE, "a");
        return;
    }
    format_number(major, sizeof(major), rule->major);
    format_number(minor, sizeof(minor), rule->minor);
    str_format(text, DEVICE_RULE_SIZE, "%c %s:%s %s%s%s", type, major, minor, rule->read ? "r" : "",
               rule->write ? "w" : "", rule->mknod ? "m" : "");
}
