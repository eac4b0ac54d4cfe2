# SPDX-License-Identifier: Apache-2.0
"""What holds for a container that asks for nothing special, seen from inside."""
import os
import re
from pathlib import Path

import pytest
from oracle import cgroup_roots

pytestmark = pytest.mark.asan

DEFAULT_CAPABILITIES = ["chown", "dac_override", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
                        "net_bind_service", "net_raw", "sys_chroot", "mknod", "audit_write", "setfcap"]
CAPABILITY_NUMBERS = {"chown": 0, "dac_override": 1, "fowner": 3, "fsetid": 4, "kill": 5, "setgid": 6,
                      "setuid": 7, "setpcap": 8, "net_bind_service": 10, "net_raw": 13, "sys_chroot": 18,
                      "mknod": 27, "audit_write": 29, "setfcap": 31}
DEFAULT_MASK = sum(1 << CAPABILITY_NUMBERS[name] for name in DEFAULT_CAPABILITIES)
NAMESPACES = ["pid", "ipc", "uts", "net", "mnt", "cgroup"]


def status_of(outcome):
    return dict(line.split(":\t", 1) for line in outcome.lines if ":\t" in line)


@pytest.fixture
def status(run):
    return status_of(run("cat", "/proc/self/status"))


def test_the_fourteen_capabilities(status):
    for name in ("CapPrm", "CapEff", "CapBnd"):
        assert int(status[name], 16) == DEFAULT_MASK, name
    assert int(status["CapInh"], 16) == int(status["CapAmb"], 16) == 0


def test_no_new_privileges_and_a_seccomp_filter(status):
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"


def test_root_alone_without_other_groups(status):
    assert status["Uid"].split() == ["0"] * 4
    assert status["Gid"].split() == ["0"] * 4
    assert status["Groups"].split() in ([], ["0"])


@pytest.mark.parametrize("kind", NAMESPACES)
def test_a_namespace_of_its_own(run, kind):
    mine = os.readlink(f"/proc/self/ns/{kind}")
    outcome = run("readlink", f"/proc/self/ns/{kind}")
    assert re.fullmatch(rf"{kind}:\[\d+\]", outcome.lines[0])
    assert outcome.lines[0] != mine


@pytest.mark.parametrize("kind", ["user", "time"])
def test_no_namespace_that_was_not_asked_for(run, kind):
    assert run("readlink", f"/proc/self/ns/{kind}").lines[0] == os.readlink(f"/proc/self/ns/{kind}")


def test_it_is_process_1_and_sees_only_itself(run):
    outcome = run("sh", "-c", "echo $$; ls -d /proc/[0-9]*")
    assert outcome.lines[0] == "1"
    assert len(outcome.lines) <= 3


def test_lo_is_up_and_alone(run):
    outcome = run("sh", "-c", "ls /sys/class/net; ip addr show lo; ping -c1 -w5 127.0.0.1 >/dev/null; echo $?")
    assert outcome.lines[0] == "lo"
    assert "UP" in outcome.lines[1] and "127.0.0.1/8" in outcome.stdout.decode()
    assert outcome.lines[-1] == "0"


def test_the_limit_of_processes(rpc, launch):
    number = launch("sleep", "100")
    cgroup = rpc.call("container.inspect", container=number)["cgroup"]
    values = [(root / cgroup.strip("/") / "pids.max").read_text().strip() for root in cgroup_roots()
              if (root / cgroup.strip("/") / "pids.max").exists()]
    assert values == ["4096"]


def test_the_limit_of_processes_is_enforced(run):
    outcome = run("sh", "-c", "for i in 1 2 3 4 5 6 7 8; do sleep 5 & done 2>/dev/null; jobs | wc -l",
                  resources={"pids": 5})
    assert int(outcome.lines[-1]) < 8 if outcome.lines else outcome.code != 0
    assert outcome.exit["evidence"].get("pids_refused", 1) >= 1


def test_no_limit_of_memory(run):
    assert "memory_limit" not in run("true").exit["evidence"]


MASKED = ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/acpi", "/proc/scsi", "/sys/firmware"]


@pytest.mark.parametrize("path", MASKED)
def test_a_masked_path_is_empty(run, path):
    if not os.path.exists(path):
        assert run("ls", path).code != 0
        return
    outcome = run("sh", "-c", f"if [ -d {path} ]; then ls -A {path}; else cat {path}; fi | wc -c")
    assert outcome.lines == ["0"]


@pytest.mark.parametrize("path", ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", "/sys"])
def test_a_read_only_path(run, path):
    """Kernels differ in which of them there are."""
    options = {line.split()[4]: line.split()[5].split(",") for line in run("cat", "/proc/self/mountinfo").lines}
    if os.path.exists(path):
        assert "ro" in options[path]
    else:
        assert path not in options


def test_a_write_to_a_read_only_path(run):
    outcome = run("sh", "-c", "echo h > /proc/sys/kernel/hostname")
    assert outcome.code == 1
    assert b"Read-only file system" in outcome.stderr


def test_the_environment(run):
    outcome = run("env", hostname="here")
    environment = dict(line.split("=", 1) for line in outcome.lines)
    assert environment["PATH"] == "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    assert environment["HOME"] == "/root"
    assert set(environment) <= {"PATH", "HOME", "HOSTNAME", "TERM"}
    assert environment.get("HOSTNAME", "here") == "here"


def test_the_hostname_is_the_id(run):
    outcome = run("sh", "-c", "hostname; cat /etc/hostname", id="of-the-id")
    assert outcome.lines == ["of-the-id", "of-the-id"]


def test_the_hosts_files_are_copies_and_the_root_is_untouched(run, busybox_root):
    before = sorted(path.name for path in (busybox_root / "etc").iterdir())
    text = (busybox_root / "etc/hostname").read_bytes()
    outcome = run("sh", "-c", "cat /etc/hosts; echo mine > /etc/hostname; cat /etc/hostname", hostname="copied")
    hosts = [line.split() for line in outcome.lines]
    assert ["127.0.0.1", "localhost"] in [line[:2] for line in hosts]
    assert any("copied" in line for line in hosts)
    assert outcome.lines[-1] == "mine"
    assert sorted(path.name for path in (busybox_root / "etc").iterdir()) == before
    assert (busybox_root / "etc/hostname").read_bytes() == text


def test_standard_input_is_empty(run):
    outcome = run("sh", "-c", "readlink /proc/self/fd/0; wc -c")
    assert outcome.lines == ["/dev/null", "0"]


def test_no_descriptor_but_the_standard_ones(run):
    # ls itself has the folder open.
    assert len(run("ls", "/proc/self/fd").lines) == 4


def test_the_devices(run):
    outcome = run("sh", "-c", "ls /dev; ls -l /dev/null; head -c3 /dev/zero | wc -c; echo x > /dev/full")
    assert {"null", "zero", "full", "random", "urandom", "tty", "fd", "stdin", "stdout", "stderr", "ptmx", "pts",
            "shm"} <= set(outcome.lines)
    assert "3" in outcome.lines
    assert b"No space left" in outcome.stderr


def test_a_device_that_is_not_allowed_cannot_be_used(run):
    outcome = run("sh", "-c", "mknod /tmp/kmsg c 1 11 && head -c1 /tmp/kmsg", tmpfs=[{"target": "/tmp"}])
    assert outcome.code == 1
    assert b"Operation not permitted" in outcome.stderr or b"Permission denied" in outcome.stderr


def test_what_it_writes_into_its_root_stays_there(run, busybox_root):
    run("touch", "/root/written")
    (busybox_root / "root/written").unlink()


def test_over_the_host_nothing_stays(run):
    mark = f"davit-mark-{os.getpid()}"
    outcome = run("sh", "-c", f"echo here > /etc/{mark} && cat /etc/{mark} && rm -f /etc/passwd && ls /etc/passwd",
                  host=True)
    assert outcome.lines == ["here"]
    assert outcome.code != 0
    assert not Path(f"/etc/{mark}").exists()
    assert Path("/etc/passwd").exists()


def test_over_the_host_its_own_processes_and_folders(run):
    outcome = run("sh", "-c", "echo $$; ls -d /proc/[0-9]* | wc -l; hostname", host=True, hostname="over")
    assert outcome.lines[0] == "1"
    assert int(outcome.lines[1]) < 6
    assert outcome.lines[2] == "over"


def test_dangerous_calls_are_refused_and_unknown_ones_do_not_exist(run):
    outcome = run("sh", "-c", "mount -t tmpfs none /tmp; echo $?; unshare -n true; echo $?")
    assert "0" not in outcome.lines
    assert b"Operation not permitted" in outcome.stderr or b"Permission denied" in outcome.stderr
