"""Logging in to a mailbox, and what all who are logged in share."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from tempmaild.core.mailbox import Listing
from tempmaild.errors import MailboxGone, WrongCredentials
from tempmaild.service.inbox import Inbox
from tempmaild.store.transaction import LIFETIMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tempmaild.core.mailbox import Folder
    from tempmaild.notify.hub import Hub
    from tempmaild.service.room import Room
    from tempmaild.service.unlocking import Unlocker
    from tempmaild.store.access import Access
    from tempmaild.store.queries import Queries

_NO_LISTING = 0, Listing([])


class Listings:
    """The listings of folders that were opened last, shared by all sessions.

    A folder's modification sequence grows with every change of an entry (RFC 7162 §3.1), so a listing is good exactly
    as long as the folder still has the one it was read at, whoever makes the changes.
    """

    _MOST_ENTRIES = 50_000

    def __init__(self) -> None:
        self._entries = 0
        self._listings: OrderedDict[int, tuple[int, Listing]] = OrderedDict()

    def get(self, folder: Folder) -> Listing | None:
        """Give the listing of a folder, None when it must be read."""
        modseq, listing = self._listings.get(folder.id, _NO_LISTING)
        if modseq != folder.highest_modseq:
            return None
        self._listings.move_to_end(folder.id)
        return listing

    def put(self, folder: Folder, listing: Listing) -> None:
        """Keep what was read for a folder."""
        _, replaced = self._listings.pop(folder.id, _NO_LISTING)
        self._entries += len(listing.entries) - len(replaced.entries)
        if listing.entries:  # an empty one would be kept for ever
            self._listings[folder.id] = (folder.highest_modseq, listing)
        while self._entries > self._MOST_ENTRIES:
            _, (_, dropped) = self._listings.popitem(last=False)
            self._entries -= len(dropped.entries)


class Logins:
    """Where every reading session begins.

    Attributes:
        longest_message: octets that a message may have which is put into a mailbox.
        shared: what is known to all processes in which mailboxes are read.
        generation: grows whenever mailboxes may have ended sooner than was known, or credentials were revoked.
    """

    def __init__(
        self,
        access: Access,
        queries: Queries,
        hub: Hub,
        clock: Callable[[], float],
        room: Room,
        longest_message: int,
        unlocker: Unlocker,
    ) -> None:
        self.access = access
        self.queries = queries
        self.hub = hub
        self.clock = clock
        self.room = room
        self.longest_message = longest_message
        self.shared = hub.shared
        self.listings = Listings()
        self._maildrops: set[int] = set()
        self.generation = 0
        self._unlocker = unlocker
        hub.watch(LIFETIMES, self._lifetimes_changed)

    def lock_maildrop(self, mailbox_id: int) -> bool:
        """Keep all other sessions from a maildrop until `unlock_maildrop`; False if one of them has it."""
        # The lock of a process does not keep its own sessions apart.
        if mailbox_id in self._maildrops or not self.shared.lock_maildrop(mailbox_id):
            return False
        self._maildrops.add(mailbox_id)
        return True

    def unlock_maildrop(self, mailbox_id: int) -> None:
        """Let another session have a maildrop."""
        self._maildrops.discard(mailbox_id)
        self.shared.unlock_maildrop(mailbox_id)

    def _lifetimes_changed(self) -> None:
        self.generation += 1
        self._unlocker.passwords.forget_old()

    async def login(self, name: str, secret: str) -> Inbox:
        """Open a mailbox for a session; one of an open domain is made if it is not there.

        Raises:
            WrongCredentials: there is no such mailbox, it has expired, or the secret is another's.
            TooManyLogins: too many passwords wait to be looked at.
        """
        generation = self.generation
        unlocked = await self._unlocker.unlock(name, secret)
        inbox = Inbox(self, unlocked, generation)
        try:
            await inbox.use()
        except MailboxGone:
            raise WrongCredentials(name) from None
        return inbox
