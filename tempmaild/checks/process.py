"""A process that checks mail: messages come in through a pipe, and verdicts go back through another."""

from __future__ import annotations

import asyncio
import os
import selectors
import signal
import sys
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from tempmaild import log, memory
from tempmaild.checks.build import build
from tempmaild.checks.exchange import Ready, answer, mail_of
from tempmaild.frames import Frames, to_frame
from tempmaild.settings import Settings

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Sequence

    from tempmaild.checks.exchange import Answer, Task
    from tempmaild.checks.pipeline import Pipeline
    from tempmaild.core.verdict import Verdict
    from tempmaild.log import Log

_PIECE = 1 << 20
"""Octets read from the pipe at once."""
_COLLECT_AFTER = 20_000
"""Objects: each message leaves a thousand for a moment, and to look for rings among them is a tenth of the work."""
_TOGETHER = 16
"""Messages that are begun at once: with the usual ones that takes 4 ms, in which no other message goes on."""
TURNS = 8
"""Turns of the event loop that have something to do, between two in which the system is asked."""


class _Selector(selectors.EpollSelector):
    """One that does not ask the system what has happened at each turn of the event loop.

    A message takes some eight turns, and waits for something in one of them. Who asks in all the others pays for it,
    and learns of other messages one at a time instead of several at once.
    """

    _left = TURNS

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Say what has happened; nothing, for a few turns, when there is something to do anyway."""
        if timeout == 0 and self._left:
            self._left -= 1
            return []
        self._left = TURNS
        return super().select(timeout)


class _Checker:
    """Reads tasks and writes answers, as long as there is somebody to read them."""

    def __init__(self, pipeline: Pipeline, source: int, sink: int, log: Log) -> None:
        self._pipeline = pipeline
        self._source = source
        self._sink = sink
        self._log = log
        self._frames = Frames()
        # The event loop remembers tasks weakly.
        self._verdicts: set[Future[Verdict]] = set()
        self._ended = asyncio.Event()
        self._unsent = bytearray()
        self._answers: list[Answer] = []

    async def work(self) -> None:
        """Check until the source is closed."""
        loop = asyncio.get_running_loop()
        os.set_blocking(self._source, False)
        os.set_blocking(self._sink, False)
        loop.add_reader(self._source, self._take)
        await self._ended.wait()
        await asyncio.gather(*self._verdicts, return_exceptions=True)
        self._hand_over()
        os.set_blocking(self._sink, True)
        while self._unsent:
            del self._unsent[: self._write(self._unsent)]

    def _take(self) -> None:
        try:
            piece = os.read(self._source, _PIECE)
        except BlockingIOError:
            return
        if not piece:
            asyncio.get_running_loop().remove_reader(self._source)
            self._ended.set()
            return
        tasks = list(chain.from_iterable(self._frames.feed(piece)))
        for start in range(0, len(tasks), _TOGETHER):
            asyncio.get_running_loop().call_soon(self._begin, tasks[start : start + _TOGETHER])

    def _begin(self, tasks: Sequence[Task]) -> None:
        try:
            verdicts = self._pipeline.begin(map(mail_of, tasks))
        except Exception as error:  # a defect: nobody takes any of them for checked
            self._log.failure("checking-failed", error)
            for ticket, *_ in tasks:
                self._say(answer(ticket, None))
            return
        for (ticket, *_), verdict in zip(tasks, verdicts, strict=True):
            self._verdicts.add(verdict)
            verdict.add_done_callback(partial(self._answer, ticket))

    def _answer(self, ticket: int, verdict: Future[Verdict]) -> None:
        self._verdicts.discard(verdict)
        error = verdict.exception()
        if error:  # a defect ends the checking of one message, and nobody takes it for checked
            self._log.failure("checking-failed", error)
        self._say(answer(ticket, None if error else verdict.result()))

    def _say(self, answer: Answer) -> None:
        if not self._answers:
            # What this turn of the loop brings is handed over together.
            asyncio.get_running_loop().call_soon(self._hand_over)
        self._answers.append(answer)

    def _hand_over(self) -> None:
        answers, self._answers = self._answers, []
        if answers:
            self._send(to_frame(answers))

    def _send(self, frame: bytes) -> None:
        if not self._unsent:
            frame = frame[self._write(frame) :]
            if frame:
                asyncio.get_running_loop().add_writer(self._sink, self._send_rest)
        self._unsent += frame

    def _send_rest(self) -> None:
        del self._unsent[: self._write(self._unsent)]
        if not self._unsent:
            asyncio.get_running_loop().remove_writer(self._sink)

    def _write(self, data: bytes | bytearray) -> int:
        try:
            return os.write(self._sink, data)
        except BlockingIOError:
            return 0
        except BrokenPipeError:
            # The daemon was killed: nobody is left to be answered.
            os._exit(0)


def event_loop() -> asyncio.AbstractEventLoop:
    """Give a new one, as it suits many short messages."""
    return asyncio.SelectorEventLoop(_Selector())


async def _work(settings: Settings, source: int, sink: int) -> None:
    checks_log = log.get_log("checks")
    checks = build(settings, checks_log)
    problems = await checks.clamav.prepare() if checks.clamav else []
    watching = asyncio.create_task(checks.clamav.watch()) if checks.clamav else None
    memory.settle(_COLLECT_AFTER)
    # Where the daemon was killed meanwhile, what comes next finds the end of the source.
    with suppress(BrokenPipeError):
        os.write(sink, to_frame(Ready(tuple(problems))))
    await _Checker(checks.pipeline, source, sink, checks_log).work()
    if watching:
        watching.cancel()


def main() -> None:
    """Check mail on standard input and output; the settings come first, and nothing else until we say `Ready`."""
    # A terminal and systemd signal the whole group; this process ends when the daemon closes the pipe, not before.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    source, sink = sys.stdin.fileno(), sys.stdout.fileno()
    settings = _first(source)
    if settings is None:
        return
    memory.keep_freed()
    log.configure(settings.log.level, settings.log.format)
    with asyncio.Runner(loop_factory=event_loop) as runner:
        runner.run(_work(settings, source, sink))


def _first(source: int) -> Settings | None:
    """Read the settings; None when nobody is there any more."""
    frames = Frames()
    while piece := os.read(source, _PIECE):
        for settings in frames.feed(piece):
            assert isinstance(settings, Settings)
            return settings
    return None
