"""What people change of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pyotp import TOTP

from tempmaild.errors import CredentialRefused, InvalidValue, WrongCredentials
from tempmaild.service.sign_ins import Client
from tests.support import TestAppliance, make_appliance, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tempmaild.core.person import Person
    from tempmaild.service.profiles import NewFactor

PASSWORD, OTHER = "nine lives of tea", "seven seas of rye"
HERE = Client("192.0.2.1")


@pytest.fixture
def house(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[TestAppliance]:
    admin: dict[str, Any] = {"require_totp": "totp_is_required" in request.node.name}
    house = make_appliance(tmp_path, admin=admin)
    run(house.appliance.people.add("ann", "owner", PASSWORD))
    yield house
    house.close()


def ann(house: TestAppliance) -> Person:
    return run(house.appliance.people.get("ann"))


def begin(house: TestAppliance) -> str:
    return run(house.appliance.sign_ins.begin(ann(house), HERE))


def is_in(house: TestAppliance, token: str) -> bool:
    return run(house.appliance.sign_ins.visitor(token)) is not None


def set_up(house: TestAppliance, token: str, password: str = PASSWORD) -> NewFactor:
    secret = house.appliance.profiles.draft_totp(ann(house), token).secret
    code = TOTP(secret).at(int(house.clock.now))
    return run(house.appliance.profiles.set_totp(ann(house), token, password, code, HERE))


def test_pages_are_as_one_wants_them(house: TestAppliance) -> None:
    run(house.appliance.profiles.set_preferences(ann(house), "Europe/Vienna", "de", "dark"))
    assert (ann(house).zone, ann(house).language, ann(house).theme) == ("Europe/Vienna", "de", "dark")
    with pytest.raises(InvalidValue, match="theme"):
        run(house.appliance.profiles.set_preferences(ann(house), "UTC", "", "pink"))
    assert ann(house).zone == "Europe/Vienna"


def test_a_password_is_changed(house: TestAppliance) -> None:
    profiles, here, there = house.appliance.profiles, begin(house), begin(house)
    with pytest.raises(InvalidValue, match="current: it is not your password"):
        run(profiles.change_password(ann(house), OTHER, OTHER, HERE))
    with pytest.raises(InvalidValue, match="password: it has not 12"):
        run(profiles.change_password(ann(house), PASSWORD, "short", HERE))
    assert is_in(house, here)
    renewed = run(profiles.change_password(ann(house), PASSWORD, OTHER, HERE))
    assert [is_in(house, token) for token in (here, there, renewed)] == [False, False, True]
    run(house.appliance.sign_ins.sign_in("ann", OTHER, HERE))
    with pytest.raises(WrongCredentials):
        run(house.appliance.sign_ins.sign_in("ann", PASSWORD, HERE))


def test_a_second_factor_is_set_up_and_removed(house: TestAppliance) -> None:
    profiles, here, there = house.appliance.profiles, begin(house), begin(house)
    draft = profiles.draft_totp(ann(house), here)
    assert draft == profiles.draft_totp(ann(house), here)
    assert draft.secret != profiles.draft_totp(ann(house), there).secret
    assert draft.uri.startswith("otpauth://totp/tempmaild:ann%40mx.box.test?secret=" + draft.secret)
    with pytest.raises(InvalidValue, match="code: it is not what an authenticator shows"):
        run(profiles.set_totp(ann(house), here, PASSWORD, "000000", HERE))
    with pytest.raises(InvalidValue, match="current"):
        set_up(house, here, OTHER)
    assert not ann(house).has_totp
    factor = set_up(house, here)
    assert ann(house).has_totp
    assert [is_in(house, token) for token in (here, there, factor.token)] == [False, False, True]
    assert len(set(factor.recovery_codes)) == 10
    assert run(profiles.recovery_codes(ann(house))) == 10
    half = run(house.appliance.sign_ins.sign_in("ann", PASSWORD, HERE))
    code = TOTP(draft.secret).at(int(house.clock.now))
    with pytest.raises(WrongCredentials):
        run(house.appliance.sign_ins.give_code(half.token, code, HERE))
    house.clock.now += 30
    code = TOTP(draft.secret).at(int(house.clock.now))
    assert is_in(house, run(house.appliance.sign_ins.give_code(half.token, code, HERE)))
    with pytest.raises(InvalidValue, match="current"):
        run(profiles.remove_totp(ann(house), OTHER, HERE))
    run(profiles.remove_totp(ann(house), PASSWORD, HERE))
    assert not ann(house).has_totp
    assert not run(house.appliance.sign_ins.sign_in("ann", PASSWORD, HERE)).needs_code


def test_recovery_codes_are_renewed(house: TestAppliance) -> None:
    profiles = house.appliance.profiles
    with pytest.raises(CredentialRefused):
        run(profiles.renew_recovery_codes(ann(house), PASSWORD, HERE))
    old = set_up(house, begin(house)).recovery_codes
    with pytest.raises(InvalidValue, match="current"):
        run(profiles.renew_recovery_codes(ann(house), OTHER, HERE))
    new = run(profiles.renew_recovery_codes(ann(house), PASSWORD, HERE))
    half = run(house.appliance.sign_ins.sign_in("ann", PASSWORD, HERE)).token
    with pytest.raises(WrongCredentials):
        run(house.appliance.sign_ins.give_code(half, old[0], HERE))
    assert is_in(house, run(house.appliance.sign_ins.give_code(half, new[9], HERE)))
    assert run(profiles.recovery_codes(ann(house))) == 9


def test_nobody_goes_without_where_totp_is_required(house: TestAppliance) -> None:
    assert house.appliance.sign_ins.lacks_totp(ann(house))
    set_up(house, begin(house))
    assert not house.appliance.sign_ins.lacks_totp(ann(house))
    with pytest.raises(CredentialRefused):
        run(house.appliance.profiles.remove_totp(ann(house), PASSWORD, HERE))
    assert ann(house).has_totp
