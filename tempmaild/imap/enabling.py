"""ENABLE: what a client has to ask for before it is told in new ways (RFC 5161, RFC 9051 §6.3.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tempmaild.imap.dialogue import Command, Dialogue, State

if TYPE_CHECKING:
    from tempmaild.imap.grammar import Parser

_IMPLIED: Final[dict[bytes, tuple[bytes, ...]]] = {
    b"CONDSTORE": (b"CONDSTORE",),
    b"IMAP4REV2": (b"IMAP4REV2",),
    b"QRESYNC": (b"QRESYNC", b"CONDSTORE"),
    b"UIDONLY": (b"UIDONLY",),
    b"UTF8=ACCEPT": (b"UTF8=ACCEPT",),
}
"""What each extension enables when it is asked for."""

_SPELLINGS: Final = {b"IMAP4REV2": b"IMAP4rev2"}
"""How names are written that are not all in upper case."""


async def enable(s: Dialogue, parser: Parser) -> bytes:
    """Enable those of the extensions that there are; names that are not known are no error (RFC 5161 §3.1)."""
    asked = []
    while not parser.at_end():
        parser.space()
        asked.append(parser.atom().upper())
    if not asked:
        parser.fail("Expected the name of an extension")
    known = [name for name in dict.fromkeys(asked) if name in _IMPLIED]
    new = [name for name in known if name not in s.enabled]
    for name in known:
        s.enabled.update(_IMPLIED[name])
    s.say(b"* ENABLED%b\r\n" % b"".join(b" " + _SPELLINGS.get(name, name) for name in new))
    return b"OK Enabled"


COMMANDS = (
    Command(
        b"ENABLE",
        (State.AUTHENTICATED,),
        enable,
        "RFC 9051 §6.3.1",
        capability=b"ENABLE CONDSTORE QRESYNC UIDONLY UTF8=ACCEPT",
    ),
)
