# SPDX-License-Identifier: Apache-2.0
"""Bytes that are no messages, messages that are too large, peers that misbehave: the one at fault is
answered or cut off, the others are served, davitd's memory stays bounded."""
import random
import socket
import struct
import time

import msgpack
import pytest
from daemon import IS_SANITIZED, PATIENCE
from davit_rpc import Client, Closed, RpcError, connect
from oracle import eventually

pytestmark = pytest.mark.asan

MEMORY_BOUND = (1 << 45) if IS_SANITIZED else 256 << 20
INVALID, EXHAUSTED = "InvalidArgument", "ResourceExhausted"


def request(params, method="system.info", number=7):
    return msgpack.packb([0, number, method, params])


HEAD = b"\x94\x00\x07" + msgpack.packb("system.info")  # a request with id 7, up to its params


def nested(count):
    return b"\x91" * count


# Where messages begin is lost: answered if it can be named, then closed. A name, bytes, code or None.
FATAL_ROWS = [
    ("the byte that msgpack never uses", b"\xc1", None),
    ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", None),
    ("JSON", b'{"jsonrpc": "2.0", "method": "x"}', None),
    ("zeros", b"\0" * 100, None),
    ("text", b"hello\n", None),
    ("a number", msgpack.packb(5), None),
    ("nil", b"\xc0", None),
    ("a map", msgpack.packb({"a": 1}), None),
    ("an empty array", b"\x90", None),
    ("a message of type 3", msgpack.packb([3, 1, "x", []]), None),
    ("a message of type -1", msgpack.packb([-1, 1, "x", []]), None),
    ("a message of type \"0\"", msgpack.packb(["0", 1, "x", []]), None),
    ("a request without an id", msgpack.packb([0, None, "system.info", []]), None),
    ("a negative id", msgpack.packb([0, -1, "system.info", []]), None),
    ("an id of 2^32", msgpack.packb([0, 1 << 32, "system.info", []]), None),
    ("a response nobody asked for", msgpack.packb([1, 7, None, {}]), None),
    ("a notification that is too short", msgpack.packb([2, "stream.credit"]), None),
    ("an ext type", HEAD + b"\xd4\x01\x00", INVALID),
    ("100,000 nested arrays", nested(100000), None),
    ("nested arrays in a request", HEAD + nested(100000), EXHAUSTED),
    ("nested maps in a request", HEAD + b"\x81\xa1a" * 20000, EXHAUSTED),
    ("an array of 2^32 - 1", HEAD + b"\xdd\xff\xff\xff\xff", EXHAUSTED),
    ("a map of 2^32 - 1", HEAD + b"\xdf\xff\xff\xff\xff", EXHAUSTED),
    ("a map of 65535", HEAD + b"\xde\xff\xff", EXHAUSTED),
    ("a text of 4 GiB", HEAD + b"\xdb\xff\xff\xff\xff", EXHAUSTED),
    ("bytes of 4 GiB", HEAD + b"\xc6\xff\xff\xff\xff", EXHAUSTED),
    ("30 arrays of 2^26 in each other", HEAD + (b"\xdd\x04\x00\x00\x00") * 30, EXHAUSTED),
    ("100,000 nil", HEAD + b"\xdd" + struct.pack(">I", 100000) + b"\xc0" * 100000, EXHAUSTED),
    ("5 MiB", HEAD + b"\xc6" + struct.pack(">I", 5 << 20) + b"x" * (5 << 20), EXHAUSTED),
]

# The frame is whole: answered, and the connection goes on. A name, bytes, code, where.
ANSWERED_ROWS = [
    ("params is a map", request({}), INVALID, "params"),
    ("params is nil", request(None), INVALID, "params"),
    ("two maps of arguments", request([{}, {}]), INVALID, "params"),
    ("positional arguments", request(["x"]), INVALID, "params"),
    ("the method is a number", msgpack.packb([0, 7, 5, []]), INVALID, "method"),
    ("the method is empty", msgpack.packb([0, 7, "", []]), INVALID, "method"),
    ("the method has a control byte", msgpack.packb([0, 7, "a\x01", []]), INVALID, "method"),
    ("a method of 10,000 bytes", msgpack.packb([0, 7, "x" * 10000, []]), INVALID, "method"),
    ("an unknown method", msgpack.packb([0, 7, "container.fly", []]), "NotFound", "method"),
    ("three members", msgpack.packb([0, 7, "system.info"]), INVALID, "message"),
    ("five members", msgpack.packb([0, 7, "system.info", [], 1]), INVALID, "message"),
    ("a key twice", HEAD + b"\x91\x82\xa1a\x01\xa1a\x02", INVALID, None),
    ("a key twice, deep", HEAD + b"\x91\x81\xa1b\x82\xa1a\x01\xa1a\x02", INVALID, None),
    ("a key twice, in two forms", HEAD + b"\x91\x82\xa1a\x01\xd9\x01a\x02", INVALID, None),
    ("a key that is no text", request([{5: 1}]), INVALID, None),
    ("an unknown argument", request([{"verbose": True}]), INVALID, None),
    ("an unknown argument with a control byte", request([{"a\x1b[2J": True}], "container.list"), INVALID, "a?[2J"),
]


@pytest.fixture(autouse=True)
def everybody_else_is_served(davitd):
    """Memory stays bounded, and somebody who connected before and somebody new are answered."""
    peak = davitd.memory("VmPeak")
    with davitd.client() as old:
        yield
        old.call("system.info")
        with davitd.client() as new:
            new.call("system.info")
    assert davitd.memory("VmPeak") <= max(peak, MEMORY_BOUND)


def closed_after(connection):
    """What came before the other end closed; fails when it does not."""
    received = b""
    connection.settimeout(20 * PATIENCE)
    try:
        while data := connection.recv(1 << 16):
            received += data
    except ConnectionResetError:
        pass
    return received


def send_quietly(connection, data):
    try:
        connection.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        pass


@pytest.mark.parametrize("data, code", [row[1:] for row in FATAL_ROWS], ids=[row[0] for row in FATAL_ROWS])
def test_what_breaks_the_framing_is_cut_off(davitd, data, code):
    with connect(davitd.socket) as connection:
        send_quietly(connection, data)
        received = closed_after(connection)
    if code is None:
        assert received == b""
    elif received or b"\xc6\x00\x50" not in data:
        kind, number, error, result = msgpack.unpackb(received)
        assert (kind, number, result) == (1, 7, None) and error.startswith(code + ": "), error


@pytest.mark.parametrize("data, code, where", [row[1:] for row in ANSWERED_ROWS],
                         ids=[row[0] for row in ANSWERED_ROWS])
def test_what_is_wrong_within_a_frame_is_answered(davitd, data, code, where):
    with Client(davitd.socket) as client:
        client.send_raw(data)
        with pytest.raises(RpcError) as failure:
            client.result(7)
        assert failure.value.code == code, failure.value
        assert where is None or failure.value.where == where, failure.value
        client.call("system.info")


@pytest.mark.parametrize("number", [0, 1, 0xFFFFFFFF])
def test_every_id_is_good(davitd, number):
    with Client(davitd.socket) as client:
        client.send_raw(request([], number=number))
        assert client.result(number)["pid"] == davitd.pid


def test_the_same_id_twice_gets_two_answers(davitd):
    with connect(davitd.socket) as connection:
        connection.sendall(request([]) * 2)
        unpacker, answers = msgpack.Unpacker(), []
        while len(answers) < 2:
            unpacker.feed(connection.recv(1 << 16))
            answers += list(unpacker)
        assert [answer[1] for answer in answers] == [7, 7]


def test_unknown_notifications_are_ignored(davitd):
    with Client(davitd.socket) as client:
        client.notify("no.such.notification", a=1)
        client.notify("stream.credit", stream=99, bytes=1)
        client.notify("stream.credit", stream="x", bytes=-1)
        client.call("system.info")


def test_byte_by_byte(davitd):
    with Client(davitd.socket) as client:
        for byte in request([]):
            client.send_raw(bytes([byte]))
        assert client.result(7)["pid"] == davitd.pid


@pytest.mark.parametrize("size", [1, 5, 17])
def test_a_frame_that_is_cut_off(davitd, size):
    before = davitd.descriptors()
    for _ in range(20):
        with connect(davitd.socket) as connection:
            connection.sendall(request([])[:size])
    eventually(lambda: davitd.descriptors() == before)


def test_half_frames_from_many(davitd):
    """200 connections that say half of something and wait; each may finish later."""
    connections = [connect(davitd.socket) for _ in range(200)]
    data = request([{"client": "x" * 1000}], method="hello")
    for connection in connections:
        connection.sendall(data[:500])
    with Client(davitd.socket) as client:
        client.call("system.info")
    for connection in connections[::2]:
        connection.sendall(data[500:])
    for connection in connections[::2]:
        assert msgpack.unpackb(connection.recv(1 << 16))[1] == 7
    for connection in connections:
        connection.close()


def test_a_large_message_that_never_ends(davitd):
    """4 MiB of a text of 4 MiB - 1: nothing is expected, and little is kept."""
    before = davitd.memory()
    connections = [connect(davitd.socket) for _ in range(4)]
    for connection in connections:
        connection.sendall(HEAD + b"\x91\x81\xa1a\xdb" + struct.pack(">I", (4 << 20) - 64) + b"x" * (3 << 20))
    with Client(davitd.socket) as client:
        client.call("system.info")
    assert davitd.memory() - before < (1 << 30 if IS_SANITIZED else 40 << 20)
    for connection in connections:
        connection.close()


def test_the_largest_message_that_is_taken(davitd):
    with Client(davitd.socket) as client:
        with pytest.raises(RpcError) as failure:
            client.call("stream.write", stream=1, data=b"x" * ((4 << 20) - 100))
        assert failure.value.code in ("NotFound", INVALID)
        client.call("system.info")


def test_closing_in_the_middle_of_a_request(davitd, rpc, launch):
    """The request is carried out or not; nothing is left of who asked."""
    number = launch("sleep", "100", stop={"signal": "KILL"})
    before = davitd.descriptors()
    for method, arguments in (("container.wait", {}), ("container.logs", {"follow": True}), ("container.attach", {}),
                              ("container.stop", {"signal": "CONT", "timeout_usec": 200000})):
        client = davitd.client()
        client.send(method, container=number, **arguments)
        client.close()
    eventually(lambda: rpc.call("container.inspect", container=number)["state"] == "exited")
    eventually(lambda: set(davitd.descriptors()) <= set(before))


def test_closing_in_the_middle_of_a_create_and_a_start(davitd, rpc, busybox_root):
    for number in range(10):
        client = davitd.client()
        client.send("container.create", rootfs=str(busybox_root), args=["sleep", "100"], id=f"c{number}")
        client.send("container.start", container=f"c{number}")
        client.close()
    eventually(lambda: [item["state"] for item in rpc.call("container.list")["containers"]
                        if item["state"] != "running"] == [])


def test_a_half_close_still_gets_its_answers(davitd):
    with connect(davitd.socket) as connection:
        connection.sendall(request([]))
        connection.shutdown(socket.SHUT_WR)
        # Answered or cut off, at once; never left open.
        closed_after(connection)


def test_one_that_asks_and_never_reads(davitd):
    """Its requests pile up in its own socket; memory is bounded and others are served."""
    before = davitd.memory()
    deaf = connect(davitd.socket)
    deaf.setblocking(False)
    data, sent = request([], method="describe") * 1000, 0
    end = time.monotonic() + 20
    stuck_since = time.monotonic()
    while time.monotonic() < end and time.monotonic() - stuck_since < 0.5:
        try:
            sent += deaf.send(data)
            stuck_since = time.monotonic()
        except BlockingIOError:
            with Client(davitd.socket) as client:
                client.call("system.info")
        except (BrokenPipeError, ConnectionResetError):
            break
    assert sent > 0
    assert davitd.memory() - before < (1 << 30 if IS_SANITIZED else 32 << 20)
    deaf.close()


def test_many_that_ask_and_never_read(davitd):
    before = davitd.memory()
    deaf = [connect(davitd.socket) for _ in range(16)]
    for connection in deaf:
        connection.setblocking(False)
        try:
            connection.send(request([], method="describe") * 2000)
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            pass
    with Client(davitd.socket) as client:
        for _ in range(20):
            client.call("system.info")
    assert davitd.memory() - before < (2 << 30 if IS_SANITIZED else 96 << 20)
    for connection in deaf:
        connection.close()


def many_waits(container):
    """200 requests at once, in one piece: a sender that cannot get rid of them would wait for ever."""
    return b"".join(request([{"container": container}], "container.wait", 1000 + i) for i in range(200))


def test_closing_with_many_requests_unread_stalls_nobody(davitd):
    """What a client that has gone still wanted is nobody's business."""
    with davitd.client() as other:
        gone = connect(davitd.socket)
        gone.setblocking(False)
        sent, end = 0, time.monotonic() + 0.3
        while time.monotonic() < end:
            try:
                sent += gone.send(request([], method="describe") * 1000)
            except BlockingIOError:
                other.call("system.info")
        gone.close()
        slowest, end = 0.0, time.monotonic() + 0.5
        while time.monotonic() < end:
            begin = time.monotonic()
            other.call("system.info")
            slowest = max(slowest, time.monotonic() - begin)
        assert sent > 10000 and slowest < 0.5 * PATIENCE


def test_more_requests_than_may_be_in_flight_wait_their_turn(davitd, rpc, launch):
    """Reading pauses at the limit and goes on when there is room; not one is lost."""
    number = launch("sleep", "100")
    with davitd.client() as client:
        client.send_raw(many_waits(number))
        rpc.call("system.info")
        rpc.call("container.kill", container=number)
        assert all(client.result(1000 + i)["exit"]["signal"] == 9 for i in range(200))


def test_more_requests_than_may_be_in_flight_and_gone(davitd, rpc, launch):
    number = launch("sleep", "100")
    before = davitd.descriptors()
    with davitd.client() as client:
        client.send_raw(many_waits(number))
    eventually(lambda: davitd.descriptors() == before)


def test_random_bytes(davitd):
    """Reproducible noise, behind nothing and behind the head of a request."""
    noise = random.Random(7)
    for round_ in range(200):
        data = noise.randbytes(noise.randrange(1, 300))
        with connect(davitd.socket) as connection:
            send_quietly(connection, (HEAD if round_ % 2 else b"") + data)
            connection.shutdown(socket.SHUT_WR)
            closed_after(connection)


def test_descriptors_that_are_sent_along_are_closed(davitd):
    before = davitd.descriptors()
    with connect(davitd.socket) as connection:
        with open("/etc/passwd", "rb") as file:
            for _ in range(10):
                socket.send_fds(connection, [request([])], [file.fileno()] * 20)
                connection.recv(1 << 16)
        now = davitd.descriptors()
        assert "/etc/passwd" not in now
    eventually(lambda: davitd.descriptors() == before)


def test_a_stream_belongs_to_its_connection(davitd, rpc, launch):
    number = launch("cat", stdin=True)
    stream = rpc.open("container.attach", container=number, stdin=True)
    with davitd.client() as other:
        for method, more in (("stream.write", {"data": b"x"}), ("stream.close", {})):
            with pytest.raises(RpcError) as failure:
                other.call(method, stream=stream.id, **more)
            assert (failure.value.code, failure.value.where) == ("NotFound", "stream")
        other.notify("stream.credit", stream=stream.id, bytes=100)
        other.call("system.info")


def test_credit_that_overflows(davitd, rpc, launch):
    number = launch("sh", "-c", "echo x")
    rpc.call("container.wait", container=number)
    stream = rpc.open("container.logs", container=number, window=0)
    for _ in range(4):
        stream.credit((1 << 63) - 1)
    assert stream.read()["log"].endswith(b" F x\n")


def test_more_streams_than_a_connection_may_have(davitd, rpc, launch):
    number = launch("sleep", "100")
    limit = rpc.call("system.info")["limits"].get("streams")
    if limit is None:
        limit = 1 << 20
    with davitd.client() as client:
        opened = 0
        try:
            for _ in range(min(limit, 300) + 1):
                client.open("events.subscribe", window=0)
                opened += 1
        except RpcError as error:
            assert error.code == EXHAUSTED
        assert opened == min(limit, 301)
        client.call("container.inspect", container=number)


def test_the_connection_of_one_that_broke_the_rules_is_gone(davitd):
    client = Client(davitd.socket)
    client.send_raw(b"\xc1")
    with pytest.raises((Closed, ConnectionError)):
        client.call("system.info")
    client.close()
