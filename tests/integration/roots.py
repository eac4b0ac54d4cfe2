# SPDX-License-Identifier: Apache-2.0
"""Root folders and OCI bundles for the tests."""
import copy
import json
import shutil
import subprocess

BUSYBOX = "/bin/busybox"
HOST_FACING = {"busybox", "init", "linuxrc", "reboot", "poweroff", "halt"}


def make_busybox_root(folder):
    """A root of busybox alone, with links for its applets, users and the usual folders."""
    for name in ("bin", "dev", "etc", "proc", "sys", "root", "home", "run", "data"):
        (folder / name).mkdir(parents=True)
    (folder / "tmp").mkdir()
    (folder / "tmp").chmod(0o1777)
    shutil.copy(BUSYBOX, folder / "bin/busybox")
    listing = subprocess.run([BUSYBOX, "--list"], check=True, capture_output=True, text=True, timeout=20)
    for applet in listing.stdout.split():
        if applet not in HOST_FACING:
            (folder / "bin" / applet).symlink_to("busybox")
    (folder / "etc/passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:A user:/home:/bin/sh\n")
    (folder / "etc/group").write_text("root:x:0:\nuser:x:1000:\nextra:x:1001:user\nother:x:1002:\n")
    (folder / "etc/hostname").write_text("of-the-image\n")
    (folder / "bin/not-executable").write_text("#!/bin/sh\nexit 0\n")
    for name, text in (("bad-interpreter", "#!/no/such/interpreter\n"), ("script", "#!/bin/sh\nexit 3\n")):
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    return folder


def default_mounts():
    rows = [
        ("/proc", "proc", ["nosuid", "noexec", "nodev"]),
        ("/dev", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
        ("/dev/pts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
        ("/dev/shm", "tmpfs", ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
        ("/dev/mqueue", "mqueue", ["nosuid", "noexec", "nodev"]),
        ("/sys", "sysfs", ["nosuid", "noexec", "nodev", "ro"]),
    ]
    return [{"destination": target, "type": kind, "source": kind, "options": options}
            for target, kind, options in rows]


def make_config(root, args=("sh",), cgroups_path=None):
    """A config.json as a value, for changing."""
    capabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
    config = {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": list(args),
            "env": ["PATH=/bin:/usr/bin", "TERM=dumb"],
            "cwd": "/",
            "capabilities": {name: list(capabilities) for name in ("bounding", "effective", "permitted")},
            "noNewPrivileges": True,
        },
        "root": {"path": str(root), "readonly": True},
        "hostname": "bundle",
        "mounts": default_mounts(),
        "linux": {
            "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount", "cgroup")],
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
        },
    }
    if cgroups_path:
        config["linux"]["cgroupsPath"] = cgroups_path
    return config


DELETE = object()


def change(config, changes):
    """A copy with changes {"process.args": [...], "mounts.0.type": 3, "root": DELETE}."""
    config = copy.deepcopy(config)
    for path, value in changes.items():
        at, parts = config, [int(part) if part.isdigit() else part for part in path.split(".")]
        for part in parts[:-1]:
            at = at.setdefault(part, {}) if isinstance(at, dict) else at[part]
        if value is DELETE:
            del at[parts[-1]]
        elif isinstance(at, list) and parts[-1] == len(at):
            at.append(value)
        else:
            at[parts[-1]] = value
    return config


def write_bundle(folder, config):
    """`config` is a value, or the text of config.json as bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    text = config if isinstance(config, bytes) else json.dumps(config).encode()
    (folder / "config.json").write_bytes(text)
    return folder
