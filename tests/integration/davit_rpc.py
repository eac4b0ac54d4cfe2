# SPDX-License-Identifier: Apache-2.0
"""A small synchronous msgpack-RPC client, independent of libdavit, with a deadline on everything."""
import collections
import socket
import time

import msgpack

TIMEOUT = 15.0


class RpcError(Exception):
    """An error answer. `where` is "" when there is none."""

    def __init__(self, error):
        if isinstance(error, dict):
            self.code, self.message = error["code"], error["message"]
            self.where, self.details = error.get("where") or "", error.get("details")
        else:
            self.code, _, self.message = error.partition(": ")
            self.where, self.details = "", None
        self.raw = error
        super().__init__(f"{self.code}: {self.message} ({self.where})")


class Closed(Exception):
    """The other end closed the connection."""


def connect(path, timeout=TIMEOUT):
    """Waits for a place in the queue of the listener, as a blocking connect would."""
    deadline = time.monotonic() + timeout
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        connection.settimeout(timeout)
        try:
            connection.connect(str(path))
            return connection
        except BlockingIOError:
            connection.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.001)
        except BaseException:
            connection.close()
            raise


class Stream:
    """One stream: what arrived and was not yet taken is in `messages`, its end in `end`."""

    def __init__(self, client, number):
        self.client, self.id, self.window = client, number, 0
        self.messages = collections.deque()
        self.end = None

    def credit(self, size):
        self.client.notify("stream.credit", stream=self.id, bytes=size)

    def next(self, timeout=TIMEOUT):
        """The next {channel, offset, data}, or None at the end; credit is given back at once."""
        self.client.pump_until(lambda: self.messages or self.end, timeout)
        if not self.messages:
            return None
        message = self.messages.popleft()
        if self.window and not self.end:
            data = message["data"]
            self.credit(len(data) if isinstance(data, bytes) else len(msgpack.packb(data)))
        return message

    def __iter__(self):
        while (message := self.next()) is not None:
            yield message

    def read(self, timeout=TIMEOUT):
        """{channel: bytes} up to the end; offsets must be without a hole, starting where they start."""
        channels, offsets = {}, {}
        deadline = time.monotonic() + timeout
        while (message := self.next(deadline - time.monotonic())) is not None:
            name, data = message["channel"], message["data"]
            assert message["offset"] == offsets.get(name, message["offset"]), "a hole in the stream"
            offsets[name] = message["offset"] + len(data)
            channels.setdefault(name, bytearray()).extend(data)
        return {name: bytes(data) for name, data in channels.items()}

    def read_until(self, channel, wanted, timeout=TIMEOUT):
        """The bytes of one channel up to and with `wanted`."""
        found = bytearray()
        deadline = time.monotonic() + timeout
        while wanted not in found:
            message = self.next(deadline - time.monotonic())
            assert message is not None, f"the stream ended ({self.end}) after {bytes(found)!r}"
            if message["channel"] == channel:
                found.extend(message["data"])
        return bytes(found)

    def event(self, type_=None, timeout=TIMEOUT, **wanted):
        """The next event of this type and with these members; others are stepped over."""
        deadline = time.monotonic() + timeout
        while True:
            message = self.next(deadline - time.monotonic())
            assert message is not None, f"the stream ended: {self.end}"
            event = message["data"]
            if type_ in (None, event["type"]) and all(event.get(key) == value for key, value in wanted.items()):
                return event

    def write(self, data):
        return self.client.call("stream.write", stream=self.id, data=data)["written"]

    def close(self, channel=None):
        arguments = {"channel": channel} if channel else {}
        return self.client.call("stream.close", stream=self.id, **arguments)


class Client:
    def __init__(self, path, errors="map", timeout=TIMEOUT):
        self.socket = connect(path, timeout)
        self.unpacker = msgpack.Unpacker(raw=False, strict_map_key=False, max_buffer_size=1 << 28,
                                         unicode_errors="surrogateescape")
        self.timeout = timeout
        self.next_id = 1
        self.answers = {}
        self.streams = {}
        self.greeting = self.call("hello", client="tests", errors=errors) if errors else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    # --- bytes ---

    def send_raw(self, data):
        self.socket.settimeout(self.timeout)
        self.socket.sendall(data)

    def send(self, method, /, **arguments):
        """Sends a request; its id."""
        number = self.next_id
        self.next_id += 1
        params = [arguments] if arguments else []
        self.send_raw(msgpack.packb([0, number, method, params], unicode_errors="surrogateescape"))
        return number

    def notify(self, method, /, **arguments):
        self.send_raw(msgpack.packb([2, method, [arguments] if arguments else []]))

    def _take(self, message):
        if message[0] == 1:
            self.answers[message[1]] = message[2:]
            return
        assert message[0] == 2, f"not a message for a client: {message!r}"
        arguments = message[2][0]
        number = arguments["stream"]
        if number not in self.streams:
            answered = any(isinstance(answer[1], dict) and answer[1].get("stream") == number
                           for answer in self.answers.values())
            assert answered, "a message of a stream before the answer that names it"
            self.streams[number] = Stream(self, number)
        stream = self.streams[number]
        assert stream.end is None, "a message of a stream after its end"
        if message[1] == "stream.data":
            stream.messages.append(arguments)
        else:
            assert message[1] == "stream.end", message
            stream.end = arguments

    def pump_until(self, check, timeout):
        """Takes messages until check() is true."""
        deadline = time.monotonic() + timeout
        while not check():
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("no answer in time")
            self.socket.settimeout(left)
            data = self.socket.recv(1 << 20)
            if not data:
                raise Closed()
            self.unpacker.feed(data)
            for message in self.unpacker:
                self._take(message)

    def result(self, number, timeout=None):
        self.pump_until(lambda: number in self.answers, timeout or self.timeout)
        error, result = self.answers.pop(number)
        if error is not None:
            raise RpcError(error)
        return result

    def has_answer(self, number):
        """Whether the answer is there, without waiting for it."""
        try:
            self.pump_until(lambda: number in self.answers, 0.0001)
        except TimeoutError:
            return False
        return True

    def call(self, method, /, **arguments):
        return self.result(self.send(method, **arguments))

    def open(self, method, /, window=1 << 20, **arguments):
        """Calls a stream method; `window` 0 leaves credit to the caller."""
        number = self.call(method, **arguments)["stream"]
        stream = self.streams.setdefault(number, Stream(self, number))
        stream.window = window
        if window and not stream.end:
            stream.credit(window)
        return stream
