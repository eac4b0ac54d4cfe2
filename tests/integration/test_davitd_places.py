# SPDX-License-Identifier: Apache-2.0
"""Starting davitd: its places, several of them, wrong ones, its end, and who may talk to it."""
import os
import signal
import socket
import stat
import subprocess

import daemon
import pytest
from daemon import DAVITD, PATIENCE, clean_environment
from davit_rpc import Client, RpcError
from oracle import cgroup_roots, cgroups_below, eventually, is_alive

pytestmark = pytest.mark.asan


def start_and_fail(server):
    """The exit code and stderr of a davitd that must not come up."""
    server.place.mkdir(parents=True, exist_ok=True)
    result = subprocess.run(server.command(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                            env=clean_environment(), timeout=20 * PATIENCE)
    assert result.returncode > 0, result
    assert "Sanitizer" not in result.stderr and "runtime error" not in result.stderr, result.stderr
    return result.stderr


def test_two_side_by_side(new_davitd, busybox_root):
    first, second = new_davitd(), new_davitd()
    with first.client() as one, second.client() as two:
        assert one.greeting["instance"] != two.greeting["instance"]
        for client in (one, two):
            client.call("container.create", rootfs=str(busybox_root), args=["sleep", "100"], id="same", name="name")
            client.call("container.start", container="same")
        groups = [client.call("container.inspect", container="same")["cgroup"] for client in (one, two)]
        assert groups == [f"{first.cgroup_parent}/{client.greeting['instance'][:8]}/same" for client in (one, two)]
        one.call("container.delete", container="same", force=True)
        assert two.call("container.inspect", container="same")["state"] == "running"


def test_a_second_one_in_the_same_places_is_refused(new_davitd):
    server = new_davitd()
    twin = daemon.Davitd(server.place, server.cgroup_parent)
    assert start_and_fail(twin).strip()
    server.assert_alive()
    with server.client() as client:
        client.call("system.info")


@pytest.mark.parametrize("shared", ["run", "data"])
def test_a_second_one_that_shares_a_folder_is_refused(new_davitd, folder, shared):
    server = new_davitd()
    twin = daemon.Davitd(folder / "twin", server.cgroup_parent)
    twin.socket = folder / "twin/socket"
    setattr(twin, f"{shared}_dir", getattr(server, f"{shared}_dir"))
    assert start_and_fail(twin).strip()
    with server.client() as client:
        client.call("system.info")


def test_a_socket_path_that_is_too_long(new_davitd, folder):
    server = new_davitd(start=False)
    server.socket = folder / ("s" * 108)
    assert "107" in start_and_fail(server)
    assert not server.socket.exists()


def test_a_stale_socket_is_replaced(new_davitd):
    server = new_davitd()
    server.kill()
    assert server.socket.exists()
    server.start()
    with server.client() as client:
        client.call("system.info")


@pytest.mark.parametrize("name", ["run_dir", "data_dir", "log_dir"])
def test_a_folder_of_another_user_is_refused(new_davitd, name):
    server = new_davitd(start=False)
    path = getattr(server, name)
    path.mkdir(parents=True)
    os.chown(path, 1234, 1234)
    assert str(path) in start_and_fail(server)


@pytest.mark.parametrize("name", ["run_dir", "data_dir", "log_dir"])
def test_a_folder_that_is_a_file_is_refused(new_davitd, name):
    server = new_davitd(start=False)
    path = getattr(server, name)
    path.parent.mkdir(parents=True)
    path.write_text("x")
    assert str(path) in start_and_fail(server)
    assert path.read_text() == "x"


@pytest.mark.parametrize("arguments", [["--no-such-option"], ["operand"], ["--run-dir"], ["--bus", "none", "--x"]])
def test_wrong_usage(arguments):
    result = subprocess.run([str(DAVITD), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                            env=clean_environment(), timeout=20)
    assert result.returncode == 2 and result.stdout == "" and result.stderr.strip()


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version(option):
    result = subprocess.run([str(DAVITD), option], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                            env=clean_environment(), timeout=20)
    assert result.returncode == 0 and result.stdout.strip() and result.stderr == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_order(new_davitd, number):
    server = new_davitd()
    server.process.send_signal(number)
    assert server.process.wait(20) == 0
    assert not server.socket.exists()


def test_containers_outlive_its_end(new_davitd, busybox_root):
    server = new_davitd()
    with server.client() as client:
        client.call("container.create", rootfs=str(busybox_root), args=["sleep", "100"], id="stays")
        pid = client.call("container.start", container="stays")["pid"]
    server.stop()
    assert is_alive(pid)
    server.start()
    with server.client() as client:
        found = client.call("container.inspect", container="stays")
        assert (found["state"], found["pid"]) == ("running", pid)


def test_a_signal_that_means_nothing_does_nothing(davitd):
    os.kill(davitd.pid, signal.SIGPIPE)
    with davitd.client() as client:
        client.call("system.info")


def test_the_places_that_it_makes(davitd, rpc, launch):
    number = launch("sleep", "100")
    for path in (davitd.run_dir / "containers" / number, davitd.log_dir / number):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert stat.S_IMODE((davitd.data_dir / "containers" / number).stat().st_mode) == 0o600
    assert stat.S_IMODE((davitd.log_dir / number / "log").stat().st_mode) & 0o077 == 0


def test_empty_parents_of_cgroups_are_removed(new_davitd, busybox_root):
    server = new_davitd()
    with server.client() as client:
        server.run(client, "true", rootfs=str(busybox_root))
        parent = f"{server.cgroup_parent}/{client.greeting['instance'][:8]}"
        eventually(lambda: not cgroups_below(parent), what=lambda: cgroups_below(parent))


def test_a_cgroup_that_exists_is_an_error_and_stays(davitd, rpc, busybox_root):
    number = rpc.call("container.create", rootfs=str(busybox_root), args=["true"], id="taken")["id"]
    made = [root / f"{davitd.cgroup_parent}/{rpc.greeting['instance'][:8]}/taken".strip("/") for root in cgroup_roots()]
    made = [path for path in made if path.parts[4] in ("pids", "memory", "unified")]
    try:
        for path in made:
            path.mkdir(parents=True)
        with pytest.raises(RpcError) as failure:
            rpc.call("container.start", container=number)
        assert failure.value.code in ("AlreadyExists", "RuntimeFailed") and "cgroup" in failure.value.where
        # Not even when the shim has gone and the container with it.
        rpc.call("container.delete", container=number)
        assert all(path.exists() for path in made)
    finally:
        for path in made:
            for part in (path, path.parent, path.parent.parent):
                try:
                    part.rmdir()
                except OSError:
                    break


def test_another_user_may_not_connect_or_not_do(davitd, folder):
    """Without the group the socket is closed to others; were it open, they still could only look."""
    davitd.run_dir.chmod(0o755)
    os.chmod(davitd.socket, 0o666)
    davitd.place.chmod(0o755)
    script = ("import os, sys; os.setgroups([]); os.setgid(4321); os.setuid(4321); "
              f"sys.path.insert(0, {os.path.dirname(daemon.__file__)!r}); "
              "from davit_rpc import Client, RpcError\n"
              f"client = Client({str(davitd.socket)!r})\n"
              "for method, arguments in (('container.create', {'rootfs': '/', 'args': ['true']}), "
              "('events.subscribe', {})):\n"
              "    try: client.call(method, **arguments); print('allowed', method)\n"
              "    except RpcError as error: print(error.code, error.where)\n"
              "print(client.call('container.list')['containers'])")
    result = subprocess.run(["/usr/bin/python3", "-c", script], capture_output=True, text=True, timeout=30,
                            env=clean_environment(PYTHONDONTWRITEBYTECODE="1"))
    os.chmod(davitd.socket, 0o600)
    assert result.stdout.splitlines() == ["PermissionDenied method"] * 2 + ["[]"], result.stderr


def test_many_connections(davitd):
    """They come and go; one more than allowed is closed, and the others go on."""
    with davitd.client() as client:
        limit = client.call("system.info")["limits"].get("connections")
        others = []
        try:
            for _ in range(100):
                others.append(Client(davitd.socket))
            assert client.call("system.info").get("connections", 101) >= 101
            assert limit is None or limit >= 101
        finally:
            for other in others:
                other.close()
        eventually(lambda: client.call("system.info").get("connections", 1) == 1)


def test_socket_activation(new_davitd, folder):
    """LISTEN_FDS: the socket was made by somebody else and is left to him."""
    server = new_davitd(start=False)
    server.place.mkdir()
    path = folder / "activated.sock"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()
    script = "import os, sys; os.dup2(int(sys.argv[1]), 3, True); os.environ['LISTEN_PID'] = str(os.getpid()); " \
             "os.environ['LISTEN_FDS'] = '1'; os.execv(sys.argv[2], sys.argv[2:])"
    process = subprocess.Popen(
        ["/usr/bin/python3", "-c", script, str(listener.fileno()), *server.command()],
        pass_fds=[listener.fileno()], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=clean_environment())
    try:
        with Client(path) as client:
            assert client.call("system.info")["pid"] == process.pid
    finally:
        process.terminate()
        code = process.wait(20)
        listener.close()
    assert code == 0 and path.exists()
