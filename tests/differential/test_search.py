"""SEARCH, SORT and THREAD, held against Dovecot."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from tests.differential.pair import Pair
    from tests.imap.responses import Value

SEARCHES = [
    "ALL",
    "1:3,7,*",
    "NOT 2:*",
    "LARGER 2000",
    "SMALLER 500",
    "UNSEEN",
    "NOT DELETED UNFLAGGED",
    "OR LARGER 3000 SMALLER 300",
    "NOT (OR SUBJECT test FROM example)",
    "SUBJECT test",
    "SUBJECT hello",
    'SUBJECT "AW"',
    'FROM "example.com"',
    'TO "box.test"',
    "CC bob",
    "CC carol",
    "BCC g@",
    "HEADER Message-ID example",
    'HEADER X-Mailer ""',
    "HEADER Received by",
    'HEADER Content-Type "multipart/mixed"',
    'HEADER Content-Type "boundary"',
    "HEADER List-Unsubscribe-Post One",
    'HEADER X-None ""',
    "BODY hello",
    "BODY text",
    "BODY yadda",
    "BODY 482913",
    'TEXT "multipart/alternative"',
    "TEXT example",
    'TEXT "Undelivered"',
    "BODY innermost",
    "SENTBEFORE 1-Jan-2000",
    "SENTSINCE 1-Jan-2026",
    "SENTON 20-Nov-2026",
    "SENTON 19-Nov-2026",
    "SENTSINCE 17-Nov-2026 SENTBEFORE 19-Nov-2026",
    "SENTON 1-Jul-2003",
    "SINCE 1-Jan-2020",
    "BEFORE 1-Jan-2020",
    "ON 3-Jan-2020",
    "NOT ON 3-Jan-2020 SINCE 2-Jan-2020 BEFORE 5-Jan-2020",
]
SEARCHES_IN_UTF_8 = [
    "SUBJECT Ärger",
    "SUBJECT ärger",
    "SUBJECT €",
    "FROM René",
    "FROM Groß",
    "TO Jürgen",
    "BODY übersende",
    "BODY Grüße",
]


_NO_SPACE = "zone-without-space"
"""A message with `Date: 01 Jan 2001 00:01+0000`."""


class Explanation(NamedTuple):
    """Why messages are found by one of the servers only.

    Attributes:
        searches: which it is about.
        messages: those that are found by one only.
    """

    why: str
    searches: frozenset[str]
    messages: frozenset[str]


def _row(why: str, searches: list[str], messages: list[str]) -> Explanation:
    return Explanation(why, frozenset(searches), frozenset(messages))


EXPLANATIONS = (
    _row(
        "RFC 2045 §6.4: of an encoding that is not known, the octets are looked at here; Dovecot takes no look.",
        ["BODY hello"],
        ["two-words"],
    ),
    _row(
        "RFC 2046 §5.1.1: what has no boundary is a text here, and without parts there.",
        ["BODY text"],
        ["no-boundary-parameter.eml", "msg_25.txt"],
    ),
    _row(
        "RFC 5322 §3.6: of two Content-Type fields the first counts here, the last there.",
        ["BODY text"],
        ["repeated-fields.eml"],
    ),
    _row(
        "RFC 5322 §3.3: the zone lacks the space before it. The day is plain, but not to Dovecot.",
        ["SENTBEFORE 1-Jan-2000"],
        [_NO_SPACE],
    ),
    _row(
        "RFC 5322 §3.4: of the broken list, more addresses are made out here.",
        ["NOT (OR SUBJECT test FROM example)"],
        ["broken-lists"],
    ),
)


SORTED_ELSEWHERE = (
    _row(
        "RFC 5256 §2.2: a Date that cannot be read counts as the internal date. This zone lacks the space before"
        " it, and nothing else.",
        ["DATE"],
        [_NO_SPACE],
    ),
    _row('RFC 5322 §3.4: "<>" is no address. It is "MISSING_MAILBOX" there.', ["FROM"], ["msg_43.txt"]),
    _row("RFC 5322 §3.4: the broken list has addresses there that nobody wrote.", ["CC"], ["broken-lists"]),
)


@pytest.mark.parametrize("keys", SEARCHES)
def test_search(pair: Pair, keys: str) -> None:
    check(pair, keys, *pair.numbers(f"SEARCH {keys}"))


@pytest.mark.parametrize("keys", SEARCHES_IN_UTF_8)
def test_search_in_utf_8(pair: Pair, keys: str) -> None:
    key, text = keys.split()
    check(pair, keys, *pair.literal_search(f"SEARCH CHARSET UTF-8 {key}", text.encode()))


def check(pair: Pair, keys: str, ours: list[int], theirs: list[int]) -> None:
    names = list(pair.messages)
    found, found_there = ({names[number - 1] for number in numbers} for numbers in (ours, theirs))
    assert sorted(ours) == ours
    explained = {name for row in EXPLANATIONS if keys in row.searches for name in row.messages}
    if "SENTBEFORE" in keys:
        # RFC 9051 §6.4.4: what has no Date was not sent on any day; to Dovecot it was in 1970.
        found_there = {name for name in found_there if _has_date(pair.messages[name])}
    differing = found ^ found_there
    assert differing == explained, f"only ours: {found - found_there}, only theirs: {found_there - found}"


def _has_date(content: bytes) -> bool:
    return re.search(rb"(?mi)^Date:.*\d{4}", content.partition(b"\r\n\r\n")[0]) is not None


@pytest.mark.parametrize(
    "criteria",
    [
        *("ARRIVAL", "SIZE", "REVERSE SIZE", "SUBJECT", "FROM", "TO", "CC", "DATE"),
        *("REVERSE DATE SUBJECT", "SUBJECT REVERSE SIZE"),
    ],
)
def test_sort(pair: Pair, criteria: str) -> None:
    names = list(pair.messages)
    elsewhere = {name for row in SORTED_ELSEWHERE if row.searches & set(criteria.split()) for name in row.messages}
    ours, theirs = (
        [names[number - 1] for number in numbers if names[number - 1] not in elsewhere]
        for numbers in pair.numbers(f"SORT ({criteria}) UTF-8 ALL")
    )
    assert ours == theirs


@pytest.mark.parametrize("algorithm", ["REFERENCES", "ORDEREDSUBJECT"])
def test_thread(pair: Pair, algorithm: str) -> None:
    # Whose date counts differently is elsewhere in its thread.
    ours, theirs = pair.numbers(f"THREAD {algorithm} UTF-8 NOT {pair.number(_NO_SPACE)}")
    assert _threads(ours) == _threads(theirs)


def _threads(value: list[Value]) -> list[str]:
    return sorted(map(repr, value))
