"""What the daemon and a process that checks say to each other; the daemon's first value is the settings."""

from __future__ import annotations

from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

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


Task = tuple[int, bytes, tuple[Any, ...]]
"""A message that is to be checked: a ticket, by which its submitter knows it, its rules, and the rest of its `Mail`.

The rules are packed, as they are long and nearly always the same. Tasks are handed over as a list, and so are
answers; both are plain tuples, as pickling calls Python for each value of a class.
"""
Answer = tuple[int, bytes | None]
"""A ticket, and what is to be done: a packed verdict; None when the checks could not be made at all."""


def task(ticket: int, mail: Mail) -> Task:
    """Make a task of a message."""
    return ticket, _pack(mail.checking), _others(mail)


def mail_of(task: Task) -> Mail:
    """Give the message of a task, with its rules."""
    _, rules, others = task
    return Mail(*(*others[:_CHECKING], _unpack(rules), *others[_CHECKING:]))


def answer(ticket: int, verdict: Verdict | None) -> Answer:
    """Make an answer of a verdict."""
    # Pickling it would call Python for each of its many small values.
    return ticket, None if verdict is None else _encode(verdict)


def verdict_of(packed: bytes | None) -> Verdict | None:
    """Give the verdict of an answer."""
    return None if packed is None else _decode(packed)


_others: Final = attrgetter(*(name for name in Mail.__struct_fields__ if name != "checking"))
_CHECKING: Final = Mail.__struct_fields__.index("checking")
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Verdict).decode


@lru_cache(maxsize=256)
def _pack(checking: Checking) -> bytes:
    return msgspec.msgpack.encode(checking)


@lru_cache(maxsize=256)
def _unpack(rules: bytes) -> Checking:
    return msgspec.msgpack.decode(rules, type=Checking)
