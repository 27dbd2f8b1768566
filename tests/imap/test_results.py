"""What SEARCH and SORT give (RFC 4731, RFC 5182, RFC 5267 §3)."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tempmaild.imap.fetch_items import parse_fetch
from tempmaild.imap.grammar import Parser, SyntaxProblem
from tempmaild.imap.partial import Range
from tempmaild.imap.results import Options, Results, parse_options
from tests.imap.messages import make_message


def results(*uids: int, by_uid: bool = False, with_modseq: bool = False) -> Results:
    """Messages in this order; the sequence number is a tenth of the UID, the modification sequence a hundred more."""
    messages = [make_message(number=uid // 10, uid=uid) for uid in uids]
    for message in messages:
        message.entry = replace(message.entry, modseq=message.entry.uid + 100)
    return Results(messages, by_uid, with_modseq)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (b"RETURN () x", {b"ALL"}),
        (b"return (min) x", {b"MIN"}),
        (b"RETURN (MIN MAX ALL COUNT SAVE) x", {b"MIN", b"MAX", b"ALL", b"COUNT", b"SAVE"}),
        (b"x", None),
        (b"RETURNED", None),
    ],
)
def test_options(text: bytes, options: set[bytes] | None) -> None:
    parser = Parser([text])
    assert parse_options(parser) == (None if options is None else Options(frozenset(options)))
    assert parser.rest() == (text if options is None else b"x")


# RFC 5465 §7, RFC 9394 §3.1
def test_options_with_arguments() -> None:
    parser = Parser([b"RETURN (PARTIAL -2:-1 UPDATE (UID FLAGS) CONTEXT COUNT) x"])
    options = parse_options(parser)
    assert options is not None
    assert options.names == {b"PARTIAL", b"UPDATE", b"CONTEXT", b"COUNT"}
    assert options.partial == Range(1, 2, from_end=True)
    assert options.request == parse_fetch(Parser([b"(UID FLAGS)"]))
    assert (options.updates, options.saves) == (True, False)
    assert parser.rest() == b"x"


@pytest.mark.parametrize(
    "text",
    [
        *(b"RETURN (PARTIAL) x", b"RETURN (PARTIAL 1:2 ALL) x", b"RETURN (ALL ALL) x", b"RETURN (UPDATE ()) x"),
        *(b"RETURN (UPDATE (FLAGS) (UID)) x", b"RETURN (COUNT (FLAGS)) x", b"RETURN (UPDATE (FLAGS) x"),
        *(b"RETURN ", b"RETURN MIN x", b"RETURN (", b"RETURN (MIN", b"RETURN (MIN )  x", b"RETURN ( MIN) x"),
        *(b"RETURN (MIN,MAX) x", b"RETURN (FIRST) x", b"RETURN (MIN)", b"RETURN (MIN)x"),
    ],
)
def test_what_are_no_options(text: bytes) -> None:
    with pytest.raises(SyntaxProblem):
        parse_options(Parser([text]))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("ALL", b"ALL 1:3,5"),
        ("COUNT", b"COUNT 4"),
        ("MIN", b"MIN 1"),
        ("MAX", b"MAX 5"),
        ("MIN MAX ALL COUNT", b"MIN 1 MAX 5 ALL 1:3,5 COUNT 4"),
        ("MIN SAVE", b"MIN 1"),
    ],
)
def test_extended(options: str, said: bytes) -> None:
    asked = Options(frozenset(options.encode().split()))
    assert results(10, 20, 30, 50).extended(b"a1", asked) == b'* ESEARCH (TAG "a1") %b\r\n' % said


# RFC 4731 §3.1: no MIN, MAX or ALL when nothing is found, but COUNT.
@pytest.mark.parametrize(
    ("options", "said"),
    [("ALL", b""), ("MIN MAX", b""), ("COUNT", b" COUNT 0"), ("MIN MAX ALL COUNT", b" COUNT 0"), ("MIN SAVE", b"")],
)
def test_nothing_found(options: str, said: bytes) -> None:
    asked = Options(frozenset(options.encode().split()))
    assert results(with_modseq=True).extended(b"a", asked) == b'* ESEARCH (TAG "a")%b\r\n' % said


# RFC 5182 §2.1: SAVE alone suppresses the response.
def test_saving_alone_says_nothing() -> None:
    assert results(10).extended(b"a", Options(frozenset({b"SAVE"}))) == b""


# RFC 5267 §3: MIN is what comes first, and ranges only where numbers ascend.
def test_sorted() -> None:
    said = results(50, 30, 40, 10, by_uid=True).extended(b"a", Options(frozenset({b"MIN", b"MAX", b"ALL"})))
    assert said == b'* ESEARCH (TAG "a") UID MIN 50 MAX 10 ALL 50,30,40,10\r\n'
    assert (
        results(50, 30, 40, 10).extended(b"a", Options(frozenset({b"ALL"}))) == b'* ESEARCH (TAG "a") ALL 5,3:4,1\r\n'
    )


# RFC 4731 §3.2
@pytest.mark.parametrize(
    ("options", "modseq"),
    [
        *[("MIN", 110), ("MAX", 120), ("MIN MAX", 120), ("MIN SAVE", 110), ("ALL", 150), ("COUNT", 150)],
        *[("MIN COUNT", 150), ("MIN ALL", 150)],
    ],
)
def test_modseq(options: str, modseq: int) -> None:
    said = results(10, 50, 20, with_modseq=True).extended(b"a", Options(frozenset(options.encode().split())))
    assert said.endswith(b" MODSEQ %d\r\n" % modseq)


def test_plain() -> None:
    assert results(10, 30).plain(b"SEARCH") == b"* SEARCH 1 3\r\n"
    assert results(30, 10, by_uid=True).plain(b"SORT") == b"* SORT 30 10\r\n"
    assert results(30, 10, with_modseq=True).plain(b"SORT") == b"* SORT 3 1 (MODSEQ 130)\r\n"
    assert results(with_modseq=True).plain(b"SEARCH") == b"* SEARCH\r\n"


# RFC 9394 §3
@pytest.mark.parametrize(
    ("wanted", "said", "modseq"),
    [
        (Range(1, 2), b"PARTIAL (1:2 1,3)", 130),
        (Range(1, 1, from_end=True), b"PARTIAL (-1:-1 2)", 120),
        (Range(4, 9), b"PARTIAL (4:9 NIL)", 0),
    ],
)
def test_partial(wanted: Range, said: bytes, modseq: int) -> None:
    said += b" MODSEQ %d" % modseq if modseq else b""
    options = Options(frozenset({b"PARTIAL"}), wanted)
    assert results(10, 30, 20, with_modseq=True).extended(b"a", options) == b'* ESEARCH (TAG "a") %b\r\n' % said


# RFC 9394 §3.2
@pytest.mark.parametrize(
    ("options", "uids"),
    [("", [20]), ("MIN", [20, 50]), ("MAX", [20, 30]), ("MIN MAX", [20, 30, 50]), ("COUNT", [10, 20, 30, 50])],
)
def test_saved_with_partial(options: str, uids: list[int]) -> None:
    names = frozenset({b"SAVE", b"PARTIAL", *options.encode().split()})
    assert results(50, 20, 10, 30).saved(Options(names, Range(2, 2))).tolist() == uids


# RFC 5267 §4.3: UPDATE and CONTEXT have nothing to do with what else is asked for.
def test_asking_only_for_news_is_answered() -> None:
    assert results(10).extended(b"a", Options(frozenset({b"UPDATE"}))) == b'* ESEARCH (TAG "a")\r\n'
    assert results(10, 20).saved(Options(frozenset({b"SAVE", b"UPDATE"}))).tolist() == [10, 20]


# RFC 5182 §2.4
@pytest.mark.parametrize(
    ("options", "uids"),
    [
        *[("SAVE", [10, 20, 50]), ("SAVE MIN", [50]), ("SAVE MAX", [20]), ("SAVE MIN MAX", [20, 50])],
        *[("SAVE ALL", [10, 20, 50]), ("SAVE MIN COUNT", [10, 20, 50]), ("SAVE MIN ALL", [10, 20, 50])],
    ],
)
def test_saved(options: str, uids: list[int]) -> None:
    assert results(50, 10, 20).saved(Options(frozenset(options.encode().split()))).tolist() == uids


def test_saving_the_ends_of_few() -> None:
    ends = Options(frozenset({b"SAVE", b"MIN", b"MAX"}))
    assert results(10).saved(ends).tolist() == [10]
    assert results().saved(ends).tolist() == []
