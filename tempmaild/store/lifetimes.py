"""Changes to the time that a mailbox has left: it is used, its end is put off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from tempmaild.core import lifetime as lifetimes
from tempmaild.errors import NoSuchMailbox, NotExtendable
from tempmaild.store.audit import mailbox_subject, record

if TYPE_CHECKING:
    from tempmaild.store.transaction import Transaction


class UseMailbox(Struct, frozen=True):
    """Note that somebody who has a secret of a mailbox uses it, so that its idle time begins anew.

    Nobody is told that it lives longer: who finds its time over looks again before believing it.
    """

    mailbox_id: int
    idle: int

    def apply(self, transaction: Transaction) -> None:
        """Note it, unless it is noted for this second or the mailbox is over."""
        now = transaction.now
        idle_until = now + self.idle
        transaction.db.run(
            "UPDATE mailbox SET used_at = ?, expires_at = CASE WHEN ends_at < ? THEN ends_at ELSE ? END"
            " WHERE id = ? AND expires_at > ? AND used_at < ?",
            *(now, idle_until, idle_until, self.mailbox_id, now, now),
        )


class ExtendMailbox(Struct, frozen=True):
    """Put off the end of a mailbox; its idle time, if it has one, stays as it is.

    Attributes:
        ends_at: when it is to end, UTC epoch seconds; `FOREVER` for when it is destroyed.
        bounded: whether this goes only as far as its owner may put off the end.
    """

    mailbox_id: int
    ends_at: int
    bounded: bool
    actor: str = ""

    def apply(self, transaction: Transaction) -> int:
        """Put it off; when the mailbox expires now, in UTC epoch seconds.

        Raises:
            NoSuchMailbox: it is over already.
            NotExtendable: it does not end sooner, or may not end so late.
        """
        db, now = transaction.db, transaction.now
        row = db.row(
            "SELECT ends_at, extend_until, used_at, lifetime, receipt_subject FROM mailbox"
            " WHERE id = ? AND expires_at > ?",
            *(self.mailbox_id, now),
        )
        if row is None:
            raise NoSuchMailbox(str(self.mailbox_id))
        ends_at, extend_until, used_at, lifetime, subject = row
        if self.ends_at <= ends_at:
            raise NotExtendable("it does not end before that time")
        if self.ends_at > (extend_until if self.bounded else lifetimes.FOREVER):
            raise NotExtendable("it may not end so late")
        expires_at = lifetimes.from_text(lifetime).expires_at(self.ends_at, used_at)
        # Another daemon may have destroyed it this very moment.
        if not db.run(
            "UPDATE mailbox SET ends_at = ?, expires_at = ? WHERE id = ? AND expires_at > ?",
            *(self.ends_at, expires_at, self.mailbox_id, now),
        ):
            raise NoSuchMailbox(str(self.mailbox_id))
        transaction.folders_changed(self.mailbox_id)
        record(
            transaction,
            self.actor,
            "mailbox-extend",
            mailbox_subject(self.mailbox_id, subject),
            {"seconds": self.ends_at - ends_at},
        )
        return expires_at
