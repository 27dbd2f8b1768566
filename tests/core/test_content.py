"""RFC 2045 §6, RFC 2047, RFC 2231: bodies, charsets, encoded words, file names."""

import base64
import binascii
import quopri

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tempmaild.core import content
from tempmaild.core.content import decode_charset, decode_words, decoded_body, decoded_text, part_filename
from tempmaild.core.mime import parse

from .messages import load, message


def text(body: bytes, encoding: bytes = b"7bit", charset: bytes = b"utf-8", limit: int | None = None) -> str:
    content_type = b"Content-Type: text/plain; charset=" + charset
    raw = message(content_type, b"Content-Transfer-Encoding: " + encoding, b"", body)
    return decoded_text(raw, parse(raw)[0], limit)


def octets(body: bytes, encoding: bytes) -> bytes:
    raw = message(b"Content-Transfer-Encoding: " + encoding, b"", body)
    return decoded_body(raw, parse(raw)[0])


@pytest.mark.parametrize(
    ("encoded", "decoded"),
    [
        # RFC 2045 §6.8
        (b"aGVsbG8=", b"hello"),
        (b"aGVs\r\nbG8=\r\n", b"hello"),
        (b"aGVsbG8", b"hello"),
        (b"aGVsbG8hx", b"hello!"),
        (b"aGVs.-\xff bG8=", b"hello"),
        (b"aGk=aGk=\r\naGk=", b"hihihi"),
        (b"=aGk=", b"hi"),
        (b"====", b""),
        (b"A", b""),
        (b"", b""),
        (b"A=" * 100_000, b""),
    ],
)
def test_base64(encoded: bytes, decoded: bytes) -> None:
    assert octets(encoded, b"base64") == decoded


@pytest.mark.parametrize(
    ("encoded", "decoded"),
    [
        # RFC 2045 §6.7
        (
            b"Now's the time =\r\nfor all folk to come=\r\n to the aid",
            b"Now's the time for all folk to come to the aid",
        ),
        (b"=3D=3d=C3=A9", b"==\xc3\xa9"),
        (b"100% = =zz =4", b"100% = =zz =4"),
        (b"end=", b"end"),
        (b"8 bit \xc3\xa9", b"8 bit \xc3\xa9"),
    ],
)
def test_quoted_printable(encoded: bytes, decoded: bytes) -> None:
    assert octets(encoded, b"quoted-printable") == decoded


@pytest.mark.parametrize("encoding", [b"7bit", b"8bit", b"binary", b"x-unknown", b"", b"8 bit"])
def test_other_encodings_stand_for_themselves(encoding: bytes) -> None:
    assert octets(b"=41 aGk=", encoding) == b"=41 aGk="


@given(st.binary())
@example(b"\n\r\n")
def test_what_is_encoded_comes_back(data: bytes) -> None:
    assert octets(base64.encodebytes(data), b"base64") == data
    # It takes the line ends of a text for all of the first one's kind.
    text = data.replace(b"\r", b"")
    assert octets(quopri.encodestring(text), b"quoted-printable") == text
    assert octets(binascii.b2a_qp(data, istext=False), b"quoted-printable") == data


@pytest.mark.parametrize(
    ("charset", "data", "decoded"),
    [
        (b"utf-8", b"caf\xc3\xa9", "café"),
        (b"UTF8", b"caf\xc3\xa9 \xff", "café \ufffd"),
        (b"iso-8859-1", b"caf\xe9 \x93x\x94", "café “x”"),
        (b"ISO-8859-15", b"\xa4", "€"),
        (b"Windows-1252", b"\x80", "€"),
        (b"windows-1251", b"\xcf", "П"),
        (b"koi8-r", b"\xf0", "П"),
        (b"koi8-u", b"\xa4", "є"),
        (b"windows-874", b"\xa1", "ก"),
        (b"gb2312", b"\xc4\xe3", "你"),
        (b"gb2312", b"\x81\x30\x81\x30", "\x80"),
        (b"big5", b"\xa7\x41", "你"),
        (b"shift_jis", b"\x87\x40", "①"),
        (b"euc-kr", b"\x8c\x63", "똠"),
        (b"iso-2022-jp", b"\x1b$B$3\x1b(B", "こ"),
        (b"utf-16be", b"\0a\0b", "ab"),
        (b"utf-16", b"\xff\xfea\0b\0", "ab"),
        # US-ASCII and names unknown: UTF-8, or else Windows-1252
        (b"us-ascii", b"caf\xc3\xa9", "café"),
        (b"us-ascii", b"caf\xe9 au", "café au"),
        (b"", b"caf\xe9 au", "café au"),
        (b"no-such-charset", b"caf\xc3\xa9", "café"),
        (b"unknown-8bit", b"caf\xc3", "caf\ufffd"),
        (b" \xff\0\r\n../..", b"text", "text"),
        # Codecs of Python that are no charsets
        (b"idna", b"xn--caf-dma", "xn--caf-dma"),
        (b"punycode", b"a-b", "a-b"),
        (b"unicode_escape", rb"\u0041", r"\u0041"),
        (b"rot13", b"abc", "abc"),
        (b"base64", b"aGk=", "aGk="),
        (b"zlib", b"x", "x"),
        (b"utf-7", b"+2AA-", "+2AA-"),
        (b"aliases", b"x", "x"),
    ],
)
def test_charset(charset: bytes, data: bytes, decoded: str) -> None:
    assert decode_charset(data, charset) == decoded


@pytest.mark.parametrize(
    "charset", [b"utf-8", b"utf-16", b"utf-32", b"hz", b"iso-2022-kr", b"big5hkscs", b"utf_7", b"cp037"]
)
@given(data=st.binary())
def test_any_text_can_be_stored(charset: bytes, data: bytes) -> None:
    decode_charset(data, charset).encode()


@pytest.mark.parametrize(
    ("body", "encoding", "limit", "decoded"),
    [
        (b"abcdef", b"7bit", 3, "abc"),
        (b"abcdef", b"7bit", 6, "abcdef"),
        (b"abcdef", b"7bit", None, "abcdef"),
        ("abcé".encode(), b"8bit", 4, "abc"),
        (b"abc=C3=A9", b"quoted-printable", 4, "abc"),
        (b"abc=C3=A9", b"quoted-printable", 5, "abc"),
        (b"abc=C3=A9", b"quoted-printable", 7, "abc"),
        (b"abc=\r\ndef", b"quoted-printable", 5, "abc"),
        (b"YWJjZGVm", b"base64", 6, "abcd"),
    ],
)
def test_text_of_the_beginning(body: bytes, encoding: bytes, limit: int | None, decoded: str) -> None:
    assert text(body, encoding, limit=limit) == decoded


def test_messages() -> None:
    raw = load("encodings")
    first, second, third = parse(raw)[0].children
    assert decoded_text(raw, first) == "päivää\r\n"
    assert decoded_text(raw, second).startswith("yötä vaan.\n")
    assert decoded_body(raw, third) == binascii.a2b_base64(b"garbage=")


@pytest.mark.parametrize(
    ("value", "decoded"),
    [
        # RFC 2047 §8
        (b"=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>", "Keith Moore <moore@cs.utk.edu>"),
        (b"=?ISO-8859-1?Q?Patrik_F=E4ltstr=F6m?=", "Patrik Fältström"),
        (
            (
                b"=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n"
                b" =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?="
            ),
            "If you can read this you understand the example.",
        ),
        (b"(=?ISO-8859-1?Q?a?=)", "(a)"),
        (b"(=?ISO-8859-1?Q?a?= b)", "(a b)"),
        (b"(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)", "(ab)"),
        (b"(=?ISO-8859-1?Q?a_b?=)", "(a b)"),
        (b"a =?utf-8?q?=C3=A9?= b", "a é b"),
        # RFC 2231 §5
        (b"=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore"),
        # What is not allowed, but sent
        (b"=?utf-8?q?a b?=", "a b"),
        (b"x=?utf-8?q?a?=y", "xay"),
        (b"=?utf-8?b?w6k?= =?UTF-8?b?w6k=?=", "éé"),
        (b"=?utf-8?b?ww==?= =?utf-8?b?qQ==?=", "é"),  # one character in two words
        (b"=?no-such?q?=C3=A9?=", "é"),
        (b"=?utf-8?x?a?= =?utf-8?q?a", "=?utf-8?x?a?= =?utf-8?q?a"),
        (b"=?utf-8?q??=", ""),
        (b"caf\xc3\xa9", "café"),
        (b"caf\xe9 au lait", "café au lait"),
        # A decoded line end must not begin another header field somewhere
        (b"=?utf-8?q?a=0D=0ABcc:_x=00?=\r\n b", "aBcc: x b"),
        (b"", ""),
    ],
)
def test_encoded_words(value: bytes, decoded: str) -> None:
    assert decode_words(value) == decoded


@given(st.lists(st.sampled_from([b"=?", b"utf-8", b"?", b"q", b"b", b"?=", b" ", b"=C3", b"w6k", b"\xff", b"*"])))
def test_any_encoded_words(pieces: list[bytes]) -> None:
    decode_words(b"".join(pieces)).encode()


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ([b"Content-Disposition: attachment; filename=a.pdf", b"Content-Type: a/b; name=b.pdf"], "a.pdf"),
        ([b"Content-Type: a/b; name=b.pdf"], "b.pdf"),
        ([b"Content-Disposition: attachment; filename=", b"Content-Type: a/b; name=b.pdf"], "b.pdf"),
        ([b"Content-Disposition: attachment; filename*=iso-8859-1''%e9.pdf; filename=e.pdf"], "é.pdf"),
        ([b"Content-Disposition: attachment; filename*0*=utf-8''%c3; filename*1*=%a9; filename*2=.pdf"], "é.pdf"),
        ([b'Content-Disposition: attachment; filename="=?utf-8?q?=C3=A9.pdf?="'], "é.pdf"),
        ([b'Content-Disposition: attachment; filename="caf\xc3\xa9.pdf"'], "café.pdf"),
        ([b"Content-Disposition: attachment; filename*=utf-8''a%0d%0a%00%e2%80%ae.exe"], "a.exe"),
        ([b"Content-Disposition: attachment"], None),
        ([b"Content-Disposition: attachment; filename*=utf-8''%00"], None),
        ([], None),
    ],
)
def test_filename(fields: list[bytes], name: str | None) -> None:
    assert part_filename(parse(message(*fields, b"", b""))[0]) == name


def in_slices(body: bytes, encoding: bytes, size: int) -> bytes:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(content, "_SLICE", size)
        return octets(body, encoding)


@given(st.binary(max_size=80), st.integers(1, 3), st.sampled_from([(b"base64", 7), (b"quoted-printable", 127)]))
def test_what_is_large_is_decoded_in_slices(pattern: bytes, odd: int, how: tuple[bytes, int]) -> None:
    body = (b"aGVsbG8gd29ybGQ= =20 \t\r\n" + pattern + b"x" * odd + b"\r\n") * 9
    encoding, size = how
    assert in_slices(body, encoding, size) == octets(body, encoding)


@given(st.lists(st.sampled_from([b"=41", b"=3D", b"ab ", b"x", b"=C3=A9", b" = \r\n", b"y\t\r\n"]), max_size=40))
def test_a_long_line_is_cut_where_nothing_is_in_two(pieces: list[bytes]) -> None:
    body = b"".join(pieces) + b"ab =20 "
    # In so many octets there is a place for a cut, whatever the pieces are.
    assert in_slices(body, b"quoted-printable", 16) == octets(body, b"quoted-printable")


@pytest.mark.parametrize("octet", [b"=", b" ", b"\r", b"x"])
def test_a_line_without_an_end_and_without_sense_is_cut(octet: bytes) -> None:
    text = octet * (5 * content._SLICE)
    assert len(list(content._decode_quoted_printable(text))) in {3, 4}


@pytest.mark.parametrize(
    ("encoded", "decoded"),
    [
        (b"a  \r\nb\t\n c \t", b"a\r\nb\n c"),
        (b"a = \t\r\nb=\r\n c", b"a b c"),
        (b"a =20 \r\n", b"a  \r\n"),
    ],
)
def test_white_space_at_the_end_of_a_line_was_added_on_the_way(encoded: bytes, decoded: bytes) -> None:
    # RFC 2045 §6.7, rule 3
    assert octets(encoded, b"quoted-printable") == decoded
