# SPDX-License-Identifier: Apache-2.0
"""Memory of the resident monitors, and of davitd as containers come."""
import json
import shutil
import subprocess
import time
from pathlib import Path

from bench_lib import CONMON, RUNC, memory, table


def processes(comm):
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "comm").read_text().strip() == comm[:15]:
                    found.append(int(entry.name))
            except OSError:
                continue
    return set(found)


def kibibytes(values, index):
    return f"{sum(value[index] for value in values) / len(values) / 1024:.1f} KiB"


def summary(name, pids):
    values = [memory(pid) for pid in pids]
    return [name, len(values), kibibytes(values, 0), kibibytes(values, 1)]


def wait_for_new(comm, before, count, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = processes(comm) - before
        if len(found) == count:
            return found
        time.sleep(0.05)
    raise TimeoutError(f"{count} processes {comm}, {len(processes(comm) - before)} came")


def davit_shims(bench, count):
    before = processes("davit-shim")
    bench.start_davitd()
    for _ in range(count):
        bench.davit("run", "-d", "--rootfs", bench.rootfs(), "--", "sleep", "1000")
    found = wait_for_new("davit-shim", before, count)
    time.sleep(1)  # let start-time memory be given back
    result = summary("davit-shim", found)
    bench.stop_davitd()
    return result


def conmons(bench, count):
    before = processes("conmon")
    bundle = bench.bundle("conmon", ["sleep", "1000"])
    state = bench.work / "conmon"
    (state / "exits").mkdir(parents=True)
    names = [f"bench-conmon-{i}" for i in range(count)]
    for name in names:
        subprocess.run([CONMON, "--api-version", "1", "-c", name, "-u", name, "-n", name, "-r",
                        shutil.which(RUNC), "-b", bundle, "-p", state / f"{name}.pid", "--exit-dir", state / "exits",
                        "--runtime-arg", "--root", "--runtime-arg", state / "runc", "-l",
                        f"k8s-file:{state}/{name}.log"], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    for name in names:
        while not (state / f"{name}.pid").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        subprocess.run([RUNC, "--root", state / "runc", "start", name], check=True)
    found = wait_for_new("conmon", before, count)
    time.sleep(1)
    result = summary("conmon", found)
    for name in names:
        subprocess.run([RUNC, "--root", state / "runc", "delete", "--force", name], check=True)
    wait_for_new("conmon", before, 0)
    return result


def containerd_shims(bench, count):
    """None when containerd does not start containers on this host."""
    state = bench.work / "containerd"
    state.mkdir()
    (state / "config.toml").write_text('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
    address = state / "sock"
    log = open(state / "log", "wb")
    daemon = subprocess.Popen(["containerd", "--config", state / "config.toml", "--root", state / "root", "--state",
                               state / "state", "--address", address], stdout=log, stderr=log)
    names = [f"bench-containerd-{i}" for i in range(count)]
    before = processes("containerd-shim-runc-v2")
    try:
        deadline = time.monotonic() + 20
        while not address.exists() and time.monotonic() < deadline and daemon.poll() is None:
            time.sleep(0.05)
        for name in names:
            started = subprocess.run(["ctr", "--address", address, "run", "-d", "--rootfs", bench.rootfs(), name,
                                      "/bin/sleep", "1000"], capture_output=True, text=True, timeout=60)
            if started.returncode != 0:
                print("containerd: " + started.stderr.strip().splitlines()[-1])
                return None
        found = processes("containerd-shim-runc-v2") - before
        time.sleep(1)
        return summary("containerd-shim-runc-v2", found)
    finally:
        for name in names:
            subprocess.run(["ctr", "--address", address, "task", "rm", "-f", name], capture_output=True)
            subprocess.run(["ctr", "--address", address, "container", "rm", name], capture_output=True)
        daemon.terminate()
        daemon.wait(20)


def shim(bench, quick):
    count = 20 if quick else 100
    rows = [davit_shims(bench, count), conmons(bench, count), containerd_shims(bench, 5 if quick else 20)]
    table("An idle monitor", ["", "copies", "private (USS)", "proportional (PSS)"], [row for row in rows if row])


def daemon(bench, quick):
    bench.start_davitd()
    rows, first = [], None
    count = 0
    for goal in (1, 50, 100) if quick else (1, 100, 250, 500, 1000):
        while count < goal:
            bench.davit("run", "-d", "--rootfs", bench.rootfs(), "--", "sleep", "1000")
            count += 1
        time.sleep(0.5)
        uss, pss = memory(bench.daemon.pid)
        first = first or (goal, uss)
        each = "" if goal == first[0] else f"{(uss - first[1]) / (goal - first[0]) / 1024:.2f} KiB"
        rows.append([goal, f"{uss / 1024:.0f} KiB", f"{pss / 1024:.0f} KiB", each])
    running = sum(container["state"] == "running" for container in json.loads(bench.davit("ps", "-a", "--json"))["containers"])
    table(f"davitd with running containers ({running} run at the end)",
          ["containers", "private (USS)", "proportional (PSS)", "growth of USS per container"], rows)
    bench.stop_davitd()
