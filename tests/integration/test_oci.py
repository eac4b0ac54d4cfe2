# SPDX-License-Identifier: Apache-2.0
"""davit-oci: the life of a container, what is refused and how, limits, and runc beside it."""
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

import daemon
import oci_helpers
import roots
from oracle import cgroup_roots, eventually, is_alive

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/runtime.md"


@pytest.fixture
def oci(folder, nothing_is_left):
    """davit-oci with an empty state folder; in the end there is nothing in it."""
    runtime = oci_helpers.Runtime(daemon.DAVIT_OCI, folder / "state")
    yield runtime
    left = runtime.ids()
    for number in left:
        runtime("delete", "--force", number)
    assert not left
    assert [path for path in (folder / "state").iterdir() if path.name != ".seccomp"] == []


def cgroup_path(bundle):
    return json.loads((bundle / "config.json").read_text())["linux"]["cgroupsPath"]


def cgroup_file(bundle, name):
    """The one file of this name in the container's cgroups."""
    found = [root / cgroup_path(bundle).strip("/") / name for root in cgroup_roots()]
    return next(path for path in found if path.exists())


# --- a life ---

def test_create_start_kill_delete(oci, bundle):
    place = bundle({"process.args": ["sleep", "100"], "annotations": {"org.x": "y z"}})
    oci.create(place, "one")
    state = oci.state_of("one")
    assert state["status"] == "created"
    assert state["bundle"] == str(place)
    assert state["ociVersion"] == "1.0.2"
    assert state["annotations"] == {"org.x": "y z"}
    assert Path(f"/proc/{state['pid']}/comm").read_text() == "davit-init\n"
    oci.ok("start", "one")
    assert oci.status_of("one") == "running"
    eventually(lambda: Path(f"/proc/{state['pid']}/comm").read_text() == "sleep\n")
    assert oci.ids() == ["one"]
    oci.fails("delete", "one", code="WrongState", where="id", text="not stopped: running")
    oci.fails("start", "one", code="WrongState", where="id", text="already running")
    oci.ok("kill", "one", "KILL")
    eventually(lambda: oci.status_of("one") == "stopped")
    assert oci.state_of("one")["pid"] == 0
    oci.fails("kill", "one", code="WrongState", where="id", text="container not running")
    oci.fails("start", "one", code="WrongState", where="id", text="has stopped")
    oci.ok("delete", "one")
    oci.fails("state", "one", code="NotFound", where="id", text="container does not exist")


def test_what_created_means(oci, bundle):
    place = bundle({"process.args": ["sleep", "100"]})
    oci.create(place, "one", "--pid-file", place / "pid")
    pid = oci.state_of("one")["pid"]
    assert (place / "pid").read_text() == str(pid)
    oci.fails("create", "--bundle", place, "one", code="AlreadyExists", where="id", text="already exists")
    # What init holds while it waits: its standard descriptors and the socket it waits on.
    held = {int(fd): os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    assert [target.split(":")[0] for fd, target in held.items() if fd > 2] == ["socket"], held
    oci.ok("kill", "one", "TERM")
    eventually(lambda: oci.status_of("one") == "stopped")
    oci.ok("delete", "one")


def test_a_created_one_can_be_deleted(oci, bundle):
    oci.create(bundle({"process.args": ["sleep", "100"]}), "one")
    pid = oci.state_of("one")["pid"]
    oci.ok("delete", "one")
    eventually(lambda: not is_alive(pid))


def test_delete_force(oci, bundle):
    oci.ok("run", "--detach", "--bundle", bundle({"process.args": ["sleep", "100"]}), "one")
    oci.ok("delete", "--force", "one")
    oci.ok("delete", "--force", "one")
    oci.fails("delete", "one", code="NotFound", where="id")


def test_kill_all_reaches_every_process(oci, bundle):
    place = bundle({"process.args": ["sh", "-c", "sleep 100 & sleep 100 & wait"]})
    oci.ok("run", "-d", "-b", place, "one")
    processes = cgroup_file(place, "cgroup.procs")
    pids = eventually(lambda: len(processes.read_text().split()) == 3 and processes.read_text().split())
    oci.ok("kill", "--all", "one", "KILL")
    eventually(lambda: not any(is_alive(int(pid)) for pid in pids))
    oci.ok("delete", "one")


def test_list(oci, bundle):
    assert oci.ok("list").split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
    assert json.loads(oci.ok("list", "--format", "json")) == []
    place = bundle({"process.args": ["true"]})
    oci.create(place, "b.1")
    [row] = json.loads(oci.ok("list", "-f", "json"))
    assert (row["id"], row["status"], row["bundle"], row["owner"]) == ("b.1", "created", str(place), "root")
    assert oci.ok("list").splitlines()[1].split()[::2][:2] == ["b.1", "created"]
    oci.ok("delete", "b.1")


# --- run ---

@pytest.mark.parametrize("args, code", [
    (["true"], 0), (["sh", "-c", "exit 7"], 7), (["sh", "-c", "exit 255"], 255),
    (["sh", "-c", "sh -c 'kill -KILL $$'; exit $?"], 137), (["script"], 3)])
def test_run_returns_the_code(oci, bundle, args, code):
    assert oci("run", "--bundle", bundle({"process.args": args}), "one").returncode == code


def test_run_passes_stdio_on(oci, bundle):
    place = bundle({"process.args": ["sh", "-c", "read line; echo out $line; echo err >&2"]})
    with subprocess.Popen(oci.command("run", "-b", place, "one"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:
        assert process.communicate("word\n", timeout=oci_helpers.DEADLINE) == ("out word\n", "err\n")


def test_run_passes_signals_on(oci, bundle):
    script = "trap 'echo got; exit 9' USR1; echo ready; while :; do sleep 0.05; done"
    place = bundle({"process.args": ["sh", "-c", script]})
    with oci.start_process("run", "--bundle", place, "one") as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGUSR1)
        assert process.communicate(timeout=oci_helpers.DEADLINE)[0] == "got\n"
        assert process.returncode == 9


def test_run_ends_with_128_and_the_signal(oci, bundle):
    with oci.start_process("run", "--bundle", bundle({"process.args": ["sleep", "100"]}), "one") as process:
        eventually(lambda: oci.ids() and oci.status_of("one") == "running")
        oci.ok("kill", "one", "9")
        assert process.wait(oci_helpers.DEADLINE) == 137


def test_run_keeps_the_state_when_asked(oci, bundle):
    assert oci("run", "--keep", "--bundle", bundle({"process.args": ["true"]}), "one").returncode == 0
    assert oci.status_of("one") == "stopped"
    oci.ok("delete", "one")


def test_preserved_descriptors(oci, bundle):
    place = bundle({"process.args": ["sh", "-c", "cat <&3; ls /proc/self/fd"]})
    reader, writer = os.pipe()
    os.write(writer, b"through\n")
    os.close(writer)
    command = ["bash", "-c", f"exec 3<&{reader}; exec \"$@\"", "bash",
               *oci.command("run", "--preserve-fds", "1", "--bundle", place, "one")]
    done = subprocess.run(command, pass_fds=[reader], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=oci_helpers.DEADLINE)
    os.close(reader)
    assert done.stdout.split() == ["through", "0", "1", "2", "3", "4"], done
    oci.fails("run", "--preserve-fds", "900", "--bundle", place, "one", code="InvalidArgument",
              where="--preserve-fds")


# --- what is refused ---

@pytest.mark.parametrize("args, where, text", [
    (["no-such-program"], "exec no-such-program", "no such program"),
    (["/bin/not-executable"], "exec /bin/not-executable", "not an executable file"),
    (["/bin"], "exec /bin", "not an executable file"),
])
def test_a_missing_program_fails_the_create(oci, bundle, args, where, text):
    place = bundle({"process.args": args})
    for verb in ("create", "run"):
        oci.fails(verb, "--bundle", place, "one", code="RuntimeFailed", where=where, text=text)


def test_a_missing_interpreter_fails_the_start(oci, bundle):
    oci.create(bundle({"process.args": ["bad-interpreter"]}), "one")
    oci.fails("start", "one", code="RuntimeFailed", where="exec bad-interpreter",
              text="no such file, or its interpreter is missing")
    eventually(lambda: oci.status_of("one") == "stopped")
    oci.ok("delete", "one")


@pytest.mark.parametrize("changes, code, where", [
    ({"mounts.6": {"destination": "/x", "type": "no-such-type", "source": "x"}}, "RuntimeFailed", "mount /x"),
    ({"mounts.6": {"destination": "/bin/sh", "type": "tmpfs", "source": "x"}}, "RuntimeFailed", "mount /bin/sh"),
    ({"mounts.6": {"destination": "/x", "type": "bind", "source": "/no/such", "options": ["bind"]}},
     "RuntimeFailed", "bind /x"),
    ({"root.path": "/no/such/root"}, "RuntimeFailed", "rootfs /no/such/root"),
    ({"root.path": "/bin/busybox"}, "RuntimeFailed", "rootfs /bin/busybox"),
    ({"linux.namespaces.1": {"type": "network", "path": "/proc/self/ns/uts"}}, "RuntimeFailed",
     "namespace network"),
    ({"process.cwd": "/bin/busybox"}, "RuntimeFailed", "cwd /bin/busybox"),
    ({"process.terminal": True}, "Unsupported", "process.terminal"),
    ({"linux.cgroupsPath": "system.slice:davit:x"}, "Unsupported", "linux.cgroupsPath"),
    ({"process.args": []}, "InvalidArgument", "process.args"),
])
def test_errors_name_the_step(oci, bundle, changes, code, where):
    place = bundle({"process.args": ["true"], "root.readonly": False, **changes})
    oci.fails("create", "--bundle", place, "one", code=code, where=where)
    assert oci.ids() == []


def test_bad_command_lines(oci, bundle, folder):
    place = bundle()
    for number in ("", "../x", "a/b", ".", "..", "x" * 65, "a b", "a\n", "\u00e4"):
        oci.fails("create", "--bundle", place, number, code="InvalidArgument", where="id")
        oci.fails("state", number, code="NotFound", where="id")
    oci.fails("create", "--bundle", place, code="InvalidArgument", where="arguments")
    oci.fails("create", "--bundle", folder / "none", "one", code="NotFound", where="bundle")
    oci.fails("create", "--bundle", folder, "one", code="NotFound", where="config.json")
    oci.fails("create", "--bundle", place, "--no-pivot", "one", code="Unsupported", where="--no-pivot")
    oci.fails("create", "--bundle", place, "--console-socket", "/x", "one", code="Unsupported",
              where="--console-socket")
    oci.fails("kill", "one", "NOSUCH", code="InvalidArgument", where="signal")
    oci.fails("list", "--format", "xml", code="InvalidArgument", where="--format")
    done = oci("explode")
    assert (done.returncode, done.stderr) == (1, "davit-oci: InvalidArgument: unknown verb explode (verb)\n")


def test_the_log_has_runcs_forms(oci, folder):
    log = folder / "log"
    oci.fails("state", "one", code="NotFound", where="id", options=["--log", log, "--log-format", "json"])
    [line] = log.read_text().splitlines()
    entry = json.loads(line)
    assert (entry["level"], entry["msg"]) == ("error", "NotFound: container does not exist (id)")
    log.unlink()
    oci.fails("state", "one", code="NotFound", where="id", options=["--log", log])
    assert re.fullmatch(r'time="[^"]+" level=error msg="NotFound: container does not exist \(id\)"\n',
                        log.read_text())


def test_a_state_folder_that_others_can_write_to(oci, folder):
    (folder / "state").mkdir(exist_ok=True)
    (folder / "state").chmod(0o777)
    oci.fails("list", code="PermissionDenied", where="--root")
    (folder / "state").chmod(0o700)


def test_a_killed_creator_leaves_what_can_be_deleted(oci, bundle):
    """The record is there before the first side effect, so that delete finds the cgroups."""
    place = bundle({"process.args": ["sleep", "100"]})
    with oci.start_process("run", "--bundle", place, "one") as process:
        eventually(lambda: oci.ids() and oci.status_of("one") == "running")
        process.kill()
        process.wait()
    # Before its exec init dies with its creator; after it the payload goes on.
    assert oci.status_of("one") in ("running", "stopped")
    oci.ok("delete", "--force", "one")


# --- what the payload finds ---

def test_an_unchanged_bundle_of_runc_spec_runs(oci, folder, busybox_root):
    place = folder / "spec"
    place.mkdir()
    subprocess.run(["runc", "spec", "--bundle", place], check=True, timeout=oci_helpers.DEADLINE)
    (place / "rootfs").symlink_to(busybox_root)
    with subprocess.Popen(oci.command("run", "-b", place, "one"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:
        output, errors = process.communicate("echo $$ $(hostname)\nexit 5\n", timeout=oci_helpers.DEADLINE)
    assert (process.returncode, output) == (5, "1 runc\n")
    assert "warning: process.terminal is left out: there is no terminal here\n" in errors
    oci.fails("create", "--bundle", place, "one", code="Unsupported", where="process.terminal")


def test_spec_writes_a_bundle_that_runs(oci, folder, busybox_root):
    place = folder / "spec"
    place.mkdir()
    oci.ok("spec", "--bundle", place)
    (place / "rootfs").symlink_to(busybox_root)
    with subprocess.Popen(oci.command("run", "-b", place, "one"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:
        output = process.communicate("echo $$\n", timeout=oci_helpers.DEADLINE)
    assert output == ("1\n", "")
    oci.fails("spec", "--bundle", place, code="AlreadyExists", where="config.json")


def test_plan_prints_what_would_be_done(oci, bundle, busybox_root):
    place = bundle({"process.args": ["true"]})
    lines = oci.ok("plan", place).splitlines()
    assert f"rootfs path={busybox_root} propagation=recursive,slave" in lines
    assert lines.index("pivot") < next(i for i, line in enumerate(lines) if line.startswith("user "))
    assert lines[-1].startswith("exec arguments=[true]")


def test_a_read_only_root(oci, bundle):
    place = bundle({"process.args": ["sh", "-c", "touch /x; touch /dev/x && echo dev"]})
    done = oci("run", "--bundle", place, "one")
    assert (done.returncode, done.stdout) == (0, "dev\n")
    assert "Read-only file system" in done.stderr


def test_the_pids_limit_holds(oci, bundle):
    script = "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 100 & done; echo all"
    place = bundle({"process.args": ["sh", "-c", script], "linux.resources": {"pids": {"limit": 5}}})
    done = oci("run", "--bundle", place, "one")
    assert done.returncode != 0 and done.stdout == ""
    assert "can't fork" in done.stderr


def test_the_memory_limit_kills(oci, bundle):
    place = bundle({"process.args": ["sh", "-c", "x=xxxxxxxxxxxxxxxx; while :; do x=$x$x; done"],
                    "linux.resources": {"memory": {"limit": 16 << 20}}})
    assert oci("run", "--bundle", place, "one").returncode == 137


def test_seccomp_answers(oci, bundle):
    place = bundle({
        "process.args": ["sh", "-c", "hostname x; mkdir /dev/a; grep -i seccomp: /proc/self/status"],
        "process.capabilities": {name: ["CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE"]
                                 for name in ("bounding", "effective", "permitted")},
        "linux.seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": ["sethostname"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
            {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1},
            {"names": ["no_such_call_ever"], "action": "SCMP_ACT_ERRNO"}]}})
    done = oci("run", "--bundle", place, "one")
    assert "sethostname: Function not implemented" in done.stderr
    assert "Operation not permitted" in done.stderr
    assert done.stdout == "Seccomp:\t2\n"


@pytest.mark.parametrize("link", ["{outside}", "../../../../../../../../..{outside}", "../outside"])
def test_links_of_the_root_stay_in_it(oci, bundle, folder, busybox_root, link):
    """/dev, /etc and a mount target lead out of the root folder by symbolic links."""
    outside, root = folder / "outside", folder / "root"
    outside.mkdir()
    shutil.copytree(busybox_root, root, symlinks=True)
    shutil.rmtree(root / "dev")
    shutil.rmtree(root / "etc")
    (root / "data").rmdir()
    for name in ("dev", "etc", "data"):
        (root / name).symlink_to(link.format(outside=outside))
    place = bundle({"process.args": ["true"], "root.readonly": False,
                    "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                               {"destination": "/data/x", "type": "tmpfs", "source": "tmpfs"},
                               {"destination": "/etc/hosts", "type": "bind", "source": "/etc/passwd",
                                "options": ["bind"]}],
                    "linux.devices": [{"path": "/dev/zero2", "type": "c", "major": 1, "minor": 5}]}, root=root)
    done = oci("run", "--bundle", place, "one")
    assert done.returncode == 0, done.stderr
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("target", ["link", "file", "fifo"])
def test_proc_must_be_a_plain_folder(oci, bundle, folder, busybox_root, target):
    outside, root = folder / "outside", folder / "root"
    outside.mkdir()
    shutil.copytree(busybox_root, root, symlinks=True)
    (root / "proc").rmdir()
    if target == "link":
        (root / "proc").symlink_to(outside)
    elif target == "file":
        (root / "proc").write_text("")
    else:
        os.mkfifo(root / "proc")
    place = bundle({"process.args": ["true"]}, root=root)
    oci.fails("run", "--bundle", place, "one", code="RuntimeFailed", where="mount /proc")
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("propagation, root", [
    (None, "master:"), ("rslave", "master:"), ("slave", "master:"), ("shared", "shared:"), ("rshared", "shared:"),
    ("private", "- "), ("rprivate", "- "), ("unbindable", "unbindable")])
def test_no_mount_reaches_a_shared_host_tree(oci, bundle, propagation, root):
    changes = {"linux.rootfsPropagation": propagation} if propagation else {}
    place = bundle({"process.args": ["grep", " / / \\| / ro\\| / rw", "/proc/self/mountinfo"], **changes})
    run = " ".join(f"'{word}'" for word in oci.command("run", "--bundle", place, "one"))
    script = f"before=$(cat /proc/self/mountinfo); {run}; test \"$before\" = \"$(cat /proc/self/mountinfo)\" || echo LEAK"
    done = subprocess.run(["unshare", "--mount", "--propagation", "shared", "sh", "-c", script], check=True,
                          capture_output=True, stdin=subprocess.DEVNULL, text=True, timeout=oci_helpers.DEADLINE)
    assert "LEAK" not in done.stdout and not done.stderr, done
    line = next(line for line in done.stdout.splitlines() if line.split()[4] == "/")
    assert " ".join(line.split()[6:]).startswith(root), line


def test_a_start_socket_that_is_only_looked_at(oci, bundle):
    """Connections that say nothing do not start the container."""
    oci.create(bundle({"process.args": ["true"]}), "one")
    for _ in range(20):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            client.connect(str(oci.state / "one/start.sock"))
    assert oci.status_of("one") == "created"
    oci.ok("start", "one")
    eventually(lambda: oci.status_of("one") == "stopped")
    oci.ok("delete", "one")


# --- beside runc ---

# Bundles made by `runc spec`, changed by:
COMPARED = {
    "spec": {},
    "user": {
        "process.user": {"uid": 1000, "gid": 1000, "additionalGids": [1001, 7], "umask": 0o27},
        "process.cwd": "/tmp",
        "process.env": ["PATH=/bin", "A=b c", "HOME=/home"],
        "process.rlimits": [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200},
                            {"type": "RLIMIT_CORE", "soft": 0, "hard": 0}],
        "process.capabilities": {
            "bounding": ["CAP_CHOWN", "CAP_KILL"],
            **{name: ["CAP_KILL"] for name in ("effective", "permitted", "inheritable", "ambient")}},
    },
    "limits": {
        "root.readonly": False,
        "process.noNewPrivileges": False,
        "process.capabilities": roots.DELETE,
        "process.oomScoreAdj": 100,
        "linux.maskedPaths": roots.DELETE,
        "linux.readonlyPaths": roots.DELETE,
        "linux.resources": {"memory": {"limit": 64 << 20}, "pids": {"limit": 30}, "cpu": {"shares": 512}},
    },
    "mounts": {
        "root.readonly": False,
        "mounts.7": {"destination": "/data", "type": "bind", "source": "/etc", "options": ["rbind", "ro", "nosuid"]},
        "mounts.8": {"destination": "/etc/one", "type": "bind", "source": "/etc/hostname",
                     "options": ["bind", "rprivate"]},
        "mounts.9": {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs",
                     "options": ["nosuid", "size=1m", "mode=1777"]},
        "linux.devices": [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o660}],
    },
    "host": {
        "linux.namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts", "cgroup")],
        "linux.sysctl": {"kernel.shmmni": "77"},
        "linux.seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
            {"names": ["sethostname"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}]},
    },
}

# Section, what the differing line looks like, and the sentence of docs/runtime.md that explains it.
EXPLAINED = [
    ("mountinfo", r"/(proc|sys)/\S+ tmpfs tmpfs / ro,", "Hidden folders are one empty tmpfs"),
    ("mountinfo", r"/proc/\S+ (devtmpfs devtmpfs|tmpfs tmpfs) /null ", "Hidden files are the host's `/dev/null`"),
    ("mountinfo", r"/ tmpfs davit-it /\S+ ro,", "A read-only root keeps its other flags"),
    ("mountinfo", r"/sys/fs/cgroup(/\S+)? ", "Only the cgroup hierarchies that are used"),
    ("cgroup", r"\d+:", "Only the cgroup hierarchies that are used"),
    ("environ", r"HOME=/root$", "`HOME` is not invented"),
    ("status", r"SigIgn:", "All signals are at their default"),
    ("descriptors", r"0 (/dev/null|pipe:\[N\])$", "Standard input is passed on as it is"),
]


def remove_empty_cgroups(parent):
    """runc leaves the folder above a container's cgroup behind."""
    for root in cgroup_roots():
        folder = root / parent.strip("/")
        if folder.exists():
            folder.rmdir()


def explanation(section, line):
    return next((why for kind, pattern, why in EXPLAINED if kind == section and re.match(pattern, line)), None)


@pytest.mark.parametrize("name", COMPARED)
def test_the_same_bundle_under_runc(oci, folder, busybox_root, cgroup_parent, name):
    runc = oci_helpers.Runtime("runc", folder / "runc")
    path = f"{cgroup_parent}/{secrets.token_hex(4)}"
    changes = {"process.terminal": False, "process.args": ["sh", "-c", oci_helpers.INSPECT],
               "linux.cgroupsPath": path, **COMPARED[name]}
    place = oci_helpers.runc_spec(folder / "bundle", busybox_root, changes)
    outputs = [runtime.piped("run", "--bundle", place, "one") for runtime in (oci, runc)]
    remove_empty_cgroups(cgroup_parent)
    ours, theirs = (oci_helpers.normalised(oci_helpers.inspected(output), [path.strip("/")]) for output in outputs)
    assert ours.keys() == theirs.keys() and all(ours.values())
    document = DOCUMENT.read_text()
    for section, sides in oci_helpers.difference(ours, theirs).items():
        for line in [*sides[0], *sides[1]]:
            why = explanation(section, line)
            assert why, f"{section}: {line} is a difference that nothing explains: {sides}"
            assert why in document
