// SPDX-License-Identifier: Apache-2.0
/* Writes COUNT MiB of 80-byte lines to stdout in 64 KiB writes, as fast as they are taken. Static text, so
 * that the producer is not the bottleneck. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static char block[80 * 819];
    for (unsigned i = 0; i < sizeof(block); i++)
        block[i] = i % 80 == 79 ? '\n' : (char)('a' + i % 26);
    unsigned long long left = argc > 1 ? strtoull(argv[1], NULL, 10) << 20 : 0;
    while (left > 0) {
        size_t size = left < sizeof(block) ? (size_t)left : sizeof(block);
        ssize_t written = write(1, block, size);
        if (written < 0)
            return 1;
        left -= (unsigned long long)written;
    }
    return 0;
}
