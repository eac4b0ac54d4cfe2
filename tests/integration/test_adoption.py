# SPDX-License-Identifier: Apache-2.0
"""What davitd finds again after it was killed: containers that never noticed, exits that nobody saw."""
import os
import platform
import re
import signal
import struct
import time

import pytest
from daemon import PATIENCE, once_adopted, parse_cri, read_log
from davit_rpc import RpcError
from oracle import cgroups_below, descendants, eventually, is_alive, process_facts

pytestmark = pytest.mark.asan

COUNTER = ["sh", "-c", "i=0; while [ ! -e /stop/now ]; do echo line $i; i=$((i+1)); usleep 2000; done; exit 17"]


@pytest.fixture
def server(new_davitd):
    return new_davitd()


def create(client, root, *args, **more):
    return client.call("container.create", rootfs=str(root), args=list(args), **more)["id"]


def start(client, root, *args, **more):
    number = create(client, root, *args, **more)
    client.call("container.start", container=number)
    return number


def crash(server):
    server.kill()
    return server.start()


def numbers_of(data):
    return [int(row[3].split()[1]) for row in parse_cri(data)]


def test_a_writer_never_notices(server, busybox_root, folder):
    (folder / "stop").mkdir()
    with server.client() as client:
        number = start(client, busybox_root, *COUNTER, mounts=[{"source": str(folder / "stop"), "target": "/stop"}])
        before = client.call("container.inspect", container=number)
        client.open("container.logs", container=number, follow=True).read_until("log", b"line 20\n")
    for _ in range(3):
        crash(server)
        with server.client() as client:
            stream = client.open("container.logs", container=number, follow=True, tail=1)
            first = numbers_of(stream.read_until("log", b"\n"))[0]
            stream.read_until("log", b"line %d\n" % (first + 20))
    with server.client() as client:
        after = client.call("container.inspect", container=number)
        for member in ("state", "pid", "shim_pid", "generation", "started_usec", "created_usec", "cgroup"):
            assert after[member] == before[member], member
        (folder / "stop/now").touch()
        record = client.call("container.wait", container=number)["exit"]
        assert (record["code"], record["cause"]["kind"]) == (17, "exited")
        lines = read_log(client, number)["stdout"].decode().split("\n")[:-1]
        assert lines == [f"line {i}" for i in range(len(lines))]


@pytest.fixture
def fifty(server, busybox_root, folder):
    """50 containers that end with their number (mod 256) when they may."""
    (folder / "go").mkdir()
    with server.client() as client:
        for i in range(50):
            script = f"until [ -e /go/now ]; do usleep 10000; done; echo {i}; exit {i * 7 % 256}"
            create(client, busybox_root, "sh", "-c", script, id=f"c{i:04}", network="host",
                   mounts=[{"source": str(folder / "go"), "target": "/go"}])
        for request in [client.send("container.start", container=f"c{i:04}") for i in range(50)]:
            client.result(request)
    return folder / "go/now"


def test_fifty_that_end_while_nobody_is_there(server, fifty):
    with server.client() as client:
        pids = [item["pid"] for item in client.call("container.list")["containers"]]
        upcoming = client.call("system.info")["next_event"]
    server.kill()
    fifty.touch()
    eventually(lambda: not any(is_alive(pid) for pid in pids), 30 * PATIENCE)
    server.start()
    with server.client() as client:
        for i in range(50):
            record = client.call("container.wait", container=f"c{i:04}")["exit"]
            assert (record["code"], record["cause"]["kind"]) == (i * 7 % 256, "exited")
            assert read_log(client, f"c{i:04}")["stdout"] == b"%d\n" % i
        stream = client.open("events.subscribe", **{"from": upcoming})
        events = [stream.event() for _ in range(51)]
    assert [event["seq"] for event in events] == list(range(upcoming, upcoming + 51))
    assert sorted(event["container"] for event in events if event["type"] == "container.exited") == [
        f"c{i:04}" for i in range(50)]


def test_fifty_that_end_while_it_comes_back(server, fifty):
    server.kill()
    fifty.touch()
    server.start()
    with server.client() as client:
        for i in range(50):
            assert client.call("container.wait", container=f"c{i:04}")["exit"]["code"] == i * 7 % 256


def test_an_exit_is_told_once_over_crashes(server, busybox_root):
    with server.client() as client:
        number = start(client, busybox_root, "sh", "-c", "exit 5")
        client.call("container.wait", container=number)
    for _ in range(3):
        crash(server)
    with server.client() as client:
        stream = client.open("events.subscribe", **{"from": 1})
        events = [stream.event() for _ in range(client.call("system.info")["next_event"] - 1)]
        assert [event["type"] for event in events].count("container.exited") == 1
        assert client.call("container.wait", container=number)["exit"]["code"] == 5


def test_it_can_be_stopped_killed_and_attached_after_adoption(server, busybox_root):
    with server.client() as client:
        number = start(client, busybox_root, "cat", stdin=True)
        other = start(client, busybox_root, "sh", "-c", "trap 'exit 9' TERM; while :; do sleep 0.1; done")
    crash(server)
    with server.client() as client:
        stream = client.open("container.attach", container=number, stdin=True)
        stream.write(b"through\n")
        assert stream.read_until("stdout", b"through\n") == b"through\n"
        stream.close("stdin")
        assert client.call("container.wait", container=number)["exit"]["code"] == 0
        once_adopted(client, "container.stop", other)
        record = client.call("container.wait", container=other)["exit"]
        assert record.get("code") == 9 or record.get("signal") == signal.SIGTERM


def test_offsets_go_on_after_adoption(server, busybox_root):
    with server.client() as client:
        number = start(client, busybox_root, "cat", stdin=True)
        stream = client.open("container.attach", container=number, stdin=True)
        stream.write(b"12345")
        stream.read_until("stdout", b"12345")
    crash(server)
    with server.client() as client:
        stream = client.open("container.attach", container=number, stdin=True)
        stream.write(b"x")
        assert stream.next()["offset"] == 5


# --- the shim is killed ---

def is_end_by_davitd(record):
    """It cannot go on without its shim: davitd ended it and says so, or could not see the end."""
    cause = record["cause"]
    if cause["kind"] == "unknown":
        return cause["reason"] == "shim-lost" and record.get("code") is None
    return (cause["kind"], cause["verb"], cause["who"], record["signal"]) == (
        "killed-by-request", "shim-lost", "davitd", signal.SIGKILL)


def test_the_shim_is_killed(server, busybox_root, cgroup_parent):
    with server.client() as client:
        number = start(client, busybox_root, "sleep", "1000")
        found = client.call("container.inspect", container=number)
        os.kill(found["shim_pid"], signal.SIGKILL)
        assert is_end_by_davitd(client.call("container.wait", container=number)["exit"])
        eventually(lambda: not is_alive(found["pid"]))
        eventually(lambda: not [path for path in cgroups_below(cgroup_parent) if number in path])
        assert client.call("container.start", container=number)["generation"] == 2


KERNEL = tuple(int(part) for part in re.findall(r"\d+", platform.release())[:2])


def test_the_shim_is_killed_after_the_container_has_ended(server, busybox_root, folder):
    """Nobody but the kernel saw the end: from 6.15 on it tells the true code, before that nobody knows."""
    with server.client() as client:
        number = start(client, busybox_root, "sh", "-c", "until [ -e /go/now ]; do usleep 1000; done; exit 23",
                       mounts=[{"source": str(folder), "target": "/go"}])
        found = client.call("container.inspect", container=number)
        os.kill(found["shim_pid"], signal.SIGSTOP)
        (folder / "now").touch()
        eventually(lambda: process_facts(found["pid"])[0] == "Z")
        os.kill(found["shim_pid"], signal.SIGKILL)
        record = client.call("container.wait", container=number)["exit"]
        if KERNEL >= (6, 15):
            assert (record["code"], record["cause"]["kind"]) == (23, "exited")
        else:
            assert (record.get("code"), record["cause"]) == (None, {"kind": "unknown", "reason": "shim-lost"})


def test_davitd_and_the_shim_are_killed(server, busybox_root, cgroup_parent):
    with server.client() as client:
        number = start(client, busybox_root, "sh", "-c", "sleep 1000 & sleep 1000")
        found = client.call("container.inspect", container=number)
    server.kill()
    os.kill(found["shim_pid"], signal.SIGKILL)
    eventually(lambda: not is_alive(found["shim_pid"]))
    server.start()
    with server.client() as client:
        record = client.call("container.wait", container=number)["exit"]
        assert record["cause"]["kind"] == "unknown" and record["cause"]["reason"]
        eventually(lambda: not is_alive(found["pid"]))
        eventually(lambda: not [path for path in cgroups_below(cgroup_parent) if number in path])
        client.call("container.delete", container=number)


def test_everything_is_killed(server, busybox_root):
    with server.client() as client:
        number = start(client, busybox_root, "sleep", "1000")
        found = client.call("container.inspect", container=number)
    server.kill()
    for pid in (found["shim_pid"], found["pid"]):
        os.kill(pid, signal.SIGKILL)
    server.start()
    with server.client() as client:
        record = client.call("container.wait", container=number)["exit"]
        assert record["cause"]["kind"] in ("unknown", "killed-by-other")
        assert client.call("container.start", container=number)["generation"] == 2


# --- in the middle of something ---

def test_the_deadline_of_a_stop_holds(server, busybox_root):
    with server.client() as client:
        number = start(client, busybox_root, "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done")
        client.open("container.logs", container=number, follow=True).read_until("log", b"ready")
        found = client.call("container.inspect", container=number)
        begin = time.monotonic()
        client.send("container.stop", container=number, timeout_usec=1_000_000)
        eventually(lambda: client.call("container.inspect", container=number)["state"] == "stopping")
    server.kill()
    # Nobody is there, and yet it ends in time.
    eventually(lambda: not is_alive(found["pid"]), 10 * PATIENCE)
    assert time.monotonic() - begin > 0.9
    server.start()
    with server.client() as client:
        record = client.call("container.wait", container=number)["exit"]
        assert record["signal"] == signal.SIGKILL
        assert (record["cause"]["kind"], record["cause"]["verb"]) == ("killed-by-request", "stop")


def test_a_shim_that_does_not_answer_delays_nobody(server, busybox_root):
    with server.client() as client:
        number = start(client, busybox_root, "sleep", "1000")
        other = start(client, busybox_root, "sleep", "1000")
        shim = client.call("container.inspect", container=number)["shim_pid"]
    server.kill()
    os.kill(shim, signal.SIGSTOP)
    try:
        begin = time.monotonic()
        server.start()
        with server.client() as client:
            states = {item["id"]: item["state"] for item in client.call("container.list")["containers"]}
            assert time.monotonic() - begin < 1.5 * PATIENCE
            assert states == {number: "running", other: "running"}
            once_adopted(client, "container.delete", other, force=True)
            # A verb that needs the shim is refused or waits; it does not lie, and does not block others.
            client.send("container.kill", container=number, signal="CONT")
            client.call("system.info")
    finally:
        os.kill(shim, signal.SIGCONT)
    with server.client() as client:
        once_adopted(client, "container.kill", number)
        assert client.call("container.wait", container=number)["exit"]["signal"] == signal.SIGKILL


def test_auto_remove_while_nobody_is_there(server, busybox_root):
    with server.client() as client:
        number = start(client, busybox_root, "sleep", "1000", auto_remove=True)
        pid = client.call("container.inspect", container=number)["pid"]
    server.kill()
    os.kill(pid, signal.SIGKILL)
    server.start()
    with server.client() as client:
        eventually(lambda: client.call("container.list")["containers"] == [])
    eventually(lambda: server.files() == [])


def test_created_ones_renames_and_exits_are_remembered(server, busybox_root):
    with server.client() as client:
        create(client, busybox_root, "true", id="aaaa", name="first", labels={"k": "v"})
        start(client, busybox_root, "sh", "-c", "exit 3", id="bbbb", name="second")
        client.call("container.wait", container="bbbb")
        client.call("container.rename", container="aaaa", name="renamed")
        before = [client.call("container.inspect", container=number) for number in ("aaaa", "bbbb")]
        order = [item["id"] for item in client.call("container.list")["containers"]]
    crash(server)
    with server.client() as client:
        assert [client.call("container.inspect", container=number) for number in ("aaaa", "bbbb")] == before
        assert [item["id"] for item in client.call("container.list")["containers"]] == order
        assert client.call("container.inspect", container="renamed")["id"] == "aaaa"
        with pytest.raises(RpcError) as failure:
            client.call("container.inspect", container="first")
        assert failure.value.code == "NotFound"


@pytest.mark.parametrize("tail", [b"\0", b"x" * 7, struct.pack("<II", 100, 0) + b"abc", b"\xff" * 4096,
                                  struct.pack("<II", 4, 0) + b"abcd", struct.pack("<II", 0xFFFFFFF0, 1)])
def test_a_torn_end_of_a_journal_is_cut_off(server, busybox_root, tail):
    with server.client() as client:
        number = start(client, busybox_root, "sh", "-c", "exit 3")
        client.call("container.wait", container=number)
    server.kill()
    with open(server.data_dir / "containers" / number, "ab") as file:
        file.write(tail)
    server.start()
    with server.client() as client:
        assert client.call("container.inspect", container=number)["exit"]["code"] == 3
        client.call("container.start", container=number)
        assert client.call("container.wait", container=number)["exit"]["generation"] == 2
    crash(server)
    with server.client() as client:
        assert client.call("container.inspect", container=number)["generation"] == 2


def test_a_create_that_was_cut_off_never_happened(server, busybox_root):
    with server.client() as client:
        create(client, busybox_root, "true", id="whole")
    server.kill()
    journal = (server.data_dir / "containers/whole").read_bytes()
    for size in (0, 3, 8, 20):
        (server.data_dir / f"containers/half{size}").write_bytes(journal[:size])
    server.start()
    with server.client() as client:
        assert [item["id"] for item in client.call("container.list")["containers"]] == ["whole"]
    assert [path.name for path in (server.data_dir / "containers").iterdir()] == ["whole"]


def test_a_delete_that_was_cut_off_is_finished(server, busybox_root):
    """What a delete leaves when it is killed at its end: folders without a definition."""
    server.kill()
    for folder in (server.run_dir / "containers", server.log_dir):
        (folder / "deleted").mkdir(mode=0o700)
        (folder / "deleted/file").write_text("x")
    server.start()
    eventually(lambda: server.files() == [], what=server.files)


def test_foreign_files_in_the_data_folder(server, busybox_root):
    with server.client() as client:
        create(client, busybox_root, "true", id="good")
    server.kill()
    containers = server.data_dir / "containers"
    (containers / ".hidden").write_text("x")
    (containers / "a b").write_text("x")
    (containers / "garbage").write_bytes(os.urandom(5000))
    (containers / "folder").mkdir()
    outside = server.place / "outside"
    outside.write_text("as before")
    (containers / "link").symlink_to(outside)
    server.start()
    with server.client() as client:
        assert [item["id"] for item in client.call("container.list")["containers"]] == ["good"]
    assert outside.read_text() == "as before"
    for name in (".hidden", "a b", "garbage", "link"):
        (containers / name).unlink(missing_ok=True)
    if (containers / "folder").exists():
        (containers / "folder").rmdir()


def test_damaged_events_do_not_hold_the_start_up(server, busybox_root):
    with server.client() as client:
        server.run(client, "true", rootfs=str(busybox_root))
        upcoming = client.call("system.info")["next_event"]
    server.kill()
    for path in (server.data_dir / "events").iterdir():
        if path.name.isdigit():
            with open(path, "ab") as file:
                file.write(b"\xff" * 30)
    server.start()
    with server.client() as client:
        # Numbers never go back.
        assert client.call("system.info")["next_event"] > upcoming


def test_killed_again_and_again_while_containers_come_and_go(server, busybox_root):
    """Whatever was answered stays true; what was not answered is whole or not there."""
    known = {}
    for round_ in range(8):
        with server.client() as client:
            for i in range(6):
                number = f"r{round_}-{i}"
                create(client, busybox_root, "sh", "-c", f"exit {i}", id=number, network="host")
                known[number] = i
                client.send("container.start", container=number)
            os.kill(server.pid, signal.SIGKILL)
        server.process.wait(20)
        server.start()
    with server.client() as client:
        found = {item["id"]: item for item in client.call("container.list")["containers"]}
        assert set(found) == set(known)
        for number, code in known.items():
            if found[number]["state"] == "created":
                client.call("container.start", container=number)
            record = client.call("container.wait", container=number)["exit"]
            assert record.get("code") == code or record["cause"]["kind"] in ("start-failed", "unknown"), (number, record)
            assert record["cause"]["kind"] != "unknown" or record["cause"]["reason"] == "shim-lost"


def test_shims_go_when_their_exit_is_stored(server, busybox_root):
    with server.client() as client:
        number = start(client, busybox_root, "sleep", "1000")
        shim = client.call("container.inspect", container=number)["shim_pid"]
    crash(server)
    assert process_facts(shim)[3] == "davit-shim"
    with server.client() as client:
        once_adopted(client, "container.kill", number)
        client.call("container.wait", container=number)
        eventually(lambda: not is_alive(shim))
        assert not [facts for facts in descendants(server.pid).values() if facts[1] == "davit-shim"]
