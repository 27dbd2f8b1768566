"""RFC 2045 §5, RFC 2183, RFC 2231: structured fields and their parameters."""

import pytest

from tempmaild.core.parameters import (
    Parameters,
    parameter_octets,
    parse_disposition,
    parse_media_type,
    parse_token,
    parse_tokens,
)


@pytest.mark.parametrize(
    ("value", "parsed"),
    [
        # RFC 2045 §5.1
        (b" text/plain; charset=us-ascii (Plain text)", (b"text", b"plain", ((b"charset", b"us-ascii"),))),
        (b' Text/PLAIN; CharSet="us-ascii"\r', (b"text", b"plain", ((b"charset", b"us-ascii"),))),
        (b"text/html", (b"text", b"html", ())),
        (b" text / html ;", (b"text", b"html", ())),
        (b"(a) text/(b)html(c)", (b"text", b"html", ())),
        # RFC 2046 §5.1.1
        (
            b'multipart/mixed; boundary="gc0pJq0M:08jU534c0p"',
            (b"multipart", b"mixed", ((b"boundary", b"gc0pJq0M:08jU534c0p"),)),
        ),
        (b'm/p;\r\n\tboundary="a b (c)";\r\n x=y\r', (b"m", b"p", ((b"boundary", b"a b (c)"), (b"x", b"y")))),
        (rb'a/b; c="d \"e\" \\ f"', (b"a", b"b", ((b"c", rb'd "e" \ f'),))),
        (b"a/b; c = d ; e= f", (b"a", b"b", ((b"c", b"d"), (b"e", b"f")))),
        (b'a/b; c=""; d=', (b"a", b"b", ((b"c", b""), (b"d", b"")))),
        (b"a/b;;; ;c=d;;", (b"a", b"b", ((b"c", b"d"),))),
        (b"a/b; alone; c=d", (b"a", b"b", ((b"c", b"d"),))),
        (b"a/b; name=two words.pdf; c=d", (b"a", b"b", ((b"name", b"two words.pdf"), (b"c", b"d")))),
        (b'a/b; c=d\r\n e="f"', (b"a", b"b", ((b"c", b"d"), (b"e", b"f")))),  # semicolon forgotten
        (b'a/b c="d"', (b"a", b"b", ((b"c", b"d"),))),
        (b'a/b; c="open; d=e', (b"a", b"b", ((b"c", b"open; d=e"),))),
        (b"a/b; c=d; c=e", (b"a", b"b", ((b"c", b"d"), (b"c", b"e")))),
        (b"a/b; n*0*=utf-8''%41; n*1=b", (b"a", b"b", ((b"n*0*", b"utf-8''%41"), (b"n*1", b"b")))),
        (b"a/b; c=d=e", (b"a", b"b", ((b"c", b"d=e"),))),
        (b"a/b; c=\xc3\xa9", (b"a", b"b", ((b"c", b"\xc3\xa9"),))),
        (b"", None),
        (b"text", None),
        (b"text/", None),
        (b"/plain", None),
        (b"; charset=utf-8", None),
        (b'"text"/plain', None),
    ],
)
def test_media_type(value: bytes, parsed: tuple[bytes, bytes, Parameters] | None) -> None:
    assert parse_media_type(value) == parsed


@pytest.mark.parametrize(
    ("value", "parsed"),
    [
        # RFC 2183 §3
        (b" inline", (b"inline", ())),
        (
            b' attachment; filename=genome.jpeg;\r\n modification-date="Wed, 12 Feb 1997 16:29:51 -0500";',
            (
                b"attachment",
                ((b"filename", b"genome.jpeg"), (b"modification-date", b"Wed, 12 Feb 1997 16:29:51 -0500")),
            ),
        ),
        (b"ATTACHMENT (why) ; FileName=a", (b"attachment", ((b"filename", b"a"),))),
        (b"filename=a", (b"attachment", ((b"filename", b"a"),))),
        (b"; filename=a", (b"attachment", ((b"filename", b"a"),))),
        (b"", None),
        (b" ;", None),
    ],
)
def test_disposition(value: bytes, parsed: tuple[bytes, Parameters] | None) -> None:
    assert parse_disposition(value) == parsed


@pytest.mark.parametrize(
    ("value", "token"),
    [
        (b" Base64\r", b"base64"),
        (b"(comment) 7bit (comment)", b"7bit"),
        (b"quoted-printable;", b"quoted-printable"),
        (b"", None),
        (b" (only this)", None),
    ],
)
def test_token(value: bytes, token: bytes | None) -> None:
    assert parse_token(value) == token


def test_tokens() -> None:  # RFC 3282 §2
    assert parse_tokens(b" mi, en (English),\r\n , en-GB\r") == (b"mi", b"en", b"en-GB")


@pytest.mark.parametrize(
    ("sent", "charset", "octets"),
    [
        (b"title=plain", b"", b"plain"),
        (b"other=plain", b"", b""),
        (b"title=first; title=second", b"", b"first"),
        # RFC 2231 §3
        (b'title*0="ftp://"; title*1="cs.utk.edu/pub"', b"", b"ftp://cs.utk.edu/pub"),
        # RFC 2231 §4
        (b"title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A", b"us-ascii", b"This is ***fun***"),
        # RFC 2231 §4.1
        (
            (
                b"title*0*=us-ascii'en'This%20is%20even%20more%20;"
                b'title*1*=%2A%2A%2Afun%2A%2A%2A%20;title*2="isn\'t it!"'
            ),
            b"us-ascii",
            b"This is even more ***fun*** isn't it!",
        ),
        (b"title*2=c; title*1=b; title*0=a", b"", b"abc"),
        (b"title=plain; title*=utf-8''better", b"utf-8", b"better"),
        (b"title*1=no beginning; title=plain", b"", b"plain"),
        (b"title*0=a; title*2=after a gap", b"", b"a"),
        (b"title*=no charset", b"", b"no charset"),
        (b"title*=utf-8''%zz%4", b"utf-8", b"%zz%4"),
        (b"title*0=a'b'c%41; title*x=y", b"", b"a'b'c%41"),
    ],
)
def test_parameter_octets(sent: bytes, charset: bytes, octets: bytes) -> None:
    parsed = parse_media_type(b"a/b; " + sent)
    assert parsed is not None
    assert parameter_octets(parsed[2], b"title") == (charset, octets)
