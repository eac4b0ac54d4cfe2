# SPDX-License-Identifier: Apache-2.0
"""A config.json that is wrong: the same code and `where` through container.create and through
davit-oci, and nothing is left. And paths that lead out of the root: they do not."""
import errno
import json
import os
import subprocess

import pytest
import roots
from daemon import DAVIT_OCI, clean_environment
from davit_rpc import RpcError

pytestmark = pytest.mark.asan

GOOD = roots.make_config("/nowhere")
TEXT = json.dumps(GOOD)
INVALID, UNSUPPORTED = "InvalidArgument", "Unsupported"
NAMESPACES = GOOD["linux"]["namespaces"]

# A name, the whole text, where.
TEXT_ROWS = [
    ("empty", b"", "config.json"),
    ("white space", b" \n\t", "config.json"),
    ("truncated", TEXT[:200].encode(), "config.json"),
    ("truncated in a string", TEXT[:14].encode(), "config.json"),
    ("a megabyte of [", b"[" * (1 << 20), "config.json"),
    ("a megabyte of {\"a\":", b'{"a":' * (1 << 18), "config.json"),
    ("more than 4 MiB", b" " * (5 << 20) + TEXT.encode(), "config.json"),
    ("a list", b"[]", "config.json"),
    ("a number", b"5", "config.json"),
    ("something behind it", TEXT.encode() + b"x", "config.json"),
    ("a second document", TEXT.encode() * 2, "config.json"),
    ("a comment", b"// x\n" + TEXT.encode(), "config.json"),
    ("single quotes", TEXT.replace('"', "'").encode(), "config.json"),
    ("a comma too many", TEXT[:-1].encode() + b",}", "config.json"),
    ("NaN", b'{"ociVersion": NaN}', "config.json"),
    ("a leading zero", b'{"a": 01}', "config.json"),
    ("bad UTF-8", TEXT.replace("bundle", "\udcff").encode("utf-8", "surrogateescape"), "config.json"),
    ("a control byte", TEXT.replace("bundle", "\x01").encode(), "config.json"),
    ("U+0000", TEXT.replace("bundle", "\\u0000").encode(), "hostname"),
    ("a lone surrogate", TEXT.replace("bundle", "\\ud800").encode(), "config.json"),
    ("a member twice", b'{"ociVersion": "1.0.2",' + TEXT[1:].encode(), "ociVersion"),
    ("a member twice, escaped", TEXT.replace('"cwd"', '"c\\u0077d": "/x", "cwd"').encode(), "process.cwd"),
    ("a number over 64 bits", TEXT.replace('"uid": 0', '"uid": 99999999999999999999').encode(), "process.user.uid"),
    ("ELF", b"\x7fELF\0\0\0", "config.json"),
]

# A name, changes of the good one, code, where.
VALUE_ROWS = [
    ("no version", {"ociVersion": roots.DELETE}, INVALID, "ociVersion"),
    ("version is a number", {"ociVersion": 1}, INVALID, "ociVersion"),
    ("version 2", {"ociVersion": "2.0.0"}, UNSUPPORTED, "ociVersion"),
    ("version is a word", {"ociVersion": "new"}, INVALID, "ociVersion"),
    ("no root", {"root": roots.DELETE}, INVALID, "root"),
    ("root is a string", {"root": "/"}, INVALID, "root"),
    ("root without a path", {"root": {}}, INVALID, "root.path"),
    ("root with an empty path", {"root.path": ""}, INVALID, "root.path"),
    ("root.path is a number", {"root.path": 5}, INVALID, "root.path"),
    ("root.readonly is a string", {"root.readonly": "yes"}, INVALID, "root.readonly"),
    ("no process", {"process": roots.DELETE}, INVALID, "process"),
    ("process is a list", {"process": []}, INVALID, "process"),
    ("no args", {"process.args": roots.DELETE}, INVALID, "process.args"),
    ("empty args", {"process.args": []}, INVALID, "process.args"),
    ("args is a string", {"process.args": "sh"}, INVALID, "process.args"),
    ("args hold a number", {"process.args": ["sh", 1]}, INVALID, "process.args[1]"),
    ("an empty command", {"process.args": [""]}, INVALID, "process.args[0]"),
    ("an argument of 200 KiB", {"process.args": ["sh", "x" * 200000]}, INVALID, "process.args[1]"),
    ("env without =", {"process.env": ["PATH=/", "NOTHING"]}, INVALID, "process.env[1]"),
    ("env without a name", {"process.env": ["=x"]}, INVALID, "process.env[0]"),
    ("env is a map", {"process.env": {"A": "b"}}, INVALID, "process.env"),
    ("no cwd", {"process.cwd": roots.DELETE}, INVALID, "process.cwd"),
    ("a relative cwd", {"process.cwd": "tmp"}, INVALID, "process.cwd"),
    ("a cwd with a newline", {"process.cwd": "/a\nb"}, INVALID, "process.cwd"),
    ("a negative uid", {"process.user.uid": -1}, INVALID, "process.user.uid"),
    ("the uid that is no uid", {"process.user.uid": 4294967295}, INVALID, "process.user.uid"),
    ("a uid of 2^32", {"process.user.uid": 4294967296}, INVALID, "process.user.uid"),
    ("a uid with a fraction", {"process.user.uid": 1.5}, INVALID, "process.user.uid"),
    ("a bad additional gid", {"process.user.additionalGids": [1, -2]}, INVALID, "process.user.additionalGids[1]"),
    ("a umask of 01000", {"process.user.umask": 0o1000}, INVALID, "process.user.umask"),
    ("capabilities are a list", {"process.capabilities": ["CAP_KILL"]}, INVALID, "process.capabilities"),
    ("a capability is a number", {"process.capabilities.bounding": [5]}, INVALID, "process.capabilities.bounding[0]"),
    ("an unknown rlimit", {"process.rlimits": [{"type": "RLIMIT_NOPE", "soft": 1, "hard": 1}]}, INVALID,
     "process.rlimits[0].type"),
    ("an rlimit twice", {"process.rlimits": [{"type": "RLIMIT_CORE", "soft": 1, "hard": 1}] * 2}, INVALID,
     "process.rlimits[1].type"),
    ("soft above hard", {"process.rlimits": [{"type": "RLIMIT_CORE", "soft": 2, "hard": 1}]}, INVALID,
     "process.rlimits[0].soft"),
    ("a negative rlimit", {"process.rlimits": [{"type": "RLIMIT_CORE", "soft": -1, "hard": 1}]}, INVALID,
     "process.rlimits[0].soft"),
    ("oomScoreAdj of 2000", {"process.oomScoreAdj": 2000}, INVALID, "process.oomScoreAdj"),
    ("an AppArmor profile", {"process.apparmorProfile": "docker"}, UNSUPPORTED, "process.apparmorProfile"),
    ("an SELinux label", {"process.selinuxLabel": "x"}, UNSUPPORTED, "process.selinuxLabel"),
    ("hostname is a list", {"hostname": ["a"]}, INVALID, "hostname"),
    ("a hostname of 65 bytes", {"hostname": "h" * 65}, INVALID, "hostname"),
    ("a hostname without a uts namespace", {"linux.namespaces": [{"type": "mount"}, {"type": "pid"}]}, INVALID,
     "hostname"),
    ("mounts are a map", {"mounts": {}}, INVALID, "mounts"),
    ("a mount is a string", {"mounts": ["/proc"]}, INVALID, "mounts[0]"),
    ("a mount without a destination", {"mounts": [{"type": "tmpfs"}]}, INVALID, "mounts[0].destination"),
    ("a mount without a type", {"mounts": [{"destination": "/x"}]}, INVALID, "mounts[0].type"),
    ("a bind mount without a source", {"mounts": [{"destination": "/x", "type": "bind"}]}, INVALID,
     "mounts[0].source"),
    ("an option is a number", {"mounts": [{"destination": "/x", "type": "tmpfs", "options": [1]}]}, INVALID,
     "mounts[0].options[0]"),
    ("an idmapped mount", {"mounts": [{"destination": "/x", "type": "bind", "source": "/", "options": ["idmap"]}]},
     UNSUPPORTED, "mounts[0].options[0]"),
    ("a destination of 5000 bytes", {"mounts": [{"destination": "/" + "x" * 5000, "type": "tmpfs"}]}, INVALID,
     "mounts[0].destination"),
    ("a hook", {"hooks": {"prestart": [{"path": "/bin/true"}]}}, UNSUPPORTED, "hooks.prestart"),
    ("linux is a string", {"linux": "x"}, INVALID, "linux"),
    ("an unknown namespace", {"linux.namespaces.6": {"type": "moon"}}, INVALID, "linux.namespaces[6].type"),
    ("a namespace without a type", {"linux.namespaces.6": {}}, INVALID, "linux.namespaces[6].type"),
    ("a namespace twice", {"linux.namespaces.6": {"type": "pid"}}, INVALID, "linux.namespaces[6].type"),
    ("a user namespace", {"linux.namespaces.6": {"type": "user"}}, UNSUPPORTED, "linux.namespaces[6].type"),
    ("a time namespace", {"linux.namespaces.6": {"type": "time"}}, UNSUPPORTED, "linux.namespaces[6].type"),
    ("a relative namespace path", {"linux.namespaces.1.path": "proc/1/ns/net"}, INVALID, "linux.namespaces[1].path"),
    ("no mount namespace", {"linux.namespaces": [{"type": "pid"}, {"type": "uts"}]}, UNSUPPORTED, "linux.namespaces"),
    ("a negative memory limit", {"linux.resources.memory": {"limit": -5}}, INVALID, "linux.resources.memory.limit"),
    ("a memory limit is a string", {"linux.resources.memory": {"limit": "64m"}}, INVALID,
     "linux.resources.memory.limit"),
    ("swap below memory", {"linux.resources.memory": {"limit": 100000000, "swap": 1}}, INVALID,
     "linux.resources.memory.swap"),
    ("swap without memory", {"linux.resources.memory": {"swap": 100000000}}, INVALID, "linux.resources.memory.swap"),
    ("a negative limit of processes", {"linux.resources.pids": {"limit": -2}}, INVALID, "linux.resources.pids.limit"),
    ("cpu shares of 1", {"linux.resources.cpu": {"shares": 1}}, INVALID, "linux.resources.cpu.shares"),
    ("a cpu quota of 1", {"linux.resources.cpu": {"quota": 1, "period": 100000}}, INVALID,
     "linux.resources.cpu.quota"),
    ("a cpu period of 2 s", {"linux.resources.cpu": {"period": 2000000}}, INVALID, "linux.resources.cpu.period"),
    ("a cpuset", {"linux.resources.cpu": {"cpus": "0"}}, UNSUPPORTED, "linux.resources.cpu.cpus"),
    ("a device rule for f", {"linux.resources.devices": [{"allow": True, "type": "f"}]}, INVALID,
     "linux.resources.devices[0].type"),
    ("a device rule with x", {"linux.resources.devices": [{"allow": True, "access": "rx"}]}, INVALID,
     "linux.resources.devices[0].access"),
    ("a relative device", {"linux.devices": [{"path": "dev/x", "type": "c", "major": 1, "minor": 3}]}, INVALID,
     "linux.devices[0].path"),
    ("a device of type x", {"linux.devices": [{"path": "/dev/x", "type": "x", "major": 1, "minor": 3}]}, INVALID,
     "linux.devices[0].type"),
    ("a device without numbers", {"linux.devices": [{"path": "/dev/x", "type": "c"}]}, INVALID,
     "linux.devices[0].major"),
    ("a sysctl is a number", {"linux.sysctl": {"kernel.msgmax": 5}}, INVALID, "linux.sysctl.kernel.msgmax"),
    ("a relative masked path", {"linux.maskedPaths": ["proc/kcore"]}, INVALID, "linux.maskedPaths[0]"),
    ("a propagation that is none", {"linux.rootfsPropagation": "sideways"}, INVALID, "linux.rootfsPropagation"),
    (".. in the cgroup", {"linux.cgroupsPath": "/a/../../b"}, INVALID, "linux.cgroupsPath"),
    ("user mappings", {"linux.uidMappings": [{"containerID": 0, "hostID": 0, "size": 1}]}, UNSUPPORTED,
     "linux.uidMappings"),
    ("a seccomp action that is none", {"linux.seccomp": {"defaultAction": "SCMP_ACT_MAYBE"}}, INVALID,
     "linux.seccomp.defaultAction"),
    ("a seccomp filter without an action", {"linux.seccomp": {"syscalls": []}}, INVALID,
     "linux.seccomp.defaultAction"),
]
ROWS = [(name, text, INVALID, where) for name, text, where in TEXT_ROWS] + VALUE_ROWS


@pytest.fixture
def bad_bundle(bundle):
    def make(wrong):
        return bundle(text=wrong) if isinstance(wrong, bytes) else bundle(
            {**({"linux.cgroupsPath": ""} if "linux" not in wrong else {}), **wrong})
    return make


def oci(*arguments, cwd="/", environment=None, **options):
    return subprocess.run([str(DAVIT_OCI), *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60, cwd=cwd, env=environment or clean_environment(), **options)


@pytest.mark.parametrize("wrong, code, where", [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_through_create(rpc, davitd, bad_bundle, wrong, code, where):
    with pytest.raises(RpcError) as failure:
        rpc.call("container.create", bundle=str(bad_bundle(wrong)))
    assert failure.value.code == code, failure.value
    assert failure.value.where == where, failure.value
    assert davitd.files() == []


@pytest.mark.parametrize("wrong, code, where", [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_through_davit_oci(folder, bad_bundle, wrong, code, where):
    result = oci("--root", folder / "state", "run", "--bundle", bad_bundle(wrong), "bad")
    assert result.returncode == 1 and result.stdout == "", result
    lines = result.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith(f"davit-oci: run: {code}: "), lines
    assert lines[0].endswith(f"({where})"), lines
    assert [path.name for path in (folder / "state").iterdir() if not path.name.startswith(".")] == []


@pytest.mark.parametrize("kind, code", [("absent", "NotFound"), ("a folder", INVALID), ("a fifo", INVALID),
                                        ("a dangling link", "NotFound")])
def test_config_json_itself(rpc, folder, kind, code):
    path = folder / "config.json"
    {"absent": lambda: None, "a folder": path.mkdir, "a fifo": lambda: os.mkfifo(path),
     "a dangling link": lambda: path.symlink_to("nowhere")}[kind]()
    with pytest.raises(RpcError) as failure:
        rpc.call("container.create", bundle=str(folder))
    assert failure.value.code == code and failure.value.where in ("bundle", "config.json"), failure.value


# --- paths that lead out ---

OUTSIDE = "outside"
LINKS = [("dotdot", "../../../../../../../../{out}"), ("absolute", "{out}"), ("dangling", "{out}/absent"),
         ("looping", "link"), ("to proc", "/proc/1/root{out}"), ("to self", "/proc/self/cwd"), ("to a file", "/etc/passwd")]
USES = [
    ("mount target", lambda link: {"mounts.6": {"destination": f"{link}/deep", "type": "tmpfs", "source": "tmpfs"}}),
    ("mount over it", lambda link: {"mounts.6": {"destination": link, "type": "tmpfs", "source": "tmpfs"}}),
    ("bind target", lambda link: {"mounts.6": {"destination": f"{link}/file", "type": "bind", "source": "/etc/hostname",
                                               "options": ["bind"]}}),
    ("device", lambda link: {"linux.devices": [{"path": f"{link}/null", "type": "c", "major": 1, "minor": 3}]}),
    ("masked path", lambda link: {"linux.maskedPaths": [f"{link}/secret"]}),
    ("read-only path", lambda link: {"linux.readonlyPaths": [f"{link}/secret"]}),
    ("cwd", lambda link: {"process.cwd": f"{link}/new"}),
]


@pytest.mark.parametrize("use", [row[1] for row in USES], ids=[row[0] for row in USES])
@pytest.mark.parametrize("target", [row[1] for row in LINKS], ids=[row[0] for row in LINKS])
def test_a_link_in_the_root_leads_nowhere_else(folder, bundle, busybox_root, nothing_is_left, target, use):
    """Whether the container then starts or not: outside nothing is made, mounted or changed."""
    out = folder / OUTSIDE
    out.mkdir()
    (out / "secret").write_text("secret")
    root = folder / "root"
    for name in ("bin", "etc", "proc", "sys", "dev", "tmp"):
        (root / name).mkdir(parents=True)
    os.link(busybox_root / "bin/busybox", root / "bin/sh")
    (root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\n")
    (root / "link").symlink_to(target.format(out=out))
    path = bundle({"process.args": ["/bin/sh", "-c", "exit 42"], "root.readonly": False, **use("/link")}, root=root)
    result = oci("--root", folder / "state", "run", "--bundle", path, "links")
    assert result.returncode == 42 or result.stderr.startswith("davit-oci: run: "), result
    assert "Sanitizer" not in result.stderr and "runtime error" not in result.stderr, result.stderr
    assert sorted(os.listdir(out)) == ["secret"]
    assert (out / "secret").read_text() == "secret"
    assert os.lstat(out / "secret").st_mode == 0o100644


@pytest.mark.parametrize("name", ["dev", "proc", "sys", "etc", "tmp"])
@pytest.mark.parametrize("target", ["/{out}", "../../../../../../{out}"], ids=["absolute", "relative"])
@pytest.mark.parametrize("with_mounts", [True, False], ids=["mounts", "no mounts"])
def test_a_root_whose_folders_are_links(folder, bundle, rpc, busybox_root, name, target, with_mounts):
    """What every container gets (devices, links, masks, hosts files) is not put where they lead."""
    out = folder / OUTSIDE
    out.mkdir()
    (out / "hostname").write_text("as before")
    root = folder / "root"
    for other in {"bin", "dev", "proc", "sys", "etc", "tmp"} - {name}:
        (root / other).mkdir(parents=True)
    os.link(busybox_root / "bin/busybox", root / "bin/sh")
    (root / name).symlink_to(target.format(out=str(out).lstrip("/")))
    changes = {"process.args": ["/bin/sh", "-c", "exit 42"], "root.readonly": False}
    path = bundle(changes if with_mounts else {**changes, "mounts": []}, root=root)
    result = oci("--root", folder / "state", "run", "--bundle", path, "links")
    assert result.returncode == 42 or result.stderr.startswith("davit-oci: run: "), result
    if with_mounts:
        number = rpc.call("container.create", rootfs=str(root), args=["/bin/sh", "-c", "exit 42"])["id"]
        try:
            rpc.call("container.start", container=number)
            assert rpc.call("container.wait", container=number)["exit"]["code"] == 42
        except RpcError as error:
            assert error.code == "RuntimeFailed"
    assert os.listdir(out) == ["hostname"] and (out / "hostname").read_text() == "as before"


# Through create the folder is looked at at once; the root of a bundle only by the start, which says where it stood.
BAD_ROOTS = [("absent", "NotFound", "ENOENT"), ("a file", INVALID, "ENOTDIR"), ("a dangling link", "NotFound", "ENOENT"),
             ("a loop", INVALID, "ELOOP"), ("through a file", INVALID, "ENOTDIR"), ("a fifo", INVALID, "ENOTDIR")]


@pytest.mark.parametrize("kind, code, name", BAD_ROOTS)
def test_a_root_that_is_none(rpc, folder, bundle, nothing_is_left, kind, code, name):
    path = folder / "bad-root"
    (folder / "file").write_text("x")
    {"absent": lambda: None, "a file": lambda: path.write_text("x"), "a fifo": lambda: os.mkfifo(path),
     "a dangling link": lambda: path.symlink_to("nowhere"), "a loop": lambda: path.symlink_to("bad-root"),
     "through a file": lambda: path.symlink_to("file/x")}[kind]()
    with pytest.raises(RpcError) as failure:
        rpc.call("container.create", rootfs=str(path), args=["true"])
    assert (failure.value.code, failure.value.where) == (code, "rootfs"), failure.value
    number = rpc.call("container.create", bundle=str(bundle({"linux.cgroupsPath": ""}, root=path)))["id"]
    with pytest.raises(RpcError) as failure:
        rpc.call("container.start", container=number)
    assert (failure.value.code, failure.value.where) == ("RuntimeFailed", f"rootfs {path}"), failure.value
    cause = rpc.call("container.inspect", container=number)["exit"]["cause"]
    assert (cause["kind"], cause["errno"]) == ("start-failed", getattr(errno, name))
    rpc.call("container.delete", container=number)
