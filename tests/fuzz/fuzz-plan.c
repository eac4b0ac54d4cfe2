// SPDX-License-Identifier: Apache-2.0
/* Plans: what plan_open() takes can be walked, printed, and encodes to the same bytes again. Each
 * input is tried as it is and with a header made right, so that the fields are reached. */
#include "base/cleanup.h"
#include "runtime/plan/op.h"
#include "runtime/plan/sum.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

enum { HEADER_SIZE = 24, PLAN_MAGIC = 0x6e6c7064 };

static void check_plan(const char *data, size_t size)
{
    struct Plan plan;
    int r = plan_open(&plan, data, size);
    FUZZ_CHECK(r == 0 || r == -EBADMSG);
    if (r < 0)
        return;
    struct PlanBuilder builder = PLAN_BUILDER_INIT;
    struct Op op;
    uint32_t count = 0;
    for (size_t cursor = 0; plan_next(&plan, &cursor, &op) > 0; count++) {
        FUZZ_CHECK(op_object(&op) != NULL);
        plan_add(&builder, &op);
    }
    FUZZ_CHECK(count == plan.count);
    _cleanup_buf_ struct Buf out = BUF_INIT;
    plan_print(&plan, &out);
    _cleanup_free_ char *again = NULL;
    size_t again_size = 0;
    FUZZ_CHECK(plan_finish(&builder, &again, &again_size) == 0);
    FUZZ_CHECK(again_size == size && memcmp(again, data, size) == 0);
    plan_builder_deinit(&builder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *copy = calloc(1, size + 1);
    FUZZ_CHECK(copy);
    if (size)
        memcpy(copy, data, size);
    check_plan(copy, size);
    if (size < HEADER_SIZE || size > PLAN_SIZE_MAX)
        return 0;
    uint32_t count;
    memcpy(&count, copy + 12, sizeof(count));
    const uint32_t header[] = {PLAN_MAGIC, PLAN_VERSION, (uint32_t)size, count};
    uint64_t sum = sum64(copy + HEADER_SIZE, size - HEADER_SIZE, PLAN_MAGIC);
    memcpy(copy, header, sizeof(header));
    memcpy(copy + sizeof(header), &sum, sizeof(sum));
    check_plan(copy, size);
    return 0;
}
