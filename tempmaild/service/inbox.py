"""Reading and changing one mailbox, for the time of one login."""

from __future__ import annotations

from bisect import bisect_left
from operator import attrgetter
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import msgspec

from tempmaild.core.flags import DELETED
from tempmaild.core.folder_name import normalise_name, normalise_new_name
from tempmaild.core.mailbox import FOLDER_SEPARATOR, INBOX, WHOLE_MAILBOX, Listing, NewMessage
from tempmaild.errors import (
    CredentialRefused,
    FolderRefused,
    MailboxFull,
    MailboxGone,
    MaildropLocked,
    MessageDamaged,
    MessageTooLarge,
    MetadataTooLarge,
    NoSuchFolder,
    NoSuchMailbox,
    ReadOnly,
    StoreFailed,
)
from tempmaild.service.content import normalised
from tempmaild.service.watcher import Watcher
from tempmaild.store.arriving import Append, Replace
from tempmaild.store.folders import CreateFolder, DeleteFolder, RenameFolder, Subscribe
from tempmaild.store.lifetimes import ExtendMailbox, UseMailbox
from tempmaild.store.messages import ChangeFlags, Copy, ExpireRead, Move, Remove
from tempmaild.store.metadata import SetMetadata

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tempmaild.core.flags import FlagChange, Flags
    from tempmaild.core.mailbox import Changes, Entry, Folder, Placement
    from tempmaild.core.sealing import Opener
    from tempmaild.core.summary import Summary
    from tempmaild.service.logins import Logins
    from tempmaild.service.unlocking import Unlocked
    from tempmaild.store.messages import FlagResult
    from tempmaild.store.queries import Queries, Sealed
    from tempmaild.store.transaction import Change

P = ParamSpec("P")
T = TypeVar("T")

_MANY = 2000
"""Entries of a folder from which on listing them, all or the changed ones, is not done between two other things."""

OWNER = "owner"
"""Whom the audit log names for what somebody does with the secret of the mailbox."""

LARGEST_METADATA = 16 << 10
"""Octets of a value; RFC 5464 §4.1 wants at least 1,024."""

_SMALL = 16 << 10
"""Octets of a message that a session may keep because it was asked for last."""

_NOTED_EVERY = 60
"""Seconds after which a further use in one session is noted on the disk, where the mailbox has an idle time."""


class LastMessage:
    """The message that was asked for last, by folder and UID: clients come back for other parts of it."""

    __slots__ = ("contents", "summaries")

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Keep nothing."""
        self.summaries: dict[tuple[int, int], Summary] = {}
        self.contents: dict[tuple[int, int], bytes] = {}


class Inbox:
    """One mailbox as the holder of its secret may use it.

    Every method raises `MailboxGone` once the mailbox has expired or was destroyed, or the secret was revoked; those
    that change something raise `ReadOnly` when the secret only lets read. A message whose own time is over is as good
    as removed, though the sweep has yet to come.

    Args:
        generation: that of `Logins` before the mailbox was looked up.

    Attributes:
        expires_at: as far as is known here; UTC epoch seconds. It may have been put off since.
        longest_message: octets that a message may have which is put into it.
        messages_end: whether messages may end before the mailbox does.
        watcher: tells the session what happens in the mailbox.
    """

    def __init__(self, logins: Logins, unlocked: Unlocked, generation: int) -> None:
        mailbox = self.mailbox = unlocked.mailbox
        self.read_only = unlocked.lock.read_only
        self.expires_at = mailbox.expires_at
        lifetime = mailbox.lifetime
        self.messages_end = bool(lifetime.retention) or lifetime.after_reading is not None
        self.longest_message = min(logins.longest_message, unlocked.largest_message or logins.longest_message)
        self._lock = unlocked.lock
        self._opener = unlocked.opener
        self._logins = logins
        self._access = logins.access
        self._queries = logins.queries
        self._generation = generation
        self._use_noted = float("-inf")
        self._last = LastMessage()
        self.watcher = Watcher(logins.hub, self._last.forget)
        self._has_maildrop = False

    def close(self) -> None:
        """Forget the login: end watching, give the maildrop back. May be called more than once."""
        self.watcher.end()
        if self._has_maildrop:
            self._logins.unlock_maildrop(self.mailbox.id)
            self._has_maildrop = False

    # The mailbox's time

    async def use(self) -> None:
        """Begin whatever somebody does with the mailbox: it is still there, and its idle time begins anew.

        Not for what happens by itself, such as news of mail that has arrived.
        """
        await self.check_alive()
        idle = self.mailbox.lifetime.idle
        if not idle:
            return
        now = self._logins.clock()
        if now - self._use_noted < min(_NOTED_EVERY, idle / 10):
            return
        try:
            await self._access.write(UseMailbox(self.mailbox.id, idle))
        except StoreFailed:
            # What can be read can be read all the same; the next use will be noted.
            return
        self._use_noted = now
        await self._check_exists()

    async def check_alive(self) -> None:
        """See whether the mailbox is still there, without a query while nothing speaks against it."""
        if self._may_be_gone:
            await self._check_exists()

    @property
    def _may_be_gone(self) -> bool:
        """Whether the mailbox may have been destroyed or shortened meanwhile, or its time is over."""
        return self._generation != self._logins.generation or self._logins.clock() >= self.expires_at

    async def ending(self) -> int:
        """Give when the mailbox expires as things are now, in UTC epoch seconds."""
        await self._check_exists()
        return self.expires_at

    async def extend(self, until: int) -> int:
        """Put off the end of the mailbox as far as its owner may; when it expires now, in UTC epoch seconds.

        Raises:
            CredentialRefused: this is not the owner's secret.
            NotExtendable: it does not end before that time, or may not end so late.
        """
        if not await self.is_owners():
            raise CredentialRefused("only the owner's secret may do this")
        self.expires_at = await self._write(ExtendMailbox(self.mailbox.id, until, bounded=True, actor=OWNER))
        return self.expires_at

    async def is_owners(self) -> bool:
        """Tell whether the secret is the owner's, not a further one."""
        await self.check_alive()
        credentials = await self._access.read(self._queries.credentials, self.mailbox.id)
        return any(c.id == self._lock.credential_id and c.kind == "owner" for c in credentials)

    # Folders

    async def folders(self) -> list[Folder]:
        """Give all folders by name."""
        await self.check_alive()
        folders = await self._access.read(self._queries.folders, self.mailbox.id)
        if not folders:
            raise MailboxGone(self.mailbox.address)
        return await self._without_ended(folders)

    async def folder(self, name: str) -> Folder:
        """Give the folder of this name.

        Raises:
            NoSuchFolder: there is none.
        """
        await self.check_alive()
        try:
            folder = await self._access.read(self._queries.folder, self.mailbox.id, normalise_name(name))
        except NoSuchFolder:
            await self._check_exists()
            raise
        (folder,) = await self._without_ended([folder])
        return folder

    async def create_folder(self, name: str, special_use: str = "") -> Folder:
        """Make a folder, and those above it that are missing; `special_use` is "" or one of `SPECIAL_USES`.

        Raises:
            FolderExists: it is there.
            FolderRefused: no folder can have this name.
            TooManyFolders: the mailbox may have no more.
        """
        await self._check_writable()
        return await self._write(CreateFolder(self.mailbox.id, normalise_new_name(name), special_use))

    async def delete_folder(self, name: str) -> None:
        """Delete a folder with its messages.

        Raises:
            NoSuchFolder: it is not there.
            FolderRefused: it is INBOX.
        """
        await self._check_writable()
        if normalise_name(name) == INBOX:
            raise FolderRefused("INBOX cannot be deleted")
        await self._write(DeleteFolder(self.mailbox.id, name))

    async def rename_folder(self, old: str, new: str) -> None:
        """Rename a folder and those below it; INBOX stays and only gives its messages away (RFC 9051 §6.3.6).

        Raises:
            NoSuchFolder: it is not there.
            FolderExists: there is one of the new name.
            FolderRefused: no folder can have the new name.
        """
        await self._check_writable()
        old, new = normalise_name(old), normalise_new_name(new)
        if old != INBOX and new.startswith(old + FOLDER_SEPARATOR):
            raise FolderRefused("a folder cannot be put below itself")
        await self._write(RenameFolder(self.mailbox.id, old, new))

    async def subscribe(self, name: str, subscribed: bool) -> None:
        """Put a folder on the owner's list, or take a name off, whether it is on it or not (RFC 9051 §6.3.8).

        Raises:
            NoSuchFolder: it is to be put on the list and is not there.
        """
        await self._check_writable()
        try:
            await self._write(Subscribe(self.mailbox.id, normalise_name(name), subscribed))
        except NoSuchFolder:
            if subscribed:
                raise

    async def lost_subscriptions(self) -> list[str]:
        """Give the names on the owner's list that have no folder."""
        await self.check_alive()
        return await self._access.read(self._queries.lost_subscriptions, self.mailbox.id)

    async def deleted(self, folder_id: int) -> tuple[int, int]:
        r"""Give the number and the octets of those messages of a folder that are \Deleted."""
        await self.check_alive()
        return await self._access.read_long(self._queries.deleted, folder_id, self._now())

    # Metadata

    async def metadata(self, folder_id: int = WHOLE_MAILBOX) -> dict[str, bytes]:
        """Give what is kept with a folder, or with the whole mailbox, by name.

        Raises:
            MessageDamaged: a value cannot be read, because it was damaged or tampered with.
        """
        await self.check_alive()
        kept = await self._access.read(self._queries.metadata, self.mailbox.id, folder_id)
        return {name: sealed.content(self._opener) for name, sealed in sorted(kept.items())}

    async def metadata_marks(self) -> dict[tuple[int, str], bytes]:
        """Give a few octets for each entry that is kept, by folder and name, which are others when it is set anew."""
        await self.check_alive()
        return await self._access.read(self._queries.metadata_marks, self.mailbox.id)

    async def final_end(self) -> int:
        """Give when the mailbox ends however much it is used, as things are now; UTC epoch seconds."""
        await self.check_alive()
        found = await self._access.read(self._queries.mailboxes_of, [self.mailbox.id])
        if not found:
            raise MailboxGone(self.mailbox.address)
        return found[0].ends_at

    async def set_metadata(
        self, folder_id: int, values: Mapping[str, bytes | None], special_use: str | None = None
    ) -> None:
        """Keep values by name with a folder, or with the whole mailbox (`WHOLE_MAILBOX`), all or none.

        Args:
            values: None deletes.
            special_use: what the folder is for from now on, "" or one of `SPECIAL_USES`; None leaves that as it is.

        Raises:
            NoSuchFolder: the folder was deleted.
            TooMuchMetadata: there would be too many values.
            MetadataTooLarge: one has more octets than `LARGEST_METADATA`.
            DiskFull: the disk is.
        """
        await self._check_writable()
        if any(value is not None for value in values.values()):
            self._logins.room.check()
        if any(value is not None and len(value) > LARGEST_METADATA for value in values.values()):
            raise MetadataTooLarge(f"more than {LARGEST_METADATA} octets")
        mailbox = self.mailbox
        await self._write(SetMetadata(mailbox.id, folder_id, tuple(values.items()), mailbox.public_key, special_use))

    # Messages of a folder

    async def listing(self, folder: Folder) -> Listing:
        """Give the messages of a folder."""
        await self.check_alive()
        listing = self._logins.listings.get(folder)
        if listing is None:
            read = self._access.read_long if folder.messages > _MANY else self._access.read
            listing = Listing(await read(self._queries.entries, folder.id))
            self._logins.listings.put(folder, listing)
        if not listing.entries:
            await self._check_exists()
        if not self.messages_end:
            return listing
        return Listing([entry for entry in listing.entries if not self.has_ended(entry)])

    async def entries(self, folder: Folder) -> list[Entry]:
        """Give the messages of a folder by ascending UID."""
        return (await self.listing(folder)).entries

    def has_ended(self, entry: Entry) -> bool:
        """Tell whether a message's own time is over."""
        return self._logins.clock() >= entry.expires_at

    async def changes(self, folder_id: int, since: int) -> Changes:
        """Give what has happened in a folder since a modification sequence; a message that has ended is gone.

        Raises:
            NoSuchFolder: it was deleted.
        """
        few = await self._read_since(self._queries.few_changes, folder_id, since, _MANY)
        if few is None:
            changes = await self._access.read_long(self._queries.changes, folder_id, since)
        else:
            changes = few
        if self.messages_end and (ended := {entry.uid for entry in changes.changed if self.has_ended(entry)}):
            changed = tuple(entry for entry in changes.changed if entry.uid not in ended)
            gone = tuple(sorted(ended.union(changes.gone)))
            changes = msgspec.structs.replace(changes, changed=changed, gone=gone)
        return changes

    async def gone(self, folder_id: int, since: int) -> tuple[int, ...] | None:
        """Give the UIDs expunged since a modification sequence, ascending; None when that is too long ago to tell.

        Raises:
            NoSuchFolder: it was deleted.
        """
        return await self._read_since(self._queries.gone, folder_id, since)

    async def _read_since(self, query: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        await self.check_alive()
        try:
            return await self._access.read(query, *args, **kwargs)
        except NoSuchFolder:
            await self._check_exists()
            raise

    async def summaries(self, folder_id: int, uids: Sequence[int]) -> dict[int, Summary | None]:
        """Give the summaries of those messages that are still there; ask for at most 500 at once.

        None for what cannot be read, because it was damaged or tampered with.
        """
        if len(uids) == 1 and (summary := self._last.summaries.get((folder_id, uids[0]))):
            await self._check_exists()
            return {uids[0]: summary}
        await self.check_alive()
        kept = await self._access.read(self._queries.summaries, folder_id, uids, self._now())
        if not kept:
            await self._check_exists()
        summaries = {uid: _summary(sealed, self._opener) for uid, sealed in kept.items()}
        if len(uids) == 1 and not self.messages_end:
            self._last.summaries = {(folder_id, uid): summary for uid, summary in summaries.items() if summary}
        return summaries

    async def content(self, folder_id: int, uid: int, *, known_alive: bool = False) -> bytes | None:
        """Give a message as it arrived, None when it is gone.

        Args:
            known_alive: whether it was seen just before, for the same command, that the mailbox is still there.

        Raises:
            MessageDamaged: it cannot be read, because it was damaged or tampered with.
        """
        last = self._last.contents.get((folder_id, uid))
        if last is not None:
            if not known_alive:
                await self._check_exists()
            return last
        await self.check_alive()
        kept = await self._access.read(self._queries.content, folder_id, uid, self._now())
        if kept is None:
            await self._check_exists()
            return None
        content = kept.content(self._opener)
        if len(content) <= _SMALL and not self.messages_end:
            self._last.contents = {(folder_id, uid): content}
        return content

    async def examine(self, folder_id: int, uid: int, look: Callable[[bytes], T]) -> T | None:
        """Have `look` work on a message where it holds nobody up, however large that is; None when it is gone.

        Raises:
            MessageDamaged: it cannot be read, because it was damaged or tampered with.
        """
        await self.check_alive()
        return await self._access.read_long(_examine, self._queries, self._opener, folder_id, uid, self._now(), look)

    async def note_read(self, folder_id: int, uids: Sequence[int]) -> None:
        """Note that messages have been read, which ends them in time where the mailbox has such a rule.

        Nobody who only looks reads: not with a secret that only lets read.
        """
        after = self.mailbox.lifetime.after_reading
        if after is not None and uids and not self.read_only:
            await self.check_alive()
            await self._access.write(ExpireRead(folder_id, tuple(uids), after))

    async def change_flags(
        self,
        folder_id: int,
        uids: Sequence[int],
        change: FlagChange,
        flags: Flags,
        unchanged_since: int | None = None,
    ) -> FlagResult:
        """Set, add or remove flags; with `unchanged_since` only of messages that have not changed since.

        Raises:
            NoSuchFolder: the folder was deleted.
        """
        await self._check_writable()
        return await self._write(ChangeFlags(folder_id, tuple(uids), change, flags, unchanged_since))

    async def check_append(self, folder_name: str, replaces_in: int = 0) -> Folder:
        """Look whether a message could be put into a folder, before it is there; gives the folder.

        Args:
            replaces_in: id of the folder in which it takes the place of another one; 0 for none.

        Raises:
            NoSuchFolder: there is no such folder.
            MailboxFull: it holds as many messages as it may.
            DiskFull: the disk is.
        """
        folder = await self._appendable(folder_name)
        most = self.mailbox.lifetime.messages
        if most and folder.messages - (folder.id == replaces_in) >= most:
            raise MailboxFull(f"a folder of it holds at most {most} messages")
        return folder

    async def append(self, folder_name: str, content: bytes, flags: Flags, internal_date: int | None) -> Placement:
        """Put one message into a folder; see `append_all`."""
        return await self.append_all(folder_name, [NewMessage(content, flags, internal_date)])

    async def append_all(self, folder_name: str, messages: Sequence[NewMessage]) -> Placement:
        """Put messages into a folder, all or none; bare CR and LF become CRLF.

        Raises:
            NoSuchFolder: there is no such folder.
            MessageTooLarge: one has more octets than a message may have.
            MailboxFull: the folder cannot hold so many.
            DiskFull: the disk is.
        """
        folder = await self._appendable(folder_name)
        return await self._write(await self._append(folder, messages))

    async def replace(self, folder_id: int, uid: int, to_name: str, message: NewMessage) -> Placement | None:
        """Put a message into the folder `to_name` and remove another one, as one change (RFC 8508 §3).

        None when that one is gone; then nothing is changed. Raises what `append_all` does.
        """
        folder = await self._appendable(to_name)
        return await self._write(Replace(await self._append(folder, [message]), folder_id, uid))

    async def _appendable(self, folder_name: str) -> Folder:
        await self._check_writable()
        self._logins.room.check()
        return await self.folder(folder_name)

    async def _append(self, folder: Folder, messages: Sequence[NewMessage]) -> Append:
        return Append(
            folder.id,
            tuple([await self._normalised(message) for message in messages]),
            self.mailbox.public_key,
            self.mailbox.lifetime.messages,
            self.mailbox.lifetime.retention,
        )

    async def _normalised(self, message: NewMessage) -> NewMessage:
        if len(message.content) > self.longest_message:
            raise MessageTooLarge(f"{len(message.content)} octets")
        content = await normalised(self._access, message.content, binary=message.binary)
        return msgspec.structs.replace(message, content=content)

    async def copy(self, folder_id: int, uids: Sequence[int], to_name: str) -> Placement:
        """Copy messages with their flags and dates, all or none.

        Raises:
            NoSuchFolder: there is no folder `to_name`, or the one they are in was deleted.
        """
        await self._check_writable()
        target = await self.folder(to_name)
        return await self._write(Copy(folder_id, tuple(uids), target.id, self.mailbox.lifetime.messages))

    async def move(self, folder_id: int, uids: Sequence[int], to_name: str) -> Placement:
        """Copy messages and remove the originals as one change (RFC 6851).

        Raises:
            NoSuchFolder: there is no folder `to_name`, or the one they are in was deleted.
        """
        await self._check_writable()
        target = await self.folder(to_name)
        return await self._write(Move(folder_id, tuple(uids), target.id, self.mailbox.lifetime.messages))

    async def expunge(self, folder_id: int, uids: Sequence[int] | None) -> list[int]:
        r"""Remove messages that are \\Deleted, of `uids` if given; the UIDs that are gone.

        Raises:
            NoSuchFolder: the folder was deleted.
        """
        await self._check_writable()
        return await self._write(Remove(folder_id, None if uids is None else tuple(uids), having=DELETED))

    async def remove(self, folder_id: int, uids: Sequence[int]) -> list[int]:
        """Remove messages whatever their flags; the UIDs that are gone.

        Raises:
            NoSuchFolder: the folder was deleted.
        """
        await self._check_writable()
        return await self._write(Remove(folder_id, tuple(uids)))

    # The session's own

    def claim_recent(self, folder: Folder) -> int:
        r"""Give the first UID that no session was told to be \\Recent; from now on it was."""
        return self._logins.shared.claim_recent(folder.id, folder.uid_next)

    def first_recent(self, folder: Folder) -> int:
        r"""Give the first UID that no session was told to be \\Recent; it stays so."""
        return self._logins.shared.first_recent(folder.id)

    async def count_recent(self, folder: Folder) -> int:
        r"""Count the messages that no session was told to be \\Recent."""
        first = self.first_recent(folder)
        if first >= folder.uid_next:
            return 0
        entries = await self.entries(folder)
        return len(entries) - bisect_left(entries, first, key=attrgetter("uid"))

    def forget(self) -> None:
        """Keep nothing in memory that can be read again, while the session is idle."""
        self._last.forget()

    def lock_maildrop(self) -> None:
        """Take the maildrop for this session alone, until `close` (RFC 1939 §3).

        Raises:
            MaildropLocked: another session has it.
        """
        if not self._logins.lock_maildrop(self.mailbox.id):
            raise MaildropLocked(self.mailbox.address)
        self._has_maildrop = True

    async def _write(self, change: Change[T]) -> T:
        try:
            return await self._access.write(change)
        except NoSuchMailbox:
            raise MailboxGone(self.mailbox.address) from None
        except NoSuchFolder:
            await self._check_exists()
            raise

    def _now(self) -> int:
        return int(self._logins.clock())

    async def _without_ended(self, folders: list[Folder]) -> list[Folder]:
        """Give folders with the counts of those messages whose own time is not over."""
        if not self.messages_end:
            return folders
        ended = await self._access.read(self._queries.ended, self.mailbox.id, self._now())
        return [
            msgspec.structs.replace(
                folder,
                messages=folder.messages - len(here),
                unseen=folder.unseen - sum(unseen for unseen, _ in here),
                size=folder.size - sum(size for _, size in here),
            )
            if (here := ended.get(folder.id))
            else folder
            for folder in folders
        ]

    async def _check_exists(self) -> None:
        generation = self._logins.generation
        self.expires_at = await self._access.read(self._queries.expires_at, self.mailbox.id, self._lock.credential_id)
        self._generation = generation
        if self._logins.clock() >= self.expires_at:
            raise MailboxGone(self.mailbox.address)

    async def _check_writable(self) -> None:
        await self.check_alive()
        if self.read_only:
            raise ReadOnly(self.mailbox.address)


def _summary(sealed: Sealed, opener: Opener | None) -> Summary | None:
    try:
        return sealed.summary(opener)
    except MessageDamaged:
        return None


def _examine(
    queries: Queries, opener: Opener | None, folder_id: int, uid: int, now: int, look: Callable[[bytes], T]
) -> T | None:
    kept = queries.content(folder_id, uid, now)
    return None if kept is None else look(kept.content(opener))
