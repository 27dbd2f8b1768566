"""The base subject of a message: what is left without "Re:", "Fwd:" and the marks of lists (RFC 5256 §2.1)."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from tempmaild.core.content import decode_words

LONGEST: Final = 4096
"""Octets of a subject that count: RFC 5322 §2.1.1 allows 998 on a line, and many are kept at once."""

_BLANKS = re.compile(r"[ \t]+")
# RFC 5256 §5: subj-blob, subj-refwd, subj-fwd-hdr. Blanks are single spaces by then.
_BLOBS = re.compile(r"(?:\[[^\[\]]*+\] ?+)*")
_REPLY = re.compile(r"(?:re|fwd?+) ?+(?:\[[^\[\]]*+\] ?+)?:", re.IGNORECASE | re.ASCII)
_FORWARDED: Final = "[fwd:"
_TRAILER: Final = "(fwd)"


class BaseSubject(NamedTuple):
    """A base subject.

    Attributes:
        text: as it was written, with single spaces, and without what does not count.
        is_reply: whether anything showed that the message is a reply or was forwarded.
    """

    text: str
    is_reply: bool


def base_subject(value: bytes) -> BaseSubject:
    """Give the base subject for a Subject field's value. Takes any octets; linear in their number."""
    text = _BLANKS.sub(" ", decode_words(value[:LONGEST]))
    start, end = 0, len(text)
    is_reply = False
    while True:
        end, trailed = _without_trailers(text, start, end)
        start, led = _without_leaders(text, start, end)
        is_reply = is_reply or trailed or led
        if not (text[start : start + len(_FORWARDED)].lower() == _FORWARDED and text.endswith("]", start, end)):
            return BaseSubject(text[start:end], is_reply)
        start, end, is_reply = start + len(_FORWARDED), end - 1, True


def _without_trailers(text: str, start: int, end: int) -> tuple[int, bool]:
    """Give where the text ends without `subj-trailer`, and whether there was a sign of a forwarded message."""
    trailed = False
    while end > start:
        if text[end - 1] == " ":
            end -= 1
        elif text[max(start, end - len(_TRAILER)) : end].lower() == _TRAILER:
            end -= len(_TRAILER)
            trailed = True
        else:
            break
    return end, trailed


def _without_leaders(text: str, start: int, end: int) -> tuple[int, bool]:
    """Give where the text begins without `subj-leader` and `subj-blob`, and whether there was a sign of a reply."""
    led = False
    while True:
        if text.startswith(" ", start, end):
            start += 1
        blobs = _BLOBS.match(text, start, end)
        assert blobs is not None, "it matches the empty text"
        reply = _REPLY.match(text, blobs.end(), end)
        if reply is None:
            break
        start, led = reply.end(), True
    if blobs.end() < end:
        return blobs.end(), led
    # A base subject is never empty for the sake of a blob: the last one stays.
    return max(start, text.rfind("[", start, end)), led
