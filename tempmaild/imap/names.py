"""Names of folders in commands: modified UTF-7, and INBOX in any case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.core.mailbox import FOLDER_SEPARATOR, INBOX
from tempmaild.imap import utf7
from tempmaild.imap.replies import Refused

if TYPE_CHECKING:
    from tempmaild.imap.grammar import Parser


def folder_name(parser: Parser) -> str:
    """Consume a space and the name of a folder.

    Raises:
        Refused: no folder can have it.
    """
    parser.space()
    return decoded(parser.astring())


def decoded(octets: bytes) -> str:
    """Read a name, or a pattern of names; its first level, where it is INBOX, is in upper case (RFC 9051 §5.1).

    Raises:
        Refused: it is not in modified UTF-7.
    """
    try:
        name = utf7.decode(octets)
    except ValueError:
        raise Refused(b"CANNOT", b"The name is not in modified UTF-7") from None
    level, separator, below = name.partition(FOLDER_SEPARATOR)
    return INBOX + separator + below if level.upper() == INBOX else name
