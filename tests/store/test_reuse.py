"""Addresses that are used again and again: whoever has one now has nothing to do with those who had it before."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tempmaild.core import secret
from tempmaild.core.flags import DELETED, FlagChange
from tempmaild.core.lifetime import FOREVER, Lifetime
from tempmaild.core.mailbox import INBOX, WHOLE_MAILBOX, NewMessage
from tempmaild.core.sealing import KeyPair, Opener, new_key_pair, unwrap, wrap
from tempmaild.errors import AddressTaken, MessageDamaged, NoSuchCredential, NoSuchFolder, NoSuchMailbox
from tempmaild.store.arriving import Append, Deliver
from tempmaild.store.folders import CreateFolder, DeleteFolder, RenameFolder, Subscribe
from tempmaild.store.lifetimes import ExtendMailbox, UseMailbox
from tempmaild.store.mailboxes import (
    AddCredential,
    CreateMailbox,
    Destroyed,
    DestroyMailboxes,
    EndLifetime,
    NewCredential,
    RevokeCredential,
)
from tempmaild.store.messages import ChangeFlags, Copy, ExpireRead, Move, Remove
from tempmaild.store.metadata import SetMetadata
from tempmaild.store.writer import commit
from tests.store.house import message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tempmaild.core.delivery import Recipient
    from tempmaild.core.mailbox import Mailbox
    from tempmaild.core.secret import Keys
    from tempmaild.store.transaction import Change
    from tests.store.house import Store

_LIFETIME = 600
_QUARANTINE = 3600
_NAMES = 50
"""Addresses that are used again side by side; every other one is sealed."""
_ROUNDS = {"sqlite": 200, "postgresql": 20}
"""How often each of them is used again: 10,000 cycles on SQLite, 1,000 on PostgreSQL."""


class Owner(NamedTuple):
    """Somebody who has a mailbox, or had it, with all that is in their hands.

    Attributes:
        recipient: what RCPT found while the mailbox lived.
        opener: what their login got; None where nothing is sealed.
        sent: what was delivered to them.
    """

    mailbox: Mailbox
    keys: Keys
    opener: Opener | None
    recipient: Recipient
    folders: dict[str, tuple[int, int]]
    credentials: tuple[int, ...]
    sent: tuple[bytes, ...]


def apply(store: Store, changes: Sequence[Change[Any]]) -> list[Any]:
    """Commit changes together; their results and errors."""
    results, store.touched = commit(store.handle, store.vault, list(changes), store.now)
    return results


def creation(store: Store, address: str, sealed: bool) -> tuple[CreateMailbox, Keys, Opener | None]:
    """Give the making of a mailbox with keys of its own, and what its owner will have."""
    keys = secret.keys_of_code(secret.generate(secrets.token_bytes))
    if not sealed:
        return CreateMailbox(store.domain.id, address, Lifetime(_LIFETIME), NewCredential(keys.verifier)), keys, None
    pair = new_key_pair(secrets.token_bytes)
    credential = NewCredential(keys.verifier, wrapped=wrap(pair.private, keys.wrapping_key, pair.public))
    change = CreateMailbox(store.domain.id, address, Lifetime(_LIFETIME), credential, public_key=pair.public)
    return change, keys, Opener(pair)


def move_in(store: Store, address: str, keys: Keys, opener: Opener | None, sent: tuple[bytes, ...]) -> Owner:
    """Give all that an owner can learn while the mailbox lives, by logging in as the services do."""
    found = store.queries.locks(address)
    assert found is not None
    mailbox, locks = found
    (lock,) = [lock for lock in locks if keys.fit(lock.verifier)]
    if opener is None:
        assert (mailbox.public_key, lock.wrapped) == (None, None)
    else:
        assert mailbox.public_key is not None
        assert lock.wrapped is not None
        private = unwrap(lock.wrapped, keys.wrapping_key, mailbox.public_key)
        opener = Opener(KeyPair(mailbox.public_key, private))
    recipient = store.queries.recipient(address)
    assert recipient is not None
    folders = {folder.name: (folder.id, folder.uid_validity) for folder in store.queries.folders(mailbox.id)}
    return Owner(
        mailbox, keys, opener, recipient, folders, tuple(c.id for c in store.queries.credentials(mailbox.id)), sent
    )


def attacks(gone: Owner) -> list[Change[Any]]:
    """Give every change that somebody who had the mailbox, or a message under way to it, may still want committed."""
    mailbox_id, inbox_id, trash_id = gone.mailbox.id, gone.folders[INBOX][0], gone.folders["Trash"][0]
    key = gone.mailbox.public_key
    return [
        Append(inbox_id, (NewMessage(message("by the one before")),), key),
        Copy(inbox_id, None, trash_id),
        Move(inbox_id, (1,), trash_id),
        ChangeFlags(inbox_id, (1,), FlagChange.ADD, frozenset({DELETED})),
        Remove(inbox_id, None),
        DeleteFolder(mailbox_id, "Junk"),
        RenameFolder(mailbox_id, "Junk", "mine"),
        Subscribe(mailbox_id, "Junk", subscribed=False),
        CreateFolder(mailbox_id, "mine"),
        SetMetadata(mailbox_id, inbox_id, (("/private/comment", b"mine"),), key),
        SetMetadata(mailbox_id, WHOLE_MAILBOX, (("/private/comment", b"mine"),), key),
        AddCredential(mailbox_id, NewCredential(gone.keys.verifier, "app", wrapped=b"" if key else None)),
        ExtendMailbox(mailbox_id, FOREVER, bounded=False),
        *(RevokeCredential(mailbox_id, credential_id) for credential_id in gone.credentials),
    ]


_REFUSALS = (NoSuchFolder, NoSuchMailbox, NoSuchCredential)


def attack(store: Store, gone: Owner) -> None:
    """Do all that, and see that it comes to nothing."""
    results = apply(store, attacks(gone))
    assert all(isinstance(result, _REFUSALS) for result in results), results
    # These find nothing, which is no error. The end of the quarantine would be noticed.
    mailbox_id = gone.mailbox.id
    silent: list[Change[Any]] = [
        EndLifetime((mailbox_id,)),
        UseMailbox(mailbox_id, 1),
        ExpireRead(gone.folders[INBOX][0], (1,), 0),
        DestroyMailboxes(((mailbox_id, gone.mailbox.expires_at + 1_000_000),)),
        Deliver(message("to the one before"), (gone.recipient,)),
    ]
    assert apply(store, silent)[-2:] == [Destroyed(0, 0, ()), [gone.recipient]]
    queries = store.queries
    assert queries.expires_at(gone.mailbox.id) == 0
    assert all(queries.expires_at(gone.mailbox.id, credential_id) == 0 for credential_id in gone.credentials)
    assert queries.folders(gone.mailbox.id) == []
    assert queries.credentials(gone.mailbox.id) == []
    for folder_id, _ in gone.folders.values():
        assert queries.entries(folder_id) == []
        assert queries.summaries(folder_id, [1, 2]) == {}
        assert queries.content(folder_id, 1) is None
        with pytest.raises(NoSuchFolder):
            queries.changes(folder_id, 0)


def see_only_own(store: Store, owner: Owner, before: Owner | None) -> None:
    """See that an owner has their own mail and no other, and that the one before gets at nothing of it."""
    entries = {name: store.queries.entries(folder_id) for name, (folder_id, _) in owner.folders.items()}
    inbox = entries.pop(INBOX)
    assert not any(entries.values())
    assert [entry.uid for entry in inbox] == list(range(1, len(owner.sent) + 1))
    for entry, content in zip(inbox, owner.sent, strict=True):
        kept = store.queries.content(owner.recipient.inbox_id, entry.uid)
        assert kept is not None
        assert kept.content(owner.opener) == content
        if before is not None and before.opener is not None:
            with pytest.raises(MessageDamaged):
                kept.content(before.opener)
    found = store.queries.locks(owner.mailbox.address)
    assert found is not None
    _, locks = found
    assert [lock.credential_id for lock in locks] == list(owner.credentials)
    assert before is None or not any(before.keys.fit(lock.verifier) for lock in locks)


class Street:
    """The addresses, with who has each of them now and who had it before."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.addresses = [f"reused{number}@box.test" for number in range(_NAMES)]
        self.owners: dict[str, Owner] = {}
        self.texts = 0

    def round(self, quarantined: bool) -> None:
        """Give every address to somebody new, who gets mail and stays until the time is over."""
        store = self.store
        before = dict(self.owners)
        new = {name: creation(store, name, sealed=number % 2 == 0) for number, name in enumerate(self.addresses)}
        made = apply(store, [change for change, _, _ in new.values()])
        assert all(not isinstance(result, Exception) for result in made), made
        # Found by RCPT for the new owner, and in the same commit as what was found for the one before.
        recipients = [store.queries.recipient(address) for address in self.addresses]
        mine = [Deliver(self.message(), (recipient,)) for recipient in recipients if recipient]
        late = [Deliver(self.message(), (owner.recipient,)) for owner in before.values()]
        mixed = [
            Deliver(self.message(), (before[address].recipient, recipient))
            for address, recipient in zip(self.addresses, recipients, strict=True)
            if address in before and recipient
        ]
        missing = apply(store, [*mine, *late, *mixed])
        assert missing == [*([] for _ in mine), *(list(deliver.recipients[:1]) for deliver in (*late, *mixed))]
        for number, (address, (_, keys, opener)) in enumerate(new.items()):
            sent = (mine[number].content, mixed[number].content) if mixed else (mine[number].content,)
            self.owners[address] = move_in(store, address, keys, opener, sent)
        for address, owner in self.owners.items():
            self._is_another(owner, before.get(address))
            if address in before:
                attack(store, before[address])
            see_only_own(store, owner, before.get(address))
        store.check()
        self._end(quarantined)

    def _is_another(self, owner: Owner, before: Owner | None) -> None:
        if before is None:
            return
        assert owner.mailbox.id > before.mailbox.id
        assert owner.mailbox.public_key != before.mailbox.public_key or owner.mailbox.public_key is None
        assert not set(owner.credentials) & set(before.credentials)
        for name, (folder_id, uid_validity) in owner.folders.items():
            old_id, old_validity = before.folders[name]
            assert folder_id > old_id
            assert uid_validity > old_validity

    def _end(self, quarantined: bool) -> None:
        """Let the time of all be over, and erase them, with mail under way before, between and after."""
        store = self.store
        owners = self.owners.values()
        store.now += _LIFETIME - 1
        assert store.queries.expired(store.now, 10 * _NAMES) == []
        store.now += 1
        expired = store.queries.expired(store.now, 10 * _NAMES)
        assert {mailbox.id for mailbox in expired} == {owner.mailbox.id for owner in owners}
        until = store.now + _QUARANTINE if quarantined else 0
        under_way = [Deliver(self.message(), (owner.recipient,)) for owner in owners]
        apply(store, [EndLifetime(tuple(mailbox.id for mailbox in expired))])
        assert store.count("keys.wrapped_key") == 0
        # Taken for a mailbox that is about to go: it goes with it.
        assert apply(store, under_way) == [[] for _ in owners]
        destroyed = apply(store, [DestroyMailboxes(tuple((mailbox.id, until) for mailbox in expired))])
        assert destroyed == [Destroyed(_NAMES, sum(len(owner.sent) + 1 for owner in owners), ())]
        assert apply(store, under_way) == [[owner.recipient] for owner in owners]
        assert store.count("content") == 0
        if quarantined:
            self._wait_for_quarantine()

    def _wait_for_quarantine(self) -> None:
        store = self.store
        for wait in (0, _QUARANTINE - 1):
            store.now += wait
            tried = apply(store, [creation(store, address, sealed=True)[0] for address in self.addresses])
            assert all(isinstance(result, AddressTaken) for result in tried)
        store.now += 1

    def message(self) -> bytes:
        self.texts += 1
        return message(f"message {self.texts}")


def test_ten_thousand_owners_of_the_same_addresses(store: Store) -> None:
    street = Street(store)
    for number in range(_ROUNDS["sqlite" if store.handle.sqlite else "postgresql"]):
        # The clock stands still where there is no quarantine: UIDVALIDITY grows all the same.
        street.round(quarantined=number % 3 == 2)
        if number % 3 == 0:
            store.now -= _LIFETIME
    assert store.count("mailbox") == 0
    assert store.count("entry") == 0
    assert store.count("credential") == 0
