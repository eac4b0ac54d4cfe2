# SPDX-License-Identifier: Apache-2.0
"""A private davitd with all of its places in one folder, and what tests do with it again and again."""
import dataclasses
import os
import signal
import subprocess
from pathlib import Path

import oracle
from davit_rpc import Client, RpcError, connect
from oracle import eventually
from schema_check import Schema

BUILD = Path(os.environ.get("DAVIT_BUILD_DIR") or Path(__file__).resolve().parents[2] / "build").resolve()
DAVITD = BUILD / "supervisor/davitd"
DAVIT = BUILD / "client/davit"
DAVIT_OCI = BUILD / "runtime/oci/davit-oci"
SHIM = BUILD / "shim/davit-shim"
IS_SANITIZED = "asan" in BUILD.name
# Under the sanitizers all is slower; a deadline is no measurement.
PATIENCE = 4 if IS_SANITIZED else 1


def clean_environment(**more):
    """What programs of ours get: nothing of the caller's but what sanitizers need."""
    kept = {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **kept, **more}


@dataclasses.dataclass
class Outcome:
    """How a container ended, and what it wrote."""
    id: str
    exit: dict
    stdout: bytes
    stderr: bytes

    @property
    def code(self):
        return self.exit.get("code")

    @property
    def lines(self):
        return self.stdout.decode().splitlines()


class CheckedClient(Client):
    """Checks every result and every event against `describe`."""

    def __init__(self, daemon, **options):
        self.schema = None
        super().__init__(daemon.socket, **options)
        self.schema = daemon.schema

    def call(self, method, /, **arguments):
        result = super().call(method, **arguments)
        if self.schema:
            self.schema.check_result(method, result)
        return result

    def _take(self, message):
        super()._take(message)
        if self.schema and message[0] == 2 and message[2][0].get("channel") == "event":
            self.schema.check_event(message[2][0]["data"])


class Davitd:
    def __init__(self, place, cgroup_parent, extra=()):
        self.place = Path(place)
        self.socket = self.place / "run/davit.sock"
        self.run_dir, self.data_dir, self.log_dir = (self.place / name for name in ("run", "data", "log"))
        self.cgroup_parent = cgroup_parent
        self.extra = list(extra)
        self.stderr_path = self.place / "stderr"
        self.process = None
        self.schema = None
        self.clients = []

    def command(self):
        return [str(DAVITD), "--socket", str(self.socket), "--run-dir", str(self.run_dir),
                "--data-dir", str(self.data_dir), "--log-dir", str(self.log_dir),
                "--cgroup-parent", self.cgroup_parent, "--bus", "none", *self.extra]

    def start(self, wait=True):
        self.place.mkdir(parents=True, exist_ok=True)
        with open(self.stderr_path, "ab") as stderr:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
                env=clean_environment(), cwd="/", start_new_session=True)
        if wait:
            eventually(self._is_up, 20 * PATIENCE, lambda: f"davitd does not answer: {self.stderr()}")
            if self.schema is None:
                with Client(self.socket) as client:
                    self.schema = Schema(client.call("describe"))
        return self

    def _is_up(self):
        assert self.process.poll() is None, f"davitd ended with {self.process.returncode}: {self.stderr()}"
        try:
            connect(self.socket).close()
        except OSError:
            return False
        return True

    @property
    def pid(self):
        return self.process.pid

    def stderr(self):
        return self.stderr_path.read_text(errors="replace")

    def assert_alive(self):
        assert self.process.poll() is None, f"davitd ended with {self.process.returncode}: {self.stderr()}"

    def client(self, **options):
        self.clients.append(CheckedClient(self, **options))
        return self.clients[-1]

    def hang_up(self):
        """Closes the clients that a test which failed has left open."""
        while self.clients:
            self.clients.pop().close()

    def kill(self):
        """As if it had crashed."""
        self.process.kill()
        self.process.wait(20)

    def stop(self):
        """By SIGTERM, as a service manager does; containers go on."""
        self.assert_alive()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20 * PATIENCE)
        assert code == 0, f"davitd ended with {code}: {self.stderr()}"
        for sign in ("AddressSanitizer", "LeakSanitizer", "runtime error"):
            assert sign not in self.stderr(), self.stderr()
        assert not self.socket.exists(), "the socket is left"

    def restart(self):
        self.stop()
        return self.start()

    def remove_all(self):
        with self.client() as client:
            for container in client.call("container.list", all=True)["containers"]:
                try:
                    once_adopted(client, "container.delete", container["id"], force=True)
                except RpcError as error:
                    if error.code != "NotFound":
                        raise

    def files(self):
        """What there is of containers on disk."""
        return [str(path) for folder in (self.run_dir / "containers", self.data_dir / "containers", self.log_dir)
                if folder.exists() for path in folder.iterdir() if path.name != ".davit"]

    def descriptors(self):
        return oracle.descriptors(self.pid)

    def is_quiet(self):
        """No container and no client, nor anything that outlives one by a moment: a shim that is leaving,
        a connection whose end davitd has not read yet."""
        return self.descriptors()["socket"] == 1 and not oracle.descendants(self.pid)

    def memory(self, field="VmRSS"):
        """A size of /proc/PID/status in bytes."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
        raise KeyError(field)

    # --- short forms ---

    def run(self, client, *args, keep=False, **create):
        """Creates, starts, waits, reads the log, deletes."""
        if args:
            create["args"] = list(args)
        number = client.call("container.create", **create)["id"]
        try:
            client.call("container.start", container=number)
            exit_record = client.call("container.wait", container=number)["exit"]
            output = read_log(client, number)
        finally:
            if not keep:
                client.call("container.delete", container=number, force=True)
        return Outcome(number, exit_record, output["stdout"], output["stderr"])


def once_adopted(client, method, container, **arguments):
    """Calls a method that needs the shim, which is Unavailable until the shim has answered."""
    def call():
        try:
            return client.call(method, container=container, **arguments)
        except RpcError as error:
            if error.code != "Unavailable":
                raise
        return None
    return eventually(call)


def parse_cri(data):
    """[(stamp, stream, tag, text)] of CRI lines."""
    records = []
    for line in data.split(b"\n")[:-1]:
        stamp, stream, tag, text = line.split(b" ", 3)
        records.append((stamp.decode(), stream.decode(), tag.decode(), text))
    assert data == b"" or data.endswith(b"\n"), "a torn line"
    return records


def join_cri(records):
    """The bytes of each stream as the container wrote them, but for a newline that may be missing
    at the very end."""
    output = {"stdout": bytearray(), "stderr": bytearray()}
    for _, stream, tag, text in records:
        if tag == "F:davit.gap":
            continue
        output[stream] += text
        if tag == "F":
            output[stream] += b"\n"
    return {name: bytes(data) for name, data in output.items()}


def read_log(client, container, **arguments):
    stream = client.open("container.logs", container=container, **arguments)
    data = stream.read().get("log", b"")
    assert stream.end["status"] == "ok", stream.end
    return join_cri(parse_cri(data))
