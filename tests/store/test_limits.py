"""Limits and bans are kept, and whoever keeps them in memory is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from tempmaild.core.limit import Ban, Limit
from tempmaild.errors import NameTaken, NoSuchBan, NoSuchLimit
from tempmaild.store import limits
from tempmaild.store.limits import (
    AddBan,
    AddBans,
    AddLimit,
    ChangeLimit,
    LimitQueries,
    NoteUses,
    RemoveBan,
    RemoveLimit,
    Use,
)
from tempmaild.store.transaction import SETTINGS
from tests.support import NOW

if TYPE_CHECKING:
    from tempmaild.store.transaction import Change
    from tests.store.house import Store

LIMIT = Limit("a-limit", "recipient", "mailbox", 10, 60, "fixed-window", domain="box.test", enabled=False)
BAN = Ban("192.0.2.0/24", "spam", "mail", NOW + 60)


def actions(store: Store) -> list[tuple[str, str, str]]:
    """What the audit log says of limits and bans."""
    return store.handle.rows(
        "SELECT actor, action, subject FROM audit WHERE action LIKE 'limit-%' OR action LIKE 'ban-%' ORDER BY id"
    )


def test_begins_with_limits_that_there_can_be(store: Store) -> None:
    found = LimitQueries(store.handle).limits()
    assert [limit.name for limit in found] == [
        "connections",
        "failed-logins-ban",
        "failed-logins-delay",
        "messages",
        "new-addresses",
        "recipients",
    ]
    for limit in found:
        limit.check()
        assert limit.enabled


def test_a_limit_is_added_changed_and_removed(store: Store) -> None:
    queries = LimitQueries(store.handle)
    before = queries.limits()
    added = store.write(AddLimit(LIMIT, "operator"))
    assert added.id
    assert added == msgspec.structs.replace(LIMIT, id=added.id)
    assert [limit for limit in queries.limits() if limit not in before] == [added]
    with pytest.raises(NameTaken):
        store.write(AddLimit(LIMIT, "operator"))
    changed = msgspec.structs.replace(
        added, event="connection", subject="network", amount=10**12, window=1, strategy="moving-window",
        action="ban", ban_seconds=7, ipv4_prefix=24, ipv6_prefix=48, domain="", enabled=True,
    )  # fmt: skip
    store.write(ChangeLimit(changed, "operator"))
    assert [limit for limit in queries.limits() if limit not in before] == [changed]
    store.write(RemoveLimit("a-limit", "operator"))
    assert queries.limits() == before
    with pytest.raises(NoSuchLimit):
        store.write(RemoveLimit("a-limit", "operator"))
    with pytest.raises(NoSuchLimit):
        store.write(ChangeLimit(changed, "operator"))
    assert actions(store) == [
        ("operator", "limit-add", "a-limit"),
        ("operator", "limit-change", "a-limit"),
        ("operator", "limit-remove", "a-limit"),
    ]


def test_a_ban_ends(store: Store) -> None:
    queries = LimitQueries(store.handle)
    store.write(AddBan(BAN, "operator"))
    kept = msgspec.structs.replace(BAN, created_at=NOW)
    assert queries.bans(NOW + 59) == queries.bans(NOW + 59, NOW) == [kept]
    assert queries.bans(NOW + 59, NOW + 1) == []
    assert queries.bans(NOW + 60) == []
    store.now += 60
    with pytest.raises(NoSuchBan):
        store.write(RemoveBan(BAN.network, "operator"))
    store.write(AddBan(Ban("2001:db8::/32", "", "all", NOW + 90)))
    assert store.count("ban") == 1, "what is over is gone"


def test_a_ban_is_lifted(store: Store) -> None:
    store.write(AddBan(BAN, "operator"))
    store.write(RemoveBan(BAN.network, "operator"))
    assert LimitQueries(store.handle).bans(NOW) == []
    with pytest.raises(NoSuchBan):
        store.write(RemoveBan(BAN.network, "operator"))
    assert actions(store) == [("operator", "ban-add", BAN.network), ("operator", "ban-remove", BAN.network)]


def test_what_limits_ban_is_not_in_the_audit_log(store: Store) -> None:
    store.write(AddBan(BAN))
    assert actions(store) == []


@pytest.mark.parametrize(
    ("scope", "until", "reason", "together"),
    [
        ("mail", NOW + 30, "new", ("spam", "mail", NOW + 60)),
        ("mail", NOW + 90, "new", ("new", "mail", NOW + 90)),
        ("reading", NOW + 30, "new", ("spam", "all", NOW + 60)),
        ("reading", NOW + 90, "new", ("new", "all", NOW + 90)),
    ],
)
def test_two_bans_of_a_network_become_one(
    store: Store, scope: str, until: int, reason: str, together: tuple[str, str, int]
) -> None:
    store.write(AddBan(BAN))
    both = store.write(AddBan(Ban(BAN.network, reason, scope, until)))  # type: ignore[arg-type]
    assert (both.reason, both.scope, both.until) == together
    assert LimitQueries(store.handle).bans(NOW) == [both]


def test_changes_are_announced(store: Store) -> None:
    queries = LimitQueries(store.handle)
    changes: list[Change[object]] = [
        AddLimit(LIMIT), ChangeLimit(LIMIT), RemoveLimit(LIMIT.name), AddBan(BAN), RemoveBan(BAN.network),
    ]  # fmt: skip
    for change in changes:
        before = queries.versions()
        store.write(change)
        assert queries.versions() != before
        assert SETTINGS in store.touched


def test_a_ban_makes_nobody_read_the_domains_again(store: Store) -> None:
    before = store.queries.counter("settings")
    store.write(AddBan(BAN, "operator"))
    assert store.queries.counter("settings") == before


class TestBans:
    def test_of_a_list_are_added_together(self, store: Store) -> None:
        queries = LimitQueries(store.handle)
        store.write(AddBan(msgspec.structs.replace(BAN, until=NOW + 600), "operator"))
        other = Ban("2001:db8::/32", "", "all", NOW + 60)
        before = queries.versions()
        store.write(AddBans((BAN, other), "operator"))
        # The one that was there already is for the longer time.
        kept = [
            msgspec.structs.replace(BAN, until=NOW + 600, created_at=NOW),
            msgspec.structs.replace(other, created_at=NOW),
        ]
        assert queries.bans(NOW) == kept
        assert queries.versions()[0] == before[0] + 1
        assert SETTINGS in store.touched
        assert actions(store)[-1] == ("operator", "ban-import", "")

    def test_are_read_in_pages(self, store: Store) -> None:
        queries = LimitQueries(store.handle)
        for second, networks in enumerate([("::2/128", "::1/128"), ("192.0.2.1/32",)]):
            store.now = NOW + second
            for network in networks:
                store.write(AddBan(Ban(network, "", "all", NOW + 60)))
        pages, after = list[str](), None
        while page := queries.bans_page(NOW + 1, after, 2):
            pages += [ban.network for ban in page]
            after = page[-1].created_at, page[-1].network
        assert pages == [ban.network for ban in queries.bans(NOW + 1)] == ["192.0.2.1/32", "::1/128", "::2/128"]
        assert queries.count_bans(NOW + 1) == 3
        assert queries.bans_page(NOW + 60, None, 9) == []
        assert queries.count_bans(NOW + 60) == 0

    def test_of_networks_are_found(self, store: Store) -> None:
        queries = LimitQueries(store.handle)
        store.write(AddBan(BAN))
        assert [ban.network for ban in queries.bans_of(NOW, ["192.0.2.0/24", "192.0.2.1/32"])] == ["192.0.2.0/24"]
        assert queries.bans_of(NOW, ["192.0.0.0/16"]) == []
        assert queries.bans_of(NOW + 60, ["192.0.2.0/24"]) == []


class TestUses:
    def test_are_noted_again_and_forgotten(self, store: Store) -> None:
        queries = LimitQueries(store.handle)
        first, second = Use(1, "192.0.2.1/32", 5, 0, NOW, NOW + 60), Use(1, "x", 9, 2, NOW, NOW + 90)
        store.write(NoteUses((first, second)))
        assert queries.uses(NOW) == [second, first]
        # It is nothing that daemons must know.
        assert store.touched == set()
        again = msgspec.structs.replace(first, used=6, noted_at=NOW + 1, until=NOW + 61)
        store.write(NoteUses((again,)))
        assert queries.uses(NOW) == [again, second]
        assert queries.uses(NOW, {(1, "x"), (2, "192.0.2.1/32")}) == [second]
        assert queries.uses(NOW, set()) == []
        assert queries.uses(NOW + 61) == [second]
        store.now = NOW + 61
        store.write(NoteUses((second,)))
        assert store.count("limit_use") == 1

    def test_are_not_too_many(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "MOST_USES", 3)
        for second in range(5):
            store.write(NoteUses((Use(1, f"{second}", 1, 1, NOW + second, NOW + 60),)))
        assert [use.subject for use in LimitQueries(store.handle).uses(NOW)] == ["4", "3", "2", "1"]
