"""What the daemon and a process that checks say to each other; the daemon's first value is the settings."""

from __future__ import annotations

from functools import lru_cache

import msgspec
from msgspec import Struct, structs

from tempmaild.checks.mail import Mail
from tempmaild.core.checking import Checking
from tempmaild.core.verdict import Verdict


class Ready(Struct, frozen=True):
    """The first answer: from now on mail can be checked.

    Attributes:
        problems: what is wrong with the settings, for the operator.
    """

    problems: tuple[str, ...] = ()


class Task(Struct, frozen=True):
    """A message that is to be checked. Tasks are handed over as a list, and so are answers.

    Attributes:
        ticket: what its submitter knows it by.
        mail: without its rules, which are long and nearly always the same,
        rules: and which are here packed.
    """

    ticket: int
    mail: Mail
    rules: bytes


class Answer(Struct, frozen=True):
    """What is to be done with it; None when the checks could not be made at all."""

    ticket: int
    verdict: Verdict | None


def task(ticket: int, mail: Mail) -> Task:
    """Make a task of a message."""
    return Task(ticket, structs.replace(mail, checking=_NO_RULES), _pack(mail.checking))


def mail_of(task: Task) -> Mail:
    """Give the message of a task, with its rules."""
    return structs.replace(task.mail, checking=_unpack(task.rules))


_NO_RULES = Checking()


@lru_cache(maxsize=256)
def _pack(checking: Checking) -> bytes:
    return msgspec.msgpack.encode(checking)


@lru_cache(maxsize=256)
def _unpack(rules: bytes) -> Checking:
    return msgspec.msgpack.decode(rules, type=Checking)
