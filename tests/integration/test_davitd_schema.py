# SPDX-License-Identifier: Apache-2.0
"""hello, describe, system.info, and the forms of errors. Every result that any test gets is checked
against describe by the client itself."""
import os
import platform
import re
from pathlib import Path

import pytest
from davit_rpc import Client, RpcError

pytestmark = pytest.mark.asan

METHODS = """hello describe system.info container.create container.start container.stop container.kill
container.restart container.wait container.list container.inspect container.delete container.rename
container.logs container.attach events.subscribe stream.write stream.close""".split()
STREAM_METHODS = {"container.logs", "container.attach", "events.subscribe"}
CODES = """NotFound AlreadyExists WrongState InvalidArgument PermissionDenied ResourceExhausted Unsupported
Timeout RuntimeFailed Unavailable Internal""".split()
EVENTS = """daemon.started container.created container.starting container.started container.exited
container.updated container.deleted log.gap gap lagged snapshot""".split()


def test_hello_tells_who_davitd_is(davitd):
    with davitd.client() as client:
        greeting = client.greeting
    davitd.schema.check_result("hello", greeting)
    assert greeting["api_level"] == 1
    assert re.fullmatch("[0-9a-f]{16}", greeting["instance"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", greeting["version"])


def test_the_instance_is_kept_over_a_restart(new_davitd):
    server = new_davitd()
    with server.client() as client:
        first = client.greeting["instance"]
    server.restart()
    with server.client() as client:
        assert client.greeting["instance"] == first


def test_describe_lists_the_first_version_and_nothing_else(davitd):
    schema = davitd.schema
    assert sorted(schema.methods) == sorted(METHODS)
    assert {name for name, method in schema.methods.items() if method["stream"]} == STREAM_METHODS
    assert schema.answer["errors"] == CODES
    assert sorted(schema.events) == sorted(EVENTS)
    assert {(item["name"], item["from"]) for item in schema.answer["notifications"]} == {
        ("stream.data", "server"), ("stream.end", "server"), ("stream.credit", "client")}


def test_describe_describes_itself(davitd):
    davitd.schema.check_result("describe", davitd.schema.answer)


def test_every_field_of_the_schema_has_a_sentence(davitd):
    def walk(fields, where):
        for field in fields:
            assert field["doc"].endswith("."), f"{where}.{field['name']}"
            walk(field.get("fields") or [], f"{where}.{field['name']}")
    for name, method in davitd.schema.methods.items():
        walk(method["arguments"], name)
        walk(method["result"], name)


@pytest.mark.parametrize("method", [name for name in METHODS if name.startswith("container.")])
def test_required_arguments_are_demanded(rpc, davitd, method):
    required = [field["name"] for field in davitd.schema.methods[method]["arguments"] if field["required"]]
    if not required:
        assert method in ("container.create", "container.list")
        return
    with pytest.raises(RpcError) as failure:
        rpc.call(method)
    assert (failure.value.code, failure.value.where) == ("InvalidArgument", required[0])


def test_system_info(davitd, rpc):
    info = rpc.call("system.info")
    assert info["pid"] == davitd.pid
    assert info["boot"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert info["kernel"] == platform.release()
    assert info["instance"] == rpc.greeting["instance"]
    assert info["containers"]["total"] == 0
    assert info["places"]["socket"] == str(davitd.socket)
    assert info["places"]["run_dir"] == str(davitd.run_dir)
    assert info["places"]["data_dir"] == str(davitd.data_dir)
    assert info["places"]["log_dir"] == str(davitd.log_dir)


def test_system_info_counts_states(rpc, launch, busybox_root):
    launch("sleep", "100")
    rpc.call("container.create", rootfs=str(busybox_root), args=["true"])
    counts = rpc.call("system.info")["containers"]
    assert (counts["total"], counts["running"], counts["created"]) == (2, 1, 1)


def test_the_limits_are_told(rpc):
    limits = rpc.call("system.info")["limits"]
    assert limits["message_bytes"] == 4 << 20
    assert limits["message_depth"] == 16
    assert limits["message_nodes"] == 65536
    assert limits["map_keys"] == 1024
    assert limits["in_flight"] == 64


def test_errors_are_a_string_by_default(davitd):
    with Client(davitd.socket, errors=None) as client:
        with pytest.raises(RpcError) as failure:
            client.call("container.inspect", container="nobody")
    assert isinstance(failure.value.raw, str)
    assert failure.value.raw.startswith("NotFound: ")


def test_errors_are_a_map_on_request(rpc):
    with pytest.raises(RpcError) as failure:
        rpc.call("container.inspect", container="nobody")
    assert set(failure.value.raw) == {"code", "message", "where", "details"}
    assert (failure.value.code, failure.value.where) == ("NotFound", "container")


def test_the_form_of_errors_is_a_matter_of_one_connection(davitd, rpc):
    with Client(davitd.socket, errors=None) as other:
        for client, kind in ((rpc, dict), (other, str)):
            with pytest.raises(RpcError) as failure:
                client.call("container.inspect", container="nobody")
            assert isinstance(failure.value.raw, kind)


@pytest.mark.parametrize("method", ["container.exec", "container.pause", "container.checkpoint", "system.metrics"])
def test_what_is_not_built_is_unsupported_and_absent(rpc, davitd, method):
    assert method not in davitd.schema.methods
    with pytest.raises(RpcError) as failure:
        rpc.call(method, container="x")
    assert (failure.value.code, failure.value.where) == ("Unsupported", "method")


def test_requests_of_one_connection_overtake_each_other(rpc, launch):
    number = launch("sleep", "100")
    slow = rpc.send("container.wait", container=number)
    assert rpc.call("container.inspect", container=number)["state"] == "running"
    assert not rpc.has_answer(slow)
    rpc.call("container.kill", container=number)
    assert rpc.result(slow)["exit"]["signal"] == 9


def test_the_socket_and_folders_are_for_their_owner(davitd):
    assert davitd.socket.stat().st_mode & 0o777 in (0o600, 0o660)
    assert davitd.run_dir.stat().st_mode & 0o777 in (0o700, 0o710)
    for folder in (davitd.data_dir, davitd.log_dir):
        assert folder.stat().st_mode & 0o777 == 0o700
    assert os.stat(davitd.socket).st_uid == 0
