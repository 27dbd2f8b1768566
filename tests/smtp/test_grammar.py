from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.smtp.grammar import (
    NULL_PATH,
    MailParameters,
    NeedsUtf8,
    Path,
    SyntaxProblem,
    UnknownParameter,
    helo_name,
    mail_arguments,
    rcpt_arguments,
    split_command,
)


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        (b"NOOP", (b"NOOP", b"")),
        (b"mail FROM:<>", (b"MAIL", b"FROM:<>")),
        (b"DATA \t ", (b"DATA", b"")),
        (b"QUIT\t", (b"QUIT", b"")),
        (b"EHLO   a b ", (b"EHLO", b"a b")),
        (b" NOOP", (b"", b"NOOP")),
        (b"NO\tOP", (b"NO\tOP", b"")),
        (b"", (b"", b"")),
    ],
)
def test_commands(line: bytes, parts: tuple[bytes, bytes]) -> None:
    assert split_command(line) == parts


@pytest.mark.parametrize(
    "name", [b"a", b"mail.example.org", b"[192.0.2.1]", b"[IPv6:2001:db8::1]", b"my_pc", b"a" * 255]
)
def test_names_of_clients(name: bytes) -> None:
    assert helo_name(name) == name.decode()


@pytest.mark.parametrize(
    "name", [b"", b"a b", b"a\0", b"a\n", b"gr\xc3\xbcn", b"<a>", b"(a)", b'"a"', b"a;b", b"a" * 256]
)
def test_what_cannot_stand_in_a_received_field_is_no_name(name: bytes) -> None:
    with pytest.raises(SyntaxProblem):
        helo_name(name)


LONG_LOCAL_PART = "bounce+" + "a" * 120
# 256 octets with the brackets, RFC 5321 §4.5.3.1.3
LONGEST = "a@" + "b." * 125 + "cc"

PATHS = [
    ("<a@b>", "a", "b"),
    ("<a.b+c=d@mail.example.org>", "a.b+c=d", "mail.example.org"),
    ("<!#$%&'*+-/=?^_`{|}~@b.c>", "!#$%&'*+-/=?^_`{|}~", "b.c"),
    ('<"a b"@c>', "a b", "c"),
    ('<"a>b@c"@d>', "a>b@c", "d"),
    ('<"a<b"@d>', "a<b", "d"),
    (r'<"a\"\\b"@c>', r"a\b".replace("\\", '"\\'), "c"),
    ('<""@c>', "", "c"),
    ("<.a@b>", ".a", "b"),
    ("<a.@b>", "a.", "b"),
    ("<a..b@c>", "a..b", "c"),
    ("<a@[192.0.2.1]>", "a", "[192.0.2.1]"),
    ("<a@[IPv6:2001:db8::1]>", "a", "[IPv6:2001:db8::1]"),
    ("<a@[ipv6:::1]>", "a", "[ipv6:::1]"),
    ("<a@b.>", "a", "b."),
    ("<a@my_host.example>", "a", "my_host.example"),
    ("<@x,@y.z:a@b>", "a", "b"),
    ('<@x:"a>b"@c>', "a>b", "c"),
    (f"<{LONG_LOCAL_PART}@b>", LONG_LOCAL_PART, "b"),
    (f"<{LONGEST}>", "a", LONGEST[2:]),
]
NO_PATHS = [
    "",
    "a@b",
    "<",
    "<a@b",
    "a@b>",
    "< a@b>",
    "<a@b >",
    "<a>",
    "<@b>",
    "<a@>",
    "<a@@b>",
    "<a@b@c>",
    "<a b@c>",
    "<a,b@c>",
    "<a@b..c>",
    "<a@-b>",
    "<a@b->",
    "<a@b/c>",
    '<"a@b>',
    '<"a"b@c>',
    '<"a\x01"@c>',
    '<"a\\',
    "<a\x7f@b>",
    "<a\x00@b>",
    "<a@b\x00>",
    "<a@[192.0.2.256]>",
    "<a@[192.0.2.1>",
    "<a@[IPv6:192.0.2.1]>",
    "<a@[2001:db8::1]>",
    "<a@[]>",
    "<<a@b>>",
    "<@x:>",
    "<@x a@b>",
    f"<a{LONGEST}>",
]


@pytest.mark.parametrize(("text", "local_part", "domain"), PATHS)
def test_paths(text: str, local_part: str, domain: str) -> None:
    path = Path(local_part, domain)
    for keyword in ("FROM:", "from: "):
        assert mail_arguments((keyword + text).encode()) == (path, MailParameters())
        assert mail_arguments((keyword + text + "  SIZE=1").encode()) == (path, MailParameters(1))
    assert rcpt_arguments(b"To:" + text.encode(), utf8=False) == path
    assert mail_arguments(f"FROM:<{path}>".encode())[0] == path


@pytest.mark.parametrize("text", NO_PATHS)
def test_what_is_no_path(text: str) -> None:
    for arguments in (text, text + " SIZE=1"):
        with pytest.raises(SyntaxProblem):
            mail_arguments(b"FROM:" + arguments.encode())
    with pytest.raises(SyntaxProblem):
        rcpt_arguments(b"TO:" + text.encode(), utf8=True)


def test_the_null_path_is_for_senders_only() -> None:
    assert mail_arguments(b"FROM:<>") == (NULL_PATH, MailParameters())
    assert mail_arguments(b"FROM:<> SIZE=5 BODY=7BIT") == (NULL_PATH, MailParameters(5))
    assert str(NULL_PATH) == ""
    with pytest.raises(SyntaxProblem):
        rcpt_arguments(b"TO:<>", utf8=False)


def test_the_postmaster_needs_no_domain() -> None:
    assert rcpt_arguments(b"TO:<PostMaster>", utf8=False) == Path("postmaster", "")
    with pytest.raises(SyntaxProblem):
        mail_arguments(b"FROM:<postmaster>")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (Path("a.b", "c"), "a.b@c"),
        (Path("a b", "c"), '"a b"@c'),
        (Path('a"\\', "c"), '"a\\"\\\\"@c'),
        (Path("", "c"), '""@c'),
        (Path("grün", "c"), "grün@c"),
        (Path("postmaster", ""), "postmaster"),
    ],
)
def test_paths_as_text(path: Path, text: str) -> None:
    assert str(path) == text


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        (b"", MailParameters()),
        (b" SIZE=0", MailParameters()),
        (b" SIZE=99999999999999999999", MailParameters(10**20 - 1)),
        (b" size=10  body=8bitmime", MailParameters(10)),
        (b" SMTPUTF8 BODY=7BIT", MailParameters(utf8=True)),
        (b"   ", MailParameters()),
    ],
)
def test_parameters(text: bytes, parameters: MailParameters) -> None:
    assert mail_arguments(b"FROM:<a@b>" + text)[1] == parameters


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b" SIZE=", SyntaxProblem),
        (b" SIZE=a", SyntaxProblem),
        (b" SIZE=+1", SyntaxProblem),
        (b" SIZE=\xd9\xa1", SyntaxProblem),
        (b" SIZE=999999999999999999999", SyntaxProblem),
        (b" SIZE", SyntaxProblem),
        (b" BODY", SyntaxProblem),
        (b" BODY=BINARYMIME", SyntaxProblem),
        (b" -A=1", SyntaxProblem),
        (b" A==1", SyntaxProblem),
        (b" \x00", SyntaxProblem),
        (b" SIZE=1\tBODY=7BIT", SyntaxProblem),
        (b"SIZE=1", SyntaxProblem),
        (b" AUTH=<>", UnknownParameter),
        (b" SMTPUTF8=yes", UnknownParameter),
        (b" RET=FULL", UnknownParameter),
    ],
)
def test_what_is_no_parameter(text: bytes, problem: type[Exception]) -> None:
    with pytest.raises(problem):
        mail_arguments(b"FROM:<a@b>" + text)


@pytest.mark.parametrize("text", ["<ü@b>", "<a@bücher.example>", '<"ü ü"@b>'])
def test_addresses_beyond_ascii(text: str) -> None:
    local_part, _, domain = text.strip("<>").rpartition("@")
    path = Path(local_part.strip('"'), domain)
    assert mail_arguments(f"FROM:{text} SMTPUTF8".encode())[0] == path
    assert rcpt_arguments(f"TO:{text}".encode(), utf8=True) == path
    with pytest.raises(NeedsUtf8):
        mail_arguments(f"FROM:{text}".encode())
    with pytest.raises(NeedsUtf8):
        rcpt_arguments(f"TO:{text}".encode(), utf8=False)
    with pytest.raises(SyntaxProblem):
        mail_arguments(f"FROM:{text} SMTPUTF8".encode("latin-1"))


def test_recipients_have_no_parameters() -> None:
    with pytest.raises(UnknownParameter):
        rcpt_arguments(b"TO:<a@b> NOTIFY=NEVER", utf8=False)


WORDS = [
    b"<",
    b">",
    b'"',
    b"\\",
    b"@",
    b":",
    b",",
    b".",
    b"a",
    b" ",
    b"[",
    b"]",
    b"\xc3\xbc",
    b"\xff",
    b"=",
    b"FROM:",
    b"SIZE",
]


@given(st.lists(st.sampled_from(WORDS), max_size=40).map(b"".join))
def test_garbage_is_a_path_or_a_problem(garbage: bytes) -> None:
    for text in (garbage, b"FROM:" + garbage, b"FROM:<" + garbage, b'FROM:<"' + garbage):
        try:
            path, _ = mail_arguments(text)
        except (SyntaxProblem, NeedsUtf8, UnknownParameter):
            continue
        # What can be written down can be read again, and ends no line and no bracket.
        assert mail_arguments(f"FROM:<{path}> SMTPUTF8".encode())[0] == path
        assert str(path).isprintable()
