# SPDX-License-Identifier: Apache-2.0
"""events.subscribe: order, numbers, resuming, filters, gaps, slow subscribers."""
import daemon
import pytest
import sandbox
from davit_rpc import RpcError

pytestmark = pytest.mark.asan


def types_of(events):
    return [event["type"] for event in events]


def collect(stream, last, **wanted):
    """Events up to and with the first one of type `last`."""
    events = []
    while not events or events[-1]["type"] != last or any(events[-1].get(k) != v for k, v in wanted.items()):
        events.append(stream.event())
    return events


@pytest.fixture
def events(rpc):
    return rpc.open("events.subscribe")


WHOLE_LIFE = ["container.created", "container.starting", "container.started", "container.exited", "container.deleted"]


def test_a_whole_life_in_order(davitd, rpc, events, run):
    outcome = run("sh", "-c", "exit 3", id="life", name="a-name")
    seen = collect(events, "container.deleted")
    assert types_of(seen) == WHOLE_LIFE
    assert [event["seq"] for event in seen] == list(range(seen[0]["seq"], seen[0]["seq"] + 5))
    assert {(event["container"], event["name"]) for event in seen} == {("life", "a-name")}
    assert [event["generation"] for event in seen] == [0, 1, 1, 1, 1]
    assert len({event["boot"] for event in seen}) == 1
    assert [event["time"] for event in seen] == sorted(event["time"] for event in seen)
    assert seen[3]["data"] == outcome.exit


def test_the_start_event_has_the_process(rpc, events, launch):
    number = launch("sleep", "100")
    started = events.event("container.started")
    assert started["data"]["pid"] == rpc.call("container.inspect", container=number)["pid"]


def test_a_failed_start(rpc, events, busybox_root):
    number = rpc.call("container.create", rootfs=str(busybox_root), args=["/no/such"])["id"]
    with pytest.raises(RpcError):
        rpc.call("container.start", container=number)
    seen = collect(events, "container.exited")
    assert types_of(seen) == ["container.created", "container.starting", "container.exited"]
    assert seen[-1]["data"]["cause"]["kind"] == "start-failed"


def test_a_rename(rpc, events, busybox_root):
    number = rpc.call("container.create", rootfs=str(busybox_root), args=["true"])["id"]
    rpc.call("container.rename", container=number, name="new-name")
    updated = events.event("container.updated")
    assert (updated["container"], updated["name"], updated["data"]) == (number, "new-name", {"name": "new-name"})


def test_each_generation_has_its_number(rpc, events, launch):
    number = launch("sleep", "100", stop={"signal": "KILL"})
    rpc.call("container.restart", container=number)
    rpc.call("container.delete", container=number, force=True)
    seen = collect(events, "container.deleted")
    assert [(event["type"].split(".")[1], event["generation"]) for event in seen] == [
        ("created", 0), ("starting", 1), ("started", 1), ("exited", 1), ("starting", 2), ("started", 2),
        ("exited", 2), ("deleted", 2)]


def test_all_subscribers_get_the_same(davitd, rpc, run):
    clients = [davitd.client() for _ in range(5)]
    streams = [client.open("events.subscribe") for client in clients]
    run("true")
    seen = [collect(stream, "container.deleted") for stream in streams]
    assert all(events == seen[0] for events in seen)
    for client in clients:
        client.close()


def test_from_a_number_on(rpc, events, run):
    for _ in range(3):
        run("true")
    seen = [event for _ in range(3) for event in collect(events, "container.deleted")]
    middle = seen[7]["seq"]
    again = rpc.open("events.subscribe", **{"from": middle})
    assert [again.event() for _ in seen[7:]] == seen[7:]


def test_from_the_next_number(rpc, run):
    upcoming = rpc.call("system.info")["next_event"]
    stream = rpc.open("events.subscribe", **{"from": upcoming})
    run("true")
    assert stream.event()["seq"] == upcoming


def test_from_the_future_is_refused(rpc):
    upcoming = rpc.call("system.info")["next_event"]
    with pytest.raises(RpcError) as failure:
        rpc.call("events.subscribe", **{"from": upcoming + 1})
    assert (failure.value.code, failure.value.where) == ("InvalidArgument", "from")


def test_numbers_go_on_over_a_restart_and_nothing_is_lost(new_davitd, busybox_root):
    server = new_davitd()
    with server.client() as client:
        server.run(client, "true", rootfs=str(busybox_root))
        upcoming = client.call("system.info")["next_event"]
    server.restart()
    server.kill()
    server.start()
    with server.client() as client:
        server.run(client, "true", rootfs=str(busybox_root))
        stream = client.open("events.subscribe", **{"from": 1})
        seen = [stream.event() for _ in range(client.call("system.info")["next_event"] - 1)]
    assert [event["seq"] for event in seen] == list(range(1, len(seen) + 1))
    assert types_of(seen) == ["daemon.started", *WHOLE_LIFE, "daemon.started", "daemon.started", *WHOLE_LIFE]
    assert seen[upcoming - 1]["type"] == "daemon.started"


def test_filter_by_type(rpc, run):
    stream = rpc.open("events.subscribe", types=["container.exited", "container.created"])
    run("true")
    run("true")
    assert types_of([stream.event() for _ in range(4)]) == ["container.created", "container.exited"] * 2


def test_filter_by_container(rpc, run, busybox_root):
    number = rpc.call("container.create", rootfs=str(busybox_root), args=["true"], name="wanted")["id"]
    by_name = rpc.open("events.subscribe", containers=["wanted"])
    by_id = rpc.open("events.subscribe", containers=[number])
    run("true")
    rpc.call("container.delete", container=number)
    for stream in (by_name, by_id):
        assert (stream.event()["type"], stream.messages) == ("container.deleted", stream.messages)
        assert not stream.messages


CONSTANT = f"{'constant':0<64}"


def churn(client, container, count):
    """Many events, as long as they can be."""
    pending = []
    for number in range(count):
        pending.append(client.send("container.rename", container=container, name=f"{number:0>64}"))
        while len(pending) > 40:
            client.result(pending.pop(0))
    for request in pending:
        client.result(request)


@pytest.fixture(scope="module")
def wrapped(work, cgroup_parent, busybox_root):
    """A davitd whose ring has dropped its first events, with one subscriber that never gave credit."""
    server = daemon.Davitd(work / "wrapped", cgroup_parent).start()
    client = server.client(timeout=120)
    slow = client.open("events.subscribe", window=0)
    with server.client() as other:
        other.call("container.create", rootfs=str(busybox_root), args=["true"], id=CONSTANT, name="here")
        while other.call("system.info")["first_event"] <= 1:
            churn(other, CONSTANT, 2000)
    yield server, client, slow
    client.close()
    server.remove_all()
    server.stop()
    sandbox.remove_tree(server.place)


def test_what_the_ring_dropped_is_a_gap_and_a_snapshot(wrapped):
    server, _, _ = wrapped
    with server.client() as client:
        info = client.call("system.info")
        stream = client.open("events.subscribe", **{"from": 1})
        gap, snapshot = stream.event(), stream.event()
        assert (gap["type"], gap["data"]["first"]) == ("gap", info["first_event"])
        assert (snapshot["type"], snapshot["container"], snapshot["data"]["state"]) == (
            "snapshot", CONSTANT, "created")
        client.call("container.rename", container=CONSTANT, name="there")
        event = stream.event()
        assert (event["type"], event["seq"]) == ("container.updated", info["next_event"])


def test_what_is_kept_can_be_had_whole(wrapped):
    server, _, _ = wrapped
    with server.client() as client:
        info = client.call("system.info")
        stream = client.open("events.subscribe", window=8 << 20, **{"from": info["first_event"]})
        numbers = [stream.event()["seq"] for _ in range(info["next_event"] - info["first_event"])]
        assert numbers == list(range(info["first_event"], info["next_event"]))


def test_a_slow_subscriber_is_told_that_it_lagged(wrapped):
    server, client, slow = wrapped
    upcoming = client.call("system.info")["next_event"]
    slow.window = 1 << 20
    slow.credit(8 << 20)
    seen = collect(slow, "lagged")
    # What it got before is in order and without a hole; the rest is counted.
    numbers = [event["seq"] for event in seen[:-1]]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else True
    assert seen[-1]["data"]["n"] > 0
    if numbers:
        assert numbers[-1] + seen[-1]["data"]["n"] == upcoming - 1
    assert slow.event()["type"] == "snapshot"
    assert slow.end is None
