from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core.flags import ANSWERED, NO_FLAGS, SEEN, FlagChange, from_text, to_text

_FLAGS = st.frozensets(st.from_regex(r"\\?[A-Za-z$]{1,4}", fullmatch=True))


@pytest.mark.parametrize(
    ("change", "old", "named", "new"),
    [
        (FlagChange.REPLACE, {SEEN, "a"}, {ANSWERED}, {ANSWERED}),
        (FlagChange.REPLACE, {SEEN}, set(), set()),
        (FlagChange.ADD, {SEEN}, {ANSWERED, SEEN}, {SEEN, ANSWERED}),
        (FlagChange.REMOVE, {SEEN, ANSWERED}, {SEEN, "b"}, {ANSWERED}),
        # RFC 9051 §2.3.2: names compare without case, and the spelling that was first stays.
        (FlagChange.REPLACE, {"$Junk"}, {"$JUNK"}, {"$Junk"}),
        (FlagChange.ADD, {"$Junk"}, {"$junk", "New"}, {"$Junk", "New"}),
        (FlagChange.REMOVE, {"$Junk", "a"}, {"$junk"}, {"a"}),
        (FlagChange.REPLACE, set(), {"A", "a"}, {"A"}),
        (FlagChange.ADD, set(), {"A", "a"}, {"A"}),
    ],
)
def test_changes(change: FlagChange, old: set[str], named: set[str], new: set[str]) -> None:
    assert change.apply(frozenset(old), frozenset(named)) == new


@given(_FLAGS)
def test_text_holds_all_flags(flags: frozenset[str]) -> None:
    assert from_text(to_text(flags)) == flags


@given(_FLAGS, _FLAGS, st.sampled_from(FlagChange))
def test_no_name_is_there_twice(old: frozenset[str], named: frozenset[str], change: FlagChange) -> None:
    before = FlagChange.REPLACE.apply(NO_FLAGS, old)
    after = change.apply(before, named)
    assert len({flag.lower() for flag in after}) == len(after)
    assert change.apply(after, named) == after


def test_text_is_sorted() -> None:
    assert to_text(frozenset({"b", SEEN, "a"})) == "\\Seen a b"
    assert from_text("") == NO_FLAGS
