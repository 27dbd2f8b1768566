"""RFC 2046 §5, RFC 9051 §6.4.5: the part tree, section numbers, header selection."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.envelope import Address
from tempmaild.core.mime import (
    MAX_DEPTH,
    MAX_FIELD_SIZE,
    MAX_HEADER_SIZE,
    MAX_PARTS,
    Part,
    parse,
    section,
    select_fields,
)
from tests.needs import messages_of_python

from .messages import NAMES, check_offsets, load, message, mutations, outline, walk

MIXED = b"Content-Type: multipart/mixed; boundary=b"


def tree(*lines: bytes) -> str:
    raw = message(*lines)
    root, _ = parse(raw)
    check_offsets(raw, root)
    return outline(root)


def body(raw: bytes, part: Part) -> bytes:
    return raw[part.body : part.end]


@pytest.mark.parametrize(
    ("name", "structure"),
    [
        (
            "alternative-related-attachment",
            (
                "multipart/mixed(multipart/alternative(text/plain 23/2, "
                "multipart/related(text/html 286/10, image/png 332/4)), image/png 216/2)"
            ),
        ),
        (
            "boundaries-with-one-prefix",
            (
                "multipart/mixed(multipart/alternative(text/plain 1/0, text/html 1/0), "
                "image/jpeg 1/0, audio/mp3 1/0, video/avi 1/0)"
            ),
        ),
        ("boundary-never-appears", "multipart/mixed(text/plain 0/0)"),
        (
            "deep-alternatives",
            (
                "multipart/mixed(text/x-myown 7/1, message/rfc822(multipart/alternative(text/html 20/1, "
                "multipart/alternative(multipart/alternative(text/plain 9/0, text/plain 10/0), text/plain 10/0))), "
                "text/plain 12/0)"
            ),
        ),
        (
            "digest",
            (
                "multipart/mixed(text/plain 46/1, "
                "multipart/digest(message/rfc822(text/plain 23/1), message/rfc822(text/plain 32/1)))"
            ),
        ),
        (
            "external-body",
            (
                "multipart/alternative("
                "message/external-body 81/2, message/external-body 81/2, message/external-body 101/4)"
            ),
        ),
        (
            "folded-boundary",
            (
                "multipart/mixed(text/x-myown 7/1, "
                "message/rfc822(multipart/alternative(text/html 20/1, text/plain 21/1)))"
            ),
        ),
        ("header-only", "text/plain 0/0"),
        (
            "headers-without-empty-line",
            "multipart/mixed(image/png 0/0, text/plain 0/0, text/plain 0/0, multipart/mixed(text/plain 0/0))",
        ),
        ("mbox-from-line", "text/html 14/1"),
        (
            "nested-prologues",
            "multipart/mixed(multipart/alternative(text/plain 7/1, text/html 33/1), message/rfc822(text/plain 18/1))",
        ),
        ("no-boundary-parameter", "text/plain 20/4"),
        (
            "no-final-boundary",
            "multipart/mixed(multipart/alternative(text/plain 5/0, text/html 9/0), text/plain 7/1)",
        ),
        ("no-header", "text/plain 14/1"),
        (
            "one-boundary-twice",
            "multipart/mixed(multipart/alternative(text/plain 3/0, text/html 3/0), image/gif 5/0)",
        ),
        ("repeated-fields", "text/html 13/1"),
        ("rfc2046-5.1.1", "multipart/mixed(text/plain 80/1, text/plain 78/2)"),
        (
            "rfc2049-appendix-a",
            (
                "multipart/mixed(text/plain 269/7, text/plain 114/3, "
                "multipart/parallel(audio/basic 87/2, image/jpeg 45/1), text/enriched 145/5, "
                "message/rfc822(text/plain 49/1))"
            ),
        ),
        (
            "rfc8621-4.1.4",
            (
                "multipart/mixed(text/plain 1/0, multipart/mixed(multipart/alternative("
                "multipart/mixed(text/plain 1/0, image/jpeg 1/0, text/plain 1/0), "
                "multipart/related(text/html 14/0, image/jpeg 1/0)), image/jpeg 1/0, application/x-excel 1/0, "
                "message/rfc822(text/plain 1/0)), text/plain 1/0)"
            ),
        ),
    ],
)
def test_messages(name: str, structure: str) -> None:
    raw = load(name)
    root, _ = parse(raw)
    check_offsets(raw, root)
    assert outline(root) == structure


# RFC 2046 §5.1.1: the line end before a delimiter is part of the delimiter


@pytest.mark.parametrize(
    ("lines", "bodies"),
    [
        ([b"--b", b"", b"one", b"--b", b"", b"two", b"--b--"], [b"one", b"two"]),
        ([b"--b", b"", b"one", b"", b"--b--"], [b"one\r\n"]),
        ([b"--b", b"", b"", b"--b--"], [b""]),
        ([b"--b", b"", b"--b--"], [b""]),
        ([b"--b", b"--b--"], [b""]),
        ([b"--b"], [b""]),
        ([b"--b", b"", b"not closed", b""], [b"not closed\r\n"]),
        ([b"preamble", b"--b", b"", b"one", b"--b--", b"epilogue", b"--b", b"", b"no part"], [b"one"]),
        ([b"--b \t", b"", b"one", b"--b  ", b"", b"two", b"--b--\t"], [b"one", b"two"]),
        ([b"--b", b"", b"--bb", b"--b-", b"-- b", b" --b", b"--", b"--b--"], [b"--bb\r\n--b-\r\n-- b\r\n --b\r\n--"]),
        ([b"--b", b"", b"--B", b"x--b", b"--b x", b"--b--x", b"--b--"], [b"--B\r\nx--b\r\n--b x\r\n--b--x"]),
    ],
)
def test_bodies_between_delimiters(lines: list[bytes], bodies: list[bytes]) -> None:
    raw = message(MIXED, b"", *lines)
    root, _ = parse(raw)
    check_offsets(raw, root)
    assert [body(raw, child) for child in root.children] == bodies


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_line_ends_of_either_kind(line_end: bytes) -> None:
    raw = load("rfc2046-5.1.1").replace(b"\r\n", line_end)
    root, _ = parse(raw)
    check_offsets(raw, root)
    assert body(raw, root.children[1]).endswith(b"linebreak." + line_end)
    assert [child.lines for child in root.children] == [1, 2]


def test_cr_alone_ends_no_line() -> None:
    assert tree(b"Subject: a\rX: b\r\rno body", b"", b"body\r\r") == "text/plain 6/0"


@pytest.mark.parametrize(
    ("outer", "inner"), [(b"b", b"bb"), (b"bb", b"b"), (b"b", b"b--"), (b"b--", b"b"), (b"x", b"y"), (b"b", b"b")]
)
def test_boundaries_that_resemble_each_other(outer: bytes, inner: bytes) -> None:
    assert (
        tree(
            *(b"Content-Type: multipart/mixed; boundary=" + outer, b"", b"--" + outer),
            *(b"Content-Type: multipart/related; boundary=" + inner, b"", b"--" + inner, b"", b"1", b"--" + inner),
            *(b"", b"2", b"--" + inner + b"--", b"--" + outer, b"", b"3", b"--" + outer + b"--"),
        )
        == "multipart/mixed(multipart/related(text/plain 1/0, text/plain 1/0), text/plain 1/0)"
    )


def test_outer_delimiter_ends_all_that_is_inside() -> None:
    assert (
        tree(
            *(MIXED, b"", b"--b", b"Content-Type: message/rfc822", b"", b"Content-Type: multipart/mixed; boundary=c"),
            *(b"", b"--c", b"Content-Type: multipart/mixed; boundary=d", b"", b"--d", b"", b"1", b"--b", b"", b"2"),
        )
        == "multipart/mixed(message/rfc822(multipart/mixed(multipart/mixed(text/plain 1/0))), text/plain 1/0)"
    )


@pytest.mark.parametrize(
    ("field", "structure"),
    [
        # RFC 2045 §5.2
        (b"X: y", "text/plain 1/0"),
        (b"Content-Type:", "text/plain 1/0"),
        (b"Content-Type: text", "text/plain 1/0"),
        (b"content-type : TEXT/Html", "text/html 1/0"),
        (b"Content-Type: multipart/mixed", "text/plain 1/0"),
        (b'Content-Type: multipart/mixed; boundary=" "', "text/plain 1/0"),
        (b"Content-Type: message/rfc822", "message/rfc822(text/plain 0/0)"),
        (b"Content-Type: message/global", "message/global(text/plain 0/0)"),
        (b"Content-Type: message/delivery-status", "message/delivery-status 1/0"),
        (b"Content-Type: multipart/mixed; boundary*0=a; boundary*1=b", "multipart/mixed(text/plain 0/0)"),
    ],
)
def test_content_type(field: bytes, structure: str) -> None:
    assert tree(field, b"", b"1") == structure


def test_segmented_boundary() -> None:  # RFC 2231 §3
    assert (
        tree(b"Content-Type: multipart/mixed; boundary*0=a; boundary*1=b", b"", b"--ab", b"", b"1", b"--ab--")
        == "multipart/mixed(text/plain 1/0)"
    )


def test_digest_default() -> None:  # RFC 2046 §5.1.5
    assert (
        tree(
            *(b"Content-Type: multipart/digest; boundary=b", b"", b"--b", b"", b"Subject: 1", b"", b"1"),
            *(b"--b", b"Content-Type: text/html", b"", b"2", b"--b", b"Content-Type: broken", b"", b"3", b"--b--"),
        )
        == "multipart/digest(message/rfc822(text/plain 1/0), text/html 1/0, text/plain 1/0)"
    )


def test_fields_that_describe_a_part() -> None:  # RFC 2045 §6, §7, §8; RFC 1864; RFC 2183; RFC 2557; RFC 3282
    root, _ = parse(
        message(
            *(b"Content-Type: image/png; name=a.png", b"Content-Transfer-Encoding: BASE64", b"Content-ID: <1@x>"),
            *(b"Content-Description: a folded", b"\tpicture", b"Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ=="),
            *(
                b"Content-Disposition: inline; filename=a.png",
                b"Content-Language: de, en",
                b"Content-Location: a.png",
            ),
        )
    )
    assert root == Part(
        header=0,
        body=root.end,
        end=root.end,
        lines=0,
        media_type=b"image",
        subtype=b"png",
        parameters=((b"name", b"a.png"),),
        encoding=b"base64",
        content_id=b"<1@x>",
        description=b"a folded\tpicture",
        md5=b"Q2hlY2sgSW50ZWdyaXR5IQ==",
        location=b"a.png",
        disposition=(b"inline", ((b"filename", b"a.png"),)),
        language=(b"de", b"en"),
    )


def test_envelope_of_the_message_and_of_the_one_inside() -> None:
    root, envelope = parse(load("forwarded-message"))
    assert envelope.subject == b"[Fwd: Map of Argentina with Description]"
    inside = root.children[1].envelope
    assert inside is not None
    assert inside.subject == b"Map of Argentina with Description"
    assert inside.to == (Address(b"A1 Gore", None, b"vice-president", b"whitehouse.gov"),)
    assert root.children[0].envelope is None


# RFC 9051 §6.4.5.1: section numbers


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ([1], b"A"),
        ([2, 1, 1, 2], b"C"),
        ([2, 1, 2, 1], b"<html>E</html>"),
        ([2, 3], b"H"),
        ([2, 4], b"Subject: J\r\n\r\nJ"),
        ([2, 4, 1], b"J"),
        ([3], b"K"),
        ([0], None),
        ([4], None),
        ([-1], None),
        ([1, 1], None),
        ([2, 4, 2], None),
        ([2, 4, 1, 1], None),
    ],
)
def test_section(path: list[int], expected: bytes | None) -> None:
    raw = load("rfc8621-4.1.4")
    part = section(parse(raw)[0], path)
    assert (None if part is None else body(raw, part)) == expected


def test_section_of_a_message_that_is_no_multipart() -> None:
    root, _ = parse(message(b"Subject: x", b"", b"text"))
    assert section(root, []) is root
    assert section(root, [1]) is root
    assert section(root, [1, 1]) is None
    assert section(root, [2]) is None


def test_section_of_a_message_that_is_an_embedded_message() -> None:
    root, _ = parse(message(b"Content-Type: message/rfc822", b"", b"Subject: x", b"", b"text"))
    assert section(root, [1]) is root
    assert section(root, [1, 1]) is root.children[0]


@pytest.mark.parametrize(
    ("names", "exclude", "selected"),
    [
        ([b"SUBJECT"], False, b"subject: one\r\n folded\r\nSubject: two\r\n\r\n"),
        ([b"subject", b"From"], False, b"From: a@b\r\nsubject: one\r\n folded\r\nSubject: two\r\n\r\n"),
        ([b"Subject"], True, b"From: a@b\r\nno field\r\nTo : c@d\r\n\r\n"),
        ([b"To"], False, b"To : c@d\r\n\r\n"),
        ([b"Body"], False, b"\r\n"),
        ([], True, b"From: a@b\r\nsubject: one\r\n folded\r\nno field\r\nSubject: two\r\nTo : c@d\r\n\r\n"),
    ],
)
def test_select_fields(names: list[bytes], exclude: bool, selected: bytes) -> None:
    raw = b"From: a@b\r\nsubject: one\r\n folded\r\nno field\r\nSubject: two\r\nTo : c@d\r\n\r\nBody: text\r\n"
    assert select_fields(raw, parse(raw)[0], names, exclude=exclude) == selected


def test_select_fields_ends_an_unterminated_line() -> None:
    raw = load("header-only")
    assert select_fields(raw, parse(raw)[0], [b"Subject"]) == b"Subject: nothing follows\r\n\r\n"


# Limits: the message is kept whole, with a structure of one part


def nested(levels: int, header: bytes) -> bytes:
    return header * levels + b"\r\ntext"


@pytest.mark.parametrize(
    ("raw", "depth"),
    [
        (nested(MAX_DEPTH, b"Content-Type: message/rfc822\r\n\r\n"), MAX_DEPTH + 1),
        (nested(MAX_DEPTH + 1, b"Content-Type: message/rfc822\r\n\r\n"), 1),
        (nested(100_000, b"Content-Type: message/rfc822\r\n\r\n"), 1),
        (nested(MAX_DEPTH, b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"), MAX_DEPTH + 1),
        (nested(MAX_DEPTH + 1, b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"), 1),
    ],
)
def test_depth_is_bounded(raw: bytes, depth: int) -> None:
    part, _ = parse(raw)
    found = 1
    while part.children:
        (part,) = part.children
        found += 1
    assert found == depth


@pytest.mark.parametrize(("parts", "found"), [(MAX_PARTS - 1, MAX_PARTS - 1), (MAX_PARTS, 0), (1_000_000, 0)])
def test_number_of_parts_is_bounded(parts: int, found: int) -> None:
    root, _ = parse(MIXED + b"\r\n\r\n" + b"--b\r\n\r\n" * parts)
    assert len(root.children) == found


FROM = b"From: a@b\r\n"


@pytest.mark.parametrize(
    "header",
    [
        MIXED + b"\r\nX: " + b"x" * MAX_FIELD_SIZE,
        MIXED + b"\r\nX: " + b"x\r\n " * (MAX_FIELD_SIZE // 4),
        MIXED + b";" * MAX_FIELD_SIZE,
        MIXED + b"\r\nX: x" * (MAX_HEADER_SIZE // 6),
        MIXED + b"\r\nX: " + b"x" * MAX_HEADER_SIZE,
        MIXED + b"\r\n" + b"x" * MAX_HEADER_SIZE,
    ],
)
def test_size_of_headers_is_bounded(header: bytes) -> None:
    raw = FROM + header + b"\r\n\r\n--b\r\n\r\n1\r\n--b--\r\n"
    root, envelope = parse(raw)
    check_offsets(raw, root)
    assert outline(root) == "text/plain 17/4"
    assert envelope.from_ == (Address(None, None, b"a", b"b"),)


def test_size_of_all_headers_is_bounded() -> None:
    part = b"--b\r\nX: " + b"x" * (MAX_HEADER_SIZE // 10) + b"\r\n\r\n"
    assert len(parse(MIXED + b"\r\n\r\n" + part * 9)[0].children) == 9
    assert parse(MIXED + b"\r\n\r\n" + part * 10)[0].children == ()


def test_oversized_fields_are_left_out_of_the_envelope() -> None:
    raw = b"To: " + b"a@b, " * MAX_FIELD_SIZE + b"\r\nSubject: kept\r\n\r\n"
    assert parse(b"Subject: kept\r\n" + raw)[1].subject == b"kept"
    assert parse(raw)[1].to == ()


@pytest.mark.parametrize("line", [b"--x\r\n", b"--b-\r\n", b"--\r\n", b"\r\n", b"\n--", b"--bb\n"])
def test_delimiters_that_are_none(line: bytes) -> None:
    raw = MIXED + b"\r\n\r\n--b\r\n\r\n" + line * 200_000 + b"\r\n--b--"
    root, _ = parse(raw)
    assert [child.end for child in root.children] == [len(raw) - 7]


# Any octets


@given(st.binary())
def test_any_octets(raw: bytes) -> None:
    check_offsets(raw, parse(raw)[0])


LINES = [
    *(
        b"",
        b"text",
        b"Subject: x",
        b" folded",
        b"no field",
        b"Content-Type: text/html",
        b"Content-Type: multipart/mixed",
    ),
    *(
        MIXED,
        b"Content-Type: multipart/digest; boundary=bb",
        b"Content-Type: message/rfc822",
        b"--b",
        b"--bb",
        b"--b--",
    ),
    *(b"--bb--", b"--", b"\0", b"\r"),
]


@given(st.lists(st.sampled_from(LINES)), st.sampled_from([b"\r\n", b"\n"]))
def test_any_lines(lines: list[bytes], line_end: bytes) -> None:
    raw = line_end.join([MIXED, b"", *lines])
    check_offsets(raw, parse(raw)[0])


@pytest.mark.parametrize("name", NAMES)
def test_mutations(name: str) -> None:
    for raw in mutations(load(name), 30):
        check_offsets(raw, parse(raw)[0])


def test_messages_of_python() -> None:
    for path in messages_of_python():
        raw = path.read_bytes()
        root, _ = parse(raw)
        check_offsets(raw, root)
        assert all(part.media_type and part.subtype for part in walk(root))
