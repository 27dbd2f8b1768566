"""What the daemon and a process that checks say to each other; the daemon's first value is the settings."""

from __future__ import annotations

from msgspec import Struct

from tempmaild.checks.mail import Mail
from tempmaild.core.verdict import Verdict


class Ready(Struct, frozen=True):
    """The first answer: from now on mail can be checked.

    Attributes:
        problems: what is wrong with the settings, for the operator.
    """

    problems: tuple[str, ...] = ()


class Task(Struct, frozen=True):
    """A message that is to be checked; `ticket` is what its submitter knows it by."""

    ticket: int
    mail: Mail


class Answer(Struct, frozen=True):
    """What is to be done with it; None when the checks could not be made at all."""

    ticket: int
    verdict: Verdict | None
