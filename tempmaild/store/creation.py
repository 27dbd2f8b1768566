"""Making a mailbox, with the folders that clients expect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from tempmaild.core import address as addresses
from tempmaild.core import lifetime as lifetimes
from tempmaild.core.delivery import Opening
from tempmaild.core.mailbox import INBOX, Mailbox
from tempmaild.errors import NoSuchDomain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tempmaild.core.delivery import Recipient
    from tempmaild.core.lifetime import Lifetime
    from tempmaild.store.transaction import Transaction

# RFC 6154 §2.
_FIRST_FOLDERS = ((INBOX, ""), ("Drafts", "\\Drafts"), ("Junk", "\\Junk"), ("Sent", "\\Sent"), ("Trash", "\\Trash"))

_INSERT_FOLDER = (
    "INSERT INTO folder (id, mailbox_id, name, uid_validity, uid_next, highest_modseq, special_use, subscribed,"
    " messages, unseen, size) VALUES (?, ?, ?, ?, 1, 1, ?, ?, 0, 0, 0)"
)


def insert_mailbox(
    transaction: Transaction,
    domain_id: int,
    address: str,
    skeleton: str,
    lifetime: Lifetime,
    public_key: bytes | None = None,
) -> Mailbox:
    """Make a mailbox whose address nobody has."""
    now = transaction.now
    transaction.reserve_ids(2 + len(_FIRST_FOLDERS))
    ends_at = lifetime.ends_at(now)
    mailbox = Mailbox(
        id=transaction.next_id(),
        address=address,
        created_at=now,
        expires_at=lifetime.expires_at(ends_at, now),
        domain_id=domain_id,
        public_key=public_key,
        lifetime=lifetime,
        ends_at=ends_at,
        extend_until=lifetime.extend_until(now),
        used_at=now,
    )
    inbox_id = transaction.next_id()
    transaction.db.run("DELETE FROM quarantine WHERE address = ?", address)
    transaction.db.run(
        "INSERT INTO mailbox (id, address, skeleton, created_at, expires_at, domain_id, public_key, lifetime,"
        " ends_at, extend_until, used_at, inbox_id, erased) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
        *(mailbox.id, address, skeleton, now, mailbox.expires_at, domain_id, public_key),
        *(lifetimes.to_text(lifetime), ends_at, mailbox.extend_until, now, inbox_id),
    )
    uid_validity = transaction.new_uid_validity()
    insert_folders(
        transaction,
        [
            folder_row(
                *(inbox_id if name == INBOX else transaction.next_id(), mailbox.id, name, uid_validity, use),
                subscribed=True,
            )
            for name, use in _FIRST_FOLDERS
        ],
    )
    return mailbox


def find_twin(transaction: Transaction, address: str, skeleton: str) -> str | None:
    """Give the address of a mailbox that a new one of this address would be mistaken for."""
    db = transaction.db
    if not db.sqlite:
        # Of two that look alike and are made at the same time, the second one sees the first.
        db.row("SELECT pg_advisory_xact_lock(hashtextextended(?, 0))", skeleton)
    for (twin,) in db.rows("SELECT address FROM mailbox WHERE skeleton = ?", skeleton):
        if twin != address and addresses.are_twins(twin, address):
            return str(twin)
    return None


def insert_folders(transaction: Transaction, rows: Sequence[tuple[object, ...]]) -> None:
    """Insert what `folder_row` has made."""
    transaction.db.many(_INSERT_FOLDER, rows)


def folder_row(
    folder_id: int, mailbox_id: int, name: str, uid_validity: int, special_use: str = "", *, subscribed: bool = False
) -> tuple[object, ...]:
    """Make the row of an empty folder."""
    return (folder_id, mailbox_id, name, uid_validity, special_use, subscribed)


def open_mailboxes(transaction: Transaction, recipients: Iterable[Recipient]) -> dict[str, int]:
    """Make the mailboxes of open domains that are still missing; the INBOX of each by its address."""
    inboxes: dict[str, int] = {}
    for recipient in recipients:
        if recipient.address not in inboxes and recipient.opening:
            inboxes[recipient.address] = open_mailbox(transaction, recipient.address, recipient.opening)
    return inboxes


def open_mailbox(transaction: Transaction, address: str, opening: Opening) -> int:
    """Make a mailbox of an open domain unless it is there; its INBOX.

    0 when the domain was removed, or a mailbox is there that has expired or that this one would be mistaken for.
    """
    db = transaction.db
    inbox = "SELECT inbox_id FROM mailbox WHERE address = ?"
    if (
        not db.row(inbox, address)
        and db.row("SELECT 1 FROM domain WHERE id = ? AND kind = 'open'", opening.domain_id)
        and not find_twin(transaction, address, opening.skeleton)
    ):
        insert_mailbox(transaction, opening.domain_id, address, opening.skeleton, opening.lifetime)
    row = db.row(f"{inbox} AND expires_at > ?", address, transaction.now)
    return row[0] if row else 0


class OpenMailbox(Struct, frozen=True):
    """Make a mailbox of an open domain for somebody who looks into it before there is mail."""

    address: str
    opening: Opening

    def apply(self, transaction: Transaction) -> None:
        """Make it unless it is there.

        Raises:
            NoSuchDomain: the domain was removed, or is no longer open.
        """
        if not open_mailbox(transaction, self.address, self.opening):
            raise NoSuchDomain(self.address)
