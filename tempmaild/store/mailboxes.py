"""Changes to domains, mailboxes and folders: made, renamed, destroyed."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct, to_builtins

from tempmaild.core import address as addresses
from tempmaild.core import policy as policies
from tempmaild.core.lifetime import Lifetime
from tempmaild.core.mailbox import FOLDER_SEPARATOR, INBOX, Credential, Domain, Folder, Mailbox
from tempmaild.core.policy import Kind, Policy
from tempmaild.errors import (
    AddressTaken,
    CredentialRefused,
    DomainExists,
    DomainInUse,
    FolderExists,
    NoSuchCredential,
    NoSuchDomain,
    NoSuchFolder,
    NoSuchMailbox,
    TooManyFolders,
)
from tempmaild.store.audit import mailbox_subject, record
from tempmaild.store.creation import find_twin, folder_row, insert_folders, insert_mailbox
from tempmaild.store.messages import Move, drop_contents, is_sealed, lock_contents, remove_oldest
from tempmaild.store.receipts import prove_destruction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tempmaild.store.database import Handle
    from tempmaild.store.transaction import Transaction

_MOST_FOLDERS = 100
"""Folders a mailbox may have; more than anybody sorts throw-away mail into."""
_MOST_CREDENTIALS = 20
"""Credentials a mailbox may have: each costs a login a comparison."""

_SETTLED = 1_000_000
"""Entries that are deleted in one transaction where nobody waits for another."""
_OLD_QUARANTINES = 1000
"""Quarantines that are over and are deleted along with a destruction."""


class AddDomain(Struct, frozen=True):
    """Take mail for a domain."""

    name: str
    kind: Kind = "claimed"
    sealed: bool = True
    policy: Policy = Policy()
    actor: str = ""

    def apply(self, transaction: Transaction) -> Domain:
        """Add it.

        Raises:
            DomainExists: it is there, or one that looks like it.
        """
        db = transaction.db
        if not db.sqlite:
            # Of two that look alike and are added at the same time, the second one sees the first.
            db.row("SELECT value FROM counter WHERE name = 'settings' FOR UPDATE")
        if db.row("SELECT id FROM domain WHERE name = ?", self.name):
            raise DomainExists(self.name)
        for (name,) in db.rows("SELECT name FROM domain"):
            if _look_alike(self.name, name):
                raise DomainExists(f"{addresses.readable(self.name)} looks like {addresses.readable(name)}")
        domain = Domain(
            transaction.next_id(), self.name, self.kind, transaction.now, sealed=self.sealed, policy=self.policy
        )
        db.run(
            "INSERT INTO domain (id, name, kind, created_at, sealed, enabled, policy) VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(domain.id, domain.name, domain.kind, domain.created_at, domain.sealed, domain.enabled),
            policies.to_text(domain.policy),
        )
        transaction.settings_changed()
        record(transaction, self.actor, "domain-add", self.name, _decided(domain))
        return domain


def _look_alike(pattern: str, other: str) -> bool:
    """Tell whether the names of two domains, wildcards or not, are different and look alike."""
    one, two = pattern.removeprefix(addresses.WILDCARD), other.removeprefix(addresses.WILDCARD)
    return one != two and addresses.are_twins(one, two) and addresses.skeleton(one) == addresses.skeleton(two)


class ChangeDomain(Struct, frozen=True):
    """Decide otherwise for a domain; its mailboxes keep the lifetime and the sealing that they were made with."""

    domain: Domain
    actor: str = ""

    def apply(self, transaction: Transaction) -> Domain:
        """Change it to what `domain` says; its name and id stay.

        Raises:
            NoSuchDomain: it is not there.
            DomainInUse: it has mailboxes and would become open, or stop being open: what was somebody's would be
                everybody's, or nobody's.
        """
        domain = self.domain
        row = transaction.db.row("SELECT kind FROM domain WHERE id = ?", domain.id)
        if row is None:
            raise NoSuchDomain(domain.name)
        if row[0] != domain.kind and "open" in {row[0], domain.kind} and _has_mailboxes(transaction.db, domain.id):
            raise DomainInUse(domain.name)
        policy = policies.to_text(domain.policy)
        transaction.db.run(
            "UPDATE domain SET kind = ?, sealed = ?, enabled = ?, policy = ? WHERE id = ?",
            *(domain.kind, domain.sealed, domain.enabled, policy, domain.id),
        )
        transaction.settings_changed()
        record(transaction, self.actor, "domain-change", domain.name, _decided(domain))
        return domain


def _decided(domain: Domain) -> dict[str, object]:
    """Say for the audit log what holds for a domain; it is told that addresses are given, not which."""
    policy = to_builtins(domain.policy)
    given = {name: True for name in ("catch_all", "operator") if name in policy}
    return {"kind": domain.kind, "sealed": domain.sealed, "enabled": domain.enabled, "policy": policy | given}


class RemoveDomain(Struct, frozen=True):
    """Take no more mail for a domain that has no mailboxes."""

    name: str
    actor: str = ""

    def apply(self, transaction: Transaction) -> None:
        """Remove it.

        Raises:
            NoSuchDomain: it is not there.
            DomainInUse: it has mailboxes.
        """
        db = transaction.db
        row = db.row("SELECT id FROM domain WHERE name = ?", self.name)
        if row is None:
            raise NoSuchDomain(self.name)
        if _has_mailboxes(db, row[0]):
            raise DomainInUse(self.name)
        db.run("DELETE FROM domain WHERE id = ?", row[0])
        transaction.settings_changed()
        record(transaction, self.actor, "domain-remove", self.name, {})


def _has_mailboxes(db: Handle, domain_id: int) -> bool:
    return db.row("SELECT 1 FROM mailbox WHERE domain_id = ? LIMIT 1", domain_id) is not None


class NewCredential(Struct, frozen=True):
    """A credential that is to be made.

    Attributes:
        verifier: as `core.secret` makes it.
        wrapped: the mailbox's private key under this secret (`core.sealing`); None where nothing is sealed.
        salt: of a password that was chosen, else None.
    """

    verifier: bytes
    kind: str = "owner"
    label: str = ""
    read_only: bool = False
    wrapped: bytes | None = None
    salt: bytes | None = None


class CreateMailbox(Struct, frozen=True):
    """Make a mailbox with its first credential and the folders that clients expect.

    Attributes:
        skeleton: what other addresses must not look like (`core.address`).
        public_key: to which its mail is sealed, or None.
        receipt: digest of the receipt's id, and what the receipt is to call the mailbox; None for no receipt.
    """

    domain_id: int
    address: str
    lifetime: Lifetime
    credential: NewCredential
    skeleton: str = ""
    public_key: bytes | None = None
    receipt: tuple[bytes, bytes] | None = None

    def apply(self, transaction: Transaction) -> Mailbox:
        """Make it.

        Raises:
            NoSuchDomain: the domain was removed meanwhile.
            AddressTaken: a mailbox has this address or one that looks like it, or had it and its quarantine is not
                over.
        """
        db, now = transaction.db, transaction.now
        if not db.row("SELECT 1 FROM domain WHERE id = ?", self.domain_id):
            raise NoSuchDomain(self.address)
        if db.row("SELECT 1 FROM mailbox WHERE address = ?", self.address) or db.row(
            "SELECT 1 FROM quarantine WHERE address = ? AND until > ?", self.address, now
        ):
            raise AddressTaken(self.address)
        skeleton = self.skeleton or self.address
        if twin := find_twin(transaction, self.address, skeleton):
            raise AddressTaken(f"{self.address} looks like {twin}")
        mailbox = insert_mailbox(transaction, self.domain_id, self.address, skeleton, self.lifetime, self.public_key)
        if self.receipt:
            db.run(
                "UPDATE mailbox SET receipt_lookup = ?, receipt_subject = ? WHERE id = ?", *self.receipt, mailbox.id
            )
        insert_credential(transaction, mailbox.id, self.credential)
        return mailbox


class AddCredential(Struct, frozen=True):
    """Give a mailbox one more credential."""

    mailbox_id: int
    credential: NewCredential
    actor: str = ""

    def apply(self, transaction: Transaction) -> Credential:
        """Add it.

        Raises:
            NoSuchMailbox: the mailbox is gone, or its time is over: keys that were destroyed must not come back.
            CredentialRefused: it may have no more, or not this one.
        """
        db, new = transaction.db, self.credential
        # Locked, so that a destruction which another daemon has begun is either seen or finds the new key.
        lock = "" if db.sqlite else " FOR UPDATE"
        alive = f"SELECT 1 FROM mailbox WHERE id = ? AND expires_at > ?{lock}"
        if not db.row(alive, self.mailbox_id, transaction.now):
            raise NoSuchMailbox(str(self.mailbox_id))
        others = db.rows("SELECT verifier, salt FROM credential WHERE mailbox_id = ?", self.mailbox_id)
        if len(others) >= _MOST_CREDENTIALS:
            raise CredentialRefused(f"a mailbox has at most {_MOST_CREDENTIALS}")
        if any(verifier == new.verifier for verifier, _ in others):
            raise CredentialRefused("the mailbox has this secret already")
        if new.salt is not None and any(salt not in {None, new.salt} for _, salt in others):
            # A login works out a password once, with one salt.
            raise CredentialRefused("another password was added at the same moment; try again")
        credential = insert_credential(transaction, self.mailbox_id, new)
        _record_credentials(transaction, self.actor, "credential-add", self.mailbox_id)
        return credential


class RevokeCredential(Struct, frozen=True):
    """Take a further credential from a mailbox; the owner's first one stays."""

    mailbox_id: int
    credential_id: int
    actor: str = ""

    def apply(self, transaction: Transaction) -> None:
        """Revoke it; sessions that began with it end.

        Raises:
            NoSuchCredential: the mailbox has none of this id.
            CredentialRefused: it is the owner's.
        """
        db = transaction.db
        row = db.row(
            "SELECT kind FROM credential WHERE id = ? AND mailbox_id = ?", self.credential_id, self.mailbox_id
        )
        if row is None:
            raise NoSuchCredential(str(self.credential_id))
        if row[0] == "owner":
            raise CredentialRefused("the owner's secret cannot be revoked; destroy the mailbox instead")
        db.run("DELETE FROM keys.wrapped_key WHERE credential_id = ?", self.credential_id)
        db.run("DELETE FROM credential WHERE id = ?", self.credential_id)
        transaction.traces.add("keys")
        transaction.lifetimes_changed()
        _record_credentials(transaction, self.actor, "credential-revoke", self.mailbox_id)


def _count_credentials(db: Handle, mailbox_id: int) -> int:
    return len(db.rows("SELECT id FROM credential WHERE mailbox_id = ?", mailbox_id))


def _record_credentials(transaction: Transaction, actor: str, action: str, mailbox_id: int) -> None:
    """Note that a mailbox has more or fewer credentials, and how many it has now."""
    db = transaction.db
    row = db.row("SELECT receipt_subject FROM mailbox WHERE id = ?", mailbox_id)
    subject = mailbox_subject(mailbox_id, row and row[0])
    record(transaction, actor, action, subject, {"credentials": _count_credentials(db, mailbox_id)})


def insert_credential(transaction: Transaction, mailbox_id: int, new: NewCredential) -> Credential:
    """Insert a credential and, where mail is sealed, the private key under its secret."""
    db, now = transaction.db, transaction.now
    credential_id = transaction.next_id()
    db.run(
        "INSERT INTO credential (id, mailbox_id, kind, verifier, read_only, created_at, label, salt)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        *(credential_id, mailbox_id, new.kind, new.verifier, new.read_only, now, new.label, new.salt),
    )
    if new.wrapped is not None:
        # On SQLite the two files are not committed as one: after a crash there may be a key of this id that nothing
        # refers to.
        db.run("DELETE FROM keys.wrapped_key WHERE credential_id = ?", credential_id)
        db.run(
            "INSERT INTO keys.wrapped_key (credential_id, mailbox_id, data) VALUES (?, ?, ?)",
            *(credential_id, mailbox_id, new.wrapped),
        )
    return Credential(credential_id, new.kind, new.label, new.read_only, new.salt is not None, now)


class EndLifetime(Struct, frozen=True):
    """Have mailboxes end now, and destroy the keys that open them: the first half of a destruction.

    From the commit on they cannot be reached and, where they are sealed, not be read by anybody, whatever becomes of
    the second half.

    Attributes:
        only_expired: leave alone those that live, because somebody has put off their end meanwhile.
    """

    mailbox_ids: tuple[int, ...]
    only_expired: bool = False

    def apply(self, transaction: Transaction) -> None:
        """End them; those that have ended stay as they are."""
        db, now = transaction.db, transaction.now
        living = db.rows(
            f"SELECT id, inbox_id, expires_at > ? FROM mailbox WHERE id {db.among} ORDER BY id{_lock(db)}",
            *(now, db.listed(self.mailbox_ids)),
        )
        ended = [row for row in living if not (self.only_expired and row[2])]
        ids = db.listed([mailbox_id for mailbox_id, *_ in ended])
        # Nothing that happens later puts off the end of a mailbox whose keys are gone.
        db.run(
            "UPDATE mailbox SET expires_at = CASE WHEN expires_at > ? THEN ? ELSE expires_at END, ends_at = ?,"
            f" extend_until = 0 WHERE id {db.among} AND (ends_at > ? OR expires_at > ? OR extend_until <> 0)",
            *(now, now, now, ids, now, now),
        )
        if db.run(f"DELETE FROM keys.wrapped_key WHERE mailbox_id {db.among}", ids):
            transaction.traces.add("keys")
        if any(was_alive for *_, was_alive in ended):
            transaction.lifetimes_changed()
        # Whoever waits for mail in them is told.
        transaction.touched |= {inbox_id for _, inbox_id, _ in ended}


class DestroyMailbox(Struct, frozen=True):
    """Delete a mailbox with all that belongs to it, and keep its address from others for a while.

    At most `most` messages are deleted at once, so that others need not wait long for the writer.
    """

    mailbox_id: int
    quarantine_until: int
    actor: str = ""
    most: int = _SETTLED

    def apply(self, transaction: Transaction) -> int | None:
        """Destroy it; the number of messages it had. None when there are more, and this has to be done again.

        Raises:
            NoSuchMailbox: it is gone already.
        """
        doomed = ((self.mailbox_id, self.quarantine_until),)
        destroyed = DestroyMailboxes(doomed, self.actor, self.most).apply(transaction)
        if destroyed.left:
            return None
        if not destroyed.mailboxes:
            raise NoSuchMailbox(str(self.mailbox_id))
        return destroyed.messages


class Destroyed(Struct, frozen=True):
    """What became of mailboxes that were to be destroyed: how many were, with how many messages, and which are left.

    Those that are neither were gone already, or live again.
    """

    mailboxes: int
    messages: int
    left: tuple[int, ...]


class DestroyMailboxes(Struct, frozen=True):
    """Destroy mailboxes, as many as have no more than `most` messages together.

    Attributes:
        mailboxes: the id of each, and until when its address is in quarantine.
        only_expired: leave alone those that live, because somebody has put off their end meanwhile.
    """

    mailboxes: tuple[tuple[int, int], ...]
    actor: str = ""
    most: int = _SETTLED
    only_expired: bool = False

    def apply(self, transaction: Transaction) -> Destroyed:
        """Destroy them; of one that has more than `most` messages so many are erased, and it is left."""
        doomed = self._find(transaction)
        # Locked together, in the order in which deliveries to several of them lock.
        counters = transaction.counters([folder_id for mailbox in doomed for folder_id in mailbox.folder_ids])
        messages = [
            sum(counters[folder_id].messages for folder_id in mailbox.folder_ids if folder_id in counters)
            for mailbox in doomed
        ]
        count = sum(total <= self.most for total in accumulate(messages))
        left = tuple(mailbox.id for mailbox in doomed[count:])
        if doomed and not count:
            if _erase_some(transaction, doomed[0], self.most):
                return Destroyed(0, 0, left)
            # A counter was wrong: nothing is there any more, and nobody is to wait for that to end.
            count, messages[0], left = 1, 0, left[1:]
        _destroy(transaction, doomed[:count], dict(self.mailboxes))
        for mailbox, here in zip(doomed[:count], messages, strict=False):
            prove_destruction(transaction, self.actor, mailbox.id, here + mailbox.erased, *mailbox.receipt)
        return Destroyed(count, sum(messages[:count]) + sum(mailbox.erased for mailbox in doomed[:count]), left)

    def _find(self, transaction: Transaction) -> list[_Doomed]:
        db, now = transaction.db, transaction.now
        ids = db.listed([mailbox_id for mailbox_id, _ in self.mailboxes])
        folder_ids: dict[int, list[int]] = {}
        for folder_id, mailbox_id in db.rows(f"SELECT id, mailbox_id FROM folder WHERE mailbox_id {db.among}", ids):
            folder_ids.setdefault(mailbox_id, []).append(folder_id)
        rows = db.rows(
            "SELECT id, address, expires_at <= ?, public_key IS NOT NULL, erased, receipt_lookup, receipt_subject"
            f" FROM mailbox WHERE id {db.among} ORDER BY id{_lock(db)}",
            *(now, ids),
        )
        return [
            _Doomed(row[0], row[1], bool(row[2]), bool(row[3]), int(row[4]), row[5:], folder_ids.get(row[0], []))
            for row in rows
            if row[2] or not self.only_expired
        ]


class _Doomed(NamedTuple):
    """A mailbox that is to be destroyed.

    Attributes:
        receipt: the digest of the receipt's id, and what the receipt is to call the mailbox.
    """

    id: int
    address: str
    expired: bool
    sealed: bool
    erased: int
    receipt: tuple[bytes | None, bytes | None]
    folder_ids: list[int]


def _lock(db: Handle) -> str:
    """Give what keeps other daemons from changing rows that are read, until the commit."""
    return "" if db.sqlite else " FOR UPDATE"


def _erase_some(transaction: Transaction, mailbox: _Doomed, most: int) -> int:
    """Delete so many messages of a mailbox that is going to be destroyed; how many there were to be deleted."""
    db = transaction.db
    left = most
    for folder_id in mailbox.folder_ids:
        left -= remove_oldest(transaction, folder_id, left)
        # Nobody will ask what was in it.
        db.run("DELETE FROM expunged WHERE folder_id = ?", folder_id)
    db.run("UPDATE mailbox SET erased = erased + ? WHERE id = ?", most - left, mailbox.id)
    return most - left


def _destroy(transaction: Transaction, doomed: Sequence[_Doomed], quarantines: Mapping[int, int]) -> None:
    """Delete mailboxes with all that belongs to them, and put their addresses into quarantine."""
    if not doomed:
        return
    db, now = transaction.db, transaction.now
    ids = db.listed([mailbox.id for mailbox in doomed])
    if db.run(f"DELETE FROM keys.wrapped_key WHERE mailbox_id {db.among}", ids):
        transaction.traces.add("keys")
    if not all(mailbox.sealed for mailbox in doomed):
        transaction.traces.add("main")
    _delete_folders(transaction, [folder_id for mailbox in doomed for folder_id in mailbox.folder_ids])
    db.run(f"DELETE FROM mailbox WHERE id {db.among}", ids)
    db.run(
        "DELETE FROM quarantine WHERE address IN (SELECT address FROM quarantine WHERE until <= ? LIMIT ?)",
        *(now, _OLD_QUARANTINES),
    )
    kept = [(mailbox.address, quarantines[mailbox.id]) for mailbox in doomed if quarantines[mailbox.id] > now]
    if kept:
        db.many(
            "INSERT INTO quarantine (address, until) VALUES (?, ?)"
            " ON CONFLICT (address) DO UPDATE SET until = excluded.until",
            kept,
        )
    if not all(mailbox.expired for mailbox in doomed):
        transaction.lifetimes_changed()


def _delete_folders(transaction: Transaction, folder_ids: list[int]) -> None:
    """Delete folders with their messages."""
    if not folder_ids:
        return
    db = transaction.db
    folders = db.listed(folder_ids)
    entries = f"FROM entry WHERE folder_id {db.among}"
    contents = {row[0] for row in db.rows(f"SELECT content_id {entries}", folders)}
    if contents:
        db.run(f"DELETE FROM summary WHERE entry_id IN (SELECT id {entries})", folders)
        lock_contents(transaction, contents)
        db.run(f"DELETE {entries}", folders)
        drop_contents(transaction, contents)
    db.run(f"DELETE FROM expunged WHERE folder_id {db.among}", folders)
    transaction.retire_uid_validity(max(c.uid_validity for c in transaction.counters(folder_ids).values()))
    db.run(f"DELETE FROM folder WHERE id {db.among}", folders)
    for folder_id in folder_ids:
        transaction.folder_deleted(folder_id)


class RemoveLostKeys(Struct, frozen=True):
    """Delete wrapped keys whose credentials do not exist, as after a loss of power between two files' commits."""

    credential_ids: tuple[int, ...]

    def apply(self, transaction: Transaction) -> int:
        """Delete those that are lost; how many were."""
        db = transaction.db
        removed = db.run(
            f"DELETE FROM keys.wrapped_key WHERE credential_id {db.among} AND NOT EXISTS"
            " (SELECT 1 FROM credential c WHERE c.id = credential_id)",
            db.listed(self.credential_ids),
        )
        if removed:
            transaction.traces.add("keys")
        return removed


class CreateFolder(Struct, frozen=True):
    """Make a folder, and those above it in the hierarchy that are missing (RFC 9051 §6.3.4)."""

    mailbox_id: int
    name: str
    special_use: str = ""

    def apply(self, transaction: Transaction) -> Folder:
        """Make it; it is subscribed only if its name was all the time.

        Raises:
            NoSuchMailbox: the mailbox is gone.
            FolderExists: it is there.
            TooManyFolders: the mailbox may have no more.
        """
        if not transaction.db.row("SELECT 1 FROM mailbox WHERE id = ?", self.mailbox_id):
            raise NoSuchMailbox(str(self.mailbox_id))
        names = _names(transaction, self.mailbox_id)
        if self.name in names:
            raise FolderExists(self.name)
        missing = [name for name in (*_parents(self.name), self.name) if name not in names]
        if len(names) + len(missing) > _MOST_FOLDERS:
            raise TooManyFolders(self.name)
        uid_validity = transaction.new_uid_validity()
        folder_id = transaction.next_id()
        rows = [folder_row(transaction.next_id(), self.mailbox_id, name, uid_validity) for name in missing[:-1]]
        rows.append(folder_row(folder_id, self.mailbox_id, self.name, uid_validity, self.special_use))
        insert_folders(transaction, rows)
        subscribed = self.name in _find_subscriptions(transaction, self.mailbox_id)
        transaction.folders_changed(self.mailbox_id)
        return Folder(folder_id, self.mailbox_id, self.name, uid_validity, 1, 1, self.special_use, subscribed)


class DeleteFolder(Struct, frozen=True):
    """Delete a folder with its messages; those below it stay (RFC 9051 §6.3.5)."""

    mailbox_id: int
    name: str

    def apply(self, transaction: Transaction) -> None:
        """Delete it.

        Raises:
            NoSuchFolder: it is not there.
        """
        db = transaction.db
        row = db.row(
            "SELECT id, subscribed FROM folder WHERE mailbox_id = ? AND name = ?", self.mailbox_id, self.name
        )
        if row is None:
            raise NoSuchFolder(self.name)
        folder_id, subscribed = row
        if not is_sealed(db, folder_id):
            transaction.traces.add("main")
        db.run("DELETE FROM metadata WHERE mailbox_id = ? AND folder_id = ?", self.mailbox_id, folder_id)
        _delete_folders(transaction, [folder_id])
        if subscribed:
            _lose_subscriptions(transaction, self.mailbox_id, [self.name])
        transaction.folders_changed(self.mailbox_id)


class _Named(NamedTuple):
    id: int
    name: str
    subscribed: object


class RenameFolder(Struct, frozen=True):
    """Give a folder, and those below it, another name. INBOX stays and gives its messages away (RFC 9051 §6.3.6).

    What was subscribed is so under either name.
    """

    mailbox_id: int
    old: str
    new: str

    def apply(self, transaction: Transaction) -> None:
        """Rename it.

        Raises:
            NoSuchFolder: it is not there.
            FolderExists: another folder has the new name, or a folder below would get one that is taken.
            TooManyFolders: the folders above the new name are missing and too many.
        """
        db = transaction.db
        rows = db.rows("SELECT id, name, subscribed FROM folder WHERE mailbox_id = ?", self.mailbox_id)
        folders = [_Named(*row) for row in rows]
        names = {folder.name for folder in folders}
        if self.old not in names:
            raise NoSuchFolder(self.old)
        if self.new in names:
            raise FolderExists(self.new)
        if self.old == INBOX:
            self._empty_inbox(transaction)
            return
        below = self.old + FOLDER_SEPARATOR
        moving = [folder for folder in folders if folder.name == self.old or folder.name.startswith(below)]
        moved = {self.new + folder.name[len(self.old) :] for folder in moving}
        if moved & (names - {folder.name for folder in moving}):
            raise FolderExists(self.new)
        parents = [name for name in _parents(self.new) if name not in names]
        if len(names) + len(parents) > _MOST_FOLDERS:
            raise TooManyFolders(self.new)
        counters = transaction.counters([folder.id for folder in moving]).values()
        # A name that is used again must not look like the folder that had it (RFC 9051 §2.3.1.1).
        transaction.retire_uid_validity(max(folder.uid_validity for folder in counters))
        uid_validity = transaction.new_uid_validity()
        insert_folders(
            transaction, [folder_row(transaction.next_id(), self.mailbox_id, name, uid_validity) for name in parents]
        )
        db.many(
            "UPDATE folder SET name = ?, uid_validity = ? WHERE id = ?",
            [(self.new + folder.name[len(self.old) :], uid_validity, folder.id) for folder in moving],
        )
        for folder in counters:
            folder.uid_validity = uid_validity
        _lose_subscriptions(transaction, self.mailbox_id, [folder.name for folder in moving if folder.subscribed])
        _find_subscriptions(transaction, self.mailbox_id)
        transaction.folders_changed(self.mailbox_id)

    def _empty_inbox(self, transaction: Transaction) -> None:
        target = CreateFolder(self.mailbox_id, self.new).apply(transaction)
        inbox = transaction.db.row("SELECT id FROM folder WHERE mailbox_id = ? AND name = ?", self.mailbox_id, INBOX)
        assert inbox is not None
        Move(inbox[0], None, target.id).apply(transaction)


class Subscribe(Struct, frozen=True):
    """Put a folder on the list of those that the owner wants to see, or take a name off (RFC 9051 §6.3.7)."""

    mailbox_id: int
    name: str
    subscribed: bool

    def apply(self, transaction: Transaction) -> None:
        """Do so.

        Raises:
            NoSuchFolder: it is not there, or not on the list.
        """
        db = transaction.db
        changed = db.run(
            "UPDATE folder SET subscribed = ? WHERE mailbox_id = ? AND name = ?",
            *(self.subscribed, self.mailbox_id, self.name),
        )
        if not changed and not self.subscribed:
            changed = db.run(
                "DELETE FROM lost_subscription WHERE mailbox_id = ? AND name = ?", self.mailbox_id, self.name
            )
        if not changed:
            raise NoSuchFolder(self.name)
        transaction.folders_changed(self.mailbox_id)


def _lose_subscriptions(transaction: Transaction, mailbox_id: int, names: Sequence[str]) -> None:
    """Keep names on the list whose folders are gone; no more of them than there may be folders."""
    db = transaction.db
    row = db.row("SELECT count(*) FROM lost_subscription WHERE mailbox_id = ?", mailbox_id)
    assert row is not None
    kept = [(mailbox_id, name) for name in names[: max(0, _MOST_FOLDERS - row[0])]]
    if kept:
        db.many("INSERT INTO lost_subscription (mailbox_id, name) VALUES (?, ?) ON CONFLICT DO NOTHING", kept)


def _find_subscriptions(transaction: Transaction, mailbox_id: int) -> set[str]:
    """Have folders subscribed that were made anew under names that are on the list; these names."""
    db = transaction.db
    rows = db.rows(
        "SELECT f.id, f.name FROM lost_subscription s JOIN folder f"
        " ON f.mailbox_id = s.mailbox_id AND f.name = s.name WHERE s.mailbox_id = ?",
        mailbox_id,
    )
    if rows:
        db.many("UPDATE folder SET subscribed = ? WHERE id = ?", [(True, folder_id) for folder_id, _ in rows])
        db.many(
            "DELETE FROM lost_subscription WHERE mailbox_id = ? AND name = ?",
            [(mailbox_id, name) for _, name in rows],
        )
    return {name for _, name in rows}


def _names(transaction: Transaction, mailbox_id: int) -> set[str]:
    return {row[0] for row in transaction.db.rows("SELECT name FROM folder WHERE mailbox_id = ?", mailbox_id)}


def _parents(name: str) -> list[str]:
    levels = name.split(FOLDER_SEPARATOR)
    return [FOLDER_SEPARATOR.join(levels[:depth]) for depth in range(1, len(levels))]
