"""The structured fields of MIME: a value, then parameters (RFC 2045 §5, RFC 2183 §2, RFC 2231)."""

import re
from urllib.parse import unquote_to_bytes

from tempmaild.core.headers import unfold, unquote, without_comments
from tempmaild.core.remembering import remembering

Parameters = tuple[tuple[bytes, bytes], ...]
"""Names in lower case with their values, in the order sent; RFC 2231 segments (`name*0*`) are left for the client."""
MediaType = tuple[bytes, bytes, Parameters]
"""Type and subtype in lower case, and the parameters."""
PLAIN_TEXT: MediaType = (b"text", b"plain", ())
"""What a part is whose type is not given or cannot be read (RFC 2045 §5.2), and many others are."""

_remembering = remembering(longest=128, most=1024)  # most parts of mail say one of a few dozen things

_MEDIA_TYPE = re.compile(rb'([^\s/;="]++)\s*+/\s*+([^\s/;="]++)')
_TOKEN = re.compile(rb'[^\s/;="]++')
_PARAMETER = re.compile(
    rb'(?<![^\s;])([^\s;="]++)\s*+=\s*+'
    rb'(?:"([^"\\]*+(?:\\.[^"\\]*+)*+)'
    # Broken senders leave a file name with spaces unquoted, and others forget the semicolon: words go on until a "=".
    rb'|([^\s;"]*+(?:[ \t]++[^\s;="]++(?!["=])){0,100}))',
    re.DOTALL,
)


@_remembering
def parse_media_type(value: bytes) -> MediaType | None:
    """What a Content-Type value says; None if it is malformed."""
    value = without_comments(unfold(value)).lstrip()
    match = _MEDIA_TYPE.match(value)
    if match is None:
        return None
    return match[1].lower(), match[2].lower(), _parameters(value, match.end())


def parameters_of_type(value: bytes) -> Parameters:
    """The parameters of a Content-Type value, even of a type that is none."""
    return (parse_media_type(value) or parse_media_type(b"a/b;" + value) or PLAIN_TEXT)[2]


def comment_readings(value: bytes) -> tuple[bytes, ...]:
    """A value as it is and, if that is another, as programs have it that do not know comments (RFC 5322 §3.2.2)."""
    return tuple(dict.fromkeys((value, value.translate(None, b"()"))))


def parse_disposition(value: bytes) -> tuple[bytes, Parameters] | None:
    """Disposition type in lower case and parameters of a Content-Disposition value; None if there is none.

    Parameters without a type belong to an attachment, as those of an unknown type do (RFC 2183 §2.8).
    """
    value = without_comments(unfold(value)).lstrip()
    match = _TOKEN.match(value)
    if match is None or value[match.end() :].lstrip().startswith(b"="):
        parameters = _parameters(value, 0)
        return (b"attachment", parameters) if parameters else None
    return match[0].lower(), _parameters(value, match.end())


@_remembering
def parse_token(value: bytes) -> bytes | None:
    """The first token of a value in lower case, for example of Content-Transfer-Encoding (RFC 2045 §6.1)."""
    match = _TOKEN.match(without_comments(unfold(value)).lstrip())
    return match[0].lower() if match else None


def parse_tokens(value: bytes) -> tuple[bytes, ...]:
    """The items of a comma-separated value as sent, for example of Content-Language (RFC 3282 §2)."""
    return tuple(item for item in map(bytes.strip, without_comments(unfold(value)).split(b",")) if item)


def parameter_octets(parameters: Parameters, name: bytes) -> tuple[bytes, bytes]:
    """Charset and octets of a parameter, put together if it is in segments (RFC 2231 §3, §4); empty if there is none.

    The charset is empty unless the sender states one. A parameter in both forms counts in its plain form only if the
    other has no beginning.
    """
    plain = b""
    segments: dict[bytes, tuple[bytes, bool]] = {}
    for key, value in parameters:
        base, star, number = key.partition(b"*")
        if base == name and star:
            encoded = number.endswith(b"*") or not number
            segments.setdefault(number.removesuffix(b"*") or b"0", (value, encoded))
        elif base == name:
            plain = plain or value
    return _join_segments(segments) if b"0" in segments else (b"", plain)


def _join_segments(segments: dict[bytes, tuple[bytes, bool]]) -> tuple[bytes, bytes]:
    charset = b""
    octets = []
    for number in map(b"%d".__mod__, range(len(segments))):
        value, encoded = segments.get(number, (b"", False))
        if number == b"0" and encoded and value.count(b"'") >= 2:
            charset, _language, value = value.split(b"'", 2)
        octets.append(unquote_to_bytes(value) if encoded else value)
    return charset, b"".join(octets)


def _parameters(value: bytes, start: int) -> Parameters:
    return tuple((name.lower(), unquote(quoted) or bare) for name, quoted, bare in _PARAMETER.findall(value, start))
