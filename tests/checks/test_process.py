"""The event loop of a process that checks."""

from __future__ import annotations

import asyncio
import socket

from tempmaild.checks import process


def test_what_happens_is_noticed_though_there_is_always_something_to_do() -> None:
    with asyncio.Runner(loop_factory=process.event_loop) as runner:
        assert runner.run(_turns_until_noticed()) in range(2, process.TURNS + 3)


def test_the_system_is_asked_at_once_when_there_is_nothing_to_do() -> None:
    with asyncio.Runner(loop_factory=process.event_loop) as runner:
        begun = runner.get_loop().time()
        runner.run(asyncio.sleep(0.01))
        assert 0.01 <= runner.get_loop().time() - begun < 5


async def _turns_until_noticed() -> int:
    """Keep the event loop busy; the turns of it from when an octet is there to be read until somebody is told."""
    loop = asyncio.get_running_loop()
    reader, writer = socket.socketpair()
    noticed = asyncio.Event()
    with reader, writer:
        loop.add_reader(reader, noticed.set)
        writer.send(b"x")
        turns = 0
        while not noticed.is_set():
            await asyncio.sleep(0)
            turns += 1
        loop.remove_reader(reader)
    return turns
