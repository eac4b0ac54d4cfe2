# SPDX-License-Identifier: Apache-2.0
"""Each argument of container.create changes what it names, and nothing exists before the start."""
import json
import os
import re
import stat

import pytest
from davit_rpc import RpcError
from oracle import cgroup_roots, cgroups_below, descendants

pytestmark = pytest.mark.asan


def shell(text):
    return ["sh", "-c", text]


# What is asked for, what is run, what it prints.
ROWS = [
    ("env", {"env": ["A=1", "B=x=y z"]}, shell("echo $A; echo \"$B\""), ["1", "x=y z"]),
    ("env over a default", {"env": ["PATH=/bin:/extra"]}, shell("echo $PATH"), ["/bin:/extra"]),
    ("cwd", {"cwd": "/etc"}, ["pwd"], ["/etc"]),
    ("cwd that does not exist is made", {"cwd": "/tmp/new/deep", "tmpfs": [{"target": "/tmp"}]}, ["pwd"],
     ["/tmp/new/deep"]),
    ("user by number", {"user": "1234"}, shell("id -u; id -g"), ["1234", "0"]),
    ("user and group by number", {"user": "12:34"}, shell("id -u; id -g; id -G"), ["12", "34", "34"]),
    ("user by name", {"user": "user"}, shell("id -u; id -g; id -G"), ["1000", "1000", "1000 1001"]),
    ("user and group by name", {"user": "user:other"}, shell("id -u; id -g; id -G"), ["1000", "1002", "1002"]),
    ("hostname", {"hostname": "named.example"}, shell("hostname; cat /etc/hostname"), ["named.example"] * 2),
    ("read_only", {"read_only": True}, shell("touch /x 2>/dev/null; echo $?; touch /dev/shm/x; echo $?"), ["1", "0"]),
    ("tmpfs", {"read_only": True, "tmpfs": [{"target": "/tmp", "options": ["size=1m", "mode=700"]}]},
     shell("touch /tmp/x && stat -c %a /tmp; dd if=/dev/zero of=/tmp/y bs=64k count=32 2>/dev/null; echo $?"),
     ["700", "1"]),
    ("cap_add", {"cap_add": ["CAP_SYS_ADMIN"]}, shell("grep CapEff /proc/self/status | cut -f2"),
     ["00000000a82425fb"]),
    ("cap_add in the short form", {"cap_add": ["net_admin"]}, shell("grep CapEff /proc/self/status | cut -f2"),
     ["00000000a80435fb"]),
    ("cap_drop", {"cap_drop": ["CAP_MKNOD"]}, shell("grep CapBnd /proc/self/status | cut -f2"),
     ["00000000a00425fb"]),
    ("cap_drop ALL", {"cap_drop": ["ALL"]}, shell("grep CapBnd /proc/self/status | cut -f2"), ["0" * 16]),
    ("cap_drop ALL, cap_add one", {"cap_drop": ["ALL"], "cap_add": ["CHOWN"]},
     shell("grep CapBnd /proc/self/status | cut -f2"), ["0" * 15 + "1"]),
    ("seccomp unconfined", {"seccomp": "unconfined"}, shell("grep ^Seccomp: /proc/self/status | cut -f2"), ["0"]),
    ("seccomp default", {"seccomp": "default"}, shell("grep ^Seccomp: /proc/self/status | cut -f2"), ["2"]),
    ("no_new_privileges off", {"no_new_privileges": False}, shell("grep NoNewPrivs /proc/self/status | cut -f2"),
     ["0"]),
    ("privileged", {"privileged": True},
     shell("grep ^Seccomp: /proc/self/status | cut -f2; mount -t tmpfs none /tmp; echo $?; "
           "echo 32000 > /proc/sys/kernel/msgmni; echo $?"),
     ["0", "0", "0"]),
    ("sysctls", {"sysctls": {"kernel.msgmax": "12345", "net.ipv4.ip_forward": "1"}},
     shell("cat /proc/sys/kernel/msgmax /proc/sys/net/ipv4/ip_forward"), ["12345", "1"]),
    ("rlimits", {"rlimits": [{"name": "nofile", "soft": 77, "hard": 88}, {"name": "RLIMIT_CORE", "soft": 0}]},
     shell("ulimit -Sn; ulimit -Hn; ulimit -Hc"), ["77", "88", "0"]),
    ("oom_score_adj", {"oom_score_adj": 321}, ["cat", "/proc/self/oom_score_adj"], ["321"]),
    ("network host", {"network": "host"}, ["readlink", "/proc/self/ns/net"], [os.readlink("/proc/self/ns/net")]),
    ("network none", {"network": "none"}, ["ls", "/sys/class/net"], ["lo"]),
    ("args are kept as they are", {}, ["printf", "%s|", "", "a b", "'\"$x\\", "\u00e4\n"], ["|a b|'\"$x\\|\u00e4", "|"]),
]


@pytest.mark.parametrize("create, args, expected", [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_argument(run, create, args, expected):
    outcome = run(*args, **create)
    assert outcome.lines == expected, outcome


def test_the_name_of_the_program_is_found_by_the_path_of_the_container(run):
    assert run("true").code == 0
    assert run("/bin/sh", "-c", "exit 4").code == 4
    assert run("bin/sh", "-c", "exit 5").code == 5


def test_without_args_the_shell_of_the_user_is_not_guessed(rpc, busybox_root):
    with pytest.raises(RpcError) as failure:
        rpc.call("container.create", rootfs=str(busybox_root))
    assert (failure.value.code, failure.value.where) == ("InvalidArgument", "args")


def test_a_bind_mount_for_reading_and_writing(run, folder):
    (folder / "in").write_text("from the host")
    outcome = run("sh", "-c", "cat /data/in; echo from inside > /data/out",
                  mounts=[{"source": str(folder), "target": "/data"}])
    assert outcome.stdout == b"from the host\n"
    assert (folder / "out").read_text() == "from inside\n"


def test_a_read_only_bind_mount(run, folder):
    (folder / "in").write_text("x")
    outcome = run("sh", "-c", "echo y > /data/in",
                  mounts=[{"source": str(folder), "target": "/data", "options": ["ro"]}])
    assert outcome.code == 1 and b"Read-only file system" in outcome.stderr
    assert (folder / "in").read_text() == "x"


def test_a_bind_mount_of_a_file(run, folder):
    (folder / "file").write_text("text\n")
    outcome = run("sh", "-c", "cat /etc/bound", mounts=[{"source": str(folder / "file"), "target": "/etc/bound"}])
    assert outcome.lines == ["text"]


REFUSED = b"Operation not permitted"
OPEN_BOTH = "(: </dev/copy) 2>&1; echo; (: >/dev/copy) 2>&1; true"
FUSE = os.makedev(10, 229)


@pytest.mark.parametrize("access, refused", [("r", [False, True]), ("w", [True, False]), ("rw", [False, False]),
                                             ("rwm", [False, False]), ("m", [True, True])])
def test_a_device_and_its_access(run, folder, access, refused):
    """Whether there is a driver for it does not matter: the question is who may try."""
    os.mknod(folder / "node", 0o600 | stat.S_IFCHR, FUSE)
    outcome = run("sh", "-c", f"stat -c '%t:%T' /dev/copy; {OPEN_BOTH}",
                  devices=[{"path": str(folder / "node"), "target": "/dev/copy", "access": access}])
    number, reading, writing = outcome.stdout.split(b"\n", 2)
    assert number == b"a:e5"
    assert [REFUSED in text for text in (reading, writing)] == refused, outcome


def test_privileged_may_use_any_device(run):
    outcome = run("sh", "-c", f"mknod /dev/copy c 10 229; {OPEN_BOTH}", privileged=True)
    assert REFUSED not in outcome.stdout, outcome


def test_mounts_of_other_kinds_come_in_order(run):
    outcome = run("sh", "-c", "grep ' /m' /proc/self/mountinfo | cut -d' ' -f5", tmpfs=[],
                  mounts=[{"type": "tmpfs", "source": "tmpfs", "target": "/mnt"},
                          {"type": "tmpfs", "source": "tmpfs", "target": "/mnt/below", "options": ["nosuid", "ro"]}])
    assert outcome.lines == ["/mnt", "/mnt/below"]


@pytest.fixture
def values(rpc, launch):
    """values("memory.limit_in_bytes", resources=...): what files of the cgroup hold, wherever they are."""
    def read(*names, **create):
        number = launch("sleep", "100", **create)
        cgroup = rpc.call("container.inspect", container=number)["cgroup"].strip("/")
        found = {}
        for root in cgroup_roots():
            for name in names:
                path = root / cgroup / name
                if path.exists():
                    found[name] = path.read_text().strip()
        return found
    return read


def test_memory_and_swap_limits(values):
    found = values("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.max", "memory.swap.max",
                   resources={"memory": 64 << 20, "swap": 32 << 20})
    assert found.get("memory.limit_in_bytes", found.get("memory.max")) == str(64 << 20)
    if "memory.memsw.limit_in_bytes" in found:
        assert found["memory.memsw.limit_in_bytes"] == str(96 << 20)
    elif "memory.swap.max" in found:
        assert found["memory.swap.max"] == str(32 << 20)


def test_cpu_limit(values):
    found = values("cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.max", resources={"cpu": 1.5})
    quota, period = found["cpu.max"].split() if "cpu.max" in found else (
        found["cpu.cfs_quota_us"], found["cpu.cfs_period_us"])
    assert int(quota) / int(period) == 1.5


def test_cpu_weight(values):
    light, heavy = (values("cpu.shares", "cpu.weight", resources={"cpu_weight": weight}) for weight in (10, 1000))
    name = "cpu.weight" if "cpu.weight" in light else "cpu.shares"
    assert int(light[name]) * 20 < int(heavy[name])


def test_pids_limit(values):
    assert values("pids.max", resources={"pids": 77}) == {"pids.max": "77"}


def test_a_limit_of_memory_is_part_of_the_evidence(run):
    outcome = run("sh", "-c", "head -c 8m /dev/zero | tail -c 8m | wc -c", resources={"memory": 64 << 20})
    assert outcome.exit["evidence"]["memory_limit"] == 64 << 20
    assert 1 << 20 < outcome.exit["evidence"]["memory_peak"] <= 64 << 20


def test_labels_and_annotations_are_kept(rpc, busybox_root):
    number = rpc.call("container.create", rootfs=str(busybox_root), args=["true"], labels={"a": "1", "b": "\u00e4 b"},
                      annotations={"org.example.x": "y"})["id"]
    found = rpc.call("container.inspect", container=number)
    assert found["labels"] == {"a": "1", "b": "\u00e4 b"}
    assert found["annotations"] == {"org.example.x": "y"}


def test_inspect_tells_the_definition_as_it_was_given(rpc, busybox_root):
    given = {"rootfs": str(busybox_root), "args": ["true", "x"], "env": ["A=b"], "resources": {"memory": 1 << 24},
             "stop": {"signal": "INT", "timeout_usec": 5}, "labels": {"k": "v"}, "id": "as-given", "name": "other"}
    rpc.call("container.create", **given)
    found = rpc.call("container.inspect", container="other")
    assert found["definition"] == given
    assert (found["id"], found["name"], found["state"]) == ("as-given", "other", "created")
    assert found["command"] == ["true", "x"]
    assert found["source"] == {"rootfs": str(busybox_root)}
    assert found["owner_uid"] == 0


def test_an_id_of_16_random_hex_digits_when_none_is_given(rpc, busybox_root):
    numbers = {rpc.call("container.create", rootfs=str(busybox_root), args=["true"])["id"] for _ in range(5)}
    assert len(numbers) == 5
    assert all(re.fullmatch("[0-9a-f]{16}", number) for number in numbers)
    assert all(rpc.call("container.inspect", container=number)["name"] == number for number in numbers)


def test_nothing_exists_before_the_start(davitd, rpc, busybox_root, cgroup_parent):
    processes, cgroups = descendants(davitd.pid), cgroups_below(cgroup_parent)
    rpc.call("container.create", rootfs=str(busybox_root), args=["true"], id="definition")
    assert descendants(davitd.pid) == processes
    assert cgroups_below(cgroup_parent) == cgroups
    assert (davitd.data_dir / "containers/definition").is_file()
    assert not (davitd.log_dir / "definition").exists()
    assert not list((davitd.run_dir / "containers/definition").glob("*.sock"))


def test_the_config_of_a_bundle_is_frozen_at_create(davitd, rpc, bundle):
    path = bundle({"process.args": ["echo", "first"]})
    number = rpc.call("container.create", bundle=str(path))["id"]
    config = json.loads((path / "config.json").read_text())
    config["process"]["args"] = ["echo", "second"]
    (path / "config.json").write_text(json.dumps(config))
    rpc.call("container.start", container=number)
    rpc.call("container.wait", container=number)
    stream = rpc.open("container.logs", container=number)
    assert stream.read()["log"].endswith(b" stdout F first\n")


BUNDLE_ROWS = [
    ("args", {"process.args": ["echo", "hi"]}, ["hi"]),
    ("cwd", {"process.args": ["pwd"], "process.cwd": "/etc"}, ["/etc"]),
    ("env", {"process.args": ["env"], "process.env": ["PATH=/bin", "X=1"]}, ["PATH=/bin", "X=1"]),
    ("hostname", {"process.args": ["hostname"], "hostname": "from-config"}, ["from-config"]),
    ("user", {"process.args": ["id", "-u"], "process.user.uid": 33}, ["33"]),
    ("groups", {"process.args": ["id", "-G"], "process.user": {"uid": 1, "gid": 2, "additionalGids": [4, 3]}},
     ["2 3 4"]),
    ("umask", {"process.args": ["sh", "-c", "umask"], "process.user.umask": 0o27}, ["0027"]),
    ("capabilities", {"process.args": ["sh", "-c", "grep CapEff /proc/self/status | cut -f2"]}, ["0000000020000420"]),
    ("no seccomp unless asked", {"process.args": ["sh", "-c", "grep ^Seccomp: /proc/self/status | cut -f2"]}, ["0"]),
    ("oomScoreAdj", {"process.args": ["cat", "/proc/self/oom_score_adj"], "process.oomScoreAdj": 55}, ["55"]),
    ("rlimits", {"process.args": ["sh", "-c", "ulimit -n"],
                 "process.rlimits": [{"type": "RLIMIT_NOFILE", "soft": 99, "hard": 99}]}, ["99"]),
    ("writable root", {"process.args": ["sh", "-c", "touch /dev/shm/x; touch /; echo $?"], "root.readonly": False},
     ["0"]),
    ("masked path", {"process.args": ["wc", "-c", "/proc/meminfo"], "linux.maskedPaths": ["/proc/meminfo"]},
     ["0 /proc/meminfo"]),
    ("read-only path", {"process.args": ["sh", "-c", "echo 1 >/dev/shm/a 2>/dev/null; echo $?"],
                        "linux.readonlyPaths": ["/dev/shm"]}, ["1"]),
    ("no network namespace", {"process.args": ["readlink", "/proc/self/ns/net"],
                              "linux.namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")]},
     [os.readlink("/proc/self/ns/net")]),
]


@pytest.mark.parametrize("changes, expected", [row[1:] for row in BUNDLE_ROWS], ids=[row[0] for row in BUNDLE_ROWS])
def test_the_config_of_a_bundle_rules(davitd, rpc, bundle, changes, expected):
    outcome = davitd.run(rpc, bundle=str(bundle({**changes, "linux.cgroupsPath": ""})))
    assert outcome.lines == expected, outcome


@pytest.mark.parametrize("more", [{"args": ["true"]}, {"env": ["A=b"]}, {"read_only": True}, {"user": "1"},
                                  {"resources": {"memory": 1 << 24}}, {"mounts": [{"target": "/x", "source": "/"}]}])
def test_only_supervision_may_be_added_to_a_bundle(rpc, bundle, more):
    with pytest.raises(RpcError) as failure:
        rpc.call("container.create", bundle=str(bundle()), **more)
    assert (failure.value.code, failure.value.where) == ("InvalidArgument", next(iter(more)))


def test_supervision_of_a_bundle(rpc, bundle):
    number = rpc.call("container.create", bundle=str(bundle({"process.args": ["sh", "-c", "exit 9"]})), id="supervised",
                      name="a-name", labels={"a": "b"}, stop={"signal": "INT"}, auto_remove=True)["id"]
    exited = rpc.send("container.wait", container=number)
    deleted = rpc.send("container.wait", container="a-name", condition="deleted")
    rpc.call("container.start", container=number)
    assert rpc.result(exited)["exit"]["code"] == 9
    assert rpc.result(deleted)["state"] == "gone"
