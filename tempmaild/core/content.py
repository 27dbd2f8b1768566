"""What the encodings of mail stand for: bodies, texts, encoded words, file names (RFC 2045 §6, RFC 2047, RFC 2231).

Nothing here raises for what a message says, and nothing takes more than linear time.
"""

import binascii
import re
from collections.abc import Iterator
from encodings import aliases, normalize_encoding
from itertools import groupby
from operator import itemgetter

from tempmaild.core.mime import Part
from tempmaild.core.parameters import Parameters, parameter_octets
from tempmaild.core.remembering import remembering

_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))
_SLICE = 256 * 1024  # octets that are decoded at once: while that is done, no other thread can do anything
_LINE_PADDING = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n|\Z)")
_BLANKS = (b" ", b"\t", b" \r", b"\t\r")
_PADDED_WITH_SPACES = (b" \r", b" \n")
_PADDED = (*_PADDED_WITH_SPACES, b"\t\r", b"\t\n")
_UNCUT = re.compile(rb"[^=][^=\s]")  # no escape goes on after it, and no white space that may be padding ends here
_CUT_ESCAPE = re.compile(rb"=[0-9A-Fa-f]?\Z")
_ENCODED_WORD = re.compile(rb"=\?([^?\s]++)\?([bBqQ])\?([^?]*+)\?=")  # blanks inside are not allowed, and frequent
_LINE_CONTROLS = dict.fromkeys(map(ord, "\0\r\n"))

ENCODINGS = (b"base64", b"quoted-printable")
"""The transfer encodings that have something to be undone (RFC 2045 §6)."""

# Names are looked up here and not with `codecs.lookup`: that one imports modules by the name it is given, keeps every
# name it does not know, and knows codecs that are no charsets or take quadratic time ("idna", "unicode_escape").
_NO_CHARSETS = {"base64_codec", "bz2_codec", "hex_codec", "mbcs", "quopri_codec", "rot_13", "uu_codec", "zlib_codec"}
_NO_CHARSETS |= {"utf_7"}  # which can hide markup and half characters in ASCII; browsers have dropped it
_WITHOUT_ALIAS = {name: name for name in ("cp737", "cp856", "cp874", "koi8_t", "koi8_u", "mac_croatian")}
_CODECS = aliases.aliases | {codec: codec for codec in aliases.aliases.values()} | _WITHOUT_ALIAS
_CODECS |= {"windows_874": "cp874", "x_sjis": "shift_jis", "x_gbk": "gbk", "utf_8_sig": "utf_8"}
# Mail that names the smaller charset is often written in the larger one around it (WHATWG Encoding §4.2).
_LARGER = {"latin_1": "cp1252", "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949"}


def decoded_body(raw: bytes, part: Part) -> bytes:
    """The octets that the part's body stands for; an encoding that is not known counts as none."""
    return _decode(raw[part.body : part.end], part.encoding)


def decoded_text(raw: bytes, part: Part, limit: int | None = None) -> str:
    """The part's body as text, out of at most the first `limit` octets of it as they are in the message."""
    if limit is None or part.end - part.body <= limit:
        return decode_charset(decoded_body(raw, part), _charset(part))
    body = raw[part.body : part.body + limit]
    if part.encoding == b"quoted-printable":
        body = _CUT_ESCAPE.sub(b"", body)
    return decode_charset(_decode(body, part.encoding), _charset(part)).rstrip("\ufffd")


def _charset(part: Part) -> bytes:
    return parameter_octets(part.parameters, b"charset")[1]


def _decode(body: bytes, encoding: bytes) -> bytes:
    if encoding == b"base64":
        return _decode_base64(body)
    if encoding == b"quoted-printable":
        return b"".join(_decode_quoted_printable(body))
    return body


def _decode_base64(text: bytes) -> bytes:
    """RFC 2045 §6.8, where other characters are ignored; padding in the middle ends one piece of several."""
    decoded: list[bytes] = []
    left = b""
    for start in range(0, len(text), _SLICE):
        *ended, last = (left + text[start : start + _SLICE].translate(None, _NOT_BASE64)).split(b"=")
        decoded += [_decode_piece(piece) for piece in ended if piece]
        whole = len(last) & ~3
        decoded.append(binascii.a2b_base64(last[:whole]))
        left = last[whole:]
    decoded.append(_decode_piece(left))
    return b"".join(decoded)


def _decode_piece(text: bytes) -> bytes:
    # One character left over holds six bits, no octet.
    return binascii.a2b_base64((text[:-1] if len(text) % 4 == 1 else text) + b"==")


def _decode_quoted_printable(text: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(text):
        end = _end_of_slice(text, start)
        piece = text[start:end]
        # White space at the end of a line was added on the way (RFC 2045 §6.7, rule 3).
        yield binascii.a2b_qp(_LINE_PADDING.sub(b"", piece) if _is_padded(piece) else piece)
        start = end


def _is_padded(piece: bytes) -> bool:
    """Tell whether there may be white space at the end of a line, which is far quicker than to look for it."""
    # One octet is found, or found missing, eighty times as fast as two.
    paddings = _PADDED if b"\t" in piece else _PADDED_WITH_SPACES
    return piece.endswith(_BLANKS) or any(padding in piece for padding in paddings)


def _end_of_slice(text: bytes, start: int) -> int:
    """Where to cut quoted-printable text: at the end of a line or, where that is far, between two characters."""
    middle, most = start + _SLICE, start + 2 * _SLICE
    if most >= len(text):
        return len(text)
    end = text.find(b"\n", middle, most) + 1
    if end:
        return end
    # Where nothing else is left, there is no sense in the text either.
    ordinary = _UNCUT.search(text, middle, most)
    return ordinary.end() if ordinary else most


def decode_charset(data: bytes, charset: bytes) -> str:
    """The text of `data` in `charset`; US-ASCII and names unknown are taken as UTF-8 or else Windows-1252."""
    codec = _codec(charset)
    return data.decode(codec, "replace") if codec else _guess(data)


@remembering(longest=64, most=256)
def _codec(charset: bytes) -> str:
    """The codec for a charset of this name; empty for US-ASCII, and where there is none."""
    name = normalize_encoding(charset.decode("latin-1").strip()).lower()
    codec = _CODECS.get(name, "ascii")
    if codec == "ascii" or codec in _NO_CHARSETS:
        return ""
    return _LARGER.get(codec, codec)


def _guess(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as problem:
        cut_character = problem.start >= len(data) - 3 and problem.end == len(data) and problem.start > 0
        return data.decode("utf-8" if cut_character else "cp1252", "replace")


def decode_words(value: bytes) -> str:
    """A header field's text with its encoded words decoded (RFC 2047); the rest is taken as UTF-8 (RFC 6532)."""
    return decode_words_whole(value).translate(_LINE_CONTROLS)


def decode_words_whole(value: bytes) -> str:
    """What `decode_words` gives, with the NUL and the line ends that may be hidden in it."""
    if b"=?" not in value:
        return _guess(value)
    pieces: list[tuple[bytes, bytes]] = []
    position = 0
    for match in _ENCODED_WORD.finditer(value):
        between = value[position : match.start()]
        if between.strip() or not position:  # blanks between encoded words are no text, RFC 2047 §6.2
            pieces.append((b"", between))
        charset, encoding, text = match.groups()
        octets = _decode_base64(text) if encoding in b"bB" else binascii.a2b_qp(text, header=True)
        pieces.append((charset.partition(b"*")[0].lower(), octets))  # "charset*language", RFC 2231 §5
        position = match.end()
    pieces.append((b"", value[position:]))
    # Words of one charset are joined before they are decoded, as many senders cut characters in two.
    runs = groupby(pieces, key=itemgetter(0))
    decoded = (decode_charset(b"".join(octets for _, octets in run), charset) for charset, run in runs)
    return "".join(decoded)


def part_filename(part: Part) -> str | None:
    """The file name that the sender gives the part, without control characters; not safe as a path."""
    disposition = part.disposition[1] if part.disposition else ()
    name = decoded_parameter(disposition, b"filename") or decoded_parameter(part.parameters, b"name")
    return "".join(filter(str.isprintable, name)) or None


def decoded_parameter(parameters: Parameters, name: bytes) -> str:
    """The text of a parameter, by RFC 2231 or by the encoded words that many send instead; empty if there is none."""
    charset, octets = parameter_octets(parameters, name)
    return decode_charset(octets, charset) if charset else decode_words(octets)
