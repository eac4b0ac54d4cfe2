# SPDX-License-Identifier: Apache-2.0
"""Arguments that are wrong: the exact code and `where`, and nothing is left."""
import pytest
from davit_rpc import RpcError

pytestmark = pytest.mark.asan

INVALID, UNSUPPORTED, NOT_FOUND = "InvalidArgument", "Unsupported", "NotFound"
LONG = "x" * 300


def refused(rpc, code, where, method, arguments):
    with pytest.raises(RpcError) as failure:
        rpc.call(method, **arguments)
    assert (failure.value.code, failure.value.where) == (code, where), failure.value


# A name, arguments beside rootfs and args, code, where.
CREATE_ROWS = [
    ("unknown argument", {"memroy": 1}, INVALID, "memroy"),
    ("unknown member", {"resources": {"memroy": 1}}, INVALID, "resources.memroy"),
    ("unknown member of a list", {"mounts": [{"target": "/a"}, {"tagret": "/b"}]}, INVALID, "mounts[1].tagret"),
    *[(f"not yet: {name}", {name: value}, UNSUPPORTED, name) for name, value in (
        ("image", "debian"), ("userns", "auto"), ("health", {}), ("ready", "notify"), ("after", []), ("hooks", {}),
        ("runtime", "/usr/bin/crun"), ("systemd", True), ("requires", []))],
    ("two sources", {"host": True}, INVALID, "host"),
    ("id with a slash", {"id": "a/b"}, INVALID, "id"),
    ("id of 300", {"id": LONG}, INVALID, "id"),
    ("id of 65", {"id": "x" * 65}, INVALID, "id"),
    ("id with a control byte", {"id": "a\x01b"}, INVALID, "id"),
    ("id with NUL", {"id": "a\0b"}, INVALID, "message"),
    ("id with a newline", {"id": "a\n"}, INVALID, "id"),
    ("empty id", {"id": ""}, INVALID, "id"),
    ("id ..", {"id": ".."}, INVALID, "id"),
    ("id -x", {"id": "-x"}, INVALID, "id"),
    ("id in UTF-8", {"id": "\u00e4"}, INVALID, "id"),
    ("id is bad UTF-8", {"id": "a\udcff"}, INVALID, "message"),
    ("id is a number", {"id": 5}, INVALID, "id"),
    ("id is a list", {"id": ["a"]}, INVALID, "id"),
    ("name with a slash", {"name": "a/b"}, INVALID, "name"),
    ("name with a space", {"name": "a b"}, INVALID, "name"),
    ("name of 300", {"name": LONG}, INVALID, "name"),
    ("empty args", {"args": []}, INVALID, "args"),
    ("empty command", {"args": [""]}, INVALID, "args[0]"),
    ("args is a string", {"args": "true"}, INVALID, "args"),
    ("args with NUL", {"args": ["a", "b\0c"]}, INVALID, "message"),
    ("args with a number", {"args": ["a", 1]}, INVALID, "args[1]"),
    ("an argument of 200 KiB", {"args": ["true", "x" * 200000]}, INVALID, "args[1]"),
    ("env without =", {"env": ["A=1", "B"]}, INVALID, "env[1]"),
    ("env without a name", {"env": ["=x"]}, INVALID, "env[0]"),
    ("env with NUL", {"env": ["A=\0"]}, INVALID, "message"),
    ("env is a map", {"env": {"A": "1"}}, INVALID, "env"),
    ("relative cwd", {"cwd": "tmp"}, INVALID, "cwd"),
    ("cwd with a control byte", {"cwd": "/a\tb"}, INVALID, "cwd"),
    ("unknown user", {"user": "nobody-here"}, NOT_FOUND, "user"),
    ("unknown group", {"user": "root:nobody-here"}, NOT_FOUND, "user"),
    ("user of 2^32", {"user": "4294967296"}, INVALID, "user"),
    ("user -1", {"user": "-1"}, INVALID, "user"),
    ("user 1a", {"user": "1a"}, INVALID, "user"),
    ("empty user", {"user": ""}, INVALID, "user"),
    ("hostname of 65", {"hostname": "h" * 65}, INVALID, "hostname"),
    ("tty", {"tty": True}, UNSUPPORTED, "tty"),
    ("tty is a number", {"tty": 1}, INVALID, "tty"),
    ("mount without a target", {"mounts": [{"source": "/"}]}, INVALID, "mounts[0].target"),
    ("mount on a relative target", {"mounts": [{"source": "/", "target": "x"}]}, INVALID, "mounts[0].target"),
    ("bind from a relative source", {"mounts": [{"source": "x", "target": "/x"}]}, INVALID, "mounts[0].source"),
    ("bind without a source", {"mounts": [{"target": "/x"}]}, INVALID, "mounts[0].source"),
    ("tmpfs on a relative target", {"tmpfs": [{"target": "x"}]}, INVALID, "tmpfs[0].target"),
    ("tmpfs is a string", {"tmpfs": ["/tmp"]}, INVALID, "tmpfs[0]"),
    ("unknown capability", {"cap_add": ["CHOWN", "FLY"]}, INVALID, "cap_add[1]"),
    ("unknown capability to drop", {"cap_drop": ["CAP_FLY"]}, INVALID, "cap_drop[0]"),
    ("seccomp by a relative path", {"seccomp": "profile.json"}, INVALID, "seccomp"),
    ("seccomp profile that is absent", {"seccomp": "/no/such/profile"}, NOT_FOUND, "seccomp"),
    ("device that is absent", {"devices": [{"path": "/dev/no-such"}]}, NOT_FOUND, "devices[0].path"),
    ("device that is none", {"devices": [{"path": "/etc/passwd"}]}, INVALID, "devices[0].path"),
    ("relative device", {"devices": [{"path": "dev/null"}]}, INVALID, "devices[0].path"),
    ("device with odd access", {"devices": [{"path": "/dev/null", "access": "rx"}]}, INVALID, "devices[0].access"),
    ("sysctl of the host", {"sysctls": {"kernel.panic": "1"}}, INVALID, "sysctls.kernel.panic"),
    ("sysctl that leads out", {"sysctls": {"net/../kernel.panic": "1"}}, INVALID, None),
    ("sysctl of the network with the host's", {"sysctls": {"net.ipv4.ip_forward": "1"}, "network": "host"}, INVALID,
     "sysctls.net.ipv4.ip_forward"),
    ("sysctl is a number", {"sysctls": {"kernel.msgmax": 1}}, INVALID, "sysctls.kernel.msgmax"),
    ("unknown rlimit", {"rlimits": [{"name": "nope", "soft": 1}]}, INVALID, "rlimits[0].name"),
    ("rlimit soft above hard", {"rlimits": [{"name": "core", "soft": 2, "hard": 1}]}, INVALID, "rlimits[0].soft"),
    ("rlimit without soft", {"rlimits": [{"name": "core"}]}, INVALID, "rlimits[0].soft"),
    ("network bridge", {"network": "bridge"}, INVALID, "network"),
    ("memory 0", {"resources": {"memory": 0}}, INVALID, "resources.memory"),
    ("memory -1", {"resources": {"memory": -1}}, INVALID, "resources.memory"),
    ("memory of 2^63", {"resources": {"memory": 1 << 63}}, INVALID, "resources.memory"),
    ("memory is text", {"resources": {"memory": "64m"}}, INVALID, "resources.memory"),
    ("swap without memory", {"resources": {"swap": 1 << 20}}, INVALID, "resources.swap"),
    ("cpu -1", {"resources": {"cpu": -1}}, INVALID, "resources.cpu"),
    ("cpu 0", {"resources": {"cpu": 0}}, INVALID, "resources.cpu"),
    ("cpu NaN", {"resources": {"cpu": float("nan")}}, INVALID, "resources.cpu"),
    ("cpu infinite", {"resources": {"cpu": float("inf")}}, INVALID, "resources.cpu"),
    ("cpu_weight 0", {"resources": {"cpu_weight": 0}}, INVALID, "resources.cpu_weight"),
    ("cpu_weight 20000", {"resources": {"cpu_weight": 20000}}, INVALID, "resources.cpu_weight"),
    ("pids 0", {"resources": {"pids": 0}}, INVALID, "resources.pids"),
    ("cpuset", {"resources": {"cpuset": "0"}}, UNSUPPORTED, "resources.cpuset"),
    ("resources is a list", {"resources": []}, INVALID, "resources"),
    ("oom_score_adj 1001", {"oom_score_adj": 1001}, INVALID, "oom_score_adj"),
    ("oom_score_adj of 2^63", {"oom_score_adj": 1 << 63}, INVALID, "oom_score_adj"),
    ("labels are a list", {"labels": ["a"]}, INVALID, "labels"),
    ("a label is a number", {"labels": {"a": 1}}, INVALID, "labels.a"),
    ("a label without a name", {"labels": {"": "x"}}, INVALID, None),
    ("a label by a number", {"labels": {5: "x"}}, INVALID, "message"),
    ("restart always", {"restart": {"policy": "always"}}, UNSUPPORTED, "restart.policy"),
    ("restart sometimes", {"restart": {"policy": "sometimes"}}, INVALID, "restart.policy"),
    ("stop signal 0", {"stop": {"signal": 0}}, INVALID, "stop.signal"),
    ("stop signal 65", {"stop": {"signal": 65}}, INVALID, "stop.signal"),
    ("stop signal NOPE", {"stop": {"signal": "NOPE"}}, INVALID, "stop.signal"),
    ("negative grace", {"stop": {"timeout_usec": -1}}, INVALID, "stop.timeout_usec"),
    ("log of 1 byte", {"log": {"max_size": 1}}, INVALID, "log.max_size"),
    ("no log file", {"log": {"max_files": 0}}, INVALID, "log.max_files"),
    ("log that does what it likes", {"log": {"when_full": "explode"}}, INVALID, "log.when_full"),
    ("log that keeps its beginning", {"log": {"when_full": "drop-newest"}}, UNSUPPORTED, "log.when_full"),
    ("log to nowhere known", {"log": {"sinks": ["syslog"]}}, INVALID, "log.sinks[0]"),
    ("log with a rate", {"log": {"rate": 5}}, UNSUPPORTED, "log.rate"),
]


@pytest.mark.parametrize("more, code, where", [row[1:] for row in CREATE_ROWS], ids=[row[0] for row in CREATE_ROWS])
def test_create(rpc, davitd, busybox_root, more, code, where):
    with pytest.raises(RpcError) as failure:
        rpc.call("container.create", **{"rootfs": str(busybox_root), "args": ["true"], **more})
    assert failure.value.code == code, failure.value
    assert where is None or failure.value.where == where, failure.value
    assert rpc.call("container.list")["containers"] == []
    assert davitd.files() == []


def test_no_source(rpc):
    with pytest.raises(RpcError) as failure:
        rpc.call("container.create", args=["true"])
    assert (failure.value.code, failure.value.where) == (INVALID, "rootfs")


@pytest.mark.parametrize("source", ["bundle", "rootfs"])
@pytest.mark.parametrize("path, code", [("relative", INVALID), ("/no/such/folder", NOT_FOUND), ("", INVALID),
                                        ("/etc/passwd", INVALID), ("/" + "x" * 4095, INVALID), ("/a\nb", INVALID)])
def test_source_paths(rpc, source, path, code):
    more = {"args": ["true"]} if source == "rootfs" else {}
    with pytest.raises(RpcError) as failure:
        rpc.call("container.create", **{source: path}, **more)
    assert (failure.value.code, failure.value.where) == (code, source), failure.value


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"defaultAction": "SCMP_ACT_MAYBE"}', b"\0" * 100,
                                  b"[" * 100000, b'{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": 5}'],
                         ids=["empty", "cut off", "a list", "no action", "zeros", "nested", "no list"])
def test_a_seccomp_profile_that_is_none(rpc, folder, busybox_root, text):
    (folder / "profile").write_bytes(text)
    with pytest.raises(RpcError) as failure:
        rpc.call("container.create", rootfs=str(busybox_root), args=["true"], seccomp=str(folder / "profile"))
    assert failure.value.code == INVALID and failure.value.where.startswith("seccomp"), failure.value


# Arguments of the other verbs, about a container "there" that is created and not started.
VERB_ROWS = [
    *[(method, {"container": "absent"}, NOT_FOUND, "container") for method in (
        "container.start", "container.stop", "container.kill", "container.restart", "container.wait",
        "container.inspect", "container.delete", "container.logs", "container.attach")],
    ("container.start", {"container": ""}, INVALID, "container"),
    ("container.start", {"container": LONG}, INVALID, "container"),
    ("container.start", {"container": "../../etc/passwd"}, NOT_FOUND, "container"),
    ("container.start", {"container": "a\x01"}, INVALID, "container"),
    ("container.start", {"container": 5}, INVALID, "container"),
    ("container.start", {"container": None}, INVALID, "container"),
    ("container.start", {"container": "there", "force": True}, INVALID, "force"),
    ("container.start", {}, INVALID, "container"),
    ("container.kill", {"container": "there", "signal": "NOPE"}, INVALID, "signal"),
    ("container.kill", {"container": "there", "signal": 0}, INVALID, "signal"),
    ("container.kill", {"container": "there", "signal": -9}, INVALID, "signal"),
    ("container.kill", {"container": "there", "signal": 1 << 40}, INVALID, "signal"),
    ("container.kill", {"container": "there", "signal": 9.5}, INVALID, "signal"),
    ("container.kill", {"container": "there"}, "WrongState", "container"),
    ("container.stop", {"container": "there", "timeout_usec": -1}, INVALID, "timeout_usec"),
    ("container.stop", {"container": "there", "timeout_usec": "1s"}, INVALID, "timeout_usec"),
    ("container.wait", {"container": "there", "condition": "healthy"}, UNSUPPORTED, "condition"),
    ("container.wait", {"container": "there", "condition": "bored"}, INVALID, "condition"),
    ("container.rename", {"container": "there"}, INVALID, "name"),
    ("container.rename", {"container": "there", "name": ".."}, INVALID, "name"),
    ("container.rename", {"container": "there", "name": LONG}, INVALID, "name"),
    ("container.list", {"labels": ["a"]}, INVALID, "labels"),
    ("container.list", {"all": "yes"}, INVALID, "all"),
    ("container.logs", {"container": "there", "tail": -1}, INVALID, "tail"),
    ("container.logs", {"container": "there", "since": "yesterday"}, INVALID, "since"),
    ("container.logs", {"container": "there", "streams": ["x"]}, INVALID, "streams[0]"),
    ("container.logs", {"container": "there", "transport": "fd"}, UNSUPPORTED, "transport"),
    ("container.attach", {"container": "there", "from": 0}, UNSUPPORTED, "from"),
    ("container.attach", {"container": "there", "stdin": "yes"}, INVALID, "stdin"),
    ("events.subscribe", {"from": -1}, INVALID, "from"),
    ("events.subscribe", {"types": "container.exited"}, INVALID, "types"),
    ("events.subscribe", {"types": ["x"] * 1000}, INVALID, "types"),
    ("stream.write", {"stream": 99, "data": b"x"}, NOT_FOUND, "stream"),
    ("stream.write", {"data": b"x"}, INVALID, "stream"),
    ("stream.close", {"stream": 99}, NOT_FOUND, "stream"),
    ("stream.close", {"stream": 99, "channel": "stdout"}, INVALID, "channel"),
    ("hello", {"errors": "loud"}, INVALID, "errors"),
    ("hello", {"client": "x" * 1000}, INVALID, "client"),
    ("describe", {"all": True}, INVALID, None),
    ("no.such.method", {}, NOT_FOUND, "method"),
    ("container", {}, NOT_FOUND, "method"),
    ("CONTAINER.LIST", {}, NOT_FOUND, "method"),
]


@pytest.mark.parametrize("method, arguments, code, where", VERB_ROWS,
                         ids=[f"{row[0]} {str(row[1])[:40]}" for row in VERB_ROWS])
def test_verb(rpc, busybox_root, method, arguments, code, where):
    rpc.call("container.create", rootfs=str(busybox_root), args=["true"], id="there")
    with pytest.raises(RpcError) as failure:
        rpc.call(method, **arguments)
    assert failure.value.code == code, failure.value
    assert where is None or failure.value.where == where, failure.value
    assert rpc.call("container.inspect", container="there")["state"] == "created"


def test_a_second_create_with_the_same_id(rpc, busybox_root):
    source = {"rootfs": str(busybox_root), "args": ["true"]}
    rpc.call("container.create", id="one", name="first", **source)
    for more, where in (({"id": "one"}, "id"), ({"name": "first"}, "name"), ({"name": "one"}, "name"),
                        ({"id": "first"}, "id")):
        refused(rpc, "AlreadyExists", where, "container.create", {**source, **more})
    assert [item["id"] for item in rpc.call("container.list")["containers"]] == ["one"]
