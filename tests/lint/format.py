#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every C file is as clang-format leaves it."""
import re
import shutil
import subprocess
import sys

import tree

SKIPPED = 77


def lint(top, _):
    if not shutil.which("clang-format"):
        print("clang-format is not installed")
        sys.exit(SKIPPED)
    paths = [str(path) for path in tree.sources(top)]
    result = subprocess.run(["clang-format", "--dry-run", "-Werror", *paths], cwd=top,
                            stdin=subprocess.DEVNULL, capture_output=True, text=True)
    seen = set()
    for path, number, text in re.findall(r"^(\S+?):(\d+):\d+: error: (.*)$", result.stderr, re.MULTILINE):
        # One finding a file is enough: `make format` mends them all.
        if path not in seen:
            seen.add(path)
            yield path, number, text
    if result.returncode != 0 and not seen:
        yield "clang-format", 0, result.stderr.strip()


if __name__ == "__main__":
    tree.main(lint)
