# SPDX-License-Identifier: Apache-2.0
"""container.logs: complete and in order, filtered, followed, over rotations, for any bytes."""
import calendar
import hashlib
import re
import time

import pytest
from daemon import PATIENCE, join_cri, parse_cri, read_log
from davit_rpc import RpcError
from oracle import eventually

pytestmark = pytest.mark.asan

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")


def usec(stamp):
    whole, fraction = stamp[:-1].split(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) * 1000000 + int(fraction) // 1000


@pytest.fixture
def finished(rpc, launch):
    """finished("sh", "-c", ...): one that has run to its end; its id."""
    def run_to_the_end(*args, **create):
        number = launch(*args, **create)
        rpc.call("container.wait", container=number)
        return number
    return run_to_the_end


def records(rpc, number, **arguments):
    stream = rpc.open("container.logs", container=number, **arguments)
    data = stream.read(60).get("log", b"")
    assert stream.end["status"] == "ok", stream.end
    return parse_cri(data)


def numbers(rows):
    """Lines may come in parts, where the shim's reads divided them."""
    return [int(line) for line in join_cri(rows)["stdout"].split()]


def test_lines_have_a_time_a_stream_and_a_tag(rpc, finished):
    begin = time.time() * 1e6 - 2
    number = finished("sh", "-c", "echo out; sleep 0.05; echo err >&2; sleep 0.05; printf part")
    rows = records(rpc, number)
    # The end of the output ends its last line.
    assert [row[1:] for row in rows] == [("stdout", "F", b"out"), ("stderr", "F", b"err"), ("stdout", "P", b"part"),
                                         ("stdout", "F", b"")]
    stamps = [row[0] for row in rows]
    assert all(STAMP.fullmatch(stamp) for stamp in stamps) and stamps == sorted(stamps)
    assert begin < usec(stamps[0]) and usec(stamps[-1]) < time.time() * 1e6


def test_the_log_file_is_what_logs_returns(rpc, davitd, finished):
    number = finished("sh", "-c", "echo a; echo b >&2")
    stream = rpc.open("container.logs", container=number)
    text = (davitd.log_dir / number / "log").read_bytes()
    assert stream.read()["log"] == text
    assert rpc.call("container.inspect", container=number)["log"]["path"] == str(davitd.log_dir / number / "log")


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_one_stream_alone(rpc, finished, name):
    number = finished("sh", "-c", "for i in 1 2 3; do echo out $i; echo err $i >&2; done")
    rows = records(rpc, number, streams=[name])
    assert [row[1] for row in rows] == [name] * 3
    assert [row[3] for row in rows] == [f"{name[3:]} {i}".encode() for i in (1, 2, 3)]


@pytest.mark.parametrize("count, expected", [(0, []), (1, [9]), (3, [7, 8, 9]), (10, range(10)), (1000, range(10))])
def test_tail(rpc, finished, count, expected):
    number = finished("sh", "-c", "i=0; while [ $i -lt 10 ]; do echo line $i; i=$((i+1)); done")
    assert [row[3] for row in records(rpc, number, tail=count)] == [f"line {i}".encode() for i in expected]


def test_since_and_until(rpc, finished):
    number = finished("sh", "-c", "for i in 0 1 2 3 4; do echo $i; sleep 0.03; done")
    stamps = [usec(row[0]) for row in records(rpc, number)]

    def texts(**arguments):
        return [row[3] for row in records(rpc, number, **arguments)]
    assert texts(since=stamps[2]) == [b"2", b"3", b"4"]
    assert texts(since=stamps[2] + 1) == [b"3", b"4"]
    assert texts(until=stamps[2] + 1) == [b"0", b"1", b"2"]
    assert texts(since=stamps[1], until=stamps[3]) == [b"1", b"2"]
    assert texts(since=stamps[4] + 1000000) == []
    assert texts(until=1) == []


def test_follow_tells_lines_as_they_come_and_ends_with_the_container(rpc, launch):
    number = launch("sh", "-c", "echo first; read x; echo got $x", stdin=True)
    stream = rpc.open("container.logs", container=number, follow=True)
    stream.read_until("log", b"first\n")
    attached = rpc.open("container.attach", container=number, stdin=True)
    attached.write(b"word\n")
    assert stream.read()["log"].endswith(b"stdout F got word\n")
    assert stream.end["status"] == "ok"


def test_follow_before_the_start(rpc, busybox_root):
    number = rpc.call("container.create", rootfs=str(busybox_root), args=["sh", "-c", "echo x"])["id"]
    stream = rpc.open("container.logs", container=number, follow=True)
    rpc.call("container.start", container=number)
    assert stream.read()["log"].endswith(b" stdout F x\n")


def test_the_log_is_empty_before_the_start(rpc, busybox_root):
    number = rpc.call("container.create", rootfs=str(busybox_root), args=["true"])["id"]
    assert records(rpc, number) == records(rpc, number, tail=5) == []


def test_follow_with_tail(rpc, launch):
    number = launch("sh", "-c", "for i in 1 2 3 4 5; do echo old $i; done; read x; echo new", stdin=True)
    eventually(lambda: len(records(rpc, number)) == 5)
    stream = rpc.open("container.logs", container=number, follow=True, tail=2)
    rpc.open("container.attach", container=number, stdin=True).write(b"\n")
    assert [row[3] for row in parse_cri(stream.read()["log"])] == [b"old 4", b"old 5", b"new"]


def test_follow_ends_when_the_container_is_deleted(rpc, launch):
    number = launch("sleep", "100")
    stream = rpc.open("container.logs", container=number, follow=True)
    rpc.call("container.delete", container=number, force=True)
    assert stream.read() == {}


def test_a_follower_that_closes_gets_no_more(rpc, launch):
    number = launch("sh", "-c", "while :; do echo x; sleep 0.01; done")
    stream = rpc.open("container.logs", container=number, follow=True)
    stream.read_until("log", b"x")
    stream.close()
    rpc.pump_until(lambda: stream.end, 10)


def test_no_data_without_credit(rpc, finished):
    number = finished("sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do echo some text $i; done")
    stream = rpc.open("container.logs", container=number, window=0)
    rpc.call("system.info")
    assert not stream.messages and not stream.end
    stream.credit(10)
    rpc.pump_until(lambda: sum(len(message["data"]) for message in stream.messages) == 10, 10)
    rpc.call("system.info")
    assert sum(len(message["data"]) for message in stream.messages) == 10
    stream.credit(1 << 20)
    data = stream.read()["log"]
    assert len(parse_cri(data)) == 9
    assert stream.end["status"] == "ok"


def test_binary_data(rpc, finished, folder):
    """Every byte value, lines of every length."""
    data = bytes(range(256)) * 7 + b"".join(b"x" * n + b"\n" for n in range(300)) + b"\0\xff end\n"
    (folder / "data").write_bytes(data)
    number = finished("cat", "/bytes",
                      mounts=[{"source": str(folder / "data"), "target": "/bytes", "options": ["ro"]}])
    assert read_log(rpc, number)["stdout"] == data


def test_a_line_of_a_megabyte_comes_in_parts(rpc, finished):
    number = finished("sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' a; echo; echo end")
    rows = records(rpc, number)
    assert [row[2] for row in rows].count("F") == 2 and max(len(row[3]) for row in rows) <= 16384
    assert join_cri(rows)["stdout"] == b"a" * 1000000 + b"\nend\n"


def test_much_output_is_whole(rpc, finished):
    number = finished("sh", "-c", "seq 1 200000")
    digest = hashlib.sha256(b"".join(b"%d\n" % i for i in range(1, 200001))).digest()
    assert hashlib.sha256(read_log(rpc, number)["stdout"]).digest() == digest


def test_over_rotation_what_is_kept_is_whole_and_what_is_gone_is_told(rpc, davitd, finished):
    number = finished("sh", "-c", "seq 1 20000", log={"max_size": 16384, "max_files": 3})
    files = sorted(path.name for path in (davitd.log_dir / number).iterdir() if path.name.startswith("log"))
    assert files == ["log", "log.1", "log.2"]
    rows = records(rpc, number)
    gap, kept = rows[0], numbers(rows[1:])
    assert gap[2] == "F:davit.gap" and b"rotated" in gap[3]
    assert kept == list(range(kept[0], 20001)) and kept[0] > 1
    counters = rpc.call("container.inspect", container=number)["exit"]["log"]
    assert counters["written"] == sum(len(str(i)) + 1 for i in range(1, 20001))
    assert counters["dropped"] == 0 and counters["rotated"] > 0


def test_a_rotation_that_keeps_everything(rpc, davitd, finished):
    number = finished("sh", "-c", "seq 1 5000", log={"max_size": 65536, "max_files": 10})
    assert len(list((davitd.log_dir / number).glob("log*"))) > 2
    rows = records(rpc, number)
    assert numbers(rows) == list(range(1, 5001))
    assert numbers(records(rpc, number, tail=3000)) == list(range(2001, 5001))


def test_follow_over_rotations(rpc, launch):
    number = launch("sh", "-c", "read x; seq 1 3000; read x; seq 3001 6000", stdin=True,
                    log={"max_size": 65536, "max_files": 10})
    stream = rpc.open("container.logs", container=number, follow=True)
    attached = rpc.open("container.attach", container=number, stdin=True, streams=[])
    attached.write(b"\n")
    data = stream.read_until("log", b" F 3000\n")
    attached.write(b"\n")
    data += stream.read(30 * PATIENCE)["log"]
    assert numbers(parse_cri(data)) == list(range(1, 6001))


def test_no_sink_no_log(rpc, davitd, finished):
    number = finished("sh", "-c", "echo x", log={"sinks": ["none"]})
    assert records(rpc, number) == []
    assert rpc.call("container.inspect", container=number)["exit"]["log"]["written"] == 2


def test_the_log_is_complete_when_the_exit_is_told(rpc, launch):
    for _ in range(10):
        number = launch("sh", "-c", "seq 1 1000; echo end >&2")
        rpc.call("container.wait", container=number)
        output = read_log(rpc, number)
        assert output["stdout"].endswith(b"\n1000\n") and output["stderr"] == b"end\n"
        rpc.call("container.delete", container=number)


def test_a_reader_without_credit_holds_nobody_up(rpc, davitd, launch):
    number = launch("sh", "-c", "seq 1 100000; echo done >&2")
    stuck = rpc.open("container.logs", container=number, follow=True, window=0)
    assert rpc.call("container.wait", container=number)["exit"]["code"] == 0
    with davitd.client() as other:
        assert read_log(other, number)["stderr"] == b"done\n"
    stuck.credit(1 << 30)
    assert join_cri(parse_cri(stuck.read(30 * PATIENCE)["log"]))["stdout"].endswith(b"\n100000\n")


def test_a_damaged_line_is_told(rpc, davitd, finished):
    number = finished("sh", "-c", "echo a; echo b")
    with open(davitd.log_dir / number / "log", "r+b") as file:
        file.write(b"\0" * 35)
    stream = rpc.open("container.logs", container=number)
    assert stream.read()["log"].endswith(b" F b\n")
    assert stream.end["status"].startswith("Unavailable: 1 damaged line")


@pytest.mark.parametrize("streams", [["stdin"], ["stdout", "other"]])
def test_streams_that_there_are_not(rpc, finished, streams):
    number = finished("true")
    with pytest.raises(RpcError) as failure:
        rpc.call("container.logs", container=number, streams=streams)
    assert failure.value.code == "InvalidArgument"
    assert failure.value.where.startswith("streams")
