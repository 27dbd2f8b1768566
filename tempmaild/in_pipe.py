"""A process beside this one, with which values are exchanged."""

from __future__ import annotations

import fcntl
import os
import sys
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol

from tempmaild.frames import Frames, to_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from twisted.python.failure import Failure

FIRST_GIVEN = 3
"""The first descriptor that a process is given beside standard input, output and error."""
RESTART_AFTER = 1.0
"""Seconds after which a process that died is started again."""
_PIPE_OCTETS = 1 << 20


class Tickets:
    """Those who wait for answers, by the numbers under which these come."""

    def __init__(self) -> None:
        self._last = 0
        self._waiting: dict[int, Deferred[Any]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def draw(self) -> tuple[int, Deferred[Any]]:
        """Give a number, and what fires with the answer to it."""
        self._last += 1
        answer: Deferred[Any] = Deferred()
        self._waiting[self._last] = answer
        return self._last, answer

    def answer(self, answers: Iterable[tuple[int, Any]]) -> None:
        """Tell those whose answers are there; an exception is a failure."""
        for number, result in answers:
            waiting = self._waiting.pop(number)
            if isinstance(result, Exception):
                waiting.errback(result)
            else:
                waiting.callback(result)

    def fail(self, error: Callable[[], Exception]) -> None:
        """Tell all that there will be no answer, each by an error of its own."""
        waiting, self._waiting = self._waiting, {}
        for each in waiting.values():
            each.errback(error())


class Companion(ProcessProtocol):
    """One process that runs a module of ours, from its start to its end.

    Args:
        take: called with each value that it sends.
        ended: called with the reason when it has ended.
    """

    transport: Any

    def __init__(self, take: Callable[[Any], None], ended: Callable[[str], None]) -> None:
        self._take = take
        self._ended = ended
        self._frames = Frames()

    def start(self, reactor: Any, module: str, environ: Mapping[str, str], descriptors: Sequence[int] = ()) -> None:
        """Start it; `environ` is added to the environment, and the descriptors are its own from `FIRST_GIVEN` on.

        Arguments are for everybody to see; what is secret goes there, or through the pipe.
        """
        command = [sys.executable, "-m", module]
        files: dict[int, Any] = {0: "w", 1: "r", 2: 2, **dict(enumerate(descriptors, FIRST_GIVEN))}
        reactor.spawnProcess(self, sys.executable, command, env={**os.environ, **environ}, childFDs=files)

    def send(self, value: Any) -> None:
        """Give it a value: at once what the pipe takes, the rest when it takes more."""
        frame, pipe = to_frame(value), self.transport.pipes.get(0)
        if pipe is None:
            return  # it has closed its end; `ended` comes soon
        if not (pipe.dataBuffer or pipe._tempDataBuffer):  # noqa: SLF001 - what Twisted itself would look at
            written = pipe.writeSomeData(frame)
            frame = frame[written:] if isinstance(written, int) and written >= 0 else frame
        if frame:
            pipe.write(frame)

    def close(self) -> None:
        """Let it end when it has done what it has been given."""
        self.transport.closeStdin()

    def kill(self) -> None:
        """End it at once."""
        self.transport.signalProcess("KILL")

    def connectionMade(self) -> None:  # noqa: N802 - the name that Twisted calls
        """Have pipes that hold as much as is written at once."""
        for pipe in self.transport.pipes.values():
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_OCTETS)

    def outReceived(self, data: bytes) -> None:  # noqa: N802 - the name that Twisted calls
        """Take what it has sent."""
        for value in self._frames.feed(data):
            self._take(value)

    def processEnded(self, reason: Failure) -> None:  # noqa: N802 - the name that Twisted calls
        """Tell that it has ended."""
        self._ended(reason.getErrorMessage())
