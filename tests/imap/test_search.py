"""What SEARCH can ask, and which messages match (RFC 3501 §6.4.4)."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tempmaild.imap.grammar import Parser, SyntaxProblem
from tempmaild.imap.message import Message
from tempmaild.imap.object_ids import email_id
from tempmaild.imap.replies import NO, Refused
from tempmaild.imap.search import Cost, Key
from tempmaild.imap.search_keys import MOST_TEXTS, Criteria, Scope, parse_search, parse_search_in_charset
from tests.imap.messages import SAMPLES, crlf, make_message

NOW = 1_780_000_000
DAY = 86_400


def key(*fragments: bytes, uids: list[int] | None = None) -> Key:
    return criteria(*fragments, scope=Scope([17] if uids is None else uids, NOW)).key


def criteria(*fragments: bytes, scope: Scope | None = None) -> Criteria:
    return parse_search(Parser(fragments), scope or Scope([17], NOW))


def matches(text: bytes, message: Message) -> bool:
    answer = key(text).decide(message)
    assert answer is not None
    return answer


def at(text: str) -> int:
    return int(datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC).timestamp())


# -- keys of the entry


@pytest.mark.parametrize(
    ("text", "flags", "expected"),
    [
        (b"ALL", "", True),
        (b"SEEN", "\\Seen", True),
        (b"SEEN", "\\Answered", False),
        (b"unseen", "", True),
        (b"UNSEEN", "\\Seen", False),
        (b"ANSWERED", "\\Answered", True),
        (b"UNANSWERED", "\\Answered", False),
        (b"DELETED", "\\Deleted", True),
        (b"UNDELETED", "\\Deleted", False),
        (b"DRAFT", "\\Draft", True),
        (b"UNDRAFT", "\\Draft", False),
        (b"FLAGGED", "\\Flagged", True),
        (b"UNFLAGGED", "\\Flagged", False),
        (b"KEYWORD $junk", "$Junk", True),
        (b"KEYWORD $Junk", "$NotJunk", False),
        (b"UNKEYWORD $Junk", "$Junk", False),
        (b"UNKEYWORD $Junk", "", True),
        (b"FLAGGED DELETED", "\\Flagged", False),
        (b"FLAGGED DELETED", "\\Flagged \\Deleted", True),
        (b"OR FLAGGED DELETED", "\\Flagged", True),
        (b"OR FLAGGED DELETED", "\\Seen", False),
        (b"NOT FLAGGED", "", True),
        (b"NOT NOT FLAGGED", "", False),
        (b"NOT (FLAGGED DELETED)", "\\Flagged", True),
        (b"NOT (FLAGGED DELETED)", "\\Flagged \\Deleted", False),
        (b"((FLAGGED)) (SEEN (DELETED))", "\\Flagged \\Seen \\Deleted", True),
        (b"OR (FLAGGED SEEN) OR DELETED DRAFT", "\\Draft", True),
        (b"OR (FLAGGED SEEN) OR DELETED DRAFT", "\\Seen", False),
    ],
)
def test_flags(text: bytes, flags: str, expected: bool) -> None:
    assert matches(text, make_message(flags=frozenset(flags.split()))) is expected


@pytest.mark.parametrize(
    ("text", "recent_unseen", "recent_seen", "old_unseen"),
    [(b"RECENT", True, True, False), (b"NEW", True, False, False), (b"OLD", False, False, True)],
)
def test_recent(text: bytes, recent_unseen: bool, recent_seen: bool, old_unseen: bool) -> None:
    seen = frozenset({"\\Seen"})
    assert matches(text, make_message(recent=True)) is recent_unseen
    assert matches(text, make_message(recent=True, flags=seen)) is recent_seen
    assert matches(text, make_message()) is old_unseen


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        (b"1", [1]),
        (b"2:4", [2, 3, 4]),
        (b"4:2", [2, 3, 4]),
        (b"*", [5]),
        (b"4:*", [4, 5]),
        (b"*:4", [4, 5]),
        (b"9:*", [5]),
        (b"1,3,5", [1, 3, 5]),
        (b"5,1:2,2:3", [1, 2, 3, 5]),
        (b"NOT 1:4", [5]),
        (b"6:9", []),
        (b"UID 30", [3]),
        (b"UID 15:45", [2, 3, 4]),
        (b"UID *", [5]),
        (b"UID 60:*", [5]),
        (b"UID 1:9,41:49,51:*", [5]),
        (b"UID 10,50 2:*", [5]),
        (b"NOT UID 10:40", [5]),
    ],
)
def test_sequence_sets(text: bytes, numbers: list[int]) -> None:
    uids = [10, 20, 30, 40, 50]
    found = key(text, uids=uids)
    messages = [make_message(number=number, uid=uid) for number, uid in enumerate(uids, 1)]
    assert [message.number for message in messages if found.decide(message)] == numbers


@pytest.mark.parametrize("text", [b"*", b"1:*", b"UID *", b"UID 5:*"])
def test_sequence_sets_in_an_empty_folder(text: bytes) -> None:
    assert key(text, uids=[]).decide(make_message(number=1, uid=5)) is False


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"LARGER 25", True),
        (b"LARGER 26", False),
        (b"SMALLER 26", False),
        (b"SMALLER 27", True),
        (b"LARGER 0 SMALLER 9999999999", True),
    ],
)
def test_size(text: bytes, expected: bool) -> None:
    message = make_message()
    assert message.entry.size == 26
    assert matches(text, message) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"ON 2-Feb-2026", [False, True, True, False]),
        (b"ON 02-feb-2026", [False, True, True, False]),
        (b'ON "2-Feb-2026"', [False, True, True, False]),
        (b"BEFORE 2-Feb-2026", [True, False, False, False]),
        (b"SINCE 2-Feb-2026", [False, True, True, True]),
        (b"SINCE 2-Feb-2026 BEFORE 3-Feb-2026", [False, True, True, False]),
        (b"BEFORE 1-Jan-0001", [False, False, False, False]),
        (b"BEFORE 31-Dec-9999", [True, True, True, True]),
        (b"ON 31-Dec-9999", [False, False, False, False]),
    ],
)
def test_internal_date(text: bytes, expected: list[bool]) -> None:
    moments = ("2026-02-01T23:59:59", "2026-02-02T00:00:00", "2026-02-02T23:59:59", "2026-02-03T00:00:00")
    assert [matches(text, make_message(internal_date=at(moment))) for moment in moments] == expected


# RFC 5032 §2: messages exactly that old are both.
@pytest.mark.parametrize(("text", "expected"), [(b"OLDER 60", [1, 1, 0]), (b"YOUNGER 60", [0, 1, 1])])
def test_age(text: bytes, expected: list[int]) -> None:
    moments = (NOW - 61, NOW - 60, NOW - 59)
    assert [matches(text, make_message(internal_date=moment)) for moment in moments] == expected


# RFC 8514 §4.2
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"SAVEDON 2-Feb-2026", [False, True, True, False]),
        (b"SAVEDBEFORE 2-Feb-2026", [True, False, False, False]),
        (b"SAVEDSINCE 2-Feb-2026", [False, True, True, True]),
        (b"SAVEDATESUPPORTED", [True, True, True, True]),
    ],
)
def test_save_date(text: bytes, expected: list[bool]) -> None:
    moments = ("2026-02-01T23:59:59", "2026-02-02T00:00:00", "2026-02-02T23:59:59", "2026-02-03T00:00:00")
    assert [matches(text, changed(save_date=at(moment))) for moment in moments] == expected


def changed(**fields: int) -> Message:
    message = make_message(internal_date=0)
    message.entry = replace(message.entry, **fields)
    return message


# RFC 7162 §3.1.5
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"MODSEQ 0", [True, True, True]),
        (b"MODSEQ 8", [False, True, True]),
        (b'MODSEQ "/flags/\\\\draft" all 9', [False, False, True]),
        (b'modseq "/flags/$junk" PRIV 9', [False, False, True]),
        (b"MODSEQ 9223372036854775807", [False, False, False]),
    ],
)
def test_modseq(text: bytes, expected: list[bool]) -> None:
    assert [matches(text, changed(modseq=modseq)) for modseq in (7, 8, 9)] == expected
    assert criteria(text).with_modseq
    assert not criteria(b"ALL").with_modseq


# RFC 8474 §6
def test_object_identifiers() -> None:
    message = changed(content_id=5)
    assert matches(b"EMAILID " + email_id(message.entry), message)
    assert not matches(b"EMAILID M6", message)
    assert not matches(b"THREADID T5", message)


# RFC 9051 §6.4.4.1
@pytest.mark.parametrize("text", [b"$", b"UID $", b"($)", b"ALL $"])
def test_what_was_saved(text: bytes) -> None:
    found = criteria(text, scope=Scope([10, 20, 30], NOW, saved=[10, 30, 40])).key
    assert [bool(found.decide(make_message(uid=uid))) for uid in (10, 20, 30)] == [True, False, True]


# RFC 9586 §3.2
@pytest.mark.parametrize(
    ("text", "allowed"), [(b"1", False), (b"NOT (2:*)", False), (b"UID 1:*", True), (b"$", True)]
)
def test_sequence_numbers_where_there_are_only_uids(text: bytes, allowed: bool) -> None:
    scope = Scope([17], NOW, by_uid_only=True)
    if allowed:
        criteria(text, scope=scope)
        return
    with pytest.raises(Refused) as refused:
        criteria(text, scope=scope)
    assert refused.value.refusal.code == b"UIDREQUIRED"


# -- keys of the summary


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("Mon, 2 Feb 2026 10:00:00 +0000", "2026-02-02"),
        ("Mon, 02 Feb 2026 23:59:59 -1200", "2026-02-02"),
        ("2 Feb 2026 00:00 +1400", "2026-02-02"),
        ("mon, 2 FEBRUARY 2026 10:00", "2026-02-02"),
        ("2-Feb-2026 10:00:00", "2026-02-02"),
        ("Mon,\n 2\n Feb\n 2026 10:00:00 +0000", "2026-02-02"),
        ("Fri, 2 Feb 96 10:00:00 +0000", "1996-02-02"),
        ("2 Feb 26", "2026-02-02"),
        ("2 Feb 126", "2026-02-02"),
        ("30 Feb 2026 10:00:00", None),
        ("2 Fob 2026", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_date_sent(date: str, expected: str | None) -> None:
    message = make_message(crlf(f"Date: {date}\n\n"), internal_date=0)
    if expected is None:
        assert not any(matches(text, message) for text in (b"SENTSINCE 1-Jan-0001", b"SENTBEFORE 31-Dec-9999"))
        return
    day = datetime.date.fromisoformat(expected)
    assert matches(b"SENTON %s" % imap_date(day), message)
    assert matches(b"SENTSINCE %s" % imap_date(day), message)
    assert not matches(b"SENTBEFORE %s" % imap_date(day), message)
    for other in (day - datetime.timedelta(1), day + datetime.timedelta(1)):
        assert not matches(b"SENTON %s" % imap_date(other), message)
        assert matches(b"SENTSINCE %s" % imap_date(other), message) is (other < day)
        assert matches(b"SENTBEFORE %s" % imap_date(other), message) is (other > day)


def imap_date(day: datetime.date) -> bytes:
    return day.strftime("%d-%b-%Y").encode()


LETTER = crlf(
    """\
Date: Mon, 2 Feb 2026 10:00:00 +0000
From: =?utf-8?q?J=C3=B6rg_M=C3=BCller?= <Joerg@Example.ORG>
To: Team: Ann <ann@x.test>, "Bo, the 2nd" <bo@x.test>;
Cc: plain@cc.test
Bcc: hidden@bcc.test
Subject: =?iso-8859-1?q?Caf=E9?= is
 open
Message-ID: <1@example.org>
In-Reply-To: <0@example.org>
X-Mark:
X-Number: one
X-Number: =?utf-8?b?dHfDtg==?=

Body text.
"""
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"FROM joerg", True),
        (b"FROM joerg@example.org", True),
        (b'FROM "M\xc3\xbcller"', True),
        (b'FROM "J\xc3\x96RG M\xc3\x9cLLER <joerg@"', True),
        (b"FROM ann", False),
        (b"TO ann@x.test", True),
        (b'TO "bo, the 2nd"', True),
        (b"TO team", True),
        (b"TO joerg", False),
        (b"CC plain@cc", True),
        (b"CC hidden", False),
        (b"BCC hidden", True),
        (b'SUBJECT "caf\xc3\xa9 IS open"', True),
        (b'SUBJECT "cafe\xcc\x81"', True),
        (b"SUBJECT cafe", False),
        (b"SUBJECT iso-8859", False),
        (b'SUBJECT ""', True),
        (b'HEADER Subject "caf\xc3\xa9"', True),
        (b"HEADER message-id <1@EXAMPLE.org>", True),
        (b"HEADER Message-ID <2@", False),
        (b"HEADER In-Reply-To 0@", True),
        (b"HEADER Date Feb", True),
        (b"HEADER From joerg", True),
        (b'HEADER X-Mark ""', True),
        (b"HEADER X-Mark x", False),
        (b'HEADER X-Missing ""', False),
        (b'HEADER References ""', False),
        (b"HEADER x-number ONE", True),
        (b'HEADER X-Number "tw\xc3\xb6"', True),
        (b'HEADER X-Number "one two"', False),
    ],
)
def test_headers(text: bytes, expected: bool) -> None:
    assert matches(text, make_message(LETTER)) is expected


@pytest.mark.parametrize("field", [b"FROM", b"TO", b"CC", b"BCC", b"SUBJECT", b"HEADER Message-ID", b"HEADER X"])
def test_a_field_that_is_missing_does_not_match_even_the_empty_text(field: bytes) -> None:
    assert not matches(field + b' ""', make_message(b"Y: 1\r\n\r\n"))


# -- keys of the content

PARCEL = crlf(
    """\
Subject: outer
Content-Type: multipart/mixed; boundary=b
X-Token: tok-=?utf-8?q?=C3=A4?=

preamble
--b
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Gr=FC=DFe aus M=
=FCnchen
--b
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: base64

PGI+0J/RgNC40LLQtdGCPC9iPg==
--b
Content-Type: application/octet-stream

in binary
--b
Content-Type: message/rfc822

Subject: =?utf-8?q?inn=C3=A9r?=

inner text
--b--
"""
)


@pytest.mark.parametrize(
    ("text", "in_body", "in_text"),
    [
        ("Grüße", True, True),
        ("GRÜSSE AUS MÜNCHEN", True, True),
        ("<b>привет", True, True),
        ("inner text", True, True),
        ("innér", False, True),
        ("", True, True),
        ("outer", False, True),
        ("tok-", False, True),
        ("x-token: tok", False, True),
        ("in binary", False, False),
        ("preamble", False, False),
        ("PGI+0J", False, False),
        ("nowhere", False, False),
    ],
)
def test_texts(text: str, in_body: bool, in_text: bool) -> None:
    message = make_message(PARCEL)
    assert matches(b'BODY "%s"' % text.encode(), message) is in_body
    assert matches(b'TEXT "%s"' % text.encode(), message) is in_text


def test_every_body_has_the_empty_text() -> None:
    assert matches(b'BODY ""', make_message(b"Content-Type: image/png\r\n\r\n"))


# -- charsets


@pytest.mark.parametrize(
    ("charset", "octets"),
    [
        (b"UTF-8", "café".encode()),
        (b"utf-8", "CAFÉ".encode()),
        (b'"ISO-8859-1"', b"caf\xe9"),
        (b"windows-1252", b"caf\xe9"),
        (b"UTF-7", b"caf+AOk-"),
        (b"IBM850", b"caf\x82"),
        (b"US-ASCII", b"open"),
    ],
)
def test_charset(charset: bytes, octets: bytes) -> None:
    found = key(b"CHARSET %b SUBJECT " % charset, octets, b"")
    assert found.decide(make_message(LETTER))
    assert not found.decide(make_message(b"Subject: other\r\n\r\n"))


@pytest.mark.parametrize(
    "charset",
    [b"X-UNKNOWN", b"base64", b"hex", b"rot13", b"zlib", b"idna", b"mbcs", b'""', b'"\xff"', b"../os", b"aliases"],
)
def test_unknown_charset(charset: bytes) -> None:
    with pytest.raises(Refused) as refused:
        key(b"CHARSET %b ALL" % charset)
    assert refused.value.refusal.code == b"BADCHARSET (US-ASCII UTF-8)"


# RFC 6855 §3
def test_no_charset_is_named_where_everything_is_utf_8() -> None:
    with pytest.raises(SyntaxProblem):
        criteria(b"CHARSET UTF-8 ALL", scope=Scope([17], NOW, is_utf8=True))


# RFC 5256 §5
def test_sort_and_thread_name_a_charset() -> None:
    found = parse_search_in_charset(Parser([b"iso-8859-1 SUBJECT ", b"caf\xe9", b" ALL"]), Scope([17], NOW))
    assert found.key.decide(make_message(LETTER))
    assert found.size == 2
    with pytest.raises(Refused):
        parse_search_in_charset(Parser([b"ALL SEEN"]), Scope([17], NOW))
    with pytest.raises(SyntaxProblem):
        parse_search_in_charset(Parser([b"UTF-8"]), Scope([17], NOW))


@pytest.mark.parametrize("start", [b"", b"CHARSET UTF-8 ", b"CHARSET US-ASCII "])
def test_text_that_is_not_in_the_charset(start: bytes) -> None:
    with pytest.raises(Refused) as refused:
        key(start + b'TEXT "caf\xe9"')
    assert refused.value.refusal.code == b"CLIENTBUG"
    assert refused.value.refusal.condition == NO


# -- what is asked of the store


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        (b"ALL", Cost.ENTRY),
        (b"1:* UNSEEN SINCE 1-Feb-1994 NOT KEYWORD x", Cost.ENTRY),
        (b"FROM Smith", Cost.SUMMARY),
        (b"OR SEEN SENTSINCE 1-Feb-1994", Cost.SUMMARY),
        (b"HEADER Message-ID x", Cost.SUMMARY),
        (b"HEADER X x", Cost.CONTENT),
        (b"NOT BODY x", Cost.CONTENT),
        (b"TEXT x SEEN FROM x", Cost.CONTENT),
        (b'BODY ""', Cost.ENTRY),
    ],
)
def test_cost(text: bytes, cost: Cost) -> None:
    assert key(text).cost is cost


@pytest.mark.parametrize(
    ("text", "by_entry", "by_summary"),
    [
        (b"UNSEEN", True, True),
        (b"BODY x SEEN", False, False),
        (b"BODY x UNSEEN", None, None),
        (b"OR BODY x UNSEEN", True, True),
        (b"OR BODY x SEEN", None, None),
        (b"NOT (BODY x SEEN)", True, True),
        (b"BODY x FROM joerg", None, None),
        (b"BODY x FROM ann", None, False),
        (b"OR BODY x FROM joerg", None, True),
        (b"NOT BODY x", None, None),
        (b"SUBJECT open", None, True),
        (b"SUBJECT x", None, False),
        (b"HEADER X-Number one", None, None),
    ],
)
def test_a_key_decides_as_early_as_it_can(text: bytes, by_entry: bool | None, by_summary: bool | None) -> None:
    whole = make_message(LETTER)
    message = Message(1, whole.entry)
    found = key(text)
    assert found.decide(message) is by_entry
    message.summary = whole.summary
    assert found.decide(message) is by_summary
    message.content = whole.content
    assert found.decide(message) is not None
    if by_summary is not None:
        assert found.decide(message) is by_summary


# -- the examples of RFC 3501 §6.4.4


def test_flagged_since_not_from_smith() -> None:
    text = b'FLAGGED SINCE 1-Feb-1994 NOT FROM "Smith"'
    flagged = frozenset({"\\Flagged"})
    late = at("1994-02-01")
    smith, jones = b"From: John SMITH <js@x>\r\n\r\n", b"From: jones@x\r\n\r\n"
    assert matches(text, make_message(jones, flags=flagged, internal_date=late))
    assert not matches(text, make_message(smith, flags=flagged, internal_date=late))
    assert not matches(text, make_message(jones, internal_date=late))
    assert not matches(text, make_message(jones, flags=flagged, internal_date=late - 1))


def test_text_not_in_mailbox() -> None:
    assert not matches(b'TEXT "string not in mailbox"', make_message(LETTER))


def test_charset_utf_8_text_in_a_literal() -> None:
    found = key(b"CHARSET UTF-8 TEXT ", "жди".encode(), b"")
    assert found.decide(make_message("\r\nЖДИ\r\n".encode()))


# -- what is refused


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" ",
        b"ALL ",
        b" ALL",
        b"ALL  SEEN",
        b"ALLSEEN",
        b"NONSENSE",
        b"()",
        b"(ALL",
        b"ALL)",
        b"( ALL)",
        b"(ALL )",
        b"(ALL)(SEEN)",
        b"NOT",
        b"NOT ",
        b"OR SEEN",
        b"OR SEEN ",
        b"FROM",
        b"FROM ",
        b"FROM (a)",
        b"HEADER",
        b"HEADER X",
        b"SINCE",
        b"SINCE yesterday",
        b"SINCE 30-Feb-2026",
        b"SINCE 2026-02-02",
        b"LARGER x",
        b"LARGER -1",
        b"LARGER 99999999999999999999",
        b"OLDER 0",
        b"KEYWORD",
        b"KEYWORD \\Seen",
        b"KEYWORD (x)",
        b"UID",
        b"UID x",
        b"UID 0",
        b"0",
        b"1:",
        b"1,,2",
        b"$1",
        b"$,1",
        b"1,$",
        b"UID $:*",
        b"MODSEQ",
        b"MODSEQ x",
        b"MODSEQ -1",
        b"MODSEQ 9223372036854775808",
        b'MODSEQ "/flags/\\\\draft" 5',
        b'MODSEQ "/flags/\\\\draft" some 5',
        b'MODSEQ "draft" all 5',
        b"EMAILID",
        b"EMAILID a+b",
        b"EMAILID " + b"a" * 256,
        b"THREADID",
        b"SAVEDON",
        b"SAVEDSINCE yesterday",
        b'"ALL"',
        b"CHARSET",
        b"CHARSET UTF-8",
        b"CHARSET UTF-8 ",
        b"ALL CHARSET UTF-8",
        b"(CHARSET UTF-8 ALL)",
        b"SENTTO x",
        b"(" * 1_000_000,
        b"(" * 500_000 + b"ALL" + b")" * 500_000,
        b"NOT " * 250_000 + b"ALL",
        b"OR " * 250_000,
        b"OR ALL " * 150_000 + b"ALL",
        b"OR (NOT " * 100_000,
    ],
    ids=lambda text: text[:30],
)
def test_syntax_problems(text: bytes) -> None:
    with pytest.raises(SyntaxProblem):
        key(text)


@pytest.mark.parametrize("text", [b"(" * 90 + b"ALL" + b")" * 90, b"NOT " * 90 + b"ALL", b"OR ALL " * 90 + b"ALL"])
def test_nesting_that_is_still_allowed(text: bytes) -> None:
    assert matches(text, make_message())


def test_many_keys_side_by_side() -> None:
    assert matches(b" ".join([b"ALL"] * 100_000), make_message())
    assert matches(b" ".join([b"BODY hello FROM x"] * (MOST_TEXTS // 2)), make_message(b"From: x\r\n\r\nhello"))


def test_more_texts_than_there_is_time_for() -> None:
    with pytest.raises(Refused) as refused:
        key(b" ".join([b"BODY hello"] * (MOST_TEXTS + 1)))
    assert refused.value.refusal.code == b"LIMIT"


WORDS = (
    *[b"(", b")", b"ALL", b"NOT", b"OR", b"SEEN", b"1", b"1:*", b"UID", b"9", b"SINCE", b"1-Feb-1994", b"KEYWORD"],
    *[b"BODY", b"TEXT", b"FROM", b"HEADER", b"hello", b'""', b'"', b"{", b"CHARSET", b"UTF-8", b"\xff", b"\0", b""],
)


@given(st.lists(st.sampled_from(WORDS), max_size=12).map(b" ".join) | st.binary(max_size=20))
def test_any_search_is_read_or_refused(text: bytes) -> None:
    try:
        found = key(text)
    except (SyntaxProblem, Refused):
        return
    assert found.decide(make_message()) is not None


LEAVES = st.sampled_from([b"SEEN", b"FLAGGED", b"SUBJECT hello", b"SUBJECT x", b"BODY hello", b"BODY x"])
TREES = st.recursive(
    LEAVES,
    lambda keys: st.one_of(
        keys.map(lambda inner: b"NOT " + inner),
        st.tuples(keys, keys).map(lambda pair: b"OR %b %b" % pair),
        st.lists(keys, min_size=1, max_size=3).map(lambda inner: b"(%b)" % b" ".join(inner)),
    ),
    max_leaves=8,
)


@given(TREES)
def test_an_early_answer_is_the_answer(text: bytes) -> None:
    whole = make_message(flags=frozenset({"\\Seen"}))
    found = key(text)
    answer = found.decide(whole)
    early = found.decide(Message(1, whole.entry))
    later = found.decide(Message(1, whole.entry, summary=whole.summary))
    assert answer is not None
    assert early in {None, answer}
    assert later in {early, answer}
    assert early is not None or found.cost > Cost.ENTRY
    assert later is not None or found.cost is Cost.CONTENT


@given(st.binary(max_size=60) | st.sampled_from([path.read_bytes() for path in SAMPLES]))
def test_any_message_can_be_searched(content: bytes) -> None:
    found = key(b"OR (BODY a TEXT b HEADER X c) NOT (FROM d TO e SENTSINCE 1-Feb-1994)")
    assert found.decide(make_message(content)) is not None
