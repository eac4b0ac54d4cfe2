// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * An attachment: a socket pair whose far end goes to the shim. container.attach may come before the
 * start; such attachments wait in container->attachments and are handed over, in order, between
 * CONFIG and the start of the shim, so that no byte of output is missed.
 */
#include "base/list.h"
#include <stdbool.h>

struct Attachment {
    struct ListNode node; /* in container->attachments until it is handed over */
    int shim_fd;          /* far end; -1 once sent */
    bool want_stdin, want_stdout, want_stderr;
};
