"""The check of attachments: what is not wanted, what cannot be looked into, and what is said about it."""

from __future__ import annotations

import asyncio
import base64
import binascii
import bz2
import gzip
import io
import lzma
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.checks.attachments import Attachments
from tempmaild.checks.mail import Examined, Mail
from tempmaild.core.checking import AttachmentsRule, Checking
from tempmaild.core.mime import MAX_FIELD_SIZE, MAX_PARTS, parse
from tempmaild.core.removal import without_parts
from tempmaild.settings import Settings
from tests.checks.test_archives import tnef_of
from tests.core.messages import NAMES, load, message, mutations, walk

if TYPE_CHECKING:
    from tempmaild.core.verdict import Report

RULE = AttachmentsRule(extensions=Settings().attachments.extensions, types=Settings().attachments.types)
PROGRAM = b"MZ\x90\0\x03\0\0\0" + bytes(60)


def examine(content: bytes, rule: AttachmentsRule = RULE) -> Report:
    mail = Mail(
        content, "192.0.2.1", "client.example", "a@example.org", ("b@box.test",), False, Checking(attachments=rule)
    )
    return asyncio.run(Attachments().examine(Examined(mail, {})))


def part(data: bytes, *fields: bytes) -> bytes:
    return message(*fields, b"Content-Transfer-Encoding: base64", b"", *base64.encodebytes(data).split(b"\n"))


def named(name: bytes, data: bytes = b"data") -> bytes:
    return part(data, b"Content-Type: application/octet-stream", b"Content-Disposition: attachment; filename=" + name)


def mixed(*parts: bytes) -> bytes:
    lines = [line for text in parts for line in (b"--b", text)]
    return message(b"Subject: x", b"Content-Type: multipart/mixed; boundary=b", b"", *lines, b"--b--", b"")


def zipped(**files: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in files.items():
            archive.writestr(name.replace("_", "."), data)
    return file.getvalue()


def winmail(data: bytes, subtype: bytes = b"ms-tnef") -> bytes:
    return part(
        data, b"Content-Type: application/" + subtype, b"Content-Disposition: attachment; filename=winmail.dat"
    )


def embedded(content: bytes, encoding: bytes = b"7bit", subtype: bytes = b"rfc822") -> bytes:
    return message(b"Content-Type: message/" + subtype, b"Content-Transfer-Encoding: " + encoding, b"", content)


def typed(*types: bytes, encoding: bytes = b"7bit") -> bytes:
    """A message of several types, which is a multipart with the boundary "b" to some."""
    fields = [b"Content-Type: " + value for value in types]
    body = [b"--b", b"\r\ntext", b"--b", named(b"a.exe"), b"--b--", b""]
    return message(*fields, b"Content-Transfer-Encoding: " + encoding, b"", *body)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (mixed(named(b"a.exe")), ".exe"),
        (mixed(named(b"=?utf-8?B?YS5leGU=?=")), ".exe"),
        (mixed(named(b"a.txt; filename=b.scr")), ".scr"),
        (mixed(part(b"x", b"Content-Type: text/plain; name=a.vbs")), ".vbs"),
        (message(b"Content-Disposition: attachment; filename=a.js", b"", b"text", b""), ".js"),
        # by content
        (mixed(named(b"a.txt", PROGRAM)), "application/x-msdownload"),
        (mixed(part(PROGRAM, b"Content-Type: image/png")), "application/x-msdownload"),
        (part(PROGRAM, b"Subject: a program and nothing else"), "application/x-msdownload"),
        (mixed(named(b"a.bin", bytes(200_000) + b"conectix" + bytes(504))), "application/x-vhd"),
        (mixed(part(b"<hta>", b"Content-Type: application/hta")), "application/hta"),
        # in archives
        (mixed(named(b"a.zip", zipped(a_txt=b"", b_exe=b""))), ".exe"),
        (mixed(named(b"a.dat", zipped(a_txt=b"", b_exe=b""))), ".exe"),
        (mixed(named(b"a.gz", gzip.compress(PROGRAM, mtime=0))), "application/x-msdownload"),
        (mixed(named(b"a.bz2", bz2.compress(PROGRAM))), "application/x-msdownload"),
        (mixed(named(b"a.xz", lzma.compress(PROGRAM))), "application/x-msdownload"),
        (mixed(named(b"a.exe.gz", gzip.compress(b"text", mtime=0))), ".exe"),
        (mixed(named(b"a.zip", b"GIF89a" + zipped(b_exe=b""))), ".exe"),
        # in texts
        (message(b"Subject: x", b"", b"text", b"begin 644 a.exe", b"#0V%T", b"`", b"end", b""), ".exe"),
        (message(b"Content-Transfer-Encoding: x-uuencode", b"", b"begin-base64 644 a.exe", b""), ".exe"),
        # in messages
        (mixed(embedded(mixed(named(b"a.exe")))), ".exe"),
        (mixed(embedded(base64.encodebytes(mixed(named(b"a.exe"))), b"base64")), ".exe"),
        (mixed(embedded(binascii.b2a_qp(mixed(named(b"a.exe"))), b"quoted-printable", b"global")), ".exe"),
        (mixed(message(b"Content-Type: message/rfc822; name=a.exe", b"", b"Subject: x", b"", b"")), ".exe"),
        (
            mixed(
                message(
                    b"Content-Type: multipart/mixed; boundary=c",
                    b"Content-Transfer-Encoding: base64",
                    b"",
                    base64.encodebytes(message(b"--c", named(b"a.exe"), b"--c--", b"")),
                )
            ),
            ".exe",
        ),
        # in parts that only some programs find
        (typed(b"text/plain", b"multipart/mixed; boundary=b"), ".exe"),
        (typed(b"multipart/mixed; boundary=b", b"text/plain"), ".exe"),
        (typed(b"multipart/mixed; boundary=a", b"multipart/mixed; boundary=b"), ".exe"),
        (typed(b"multipart/mixed; boundary=a; boundary=b"), ".exe"),
        (typed(b"multipart/mixed; boundary=b; boundary*=us-ascii''a"), ".exe"),
        (typed(b"multipart/mixed; boundary=a; boundary*0=b"), ".exe"),
        (typed(b'multipart/mixed; boundary="=?us-ascii?Q?b?="'), ".exe"),
        (typed(b"multipart/mixed (; boundary=b"), ".exe"),
        (typed(b"multipart; boundary=b"), ".exe"),
        (typed(b"multipart/; boundary=b"), ".exe"),
        (typed(b"multipart; boundary=b", encoding=b"base64"), ".exe"),
        (embedded(mixed(named(b"a.exe")), subtype=b"news"), ".exe"),
        (embedded(base64.encodebytes(mixed(named(b"a.exe"))), b"base64", b"x-unknown"), ".exe"),
        (mixed(message(b"Content-Type:", b"", mixed(named(b"a.exe")))), ".exe"),
        (mixed(winmail(tnef_of("a.exe"))), ".exe"),
        (mixed(winmail(tnef_of("a.txt", content=PROGRAM), b"vnd.ms-tnef")), "application/x-msdownload"),
        (mixed(named(b"a.txt", tnef_of("a.zip", content=zipped(b_exe=b"")))), ".exe"),
    ],
)
def test_what_is_not_wanted(content: bytes, kind: str) -> None:
    report = examine(content)
    assert report.state == "bad"
    (finding,) = report.findings
    assert (finding.method, finding.result, finding.properties) == ("x-attachments", "fail", (("policy.type", kind),))
    assert report.refusal is not None
    assert report.refusal.status == "5.7.1"
    assert report.refusal.text == f"Attachments of the type {kind} are not accepted here"
    changed = without_parts(content, report.removals)
    assert examine(changed).state == "fine"
    assert f"Reason: {report.refusal.text}.".encode() in changed


@pytest.mark.parametrize(
    ("content", "result"),
    [
        (message(b"Subject: x", b"", b"text", b""), "none"),
        (message(b"Subject: begin", b"", b"begin with a.exe", b"begin 12 a.exe", b"beginning", b""), "none"),
        (b"", "none"),
        (mixed(b"\r\ntext", message(b"Content-Type: text/html", b"", b"<p>")), "none"),
        (mixed(named(b"a.pdf", b"%PDF-1.7")), "pass"),
        (mixed(named(b"exe")), "pass"),
        (mixed(named(b"a.exe.txt")), "pass"),
        (mixed(named(b"a.zip", zipped(a_txt=b"", b_zip=zipped(c_exe=b"")))), "pass"),
        (mixed(named(b"a.docx", zipped(word_xml=b""))), "pass"),
        (mixed(named(b"a.gz", gzip.compress(b"text", mtime=0))), "pass"),
        (mixed(named(b"a.zip", b"")), "pass"),
        (mixed(winmail(tnef_of("a.txt", "b.docx"))), "pass"),
        (message(b"Content-Type: text/html", b"Content-Type: text/plain; x=boundary", b"", b"text", b""), "none"),
        (mixed(message(b"Content-Description: sent by example.com", b"", b"text")), "none"),
    ],
)
def test_what_is_fine(content: bytes, result: str) -> None:
    report = examine(content)
    assert report.state == "fine"
    assert [finding.result for finding in report.findings] == [result]
    assert not report.removals


ENCRYPTED = zipped(a_txt=b"x").replace(b"PK\x03\x04\x14\0\0", b"PK\x03\x04\x14\0\x01")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (mixed(named(b"a.zip", ENCRYPTED)), "an archive cannot be listed: it is encrypted"),
        (mixed(named(b"a.zip", b"broken")), "an archive cannot be listed: its format is not known here"),
        (mixed(named(b"a.zip", zipped(a_txt=b"x")[:-1])), "an archive cannot be listed: it has no end"),
        (mixed(named(b"a.arj", b"\x60\xea")), "an archive cannot be listed: its format is not known here"),
        (mixed(named(b"a.cpio", b"070701")), "an archive cannot be listed: its format is not known here"),
        (
            mixed(named(b"a.tar.lz4", b"\x04\x22\x4d\x18")),
            "an archive cannot be listed: its format is not known here",
        ),
        (mixed(winmail(b"broken")), "an archive cannot be listed: its format is not known here"),
        (mixed(winmail(b"broken", b"vnd.ms-tnef")), "an archive cannot be listed: its format is not known here"),
        (mixed(winmail(tnef_of("a.txt")[:-1])), "an archive cannot be listed: it ends too early"),
        (mixed(named(b"a.txt; filename=b.txt" * 200)), "a part has too many names"),
        (typed(*[b"multipart/mixed; boundary=c"] * 9), "a part has too many types"),
        (typed(b"multipart/mixed" + b"".join(b"; boundary=%d" % n for n in range(20))), "a part has too many types"),
        (
            mixed(message(b"Content-Type: message/partial; id=x; number=1", b"", b"x")),
            "a part is a piece of another message",
        ),
        (message(b"Subject: x", b"", *[b"begin 644 a.txt"] * 1001), "a text has too many files in it"),
        (mixed(*[b"\r\n"] * (MAX_PARTS + 1)), "the message has too many parts, or too long a header"),
        (
            message(b"X: " + b"x" * MAX_FIELD_SIZE, b"Content-Transfer-Encoding: base64", b"", b"TVqQ"),
            "the message has too many parts, or too long a header",
        ),
        (
            message(b"Content-Type: multipart/mixed", b"Content-Type: multipart/mixed; boundary=b", b"", b"--b"),
            "the message has too many parts, or too long a header",
        ),
    ],
)
def test_what_cannot_be_looked_into(content: bytes, reason: str) -> None:
    report = examine(content)
    assert report.state == "unscannable"
    assert [(finding.result, finding.reason) for finding in report.findings] == [("unscannable", reason)]
    assert report.refusal is not None
    assert report.refusal.text.startswith("Attachments that are encrypted or cannot be read")
    changed = without_parts(content, report.removals)
    assert examine(changed).state == "fine"


def test_messages_encoded_within_each_other() -> None:
    content = mixed(named(b"a.exe"))
    for _ in range(4):
        content = embedded(base64.encodebytes(content), b"base64")
    assert examine(content).state == "bad"
    assert examine(embedded(base64.encodebytes(content), b"base64")).state == "unscannable"
    # Each of these is looked into encoded and not, and so are those within it.
    content = mixed(named(b"a.txt", bytes(200_000)))
    for _ in range(40):
        content = embedded(content, b"quoted-printable")
    assert examine(content).state == "unscannable"


BOTH = mixed(named(b"a.exe"), named(b"b.zip", ENCRYPTED), named(b"c.txt"))


def test_of_two_things_the_one_with_the_sterner_action_counts() -> None:
    report = examine(BOTH, AttachmentsRule(action="strip", extensions=("exe",), encrypted="mark"))
    assert (report.state, len(report.removals)) == ("bad", 1)
    report = examine(BOTH, AttachmentsRule(action="strip", extensions=("exe",), encrypted="strip"))
    assert (report.state, len(report.removals)) == ("bad", 2)
    report = examine(BOTH, AttachmentsRule(action="mark", extensions=("exe",), encrypted="strip"))
    assert (report.state, len(report.removals)) == ("unscannable", 1)
    report = examine(BOTH, AttachmentsRule(action="strip", extensions=("exe",), encrypted="refuse"))
    assert report.state == "unscannable"


def test_an_archive_that_is_both_is_not_wanted() -> None:
    data = zipped(a_exe=b"x").replace(b"PK\x03\x04\x14\0\0", b"PK\x03\x04\x14\0\x01")
    assert examine(mixed(named(b"a.zip", data))).state == "bad"


def test_the_rule_of_the_domain_counts() -> None:
    assert examine(mixed(named(b"a.exe")), AttachmentsRule()).state == "fine"
    assert examine(mixed(named(b"a.PDF")), AttachmentsRule(extensions=("pdf",))).state == "bad"
    assert (
        examine(mixed(part(b"x", b"Content-Type: image/png")), AttachmentsRule(types=("image/png",))).state == "bad"
    )
    report = examine(mixed(named("a.été".encode())), AttachmentsRule(extensions=("été",)))
    assert report.refusal is not None
    assert report.refusal.text.isascii()


def test_only_what_is_not_wanted_is_taken_out() -> None:
    changed = without_parts(BOTH, examine(BOTH, RULE).removals)
    kept = named(b"b.zip", ENCRYPTED), named(b"c.txt")
    assert all(text in changed for text in kept)
    assert named(b"a.exe") not in changed


def test_a_part_within_an_encoded_message_is_taken_out_with_it() -> None:
    content = mixed(embedded(base64.encodebytes(mixed(named(b"a.exe"))), b"base64"), b"\r\ntext")
    (removal,) = examine(content).removals
    outer = parse(content)[0].children[0]
    assert (removal.start, removal.end) == (outer.header, outer.end)


def test_others_get_their_turn() -> None:
    """Neither many parts nor a large one, nor an archive, hold up everything else until they are done."""

    async def turns(content: bytes) -> int:
        count = 0

        async def count_turns() -> None:
            nonlocal count
            while True:
                count += 1
                await asyncio.sleep(0)

        mail = Mail(content, "", "", "", (), False, Checking(attachments=RULE))
        counting = asyncio.create_task(count_turns())
        await Attachments().examine(Examined(mail, {}))
        counting.cancel()
        return count

    assert asyncio.run(turns(mixed(*[b"\r\n"] * 1000))) >= 30
    assert asyncio.run(turns(mixed(named(b"a.bin", bytes(2**20))))) > 1
    assert asyncio.run(turns(mixed(named(b"a.zip", zipped(a_txt=b"x"))))) > 1


@pytest.mark.parametrize("name", NAMES)
def test_ordinary_messages_are_fine(name: str) -> None:
    assert examine(load(name)).state == "fine"


@pytest.mark.parametrize("name", NAMES)
def test_broken_messages_have_a_result(name: str) -> None:
    for raw in mutations(load(name), 3):
        report = examine(raw)
        if report.removals:
            without_parts(raw, report.removals)


@given(st.data())
def test_a_program_is_found_wherever_a_message_has_parts(data: st.DataObject) -> None:
    raw = load(data.draw(st.sampled_from(NAMES)))
    root, _ = parse(raw)
    leaves = [leaf for leaf in walk(root) if not leaf.children and leaf.header < leaf.body]
    leaf = data.draw(st.sampled_from(leaves or [root]))
    if leaf is root:
        return
    changed = raw[: leaf.header] + named(b"a.exe", PROGRAM) + raw[leaf.end :]
    assert examine(changed).state == "bad"
