"""What the daemon and a process that checks say to each other; the daemon's first value is the settings."""

from __future__ import annotations

from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, NamedTuple

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
        rules: packed, as they are long and nearly always the same.
        others: all other fields of `Mail`, in their order.
    """

    ticket: int
    rules: bytes
    others: tuple[Any, ...]


class Answer(NamedTuple):
    """What is to be done with it: a packed verdict; None when the checks could not be made at all."""

    ticket: int
    verdict: bytes | None


def task(ticket: int, mail: Mail) -> Task:
    """Make a task of a message."""
    return Task(ticket, _pack(mail.checking), _others(mail))


def mail_of(task: Task) -> Mail:
    """Give the message of a task, with its rules."""
    return Mail(**dict(zip(_OTHERS, task.others, strict=True)), checking=_unpack(task.rules))


def answer(ticket: int, verdict: Verdict | None) -> Answer:
    """Make an answer of a verdict."""
    # Pickling it would call Python for each of its many small values.
    return Answer(ticket, None if verdict is None else _encode(verdict))


def verdict_of(answer: Answer) -> Verdict | None:
    """Give the verdict of an answer."""
    return None if answer.verdict is None else _decode(answer.verdict)


_OTHERS: Final = tuple(name for name in Mail.__struct_fields__ if name != "checking")
_others: Final = attrgetter(*_OTHERS)
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Verdict).decode


@lru_cache(maxsize=256)
def _pack(checking: Checking) -> bytes:
    return msgspec.msgpack.encode(checking)


@lru_cache(maxsize=256)
def _unpack(rules: bytes) -> Checking:
    return msgspec.msgpack.decode(rules, type=Checking)
