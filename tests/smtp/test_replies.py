from __future__ import annotations

import inspect
import re

import pytest

from tempmaild import errors
from tempmaild.errors import TempmaildError
from tempmaild.smtp import replies

ERRORS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, TempmaildError) and kind is not TempmaildError
]
# RFC 5321 §4.2, RFC 2034 §4: the class of the enhanced code is that of the reply.
REPLY = re.compile(rb"(4|5)[0-5][0-9] \1\.[0-7]\.[0-9]{1,3} [ -~]+\r\n")
# RFC 5321 §4.3.2: what RCPT and the end of DATA may answer, and §3.8: 421 at any time.
CODES = {b"421", b"550", b"552", b"450", b"451", b"452", b"554"}


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_has_its_reply(kind: type[TempmaildError]) -> None:
    said = replies.reply_to(kind("/var/lib/tempmaild is full"))
    assert REPLY.fullmatch(said)
    assert said[:3] in CODES
    assert len(said) <= 512
    assert b"/var" not in said


ARISE = {
    "NoSuchDomain", "DomainDisabled", "AddressReserved", "TooFast", "Banned",
    "NoSuchMailbox", "MailboxGone", "InvalidAddress", "MailboxFull", "MessageTooLarge", "OutOfMemory",
    "DiskFull", "SenderBlocked", "StoreFailed",
}  # fmt: skip
"""What delivering can refuse; all else is a defect of ours if it comes up here."""


@pytest.mark.parametrize("kind", ERRORS)
def test_errors_of_delivery_have_a_reply_of_their_own(kind: type[TempmaildError]) -> None:
    assert (replies.reply_to(kind()) == replies.OUR_FAULT) == (kind.__name__ not in ARISE)


def test_an_error_from_the_future_is_our_fault() -> None:
    class Unheard(TempmaildError):
        pass

    assert replies.reply_to(Unheard()) == replies.OUR_FAULT


def test_a_mailbox_that_was_looks_like_one_that_never_was() -> None:
    assert replies.reply_to(errors.MailboxGone()) == replies.reply_to(errors.NoSuchMailbox())


def test_multiline() -> None:
    assert replies.multiline(250, ["a"]) == b"250 a\r\n"
    assert replies.multiline(250, ["a", "b", "c"]) == b"250-a\r\n250-b\r\n250 c\r\n"
