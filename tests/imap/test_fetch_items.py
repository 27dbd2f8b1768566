"""What FETCH can ask, and what is answered (RFC 3501 §6.4.5, §7.4.2)."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tempmaild.imap.fetch_items import FetchRequest, parse_fetch
from tempmaild.imap.grammar import Parser, SyntaxProblem
from tempmaild.imap.sections import UnknownEncoding
from tests.imap.messages import SAMPLES, Value, crlf, make_message, read_value

if TYPE_CHECKING:
    from pathlib import Path

    from tempmaild.imap.message import Message

HELLO = b"Subject: hello\r\n\r\nHello.\r\n"


def request(text: bytes, *, with_uid: bool = False) -> FetchRequest:
    parser = Parser([text])
    found = parse_fetch(parser, with_uid=with_uid)
    parser.end()
    return found


def fetch(text: bytes, message: Message) -> bytes:
    return b"".join(request(text).response(message))


def item(text: bytes, message: Message) -> bytes:
    """The one value that is fetched; the name that it has is checked."""
    answer = re.fullmatch(
        rb"\* 1 FETCH \((BODY\[[^]]*\](?:<\d+>)?|[A-Z0-9.]+) (.*)\)\r\n", fetch(text, message), re.DOTALL
    )
    assert answer
    asked = re.sub(rb"^BODY\.PEEK|\.\d+>$", lambda match: b"BODY" if match[0][0] == ord("B") else b">", text)
    assert answer[1] == asked
    return answer[2]


def octets(text: bytes, message: Message) -> bytes | None:
    """The octets that are fetched; None for NIL."""
    value = item(text, message)
    return None if value == b"NIL" else bytes(read_value(value))


# -- whole responses

FAST = b'FLAGS (\\Answered \\Seen) INTERNALDATE "17-Jul-1996 02:44:25 +0000" RFC822.SIZE 26'
ENVELOPE = b'ENVELOPE (NIL "hello" NIL NIL NIL NIL NIL NIL NIL NIL)'


@pytest.mark.parametrize(
    ("text", "response"),
    [
        (b"FLAGS", b"* 3 FETCH (FLAGS (\\Answered \\Seen))\r\n"),
        (b"uid", b"* 3 FETCH (UID 17)\r\n"),
        (b"(UID Flags)", b"* 3 FETCH (UID 17 FLAGS (\\Answered \\Seen))\r\n"),
        (b"FAST", b"* 3 FETCH (" + FAST + b")\r\n"),
        (b"all", b"* 3 FETCH (" + FAST + b" " + ENVELOPE + b")\r\n"),
        (b"Full", b"* 3 FETCH (" + FAST + b" " + ENVELOPE + b' BODY ("text" "plain" NIL NIL NIL "7bit" 8 1))\r\n'),
        (b"BODYSTRUCTURE", b'* 3 FETCH (BODYSTRUCTURE ("text" "plain" NIL NIL NIL "7bit" 8 1 NIL NIL NIL NIL))\r\n'),
        (b"BODY[]", b"* 3 FETCH (BODY[] {26}\r\n" + HELLO + b")\r\n"),
        (b"RFC822", b"* 3 FETCH (RFC822 {26}\r\n" + HELLO + b")\r\n"),
        (b"RFC822.HEADER", b"* 3 FETCH (RFC822.HEADER {18}\r\nSubject: hello\r\n\r\n)\r\n"),
        (b"RFC822.TEXT", b"* 3 FETCH (RFC822.TEXT {8}\r\nHello.\r\n)\r\n"),
        (
            b"(BODY[TEXT]<0.5> UID BODY.PEEK[1])",
            b"* 3 FETCH (UID 17 BODY[TEXT]<0> {5}\r\nHello BODY[1] {8}\r\nHello.\r\n)\r\n",
        ),
    ],
)
def test_responses(text: bytes, response: bytes) -> None:
    message = make_message(HELLO, number=3, flags=frozenset({"\\Seen", "\\Answered"}), internal_date=837571465)
    assert fetch(text, message) == response


@pytest.mark.parametrize(
    ("flags", "recent", "written"),
    [
        (frozenset(), False, b"()"),
        (frozenset(), True, b"(\\Recent)"),
        (frozenset({"$Junk", "\\Seen"}), True, b"($Junk \\Seen \\Recent)"),
    ],
)
def test_flags(flags: frozenset[str], recent: bool, written: bytes) -> None:
    assert item(b"FLAGS", make_message(flags=flags, recent=recent)) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, b'" 1-Jan-1970 00:00:00 +0000"'),
        (951_782_399, b'"28-Feb-2000 23:59:59 +0000"'),
        (-1, b'"31-Dec-1969 23:59:59 +0000"'),
        (4_102_444_800, b'" 1-Jan-2100 00:00:00 +0000"'),
        (Parser([b'"31-Dec-9999 23:59:59 -1200"']).date_time(), b'"31-Dec-9999 23:59:59 +0000"'),
        (Parser([b'"01-Jan-0001 00:00:00 +1200"']).date_time(), b'" 1-Jan-0001 00:00:00 +0000"'),
    ],
)
def test_internal_date(seconds: int, written: bytes) -> None:
    assert item(b"INTERNALDATE", make_message(internal_date=seconds)) == written


def test_an_item_asked_twice_is_answered_once() -> None:
    assert fetch(b"(UID FLAGS UID)", make_message()) == b"* 1 FETCH (UID 17 FLAGS ())\r\n"


def test_uid_fetch_tells_the_uid_unasked() -> None:
    for text in (b"FLAGS", b"(FLAGS UID)"):
        answer = b"".join(request(text, with_uid=True).response(make_message()))
        assert answer == b"* 1 FETCH (UID 17 FLAGS ())\r\n"
    assert b"".join(request(b"FAST", with_uid=True).response(make_message())).startswith(b"* 1 FETCH (UID 17 FLAGS")


def test_the_flags_can_be_told_with_the_text() -> None:
    asked = request(b"BODY[1]")
    answer = b"".join(asked.adding(b"FLAGS").response(make_message(HELLO, flags=frozenset({"\\Seen"}))))
    assert answer == b"* 1 FETCH (FLAGS (\\Seen) BODY[1] {8}\r\nHello.\r\n)\r\n"
    asked = request(b"(FLAGS BODY[])")
    assert asked.adding(b"FLAGS") == asked


# -- what an item needs and does


@pytest.mark.parametrize(
    ("text", "needs_summary", "needs_content", "sets_seen"),
    [
        (b"(UID FLAGS INTERNALDATE RFC822.SIZE)", False, False, False),
        (b"ALL", True, False, False),
        (b"BODY", True, False, False),
        (b"BODYSTRUCTURE", True, False, False),
        (b"BODY[]", False, True, True),
        (b"BODY.PEEK[]<0.100>", False, True, False),
        (b"BODY.PEEK[HEADER]", True, True, False),
        (b"BODY[1]", True, True, True),
        (b"RFC822", False, True, True),
        (b"RFC822.HEADER", True, True, False),
        (b"RFC822.TEXT", True, True, True),
        (b"(BODY.PEEK[] BODY[])", False, True, True),
    ],
)
def test_needs(text: bytes, needs_summary: bool, needs_content: bool, sets_seen: bool) -> None:
    asked = request(text)
    assert (asked.needs_summary, asked.needs_content, asked.sets_seen) == (needs_summary, needs_content, sets_seen)
    message = make_message()
    if not needs_summary:
        message.summary = None
    if not needs_content:
        message.content = None
    assert b"".join(asked.response(message)).endswith(b")\r\n")


def test_whole_content_is_not_copied() -> None:
    message = make_message(HELLO)
    assert message.content is not None
    assert any(piece is message.content for piece in request(b"BODY.PEEK[]").response(message))


def test_pieces_are_made_one_after_the_other() -> None:
    response = request(b"(BODY[] BODY[1])").response(make_message(HELLO))
    assert next(response) == b"* 1 FETCH (BODY[] {26}\r\n"
    assert next(response) == HELLO
    assert next(response) == b" BODY[1] {8}\r\n"


# -- sections

NESTED = crlf("""\
Subject: outer
Content-Type: multipart/mixed; boundary=a

preamble
--a
Content-Type: text/plain

one
--a
Content-Type: application/octet-stream

two
--a
Content-Type: message/rfc822
X-Of: three

Subject: three
Content-Type: multipart/mixed; boundary=b

--b

three one
--b
Content-Type: application/octet-stream

three two
--b--
--a
Content-Type: multipart/mixed; boundary=c

--c
Content-Type: image/gif

four one
--c
Content-Type: message/rfc822

Subject: four two
Content-Type: multipart/mixed; boundary=d

--d
Content-Type: text/plain

four two one
--d
Content-Type: multipart/alternative; boundary=e

--e
Content-Type: text/plain

four two two one
--e
Content-Type: text/richtext

four two two two
--e--
--d--
--c--
--a--
""")
"""The message of RFC 3501 §6.4.5, whose parts say where they are."""

THREE = crlf("Subject: three\nContent-Type: multipart/mixed; boundary=b\n\n")
THREE_TEXT = crlf("--b\n\nthree one\n--b\nContent-Type: application/octet-stream\n\nthree two\n--b--")

SECTIONS: list[tuple[bytes, bytes | None]] = [
    (b"", NESTED),
    (b"HEADER", crlf("Subject: outer\nContent-Type: multipart/mixed; boundary=a\n\n")),
    (b"TEXT", NESTED.partition(b"\r\n\r\n")[2]),
    (b"1", b"one"),
    (b"1.MIME", crlf("Content-Type: text/plain\n\n")),
    (b"1.HEADER", None),
    (b"1.TEXT", None),
    (b"1.1", None),
    (b"2", b"two"),
    (b"3", THREE + THREE_TEXT),
    (b"3.MIME", crlf("Content-Type: message/rfc822\nX-Of: three\n\n")),
    (b"3.HEADER", THREE),
    (b"3.HEADER.FIELDS (Subject)", b"Subject: three\r\n\r\n"),
    (b"3.TEXT", THREE_TEXT),
    (b"3.1", b"three one"),
    (b"3.1.MIME", b"\r\n"),
    (b"3.2", b"three two"),
    (b"3.3", None),
    (b"4", NESTED[NESTED.index(b"--c") : NESTED.index(b"\r\n--a--")]),
    (b"4.MIME", crlf("Content-Type: multipart/mixed; boundary=c\n\n")),
    (b"4.HEADER", None),
    (b"4.1", b"four one"),
    (b"4.1.MIME", crlf("Content-Type: image/gif\n\n")),
    (b"4.2.HEADER", crlf("Subject: four two\nContent-Type: multipart/mixed; boundary=d\n\n")),
    (b"4.2.TEXT", NESTED[NESTED.index(b"--d\r\n") : NESTED.index(b"\r\n--c--")]),
    (b"4.2.1", b"four two one"),
    (b"4.2.2.1", b"four two two one"),
    (b"4.2.2.2", b"four two two two"),
    (b"4.2.2.2.1", None),
    (b"5", None),
    (b"4294967295", None),
    (b"1" + b".1" * 1000, None),
]


@pytest.mark.parametrize(("section", "content"), SECTIONS)
def test_the_sections_of_rfc_3501_section_6_4_5(section: bytes, content: bytes | None) -> None:
    assert octets(b"BODY.PEEK[%b]" % section, make_message(NESTED)) == content


@pytest.mark.parametrize(
    ("section", "content"),
    [
        (b"1", b"Hello.\r\n"),
        (b"1.MIME", b"Subject: hello\r\n\r\n"),
        (b"TEXT", b"Hello.\r\n"),
        (b"1.TEXT", None),
        (b"2", None),
        (b"1.1", None),
    ],
)
def test_a_message_of_one_part_is_its_part_1(section: bytes, content: bytes | None) -> None:
    assert octets(b"BODY[%b]" % section, make_message(HELLO)) == content


def test_a_message_that_is_nothing_but_a_forwarded_one() -> None:
    message = make_message(b"Content-Type: message/rfc822\r\n\r\n" + HELLO)
    assert octets(b"BODY[HEADER]", message) == b"Content-Type: message/rfc822\r\n\r\n"
    assert octets(b"BODY[1.HEADER]", message) == b"Subject: hello\r\n\r\n"
    assert octets(b"BODY[1.1]", message) == b"Hello.\r\n"


FIELDS = b"Date: today\r\nFROM: a@x\r\nSubject: x\r\n folded\r\nDate: again\r\n\r\ntext"


@pytest.mark.parametrize(
    ("section", "content"),
    [
        (b"HEADER.FIELDS (date From)", b"Date: today\r\nFROM: a@x\r\nDate: again\r\n\r\n"),
        (b"HEADER.FIELDS (Subject)", b"Subject: x\r\n folded\r\n\r\n"),
        (b"HEADER.FIELDS (X-Missing)", b"\r\n"),
        (b"HEADER.FIELDS.NOT (DATE FROM)", b"Subject: x\r\n folded\r\n\r\n"),
        (b"HEADER.FIELDS.NOT (X-Missing)", FIELDS[:-4]),
    ],
)
def test_header_fields(section: bytes, content: bytes) -> None:
    assert octets(b"BODY[%b]" % section, make_message(FIELDS)) == content


@pytest.mark.parametrize(
    ("fragments", "name"),
    [
        ([b"body.peek[header.fields (Date fRom)]"], b"BODY[HEADER.FIELDS (Date fRom)]"),
        ([b'BODY[HEADER.FIELDS ("Date" "a b")]'], b'BODY[HEADER.FIELDS (Date "a b")]'),
        ([b"BODY[1.HEADER.FIELDS.NOT (", b"a\r\nb", b")]"], b"BODY[1.HEADER.FIELDS.NOT ({4}\r\na\r\nb)]"),
        ([b"Body[1.2.Mime]<007.3>"], b"BODY[1.2.MIME]<7>"),
    ],
)
def test_the_response_names_the_section_as_it_was_asked(fragments: list[bytes], name: bytes) -> None:
    answer = b"".join(parse_fetch(Parser(fragments)).response(make_message()))
    assert answer.startswith(b"* 1 FETCH (%b " % name)


# -- partial fetches


@pytest.mark.parametrize(
    ("partial", "content"),
    [
        (b"<0.5>", b"01234"),
        (b"<8.5>", b"89"),
        (b"<0.10>", b"0123456789"),
        (b"<0.4294967295>", b"0123456789"),
        (b"<10.1>", b""),
        (b"<4294967295.4294967295>", b""),
    ],
)
def test_partial(partial: bytes, content: bytes) -> None:
    assert octets(b"BODY[TEXT]" + partial, make_message(b"\r\n0123456789")) == content


def test_nothing_is_an_empty_string_and_no_part_is_nil() -> None:
    assert item(b"BODY[]", make_message(b"")) == b'""'
    assert item(b"BODY[TEXT]<100.5>", make_message(HELLO)) == b'""'
    assert item(b"BODY[2]<0.5>", make_message(HELLO)) == b"NIL"


def test_nul_is_replaced_and_counted() -> None:
    assert item(b"BODY[TEXT]", make_message(b"\r\na\0b")) == b"{3}\r\na\x80b"


# -- what is refused


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"()",
        b"(FLAGS",
        b"(FLAGS )",
        b"( FLAGS)",
        b"(FLAGS  UID)",
        b"((FLAGS))",
        b"FLAGS UID",
        b"(ALL)",
        b"(FLAGS FAST)",
        b"NONSENSE",
        b'"FLAGS"',
        b"RFC822.PEEK",
        b"ENVELOPE[]",
        b"BODYSTRUCTURE[]",
        b"BODY[",
        b"BODY[]]",
        b"BODY[]x",
        b"BODY[NONSENSE]",
        b"BODY[MIME]",
        b"BODY[0]",
        b"BODY[1.0]",
        b"BODY[01]",
        b"BODY[1.]",
        b"BODY[.1]",
        b"BODY[1..2]",
        b"BODY[-1]",
        b"BODY[1x]",
        b"BODY[12345678901]",
        b"BODY[1.HEADER.]",
        b"BODY[HEADER.1]",
        b"BODY[HEADER.FIELDS]",
        b"BODY[HEADER.FIELDS ()]",
        b"BODY[HEADER.FIELDS (A ]",
        b"BODY[HEADER.FIELDS(A)]",
        b"BODY[HEADER (A)]",
        b"BODY[TEXT ]",
        b"BODY[]<0>",
        b"BODY[]<0.0>",
        b"BODY[]<.5>",
        b"BODY[]<5.>",
        b"BODY[]<-1.5>",
        b"BODY[]<0.5",
        b"BODY[]<0.4294967296>",
        b"BODY<0.5>",
        b"RFC822<0.5>",
        b"BODY.PEEK",
        b"BODY.PEEK[" * 100_000,
        b"(" * 1_000_000,
        b"BODY[" + b"1." * 1_000_000 + b"]",
        b"BODY[" + b"9" * 10_000 + b"]",
    ],
    ids=lambda text: text[:30],
)
def test_syntax_problems(text: bytes) -> None:
    with pytest.raises(SyntaxProblem):
        request(text)


WORDS = (
    b'( ) [ ] < > . 0 1 99 BODY BODY.PEEK HEADER HEADER.FIELDS TEXT MIME UID FLAGS ALL RFC822 " { } \xff \0'.split(
        b" "
    )
)


@given(st.lists(st.sampled_from([*WORDS, b" "]), max_size=12).map(b"".join))
def test_any_request_is_read_or_refused(text: bytes) -> None:
    try:
        found = request(text)
    except SyntaxProblem:
        return
    assert b"".join(found.response(make_message(NESTED))).startswith(b"* 1 FETCH (")


# -- the structure that is told is the one that is fetched


def sizes(body: Value, path: str = "") -> dict[str, int]:
    """The octets that BODYSTRUCTURE announces for each part that is no multipart, by the part's number."""
    children = list(itertools.takewhile(lambda value: isinstance(value, list), body))
    if not children:
        return _leaf_sizes(body, path or "1.")
    found: dict[str, int] = {}
    for number, child in enumerate(children, 1):
        found |= sizes(child, f"{path}{number}.")
    return found


def _leaf_sizes(body: Value, path: str) -> dict[str, int]:
    found = {path[:-1]: int(body[6])}
    if body[:2] == [b"message", b"rfc822"]:
        is_multipart = isinstance(body[8][0], list)
        found |= sizes(body[8], path if is_multipart else f"{path}1.")
    return found


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_part_has_the_size_that_is_told(path: Path) -> None:
    message = make_message(path.read_bytes())
    structure = read_value(item(b"BODYSTRUCTURE", message))
    for number, size in sizes(structure).items():
        content = octets(b"BODY[%b]" % number.encode(), message)
        assert content is not None
        assert len(content) == size


# -- BINARY (RFC 3516 §4.2)


def decoded(text: bytes, content: bytes) -> bytes:
    message = make_message(content)
    asked = request(text)
    assert asked.decodes
    message.content = None
    asked.decode(message, content)
    (answer,) = re.findall(rb"\A\* 1 FETCH \((.*)\)\r\n\Z", b"".join(asked.response(message)), re.DOTALL)
    assert isinstance(answer, bytes)
    return answer


def encoded(encoding: bytes, body: bytes) -> bytes:
    return b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body


@pytest.mark.parametrize(
    ("encoding", "body", "octets"),
    [
        (b"7bit", b"a=3D\r\n", b"a=3D\r\n"),
        (b"8bit", b"\xe9", b"\xe9"),
        (b"Binary", b"\xe9\r\n", b"\xe9\r\n"),
        (b"BASE64", b" aGVs  \r\nbG8=\r\n\r\n", b"hello"),
        (b"base64", b"aGVsbG8", b"hello"),
        (b"base64", b"a", b""),
        (b"base64", b"!aGVs?bG8=", b"hello"),
        (b"quoted-printable", b"a=3Db  \r\nc =\t\r\nd=", b"a=b\r\nc d"),
        (b"quoted-printable", b"=XX =4 =", b"=XX =4 "),
    ],
)
def test_what_is_decoded(encoding: bytes, body: bytes, octets: bytes) -> None:
    content = encoded(encoding, body)
    literal = b"{%d}\r\n%b" % (len(octets), octets) if octets else b'""'
    assert decoded(b"BINARY[1]", content) == b"BINARY[1] " + literal
    assert decoded(b"BINARY.SIZE[1]", content) == b"BINARY.SIZE[1] %d" % len(octets)


def test_nul_makes_a_literal8_where_it_is() -> None:
    content = encoded(b"quoted-printable", b"ab=00cd")
    assert decoded(b"BINARY.PEEK[1]", content) == b"BINARY[1] ~{5}\r\nab\0cd"
    assert decoded(b"BINARY.PEEK[1]<1.2>", content) == b"BINARY[1]<1> ~{2}\r\nb\0"
    assert decoded(b"BINARY.PEEK[1]<3.9>", content) == b"BINARY[1]<3> {2}\r\ncd"
    assert decoded(b"BINARY[1]<5.1>", content) == b'BINARY[1]<5> ""'


def test_what_has_parts_is_as_it_is() -> None:
    assert decoded(b"BINARY.PEEK[]", NESTED) == b"BINARY[] {%d}\r\n%b" % (len(NESTED), NESTED)
    three = THREE + THREE_TEXT
    assert decoded(b"BINARY.PEEK[3]", NESTED) == b"BINARY[3] {%d}\r\n%b" % (len(three), three)
    four = octets(b"BODY.PEEK[4]", make_message(NESTED)) or b""
    assert decoded(b"BINARY[4]", NESTED) == b"BINARY[4] {%d}\r\n%b" % (len(four), four)
    assert decoded(b"(BINARY.SIZE[] BINARY.SIZE[4])", NESTED) == b"BINARY.SIZE[] %d BINARY.SIZE[4] %d" % (
        len(NESTED),
        len(four),
    )


def test_no_part_is_nil_and_has_no_octets() -> None:
    assert decoded(b"(BINARY[2] BINARY[1.1]<0.1> BINARY.SIZE[2])", HELLO) == (
        b"BINARY[2] NIL BINARY[1.1]<0> NIL BINARY.SIZE[2] 0"
    )


@pytest.mark.parametrize("text", [b"BINARY.PEEK[1]", b"BINARY.SIZE[1]", b"(UID BINARY[] BINARY[1])"])
def test_an_encoding_that_nobody_knows(text: bytes) -> None:
    content = encoded(b"x-uuencode", b"begin")
    with pytest.raises(UnknownEncoding):
        request(text).decode(make_message(content), content)


@pytest.mark.parametrize(
    ("text", "sets_seen"),
    [(b"BINARY[1]", True), (b"BINARY.PEEK[1]", False), (b"BINARY.SIZE[1]", False), (b"BINARY[1]<0.1>", True)],
)
def test_what_binary_needs(text: bytes, sets_seen: bool) -> None:
    asked = request(text)
    assert (asked.needs_summary, asked.needs_content, asked.sets_seen) == (True, True, sets_seen)
    assert not request(b"BODY[1]").decodes


@pytest.mark.parametrize(
    "text",
    [
        b"BINARY",
        b"BINARY[HEADER]",
        b"BINARY[1.MIME]",
        b"BINARY[0]",
        b"BINARY[1]<0>",
        b"BINARY.SIZE[1]<0.1>",
        b"BINARY.SIZE",
        b"BINARY.PEEK.SIZE[1]",
        b"PREVIEW ()",
        b"PREVIEW (EAGER)",
        b"(PREVIEW  (LAZY))",
        b"PREVIEW[1]",
    ],
)
def test_other_items_that_are_refused(text: bytes) -> None:
    with pytest.raises(SyntaxProblem):
        request(text)


# -- items of extensions


def test_previews() -> None:
    assert item(b"PREVIEW", make_message(b"\r\nHello  you.\r\n")) == b'"Hello you."'
    assert item(b"PREVIEW", make_message("\r\nGrüße".encode())) == b"{7}\r\n" + "Grüße".encode()
    assert item(b"PREVIEW", make_message(b"")) == b'""'
    assert fetch(b"(preview (lazy) uid)", make_message()) == b'* 1 FETCH (PREVIEW "Hello." UID 17)\r\n'
    assert request(b"PREVIEW").needs_summary


def test_dates_and_ids() -> None:
    message = make_message(HELLO)
    message.entry = structs.replace(message.entry, save_date=951_782_399, content_id=23, modseq=9)
    assert fetch(b"(SAVEDATE EMAILID THREADID MODSEQ)", message) == (
        b'* 1 FETCH (SAVEDATE "28-Feb-2000 23:59:59 +0000" EMAILID (M23) THREADID NIL MODSEQ (9))\r\n'
    )
