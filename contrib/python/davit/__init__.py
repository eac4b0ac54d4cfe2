# SPDX-License-Identifier: Apache-2.0
"""An asyncio client of davitd, the container supervisor.

    async with await davit.connect() as client:
        created = await client.call("container.create", host=True, args=["echo", "hello"])
        async with client.stream("container.attach", container=created["id"]) as output:
            await client.call("container.start", container=created["id"])
            async for piece in output:
                print(piece.channel, piece.data)

Methods, arguments and results are those of docs/protocol.md, and of the method "describe". Sizes are
bytes, times microseconds. A call that fails raises davit.Error; a lost connection fails every call
and stream with the code Unavailable. The connection belongs to one event loop and is not thread-safe.
"""
import asyncio
import os
import re
import typing

import msgpack

__all__ = ["Client", "Error", "Piece", "Stream", "connect", "default_socket"]

READ_SIZE = 1 << 18
WINDOW = 1 << 20
# davitd's own limit of one message, with room for the frame of a stream's data.
MESSAGE_MAX = 8 << 20


class Error(Exception):
    """What davitd refused, and why: code, message, where ("" when there is none) and details."""

    def __init__(self, code, message, where="", details=None):
        super().__init__(f"{code}: {message} ({where})" if where else f"{code}: {message}")
        self.code, self.message, self.where, self.details = code, message, where, details or {}

    @classmethod
    def from_wire(cls, error):
        if isinstance(error, dict):
            return cls(error.get("code", "Internal"), error.get("message", ""), error.get("where") or "",
                       error.get("details"))
        match = re.fullmatch(r"(\w+): (.*)", str(error), re.DOTALL)
        return cls(*match.groups()) if match else cls("Internal", str(error))


class Piece(typing.NamedTuple):
    """A piece of a stream: bytes, or one event of the channel "event"."""
    channel: str
    offset: int
    data: typing.Any


class Stream:
    """What a stream method sends. An asynchronous context manager and iterator; credit is given back as
    pieces are taken, so a slow consumer holds davitd back and nobody else."""

    def __init__(self, client, method, arguments, window):
        self._client, self._method, self._arguments, self._window = client, method, arguments, window
        self._pieces = asyncio.Queue()
        self._taken = 0
        self._over = False
        self.id = None
        self.dropped = 0

    async def __aenter__(self):
        result = await self._client._request(self._method, self._arguments, self._on_open)
        self._client._notify("stream.credit", stream=result["stream"], bytes=self._window)
        return self

    def _on_open(self, result):
        # At once with the answer: what follows it on the wire is already for this stream.
        self.id = result["stream"]
        self._client._streams[self.id] = self

    async def __aexit__(self, *exception):
        if not self._client._streams.pop(self.id, None) or self._client._lost:
            return
        try:
            await self._client.call("stream.close", stream=self.id)
        except Error as error:
            # It may have ended just now.
            if error.code not in ("NotFound", "Unavailable"):
                raise

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self._over:
            raise StopAsyncIteration
        piece = await self._pieces.get()
        if piece is None or isinstance(piece, Error):
            self._over = True
            raise piece or StopAsyncIteration
        self._give_back(piece.data)
        return piece

    def _give_back(self, data):
        self._taken += len(data) if isinstance(data, bytes) else len(msgpack.packb(data))
        if self._taken * 2 >= self._window and self.id in self._client._streams:
            self._client._notify("stream.credit", stream=self.id, bytes=self._taken)
            self._taken = 0

    def _end(self, error, dropped=0):
        self.dropped = dropped
        self._client._streams.pop(self.id, None)
        self._pieces.put_nowait(error)

    async def write(self, data):
        """Writes to the container's stdin; returns when the container's side has taken it."""
        for start in range(0, len(data), 1 << 16):
            await self._client.call("stream.write", stream=self.id, data=data[start:start + (1 << 16)])

    async def close_stdin(self):
        """The half-close: the container reads what was written, then the end."""
        await self._client.call("stream.close", stream=self.id, channel="stdin")


class Client:
    """One connection; made by connect()."""

    def __init__(self, reader, writer):
        self._reader, self._writer = reader, writer
        self._calls, self._streams = {}, {}
        self._next_id = 0
        self._lost = None
        self._task = asyncio.get_running_loop().create_task(self._read())
        self.hello = None

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exception):
        await self.close()

    async def close(self):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._writer.close()
        self._lose(Error("Unavailable", "the connection is closed"))

    async def call(self, method, /, **arguments):
        """Calls a method with its named arguments and returns its result."""
        return await self._request(method, arguments)

    def stream(self, method, /, window=WINDOW, **arguments):
        """The stream of a stream method, to be entered with `async with`."""
        return Stream(self, method, arguments, window)

    async def _request(self, method, arguments, on_answer=None):
        if self._lost:
            raise self._lost
        self._next_id = (self._next_id + 1) & 0xffffffff
        number, future = self._next_id, asyncio.get_running_loop().create_future()
        self._calls[number] = future, on_answer
        try:
            self._send([0, number, method, [arguments] if arguments else []])
            await self._writer.drain()
            return await future
        except ConnectionError as error:
            raise Error("Unavailable", str(error)) from error
        finally:
            self._calls.pop(number, None)

    def _notify(self, method, **arguments):
        if not self._lost:
            self._send([2, method, [arguments]])

    def _send(self, message):
        self._writer.write(msgpack.packb(message))

    async def _read(self):
        unpacker = msgpack.Unpacker(max_buffer_size=MESSAGE_MAX, strict_map_key=True)
        lost = Error("Unavailable", "davitd has closed the connection")
        try:
            while data := await self._reader.read(READ_SIZE):
                unpacker.feed(data)
                for message in unpacker:
                    self._take(message)
        except (OSError, ValueError, msgpack.UnpackException) as error:
            lost = Error("Unavailable", f"the connection is lost: {error}")
        self._lose(lost)

    def _take(self, message):
        if message[0] == 1:
            self._take_answer(*message[1:])
        elif message[0] == 2:
            self._take_notification(message[1], message[2][0])

    def _take_answer(self, number, error, result):
        future, on_answer = self._calls.pop(number, (None, None))
        if not future or future.done():
            return
        if error is not None:
            future.set_exception(Error.from_wire(error))
            return
        if on_answer:
            on_answer(result)
        future.set_result(result)

    def _take_notification(self, method, arguments):
        stream = self._streams.get(arguments.get("stream"))
        if stream and method == "stream.data":
            stream._pieces.put_nowait(Piece(arguments["channel"], arguments["offset"], arguments["data"]))
        elif stream and method == "stream.end":
            status = arguments["status"]
            stream._end(None if status == "ok" else Error.from_wire(status), arguments["dropped"])

    def _lose(self, error):
        self._lost = self._lost or error
        calls, self._calls = self._calls, {}
        for future, _ in calls.values():
            if not future.done():
                future.set_exception(self._lost)
        for stream in list(self._streams.values()):
            stream._end(self._lost)


def default_socket():
    """$DAVIT_SOCKET, else the user's own: /run/davit/davit.sock for root."""
    runtime = "/run" if os.geteuid() == 0 else os.environ.get("XDG_RUNTIME_DIR", "/nonexistent")
    return os.environ.get("DAVIT_SOCKET") or os.path.join(runtime, "davit/davit.sock")


async def connect(path=None):
    """Connects to davitd and says hello. OSError when nobody listens."""
    client = Client(*await asyncio.open_unix_connection(path or default_socket(), limit=READ_SIZE))
    try:
        client.hello = await client.call("hello", client="python", errors="map")
    except BaseException:
        await client.close()
        raise
    return client
