"""What a copy of the database gives away of second factors, and what happens without the key that locks them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from pyotp import TOTP

from tempmaild.appliance import open_appliance
from tempmaild.core import secret as secrets
from tempmaild.errors import WrongCredentials
from tempmaild.service.sign_ins import Client
from tempmaild.settings import Settings
from tempmaild.store.backup import back_up
from tempmaild.store.people import SetTotp
from tempmaild.store.restore import restore
from tempmaild.store.vault import open_vault
from tests.support import Clock, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tempmaild.appliance import Appliance
    from tempmaild.core.secret import Keys

PASSWORD = "nine lives of tea"
HERE = Client("192.0.2.1")


@pytest.fixture(autouse=True)
def _quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    def keys(password: str, salt: bytes) -> Keys:
        return secrets.Keys(salt + secrets.prepared(password).encode("utf-8", "surrogatepass"))

    monkeypatch.setattr(secrets, "keys_of_password", keys)


class Factor(NamedTuple):
    secret: str
    recovery_codes: list[str]


class House:
    """A host whose files are looked at, with the operator ann."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.settings = Settings.model_validate({"host": {"name": "mx.box.test", "state": self.state}})
        self.clock = Clock()
        self.appliance: Appliance = open_appliance(self.settings, clock=self.clock)
        run(self.appliance.people.add("ann", "owner", PASSWORD))

    def again(self) -> None:
        """Stop and start."""
        self.appliance.handle.close()
        self.appliance = open_appliance(self.settings, clock=self.clock)

    def set_up(self) -> Factor:
        profiles, ann = self.appliance.profiles, run(self.appliance.people.get("ann"))
        token = run(self.appliance.sign_ins.begin(ann, HERE))
        secret = profiles.draft_totp(ann, token).secret
        made = run(profiles.set_totp(ann, token, PASSWORD, self.code(secret), HERE))
        self.clock.now += 60  # no code is good twice
        return Factor(secret, made.recovery_codes)

    def keep_in_clear(self, secret: str) -> None:
        async def write() -> None:
            await self.appliance.people._access.write(SetTotp("ann", secret, 0, ()))

        run(write())

    def code(self, secret: str) -> str:
        return TOTP(secret).at(int(self.clock.now))

    def sign_in(self, code: str) -> None:
        half = run(self.appliance.sign_ins.sign_in("ann", PASSWORD, HERE))
        assert half.needs_code
        run(self.appliance.sign_ins.give_code(half.token, code, HERE))

    def files_with(self, text: str) -> list[str]:
        """Give the files of the state folder that have a text somewhere."""
        return [path.name for path in sorted(self.state.iterdir()) if text.encode() in path.read_bytes()]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.appliance.handle.close()


def test_no_file_of_the_database_has_the_secret(house: House) -> None:
    factor = house.set_up()
    assert house.files_with("ann"), "what is searched is what is written"
    assert house.files_with(factor.secret) == []
    house.sign_in(house.code(factor.secret))
    assert house.files_with(factor.secret) == []


def test_what_an_earlier_program_kept_in_clear_is_locked_and_leaves_no_trace(house: House) -> None:
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    house.keep_in_clear(secret)
    assert house.files_with(secret)
    house.sign_in(house.code(secret))
    assert run(house.appliance.profiles.lock_factors()) == 1
    assert run(house.appliance.profiles.lock_factors()) == 0
    house.appliance.handle.close()
    assert house.files_with(secret) == []
    house.again()
    house.clock.now += 60
    house.sign_in(house.code(secret))


def test_a_backup_has_no_secret_and_people_sign_in_after_going_back_to_it(house: House, tmp_path: Path) -> None:
    factor, backup = house.set_up(), tmp_path / "backup.db"
    back_up(house.appliance.handle, backup)
    assert factor.secret.encode() not in backup.read_bytes()
    house.appliance.handle.close()
    vault = open_vault("mx.box.test", house.settings.signing_key_path)
    restore(backup, None, house.settings.sqlite_path, vault, int(house.clock.now))
    house.again()
    house.sign_in(house.code(factor.secret))


def test_without_the_key_recovery_codes_open_and_a_new_factor_can_be_set_up(house: House) -> None:
    factor = house.set_up()
    house.settings.admin_key_path.unlink()
    house.again()
    with pytest.raises(WrongCredentials):
        house.sign_in(house.code(factor.secret))
    house.sign_in(factor.recovery_codes[0])
    anew = house.set_up()
    house.sign_in(house.code(anew.secret))


def test_without_the_key_and_codes_an_owner_lets_one_begin_anew(house: House) -> None:
    house.set_up()
    house.settings.admin_key_path.unlink()
    house.again()
    link = run(house.appliance.people.reset("ann"))
    run(house.appliance.people.accept(link.token, "", PASSWORD))
    assert not run(house.appliance.sign_ins.sign_in("ann", PASSWORD, HERE)).needs_code
