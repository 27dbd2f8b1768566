"""What is stored of a message: made from any octets, and read back as it was."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tempmaild.core.envelope import Address
from tempmaild.core.lines import with_crlf
from tempmaild.core.mime import MAX_FIELD_SIZE, MAX_HEADER_SIZE, parse
from tempmaild.core.summary import Kept, Summary, decode, encode, keep, keep_traced, summarise
from tempmaild.core.verdict import Finding
from tests.needs import messages_of_python

from .messages import NAMES, check_offsets, load, message, mutations

TRACE = (
    b"Return-Path: <a@example.org>\r\n"
    b"Authentication-Results: mx.box.test;\r\n\tspf=pass smtp.mailfrom=example.org\r\n"
    b"Received-SPF: pass (mx.box.test)\r\n"
    b"X-Spam-Score: 1.5\r\n"
    b"Received: from mail.example.org ([192.0.2.1])\r\n\tby mx.box.test;\r\n\tSun, 22 Nov 2026 03:30:28 +0000\r\n"
)
FINDINGS = (Finding("spf", "pass"),)


def check(raw: bytes) -> Summary:
    summary = summarise(raw)
    check_offsets(raw, summary.structure)
    assert len(summary.preview) <= 200
    assert decode(encode(summary)) == summary
    check_traced(with_crlf(raw))
    return summary


def check_traced(raw: bytes) -> None:
    """What holds for messages as they are stored."""
    traced = summarise(TRACE + raw, FINDINGS)
    assert keep(TRACE + raw, FINDINGS) == Kept(encode(traced), traced.attachments)
    assert keep_traced(TRACE + raw, encode(summarise(raw, FINDINGS))) == keep(TRACE + raw, FINDINGS)


def test_summary() -> None:
    summary = check(load("alternative-related-attachment"))
    assert summary.envelope.subject == b"30 plaintext + (HTML + embedded image) + attachment"
    assert summary.envelope.to == (Address(None, None, b"test", b"example.com"),)
    assert summary.preview == "Search for hähä"
    assert summary.attachments


MIXED = (b"Content-Type: multipart/mixed; boundary=b", b"", b"--b")


@pytest.mark.parametrize(
    ("fields", "attachments"),
    [
        ([], False),
        ([b"Content-Type: text/html"], False),
        ([b"Content-Type: text/plain; name=notes.txt"], True),
        ([b"Content-Disposition: inline"], False),
        ([b"Content-Disposition: attachment"], True),
        ([b"Content-Type: application/pdf"], True),
        ([b"Content-Type: image/png"], True),
        ([b"Content-Type: image/png", b"Content-ID: <1@x>"], False),
        ([b"Content-Type: image/png", b"Content-ID: <1@x>", b"Content-Disposition: attachment"], True),
        ([b"Content-Type: message/rfc822"], True),
        ([b"Content-Type: application/pgp-signature"], False),
        ([b"Content-Type: application/pkcs7-signature; name=smime.p7s"], False),
    ],
)
def test_attachments(fields: list[bytes], attachments: bool) -> None:
    assert check(message(*MIXED, *fields, b"", b"x", b"--b--")).attachments is attachments
    assert check(message(*fields, b"", b"x")).attachments is attachments


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n",
        b"\r\n\r\nText\r\n",
        b"\n--b\r\n",
        b"--b\r\n\r\nText",
        b" folded\r\n\tSubject: text\r\nSubject: hello\r\n\r\nText\r\n",
        b" \r\n\r\nText\r\n",
        b"\r\r\nSubject: hello\r\n\r\nText\r\n",
        b": no name\r\nSubject: hello\r\n\r\nText\r\n",
        b"Subject: hello",
        b"References: <1@x>\r\n <2@x>\r\n\r\n",
        b" <0@x>\r\nReferences: <1@x>\r\n\r\n",
        b"From joe@example.org Sun Nov 22 03:30:28 2026\r\nReferences: <1@x>\r\nSubject: hello\r\n\r\nText\r\n",
        b"Return-Path: <>\r\nReceived: from x\r\nSubject: hello\r\n\r\nText\r\n",
        message(b"Content-Type: multipart/mixed; boundary=b"),
        message(b"Content-Type: multipart/mixed; boundary=b", b"--b", b"--b--"),
        message(b"Content-Type: multipart/mixed; boundary=b", b"", b"--b", b"", b"Text", b"--c--"),
        message(b" ", b"Content-Type: message/rfc822", b"", b"", b"Text"),
        b"Content-Type: message/rfc822\r\n\r\n" * 200,
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * 12_000,
        # Around the limits, which our fields may have it exceed.
        *(b" " + b"x" * (MAX_FIELD_SIZE + more) + b"\r\nSubject: x\r\n\r\nText" for more in (-600, -50, 0)),
        *(b"a: " + b"x" * (MAX_FIELD_SIZE + more) + b"\r\nSubject: x\r\n\r\nText" for more in (-600, -50, 0)),
        *(b"a: b\r\n" * ((MAX_HEADER_SIZE + more) // 6) + b"Subject: x\r\n\r\nText" for more in (-600, -50, 0)),
        b"Content-Type: message/rfc822\r\n\r\n" + b"a: b\r\n" * (MAX_HEADER_SIZE // 6 - 10) + b"\r\nText",
    ],
)
def test_of_what_has_got_trace_fields(raw: bytes) -> None:
    check(raw)


def test_is_made_of_what_is_parsed_already() -> None:
    raw = load("digest")
    assert summarise(raw, FINDINGS, parse(raw)) == summarise(raw, FINDINGS)


def test_later_fields_do_not_make_stored_summaries_unreadable() -> None:
    class Later(Summary, frozen=True, array_like=True):
        codes: tuple[str, ...] = ()

    summary = summarise(load("digest"))
    assert msgspec.msgpack.decode(encode(summary), type=Later).structure == summary.structure
    later = Later(**msgspec.structs.asdict(summary), codes=("123456",))
    assert decode(msgspec.msgpack.encode(later)) == summary


def test_summaries_of_earlier_versions_are_readable() -> None:
    summary = summarise(b"References: <1@x>\r\n\r\n", (Finding("spf", "pass"),))
    assert (summary.references, summary.findings) == ((b"1@x",), (Finding("spf", "pass"),))
    fields = msgspec.structs.astuple(summary)
    without_findings = replace(summary, findings=())
    assert decode(msgspec.msgpack.encode(fields[:-1])) == without_findings
    assert decode(msgspec.msgpack.encode(fields[:-2])) == replace(without_findings, references=None)


@pytest.mark.parametrize("data", [b"", b"\x90", b"not a summary"])
def test_decoding_what_is_no_summary(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(data)


@given(st.binary())
def test_any_octets(raw: bytes) -> None:
    check(raw)


WORDS = [
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b" ",
        b"\t",
        b":",
        b";",
        b"=",
        b'"',
        b"(",
        b")",
        b"<",
        b">",
        b"@",
        b",",
        b"\\",
        b"\xff",
    ),
    *(b"From:", b"Subject:", b"Content-Type:", b"text/html", b"multipart/mixed", b"message/rfc822", b"boundary=b"),
    *(
        b"Content-Transfer-Encoding: base64",
        b"charset=",
        b"utf-16",
        b"utf-7",
        b"\r\n\r\n",
        b"\r\n--b",
        b"--",
        b"=?utf-8?q?",
    ),
    *(b"Content-Disposition:", b"filename*0*=", b"<p>", b"&#", b"word"),
]


@given(st.lists(st.sampled_from(WORDS)))
def test_any_words_of_mail(words: list[bytes]) -> None:
    check(b"".join(words))


@pytest.mark.parametrize("name", NAMES)
def test_mutations(name: str) -> None:
    for raw in mutations(load(name), 10):
        check(raw)


def test_messages_of_python() -> None:
    for path in messages_of_python():
        check(path.read_bytes())


@pytest.mark.parametrize(
    "raw",
    [
        b"Content-Type: text/plain" + b";" * 20_000,
        b"To: " + b"(" * 1_000_000,
        b"To: " + b"()" * 100_000,
        b"Subject: " + b"=?" * 100_000,
        b"Subject:" + b"\r\n x" * 50_000,
        b"Subject: " + b"x" * 1024 * 1024,
        b"Content-Type: text/html\r\n\r\n" + b"<style>" * 100_000,
        b"\0" * 1_000_000,
        b"\r\n" * 1_000_000,
        b"\r" * 1_000_000,
        b":" * 1_000_000,
    ],
)
def test_hostile_messages(raw: bytes) -> None:
    check(raw)
