"""An appliance for tests: the real services on a fresh SQLite file, with a clock that the test sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from tempmaild.appliance import open_appliance
from tempmaild.core.lifetime import Lifetime
from tempmaild.core.verdict import UNCHECKED
from tempmaild.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from tempmaild.appliance import Appliance
    from tempmaild.core.mailbox import Mailbox
    from tempmaild.core.verdict import Verdict
    from tempmaild.service.checking import Examiner

T = TypeVar("T")

NOW = 1_780_000_000
"""2026-05-28 20:26:40 UTC, when tests happen."""
LIFETIME = 86_400
MESSAGE = b"From: a@example.org\r\nTo: b@box.test\r\nSubject: hello\r\n\r\nHello.\r\n"


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never has to wait, because everything it awaits is done at once."""
    try:
        effect = coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    coroutine.close()
    raise AssertionError(f"waits for {effect!r}")


class Clock:
    """A clock that only the test moves; UTC epoch seconds."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


@dataclass
class Account:
    """A mailbox with its secret."""

    mailbox: Mailbox
    secret: str

    @property
    def address(self) -> str:
        return self.mailbox.address


class TestAppliance:
    """The appliance, with short ways to what tests need."""

    __test__ = False

    def __init__(self, appliance: Appliance, clock: Clock, state: Path) -> None:
        self.state = state
        self.appliance = appliance
        self.clock = clock
        self.logins = appliance.logins
        self.deliveries = appliance.deliveries
        self.mailboxes = appliance.mailboxes
        self.domains = appliance.domains
        run(self.domains.add("box.test"))

    def create(self, address: str = "box.test", lifetime: int | Lifetime = LIFETIME) -> Account:
        lifetime = lifetime if isinstance(lifetime, Lifetime) else Lifetime(lifetime)
        new = run(self.mailboxes.create(address, lifetime))
        return Account(new.mailbox, new.secret)

    def deliver(self, address: str, content: bytes = MESSAGE, verdict: Verdict = UNCHECKED) -> None:
        local_part, _, domain = address.partition("@")
        recipient = run(self.deliveries.recipient(local_part, domain))
        content = run(self.deliveries.normalised(content))
        assert run(self.deliveries.deliver(content, [recipient], verdict)) == [recipient]

    @property
    def watched(self) -> list[int]:
        """The folders that somebody watches."""
        return [folder_id for folder_id in self.appliance.hub._watchers if folder_id > 0]

    def close(self) -> None:
        self.appliance.handle.close()


def make_appliance(state: Path, examiner: Examiner | None = None, **sections: Any) -> TestAppliance:
    """Make an appliance in `state` with the domain box.test; `sections` override settings."""
    host = {"name": "mx.box.test", "state": state}
    settings = Settings.model_validate({"host": host, **sections})
    clock = Clock()
    return TestAppliance(open_appliance(settings, clock=clock, examiner=examiner), clock, state)
