"""Lists of rules and bans are read and written."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.block_rule import BlockRule
from tempmaild.core.iso_time import iso, parse_iso
from tempmaild.core.limit import Ban
from tempmaild.core.list_file import (
    MOST_PROBLEMS,
    ban_of_line,
    line_of_ban,
    line_of_rule,
    read_list,
    rule_of_line,
)
from tempmaild.errors import InvalidValue
from tests.support import NOW

if TYPE_CHECKING:
    from collections.abc import Callable

USUAL_BAN = Ban("", "usual", "mail", NOW)
USUAL_RULE = BlockRule("domain", "", "junk", "box.test")
READERS: list[Callable[[str], Any]] = [
    partial(rule_of_line, usual=None),
    partial(rule_of_line, usual=USUAL_RULE),
    partial(ban_of_line, usual=USUAL_BAN),
]


@pytest.mark.parametrize(
    "rule",
    [
        BlockRule("domain", "spam.example"),
        BlockRule("address", '"a \\"b"@spam.example', "allow", "*.box.test", 'say "no" ¿?', NOW),
        BlockRule("network", "2001:db8::/32", "junk"),
    ],
)
def test_rules_come_back(rule: BlockRule) -> None:
    assert rule_of_line(line_of_rule(rule), None) == rule


@pytest.mark.parametrize(
    "ban", [Ban("192.0.2.0/24", "", "all", NOW), Ban("2001:db8::/32", 'say "no"', "reading", NOW)]
)
def test_bans_come_back(ban: Ban) -> None:
    assert ban_of_line(line_of_ban(ban), USUAL_BAN) == ban


def test_what_a_line_does_not_say_is_as_usual() -> None:
    assert rule_of_line("Spam.Example", USUAL_RULE) == BlockRule("domain", "spam.example", "junk", "box.test")
    # A rule that is written as such has what rules have, not what plain lines have.
    written = '{"kind": "helo", "subject": "X", "created_at": "2030"}'
    assert rule_of_line(written, USUAL_RULE) == BlockRule("helo", "x")
    assert ban_of_line("192.0.2.1", USUAL_BAN) == Ban("192.0.2.1/32", "usual", "mail", NOW)
    assert ban_of_line('{"network": "::1", "scope": "all"}', USUAL_BAN) == Ban("::1/128", "usual", "all", NOW)
    assert ban_of_line('{"network": "::1", "until": ""}', USUAL_BAN).until == NOW


def test_lists_have_comments_and_empty_lines() -> None:
    assert read_list(["# a", "", " \r\n", " x\r\n", "y"], str, "file") == ["x", "y"]


def test_problems_are_named_and_not_too_many() -> None:
    with pytest.raises(InvalidValue) as caught:
        read_list(["", *["no name"] * 100], READERS[1], "file")
    assert caught.value.field == "file"
    numbers = [text.partition(":")[0] for text in caught.value.reason.split("; ")]
    assert numbers == [f"line {number}" for number in range(2, MOST_PROBLEMS + 2)]


def check(read: Callable[[str], Any], line: str) -> None:
    """See that a line is refused in the one way, or that what it says can be written and read again."""
    try:
        found = read(line)
    except InvalidValue:
        return
    write = line_of_ban if isinstance(found, Ban) else line_of_rule
    assert read(write(found)) == found


@pytest.mark.parametrize("read", READERS)
@given(text=st.text())
def test_garbage_is_read_or_refused(read: Callable[[str], Any], text: str) -> None:
    check(read, text)


_VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=3)
_NAMES = st.sampled_from(["kind", "subject", "action", "domain", "note", "until", "network", "scope", "reason", "x"])


_VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=3)
_NAMES = st.sampled_from(["kind", "subject", "action", "domain", "note", "until", "network", "scope", "reason", "x"])


@pytest.mark.parametrize("read", READERS)
@given(fields=st.dictionaries(_NAMES, _VALUES))
def test_objects_of_garbage_are_read_or_refused(read: Callable[[str], Any], fields: dict[str, Any]) -> None:
    check(read, json.dumps(fields))


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("until", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_times_that_cannot_be_written_are_refused(read: Callable[[str], Any], until: str) -> None:
    who = '"network": "::1"' if read is READERS[2] else '"kind": "helo", "subject": "x"'
    with pytest.raises(InvalidValue, match=r"until: -?[0-9]+ is no time before the year 10000"):
        read(f'{{{who}, "until": "{until}"}}')


@pytest.mark.parametrize("text", ["", "soon", "2030-13-01", "\0"])
def test_times_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time such as 2030-01-31T12:00:00Z"):
        parse_iso(text)


def test_times_come_back() -> None:
    assert parse_iso(iso(NOW)) == NOW
    assert parse_iso("2026-05-28T22:26:40+02:00") == NOW
    assert parse_iso("2026-05-28 20:26:40") == NOW
