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

/* Jumps to one of the two ends, whose places are not known yet: no real distance is negative. */
enum { TO_ALLOW = -1, TO_DENY = -2 };

static void emit_jump(struct Buf *program, uint8_t condition, uint8_t reg, int32_t value, int16_t distance)
{
    emit(program, (struct bpf_insn){
                      .code = (uint8_t)(BPF_JMP | condition | BPF_K),
                      .dst_reg = reg,
                      .off = distance,
                      .imm = value,
                  });
}

/* Skips what follows, up to set_target(), unless the register has this value. */
static size_t emit_unless(struct Buf *program, uint8_t reg, int64_t value)
{
    size_t place = program->size;
    emit_jump(program, BPF_JNE, reg, (int32_t)value, 0);
    return place;
}

static void set_target(struct Buf *program, size_t place)
{
    if (program->error)
        return;
    struct bpf_insn *jump = (struct bpf_insn *)(void *)(program->data + place);
    jump->off = (int16_t)((program->size - place) / sizeof(*jump) - 1);
}

static int32_t type_value(const struct SpecDeviceRule *rule)
{
    return rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;
}

static void emit_rule(struct Buf *program, const struct SpecDeviceRule *rule)
{
    int32_t access = (int32_t)access_of(rule);
    size_t skips[3], count = 0;
    if (rule->type != 'a')
        skips[count++] = emit_unless(program, BPF_REG_2, type_value(rule));
    if (rule->major >= 0)
        skips[count++] = emit_unless(program, BPF_REG_4, rule->major);
    if (rule->minor >= 0)
        skips[count++] = emit_unless(program, BPF_REG_5, rule->minor);
    if (rule->allow) {
        emit(program, (struct bpf_insn){.code = BPF_ALU | BPF_AND | BPF_K,
                                        .dst_reg = BPF_REG_3,
                                        .imm = ACCESS_ALL & ~access});
        emit_jump(program, BPF_JEQ, BPF_REG_3, 0, TO_ALLOW);
    } else {
        emit_jump(program, BPF_JSET, BPF_REG_3, access, TO_DENY);
    }
    while (count > 0)
        set_target(program, skips[--count]);
}

/* Whatever is asked for, it may. Among neighbours of this kind the order does not matter. */
static bool is_plain(const struct SpecDeviceRule *rule)
{
    return rule->allow && rule->type != 'a' && rule->major >= 0 && access_of(rule) == ACCESS_ALL;
}

/* Of those that end at `count`, how many are plain and of one type, or of one major number too. */
static size_t count_alike(const struct SpecDeviceRule *rules, size_t count, bool by_major)
{
    const struct SpecDeviceRule *last = &rules[count - 1];
    size_t alike = 0;
    while (alike < count && is_plain(&last[-(ptrdiff_t)alike]) &&
           last[-(ptrdiff_t)alike].type == last->type &&
           (!by_major || last[-(ptrdiff_t)alike].major == last->major))
        alike++;
    return alike;
}

/* Neighbours share their comparisons: the kernel's time to check a program goes with its branches, and
 * this one is loaded for every container. */
static void emit_plain(struct Buf *program, const struct SpecDeviceRule *rules, size_t count)
{
    size_t next_type = emit_unless(program, BPF_REG_2, type_value(&rules[count - 1]));
    while (count > 0) {
        size_t alike = count_alike(rules, count, true);
        if (alike == 1 && rules[count - 1].minor < 0) {
            emit_jump(program, BPF_JEQ, BPF_REG_4, (int32_t)rules[--count].major, TO_ALLOW);
            continue;
        }
        size_t next_major = emit_unless(program, BPF_REG_4, rules[count - 1].major);
        bool whole = false; /* what would follow cannot be reached */
        for (; alike > 0; alike--, count--) {
            const struct SpecDeviceRule *rule = &rules[count - 1];
            if (!whole && rule->minor >= 0)
                emit_jump(program, BPF_JEQ, BPF_REG_5, (int32_t)rule->minor, TO_ALLOW);
            else if (!whole)
                emit_jump(program, BPF_JA, 0, 0, TO_ALLOW);
            whole |= rule->minor < 0;
        }
        set_target(program, next_major);
    }
    set_target(program, next_type);
}

/* The end that is fallen into, and the other one if anything jumps there: the kernel refuses code that
 * cannot be reached. */
static void emit_ends(struct Buf *program, bool allow)
{
    size_t end = program->size / sizeof(struct bpf_insn);
    bool jumps = false;
    emit_return(program, allow);
    if (program->error)
        return;
    struct bpf_insn *code = (struct bpf_insn *)(void *)program->data;
    for (size_t i = 0; i < end; i++)
        jumps |= code[i].off == (allow ? TO_DENY : TO_ALLOW);
    if (jumps)
        emit_return(program, !allow);
    if (program->error)
        return;
    code = (struct bpf_insn *)(void *)program->data;
    for (size_t i = 0; i < end; i++)
        if (code[i].off < 0)
            code[i].off = (int16_t)(end + ((code[i].off == TO_ALLOW) == allow ? 0 : 2) - i - 1);
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
    bool allow = false;
    while (count > 0) {
        const struct SpecDeviceRule *rule = &rules[count - 1];
        if (is_total(rule)) {
            allow = rule->allow;
            break;
        }
        size_t alike = count_alike(rules, count, false);
        if (alike > 1)
            emit_plain(ret_program, rules + count - alike, alike);
        else
            emit_rule(ret_program, rule);
        count -= MAX(alike, (size_t)1);
    }
    emit_ends(ret_program, allow);
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
