#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every header compiles alone. Arguments: the top of the tree, then the compiler with its flags."""
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

import tree


def compile_alone(top, path, compiler):
    result = subprocess.run(
        [*compiler, "-std=gnu17", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-I.",
         "-x", "c", "-include", str(path), "/dev/null"],
        cwd=top, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if result.returncode == 0:
        return None
    error = re.search(r"^(\S+?):(\d+)(?::\d+)?: (?:fatal )?error: (.*)$", result.stderr, re.MULTILINE)
    if error:
        return error.group(1).removeprefix("./"), int(error.group(2)), f"{path} does not compile alone: {error.group(3)}"
    return path, 1, result.stderr.strip()


def lint(top, compiler):
    headers = [path for path in tree.sources(top) if path.suffix == ".h"]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for finding in pool.map(lambda path: compile_alone(top, path, compiler), headers):
            if finding:
                yield finding
    for path in headers:
        if "#pragma once" not in tree.lines(top, path):
            yield path, 1, "no #pragma once"


if __name__ == "__main__":
    tree.main(lint)
