"""Malware is found however it is wrapped, and a clamd that misbehaves never makes mail look clean."""

from __future__ import annotations

import asyncio
import base64
import binascii
import email
import io
import logging
import random
import re
import zipfile
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tempmaild.checks.clamav import Clamav, days_of_signatures
from tempmaild.checks.clamd_client import ClamdFailed, Outcome, outcome
from tempmaild.checks.mail import Examined, Mail
from tempmaild.core.checking import Checking, ClamavRule
from tempmaild.core.mime import parse
from tempmaild.core.removal import without_parts
from tempmaild.core.scanning import PREFIX, hidden_pieces
from tempmaild.log import get_log
from tempmaild.settings.checks import Clamav as ClamavSettings
from tempmaild.settings.values import TcpAddress, UnixAddress
from tests.clamd import EICAR, PHISHING, SIGNATURE, ClamdServer, clamd

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from tempmaild.core.checking import Action
    from tempmaild.core.verdict import Report, State
    from tempmaild.settings.values import Address

__all__ = ["clamd"]

MIB = 2**20
FROM = b"From: a@example.org\r\nTo: b@example.net\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
TEXT = b"Content-Type: text/plain\r\n\r\nHello\r\n"


def crlf(text: bytes) -> bytes:
    return text.replace(b"\n", b"\r\n")


def in_base64(data: bytes) -> bytes:
    return crlf(base64.encodebytes(data))


def in_uuencode(data: bytes) -> bytes:
    lines = [binascii.b2a_uu(data[start : start + 45]) for start in range(0, len(data), 45)]
    return crlf(b"begin 644 eicar.com\n" + b"".join(lines) + b"`\nend\n")


def in_zip(data: bytes, name: str = "eicar.com", *, encrypted: bool = False) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        # Of a day that does not change: what an encoding of the archive looks like is not left to the clock.
        archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    octets = bytearray(file.getvalue())
    if encrypted:
        # The flag that says so, beside the member and in the directory.
        octets[6] |= 1
        octets[octets.index(b"PK\x01\x02") + 8] |= 1
    return bytes(octets)


def part(body: bytes, encoding: bytes = b"base64", media_type: bytes = b"application/octet-stream") -> bytes:
    return b"Content-Type: %s\r\nContent-Transfer-Encoding: %s\r\n\r\n%s" % (media_type, encoding, body)


def multipart(*parts: bytes, boundary: bytes = b"=_b1", subtype: bytes = b"mixed") -> bytes:
    delimited = b"".join(b"--" + boundary + b"\r\n" + each.removesuffix(b"\r\n") + b"\r\n" for each in parts)
    return b'Content-Type: multipart/%s; boundary="%s"\r\n\r\n%s--%s--\r\n' % (subtype, boundary, delimited, boundary)


EICAR_PART = part(in_base64(EICAR))
NESTED = FROM + multipart(TEXT, EICAR_PART, boundary=b"inner")

WRAPPINGS = {
    "plain": FROM + b"\r\n" + EICAR + b"\r\n",
    "without any header": b"\r\n" + EICAR + b"\r\n",
    "behind a header that ClamAV does not know": b"X-Mailer: y\r\n\r\n" + EICAR + b"\r\n",
    "behind an mbox line": b"From x Thu Jan  1 00:00:00 1970\r\n" + FROM + EICAR_PART,
    "beginning with a folded line": b" folded\r\n" + FROM + EICAR_PART,
    "base64": FROM + EICAR_PART,
    "base64 in one long line": FROM + part(base64.b64encode(EICAR + b" " * 3000)),
    "base64 with characters that are none": FROM
    + part(b"!".join(in_base64(EICAR)[i : i + 9] for i in range(0, 99, 9))),
    "base64 cut before its padding": FROM + part(in_base64(EICAR).rstrip(b"=\r\n")),
    "base64 in pieces that are padded each": FROM + part(in_base64(EICAR[:5]) + in_base64(EICAR[5:])),
    "quoted-printable": FROM + part(EICAR.replace(b"A", b"=41"), b"quoted-printable"),
    "quoted-printable with soft line breaks": FROM
    + part(b"=\r\n".join(EICAR[i : i + 7] for i in range(0, len(EICAR), 7)), b"quoted-printable", b"text/plain"),
    "uuencoded": FROM + b"\r\n" + in_uuencode(EICAR),
    "uuencoded after a text": FROM + b"\r\nHello\r\n\r\n" + in_uuencode(EICAR) + b"\r\nBye\r\n",
    "uuencoded in a part": FROM + multipart(TEXT, part(in_uuencode(EICAR), b"x-uuencode")),
    "uuencoded in a text part": FROM + multipart(b"Content-Type: text/plain\r\n\r\nHi\r\n" + in_uuencode(EICAR)),
    "uuencoded in base64": FROM + multipart(TEXT, part(in_base64(in_uuencode(EICAR)))),
    "in a multipart": FROM + multipart(TEXT, EICAR_PART),
    "in a multipart within one": FROM + multipart(TEXT, multipart(TEXT, EICAR_PART, boundary=b"inner")),
    "in multipart/signed": FROM + multipart(TEXT, EICAR_PART, subtype=b"signed"),
    "in multipart/parallel": FROM + multipart(TEXT, EICAR_PART, subtype=b"parallel"),
    "in multipart/digest": FROM + multipart(NESTED, subtype=b"digest"),
    "zip": FROM + multipart(TEXT, part(in_base64(in_zip(EICAR)))),
    "zip within zip": FROM + multipart(TEXT, part(in_base64(in_zip(in_zip(EICAR), "inner.zip")))),
    "zip in quoted-printable": FROM
    + part(binascii.b2a_qp(in_zip(EICAR), istext=False).replace(b"\n", b"\r\n"), b"quoted-printable"),
    "message/rfc822": FROM + multipart(TEXT, b"Content-Type: message/rfc822\r\n\r\n" + NESTED),
    "message/rfc822 as the whole": FROM + b"Content-Type: message/rfc822\r\n\r\n" + NESTED,
    "message/rfc822 in base64": FROM + part(in_base64(NESTED), media_type=b"message/rfc822"),
    "message/rfc822 in base64 in a multipart": FROM
    + multipart(TEXT, part(in_base64(NESTED), media_type=b"message/rfc822")),
    "message/rfc822 in base64 within itself": FROM
    + part(in_base64(FROM + part(in_base64(NESTED), media_type=b"message/rfc822")), media_type=b"message/rfc822"),
    "multipart in base64": FROM
    + b"Content-Transfer-Encoding: base64\r\n"
    + multipart(TEXT, EICAR_PART).partition(b"\r\n\r\n")[0]
    + b"\r\n\r\n"
    + in_base64(multipart(TEXT, EICAR_PART).partition(b"\r\n\r\n")[2]),
    "without a closing boundary": (FROM + multipart(TEXT, EICAR_PART)).removesuffix(b"--=_b1--\r\n"),
    "cut after the attachment": (FROM + multipart(TEXT, EICAR_PART)).removesuffix(b"\r\n--=_b1--\r\n"),
    "a boundary that is announced twice": FROM
    + b'Content-Type: multipart/mixed; boundary="other"\r\n'
    + multipart(TEXT, EICAR_PART),
    "a boundary in two pieces": FROM
    + multipart(TEXT, EICAR_PART).replace(b'boundary="=_b1"', b'boundary*0="=_"; boundary*1="b1"'),
    "a boundary in percent": FROM
    + multipart(TEXT, EICAR_PART).replace(b'boundary="=_b1"', b"boundary*=us-ascii''%3D%5Fb1"),
    "a boundary with a backslash": FROM
    + multipart(TEXT, EICAR_PART).replace(b'boundary="=_b1"', b'boundary="\\=_\\b1"'),
    "a boundary behind a comment": FROM
    + multipart(TEXT, EICAR_PART).replace(b"mixed; ", b'mixed (a comment; boundary="x"); '),
    "a boundary behind another's beginning": FROM
    + multipart(TEXT, multipart(TEXT, EICAR_PART, boundary=b"=_b1-and-more")),
    "a boundary in other letters within a text": FROM
    + multipart(
        multipart(b"\r\nHello\r\n--OUTER\r\n\r\n--OUTER--\r\n", EICAR_PART, boundary=b"inner"), boundary=b"outer"
    ),
    "behind a text that begins to uuencode": FROM
    + multipart(b"Content-Type: text/plain\r\n\r\nHello\r\nbegin 644 x\r\n", EICAR_PART),
    "behind a text that begins to BinHex": FROM
    + multipart(b"\r\n(This file must be converted with BinHex 4.0)\r\n\r\n:x\r\n", EICAR_PART),
    "behind a preamble with a MIME field": FROM
    + multipart(TEXT, EICAR_PART).replace(b"\r\n\r\n", b"\r\n\r\nx\r\nContent-Type: text/plain\r\n\r\n", 1),
    "an encoding that is announced twice": FROM + b"Content-Transfer-Encoding: 7bit\r\n" + EICAR_PART,
    "an encoding and another one": FROM
    + multipart(
        TEXT, b"Content-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: 7bit\r\n\r\n" + in_base64(EICAR)
    ),
    "an encoding in other letters": FROM + part(in_base64(EICAR), b"BaSe64"),
    "an encoding with a comment": FROM + part(in_base64(EICAR), b"(7bit) base64 (x)"),
    "an encoding that nobody knows": FROM + multipart(TEXT, part(in_base64(EICAR), b"base-64")),
    "an encoding that nobody knows, of quoted-printable": FROM
    + multipart(TEXT, part(EICAR.replace(b"A", b"=41"), b"printable")),
    "base64 called 7bit": FROM + multipart(TEXT, part(in_base64(EICAR), b"7bit")),
    "base64 called nothing": FROM
    + multipart(TEXT, b"Content-Type: application/x-msdownload\r\n\r\n" + in_base64(EICAR)),
    "plain called base64": FROM + multipart(TEXT, part(EICAR + b"\r\n", b"base64")),
    "plain called binary": FROM + multipart(TEXT, part(EICAR + b"\r\n", b"binary")),
    "a text with a name": FROM + multipart(TEXT, part(in_base64(EICAR), media_type=b"text/plain; name=x.com")),
    "a second text": FROM + multipart(TEXT, part(EICAR + b"\r\n", b"7bit", b"text/html"), subtype=b"alternative"),
    "a delivery status": FROM + multipart(TEXT, part(EICAR + b"\r\n", b"7bit", b"message/delivery-status")),
    "headers in very long lines": FROM
    + multipart(TEXT, EICAR_PART).replace(b"boundary", b"x=" + b"y" * 2000 + b"; boundary"),
    "a header with NUL": FROM + multipart(TEXT, EICAR_PART).replace(b"multipart", b"multi\0part\0"),
    "no header in the part": FROM + multipart(TEXT, b"\r\n" + EICAR + b"\r\n"),
    "an unclosed quotation": FROM + multipart(TEXT, b'Content-Disposition: attachment; filename="x\r\n' + EICAR_PART),
    "a header that ends with a semicolon": FROM
    + multipart(TEXT, b"Content-Disposition: attachment;\r\n" + EICAR_PART),
    "a header that no empty line ends": FROM + multipart(TEXT, EICAR_PART).replace(b"base64\r\n\r\n", b"base64\r\n"),
    "a multipart's header that no empty line ends": FROM
    + multipart(multipart(EICAR_PART, boundary=b"inner").replace(b"\r\n\r\n", b"\r\n", 1), TEXT),
    "a message's header that no empty line ends": FROM + multipart(EICAR_PART).replace(b"\r\n\r\n", b"\r\n", 1),
    "a comment that is not closed": FROM + multipart(TEXT, EICAR_PART).replace(b"mixed", b"m(ixed"),
    "an equals sign within base64": FROM + part(in_base64(EICAR).replace(b"DVP", b"D=VP", 1)),
    "a multipart in quoted-printable": FROM
    + b"Content-Transfer-Encoding: quoted-printable\r\n"
    + multipart(TEXT, EICAR_PART).partition(b"\r\n\r\n")[0].replace(b'"=_b1"', b"b1")
    + b"\r\n\r\n--b=31\r\n"
    + EICAR_PART.replace(b"base64", b"base=\r\n64")
    + b"\r\n--b=31--\r\n",
    "a header broken by a blank": FROM + multipart(TEXT, b"Content-Id: <x>\r\n \r\n" + EICAR_PART),
}


def clamav(address: Address, connections: int = 2, now: Callable[[], float] = lambda: 0) -> Clamav:
    options = ClamavSettings(address=address, connections=connections)
    return Clamav(options, 25 * MIB, get_log("test"), now)


def examined(content: bytes, action: Action = "refuse", unscannable: Action = "junk") -> Examined:
    checking = Checking(clamav=ClamavRule(action=action, unscannable=unscannable))
    return Examined(Mail(content, "192.0.2.1", "x", "a@example.org", ("b@example.net",), False, checking), {})


def scan(
    server: ClamdServer, *contents: bytes, action: Action = "refuse", unscannable: Action = "junk"
) -> list[Report]:
    async def scan_all() -> list[Report]:
        check = clamav(server.address)
        try:
            return [await check.examine(examined(content, action, unscannable)) for content in contents]
        finally:
            check.close()

    return asyncio.run(scan_all())


@pytest.mark.parametrize("name", WRAPPINGS)
def test_malware_is_found_in_every_wrapping_and_the_next_message_is_clean(clamd: ClamdServer, name: str) -> None:
    infected, clean = scan(clamd, WRAPPINGS[name], FROM + multipart(TEXT, part(in_base64(b"harmless"))))
    assert infected.state == "bad"
    assert infected.refusal is not None
    assert (infected.refusal.status, infected.refusal.text) == (
        "5.7.1",
        f"The message contains malware ({SIGNATURE})",
    )
    assert infected.keywords == ("$Virus",)
    assert [(finding.method, finding.result, finding.reason) for finding in infected.findings] == [
        ("x-clamav", "fail", SIGNATURE)
    ]
    assert (clean.state, clean.findings[0].result, clean.refusal) == ("fine", "pass", None)


def test_the_wrappings_are_clean_without_what_they_wrap(clamd: ClamdServer) -> None:
    harmless = [content.replace(EICAR, b"x" * len(EICAR)) for content in WRAPPINGS.values() if EICAR in content]
    assert {report.state for report in scan(clamd, *harmless)} == {"fine"}


def test_phishing_is_marked_as_such(clamd: ClamdServer) -> None:
    (report,) = scan(clamd, FROM + b"\r\n" + PHISHING + b"\r\n")
    assert (report.state, report.keywords) == ("bad", ("$Phishing", "$Junk"))


UNSCANNABLE = {
    "an encrypted archive": (FROM + multipart(TEXT, part(in_base64(in_zip(b"x", encrypted=True)))), "Encrypted.Zip"),
    "too many fields": (
        FROM + b"Content-Type: a/b\r\n" * 1100 + b"\r\n",
        "EmailHeaders",
    ),
    "too large": (FROM + b"\r\n" + b"x" * 75 * MIB, "size limit exceeded"),
    "too many parts": (FROM + multipart(*[b"\r\nx\r\n"] * 1100), "too many parts"),
}


@pytest.mark.parametrize("name", UNSCANNABLE)
def test_what_cannot_be_scanned_is_not_clean(clamd: ClamdServer, name: str) -> None:
    content, reason = UNSCANNABLE[name]
    unscannable, clean = scan(clamd, content, FROM + TEXT)
    assert unscannable.state == "unscannable"
    assert unscannable.refusal is not None
    assert reason in unscannable.refusal.text
    assert unscannable.findings[0].result == "unscannable"
    assert clean.state == "fine"


def test_malware_counts_more_than_what_cannot_be_scanned(clamd: ClamdServer) -> None:
    archive = part(in_base64(in_zip(b"x", encrypted=True)))
    assert [report.state for report in scan(clamd, FROM + multipart(archive, EICAR_PART))] == ["bad"]


# What is taken out


@pytest.mark.parametrize(
    "content",
    [
        FROM + multipart(TEXT, EICAR_PART),
        FROM + multipart(TEXT, EICAR_PART, part(in_base64(b"harmless")), part(in_base64(in_zip(EICAR)))),
        FROM + multipart(TEXT, b"Content-Type: message/rfc822\r\n\r\n" + NESTED),
        FROM + multipart(TEXT, part(in_base64(NESTED), media_type=b"message/rfc822")),
        FROM + multipart(TEXT, EICAR_PART, subtype=b"signed"),
        WRAPPINGS["uuencoded in a text part"],
        WRAPPINGS["base64"],
    ],
)
def test_without_the_infected_parts_the_message_is_clean(clamd: ClamdServer, content: bytes) -> None:
    (report,) = scan(clamd, content, action="strip")
    assert report.state == "bad"
    assert report.removals
    assert all(SIGNATURE in removal.note for removal in report.removals)
    rest = without_parts(content, report.removals)
    assert [left.state for left in scan(clamd, rest)] == ["fine"]
    assert (b"harmless" in content) <= (b"harmless" in rest)
    assert in_base64(b"harmless") in rest or in_base64(b"harmless") not in content


def test_parts_are_sought_only_for_who_wants_them_out(clamd: ClamdServer) -> None:
    infected, encrypted = FROM + multipart(TEXT, EICAR_PART), UNSCANNABLE["an encrypted archive"][0]
    assert scan(clamd, infected, unscannable="strip")[0].removals == ()
    assert [len(report.removals) for report in scan(clamd, encrypted, unscannable="strip")] == [1]
    assert [report.removals for report in scan(clamd, encrypted, action="strip")] == [()]


def test_what_is_in_no_part_is_not_taken_out(clamd: ClamdServer) -> None:
    preamble = multipart(TEXT).replace(b"\r\n\r\n", b"\r\n\r\n" + PHISHING + b"\r\n", 1)
    (report,) = scan(clamd, FROM + preamble, action="strip")
    assert (report.state, report.removals) == ("bad", ())


def test_malware_that_cannot_be_located_stays_malware() -> None:
    async def behave(_number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await take(reader)
        writer.write(b"1: stream: Test.Malware FOUND\0")
        await take(reader)

    async def examine_one() -> Report:
        async with FakeClamd(behave).listening() as check:
            return await check.examine(examined(MESSAGE, "strip"))

    report = asyncio.run(examine_one())
    assert (report.state, report.removals) == ("bad", ())


# Ordinary mail, whose pieces are not scanned one by one


def test_ordinary_mail_hides_nothing_from_clamd(clamd: ClamdServer) -> None:
    """The real clamd sees every part of what we take for ordinary, wherever it is in the tree."""
    dice = random.Random(5)
    contents = [ordinary(dice) for _ in range(150)]
    assert [list(hidden_pieces(content, parse(content)[0])) for content in contents] == [[]] * len(contents)
    assert {report.state for report in scan(clamd, *contents)} == {"bad"}


def ordinary(dice: random.Random) -> bytes:
    """A message with malware in one of its parts."""
    leaves = [leaf(dice, b"Words %d and more words -- or so.\r\n" % number) for number in range(dice.randint(1, 5))]
    leaves.insert(dice.randint(0, len(leaves)), leaf(dice, EICAR))
    trees = leaves
    for depth in range(dice.randint(1, 3)):
        boundary, subtype = b"----=_Part_%d" % depth, dice.choice([b"mixed", b"alternative", b"related", b"report"])
        around = dice.randint(0, len(trees))
        trees = [multipart(*trees[: around + 1], boundary=boundary + b"_", subtype=subtype), *trees[around + 1 :]]
    return FROM + (trees[0] if len(trees) == 1 else multipart(*trees, boundary=b"----=_Outer"))


def leaf(dice: random.Random, data: bytes) -> bytes:
    encodings = {
        b"base64": in_base64(data),
        b"7bit": data + b"\r\n",
        b"quoted-printable": data.replace(b"=", b"=3D").replace(b"A", b"=41") + b"\r\n",
    }
    encoding, body = dice.choice(list(encodings.items()))
    media_type = dice.choice(
        [b"text/plain", b"text/html; charset=utf-8", b"image/png", b"application/pdf; name=x.pdf"]
    )
    return part(body, encoding, media_type)


STROKES = [
    *[
        b"\r\n",
        b"\r\n\r\n",
        b" ",
        b";",
        b'"',
        b"--",
        b"-- \r\n",
        b"(",
        b")",
        b"\\",
        b"=",
        b"=3D",
        b"=\r\n",
        b"\t",
        b"\r\n ",
    ],
    *[b"Content-Type: text/plain\r\n", b"Content-Transfer-Encoding: base64\r\n", b"Content-Id: <x>\r\n", b"base64"],
    *[b"Content-Disposition: attachment; filename=x\r\n", b"; boundary=x", b"boundary=", b"filename=", b"X-Y: z\r\n"],
    *[b'Subject: "x\r\n', b"begin 644 x\r\n", b"=ybegin", b"From ", b"----=_Outer\r\n", b"----=_Part_0_", b"\xff"],
]
"""What is put into messages to make them misread."""


def misread(dice: random.Random) -> bytes:
    """An infected message with some damage."""
    content = ordinary(dice)
    for _ in range(dice.randint(1, 4)):
        place = dice.randrange(len(content))
        line = content.rfind(b"\n", 0, place) + 1
        following = content.find(b"\n", place) + 1 or len(content)
        content = dice.choice(
            [
                content[:place] + dice.choice(STROKES) + content[place:],
                content[:line] + dice.choice(STROKES) + content[line:],
                content[:place] + content[place + dice.randint(1, 4) :],
                content[:line] + content[following:],
                content[:line] + content[line:following] * 2 + content[following:],
            ]
        )
    return re.sub(rb"\r?\n|\r", b"\r\n", content)


def is_infected_for_python(content: bytes) -> bool:
    """Whether the email package, a reader that has nothing in common with ours, finds malware in it."""
    bodies = [part.get_payload(decode=True) for part in email.message_from_bytes(content).walk()]
    return any(isinstance(body, bytes) and body.rstrip() == EICAR for body in bodies)


def test_damage_hides_nothing_that_a_mail_client_would_show(clamd: ClamdServer) -> None:
    dice = random.Random(8)
    infected = [content for content in (misread(dice) for _ in range(600)) if is_infected_for_python(content)]
    assert len(infected) > 200
    reports = scan(clamd, *infected)
    assert [content for content, report in zip(infected, reports, strict=True) if report.state == "fine"] == []


# A clamd that misbehaves


class FakeClamd:
    """Listens where clamd would, and does with each connection what `behave` says.

    Attributes:
        connections: how many there have been.
    """

    def __init__(self, behave: Callable[[int, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> None:
        self._behave = behave
        self.connections = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Clamav]:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        check = clamav(TcpAddress("127.0.0.1", server.sockets[0].getsockname()[1]))
        try:
            yield check
        finally:
            check.close()
            server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._behave(self.connections, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def take(reader: asyncio.StreamReader) -> None:
    """Take one message."""
    await reader.readuntil(b"zINSTREAM\0")
    while size := int.from_bytes(await reader.readexactly(4)):
        await reader.readexactly(size)


MESSAGE = FROM + TEXT


def examine(
    behave: Callable[[int, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    messages: int = 1,
    seconds: float = 20,
) -> list[str]:
    """Give the states of messages scanned one after the other; "late" for one that was given up."""

    async def examine_all() -> list[str]:
        async with FakeClamd(behave).listening() as check:
            states: list[str] = []
            for _ in range(messages):
                try:
                    async with asyncio.timeout(seconds):
                        states.append((await check.examine(examined(MESSAGE))).state)
                except TimeoutError:
                    states.append("late")
            return states

    return asyncio.run(examine_all())


SAID = {
    b"1: stream: OK\0": "fine",
    b"1: stream: Test.Malware FOUND\0": "bad",
    b"1: stream: Heuristics.Limits.Exceeded.MaxScanTime FOUND\0": "unscannable",
    b"1: stream: Heuristics.Encrypted.PDF FOUND\0": "unscannable",
    b"1: INSTREAM size limit exceeded. ERROR\0": "unscannable",
    b"1: stream: CL_EMEM: Can't allocate memory ERROR\0": "failed",
    b"1: Error writing to temporary file ERROR\0": "failed",
    b"1: UNKNOWN COMMAND\0": "failed",
    b"COMMAND READ TIMED OUT\n": "failed",
    b"UNKNOWN COMMAND\0": "failed",
    b"": "failed",
    b"\0": "failed",
    b"1: stream: O": "failed",
    b"1: stream: OK": "failed",
    b"2: stream: OK\0": "failed",
    b"0: stream: OK\0": "failed",
    b"-1: stream: OK\0": "failed",
    b"99999999999999999999: stream: OK\0": "failed",
    b"1: stream: OK\0001: stream: Test.Malware FOUND\0": "failed",
    b"1: stream:  FOUND\0": "failed",
    b"1: stream: x OK\0": "failed",
    b"1: other: OK\0": "failed",
    b"1: OK\0": "failed",
    b"HTTP/1.1 400 Bad Request\r\n\r\n": "failed",
    b"\xff" * 100_000: "failed",
    b"1: stream: " + b"a" * 5000 + b" FOUND\0": "failed",
}


@pytest.mark.parametrize("said", SAID)
def test_only_what_clamd_calls_clean_is_clean(said: bytes) -> None:
    async def behave(_number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await take(reader)
        writer.write(said)
        await writer.drain()

    # A second reply that nobody asked for comes with the first one, so that neither is believed.
    assert examine(behave) == [SAID[said]]


def test_replies_come_octet_by_octet() -> None:
    async def behave(_number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for command in range(1, 4):
            await take(reader)
            for octet in b"%d: stream: Test.Malware FOUND\0" % command:
                writer.write(bytes([octet]))
                await writer.drain()
                await asyncio.sleep(0)

    assert examine(behave, messages=3) == ["bad"] * 3


def test_a_connection_is_kept_for_many_messages() -> None:
    seen = []

    async def behave(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(number)
        for command in range(1, 100):
            await take(reader)
            writer.write(b"%d: stream: OK\0" % command)

    assert examine(behave, messages=20) == ["fine"] * 20
    assert seen == [1]


def test_a_kept_connection_that_was_closed_is_replaced_once() -> None:
    async def behave(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await take(reader)
        writer.write(b"1: stream: OK\0")
        # The next message is taken, and the connection closed instead of an answer; so is every later one.
        await take(reader)
        assert number

    assert examine(behave, messages=5) == ["fine"] * 5


def test_a_fresh_connection_is_not_replaced() -> None:
    seen = []

    async def behave(number: int, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        seen.append(number)
        await take(reader)

    assert examine(behave) == ["failed"]
    assert seen == [1]


def test_a_reply_that_comes_too_late_is_nobody_elses() -> None:
    async def behave(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await take(reader)
        if number == 1:
            # It hangs, and calls the first message clean when the second is on its way.
            await reader.read()
            writer.write(b"1: stream: OK\0")
        else:
            writer.write(b"1: stream: Test.Malware FOUND\0")

    assert examine(behave, messages=2, seconds=0.5) == ["late", "bad"]


def test_an_idle_connection_that_speaks_is_not_used_again() -> None:
    idle = asyncio.Event()

    async def behave(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await take(reader)
        writer.write(b"1: stream: OK\0" if number == 1 else b"1: stream: Test.Malware FOUND\0")
        if number == 1:
            await idle.wait()
            writer.write(b"2: stream: OK\0")
        await reader.read()

    async def examine_two() -> list[State]:
        async with FakeClamd(behave).listening() as check:
            first = await check.examine(examined(MESSAGE))
            idle.set()
            while check._clamd._kept[0].is_open:
                await asyncio.sleep(0)
            return [first.state, (await check.examine(examined(MESSAGE))).state]

    assert asyncio.run(examine_two()) == ["fine", "bad"]


def test_no_more_connections_than_allowed() -> None:
    open_now, most = 0, 0

    async def behave(_number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        for command in range(1, 100):
            await take(reader)
            await asyncio.sleep(0)
            writer.write(b"%d: stream: OK\0" % command)

    async def examine_many() -> set[str]:
        async with FakeClamd(behave).listening() as check:
            reports = await asyncio.gather(*[check.examine(examined(MESSAGE)) for _ in range(20)])
            return {report.state for report in reports}

    assert asyncio.run(examine_many()) == {"fine"}
    assert most == 2


def test_a_clamd_that_hangs_is_given_up_and_comes_back(clamd: ClamdServer) -> None:
    async def examine_three() -> list[State | str]:
        check = clamav(clamd.address)
        states: list[State | str] = [(await check.examine(examined(MESSAGE))).state]
        clamd.freeze()
        for _ in range(3):
            try:
                async with asyncio.timeout(0.1):
                    states.append((await check.examine(examined(WRAPPINGS["base64"]))).state)
            except TimeoutError:
                states.append("late")
        clamd.thaw()
        states.append((await check.examine(examined(WRAPPINGS["base64"]))).state)
        check.close()
        return states

    assert asyncio.run(examine_three()) == ["fine", "late", "late", "late", "bad"]


def test_a_clamd_that_is_killed_and_started_again_is_used_at_once() -> None:
    server = ClamdServer()

    async def examine_three() -> list[State | str]:
        check = clamav(server.address)
        states: list[State | str] = [(await check.examine(examined(WRAPPINGS["base64"]))).state]
        server.kill()
        states.append((await check.examine(examined(WRAPPINGS["base64"]))).state)
        server.start()
        states.append((await check.examine(examined(WRAPPINGS["base64"]))).state)
        check.close()
        return states

    try:
        assert asyncio.run(examine_three()) == ["bad", "failed", "bad"]
    finally:
        server.close()


def test_a_clamd_that_is_killed_in_the_middle_calls_nothing_clean() -> None:
    async def behave(_number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(40)
        writer.transport.abort()

    assert examine(behave, messages=3) == ["failed"] * 3


def test_nobody_listens(tmp_path: Path) -> None:
    async def examine_one() -> str:
        return (await clamav(UnixAddress(tmp_path / "nobody")).examine(examined(MESSAGE))).state

    assert asyncio.run(examine_one()) == "failed"


@pytest.mark.parametrize(
    "failing", ["1: stream: CL_EREAD: Can't read ERROR", "2: stream: CL_EREAD: Can't read ERROR"]
)
def test_a_piece_that_fails_does_not_hide_malware_in_another(failing: str) -> None:
    async def behave(_number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await take(reader)
        await take(reader)
        other = 3 - int(failing[0])
        writer.write(failing.encode() + b"\0%d: stream: Test.Malware FOUND\0" % other)

    async def examine_one() -> State:
        async with FakeClamd(behave).listening() as check:
            return (await check.examine(examined(b"\r\nHello, Bob.\r\n"))).state

    assert asyncio.run(examine_one()) == "bad"


# What is wrong with clamd's configuration


def problems(address: Address, max_message_bytes: int = 25 * MIB, now: float = 0) -> list[str]:
    async def ask() -> list[str]:
        check = Clamav(ClamavSettings(address=address), max_message_bytes, get_log("test"), lambda: now)
        try:
            return await check.prepare()
        finally:
            check.close()

    return asyncio.run(ask())


def test_the_documented_configuration_fits(clamd: ClamdServer) -> None:
    assert problems(clamd.address) == []


def test_a_message_that_clamd_does_not_take_is_a_problem(clamd: ClamdServer) -> None:
    (problem,) = problems(clamd.address, 26 * MIB - len(PREFIX) + 1)
    assert "StreamMaxLength" in problem
    assert problems(clamd.address, 26 * MIB - len(PREFIX)) == []


@pytest.mark.parametrize(
    ("option", "named"),
    [("AlertExceedsMax", "AlertExceedsMax"), ("AlertEncrypted", "AlertEncrypted"), ("ScanMail", "ScanMail")],
)
def test_options_that_make_what_is_not_scanned_look_clean_are_problems(option: str, named: str) -> None:
    server = ClamdServer({option: "no"})
    try:
        (problem,) = problems(server.address)
    finally:
        server.close()
    assert named in problem


def test_a_clamd_that_is_away_is_no_problem_of_its_configuration(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "tempmaild.test"):
        assert problems(UnixAddress(tmp_path / "nobody")) == []
    assert [record.message for record in caplog.records] == ["clamd-away"]


@pytest.mark.parametrize(
    ("version", "days"),
    [
        ("ClamAV 1.4.6/27500/Sat Nov 15 09:26:32 2025", 0),
        ("ClamAV 1.4.6/27500/Sat Nov 15 09:26:31 2025", 1),
        ("ClamAV 1.4.6/27500/Fri Nov 21 09:26:31 2025", 0),
        ("ClamAV 1.4.6/27500/Thu Jan  1 00:00:00 1970", 20_408),
        ("ClamAV 1.4.6", None),
        ("ClamAV 1.4.6/27500/yesterday", None),
        ("ClamAV 1.4.6/27500/Sat Nov 35 09:26:31 2025", None),
        ("ClamAV 1.4.6/x/Sat Nov 15 09:26:31 2025", None),
        ("COMMAND UNAVAILABLE", None),
        ("", None),
    ],
)
def test_the_age_of_signatures(version: str, days: int | None) -> None:
    assert days_of_signatures(version, datetime(2025, 11, 16, 9, 26, 31, tzinfo=UTC).timestamp()) == days


@pytest.mark.parametrize(
    ("days", "warned"), [(6, []), (8, ["clamd-signatures-old"]), (-1, [])], ids=["young", "old", "from the future"]
)
def test_old_signatures_are_told_of(days: int, warned: list[str], caplog: pytest.LogCaptureFixture) -> None:
    check = clamav(TcpAddress("127.0.0.1", 1), now=lambda: 1763198791 + days * 86_400 + 100)
    with caplog.at_level(logging.WARNING, "tempmaild.test"):
        check._tell_version("ClamAV 1.4.6/27500/Sat Nov 15 09:26:31 2025")
    assert [record.message for record in caplog.records] == warned


# Whatever clamd says


@given(
    st.text()
    | st.sampled_from([" OK", "FOUND", "stream: ", "ERROR"]).flatmap(lambda word: st.text().map(lambda t: t + word))
)
@settings(max_examples=300)
def test_an_outcome_of_any_reply(reply: str) -> None:
    result = outcome(reply)
    assert (result.state == "fine") == (reply in {"stream: OK", "stream: OK\n"})
    assert result.name.isascii()
    assert len(result.name) <= 100


@given(st.lists(st.sampled_from(list(SAID)) | st.binary(max_size=40), max_size=4), st.integers(1, 7))
@settings(max_examples=60)
def test_a_connection_takes_anything(said: list[bytes], cut: int) -> None:
    """Whatever is said, in whatever pieces: the message is clean only if clamd has said so, of this message."""
    octets = b"".join(said)

    async def behave(_number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await take(reader)
        for start in range(0, min(len(octets), 400), cut):
            writer.write(octets[start : start + cut])
            await writer.drain()

    states = examine(behave)
    assert states[0] in {"fine", "bad", "unscannable", "failed"}
    assert states[0] != "fine" or octets.startswith(b"1: stream: OK\0")


def test_outcomes_are_told_in_ascii() -> None:
    assert outcome("stream: Mal\u202eware FOUND") == Outcome("bad", "Mal?ware")
    assert issubclass(ClamdFailed, Exception)
