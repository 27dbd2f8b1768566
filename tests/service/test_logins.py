"""What a secret opens, and what an attempt costs whether it opens something or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tempmaild.core.lifetime import Lifetime
from tempmaild.core.mailbox import INBOX
from tempmaild.core.policy import Policy
from tempmaild.core.secret import Keys, keys_of_password
from tempmaild.errors import CredentialRefused, DiskFull, InvalidValue, WrongCredentials
from tempmaild.store.transaction import LIFETIMES
from tests.support import LIFETIME, MESSAGE, run

if TYPE_CHECKING:
    from tests.support import TestAppliance

PASSWORD = "correct horse"
CODE = "00041-06105-0r3gg-28a1c-60t3g-f"


@pytest.fixture
def stretched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bytes]]:
    """The passwords that were worked out, each with its salt; quickly, as far as this is possible."""
    calls: list[tuple[str, bytes]] = []

    def quickly(password: str, salt: bytes) -> Keys:
        calls.append((password, salt))
        return Keys(salt + password.encode())

    monkeypatch.setattr("tempmaild.core.secret.keys_of_password", quickly)
    return calls


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The verifiers that secrets were compared with."""
    calls: list[bytes] = []
    fit = Keys.fit

    def counted(self: Keys, verifier: bytes) -> bool:
        calls.append(verifier)
        return fit(self, verifier)

    monkeypatch.setattr(Keys, "fit", counted)
    return calls


@pytest.fixture
def chosen(house: TestAppliance) -> TestAppliance:
    """With a domain in which passwords may be chosen."""
    run(house.domains.add("chosen.test", policy=Policy(passwords=True)))
    return house


@pytest.fixture
def public(house: TestAppliance) -> TestAppliance:
    """With an open domain."""
    run(house.domains.add("open.test", "open"))
    return house


def refused(house: TestAppliance, name: str, secret: str) -> None:
    with pytest.raises(WrongCredentials):
        run(house.logins.login(name, secret))


def content_of(house: TestAppliance, address: str, secret: str) -> list[bytes | None]:
    inbox = run(house.logins.login(address, secret))
    folder = run(inbox.folder(INBOX))
    return [run(inbox.content(folder.id, entry.uid)) for entry in run(inbox.entries(folder))]


class TestCost:
    """An attempt tells nobody whether there is such a mailbox."""

    @pytest.mark.parametrize("secret", ["wrong", CODE, ""])
    def test_is_one_comparison(self, house: TestAppliance, compared: list[bytes], secret: str) -> None:
        house.create("joe@box.test")
        counts = []
        for name in ("joe@box.test", "nobody@box.test"):
            compared.clear()
            refused(house, name, secret)
            counts.append([len(verifier) for verifier in compared])
        assert counts == [[32], [32]]

    def test_is_one_argon2_where_passwords_may_be_chosen(
        self, chosen: TestAppliance, stretched: list[tuple[str, bytes]], compared: list[bytes]
    ) -> None:
        chosen.create("code@chosen.test")
        gone = run(chosen.mailboxes.create("short@chosen.test", Lifetime(10), password=PASSWORD))
        run(chosen.mailboxes.create("joe@chosen.test", password=PASSWORD))
        chosen.clock.now += 10
        for name in ("joe@chosen.test", "code@chosen.test", gone.mailbox.address, "nobody@chosen.test"):
            stretched.clear()
            compared.clear()
            refused(chosen, name, "wrong horse")
            assert [(password, len(salt)) for password, salt in stretched] == [("wrong horse", 16)], name
            assert len(compared) == 1, name

    def test_is_none_for_what_has_the_form_of_a_code(
        self, chosen: TestAppliance, stretched: list[tuple[str, bytes]]
    ) -> None:
        run(chosen.mailboxes.create("joe@chosen.test", password=PASSWORD))
        stretched.clear()
        for name in ("joe@chosen.test", "nobody@chosen.test"):
            refused(chosen, name, CODE)
        assert not stretched

    def test_is_none_where_no_password_may_be_chosen(
        self, house: TestAppliance, stretched: list[tuple[str, bytes]]
    ) -> None:
        house.create("joe@box.test")
        for name in ("joe@box.test", "nobody@box.test", "joe@elsewhere.test", "no address"):
            refused(house, name, "wrong horse")
        assert not stretched


class TestPasswords:
    def test_open_what_is_sealed(self, chosen: TestAppliance) -> None:
        new = run(chosen.mailboxes.create("joe@chosen.test", password=PASSWORD))
        assert new.secret == PASSWORD
        assert new.mailbox.public_key is not None
        chosen.deliver("joe@chosen.test")
        assert content_of(chosen, "joe@chosen.test", PASSWORD) == [MESSAGE]
        refused(chosen, "joe@chosen.test", PASSWORD.upper())

    def test_of_two_mailboxes_have_different_salts(
        self, chosen: TestAppliance, stretched: list[tuple[str, bytes]]
    ) -> None:
        for name in ("joe", "jane"):
            run(chosen.mailboxes.create(f"{name}@chosen.test", password=PASSWORD))
        (_, first), (_, second) = stretched
        assert first != second

    def test_are_not_chosen_where_they_may_not_be(self, house: TestAppliance) -> None:
        with pytest.raises(CredentialRefused):
            run(house.mailboxes.create("joe@box.test", password=PASSWORD))

    @pytest.mark.parametrize("password", ["short", CODE, "joe@chosen.test", ""])
    def test_are_refused(self, chosen: TestAppliance, password: str) -> None:
        with pytest.raises(InvalidValue) as refusal:
            run(chosen.mailboxes.create("joe@chosen.test", password=password))
        assert refusal.value.field == "password"
        refused(chosen, "joe@chosen.test", password)

    def test_open_nothing_once_the_domain_has_none(self, chosen: TestAppliance) -> None:
        run(chosen.mailboxes.create("joe@chosen.test", password=PASSWORD))
        domain = run(chosen.domains.get("chosen.test"))
        run(chosen.domains.change(type(domain)(domain.id, domain.name, domain.kind, domain.created_at)))
        refused(chosen, "joe@chosen.test", PASSWORD)


class TestRemembering:
    @pytest.fixture
    def house(self, chosen: TestAppliance, stretched: list[tuple[str, bytes]]) -> TestAppliance:
        run(chosen.mailboxes.create("joe@chosen.test", password=PASSWORD))
        stretched.clear()
        return chosen

    def test_a_password_that_was_right_is_worked_out_once_a_minute(
        self, house: TestAppliance, stretched: list[tuple[str, bytes]]
    ) -> None:
        for seconds, times in ((0, 1), (30, 1), (29.5, 1), (0.5, 2), (59, 2)):
            house.clock.now += seconds
            run(house.logins.login("joe@chosen.test", PASSWORD))
            assert len(stretched) == times, house.clock.now

    def test_a_password_that_was_wrong_is_worked_out_each_time(
        self, house: TestAppliance, stretched: list[tuple[str, bytes]]
    ) -> None:
        for _ in range(3):
            refused(house, "joe@chosen.test", "wrong horse")
        assert len(stretched) == 3

    def test_a_clock_that_is_set_back_ends_it(self, house: TestAppliance, stretched: list[tuple[str, bytes]]) -> None:
        run(house.logins.login("joe@chosen.test", PASSWORD))
        house.clock.now -= 10
        run(house.logins.login("joe@chosen.test", PASSWORD))
        assert len(stretched) == 2

    def test_what_was_remembered_opens_no_mailbox_that_was_destroyed(self, house: TestAppliance) -> None:
        run(house.logins.login("joe@chosen.test", PASSWORD))
        run(house.mailboxes.destroy(run(house.mailboxes.find("joe@chosen.test"))))
        refused(house, "joe@chosen.test", PASSWORD)

    def test_nothing_is_kept_longer_than_a_minute(self, house: TestAppliance) -> None:
        passwords = house.logins._unlocker.passwords
        run(house.logins.login("joe@chosen.test", PASSWORD))
        assert len(passwords._known) == 1
        assert PASSWORD.encode() not in b"".join(passwords._known)
        house.clock.now += 60
        house.appliance.hub.publish(None)
        assert not passwords._known

    def test_only_so_many_are_kept(
        self, house: TestAppliance, monkeypatch: pytest.MonkeyPatch, stretched: list[tuple[str, bytes]]
    ) -> None:
        monkeypatch.setattr("tempmaild.service.passwords._MOST", 2)
        addresses = ["joe@chosen.test", "b@chosen.test", "c@chosen.test"]
        for address in addresses[1:]:
            run(house.mailboxes.create(address, password=PASSWORD))
        stretched.clear()
        for address in (*addresses, *reversed(addresses)):
            run(house.logins.login(address, PASSWORD))
        assert len(stretched) == 4, "the first was forgotten for the third"


class TestOpenDomains:
    @pytest.mark.parametrize("secret", ["", "anything", CODE])
    def test_are_read_by_whoever_knows_the_name(self, public: TestAppliance, secret: str) -> None:
        public.deliver("joe@open.test")
        assert content_of(public, "Joe@Open.test", secret) == [MESSAGE]

    def test_have_a_mailbox_for_whoever_looks(self, public: TestAppliance) -> None:
        inbox = run(public.logins.login("new@open.test", "anything"))
        assert (inbox.mailbox.public_key, inbox.read_only) == (None, False)
        assert inbox.mailbox.expires_at == public.clock.now + LIFETIME
        assert run(inbox.entries(run(inbox.folder(INBOX)))) == []
        public.deliver("new@open.test")
        again = run(public.logins.login("new@open.test", "something else"))
        assert again.mailbox == inbox.mailbox
        assert len(run(again.entries(run(again.folder(INBOX))))) == 1

    def test_have_none_that_is_kept_for_the_operator(self, public: TestAppliance) -> None:
        refused(public, "postmaster@open.test", "anything")
        assert not list(run(public.mailboxes.list_all("open.test")))

    def test_make_none_while_they_are_disabled(self, public: TestAppliance) -> None:
        public.deliver("old@open.test")
        domain = run(public.domains.get("open.test"))
        kind = type(domain)
        run(
            public.domains.change(
                kind(domain.id, domain.name, "open", domain.created_at, sealed=False, enabled=False)
            )
        )
        refused(public, "new@open.test", "anything")
        assert content_of(public, "old@open.test", "anything") == [MESSAGE]

    def test_make_none_without_room(self, public: TestAppliance, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(public.logins.room, "minimum_free", 1 << 62)
        monkeypatch.setattr(public.logins.room, "_looked_at", float("-inf"))
        with pytest.raises(DiskFull):
            run(public.logins.login("new@open.test", "anything"))

    def test_are_not_open_any_more_when_the_time_is_over(self, public: TestAppliance) -> None:
        run(public.logins.login("joe@open.test", "anything"))
        public.clock.now += LIFETIME
        refused(public, "joe@open.test", "anything")

    def test_open_no_mailbox_of_another_domain(self, public: TestAppliance) -> None:
        """A domain that is added below a wildcard does not make its mailboxes public."""
        run(public.domains.add("*.wild.test", sealed=False))
        account = public.create("joe@sub.wild.test")
        public.deliver(account.address)
        run(public.domains.add("sub.wild.test", "open"))
        refused(public, account.address, "anything")
        assert content_of(public, account.address, account.secret) == [MESSAGE]


class TestGeneration:
    def test_grows_when_lifetimes_change(self, house: TestAppliance) -> None:
        hub, logins = house.appliance.hub, house.logins
        before = logins.generation
        hub.publish({LIFETIMES})
        hub.publish(None)
        hub.publish({1, 2})
        assert logins.generation == before + 2


def test_the_work_is_the_real_one(chosen: TestAppliance) -> None:
    """None of the quick stand-ins above: what is kept of a password is what Argon2id gives."""
    run(chosen.mailboxes.create("joe@chosen.test", password=PASSWORD))
    found = chosen.logins.queries.locks("joe@chosen.test")
    assert found is not None
    (lock,) = found[1]
    assert lock.salt is not None
    assert keys_of_password(PASSWORD, lock.salt).fit(lock.verifier)
