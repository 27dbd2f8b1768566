"""The mail log in the daemon: what was noted is put away every second, what is too old forgotten every minute."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater

from tempmaild.errors import TempmaildError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tempmaild.log import Log
    from tempmaild.service.mail_log import MailLog

_FLUSH_EVERY = 1
"""Seconds; so much is lost when the daemon is killed."""
_FORGET_EVERY = 60
"""Seconds from the end of one round to the beginning of the next one, at least."""
_LONGEST_REST = 0.1


class MailLogJob:
    """Keeps the time, puts away and forgets."""

    def __init__(self, reactor: Any, mail_log: MailLog, log: Log) -> None:
        self._reactor = reactor
        self._mail_log = mail_log
        self._log = log
        self._stopping = False
        self._rested_at = 0.0
        self._flushing = self._loop(self._flush)
        self._forgetting = self._loop(self._forget)

    def _loop(self, work: Callable[[], Awaitable[None]]) -> LoopingCall:
        loop = LoopingCall(lambda: Deferred.fromCoroutine(self._guarded(work)))
        loop.clock = self._reactor
        return loop

    def start(self) -> None:
        """Begin."""
        self._mail_log.on_many = self._hurry
        self._ended = [
            self._flushing.start(_FLUSH_EVERY, now=False),
            self._forgetting.start(_FORGET_EVERY, now=True),
        ]

    async def stop(self) -> None:
        """Put away the rest, and come back when the portion that is being forgotten has been."""
        self._stopping = True
        self._flushing.stop()
        self._forgetting.stop()
        for ended in self._ended:
            await ended
        await self._guarded(self._flush)

    def _hurry(self) -> None:
        # In its own turn of the reactor: who notes something is taking mail.
        self._reactor.callLater(0, lambda: Deferred.fromCoroutine(self._guarded(self._flush)))

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except _Stopping:
            return
        except TempmaildError as error:
            self._log.error("mail-log-failed", problem=error)
        except Exception as error:  # a defect must not end the log for good
            self._log.failure("mail-log-failed", error)

    async def _flush(self) -> None:
        await self._mail_log.flush()

    async def _forget(self) -> None:
        self._rested_at = time.monotonic()
        await self._mail_log.forget(self._rest)

    async def _rest(self) -> None:
        """Leave the writer to others for as long as a portion has taken."""
        if self._stopping:
            raise _Stopping
        taken = time.monotonic() - self._rested_at
        await deferLater(self._reactor, min(taken, _LONGEST_REST), lambda: None)
        self._rested_at = time.monotonic()


class _Stopping(Exception):
    """The daemon ends."""
