"""How long a mailbox and its messages live, as its domain and its owner have it."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import msgspec
from msgspec import Struct

from tempmaild.core.timespan import DAY, HOUR, MINUTE
from tempmaild.errors import InvalidValue

FOREVER = 253_402_300_799
"""The last second of the year 9999, in UTC epoch seconds: what does not end by itself ends then."""
LONGEST = 3650 * DAY
"""Seconds; what is to live longer is to live for ever."""
SHORTEST = 10
"""Seconds; a shorter life is over before anything can reach the mailbox."""
_MOST_MESSAGES = 10_000_000


class Lifetime(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The rules of one mailbox's life. All times in seconds; 0 stands for "no such rule".

    Attributes:
        seconds: from the creation to the end; 0 for a mailbox that ends only when it is destroyed.
        idle: from the last use by whoever has a secret of it to the end. Mail that arrives is no use.
        messages: how many a folder may hold.
        when_full: "oldest": the oldest message of INBOX goes when one arrives; "refuse": none is taken.
        after_reading: from the first reading of a message to its end; None leaves messages that were read.
        retention: from the arrival of a message to its end.
        extend: up to how long after its creation the owner may put off the end of the mailbox.
    """

    seconds: int = DAY
    idle: int = 0
    messages: int = 0
    when_full: Literal["oldest", "refuse"] = "oldest"
    after_reading: int | None = None
    retention: int = 0
    extend: int = 0

    def ends_at(self, created_at: int) -> int:
        """Give when the mailbox ends if nobody puts it off, in UTC epoch seconds."""
        return created_at + self.seconds if self.seconds else FOREVER

    def extend_until(self, created_at: int) -> int:
        """Give up to when the owner may put off the end, in UTC epoch seconds; 0 for not at all."""
        return created_at + self.extend if self.extend else 0

    def expires_at(self, ends_at: int, used_at: int) -> int:
        """Give when a mailbox expires that was last used at `used_at`."""
        return min(ends_at, used_at + self.idle) if self.idle else ends_at

    def check(self) -> None:
        """See that such a life is possible.

        Raises:
            InvalidValue: it is not; names the field.
        """
        for field in ("seconds", "idle", "retention", "extend"):
            value = getattr(self, field)
            if value and not SHORTEST <= value <= LONGEST:
                raise InvalidValue(
                    field,
                    "%(value)s is not between %(least)s seconds and %(most)s (ten years)",
                    value=value,
                    least=SHORTEST,
                    most=LONGEST,
                )
        if self.after_reading is not None and not 0 <= self.after_reading <= LONGEST:
            raise InvalidValue(
                "after_reading",
                "%(value)s is not between 0 seconds and %(most)s",
                value=self.after_reading,
                most=LONGEST,
            )
        if not 0 <= self.messages <= _MOST_MESSAGES:
            raise InvalidValue(
                "messages",
                "%(value)s is not between 0 (no limit) and %(most)s",
                value=self.messages,
                most=_MOST_MESSAGES,
            )
        if self.idle and self.seconds and self.idle > self.seconds:
            raise InvalidValue(
                "idle",
                "%(idle)s is longer than the whole life of %(seconds)s seconds",
                idle=self.idle,
                seconds=self.seconds,
            )
        if self.extend and (not self.seconds or self.extend < self.seconds):
            raise InvalidValue("extend", "the end can only be put off to a time after it")


PRESETS = {
    "ten-minutes": Lifetime(seconds=10 * MINUTE, messages=50, extend=HOUR),
    "verification": Lifetime(seconds=HOUR, messages=50, extend=DAY),
    "file-share": Lifetime(seconds=DAY, messages=50, extend=7 * DAY),
    "support": Lifetime(seconds=7 * DAY, messages=500, when_full="refuse", extend=30 * DAY),
}
"""Ready-made lives, by the name under which a domain or a mailbox is given one."""

_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(Lifetime)


@lru_cache(maxsize=1024)
def to_text(lifetime: Lifetime) -> str:
    """Write a lifetime as the store keeps it."""
    return _encoder.encode(lifetime).decode()


@lru_cache(maxsize=1024)
def from_text(text: str) -> Lifetime:
    """Read what `to_text` wrote. Mailboxes have few different lifetimes, so equal ones are one object."""
    return _decoder.decode(text)
