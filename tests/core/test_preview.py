"""RFC 8970: the preview of a message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.preview import MAX_PREVIEW, html_text, one_line
from tempmaild.core.summary import summarise

from .messages import load, message


def preview(*lines: bytes) -> str:
    return summarise(message(*lines)).preview


HTML = b"Content-Type: text/html; charset=utf-8"
MIXED = b"Content-Type: multipart/mixed; boundary=b"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ""),
        (" \r\n\t ", ""),
        ("  two\r\n\r\nwords ", "two words"),
        ("x" * 300, "x" * MAX_PREVIEW),
        ("word " * 100, ("word " * 40).rstrip()),
        ("a " * 150, ("a " * 100).rstrip()),
        ("NUL\0 and ESC\x1b[31m", "NUL and ESC[31m"),
        ("\ufeffmark \u202eexe.fdp\u202c", "mark exe.fdp"),
        ("Hello \u200c\u00a0\u200c \u034f\u200b padding", "Hello \u034f padding"),
        (400 * "\u200b" + " Hello", "Hello"),
        (400 * " " + "Hello", "Hello"),
        (299 * "\u200b" + "ab\u200c" + "c" * 300, "ab\u200c" + "c" * 197),
        (
            "\u0645\u06cc\u200c\u062e \U0001f469\u200d\U0001f4bb",
            "\u0645\u06cc\u200c\u062e \U0001f469\u200d\U0001f4bb",
        ),
        ("half \ud800 character", "half character"),
    ],
)
def test_one_line(text: str, line: str) -> None:
    assert one_line(text) == line


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("plain", "plain"),
        ("<p>one</p><p>two<br>three</p>", "one two three"),
        ("<B>H</b>el<span class='x'>lo</SPAN>", "Hello"),
        ("a<style type='text/css'>p {}</style >b<SCRIPT>if (a<b) '</p>'</script>c", "a b c"),
        ("<title>no</title>a<!-- <p>no</p> -->b", "a b"),
        ("<!doctype html><?xml version='1.0'?>a", "a"),
        ("&lt;b&gt; &amp;amp; &#65;&#x42; &eacute;&nbsp;x", "<b> &amp; AB é x"),
        ("a < b & c; &nonsense; &#xD800; &#0;", "a < b & c; &nonsense; \ufffd \ufffd"),
        ("&#" + "9" * 10_000 + ";", "&#" + "9" * 10_000 + ";"),
        ("a<style>never closed", "a"),
        ("a<script", "a"),
        ("a<!-- never closed", "a"),
        ("a<p class='never closed", "a"),
        ("a<b>c</b", "ac"),
        ("1<2 and 3>2", "1<2 and 3>2"),
        ("<\u017ftyle>x</style>", "<\u017ftyle>x"),
    ],
)
def test_html_text(page: str, text: str) -> None:
    assert " ".join(html_text(page).split()) == text


@given(
    st.lists(
        st.sampled_from(["<", ">", "</", "<!--", "-->", "style", "<script>", "</title>", "&", "#", "x", ";", "9"])
    )
)
def test_any_html(pieces: list[str]) -> None:
    html_text("".join(pieces))


@pytest.mark.parametrize(
    "piece", ["<", "<!--", "<style>", "</", "<a", "&", "&#", "<title></title>", "<script></style>"]
)
def test_repetition_is_read_to_its_end(piece: str) -> None:
    html_text(piece * 20_000)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([b"Subject: x", b"", b"Hello", b"", b"there"], "Hello there"),
        ([HTML, b"", b"<p>Hello</p><p>there"], "Hello there"),
        ([b"Content-Type: image/png", b"", b"Hello"], ""),
        # RFC 2046 §5.1.4: plain text before HTML, wherever it stands
        ([MIXED, b"", b"--b", HTML, b"", b"<p>rich", b"--b", b"", b"plain", b"--b--"], "plain"),
        # but not plain text without words
        ([MIXED, b"", b"--b", b"", b" ", b"--b", HTML, b"", b"<p>rich", b"--b--"], "rich"),
        # nor attachments, nor embedded messages
        ([MIXED, b"", b"--b", b"Content-Disposition: attachment", b"", b"file", b"--b", b"", b"text"], "text"),
        ([MIXED, b"", b"--b", b"Content-Type: message/rfc822", b"", b"", b"other", b"--b", b"", b"text"], "text"),
        ([b"Content-Transfer-Encoding: base64", b"", b"SGVsbG8="], "Hello"),
        ([b"Content-Transfer-Encoding: quoted-printable", b"", b"H=C3=A9llo=", b"!"], "Héllo!"),
        ([b"Content-Type: text/plain; charset=koi8-r", b"", b"\xf0\xd2\xc9"], "При"),
        ([HTML, b"", b"<style>", b"p {color: red}\r\n" * 2000, b"</style><p>after 30 KB"], "after 30 KB"),
        ([HTML, b"", b"<style>", b"p {color: red}\r\n" * 20_000, b"</style><p>after 300 KB"], ""),
    ],
)
def test_preview(lines: list[bytes], expected: str) -> None:
    assert preview(*lines) == expected


def test_newsletter() -> None:
    assert summarise(load("html-newsletter")).preview == "Café & crème brûlée Today"


def test_character_at_the_end_of_what_is_looked_at() -> None:
    assert preview(b"Content-Type: text/plain; charset=utf-8", b"", b" " * 2041 + "words é".encode()) == "words"
