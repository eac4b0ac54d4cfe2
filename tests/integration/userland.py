# SPDX-License-Identifier: Apache-2.0
"""A Debian userland with a few servers in it, made once per machine and then kept."""
import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

SUITE = "bookworm"
PACKAGES = ["nginx-light", "redis-server"]
OPTIONS = ["--mode=root", "--variant=apt", '--aptopt=APT::Install-Recommends "false"',
           "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/doc/*",
           "--dpkgopt=path-exclude=/usr/share/locale/*"]
CACHE = Path("/var/tmp")
BUILD_SECONDS = 900


def host_sources():
    """The files of the host's apt that name Debian's own archive."""
    candidates = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*.sources"))]
    return [str(path) for path in candidates
            if path.is_file() and any("debian.org/debian" in line for line in path.read_text().splitlines()
                                      if not line.lstrip().startswith("#"))]


def host_proxy():
    result = subprocess.run(["apt-config", "dump", "--format", "%v%n", "Acquire::http::Proxy"],
                            capture_output=True, text=True, timeout=20)
    proxy = result.stdout.strip()
    return [f'--aptopt=Acquire::http::Proxy "{proxy}"'] if proxy else []


def build(target):
    unfinished = target.with_name(target.name + ".unfinished")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    result = subprocess.run(
        ["mmdebstrap", *OPTIONS, *host_proxy(), f"--include={','.join(PACKAGES)}", SUITE, str(unfinished),
         *host_sources()], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=BUILD_SECONDS)
    if result.returncode != 0:
        shutil.rmtree(unfinished, ignore_errors=True)
        if "Could not resolve" in result.stderr or "Could not connect" in result.stderr:
            pytest.skip("apt has no network, and no Debian userland was made before")
        raise AssertionError(f"mmdebstrap failed:\n{result.stderr[-3000:]}")
    os.rename(unfinished, target)


def debian_root():
    """The folder of the userland. Tests use it read-only."""
    key = hashlib.sha256("\n".join([SUITE, *PACKAGES, *OPTIONS]).encode()).hexdigest()[:12]
    target = CACHE / f"davit-test-userland-{key}"
    CACHE.mkdir(exist_ok=True)
    with open(CACHE / "davit-test-userland.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            build(target)
    return target
