// SPDX-License-Identifier: Apache-2.0
/* Log lines from a stream that is cut anywhere: the first byte says where. No byte is lost or invented. */
#include "client/cri.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

static void on_line(void *owner, const char *line, size_t size)
{
    struct CriRecord record = {0};
    FUZZ_CHECK(size == 0 || !memchr(line, '\n', size));
    if (cri_parse(line, size, &record)) {
        FUZZ_CHECK(record.time == line && record.text + record.text_size == line + size);
        FUZZ_CHECK(!record.gap || !record.partial);
    }
    buf_append(owner, line, size);
    buf_append(owner, "\n", 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(cri_reader_deinit) struct CriReader reader = {BUF_INIT};
    _cleanup_buf_ struct Buf seen = BUF_INIT;
    if (size == 0)
        return 0;
    size_t step = (size_t)data[0] + 1;
    for (size_t at = 1; at < size; at += step)
        FUZZ_CHECK(cri_feed(&reader, data + at, MIN(step, size - at), on_line, &seen) == 0);
    FUZZ_CHECK(seen.size + reader.rest.size == size - 1);
    FUZZ_CHECK(seen.size == 0 || memcmp(seen.data, data + 1, seen.size) == 0);
    FUZZ_CHECK(reader.rest.size == 0 ||
               memcmp(reader.rest.data, data + 1 + seen.size, reader.rest.size) == 0);
    return 0;
}
