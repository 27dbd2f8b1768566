"""How a command arrives: lines, and the literals between them (RFC 9051 §4.3, RFC 7888)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tempmaild.imap.replies import BAD, Refused
from tempmaild.net.conversation import FLOOD, Flood, Line, LineTooLong, Octets

if TYPE_CHECKING:
    from tempmaild.imap.dialogue import Dialogue

LARGEST_COMMAND: Final = 65_536
"""Octets of one command with its literals, but for the message of APPEND."""

_PER_LITERAL = 128
"""What a literal takes besides its octets."""

_SLOWEST = 1024
"""Octets a second that a client needs to send of a literal."""

_PATIENCE = 60.0
_LONGEST_WAIT = 3600.0

_ANNOUNCEMENT = re.compile(rb"~?\{([0-9]{1,20})(\+?)\}\Z").search
_CONTINUE = b"+ Go on\r\n"


class Incoming:
    """A command with literals.

    Attributes:
        fragments: what is there of it, as `grammar.Parser` takes it.
        before: octets of the command that came before the fragments.
        size: octets of the literal that is announced and not yet read; -1 when there is none.
        binary: whether that one may have any octets, NUL too (`literal8`).
    """

    __slots__ = ("_dialogue", "_room", "_waits", "before", "binary", "fragments", "size")

    def __init__(self, dialogue: Dialogue, line: bytes) -> None:
        self._dialogue = dialogue
        self._room = LARGEST_COMMAND
        self.before = 0
        self.binary = False
        self.fragments: list[bytes] = []
        self._take_line(line)

    def _take_line(self, line: bytes) -> None:
        found = _ANNOUNCEMENT(line) if line.endswith(b"}") else None
        if found is None:
            self.size, self._waits = -1, False
        else:
            self.size, self._waits, self.binary = int(found[1]), not found[2], found[0].startswith(b"~")
            line = line[: found.start()]
        self.fragments.append(line)
        self._room -= len(line)

    async def read_all(self) -> None:
        """Read everything that is missing.

        Raises:
            Refused: the literals are too large.
        """
        while self.size >= 0:
            await self.read_literal()

    async def read_literal(self) -> None:
        """Read one literal and the line after it.

        Raises:
            Refused: it is too large.
        """
        if self.size + _PER_LITERAL > self._room:
            raise Refused(b"TOOBIG", b"The command is too large", BAD)
        self._room -= self.size + _PER_LITERAL
        self.fragments.append(await self._announced())
        self._take_line(await self._line())

    async def message(self) -> bytes:
        """Read a literal, however large, and the line after it; nothing is kept of what was before that line.

        Raises:
            LineTooLong: the line is.
        """
        self.before += sum(map(len, self.fragments)) + self.size
        octets = await self._announced()
        line = await self._line()
        self.fragments.clear()
        self._room = LARGEST_COMMAND
        self._take_line(line)
        return octets

    async def _announced(self) -> bytes:
        if self._waits:
            self._dialogue.say(_CONTINUE)
        size, self.size = self.size, -1
        return await self._octets(size, keep=True)

    async def abandon(self) -> None:
        """Read past the rest of a command that was refused, as far as the client sends it whatever it is told.

        Raises:
            Flood: that is too much to wait for.
        """
        most = max(FLOOD, 2 * self._dialogue.inbox.longest_message) if self._dialogue.logged_in else FLOOD
        while self.size >= 0 and not self._waits:
            most -= self.size
            if most < 0:
                raise Flood
            await self._octets(self.size, keep=False)
            try:
                self._take_line(await self._line())
            except LineTooLong:
                # It was the last line of the command, and has been read past.
                return
            self.fragments.clear()

    def _octets(self, size: int, *, keep: bool) -> Octets:
        if self._dialogue.logged_in:
            return Octets(size, _PATIENCE, _SLOWEST, _LONGEST_WAIT, keep=keep)
        return Octets(size, self._dialogue.patience, keep=keep)

    def _line(self) -> Line:
        return Line(self._dialogue.longest_line, self._dialogue.patience)
