"""The operator's rules are kept, and whoever keeps them in memory is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from tempmaild.core.block_rule import BlockRule
from tempmaild.errors import InvalidValue, NoSuchBlockRule
from tempmaild.store import block_rules
from tempmaild.store.block_rules import AddBlockRules, BlockRuleQueries, RemoveBlockRule
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
