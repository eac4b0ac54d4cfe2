// SPDX-License-Identifier: Apache-2.0
#pragma once
/* One journal becomes one container, as it was when its last record was written. */
#include "supervisor/container/store.h"

struct Loaded {
    struct Container *container; /* not registered; NULL: a create that never happened, or all is removed */
    struct Error error;
    char boot[37];      /* of the last start */
    bool removed;       /* only the journal is left */
    struct Record last; /* the last record that has an event; texts only */
    struct ExitSlot exit;
    bool has_exit;
};

/* 0; -EBADMSG when there is no definition; other errors when the journal cannot be read. */
int load_journal(struct Manager *manager, const char *id, struct Loaded *ret);
