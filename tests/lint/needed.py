#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The weight of each program: the libraries in its DT_NEEDED. Arguments: the top, the build folder."""
import os
import re
import subprocess
from pathlib import Path

import tree

LIBC = {"libc"}
# A program, what it must need, and what it must not; None: exactly what it must.
PROGRAMS = {
    "davit-shim": (set(), None),
    "davit": (LIBC | {"libmsgpackc", "libjson-c"}, None),
    "davit-oci": (LIBC, {"libuv", "libsystemd", "libmsgpackc"}),
    "davitd": (LIBC | {"libuv", "libseccomp", "libcap", "libmsgpackc", "libsystemd", "libjson-c"}, None),
}
# The dynamic linker itself and the runtimes of the sanitizers weigh nothing in a release.
IGNORED = {"ld-linux-x86-64", "ld-linux-aarch64", "libasan", "libubsan", "libm"}


def needed(program):
    output = subprocess.run(["readelf", "--dynamic", "--wide", program], check=True, capture_output=True,
                            text=True, env={**os.environ, "LC_ALL": "C"}).stdout
    names = re.findall(r"\(NEEDED\).*\[(.+?)\.so[.\d]*\]", output)
    return set(names) - IGNORED


def lint(_, arguments):
    build = Path(arguments[0])
    for name, (wanted, unwanted) in PROGRAMS.items():
        found = [path for path in build.rglob(name) if path.is_file() and os.access(path, os.X_OK)]
        if not found:
            yield name, 0, "is not built"
            continue
        libraries = needed(found[0])
        for library in sorted(wanted - libraries):
            yield name, 0, f"does not need {library}"
        extra = libraries - wanted if unwanted is None else libraries & unwanted
        for library in sorted(extra):
            yield name, 0, f"needs {library}"


if __name__ == "__main__":
    tree.main(lint)
