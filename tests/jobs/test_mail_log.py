"""The mail log is put away every second, and at the end; what is too old goes every minute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from tempmaild import log
from tempmaild.errors import StoreFailed
from tempmaild.jobs.mail_log import MailLogJob

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class MailLog:
    """What the job drives, and when."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.flushed: list[float] = []
        self.forgot: list[float] = []
        self.failure: Exception | None = None
        self.portions = 0
        self.on_many: Callable[[], None] = lambda: None

    async def flush(self) -> None:
        self.flushed.append(self.clock.seconds())
        if self.failure:
            raise self.failure

    async def forget(self, rest: Callable[[], Awaitable[None]]) -> None:
        self.forgot.append(self.clock.seconds())
        while self.portions:
            self.portions -= 1
            await rest()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def mail_log(clock: Clock) -> MailLog:
    return MailLog(clock)


@pytest.fixture
def job(clock: Clock, mail_log: MailLog) -> MailLogJob:
    return MailLogJob(clock, mail_log, log.get_log("test"))  # type: ignore[arg-type]


def begin(coroutine: Any) -> list[object]:
    """Run something; what it ends with, once it has."""
    ended: list[object] = []
    Deferred.fromCoroutine(coroutine).addCallback(ended.append)
    return ended


def test_every_second_and_at_the_end(clock: Clock, mail_log: MailLog, job: MailLogJob) -> None:
    job.start()
    clock.pump([0.5] * 5)
    assert mail_log.flushed == [1, 2]
    assert begin(job.stop()) == [None]
    clock.advance(100)
    assert mail_log.flushed == [1, 2, 2.5]
    assert mail_log.forgot == [0]


def test_sooner_when_there_is_much(clock: Clock, mail_log: MailLog, job: MailLogJob) -> None:
    job.start()
    clock.advance(0.25)
    mail_log.on_many()
    assert mail_log.flushed == [], "not while somebody takes mail"
    clock.advance(0)
    assert mail_log.flushed == [0.25]


def test_every_minute_what_is_too_old_goes(clock: Clock, mail_log: MailLog, job: MailLogJob) -> None:
    job.start()
    clock.pump([60, 60])
    assert mail_log.forgot == [0, 60, 120]


def test_a_failure_does_not_end_it(
    clock: Clock, mail_log: MailLog, job: MailLogJob, caplog: pytest.LogCaptureFixture
) -> None:
    job.start()
    for failure in (StoreFailed("gone"), RuntimeError("defect")):
        mail_log.failure = failure
        clock.advance(1)
    mail_log.failure = None
    clock.advance(1)
    assert mail_log.flushed == [1, 2, 3]
    assert [record.message for record in caplog.records] == ["mail-log-failed"] * 2


def test_a_portion_is_the_last_when_the_daemon_ends(clock: Clock, mail_log: MailLog, job: MailLogJob) -> None:
    mail_log.portions = 5
    job.start()
    assert mail_log.portions == 4
    ended = begin(job.stop())
    assert ended == []
    clock.advance(1)
    assert ended == [None]
    assert mail_log.portions == 3
