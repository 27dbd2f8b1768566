"""Parsers of messages: their structure, their headers, and what is in their parts."""

from __future__ import annotations

import base64
import binascii
import re

from tempmaild.core import summary
from tempmaild.core.address import normalise, readable, skeleton
from tempmaild.core.attachment_names import TooManyNames, extensions, part_names
from tempmaild.core.content import decode_words, decoded_body, decoded_text, part_filename
from tempmaild.core.dates import EPOCH, day_of, moment_of
from tempmaild.core.envelope import parse_addresses
from tempmaild.core.headers import fields, first_values, texts, unfold, without_comments
from tempmaild.core.lines import has_bare_ends, has_line_over, with_crlf
from tempmaild.core.message_ids import MOST_REFERENCES, message_ids, references
from tempmaild.core.mime import MAX_DEPTH, MAX_PARTS, Part, parse, section, select_fields
from tempmaild.core.parameters import parse_disposition, parse_media_type, parse_token, parse_tokens
from tempmaild.core.preview import MAX_PREVIEW, html_text, make_preview
from tempmaild.core.removal import removal_of, without_parts
from tempmaild.core.scanning import MAX_PIECES, all_pieces, hidden_pieces, whole
from tempmaild.core.subject import LONGEST, base_subject
from tempmaild.core.timespan import DAY
from tempmaild.core.transfer import without_binary
from tempmaild.errors import InvalidAddress
from tests.core.messages import NAMES, check_offsets, load, walk
from tests.fuzz.target import Target

MESSAGES = tuple(map(load, NAMES))
WORDS = (
    b"\r\n",
    b"\n",
    b"\r\n\r\n",
    b"\n ",
    b"--",
    b"--b\r\n",
    b"Content-Type: ",
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n",
    b"Content-Type: message/rfc822\r\n\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
    b"Content-Transfer-Encoding: quoted-printable\r\n",
    b"Content-Transfer-Encoding: binary\r\n",
    b"Content-Disposition: attachment; filename=",
    b"=?utf-8?b?",
    b"=?utf-8?q?",
    b"?=",
    b"=\r\n",
    b"=3D",
    b"filename*0*=utf-8''",
    b"begin 644 a\r\n",
    b"(",
    b")",
    b'"',
    b"\\",
    b"<",
    b">",
    b";",
    b"@",
    b"a: b\r\n",
    b"\0",
    b"\t",
)


def check_mime(raw: bytes) -> None:
    root, _ = parse(raw)
    check_offsets(raw, root)
    # A multipart without parts is given one, which is not counted.
    assert sum(1 for _ in walk(root)) <= 2 * MAX_PARTS
    assert _depth(root) <= MAX_DEPTH + 1
    assert section(root, ()) is root
    for exclude in (False, True):
        assert select_fields(raw, root, [b"subject", b"from"], exclude=exclude).endswith(b"\r\n")


def _depth(root: Part) -> int:
    deepest, pending = 0, [(root, 0)]
    while pending:
        part, depth = pending.pop()
        deepest = max(deepest, depth)
        pending += [(child, depth + 1) for child in part.children]
    return deepest


def check_headers(raw: bytes) -> None:
    found = list(fields(raw, 0, len(raw)))
    values: dict[bytes, bytes] = {}
    position = 0
    for field in found:
        assert field.start == position
        values.setdefault(field.name.lower(), field.value)
        position = field.end
    assert texts(raw, 0, position) == [(raw[field.start : field.end], field.name) for field in found]
    # Under the empty name is what is no field, such as the end of the header.
    assert {**first_values(raw, 0, position), b"": b""} == {**values, b"": b""}
    assert not any(re.search(rb"[\0\r\n]", unfold(value)) for value in values.values())
    bare = without_comments(raw)
    assert without_comments(bare) == bare


def check_parameters(value: bytes) -> None:
    parse_token(value)
    assert all(parse_tokens(value))
    found = parse_media_type(value)
    if found and b"(" not in b"".join([*found[:2], *dict(found[2])]):
        written = b"%b/%b%b" % (found[0], found[1], _written(found[2]))
        assert parse_media_type(written) == found, written
    disposition = parse_disposition(value)
    if disposition and b"(" not in b"".join([disposition[0], *dict(disposition[1])]):
        assert parse_disposition(disposition[0] + _written(disposition[1])) == disposition


def _written(parameters: tuple[tuple[bytes, bytes], ...]) -> bytes:
    return b"".join(b'; %b="%b"' % (name, re.sub(rb'(["\\])', rb"\\\1", text)) for name, text in parameters)


def check_content(raw: bytes) -> None:
    root, _ = parse(raw)
    for part in walk(root):
        if not part.children:
            assert len(decoded_body(raw, part)) <= part.end - part.body
        assert len(decoded_text(raw, part, 100)) <= 100
        name = part_filename(part)
        assert name is None or (name and name.isprintable())
    # What is written without a mistake is read without one.
    for encoding, encoded in (
        (b"base64", base64.encodebytes(raw)),
        (b"quoted-printable", binascii.b2a_qp(raw, istext=False)),
    ):
        message = b"Content-Transfer-Encoding: %b\r\n\r\n" % encoding + encoded
        assert decoded_body(message, parse(message)[0]) == raw


def check_words(value: bytes) -> None:
    assert not re.search("[\0\r\n]", decode_words(value))


def check_envelope(value: bytes) -> None:
    in_group = False
    for address in parse_addresses(value):
        assert address.mailbox is None or not re.search(rb"[\0\r\n]", address.mailbox)
        if address.host is None:
            # RFC 9051 §7.5.2: the name of a group, and NIL for its end.
            assert (address.mailbox is None) is in_group
            assert address.name is address.route is None
            in_group = not in_group
    assert not in_group


def check_subject(value: bytes) -> None:
    base = base_subject(value)
    again = base.text.encode()
    if b"=?" not in again and max(len(value), len(again)) <= LONGEST:
        assert base_subject(again).text == base.text


def check_dates(value: bytes) -> None:
    day, moment = day_of(value), moment_of(value)
    assert (day is None) is (moment is None)
    if day is not None and moment is not None:
        assert abs((day.toordinal() - EPOCH) - moment // DAY) <= 2


def check_message_ids(value: bytes) -> None:
    found = list(message_ids(value))
    assert all(b"@" in each for each in found)
    assert len(references(b"References: " + value, len(value) + 12)) <= MOST_REFERENCES


def check_names(raw: bytes) -> None:
    for part in walk(parse(raw)[0]):
        try:
            names = part_names(raw, part)
        except TooManyNames:
            continue
        for name in names:
            extensions(name)
    name = raw.decode("utf-8", "replace")
    # Whatever is before it, nobody takes such a file for anything else.
    assert {"exe"} <= extensions(name + ".exe"), name
    assert {"exe"} <= extensions(name + ".EXE. .")


def check_removal(raw: bytes) -> None:
    root, _ = parse(raw)
    parts = [part for part in walk(root) if part.header < part.end]
    for part in parts[:8]:
        rest = without_parts(raw, [removal_of(part, "It is \u202e here\n--no\r\n.")])
        assert rest.startswith(raw[: part.header])
        assert rest.endswith(raw[part.end :])
        note = rest[part.header : len(rest) - len(raw) + part.end]
        assert b"An attachment was removed" in note or b"QW4gYXR0YWNobWVudCB3YXMgcmVtb3ZlZCBmcm9tIHRo" in note
        check_offsets(rest, parse(rest)[0])


def check_transfer(raw: bytes) -> None:
    changed = without_binary(raw)
    if changed == raw:
        return
    assert without_binary(changed) == changed
    before, after = (
        [decoded_body(each, part) for part in walk(parse(each)[0]) if not part.children] for each in (raw, changed)
    )
    assert before == after


def check_lines(text: bytes) -> None:
    fixed = with_crlf(text)
    assert not has_bare_ends(fixed)
    assert with_crlf(fixed) == fixed
    assert has_bare_ends(text) is (fixed != text)
    assert fixed.splitlines() == text.splitlines() or re.search(rb"[\v\f\x1c-\x1e\x85]", text)
    longest = max(map(len, fixed.split(b"\r\n")))
    assert has_line_over(fixed, 20) is (longest > 20)


def check_summary(raw: bytes) -> None:
    made = summary.summarise(raw)
    assert summary.decode(summary.encode(made)) == made
    leaves = [part for part in walk(parse(raw)[0]) if not part.children]
    assert len(preview := make_preview(raw, leaves)) <= MAX_PREVIEW
    assert "\n" not in preview
    html_text(raw.decode("utf-8", "replace"))


def check_scanning(raw: bytes) -> None:
    root, _ = parse(raw)
    pieces = list(all_pieces(raw, root))
    assert len(pieces) <= MAX_PIECES + 1
    assert len(list(hidden_pieces(raw, root))) <= MAX_PIECES + 1
    assert whole(raw).endswith(raw)
    scanned = {piece.data for piece in pieces}
    if b"" not in scanned:
        # Otherwise there was too much of it, which is no clean message.
        leaves = [part for part in walk(root) if not part.children]
        assert all(not (body := decoded_body(raw, leaf)) or body in scanned for leaf in leaves)


def check_address(data: bytes) -> None:
    try:
        address = normalise(data.decode("utf-8", "replace"))
    except InvalidAddress:
        return
    assert normalise(address) == address
    assert normalise(readable(address)) == address
    skeleton(address)


_NAMED = b"Content-Disposition: attachment; filename=\"a.exe\"; filename*=utf-8''%41.exe\r\n\r\n"
_ENCODED_WORDS = (b"=?utf-8?b?w6Q=?= =?iso-8859-1*de?q?=E4_b?=", b"plain \xc3\xa4 =?x?q?a?=")
_ADDRESSES = (
    b'"Joe \\"Q\\" Public" <joe@example.org>, jane@example.org (Jane)',
    b"A group: a@b, <@x,@y:c@d>;, undisclosed-recipients:;",
    b"a b c@d, <e@f>, <g @ [192.0.2.1]>",
)

TARGETS = (
    Target("mime", check_mime, MESSAGES, WORDS, reads_mail=True),
    Target("headers", check_headers, MESSAGES, WORDS, reads_mail=True),
    Target(
        "parameters",
        check_parameters,
        (b"text/plain; charset=\"utf-8\" (x); name*0*=utf-8''%41; name*1=b", b"attachment; filename=a b c.txt"),
        (b";", b"=", b'"', b"\\", b"(", b")", b"a=b;", b'a="b";', b"/", b" ", b"\t"),
    ),
    Target("content", check_content, MESSAGES, WORDS, reads_mail=True),
    Target("words", check_words, _ENCODED_WORDS, (b"=?", b"?=", b"=?utf-8?q?", b"=?utf-8?b?", b"?q?", b" ", b"=41")),
    Target(
        "envelope",
        check_envelope,
        _ADDRESSES,
        (b"<", b">", b",", b":", b";", b"(", b")", b'"', b"\\", b"@", b"[", b"]", b" ", b"a@b, "),
    ),
    Target(
        "subject",
        check_subject,
        (b"Re: [list] Fwd: [fwd: Re: hello] (fwd)",),
        (b"re:", b"[", b"]", b"[a]", b"(fwd)", b"[fwd:", b" ", b"fw"),
    ),
    Target(
        "dates",
        check_dates,
        (b"Fri, 20 Nov 2026 10:00:00 +0100 (CET)", b"1 jan 70 0:00 EST"),
        (b"20", b" Nov ", b":", b"+0100", b"-", b",", b" "),
    ),
    Target(
        "message-ids",
        check_message_ids,
        (b'<a@b> (c) <"d e"@[f]>', b"<a@b>" * 60),
        (b"<", b">", b"@", b'"', b"\\", b"[", b"]", b"<a@b>"),
    ),
    Target(
        "attachment-names",
        check_names,
        (*MESSAGES, _NAMED),
        (*WORDS, b".exe", b"%2e", b":", b"::$DATA", b".gz", b"\xe2\x80\xae", b"filename*0=", b"name=", b"'"),
        reads_mail=True,
    ),
    Target("removal", check_removal, MESSAGES, WORDS, reads_mail=True),
    Target(
        "transfer",
        check_transfer,
        (*MESSAGES, b"Content-Transfer-Encoding: binary\r\n\r\n\0\n"),
        WORDS,
        reads_mail=True,
    ),
    Target("lines", check_lines, (b"a\r\nb\n", b"a\rb\r\r\n"), (b"\r", b"\n", b"\r\n", b"a" * 20)),
    Target(
        "summary",
        check_summary,
        MESSAGES,
        (*WORDS, b"<p>", b"<style>", b"<!--", b"-->", b"&amp;", b"<a href='"),
        reads_mail=True,
    ),
    Target("scanning", check_scanning, MESSAGES, WORDS, reads_mail=True),
    Target(
        "address",
        check_address,
        (b"joe@example.org", "jöe@exämple.org".encode(), b"joe@xn--exmple-cua.org"),
        (b"@", b".", b"xn--", b"-", b"\xc3\xa4", b"\xcc\x88"),
    ),
)
