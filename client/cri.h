// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Log lines in CRI format, "TIME stdout|stderr TAG TEXT\n", from a byte stream that is cut anywhere. The
 * first part of TAG is P (the line goes on in the next record of its stream) or F (it ends here). The tag of
 * a gap record is "F:davit.gap". Pure.
 */
#include "base/buf.h"

struct CriRecord { /* points into the bytes given; no NUL anywhere */
    const char *time;
    size_t time_size;
    bool is_stderr, partial, gap;
    const char *text;
    size_t text_size;
};
/* One line without its newline. False when it is no record. */
bool cri_parse(const char *line, size_t size, struct CriRecord *ret);

struct CriReader {
    struct Buf rest; /* of a line that has not ended */
};
void cri_reader_deinit(struct CriReader *reader);
/* Calls on_line() for each line that is complete now. 0 or -ENOMEM, -EFBIG. */
int cri_feed(struct CriReader *reader, const void *data, size_t size,
             void (*on_line)(void *owner, const char *line, size_t size), void *owner);
