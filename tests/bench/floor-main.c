// SPDX-License-Identifier: Apache-2.0
/* The floor as a whole process: floor [--network] ROOTFS COMMAND... */
#include "tests/bench/floor.h"
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

int main(int argc, char **argv)
{
    bool network = argc > 1 && strcmp(argv[1], "--network") == 0;
    char **rest = argv + (network ? 2 : 1);
    if (argc - (network ? 1 : 0) < 3) {
        (void)fprintf(stderr, "usage: floor [--network] ROOTFS COMMAND...\n");
        return 2;
    }
    int status = floor_run(rest[0], rest + 1, network);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}
