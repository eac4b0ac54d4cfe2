# SPDX-License-Identifier: Apache-2.0
"""Lines of 80 bytes into a log file on disk: davit-shim, conmon, and cat as what the kernel allows."""
import os
import subprocess
import time

from bench_lib import BENCH, Conmons, cpu_seconds, median, shim_of, table, wait_until

LINE = 80


def time_log(file, lines):
    """Seconds from the first bytes in the file to the last; the overhead of a line is read off the first."""
    wait_until(lambda: file.exists() and file.stat().st_size > 0, f"{file} is empty")
    begin = time.monotonic()
    with open(file, "rb") as stream:
        first = wait_until(lambda: stream.seek(0) == 0 and stream.readline(), f"{file} has no line")
    wait_until(lambda: file.stat().st_size >= len(first) * lines, f"{file} does not become whole", 120)
    return time.monotonic() - begin


def cat_round(bench, mebibytes, lines):
    target = bench.disk / "cat.log"
    producer = subprocess.Popen([BENCH / "line-producer", str(mebibytes)], stdout=subprocess.PIPE)
    with open(target, "wb") as stream:
        cat = subprocess.Popen(["cat"], stdin=producer.stdout, stdout=stream)
    producer.stdout.close()
    seconds = time_log(target, lines)
    _, _, usage = os.wait4(cat.pid, 0)
    producer.wait()
    target.unlink()
    return seconds, usage.ru_utime + usage.ru_stime


def davit_round(bench, mebibytes, lines):
    name = bench.davit("run", "-d", "--rootfs", bench.rootfs(), "--log-max-size", "8g", "--", "sh", "-c",
                       f"sleep 0.2; line-producer {mebibytes}; exec sleep 1000").strip()
    shim = shim_of(name)
    seconds, cpu = time_log(bench.disk / "log" / name / "log", lines), cpu_seconds(shim)
    bench.davit("rm", "-f", name)
    return seconds, cpu


def conmon_round(bench, conmons, bundle, lines):
    log = bench.disk / "conmon"
    name = conmons.create(bundle, log)
    conmons.start(name)
    log = log.with_suffix(".log")
    seconds, cpu = time_log(log, lines), cpu_seconds(conmons.pids[name])
    conmons.delete(name)
    log.unlink()
    return seconds, cpu


def log(bench, quick):
    mebibytes = 128 if quick else 512
    lines = (mebibytes << 20) // LINE
    bench.start_davitd(log_dir=bench.disk / "log")
    bundle = bench.bundle("log", ["sh", "-c", f"sleep 0.2; line-producer {mebibytes}; exec sleep 1000"])
    samples = {"cat": [], "davit-shim": [], "conmon": []}
    with Conmons(bench, "log") as conmons:
        for _ in range(3 if quick else 5):
            samples["cat"].append(cat_round(bench, mebibytes, lines))
            samples["davit-shim"].append(davit_round(bench, mebibytes, lines))
            samples["conmon"].append(conmon_round(bench, conmons, bundle, lines))
    bench.stop_davitd()
    size = mebibytes * 1.048576  # MB
    speed = {name: size / median([sample[0] for sample in values]) for name, values in samples.items()}
    cpu = {name: median([sample[1] for sample in values]) / (size / 1000) for name, values in samples.items()}
    table(f"{mebibytes} MiB of 80-byte lines into a file on disk, {len(samples['cat'])} rounds",
          ["", "MB/s of payload", "CPU s per GB", "speed x cat", "speed x conmon", "CPU x conmon"],
          [[name, f"{speed[name]:.0f}", f"{cpu[name]:.2f}", f"{speed[name] / speed['cat']:.2f}",
            f"{speed[name] / speed['conmon']:.2f}", f"{cpu[name] / cpu['conmon']:.2f}"] for name in samples])
