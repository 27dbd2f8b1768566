"""The daemon's end of the pipe to a process that checks, without the process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.task import Clock

from tempmaild import in_checks
from tempmaild.checks.exchange import Ready
from tempmaild.checks.mail import Mail
from tempmaild.core.checking import Checking
from tempmaild.log import get_log
from tempmaild.settings import Settings

if TYPE_CHECKING:
    import pytest

MAIL = Mail(b"a: b\r\n\r\n", "", "", "", (), relayed=True, checking=Checking())


class Companion:
    """Remembers what it is given."""

    made: list[Companion]

    def __init__(self, *_callbacks: object) -> None:
        self.given: list[Any] = []
        self.made.append(self)

    def start(self, *_arguments: object) -> None:
        """Be there."""

    def send(self, value: Any) -> None:
        self.given.append(value)

    def close(self) -> None:
        """Go on; the test says when it ends."""


def test_a_process_that_is_beginning_gets_no_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads the settings and nothing behind them; what waits comes when it is ready, once."""
    Companion.made = []
    monkeypatch.setattr(in_checks, "Companion", Companion)
    clock, settings = Clock(), Settings()
    process = in_checks.CheckingProcess(clock, settings, get_log("checks"))
    process.start()
    process._take(Ready())
    process.examine(MAIL)
    process.reload(settings)
    process._ended("closed")
    clock.advance(0)
    first, second = Companion.made
    assert first.given == [settings, []]
    assert second.given == [settings]
    process._take(Ready())
    clock.advance(0)
    assert [len(value) for value in second.given[1:]] == [1]


def test_it_is_told_how_many_check_and_how_much_is_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    Companion.made = []
    monkeypatch.setattr(in_checks, "Companion", Companion)
    settings = Settings.model_validate({"checks": {"processes": 3}})
    processes = in_checks.CheckingProcesses(Clock(), settings, get_log("checks"))
    assert processes.gauges() == {"checks/processes": 3, "checks/ready": 0, "checks/waiting": 0}
    for process in processes._processes:
        process.start()
    processes._processes[1]._take(Ready())
    for _ in range(2):
        processes.examine(MAIL)
    assert processes.gauges() == {"checks/processes": 3, "checks/ready": 1, "checks/waiting": 2}
    processes._processes[1]._ended("killed")
    assert processes.gauges() == {"checks/processes": 3, "checks/ready": 0, "checks/waiting": 0}


def test_what_one_turn_brings_goes_to_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    Companion.made = []
    monkeypatch.setattr(in_checks, "Companion", Companion)
    clock, settings = Clock(), Settings.model_validate({"checks": {"processes": 3}})
    processes = in_checks.CheckingProcesses(clock, settings, get_log("checks"))
    for process in processes._processes:
        process.start()
        process._take(Ready())

    def take(count: int) -> list[int]:
        for _ in range(count):
            processes.examine(MAIL)
        clock.advance(0)
        return sorted((process.load for process in processes._processes), reverse=True)

    assert take(3) == [3, 0, 0]
    assert take(3) == [3, 3, 0]
    assert take(12) == [8, 7, 3], "but not more than it should have at once"
