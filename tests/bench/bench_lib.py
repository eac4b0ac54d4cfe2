# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: a private mount namespace with a tmpfs, a davitd, bundles, figures."""
import ctypes
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("DAVIT_BUILD_DIR", TOP / "build")).resolve()
BENCH = BUILD / "tests/bench"
DAVIT = BUILD / "client/davit"
DAVITD = BUILD / "supervisor/davitd"
DAVIT_OCI = BUILD / "runtime/oci/davit-oci"
RUNC, CONMON = "runc", "conmon"
PR_SET_CHILD_SUBREAPER = 36
CLONE_NEWNS = 0x20000
MS_REC, MS_PRIVATE = 16384, 1 << 18

libc = ctypes.CDLL(None, use_errno=True)


def check_call(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


class Bench:
    """Everything lives on a tmpfs that only this process tree sees."""

    def __enter__(self):
        check_call(libc.unshare(CLONE_NEWNS), "unshare")
        check_call(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "mount")
        check_call(libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")
        self.work = Path(tempfile.mkdtemp(prefix="davit-bench-", dir="/tmp"))
        check_call(libc.mount(b"tmpfs", str(self.work).encode(), b"tmpfs", 0, b"mode=700"), "mount")
        self.disk = Path(tempfile.mkdtemp(prefix="davit-bench-disk-", dir="/var/tmp"))
        self.daemon = None
        return self

    def __exit__(self, *_):
        self.stop_davitd()
        check_call(libc.umount2(str(self.work).encode(), 2), "umount")
        os.rmdir(self.work)
        shutil.rmtree(self.disk)

    def rootfs(self, payload="busybox"):
        root = self.work / f"root-{payload}"
        if root.exists():
            return root
        for name in ("bin", "proc", "sys", "dev", "tmp"):
            (root / name).mkdir(parents=True)
        shutil.copy(shutil.which("busybox"), root / "bin/busybox")
        for applet in ("sh", "sleep", "true"):
            (root / "bin" / applet).symlink_to("busybox")
        shutil.copy(BENCH / "line-producer", root / "bin/line-producer")
        if payload == "musl":
            (root / "bin/true").unlink()
            source = self.work / "true.c"
            source.write_text("int main(void) { return 0; }\n")
            subprocess.run(["musl-gcc", "-Os", "-static", "-o", root / "bin/true", source], check=True)
        return root

    def bundle(self, name, args, payload="busybox", rootfs=None):
        """The default config of `davit-oci spec`, without masked paths (the floor has none)."""
        folder = self.work / f"bundle-{name}"
        folder.mkdir()
        subprocess.run([DAVIT_OCI, "spec", "--bundle", folder], check=True)
        config = json.loads((folder / "config.json").read_text())
        config["process"]["args"] = args
        config["process"]["terminal"] = False
        config["root"] = {"path": str(rootfs or self.rootfs(payload)), "readonly": False}
        config["mounts"] = [mount for mount in config["mounts"] if mount["type"] != "cgroup"]
        config["linux"]["maskedPaths"] = config["linux"]["readonlyPaths"] = []
        (folder / "config.json").write_text(json.dumps(config))
        return folder

    def start_davitd(self, log_dir=None):
        state = self.work / "davit"
        state.mkdir(exist_ok=True)
        self.socket = state / "davit.sock"
        log = open(self.work / "davitd.log", "ab")
        self.daemon = subprocess.Popen(
            [DAVITD, "--socket", self.socket, "--run-dir", state / "run", "--data-dir", state / "data",
             "--log-dir", log_dir or state / "log", "--bus", "none"], stderr=log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not self.socket.exists():
            if self.daemon.poll() is not None or time.monotonic() > deadline:
                sys.exit("davitd did not start:\n" + (self.work / "davitd.log").read_text())
            time.sleep(0.005)

    def davit(self, *arguments, check=True):
        return subprocess.run([DAVIT, *map(str, arguments)], check=check, capture_output=True, text=True,
                              env={**os.environ, "DAVIT_SOCKET": str(self.socket)}).stdout

    def stop_davitd(self):
        if not self.daemon:
            return
        for container in self.davit("ps", "-aq").split():
            self.davit("rm", "-f", container)
        self.daemon.send_signal(signal.SIGTERM)
        self.daemon.wait(20)
        self.daemon = None

    def run_bench_start(self, *arguments):
        """name -> list of microseconds"""
        output = subprocess.run([BENCH / "bench-start", *map(str, arguments)], check=True, capture_output=True,
                                text=True).stdout
        samples = {}
        for line in output.splitlines():
            name, usec = line.split()
            samples.setdefault(name, []).append(int(usec))
        return samples


def wait_until(check, what, seconds=60):
    """Polls check() for something true and returns that."""
    deadline = time.monotonic() + seconds
    while not (result := check()):
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.002)
    return result


def processes(program, argument):
    """Pids of the processes of this program that have this argument."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0") if entry.name.isdigit() else []
        except OSError:
            continue
        if words and os.path.basename(words[0]) == program and argument in words[1:]:
            found.append(int(entry.name))
    return found


def shim_of(container):
    (pid,) = processes("davit-shim", container)
    return pid


class Conmons:
    """Containers of runc, each under a conmon that logs as podman has it do."""

    def __init__(self, bench, name):
        self.name = f"bench-{name}-{os.getpid()}"
        self.state = bench.work / f"conmon-{name}"
        (self.state / "exits").mkdir(parents=True)
        self.runc = [RUNC, "--root", self.state / "runc"]
        self.pids = {}

    def __enter__(self):
        return self

    def create(self, bundle, log=None):
        name = f"{self.name}-{len(self.pids)}"
        pid_file = self.state / f"{name}.pid"
        self.pids[name] = -1
        subprocess.run([CONMON, "--api-version", "1", "-c", name, "-u", name, "-n", name, "-r", shutil.which(RUNC), "-b",
                        bundle, "-p", pid_file, "--exit-dir", self.state / "exits", "--runtime-arg", "--root",
                        "--runtime-arg", self.state / "runc", "--socket-dir-path", self.state, "-l",
                        f"k8s-file:{log or self.state / name}.log"], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: pid_file.exists() and pid_file.read_text(), f"{name} under conmon")
        (self.pids[name],) = wait_until(lambda: len(found := processes("conmon", name)) == 1 and found,
                                        f"conmon of {name}")
        return name

    def start(self, name):
        subprocess.run([*self.runc, "start", name], check=True)

    def delete(self, name):
        subprocess.run([*self.runc, "delete", "--force", name], check=False)
        wait_until(lambda: not processes("conmon", name), f"the end of the conmon of {name}")
        self.pids[name] = None

    def __exit__(self, *_):
        for name, pid in self.pids.items():
            if pid:
                self.delete(name)


def memory(pid):
    """(USS, PSS) in bytes."""
    values = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        parts = line.split()
        if len(parts) >= 3 and parts[2] == "kB":
            values[parts[0].rstrip(":")] = int(parts[1]) * 1024
    return values["Private_Clean"] + values["Private_Dirty"], values["Pss"]


def cpu_seconds(pid):
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def percentile(samples, part):
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def table(title, header, rows):
    print(f"\n## {title}\n")
    widths = [max(len(str(row[i])) for row in [header, *rows]) for i in range(len(header))]
    for row in [header, ["-" * width for width in widths], *rows]:
        print("| " + " | ".join(str(cell).ljust(width) for cell, width in zip(row, widths)) + " |", flush=True)


def milliseconds(usec):
    return f"{usec / 1000:.2f} ms"


def median(samples):
    return statistics.median(samples)
