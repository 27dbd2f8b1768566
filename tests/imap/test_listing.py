from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.mailbox import Folder
from tempmaild.imap.grammar import Parser
from tempmaild.imap.list_arguments import list_request
from tempmaild.imap.listing import MOST_WILDCARDS, Listing, Pattern, Request
from tempmaild.imap.replies import Refused


def folder(name: str, special_use: str = "", *, subscribed: bool = True) -> Folder:
    return Folder(1, 1, name, 1, 1, 1, special_use, subscribed)


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("*", "a/b/c", True),
        ("%", "a", True),
        ("%", "a/b", False),
        ("%/%", "a/b", True),
        ("%/%", "a", False),
        ("a*c", "a/b/c", True),
        ("a%c", "a/b/c", False),
        ("a%c", "abbc", True),
        ("*%", "a/b", True),
        ("%*", "a/b", True),
        ("a", "A", False),
        ("inbox", "INBOX", True),
        ("iNb%", "INBOX", True),
        ("INBOX/x", "INBOX/x", True),
        ("INBOX/X", "INBOX/x", False),
        ("inboxes", "INBOXES", False),
        ("", "a", False),
        ("a.b", "axb", False),
        ("%b%b%", "abab", True),
        ("*/b", "a/b/b", True),
        ("\u0131nbox", "INBOX", False),
        ("INBOX", "INBOX", True),
        ("*", "", True),
    ],
)
def test_patterns(pattern: str, name: str, matches: bool) -> None:
    assert Pattern(pattern).matches(name) is matches


names = st.text("ab/", min_size=1, max_size=12)


@given(st.text("ab/*%", max_size=10), names)
def test_patterns_are_as_regular_expressions(pattern: str, name: str) -> None:
    expression = pattern.replace("*", ".*").replace("%", "[^/]*")
    assert Pattern(pattern).matches(name) == bool(re.fullmatch(expression, name))


def test_a_pattern_that_is_made_to_take_long_takes_a_moment() -> None:
    pattern = Pattern("%a*a" * 5)
    assert not pattern.matches("a" * 255 + "/b")
    with pytest.raises(Refused):
        Pattern("%a" * (MOST_WILDCARDS + 1))


def request(text: bytes) -> Request:
    found = list_request(Parser((text,)))
    assert found is not None
    return found


def test_patterns_that_would_take_long_together_are_left_out() -> None:
    several = request(b' "" (%s)' % b" ".join([b"*a%"] * 7 + [b"INBOX"] * 3))
    assert [pattern.wildcards for pattern in several.patterns] == [2] * 5
    assert len(request(b' "" (%s)' % b" ".join([b"a"] * 1000)).patterns) == 100


def lines(listing: Listing, asked: Request) -> list[bytes]:
    return [line for line, _ in listing.responses(asked)]


def test_list() -> None:
    folders = [folder("INBOX"), folder("Sent", "\\Sent"), folder("a/b/c"), folder("INBOX/x")]
    assert lines(Listing(folders), Request([Pattern("*")])) == [
        b'* LIST (\\HasChildren) "/" "INBOX"\r\n',
        b'* LIST (\\HasNoChildren) "/" "INBOX/x"\r\n',
        b'* LIST (\\HasNoChildren \\Sent) "/" "Sent"\r\n',
        b'* LIST (\\Noselect \\HasChildren) "/" "a"\r\n',
        b'* LIST (\\Noselect \\HasChildren) "/" "a/b"\r\n',
        b'* LIST (\\HasNoChildren) "/" "a/b/c"\r\n',
    ]


class TestSelection:
    """The hierarchy of RFC 5258 §5, example 9."""

    FOLDERS = ("foo2", "foo2/bar1", "foo2/bar2", "baz2", "baz2/bar2", "baz2/bar22", "eps2", "eps2/mamba", "qux2/bar2")
    SUBSCRIBED = ("foo2/bar1", "foo2/bar2", "baz2/bar2", "baz2/bar22", "eps2", "eps2/mamba", "qux2/bar2")

    @pytest.fixture
    def listing(self) -> Listing:
        return Listing([folder(name, subscribed=name in self.SUBSCRIBED) for name in self.FOLDERS])

    def test_recursive(self, listing: Listing) -> None:
        # What would only repeat what is there to see is left out: baz2 and qux2 (RFC 9051 §6.3.9.6).
        listed = listing.responses(request(b' (RECURSIVEMATCH SUBSCRIBED) "" "*2"'))
        assert [line for line, _ in listed] == [
            b'* LIST (\\Subscribed \\HasNoChildren) "/" "baz2/bar2"\r\n',
            b'* LIST (\\Subscribed \\HasNoChildren) "/" "baz2/bar22"\r\n',
            b'* LIST (\\Subscribed \\HasChildren) "/" "eps2" ("CHILDINFO" ("SUBSCRIBED"))\r\n',
            b'* LIST (\\HasChildren) "/" "foo2" ("CHILDINFO" ("SUBSCRIBED"))\r\n',
            b'* LIST (\\Subscribed \\HasNoChildren) "/" "foo2/bar2"\r\n',
            b'* LIST (\\Subscribed \\HasNoChildren) "/" "qux2/bar2"\r\n',
        ]
        # STATUS is told of those that meet the criteria, not of those above.
        told = [listed_folder.name for _, listed_folder in listed if listed_folder]
        assert told == ["baz2/bar2", "baz2/bar22", "eps2", "foo2/bar2", "qux2/bar2"]

    def test_levels_without_a_folder(self, listing: Listing) -> None:
        assert lines(listing, request(b' (SUBSCRIBED RECURSIVEMATCH) "" (q%)')) == [
            b'* LIST (\\NonExistent \\HasChildren) "/" "qux2" ("CHILDINFO" ("SUBSCRIBED"))\r\n'
        ]
        assert lines(listing, request(b' (SUBSCRIBED) "" q%')) == []
        assert lines(listing, request(b' () "" q%')) == [b'* LIST (\\NonExistent \\HasChildren) "/" "qux2"\r\n']

    def test_subscribed_without_a_folder(self) -> None:
        # RFC 9051 §6.3.9.8, example 9
        listing = Listing([folder("foo", subscribed=False)], ["foo/bar"])
        assert lines(listing, request(b' (SUBSCRIBED) "" foo/*')) == [
            b'* LIST (\\NonExistent \\Subscribed \\HasNoChildren) "/" "foo/bar"\r\n'
        ]
        assert lines(listing, request(b' (SUBSCRIBED RECURSIVEMATCH) "" foo')) == [
            b'* LIST (\\HasNoChildren) "/" "foo" ("CHILDINFO" ("SUBSCRIBED"))\r\n'
        ]
        assert lines(listing, request(b' "" * RETURN (SUBSCRIBED)')) == [b'* LIST (\\HasNoChildren) "/" "foo"\r\n']

    def test_both_criteria(self) -> None:
        listing = Listing([folder("a/Sent", "\\Sent", subscribed=False), folder("a/Junk", "\\Junk"), folder("a/b")])
        assert lines(listing, request(b' (SPECIAL-USE SUBSCRIBED RECURSIVEMATCH) "" (% a/J%)')) == [
            b'* LIST (\\Subscribed \\HasNoChildren \\Junk) "/" "a/Junk"\r\n'
        ]
        assert lines(listing, request(b' (SPECIAL-USE SUBSCRIBED RECURSIVEMATCH) "" %')) == [
            b'* LIST (\\NonExistent \\HasChildren) "/" "a" ("CHILDINFO" ("SUBSCRIBED" "SPECIAL-USE"))\r\n'
        ]


def test_lsub() -> None:
    folders = [
        folder("INBOX", subscribed=False),
        folder("a", subscribed=False),
        folder("a/b"),
        folder("c"),
        folder("c/d"),
    ]
    listing = Listing(folders, ["gone"])
    assert listing.lsub_responses(Pattern("*")) == [
        b'* LSUB () "/" "a/b"\r\n',
        b'* LSUB () "/" "c"\r\n',
        b'* LSUB () "/" "c/d"\r\n',
        b'* LSUB () "/" "gone"\r\n',
    ]
    assert listing.lsub_responses(Pattern("%")) == [
        b'* LSUB () "/" "c"\r\n',
        b'* LSUB () "/" "gone"\r\n',
        b'* LSUB (\\Noselect) "/" "a"\r\n',
    ]


def test_names_are_written_as_strings() -> None:
    asked = Request([Pattern("*")])
    assert lines(Listing([folder('a"ü')]), asked) == [b'* LIST (\\HasNoChildren) "/" "a\\"&APw-"\r\n']
    assert lines(Listing([folder('a"ü')], utf8=True), asked) == [b'* LIST (\\HasNoChildren) "/" "a\\"\xc3\xbc"\r\n']
