"""What spam filters are asked and what they answer: rspamd's JSON, and SpamAssassin's spamd protocol.

rspamd: https://rspamd.com/doc/developers/protocol.html. spamd: the file PROTOCOL in SpamAssassin's source.
"""

from __future__ import annotations

import re

import msgspec
from msgspec import Struct

_MOST_RECIPIENTS = 100
"""Recipients that rspamd is told of: what it makes of them does not depend on the others."""
_MOST_SYMBOLS = 20
"""Rules that a score is explained with."""
_BOUND = 10_000.0
"""Beyond it, one score is as good as another."""

_STATUS = re.compile(rb"SPAMD/[0-9.]{1,9} ([0-9]{1,5}) ([^\r\n]{0,200})\r?\n")
_SPAM = re.compile(
    rb"^Spam:[ \t]*(?:True|False|Yes|No)[ \t]*;[ \t]*(-?[0-9]{1,9}(?:\.[0-9]{1,9})?)[ \t]*/",
    re.IGNORECASE | re.MULTILINE,
)
_SYMBOL = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_NOT_IN_A_LINE = re.compile(r"[\x00-\x1f\x7f]")


class BadAnswer(Exception):
    """A spam filter says something that is no score; the text is for the operator."""


class Score(Struct, frozen=True):
    """How much a message looks like spam.

    Attributes:
        value: more is worse.
        symbols: the names of the rules that made it, those first that have done most.
    """

    value: float
    symbols: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.value:.1f}"


class _Symbol(Struct):
    score: float = 0.0


class _Reply(Struct):
    """Of rspamd's reply what concerns us; a message that it has not looked at has no score."""

    score: float | None = None
    is_skipped: bool = False
    symbols: dict[str, _Symbol] = {}


_decoder = msgspec.json.Decoder(_Reply)


def rspamd_fields(client: str, helo: str, sender: str, recipients: tuple[str, ...]) -> list[tuple[bytes, bytes]]:
    """Give the header fields of a request that tell of the envelope; `client` is "" where it says nothing."""
    fields = [(b"From", sender or "<>"), *((b"Rcpt", recipient) for recipient in recipients[:_MOST_RECIPIENTS])]
    if client:
        fields += [(b"IP", client), (b"Helo", helo)]
    return [(name, _one_line(value).strip().encode("utf-8", "replace")) for name, value in fields]


def score_of_rspamd(body: bytes) -> Score | None:
    """Read the reply to /checkv2; None when rspamd leaves such mail alone.

    Raises:
        BadAnswer: it is none.
    """
    try:
        reply = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadAnswer(f"its reply is not what rspamd says: {error}") from None
    if reply.is_skipped and not reply.symbols:  # rspamd skips the test message GTUBE, too, but has a score for it
        return None
    if reply.score is None:
        raise BadAnswer("its reply has no score")
    ordered = sorted(reply.symbols, key=lambda name: -abs(reply.symbols[name].score))
    return Score(_bounded(reply.score), _known(ordered))


def spamd_request(content: bytes, trace: bytes) -> bytes:
    """Write a request for the score of a message, on top of which the fields `trace` belong."""
    return b"SYMBOLS SPAMC/1.5\r\nContent-length: %d\r\n\r\n%b%b" % (len(trace) + len(content), trace, content)


def trace_for_spamd(client: str, helo: str, sender: str, host: str, date: str) -> bytes:
    """Give the fields by which SpamAssassin knows the envelope, as no other way leads it there.

    Args:
        client: the IP address of the last hop; "" where it says nothing.
        host: our name.
        date: as RFC 5322 §3.3 wants it.
    """
    lines = [f"Return-Path: <{_one_line(sender)}>\r\n"]
    if client:
        address = f"IPv6:{client}" if ":" in client else client
        lines.append(f"Received: from {_one_line(helo)} ([{address}]) by {host} with ESMTP; {date}\r\n")
    return "".join(lines).encode("utf-8", "replace")


def score_of_spamd(answer: bytes) -> Score:
    """Read a whole answer to SYMBOLS.

    Raises:
        BadAnswer: it is none, or says that something went wrong.
    """
    status = _STATUS.match(answer)
    if status is None:
        raise BadAnswer("its answer is not what spamd says")
    if status[1] != b"0":
        raise BadAnswer(f"it says {status[1].decode()} {status[2].decode('ascii', 'replace')}")
    header, _, body = answer.replace(b"\r\n", b"\n").partition(b"\n\n")
    spam = _SPAM.search(header)
    if spam is None:
        raise BadAnswer("its answer has no score")
    return Score(_bounded(float(spam[1])), _known(body.decode("ascii", "replace").strip().split(",")))


def _bounded(value: float) -> float:
    return max(-_BOUND, min(_BOUND, value))


def _known(symbols: list[str]) -> tuple[str, ...]:
    return tuple(filter(_SYMBOL.fullmatch, symbols))[:_MOST_SYMBOLS]


def _one_line(text: str) -> str:
    return _NOT_IN_A_LINE.sub("", text)
