"""Messages that come into folders: delivered to mailboxes, or put there by those who use them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct, structs

from tempmaild.core.delivery import Recipient
from tempmaild.core.flags import HAS_ATTACHMENT, NO_FLAGS, SEEN, Flags, to_text
from tempmaild.core.mailbox import JUNK, NewMessage, Placement
from tempmaild.core.sealing import ContentKey, new_content_key
from tempmaild.core.summary import keep, keep_traced
from tempmaild.core.verdict import Finding
from tempmaild.errors import MailboxFull
from tempmaild.store.codec import pack
from tempmaild.store.creation import open_mailboxes
from tempmaild.store.messages import check_space, living, remove, remove_oldest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tempmaild.store.transaction import Counters, Transaction

_INSERT_CONTENT = "INSERT INTO content (id, codec, data) VALUES (?, ?, ?)"
_INSERT_ENTRY = (
    "INSERT INTO entry (id, folder_id, uid, modseq, flags, internal_date, save_date, size, unterminated, content_id,"
    " content_key, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_SUMMARY = "INSERT INTO summary (entry_id, data) VALUES (?, ?)"


class Deliver(Struct, frozen=True):
    """Put one message into the inboxes of its recipients; all its lines end with CRLF.

    The result is who did not get it, because the mailbox was destroyed meanwhile; nearly always that is nobody.

    Attributes:
        junk: whether it goes into Junk instead, where a mailbox still has that.
        keywords: that it gets at once.
        findings: what was found out about it.
        sent: the summary, encoded, of the message without our trace fields, with the findings, which need not be told
            then as well; b"" where nobody has made it.
    """

    content: bytes
    recipients: tuple[Recipient, ...]
    junk: bool = False
    keywords: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    sent: bytes = b""

    @property
    def octets(self) -> int:
        """How much there is to be written."""
        return len(self.content)

    def apply(self, transaction: Transaction) -> list[Recipient]:
        """Deliver this message alone.

        Raises:
            MailboxFull: all its mailboxes are full.
        """
        (result,) = deliver_all(transaction, [self])
        if isinstance(result, MailboxFull):
            raise result
        return result


def deliver_all(transaction: Transaction, deliveries: Sequence[Deliver]) -> list[list[Recipient] | MailboxFull]:
    """Deliver many messages with few statements: the hot path of the writer; who did not get them."""
    opened = open_mailboxes(transaction, [r for delivery in deliveries for r in delivery.recipients if r.opening])
    inboxes = [[opened.get(r.address, r.inbox_id) for r in delivery.recipients] for delivery in deliveries]
    targets = list(zip(deliveries, inboxes, strict=True))
    junk = _junk_folders(transaction, [inbox_id for delivery, ids in targets if delivery.junk for inbox_id in ids])
    places = [[junk.get(i, i) for i in ids] if delivery.junk else ids for delivery, ids in targets]
    folders = transaction.counters([folder_id for ids in places for folder_id in ids])
    batch = _Batch(transaction)
    results: list[list[Recipient] | MailboxFull] = []
    overfull: dict[int, int] = {}
    for delivery, ids in zip(deliveries, places, strict=True):
        missing: list[Recipient] = []
        reached: list[tuple[Recipient, int, Counters]] = []
        for recipient, folder_id in zip(delivery.recipients, ids, strict=True):
            folder = folders.get(folder_id)
            if folder is None:
                missing.append(recipient)
            else:
                reached.append((recipient, folder_id, folder))
        # RCPT has looked already. In SMTP one of several recipients cannot be refused any more, so that a mailbox
        # that has become full since then gets one message too many rather than losing it.
        if reached and all(_is_full(recipient, folder) for recipient, _, folder in reached):
            results.append(MailboxFull(reached[0][0].address))
            continue
        results.append(missing)
        flags = batch.arrive(delivery) if reached else NO_FLAGS
        for recipient, folder_id, folder in reached:
            batch.add(
                delivery.content,
                folder_id,
                folder,
                public_key=recipient.public_key,
                flags=flags,
                expires_at=transaction.now + recipient.retention if recipient.retention else None,
            )
            if recipient.replaces_oldest and 0 < recipient.messages < folder.messages:
                overfull[folder_id] = recipient.messages
    batch.insert()
    for folder_id, most in overfull.items():
        remove_oldest(transaction, folder_id, folders[folder_id].messages - most)
    return results


def _junk_folders(transaction: Transaction, inbox_ids: list[int]) -> dict[int, int]:
    """Give the folders for junk of the mailboxes that have these inboxes, by the inbox."""
    if not inbox_ids:
        return {}
    db = transaction.db
    return dict(
        db.rows(
            "SELECT inbox.id, junk.id FROM folder inbox JOIN folder junk ON junk.mailbox_id = inbox.mailbox_id"
            f" WHERE junk.special_use = ? AND inbox.id {db.among}",
            JUNK,
            db.listed(inbox_ids),
        )
    )


def _is_full(recipient: Recipient, folder: Counters) -> bool:
    return recipient.may_be_full and recipient.messages <= folder.messages


class _Stored(NamedTuple):
    """A content and what its entries say of it; `key` when it is sealed."""

    id: int
    summary: bytes
    key: ContentKey | None


class _Batch:
    """Rows that are inserted together."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._content = b""
        self._packed = (0, b"", b"")
        self._stored: dict[bool, _Stored] = {}
        self._contents: list[tuple[object, ...]] = []
        self._entries: list[tuple[object, ...]] = []
        self._summaries: list[tuple[object, ...]] = []

    def arrive(self, delivery: Deliver) -> Flags:
        """Begin with a message that has arrived, and give the flags that it gets."""
        content, sent = delivery.content, delivery.sent
        summary = keep_traced(content, sent) if sent else keep(content, delivery.findings)
        self._begin(content, summary.data)
        return frozenset((*delivery.keywords, HAS_ATTACHMENT) if summary.attachments else delivery.keywords)

    def _begin(self, content: bytes, summary: bytes) -> None:
        self._content, self._stored = content, {}
        self._packed = (*pack(content), summary)

    def add(
        self,
        content: bytes,
        folder_id: int,
        folder: Counters,
        *,
        public_key: bytes | None,
        flags: Flags = NO_FLAGS,
        internal_date: int | None = None,
        expires_at: int | None = None,
    ) -> int:
        """Add a message, sealed to the public key if there is one; its UID.

        A message that goes to several mailboxes is added for one after the other, so that its content is kept once:
        at most twice, sealed and not.
        """
        if content is not self._content:
            self._begin(content, keep(content).data)
        sealed = public_key is not None
        stored = self._stored.get(sealed)
        if stored is None:
            stored = self._stored[sealed] = self._add_content(sealed=sealed)
        key = stored.key and public_key and self._transaction.vault.sealer.seal(stored.key, public_key)
        now = self._transaction.now
        entry_id = self._transaction.next_message_id()
        uid = folder.next_uid()
        folder.count(1, SEEN not in flags, len(content))
        self._transaction.touched.add(folder_id)
        self._entries.append(
            (
                entry_id,
                folder_id,
                uid,
                folder.next_modseq(),
                to_text(flags) if flags else "",
                now if internal_date is None else internal_date,
                now,
                len(content),
                not content.endswith(b"\r\n"),
                stored.id,
                key,
                expires_at,
            )
        )
        self._summaries.append((entry_id, stored.summary))
        return uid

    def _add_content(self, *, sealed: bool) -> _Stored:
        codec, data, summary = self._packed
        key = new_content_key() if sealed else None
        if key is not None:
            data, summary = key.seal_content(data, codec), key.seal_summary(summary)
        content_id = self._transaction.next_message_id()
        self._contents.append((content_id, codec, data))
        return _Stored(content_id, summary, key)

    def insert(self) -> None:
        db = self._transaction.db
        if self._contents:
            db.many(_INSERT_CONTENT, self._contents)
        if self._entries:
            db.many(_INSERT_ENTRY, self._entries)
            db.many(_INSERT_SUMMARY, self._summaries)


class Append(Struct, frozen=True):
    """Put messages into a folder as their owner wants it, all or none (RFC 9051 §6.3.12, RFC 3502).

    All their lines end with CRLF.
    `most` is how many messages the folder may hold, 0 for any number; `retention` how many seconds they stay.
    """

    folder_id: int
    messages: tuple[NewMessage, ...]
    public_key: bytes | None = None
    most: int = 0
    retention: int = 0

    @property
    def octets(self) -> int:
        """How much there is to be written."""
        return sum(len(message.content) for message in self.messages)

    def apply(self, transaction: Transaction) -> Placement:
        """Append them.

        Raises:
            NoSuchFolder: it was deleted.
            MailboxFull: it cannot hold so many.
        """
        folder = transaction.folder(self.folder_id)
        check_space(folder, len(self.messages), self.most)
        batch = _Batch(transaction)
        expires_at = transaction.now + self.retention if self.retention else None
        uids = [
            batch.add(
                message.content,
                self.folder_id,
                folder,
                public_key=self.public_key,
                flags=message.flags,
                internal_date=message.internal_date,
                expires_at=expires_at,
            )
            for message in self.messages
        ]
        batch.insert()
        return Placement(folder.uid_validity, tuple((0, uid) for uid in uids))


class Replace(Struct, frozen=True):
    """Append a message and remove the one that it takes the place of, as one change (RFC 8508 §3)."""

    append: Append
    folder_id: int
    uid: int

    @property
    def octets(self) -> int:
        """How much there is to be written."""
        return self.append.octets

    def apply(self, transaction: Transaction) -> Placement | None:
        """Replace it; None when it is gone, and then nothing is appended.

        Raises:
            NoSuchFolder: one of the folders was deleted.
            MailboxFull: the folder that the new one goes to is full.
        """
        transaction.folder(self.folder_id)
        replaced = living(transaction, self.folder_id, [self.uid])
        if not replaced:
            return None
        append = self.append
        if append.most and append.folder_id == self.folder_id:
            append = structs.replace(append, most=append.most + len(append.messages))
        placement = append.apply(transaction)
        remove(transaction, self.folder_id, replaced)
        return placement
