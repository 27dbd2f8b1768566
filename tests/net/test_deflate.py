"""Compressed connections (RFC 4978): a `Wire` whose client packs and unpacks with zlib itself."""

from __future__ import annotations

import tracemalloc
import zlib
from typing import TYPE_CHECKING

import pytest

from tempmaild.net import connection as connections
from tempmaild.net.conversation import Compress, Drain, Garbled, Interruption, Line, Octets
from tempmaild.net.deflate import PIECE, Deflate
from tests.net.wire import Wire, connect

if TYPE_CHECKING:
    from tests.net.wire import Told

MESSAGE = b"".join(b"Line %d of a message that has many of them.\r\n" % number for number in range(20_000))


async def parrot(session: Told) -> None:
    """Says what it hears, compressed after "compress"; says much, drained as IMAP does it, for "much".

    The lines between "unasked" and "asked" are said as if they answered nothing.
    """
    session.say(b"hello\r\n")
    try:
        while (line := await Line(3000, 60)) != b"bye":
            if line in {b"unasked", b"asked"}:
                session.unasked = line == b"unasked"
            session.say(line + b"\r\n")
            if line == b"compress":
                await Compress()
            elif line.startswith(b"octets "):
                octets = await Octets(int(line[7:]), 60, keep=False)
                session.say(b"%d read\r\n" % len(octets))
            elif line == b"much":
                for start in range(0, len(MESSAGE), 10_000):
                    session.say(MESSAGE[start : start + 10_000])
                    await Drain()
    except Interruption as interruption:
        session.say(type(interruption).__name__.encode() + b"\r\n")
    session.say(b"bye\r\n")


class PackingClient:
    """The client's end of a connection that is compressed."""

    def __init__(self) -> None:
        self.wire: Wire = connect(parrot)
        assert self.wire.send(b"compress\r\n") == b"hello\r\ncompress\r\n"
        self.packer = zlib.compressobj(wbits=-15)
        self.unpacker = zlib.decompressobj(wbits=-15)

    def pack(self, data: bytes) -> bytes:
        return self.packer.compress(data) + self.packer.flush(zlib.Z_SYNC_FLUSH)

    def send(self, data: bytes, cut: int = 1 << 20) -> bytes:
        packed = self.pack(data)
        return b"".join(self.say(packed[start : start + cut]) for start in range(0, len(packed), cut))

    def say(self, packed: bytes) -> bytes:
        return self.unpacker.decompress(self.wire.send(packed))

    def received(self) -> bytes:
        return self.unpacker.decompress(self.wire.received())


@pytest.mark.parametrize("cut", [1, 2, 7, 1 << 20])
def test_both_directions_are_compressed(cut: int) -> None:
    client = PackingClient()
    assert client.send(b"a\r\nb\r\n", cut) == b"a\r\nb\r\n"
    assert client.send(b"c" * 3000 + b"\r\n", cut) == b"c" * 3000 + b"\r\n"
    assert client.send(b"bye\r\n") == b"bye\r\n"
    assert client.wire.closed == "closed"


def test_an_answer_takes_less_than_it_says() -> None:
    client = PackingClient()
    packed = client.wire.send(client.pack(b"x" * 3000 + b"\r\n"))
    assert len(packed) < 100
    assert client.unpacker.decompress(packed) == b"x" * 3000 + b"\r\n"


def test_what_comes_with_the_command_is_compressed_already() -> None:
    wire = connect(parrot)
    wire.received()
    packer = zlib.compressobj(wbits=-15)
    said = wire.send(b"compress\r\n" + packer.compress(b"early\r\n") + packer.flush(zlib.Z_SYNC_FLUSH))
    assert said.startswith(b"compress\r\n")
    assert zlib.decompressobj(wbits=-15).decompress(said.removeprefix(b"compress\r\n")) == b"early\r\n"


def test_pipelined_commands_are_answered_in_their_order() -> None:
    client = PackingClient()
    lines = b"".join(b"%d\r\n" % number for number in range(50_000))
    assert client.send(lines) == lines


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (b"a NOOP\r\n", b"Garbled\r\nbye\r\n"),
        (zlib.compress(b"a\r\n"), b"Garbled\r\nbye\r\n"),
    ],
)
def test_what_cannot_be_unpacked_ends_the_conversation(stream: bytes, said: bytes) -> None:
    client = PackingClient()
    assert client.say(stream) == said
    assert client.wire.half_closed or client.wire.closed


def test_what_the_client_says_before_it_ends_its_stream_is_answered() -> None:
    client = PackingClient()
    ended = client.packer.compress(b"a\r\n") + client.packer.flush(zlib.Z_FINISH)
    assert client.say(ended) == b"a\r\n"
    assert client.say(b"more") == b"Garbled\r\nbye\r\n"


def test_what_came_before_a_half_close_is_answered() -> None:
    client = PackingClient()
    lines = b"x\r\n" * 100_000
    said = client.send(lines)
    client.wire.half_close()
    assert said + client.received() == lines
    assert client.wire.closed == "closed"


# Bounds


def has_packer(client: PackingClient) -> bool:
    deflate = client.wire.connection._deflate
    assert deflate is not None
    return deflate._packer is not None


def test_a_bomb_is_unpacked_in_pieces() -> None:
    """200 MiB that arrive as 200 KiB are never in memory at once."""
    client = PackingClient()
    size = 200 << 20
    client.send(b"octets %d\r\n" % size)
    # The client itself must not have it in memory either.
    packed = b"".join(client.packer.compress(bytes(1 << 20)) for _ in range(200))
    packed += client.packer.flush(zlib.Z_SYNC_FLUSH)
    assert len(packed) < 1 << 18
    tracemalloc.start()
    try:
        said = client.say(packed)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert said == b"0 read\r\n"
    assert peak < 4 << 20


def test_a_line_without_an_end_is_a_flood_as_ever() -> None:
    client = PackingClient()
    assert client.send(b"x" * (4 << 20)) == b"Flood\r\nbye\r\n"


def test_others_have_their_turn_while_a_bomb_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1 << 30))
    monkeypatch.setattr("tempmaild.net.connection.time.monotonic", lambda: float(next(clock)))
    client = PackingClient()
    client.send(b"octets %d\r\n" % (64 * PIECE))
    turns = 0

    def count_turn(*_: object) -> None:
        nonlocal turns
        turns += 1
        client.wire.clock.callLater(0, client.wire.connection._next_turn)

    monkeypatch.setattr(client.wire.connection._listener, "call_later", count_turn)
    assert client.send(bytes(64 * PIECE)) == b"0 read\r\n"
    assert turns >= 64


def test_who_sends_more_than_is_unpacked_is_not_read_from() -> None:
    client = PackingClient()
    client.wire.capacity = 0
    stalling = client.pack(b"much\r\n")
    client.wire.connection.dataReceived(stalling)
    client.wire.turn()
    sent = 0
    while client.wire.reads:
        client.wire.connection.dataReceived(client.pack(bytes(range(256)) * 40))
        sent += 1
        assert sent < 10_000
    deflate = client.wire.connection._deflate
    assert deflate is not None
    assert len(deflate) <= connections._MOST_UNREAD_INPUT + 20_000


def test_much_is_said_at_the_pace_of_the_client() -> None:
    client = PackingClient()
    client.wire.capacity = 0
    said = client.send(b"much\r\n")
    while len(said) < len(MESSAGE):
        client.wire.take(10_000)
        more = client.received()
        assert more
        said += more
    assert said == b"much\r\n" + MESSAGE


def test_who_is_silent_keeps_no_packer() -> None:
    client = PackingClient()
    assert client.send(b"a\r\n") == b"a\r\n"
    assert has_packer(client)
    client.wire.look_at_clock(9)
    assert has_packer(client)
    client.wire.look_at_clock(11)
    assert not has_packer(client)
    # The client's unpacker goes on as if nothing had happened.
    assert client.send(b"a\r\nb\r\n") == b"a\r\nb\r\n"


def test_what_nobody_asked_for_is_no_shorter_than_it_says() -> None:
    """However often it was said before; and the packer, made anew, refers to nothing that was said."""
    client = PackingClient()
    for _ in range(3):
        assert client.send(b"news\r\n") == b"news\r\n"
        packed = client.wire.send(client.pack(b"unasked\r\n" * 3))
        assert len(packed) > 27
        assert client.unpacker.decompress(packed) == b"unasked\r\n" * 3
        assert not has_packer(client)
    packed = client.wire.send(client.pack(b"asked\r\n" + b"x" * 3000 + b"\r\n"))
    assert len(packed) < 100
    assert client.unpacker.decompress(packed) == b"asked\r\n" + b"x" * 3000 + b"\r\n"


@pytest.mark.parametrize("length", [1, (1 << 16) - 1, 1 << 16, 200_000])
def test_what_is_stored_may_have_any_length(length: int) -> None:
    deflate, unpacker = Deflate(), zlib.decompressobj(wbits=-15)
    pieces = [deflate.pack(b"before"), deflate.store(MESSAGE[:length]), deflate.pack(b"after")]
    assert b"".join(map(unpacker.decompress, pieces)) == b"before" + MESSAGE[:length] + b"after"


# The two halves by themselves


def test_a_piece_that_is_cut_short_inside_a_repetition_is_not_lost() -> None:
    deflate = Deflate()
    packer = zlib.compressobj(wbits=-15)
    deflate.append(packer.compress(bytes(PIECE + 3)) + packer.flush(zlib.Z_SYNC_FLUSH))
    pieces = []
    while deflate.waiting:
        pieces.append(deflate.unpack())
    assert max(map(len, pieces)) == PIECE
    assert b"".join(pieces) == bytes(PIECE + 3)


def test_any_window_of_the_client_is_understood() -> None:
    for bits in range(9, 16):
        deflate = Deflate()
        packer = zlib.compressobj(wbits=-bits)
        deflate.append(packer.compress(MESSAGE[:50_000]) + packer.flush(zlib.Z_SYNC_FLUSH))
        assert deflate.unpack() == MESSAGE[:50_000]


def test_damage_is_told() -> None:
    deflate = Deflate()
    deflate.append(b"\xff\xff")
    with pytest.raises(Garbled):
        deflate.unpack()
