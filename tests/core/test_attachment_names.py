"""RFC 2045, 2047, 2183, 2231 and what file systems do: the extensions that an attachment can come to have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.attachment_names import MAX_FIELDS, MAX_PARAMETERS, TooManyNames, extensions, part_names
from tempmaild.core.mime import MAX_FIELD_SIZE, parse

from .messages import message


def found(*fields: bytes) -> set[str]:
    """The extensions of the names that a part with these fields can have."""
    raw = message(*fields, b"", b"")
    return {extension for name in part_names(raw, parse(raw)[0]) for extension in extensions(name)}


def disposition(parameters: bytes) -> set[str]:
    return found(b"Content-Disposition: attachment; " + parameters)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.exe", {"exe"}),
        ("A.EXE", {"exe"}),
        ("invoice.pdf.exe", {"exe"}),
        ("invoice.pdf                                   .exe", {"exe"}),
        ("a.exe.", {"exe"}),
        ("a.exe. . .", {"exe"}),
        ("a. exe", {"exe"}),
        (".exe", {"exe"}),
        ("exe", set()),
        ("", set()),
        ("...", set()),
        ("node.js development.pdf", {"pdf"}),
        # what is in front of the name
        ("C:\\dir\\a.exe", {"exe"}),
        ("dir.txt/a.exe", {"exe"}),
        ("a.exe/", {"exe"}),
        ("../../a.exe\\\\", {"exe"}),
        # alternate data streams
        ("a.exe::$DATA", {"exe", "exe::$data"}),
        ("a.txt:evil.exe", {"txt", "exe"}),
        ("a.exe:x.txt", {"exe", "txt"}),
        # controls
        ("a.exe\0.txt", {"exe", "txt"}),
        ("a.e\0xe", {"exe", "e"}),
        ("a.exe\x1f", {"exe"}),
        ("a.exe\r\n.txt", {"exe", "txt"}),
        # what nobody sees
        ("annex\u202etxt.exe", {"exe"}),
        ("a.e\u202exe", {"exe"}),
        ("a.ex\u200be", {"exe"}),
        ("a.exe\u00a0\u3000", {"exe"}),
        ("a.exe\u3164\u2800", {"exe"}),
        ("a\ufeff.\u2066exe\u2069", {"exe"}),
        ("a.e\u00adxe\ufe0f", {"exe"}),
        # what looks alike
        ("a\uff0eexe", {"exe"}),
        ("a\u2024exe", {"exe"}),
        ("a\u3002exe", {"exe"}),
        ("a\uff61exe", {"exe"}),
        ("a\ufe52exe", {"exe"}),
        ("a.\uff45\uff58\uff45", {"exe"}),
        ("a.\U0001d41e\U0001d431\U0001d41e", {"exe"}),
        ("a.\u212as", {"ks"}),
        # percent-encoding
        ("a%2Eexe", {"exe"}),
        ("a.%65xe", {"%65xe", "exe"}),
        ("a%252eexe", {"exe"}),
        ("a.exe%00.txt", {"exe", "txt"}),
        ("100%.txt", {"txt"}),
        # crumbs
        ('a.exe"', {"exe"}),
        ("a.exe';", {"exe"}),
        ("a.exe>", {"exe"}),
        ("a.exe;1", {"exe"}),
        # compressed
        ("a.exe.gz", {"exe", "gz"}),
        ("a.tar.xz", {"tar", "xz"}),
        ("a.js.bzip2", {"js", "bzip2"}),
        ("a.js.gzip", {"js", "gzip"}),
        ("a.js.001", {"js", "001"}),
        # class ids
        ("a.txt.{3050F4D8-98B5-11CF-BB82-00AA00BDCE0B}", {"clsid"}),
        ("a.{not-one}", {"{not-one}"}),
        # names too long
        ("x" * 251 + ".exe.txt", {"exe", "txt"}),
        ("x" * 5000 + ".exe", {"exe"}),
        ("x" * 5000, set()),
    ],
)
def test_extensions(name: str, expected: set[str]) -> None:
    assert extensions(name) == expected


def test_a_name_cut_after_255_octets() -> None:
    assert "exe" in extensions("é" * 125 + "y.exe.txt")


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        (b"filename=a.exe", {"exe"}),
        (b'filename="a.exe"', {"exe"}),
        (b'filename="a.\\e\\x\\e"', {"exe"}),
        (b'filename="a.exe', {"exe"}),
        (b"filename='a.exe'", {"exe"}),
        (b"FileName=a b.exe", {"exe"}),
        (b"filename=a\r\n b.exe", {"exe"}),
        (b"filename(comment)=a.exe", {"exe"}),
        # RFC 2047
        (b'filename="=?utf-8?B?YS5leGU=?="', {"exe"}),
        (b"filename==?iso-8859-1?Q?a=2Eexe?=", {"exe"}),
        (b'filename="=?utf-8?Q?a.e?= =?utf-8?Q?xe?="', {"exe"}),
        (b'filename="=?utf-8?Q?a.exe=00.txt?="', {"exe", "txt"}),
        (b'filename="=?utf-16?B?YQAuAGUAeABlAA==?="', {"exe"}),
        # RFC 2231
        (b"filename*=utf-8''a%2Eexe", {"exe"}),
        (b"filename*=utf-8'en'a.exe%00.txt", {"exe", "txt"}),
        (b'filename="=?utf-7?Q?a+AC4-exe?="', {"exe"}),
        # RFC 2231
        (b"filename*=utf-7''a+AC4-exe", {"exe"}),
        (b"filename*=%61.exe", {"exe"}),
        (b"filename*0=a.e; filename*1=xe", {"exe"}),
        (b"filename*1=xe; filename*0=a.e", {"exe"}),
        (b"filename*0*=utf-8''a%2E; filename*1*=%65xe", {"exe"}),
        (b"filename*0*=utf-8''a; filename*1=.exe", {"exe"}),
        (b"filename*0==?utf-8?Q?a; filename*1=.exe?=", {"exe"}),
        # defects
        (b"filename*1=a.e; filename*2=xe", {"exe"}),
        (b"filename*00=a.e; filename*01=xe", {"exe"}),
        (b"filename*0=a.; filename*0=b.; filename*1=exe", {"exe"}),
        (b"filename*x=a.exe", {"exe"}),
        (b"name=a.exe", {"exe"}),
        (b'filename="a.txt"a.exe', {"txt", "exe"}),
        (b'filename=""a.exe""', {"exe"}),
        (b'FileName*0 = ""\r\n\ta.exe""; x=y', {"exe"}),
        (b'filename="a" ".exe"', {"exe"}),
        (b'filename=""=?utf-8?Q?a=2Eexe?=""', {"exe"}),
    ],
)
def test_one_name(parameters: bytes, expected: set[str]) -> None:
    assert disposition(parameters) >= expected


@pytest.mark.parametrize(
    "fields",
    [
        (b"Content-Type: text/plain; name=a.txt", b"Content-Disposition: attachment; filename=a.exe"),
        (b"Content-Type: text/plain; name=a.exe", b"Content-Disposition: attachment; filename=a.txt"),
        (b"Content-Disposition: attachment; filename=a.txt; filename=a.exe",),
        (b"Content-Disposition: attachment; filename=a.exe; filename=a.txt",),
        (b"Content-Disposition: attachment; filename=a.exe; filename*=utf-8''a.txt",),
        (b"Content-Disposition: attachment; filename=a.txt; filename*=utf-8''a.exe",),
        (b"Content-Disposition: attachment; filename*0=a.; filename*1=txt; filename*1=exe; filename=a.txt",),
        (b"Content-Disposition: attachment; filename=a.txt", b"content-disposition: attachment; filename=a.exe"),
        (b"Content-Type: a/b; name=a.txt", b"CONTENT-TYPE : broken; name=a.exe", b"Content-Type: c/d; name=b.txt"),
        (b"Content-Disposition: attachment; filename=a.txt", b"Content-Disposition: filename=a.exe"),
        (b"Content-Disposition: attachment; filename=a.txt\0.exe",),
    ],
)
def test_of_several_names_all_count(fields: tuple[bytes, ...]) -> None:
    assert found(*fields) >= {"txt", "exe"}


def test_what_is_behind_a_name_in_quotes() -> None:
    assert disposition(b'filename="a.txt" (a.exe)') == {"txt"}
    assert disposition(b'filename="a.txt"; x="a.exe"\r\nX-Name: a.exe') == {"txt"}
    assert disposition(b'filename="a.txt"\r\nX-Name: a.exe') == {"txt"}
    assert found(b'Subject: name="a" b.exe', b'X-Names: filename=""b.exe""', b"Content-Type: a/b") == set()
    with pytest.raises(TooManyNames):
        found(b"Content-Type: a/b; " + b'name="a"b; ' * (MAX_PARAMETERS + 1))


@pytest.mark.parametrize("value", [b"name=a.exe", b"; name=a.exe", b"file; name=a.exe", b"a/b, name=a.exe"])
def test_the_name_of_a_type_that_is_none(value: bytes) -> None:
    assert found(b"Content-Type: " + value) == {"exe"}
    assert found(b"Content-Type: " + value, b"Content-Disposition: attachment; filename=a.txt") == {"txt", "exe"}


def test_names_in_a_header_that_is_too_long() -> None:
    filler = b"X: " + b"x" * MAX_FIELD_SIZE
    assert found(filler, b"Content-Disposition: attachment; filename=a.exe") == {"exe"}
    assert found(filler, b"Content-Type: a/b; name=a.exe") == {"exe"}


def test_a_nul_in_a_header_may_end_the_name() -> None:
    assert found(b"Content-Disposition: attachment; filename=a.exe\0.txt") == {"txt", "exe"}


def test_no_names() -> None:
    assert found(b"Content-Type: text/plain", b"Subject: name=a.exe") == set()
    assert disposition(b"size=5") == set()


def test_too_many_names() -> None:
    with pytest.raises(TooManyNames):
        disposition(b"; ".join([b"filename=a.txt"] * (MAX_PARAMETERS + 1)))
    with pytest.raises(TooManyNames):
        found(*[b"Content-Type: text/plain; name=a.txt"] * (MAX_FIELDS + 1))
    assert disposition(b"; ".join([b"filename=a.txt"] * (MAX_PARAMETERS - 1) + [b"name=a.exe"])) == {"txt", "exe"}


@given(st.text(st.sampled_from("a.\0\u202e%2e:/\\ \uff0e=?Q;\ud800")), st.sampled_from(["", "x", "\0", "."]))
def test_nothing_in_front_hides_an_extension(start: str, middle: str) -> None:
    assert "exe" in extensions(f"{start}{middle}z.exe")


@given(st.text())
def test_any_name(name: str) -> None:
    assert all(extension == extension.lower() for extension in extensions(name))


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_any_parameters(values: list[bytes]) -> None:
    raw = b"Content-Type: a/b; " + b"; name=".join(values) + b"\r\nContent-Type: " + b"; filename*0*=".join(values)
    for name in part_names(raw, parse(raw)[0]):
        extensions(name)


@pytest.mark.parametrize("name", [b"Content-Description", b"Content-Name", b"X-Sun-Data-Name"])
def test_what_describes_a_part_names_it_where_nothing_else_does(name: bytes) -> None:
    described = name + b": =?utf-8?Q?a=2Eexe?="
    attachment = b"Content-Disposition: attachment"
    assert found(b"Content-Type: application/x", described) == {"exe"}
    assert found(attachment, described) == {"exe"}
    assert found(attachment + b'; filename=""', described) == {"exe"}
    assert found(attachment + b"; filename=a.txt", described) == {"txt"}
    assert found(described) == found(b"Content-Type: text/html", described) == set()
    assert found(b"Content-Type: message/delivery-status", described) == set()
    with pytest.raises(TooManyNames):
        found(attachment, *[described] * (MAX_FIELDS + 1))


def test_quotes_within_a_name() -> None:
    assert disposition(b'filename=a".exe"') == {"exe"}
    assert disposition(b'filename=a.t"xt".exe') == {"t", "exe"}


def test_parentheses_that_are_comments_to_some() -> None:
    assert found(b"Content-Disposition: attachment (; filename=a.exe") == {"exe"}
    assert found(b'Content-Type: image/png (; x=")"; name=a.exe') == {"exe"}
    assert disposition(b'filename="a (1).txt"') == {"txt"}
