# SPDX-License-Identifier: Apache-2.0
"""start, stop, kill, restart, wait, list, rename, delete: what they do, and when they may not."""
import signal
import time

import pytest
from davit_rpc import RpcError
from oracle import descendants, eventually, is_alive

pytestmark = pytest.mark.asan

IGNORES_TERM = ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"]


def refused(rpc, code, where, method, **arguments):
    with pytest.raises(RpcError) as failure:
        rpc.call(method, **arguments)
    assert (failure.value.code, failure.value.where) == (code, where), failure.value
    return failure.value


def state_of(rpc, number):
    return rpc.call("container.inspect", container=number)["state"]


def follow_until(rpc, number, wanted):
    stream = rpc.open("container.logs", container=number, follow=True)
    stream.read_until("log", wanted)
    stream.close()


@pytest.fixture
def created(rpc, busybox_root):
    def create(*args, **more):
        return rpc.call("container.create", rootfs=str(busybox_root), args=list(args), **more)["id"]
    return create


def test_the_states_of_a_life(rpc, created):
    number = created("sleep", "100")
    found = rpc.call("container.inspect", container=number)
    assert (found["state"], found["generation"]) == ("created", 0)
    assert "pid" not in found or found["pid"] is None
    started = rpc.call("container.start", container=number)
    found = rpc.call("container.inspect", container=number)
    assert (found["state"], found["generation"], started["generation"]) == ("running", 1, 1)
    assert found["pid"] == started["pid"] and is_alive(found["pid"]) and is_alive(found["shim_pid"])
    rpc.call("container.kill", container=number)
    rpc.call("container.wait", container=number)
    found = rpc.call("container.inspect", container=number)
    assert found["state"] == "exited" and found["exit"]["signal"] == 9
    assert found["created_usec"] <= found["started_usec"] <= found["finished_usec"] <= time.time() * 1e6
    rpc.call("container.delete", container=number)
    refused(rpc, "NotFound", "container", "container.inspect", container=number)


def test_start_answers_when_the_program_runs(rpc, davitd, created):
    number = created("sleep", "100")
    pid = rpc.call("container.start", container=number)["pid"]
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        assert file.read() == b"sleep\x00100\x00"
    assert pid in descendants(davitd.pid)


def test_an_exited_container_starts_again(rpc, created):
    number = created("sh", "-c", "exit 3")
    for generation in (1, 2, 3):
        assert rpc.call("container.start", container=number)["generation"] == generation
        record = rpc.call("container.wait", container=number)["exit"]
        assert (record["code"], record["generation"]) == (3, generation)


def test_every_start_has_its_own_output(rpc, davitd, created):
    number = created("sh", "-c", "echo x")
    for _ in range(3):
        rpc.call("container.start", container=number)
        assert rpc.call("container.wait", container=number)["exit"]["log"]["written"] == 2


# --- what the state table has no row for ---

NOT_RUNNING = ["container.stop", "container.kill"]


@pytest.mark.parametrize("method", NOT_RUNNING)
def test_not_before_the_start(rpc, created, method):
    number = created("true")
    refused(rpc, "WrongState", "container", method, container=number)
    assert state_of(rpc, number) == "created"


@pytest.mark.parametrize("method", NOT_RUNNING)
def test_not_after_the_end(rpc, created, method):
    number = created("true")
    rpc.call("container.start", container=number)
    rpc.call("container.wait", container=number)
    refused(rpc, "WrongState", "container", method, container=number)
    assert state_of(rpc, number) == "exited"


def test_no_second_start(rpc, launch):
    number = launch("sleep", "100")
    refused(rpc, "WrongState", "container", "container.start", container=number)
    assert state_of(rpc, number) == "running"


def test_no_delete_while_it_runs(rpc, launch):
    number = launch("sleep", "100")
    refused(rpc, "WrongState", "container", "container.delete", container=number)
    assert state_of(rpc, number) == "running"


# --- stop ---

def test_stop_sends_the_stop_signal(rpc, launch):
    number = launch("sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done")
    follow_until(rpc, number, b"ready")
    rpc.call("container.stop", container=number)
    record = rpc.call("container.wait", container=number)["exit"]
    assert record["code"] == 5


def test_stop_sends_the_signal_that_create_names(rpc, launch):
    number = launch("sh", "-c", "trap 'exit 6' USR1; echo ready; while :; do sleep 0.1; done",
                    stop={"signal": "USR1"})
    follow_until(rpc, number, b"ready")
    rpc.call("container.stop", container=number)
    assert rpc.call("container.wait", container=number)["exit"]["code"] == 6


def test_stop_sends_the_signal_that_it_names(rpc, launch):
    number = launch("sh", "-c", "trap 'exit 7' HUP; echo ready; while :; do sleep 0.1; done")
    follow_until(rpc, number, b"ready")
    rpc.call("container.stop", container=number, signal="SIGHUP")
    assert rpc.call("container.wait", container=number)["exit"]["code"] == 7


def test_stop_kills_after_its_grace(rpc, launch):
    number = launch(*IGNORES_TERM, stop={"timeout_usec": 300000})
    follow_until(rpc, number, b"ready")
    begin = time.monotonic()
    rpc.call("container.stop", container=number)
    record = rpc.call("container.wait", container=number)["exit"]
    assert 0.25 < time.monotonic() - begin < 5
    assert record["signal"] == signal.SIGKILL
    assert (record["cause"]["kind"], record["cause"]["verb"]) == ("killed-by-request", "stop")


def test_stop_without_grace_kills_at_once(rpc, launch):
    number = launch(*IGNORES_TERM)
    follow_until(rpc, number, b"ready")
    begin = time.monotonic()
    rpc.call("container.stop", container=number, timeout_usec=0)
    assert rpc.call("container.wait", container=number)["exit"]["signal"] == signal.SIGKILL
    assert time.monotonic() - begin < 5


def test_a_second_stop_shortens_the_grace(rpc, launch):
    number = launch(*IGNORES_TERM)
    follow_until(rpc, number, b"ready")
    first = rpc.send("container.stop", container=number, timeout_usec=60_000_000)
    eventually(lambda: state_of(rpc, number) == "stopping")
    rpc.call("container.stop", container=number, timeout_usec=100_000)
    rpc.result(first)
    assert state_of(rpc, number) == "exited"


def test_stop_answers_when_it_has_exited(rpc, launch):
    number = launch("sleep", "100", stop={"signal": "KILL"})
    rpc.call("container.stop", container=number)
    assert state_of(rpc, number) == "exited"


def test_stop_ends_the_whole_container(rpc, davitd, launch):
    number = launch("sh", "-c", "setsid sleep 1000 & (trap '' TERM; sleep 1000) & trap 'exit 0' TERM; echo ready; wait")
    follow_until(rpc, number, b"ready")
    rpc.call("container.stop", container=number)
    eventually(lambda: not [pid for pid, facts in descendants(davitd.pid).items() if facts[1] == "sleep"])


# --- kill ---

def test_kill_is_kill_by_default(rpc, launch):
    number = launch(*IGNORES_TERM)
    rpc.call("container.kill", container=number)
    record = rpc.call("container.wait", container=number)["exit"]
    assert record["signal"] == signal.SIGKILL
    assert (record["cause"]["kind"], record["cause"]["verb"]) == ("killed-by-request", "kill")
    assert record["cause"]["who"]


@pytest.mark.parametrize("name", ["USR1", "SIGUSR1", 10, "10"])
def test_kill_takes_names_and_numbers(rpc, launch, name):
    number = launch("sh", "-c", "trap 'exit 11' USR1; echo ready; while :; do sleep 0.1; done")
    follow_until(rpc, number, b"ready")
    rpc.call("container.kill", container=number, signal=name)
    assert rpc.call("container.wait", container=number)["exit"]["code"] == 11


def test_kill_of_all_reaches_every_process(rpc, launch):
    # With the first, which is init, all would end: it waits for the second.
    number = launch("sh", "-c", "trap 'echo first; wait $second; exit' USR1; "
                                "sh -c \"trap 'echo second; exit' USR1; echo ready; while :; do sleep 0.1; done\" & "
                                "second=$!; while :; do sleep 0.1; done")
    follow = rpc.open("container.logs", container=number, follow=True)
    follow.read_until("log", b"ready")
    rpc.call("container.kill", container=number, signal="USR1", all=True)
    rest = follow.read()["log"]
    assert b"first" in rest and b"second" in rest


def test_a_signal_that_is_ignored_ends_nothing(rpc, launch):
    number = launch(*IGNORES_TERM)
    follow_until(rpc, number, b"ready")
    rpc.call("container.kill", container=number, signal="TERM")
    assert state_of(rpc, number) == "running"
    rpc.call("container.kill", container=number)
    assert rpc.call("container.wait", container=number)["exit"]["signal"] == signal.SIGKILL


# --- restart ---

def test_restart_of_a_running_one(rpc, launch):
    number = launch("sleep", "100", stop={"signal": "KILL"})
    old = rpc.call("container.inspect", container=number)["pid"]
    answer = rpc.call("container.restart", container=number)
    assert answer["generation"] == 2 and answer["pid"] != old
    assert state_of(rpc, number) == "running" and not is_alive(old)


def test_restart_of_an_exited_one(rpc, created):
    number = created("sleep", "100")
    rpc.call("container.start", container=number)
    rpc.call("container.kill", container=number)
    rpc.call("container.wait", container=number)
    assert rpc.call("container.restart", container=number)["generation"] == 2


def test_restart_is_no_removal(rpc, launch):
    number = launch("sleep", "100", stop={"signal": "KILL"}, auto_remove=True)
    rpc.call("container.restart", container=number)
    assert state_of(rpc, number) == "running"


# --- wait ---

def test_wait_for_one_that_has_exited_answers_at_once(rpc, created):
    number = created("sh", "-c", "exit 8")
    rpc.call("container.start", container=number)
    for _ in range(2):
        answer = rpc.call("container.wait", container=number)
        assert (answer["condition"], answer["state"], answer["exit"]["code"]) == ("exited", "exited", 8)


def test_wait_for_one_that_is_not_started_yet(rpc, created):
    number = created("sh", "-c", "exit 8")
    waiting = [rpc.send("container.wait", container=number, condition=name) for name in ("running", "exited")]
    rpc.call("container.start", container=number)
    assert rpc.result(waiting[0])["condition"] == "running"
    assert rpc.result(waiting[1])["exit"]["code"] == 8


def test_wait_for_running_when_it_runs(rpc, launch):
    number = launch("sleep", "100")
    assert rpc.call("container.wait", container=number, condition="running")["state"] == "running"


def test_wait_for_deleted(rpc, created):
    number = created("true")
    waiting = rpc.send("container.wait", container=number, condition="deleted")
    rpc.call("container.delete", container=number)
    assert rpc.result(waiting)["condition"] == "deleted"


def test_wait_gives_up_after_its_time(rpc, launch):
    number = launch("sleep", "100")
    begin = time.monotonic()
    refused(rpc, "Timeout", "timeout_usec", "container.wait", container=number, timeout_usec=100_000)
    assert 0.09 < time.monotonic() - begin < 5
    assert state_of(rpc, number) == "running"


def test_one_that_waits_is_told_of_a_delete(rpc, created):
    number = created("true")
    waiting = rpc.send("container.wait", container=number)
    rpc.call("container.delete", container=number)
    with pytest.raises(RpcError) as failure:
        rpc.result(waiting)
    assert failure.value.code == "NotFound"


def test_many_that_wait(rpc, davitd, launch):
    number = launch("sleep", "100")
    clients = [davitd.client() for _ in range(8)]
    waiting = [[client.send("container.wait", container=number) for _ in range(4)] for client in clients]
    rpc.call("container.kill", container=number)
    for client, numbers in zip(clients, waiting):
        assert [client.result(number)["exit"]["signal"] for number in numbers] == [9] * 4
        client.close()


# --- names ---

def test_found_by_id_name_and_prefix(rpc, created):
    created("true", id="abcdef01", name="first")
    created("true", id="abcdef02", name="second")
    created("true", id="xyz-123456", name="abcd")
    found = {name: rpc.call("container.inspect", container=name)["id"]
             for name in ("abcdef01", "first", "second", "xyz-", "xyz-12", "abcd")}
    assert found == {"abcdef01": "abcdef01", "first": "abcdef01", "second": "abcdef02", "xyz-": "xyz-123456",
                     "xyz-12": "xyz-123456", "abcd": "xyz-123456"}
    refused(rpc, "InvalidArgument", "container", "container.inspect", container="abcde")
    refused(rpc, "NotFound", "container", "container.inspect", container="xyz")


def test_rename(rpc, launch):
    number = launch("sleep", "100", name="before")
    assert rpc.call("container.rename", container="before", name="after") == {"id": number, "name": "after"}
    assert rpc.call("container.inspect", container="after")["id"] == number
    refused(rpc, "NotFound", "container", "container.inspect", container="before")
    rpc.call("container.rename", container=number, name="before")


def test_rename_to_a_name_that_is_taken(rpc, created):
    created("true", id="one", name="first")
    created("true", id="two", name="second")
    for name in ("second", "two"):
        refused(rpc, "AlreadyExists", "name", "container.rename", container="one", name=name)
    refused(rpc, "InvalidArgument", "name", "container.rename", container="one", name="no/slash")
    assert rpc.call("container.inspect", container="one")["name"] == "first"


def test_a_name_may_be_taken_again_after_a_delete(rpc, created):
    created("true", id="one", name="first")
    rpc.call("container.delete", container="first")
    created("true", id="one", name="first")


def test_list(rpc, created, launch):
    names = [created("true", name="z-first", labels={"a": "1"}), launch("sleep", "100", labels={"a": "1", "b": "2"}),
             created("true", name="a-last")]
    everything = rpc.call("container.list")["containers"]
    assert [item["id"] for item in everything] == names
    assert [item["state"] for item in everything] == ["created", "running", "created"]
    assert everything[1]["command"] == ["sleep", "100"]
    assert [item["id"] for item in rpc.call("container.list", all=False)["containers"]] == [names[1]]
    assert [item["id"] for item in rpc.call("container.list", labels={"a": "1"})["containers"]] == names[:2]
    assert [item["id"] for item in rpc.call("container.list", labels={"a": "1", "b": "2"})["containers"]] == [names[1]]
    assert rpc.call("container.list", labels={"a": "2"})["containers"] == []


# --- delete ---

def test_delete_by_force(rpc, launch, nothing_is_left):
    number = launch(*IGNORES_TERM)
    rpc.call("container.delete", container=number, force=True)
    refused(rpc, "NotFound", "container", "container.inspect", container=number)


def test_when_delete_answers_nothing_is_left(rpc, davitd, launch):
    number = launch("sh", "-c", "for i in 1 2 3 4 5; do setsid sleep 1000 & done; wait")
    rpc.call("container.delete", container=number, force=True)
    assert davitd.files() == []
    assert not [facts for facts in descendants(davitd.pid).values() if facts[1] == "sleep"]


def test_auto_remove(rpc, davitd, created):
    number = created("sh", "-c", "exit 4", auto_remove=True)
    exited = rpc.send("container.wait", container=number)
    deleted = rpc.send("container.wait", container=number, condition="deleted")
    rpc.call("container.start", container=number)
    assert rpc.result(exited)["exit"]["code"] == 4
    rpc.result(deleted)
    assert rpc.call("container.list")["containers"] == []
    eventually(lambda: davitd.files() == [], what=davitd.files)


def test_many_at_once(rpc, created):
    numbers = [created("sh", "-c", f"exit {i}") for i in range(20)]
    starts = [rpc.send("container.start", container=number) for number in numbers]
    waits = [rpc.send("container.wait", container=number) for number in numbers]
    assert [rpc.result(start)["generation"] for start in starts] == [1] * 20
    assert [rpc.result(wait)["exit"]["code"] for wait in waits] == list(range(20))
    deletes = [rpc.send("container.delete", container=number) for number in numbers]
    assert [rpc.result(delete)["id"] for delete in deletes] == numbers
