"""Signing in to the console: who gets in, who has to wait, and when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pyotp import TOTP

from tempmaild.core import secret as secrets
from tempmaild.core.limit import Limit
from tempmaild.core.totp import recovery_verifier
from tempmaild.errors import Banned, InvalidValue, NoSuchSession, TooFast, WrongCredentials
from tempmaild.service.sign_ins import MOST_CODES, Client, SignedIn, _Waits
from tempmaild.store.people import SetPassword, SetTotp
from tempmaild.store.sign_ins import MOST_FAILED_CODES
from tests.support import TestAppliance, make_appliance, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tempmaild.core.person import Person
    from tempmaild.core.secret import Keys
    from tempmaild.store.transaction import Change

PASSWORD = "nine lives of tea"
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
RECOVERY = "aaaq-eaye-auda-ocaj"
HERE, ELSEWHERE = Client("192.0.2.1", "Browser"), Client("198.51.100.1")
IDLE, LONGEST = 3600, 86_400


@pytest.fixture(autouse=True)
def _quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what takes time on purpose; that it is done is tested apart."""

    def keys(password: str, salt: bytes) -> Keys:
        return secrets.Keys(salt + secrets.prepared(password).encode("utf-8", "surrogatepass"))

    monkeypatch.setattr(secrets, "keys_of_password", keys)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[TestAppliance]:
    house = make_appliance(tmp_path)
    yield house
    house.close()


@pytest.fixture(autouse=True)
def ann(house: TestAppliance) -> Person:
    return run(house.appliance.people.add("ann", "owner", PASSWORD))


async def _write(house: TestAppliance, change: Change[None]) -> None:
    await house.appliance.people._access.write(change)


@pytest.fixture
def with_totp(house: TestAppliance) -> Person:
    verifier = recovery_verifier(RECOVERY)
    assert verifier
    run(_write(house, SetTotp("ann", SECRET, 0, (verifier,))))
    return run(house.appliance.people.get("ann"))


def sign_in(house: TestAppliance, name: str = "ann", password: str = PASSWORD, client: Client = HERE) -> SignedIn:
    return run(house.appliance.sign_ins.sign_in(name, password, client))


def code(house: TestAppliance) -> str:
    return TOTP(SECRET).at(int(house.clock.now))


def is_in(house: TestAppliance, token: str) -> bool:
    return run(house.appliance.sign_ins.visitor(token)) is not None


def audited(house: TestAppliance) -> list[tuple[str, str]]:
    return [(row.action, row.subject) for row in house.appliance.audit.rows()]


def test_name_and_password(house: TestAppliance, ann: Person) -> None:
    signed_in = sign_in(house, " Ann ")
    assert (signed_in.person, signed_in.needs_code) == (ann, False)
    assert is_in(house, signed_in.token)
    assert audited(house)[-1] == ("sign-in", "ann")
    assert not run(house.appliance.sign_ins.needs_code(signed_in.token))
    other = sign_in(house)
    assert other.token != signed_in.token
    (first, second) = run(house.appliance.sign_ins.sessions(ann))
    assert (first.address, first.agent) == ("192.0.2.1", "Browser")
    assert first.id > second.id


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ann", "another password"),
        ("ann", ""),
        ("ann", PASSWORD + "x" * 300),
        ("ann", "\ud800"),
        ("bob", PASSWORD),
        ("", PASSWORD),
        ("no name\0", PASSWORD),
        ("a" * 100_000, PASSWORD),
    ],
)
def test_what_does_not_belong_together(house: TestAppliance, name: str, password: str) -> None:
    with pytest.raises(WrongCredentials):
        sign_in(house, name, password)
    assert audited(house)[-1] == ("sign-in-failed", "ann" if name == "ann" else "")


def test_nobody_is_told_who_exists_by_the_time_it_takes(
    house: TestAppliance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted, not timed: as many passwords are stretched, changes written and rows read for either."""
    done: list[str] = []
    access = house.appliance.sign_ins._access
    for name in ("read", "write", "stretch"):
        method = getattr(type(access), name)

        async def count(
            self: object, *args: object, method: object = method, name: str = name, **more: object
        ) -> object:
            done.append(name)
            return await method(self, *args, **more)  # type: ignore[operator]

        monkeypatch.setattr(type(access), name, count)
    work = []
    for name in ("ann", "bob", "not / a name"):
        done.clear()
        with pytest.raises(WrongCredentials):
            sign_in(house, name, "a wrong password", ELSEWHERE)
        work.append([step for step in done if step != "read"])
    assert work[0] == work[1] == work[2]
    assert work[0].count("stretch") == 1


def test_a_password_that_is_changed_while_it_is_looked_at_is_wrong(
    house: TestAppliance, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed: list[bool] = []

    def keys(password: str, salt: bytes) -> Keys:
        if not changed:
            changed.append(True)
            run(_write(house, SetPassword("ann", b"\x01" * 32, b"\x02" * 16)))
        return secrets.Keys(salt + password.encode())

    monkeypatch.setattr(secrets, "keys_of_password", keys)
    with pytest.raises(WrongCredentials):
        sign_in(house)
    assert changed


def test_who_may_not_sign_in_does_not(house: TestAppliance) -> None:
    run(house.appliance.people.add("bob", "viewer", PASSWORD))
    token = sign_in(house, "bob").token
    run(house.appliance.people.change("bob", "viewer", enabled=False))
    assert not is_in(house, token)
    with pytest.raises(WrongCredentials):
        sign_in(house, "bob")


def test_a_password_alone_opens_nothing_when_a_code_is_due(house: TestAppliance, with_totp: Person) -> None:
    half = sign_in(house)
    assert half.needs_code
    assert run(house.appliance.sign_ins.needs_code(half.token))
    assert not is_in(house, half.token)
    assert run(house.appliance.sign_ins.sessions(with_totp)) == []
    assert audited(house)[-1][0] != "sign-in"
    token = run(house.appliance.sign_ins.give_code(half.token, code(house), HERE))
    assert token != half.token
    assert is_in(house, token)
    assert not run(house.appliance.sign_ins.needs_code(half.token)), "it was good once"
    assert audited(house)[-1] == ("sign-in", "ann")
    with pytest.raises(NoSuchSession):
        run(house.appliance.sign_ins.give_code(token, code(house), HERE))


@pytest.mark.usefixtures("with_totp")
def test_a_code_is_good_once(house: TestAppliance) -> None:
    seen = code(house)
    run(house.appliance.sign_ins.give_code(sign_in(house).token, seen, HERE))
    half = sign_in(house).token
    with pytest.raises(WrongCredentials):
        run(house.appliance.sign_ins.give_code(half, seen, HERE))
    run(house.appliance.sign_ins.give_code(half, RECOVERY.upper(), HERE))
    half = sign_in(house).token
    with pytest.raises(WrongCredentials):
        run(house.appliance.sign_ins.give_code(half, RECOVERY, HERE))


@pytest.mark.usefixtures("with_totp")
def test_a_code_is_due_for_five_minutes(house: TestAppliance) -> None:
    half = sign_in(house).token
    house.clock.now += 300
    with pytest.raises(NoSuchSession):
        run(house.appliance.sign_ins.give_code(half, code(house), HERE))


@pytest.mark.usefixtures("with_totp")
def test_after_wrong_codes_the_password_is_due_again(house: TestAppliance) -> None:
    half = sign_in(house).token
    for number in range(MOST_FAILED_CODES):
        with pytest.raises(WrongCredentials):
            run(house.appliance.sign_ins.give_code(half, "000000", Client(f"10.0.{number}.1")))
    assert not run(house.appliance.sign_ins.needs_code(half))
    with pytest.raises(NoSuchSession):
        run(house.appliance.sign_ins.give_code(half, code(house), HERE))


@pytest.mark.usefixtures("with_totp")
def test_guessing_codes_from_many_networks_leads_nowhere(house: TestAppliance) -> None:
    half = ""
    for number in range(MOST_CODES):
        if number % MOST_FAILED_CODES == 0:
            half = sign_in(house).token
        with pytest.raises(WrongCredentials):
            run(house.appliance.sign_ins.give_code(half, "000000", Client(f"10.0.{number}.1")))
    half = sign_in(house).token
    with pytest.raises(TooFast, match=r"^3600$"):
        run(house.appliance.sign_ins.give_code(half, code(house), HERE))
    assert is_in(house, run(house.appliance.sign_ins.give_code(half, RECOVERY, HERE)))
    half = sign_in(house).token
    run(house.appliance.sign_ins.give_code(half, code(house), HERE))


def test_who_has_failed_often_waits(house: TestAppliance, ann: Person) -> None:
    """The limits have it that the third failure is the last one without a wait."""
    for _ in range(3):
        with pytest.raises(WrongCredentials):
            sign_in(house, password="wrong")
    with pytest.raises(WrongCredentials):
        sign_in(house, password="wrong")
    with pytest.raises(TooFast, match=r"^1$"):
        sign_in(house)
    assert sign_in(house, client=ELSEWHERE)
    house.clock.now += 1
    assert sign_in(house)
    with pytest.raises(WrongCredentials):
        sign_in(house, password="wrong")
    with pytest.raises(TooFast, match=r"^2$"):
        run(house.appliance.sign_ins.confirm(ann, PASSWORD, HERE))


def test_who_is_banned_may_not_try(house: TestAppliance) -> None:
    run(house.appliance.bans.add("192.0.2.0/24", 3600, scope="reading"))
    with pytest.raises(Banned):
        sign_in(house)
    assert sign_in(house, client=ELSEWHERE)
    run(house.appliance.bans.add("198.51.100.0/24", 3600, scope="mail"))
    assert sign_in(house, client=ELSEWHERE)


def test_the_limits_ban(house: TestAppliance) -> None:
    for name in ("failed-logins-delay", "failed-logins-ban"):
        run(house.appliance.limits.remove(name))
    run(house.appliance.limits.add(Limit("strict", "failed-login", "network", 1, 600, action="ban", ban_seconds=600)))
    for _ in range(2):
        with pytest.raises(WrongCredentials):
            sign_in(house, password="wrong")
    with pytest.raises(Banned):
        sign_in(house)


def test_what_is_known_of_who_waits_is_bounded(house: TestAppliance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempmaild.service.sign_ins._MOST_WAITING", 3)
    waits = _Waits(house.appliance.limiter, house.clock)
    for number in range(5):
        for _ in range(4):
            run(waits.failed(f"2001:db8:0:{number}::1"))
    assert list(waits._until) == [f"2001:db8:0:{number}::/64" for number in (2, 3, 4)]


def test_a_session_nobody_uses_ends(house: TestAppliance) -> None:
    token = sign_in(house).token
    for _ in range(3):
        house.clock.now += IDLE - 1
        assert is_in(house, token)
    house.clock.now += IDLE
    assert not is_in(house, token)


def test_every_session_ends(house: TestAppliance, ann: Person) -> None:
    token = sign_in(house).token
    for _ in range(LONGEST // 1800 - 1):
        house.clock.now += 1800
        assert is_in(house, token)
    house.clock.now += 1800
    assert not is_in(house, token)
    assert run(house.appliance.sign_ins.sessions(ann)) == []


def test_its_use_is_noted_once_a_minute(house: TestAppliance, ann: Person) -> None:
    token = sign_in(house).token
    begun = house.clock.now
    for seconds, noted in ((59, 0), (60, 60), (119, 60), (120, 120)):
        house.clock.now = begun + seconds
        assert is_in(house, token)
        assert run(house.appliance.sign_ins.sessions(ann))[0].used_at == begun + noted


def test_it_ends_where_it_is_ended(house: TestAppliance, ann: Person) -> None:
    here, there, everywhere = (sign_in(house).token for _ in range(3))
    run(house.appliance.sign_ins.sign_out(here))
    assert not is_in(house, here)
    visitor = run(house.appliance.sign_ins.visitor(there))
    assert visitor is not None
    assert run(house.appliance.sign_ins.end_all(ann, "ann", visitor.session.id)) == 1
    assert (is_in(house, there), is_in(house, everywhere)) == (True, False)
    run(house.appliance.sign_ins.end(visitor.session.id, ann, "ann"))
    assert not is_in(house, there)
    with pytest.raises(NoSuchSession):
        run(house.appliance.sign_ins.end(visitor.session.id, ann, "ann"))


@pytest.mark.parametrize("token", ["", "x", "\ud800", "a" * 100_000, "'; DROP TABLE person; --"])
def test_a_token_that_nobody_was_given(house: TestAppliance, token: str) -> None:
    assert not is_in(house, token)
    assert not run(house.appliance.sign_ins.needs_code(token))
    run(house.appliance.sign_ins.sign_out(token))
    with pytest.raises(NoSuchSession):
        run(house.appliance.sign_ins.give_code(token, "000000", HERE))


def test_what_browsers_call_themselves_is_cut(house: TestAppliance, ann: Person) -> None:
    sign_in(house, client=Client("192.0.2.1", "a\nb\x1b[31m" + "c" * 1000))
    (session,) = run(house.appliance.sign_ins.sessions(ann))
    assert session.agent == ("ab[31m" + "c" * 1000)[:200]


def test_who_is_in_shows_the_password_once_more(house: TestAppliance, ann: Person) -> None:
    run(house.appliance.sign_ins.confirm(ann, PASSWORD, HERE))
    with pytest.raises(InvalidValue, match="current: it is not your password"):
        run(house.appliance.sign_ins.confirm(ann, "another password", HERE))
    assert audited(house)[-1] == ("sign-in-failed", "ann")
