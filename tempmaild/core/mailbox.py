"""What a mailbox consists of, as values: the store gives them, every protocol shows them."""

from __future__ import annotations

from array import array
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from tempmaild.core.flags import NO_FLAGS, Flags
from tempmaild.core.lifetime import FOREVER, Lifetime
from tempmaild.core.policy import Kind, Policy

if TYPE_CHECKING:
    from collections.abc import Iterable

INBOX = "INBOX"
FOLDER_SEPARATOR = "/"
WHOLE_MAILBOX = 0
"""Stands in place of a folder's id for what belongs to none."""
JUNK = "\\Junk"
SPECIAL_USES = ("\\Archive", "\\Drafts", JUNK, "\\Sent", "\\Trash")
"""What folders can be for (RFC 6154 §2); the other attributes are those of views of several folders."""

_NO_KEYWORDS: frozenset[str] = frozenset()


class Domain(Struct, frozen=True):
    """A domain whose mail we take.

    Attributes:
        name: in lower case; an internationalised name as A-labels; "*.example.org" for all names below that one.
        sealed: whether new mailboxes are sealed; those of an "open" domain never are.
        enabled: whether it takes mail and gets mailboxes; those that it has can be read all the same.
        created_at: UTC epoch seconds.
    """

    id: int
    name: str
    kind: Kind
    created_at: int
    sealed: bool = True
    enabled: bool = True
    policy: Policy = Policy()


class Mailbox(Struct, frozen=True):
    """A disposable mailbox. All times in UTC epoch seconds.

    Attributes:
        id: never given twice, so that it is not mistaken for another that had or will have its address.
        expires_at: from that second on it is unreachable.
        public_key: to which its mail is sealed; None for a mailbox that is not.
        ends_at: when it expires however much it is used.
        extend_until: up to when its owner may put that off; 0 for not at all.
        used_at: when somebody who has a secret of it last used it.
    """

    id: int
    address: str
    created_at: int
    expires_at: int
    domain_id: int
    public_key: bytes | None
    lifetime: Lifetime
    ends_at: int
    extend_until: int
    used_at: int


class Credential(Struct, frozen=True):
    """A secret that opens a mailbox, as far as anything is known of it.

    Attributes:
        kind: "owner": the first one, which may do everything. "app": a further one.
        label: what its owner calls it.
        chosen: whether it is a password that somebody has chosen.
    """

    id: int
    kind: str
    label: str
    read_only: bool
    chosen: bool
    created_at: int


class Folder(Struct, frozen=True):
    """A folder of a mailbox, IMAP's "mailbox" (RFC 9051 §2.3.1).

    Attributes:
        name: with `FOLDER_SEPARATOR` between the levels of the hierarchy.
        highest_modseq: modification sequence of its latest change (RFC 7162 §3.1.2.1).
        special_use: an attribute of RFC 6154 such as "\\\\Trash", "" without one.
        size: octets of all its messages.
    """

    id: int
    mailbox_id: int
    name: str
    uid_validity: int
    uid_next: int
    highest_modseq: int
    special_use: str
    subscribed: bool
    messages: int = 0
    unseen: int = 0
    size: int = 0


class Entry(Struct, frozen=True, gc=False):
    """A message in a folder; its summary and content are asked for apart.

    There are very many of them in memory, and none refers to anything that could refer to it: the garbage collector,
    which would keep everybody waiting for them, need not look.

    Attributes:
        uid: unique identifier within the folder (RFC 9051 §2.3.1.1).
        internal_date: when it arrived, UTC epoch seconds.
        size: octets (RFC822.SIZE).
        unterminated: whether the last line has no CRLF, so that POP3 sends two octets more.
        expires_at: UTC epoch seconds; from that second on it is as good as expunged. `FOREVER` for as long as its
            mailbox.
        save_date: when it came into this folder, UTC epoch seconds (RFC 8514 §2).
    """

    id: int
    uid: int
    modseq: int
    flags: Flags
    internal_date: int
    size: int
    content_id: int
    unterminated: bool
    expires_at: int = FOREVER
    save_date: int = 0


class Listing:
    """The messages of a folder as they were at one moment. Many sessions share it, and none changes what it gives.

    Attributes:
        entries: by ascending UID.
    """

    def __init__(self, entries: list[Entry]) -> None:
        self.entries = entries

    @cached_property
    def by_uid(self) -> dict[int, Entry]:
        """The entries by UID, in the same order."""
        return {entry.uid: entry for entry in self.entries}

    @cached_property
    def uids(self) -> array[int]:
        """The UIDs, ascending."""
        return array("I", self.by_uid)

    @cached_property
    def keywords(self) -> frozenset[str]:
        """The keywords that some of the messages have."""
        return keywords_of(self.entries)


def keywords_of(entries: Iterable[Entry]) -> frozenset[str]:
    """Give the keywords that some of these messages have."""
    # Messages share few different sets of flags.
    keywords = {flag for flags in {entry.flags for entry in entries} for flag in flags if not flag.startswith("\\")}
    return frozenset(keywords) if keywords else _NO_KEYWORDS


class NewMessage(Struct, frozen=True):
    """A message that its owner puts into a folder.

    Attributes:
        internal_date: UTC epoch seconds, None for now.
        binary: whether parts of it may have octets that are no text (RFC 3516 §4.4).
    """

    content: bytes
    flags: Flags = NO_FLAGS
    internal_date: int | None = None
    binary: bool = False


class Changes(Struct, frozen=True):
    """What happened in a folder since a modification sequence.

    Attributes:
        changed: entries that are new or have other flags, by ascending UID.
        gone: UIDs that were expunged, ascending.
        highest_modseq: where the next question may start from.
        forgotten: whether it is so long ago that UIDs may be missing from `gone` (RFC 7162 §5.3).
    """

    changed: tuple[Entry, ...]
    gone: tuple[int, ...]
    highest_modseq: int
    forgotten: bool = False


class Placement(Struct, frozen=True):
    """Where copied or appended messages are now (RFC 4315 §3): pairs of old and new UID, the old one 0 for APPEND."""

    uid_validity: int
    uids: tuple[tuple[int, int], ...]
