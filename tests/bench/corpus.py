"""The messages that are sent: the same octets on every machine."""

from __future__ import annotations

import base64
import quopri
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

M4K, M40K, M1M = "m4k.eml", "m40k.eml", "m1m.eml"
SIGNED_4K, SIGNED_40K = "signed4k.eml", "signed40k.eml"
"""The first two with a signature that is valid (tests/bench/sender.py)."""

_WORDS = (  # noqa: SIM905 - thirty quoted words are harder to read
    "account your the please click here welcome verify code order shipping total invoice update newsletter service"
    " team security password reset confirm address link offer sale today only new feature release product"
).split()
_HEADER = (
    "Received: from mx.example.org (mx.example.org [192.0.2.7])\r\n"
    "\tby relay.example.net with ESMTPS id 4XyZ;\r\n"
    "\tFri, 20 Nov 2026 10:00:00 +0000 (UTC)\r\n"
    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=s1;\r\n"
    "\th=from:to:subject:date:message-id; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n"
    f"\tb={'A' * 60}\r\n\t {'B' * 68}\r\n\t {'C' * 68}\r\n\t {'D' * 60}\r\n"
    "Message-ID: <20261120100000.{number}@example.org>\r\n"
    "Date: Fri, 20 Nov 2026 10:00:00 +0000\r\n"
    "From: =?utf-8?q?Acme_Caf=C3=A9?= <news@example.org>\r\n"
    "To: u1@perf.test\r\n"
    "Subject: =?utf-8?B?WW91ciB2ZXJpZmljYXRpb24gY29kZSDinJM=?= 482913\r\n"
    "MIME-Version: 1.0\r\n"
    "List-Unsubscribe: <https://example.org/u/1>\r\n"
    "Content-Type: {content_type}\r\n"
)


def write_corpus(folder: Path) -> None:
    """Write the three messages into a folder."""
    chance = random.Random(7)
    for name, make in ((M4K, _text), (M40K, _newsletter), (M1M, _with_attachment)):
        (folder / name).write_bytes(make(chance).encode())


def _text(chance: random.Random) -> str:
    """4 KiB of plain text."""
    header = _HEADER.format(number=1, content_type="text/plain; charset=utf-8")
    header += "Content-Transfer-Encoding: 8bit\r\n\r\n"
    message = header + _words(chance, 4096 - len(header))
    return message[:4094].rstrip("\r\n") + "\r\n"


def _newsletter(chance: random.Random) -> str:
    """40 KiB of text and HTML as alternatives."""
    style = "".join(f".c{i}{{color:#{chance.randrange(1 << 24):06x};padding:{i % 20}px}}" for i in range(150))
    rows = "".join(
        f'<tr><td class="c{i}"><a href="https://click.example.org/t/{_token(chance)}">'
        f"{_words(chance, 120).replace(chr(13) + chr(10), ' ')}</a></td></tr>\n"
        for i in range(96)
    )
    html = f"<html><head><style>{style}</style></head><body>{rows}</body></html>"
    parts = "".join(
        f"--=_b\r\nContent-Type: text/{kind}; charset=utf-8\r\n"
        f"Content-Transfer-Encoding: quoted-printable\r\n\r\n{_quoted_printable(text)}\r\n"
        for kind, text in (("plain", _words(chance, 9000)), ("html", html))
    )
    header = _HEADER.format(number=2, content_type='multipart/alternative; boundary="=_b"')
    return f"{header}\r\n{parts}--=_b--\r\n"


def _with_attachment(chance: random.Random) -> str:
    """1 MiB, most of it an attachment in Base64."""
    octets = 1024 * 1024 * 54 // 73 // 54 * 54
    attachment = base64.encodebytes(chance.randbytes(octets)).decode().replace("\n", "\r\n")
    header = _HEADER.format(number=3, content_type="multipart/mixed; boundary=mx")
    return (
        f"{header}\r\n--mx\r\nContent-Type: text/plain\r\n\r\n{_words(chance, 2000)}\r\n"
        '--mx\r\nContent-Type: application/pdf; name="invoice.pdf"\r\n'
        'Content-Disposition: attachment; filename="invoice.pdf"\r\n'
        f"Content-Transfer-Encoding: base64\r\n\r\n{attachment}\r\n--mx--\r\n"
    )


def _words(chance: random.Random, least: int) -> str:
    """Lines of words, at least so many octets."""
    lines: list[str] = []
    length = 0
    while length < least:
        words = [chance.choice(_WORDS)]
        while sum(map(len, words)) + len(words) <= 68:
            words.append(chance.choice(_WORDS))
        lines.append(" ".join(words))
        length += len(lines[-1]) + 2
    return "\r\n".join(lines) + "\r\n"


def _token(chance: random.Random) -> str:
    return base64.urlsafe_b64encode(chance.randbytes(24)).decode()


def _quoted_printable(text: str) -> str:
    return quopri.encodestring(text.encode()).decode().replace("\r\n", "\n").replace("\n", "\r\n")
