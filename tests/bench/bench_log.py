# SPDX-License-Identifier: Apache-2.0
"""Lines of 80 bytes into a log file on disk: davit-shim, conmon, and cat as what the kernel allows."""
import os
import shutil
import subprocess
import time

from bench_lib import BENCH, CONMON, RUNC, cpu_seconds, median, table
from bench_memory import processes

LINE = 80


def wait_for_size(folder_or_file, lines):
    """Until all lines are there; their overhead is read off the first."""
    deadline = time.monotonic() + 120
    goal = None
    while time.monotonic() < deadline:
        if folder_or_file.exists():
            size = folder_or_file.stat().st_size
            if goal is None and size > 1000:
                with open(folder_or_file, "rb") as stream:
                    goal = len(stream.readline()) * lines
            if goal is not None and size >= goal:
                return
        time.sleep(0.001)
    raise TimeoutError(f"{folder_or_file}: the log did not become {goal} bytes long")


def cat_round(bench, mebibytes):
    target = bench.disk / "cat.log"
    begin = time.monotonic()
    producer = subprocess.Popen([BENCH / "line-producer", str(mebibytes)], stdout=subprocess.PIPE)
    with open(target, "wb") as stream:
        cat = subprocess.Popen(["cat"], stdin=producer.stdout, stdout=stream)
    producer.stdout.close()
    _, _, usage = os.wait4(cat.pid, 0)
    seconds = time.monotonic() - begin
    producer.wait()
    target.unlink()
    return seconds, usage.ru_utime + usage.ru_stime


def davit_round(bench, mebibytes, lines):
    before = processes("davit-shim")
    begin = time.monotonic()
    name = bench.davit("run", "-d", "--rootfs", bench.rootfs(), "--log-max-size", "8g", "--", "sh", "-c",
                       f"line-producer {mebibytes}; exec sleep 1000").strip()
    (shim,) = processes("davit-shim") - before
    wait_for_size(bench.disk / "log" / name / "log", lines)
    seconds, cpu = time.monotonic() - begin, cpu_seconds(shim)
    bench.davit("rm", "-f", name)
    return seconds, cpu


def conmon_round(bench, bundle, mebibytes, lines, round_number):
    name = f"bench-log-{round_number}"
    state = bench.work / "conmon-log"
    (state / "exits").mkdir(parents=True, exist_ok=True)
    before = processes("conmon")
    log = bench.disk / f"{name}.log"
    subprocess.run([CONMON, "--api-version", "1", "-c", name, "-u", name, "-n", name, "-r", shutil.which(RUNC), "-b",
                    bundle, "-p", state / f"{name}.pid", "--exit-dir", state / "exits", "--runtime-arg", "--root",
                    "--runtime-arg", state / "runc", "-l", f"k8s-file:{log}"], check=True,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while not (state / f"{name}.pid").exists():
        time.sleep(0.005)
    (conmon,) = processes("conmon") - before
    begin = time.monotonic()
    subprocess.run([RUNC, "--root", state / "runc", "start", name], check=True)
    wait_for_size(log, lines)
    seconds, cpu = time.monotonic() - begin, cpu_seconds(conmon)
    subprocess.run([RUNC, "--root", state / "runc", "delete", "--force", name], check=True)
    log.unlink()
    return seconds, cpu


def log(bench, quick):
    mebibytes = 128 if quick else 512
    lines = (mebibytes << 20) // LINE
    bench.start_davitd(log_dir=bench.disk / "log")
    bundle = bench.bundle("log", ["sh", "-c", f"line-producer {mebibytes}; exec sleep 1000"])
    samples = {"cat": [], "davit-shim": [], "conmon": []}
    for round_number in range(3 if quick else 5):
        samples["cat"].append(cat_round(bench, mebibytes))
        samples["davit-shim"].append(davit_round(bench, mebibytes, lines))
        samples["conmon"].append(conmon_round(bench, bundle, mebibytes, lines, round_number))
    bench.stop_davitd()
    size = mebibytes * 1.048576  # MB
    speed = {name: size / median([sample[0] for sample in values]) for name, values in samples.items()}
    cpu = {name: median([sample[1] for sample in values]) / (size / 1000) for name, values in samples.items()}
    table(f"{mebibytes} MiB of 80-byte lines into a file on disk, {len(samples['cat'])} rounds",
          ["", "MB/s of payload", "CPU s per GB", "speed x cat", "speed x conmon", "CPU x conmon"],
          [[name, f"{speed[name]:.0f}", f"{cpu[name]:.2f}", f"{speed[name] / speed['cat']:.2f}",
            f"{speed[name] / speed['conmon']:.2f}", f"{cpu[name] / cpu['conmon']:.2f}"] for name in samples])
