"""The operator's rules are kept, and whoever keeps them in memory is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from tempmaild.core.block_rule import BlockRule
from tempmaild.errors import InvalidValue, NoSuchBlockRule
from tempmaild.store import block_rules
from tempmaild.store.block_rules import AddBlockRules, BlockRuleQueries, RemoveBlockRule, Wanted
from tempmaild.store.transaction import SETTINGS
from tests.support import NOW

if TYPE_CHECKING:
    from tempmaild.store.transaction import Change
    from tests.store.house import Store

DOMAIN = BlockRule("domain", "example.org", "refuse", "*.box.test", "a note", NOW + 60, NOW)
ADDRESS = BlockRule("address", "joe@example.org", "allow", created_at=NOW)


def actions(store: Store) -> list[tuple[str, str, str]]:
    """What the audit log says of rules."""
    return store.handle.rows("SELECT actor, action, subject FROM audit WHERE action LIKE 'block-%' ORDER BY id")


def test_rules_are_added_replaced_and_removed(store: Store) -> None:
    queries = BlockRuleQueries(store.handle)
    store.write(AddBlockRules((DOMAIN,), "operator"))
    store.write(AddBlockRules((ADDRESS,), "operator"))
    assert queries.rules(NOW) == [ADDRESS, DOMAIN]
    store.now += 1
    junk = msgspec.structs.replace(DOMAIN, action="junk", note="", until=0, created_at=NOW + 1)
    other = msgspec.structs.replace(DOMAIN, domain="", created_at=NOW + 1)
    store.write(AddBlockRules((junk, other), "operator"))
    assert queries.rules(NOW) == [ADDRESS, other, junk]
    store.write(RemoveBlockRule("domain", "example.org", "*.box.test", "operator"))
    assert queries.rules(NOW) == [ADDRESS, other]
    store.write(RemoveBlockRule("address", "joe@example.org", actor="operator"))
    with pytest.raises(NoSuchBlockRule):
        store.write(RemoveBlockRule("domain", "example.org", "*.box.test"))
    assert actions(store) == [
        ("operator", "block-add", "example.org"),
        # The log stays for ever, and addresses of people do not stand in it.
        ("operator", "block-add", "*@example.org"),
        ("operator", "block-import", ""),
        ("operator", "block-remove", "example.org"),
        ("operator", "block-remove", "*@example.org"),
    ]
    assert not store.handle.rows("SELECT 1 FROM audit WHERE subject LIKE '%joe%' OR details LIKE '%joe%'")


def test_a_rule_ends(store: Store) -> None:
    queries = BlockRuleQueries(store.handle)
    store.write(AddBlockRules((DOMAIN, ADDRESS)))
    assert queries.rules(NOW + 59) == [ADDRESS, DOMAIN]
    assert queries.rules(NOW + 60) == [ADDRESS]
    store.now += 60
    store.write(AddBlockRules((ADDRESS,)))
    assert store.count("block_rule") == 1, "what is over is gone"


def test_there_are_not_too_many(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_rules, "MOST_RULES", 2)
    store.write(AddBlockRules((DOMAIN, ADDRESS)))
    with pytest.raises(InvalidValue, match="there are 2, and there can be no more than 2"):
        store.write(AddBlockRules((BlockRule("helo", "ylmf-pc"),)))


def test_changes_are_announced_and_nothing_else_is_read_again(store: Store) -> None:
    queries = BlockRuleQueries(store.handle)
    settings = store.queries.counter("settings")
    changes: list[Change[None]] = [AddBlockRules((DOMAIN,)), RemoveBlockRule("domain", "example.org", "*.box.test")]
    for number, change in enumerate(changes, 1):
        store.write(change)
        assert queries.version() == number
        assert SETTINGS in store.touched
    assert store.queries.counter("settings") == settings


class TestPages:
    RULES = (
        BlockRule("address", "joe@example.org", "allow", created_at=NOW),
        BlockRule("domain", "example.org", "refuse", created_at=NOW),
        BlockRule("domain", "example.org", "junk", "a.test", created_at=NOW),
        BlockRule("helo", "100%", "junk", until=NOW + 60, created_at=NOW),
    )

    def test_go_on_where_the_last_one_ended(self, store: Store) -> None:
        queries = BlockRuleQueries(store.handle)
        store.write(AddBlockRules(self.RULES))
        after, seen = None, list[BlockRule]()
        while page := queries.page(Wanted(), NOW, after, 1):
            seen += page
            after = page[-1].kind, page[-1].subject, page[-1].domain
        assert seen == list(self.RULES)
        assert queries.count() == 4

    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            (Wanted(part="example"), [0, 1, 2]),
            (Wanted("domain", part="example"), [1, 2]),
            (Wanted("domain", "junk"), [2]),
            (Wanted(action="junk"), [2, 3]),
            (Wanted(part="%"), [3]),
            (Wanted(part="_"), []),
        ],
    )
    def test_have_what_is_wanted(self, store: Store, wanted: Wanted, found: list[int]) -> None:
        store.write(AddBlockRules(self.RULES))
        queries = BlockRuleQueries(store.handle)
        assert queries.page(wanted, NOW, None, 9) == [self.RULES[number] for number in found]

    def test_leave_out_what_is_over(self, store: Store) -> None:
        store.write(AddBlockRules(self.RULES))
        assert BlockRuleQueries(store.handle).page(Wanted("helo"), NOW + 60, None, 9) == []


def test_rules_about_some_are_found(store: Store) -> None:
    rules = TestPages.RULES
    store.write(AddBlockRules(rules))
    queries = BlockRuleQueries(store.handle)
    assert queries.about({"domain": ["example.org", "org"], "helo": ["x"]}, NOW) == [rules[1], rules[2]]
    assert queries.about({"helo": ["100%"]}, NOW) == [rules[3]]
    assert queries.about({"helo": ["100%"]}, NOW + 60) == []
    assert queries.about({}, NOW) == []
