"""Options that are right alone and wrong together."""

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

from tempmaild.settings.options import OPTIONS
from tempmaild.settings.tree import Settings
from tempmaild.settings.values import overlap


class Conflict(NamedTuple):
    """What is wrong, and the keys of the options that it lies in; it is reported at the first."""

    keys: tuple[str, ...]
    words: str


_LISTENERS = (
    "smtp.listen",
    "smtp.listen_tls",
    "lmtp.listen",
    "imap.listen",
    "imap.listen_tls",
    "pop3.listen",
    "pop3.listen_tls",
    "metrics.listen",
)

_ASCENDING = (
    ("smtp.soft_errors", "smtp.hard_errors"),
    ("smtp.max_data_line_bytes", "smtp.max_message_bytes"),
    ("smtp.max_message_bytes", "limits.memory_bytes"),
    # A message that was let in above the watermark still has to fit on the disk.
    ("smtp.max_message_bytes", "store.minimum_free_disk_bytes"),
    ("limits.connections_per_network", "limits.connections"),
)
"""Pairs of options, the first of which must not be above the second."""


def conflicts(settings: Settings) -> Iterator[Conflict]:
    """Find all options that contradict each other."""
    yield from _wrong_order(settings)
    yield from _half_a_certificate(settings)
    yield from _tls_without_certificate(settings)
    yield from _addresses_taken(settings)


def _wrong_order(settings: Settings) -> Iterator[Conflict]:
    for lower, upper in _ASCENDING:
        low, high = OPTIONS[lower].of(settings), OPTIONS[upper].of(settings)
        if low > high:
            words = f"{OPTIONS[lower].amount(low)} is above {upper} ({OPTIONS[upper].amount(high)})"
            yield Conflict((lower, upper), words)


def _half_a_certificate(settings: Settings) -> Iterator[Conflict]:
    both = ("tls.certificate", "tls.key")
    for given, missing in (both, both[::-1]):
        if OPTIONS[given].of(settings) and not OPTIONS[missing].of(settings):
            yield Conflict((given, missing), f"needs {missing} as well")


def _tls_without_certificate(settings: Settings) -> Iterator[Conflict]:
    if settings.tls.certificate or settings.tls.key:
        return
    for listener in _LISTENERS:
        if listener.endswith("_tls") and OPTIONS[listener].of(settings):
            yield Conflict((listener, "tls.certificate", "tls.key"), "needs tls.certificate and tls.key")
    if settings.login.plaintext == "never":
        words = '"never" lets nobody log in without tls.certificate and tls.key'
        yield Conflict(("login.plaintext", "tls.certificate", "tls.key"), words)


def _addresses_taken(settings: Settings) -> Iterator[Conflict]:
    listening = [(key, address) for key in _LISTENERS for address in OPTIONS[key].of(settings)]
    for (first, address), (second, other) in combinations(listening, 2):
        if overlap(address, other):
            yield Conflict((second, first), f"{other} is taken by {first} ({address})")
