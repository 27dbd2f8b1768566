"""Logging in to a mailbox, and what all who are logged in share."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from tempmaild.core import address as addresses
from tempmaild.core import secret as secrets
from tempmaild.core.sealing import KeyPair, NotOurs, Opener, unwrap
from tempmaild.errors import InvalidAddress, WrongCredentials
from tempmaild.service.inbox import Inbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from tempmaild.core.mailbox import Entry, Folder, Mailbox
    from tempmaild.core.secret import Keys
    from tempmaild.notify.hub import Hub
    from tempmaild.service.directory import Directory
    from tempmaild.service.room import Room
    from tempmaild.store.access import Access
    from tempmaild.store.queries import Lock, Queries

_NOBODY = bytes(secrets.VERIFIER_OCTETS)
"""What a secret is compared with when there is no such mailbox, so that it takes as long as when there is."""


class Recents:
    """Up to which UID some session has been told that messages of a folder are \\Recent (RFC 3501 §2.3.2).

    Kept in memory only, for the folders used last: after a restart messages are recent once more.
    """

    _MOST = 100_000

    def __init__(self) -> None:
        self._claimed: OrderedDict[int, int] = OrderedDict()

    def claim(self, folder_id: int, uid_next: int) -> int:
        """Give the first UID that is recent for who asks; the next to ask gets those from `uid_next` on."""
        first = self._claimed.pop(folder_id, 1)
        self._claimed[folder_id] = max(first, uid_next)
        if len(self._claimed) > self._MOST:
            self._claimed.popitem(last=False)
        return first


class Listings:
    """The entries of folders that were opened last, shared by all sessions.

    A folder's modification sequence grows with every change of an entry (RFC 7162 §3.1), so a listing is good exactly
    as long as the folder still has the one it was read at, whoever makes the changes.
    """

    _MOST_ENTRIES = 50_000

    def __init__(self) -> None:
        self._entries = 0
        self._listings: OrderedDict[int, tuple[int, list[Entry]]] = OrderedDict()

    def get(self, folder: Folder) -> list[Entry] | None:
        """Give the entries of a folder, None when they must be read."""
        modseq, entries = self._listings.get(folder.id, (0, []))
        if modseq != folder.highest_modseq:
            return None
        self._listings.move_to_end(folder.id)
        return entries

    def put(self, folder: Folder, entries: list[Entry]) -> None:
        """Keep what was read for a folder; nobody changes it from now on."""
        _, replaced = self._listings.pop(folder.id, (0, []))
        self._entries += len(entries) - len(replaced)
        if entries:  # an empty one would be kept for ever
            self._listings[folder.id] = (folder.highest_modseq, entries)
        while self._entries > self._MOST_ENTRIES:
            _, (_, dropped) = self._listings.popitem(last=False)
            self._entries -= len(dropped)


class Logins:
    """Where every reading session begins."""

    def __init__(
        self,
        access: Access,
        queries: Queries,
        directory: Directory,
        hub: Hub,
        clock: Callable[[], float],
        room: Room,
        longest_message: int,
    ) -> None:
        self.access = access
        self.queries = queries
        self.hub = hub
        self.clock = clock
        self.room = room
        self.longest_message = longest_message
        self.recents = Recents()
        self.listings = Listings()
        self.locked_maildrops: set[int] = set()
        self._directory = directory

    async def login(self, name: str, secret: str) -> Inbox:
        """Open a mailbox.

        Raises:
            WrongCredentials: there is no such mailbox, it has expired, or the secret is another's.
        """
        try:
            address = addresses.normalise(name)
        except InvalidAddress:
            address = ""
        mailbox, locks = await self.access.read(self.queries.locks, address) or (None, ())
        keys = secrets.keys_of_code(secret)
        if not locks:
            keys.fit(_NOBODY)
        opened = [lock for lock in locks if keys.fit(lock.verifier)]
        if not opened or mailbox is None or self.clock() >= mailbox.expires_at:
            raise WrongCredentials(name)
        return Inbox(self, mailbox, opened[0], self._opener(mailbox, opened[0], keys))

    def _opener(self, mailbox: Mailbox, lock: Lock, keys: Keys) -> Opener | None:
        """Give what opens the mail of this mailbox for the time of this login; None where nothing is sealed."""
        if mailbox.public_key is None:
            return None
        try:
            if lock.wrapped is None:
                raise NotOurs("the key is not there: it was destroyed, or a backup was restored without it")
            private = unwrap(lock.wrapped, keys.wrapping_key, mailbox.public_key)
        except NotOurs as error:
            raise WrongCredentials(f"{mailbox.address}: {error}") from None
        return Opener(KeyPair(mailbox.public_key, private))
