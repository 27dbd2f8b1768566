"""Messages that come with a command: as literals, or put together on the server (RFC 9051 §9, `append-message`).

What can be refused is refused before the client is asked for the octets of a message, and no message is kept that
was not reserved in the memory that all sessions share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Self

from tempmaild.core.mailbox import NewMessage
from tempmaild.errors import NoSuchFolder, OutOfMemory
from tempmaild.imap.grammar import Parser
from tempmaild.imap.message_urls import read_url
from tempmaild.imap.names import folder_name
from tempmaild.imap.replies import TRY_CREATE, Refusal, Refused
from tempmaild.imap.sequence import write_set

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from types import TracebackType

    from tempmaild.core.flags import Flags
    from tempmaild.core.mailbox import Folder, Placement
    from tempmaild.imap.dialogue import Dialogue

_MOST_FLAGS = 50
_LONGEST_FLAG = 100
_MOST_PIECES = 1000
"""Literals and URLs of one command: so many small messages are a few hundred milliseconds of the writer's time."""
_CATENATED: Final = b"CATENATE ("
_UTF8: Final = b"UTF8 ("
_TOO_LARGE = Refusal(b"TOOBIG", b"The message is too large")
_TOO_MANY = Refusal(b"LIMIT", b"There are too many messages in one command")  # RFC 5530 §3


class _Announced(NamedTuple):
    """What a client says of a message before its octets.

    Attributes:
        kind: how they come: `_CATENATED`, `_UTF8`, or as nothing but a literal for b"".
    """

    flags: Flags
    internal_date: int | None
    kind: bytes


class Uploads:
    """The folder and the messages that a command names; what they take of the memory is given back at the end.

    Args:
        parser: stands before the name of the folder.
        replaces_in: the folder in which a message makes room for the new one; 0 for none.
    """

    def __init__(self, s: Dialogue, parser: Parser, *, replaces_in: int = 0) -> None:
        self._s = s
        self._parser = parser
        self._incoming = s.incoming
        self._reservation = s.shared.memory.reserve()
        self._replaces_in = replaces_in
        self._announced: _Announced | None = None
        self._pieces = 0
        self._octets = 0
        self._binary = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reservation.release()

    async def folder(self) -> Folder:
        """Read the name of the folder, and what the client says of the first message; see whether it can be taken.

        Raises:
            Refused: there is no such folder.
            TempmaildError: nothing can be put into it.
        """
        if self._parser.rest() == b" " and self._incoming:
            # The name is a literal.
            await self._incoming.read_literal()
        name = folder_name(self._parser)
        self._announced = self._announcement()
        return await _existing(self._s.inbox.check_append(name, self._replaces_in))

    async def message(self) -> NewMessage:
        """Read the next message.

        Raises:
            Refused: it is too large, or cannot be put together.
            OutOfMemory: too much is on its way in.
        """
        flags, internal_date, kind = self._announced or self._announcement()
        self._announced = None
        self._octets, self._binary = 0, False
        if kind is _CATENATED:
            content = await self._catenated()
        elif kind is _UTF8:
            content = await self._literal()
            self._parser.expect(b")")
        else:
            content = await self._literal()
        if not content:
            self._parser.fail("Expected a message that is not empty")
        return NewMessage(content, flags, internal_date, self._binary)

    def at_end(self) -> bool:
        """Tell whether the command ends here."""
        return self._parser.at_end() and self._size() < 0

    def end(self) -> None:
        """See that the command ends here."""
        if not self.at_end():
            self._parser.fail("Expected the end of the command")

    def _size(self) -> int:
        """Give how many octets are announced, -1 where the text of the command goes on."""
        return self._incoming.size if self._incoming is not None and self._parser.at_end() else -1

    def _announcement(self) -> _Announced:
        """Read what stands before the octets of a message, and see that these come next."""
        parser = self._parser
        flags: Flags = frozenset()
        internal_date = None
        parser.space()
        if parser.peek() == b"(":
            flags = parser.flag_list()
            parser.space()
        if parser.peek() == b'"':
            internal_date = parser.date_time()
            parser.space()
        kind = next((kind for kind in (_CATENATED, _UTF8) if parser.accept(kind)), b"")
        if kind is not _CATENATED:
            self._check_literal()
            if self._size() == 0:
                parser.fail("Expected a message that is not empty")
        check_flags(flags)
        return _Announced(flags, internal_date, kind)

    def _check_literal(self) -> None:
        if self._size() < 0:
            self._parser.fail("Expected a message as a literal")

    async def _catenated(self) -> bytes:
        """Put a message together from texts of the client and parts of messages that are there (RFC 4469)."""
        parts = [await self._part()]
        while self._parser.accept(b" "):
            parts.append(await self._part())
        self._parser.expect(b")")
        return b"".join(parts)

    async def _part(self) -> bytes:
        if self._parser.accept(_UTF8):
            text = await self._literal()
            self._parser.expect(b")")
            return text
        if self._parser.accept(b"TEXT "):
            return await self._literal()
        if not self._parser.accept(b"URL "):
            self._parser.fail("Expected TEXT or URL")
        if self._size() >= 0 and self._incoming is not None:
            await self._incoming.read_literal()
        text = await read_url(self._s, self._parser.astring())
        self._count(len(text))
        return text

    async def _literal(self) -> bytes:
        """Read the literal that is announced."""
        self._check_literal()
        incoming = self._incoming
        assert incoming is not None, "a literal was announced"
        self._count(incoming.size)
        self._binary = self._binary or incoming.binary
        octets = await incoming.message()
        self._parser = Parser(incoming.fragments, incoming.before)
        return octets

    def _count(self, octets: int) -> None:
        """Take so many octets more into account before they are there."""
        self._pieces += 1
        self._octets += octets
        if self._pieces > _MOST_PIECES:
            raise Refused(*_TOO_MANY)
        if self._octets > self._s.inbox.longest_message:
            raise Refused(*_TOO_LARGE)
        if not self._reservation.grow(octets):
            raise OutOfMemory


def appended(placement: Placement) -> bytes:
    """Write the response code that tells where messages are now (RFC 4315 §3)."""
    return b"APPENDUID %d %b" % (placement.uid_validity, write_set(new for _, new in placement.uids))


async def target_folder(s: Dialogue, name: str) -> Folder:
    """Give the folder that messages are to be copied into.

    Raises:
        Refused: there is none.
    """
    return await _existing(s.inbox.folder(name))


async def _existing(folder: Awaitable[Folder]) -> Folder:
    try:
        return await folder
    except NoSuchFolder:
        raise Refused(*TRY_CREATE) from None


def check_flags(flags: Flags) -> None:
    """See whether a message can have so many flags, and so long ones.

    Raises:
        Refused: it cannot.
    """
    if len(flags) > _MOST_FLAGS or any(len(flag) > _LONGEST_FLAG for flag in flags):
        raise Refused(b"LIMIT", b"There are too many flags, or too long ones")
