from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tempmaild import errors
from tempmaild.imap.replies import BAD, NO, OUR_FAULT, REFUSALS, Refusal, Refused, refusal_for, tagged
from tempmaild.imap.session import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterator

CODES = {  # RFC 5530 §3, RFC 9051 §7.1, RFC 4469 §4.2, RFC 5464 §5
    b"AUTHENTICATIONFAILED",
    b"UNAVAILABLE",
    b"OVERQUOTA",
    b"INUSE",
    b"NONEXISTENT",
    b"ALREADYEXISTS",
    b"CANNOT",
    b"LIMIT",
    b"METADATA MAXSIZE 16384",
    b"METADATA TOOMANY",
    b"NOPERM",
    b"TOOBIG",
    b"SERVERBUG",
}


def subclasses(kind: type[errors.TempmaildError]) -> Iterator[type[errors.TempmaildError]]:
    for subclass in kind.__subclasses__():
        if subclass.__module__ == errors.__name__:
            yield subclass
            yield from subclasses(subclass)


@pytest.mark.parametrize("kind", list(subclasses(errors.TempmaildError)))
def test_every_error_has_its_reply(kind: type[errors.TempmaildError]) -> None:
    refusal = refusal_for(kind("the cause is for the log"))
    assert refusal is REFUSALS[kind]
    assert refusal.condition == NO
    assert refusal.code in CODES
    assert b"cause" not in refusal.text


def test_an_error_without_a_reply_is_our_fault() -> None:
    class New(errors.TempmaildError):
        pass

    assert refusal_for(New()) == OUR_FAULT


def test_conditions() -> None:
    assert tagged(b"a", Refusal(b"LIMIT", b"too much")) == b"a NO [LIMIT] too much\r\n"
    assert tagged(b"*", Refusal(b"", b"what?", BAD)) == b"* BAD what?\r\n"
    assert Refused(*OUR_FAULT).refusal == OUR_FAULT


def test_rows() -> None:
    for name, command in COMMANDS.items():
        assert name == command.name.upper()
        assert command.rfc.startswith("RFC ")
        assert command.states
    # RFC 9051 §7.5.1: the commands whose sequence numbers an EXPUNGE would move; and those that just counted them.
    assert {name for name, command in COMMANDS.items() if not command.expunges} == {
        *(b"FETCH", b"STORE", b"SEARCH", b"SORT", b"THREAD"),
        *(b"SELECT", b"EXAMINE"),
    }
    assert {name for name, command in COMMANDS.items() if command.private} == {b"LOGIN", b"AUTHENTICATE"}
