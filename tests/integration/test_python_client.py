# SPDX-License-Identifier: Apache-2.0
"""The Python client and the example that uses it."""
import asyncio
import subprocess
import sys
from pathlib import Path

import daemon
import pytest
from davit_helpers import TIMEOUT

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "contrib/python"))
import davit  # noqa: E402


def run(main):
    return asyncio.run(asyncio.wait_for(main, TIMEOUT))


def test_a_call_and_its_error(davitd):
    async def main():
        async with await davit.connect(str(davitd.socket)) as client:
            assert client.hello["api_level"] == 1
            assert (await client.call("system.info"))["pid"] == davitd.pid
            with pytest.raises(davit.Error) as caught:
                await client.call("container.inspect", container="nobody")
            assert (caught.value.code, caught.value.where) == ("NotFound", "container")
    run(main())


def test_many_calls_at_once(davitd):
    async def main():
        async with await davit.connect(str(davitd.socket)) as client:
            infos = await asyncio.gather(*(client.call("system.info") for _ in range(200)))
            assert {info["pid"] for info in infos} == {davitd.pid}
    run(main())


def test_attach_both_ways(davitd, busybox_root):
    data = bytes(range(256)) * 4096

    async def main():
        async with await davit.connect(str(davitd.socket)) as client:
            number = (await client.call("container.create", rootfs=str(busybox_root), args=["cat"], stdin=True))["id"]
            async with client.stream("container.attach", container=number, stdin=True, window=65536) as stream:
                await client.call("container.start", container=number)

                async def write():
                    await stream.write(data)
                    await stream.close_stdin()
                writing = asyncio.ensure_future(write())
                read = b"".join([piece.data async for piece in stream if piece.channel == "stdout"])
                await writing
                assert (read == data, stream.dropped) == (True, 0)
            assert (await client.call("container.wait", container=number))["exit"]["code"] == 0
    run(main())


def test_a_stream_left_early_is_closed(davitd):
    async def main():
        async with await davit.connect(str(davitd.socket)) as client:
            for _ in range(3):
                async with client.stream("events.subscribe", **{"from": 0}) as events:
                    async for event in events:
                        assert event.channel == "event" and event.data["seq"] >= 1
                        break
            assert client._streams == {}
    run(main())


def test_a_lost_connection_ends_calls_and_streams(new_davitd):
    server = new_davitd()

    async def main():
        async with await davit.connect(str(server.socket)) as client:
            async with client.stream("events.subscribe") as events:
                server.kill()
                with pytest.raises(davit.Error) as caught:
                    async for _ in events:
                        pass
                assert caught.value.code == "Unavailable"
            with pytest.raises(davit.Error) as caught:
                await client.call("system.info")
            assert caught.value.code == "Unavailable"
    run(main())


def test_the_example_orchestrator(davitd, busybox_root):
    environment = daemon.clean_environment(DAVIT_SOCKET=str(davitd.socket), PYTHONPATH=str(TOP / "contrib/python"))
    done = subprocess.run([sys.executable, "-B", str(TOP / "contrib/examples/orchestrator.py"), str(busybox_root)],
                          env=environment, capture_output=True, text=True, timeout=TIMEOUT)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(line.split(" ", 1)[1] for line in done.stdout.splitlines()) == [f"exited with {n}" for n in range(3)]
