"""Keys of the API are kept on either kind of database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tempmaild.errors import NameTaken, NoSuchApiKey
from tempmaild.store.api_keys import (
    AddApiKey,
    ApiKeyQueries,
    ChangeApiKey,
    KeptKey,
    RemoveApiKey,
    RotateApiKey,
    UseApiKey,
)
from tempmaild.store.audit import AuditLog
from tempmaild.store.backup import RESTORED, FinishRestore
from tests.support import NOW

if TYPE_CHECKING:
    from tempmaild.core.api_key import ApiKey
    from tests.store.house import Store

DAY = 86_400
SCOPES = ("mailboxes:create", "messages:read")
NETWORKS = ("192.0.2.0/24", "2001:db8::/32")
FIRST, SECOND, THIRD = (bytes([number]) * 32 for number in (1, 2, 3))


def add(store: Store, name: str = "tests", prefix: str = "tmk_aaaaaaaa") -> ApiKey:
    key: ApiKey = store.write(AddApiKey(name, prefix, FIRST, SCOPES, NETWORKS, store.now + DAY, "op"))
    return key


def rotate(store: Store, prefix: str, verifier: bytes, grace: int = 600, days: int = 90) -> ApiKey:
    key: ApiKey = store.write(RotateApiKey("tests", prefix, verifier, store.now + days * DAY, grace, "op"))
    return key


def queries(store: Store) -> ApiKeyQueries:
    return ApiKeyQueries(store.handle)


def audited(store: Store) -> list[tuple[str, str, str, dict[str, Any]]]:
    rows = list(AuditLog(store.handle).rows())[1:]
    return [(row.actor, row.action, row.subject, json.loads(row.details)) for row in rows]


def test_a_key_is_added(store: Store) -> None:
    key = add(store)
    assert (key.name, key.prefix, key.scopes, key.networks) == ("tests", "tmk_aaaaaaaa", SCOPES, NETWORKS)
    assert (key.created_by, key.created_at, key.expires_at, key.used_at) == ("op", NOW, NOW + DAY, 0)
    assert (key.old_prefix, key.old_until) == ("", 0)
    assert queries(store).named("tests") == key
    assert queries(store).named("other") is None
    details = {"prefix": key.prefix, "scopes": [*SCOPES], "networks": [*NETWORKS], "until": NOW + DAY}
    assert audited(store) == [("op", "api-key-add", "tests", details)]
    with pytest.raises(NameTaken):
        add(store)


def test_keys_are_listed_by_name(store: Store) -> None:
    for name in ("c", "a", "b"):
        add(store, name)
    assert [key.name for key in queries(store).page("", 2)] == ["a", "b"]
    assert [key.name for key in queries(store).page("b", 2)] == ["c"]


def test_a_key_is_found_by_what_either_secret_begins_with(store: Store) -> None:
    add(store)
    other = add(store, "other", "tmk_bbbbbbbb")
    assert queries(store).with_prefix("tmk_cccccccc") == []
    assert queries(store).with_prefix("tmk_bbbbbbbb") == [KeptKey(other, FIRST, b"")]
    key = rotate(store, "tmk_cccccccc", SECOND)
    for prefix in ("tmk_aaaaaaaa", "tmk_cccccccc"):
        assert queries(store).with_prefix(prefix) == [KeptKey(key, SECOND, FIRST)]


def test_two_keys_may_begin_alike(store: Store) -> None:
    add(store)
    add(store, "other")
    assert sorted(kept.key.name for kept in queries(store).with_prefix("tmk_aaaaaaaa")) == ["other", "tests"]


def test_a_rotated_key_has_two_secrets_for_a_while(store: Store) -> None:
    add(store)
    key = rotate(store, "tmk_bbbbbbbb", SECOND)
    assert (key.prefix, key.expires_at) == ("tmk_bbbbbbbb", NOW + 90 * DAY)
    assert (key.old_prefix, key.old_until) == ("tmk_aaaaaaaa", NOW + 600)
    assert audited(store)[1][:3] == ("op", "api-key-rotate", "tests")
    assert audited(store)[1][3]["old_until"] == NOW + 600
    rotate(store, "tmk_cccccccc", THIRD)
    assert queries(store).with_prefix("tmk_aaaaaaaa") == [], "it was the secret before the last"
    assert queries(store).with_prefix("tmk_bbbbbbbb")[0].old_verifier == SECOND


@pytest.mark.parametrize(("after", "until"), [(0, NOW + DAY), (DAY - 10, NOW + DAY), (DAY + 10, NOW + DAY)])
def test_an_old_secret_lives_no_longer_by_that_it_is_replaced(store: Store, after: int, until: int) -> None:
    add(store)
    store.now += after
    assert rotate(store, "tmk_bbbbbbbb", SECOND, grace=30 * DAY).old_until == until


def test_an_old_secret_lives_no_longer_than_the_new_one(store: Store) -> None:
    add(store)
    key = store.write(RotateApiKey("tests", "tmk_bbbbbbbb", SECOND, NOW + 60, 600))
    assert key.old_until == key.expires_at == NOW + 60


def test_a_key_is_changed(store: Store) -> None:
    key = add(store)
    assert store.write(ChangeApiKey("tests", SCOPES, NETWORKS, "op")) == key
    assert len(audited(store)) == 1, "nothing was changed"
    changed = store.write(ChangeApiKey("tests", ("domains:read",), (), "op"))
    assert (changed.scopes, changed.networks, changed.prefix) == (("domains:read",), (), key.prefix)
    assert queries(store).named("tests") == changed
    assert audited(store)[1][1:3] == ("api-key-change", "tests")
    assert audited(store)[1][3]["networks"] == []


def test_a_use_is_noted_but_not_in_the_log(store: Store) -> None:
    key = add(store)
    store.now += 7
    store.write(UseApiKey(key.id))
    used = queries(store).named("tests")
    assert used is not None
    assert used.used_at == NOW + 7
    assert len(audited(store)) == 1


def test_a_key_is_removed(store: Store) -> None:
    add(store)
    store.write(RemoveApiKey("tests", "op"))
    assert queries(store).with_prefix("tmk_aaaaaaaa") == []
    assert audited(store)[1] == ("op", "api-key-remove", "tests", {"prefix": "tmk_aaaaaaaa"})
    for change in (RemoveApiKey("tests"), ChangeApiKey("tests", SCOPES, ()), RotateApiKey("tests", "", b"", 0, 0)):
        with pytest.raises(NoSuchApiKey):
            store.write(change)
    assert len(audited(store)) == 2


def test_a_restored_key_is_good_only_with_another_secret(store: Store) -> None:
    """It may have been removed after the backup, or rotated because somebody knew it."""
    add(store)
    rotate(store, "tmk_bbbbbbbb", SECOND)
    add(store, "over", "tmk_dddddddd")
    store.now += DAY
    store.handle.run("INSERT INTO counter (name, value) VALUES (?, 1)", RESTORED)
    store.write(FinishRestore())
    restored = queries(store).named("tests")
    assert restored is not None
    assert (restored.expires_at, restored.old_until) == (store.now, 0)
    over = queries(store).named("over")
    assert over is not None
    assert over.expires_at == NOW + DAY, "it was over before"
    again = rotate(store, "tmk_cccccccc", THIRD)
    assert again.expires_at == store.now + 90 * DAY
    assert again.old_until == store.now, "the secret of the backup is good no more"
