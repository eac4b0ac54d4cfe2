// SPDX-License-Identifier: Apache-2.0
/*
 * One pass over the bytes, one step for each value, no memory but the struct. A step is taken only
 * when the whole value (a header, or a scalar with its payload) is there, so `offset` always stands at
 * a value's first byte and a call with one more byte costs one look at one header: a message that
 * comes byte by byte takes linear time.
 *
 * `nodes` counts values as they are declared, not as they arrive: an array that promises more
 * than the limit allows is refused by its header.
 */
#include "protocol/wire/wire.h"

const struct WireLimits WIRE_LIMITS_DEFAULT = {
    .bytes = 4 << 20,
    .depth = 16,
    .nodes = 65536,
    .map_keys = 1024,
};

enum TokenKind { TOKEN_REFUSED, TOKEN_FIXED, TOKEN_SIZED, TOKEN_ARRAY, TOKEN_MAP };

struct Token {
    enum TokenKind kind;
    uint64_t size;  /* of the header and, but for containers, the payload */
    uint64_t count; /* of a container's entries */
};

/* The bytes 0xc0 to 0xdf. `bytes` are those of the payload (fixed), or of the length that follows. */
static const struct {
    uint8_t kind, bytes;
} token_table[] = {
    {TOKEN_FIXED, 0},                                                             /* nil */
    {TOKEN_REFUSED, 0},                                                           /* never used */
    {TOKEN_FIXED, 0},   {TOKEN_FIXED, 0},                                         /* false, true */
    {TOKEN_SIZED, 1},   {TOKEN_SIZED, 2},   {TOKEN_SIZED, 4},                     /* bin */
    {TOKEN_REFUSED, 0}, {TOKEN_REFUSED, 0}, {TOKEN_REFUSED, 0},                   /* ext */
    {TOKEN_FIXED, 4},   {TOKEN_FIXED, 8},                                         /* float */
    {TOKEN_FIXED, 1},   {TOKEN_FIXED, 2},   {TOKEN_FIXED, 4},   {TOKEN_FIXED, 8}, /* uint */
    {TOKEN_FIXED, 1},   {TOKEN_FIXED, 2},   {TOKEN_FIXED, 4},   {TOKEN_FIXED, 8}, /* int */
    {TOKEN_REFUSED, 0}, {TOKEN_REFUSED, 0}, {TOKEN_REFUSED, 0},                   /* fixext */
    {TOKEN_REFUSED, 0}, {TOKEN_REFUSED, 0},                                       /* */
    {TOKEN_SIZED, 1},   {TOKEN_SIZED, 2},   {TOKEN_SIZED, 4},                     /* str */
    {TOKEN_ARRAY, 2},   {TOKEN_ARRAY, 4},                                         /* array */
    {TOKEN_MAP, 2},     {TOKEN_MAP, 4},                                           /* map */
};
_Static_assert(ELEMENTSOF(token_table) == 32, "one row for each of 0xc0 to 0xdf");

static struct Token token_of_short(uint8_t first)
{
    if (first >= 0xe0 || first <= 0x7f)
        return (struct Token){TOKEN_FIXED, 1, 0};
    if (first >= 0xa0)
        return (struct Token){TOKEN_SIZED, UINT64_C(1) + (first & 0x1f), 0};
    return (struct Token){first >= 0x90 ? TOKEN_ARRAY : TOKEN_MAP, 1, first & 0x0f};
}

/* The token at `bytes` (size > 0); false when its header is not complete. */
static bool token_read(const uint8_t *bytes, size_t size, struct Token *ret)
{
    if (bytes[0] < 0xc0 || bytes[0] > 0xdf) {
        *ret = token_of_short(bytes[0]);
        return true;
    }
    struct Token token = {.kind = token_table[bytes[0] - 0xc0].kind};
    size_t following = token_table[bytes[0] - 0xc0].bytes;
    uint64_t number = 0;
    switch (token.kind) {
    case TOKEN_REFUSED:
        break;
    case TOKEN_FIXED:
        token.size = 1 + following;
        break;
    case TOKEN_SIZED:
    case TOKEN_ARRAY:
    case TOKEN_MAP:
        if (size < 1 + following)
            return false;
        for (size_t i = 1; i <= following; i++)
            number = number << 8 | bytes[i];
        token.size = 1 + following + (token.kind == TOKEN_SIZED ? number : 0);
        token.count = number;
        break;
    }
    *ret = token;
    return true;
}

static int container_open(struct WireScan *scan, const struct WireLimits *limits, const struct Token *token)
{
    uint64_t values = token->kind == TOKEN_MAP ? 2 * token->count : token->count;
    if (scan->depth >= MIN(limits->depth, (unsigned)WIRE_DEPTH_MAX))
        return -E2BIG;
    if (token->kind == TOKEN_MAP && token->count > limits->map_keys)
        return -E2BIG;
    if (scan->nodes > limits->nodes || values > limits->nodes - scan->nodes || values > UINT32_MAX)
        return -E2BIG;
    scan->nodes += values;
    if (values > 0)
        scan->remaining[scan->depth++] = (uint32_t)values;
    return values > 0;
}

/* A value has ended, and with it every container of which it was the last one. */
static bool value_end(struct WireScan *scan)
{
    while (scan->depth > 0 && --scan->remaining[scan->depth - 1] == 0)
        scan->depth--;
    return scan->depth == 0;
}

int wire_scan(struct WireScan *scan, const struct WireLimits *limits, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    struct Token token;
    if (scan->offset == 0)
        scan->nodes = 1;
    while (scan->offset < size && token_read(bytes + scan->offset, size - scan->offset, &token)) {
        int opened = 0;
        if (token.kind == TOKEN_REFUSED)
            return -EBADMSG;
        if (token.size > limits->bytes - scan->offset)
            return -E2BIG;
        if (token.kind == TOKEN_ARRAY || token.kind == TOKEN_MAP)
            opened = container_open(scan, limits, &token);
        else if (token.size > size - scan->offset)
            break;
        if (opened < 0)
            return opened;
        scan->offset += (size_t)token.size;
        if (!opened && value_end(scan))
            return WIRE_COMPLETE;
    }
    return size >= limits->bytes ? -E2BIG : WIRE_MORE;
}
