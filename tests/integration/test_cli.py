# SPDX-License-Identifier: Apache-2.0
"""The davit command against a davitd: what it prints, where, and how it exits."""
import hashlib
import json
import os
import pty
import re
import signal
import subprocess

import daemon
import pytest
from davit_helpers import Davit

pytestmark = pytest.mark.asan


@pytest.fixture
def davit(davitd, busybox_root):
    command = Davit(davitd.socket, busybox_root)
    yield command
    command.close()


def names(davit, *options):
    return davit.ok("ps", "-q", "-a", *options).stdout.split()


# --- run ---

def test_run_passes_output_on_and_keeps_the_container(davit):
    result = davit.run("--name", "kept", command=["sh", "-c", "echo out; echo err >&2"])
    assert (result.code, result.stdout, result.stderr) == (0, "out\n", "err\n")
    assert davit.ok("inspect", "kept").json["state"] == "exited"


def test_run_rm_leaves_nothing(davit):
    assert davit.run("--rm", command=["true"]).code == 0
    assert names(davit) == []


@pytest.mark.parametrize("command, code", [
    (["true"], 0), (["sh", "-c", "exit 7"], 7), (["sh", "-c", "exit 255"], 255), (["script"], 3),
    (["/no/such/program"], 127), (["/bin/not-executable"], 126), (["/etc"], 126)])
@pytest.mark.parametrize("options", [[], ["--rm"]])
def test_run_exits_as_the_container(davit, command, code, options):
    result = davit.run(*options, command=command)
    assert result.code == code, result
    assert result.stdout == ""
    if code in (126, 127):
        assert re.fullmatch(r"davit: run: RuntimeFailed: .* \(exec.*\)\n", result.stderr), result
    else:
        assert result.stderr == ""
    assert len(names(davit)) == (0 if options else 1)


@pytest.mark.parametrize("options", [[], ["--rm"]])
def test_run_tells_a_signal_as_128_and_its_number(davit, options):
    running = davit.start("run", "--name", "victim", *options, "--rootfs", davit.root, "sh", "-c", "echo up; sleep 100")
    running.wait_for_line("up")
    davit.ok("kill", "victim")
    assert running.finish().code == 128 + signal.SIGKILL


@pytest.mark.parametrize("arguments, where", [
    (["--bogus"], "--bogus"), (["-m", "12q", "--host"], "--memory"), (["--name"], "--name"), ([], "SOURCE"),
    (["--host", "--network", "nope", "true"], "network"), (["--rootfs", "/no/such", "true"], "rootfs"),
    (["an-image", "true"], "image"), (["--host", "--restart", "always", "true"], "restart.policy"),
    (["--host", "-t", "true"], "tty"), (["--host", "--name", "a/b", "true"], "name")])
def test_run_tells_errors_of_its_own_as_125(davit, arguments, where):
    result = davit("run", *arguments)
    assert result.code == 125
    assert re.fullmatch(rf"davit: run: (InvalidArgument|Unsupported|NotFound): .* \({re.escape(where)}\)\n", result.stderr), result
    assert names(davit) == []


def test_run_without_i_has_no_stdin(davit):
    assert davit.run("--rm", command=["cat"], input=b"not for it").stdout == ""


def test_run_i_passes_stdin_on_with_its_end(davit):
    result = davit.run("--rm", "-i", command=["sh", "-c", "cat; echo end"], input=b"one\ntwo")
    assert (result.code, result.stdout, result.stderr) == (0, "one\ntwoend\n", "")


def test_run_i_is_binary_safe(davit):
    data = os.urandom(1 << 20) + b"\0\xff\n\r"
    result = davit.run("--rm", "-i", command=["cat"], input=data)
    assert result.code == 0, result.stderr
    assert hashlib.sha256(result.raw).digest() == hashlib.sha256(data).digest()


def test_run_i_of_a_container_that_reads_nothing(davit):
    result = davit.run("--rm", "-i", command=["sh", "-c", "exec <&-; echo done"], input=b"x" * 300000)
    assert (result.code, result.stdout, result.stderr) == (0, "done\n", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1,
                                    signal.SIGUSR2])
def test_run_passes_signals_on(davit, number):
    running = davit.start("run", "--rm", "--rootfs", davit.root, "sh", "-c",
                          f"trap 'echo got; exit 9' {int(number)}; echo up; while :; do sleep 100 & wait; done")
    running.wait_for_line("up")
    running.send_signal(number)
    result = running.finish()
    assert (result.code, result.stdout, result.stderr) == (9, "up\ngot\n", "")


def test_run_d_prints_the_id_and_nothing_else(davit):
    result = davit.ok("run", "-d", "--name", "back", "--rootfs", davit.root, "sleep", "100")
    assert re.fullmatch(r"[0-9a-f]{16}\n", result.stdout)
    assert davit.ok("inspect", "back").json["state"] == "running"


@pytest.mark.parametrize("options", [[], ["--rm"]])
def test_run_d_of_a_command_that_does_not_exist(davit, options):
    result = davit("run", "-d", *options, "--rootfs", davit.root, "/no/such/program")
    assert (result.code, result.stdout) == (127, "")
    assert len(names(davit)) == (0 if options else 1)


def test_run_host_after_double_dash(davit):
    result = davit("run", "--rm", "--host", "--", "/bin/sh", "-c", "echo $0 $1", "--", "-x")
    assert (result.code, result.stdout) == (0, "-- -x\n"), result


def test_run_options_reach_the_container(davit, folder):
    (folder / "note").write_text("from outside\n")
    script = "echo $A $B; hostname; pwd; id -u; cat /mnt/note; touch /mnt/x; touch /x; ulimit -n; df /scratch | tail -1"
    result = davit.run("--rm", "-e", "A=1", "--env", "B=2 3", "--hostname", "named", "-w", "/tmp", "-u", "1000:1000",
                       "-v", "./note:/mnt/note:ro", "--read-only", "--tmpfs", "/scratch:size=1m",
                       "--ulimit", "nofile=100:100", "-m", "64m", "--pids-limit", "50", "-l", "k=v",
                       command=["sh", "-c", script], cwd=folder)
    lines = result.stdout.splitlines()
    assert lines[:5] == ["1 2 3", "named", "/tmp", "1000", "from outside"], result
    assert lines[5] == "100" and lines[6].split()[1] == "1024", result
    assert result.stderr.count("Read-only file system") == 2


def test_arguments_from_a_file(davit, folder):
    (folder / "args.json").write_text(json.dumps(
        {"rootfs": str(davit.root), "args": ["sh", "-c", "echo $A$B"], "env": ["A=file"], "auto_remove": True}))
    assert davit.ok("run", "--file", "args.json", "-e", "B=line", cwd=folder).stdout == "fileline\n"
    assert davit.ok("run", "--file", "-", "echo", "other", input=(folder / "args.json").read_bytes()).stdout == "other\n"
    result = davit("run", "--file", "none.json", cwd=folder)
    assert (result.code, result.stderr) == (
        125, "davit: run: InvalidArgument: cannot read the file: No such file or directory (none.json)\n")


# --- the life of a container ---

def test_create_start_wait_rm(davit):
    created = davit.ok("create", "--name", "life", "--rootfs", davit.root, "sh", "-c", "exit 3")
    assert re.fullmatch(r"[0-9a-f]{16}\n", created.stdout)
    assert davit.ok("start", "life").stdout == "life\n"
    assert davit.ok("wait", "life").stdout == "3\n"
    assert davit.ok("wait", "life", "--json").json["exit"]["code"] == 3
    assert davit.ok("rm", "life").stdout == "life\n"
    assert names(davit) == []


def test_stop_kill_restart_several(davit):
    ids = [davit.launch("sleep", "100") for _ in range(3)]
    assert davit.ok("restart", "-t", "0", *ids).stdout.split() == ids
    assert davit.ok("stop", "-t", "0.1", ids[0], ids[1]).stdout.split() == ids[:2]
    assert davit.ok("kill", "-s", "SIGKILL", ids[2]).stdout.split() == [ids[2]]
    assert davit.ok("wait", *ids).stdout == "137\n137\n137\n"
    assert [davit.ok("inspect", i).json["generation"] for i in ids] == [2, 2, 2]
    assert davit.ok("rm", *ids).stdout.split() == ids


def test_rm_of_a_running_one(davit):
    number = davit.launch("sleep", "100")
    result = davit("rm", number)
    assert result.code == 125
    assert re.fullmatch(r"davit: rm: WrongState: .*\n", result.stderr), result
    davit.ok("rm", "-f", number)
    assert names(davit) == []


def test_one_of_several_that_does_not_exist(davit):
    number = davit.launch("sleep", "100")
    result = davit("kill", "nobody", number)
    assert (result.code, result.stdout) == (125, f"{number}\n")
    assert re.fullmatch(r"davit: kill: NotFound: .* \(container\)\n", result.stderr), result


def test_rename(davit):
    number = davit.launch("sleep", "100", options=["--name", "before"])
    davit.ok("rename", "before", "after")
    assert davit.ok("inspect", "after").json["id"] == number
    assert davit("inspect", "before").code == 125


def test_wait_for_other_conditions(davit):
    number = davit.ok("create", "--rootfs", davit.root, "sleep", "100").stdout.strip()
    result = davit("wait", "--condition", "running", "--timeout", "10ms", number)
    assert result.code == 125 and re.fullmatch(r"davit: wait: Timeout: .* \(timeout_usec\)\n", result.stderr), result
    davit.ok("start", number)
    assert davit.ok("wait", "--condition", "running", number).stdout == f"{number}\n"


@pytest.mark.parametrize("arguments, where", [
    (["stop"], "arguments"), (["rename", "one"], "arguments"), (["ps", "what"], "arguments"), (["stop", "--bogus", "x"], "--bogus"),
    (["stop", "-t", "soon", "x"], "--time"), (["kill", "-s", "NOPE", "x"], "--signal"), (["frobnicate"], "frobnicate"),
    (["logs", "--tail", "many", "x"], "--tail"), (["--bogus", "ps"], "--bogus"), (["create"], "SOURCE"), ([], "VERB")])
def test_wrong_usage_is_2(davit, arguments, where):
    result = davit(*arguments)
    assert (result.code, result.stdout) == (2, "")
    last = result.stderr.splitlines()[-1]
    assert re.fullmatch(rf"davit: \w+: InvalidArgument: .* \({re.escape(where)}\)", last), result


# --- reading ---

def test_ps(davit):
    running = davit.launch("sleep", "100", options=["--name", "runs", "-l", "tier=web"])
    davit.run("--name", "ended", command=["sh", "-c", "exit 4"])
    rows = [re.split(r" {2,}", line) for line in davit.ok("ps").stdout.splitlines()]
    assert rows[0] == ["ID", "NAME", "STATE", "PID", "AGE", "COMMAND"]
    assert len(rows) == 2 and rows[1][:3] == [running[:12], "runs", "running"] and rows[1][-1] == "sleep 100"
    assert "exited (4)" in davit.ok("ps", "-a").stdout
    assert names(davit, "--label", "tier=web") == [running]
    listed = davit.ok("ps", "-a", "--json").json["containers"]
    assert [(row["name"], row["state"]) for row in listed] == [("runs", "running"), ("ended", "exited")]


def test_inspect_prints_a_document_for_each(davit):
    for name in ("one", "two"):
        davit.ok("create", "--name", name, "--rootfs", davit.root, "true")
    assert davit.ok("inspect", "one").stdout.startswith("{\n  \"id\": ")
    lines = davit.ok("inspect", "--json", "one", "two").json_lines
    assert [line["name"] for line in lines] == ["one", "two"]


@pytest.fixture
def talker(davit):
    davit.run("--name", "talker", command=["sh", "-c", "echo first; echo second >&2; echo -e 'a\\033[1mb'; printf end"])
    return "talker"


def test_logs(davit, talker):
    result = davit("logs", talker)
    assert (result.code, result.stdout, result.stderr) == (0, "first\na\x1b[1mb\nend\n", "second\n")
    assert davit("logs", "--stream", "stderr", talker).stdout == ""
    assert davit("logs", "--tail", "0", talker).stdout == ""
    assert davit.ok("logs", "--since", "2100-01-01T00:00:00Z", talker).stdout == ""
    assert davit("logs", "--since", "1h", "--until", "2100-01-01T00:00:00Z", talker).stdout == result.stdout
    for line in davit("logs", "-t", talker).stdout.splitlines():
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z ", line), line


def test_logs_json(davit, talker):
    lines = davit.ok("logs", "--json", talker).json_lines
    joined = {name: "".join(line["text"] + ("" if line["partial"] else "\n") for line in lines if line["stream"] == name)
              for name in ("stdout", "stderr")}
    assert joined == {"stdout": "first\na\x1b[1mb\nend\n", "stderr": "second\n"}
    assert all(set(line) == {"time", "stream", "partial", "text"} for line in lines)


def test_logs_of_a_line_longer_than_a_record(davit):
    davit.run("--name", "long", command=["sh", "-c", "head -c 300000 /dev/zero | tr '\\0' x; echo; echo next"])
    result = davit.ok("logs", "long")
    assert result.stdout == "x" * 300000 + "\nnext\n"


def test_logs_follow_until_the_end(davit):
    number = davit.launch("sh", "-c", "echo one; read x; echo two", options=["-i"])
    following = davit.start("logs", "-f", number)
    following.wait_for_line("one")
    attached = davit.start("attach", number, stdin=subprocess.PIPE)
    attached.process.stdin.write(b"\n")
    attached.process.stdin.flush()
    assert attached.finish().code == 0
    result = following.finish()
    assert (result.code, result.stdout) == (0, "one\ntwo\n")


def test_logs_after_rotation_tell_what_is_missing(davit):
    davit.run("--name", "much", "--log-max-size", "4096", "--log-max-files", "2",
              command=["sh", "-c", "i=0; while [ $i -lt 1000 ]; do echo line number $i; i=$((i+1)); done"])
    result = davit("logs", "much")
    assert result.code == 1
    assert result.stdout.splitlines()[-1] == "line number 999"
    assert "davit: logs: warning: missing output: {" in result.stderr


def test_control_bytes_are_escaped_on_a_terminal(davit, talker):

    parent, child = pty.openpty()
    process = subprocess.Popen([str(daemon.DAVIT), "logs", talker], stdout=child, stderr=subprocess.PIPE,
                               env=davit.environment)
    os.close(child)
    output = b""
    while True:
        try:
            piece = os.read(parent, 4096)
        except OSError:
            break
        if not piece:
            break
        output += piece
    os.close(parent)
    process.communicate(timeout=30)
    assert (process.returncode, output) == (0, b"first\r\na\\x1b[1mb\r\nend\r\n")


def test_events(davit):
    davit.run("--name", "seen", "--rm", command=["sh", "-c", "exit 6"])
    events = davit.start("events", "--from", "0", "--json", "--type", "container.exited", "--type", "container.deleted")
    events.wait_for(lambda lines, _: any('"container.deleted"' in line and '"seen"' in line for line in lines))
    events.send_signal(signal.SIGTERM)
    told = [event for event in (json.loads(line) for line in events.finish().stdout.splitlines()) if event["name"] == "seen"]
    assert [event["type"] for event in told] == ["container.exited", "container.deleted"]
    assert told[0]["data"]["code"] == 6
    readable = davit.start("events", "--from", told[0]["seq"])
    readable.wait_for(lambda lines, _: len(lines) >= 1)
    readable.send_signal(signal.SIGTERM)
    first = readable.finish().stdout.splitlines()[0]
    assert re.match(rf"{told[0]['seq']} \S+Z container\.exited {told[0]['container']} \(seen\) code=6 .*cause=exited", first)


def test_events_of_one_container_as_they_happen(davit):
    number = davit.ok("create", "--rootfs", davit.root, "true").stdout.strip()
    events = davit.start("events", "--json", "--from", "0", number)
    events.wait_for(lambda lines, _: any("container.created" in line for line in lines))
    davit.ok("start", number)
    events.wait_for(lambda lines, _: any("container.exited" in line for line in lines))
    events.send_signal(signal.SIGTERM)
    types = [json.loads(line)["type"] for line in events.finish().stdout.splitlines()]
    assert types == ["container.created", "container.starting", "container.started", "container.exited"]


def test_system_info_and_version(davit, davitd):
    assert davit.ok("system", "info", "--json").json["pid"] == davitd.pid
    assert re.search(r"^places\.socket +/", davit.ok("system", "info").stdout, re.MULTILINE)
    version = davit.ok("version").stdout
    assert re.fullmatch(r"davit \d+\.\d+\.\d+\n", version)
    assert davit.ok("--version").stdout == version
    assert davit.ok("version", "--json").json == {"version": version.split()[1]}


def test_what_needs_no_daemon(folder):
    alone = Davit(folder / "none.sock")
    for arguments in (["version"], ["--help"], ["help"], ["run", "--help"], ["ps", "-h"]):
        assert alone.ok(*arguments).stdout != ""
    result = alone("ps")
    assert (result.code, result.stderr) == (
        125, f"davit: ps: Unavailable: cannot connect to davitd at {folder}/none.sock: No such file or directory (socket)\n")


def test_a_full_disk_below_stdout_is_an_error(davit):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([str(daemon.DAVIT), "ps"], stdout=full, stderr=subprocess.PIPE,
                              env=davit.environment, timeout=30)
    assert done.returncode == 125
    assert done.stderr == b"davit: ps: Internal: cannot write: No space left on device (stdout)\n"
