"""What a host has counted: a week of mail that rises by day and falls by night."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tempmaild.store.transaction import Transaction

_HOUR: Final = 3600
_HOURS: Final = 7 * 24
_SHARES: Final = {
    "accept": 1.0,
    "junk": 0.14,
    "junk/spam": 0.1,
    "junk/dmarc": 0.04,
    "later": 0.07,
    "later/too-fast": 0.05,
    "later/mailbox-full": 0.02,
    "refuse": 0.4,
    "refuse/no-such-mailbox": 0.22,
    "refuse/blocklists": 0.13,
    "refuse/clamav": 0.05,
    "session/smtp": 1.5,
    "session/imaps": 0.8,
    "session/pop3s": 0.2,
    "turned-away/smtp": 0.15,
    "spf=pass": 0.8,
    "spf=fail": 0.15,
    "spf=none": 0.3,
    "dkim=pass": 0.9,
    "dkim=fail": 0.1,
    "dkim=none": 0.25,
    "dmarc=pass": 0.7,
    "dmarc=fail": 0.2,
    "x-clamav=pass": 1.1,
    "x-clamav=fail": 0.05,
    "latency<=0.01": 0.5,
    "latency<=0.02": 0.4,
    "latency<=0.05": 0.08,
    "latency<=0.2": 0.02,
}
"""Of each thing, for each message that was accepted."""


class AddHistory(Struct, frozen=True):
    """Put what was counted and measured into these hours."""

    def apply(self, transaction: Transaction) -> None:
        """Write it."""
        this = transaction.now // _HOUR * _HOUR
        hours = range(this - _HOURS * _HOUR, this + _HOUR, _HOUR)
        for table, tell in (("statistic", _counted), ("level", _measured)):
            transaction.db.many(
                f"INSERT INTO {table} (hour, name, value) VALUES (?, ?, ?)"
                " ON CONFLICT (hour, name) DO UPDATE SET value = excluded.value",
                [row for hour in hours for row in tell(hour)],
            )


def _tide(hour: int) -> float:
    """Give how much happens in an hour, around 1: most at three in the afternoon."""
    of_day = hour % 86_400 / 86_400
    return 1 + 0.6 * math.sin((of_day - 0.375) * math.tau) + random.Random(hour).uniform(-0.12, 0.12)


def _counted(hour: int) -> Iterator[tuple[int, str, int]]:
    for name, share in _SHARES.items():
        chance = random.Random(f"{hour}{name}").uniform(0.8, 1.2)
        yield hour, name, int(900 * _tide(hour) * share * chance)


def _measured(hour: int) -> Iterator[tuple[int, str, int]]:
    mailboxes = int(30 * _tide(hour - 5 * _HOUR)) + 30
    for name, each in (("mailboxes", 1), ("messages", 6), ("octets", 6 * 24_000), ("database", 6 * 11_000)):
        yield hour, name, mailboxes * each
