"""A store for tests: one database, a clock that the test sets, and short ways to what tests need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nacl.signing import SigningKey

from tempmaild.core.flags import NO_FLAGS, SEEN, Flags, from_text
from tempmaild.core.lifetime import Lifetime
from tempmaild.core.mailbox import INBOX, NewMessage
from tempmaild.core.sealing import Opener, new_key_pair
from tempmaild.store.arriving import Append, Deliver
from tempmaild.store.domains import AddDomain
from tempmaild.store.mailboxes import CreateMailbox, NewCredential
from tempmaild.store.opening import open_database
from tempmaild.store.queries import CHANGES_REMEMBERED, Queries
from tempmaild.store.vault import Vault
from tempmaild.store.writer import commit
from tests.support import LIFETIME, NOW

if TYPE_CHECKING:
    from pathlib import Path

    from tempmaild.core.delivery import Recipient
    from tempmaild.core.mailbox import Folder, Mailbox
    from tempmaild.store.transaction import Change

CREDENTIAL = NewCredential(b"\x01" * 32)
KEYS = new_key_pair(lambda count: b"\x02" * count)
"""Of every other mailbox: half of what the store's tests do is done to sealed ones."""


def message(text: str = "Hello.", end: str = "\r\n") -> bytes:
    """Give a message whose body is `text`."""
    return f"Subject: test\r\n\r\n{text}{end}".encode()


def creation(
    domain_id: int, address: str, lifetime: int = LIFETIME, public_key: bytes | None = None
) -> CreateMailbox:
    """Give the making of a mailbox that lives so many seconds."""
    return CreateMailbox(domain_id, address, Lifetime(lifetime), CREDENTIAL, public_key=public_key)


class Store:
    """One database. Every commit checks that what is in it fits together.

    Attributes:
        now: what the clock says.
        touched: folders that the last commit touched.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.path = folder / "tempmaild.db"
        self.handle = open_database(url, self.path)
        self.vault = Vault("mx.box.test", SigningKey(b"\x03" * 32))
        self.opener = Opener(KEYS)
        self.queries = Queries(self.handle)
        self.now = NOW
        self.touched: set[int] = set()
        self._addresses = 0
        self.domain = self.write(AddDomain("box.test"))

    def group(self, *changes: Change[Any]) -> list[Any]:
        """Commit changes together; their results and errors."""
        results, self.touched = commit(self.handle, self.vault, list(changes), self.now)
        self.check()
        return results

    def write(self, change: Change[Any]) -> Any:
        """Commit one change."""
        (result,) = self.group(change)
        if isinstance(result, Exception):
            raise result
        return result

    def mailbox(self, address: str = "", lifetime: int = LIFETIME) -> Mailbox:
        """Make a mailbox of this address, or of one that no other has."""
        self._addresses += 1
        address = address or f"box{self._addresses}@box.test"
        public_key = KEYS.public if self._addresses % 2 else None
        mailbox: Mailbox = self.write(creation(self.domain.id, address, lifetime, public_key))
        return mailbox

    def recipient(self, mailbox: Mailbox) -> Recipient:
        """Give what RCPT finds."""
        recipient = self.queries.recipient(mailbox.address)
        assert recipient is not None
        return recipient

    def delivery(self, *mailboxes: Mailbox, text: str = "Hello.") -> Deliver:
        """Give the delivery of one message."""
        return Deliver(message(text), tuple(map(self.recipient, mailboxes)))

    def folder(self, mailbox: Mailbox, name: str = INBOX) -> Folder:
        """Give a folder as it is now."""
        return self.queries.folder(mailbox.id, name)

    def fill(self, folder: Folder, count: int, flags: Flags = NO_FLAGS) -> list[int]:
        """Append so many messages; their UIDs."""
        changes = [Append(folder.id, (NewMessage(message(f"{number}"), flags),)) for number in range(count)]
        return [placement.uids[0][1] for placement in self.group(*changes)]

    def content(self, folder_id: int, uid: int) -> bytes | None:
        """Give a message's octets, sealed or not."""
        kept = self.queries.content(folder_id, uid)
        return None if kept is None else kept.content(self.opener)

    def uids(self, folder: Folder) -> list[int]:
        """Give the UIDs that are in a folder."""
        return [entry.uid for entry in self.queries.entries(folder.id)]

    @property
    def next_object(self) -> int:
        """The lowest id that was never fetched."""
        sql = (
            "SELECT value FROM counter WHERE name = 'object'"
            if self.handle.sqlite
            else "SELECT last_value FROM object_id"
        )
        row = self.handle.row(sql)
        assert row is not None
        return int(row[0]) + 1

    def count(self, table: str) -> int:
        """Count the rows of a table."""
        row = self.handle.row(f"SELECT count(*) FROM {table}")
        assert row is not None
        count: int = row[0]
        return count

    def check(self) -> None:
        """See that counters are what counting gives, and that nothing is left over."""
        entries: dict[int, list[tuple[int, int, bool, int]]] = {}
        for folder_id, uid, modseq, flags, size in self.handle.rows(
            "SELECT folder_id, uid, modseq, flags, size FROM entry"
        ):
            entries.setdefault(folder_id, []).append((uid, modseq, SEEN not in from_text(flags), size))
        gone: dict[int, list[tuple[int, int]]] = {}
        for folder_id, uid, modseq in self.handle.rows("SELECT folder_id, uid, modseq FROM expunged"):
            gone.setdefault(folder_id, []).append((uid, modseq))
        for folder_id, uid_validity, uid_next, highest, *counters in self.handle.rows(
            "SELECT id, uid_validity, uid_next, highest_modseq, messages, unseen, size FROM folder"
        ):
            here, there = entries.pop(folder_id, []), gone.pop(folder_id, [])
            assert counters == [len(here), sum(row[2] for row in here), sum(row[3] for row in here)]
            uids = [row[0] for row in here] + [row[0] for row in there]
            if highest <= 2 * CHANGES_REMEMBERED:
                assert sorted(uids) == list(range(1, uid_next)), "every UID is in the folder or known to be gone"
            modseqs = [row[1] for row in here] + [row[1] for row in there]
            assert len(set(modseqs)) == len(modseqs)
            assert max(modseqs, default=1) <= highest
            assert 0 < uid_validity < 2**32
        assert not entries
        assert not gone
        assert not self.handle.rows("SELECT id FROM content WHERE id NOT IN (SELECT content_id FROM entry)")
        assert self.count("summary") == self.count("entry")

    def close(self) -> None:
        """Close the database."""
        self.handle.close()
