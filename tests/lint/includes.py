#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The arrows of the tree: who may include whom, and where each library's header may be seen."""
import re
from pathlib import Path

import tree

# An area may include itself and what its row names: folders, or single headers. The longest
# matching area counts. An entry that begins with "!" takes a part of that away again.
AREAS = {
    "base": [],
    "loop": ["base"],
    "protocol/wire": ["base"],
    "protocol/schema": ["base", "protocol/wire"],
    "protocol/rpc": ["base", "protocol/wire", "protocol/schema"],
    "protocol/shim": ["base"],
    "runtime/cgroup": ["base"],
    "runtime/spec": ["base"],
    "runtime/plan": ["base", "runtime/spec", "runtime/cgroup"],
    # What the shim carries: of the plan it knows the flat form only, and nothing of the spec.
    "runtime/step": ["base", "runtime/cgroup", "runtime/plan/op.h", "runtime/plan/plan-names.h"],
    "runtime": ["base", "runtime/cgroup", "runtime/step", "runtime/plan/op.h", "runtime/plan/plan-names.h",
                "!runtime/spec", "!runtime/plan", "!runtime/oci"],
    "runtime/oci": ["base", "runtime"],
    "shim": ["base", "protocol/shim", "runtime/cgroup", "runtime/plan/op.h", "runtime/step", "runtime/runtime.h"],
    "supervisor": ["base", "loop", "protocol", "runtime/spec", "runtime/plan", "runtime/cgroup"],
    "supervisor/container": ["base", "loop", "protocol", "runtime/spec", "runtime/plan", "runtime/cgroup",
                             "supervisor", "!supervisor/api"],
    "supervisor/api": ["base", "loop", "protocol", "runtime/spec", "runtime/plan", "runtime/cgroup", "supervisor"],
    "supervisor/api/rpc": ["base", "loop", "protocol", "runtime/spec", "runtime/plan", "runtime/cgroup",
                           "supervisor", "!supervisor/api/dbus"],
    "supervisor/api/dbus": ["base", "loop", "protocol", "runtime/spec", "runtime/plan", "runtime/cgroup",
                            "supervisor", "!supervisor/api/rpc"],
    "client": ["base", "protocol/wire", "protocol/schema", "protocol/rpc"],
    "contrib": ["client/davit-client.h"],
    "tests": ["base", "loop", "protocol", "runtime", "shim", "supervisor", "client"],
}

# Headers of libraries, and the only folders or files that see them.
LIBRARIES = {
    r"uv\.h|uv/": ["loop"],
    r"json-c/": ["runtime/spec/json.c", "runtime/oci", "client/option-file.c"],
    r"seccomp\.h": ["runtime/plan"],
    r"sys/capability\.h": ["runtime/plan", "supervisor/container/define-limits.c"],
    r"msgpack\.h|msgpack/": ["protocol"],
    r"systemd/": ["supervisor"],
}

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')


def is_below(path, entry):
    return path == entry or path.startswith(entry + "/")


def area_of(path):
    """The longest area; a file right in runtime/ is of the area runtime, not of a folder below."""
    return max((area for area in AREAS if is_below(path, area)), key=len, default=None)


def is_allowed(area, target):
    """The longest entry that matches decides."""
    best, verdict = -1, False
    for entry in [area, *AREAS[area]]:
        prefix = entry.lstrip("!")
        if is_below(target, prefix) and len(prefix) >= best:
            best, verdict = len(prefix), not entry.startswith("!")
    return verdict


def check_own(path, target, top):
    area = area_of(str(path))
    if not (top / target).is_file():
        return f'"{target}" is no file; includes are rooted at the top of the tree'
    if area is None:
        return "this folder has no row in tests/lint/includes.py"
    # The fixtures of one area are there for the tests of all.
    if is_allowed(area, target) or (tree.is_test(path) and tree.is_test(Path(target))):
        return None
    return f"{area} may not include {target}"


def check_library(path, target):
    for pattern, places in LIBRARIES.items():
        if re.match(pattern, target) and not any(is_below(str(path), place) for place in places):
            return f"<{target}> may only be seen in {', '.join(places)}"
    return None


def lint(top, _):
    for path in tree.sources(top):
        for number, line in enumerate(tree.lines(top, path), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            quote, target = match.groups()
            text = check_own(path, target, top) if quote == '"' else check_library(path, target)
            if text:
                yield path, number, text


if __name__ == "__main__":
    tree.main(lint)
