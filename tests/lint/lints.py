#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The lints find what they are there for: each row is a file that breaks one rule, and the finding."""
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SPDX = "// SPDX-License-Identifier: Apache-2.0\n"
HEADER = SPDX + "#pragma once\n"

# lint, path, contents, what the line of the finding begins with (None: no finding)
ROWS = [
    ("includes", "loop/a.c", '#include "base/a.h"\n#include <uv.h>\n', None),
    ("includes", "base/a.c", '#include "loop/a.h"\n', "base/a.c:1: base may not include loop/a.h"),
    ("includes", "base/a.c", "\n#include <uv.h>\n", "base/a.c:2: <uv.h> may only"),
    ("includes", "base/a.c", '#include "a.h"\n', 'base/a.c:1: "a.h" is no file'),
    ("includes", "supervisor/container/a.c", '#include "supervisor/api/a.h"\n', "supervisor/container/a.c:1: "),
    ("includes", "supervisor/container/a.c", '#include "runtime/plan/op.h"\n', None),
    ("includes", "supervisor/api/rpc/a.c", '#include "supervisor/api/dbus/a.h"\n', "supervisor/api/rpc/a.c:1: "),
    ("includes", "supervisor/a.c", '#include "runtime/step/a.h"\n', "supervisor/a.c:1: supervisor may not"),
    ("includes", "shim/test-a.c", '#include "runtime/test-a.h"\n', None),
    ("includes", "shim/a.c", '#include "runtime/test-a.h"\n', "shim/a.c:1: shim may not include runtime/test-a.h"),
    ("includes", "supervisor/a.c", '#include "shim/a.h"\n', "supervisor/a.c:1: supervisor may not"),
    ("includes", "shim/a.c", '#include "runtime/plan/op.h"\n', None),
    ("includes", "shim/a.c", '#include "runtime/plan/plan.h"\n', "shim/a.c:1: shim may not"),
    ("includes", "client/a.c", '#include "supervisor/a.h"\n', "client/a.c:1: client may not"),
    ("includes", "runtime/a.c", '#include "runtime/spec/a.h"\n', "runtime/a.c:1: runtime may not"),
    ("includes", "runtime/spec/json.c", "#include <json-c/json.h>\n", None),
    ("includes", "runtime/spec/a.c", "#include <json-c/json.h>\n", "runtime/spec/a.c:1: <json-c"),
    ("includes", "elsewhere/a.c", '#include "base/a.h"\n', "elsewhere/a.c:1: this folder has no row"),
    ("sources", "base/a.c", SPDX + "int a;\n", None),
    ("sources", "base/a.c", "int a;\n", "base/a.c:1: no SPDX"),
    ("sources", "base/a.c", SPDX + "// FIX" + "ME\n", "base/a.c:2: FIX" + "ME"),
    ("sources", "docs/a.md", "see /wor" + "k/main\n", "docs/a.md:1: /wor" + "k/"),
    ("sources", "base/a.c", SPDX + "int a;\n" * 500, "base/a.c:501: over 500 lines"),
    ("sources", "base/a.c", SPDX + "void f(void) { kill(1, 9); }\n", "base/a.c:2: kill("),
    ("sources", "base/a.c", SPDX + "/* kill(1, 9); */ // exit(1)\nchar *a = \"exit(1)\";\n", None),
    ("sources", "base/a.c", SPDX + "void f(void) { exit(1); }\n", "base/a.c:2: exit("),
    ("sources", "base/main.c", SPDX + "void f(void) { exit(1); }\n", None),
    ("sources", "base/a.c", SPDX + "void f(void) { pidref_kill(1, 9); _exit(1); }\n", None),
    ("sources", "tests/lib/a.c", SPDX + "void f(void) { usleep(1); }\n", "tests/lib/a.c:2: usleep("),
    ("sources", "tests/bench/a.c", SPDX + "void f(void) { usleep(1); }\n", None),
    ("sources", "tools/a", "#!/bin/sh\n", "tools/a:1: no SPDX"),
    ("headers", "base/b.h", HEADER + "#include <stddef.h>\nsize_t f(void);\n", None),
    ("headers", "base/b.h", HEADER + "size_t f(void);\n", "base/b.h:3: base/b.h does not compile alone"),
    ("headers", "base/b.h", SPDX + "int f(void);\n", "base/b.h:1: no #pragma once"),
    ("format", "base/a.c", "int a;\n", None),
    ("format", "base/a.c", "int  a;\n", "base/a.c:1: "),
]
INCLUDED = ["base/a.h", "loop/a.h", "shim/a.h", "supervisor/a.h", "supervisor/api/a.h", "supervisor/api/dbus/a.h",
            "runtime/plan/op.h", "runtime/plan/plan.h", "runtime/spec/a.h", "runtime/step/a.h", "runtime/test-a.h"]


def run(lint, top, arguments):
    result = subprocess.run([sys.executable, HERE / f"{lint}.py", top, *arguments], capture_output=True, text=True)
    return result.returncode, result.stdout, result.stderr


def check(row, compiler):
    lint, path, contents, expected = row
    with tempfile.TemporaryDirectory() as top:
        for name in INCLUDED + [path]:
            (Path(top) / name).parent.mkdir(parents=True, exist_ok=True)
            (Path(top) / name).write_text(HEADER)
        (Path(top) / path).write_text(contents)
        status, output, errors = run(lint, top, compiler if lint == "headers" else [])
    if expected is None:
        return status == 0 and not output, output + errors
    return status == 1 and output.startswith(expected), output + errors


def main():
    failed = 0
    for row in ROWS:
        ok, output = check(row, sys.argv[1:])
        if not ok:
            failed += 1
            print(f"{row[0]}: {row[1]}: {row[2]!r}: expected {row[3]!r}, got {output!r}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
