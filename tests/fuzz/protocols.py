"""What clients and proxies say: the grammars of SMTP, POP3 and IMAP, and what is below them."""

from __future__ import annotations

import ipaddress
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

from tempmaild.imap import utf7
from tempmaild.imap.fetch_items import parse_fetch
from tempmaild.imap.grammar import Parser, SyntaxProblem
from tempmaild.imap.list_arguments import list_request, lsub_pattern
from tempmaild.imap.message_urls import _BadUrl, _parse
from tempmaild.imap.names import folder_name
from tempmaild.imap.replies import Refused
from tempmaild.imap.search_keys import Scope, parse_search, parse_search_in_charset
from tempmaild.imap.sections import parse_binary_section, parse_section
from tempmaild.imap.sequence import write_set
from tempmaild.imap.sort_order import parse_order
from tempmaild.imap.strings import astring, string, without_nul
from tempmaild.net.conversation import Garbled, Input
from tempmaild.net.deflate import PIECE, Deflate
from tempmaild.net.proxy import NotProxied, ProxyHeader
from tempmaild.pop3 import grammar as pop3
from tempmaild.smtp import grammar as smtp
from tests.fuzz.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_UIDS = range(1, 1000)
_READERS: tuple[Callable[[Parser], object], ...] = (
    Parser.tag,
    Parser.astring,
    Parser.nstring,
    Parser.binary_nstring,
    Parser.list_mailbox,
    Parser.number,
    Parser.nz_number,
    Parser.date,
    Parser.date_time,
    Parser.flag_list,
    Parser.flags,
    folder_name,
    parse_fetch,
    lambda parser: parse_search(parser, Scope(_UIDS, 0)),
    lambda parser: parse_search(parser, Scope(_UIDS, 0, is_utf8=True, by_uid_only=True)),
    lambda parser: parse_search_in_charset(parser, Scope(_UIDS, 0)),
    parse_order,
    list_request,
    lsub_pattern,
    lambda parser: parse_section(parser, parser.atom().upper()),
    lambda parser: parse_binary_section(parser, parser.atom().upper()),
)
_LITERAL = b"\x1e"
"""Stands in fuzzed input before and after a literal."""


def check_smtp(line: bytes) -> None:
    verb, argument = smtp.split_command(line)
    assert verb == verb.upper()
    with suppress(smtp.SyntaxProblem):
        assert smtp.helo_name(argument).isascii()
    for path in _paths(argument):
        if path.domain:
            written = f"TO:<{path}>".encode()
            assert len(written) > 259 or smtp.rcpt_arguments(written, utf8=True) == path
            assert not any(character in str(path) for character in "\0\r\n")


def _paths(argument: bytes) -> Iterator[smtp.Path]:
    with suppress(smtp.SyntaxProblem, smtp.NeedsUtf8, smtp.UnknownParameter):
        yield smtp.mail_arguments(argument)[0]
    with suppress(smtp.SyntaxProblem, smtp.NeedsUtf8, smtp.UnknownParameter):
        yield smtp.rcpt_arguments(argument, utf8=True)


def check_pop3(line: bytes) -> None:
    keyword, argument = pop3.split_command(line)
    assert keyword == keyword.upper()
    for read in (pop3.nothing, pop3.number, pop3.number_and_lines, pop3.text, pop3.plain):
        with suppress(pop3.Malformed):
            read(argument)
    if argument.strip():
        with suppress(pop3.Malformed):
            mechanism, _ = pop3.mechanism(argument)
            assert mechanism == mechanism.upper()


def check_imap(data: bytes) -> None:
    fragments = data.split(_LITERAL)
    fragments = fragments if len(fragments) % 2 else fragments[:-1]
    length = sum(map(len, fragments))
    for read in _READERS:
        parser = Parser(fragments)
        problems = []
        try:
            read(parser)
        except SyntaxProblem as problem:
            problems.append(problem)
        except Refused:
            pass
        assert all(0 <= problem.position <= length and problem.text.isascii() for problem in problems)
        assert parser.at_end() is (parser.peek() == b"")
    for write in (string, astring):
        written = write(data)
        fragments = [written] if not written.startswith(b"{") else [b"", written.partition(b"\r\n")[2], b""]
        assert Parser(fragments).astring() == without_nul(data)


def check_sequence_set(data: bytes) -> None:
    try:
        found = Parser([data]).sequence_set()
    except SyntaxProblem:
        return
    indices = found.indices(_UIDS)
    assert indices == sorted(set(indices))
    if indices:
        again = Parser([write_set(_UIDS[index] for index in indices)]).sequence_set()
        assert again.indices(_UIDS) == indices


def check_url(data: bytes) -> None:
    with suppress(_BadUrl):
        url = _parse(data)
        assert url.uid >= 0
        assert url.start >= 0


def check_utf7(name: bytes) -> None:
    with suppress(ValueError):
        assert utf7.encode(utf7.decode(name)) == name
    text = name.decode("utf-8", "replace")
    assert utf7.decode(utf7.encode(text)) == text


def check_proxy(data: bytes) -> None:
    whole, rest = _taken(data, len(data) or 1)
    assert (whole, rest) == _taken(data, 1) or whole == "not proxied"
    if whole and whole != "not proxied":
        ipaddress.ip_address(whole)


def _taken(data: bytes, cut: int) -> tuple[str | None, bytes]:
    """What a header gives that arrives in pieces, and what is left behind it."""
    source = Input()
    header = ProxyHeader(0)
    for start in range(0, len(data), cut):
        source.append(data[start : start + cut])
        try:
            address = header.take(source)
        except NotProxied:
            return "not proxied", b""
        if address is not None:
            return address, source.take_all() + data[start + cut :]
    return None, b""


def check_deflate(data: bytes) -> None:
    deflate = Deflate()
    deflate.append(data)
    unpacked = 0
    with suppress(Garbled):
        while deflate.waiting and unpacked < 100 * PIECE:
            piece = deflate.unpack()
            assert len(piece) <= PIECE
            unpacked += len(piece)
    client = zlib.decompressobj(-15)
    halves = data[: len(data) // 2], data[len(data) // 2 :]
    assert client.decompress(deflate.pack(halves[0]) + deflate.store(data) + deflate.pack(halves[1])) == (
        halves[0] + data + halves[1]
    )


_V2 = b"\r\n\r\n\0\r\nQUIT\n"

TARGETS = (
    Target(
        "smtp",
        check_smtp,
        (
            b'MAIL FROM:<"a b\\""@example.org> SIZE=100 BODY=8BITMIME SMTPUTF8',
            b"RCPT TO:<@a,@b:joe@[192.0.2.1]>",
            b"EHLO [IPv6:::1]",
        ),
        (
            b"MAIL FROM:<",
            b"RCPT TO:<",
            b"@",
            b"<",
            b">",
            b'"',
            b"\\",
            b".",
            b"[",
            b"]",
            b" SIZE=",
            b",@a",
            b"a.",
            b'"a"',
            b" ",
            b"\xc3\xa4",
        ),
    ),
    Target(
        "pop3",
        check_pop3,
        (b"TOP 1 10", b"AUTH PLAIN AGEAYg==", b"USER joe@example.org"),
        (b" ", b"=", b"AGEAYg==", b"9" * 9, b"\0"),
    ),
    Target(
        "imap",
        check_imap,
        (
            b"(FLAGS BODY.PEEK[1.2.HEADER.FIELDS (Subject \x1efrom\x1e)]<0.100> PREVIEW (LAZY))",
            b'CHARSET UTF-8 OR (NOT SEEN FROM "a") SINCE 1-Feb-1994 UID 1:*,5 MODSEQ "/flags/\\\\seen" all 7',
            b' (SUBSCRIBED) "" ("INBOX" "a%") RETURN (CHILDREN STATUS (MESSAGES))',
            b'"17-Jul-1996 02:44:25 -0700"',
            b"(\\Seen $Junk)",
            b"(REVERSE DATE SUBJECT)",
        ),
        (
            b"(",
            b")",
            b" ",
            b'"',
            b"\\",
            b"NOT ",
            b"OR ",
            b"[",
            b"]",
            b"<",
            b"{",
            b"BODY[",
            b"HEADER.FIELDS (",
            b"*",
            b":",
            b",",
            b"\x1e",
            b"1.",
            b"((",
            b"ALL ",
        ),
    ),
    Target(
        "sequence-set",
        check_sequence_set,
        (b"1:3,5,7:*,900:800", b"$", b"*"),
        (b":", b",", b"*", b"1", b"4294967295", b"1,", b"1:*,"),
    ),
    Target(
        "imap-url",
        check_url,
        (b"/INBOX;UIDVALIDITY=7/;UID=20/;SECTION=1.2/;PARTIAL=0.1024",),
        (b";", b"/", b"=", b"%", b"%41", b"UID=", b".", b"/;"),
    ),
    Target("utf7", check_utf7, (b"&AOQ-b&-c", b"a&U,BTFw-"), (b"&", b"-", b"&-", b"&AOQ-", b",", b"&2AA-")),
    Target(
        "proxy",
        check_proxy,
        (
            b"PROXY TCP4 192.0.2.1 192.0.2.2 50000 25\r\nEHLO a",
            b"PROXY UNKNOWN\r\n",
            _V2 + b"\x21\x11\0\x0c" + bytes(range(12)) + b"EHLO a",
            _V2 + b"\x21\x21\0\x28" + bytes(range(40)),
        ),
        (b"PROXY ", b"TCP6 ", b"\r\n", b" ", b"::1", _V2, b"\x21\x11", b"\x20\x00", b"\0\0"),
    ),
    Target(
        "deflate",
        check_deflate,
        (zlib.compress(b"a NOOP\r\n" * 20)[2:-4], zlib.compress(bytes(10**5))[2:-4]),
        (b"\0", b"\xff", b"\0\0\xff\xff", b"\x03\0"),
    ),
)
