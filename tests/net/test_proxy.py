"""The PROXY protocol, versions 1 & 2, 2020-03-05; § is a section of it."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.net.conversation import Input
from tempmaild.net.proxy import NotProxied, ProxyHeader
from tests.net.test_conversation import every_cut, outcome

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def binary(command: int, family: int, body: bytes, length: int | None = None) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, family, len(body) if length is None else length) + body


def addresses(source: str, target: str = "") -> bytes:
    packed = ipaddress.ip_address(source).packed
    return packed + (ipaddress.ip_address(target).packed if target else packed) + struct.pack("!HH", 50_000, 25)


LONGEST = b"PROXY TCP6 " + b" ".join([b"ffff:" * 7 + b"ffff"] * 2) + b" 65535 65535\r\n"


@pytest.mark.parametrize(
    ("header", "address"),
    [
        # §2.1
        (b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 25\r\n", "192.0.2.1"),
        (b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255"),
        (b"PROXY TCP6 2001:db8::1 2001:db8::2 0 25\r\n", "2001:db8::1"),
        (b"PROXY TCP6 2001:DB8:0:0:0:0:0:1 ::1 1 2\r\n", "2001:db8::1"),
        (b"PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.1 1 2\r\n", "192.0.2.1"),
        (LONGEST, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        (b"PROXY UNKNOWN\r\n", ""),
        (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", ""),
        (b"PROXY UNKNOWN whatever \xff\r\n", ""),
        # §2.2
        (binary(0x21, 0x11, addresses("192.0.2.1", "198.51.100.1")), "192.0.2.1"),
        (binary(0x21, 0x21, addresses("2001:db8::1", "2001:db8::2")), "2001:db8::1"),
        (binary(0x21, 0x21, addresses("::ffff:192.0.2.1")), "192.0.2.1"),
        (binary(0x21, 0x11, addresses("192.0.2.1") + b"\x03\x00\x04abcd" + b"\x04\x00\x00"), "192.0.2.1"),
        (binary(0x21, 0x11, addresses("192.0.2.1").ljust(4096, b"\0")), "192.0.2.1"),
        (binary(0x20, 0x00, b""), ""),
        (binary(0x20, 0x11, addresses("192.0.2.1")), ""),
        (binary(0x20, 0xFF, b"anything"), ""),
        (binary(0x21, 0x00, b""), ""),
        (binary(0x21, 0x00, b"ignored"), ""),
        (binary(0x21, 0x31, b"/var/run/x".ljust(216, b"\0")), ""),
        (binary(0x21, 0x12, addresses("192.0.2.1")), ""),
    ],
)
def test_headers(header: bytes, address: str) -> None:
    assert len(LONGEST) <= 107
    for rest in (b"", b"EHLO a\r\n", header):
        for cuts in [[], *(every_cut(header) if len(header) < 300 else [])]:
            assert outcome(ProxyHeader(10), header + rest, cuts) == (address, rest)
    for length in range(0, len(header), 1 if len(header) < 300 else 97):
        assert outcome(ProxyHeader(10), header[:length], [])[0] is None


@pytest.mark.parametrize(
    "header",
    [
        b"EHLO a\r\n",
        b"\r\nEHLO a\r\n",
        b"proxy TCP4 192.0.2.1 198.51.100.1 56324 25\r\n",
        b"PROXY\r\n",
        b"PROXY \r\n",
        b"PROXY  TCP4 192.0.2.1 198.51.100.1 56324 25\r\n",
        b"PROXY TCP5 192.0.2.1 198.51.100.1 56324 25\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.1 56324\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 25 26\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 65536\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.1 -1 25\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 25x\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 \r\n",
        b"PROXY TCP4 192.0.2.256 198.51.100.1 56324 25\r\n",
        b"PROXY TCP4 192.0.2.1 nobody 56324 25\r\n",
        b"PROXY TCP4 192.0.2.01 198.51.100.1 56324 25\r\n",
        b"PROXY TCP4 ::1 ::1 56324 25\r\n",
        b"PROXY TCP6 192.0.2.1 198.51.100.1 56324 25\r\n",
        b"PROXY TCP4 \xff 198.51.100.1 56324 25\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 25\n".ljust(107),
        b"PROXY UNKNOWN ".ljust(106, b"a") + b"\r\n",
        b"PROXY " + b"a" * 200,
        SIGNATURE[:-1] + b"\r" + b"\x21\x11\x00\x0c" + addresses("192.0.2.1"),
        binary(0x11, 0x11, addresses("192.0.2.1")),
        binary(0x31, 0x11, addresses("192.0.2.1")),
        binary(0x22, 0x11, addresses("192.0.2.1")),
        binary(0x21, 0x11, addresses("192.0.2.1")[:-1]),
        binary(0x21, 0x11, b""),
        binary(0x21, 0x21, addresses("192.0.2.1")),
        binary(0x21, 0x11, b"", 4097),
        binary(0x20, 0x00, b"", 65_535),
    ],
)
def test_what_is_no_header(header: bytes) -> None:
    for cuts in [[], [1] * len(header)]:
        assert outcome(ProxyHeader(10), header, cuts)[0] is NotProxied


@given(
    start=st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"\x21\x11", SIGNATURE + b"\x20"]),
    garbage=st.binary(max_size=300),
)
def test_garbage_never_breaks_it(start: bytes, garbage: bytes) -> None:
    source = Input()
    source.append(start + garbage)
    try:
        address = ProxyHeader(10).take(source)
    except NotProxied:
        return
    if address is None:
        assert source.peek() == start + garbage
        assert len(source) < 16 + 4096
    elif address:
        ipaddress.ip_address(address)
