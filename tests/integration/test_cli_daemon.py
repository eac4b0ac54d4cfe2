# SPDX-License-Identifier: Apache-2.0
"""The davit command when davitd dies under it, and when there is none yet."""
import json
import os
import re
import signal
import subprocess
import sys

import daemon
import pytest
import sandbox
from davit_helpers import TIMEOUT, Davit
from oracle import eventually


@pytest.fixture
def server(new_davitd):
    return new_davitd()


@pytest.fixture
def davit(server, busybox_root):
    command = Davit(server.socket, busybox_root)
    yield command
    command.close()


def is_reconnecting(lines, errors):
    return any("the connection to davitd is lost" in line for line in errors)


def reads(pid):
    """How often the process has called read()."""
    with open(f"/proc/{pid}/io") as file:
        return int(dict(line.split(": ") for line in file)["syscr"])


@pytest.mark.parametrize("options", [[], ["--rm"]])
def test_run_goes_on_when_davitd_is_killed(server, davit, options):
    running = davit.start("run", *options, "-i", "--rootfs", davit.root, "sh", "-c",
                          "echo one; read x; echo got $x; exit 5", stdin=subprocess.PIPE)
    running.wait_for_line("one")
    server.kill()
    running.wait_for(is_reconnecting)
    server.start()
    running.process.stdin.write(b"later\n")
    running.process.stdin.flush()
    result = running.finish()
    assert (result.code, result.stdout) == (5, "one\ngot later\n"), result


def test_the_end_of_stdin_is_told_again(server, davit):
    """davitd is stopped while it has not read the half-close, and killed."""
    running = davit.start("run", "-i", "--rootfs", davit.root, "sh", "-c", "echo up; cat; echo end", stdin=subprocess.PIPE)
    running.process.stdin.write(b"text\n")
    running.process.stdin.flush()
    running.wait_for_line("text")
    server.process.send_signal(signal.SIGSTOP)
    before = reads(running.process.pid)
    running.process.stdin.close()
    running.process.stdin = None
    eventually(lambda: reads(running.process.pid) > before)
    server.kill()
    running.wait_for(is_reconnecting)
    server.start()
    result = running.finish()
    assert (result.code, result.stdout) == (0, "up\ntext\nend\n"), result


def test_output_that_was_missed_is_told(server, davit, folder):
    (folder / "gate").mkdir()
    running = davit.start("run", "-i", "--rootfs", davit.root, "-v", f"{folder}/gate:/mnt", "sh", "-c",
                          "echo one; until [ -e /mnt/go ]; do :; done; echo missed; touch /mnt/done; read x; echo last",
                          stdin=subprocess.PIPE)
    running.wait_for_line("one")
    server.kill()
    running.wait_for(is_reconnecting)
    (folder / "gate/go").touch()
    eventually((folder / "gate/done").exists)
    server.start()
    # stdin is read again when all is attached again.
    running.process.stdin.write(b"\n")
    running.process.stdin.flush()
    result = running.finish()
    assert (result.code, result.stdout) == (0, "one\nlast\n"), result
    assert "davit: run: warning: 7 bytes of stdout were missed, the log has them\n" in result.stderr


@pytest.mark.parametrize("options", [[], ["--rm"]])
def test_an_exit_while_davitd_is_away_is_heard_of(server, davit, folder, options):
    (folder / "gate").mkdir()
    running = davit.start("run", *options, "--rootfs", davit.root, "-v", f"{folder}/gate:/mnt", "sh", "-c",
                          "echo one; until [ -e /mnt/go ]; do :; done; exit 6")
    running.wait_for_line("one")
    with server.client() as client:
        pid = client.call("container.list")["containers"][0]["pid"]
    server.kill()
    running.wait_for(is_reconnecting)
    (folder / "gate/go").touch()
    eventually(lambda: not os.path.exists(f"/proc/{pid}"))
    server.start()
    assert running.finish().code == 6


def test_a_signal_while_davitd_is_away_ends_davit_alone(server, davit):
    running = davit.start("run", "--name", "goes-on", "--rootfs", davit.root, "sh", "-c", "echo up; sleep 100")
    running.wait_for_line("up")
    server.kill()
    running.wait_for(is_reconnecting)
    running.send_signal(signal.SIGINT)
    assert running.finish().code == 128 + signal.SIGINT
    server.start()
    assert davit.ok("inspect", "goes-on").json["state"] == "running"


def test_wait_logs_and_events_go_on(server, davit):
    number = davit.launch("sh", "-c", "echo one; echo two; read x; echo three; exit 9", options=["-i"])
    waiting, logs, events = davit.start("wait", number), davit.start("logs", "-f", number), davit.start("events")
    logs.wait_for_line("two")
    with server.client() as client:
        eventually(lambda: client.call("system.info")["connections"] == 4)
    server.kill()
    for command in (waiting, logs, events):
        command.wait_for(is_reconnecting)
    server.start()
    attached = davit.start("attach", number, stdin=subprocess.PIPE)
    attached.process.stdin.write(b"\n")
    attached.process.stdin.flush()
    assert attached.finish().code == 9
    result = waiting.finish()
    assert (result.code, result.stdout) == (0, "9\n"), result
    result = logs.finish()
    assert (result.code, result.stdout) == (0, "one\ntwo\nthree\n"), result
    events.wait_for(lambda lines, _: any("container.exited" in line for line in lines))
    events.send_signal(signal.SIGTERM)
    numbers = [int(line.split()[0]) for line in events.finish().stdout.splitlines()]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_verbs_that_change_something_are_not_repeated(server, davit):
    number = davit.launch("sh", "-c", "trap '' TERM; echo up; while :; do sleep 100; done")
    logs = davit.start("logs", "-f", number)
    logs.wait_for_line("up")
    stopping = davit.start("stop", "-t", "100", number)
    eventually(lambda: davit.ok("inspect", number).json["state"] == "stopping")
    server.kill()
    result = stopping.finish()
    assert (result.code, result.stdout) == (125, "")
    assert re.fullmatch(r"davit: stop: Unavailable: the connection to davitd is lost: .*\n", result.stderr), result


# --- autostart ---

# In a private mount namespace the default places are empty.
IN_EMPTY_PLACES = """
import os, subprocess, sys
sys.path.insert(0, sys.argv[1])
import sandbox
sandbox.enter_mount_namespace()
for folder in ("/run", "/var/lib", "/var/log"):
    sandbox.mount("none", folder, "tmpfs", 0, "mode=0755")
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.fixture
def in_empty_places():
    """Runs a shell script in which `davit` means the command without a davitd; the davitd that it has
    started is ended."""
    def run(script):
        environment = daemon.clean_environment(D=str(daemon.DAVIT))
        here = os.path.dirname(sandbox.__file__)
        command = [sys.executable, "-B", "-c", IN_EMPTY_PLACES, here, "/bin/sh", "-c", script]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIMEOUT)
    return run


def end(pid):
    pidfd = os.pidfd_open(pid)
    signal.pidfd_send_signal(pidfd, signal.SIGTERM)
    eventually(lambda: not os.path.exists(f"/proc/{pid}"))
    os.close(pidfd)


def test_autostart_starts_one_davitd_for_many_clients(in_empty_places, nothing_is_left):
    done = in_empty_places("for i in 1 2 3 4 5 6; do $D system info --json & done; wait; "
                           "stat -c '%a' /run/davit /run/davit/davitd.log >&2")
    infos = [json.loads(line) for line in done.stdout.splitlines()]
    try:
        assert done.stderr == "710\n600\n", done
        assert len(infos) == 6 and len({info["pid"] for info in infos}) == 1
        pid = infos[0]["pid"]
        assert os.getsid(pid) not in (os.getsid(0), 0)
        assert {name for name in os.listdir(f"/proc/{pid}/fd") if int(name) < 3} == {"0", "1", "2"}
    finally:
        for pid in {info["pid"] for info in infos}:
            end(pid)


def test_autostart_is_not_for_a_socket_that_was_named(in_empty_places):
    done = in_empty_places("$D --socket /run/davit/davit.sock ps; DAVIT_SOCKET=/run/davit/davit.sock $D ps; "
                           "$D --no-autostart ps; ls /run")
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "davit: ps: Unavailable: cannot connect to davitd at /run/davit/davit.sock: No such file or directory (socket)"] * 3


def test_autostart_of_a_davitd_that_fails(in_empty_places, folder):
    (folder / "broken").write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
    (folder / "broken").chmod(0o755)
    done = in_empty_places(f"DAVIT_DAVITD={folder}/broken $D ps; echo $?; cat /run/davit/davitd.log; "
                           f"DAVIT_DAVITD={folder}/none $D ps; echo $?")
    assert done.stdout == "125\nbroken\n125\n"
    assert done.stderr.splitlines() == [
        "davit: ps: Unavailable: it was started and ended at once, see davitd.log beside /run/davit/davit.sock (davitd)",
        f"davit: ps: Unavailable: cannot start davitd: No such file or directory ({folder}/none)"]
