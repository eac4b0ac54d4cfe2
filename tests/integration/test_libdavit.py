# SPDX-License-Identifier: Apache-2.0
"""The shared library: what it exports, and a program that uses nothing else."""
import re
import subprocess
from pathlib import Path

import daemon
from davit_helpers import Davit

HEADER = Path(__file__).resolve().parents[2] / "client/davit-client.h"


def test_it_exports_what_the_header_declares():
    library = (daemon.BUILD / "client/libdavit.so").resolve()
    symbols = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True).stdout
    exported = {line.split()[-1].split("@")[0] for line in symbols.splitlines()} - {"LIBDAVIT_1"}
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)
    declared = set(re.findall(r"^[a-z].*?\b(davit_\w+)\(", text, re.MULTILINE)) - {"davit_answer", "davit_written"}
    assert exported == declared


def test_a_program_with_a_loop_of_its_own(davitd, busybox_root):
    davit = Davit(davitd.socket, busybox_root)
    watching = davit.start(program=daemon.BUILD / "contrib/davit-exits")
    watching.wait_for_line("watching")
    for code in (0, 4):
        assert davit.run("--rm", "--name", f"n{code}", command=["sh", "-c", f"exit {code}"]).code == code
        watching.wait_for_line(f"n{code} exited with {code}")
    watching.process.terminate()
    watching.finish()
