# SPDX-License-Identifier: Apache-2.0
"""Memory of the resident monitors, and of davitd as containers come."""
import json
import subprocess
import time

from bench_lib import Conmons, memory, processes, shim_of, table, wait_until


def kibibytes(values, index):
    return f"{sum(value[index] for value in values) / len(values) / 1024:.1f} KiB"


def summary(name, pids):
    time.sleep(1)  # let start-time memory be given back
    values = [memory(pid) for pid in pids]
    return [name, len(values), kibibytes(values, 0), kibibytes(values, 1)]


def davit_shims(bench, count):
    bench.start_davitd()
    shims = []
    for _ in range(count):
        shims.append(shim_of(bench.davit("run", "-d", "--rootfs", bench.rootfs(), "--", "sleep", "1000").strip()))
    result = summary("davit-shim", shims)
    bench.stop_davitd()
    return result


def conmons(bench, count):
    bundle = bench.bundle("conmon", ["sleep", "1000"])
    with Conmons(bench, "memory") as conmons:
        for _ in range(count):
            conmons.start(conmons.create(bundle))
        return summary("conmon", conmons.pids.values())


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
    try:
        wait_until(lambda: address.exists() or daemon.poll() is not None, "containerd")
        for name in names:
            started = subprocess.run(["ctr", "--address", address, "run", "-d", "--rootfs", bench.rootfs(), name,
                                      "/bin/sleep", "1000"], capture_output=True, text=True, timeout=60)
            if started.returncode != 0:
                print("containerd: " + started.stderr.strip().splitlines()[-1])
                return None
        shims = processes("containerd-shim-runc-v2", str(address))
        if len(shims) != count:
            print(f"containerd: {len(shims)} shims instead of {count}")
            return None
        return summary("containerd-shim-runc-v2", shims)
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
    uss, pss = memory(bench.daemon.pid)
    rows, first = [[0, f"{uss / 1024:.0f} KiB", f"{pss / 1024:.0f} KiB", ""]], None
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
