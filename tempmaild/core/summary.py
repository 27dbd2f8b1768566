"""What is kept of a message beside its content, so that a listing needs neither the content nor MIME parsing."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from tempmaild.core.content import part_filename
from tempmaild.core.envelope import Envelope
from tempmaild.core.message_ids import references
from tempmaild.core.mime import MAX_FIELD_SIZE, Part, parse
from tempmaild.core.preview import make_preview
from tempmaild.core.verdict import Finding


class Summary(Struct, frozen=True, array_like=True, gc=False):
    """A message in short.

    Stored as the array of its fields: new fields are only ever appended, with a default, here and in the structures
    inside, so that what is stored stays readable.
    """

    envelope: Envelope
    structure: Part
    preview: str
    """At most 200 characters on one line (RFC 8970)."""
    attachments: bool
    """Whether the message brings something to download."""
    references: tuple[bytes, ...] | None = None
    """What the References field names, as `message_ids.references` gives it; None where that was not yet kept."""
    findings: tuple[Finding, ...] = ()
    """What was found out about the message when it arrived."""


class _Outline(Struct, array_like=True, gc=False):
    """A summary of which only what moves with the parts is read, and the rest left as it is stored."""

    envelope: Raw
    structure: Part
    preview: Raw
    attachments: bool
    references: Raw
    findings: Raw


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Summary)
_outline_decoder = msgspec.msgpack.Decoder(_Outline)


def summarise(raw: bytes, findings: tuple[Finding, ...] = (), parsed: tuple[Part, Envelope] | None = None) -> Summary:
    """The summary of a message. Takes any octets; linear in their number.

    Args:
        parsed: what `mime.parse` gives for the message, where somebody has that.
    """
    structure, envelope = parsed or parse(raw)
    leaves = list(leaves_of(structure))
    return Summary(
        envelope,
        structure,
        make_preview(raw, leaves),
        any(map(_is_attachment, leaves)),
        references(raw, structure.body),
        findings,
    )


class Kept(NamedTuple):
    """A summary as it is stored (`encode`), and the one thing of it that its entry says as well."""

    data: bytes
    attachments: bool


def keep(raw: bytes, findings: tuple[Finding, ...] = ()) -> Kept:
    """Give what is stored of a message, as `summarise` makes it."""
    summary = summarise(raw, findings)
    return Kept(encode(summary), summary.attachments)


def keep_traced(raw: bytes, sent: bytes) -> Kept:
    """Give what is stored of a message that has got our trace fields in front.

    No summary tells anything of trace fields: they only move the parts. They could take a long header beyond the
    limits of `mime.parse`, and so everything is worked out anew where the headers may be that long.

    Args:
        sent: what is stored of the message as it was sent.
    """
    outline = _outline_decoder.decode(sent)
    structure = outline.structure
    trace = len(raw) - structure.end
    if len(raw) > MAX_FIELD_SIZE and trace + _header_octets(structure) > MAX_FIELD_SIZE:
        return keep(raw, decode(sent).findings)
    outline.structure = replace(_moved(structure, trace), header=0)
    return Kept(_encoder.encode(outline), outline.attachments)


def _header_octets(part: Part) -> int:
    return part.body - part.header + sum(map(_header_octets, part.children))


def _moved(part: Part, octets: int) -> Part:
    return replace(
        part,
        header=part.header + octets,
        body=part.body + octets,
        end=part.end + octets,
        children=tuple([_moved(child, octets) for child in part.children]),
    )


def encode(summary: Summary) -> bytes:
    """The summary as it is stored (MessagePack)."""
    return _encoder.encode(summary)


def decode(data: bytes) -> Summary:
    """The summary that `encode` gave; raises msgspec.DecodeError for anything else."""
    return _decoder.decode(data)


def leaves_of(root: Part) -> Iterator[Part]:
    """The parts that are shown or downloaded, in order; an embedded message is one of them."""
    pending = [root]
    while pending:
        part = pending.pop()
        if part.is_multipart:
            pending.extend(reversed(part.children))
        else:
            yield part


_SIGNATURES = frozenset({b"pgp-signature", b"pkcs7-signature", b"x-pkcs7-signature"})
_SHOWN_INLINE = frozenset({b"image", b"audio", b"video"})


def _is_attachment(leaf: Part) -> bool:
    if leaf.disposition is not None and leaf.disposition[0] == b"attachment":
        return True
    if leaf.media_type == b"text":
        return part_filename(leaf) is not None
    if leaf.media_type in _SHOWN_INLINE and leaf.content_id is not None:  # RFC 2392: the HTML beside it shows it
        return False
    return leaf.subtype not in _SIGNATURES
