"""Random interleavings of all that happens to an address, held against a simple model, on each kind of database.

An address is given to one owner after the other. Whatever was got hold of in the time of one of them (a login, a
selected folder, UIDs, a watch, a second credential, a recipient that RCPT has found) keeps being used in the time of
the next ones. It must never show or change anything of theirs, and what was acknowledged to a living mailbox must be
there as long as it lives.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tempmaild.core.flags import DELETED, SEEN, FlagChange
from tempmaild.core.lifetime import Lifetime
from tempmaild.core.mailbox import INBOX
from tempmaild.errors import (
    AddressTaken,
    CredentialRefused,
    MailboxGone,
    NoSuchCredential,
    NoSuchMailbox,
    NotExtendable,
    ReadOnly,
    WrongCredentials,
)
from tempmaild.service.mailboxes import Purged
from tests.store.house import message
from tests.support import make_appliance, run

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from pathlib import Path

    from tempmaild.core.delivery import Recipient
    from tempmaild.core.mailbox import Folder, Mailbox
    from tempmaild.errors import TempmaildError
    from tempmaild.service.inbox import Inbox
    from tests.support import TestAppliance

T = TypeVar("T")

_LONGEST = 3000
_LIFETIME = Lifetime(seconds=600, extend=_LONGEST)
_QUARANTINE = 300
_ADDRESSES = ("sealed@box.test", "plain@open.test")
_FOLDERS = st.sampled_from([INBOX, "Trash"])
_SOMETHING = st.integers(0, 1000)
"""Which one of those there are, in turn."""


@dataclass
class Owner:
    """Somebody who has an address, or had it.

    Attributes:
        secrets: what opens the mailbox, with whether it only lets read; those that were revoked are in `revoked`.
        folders: the messages by folder and UID.
        erased: whether nothing is left of the mailbox.
    """

    mailbox: Mailbox
    secrets: dict[str, bool]
    ends_at: int
    credential_ids: dict[str, int] = field(default_factory=dict)
    revoked: list[str] = field(default_factory=list)
    folders: dict[str, dict[int, bytes]] = field(default_factory=lambda: {INBOX: {}, "Trash": {}})
    uid_next: dict[str, int] = field(default_factory=lambda: {INBOX: 1, "Trash": 1})
    erased: bool = False

    def add(self, folder: str, content: bytes) -> None:
        self.folders[folder][self.uid_next[folder]] = content
        self.uid_next[folder] += 1

    @property
    def first_secret(self) -> str:
        """The owner's own, which cannot be revoked."""
        return next(iter(self.secrets))

    @property
    def messages(self) -> int:
        return sum(map(len, self.folders.values()))


@dataclass
class Session:
    """A login that is kept open, with what its client remembers.

    Attributes:
        heard: how often it was told that something has happened in the folder that it watches.
    """

    owner: Owner
    secret: str
    inbox: Inbox
    selected: dict[str, Folder]
    heard: int = 0

    def notice(self) -> None:
        self.heard += 1


class Machine(RuleBasedStateMachine):
    """Two addresses, one of them in a domain that is not sealed, and everybody who ever had them."""

    def __init__(self, house: TestAppliance) -> None:
        super().__init__()
        self.house = house
        self.texts = 0
        self.owners: list[Owner] = []
        self.now_has: dict[str, Owner] = {}
        self.quarantine: dict[str, int] = {}
        self.validities: dict[tuple[str, str], int] = {}
        self.sessions: list[Session] = []
        self.under_way: list[tuple[Owner, Recipient]] = []

    # An address and those who have it

    @rule(address=st.sampled_from(_ADDRESSES))
    def create(self, address: str) -> None:
        making = self.house.mailboxes.create(address, _LIFETIME)
        if address in self.now_has or self.now < self.quarantine.get(address, 0):
            with pytest.raises(AddressTaken):
                run(making)
            return
        new = run(making)
        owner = Owner(new.mailbox, {new.secret: False}, self.now + _LIFETIME.seconds)
        self.now_has[address] = owner
        self.owners.append(owner)
        for folder in run(self.login(owner, new.secret).inbox.folders()):
            key = (address, folder.name)
            assert folder.uid_validity > self.validities.get(key, 0)
            self.validities[key] = folder.uid_validity

    @rule(address=st.sampled_from(_ADDRESSES), which=_SOMETHING)
    def destroy(self, address: str, which: int) -> None:
        owners = [owner for owner in self.owners if owner.mailbox.address == address]
        if not owners:
            return
        owner = owners[which % len(owners)]
        destroying = self.house.mailboxes.destroy(owner.mailbox)
        if owner.erased:
            with pytest.raises(NoSuchMailbox):
                run(destroying)
            return
        assert run(destroying) == owner.messages
        self.erase(owner)

    @rule()
    def sweep(self) -> None:
        ended = [owner for owner in self.now_has.values() if not self.is_alive(owner)]
        assert run(self.house.appliance.sweep.round()) == Purged(len(ended), sum(owner.messages for owner in ended))
        for owner in ended:
            self.erase(owner)

    @rule(seconds=st.sampled_from([1, 150, 299, 300, 599, 600]))
    def wait(self, seconds: int) -> None:
        self.house.clock.now += seconds

    # Mail that arrives

    @rule(address=st.sampled_from(_ADDRESSES))
    def find_recipient(self, address: str) -> None:
        """RCPT, long before the message is there."""
        finding = self.house.deliveries.recipient(*address.split("@"))
        owner = self.now_has.get(address)
        if owner is None or not self.is_alive(owner):
            with pytest.raises(NoSuchMailbox):
                run(finding)
            return
        self.under_way.append((owner, run(finding)))

    @precondition(lambda self: self.under_way)
    @rule(which=st.lists(_SOMETHING, min_size=1, max_size=3, unique=True))
    def deliver(self, which: list[int]) -> None:
        """A message to some of those that RCPT has found, however long ago."""
        to = {number % len(self.under_way) for number in which}
        chosen = [self.under_way[number] for number in sorted(to)]
        content = self.text()
        reached = run(self.house.deliveries.deliver(content, [recipient for _, recipient in chosen]))
        there = [(owner, recipient) for owner, recipient in chosen if not owner.erased]
        assert reached == [recipient for _, recipient in there]
        for owner, _ in there:
            owner.add(INBOX, content)
        self.under_way = [pair for number, pair in enumerate(self.under_way) if number not in to]

    @rule(address=st.sampled_from(_ADDRESSES))
    def arrive(self, address: str) -> None:
        """RCPT and the message in one go; whoever watches the folder hears of it, and nobody else."""
        owner = self.now_has.get(address)
        if owner is None or not self.is_alive(owner):
            return
        before = [session.heard for session in self.sessions]
        content = self.text()
        self.house.deliver(address, content)
        owner.add(INBOX, content)
        for session, heard in zip(self.sessions, before, strict=True):
            if session.owner is not owner:
                assert session.heard == heard

    # Logging in

    @precondition(lambda self: self.owners)
    @rule(which=_SOMETHING, secret=_SOMETHING)
    def log_in(self, which: int, secret: int) -> None:
        owner = self.owners[which % len(self.owners)]
        known = [*owner.secrets, *owner.revoked]
        chosen = known[secret % len(known)]
        if self.is_alive(owner) and chosen in owner.secrets:
            self.login(owner, chosen)
            return
        with pytest.raises(WrongCredentials):
            run(self.house.logins.login(owner.mailbox.address, chosen))

    @precondition(lambda self: self.owners)
    @rule(which=_SOMETHING, read_only=st.booleans())
    def add_credential(self, which: int, read_only: bool) -> None:
        """With the secret of somebody who has the address now, or had it."""
        owner = self.owners[which % len(self.owners)]
        adding = self.house.appliance.credentials.add(
            owner.mailbox.address, owner.first_secret, "phone", read_only=read_only
        )
        if not self.is_alive(owner):
            with pytest.raises(WrongCredentials):
                run(adding)
            return
        added = run(adding)
        owner.credential_ids[added.secret] = added.credential.id
        owner.secrets[added.secret] = read_only

    @precondition(lambda self: self.owners)
    @rule(which=_SOMETHING)
    def revoke_credential(self, which: int) -> None:
        owner = self.owners[which % len(self.owners)]
        if not owner.credential_ids:
            return
        secret, credential_id = owner.credential_ids.popitem()
        revoking = self.house.appliance.credentials.revoke(owner.mailbox.address, credential_id)
        if owner.erased:
            # The address may be somebody else's, who has other credentials.
            with pytest.raises((NoSuchMailbox, NoSuchCredential)):
                run(revoking)
            return
        run(revoking)
        del owner.secrets[secret]
        owner.revoked.append(secret)

    @precondition(lambda self: self.sessions)
    @rule(which=_SOMETHING, seconds=st.sampled_from([1, 600, _LONGEST, _LONGEST + 1]))
    def extend(self, which: int, seconds: int) -> None:
        """As its owner, up to so long after the beginning."""
        session = self.session(which)
        owner = session.owner
        until = owner.mailbox.created_at + seconds
        extending = session.inbox.extend(until)
        expected: type[TempmaildError] | None = None
        if not self.is_good(session):
            expected = MailboxGone
        elif session.secret != owner.first_secret:
            expected = CredentialRefused
        elif not owner.ends_at < until <= owner.mailbox.created_at + _LONGEST:
            expected = NotExtendable
        if expected:
            with pytest.raises(expected):
                run(extending)
            return
        assert run(extending) == until
        owner.ends_at = until

    # What sessions do, in whose time it may be

    @precondition(lambda self: self.sessions)
    @rule(which=_SOMETHING, name=_FOLDERS)
    def select_and_watch(self, which: int, name: str) -> None:
        session = self.session(which)
        folder = self.attempt(session, session.inbox.folder(name))
        if folder is not None:
            session.selected[name] = folder
            session.inbox.watcher.watch(folder.id, session.notice)

    @precondition(lambda self: self.sessions)
    @rule(which=_SOMETHING, name=_FOLDERS)
    def append(self, which: int, name: str) -> None:
        session, content = self.session(which), self.text()
        if self.attempt(session, session.inbox.append(name, content, frozenset(), None), changes=True):
            session.owner.add(name, content)

    @precondition(lambda self: self.sessions)
    @rule(which=_SOMETHING, uid=st.integers(1, 3), move=st.booleans())
    def copy_or_move(self, which: int, uid: int, move: bool) -> None:
        session = self.session(which)
        act = session.inbox.move if move else session.inbox.copy
        if self.attempt(session, act(session.selected[INBOX].id, [uid], "Trash"), changes=True):
            inbox = session.owner.folders[INBOX]
            if uid in inbox:
                session.owner.add("Trash", inbox[uid])
                if move:
                    del inbox[uid]

    @precondition(lambda self: self.sessions)
    @rule(which=_SOMETHING, name=_FOLDERS, uid=st.integers(1, 3))
    def flag(self, which: int, name: str, uid: int) -> None:
        session = self.session(which)
        folder_id = session.selected[name].id
        change = session.inbox.change_flags(folder_id, [uid], FlagChange.ADD, frozenset({SEEN}))
        result = self.attempt(session, change, changes=True)
        if result is not None:
            assert [entry.uid for entry in result.changed] == [uid] * (uid in session.owner.folders[name])

    @precondition(lambda self: self.sessions)
    @rule(which=_SOMETHING, name=_FOLDERS, uid=st.integers(1, 3), expunge=st.booleans())
    def remove(self, which: int, name: str, uid: int, expunge: bool) -> None:
        session = self.session(which)
        folder_id = session.selected[name].id
        if expunge:
            deleted = frozenset({DELETED})
            flagging = session.inbox.change_flags(folder_id, [uid], FlagChange.ADD, deleted)
            self.attempt(session, flagging, changes=True)
        removing = session.inbox.expunge(folder_id, [uid]) if expunge else session.inbox.remove(folder_id, [uid])
        gone = self.attempt(session, removing, changes=True)
        if gone is not None:
            messages = session.owner.folders[name]
            assert gone == [uid] * (uid in messages)
            messages.pop(uid, None)

    @precondition(lambda self: self.sessions)
    @rule(which=_SOMETHING)
    def log_out(self, which: int) -> None:
        session = self.session(which)
        session.inbox.close()
        self.sessions.remove(session)

    # What must always be so

    @invariant()
    def who_lives_has_everything(self) -> None:
        """Nothing that was acknowledged is lost, and nothing is there that is somebody else's."""
        for owner in self.now_has.values():
            if self.is_alive(owner):
                inbox = run(self.house.logins.login(owner.mailbox.address, owner.first_secret))
                for name in owner.folders:
                    self.shows_all(owner, inbox, run(inbox.folder(name)))
                inbox.close()

    @invariant()
    def sessions_show_their_owner_only(self) -> None:
        """What a client has open shows the mailbox it was opened for, or that this is gone; never a later one."""
        for session in self.sessions:
            for folder in session.selected.values():
                if self.is_good(session):
                    self.shows_all(session.owner, session.inbox, folder)
                    continue
                for reading in (
                    session.inbox.entries(folder),
                    session.inbox.changes(folder.id, 0),
                    session.inbox.summaries(folder.id, [1, 2]),
                    session.inbox.content(folder.id, 1),
                    session.inbox.folders(),
                ):
                    with pytest.raises(MailboxGone):
                        run(reading)

    @invariant()
    def secrets_of_earlier_owners_open_nothing(self) -> None:
        for owner in self.owners:
            if not self.is_alive(owner):
                with pytest.raises(WrongCredentials):
                    run(self.house.logins.login(owner.mailbox.address, owner.first_secret))

    def shows_all(self, owner: Owner, inbox: Inbox, folder: Folder) -> None:
        expected = owner.folders[folder.name]
        # As it is now: a client that has selected it asks for what has changed.
        folder = run(inbox.folder(folder.name))
        assert [entry.uid for entry in run(inbox.entries(folder))] == list(expected)
        # They are asked for by UID; databases give them in any order.
        assert run(inbox.summaries(folder.id, list(expected))).keys() == expected.keys()
        for uid, content in expected.items():
            assert run(inbox.content(folder.id, uid)) == content

    # Short ways

    @property
    def now(self) -> int:
        return int(self.house.clock())

    def is_alive(self, owner: Owner) -> bool:
        return not owner.erased and self.now < owner.ends_at

    def is_good(self, session: Session) -> bool:
        return self.is_alive(session.owner) and session.secret in session.owner.secrets

    def session(self, which: int) -> Session:
        return self.sessions[which % len(self.sessions)]

    def login(self, owner: Owner, secret: str) -> Session:
        inbox = run(self.house.logins.login(owner.mailbox.address, secret))
        assert inbox.mailbox.id == owner.mailbox.id
        assert inbox.read_only == owner.secrets[secret]
        session = Session(owner, secret, inbox, {name: run(inbox.folder(name)) for name in owner.folders})
        self.sessions.append(session)
        return session

    def attempt(self, session: Session, doing: Coroutine[Any, Any, T], *, changes: bool = False) -> T | None:
        """Do something in a session; None where that is refused, as it must be in just these cases."""
        if not self.is_good(session):
            with pytest.raises(MailboxGone):
                run(doing)
            return None
        if changes and session.owner.secrets[session.secret]:
            with pytest.raises(ReadOnly):
                run(doing)
            return None
        return run(doing)

    def erase(self, owner: Owner) -> None:
        owner.erased = True
        address = owner.mailbox.address
        del self.now_has[address]
        self.quarantine[address] = self.now + _QUARANTINE

    def text(self) -> bytes:
        self.texts += 1
        return message(f"message {self.texts}")

    def teardown(self) -> None:
        for session in self.sessions:
            session.inbox.close()
        # The next example begins where nothing is left, however this one ended.
        for mailbox in list(run(self.house.mailboxes.list_all())):
            run(self.house.mailboxes.destroy(mailbox))
        self.house.clock.now += _QUARANTINE
        assert self.house.watched == []


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[TestAppliance]:
    """An appliance in which addresses are free again soon."""
    house = make_appliance(tmp_path, store={"url": database_url}, mailbox={"quarantine_seconds": _QUARANTINE})
    run(house.domains.add("open.test", sealed=False))
    yield house
    house.close()


def test_no_handle_outlives_its_owner(house: TestAppliance) -> None:
    run_state_machine_as_test(
        lambda: Machine(house),  # type: ignore[arg-type] # any maker of machines will do
        settings=settings(max_examples=60, stateful_step_count=40, suppress_health_check=list(HealthCheck)),
    )
