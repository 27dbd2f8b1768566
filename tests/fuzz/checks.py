"""Whole checks, of damaged mail and with whatever DNS says: none may raise, nor hang."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from publicsuffixlist import PublicSuffixList

from tempmaild.checks.arc import Arc
from tempmaild.checks.attachments import Attachments
from tempmaild.checks.client import Client
from tempmaild.checks.dkim import Dkim
from tempmaild.checks.dmarc import Dmarc
from tempmaild.checks.dns import LookupFailed, NoSuchName
from tempmaild.checks.mail import Examined, Mail
from tempmaild.checks.pipeline import decide
from tempmaild.checks.spf import Spf
from tempmaild.core.checking import Checking
from tempmaild.core.headers import fields
from tests.fuzz.messages import MESSAGES, WORDS
from tests.fuzz.target import Target

if TYPE_CHECKING:
    from tempmaild.checks.pipeline import Check

_HOST = "mx.box.test"
_LOOP = asyncio.new_event_loop()
_SUFFIXES = PublicSuffixList()
_ZONE = b"\x1f"
"""Stands in fuzzed input before each text that DNS has; what is before the first one is the message."""


class _Dns:
    """Answers each question for texts with the next of these, and so on from the first."""

    def __init__(self, texts: list[bytes]) -> None:
        self._texts = texts
        self._asked = 0

    def known(self, name: str, kind: str) -> None:
        """Give what is in a cache: there is none."""

    async def lookup(self, name: str, kind: str) -> tuple[Any, ...]:
        assert name
        self._asked += 1
        text = self._texts[self._asked % len(self._texts)] if self._texts else b""
        if text == b"failed":
            raise LookupFailed
        if not text:
            raise NoSuchName
        word = "".join(chr(octet) for octet in text[:60] if chr(octet).isalnum() and octet < 128).lower() or "a"
        values: dict[str, tuple[Any, ...]] = {
            "TXT": (text,),
            "MX": ((10, f"{word}.example.org"),),
            "A": ("192.0.2.1",),
            "AAAA": ("2001:db8::1",),
        }
        return values.get(kind, (f"{word}.example.org",))


def check_checks(data: bytes) -> None:
    content, *texts = data.split(_ZONE)
    dns: Any = _Dns(texts)
    sender = next((each.value for each in fields(content, 0, len(content)) if each.name.lower() == b"from"), b"")
    address = sender.decode("utf-8", "replace").strip()
    mail = Mail(content, "192.0.2.1", "mx.example.org", address, ("a@box.test",), False, Checking(), utf8=True)
    reports: dict[str, Any] = {}
    examined = Examined(mail, reports)
    checks: dict[str, Check] = {
        "spf": Spf(dns, _HOST, 5),
        "dkim": Dkim(dns, clock=lambda: 1_780_000_000),
        "arc": Arc(dns, clock=lambda: 1_780_000_000),
        "client": Client(dns),
        "attachments": Attachments(),
        "dmarc": Dmarc(dns, _SUFFIXES, 5),
    }
    for name, check in checks.items():
        reports[name] = _LOOP.run_until_complete(check.examine(examined))
    verdict = decide(mail, reports, _HOST)
    end = len(verdict.fields)
    assert end == 0 or [each.end for each in fields(verdict.fields, 0, end)][-1] == end
    assert all(each.name for each in fields(verdict.fields, 0, end))
    assert all(keyword.isascii() and keyword.isprintable() for keyword in verdict.keywords)
    # Nobody holds a key with which any of this could be signed.
    assert not any(each.result == "pass" for report in (reports["dkim"], reports["arc"]) for each in report.findings)
    if verdict.refusal:
        assert verdict.refusal.text.isascii()
        assert verdict.refusal.text.isprintable()


_SIGNED = (
    b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple; d=example.org; s=s1; h=from; b=AAAA;\r\n"
    b" bh=frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=\r\n"
)
_SEALED = (
    b"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=example.org; s=s1; b=AAAA\r\n"
    b"ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=s1; h=from; bh=AAAA; b=AAAA\r\n"
    b"ARC-Authentication-Results: i=1; example.org; spf=pass\r\n"
)
_PLAIN = b"From: Joe <joe@example.org>\r\nSubject: hello\r\n\r\nHello.\r\n"
_KEY = (
    b"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCj"
    b"xOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPD"
    b"dQPNUYckcQ2QIDAQAB"
)

TARGETS = (
    Target(
        "checks",
        check_checks,
        (
            _SIGNED + _PLAIN + _ZONE + _KEY + _ZONE + b"v=spf1 a mx include:b.c -all",
            _SEALED + _PLAIN + _ZONE + _KEY,
            _PLAIN + _ZONE + b"v=spf1 exists:%{l}.%{d} ?all" + _ZONE + b"v=DMARC1; p=reject" + _ZONE + b"failed",
            *MESSAGES,
        ),
        (
            *WORDS,
            _ZONE,
            _SIGNED,
            _SEALED,
            b"From: a@b.c\r\n",
            b"i=2;",
            b"cv=pass;",
            b"l=3;",
            b"v=spf1 ",
            b"redirect=",
            b"v=DMARC1; p=",
            b"ed25519-sha256",
        ),
        reads_mail=True,
    ),
)
