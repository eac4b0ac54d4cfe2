# SPDX-License-Identifier: Apache-2.0
"""Real programs and bundles that others made: Debian's redis and nginx, `runc spec`, an image of umoci."""
import json
import os
import shutil
import socket
import subprocess
import urllib.request

import pytest
import userland
from daemon import DAVIT_OCI, clean_environment, once_adopted, read_log
from davit_rpc import RpcError
from oracle import eventually


@pytest.fixture(scope="module")
def debian():
    return str(userland.debian_root())


@pytest.fixture
def port():
    """A port of the loopback that is free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def command(*arguments, **options):
    return subprocess.run(list(map(str, arguments)), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60, env=clean_environment(), **options)


def redis(port, *arguments):
    return command("redis-cli", "-h", "127.0.0.1", "-p", port, *arguments).stdout.strip()


def start_redis(launch, debian, port, **more):
    return launch("redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", "/mnt",
                  rootfs=debian, network="host", user="redis", read_only=True,
                  tmpfs=[{"target": "/mnt", "options": ["mode=1777"]}], **more)


def test_redis(rpc, launch, debian, port):
    number = start_redis(launch, debian, port, resources={"memory": 128 << 20})
    eventually(lambda: redis(port, "PING") == "PONG")
    assert redis(port, "SET", "key", "value") == "OK"
    assert redis(port, "GET", "key") == "value"
    assert redis(port, "CONFIG", "GET", "dir").splitlines() == ["dir", "/mnt"]
    rpc.call("container.stop", container=number)
    record = rpc.call("container.wait", container=number)["exit"]
    assert (record["code"], record["cause"]["kind"]) == (0, "exited")
    output = read_log(rpc, number)["stdout"]
    assert b"Ready to accept connections" in output and b"bye bye" in output
    assert redis(port, "PING") == ""


def test_redis_is_killed_and_started_again(rpc, launch, debian, port):
    number = start_redis(launch, debian, port)
    eventually(lambda: redis(port, "PING") == "PONG")
    redis(port, "SET", "key", "value")
    rpc.call("container.restart", container=number, signal="KILL")
    eventually(lambda: redis(port, "PING") == "PONG")
    assert redis(port, "GET", "key") == ""


def test_redis_survives_davitd(new_davitd, debian, port):
    server = new_davitd()
    with server.client() as client:
        number = client.call("container.create", rootfs=debian, network="host", read_only=True, user="redis",
                             args=["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", ""])["id"]
        client.call("container.start", container=number)
        eventually(lambda: redis(port, "SET", "key", "kept") == "OK")
    server.kill()
    assert redis(port, "GET", "key") == "kept"
    server.start()
    with server.client() as client:
        assert redis(port, "GET", "key") == "kept"
        once_adopted(client, "container.stop", number)
        assert client.call("container.wait", container=number)["exit"]["code"] == 0


NGINX = """daemon off;
user www-data;
worker_processes 2;
pid /run/nginx.pid;
error_log /dev/stderr;
events { worker_connections 64; }
http {
    access_log /dev/stdout;
    server { listen 127.0.0.1:PORT; root /srv; }
}
"""


@pytest.mark.parametrize("stop_signal", ["QUIT", "TERM"])
def test_nginx(rpc, launch, debian, folder, port, stop_signal):
    (folder / "nginx.conf").write_text(NGINX.replace("PORT", str(port)))
    (folder / "www").mkdir()
    (folder / "www/index.html").write_text("it works\n")
    number = launch("nginx", rootfs=debian, network="host", read_only=True, stop={"signal": stop_signal},
                    tmpfs=[{"target": path} for path in ("/run", "/var/lib/nginx", "/var/log/nginx")],
                    mounts=[{"source": str(folder / "www"), "target": "/srv", "options": ["ro"]},
                            {"source": str(folder / "nginx.conf"), "target": "/etc/nginx/nginx.conf",
                             "options": ["ro"]}])

    def fetch():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                return answer.read()
        except OSError:
            return None
    eventually(lambda: fetch() == b"it works\n", what=lambda: read_log(rpc, number))
    assert command("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}",
                   f"http://127.0.0.1:{port}/absent").stdout == "404"
    rpc.call("container.stop", container=number)
    record = rpc.call("container.wait", container=number)["exit"]
    assert (record["code"], record["cause"]["kind"]) == (0, "exited")
    output = read_log(rpc, number)
    assert b'"GET / HTTP/1.1" 200' in output["stdout"] and b'"GET /absent HTTP/1.1" 404' in output["stdout"]
    assert fetch() is None


def test_a_shell_of_debian_with_a_user_and_limits(run, debian):
    outcome = run("bash", "-c", "id -un; ulimit -n; getconf PAGESIZE; cat /etc/debian_version; exit 5", rootfs=debian,
                  user="www-data", rlimits=[{"name": "nofile", "soft": 100}], read_only=True)
    assert outcome.lines[:3] == ["www-data", "100", str(os.sysconf("SC_PAGESIZE"))]
    assert outcome.lines[3].startswith("12.") and outcome.code == 5


# --- bundles of others ---

@pytest.fixture
def runc_bundle(folder, busybox_root):
    """A bundle of `runc spec`, unchanged; its shell reads an empty stdin and ends."""
    path = folder / "runc"
    path.mkdir()
    shutil.copytree(busybox_root, path / "rootfs", symlinks=True)
    result = command("runc", "spec", cwd=path)
    assert result.returncode == 0, result.stderr
    return path


def test_an_unchanged_bundle_of_runc_runs_without_a_terminal(runc_bundle, folder):
    result = command(DAVIT_OCI, "--root", folder / "state", "run", "--bundle", runc_bundle, f"runc-{os.getpid()}")
    assert result.returncode == 0, result.stderr
    assert "process.terminal" in result.stderr and "warning" in result.stderr


def test_the_same_bundle_through_davitd_says_what_is_not_supported(rpc, runc_bundle):
    with pytest.raises(RpcError) as failure:
        rpc.call("container.create", bundle=str(runc_bundle))
    assert (failure.value.code, failure.value.where) == ("Unsupported", "process.terminal")


def test_the_same_bundle_without_its_terminal(davitd, rpc, runc_bundle):
    config = json.loads((runc_bundle / "config.json").read_text())
    config["process"]["terminal"] = False
    config["process"]["args"] = ["sh", "-c", "hostname; touch /x; mount | grep -c ' on /proc type proc '"]
    (runc_bundle / "config.json").write_text(json.dumps(config))
    outcome = davitd.run(rpc, bundle=str(runc_bundle))
    assert outcome.lines == ["runc", "1"]
    assert b"Read-only file system" in outcome.stderr


@pytest.fixture
def image_bundle(folder, busybox_root):
    """An image made with umoci from the busybox root, unpacked again by umoci."""
    image = f"{folder}/image:tag"

    def umoci(*arguments):
        result = command("umoci", *arguments)
        assert result.returncode == 0, result.stderr
    umoci("init", "--layout", folder / "image")
    umoci("new", "--image", image)
    umoci("unpack", "--image", image, folder / "made")
    for entry in busybox_root.iterdir():
        shutil.copytree(entry, folder / "made/rootfs" / entry.name, symlinks=True)
    (folder / "made/rootfs/etc/motd").write_text("from the image\n")
    umoci("repack", "--image", image, folder / "made")
    umoci("config", "--image", image, "--config.entrypoint", "/bin/sh", "--config.cmd", "-c", "--config.cmd",
          "id -u; id -g; pwd; echo $GREETING; cat /etc/motd; exit 6", "--config.env", "GREETING=hello",
          "--config.user", "1000:1001", "--config.workingdir", "/home")
    umoci("unpack", "--image", image, folder / "unpacked")
    return folder / "unpacked"


EXPECTED = ["1000", "1001", "/home", "hello", "from the image"]


def test_an_image_of_umoci_through_davit_oci(image_bundle, folder):
    result = command(DAVIT_OCI, "--root", folder / "state", "run", "--bundle", image_bundle, f"umoci-{os.getpid()}")
    assert (result.returncode, result.stdout.splitlines()) == (6, EXPECTED), result.stderr


def test_an_image_of_umoci_through_davitd(davitd, rpc, image_bundle):
    config = json.loads((image_bundle / "config.json").read_text())
    config["process"]["terminal"] = False
    (image_bundle / "config.json").write_text(json.dumps(config))
    outcome = davitd.run(rpc, bundle=str(image_bundle))
    assert (outcome.code, outcome.lines) == (6, EXPECTED), outcome


def test_the_root_of_an_image_through_davitd(run, image_bundle):
    outcome = run("/bin/cat", "/etc/motd", rootfs=str(image_bundle / "rootfs"), read_only=True)
    assert outcome.lines == ["from the image"]
