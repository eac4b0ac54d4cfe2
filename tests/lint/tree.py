# SPDX-License-Identifier: Apache-2.0
"""What all lints share: the files of the tree, and how a finding is printed."""
import os
import sys
from pathlib import Path

SKIPPED_FOLDERS = {".git", "__pycache__", ".pytest_cache"}


def files(top):
    """Every file of the source tree, as a path relative to it, sorted."""
    found = []
    for folder, folders, names in os.walk(top):
        at_top = Path(folder) == Path(top)
        folders[:] = [name for name in folders
                      if name not in SKIPPED_FOLDERS and not (at_top and name.startswith("build"))]
        found += [(Path(folder) / name).relative_to(top) for name in names]
    return sorted(found)


def sources(top):
    """The C files and headers."""
    return [path for path in files(top) if path.suffix in (".c", ".h")]


def lines(top, path):
    return (Path(top) / path).read_text(errors="replace").splitlines()


def is_test(path):
    """A test, or what only tests link."""
    return path.name.startswith("test-") or path.parts[0] == "tests" or str(path) in ("base/test.c", "base/test.h")


def main(lint):
    """Runs lint(top, arguments), which yields (path, line number, text); exits 1 if it found any."""
    found = 0
    for path, number, text in lint(Path(sys.argv[1]), sys.argv[2:]):
        print(f"{path}:{number}: {text}")
        found += 1
    sys.exit(1 if found else 0)
