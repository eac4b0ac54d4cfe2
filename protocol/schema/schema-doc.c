// SPDX-License-Identifier: Apache-2.0
/* Prints docs/protocol.md. */
#include "protocol/schema/schema.h"

int main(void)
{
    _cleanup_buf_ struct Buf text = BUF_INIT;
    schema_print_markdown(&text);
    if (text.error || fwrite(text.data, 1, text.size, stdout) != text.size || fflush(stdout) != 0)
        return EXIT_FAILURE;
    return EXIT_SUCCESS;
}
