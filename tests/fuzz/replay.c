// SPDX-License-Identifier: Apache-2.0
/* Runs a harness over every file of the folders that are given: its corpus, as a plain test. */
#include "base/fd.h"
#include "tests/fuzz/fuzz.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { INPUT_LIMIT = 16 << 20 };

DEFINE_CLEANUP(DIR *, closedir)

/* A copy of the exact size, so that a sanitizer sees a read of one byte too many. */
static void run(const char *data, size_t size)
{
    _cleanup_free_ uint8_t *exact = malloc(size > 0 ? size : 1);
    if (!exact)
        abort();
    memcpy(exact, data, size);
    LLVMFuzzerTestOneInput(exact, size);
}

/* How many files there were, or a negative errno. */
static int replay_folder(const char *path)
{
    _cleanup_(closedir_pointer) DIR *folder = opendir(path);
    int count = 0;
    if (!folder)
        return -errno;
    for (struct dirent *entry; (entry = readdir(folder));) {
        _cleanup_free_ char *data = NULL;
        size_t size = 0;
        if (entry->d_name[0] == '.')
            continue;
        printf("%s/%s\n", path, entry->d_name);
        fflush(stdout);
        int r = file_read(dirfd(folder), entry->d_name, INPUT_LIMIT, &data, &size);
        if (r < 0)
            return r;
        run(data, size);
        count++;
    }
    return count;
}

int main(int argc, char **argv)
{
    bool failed = argc < 2;
    for (int i = 1; i < argc; i++) {
        int count = replay_folder(argv[i]);
        if (count <= 0)
            fprintf(stderr, "%s: %s\n", argv[i], count < 0 ? strerror(-count) : "no files");
        failed |= count <= 0;
    }
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
