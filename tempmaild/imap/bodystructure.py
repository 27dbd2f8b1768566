"""ENVELOPE, BODY and BODYSTRUCTURE of a message (RFC 3501 §7.4.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tempmaild.imap.strings import NIL, nstring, string

if TYPE_CHECKING:
    from tempmaild.core.envelope import Address, Envelope
    from tempmaild.core.mime import Part
    from tempmaild.core.parameters import Parameters


def write_envelope(envelope: Envelope) -> bytes:
    """Write the parenthesised list of an ENVELOPE item."""
    from_ = _addresses(envelope.from_)
    # Most mail has no Sender and Reply-To of its own: these are then the very addresses of From.
    return b"(%b %b %b %b %b %b %b %b %b %b)" % (
        nstring(envelope.date),
        nstring(envelope.subject),
        from_,
        from_ if envelope.sender == envelope.from_ else _addresses(envelope.sender),
        from_ if envelope.reply_to == envelope.from_ else _addresses(envelope.reply_to),
        _addresses(envelope.to),
        _addresses(envelope.cc),
        _addresses(envelope.bcc),
        nstring(envelope.in_reply_to),
        nstring(envelope.message_id),
    )


def write_body(part: Part, *, extended: bool) -> bytes:
    """Write the parenthesised list of a BODY item, or of BODYSTRUCTURE when `extended`.

    Recursion is as deep as the part tree, which `core.mime` bounds.
    """
    if part.is_multipart:
        fields = b"%b %b" % (
            b"".join([write_body(child, extended=extended) for child in part.children]),
            string(part.subtype),
        )
        extension = _parameters(part.parameters)
    else:
        fields = _single_part(part, extended=extended)
        extension = nstring(part.md5)
    if not extended:
        return b"(%b)" % fields
    return b"(%b %b %b %b %b)" % (
        fields,
        extension,
        _disposition(part.disposition),
        _strings(part.language),
        nstring(part.location),
    )


def _single_part(part: Part, *, extended: bool) -> bytes:
    fields = b"%b %b %b %b %b %b %d" % (
        string(part.media_type),
        string(part.subtype),
        _parameters(part.parameters),
        nstring(part.content_id),
        nstring(part.description),
        string(part.encoding),
        part.end - part.body,
    )
    if part.envelope is not None:
        message = write_body(part.children[0], extended=extended)
        return b"%b %b %b %d" % (fields, write_envelope(part.envelope), message, part.lines)
    if part.media_type == b"text":
        return b"%b %d" % (fields, part.lines)
    return fields


def _addresses(addresses: tuple[Address, ...]) -> bytes:
    if not addresses:
        return NIL
    return b"(%b)" % b"".join([_address(address) for address in addresses])


def _address(address: Address) -> bytes:
    return b"(%b %b %b %b)" % (
        nstring(address.name),
        nstring(address.route),
        nstring(address.mailbox),
        nstring(address.host),
    )


def _parameters(parameters: Parameters) -> bytes:
    return _strings([text for parameter in parameters for text in parameter])


def _disposition(disposition: tuple[bytes, Parameters] | None) -> bytes:
    if disposition is None:
        return NIL
    kind, parameters = disposition
    return b"(%b %b)" % (string(kind), _parameters(parameters))


def _strings(texts: list[bytes] | tuple[bytes, ...]) -> bytes:
    return b"(%b)" % b" ".join([string(text) for text in texts]) if texts else NIL
