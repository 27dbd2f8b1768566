"""Messages with parts in binary, which neither the store nor a line of mail can hold as they are (RFC 2045 §6)."""

import base64

from tempmaild.core.headers import fields
from tempmaild.core.lines import has_bare_ends
from tempmaild.core.mime import Part, every_part, parse


def without_binary(raw: bytes) -> bytes:
    """Give the message with base64 for each part in binary that has NUL or line ends other than CRLF in it.

    What is decoded of such a part are its very octets. Takes any octets; linear in their number.
    """
    kept: list[bytes] = []
    position = 0
    for part in every_part(parse(raw)[0]):
        if part.children or part.encoding != b"binary":
            continue
        body = raw[part.body : part.end]
        if not (b"\0" in body or has_bare_ends(body)):
            continue
        start, end = _encoding_field(raw, part)
        kept += raw[position:start], b"Content-Transfer-Encoding: base64\r\n", raw[end : part.body]
        kept.append(_base64(body).removesuffix(b"" if part.end == len(raw) else b"\r\n"))
        position = part.end
    return b"".join((*kept, raw[position:])) if kept else raw


def _encoding_field(raw: bytes, part: Part) -> tuple[int, int]:
    """Where the field stands that says how the part is encoded; its first one is the one that counts."""
    return next(
        (field.start, field.end)
        for field in fields(raw, part.header, part.body)
        if field.name.lower() == b"content-transfer-encoding"
    )


def _base64(octets: bytes) -> bytes:
    return base64.encodebytes(octets).replace(b"\n", b"\r\n")
