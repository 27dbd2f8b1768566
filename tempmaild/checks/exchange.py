"""What the daemon and a process that checks say to each other; the daemon's first value is the settings."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from tempmaild.checks.mail import Mail
from tempmaild.core.checking import Checking
from tempmaild.core.verdict import Verdict


class Ready(Struct, frozen=True):
    """The first answer: from now on mail can be checked.

    Attributes:
        problems: what is wrong with the settings, for the operator.
    """

    problems: tuple[str, ...] = ()


class Task(NamedTuple):
    """A message that is to be checked. Tasks are handed over as a list, and so are answers.

    Attributes:
        ticket: what its submitter knows it by.
        rules: packed, as they are long and nearly always the same; the others are those of `Mail`.
    """

    ticket: int
    content: bytes
    client: str
    helo: str
    sender: str
    recipients: tuple[str, ...]
    relayed: bool
    utf8: bool
    rules: bytes


class Answer(NamedTuple):
    """What is to be done with it: a packed verdict; None when the checks could not be made at all."""

    ticket: int
    verdict: bytes | None


def task(ticket: int, mail: Mail) -> Task:
    """Make a task of a message."""
    rules = _pack(mail.checking)
    return Task(
        *(ticket, mail.content, mail.client, mail.helo, mail.sender, mail.recipients, mail.relayed, mail.utf8), rules
    )


def mail_of(task: Task) -> Mail:
    """Give the message of a task, with its rules."""
    _, content, client, helo, sender, recipients, relayed, utf8, rules = task
    return Mail(content, client, helo, sender, recipients, relayed, _unpack(rules), utf8)


def answer(ticket: int, verdict: Verdict | None) -> Answer:
    """Make an answer of a verdict."""
    # Pickling it would call Python for each of its many small values.
    return Answer(ticket, None if verdict is None else _encode(verdict))


def verdict_of(answer: Answer) -> Verdict | None:
    """Give the verdict of an answer."""
    return None if answer.verdict is None else _decode(answer.verdict)


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Verdict).decode


@lru_cache(maxsize=256)
def _pack(checking: Checking) -> bytes:
    return msgspec.msgpack.encode(checking)


@lru_cache(maxsize=256)
def _unpack(rules: bytes) -> Checking:
    return msgspec.msgpack.decode(rules, type=Checking)
