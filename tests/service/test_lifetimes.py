"""The end of a mailbox: put off by its owner or the operator, or brought about by its owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tempmaild.core.lifetime import FOREVER, Lifetime
from tempmaild.core.mailbox import INBOX
from tempmaild.errors import CredentialRefused, MailboxGone, NoSuchMailbox, NotExtendable, WrongCredentials
from tests.support import NOW, run

if TYPE_CHECKING:
    from tempmaild.service.inbox import Inbox
    from tempmaild.service.lifetimes import Lifetimes
    from tests.support import Account, TestAppliance


@pytest.fixture
def account(house: TestAppliance) -> Account:
    """A mailbox that lives a hundred seconds, or up to a thousand if its owner wants."""
    return house.create("joe@box.test", Lifetime(100, extend=1000))


@pytest.fixture
def inbox(house: TestAppliance, account: Account) -> Inbox:
    return run(house.logins.login(account.address, account.secret))


@pytest.fixture
def lifetimes(house: TestAppliance) -> Lifetimes:
    return house.appliance.lifetimes


def test_the_operator_puts_off_the_end_as_far_as_he_likes(account: Account, lifetimes: Lifetimes) -> None:
    assert run(lifetimes.extend(account.address, by=3600)) == NOW + 100 + 3600
    assert run(lifetimes.extend("JOE@box.test", by=1)) == NOW + 100 + 3601
    assert run(lifetimes.extend(account.address, until=NOW + 10_000)) == NOW + 10_000
    with pytest.raises(NotExtendable):
        run(lifetimes.extend(account.address, until=NOW + 10_000))
    assert run(lifetimes.extend(account.address, by=FOREVER)) == FOREVER
    with pytest.raises(NotExtendable):
        run(lifetimes.extend(account.address, by=1))


def test_nobody_brings_back_what_is_over(house: TestAppliance, account: Account, lifetimes: Lifetimes) -> None:
    house.clock.now = NOW + 100
    for address in (account.address, "nobody@box.test"):
        with pytest.raises(NoSuchMailbox):
            run(lifetimes.extend(address, by=3600))


def test_the_owner_puts_off_the_end_within_bounds(house: TestAppliance, inbox: Inbox) -> None:
    house.clock.now = NOW + 99.999
    with pytest.raises(NotExtendable):
        run(inbox.extend(NOW + 1001))
    assert run(inbox.ending()) == NOW + 100
    assert run(inbox.extend(NOW + 1000)) == NOW + 1000
    assert run(inbox.ending()) == NOW + 1000
    house.clock.now = NOW + 999.999
    run(inbox.use())
    house.clock.now = NOW + 1000
    with pytest.raises(MailboxGone):
        run(inbox.extend(NOW + 1000))


def test_sessions_that_are_open_live_on(house: TestAppliance, account: Account, lifetimes: Lifetimes) -> None:
    sessions = [run(house.logins.login(account.address, account.secret)) for _ in range(2)]
    run(lifetimes.extend(account.address, by=50))
    for at in (100, 149.999):
        house.clock.now = NOW + at
        for session in sessions:
            run(session.use())
    house.clock.now = NOW + 150
    for session in sessions:
        with pytest.raises(MailboxGone):
            run(session.use())


def test_the_owner_destroys_the_mailbox(
    house: TestAppliance, account: Account, inbox: Inbox, lifetimes: Lifetimes
) -> None:
    other = run(house.logins.login(account.address, account.secret))
    house.deliver(account.address)
    assert run(lifetimes.destroy_own(inbox)) == 1
    for session in (inbox, other):
        with pytest.raises(MailboxGone):
            run(session.use())
    with pytest.raises(MailboxGone):
        run(lifetimes.destroy_own(other))
    with pytest.raises(WrongCredentials):
        run(house.logins.login(account.address, account.secret))
    rows = house.appliance.handle.rows("SELECT actor FROM audit WHERE action = 'mailbox-destroy'")
    assert rows == [("owner",)]


def test_a_further_secret_decides_nothing_about_the_end(
    house: TestAppliance, account: Account, inbox: Inbox, lifetimes: Lifetimes
) -> None:
    house.appliance.handle.run("UPDATE credential SET kind = 'app'")
    for refused in (inbox.extend(NOW + 200), lifetimes.destroy_own(inbox)):
        with pytest.raises(CredentialRefused):
            run(refused)
    assert run(inbox.folder(INBOX)).messages == 0
    assert run(house.mailboxes.find(account.address)).ends_at == NOW + 100
