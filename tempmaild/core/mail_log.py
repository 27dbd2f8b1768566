"""What the mail log knows of a message: how it is kept, and what of it is kept where addresses are not to be seen.

Nothing comes from the content of a message, whatever the settings say: a sealed mailbox's mail is sealed. What the
checks have found is kept as method and result, with such details as are of no message (`_DETAILS`).
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from hashlib import blake2b
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Final, Literal

import msgspec
from msgspec import Struct

from tempmaild.core.block_rule import domain_key, sender_key
from tempmaild.core.verdict import Disposition, Finding
from tempmaild.errors import SenderBlocked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tempmaild.errors import TempmaildError

Stage = Literal["mail", "rcpt", "data"]
"""The command with which it was decided what becomes of a message (RFC 5321 §3.3)."""
Addresses = Literal["shown", "hashed", "hidden"]

LONGEST_ADDRESS: Final = 320
"""Characters: 64 before and 255 behind the "@" (RFC 5321 §4.5.3.1)."""
LONGEST_HELO: Final = 255
LONGEST_REPLY: Final = 300
_LONGEST_NAME: Final = 64
_LONGEST_DETAIL: Final = 100
_MOST_FINDINGS: Final = 32
"""More are not kept; a message may carry as many signatures as its sender likes."""

HASHED: Final = "#"
"""What a hash begins with: no domain does, and no address without an "@"."""
HIDDEN: Final = "*"
"""Stands for what is not kept; "" is the null reverse-path, a client on a Unix socket, or what there was not."""
_PURPOSE: Final = b"mail log"
_HASH_OCTETS: Final = 8
"""Of 100 million addresses, two of which have the same hash, there is a chance of one in 3,000."""

_DETAILS: Final[dict[str, tuple[str, ...]]] = {
    "x-spam": ("policy.score",),
    "x-dnsbl": ("dns.zone",),
    "x-attachments": ("policy.type",),
}
"""The properties of findings that are kept of what was not delivered."""
_REASONS: Final = frozenset({"x-clamav"})
"""Methods whose reason is kept with them: the name of the malware."""

_BITS: Final = 10
"""Of an id: they keep two daemons on one database apart, though both log something in the same microsecond."""
MICROSECONDS: Final = 1_000_000
_LAST_MICROSECOND: Final = (1 << 53) - 1
"""In the year 2255; ids have to fit into 63 bits."""


class Outcome(Struct, frozen=True):
    """What became of a message.

    Attributes:
        decided_by: the check, or `reason_of` an error; "" for a message that nothing speaks against.
        reply: what was said last.
    """

    disposition: Disposition
    decided_by: str
    reply: str
    findings: tuple[Finding, ...] = ()


class Event(Struct, frozen=True):
    """What became of a message for one recipient, as it is known when it happens.

    Attributes:
        at: UTC epoch seconds.
        queue_id: what the log and the reply call the message; of the session before there is one.
        client: its IP address; "" for a Unix socket.
        sender: of MAIL FROM; "" for the null reverse-path, or an address that made no sense.
        recipient: "" where none was named yet.
        size: octets; what the client has announced where the message itself did not come.
        tls: protocol and cipher; "" without TLS.
    """

    at: float
    queue_id: str
    stage: Stage
    client: str
    helo: str
    sender: str
    recipient: str
    size: int
    tls: str
    outcome: Outcome


class Noted(Struct, frozen=True, array_like=True):
    """What is kept of a finding; `detail` is "" for none."""

    method: str
    result: str
    detail: str = ""


class Entry(Struct, frozen=True):
    """An event as it is kept. `sender`, `recipient`, `client` and `helo` may be a hash, or `HIDDEN`.

    Attributes:
        id: grows with the time; `moment_of` tells it.
        sender_domain: by itself, so that it can be looked for.
        findings: as JSON; `noted` reads it.
    """

    id: int
    queue_id: str
    stage: Stage
    client: str
    client_key: bytes
    helo: str
    sender: str
    sender_domain: str
    recipient: str
    size: int
    tls: str
    disposition: Disposition
    decided_by: str
    findings: str
    reply: str

    @property
    def at(self) -> float:
        """When it happened, in UTC epoch seconds."""
        return moment_of(self.id)

    @property
    def noted(self) -> list[Noted]:
        """Give what was found out."""
        return msgspec.json.decode(self.findings, type=list[Noted])


def first_id(seconds: float) -> int:
    """Give the lowest id of what happens then (UTC epoch seconds), or later."""
    return min(max(int(seconds * MICROSECONDS), 0), _LAST_MICROSECOND) << _BITS


def moment_of(entry_id: int) -> float:
    """Give when something happened, in UTC epoch seconds."""
    return (entry_id >> _BITS) / MICROSECONDS


class Ids:
    """Gives ids that grow; `tag` is a number that other daemons on this database are unlikely to have."""

    def __init__(self, tag: int) -> None:
        self._tag = tag % (1 << _BITS)
        self._last = 0

    def next(self, seconds: float) -> int:
        """Give an id for what happens now, whatever the clock says."""
        self._last = max(first_id(seconds), self._last + (1 << _BITS))
        return self._last + self._tag


class Concealer:
    """Makes entries of events, with as much of addresses as the operator wants to have.

    What was refused, or put off, is in no mailbox: who has tried it can be seen where addresses are hashed or hidden.

    Args:
        key: of which comes the one that addresses are hashed with.
    """

    def __init__(self, addresses: Addresses, key: bytes) -> None:
        self._addresses = addresses
        self._hashed: Callable[[str], str] = lru_cache(maxsize=4096)(self._hash)
        concealing: dict[Addresses, Callable[[str], str]] = {"shown": str, "hashed": self._hashed, "hidden": _hidden}
        self._conceal = concealing[addresses]
        own_key = blake2b(key, person=_PURPOSE).digest()
        # A copy of what has the key in it is made in half the time.
        self._keyed = blake2b(key=own_key, digest_size=_HASH_OCTETS, person=_PURPOSE)

    def _hash(self, text: str) -> str:
        if not text:
            return ""
        digest = self._keyed.copy()
        digest.update(text.encode("utf-8", "replace"))
        return HASHED + digest.hexdigest()

    def forms(self, text: str) -> tuple[str, str]:
        """Give in which forms an address, domain or client may be kept: rows outlive a change of the settings."""
        return text, self._hashed(text)

    def entry(self, event: Event, entry_id: int) -> Entry:
        """Give what is kept of an event."""
        outcome = event.outcome
        reply = _line(outcome.reply, LONGEST_REPLY)
        delivered = outcome.disposition in {"accept", "junk"}
        discreet = self._addresses != "shown"
        conceal = self._conceal
        client, key = _line(event.client, _LONGEST_NAME), key_of(event.client)
        helo = _line(event.helo, LONGEST_HELO)
        if discreet and delivered:
            client, helo = conceal(client), HIDDEN
            key = client.encode()
        sender = sender_form(_line(event.sender, LONGEST_ADDRESS))
        recipient = _line(event.recipient, LONGEST_ADDRESS)
        if event.stage != "data":  # then it is that of a mailbox, in its normal form
            recipient = sender_form(recipient)
        return Entry(
            id=entry_id,
            queue_id=_line(event.queue_id, _LONGEST_NAME),
            stage=event.stage,
            client=client,
            client_key=key,
            helo=helo,
            sender=conceal(sender),
            sender_domain=conceal(sender.rpartition("@")[2]),
            recipient=conceal(recipient),
            size=event.size,
            tls=_line(event.tls, _LONGEST_NAME),
            disposition=outcome.disposition,
            decided_by=_line(outcome.decided_by, _LONGEST_NAME),
            findings=_findings_text(outcome.findings[:_MOST_FINDINGS], not delivered),
            # What a check says names the domain that it is about.
            reply=_codes(reply) if discreet and event.stage == "data" else reply,
        )


def _hidden(text: str) -> str:
    return HIDDEN if text else ""


@lru_cache(maxsize=4096)
def sender_form(address: str) -> str:
    """Give an address as it is kept and looked for: without letter case, and its domain with A-labels."""
    if "@" not in address:
        return address.lower()
    return sender_key(address)


def domain_form(name: str) -> str:
    """Give the domain of a sender as it is kept and looked for."""
    return domain_key(name)


@lru_cache(maxsize=4096)
def key_of(client: str) -> bytes:
    """Give the address of a client so that those of a network follow each other; b"" for none."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return b""
    return address.packed if isinstance(address, IPv6Address) else _MAPPED + address.packed


def keys_of(network: str) -> tuple[bytes, bytes]:
    """Give the first and the last key of a network that was parsed."""
    parsed = ipaddress.ip_network(network)
    return key_of(str(parsed[0])), key_of(str(parsed[-1]))


def reason_of(error: TempmaildError) -> str:
    """Give what the log calls an error that was the reason of a refusal, such as "no-such-mailbox"."""
    # A rule of the operator has the name that it has in a verdict.
    return "block-rule" if isinstance(error, SenderBlocked) else _hyphenated(type(error).__name__)


@lru_cache(maxsize=256)
def _hyphenated(name: str) -> str:
    return _WORD.sub(r"-\1", name).lower().removeprefix("-")


def _findings_text(findings: Sequence[Finding], with_details: bool) -> str:
    return _as_json(tuple([(f.method, f.result, _detail(f) if with_details else "") for f in findings]))


@lru_cache(maxsize=4096)
def _as_json(noted: tuple[tuple[str, str, str], ...]) -> str:
    # Most mail is like other mail in this, and writing it anew takes longer than finding it.
    cleaned = [
        Noted(_line(method, _LONGEST_NAME), _line(result, _LONGEST_NAME), detail) for method, result, detail in noted
    ]
    return msgspec.json.encode(cleaned).decode()


def _detail(finding: Finding) -> str:
    kept = _DETAILS.get(finding.method, ())
    words = [value for name, value in finding.properties if name in kept]
    if finding.method in _REASONS:
        words.append(finding.reason)
    return _line(" ".join(words), _LONGEST_DETAIL)


def _codes(reply: str) -> str:
    """Give the codes of a reply without its words."""
    codes = _CODES.match(reply)
    return codes[0] if codes else ""


def _line(text: str, most: int) -> str:
    """Give a text as it can stand in a database and on a page: one line without anything invisible."""
    text = text[:most]
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "?" for character in text)


_MAPPED: Final = bytes(10) + b"\xff\xff"
"""Before an IPv4 address among IPv6 ones: it is mapped, as the standard calls it."""
_CODES: Final = re.compile(r"[0-9]{3}(?: [0-9]\.[0-9]{1,3}\.[0-9]{1,3}\b)?")
"""RFC 5321 §4.2 and RFC 2034 §4."""
_WORD: Final = re.compile("([A-Z])")
