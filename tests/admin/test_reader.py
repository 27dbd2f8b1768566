"""The safe reader: hostile HTML comes out harmless or not at all, whatever it is."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tempmaild.core.envelope import Address
from tempmaild.core.summary import summarise
from tempmaild.service.open_mail import Opened
from tempmaild_admin import clean_html, reader
from tempmaild_admin.reader import TooHard

if TYPE_CHECKING:
    from tests.admin.console import Console

_LOADING = {"src", "srcset", "background", "poster", "data", "action", "formaction", "xlink:href", "longdesc", "cite"}


class Found(HTMLParser):
    """What is in a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {(name, value or "") for name, value in attrs}


def check_harmless(cleaned: str) -> None:
    found = Found(cleaned)
    assert found.tags <= set(clean_html.TAGS)
    for name, value in found.attributes:
        assert not name.startswith("on")
        assert name not in _LOADING - {"cite"}
        if name == "href":
            assert re.match(r"(?:https?|mailto):|[^:]*$", value, re.IGNORECASE), value


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<img src=https://track.example/1.gif>",
    "<img srcset='https://track.example/1.gif 1x'>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href=' java\nscript:alert(1)'>x</a>",
    "<a href='data:text/html,<script>1</script>'>x</a>",
    "<svg><script>alert(1)</script></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<style>@import 'https://track.example/';</style>",
    "<p style='background:url(https://track.example/)'>x</p>",
    "<p style='position:fixed;top:0'>x</p>",
    "<link rel=stylesheet href=https://track.example/>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
    "<base href=https://evil.example/>",
    "<form action=https://evil.example/><input name=password></form>",
    "<iframe src=https://evil.example/></iframe><object data=x></object><embed src=x>",
    "<body background=https://track.example/ onload=alert(1)>x",
    "<table background=https://track.example/><tr><td background=x>c</table>",
    "<video poster=https://track.example/><source src=x></video><audio src=x>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<template><script>alert(1)</script></template>",
    "<!--><script>alert(1)</script>-->",
    "<plaintext><script>",
    "<a title='\"><script>alert(1)</script>'>x",
    "\0<scr\0ipt>alert(1)</scr\0ipt>",
    "<img alt=x longdesc=https://track.example/>",
]


@pytest.mark.parametrize("html", HOSTILE)
def test_nothing_runs_and_nothing_loads(html: str) -> None:
    cleaned = clean_html.clean(html)
    check_harmless(cleaned)
    assert "track.example" not in cleaned
    assert "position" not in cleaned


@given(st.text())
def test_garbage(html: str) -> None:
    check_harmless(clean_html.clean(html))


@settings(max_examples=200)
@given(st.lists(st.sampled_from([*HOSTILE, "<div>", "</div>", "<p", '"', "'", "<!--", "-->", "<b>", "</table>"])))
def test_pieces_of_what_is_hostile(pieces: list[str]) -> None:
    check_harmless(clean_html.clean("".join(pieces)))


def test_what_is_harmless_stays() -> None:
    html = '<table bgcolor="red"><tbody><tr><td style="color:blue">A <b>bold</b> word</td></tr></tbody></table>'
    assert reader.clean(html) == html


OPEN = "<p>" + "".join(f"<font color=c{number}>" for number in range(200))


@pytest.mark.parametrize(
    "html",
    [
        # The parser takes minutes for it.
        "".join(f"<font color=c{number}><p>" for number in range(20_000)),
        # Browsers would not show it.
        "<div>" * (reader.DEEPEST + 1),
        # Whatever is open is repeated in each paragraph: 12 KB become 10 MB, 400 KB more than there is memory.
        OPEN + "<p>x" * 2000,
        OPEN + "<p>x" * 100_000,
    ],
    ids=["slow", "deep", "large", "many"],
)
def test_what_is_too_hard_is_not_shown(html: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "CLEANING_SECONDS", 1.5)
    with pytest.raises(TooHard):
        reader.clean(html)


def test_as_deep_as_may_be() -> None:
    html = "<div>" * reader.DEEPEST
    assert reader.clean(html).count("<div>") == reader.DEEPEST


def opened(raw: bytes) -> Opened:
    return Opened(summarise(raw), raw)


def mixed(*parts: bytes) -> bytes:
    body = b"".join(b"--x\r\n" + part + b"\r\n" for part in parts)
    return b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + body + b"--x--\r\n"


class TestReading:
    def test_text_html_and_the_rest(self) -> None:
        message = opened(
            mixed(
                b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\ngr\xfc\xdfe",
                b"Content-Type: text/html\r\n\r\n<b>bold</b><script>x</script>",
                b"Content-Type: text/html\r\nContent-Disposition: attachment; filename=page.html\r\n\r\n<b>",
                b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=",
            )
        )
        reading = reader.read(message)
        assert (reading.text, reading.cut, reading.has_html, reading.more) == ("grüße", False, True, 0)
        assert [(a.number, a.name, a.media_type) for a in reading.attachments] == [
            (3, "page.html", "text/html"),
            (4, "part-4", "application/pdf"),
        ]
        assert reader.cleaned_html(message) == "<b>bold</b>"
        assert reader.attached(message, 4) == ("part-4", b"hello")
        assert [reader.attached(message, number) for number in (0, -1, 5, 10**9)] == [None] * 4

    def test_much(self) -> None:
        message = opened(b"\r\n" + b"x" * (reader.LONGEST_TEXT + 1))
        reading = reader.read(message)
        assert (len(reading.text or ""), reading.cut) == (reader.LONGEST_TEXT, True)
        many = reader.read(opened(mixed(*[b"Content-Type: image/png\r\n\r\nx"] * 150)))
        assert (len(many.attachments), many.more) == (reader.MOST_ATTACHMENTS, 50)
        with pytest.raises(TooHard):
            reader.cleaned_html(opened(b"Content-Type: text/html\r\n\r\n" + b"x" * (reader.LONGEST_HTML + 1)))

    @pytest.mark.parametrize(
        ("given_name", "name"),
        [
            (b"../../etc/passwd", "_.._etc_passwd"),
            (b"a\\b:c.txt", "a_b_c.txt"),
            (b"..", "part-1"),
            (b"", "part-1"),
            (b"x\xe2\x80\xaefdp.exe", "xfdp.exe"),
            (b"a" * 300 + b".exe", "a" * 75 + "…" + "a" * 71 + ".exe"),
        ],
    )
    def test_names_are_no_paths(self, given_name: bytes, name: str) -> None:
        raw = b'Content-Type: application/x\r\nContent-Disposition: attachment; filename="%b"\r\n\r\nx'
        raw %= given_name.replace(b"\\", b"\\\\")
        assert [a.name for a in reader.read(opened(raw)).attachments] == [name]

    @given(st.binary(max_size=2000))
    def test_any_octets(self, raw: bytes) -> None:
        message = opened(raw)
        reading = reader.read(message)
        for attachment in reading.attachments:
            assert reader.attached(message, attachment.number) is not None
            assert attachment.name.isprintable()
            assert "/" not in attachment.name

    def test_people(self) -> None:
        someone = Address(b"=?utf-8?q?J=C3=B6rg?=", None, b"joerg", b"example.org")
        group = (Address(None, None, b"friends", None), someone, Address(None, None, None, None))
        assert reader.people(group) == "Jörg <joerg@example.org>"
        assert reader.line(b"a\x1b[31m" + b"b" * 2000).startswith("a [31mb")
        assert len(reader.line(b"b" * 20_000)) == 1001


def test_many_people(console: Console) -> None:
    with console.app.test_request_context():
        many = [Address(None, None, b"a%d" % number, b"b.test") for number in range(25)]
        assert reader.people(many).endswith("a19@b.test, and 5 more")
