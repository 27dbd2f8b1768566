from __future__ import annotations

import email
from email.policy import SMTPUTF8

import pytest

from tempmaild.net.conversation import Peer
from tempmaild.smtp.grammar import NULL_PATH, Path
from tempmaild.smtp.trace import Hop, protocol_name, trace_fields
from tests.smtp.house import BEGIN, ME, YOU, House
from tests.support import NOW

DATE = b"Thu, 28 May 2026 20:26:40 -0000"
HOP = Hop("client.example", "ESMTP", "mx.box.test", "s1-1")
SENDER = "a@example.org"


def test_all_of_it() -> None:
    peer = Peer("192.0.2.1", tls="TLSv1.3, TLS_AES_256_GCM_SHA384")
    hop = Hop("client.example", "ESMTPS", "mx.box.test", "s1-1")
    assert trace_fields(SENDER, hop, peer, NOW + 0.9, "me@box.test") == (
        b"Return-Path: <a@example.org>\r\n"
        b"Received: from client.example ([192.0.2.1])\r\n"
        b"\tby mx.box.test with ESMTPS id s1-1\r\n"
        b"\t(TLSv1.3, TLS_AES_256_GCM_SHA384)\r\n"
        b"\tfor <me@box.test>;\r\n"
        b"\t" + DATE + b"\r\n"
    )


def test_nobody_learns_of_other_recipients() -> None:
    assert b"for" not in trace_fields(SENDER, HOP, Peer("192.0.2.1"), NOW, None)


@pytest.mark.parametrize(
    ("address", "client"), [("192.0.2.1", "([192.0.2.1])"), ("2001:db8::1", "([IPv6:2001:db8::1])"), ("", "(local)")]
)
def test_clients(address: str, client: str) -> None:
    assert f"from client.example {client}\r\n".encode() in trace_fields(SENDER, HOP, Peer(address), NOW, None)


@pytest.mark.parametrize(
    ("sender", "field"),
    [
        (NULL_PATH, "<>"),
        (Path("a b", "c"), '<"a b"@c>'),
        (Path("grün", "bücher.example"), "<grün@bücher.example>"),
    ],
)
def test_return_path(sender: Path, field: str) -> None:
    fields = trace_fields(str(sender), HOP, Peer("192.0.2.1"), NOW, None)
    assert fields.startswith(f"Return-Path: {field}\r\nReceived: ".encode())


@pytest.mark.parametrize(
    ("lmtp", "extended", "tls", "utf8", "name"),
    [
        # RFC 5321 §4.4, RFC 3848, RFC 6531 §4.3
        (False, False, False, False, "SMTP"),
        (False, True, False, False, "ESMTP"),
        (False, True, True, False, "ESMTPS"),
        (False, True, False, True, "UTF8SMTP"),
        (False, True, True, True, "UTF8SMTPS"),
        (True, True, False, False, "LMTP"),
        (True, True, True, False, "LMTPS"),
        (True, True, False, True, "UTF8LMTP"),
        (True, True, True, True, "UTF8LMTPS"),
    ],
)
def test_protocols(lmtp: bool, extended: bool, tls: bool, utf8: bool, name: str) -> None:
    assert protocol_name(lmtp=lmtp, extended=extended, tls=tls, utf8=utf8) == name


@pytest.mark.parametrize(
    ("begin", "tls", "expected"),
    [
        (BEGIN, False, "from client.example ([192.0.2.1]) by mx.box.test with ESMTP id s1-1 for <me@box.test>;"),
        (BEGIN.replace(b"EHLO", b"HELO"), False, "with SMTP id s1-1 for <me@box.test>;"),
        (BEGIN, True, "with ESMTPS id s1-1 (TLSv1.3, TLS_AES_256_GCM_SHA384) for <me@box.test>;"),
        (BEGIN.replace(b".org>", b".org> SMTPUTF8"), False, "with UTF8SMTP id s1-1 for <me@box.test>;"),
        (BEGIN.replace(b"DATA", b"RCPT TO:<you@box.test>\r\nDATA"), False, "with ESMTP id s1-1;"),
    ],
)
def test_what_a_message_gets(house: House, begin: bytes, tls: bool, expected: str) -> None:
    dialog = house.connect(tls=tls)
    dialog.send(begin + b"Received: before\r\nSubject: x\r\n\r\nbody\r\n.\r\n")
    (message,) = house.messages()
    parsed = email.message_from_bytes(message, policy=SMTPUTF8)
    received, before = parsed.get_all("Received", [])
    assert f"{expected} {DATE.decode()}" in " ".join(received.split())
    assert before == "before"
    assert parsed["Return-Path"] == "<a@example.org>"
    assert message.endswith(b"Subject: x\r\n\r\nbody\r\n")
    assert message.count(b"\n") == message.count(b"\r\n")


def test_copies_of_one_message_are_alike(house: House) -> None:
    dialog = house.connect()
    dialog.send(BEGIN.replace(b"DATA", b"RCPT TO:<you@box.test>\r\nDATA") + b"x\r\n.\r\n")
    assert house.messages(ME) == house.messages(YOU)
    assert b"box.test>" not in house.messages(ME)[0]
