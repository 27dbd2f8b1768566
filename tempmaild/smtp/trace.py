"""The lines that we put on top of a message (RFC 5321 §4.4)."""

from __future__ import annotations

from email.utils import formatdate
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from tempmaild.net.conversation import Peer


class Hop(Struct, frozen=True):
    """How a message came to us.

    Attributes:
        protocol: as RFC 3848 and RFC 6531 §3.7.3 register them, such as ESMTPS.
        host: our own name.
        id: what the log calls the message.
    """

    helo: str
    protocol: str
    host: str
    id: str


def protocol_name(*, lmtp: bool, extended: bool, tls: bool, utf8: bool) -> str:
    """Give the name of a protocol for the `with` of a Received field (RFC 3848, RFC 6531 §3.7.3)."""
    if utf8:
        return ("UTF8LMTP" if lmtp else "UTF8SMTP") + ("S" if tls else "")
    if lmtp:
        return "LMTPS" if tls else "LMTP"
    if not extended:
        return "SMTP"
    return "ESMTPS" if tls else "ESMTP"


def trace_fields(
    sender: str, hop: Hop, peer: Peer, now: float, only_recipient: str | None, findings: bytes = b""
) -> bytes:
    """Write Return-Path and Received, and between them what was found out about the message.

    Args:
        sender: as it stands in a header, without brackets; "" for the null reverse-path.
        now: UTC epoch seconds.
        findings: whole fields. RFC 8601 §5 and RFC 7208 §9.1 want them above our Received.
        only_recipient: who gets the message; None when there are several, none of whom is to learn of the others.
    """
    client = f"[{peer.address}]" if ":" not in peer.address else f"[IPv6:{peer.address}]"
    if not peer.address:
        client = "local"
    tls = f"\r\n\t({peer.tls})" if peer.tls else ""
    recipient = f"\r\n\tfor <{only_recipient}>" if only_recipient else ""
    received = (
        f"Received: from {hop.helo} ({client})\r\n"
        f"\tby {hop.host} with {hop.protocol} id {hop.id}{tls}{recipient};\r\n"
        f"\t{_date(int(now))}\r\n"
    )
    return f"Return-Path: <{sender}>\r\n".encode() + findings + received.encode()


@lru_cache(maxsize=1)
def _date(now: int) -> str:
    return formatdate(now)
