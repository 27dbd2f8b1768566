r"""What one session has been told of the folder that it has selected.

Sequence numbers exist nowhere but here: message `n` is the n-th UID that the client knows of, until it has been told
of an EXPUNGE. What happens in the folder meanwhile is learnt from the store's changes and told in untagged responses,
EXPUNGE only where the client expects its numbers to move (RFC 9051 §5.5, §7.5.1).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING

from tempmaild.core.flags import SEEN
from tempmaild.errors import ReadOnly
from tempmaild.imap.fetch_items import parse_fetch
from tempmaild.imap.grammar import Parser
from tempmaild.imap.message import Message
from tempmaild.imap.replies import NO_SUCH_MESSAGE, Refused, flag_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tempmaild.core.flags import Flags
    from tempmaild.core.mailbox import Changes, Entry, Folder
    from tempmaild.imap.sequence import SequenceSet

_FLAGS_TOLD = parse_fetch(Parser([b"(UID FLAGS)"]))
_NOTHING: frozenset[int] = frozenset()
_NO_KEYWORDS: frozenset[str] = frozenset()


class View:
    r"""The folder as the client knows it.

    Attributes:
        folder: as it was when it was selected.
        read_only: whether nothing may be changed: after EXAMINE, or by the rights of the login.
        uids: UIDs of the messages that the client was told of, by sequence number.
        modseq: up to which change of the folder this session has learnt.
        entries: entries by UID, without those that are known to be gone; all of them only if it `remembers` them.
        news: whether there may be something to tell. Set by each change of the folder, and by the commands that
            expect one, for the notice of it may come after their answer.
    """

    __slots__ = (
        "_complete",
        "_gone",
        "_keywords",
        "_own",
        "_recent",
        "entries",
        "folder",
        "modseq",
        "news",
        "read_only",
        "uids",
    )

    def __init__(self, folder: Folder, entries: Sequence[Entry], *, read_only: bool) -> None:
        self.folder = folder
        self.read_only = read_only
        self.uids = array("I", [entry.uid for entry in entries])
        self.modseq = folder.highest_modseq
        self.news = False
        # UIDs that are gone and not yet told of.
        self._gone = _NOTHING
        self.remember(entries)
        self._keywords = _keywords(entries)
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
        count = len(self.uids)
        if by_uid:
            return wanted.indices(self.uids)
        if not 0 < wanted.greatest(count) <= count:
            raise Refused(*NO_SUCH_MESSAGE)
        return [index for low, high in wanted.resolve(count) for index in range(low - 1, high)]

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
        r"""Note that the messages from UID `first` on are \Recent for this session and for no other."""
        end = self.uid_next
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

    def remember(self, entries: Iterable[Entry]) -> None:
        """Have all entries of the folder at hand, until `forget`."""
        self.entries = {entry.uid: entry for entry in entries}
        self._complete = True

    def forget(self) -> None:
        """Need little memory while the session is idle; what changes from now on is remembered."""
        self.entries = {}
        self._complete = False

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
        for entry in entries:
            self._own[entry.uid] = entry.modseq
            self.entries[entry.uid] = entry

    # -- what is told

    def opening(self) -> bytes:
        """Write what SELECT tells (RFC 3501 §6.3.1)."""
        flags = flag_names(self._keywords)
        return (
            b"* FLAGS (%b)\r\n"
            b"* %d EXISTS\r\n"
            b"* %d RECENT\r\n"
            b"%b"
            b"* OK [PERMANENTFLAGS (%b)] Flags that are kept\r\n"
            b"* OK [UIDNEXT %d] The next UID\r\n"
            b"* OK [UIDVALIDITY %d] UIDs are valid\r\n"
        ) % (
            flags,
            len(self.uids),
            self.recent,
            self._first_unseen(),
            self._permanent_flags(flags),
            self.uid_next,
            self.folder.uid_validity,
        )

    def _first_unseen(self) -> bytes:
        for number, entry in enumerate(self.entries.values(), 1):
            if SEEN not in entry.flags:
                return b"* OK [UNSEEN %d] The first unseen message\r\n" % number
        return b""

    def learn(self, changes: Changes) -> list[bytes]:
        """Take over what has happened; write what may be told of it at any time. The rest comes from `expunged`."""
        self.modseq = changes.highest_modseq
        known_until = self.uids[-1] if self.uids else 0
        old = [entry for entry in changes.changed if entry.uid <= known_until]
        new = changes.changed[len(old) :]
        self._learn_gone(changes.gone)
        self.entries.update((entry.uid, entry) for entry in changes.changed)
        said = [self.new_keywords(changes.changed)]
        if new:
            self.uids.extend(entry.uid for entry in new)
            said.append(b"* %d EXISTS\r\n" % len(self.uids))
        own, self._own = self._own or {}, None
        said += [self.flags_of(entry) for entry in old if own.get(entry.uid, 0) < entry.modseq]
        return said

    def expunged(self) -> list[bytes]:
        """Write that messages are gone; from now on the numbers of those after them are others."""
        if not self._gone:
            return []
        gone, self._gone = self._gone, _NOTHING
        places = [index for index, uid in enumerate(self.uids) if uid in gone]
        self.uids = array("I", [uid for uid in self.uids if uid not in gone])
        # From the end on, so that each number is still the one that the client knows.
        return [b"* %d EXPUNGE\r\n" % (place + 1) for place in reversed(places)]

    @property
    def has_expunged(self) -> bool:
        """Whether there are messages gone that the client was not told of."""
        return bool(self._gone)

    def message(self, index: int, entry: Entry) -> Message:
        """Give the message at a place in `uids`, as FETCH and SEARCH know it."""
        return Message(index + 1, entry, bool(self._recent) and self.is_recent(entry.uid))

    def flags_of(self, entry: Entry) -> bytes:
        """Write the flags of a message that the client knows, b"" for another."""
        index = bisect_left(self.uids, entry.uid)
        if index == len(self.uids) or self.uids[index] != entry.uid:
            return b""
        return b"".join(_FLAGS_TOLD.response(self.message(index, entry)))

    def new_keywords(self, entries: Iterable[Entry]) -> bytes:
        """Write the flags of the folder anew when these messages have a keyword that is new to the client."""
        keywords = _keywords(entries) | self._keywords
        if len(keywords) == len(self._keywords):
            return b""
        self._keywords = keywords
        flags = flag_names(keywords)
        permanent = self._permanent_flags(flags)
        return b"* FLAGS (%b)\r\n* OK [PERMANENTFLAGS (%b)] Flags that are kept\r\n" % (flags, permanent)

    def _learn_gone(self, gone: Sequence[int]) -> None:
        if not gone:
            return
        self._gone = self._gone.union(gone).intersection(self.uids)
        for uid in gone:
            self.entries.pop(uid, None)

    def _permanent_flags(self, flags: bytes) -> bytes:
        return b"" if self.read_only else flags + b" \\*"


def _keywords(entries: Iterable[Entry]) -> frozenset[str]:
    # Messages share few different sets of flags.
    keywords = {flag for flags in {entry.flags for entry in entries} for flag in flags if not flag.startswith("\\")}
    return frozenset(keywords) if keywords else _NO_KEYWORDS
