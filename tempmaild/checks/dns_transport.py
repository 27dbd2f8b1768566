"""One question to one DNS server, over UDP and, when the answer is longer, over TCP (RFC 7766)."""

from __future__ import annotations

import asyncio
import secrets
import socket
from typing import TYPE_CHECKING

from tempmaild.core.dns_message import LARGEST_DATAGRAM, Malformed, Reply, read_reply, write_query

if TYPE_CHECKING:
    from tempmaild.settings.values import TcpAddress

_MOST_ASTRAY = 50
"""Datagrams that answer something else: with more of them somebody tries out identifiers (RFC 5452 §9.3)."""


async def ask(server: TcpAddress, question: bytes) -> Reply:
    """Ask a server once; waits for as long as it is silent.

    Raises:
        OSError: it cannot be reached.
        Malformed: it says something that cannot be understood.
    """
    reply = await _ask(server, question, edns=True)
    # RFC 6891 §7: it may understand without EDNS.
    return await _ask(server, question, edns=False) if reply.format_error else reply


async def _ask(server: TcpAddress, question: bytes, *, edns: bool) -> Reply:
    reply = await _ask_by_udp(server, question, edns=edns)
    return await _ask_by_tcp(server, question, edns=edns) if reply.truncated else reply


async def _ask_by_udp(server: TcpAddress, question: bytes, *, edns: bool) -> Reply:
    # A socket for each question has a port that nobody can guess, and a connected one hears nobody but the server
    # (RFC 5452 §9.2).
    loop = asyncio.get_running_loop()
    number = secrets.randbits(16)
    with socket.socket(_family(server), socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as connected:
        connected.connect((server.host, server.port))
        connected.send(write_query(number, question, edns=edns))
        for _ in range(_MOST_ASTRAY):
            # One octet more than a server may send: what is longer is asked for by TCP like what is truncated.
            message = await loop.sock_recv(connected, LARGEST_DATAGRAM + 1)
            if len(message) > LARGEST_DATAGRAM:
                return Reply(known=True, truncated=True)
            reply = read_reply(message, number, question)
            if reply is not None:
                return reply
    raise Malformed("too many datagrams answer something else")


async def _ask_by_tcp(server: TcpAddress, question: bytes, *, edns: bool) -> Reply:
    number = secrets.randbits(16)
    query = write_query(number, question, edns=edns)
    reader, writer = await asyncio.open_connection(server.host, server.port, family=_family(server))
    try:
        writer.write(len(query).to_bytes(2, "big") + query)
        length = int.from_bytes(await reader.readexactly(2), "big")
        reply = read_reply(await reader.readexactly(length), number, question)
    except asyncio.IncompleteReadError:
        raise Malformed("the connection ends in the middle") from None
    finally:
        writer.transport.abort()
    if reply is None or reply.truncated:
        raise Malformed("what comes by TCP is no whole answer")
    return reply


def _family(server: TcpAddress) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in server.host else socket.AF_INET
