"""Names of folders on the wire: modified UTF-7 or UTF-8, and INBOX in any case (RFC 9051 §5.1)."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from tempmaild.core.mailbox import FOLDER_SEPARATOR, INBOX
from tempmaild.imap import utf7
from tempmaild.imap.replies import Refused
from tempmaild.imap.strings import string

if TYPE_CHECKING:
    from tempmaild.imap.grammar import Parser


def folder_name(parser: Parser) -> str:
    """Consume a space and the name of a folder; gives it in the one form in which it is kept.

    Raises:
        Refused: no folder can have it.
    """
    return normal(given_name(parser))


def given_name(parser: Parser) -> str:
    """Consume a space and the name of a folder; gives it as the client has it.

    Raises:
        Refused: no folder can have it.
    """
    parser.space()
    return decoded(parser.astring(), utf8=parser.utf8)


def decoded(octets: bytes, *, utf8: bool) -> str:
    """Read a name, or a pattern of names.

    Raises:
        Refused: it is not in UTF-8, or not in modified UTF-7 where that is spoken.
    """
    try:
        return octets.decode() if utf8 else utf7.decode(octets)
    except ValueError:
        text = b"The name is not in UTF-8" if utf8 else b"The name is not in modified UTF-7"
        raise Refused(b"CANNOT", text) from None


def normal(name: str) -> str:
    """Give the form in which a name, or a pattern of names, is kept: composed characters, INBOX in upper case."""
    if name == INBOX:
        return name
    if not name.isascii():
        # RFC 9051 §5.1: names that look the same are the same.
        name = unicodedata.normalize("NFC", name)
    level, separator, below = name.partition(FOLDER_SEPARATOR)
    return INBOX + separator + below if level.upper() == INBOX and level.isascii() else name


def written(name: str, *, utf8: bool) -> bytes:
    """Write a name."""
    if not utf8:
        return string(utf7.encode(name))
    # RFC 6855 §3: a quoted string may have UTF-8 in it. No name has line ends.
    return b'"%b"' % name.encode().replace(b"\\", b"\\\\").replace(b'"', b'\\"')
