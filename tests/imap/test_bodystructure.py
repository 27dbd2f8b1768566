"""How envelopes and body structures are written (RFC 3501 §7.4.2)."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.envelope import Address, Envelope
from tempmaild.core.mime import Part
from tempmaild.core.summary import summarise
from tempmaild.imap.bodystructure import write_body, write_envelope
from tempmaild.imap.strings import astring, nstring, string
from tests.imap.messages import SAMPLES, Value, crlf, read_value

if TYPE_CHECKING:
    from pathlib import Path

# -- strings


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (b"", b'""'),
        (b"plain text", b'"plain text"'),
        (b'say "a\\b"', b'"say \\"a\\\\b\\""'),
        (b"caf\xc3\xa9", b"{5}\r\ncaf\xc3\xa9"),
        (b"a\r\nb", b"{4}\r\na\r\nb"),
        (b"tab\there", b"{8}\r\ntab\there"),
        (b"delete\x7f", b"{7}\r\ndelete\x7f"),
        (b"nul\0", b"{4}\r\nnul\x80"),
    ],
)
def test_string(text: bytes, written: bytes) -> None:
    assert string(text) == written
    assert nstring(text) == written


def test_nil() -> None:
    assert nstring(None) == b"NIL"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (b"Date", b"Date"),
        (b"", b'""'),
        (b"a b", b'"a b"'),
        (b"a*", b'"a*"'),
        (b"a]", b"a]"),
        (b'"', b'"\\""'),
        (b"\xff", b"{1}\r\n\xff"),
    ],
)
def test_astring(text: bytes, written: bytes) -> None:
    assert astring(text) == written


@given(st.binary())
def test_any_string_can_be_read(text: bytes) -> None:
    assert bytes(read_value(string(text))) == text.replace(b"\0", b"\x80")


# -- ENVELOPE

GRAY = Address(b"Terry Gray", None, b"gray", b"cac.washington.edu")


def test_the_envelope_of_rfc_3501_section_8() -> None:
    envelope = Envelope(
        date=b"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)",
        subject=b"IMAP4rev1 WG mtg summary and minutes",
        from_=(GRAY,),
        sender=(GRAY,),
        reply_to=(GRAY,),
        to=(Address(None, None, b"imap", b"cac.washington.edu"),),
        cc=(
            Address(None, None, b"minutes", b"CNRI.Reston.VA.US"),
            Address(b"John Klensin", None, b"KLENSIN", b"MIT.EDU"),
        ),
        message_id=b"<B27397-0100000@cac.washington.edu>",
    )
    assert write_envelope(envelope) == (
        b'("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev1 WG mtg summary and minutes" '
        b'(("Terry Gray" NIL "gray" "cac.washington.edu")) '
        b'(("Terry Gray" NIL "gray" "cac.washington.edu")) '
        b'(("Terry Gray" NIL "gray" "cac.washington.edu")) '
        b'((NIL NIL "imap" "cac.washington.edu")) '
        b'((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU")) '
        b'NIL NIL "<B27397-0100000@cac.washington.edu>")'
    )


def test_an_envelope_of_nothing() -> None:
    assert write_envelope(Envelope()) == b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"


def test_each_field_has_its_place() -> None:
    from_, sender, reply_to, to, cc, bcc = [(Address(None, None, b"%d" % place, b"x"),) for place in range(2, 8)]
    envelope = Envelope(b"0", b"1", from_, sender, reply_to, to, cc, bcc, b"8", b"9")
    fields = read_value(write_envelope(envelope))
    assert [field if isinstance(field, bytes) else field[0][2] for field in fields] == [b"%d" % i for i in range(10)]


def test_a_group_with_and_one_without_members() -> None:
    envelope = summarise(crlf("From: a@x\nTo: Team: a@x, Bo <b@x>;, Undisclosed:;\n\n")).envelope
    assert read_value(write_envelope(envelope))[5] == [
        [b"NIL", b"NIL", b"Team", b"NIL"],
        [b"NIL", b"NIL", b"a", b"x"],
        [b"Bo", b"NIL", b"b", b"x"],
        [b"NIL", b"NIL", b"NIL", b"NIL"],
        [b"NIL", b"NIL", b"Undisclosed", b"NIL"],
        [b"NIL", b"NIL", b"NIL", b"NIL"],
    ]


def test_octets_above_127_are_sent_as_they_came() -> None:
    envelope = summarise(b"Subject: caf\xe9\r\nFrom: J\xc3\xb6rg <j@x>\r\n\r\n").envelope
    fields = read_value(write_envelope(envelope))
    assert fields[1] == bytearray(b"caf\xe9")
    assert fields[2] == [[bytearray(b"J\xc3\xb6rg"), b"NIL", b"j", b"x"]]


# -- BODY and BODYSTRUCTURE

TEXT = Part(0, 0, 1152, 23, b"text", b"plain", ((b"CHARSET", b"US-ASCII"),), encoding=b"7BIT")
DIFF = Part(
    1152,
    1200,
    1200 + 4554,
    73,
    b"text",
    b"plain",
    ((b"CHARSET", b"US-ASCII"), (b"NAME", b"cc.diff")),
    content_id=b"<960723163407.20117h@cac.washington.edu>",
    description=b"Compiler diff",
    encoding=b"BASE64",
)


def test_the_bodies_of_rfc_3501_section_7_4_2() -> None:
    multipart = Part(0, 0, 6000, 0, b"multipart", b"mixed", children=(TEXT, DIFF))
    # The names of media types are the same in any case; ours are in lower case.
    assert write_body(multipart, extended=False) == (
        b'(("text" "plain" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 1152 23)'
        b'("text" "plain" ("CHARSET" "US-ASCII" "NAME" "cc.diff") '
        b'"<960723163407.20117h@cac.washington.edu>" "Compiler diff" "BASE64" 4554 73) "mixed")'
    )


STRUCTURES = {
    "a message without any header": (
        "\nHello\n",
        b'("text" "plain" NIL NIL NIL "7bit" 7 1)',
        b" NIL NIL NIL NIL",
    ),
    "an empty message": ("", b'("text" "plain" NIL NIL NIL "7bit" 0 0)', b" NIL NIL NIL NIL"),
    "every extension": (
        """\
Content-Type: image/png; name=x.png
Content-MD5: Q2hlY2s=
Content-Language: de, en
Content-Location: http://x/y
Content-Disposition: attachment; filename="a \\"b\\".png"; size=3

abc""",
        b'("image" "png" ("name" "x.png") NIL NIL "7bit" 3)',
        b' "Q2hlY2s=" ("attachment" ("filename" "a \\"b\\".png" "size" "3")) ("de" "en") "http://x/y"',
    ),
    "a disposition without parameters": (
        "Content-Type: application/pdf\nContent-Disposition: inline\n\nabc",
        b'("application" "pdf" NIL NIL NIL "7bit" 3)',
        b' NIL ("inline" NIL) NIL NIL',
    ),
    "a multipart without parts": (
        "Content-Type: multipart/mixed; boundary=b\n\nnothing here\n",
        b'(("text" "plain" NIL NIL NIL "7bit" 0 0) "mixed")',
        b' ("boundary" "b") NIL NIL NIL',
    ),
    "a multipart without boundary is text": (
        "Content-Type: multipart/mixed\n\nnothing here\n",
        b'("text" "plain" NIL NIL NIL "7bit" 14 1)',
        b" NIL NIL NIL NIL",
    ),
}


@pytest.mark.parametrize(("content", "body", "extension"), STRUCTURES.values(), ids=STRUCTURES.keys())
def test_structures(content: str, body: bytes, extension: bytes) -> None:
    root = summarise(crlf(content)).structure
    assert write_body(root, extended=False) == body
    without_children = write_body(root, extended=True).replace(
        b'"7bit" 0 0 NIL NIL NIL NIL) "mixed"', b'"7bit" 0 0) "mixed"'
    )
    assert without_children == body[:-1] + extension + b")"


def test_an_embedded_message_has_envelope_body_and_lines() -> None:
    root = summarise(
        crlf(
            "Content-Type: multipart/mixed; boundary=b\nContent-Language: en\n\n"
            "--b\nContent-Type: message/rfc822\n\n"
            "Subject: in it\nFrom: a@x\nContent-Type: text/html\n\n<p>\n</p>\n--b--\n"
        )
    ).structure
    embedded = len(b"Subject: in it\r\nFrom: a@x\r\nContent-Type: text/html\r\n\r\n<p>\r\n</p>")
    assert read_value(write_body(root, extended=True)) == [
        [
            *[b"message", b"rfc822", b"NIL", b"NIL", b"NIL", b"7bit", b"%d" % embedded],
            [b"NIL", b"in it", *[[[b"NIL", b"NIL", b"a", b"x"]]] * 3, *[b"NIL"] * 5],
            [b"text", b"html", b"NIL", b"NIL", b"NIL", b"7bit", b"9", b"1", *[b"NIL"] * 4],
            b"5",
            *[b"NIL"] * 4,
        ],
        b"mixed",
        [b"boundary", b"b"],
        b"NIL",
        [b"en"],
        b"NIL",
    ]


def test_the_example_of_rfc_2049_appendix_a() -> None:
    sample = next(path for path in SAMPLES if path.name == "rfc2049-appendix-a.eml")
    body = read_value(write_body(summarise(sample.read_bytes()).structure, extended=False))
    assert [part[:2] for part in body[:2]] == [[b"text", b"plain"]] * 2
    assert [part[1] for part in body[2][:2]] == [b"basic", b"jpeg"]
    assert body[2][2] == b"parallel"
    assert [len(part) for part in body[2][:2]] == [7, 7]  # no line count
    assert body[3][:2] == [b"text", b"enriched"]
    assert body[4][:2] == [b"message", b"rfc822"]
    assert body[4][8][:3] == [b"text", b"plain", [b"charset", b"ISO-8859-1"]]
    assert body[5:] == [b"mixed"]


# -- whatever the message is, what is written keeps to the grammar of RFC 3501 §9


def check_body(body: Value, *, extended: bool) -> None:
    """Hold a body structure against `body` of RFC 3501 §9."""
    children = list(itertools.takewhile(lambda value: isinstance(value, list), body))
    rest = body[len(children) :]
    if children:
        for child in children:
            check_body(child, extended=extended)
        assert is_string(rest[0])
        check_extension(rest[1:], is_parameters, extended=extended)
        return
    kind, subtype, parameters, content_id, description, encoding, octets, *rest = body
    assert all(is_string(value) for value in (kind, subtype, encoding))
    assert is_parameters(parameters)
    assert is_nstring(content_id)
    assert is_nstring(description)
    assert octets.isdigit()
    if kind == b"message" and subtype in {b"rfc822", b"global"}:
        check_envelope(rest[0])
        check_body(rest[1], extended=extended)
        assert rest[2].isdigit()
        del rest[:3]
    elif kind == b"text":
        assert rest[0].isdigit()
        del rest[:1]
    check_extension(rest, is_nstring, extended=extended)


def check_extension(values: list[Value], is_first: object, *, extended: bool) -> None:
    if not extended:
        assert values == []
        return
    first, disposition, language, location = values
    assert callable(is_first)
    assert is_first(first)
    assert disposition == b"NIL" or (is_string(disposition[0]) and is_parameters(disposition[1]))
    assert language == b"NIL" or all(map(is_string, language))
    assert is_nstring(location)


def check_envelope(envelope: Value) -> None:
    assert len(envelope) == 10
    for place, field in enumerate(envelope):
        if 2 <= place <= 7:
            assert field == b"NIL" or all(len(address) == 4 and all(map(is_nstring, address)) for address in field)
        else:
            assert is_nstring(field)


def is_string(value: Value) -> bool:
    return isinstance(value, bytes | bytearray)


is_nstring = is_string


def is_parameters(value: Value) -> bool:
    return value == b"NIL" or (len(value) % 2 == 0 and all(map(is_string, value)))


def check(content: bytes) -> None:
    summary = summarise(content)
    check_envelope(read_value(write_envelope(summary.envelope)))
    for extended in (False, True):
        check_body(read_value(write_body(summary.structure, extended=extended)), extended=extended)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_the_structure_of_a_sample(path: Path) -> None:
    check(path.read_bytes())


PIECES = [
    *[
        b"\r\n",
        b"\n",
        b"\r\n\r\n",
        b"--b",
        b"--b--",
        b"--c",
        b" ",
        b";",
        b'"',
        b"\\",
        b"(",
        b"\0",
        b"\xff",
        b"=",
        b"x@y,",
    ],
    *[
        b"Content-Type: ",
        b"multipart/mixed; boundary=b",
        b"multipart/digest; boundary=c",
        b"message/rfc822",
        b"text/",
    ],
    *[b"From: ", b"Subject: ", b"Content-Disposition: a; b=c", b"Content-Language: de", b"Content-ID: <\xe9>"],
]


@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=4), max_size=60).map(b"".join))
def test_any_message_has_a_structure(content: bytes) -> None:
    check(content)
