"""COMPRESS: both directions of the connection are compressed (RFC 4978)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tempmaild.imap.dialogue import LOGGED_IN, Command, Dialogue
from tempmaild.imap.replies import Refused
from tempmaild.net.conversation import Compress

if TYPE_CHECKING:
    from tempmaild.imap.grammar import Parser

_CAPABILITY: Final = b"COMPRESS=DEFLATE"


async def compress(s: Dialogue, parser: Parser) -> bytes:
    """Compress everything after the answer. TLS never does (`net.tls`), so that nothing is compressed twice."""
    parser.space()
    mechanism = parser.atom().upper()
    if mechanism != b"DEFLATE":
        parser.fail("Expected the name of a way to compress that there is")
    parser.end()
    if _CAPABILITY in s.enabled:
        raise Refused(b"COMPRESSIONACTIVE", b"This connection is compressed already")
    s.enabled.add(_CAPABILITY)
    s.say(b"%b OK Compressed from here on\r\n" % s.tag)
    await Compress()
    return b""


# RFC 4978 §5 has it in every state. What a client sends before it has logged in is not worth the memory.
COMMANDS = (Command(b"COMPRESS", LOGGED_IN, compress, "RFC 4978 §3", capability=_CAPABILITY, uses=False),)
