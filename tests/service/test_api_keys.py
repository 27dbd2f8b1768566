"""What a key opens, and what it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tempmaild.core.api_key import KEY_SECONDS, new_secret
from tempmaild.errors import ApiKeyElsewhere, ApiKeyExpired, InvalidValue, NameTaken, NoSuchApiKey, OutOfScope
from tests.support import NOW, run

if TYPE_CHECKING:
    from tempmaild.core.api_key import ApiKey, Scope
    from tempmaild.service.api_keys import ApiKeys, NewApiKey
    from tests.support import TestAppliance

CLIENT = "192.0.2.7"


@pytest.fixture
def keys(house: TestAppliance) -> ApiKeys:
    return house.appliance.api_keys


def add(keys: ApiKeys, *networks: str, name: str = "tests") -> NewApiKey:
    return run(keys.add(name, ["messages:read", "mailboxes:create"], networks, actor="op"))


def check(keys: ApiKeys, secret: str, scope: Scope = "messages:read", address: str = CLIENT) -> ApiKey:
    return run(keys.check(secret, scope, address))


class TestMaking:
    def test_a_key_is_good_for_90_days_from_anywhere(self, keys: ApiKeys) -> None:
        new = add(keys)
        assert new.key.expires_at == NOW + KEY_SECONDS == NOW + 90 * 86_400
        assert new.key.networks == ()
        assert new.key.scopes == ("mailboxes:create", "messages:read")
        assert new.secret.startswith(new.key.prefix)
        assert add(keys, name="other").secret != new.secret

    def test_the_secret_is_kept_nowhere(self, keys: ApiKeys, house: TestAppliance) -> None:
        new, handle = add(keys), house.appliance.handle
        kept = repr([handle.rows("SELECT * FROM api_key"), handle.rows("SELECT * FROM audit")])
        assert new.secret not in kept
        assert new.secret[len(new.key.prefix) :] not in kept

    def test_its_name_is_found_however_it_is_written(self, keys: ApiKeys) -> None:
        new = add(keys, name=" Shop-Tests ")
        assert run(keys.get("SHOP-tests")) == new.key
        with pytest.raises(NameTaken):
            add(keys, name="shop-tests")
        with pytest.raises(NoSuchApiKey):
            run(keys.get("none"))

    @pytest.mark.parametrize(
        ("field", "name", "scopes", "networks", "seconds"),
        [
            ("name", "no name", ["messages:read"], [], 1),
            ("scopes", "tests", [], [], 1),
            ("scopes", "tests", ["everything"], [], 1),
            ("networks", "tests", ["messages:read"], ["here"], 1),
            ("seconds", "tests", ["messages:read"], [], 0),
        ],
    )
    def test_what_is_impossible_is_said_by_its_field(
        self, keys: ApiKeys, field: str, name: str, scopes: list[str], networks: list[str], seconds: int
    ) -> None:
        with pytest.raises(InvalidValue) as refused:
            run(keys.add(name, scopes, networks, seconds))
        assert refused.value.field == field
        assert run(keys.page("", 10)) == []


class TestChecking:
    def test_who_has_the_secret_may(self, keys: ApiKeys) -> None:
        new = add(keys, "192.0.2.0/24")
        assert check(keys, new.secret) == new.key
        assert check(keys, new.secret, "mailboxes:create").name == "tests"

    def test_a_wrong_secret_is_nobodys(self, keys: ApiKeys) -> None:
        secret = add(keys).secret
        other = new_secret(lambda count: b"\x05" * count)
        changed = secret[:-1] + ("A" if secret[-1] != "A" else "E")
        for wrong in (
            "",
            "tmk_",
            secret[:-1],
            changed,
            secret + "A",
            secret.swapcase(),
            other,
            f"{secret}\0",
            "ü" * 47,
        ):
            with pytest.raises(NoSuchApiKey) as refused:
                check(keys, wrong)
            assert not wrong or wrong not in str(refused.value)

    def test_its_time_ends(self, keys: ApiKeys, house: TestAppliance) -> None:
        new = add(keys)
        house.clock.now = new.key.expires_at - 0.5
        assert check(keys, new.secret)
        house.clock.now = new.key.expires_at
        with pytest.raises(ApiKeyExpired):
            check(keys, new.secret)

    def test_it_is_bound_to_networks(self, keys: ApiKeys) -> None:
        secret = add(keys, "192.0.2.0/24", "2001:db8::/32").secret
        for address in (CLIENT, "::ffff:192.0.2.7", "2001:db8::1"):
            assert check(keys, secret, address=address)
        for address in ("192.0.3.1", "2001:db9::1", "", "nowhere"):
            with pytest.raises(ApiKeyElsewhere):
                check(keys, secret, address=address)

    def test_it_is_bound_to_scopes(self, keys: ApiKeys) -> None:
        secret = add(keys).secret
        with pytest.raises(OutOfScope):
            check(keys, secret, "messages:delete")
        run(keys.change("tests", ["messages:delete"]))
        assert check(keys, secret, "messages:delete")
        with pytest.raises(OutOfScope):
            check(keys, secret, "messages:read")

    def test_of_two_that_begin_alike_each_opens_its_own(self, keys: ApiKeys, house: TestAppliance) -> None:
        first, second = add(keys), add(keys, name="other")
        house.appliance.handle.run("UPDATE api_key SET prefix = ?", first.key.prefix)
        assert check(keys, first.secret).name == "tests"
        with pytest.raises(NoSuchApiKey):
            check(keys, second.secret)
        house.appliance.handle.run("UPDATE api_key SET prefix = ?", second.key.prefix)
        assert check(keys, second.secret).name == "other"

    def test_a_removed_one_opens_nothing(self, keys: ApiKeys) -> None:
        secret = add(keys).secret
        run(keys.remove("tests", "op"))
        with pytest.raises(NoSuchApiKey):
            check(keys, secret)

    def test_its_use_is_noted_once_a_minute(self, keys: ApiKeys, house: TestAppliance) -> None:
        secret = add(keys).secret
        noted = []
        for seconds in (10, 59, 1, 59, 61):
            house.clock.now += seconds
            check(keys, secret)
            noted.append(run(keys.get("tests")).used_at - NOW)
        assert noted == [10, 10, 70, 70, 190]

    def test_what_is_refused_is_no_use(self, keys: ApiKeys) -> None:
        secret = add(keys, "192.0.2.0/24").secret
        with pytest.raises(ApiKeyElsewhere):
            check(keys, secret, address="203.0.113.1")
        with pytest.raises(OutOfScope):
            check(keys, secret, "domains:read")
        assert run(keys.get("tests")).used_at == 0


class TestRotating:
    def test_both_secrets_are_good_for_a_while(self, keys: ApiKeys, house: TestAppliance) -> None:
        old = add(keys).secret
        new = run(keys.rotate("tests", 7200, 600, "op"))
        assert new.key.expires_at == NOW + 7200
        assert check(keys, old).name == check(keys, new.secret).name == "tests"
        house.clock.now += 600
        with pytest.raises(ApiKeyExpired):
            check(keys, old)
        assert check(keys, new.secret)

    def test_what_others_know_ends_at_once(self, keys: ApiKeys) -> None:
        old = add(keys).secret
        new = run(keys.rotate("tests", grace=0))
        with pytest.raises(ApiKeyExpired):
            check(keys, old)
        assert check(keys, new.secret)

    def test_the_secret_before_the_last_is_nobodys(self, keys: ApiKeys) -> None:
        first = add(keys).secret
        second = run(keys.rotate("tests")).secret
        run(keys.rotate("tests"))
        assert check(keys, second)
        with pytest.raises(NoSuchApiKey):
            check(keys, first)

    def test_one_whose_time_is_over_lives_again_with_another(self, keys: ApiKeys, house: TestAppliance) -> None:
        old = add(keys)
        house.clock.now = old.key.expires_at + 1
        new = run(keys.rotate("tests"))
        assert check(keys, new.secret)
        with pytest.raises(ApiKeyExpired):
            check(keys, old.secret)

    @pytest.mark.parametrize(("seconds", "grace", "field"), [(0, 0, "seconds"), (1, -1, "grace")])
    def test_impossible_times_change_nothing(self, keys: ApiKeys, seconds: int, grace: int, field: str) -> None:
        secret = add(keys).secret
        with pytest.raises(InvalidValue) as refused:
            run(keys.rotate("tests", seconds, grace))
        assert refused.value.field == field
        assert check(keys, secret)

    def test_of_none_is_refused(self, keys: ApiKeys) -> None:
        for coroutine in (keys.rotate("none"), keys.change("none", ["domains:read"]), keys.remove("none")):
            with pytest.raises(NoSuchApiKey):
                run(coroutine)
