# SPDX-License-Identifier: Apache-2.0
"""container.attach: output byte for byte, standard input with half-close, several clients, slow ones."""
import hashlib
import os
import time

import pytest
from daemon import IS_SANITIZED, PATIENCE, read_log
from davit_rpc import RpcError
from oracle import eventually

pytestmark = pytest.mark.asan


@pytest.fixture
def created(rpc, busybox_root):
    def create(*args, **more):
        return rpc.call("container.create", rootfs=str(busybox_root), args=list(args), **more)["id"]
    return create


def test_before_the_start_nothing_is_missed(rpc, created):
    number = created("sh", "-c", "echo out; echo err >&2; printf end")
    stream = rpc.open("container.attach", container=number)
    rpc.call("container.start", container=number)
    assert stream.read() == {"stdout": b"out\nend", "stderr": b"err\n"}
    assert (stream.end["status"], stream.end["dropped"]) == ("ok", 0)


def test_offsets_begin_at_0(rpc, created):
    number = created("sh", "-c", "printf abc; printf de >&2")
    stream = rpc.open("container.attach", container=number)
    rpc.call("container.start", container=number)
    first = {}
    for message in stream:
        first.setdefault(message["channel"], message["offset"])
    assert first == {"stdout": 0, "stderr": 0}


def test_one_stream_alone(rpc, created):
    number = created("sh", "-c", "echo out; echo err >&2")
    streams = [rpc.open("container.attach", container=number, streams=[name]) for name in ("stdout", "stderr")]
    rpc.call("container.start", container=number)
    assert [stream.read() for stream in streams] == [{"stdout": b"out\n"}, {"stderr": b"err\n"}]


def test_later_ones_begin_where_the_output_stands(rpc, launch):
    number = launch("sh", "-c", "echo early; read x; echo late", stdin=True)
    eventually(lambda: read_log(rpc, number)["stdout"] == b"early\n")
    stream = rpc.open("container.attach", container=number, stdin=True)
    stream.write(b"\n")
    message = stream.next()
    assert (message["channel"], message["offset"], message["data"]) == ("stdout", 6, b"late\n")
    assert stream.next() is None


def test_standard_input_and_its_end(rpc, launch):
    number = launch("cat", stdin=True)
    stream = rpc.open("container.attach", container=number, stdin=True)
    assert stream.write(b"one\n") == 4
    stream.read_until("stdout", b"one\n")
    assert stream.write(b"two") == 3
    stream.close("stdin")
    assert stream.read() == {"stdout": b"two"}
    assert rpc.call("container.wait", container=number)["exit"]["code"] == 0


def test_standard_input_written_before_the_start(rpc, created):
    number = created("cat", stdin=True)
    stream = rpc.open("container.attach", container=number, stdin=True)
    written = rpc.send("stream.write", stream=stream.id, data=b"early")
    rpc.call("container.start", container=number)
    assert rpc.result(written)["written"] == 5
    stream.close("stdin")
    assert stream.read() == {"stdout": b"early"}


def test_a_megabyte_there_and_back(rpc, launch):
    number = launch("cat", stdin=True)
    stream = rpc.open("container.attach", container=number, stdin=True, window=16 << 20)
    data = os.urandom(1 << 20)
    for at in range(0, len(data), 65536):
        assert stream.write(data[at:at + 65536]) == 65536
    stream.close("stdin")
    assert stream.read(60)["stdout"] == data


def test_without_stdin_there_is_nothing_to_write_to(rpc, launch):
    number = launch("sleep", "100")
    with pytest.raises(RpcError) as failure:
        rpc.call("container.attach", container=number, stdin=True)
    assert (failure.value.code, failure.value.where) == ("WrongState", "stdin")
    stream = rpc.open("container.attach", container=number)
    for call in (lambda: stream.write(b"x"), lambda: stream.close("stdin")):
        with pytest.raises(RpcError) as failure:
            call()
        assert (failure.value.code, failure.value.where) == ("WrongState", "stream")


def test_a_write_after_the_container_closed_its_stdin(rpc, launch):
    number = launch("sh", "-c", "exec <&-; echo closed; sleep 100", stdin=True)
    stream = rpc.open("container.attach", container=number, stdin=True)
    eventually(lambda: read_log(rpc, number)["stdout"] == b"closed\n")

    def refused():
        try:
            stream.write(b"x")
        except RpcError as error:
            assert (error.code, error.where) == ("WrongState", "stdin")
            return True
        return False
    eventually(refused)


def test_a_write_to_one_that_does_not_read_waits(rpc, launch):
    number = launch("sh", "-c", "read x; exec cat >/dev/null", stdin=True)
    stream = rpc.open("container.attach", container=number, stdin=True)
    os.kill(rpc.call("container.inspect", container=number)["pid"], 19)
    waiting = None
    for _ in range(64):
        waiting = rpc.send("stream.write", stream=stream.id, data=b"x" * 65535 + b"\n")
        rpc.call("system.info")
        if not rpc.has_answer(waiting):
            break
        rpc.result(waiting)
    else:
        raise AssertionError("a container that does not read took 4 MiB")
    second = rpc.send("stream.write", stream=stream.id, data=b"y")
    with pytest.raises(RpcError) as failure:
        rpc.result(second)
    assert failure.value.code in ("WrongState", "ResourceExhausted")
    os.kill(rpc.call("container.inspect", container=number)["pid"], 18)
    assert rpc.result(waiting)["written"] == 65536


def test_several_clients_get_the_same(davitd, rpc, created):
    number = created("sh", "-c", "seq 1 20000; seq 1 100 >&2")
    clients = [davitd.client() for _ in range(4)]
    streams = [client.open("container.attach", container=number, window=8 << 20) for client in clients]
    rpc.call("container.start", container=number)
    expected = {"stdout": b"".join(b"%d\n" % i for i in range(1, 20001)),
                "stderr": b"".join(b"%d\n" % i for i in range(1, 101))}
    assert [stream.read(60) for stream in streams] == [expected] * 4
    for client in clients:
        client.close()


BLOCK = 16 << 20


def test_one_that_never_reads_costs_only_itself(davitd, rpc, created):
    """The healthy client gets every byte, the log is whole, davitd keeps nothing for the other."""
    # Offset by offset the same: a counter on each line.
    number = created("sh", "-c", f"seq 1 99999999 | head -c {BLOCK}")
    memory = davitd.memory()
    slow_client = davitd.client()
    slow = slow_client.open("container.attach", container=number, window=0)
    healthy = rpc.open("container.attach", container=number, window=BLOCK)
    begin = time.monotonic()
    rpc.call("container.start", container=number)
    seen = hashlib.sha256()
    for message in healthy:
        seen.update(message["data"])
    assert time.monotonic() - begin < 20 * PATIENCE
    wanted, size, i = hashlib.sha256(), 0, 1
    while size < BLOCK:
        piece = b"".join(b"%d\n" % n for n in range(i, i + 10000))[:BLOCK - size]
        wanted.update(piece)
        size, i = size + len(piece), i + 10000
    assert healthy.end["dropped"] == 0 and seen.digest() == wanted.digest()
    assert davitd.memory() - memory < (1 << 30 if IS_SANITIZED else 12 << 20)
    slow.credit(1 << 30)
    got, holes, at = 0, 0, 0
    while (message := slow.next()) is not None:
        holes += message["offset"] - at
        at = message["offset"] + len(message["data"])
        got += len(message["data"])
    assert slow.end["dropped"] > 0
    assert got + slow.end["dropped"] == BLOCK and holes <= slow.end["dropped"]
    slow_client.close()


def test_a_client_that_reads_nothing_at_all_from_its_socket(davitd, rpc, launch):
    """With credit, but not reading: the connection is full, the others go on."""
    number = launch("sh", "-c", "read x; seq 1 3000000; echo done >&2", stdin=True)
    deaf = davitd.client()
    deaf.open("container.attach", container=number, window=1 << 30)
    healthy = rpc.open("container.attach", container=number, stdin=True, streams=["stderr"])
    memory = davitd.memory()
    healthy.write(b"\n")
    assert healthy.read(60)["stderr"] == b"done\n"
    assert davitd.memory() - memory < (1 << 30 if IS_SANITIZED else 16 << 20)
    deaf.close()


def test_a_client_that_goes_away_is_forgotten(davitd, rpc, launch):
    number = launch("sh", "-c", "while :; do echo x; sleep 0.01; done")
    eventually(lambda: read_log(rpc, number)["stdout"])
    before = davitd.descriptors()
    for _ in range(5):
        with davitd.client() as client:
            client.open("container.attach", container=number).read_until("stdout", b"x")
    eventually(lambda: davitd.descriptors() == before, what=davitd.descriptors)
    eventually(lambda: not rpc.call("container.inspect", container=number).get("attached"))


def test_close_ends_the_stream_and_not_the_container(rpc, launch):
    number = launch("sleep", "100")
    stream = rpc.open("container.attach", container=number)
    stream.close()
    rpc.pump_until(lambda: stream.end, 10)
    assert rpc.call("container.inspect", container=number)["state"] == "running"
    with pytest.raises(RpcError) as failure:
        stream.close()
    assert (failure.value.code, failure.value.where) == ("NotFound", "stream")


def test_an_attachment_before_the_start_is_told_of_a_delete(rpc, created):
    number = created("true")
    stream = rpc.open("container.attach", container=number)
    rpc.call("container.delete", container=number)
    assert stream.read() == {}
    assert stream.end["status"].startswith("NotFound: ")


def test_the_next_generation_counts_from_0(rpc, created):
    number = created("sh", "-c", "echo x")
    for _ in range(2):
        stream = rpc.open("container.attach", container=number)
        rpc.call("container.start", container=number)
        assert [(m["offset"], m["data"]) for m in stream] == [(0, b"x\n")]
        rpc.call("container.wait", container=number)
