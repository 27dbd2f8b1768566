"""Where two answers to the same FETCH differ, and why that is as it should be.

`differences` takes two values apart and gives the smallest pieces in which they differ; each has to be explained by a
row of `EXPLANATIONS`. A row is as narrow as it can be: it looks at both pieces, and at the message where these do not
tell enough.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.imap.responses import Value

_ENVELOPE_FIELDS = (
    *("date", "subject", "from", "sender", "reply-to", "to", "cc", "bcc", "in-reply-to", "message-id"),
)


class Difference(NamedTuple):
    """Two pieces of answers that are not the same.

    Attributes:
        message: the name of the message.
        content: its octets.
        item: what was asked for.
        place: where in the answer, from the outermost list inwards.
    """

    message: str
    content: bytes
    item: str
    place: tuple[int, ...]
    ours: Value
    theirs: Value

    @property
    def is_structure(self) -> bool:
        """Whether this is about the structure of the body, without what is inside of embedded messages' envelopes."""
        return self.item in {"BODY", "BODYSTRUCTURE"}

    @property
    def is_octets(self) -> bool:
        """Whether these are octets of the message."""
        return "[" in self.item


def differences(message: str, content: bytes, item: str, ours: Value, theirs: Value) -> Iterator[Difference]:
    """Give the smallest pieces in which the answers differ."""

    def walk(ours: Value, theirs: Value, place: tuple[int, ...]) -> Iterator[Difference]:
        if ours == theirs:
            return
        both_lists = isinstance(ours, list) and isinstance(theirs, list)
        if both_lists and len(ours) == len(theirs) and not _is_address(ours) and not _is_parameters(ours):
            for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
                yield from walk(one, other, (*place, index))
        else:
            yield Difference(message, content, item, place, ours, theirs)

    return walk(ours, theirs, ())


def _is_address(value: list[Value]) -> bool:
    return len(value) == 4 and all(piece is None or isinstance(piece, bytes) for piece in value)


def _is_parameters(value: Value) -> bool:
    return isinstance(value, list) and len(value) % 2 == 0 and all(isinstance(piece, bytes) for piece in value)


class Explanation(NamedTuple):
    """Why the servers differ.

    Attributes:
        name: of the class of differences.
        why: what the RFC says to it, and why our answer is right, or as right as theirs.
        covers: tells whether a difference is of this class.
    """

    name: str
    why: str
    covers: Callable[[Difference], bool]


def explain(difference: Difference) -> Explanation | None:
    """Give the first explanation that covers the difference."""
    return next((row for row in EXPLANATIONS if row.covers(difference)), None)


# -- the classes


def _nothing_there(d: Difference) -> bool:
    return d.is_octets and d.ours is None and d.theirs == b""


def _default_charset(d: Difference) -> bool:
    added = (b"charset", b"us-ascii")
    return (
        d.is_structure
        and added in _pairs(d.theirs)
        and _pairs(d.ours) == [pair for pair in _pairs(d.theirs) if pair != added]
    )


def _remembered_charset(d: Difference) -> bool:
    """The whole message is plain ASCII, and says so in letters of another case."""
    (name, value), *others = _pairs(d.ours) or [(b"", b"")]
    whole_message = d.is_structure and d.place == (2,)
    return whole_message and not others and _pairs(d.theirs) == [(name, b"us-ascii")] and value.lower() == b"us-ascii"


def _case(d: Difference) -> bool:
    if isinstance(d.ours, bytes) and isinstance(d.theirs, bytes):
        return d.is_structure and d.ours == d.theirs.lower()
    return d.is_structure and _pairs(d.ours) == [(name.lower(), value) for name, value in _pairs(d.theirs)] != []


def _no_domain(d: Difference) -> bool:
    """Both know the same of the address; they write differently what is missing."""
    match (d.ours, d.theirs):
        case ([name, route, mailbox, b""], [name_too, route_too, mailbox_too, b"MISSING_DOMAIN"]):
            if mailbox_too == b"MISSING_MAILBOX":
                # A phrase alone.
                return (name or b"") + (mailbox or b"") == (name_too or b"")
            return bool((name, route, mailbox) == (name_too, route_too, mailbox_too))
    return False


def _broken_address(d: Difference) -> bool:
    return d.item == "ENVELOPE" and any(word in repr(d.theirs) for word in ("SYNTAX_ERROR", "MISSING_MAILBOX"))


def _repeated_field(d: Difference) -> bool:
    if d.item != "ENVELOPE":
        return False
    header = d.content.partition(b"\r\n\r\n")[0]
    name = _ENVELOPE_FIELDS[d.place[0]]
    # Sender and Reply-To are those of From where they are missing.
    names = {name, "from"} if name in {"sender", "reply-to"} else {name}
    return any(len(re.findall(rb"(?im)^%b[ \t]*:" % name.encode(), header)) > 1 for name in names)


def _missing_semicolon(d: Difference) -> bool:
    """Ours has parameters more, which follow the one before without the semicolon."""
    ours, theirs = _pairs(d.ours), _pairs(d.theirs)
    more = [pair for pair in ours if pair not in theirs]
    return (
        d.is_structure
        and [pair for pair in ours if pair in theirs] == theirs
        and bool(more)
        and all(re.search(rb'[^;\s"][\s"]+%b="?%b' % (name, re.escape(value)), d.content) for name, value in more)
    )


def _pairs(parameters: Value) -> list[tuple[bytes, bytes]]:
    if not parameters or not _is_parameters(parameters):
        return []
    return list(zip(parameters[::2], parameters[1::2], strict=True))


def _segments(d: Difference) -> bool:
    """They join what we leave in segments; the octets are the same."""
    if not (d.is_structure and any(b"*0" in name for name, _ in _pairs(d.ours))):
        return False
    joined: dict[bytes, bytes] = {}
    for name, value in _pairs(d.ours):
        base = name.partition(b"*")[0]
        joined[base] = joined.get(base, b"") + value
    return joined == {name.removesuffix(b"*"): value for name, value in _pairs(d.theirs)}


def _extended_boundary(d: Difference) -> bool:
    structure = d.is_structure or d.item.startswith(("BODY[1", "BODY[2"))
    return structure and re.search(rb"(?i)\bboundary\*=", d.content) is not None


def _malformed_encoding(d: Difference) -> bool:
    cut = isinstance(d.ours, bytes) and re.search(rb"(?i)encoding:[ \t]*%b[ \t]+\w" % re.escape(d.ours), d.content)
    return d.is_structure and bool(cut) and d.theirs == b"7bit"


def _malformed_type(d: Difference) -> bool:
    both_lists = isinstance(d.ours, list) and isinstance(d.theirs, list)
    return d.is_structure and both_lists and (d.ours[:2], d.theirs[:2]) == ([b"text", b"plain"], [b"", b""])


def _white_space(d: Difference) -> bool:
    return d.item == "ENVELOPE" and _without_runs(d.ours) == _without_runs(d.theirs)


def _without_runs(value: Value) -> Value:
    if isinstance(value, list):
        return [_without_runs(piece) for piece in value]
    return b" ".join(value.split()) if isinstance(value, bytes) else value


def _part_of_a_leaf(d: Difference) -> bool:
    """They take the first part of a part that has none for that part itself."""
    return re.match(r"BODY\[[\d.]+\.1(\.MIME)?\]", d.item) is not None and d.ours is None


def _line_end_of_the_header(d: Difference) -> bool:
    about_a_header = d.is_octets and ("HEADER" in d.item or "MIME" in d.item)
    more = (b"\r\n", b"\r\n\r\n") if "FIELDS" in d.item else (b"\r\n",)
    return about_a_header and d.ours in [(d.theirs or b"") + ends for ends in more]


def _header_that_is_cut(d: Difference) -> bool:
    """They go on reading beyond the delimiter."""
    both_bytes = isinstance(d.ours, bytes) and isinstance(d.theirs, bytes)
    return both_bytes and "HEADER.FIELDS.NOT" in d.item and d.theirs.startswith(d.ours.removesuffix(b"\r\n") + b"--")


def _line_end_before_a_delimiter(d: Difference) -> bool:
    """The last part is a multipart that ends where the one around it has its next delimiter."""
    if not re.search(rb"\r\n--[^\r\n]+--[ \t]*\r\n--", d.content):
        return False
    if isinstance(d.ours, int) and isinstance(d.theirs, int):
        return d.is_structure and d.theirs - d.ours in {1, 2}
    both_bytes = isinstance(d.ours, bytes) and isinstance(d.theirs, bytes)
    return d.is_octets and both_bytes and d.ours.endswith(b"--") and bool(d.theirs == d.ours + b"\r\n")


def _no_boundary(d: Difference) -> bool:
    """Ours is a text, theirs a multipart with an empty part."""
    if d.is_structure:
        both_lists = isinstance(d.ours, list) and isinstance(d.theirs, list)
        return both_lists and d.ours[:2] == [b"text", b"plain"] and isinstance(d.theirs[0], list)
    return d.item in {"BODY[1]", "BODY[1.MIME]"} and d.theirs == b"" and bool(d.ours)


def _no_parts(d: Difference) -> bool:
    """A multipart without parts has, since IMAP knows no empty one, an empty part; Dovecot makes two of it."""
    return d.message == "boundary-never-appears.eml" and d.is_structure


EXPLANATIONS = (
    Explanation(
        "nothing there",
        "RFC 9051 §7.5.2: `BODY[<section>]` is an nstring. What is not there is NIL, which is not"
        " an empty part; Dovecot"
        ' says "" to both.',
        _nothing_there,
    ),
    Explanation(
        "default charset",
        "RFC 9051 §7.5.2: the parameters are those of the field. Dovecot adds the default of RFC 2045 §5.2, which"
        " clients know and which says no more than that the sender did not say.",
        _default_charset,
    ),
    Explanation(
        "remembered charset",
        "RFC 9051 §7.5.2: the value is as the sender has written it. Of a message that is nothing but text/plain in"
        " US-ASCII Dovecot remembers no more than that, and writes the charset anew.",
        _remembered_charset,
    ),
    Explanation(
        "case",
        "RFC 2045 §5.1, §6.1: types, subtypes, encodings and names of parameters are not"
        " case-sensitive. Ours are in lower case, so that a"
        " client which compares octets is right too.",
        _case,
    ),
    Explanation(
        "no domain",
        "RFC 9051 §7.5.2 has no form for an address without domain: NIL would make it a group."
        " Dovecot invents the host"
        ' "MISSING_DOMAIN", and a mailbox; ours is empty, which nobody can take for one.',
        _no_domain,
    ),
    Explanation(
        "broken address",
        "RFC 5322 §3.4 knows no such list. We give what can be made of it; Dovecot invents"
        " addresses, and what follows is"
        " lost.",
        _broken_address,
    ),
    Explanation(
        "repeated field",
        "RFC 5322 §3.6: a message has each of these at most once. Of two, the first counts here for all fields alike;"
        " Dovecot takes the last of most and joins those with addresses.",
        _repeated_field,
    ),
    Explanation(
        "missing semicolon",
        "RFC 2045 §5.1: parameters have a semicolon before them, which senders and RFC 2046"
        " §5.2.3.1 itself forget. What"
        " is meant is plain; Dovecot drops the parameter.",
        _missing_semicolon,
    ),
    Explanation(
        "segments",
        "RFC 2231 §3: IMAP clients put the segments together, as RFC 9051 §7.5.2 leaves parameters as they are sent."
        " Dovecot does it for them, with the same outcome.",
        _segments,
    ),
    Explanation(
        "extended boundary",
        "RFC 2231 §4 makes no exception for the boundary; Dovecot finds no parts in such a message.",
        _extended_boundary,
    ),
    Explanation(
        "malformed encoding",
        "RFC 2045 §6.1: an encoding is one token. Of several words the first counts here, and an"
        " encoding that is not known"
        " is none; Dovecot says 7bit, which the body need not be.",
        _malformed_encoding,
    ),
    Explanation(
        "malformed type",
        "RFC 2045 §5.2: a Content-Type that is none may be taken for text/plain; Dovecot writes empty types.",
        _malformed_type,
    ),
    Explanation(
        "white space",
        "RFC 5322 §2.2.3: unfolding takes away the line end and nothing else; Dovecot makes white"
        " space one space, but"
        " for In-Reply-To, of which it also keeps the end.",
        _white_space,
    ),
    Explanation(
        "part of a leaf",
        "RFC 9051 §6.4.5.1: only a message that is no multipart has itself as part 1; a part of"
        " another has no parts.",
        _part_of_a_leaf,
    ),
    Explanation(
        "line end of the header",
        "RFC 9051 §6.4.5.1: the empty line is part of a header, also where the header ends without one at a delimiter"
        " or with the message; Dovecot gives the line end to the delimiter.",
        _line_end_of_the_header,
    ),
    Explanation(
        "header that is cut",
        "RFC 2046 §5.1.1: a delimiter ends what is before it, also a header without an empty line; Dovecot gives what"
        " comes after it as fields.",
        _header_that_is_cut,
    ),
    Explanation(
        "line end before a delimiter",
        "RFC 2046 §5.1.1: the line end before a delimiter belongs to it. Dovecot counts it to the"
        " part before when that"
        " is a multipart and has ended with a delimiter of its own.",
        _line_end_before_a_delimiter,
    ),
    Explanation(
        "no boundary",
        "RFC 2046 §5.1.1: a multipart must have the parameter. Without it the text is shown as it is, delimiters and"
        " all; Dovecot shows nothing.",
        _no_boundary,
    ),
    Explanation(
        "no parts",
        "RFC 9051 §9, `body-type-mpart`: at least one part. One empty part stands for none.",
        _no_parts,
    ),
)
