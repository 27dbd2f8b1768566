"""Further secrets of a mailbox: who may make and revoke them, and what they open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tempmaild.core.flags import SEEN, FlagChange
from tempmaild.core.mailbox import INBOX
from tempmaild.core.policy import Policy
from tempmaild.core.secret import is_code, keys_of_code
from tempmaild.errors import (
    CredentialRefused,
    InvalidAddress,
    InvalidValue,
    MailboxGone,
    NoSuchCredential,
    NoSuchMailbox,
    ReadOnly,
    WrongCredentials,
)
from tempmaild.store.mailboxes import AddCredential, EndLifetime, NewCredential
from tests.support import MESSAGE, run

if TYPE_CHECKING:
    from tempmaild.service.credentials import AddedCredential, Credentials
    from tests.support import Account, TestAppliance

PASSWORD = "correct horse"


@pytest.fixture
def credentials(house: TestAppliance) -> Credentials:
    return house.appliance.credentials


@pytest.fixture
def account(house: TestAppliance) -> Account:
    """A sealed mailbox with a message, in a domain where passwords may be chosen."""
    run(house.domains.add("chosen.test", policy=Policy(passwords=True)))
    account = house.create("joe@chosen.test")
    house.deliver(account.address)
    return account


@pytest.fixture
def added(credentials: Credentials, account: Account) -> AddedCredential:
    return run(credentials.add(account.address, account.secret, "phone"))


def read(house: TestAppliance, address: str, secret: str) -> list[bytes | None]:
    inbox = run(house.logins.login(address, secret))
    folder = run(inbox.folder(INBOX))
    return [run(inbox.content(folder.id, entry.uid)) for entry in run(inbox.entries(folder))]


class TestAdd:
    def test_gives_a_secret_that_opens_the_same_mail(
        self, house: TestAppliance, account: Account, added: AddedCredential
    ) -> None:
        assert is_code(added.secret)
        assert added.secret != account.secret
        house.deliver(account.address)
        assert read(house, account.address, added.secret) == [MESSAGE, MESSAGE]
        assert read(house, account.address, account.secret) == [MESSAGE, MESSAGE]

    def test_gives_one_that_only_lets_read(
        self, house: TestAppliance, credentials: Credentials, account: Account
    ) -> None:
        added = run(credentials.add(account.address, account.secret, read_only=True))
        assert read(house, account.address, added.secret) == [MESSAGE]
        inbox = run(house.logins.login(account.address, added.secret))
        folder = run(inbox.folder(INBOX))
        with pytest.raises(ReadOnly):
            run(inbox.change_flags(folder.id, [1], FlagChange.ADD, frozenset({SEEN})))

    def test_takes_passwords_that_share_their_salt(
        self, house: TestAppliance, credentials: Credentials, account: Account
    ) -> None:
        for password in (PASSWORD, "battery staple"):
            assert run(credentials.add(account.address, account.secret, password=password)).secret == password
            assert read(house, account.address, password) == [MESSAGE]
        found = house.logins.queries.locks(account.address)
        assert found is not None
        assert len({lock.salt for lock in found[1]} - {None}) == 1

    def test_is_for_the_owner_alone(
        self, house: TestAppliance, credentials: Credentials, account: Account, added: AddedCredential
    ) -> None:
        with pytest.raises(CredentialRefused):
            run(credentials.add(account.address, added.secret))
        for address, secret in ((account.address, "wrong"), ("nobody@chosen.test", account.secret)):
            with pytest.raises(WrongCredentials):
                run(credentials.add(address, secret))
        house.clock.now = account.mailbox.expires_at
        with pytest.raises(WrongCredentials):
            run(credentials.add(account.address, account.secret))

    @pytest.mark.parametrize("label", ["x" * 101, "two\nlines", "\x1b[2J"])
    def test_refuses_an_impossible_label(self, credentials: Credentials, account: Account, label: str) -> None:
        with pytest.raises(InvalidValue) as refusal:
            run(credentials.add(account.address, account.secret, label))
        assert refusal.value.field == "label"

    def test_refuses_an_impossible_password(self, credentials: Credentials, account: Account) -> None:
        with pytest.raises(InvalidValue) as refusal:
            run(credentials.add(account.address, account.secret, password="short"))
        assert refusal.value.field == "password"

    def test_refuses_a_password_where_none_is_chosen(self, house: TestAppliance, credentials: Credentials) -> None:
        account = house.create("joe@box.test")
        with pytest.raises(CredentialRefused):
            run(credentials.add(account.address, account.secret, password=PASSWORD))

    def test_refuses_the_same_secret_twice(self, credentials: Credentials, account: Account) -> None:
        run(credentials.add(account.address, account.secret, password=PASSWORD))
        with pytest.raises(CredentialRefused):
            run(credentials.add(account.address, account.secret, password=PASSWORD, read_only=True))
        assert len(run(credentials.list_all(account.address))) == 2

    def test_refuses_the_twenty_first(self, credentials: Credentials, account: Account) -> None:
        for _ in range(19):
            run(credentials.add(account.address, account.secret))
        with pytest.raises(CredentialRefused):
            run(credentials.add(account.address, account.secret))

    def test_refuses_passwords_of_which_each_would_need_a_login_of_its_own(
        self, house: TestAppliance, account: Account
    ) -> None:
        """Two that are added at the same moment, each as the first."""
        first, second = (
            AddCredential(account.mailbox.id, NewCredential(bytes((number,)) * 32, "app", salt=bytes((number,)) * 16))
            for number in (1, 2)
        )
        access: Any = house.logins.access
        run(access.write(first))
        with pytest.raises(CredentialRefused):
            run(access.write(second))

    def test_brings_no_key_back_that_was_destroyed(self, house: TestAppliance, account: Account) -> None:
        """What was under way when the mailbox ended comes too late."""
        write: Any = house.logins.access.write
        run(write(EndLifetime((account.mailbox.id,))))
        late = NewCredential(keys_of_code("late").verifier, "app", wrapped=b"the key again")
        with pytest.raises(NoSuchMailbox):
            run(write(AddCredential(account.mailbox.id, late)))
        assert house.appliance.handle.rows("SELECT data FROM keys.wrapped_key") == []


class TestOperator:
    def test_adds_where_nothing_is_sealed(self, house: TestAppliance, credentials: Credentials) -> None:
        run(house.domains.add("team.test", sealed=False))
        account = house.create("joe@team.test")
        house.deliver(account.address)
        added = run(credentials.add_unsealed(account.address, "tests", read_only=True))
        assert read(house, account.address, added.secret) == [MESSAGE]
        with pytest.raises(CredentialRefused):
            run(credentials.add(account.address, added.secret))

    def test_adds_nothing_to_what_is_sealed(self, credentials: Credentials, account: Account) -> None:
        with pytest.raises(CredentialRefused):
            run(credentials.add_unsealed(account.address))

    def test_adds_nothing_where_everybody_reads(self, house: TestAppliance, credentials: Credentials) -> None:
        run(house.domains.add("open.test", "open"))
        run(house.logins.login("joe@open.test", ""))
        with pytest.raises(CredentialRefused):
            run(credentials.add_unsealed("joe@open.test"))

    def test_sees_what_there_is(self, credentials: Credentials, account: Account, added: AddedCredential) -> None:
        run(credentials.add(account.address, account.secret, "tablet", read_only=True, password=PASSWORD))
        owner, phone, tablet = run(credentials.list_all(account.address))
        assert (owner.kind, owner.label, owner.read_only, owner.chosen) == ("owner", "", False, False)
        assert phone == added.credential
        assert (phone.kind, phone.label, phone.read_only, phone.chosen) == ("app", "phone", False, False)
        assert (tablet.kind, tablet.label, tablet.read_only, tablet.chosen) == ("app", "tablet", True, True)

    def test_names_a_mailbox(self, credentials: Credentials) -> None:
        for act in (credentials.list_all, credentials.add_unsealed, lambda name: credentials.revoke(name, 1)):
            attempt: Any = act
            with pytest.raises(NoSuchMailbox):
                run(attempt("nobody@box.test"))
            with pytest.raises(InvalidAddress):
                run(attempt("no address"))


class TestRevoke:
    def test_closes_the_door_for_this_secret_alone(
        self, house: TestAppliance, credentials: Credentials, account: Account, added: AddedCredential
    ) -> None:
        other = run(credentials.add(account.address, account.secret))
        run(credentials.revoke(account.address, added.credential.id))
        with pytest.raises(WrongCredentials):
            run(house.logins.login(account.address, added.secret))
        for secret in (account.secret, other.secret):
            assert read(house, account.address, secret) == [MESSAGE]
        keys = house.appliance.handle.rows("SELECT credential_id FROM keys.wrapped_key")
        assert (added.credential.id,) not in keys
        assert len(keys) == 2

    def test_ends_sessions_at_their_next_command(
        self, house: TestAppliance, credentials: Credentials, account: Account, added: AddedCredential
    ) -> None:
        ending = run(house.logins.login(account.address, added.secret))
        going_on = run(house.logins.login(account.address, account.secret))
        run(credentials.revoke(account.address, added.credential.id))
        with pytest.raises(MailboxGone):
            run(ending.folders())
        assert run(going_on.folders())

    def test_leaves_the_owners(self, house: TestAppliance, credentials: Credentials, account: Account) -> None:
        (owner,) = run(credentials.list_all(account.address))
        with pytest.raises(CredentialRefused):
            run(credentials.revoke(account.address, owner.id))
        assert read(house, account.address, account.secret) == [MESSAGE]

    def test_needs_a_credential_of_this_mailbox(
        self, house: TestAppliance, credentials: Credentials, account: Account, added: AddedCredential
    ) -> None:
        other = house.create("jane@chosen.test")
        for address, number in ((other.address, added.credential.id), (account.address, added.credential.id + 1000)):
            with pytest.raises(NoSuchCredential):
                run(credentials.revoke(address, number))
        assert read(house, account.address, added.secret) == [MESSAGE]
