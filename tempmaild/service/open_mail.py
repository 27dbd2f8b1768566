"""Mail that its operator can read: that of mailboxes which are not sealed.

Nothing of it is changed by being looked at: no message becomes seen, and no idle time begins anew. Whoever asks has
the audit log say so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from tempmaild.core.mailbox import Entry
from tempmaild.core.summary import Summary
from tempmaild.errors import CredentialRefused, MailboxGone, MessageDamaged, NoSuchFolder
from tempmaild.store.audit import Note

if TYPE_CHECKING:
    from collections.abc import Callable

    from tempmaild.core.mailbox import Folder, Mailbox
    from tempmaild.store.access import Access
    from tempmaild.store.mailbox_list import MailboxListQueries
    from tempmaild.store.queries import Queries

_ABOVE_ALL: Final = 1 << 62
_NO_ID: Final = 2**63
"""The first number that no database takes for an id."""


class Headline(Struct, frozen=True):
    """A message in a list; without a summary it is damaged."""

    entry: Entry
    summary: Summary | None


class Opened(Struct, frozen=True):
    """A message with all that is in it."""

    summary: Summary
    content: bytes


class OpenMail:
    """Reads mail for the operator.

    Every method raises `MailboxGone` once the mailbox has expired, and `CredentialRefused` when it is sealed.
    """

    def __init__(
        self, access: Access, queries: Queries, list_queries: MailboxListQueries, clock: Callable[[], float]
    ) -> None:
        self._access = access
        self._queries = queries
        self._list_queries = list_queries
        self._clock = clock

    async def page(self, mailbox: Mailbox, folder: Folder, before: int = 0, limit: int = 50) -> list[Headline]:
        """Give messages of a folder, the latest first.

        Args:
            before: the UID of the last message on the page before; 0 for the first page.

        Raises:
            NoSuchFolder: the mailbox has no such folder.
        """
        self._check(mailbox, folder)
        now = int(self._clock())
        before = before if 0 < before < _ABOVE_ALL else _ABOVE_ALL
        entries = await self._access.read(self._list_queries.entries, folder.id, before, limit, now)
        uids = [entry.uid for entry in entries]
        sealed = await self._access.read(self._queries.summaries, folder.id, uids, now)
        headlines = []
        for entry in entries:
            try:
                summary = sealed[entry.uid].summary(None) if entry.uid in sealed else None
            except MessageDamaged:
                summary = None
            headlines.append(Headline(entry, summary))
        return headlines

    async def open(self, mailbox: Mailbox, folder: Folder, uid: int) -> Opened | None:
        """Give a message; None when it is not there any more.

        Raises:
            NoSuchFolder: the mailbox has no such folder.
            MessageDamaged: it cannot be read.
        """
        self._check(mailbox, folder)
        if not 0 < uid < _NO_ID:
            return None
        now = int(self._clock())
        summaries = await self._access.read(self._queries.summaries, folder.id, [uid], now)
        content = await self._access.read_long(self._queries.content, folder.id, uid, now)
        if content is None or uid not in summaries:
            return None
        return Opened(summaries[uid].summary(None), content.content(None))

    async def note(self, mailbox: Mailbox, folder: Folder, uid: int, what: str, actor: str) -> None:
        """Have the audit log say that somebody has looked at a message.

        Args:
            what: of it, such as "message" or "source".
        """
        details = {"folder": folder.name, "uid": uid, "what": what}
        subject = await self._access.read(self._list_queries.subject, mailbox.id)
        await self._access.write(Note(actor, "message-read", subject, details))

    def _check(self, mailbox: Mailbox, folder: Folder) -> None:
        if mailbox.public_key is not None:
            raise CredentialRefused("the mailbox is sealed")
        if self._clock() >= mailbox.expires_at:
            raise MailboxGone(mailbox.address)
        if folder.mailbox_id != mailbox.id:
            raise NoSuchFolder(folder.name)
