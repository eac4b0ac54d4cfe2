#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Starts three containers over the root folder given and waits until events tell that each has exited."""
import asyncio
import sys

import davit


async def main(root):
    async with await davit.connect() as client, client.stream("events.subscribe", types=["container.exited"]) as events:
        waiting = set()
        for number in range(3):
            created = await client.call("container.create", rootfs=root, args=["sh", "-c", f"exit {number}"])
            await client.call("container.start", container=created["id"])
            waiting.add(created["id"])
        async for event in events:
            print(event.data["container"], "exited with", event.data["data"]["code"], flush=True)
            await client.call("container.delete", container=event.data["container"])
            waiting.discard(event.data["container"])
            if not waiting:
                break


asyncio.run(main(sys.argv[1]))
