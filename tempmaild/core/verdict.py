"""What checks find out about a message, and what is done with it for that."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from tempmaild.core.checking import Action

State = Literal["fine", "bad", "unscannable", "failed"]
"""What a check comes to.

fine: nothing speaks against the message. bad: the check's action is due. unscannable: it could not look into all of
it. failed: it could not be made, so that its policy for that is due.
"""
Disposition = Literal["accept", "junk", "refuse", "later"]
"""What is done with a message, from the mildest to the sternest but for "later", which says: try again (451)."""


class Finding(Struct, frozen=True, array_like=True):
    """The result of one method, as Authentication-Results tells it (RFC 8601 §2.2, `resinfo`).

    Attributes:
        method: such as "spf"; those of ours that IANA does not know begin with "x-".
        result: such as "pass".
        properties: such as ("smtp.mailfrom", "example.org"), as text; writing quotes what has to be.
        reason: for people; "" for none.
    """

    method: str
    result: str
    properties: tuple[tuple[str, str], ...] = ()
    reason: str = ""


class Refusal(Struct, frozen=True):
    """Why a message is not taken, in the words of RFC 5321 and 3463: ("5.7.1", "The message carries ...").

    Attributes:
        status: the enhanced status code of a refusal for good; for "try again" the 5 becomes a 4.
        text: one line of ASCII for the sender, without a name of ours.
    """

    status: str
    text: str


class Removal(Struct, frozen=True):
    """A part that is to be taken out of the message.

    Attributes:
        start: of the part in the message, in octets, its MIME header included.
        end: the first octet behind it.
        note: the text that stands in its place: what was there, and why it was taken out.
    """

    start: int
    end: int
    note: str


class Report(Struct, frozen=True):
    """What one check says about a message.

    Attributes:
        findings: for Authentication-Results.
        fields: whole header fields that go on top of the message, each with its CRLF, such as Received-SPF.
        keywords: IMAP keywords that the message gets whatever is done with it.
        refusal: what is said when the message is refused for this; needed for "bad" and "unscannable".
        removals: what is taken out when the action is to strip; without any, stripping is as junk.
        most: the sternest action that may be due to this, whatever the rule says; None for any.
    """

    state: State = "fine"
    findings: tuple[Finding, ...] = ()
    fields: tuple[bytes, ...] = ()
    keywords: tuple[str, ...] = ()
    refusal: Refusal | None = None
    removals: tuple[Removal, ...] = ()
    most: Action | None = None


class Verdict(Struct, frozen=True):
    """What all checks together say about a message.

    Attributes:
        decided_by: the name of the check to which the disposition is due; "" for none.
        fields: header fields to go on top of the message, below Return-Path and above Received.
        content: the message without what was taken out of it; None when nothing was.
        summary: of the message as it was sent, encoded, with the findings; b"" where nobody has made it.
    """

    disposition: Disposition = "accept"
    decided_by: str = ""
    refusal: Refusal | None = None
    findings: tuple[Finding, ...] = ()
    fields: bytes = b""
    keywords: tuple[str, ...] = ()
    content: bytes | None = None
    summary: bytes = b""


UNCHECKED = Verdict()
"""Of a message that nobody has looked at."""
