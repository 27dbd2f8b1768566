from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.mailbox import Folder
from tempmaild.imap.listing import Pattern, list_lines, lsub_lines
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
    assert not Pattern("%a*a" * 5).matches("a" * 255 + "/b")
    with pytest.raises(Refused):
        Pattern("%a" * 11)


def test_list() -> None:
    folders = [folder("INBOX"), folder("Sent", "\\Sent"), folder("a/b/c"), folder("INBOX/x")]
    assert list_lines(folders, Pattern("*")) == [
        b'* LIST (\\HasChildren) "/" "INBOX"\r\n',
        b'* LIST (\\HasNoChildren) "/" "INBOX/x"\r\n',
        b'* LIST (\\HasNoChildren \\Sent) "/" "Sent"\r\n',
        b'* LIST (\\Noselect \\HasChildren) "/" "a"\r\n',
        b'* LIST (\\Noselect \\HasChildren) "/" "a/b"\r\n',
        b'* LIST (\\HasNoChildren) "/" "a/b/c"\r\n',
    ]


def test_lsub() -> None:
    folders = [
        folder("INBOX", subscribed=False),
        folder("a", subscribed=False),
        folder("a/b"),
        folder("c"),
        folder("c/d"),
    ]
    assert lsub_lines(folders, Pattern("*")) == [
        b'* LSUB () "/" "a/b"\r\n',
        b'* LSUB () "/" "c"\r\n',
        b'* LSUB () "/" "c/d"\r\n',
    ]
    assert lsub_lines(folders, Pattern("%")) == [b'* LSUB () "/" "c"\r\n', b'* LSUB (\\Noselect) "/" "a"\r\n']


def test_names_are_written_as_strings_of_modified_utf7() -> None:
    assert list_lines([folder('a"ü')], Pattern("*")) == [b'* LIST (\\HasNoChildren) "/" "a\\"&APw-"\r\n']
