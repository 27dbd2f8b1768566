"""The event loop of a process that checks."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys

from tempmaild.checks import process
from tempmaild.frames import to_frame
from tempmaild.settings import Settings


def test_a_process_whose_daemon_was_killed_ends_without_a_word() -> None:
    """While it is only beginning, too."""
    command = [sys.executable, "-m", "tempmaild.checks"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as begun:
        assert begun.stdin
        assert begun.stdout
        assert begun.stderr
        begun.stdout.close()
        begun.stdin.write(to_frame(Settings()))
        begun.stdin.close()
        assert begun.stderr.read() == b""
        assert begun.wait(60) == 0


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
