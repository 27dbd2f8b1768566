"""The PROXY protocol, versions 1 and 2: who the client behind a load balancer is.

Source: The PROXY protocol, versions 1 & 2, by Willy Tarreau, 2020-03-05 (HAProxy's doc/proxy-protocol.txt).
"""

from __future__ import annotations

import ipaddress
import struct
from typing import TYPE_CHECKING

from tempmaild.net.conversation import Interruption, Take

if TYPE_CHECKING:
    from tempmaild.net.conversation import Input

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_LONGEST_LINE = 107  # §2.1, with its CRLF
_LONGEST_HEADER = 4096  # of version 2; addresses take at most 232, the rest are extensions that nobody here reads
_LOCAL, _PROXY = 0x20, 0x21
_TCP4, _TCP6 = 0x11, 0x21
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_FAMILIES: dict[bytes, type[_Address]] = {b"TCP4": ipaddress.IPv4Address, b"TCP6": ipaddress.IPv6Address}


class NotProxied(Interruption):
    """A trusted proxy sent something else than a PROXY header."""


class ProxyHeader(Take[str]):
    """The header that comes before anything else; gives the client's IP address, "" when the proxy names none."""

    __slots__ = ()

    def take(self, source: Input) -> str | None:
        """Take the header, and nothing after it.

        Raises:
            NotProxied: what came is no such header.
        """
        data = source.peek()
        if data.startswith(_SIGNATURE[: len(data)]):
            return self._take_binary(source, data)
        if data.startswith(b"PROXY "[: len(data)]):
            return self._take_line(source, data)
        raise NotProxied

    @staticmethod
    def _take_line(source: Input, data: bytes) -> str | None:
        end = data.find(b"\r\n")
        if end < 0 and len(data) < _LONGEST_LINE:
            return None
        if not 0 <= end <= _LONGEST_LINE - 2:
            raise NotProxied
        source.take(end + 2)
        return _address_of(data[:end].split(b" "))

    @staticmethod
    def _take_binary(source: Input, data: bytes) -> str | None:
        if len(data) < 16:
            return None
        command, family, length = struct.unpack_from("!BBH", data, 12)
        if length > _LONGEST_HEADER or command not in {_LOCAL, _PROXY}:
            raise NotProxied
        if len(data) < 16 + length:
            return None
        source.take(16 + length)
        octets = {_TCP4: 4, _TCP6: 16}.get(family, 0) if command == _PROXY else 0
        if not octets:
            return ""
        if length < 2 * octets + 4:  # two addresses, two ports
            raise NotProxied
        return _text_of(ipaddress.ip_address(data[16 : 16 + octets]))


def _address_of(words: list[bytes]) -> str:
    """Give the source address of a version 1 header (§2.1)."""
    if words[1] == b"UNKNOWN":
        return ""
    family = _FAMILIES.get(words[1])
    if family is None or len(words) != 6:
        raise NotProxied
    try:
        source, _ = (family(word.decode("ascii")) for word in words[2:4])
    except ValueError:
        raise NotProxied from None
    if not all(word.isdigit() and int(word) < 1 << 16 for word in words[4:]):
        raise NotProxied
    return _text_of(source)


def _text_of(address: _Address) -> str:
    """Give an address as text; a proxy that listens on IPv6 alone names IPv4 clients in their mapped form."""
    return str((address.version == 6 and address.ipv4_mapped) or address)
