"""The mail log in the daemon: what was noted is put away every second, what is too old forgotten every minute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from tempmaild.errors import TempmaildError
from tempmaild.jobs.rounds import Rests, Stopping, rounds

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tempmaild.log import Log
    from tempmaild.service.mail_log import MailLog

_FLUSH_EVERY = 1
"""Seconds; so much is lost when the daemon is killed."""
_FORGET_EVERY = 60
"""Seconds from the end of one round to the beginning of the next one, at least."""


class MailLogJob:
    """Keeps the time, puts away and forgets."""

    def __init__(self, reactor: Any, mail_log: MailLog, log: Log) -> None:
        self._reactor = reactor
        self._mail_log = mail_log
        self._log = log
        self._rests = Rests(reactor)
        self._flushing = rounds(reactor, lambda: self._guarded(self._flush))
        self._forgetting = rounds(reactor, lambda: self._guarded(self._forget))

    def start(self) -> None:
        """Begin."""
        self._mail_log.on_many = self._hurry
        self._ended = [
            self._flushing.start(_FLUSH_EVERY, now=False),
            self._forgetting.start(_FORGET_EVERY, now=True),
        ]

    async def stop(self) -> None:
        """Put away the rest, and come back when the portion that is being forgotten has been."""
        self._rests.stop()
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
        except Stopping:
            return
        except TempmaildError as error:
            self._log.error("mail-log-failed", problem=error)
        except Exception as error:  # a defect must not end the log for good
            self._log.failure("mail-log-failed", error)

    async def _flush(self) -> None:
        await self._mail_log.flush()

    async def _forget(self) -> None:
        self._rests.begin()
        await self._mail_log.forget(self._rests.rest)
