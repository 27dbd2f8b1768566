"""tempmaild and Dovecot, asked the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from tests.differential.differences import Difference, differences

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.differential.connection import Connection
    from tests.imap.responses import Value

_WHOLE = (
    "RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE BODY.PEEK[] BODY.PEEK[HEADER] BODY.PEEK[TEXT] BODY.PEEK[99]"
    " BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT X-NONE DATE)] BODY.PEEK[HEADER.FIELDS.NOT (RECEIVED FROM)]"
    " BODY.PEEK[HEADER.FIELDS (X-NONE)] BODY.PEEK[]<0.100> BODY.PEEK[]<10.50> BODY.PEEK[]<4000000000.10>"
    " BODY.PEEK[TEXT]<5.3>"
)
_PIECES = ("", ".MIME", ".HEADER", ".TEXT", ".HEADER.FIELDS (SUBJECT)", ".HEADER.FIELDS.NOT (SUBJECT)")
_MOST_PARTS = 40
_FIRST_DAY = datetime(2019, 12, 1, 12, tzinfo=UTC)


class Answers(NamedTuple):
    """What each of them says to the same."""

    ours: Value
    theirs: Value


class Pair:
    """Both servers, with the same messages.

    Attributes:
        messages: by name, in the order of their sequence numbers.
    """

    def __init__(self, ours: Connection, theirs: Connection, messages: Mapping[str, bytes]) -> None:
        self.messages = messages
        self._both = (ours, theirs)
        for connection in self._both:
            for day, content in enumerate(messages.values()):
                # Both must have come in at the same time: that is the date of messages without one (RFC 5256 §2.2).
                when = (_FIRST_DAY + timedelta(days=day)).strftime("%d-%b-%Y %H:%M:%S +0000")
                connection.ask(f'APPEND INBOX "{when}"', content)
            connection.ask("SELECT INBOX")

    def number(self, name: str) -> int:
        """Give the sequence number of a message."""
        return list(self.messages).index(name) + 1

    def fetch(self, name: str, items: str) -> Answers:
        """Ask for data items of a message; gives what each server answers, by item."""
        return Answers(*(_fetched(connection, f"FETCH {self.number(name)} ({items})") for connection in self._both))

    def numbers(self, command: str) -> Answers:
        """Carry out a SEARCH, SORT or THREAD; gives the values of its response."""
        kind = command.partition(" ")[0]
        return Answers(*(_values(connection, command, kind) for connection in self._both))

    def literal_search(self, command: str, text: bytes) -> Answers:
        """Carry out a SEARCH whose last argument is not in ASCII; gives the numbers that are found."""
        return Answers(*(_values(connection, command, "SEARCH", text) for connection in self._both))

    def differences(self, name: str) -> list[Difference]:
        """Ask for all that FETCH has of a message; gives where the answers differ."""
        return list(self._differences(name))

    def _differences(self, name: str) -> Iterator[Difference]:
        whole = self.fetch(name, _WHOLE)
        parts = [".".join(map(str, path)) for path in _paths(whole.ours["BODY"])][:_MOST_PARTS]
        parts += [part for part in ("1", "1.1") if part not in parts]
        pieces = self.fetch(name, " ".join(f"BODY.PEEK[{part}{piece}]" for part in parts for piece in _PIECES))
        for ours, theirs in (whole, pieces):
            assert ours.keys() == theirs.keys()
            for item in ours:
                yield from differences(name, self.messages[name], item, ours[item], theirs[item])


def _fetched(connection: Connection, command: str) -> dict[str, Value]:
    items: dict[str, Value] = {}
    for response in connection.ask(command):
        items |= response.items
    items.pop("FLAGS", None)
    return items


def _values(connection: Connection, command: str, kind: str, literal: bytes | None = None) -> Value:
    (response,) = [response for response in connection.ask(command, literal) if response.kind == kind]
    return response.values


def _paths(body: Value, path: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """Give the numbers of the parts of a message with this BODY."""
    if not isinstance(body[0], list):
        yield from _part_paths(body, (*path, 1))
        return
    for number, child in enumerate((child for child in body if isinstance(child, list)), 1):
        yield from _part_paths(child, (*path, number))


def _part_paths(part: Value, path: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    yield path
    if isinstance(part[0], list):
        yield from _paths(part, path)
    elif part[0].lower() == b"message" and part[1].lower() == b"rfc822":
        yield from _paths(part[8], path)
