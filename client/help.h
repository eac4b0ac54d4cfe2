// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Finding a verb, and what --help prints. */
#include "client/cli.h"

/* The options that every verb has; the second table is that of the verbs that read. */
extern const struct OptionTable CLI_COMMON, CLI_READING;

const struct Verb *verb_find(const char *name);
void help_overview(FILE *out);
void help_verb(FILE *out, const struct Verb *verb);
