# SPDX-License-Identifier: Apache-2.0
"""Exit codes, signals, and the cause that the record names."""
import errno
import os
import signal

import pytest
from davit_rpc import RpcError
from oracle import eventually

pytestmark = pytest.mark.asan

EVERY_CODE = range(256)


def test_every_exit_code(rpc, busybox_root):
    """256 containers in batches, so that two cores are busy and no limit is met."""
    wrong = {}
    for begin in range(0, 256, 32):
        numbers = {code: rpc.call("container.create", rootfs=str(busybox_root), network="host",
                                  args=["sh", "-c", f"exit {code}"])["id"] for code in EVERY_CODE[begin:begin + 32]}
        waits = {code: rpc.send("container.wait", container=number) for code, number in numbers.items()}
        starts = [rpc.send("container.start", container=number) for number in numbers.values()]
        for start in starts:
            rpc.result(start)
        for code, wait in waits.items():
            record = rpc.result(wait)["exit"]
            if (record.get("code"), record.get("signal"), record["cause"]["kind"]) != (code, None, "exited"):
                wrong[code] = record
        for delete in [rpc.send("container.delete", container=number) for number in numbers.values()]:
            rpc.result(delete)
    assert not wrong


@pytest.fixture
def killable(launch, bundle):
    """One that any signal ends: the first process of a pid namespace of its own would take none of those
    that it has no handler for, but for KILL."""
    namespaces = [{"type": kind} for kind in ("network", "ipc", "uts", "mount", "cgroup")]
    return launch(bundle=str(bundle({"process.args": ["sleep", "100"], "linux.cgroupsPath": "",
                                     "linux.namespaces": namespaces})))


FATAL = ["HUP", "INT", "QUIT", "ILL", "ABRT", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM"]


@pytest.mark.parametrize("name", FATAL)
def test_killed_by_a_signal_from_outside(rpc, killable, name):
    number = killable
    wanted = getattr(signal, f"SIG{name}")
    os.kill(rpc.call("container.inspect", container=number)["pid"], wanted)
    record = rpc.call("container.wait", container=number)["exit"]
    assert record.get("code") is None and record["signal"] == wanted
    assert record["cause"] == {"kind": "killed-by-other"}


def test_killed_by_request(rpc, killable):
    rpc.call("container.kill", container=killable, signal="INT")
    record = rpc.call("container.wait", container=killable)["exit"]
    assert record["signal"] == signal.SIGINT
    assert (record["cause"]["kind"], record["cause"]["verb"]) == ("killed-by-request", "kill")
    assert f"uid 0 pid {os.getpid()}" in record["cause"]["who"]


def test_a_request_for_another_signal_explains_nothing(rpc, launch):
    number = launch("sh", "-c", "trap '' USR1; echo ready; while :; do sleep 0.1; done")
    stream = rpc.open("container.logs", container=number, follow=True)
    stream.read_until("log", b"ready")
    rpc.call("container.kill", container=number, signal="USR1")
    os.kill(rpc.call("container.inspect", container=number)["pid"], signal.SIGKILL)
    record = rpc.call("container.wait", container=number)["exit"]
    assert record["cause"] == {"kind": "killed-by-other"}


def test_an_exit_after_a_request_is_an_exit(rpc, launch):
    number = launch("sh", "-c", "trap 'exit 0' TERM; echo ready; while :; do sleep 0.1; done")
    stream = rpc.open("container.logs", container=number, follow=True)
    stream.read_until("log", b"ready")
    rpc.call("container.stop", container=number)
    record = rpc.call("container.wait", container=number)["exit"]
    assert (record["code"], record["cause"]["kind"]) == (0, "exited")


def test_out_of_memory(run):
    outcome = run("sh", "-c", "head -c 200m /dev/zero | tail -c 200m", resources={"memory": 16 << 20, "swap": 0})
    # The shell survives its child, unless the kernel chose it.
    assert outcome.exit["evidence"]["oom_kills"] >= 1
    assert outcome.exit["evidence"]["memory_limit"] == 16 << 20


def test_out_of_memory_of_the_first_process(run):
    outcome = run("tail", "-c", "200m", "/dev/zero", resources={"memory": 16 << 20, "swap": 0})
    assert outcome.exit["signal"] == signal.SIGKILL
    assert outcome.exit["cause"]["kind"] == "oom"
    assert outcome.exit["cause"].get("limit", "own") == "own"
    assert outcome.exit["evidence"]["oom_kills"] >= 1


def test_killed_by_the_seccomp_filter(rpc, run, folder):
    profile = folder / "profile.json"
    profile.write_text('{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], '
                       '"syscalls": [{"names": ["sethostname"], "action": "SCMP_ACT_KILL_PROCESS"}]}')
    outcome = run("hostname", "x", seccomp=str(profile))
    assert outcome.exit["signal"] == signal.SIGSYS
    assert outcome.exit["cause"]["kind"] == "seccomp"


START_FAILURES = [
    ("no such command", {"args": ["/no/such"]}, "exec", errno.ENOENT),
    ("not in the path", {"args": ["no-such-command"]}, "exec", errno.ENOENT),
    ("not executable", {"args": ["/bin/not-executable"]}, "exec", errno.EACCES),
    ("no interpreter", {"args": ["/bin/bad-interpreter"]}, "exec", errno.ENOENT),
    ("a folder", {"args": ["/etc"]}, "exec", errno.EACCES),
    ("cwd is a file", {"args": ["true"], "cwd": "/etc/passwd"}, "cwd", errno.ENOTDIR),
]


@pytest.mark.parametrize("create, step, number", [row[1:] for row in START_FAILURES],
                         ids=[row[0] for row in START_FAILURES])
def test_a_start_that_fails_names_its_step(rpc, busybox_root, nothing_is_left, create, step, number):
    name = rpc.call("container.create", rootfs=str(busybox_root), **create)["id"]
    with pytest.raises(RpcError) as failure:
        rpc.call("container.start", container=name)
    assert failure.value.code == "RuntimeFailed"
    assert failure.value.where.split()[0] == step, failure.value
    found = rpc.call("container.inspect", container=name)
    assert found["state"] == "exited"
    cause = found["exit"]["cause"]
    assert (cause["kind"], cause["step"], cause["errno"]) == ("start-failed", failure.value.where, number)
    rpc.call("container.delete", container=name)


def test_a_failed_start_is_told_to_those_who_wait(rpc, busybox_root):
    name = rpc.call("container.create", rootfs=str(busybox_root), args=["/no/such"])["id"]
    waiting = rpc.send("container.wait", container=name)
    with pytest.raises(RpcError):
        rpc.call("container.start", container=name)
    assert rpc.result(waiting)["exit"]["cause"]["kind"] == "start-failed"


def test_the_record_counts_the_output(run):
    outcome = run("sh", "-c", "printf abc; printf de >&2")
    log = outcome.exit["log"]
    assert (log["written"], log["dropped"], log["rotated"]) == (5, 0, 0)
    assert b"abc" in log["tail"] and b"de" in log["tail"]


def test_the_tail_holds_the_last_4_kib(run):
    outcome = run("sh", "-c", "i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done")
    tail = outcome.exit["log"]["tail"]
    assert 2048 <= len(tail) <= 4096 and b"line 1999" in tail
    assert outcome.lines == [f"line {i}" for i in range(2000)]


def test_children_that_outlive_the_first_process_are_killed(davitd, run):
    outcome = run("sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 & exit 3")
    assert outcome.code == 3


def test_an_open_pipe_of_a_child_does_not_hold_the_exit_up(rpc, launch):
    number = launch("sh", "-c", "trap '' TERM; (trap '' TERM HUP; sleep 1000) & exit 3")
    assert rpc.call("container.wait", container=number)["exit"]["code"] == 3


def test_a_zombie_of_a_grandchild_is_nobodys_exit(rpc, launch):
    """What is reparented to the shim or to init ends without being taken for the container."""
    number = launch("sh", "-c", "(sh -c 'exit 9' & exit 8) ; (exit 7); echo ready; sleep 100")
    stream = rpc.open("container.logs", container=number, follow=True)
    stream.read_until("log", b"ready")
    assert rpc.call("container.inspect", container=number)["state"] == "running"
    os.kill(rpc.call("container.inspect", container=number)["pid"], signal.SIGKILL)
    eventually(lambda: rpc.call("container.inspect", container=number)["state"] == "exited")
