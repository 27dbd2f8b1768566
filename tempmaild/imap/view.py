r"""What one session has been told of the folder that it has selected.

Sequence numbers exist nowhere but here: message `n` is the n-th UID that the client knows of, until it has been told
of an EXPUNGE. What happens in the folder meanwhile is learnt from the store's changes and told in untagged responses,
EXPUNGE only where the client expects its numbers to move (RFC 9051 §5.5, §7.5.1).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from tempmaild.core.flags import SEEN
from tempmaild.core.mailbox import keywords_of
from tempmaild.errors import ReadOnly
from tempmaild.imap.fetch_items import parse_fetch
from tempmaild.imap.grammar import Parser
from tempmaild.imap.message import Message
from tempmaild.imap.object_ids import mailbox_id
from tempmaild.imap.replies import NO_SUCH_MESSAGE, Refused, flag_names
from tempmaild.imap.sequence import SAVED, write_set

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from tempmaild.core.flags import Flags
    from tempmaild.core.mailbox import Changes, Entry, Folder, Listing
    from tempmaild.imap.contexts import Contexts
    from tempmaild.imap.fetch_items import FetchRequest
    from tempmaild.imap.keywords import ToldKeywords
    from tempmaild.imap.sequence import SequenceSet

_VANISHING: Final = frozenset({b"QRESYNC", b"UIDONLY"})
"""Extensions with which messages that are gone are told by UID (RFC 7162 §3.2.10, RFC 9586 §3.4)."""

_NOTHING: frozenset[int] = frozenset()


class View:
    r"""The folder as the client knows it.

    Attributes:
        folder: as it was when it was selected.
        read_only: whether nothing may be changed: after EXAMINE, or by the rights of the login.
        enabled: the extensions that the session uses (`Dialogue.enabled`).
        uids: UIDs of the messages that the client was told of, by sequence number.
        modseq: up to which change of the folder this session has learnt.
        told_modseq: up to which change the client has been told all, messages that are gone among it.
        entries: entries by UID, without those that are known to be gone; all of them only if it `remembers` them.
        news: whether there may be something to tell. Set by each change of the folder, and by the commands that
            expect one, for the notice of it may come after their answer.
        saved: UIDs of the messages that `$` stands for (RFC 9051 §6.4.4.1); those that are gone do no harm.
        contexts: searches of which the client is told when their result changes; None before there is one.
    """

    __slots__ = (
        "_complete",
        "_gone",
        "_keywords",
        "_own",
        "_recent",
        "_shares_entries",
        "_told_keywords",
        "contexts",
        "enabled",
        "entries",
        "folder",
        "modseq",
        "news",
        "read_only",
        "saved",
        "told_modseq",
        "uids",
    )

    def __init__(
        self,
        folder: Folder,
        listing: Listing,
        *,
        told_keywords: ToldKeywords,
        read_only: bool,
        enabled: Collection[bytes] = (),
    ) -> None:
        self.folder = folder
        self.read_only = read_only
        self.enabled = enabled
        self.uids = listing.uids[:]
        self.modseq = self.told_modseq = folder.highest_modseq
        self.news = False
        self.saved = array("I")
        self.contexts: Contexts | None = None
        # UIDs that are gone and not yet told of.
        self._gone = _NOTHING
        self.remember(listing)
        self._told_keywords = told_keywords
        self._keywords = told_keywords.add(folder, listing.keywords)
        # Spans of UIDs, ascending, the last excluded, that are \Recent for this session.
        self._recent: tuple[tuple[int, int], ...] = ()
        # Modification sequences of this session's own changes, whose outcome the client knows, by UID.
        self._own: dict[int, int] | None = None

    # -- what there is

    @property
    def uid_next(self) -> int:
        """The UID that the next message will have at least."""
        return max(self.folder.uid_next, self.uids[-1] + 1) if self.uids else self.folder.uid_next

    def indices(self, wanted: SequenceSet, *, by_uid: bool) -> list[int]:
        """Give the places in `uids` of the messages that a command names, ascending.

        Raises:
            Refused: a sequence number is greater than there are messages (RFC 9051 §9, `seq-number`).
        """
        if wanted is SAVED:
            saved = set(self.saved)
            return [index for index, uid in enumerate(self.uids) if uid in saved]
        count = len(self.uids)
        if by_uid:
            return wanted.indices(self.uids)
        ranges = wanted.resolve(count)
        if not ranges or ranges[-1][1] > count:
            raise Refused(*NO_SUCH_MESSAGE)
        return [index for low, high in ranges for index in range(low - 1, high)]

    def check_writable(self) -> None:
        """See whether something may be changed.

        Raises:
            ReadOnly: it may not.
        """
        if self.read_only:
            raise ReadOnly(self.folder.name)

    def is_recent(self, uid: int) -> bool:
        r"""Tell whether a message is \Recent for this session (RFC 3501 §2.3.2)."""
        return any(first <= uid < end for first, end in self._recent)

    def claim(self, first: int) -> None:
        r"""Note that the messages from UID `first` on are \Recent for this session, beside those that are already."""
        end = self.uid_next
        if self._recent:
            first = max(first, self._recent[-1][1])
        if first >= end:
            return
        if self._recent and self._recent[-1][1] == first:
            self._recent = (*self._recent[:-1], (self._recent[-1][0], end))
        else:
            self._recent = (*self._recent, (first, end))

    @property
    def recent(self) -> int:
        r"""How many messages are \Recent."""
        return sum(bisect_left(self.uids, end) - bisect_left(self.uids, first) for first, end in self._recent)

    # -- entries, which are forgotten while nobody asks for them

    def remember(self, listing: Listing) -> None:
        """Have all entries of the folder at hand, until `forget`."""
        self.entries = listing.by_uid
        self._complete = self._shares_entries = True

    def forget(self) -> None:
        """Need little memory while the session is idle; what changes from now on is remembered."""
        self.entries = {}
        self._complete = self._shares_entries = False

    def _own_entries(self) -> dict[int, Entry]:
        """Give the entries to be changed, which they must not be while other sessions share them."""
        if self._shares_entries:
            self.entries = dict(self.entries)
            self._shares_entries = False
        return self.entries

    def remembers(self, uids: Iterable[int]) -> bool:
        """Tell whether the entries with these UIDs are at hand, as far as there are any."""
        return self._complete or all(uid in self.entries or uid in self._gone for uid in uids)

    def spelled(self, flags: Flags) -> Flags:
        """Give the flags with keywords as other messages of the folder spell them, for their case means nothing."""
        known = {keyword.lower(): keyword for keyword in self._keywords}
        return frozenset(known.get(flag.lower(), flag) for flag in flags) if known else flags

    def changed_here(self, entries: Iterable[Entry]) -> None:
        """Take over entries that this very session has changed: what became of them is told by the command itself."""
        if self._own is None:
            self._own = {}
        own_entries = self._own_entries()
        for entry in entries:
            self._own[entry.uid] = entry.modseq
            own_entries[entry.uid] = entry
        self.tells_modseq()
        if self.contexts is not None:
            self.news = True

    def tells_modseq(self) -> None:
        """Note that a modification sequence is told that may be later than an expunge that is not (RFC 7162 §3.2)."""
        self.news = self.news or b"QRESYNC" in self.enabled

    # -- what is told

    def opening(self) -> bytes:
        """Write what SELECT tells (RFC 3501 §6.3.1, RFC 9051 §6.3.2)."""
        flags = flag_names(self._keywords)
        return (
            b"* FLAGS (%b)\r\n"
            b"* %d EXISTS\r\n"
            b"%b%b"
            b"* OK [PERMANENTFLAGS (%b)] Flags that are kept\r\n"
            b"* OK [UIDNEXT %d] The next UID\r\n"
            b"* OK [UIDVALIDITY %d] UIDs are valid\r\n"
            b"* OK [HIGHESTMODSEQ %d] The latest change\r\n"
            b"* OK [MAILBOXID (%b)] Whatever its name\r\n"  # RFC 8474 §4.2
        ) % (
            flags,
            len(self.uids),
            self.recent_line(),
            self._first_unseen(),
            self._permanent_flags(flags),
            self.uid_next,
            self.folder.uid_validity,
            self.modseq,
            mailbox_id(self.folder),
        )

    def recent_line(self) -> bytes:
        r"""Write how many messages are \Recent, which IMAP4rev2 does not know."""
        return b"" if b"IMAP4REV2" in self.enabled else b"* %d RECENT\r\n" % self.recent

    def _first_unseen(self) -> bytes:
        if not {b"IMAP4REV2", b"UIDONLY"}.isdisjoint(self.enabled):
            # The one has it no more, the other has no sequence numbers.
            return b""
        for number, entry in enumerate(self.entries.values(), 1):
            if SEEN not in entry.flags:
                return b"* OK [UNSEEN %d] The first unseen message\r\n" % number
        return b""

    def learn(self, changes: Changes, *, flags: bool = True) -> Iterator[bytes]:
        """Take over what has happened; write what may be told of it at any time. The rest comes from `expunged`.

        The lines are written as they are taken, for they may be many. Those for `flags` may be left out.
        """
        self.modseq = changes.highest_modseq
        known_until = self.uids[-1] if self.uids else 0
        old = [entry for entry in changes.changed if entry.uid <= known_until]
        new = changes.changed[len(old) :]
        self.learn_gone(changes.gone)
        if changes.changed:
            self._own_entries().update((entry.uid, entry) for entry in changes.changed)
        said = [self.new_keywords(changes.changed)]
        if new:
            self.uids.extend(entry.uid for entry in new)
            said.append(b"* %d EXISTS\r\n" % len(self.uids))
        if not self._gone:
            self.told_modseq = self.modseq
        own, self._own = self._own or {}, None
        told = [entry for entry in old if own.get(entry.uid, 0) < entry.modseq] if flags else []
        return chain(said, map(self.flags_of, told))

    def expunged(self) -> list[bytes]:
        """Write that messages are gone; from now on the numbers of those after them are others."""
        if not self._gone:
            return []
        gone, self._gone = self._gone, _NOTHING
        self.told_modseq = self.modseq
        if not _VANISHING.isdisjoint(self.enabled):
            self.uids = array("I", [uid for uid in self.uids if uid not in gone])
            return [b"* VANISHED %b\r\n" % write_set(sorted(gone))]
        places = [index for index, uid in enumerate(self.uids) if uid in gone]
        self.uids = array("I", [uid for uid in self.uids if uid not in gone])
        # From the end on, so that each number is still the one that the client knows.
        return [b"* %d EXPUNGE\r\n" % (place + 1) for place in reversed(places)]

    @property
    def has_expunged(self) -> bool:
        """Whether there are messages gone that the client was not told of."""
        return bool(self._gone)

    def messages(self, entries: Iterable[Entry]) -> list[Message]:
        """Give those of the messages that the client knows."""
        placed = [(bisect_left(self.uids, entry.uid), entry) for entry in entries]
        count = len(self.uids)
        return [
            self.message(index, entry) for index, entry in placed if index < count and self.uids[index] == entry.uid
        ]

    def message(self, index: int, entry: Entry) -> Message:
        """Give the message at a place in `uids`, as FETCH and SEARCH know it."""
        return Message(index + 1, entry, bool(self._recent) and self.is_recent(entry.uid))

    def flags_of(self, entry: Entry) -> bytes:
        """Write the flags of a message that the client knows, b"" for another."""
        return self._told(entry, b"FLAGS MODSEQ" if b"CONDSTORE" in self.enabled else b"FLAGS")

    def modseq_of(self, entry: Entry) -> bytes:
        """Write the modification sequence of a message whose flags the client knows (RFC 7162 §3.1.3)."""
        return self._told(entry, b"MODSEQ")

    def _told(self, entry: Entry, items: bytes) -> bytes:
        index = bisect_left(self.uids, entry.uid)
        if index == len(self.uids) or self.uids[index] != entry.uid:
            return b""
        return b"".join(_telling(items, b"UIDONLY" in self.enabled).response(self.message(index, entry)))

    def new_keywords(self, entries: Iterable[Entry]) -> bytes:
        """Write the flags of the folder anew when these messages have a keyword that is new to the client."""
        keywords = keywords_of(entries) | self._keywords
        if len(keywords) == len(self._keywords):
            return b""
        self._keywords = self._told_keywords.add(self.folder, keywords)
        flags = flag_names(self._keywords)
        permanent = self._permanent_flags(flags)
        return b"* FLAGS (%b)\r\n* OK [PERMANENTFLAGS (%b)] Flags that are kept\r\n" % (flags, permanent)

    def learn_gone(self, gone: Sequence[int]) -> None:
        """Take over that messages are gone, of which `expunged` will tell."""
        if not gone:
            return
        self._gone = self._gone.union(gone).intersection(self.uids)
        own_entries = self._own_entries()
        for uid in gone:
            own_entries.pop(uid, None)

    def _permanent_flags(self, flags: bytes) -> bytes:
        return b"" if self.read_only else flags + b" \\*"


@lru_cache
def _telling(items: bytes, uid_only: bool) -> FetchRequest:
    """Give the request whose responses tell these items of a message, and its UID (RFC 7162 §3.2.4)."""
    request = parse_fetch(Parser([b"(%b)" % items]), with_uid=not uid_only)
    return replace(request, uid_only=uid_only)
