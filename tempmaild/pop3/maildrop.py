"""The messages of one session: their numbers, sizes and marks, from the login to QUIT.

Numbers never change during a session, whatever others do to the mailbox meanwhile (RFC 1939 §5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tempmaild.core.mailbox import Entry, Folder

_STEP = 1 << 16


class NoSuchMessage(Exception):
    """No message has the number, or it is marked as deleted."""


class Maildrop:
    """The numbered messages.

    Attributes:
        count: messages that are not marked as deleted.
        octets: their sizes together.
    """

    def __init__(self, folder: Folder, entries: Sequence[Entry]) -> None:
        self.folder_id = folder.id
        self._uid_validity = folder.uid_validity
        self._entries = entries
        self._deleted: set[int] = set()
        self.count = len(entries)
        self.octets = sum(map(octets, entries))

    def uid(self, number: int) -> int:
        """Give the UID of a message.

        Raises:
            NoSuchMessage: for this and every other method that is given a number.
        """
        return self._entry(number).uid

    def size(self, number: int) -> int:
        """Give the octets of a message."""
        return octets(self._entry(number))

    def unique_id(self, number: int) -> bytes:
        """Give the unique-id of a message, which no other message of this address ever had or will have."""
        return b"%d.%d" % (self._uid_validity, self._entry(number).uid)  # RFC 1939 §7

    def sizes(self) -> list[bytes]:
        """Give the scan listings of all messages that are not deleted."""
        return [b"%d %d" % (number, octets(entry)) for number, entry in self._present()]

    def unique_ids(self) -> list[bytes]:
        """Give the unique-id listings of all messages that are not deleted."""
        validity = self._uid_validity
        return [b"%d %d.%d" % (number, validity, entry.uid) for number, entry in self._present()]

    def delete(self, number: int) -> None:
        """Mark a message as deleted."""
        entry = self._entry(number)
        self._deleted.add(number)
        self.count -= 1
        self.octets -= octets(entry)

    def reset(self) -> None:
        """Forget all marks."""
        for number in self._deleted:
            self.count += 1
            self.octets += octets(self._entries[number - 1])
        self._deleted.clear()

    def deleted_uids(self) -> list[int]:
        """Give the UIDs of the messages that are marked, ascending."""
        return [self._entries[number - 1].uid for number in sorted(self._deleted)]

    def _entry(self, number: int) -> Entry:
        if not 0 < number <= len(self._entries) or number in self._deleted:
            raise NoSuchMessage
        return self._entries[number - 1]

    def _present(self) -> list[tuple[int, Entry]]:
        numbered = enumerate(self._entries, 1)
        return [pair for pair in numbered if pair[0] not in self._deleted] if self._deleted else list(numbered)


def octets(entry: Entry) -> int:
    """Tell how many octets RETR sends, not counting dot-stuffing. RFC 1939 §11."""
    return entry.size + 2 if entry.unterminated else entry.size


def top(content: bytes, lines: int) -> bytes:
    """Give the header of a message, the empty line after it, and so many lines of its body. RFC 1939 §7."""
    if content.startswith(b"\r\n"):
        return content[: _after_lines(content, 2, lines)]
    end = content.find(b"\r\n\r\n")
    return content if end < 0 else content[: _after_lines(content, end + 4, lines)]


def _after_lines(content: bytes, start: int, lines: int) -> int:
    """Find where so many lines after `start` end, by halves: millions of short lines cost no loop over them."""
    end = len(content)
    if content.count(b"\n", start) < lines:
        return end
    while end - start > _STEP:
        middle = (start + end) // 2
        before = content.count(b"\n", start, middle)
        if before < lines:
            start, lines = middle, lines - before
        else:
            end = middle
    for _ in range(lines):
        start = content.index(b"\n", start) + 1
    return start
