"""Questions to a recursive DNS server and its answers, as octets (RFC 1035 §4).

Everything in a message is the word of strangers: what is not as it should be is `Malformed`, and work and memory are
bounded by the size of the message.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from struct import Struct as Layout
from struct import error as TooShort  # noqa: N812 -- it is the only thing that unpacking can find

from msgspec import Struct

Value = str | bytes | tuple[int, str]
"""A host name or an address; the octets of a TXT record; preference and host of an MX record.

SRV and CAA records are as in a zone file: "10 0 993 mail.example.org.", '0 issue "ca.example.org"'.
"""

KINDS = {"A": 1, "NS": 2, "CNAME": 5, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "CAA": 257}
"""The types that can be asked for, with their numbers."""
LARGEST_DATAGRAM = 1232
"""Octets that a server may send over UDP: they fit every network without fragments (RFC 6891 §6.2.5)."""
LONGEST_NAME = 253
"""Characters of a name without the dot at its end: in a message it has two octets more (RFC 1035 §2.3.4)."""
LONGEST_CHAIN = 16
"""CNAMEs that are followed; real chains have up to five or so."""
MOST_RECORDS = 1000
"""Records of one message that are read; 64 KiB could hold four times as many, which nobody has a use for."""
LONGEST_TTL = 2**31 - 1

_CNAME = KINDS["CNAME"]
_SOA = 6
_IN = 1
_NO_ERROR, _FORMAT_ERROR, _NO_SUCH_NAME = 0, 1, 3
_HEADER = Layout("!6H")
_RECORD = Layout("!HHIH")
_NUMBER = Layout("!H")
_SOA_NUMBERS = Layout("!5I")
_SERVICE = Layout("!3H")
_IPV4 = Layout("!4B")
_IPV6 = Layout("!16s")
# A response to a standard query, from bits QR and OPCODE; bit TC (RFC 1035 §4.1.1).
_KIND_OF_MESSAGE, _RESPONSE, _TRUNCATED = 0xF800, 0x8000, 0x0200
_QUERY_FLAGS = 0x0100  # RD: the server is to find out
_EDNS = b"\0" + _RECORD.pack(41, LARGEST_DATAGRAM, 0, 0)  # RFC 6891 §6.1.2, version 0
_PLAIN = re.compile(rb"[!-\-/-\[\]-~]+")
"""A label that is its own text: printable, without a dot or a backslash."""
_TAG = re.compile(rb"[A-Za-z0-9]+")


class Malformed(ValueError):
    """A message is not as RFC 1035 wants it, or beyond the bounds."""


class Reply(Struct, frozen=True):
    """What a server says.

    Attributes:
        known: whether the server could tell; if not, the rest means nothing.
        exists: whether the name is there, or the one at the end of its CNAMEs.
        truncated: there is more; ask by TCP.
        format_error: the server did not understand the question, which may be due to EDNS.
        values: of the type that was asked for.
        alias: where the CNAMEs end when the server does not say what is there; ask for that then.
        ttl: seconds for which this may be remembered (RFC 2308 §5).
    """

    known: bool
    exists: bool = True
    truncated: bool = False
    format_error: bool = False
    values: tuple[Value, ...] = ()
    alias: str = ""
    ttl: int = 0


def write_question(name: str, kind: str) -> bytes | None:
    """Write the question for a name, without the dot at its end; None if no such name can exist."""
    if len(name) > LONGEST_NAME or not name.isascii():
        return None
    labels = name.encode().split(b".")
    if not all(0 < len(label) < 64 for label in labels):
        return None
    return b"".join([bytes([len(label)]) + label for label in labels]) + b"\0" + _kind_and_class(kind)


def root_question() -> bytes:
    """Write a question that every recursive server can answer at once: for the servers of the root."""
    return b"\0" + _kind_and_class("NS")


def write_query(number: int, question: bytes, *, edns: bool) -> bytes:
    """Write a query with this identifier for a recursive server."""
    query = _HEADER.pack(number, _QUERY_FLAGS, 1, 0, 0, int(edns)) + question
    return query + _EDNS if edns else query


def read_reply(message: bytes, number: int, question: bytes) -> Reply | None:
    """Read the answer to a question; None if it is none, but something astray or forged (RFC 5452 §9.1).

    Raises:
        Malformed: it is one, but cannot be understood.
    """
    if len(message) < _HEADER.size:
        return None
    its_number, flags, questions, answers, authorities, _ = _HEADER.unpack_from(message)
    if its_number != number or flags & _KIND_OF_MESSAGE != _RESPONSE:
        return None
    code = flags & 0xF
    if code == _FORMAT_ERROR and not questions:
        # Servers that know no EDNS may send the header alone (RFC 6891 §7).
        return Reply(known=False, format_error=True)
    start = _HEADER.size + len(question)
    # Servers may change between small and capital letters. The length of a label is no letter.
    if questions != 1 or message[_HEADER.size : start].lower() != question.lower():
        return None
    if flags & _TRUNCATED:
        return Reply(known=True, truncated=True)
    if code not in {_NO_ERROR, _NO_SUCH_NAME}:
        return Reply(known=False, format_error=code == _FORMAT_ERROR)
    if answers + authorities > MOST_RECORDS:
        raise Malformed("too many records")
    try:
        return _Records(message, start, answers, authorities).reply(exists=code == _NO_ERROR)
    except (TooShort, IndexError):
        raise Malformed("it ends too soon") from None


class _Records:
    """The records of a message that has one question, which ends at `start`."""

    def __init__(self, message: bytes, start: int, answers: int, authorities: int) -> None:
        self._message = message
        self._kind = _NUMBER.unpack_from(message, start - 4)[0]
        self._values: dict[str, list[Value]] = {}
        self._aliases: dict[str, str] = {}
        self._lifetimes: dict[str, int] = {}
        self._negative_lifetime: int | None = None
        self._referral = False
        for _ in range(answers):
            start = self._answer(start)
        for _ in range(authorities):
            start = self._authority(start)

    def reply(self, *, exists: bool) -> Reply:
        """Follow the CNAMEs from the name in question to what is said about the last one."""
        first, _ = _name(self._message, _HEADER.size)
        name, lifetime = first, LONGEST_TTL
        for _ in range(LONGEST_CHAIN + 1):
            lifetime = min(lifetime, self._lifetimes.get(name, LONGEST_TTL))
            if exists and name in self._values:
                return Reply(known=True, values=tuple(self._values[name]), ttl=lifetime)
            if name not in self._aliases:
                return self._nothing(name if name != first else "", lifetime, exists=exists)
            name = self._aliases[name]
        raise Malformed("the CNAMEs have no end")

    def _nothing(self, alias: str, lifetime: int, *, exists: bool) -> Reply:
        if self._negative_lifetime is not None:
            return Reply(known=True, exists=exists, ttl=min(lifetime, self._negative_lifetime))
        if exists and alias:
            return Reply(known=True, alias=alias, ttl=lifetime)
        if exists and self._referral:
            raise Malformed("the server refers to others instead of asking them")
        # Without an SOA record nobody says for how long this holds (RFC 2308 §5).
        return Reply(known=True, exists=exists)

    def _answer(self, start: int) -> int:
        owner, kind, lifetime, data, end = self._record(start)
        if kind == self._kind:
            self._values.setdefault(owner, []).append(_value(self._message, kind, data, end))
        elif kind == _CNAME:
            self._aliases[owner] = _whole_name(self._message, data, end)
        else:
            return end
        self._lifetimes[owner] = min(lifetime, self._lifetimes.get(owner, lifetime))
        return end

    def _authority(self, start: int) -> int:
        _, kind, lifetime, data, end = self._record(start)
        if kind == _SOA:
            for _ in range(2):  # MNAME and RNAME
                _, data = _name(self._message, data)
            if data + _SOA_NUMBERS.size != end:
                raise Malformed("an SOA record has another length")
            # RFC 2308 §5: the lesser one of its TTL and MINIMUM
            self._negative_lifetime = min(lifetime, _ttl(_SOA_NUMBERS.unpack_from(self._message, data)[4]))
        self._referral |= kind == KINDS["NS"]
        return end

    def _record(self, start: int) -> tuple[str, int, int, int, int]:
        """Owner, type, TTL, and where the data begin and end; the type is 0 in a class other than IN."""
        owner, start = _name(self._message, start)
        kind, class_, lifetime, length = _RECORD.unpack_from(self._message, start)
        data = start + _RECORD.size
        if data + length > len(self._message):
            raise Malformed("a record ends behind the message")
        return owner, kind if class_ == _IN else 0, _ttl(lifetime), data, data + length


def _value(message: bytes, kind: int, start: int, end: int) -> Value:
    if kind == KINDS["TXT"]:
        return _joined_strings(message, start, end)
    if kind == KINDS["MX"]:
        preference: int = _NUMBER.unpack_from(message, start)[0]
        return preference, _whole_name(message, start + _NUMBER.size, end)
    if kind == KINDS["SRV"]:
        priority, weight, port = _SERVICE.unpack_from(message, start)
        return f"{priority} {weight} {port} {_whole_name(message, start + _SERVICE.size, end)}."
    if kind == KINDS["CAA"]:
        return _authorization(message[start:end])
    if kind == KINDS["A"]:
        return "{}.{}.{}.{}".format(*_IPV4.unpack(message[start:end]))
    if kind == KINDS["AAAA"]:
        return str(IPv6Address(_IPV6.unpack(message[start:end])[0]))
    return _whole_name(message, start, end)


def _authorization(data: bytes) -> str:
    """Read who may issue certificates (RFC 8659 §4.1): flags, a tag after its length, and its value."""
    flags, length = data[0], data[1]
    tag, value = data[2 : 2 + length], data[2 + length :]
    if len(tag) != length or not _TAG.fullmatch(tag):
        raise Malformed("a CAA record has no tag")
    return f'{flags} {tag.decode().lower()} "{_escaped_text(value)}"'


def _escaped_text(octets: bytes) -> str:
    """Write octets as zone files do between quotes (RFC 1035 §5.1)."""
    return "".join(chr(o) if 32 <= o < 127 and o not in b'"\\' else f"\\{o:03d}" for o in octets)


def _joined_strings(message: bytes, start: int, end: int) -> bytes:
    strings = []
    while start < end:
        following = start + 1 + message[start]
        strings.append(message[start + 1 : following])
        start = following
    if start != end or not strings:
        raise Malformed("the strings of a TXT record do not fill it")
    return b"".join(strings)


def _whole_name(message: bytes, start: int, end: int) -> str:
    name, behind = _name(message, start)
    if behind != end:
        raise Malformed("a name does not fill its record")
    return name


def _name(message: bytes, start: int) -> tuple[str, int]:
    """Read a name (RFC 1035 §4.1.4), in small letters and without the dot at its end; tell where it ends, too."""
    labels: list[str] = []
    room = 255  # octets, RFC 1035 §3.1
    behind = 0
    earliest = start
    while length := message[start]:
        if length < 64:
            label = message[start + 1 : start + 1 + length]
            labels.append(label.decode() if _PLAIN.fullmatch(label) else _escaped(label))
            start += 1 + length
            room -= 1 + length
            if room < 1:
                raise Malformed("a name is too long")
        elif length < 192:
            raise Malformed("a label is of an unknown kind")
        else:
            behind = behind or start + 2
            start = _NUMBER.unpack_from(message, start)[0] & 0x3FFF
            # Each pointer goes further back, so that there is an end to it.
            if start >= earliest:
                raise Malformed("a name points forward")
            earliest = start
    return ".".join(labels).lower(), behind or start + 1


def _escaped(label: bytes) -> str:
    """Write a label as zone files do (RFC 1035 §5.1), so that nobody takes its octets for anything else."""
    return "".join(chr(octet) if _PLAIN.fullmatch(bytes([octet])) else f"\\{octet:03d}" for octet in label)


def _ttl(number: int) -> int:
    """RFC 2181 §8: a TTL with the highest bit set is 0."""
    return number if number <= LONGEST_TTL else 0


def _kind_and_class(kind: str) -> bytes:
    return _NUMBER.pack(KINDS[kind]) + _NUMBER.pack(_IN)
