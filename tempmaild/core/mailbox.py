"""What a mailbox consists of, as values: the store gives them, every protocol shows them."""

from __future__ import annotations

from msgspec import Struct

from tempmaild.core.flags import Flags

INBOX = "INBOX"
FOLDER_SEPARATOR = "/"


class Domain(Struct, frozen=True):
    """A domain whose mail we take.

    Attributes:
        name: in lower case; an internationalised name as A-labels.
        kind: "claimed": only created addresses exist.
        created_at: UTC epoch seconds.
    """

    id: int
    name: str
    kind: str
    created_at: int


class Mailbox(Struct, frozen=True):
    """A disposable mailbox.

    Attributes:
        id: never given twice, so that it is not mistaken for another that had or will have its address.
        expires_at: UTC epoch seconds; from that second on it is unreachable.
    """

    id: int
    address: str
    created_at: int
    expires_at: int


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


class Entry(Struct, frozen=True):
    """A message in a folder; its summary and content are asked for apart.

    Attributes:
        uid: unique identifier within the folder (RFC 9051 §2.3.1.1).
        internal_date: when it arrived, UTC epoch seconds.
        size: octets (RFC822.SIZE).
        unterminated: whether the last line has no CRLF, so that POP3 sends two octets more.
    """

    id: int
    uid: int
    modseq: int
    flags: Flags
    internal_date: int
    size: int
    content_id: int
    unterminated: bool


class Changes(Struct, frozen=True):
    """What happened in a folder since a modification sequence.

    Attributes:
        changed: entries that are new or have other flags, by ascending UID.
        gone: UIDs that were expunged, ascending.
        highest_modseq: where the next question may start from.
    """

    changed: tuple[Entry, ...]
    gone: tuple[int, ...]
    highest_modseq: int


class Placement(Struct, frozen=True):
    """Where copied or appended messages are now (RFC 4315 §3): pairs of old and new UID, the old one 0 for APPEND."""

    uid_validity: int
    uids: tuple[tuple[int, int], ...]
