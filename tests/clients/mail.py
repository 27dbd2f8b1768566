"""The mail that goes through real clients, and how what comes out is held against what went in."""

from __future__ import annotations

import re
from email import message_from_bytes
from functools import cache
from imaplib import IMAP4_SSL
from pathlib import Path
from smtplib import SMTP
from typing import TYPE_CHECKING

from tempmaild.core.lines import with_crlf
from tests.daemon import HOST

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.daemon import Account, RunningDaemon

SENDER = "sender@example.org"
_TESTS = Path(__file__).parents[1]
# More real mail, for those who have it beside the project.
_CORPUS = _TESTS.parents[1] / "shared" / "corpus"
# What SMTP delivery puts on top: Return-Path, and Received up to its date.
_TRACE = re.compile(
    rb"Return-Path: <[^>\n]*>\n"
    rb"Received: from [^\n]+\n"
    rb"\tby mx\.box\.test with (?:UTF8)?(?:E?SMTP|LMTP)S? id [^\n]+\n"
    rb"(?:\t\(TLS[^\n]+\)\n)?"
    rb"(?:\tfor <[^\n]+>;\n)?"
    rb"\t\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [-+]\d{4}\n"
)

_HEAD = (
    b"From: Sender <sender@example.org>\r\nTo: somebody@box.test\r\nSubject: %b\r\nMessage-ID: <%b@example.org>\r\n"
)


def _headed(name: str, rest: bytes) -> bytes:
    return _HEAD % (name.encode(), name.encode()) + rest


def _attachment(octets: int) -> bytes:
    """Write a message with so many octets of Base64 attached; they count up, so that no two lines are alike."""
    line = b"%076d\r\n"
    lines = b"".join(line % number for number in range(octets // 78))
    return (
        b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="cut"\r\n\r\n'
        b"--cut\r\nContent-Type: text/plain\r\n\r\nSee the attachment.\r\n"
        b"--cut\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n"
        b'Content-Disposition: attachment; filename="big.bin"\r\n\r\n' + lines + b"--cut--\r\n"
    )


COMPOSED: Mapping[str, bytes] = {
    "dots": _headed("dots", b"\r\n.\r\n..\r\n...\r\n.dot first\r\nin the middle . dot\r\n.\r\n"),
    "empty-body": _headed("empty-body", b"\r\n"),
    "blank-lines": _headed("blank-lines", b"\r\n\r\n\r\ntext\r\n\r\n\r\n"),
    "eight-bit": _headed(
        "eight-bit",
        b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"
        b"Content-Transfer-Encoding: 8bit\r\n\r\n" + bytes(range(0xA0, 0x100)) + b"\r\n",
    ),
    "utf8-header": _headed("utf8-header", "X-Place: Grüße aus Åbo, 東京 ✉\r\n\r\nGrüße ✉\r\n".encode()),
    "folded-header": _headed("folded-header", b"X-Long: one\r\n two\r\n\tthree\r\n   \t four\r\n\r\nfolded\r\n"),
    "mbox-from": _headed(
        "mbox-from", b"\r\nFrom here on\r\n>From there\r\n\r\nFrom nobody Sat Jan  1 00:00:00 2000\r\n"
    ),
    "white-space": _headed("white-space", b"\r\n  leading\r\ntrailing  \r\n\t\r\n \r\n"),
    "long-line": _headed("long-line", b"\r\n" + b"0123456789abcdef" * 4000 + b"\r\nshort\r\n"),
    "big": _headed("big", _attachment(3 << 20)),
}
"""Messages of our own, each with what its name says."""

BARE: Mapping[str, bytes] = {
    "one-line": b"This message is one line\r\n",
    "body-first": b"\r\nThis message has a body alone.\r\n",
    "from-first": b"From nobody Sat Jan  1 00:00:00 2000\r\nSubject: an mbox line on top\r\n\r\ntext\r\n",
}
"""Messages without a header as RFC 5322 knows it, which some clients mend."""


def _read(folder: Path) -> dict[str, bytes]:
    return {f"{folder.name}/{path.name}": wire(path.read_bytes()) for path in sorted(folder.glob("*.eml"))}


def wire(message: bytes) -> bytes:
    """Give a message as SMTP can carry it: every line with CRLF, the last one too."""
    lines = with_crlf(message)
    return lines if lines.endswith(b"\r\n") else lines + b"\r\n"


@cache
def every_message() -> Mapping[str, bytes]:
    """Give all there is, by name: what is composed here, the hard cases beside the tests, and real mail."""
    return {**COMPOSED, **BARE, **_read(_TESTS / "messages"), **_read(_CORPUS / "mime"), **_read(_CORPUS / "ham")}


@cache
def some_messages() -> Mapping[str, bytes]:
    """Give a hundred or so that every client takes as they are: with a header, and without NUL.

    C programs end a line at NUL (RFC 5322 §4 has NUL for obsolete, RFC 3501 forbids it in a literal).
    """
    ham = list(_read(_CORPUS / "ham").items())[::8]
    real = {**_read(_TESTS / "messages"), **_read(_CORPUS / "mime"), **dict(ham)}
    whole = {name: message for name, message in real.items() if _has_header(message) and b"\0" not in message}
    return {**COMPOSED, **whole}


def stable_messages() -> list[bytes]:
    """Give those that Python's email package takes apart and writes again as they were, for clients that do so."""

    def is_stable(message: bytes) -> bool:
        text = message.replace(b"\r\n", b"\n")
        return message_from_bytes(text).as_bytes() == text

    return list(filter(is_stable, some_messages().values()))


def _has_header(message: bytes) -> bool:
    header, blank_line, _ = message.partition(b"\r\n\r\n")
    field = re.compile(rb"(?:[!-9;-~]+[ \t]*:|[ \t])")
    return bool(blank_line) and all(map(field.match, header.split(b"\r\n"))) and header[:1] not in b" \t"


def as_literals(messages: Iterable[bytes]) -> list[bytes]:
    """Give messages as IMAP can carry them: a literal has no NUL (RFC 3501 §4.3), and 0x80 stands for it."""
    return [message.replace(b"\0", b"\x80") for message in messages]


def deliver(daemon: RunningDaemon, account: Account, messages: Iterable[bytes]) -> None:
    """Send messages over SMTP, each as it is."""
    with SMTP(HOST, daemon.ports.smtp, timeout=60) as smtp:
        for message in messages:
            smtp.sendmail(SENDER, [account.address], message, ["BODY=8BITMIME"])


def stored(daemon: RunningDaemon, account: Account) -> list[bytes]:
    """Give what the INBOX has, in order of arrival."""
    with IMAP4_SSL(HOST, daemon.ports.imaps, ssl_context=daemon.tls_context(), timeout=60) as imap:
        imap.login(account.address, account.secret)
        imap.select(readonly=True)
        _, answers = imap.fetch("1:*", "(BODY.PEEK[])")
    return [answer[1] for answer in answers if isinstance(answer, tuple)]


def same(received: Iterable[bytes], sent: Iterable[bytes], *, any_order: bool = False) -> None:
    """Compare what was received with what was sent, apart from the trace on top; whatever the line ends."""
    got = [without_trace(message.replace(b"\r\n", b"\n")) for message in received]
    expected = [message.replace(b"\r\n", b"\n") for message in sent]
    if any_order:
        got.sort()
        expected.sort()
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        assert_same(one, other)


def same_octets(received: bytes, sent: bytes) -> None:
    """Compare with line ends and all."""
    assert received.count(b"\n") == received.count(b"\r\n")
    same([received], [sent])


def assert_same(got: bytes, expected: bytes) -> None:
    """Compare two messages, and show no more of them than where they begin to differ."""
    if got != expected:
        at = next(
            (i for i, (a, b) in enumerate(zip(got, expected, strict=False)) if a != b), min(len(got), len(expected))
        )
        near = slice(max(0, at - 60), at + 60)
        lengths = f"lengths {len(got)} and {len(expected)}"
        raise AssertionError(f"differs at octet {at} ({lengths}):\n{got[near]!r} came for\n{expected[near]!r}")


def without_trace(message: bytes) -> bytes:
    """Take off what delivery puts on top of a message with LF line ends; it has to be there."""
    trace = _TRACE.match(message)
    assert trace, f"no trace on top of {message[:300]!r}"
    return message[trace.end() :]
