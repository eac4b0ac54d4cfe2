# SPDX-License-Identifier: Apache-2.0
"""The davit command as tests use it: against one private davitd, with a deadline on everything."""
import json
import subprocess
import threading

import daemon

TIMEOUT = 30 * daemon.PATIENCE


class Result:
    """How a davit command ended, and what it wrote."""

    def __init__(self, code, stdout, stderr):
        self.code, self.raw, self.stderr = code, stdout, stderr.decode()
        self.stdout = stdout.decode(errors="replace")

    @property
    def json(self):
        return json.loads(self.stdout)

    @property
    def json_lines(self):
        return [json.loads(line) for line in self.stdout.splitlines()]

    def __repr__(self):
        return f"<exit {self.code}, stdout {self.stdout!r}, stderr {self.stderr!r}>"


class Background:
    """A davit command that still runs; its output is collected line by line."""

    def __init__(self, process):
        self.process, self.lines, self.errors = process, [], []
        self._more = threading.Condition()
        self._readers = [threading.Thread(target=self._read, args=pair, daemon=True)
                         for pair in ((process.stdout, self.lines), (process.stderr, self.errors))]
        for reader in self._readers:
            reader.start()

    def _read(self, pipe, lines):
        for line in pipe:
            with self._more:
                lines.append(line.decode())
                self._more.notify_all()

    def wait_for(self, is_there, timeout=TIMEOUT):
        """Until is_there(lines, errors); both are lists of lines with their newlines."""
        with self._more:
            assert self._more.wait_for(lambda: is_there(self.lines, self.errors), timeout), (self.lines, self.errors)

    def wait_for_line(self, line):
        self.wait_for(lambda lines, _: line + "\n" in lines)

    def send_signal(self, number):
        self.process.send_signal(number)

    def finish(self, timeout=TIMEOUT):
        code = self.process.wait(timeout)
        for reader in self._readers:
            reader.join(timeout)
        self.process.stdout.close()
        self.process.stderr.close()
        if self.process.stdin:
            self.process.stdin.close()
        return Result(code, "".join(self.lines).encode(), "".join(self.errors).encode())


class Davit:
    def __init__(self, socket, root=None, **environment):
        self.environment = daemon.clean_environment(**environment)
        if socket:
            self.environment["DAVIT_SOCKET"] = str(socket)
        self.root = root
        self.background = []

    def __call__(self, *arguments, input=b"", cwd="/"):
        done = subprocess.run([str(daemon.DAVIT), *map(str, arguments)], input=input, capture_output=True,
                              env=self.environment, cwd=cwd, timeout=TIMEOUT)
        return Result(done.returncode, done.stdout, done.stderr)

    def ok(self, *arguments, **options):
        """The same, which must succeed without a word on stderr."""
        result = self(*arguments, **options)
        assert (result.code, result.stderr) == (0, ""), result
        return result

    def run(self, *options, command, **more):
        """run over the busybox root"""
        return self("run", "--rootfs", self.root, *options, *command, **more)

    def launch(self, *command, options=()):
        """A detached container; its id."""
        return self.ok("run", "-d", "--rootfs", self.root, *options, *command).stdout.strip()

    def start(self, *arguments, stdin=subprocess.DEVNULL, program=daemon.DAVIT):
        started = Background(subprocess.Popen(
            [str(program), *map(str, arguments)], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=self.environment, cwd="/"))
        self.background.append(started)
        return started

    def close(self):
        """Ends what a failed test has left."""
        for started in self.background:
            if started.process.poll() is None:
                started.process.kill()
                started.finish()
