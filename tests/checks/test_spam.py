"""Spam filters: rspamd and spamd as Debian has them, and ones that misbehave."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.checks import spam
from tempmaild.checks.spam import Spam
from tempmaild.core.checking import Checking, SpamRule
from tempmaild.core.spam_score import spamd_request
from tempmaild.log import get_log
from tempmaild.settings.filters import SpamFilter
from tempmaild.settings.values import TcpAddress, UnixAddress
from tests import spam_filters
from tests.checks.mails import MESSAGE, examined
from tests.support import NOW

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from pathlib import Path

    from tempmaild.core.verdict import Report

LARGEST = 10_000
REPLY = json.dumps({"score": 7.25, "symbols": {"BAD": {"score": 7.25}}}).encode()
HTTP = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(REPLY), REPLY)
CHUNKED = (
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (REPLY[:5], len(REPLY) - 5, REPLY[5:])
)
TO_THE_END = b"HTTP/1.0 200 OK\r\n\r\n" + REPLY
SPAMD = b"SPAMD/1.1 0 EX_OK\r\nContent-length: 3\r\nSpam: True ; 7.25 / 5.0\r\n\r\nBAD"
EVIL: dict[str, Any] = {"helo": "evil.example", "client": "192.0.2.66", "sender": "spammer@evil.example"}


@pytest.fixture(scope="module")
def rspamd() -> Iterator[SpamFilter]:
    with spam_filters.rspamd() as running:
        yield running


@pytest.fixture(scope="module")
def spamd() -> Iterator[SpamFilter]:
    with spam_filters.spamd() as running:
        yield running


def check(spam_filter: SpamFilter) -> Spam:
    return Spam(spam_filter, "mx.box.test", LARGEST, get_log("checks"), lambda: NOW)


def threshold(value: float) -> Checking:
    return Checking(spam=SpamRule(threshold=value))


def report(spam_filter: SpamFilter, content: bytes = MESSAGE, **fields: Any) -> Report:
    async def ask() -> Report:
        async with asyncio.timeout(20):
            return await check(spam_filter).examine(examined(content, **fields))

    return asyncio.run(ask())


def symbols(found: Report) -> set[str]:
    (finding,) = found.findings
    return set(finding.reason.split())


class TestRspamd:
    def test_knows_the_envelope(self, rspamd: SpamFilter) -> None:
        found = report(rspamd, **EVIL, recipients=("box@box.test", "trap@box.test"), checking=threshold(11.1))
        assert symbols(found) == {"EVIL_HELO", "EVIL_CLIENT", "EVIL_SENDER", "TRAP"}
        assert found.state == "fine"
        assert found.fields == (b"X-Spam-Score: 11.0\r\n",)
        assert found.findings[0].properties == (("policy.score", "11.0"), ("policy.threshold", "11.1"))

    def test_knows_nothing_of_a_client_behind_a_relay(self, rspamd: SpamFilter) -> None:
        assert symbols(report(rspamd, **EVIL, relayed=True)) == {"EVIL_SENDER"}

    @pytest.mark.parametrize("content", [b"", b"\r\n", b"\0\xff\r\n", MESSAGE[:-2], MESSAGE + b"\r\n.\r\n" * 100])
    def test_takes_every_message(self, rspamd: SpamFilter, content: bytes) -> None:
        found = report(rspamd, content, sender="")
        assert (found.state, found.findings[0].result) == ("fine", "pass")

    def test_finds_spam(self, rspamd: SpamFilter) -> None:
        found = report(rspamd, b"Subject: a\r\n\r\n" + spam_filters.GTUBE + b"\r\n")
        assert (found.state, found.keywords, found.findings[0].result) == ("bad", ("$Junk",), "fail")
        assert found.refusal is not None
        assert found.refusal.status == "5.7.1"


class TestSpamd:
    def test_knows_the_envelope(self, spamd: SpamFilter) -> None:
        found = report(spamd, **EVIL, checking=threshold(7))
        assert symbols(found) == {"EVIL_HELO", "EVIL_CLIENT", "EVIL_SENDER"}
        assert (found.state, found.fields) == ("bad", (b"X-Spam-Score: 7.0\r\n",))

    def test_knows_nothing_of_a_client_behind_a_relay(self, spamd: SpamFilter) -> None:
        assert symbols(report(spamd, **EVIL, relayed=True)) == {"EVIL_SENDER"}

    @pytest.mark.parametrize("content", [b"", b"\r\n", b"\0\xff\r\n", MESSAGE[:-2], MESSAGE + b"\r\n.\r\n" * 100])
    def test_takes_every_message(self, spamd: SpamFilter, content: bytes) -> None:
        found = report(spamd, content, sender="")
        assert (found.state, found.findings[0].result) == ("fine", "pass")

    def test_finds_spam(self, spamd: SpamFilter) -> None:
        found = report(spamd, b"Subject: a\r\n\r\n" + spam_filters.GTUBE + b"\r\n")
        assert (found.state, symbols(found)) == ("bad", {"GTUBE"})


Answering: TypeAlias = "Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]"


def with_fake(protocol: Any, answer: Answering, *contents: bytes) -> list[Report]:
    """Ask a filter that answers so about messages, one after the other."""

    async def ask() -> list[Report]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await answer(reader, writer)
            except (ConnectionError, asyncio.CancelledError):
                pass
            finally:
                writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            address = TcpAddress("127.0.0.1", server.sockets[0].getsockname()[1])
            checked = check(SpamFilter(protocol, address))
            async with asyncio.timeout(20):
                return [await checked.examine(examined(content)) for content in contents or (MESSAGE,)]

    return asyncio.run(ask())


def says(pieces: Sequence[bytes]) -> Answering:
    """Read a whole message, and answer with these pieces, each sent by itself; then close."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"Hello.\r\n")
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0)  # not a pause: the loop sends what there is

    return answer


class TestAnswers:
    @pytest.mark.parametrize(
        ("protocol", "answer"), [("rspamd", HTTP), ("rspamd", CHUNKED), ("rspamd", TO_THE_END), ("spamd", SPAMD)]
    )
    @pytest.mark.parametrize("size", [1, 7, 10_000])
    def test_may_come_in_pieces(self, protocol: str, answer: bytes, size: int) -> None:
        pieces = [answer[at : at + size] for at in range(0, len(answer), size)]
        (found,) = with_fake(protocol, says(pieces))
        assert (found.state, found.fields, symbols(found)) == ("fine", (b"X-Spam-Score: 7.2\r\n",), {"BAD"})

    @pytest.mark.parametrize(
        ("protocol", "answer"),
        [
            ("rspamd", b""),
            ("rspamd", b"\r\n\r\n"),
            ("rspamd", SPAMD),
            ("rspamd", HTTP[:-1]),
            ("rspamd", CHUNKED[:-1]),
            ("rspamd", HTTP.replace(b"200 OK", b"500 Internal error")),
            ("rspamd", b"HTTP/1.1 204 No content\r\n\r\n"),
            ("rspamd", b"HTTP/1.1 100 Continue\r\n\r\n"),
            ("rspamd", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"),
            ("rspamd", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
            ("rspamd", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 100_000),
            ("rspamd", b"HTTP/1.0 200 OK\r\n\r\n" + b" " * 2**21),
            ("spamd", b""),
            ("spamd", HTTP),
            ("spamd", SPAMD[:40]),
            ("spamd", b"SPAMD/1.1 74 EX_IOERR\r\n\r\n"),
            ("spamd", SPAMD + b"A," * 2**20),
        ],
    )
    def test_that_are_none_are_failures(self, protocol: str, answer: bytes) -> None:
        (found,) = with_fake(protocol, says([answer]))
        assert found.state == "failed"
        assert [finding.result for finding in found.findings] == ["temperror"]
        assert not found.fields

    @given(st.sampled_from(["rspamd", "spamd"]), st.lists(st.binary(max_size=50), max_size=5))
    def test_may_be_garbage(self, protocol: str, pieces: list[bytes]) -> None:
        (found,) = with_fake(protocol, says(pieces))
        assert found.state == "failed"

    @given(st.sampled_from([("rspamd", HTTP), ("rspamd", CHUNKED), ("spamd", SPAMD)]), st.data())
    def test_may_be_damaged(self, answer: tuple[str, bytes], data: Any) -> None:
        protocol, octets = answer
        at = data.draw(st.integers(0, len(octets) - 1))
        damaged = octets[:at] + data.draw(st.binary(max_size=3)) + octets[at + 1 :]
        (found,) = with_fake(protocol, says([damaged]))
        assert found.state in {"fine", "failed", "bad"}
        assert bool(found.fields) is (found.findings[0].result in {"pass", "fail"})


@pytest.mark.parametrize("protocol", ["rspamd", "spamd"])
class TestConnections:
    def test_that_end_while_a_message_is_sent(self, protocol: str) -> None:
        async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.transport.abort()

        (found,) = with_fake(protocol, close, b"a" * (LARGEST - 1))
        assert found.state == "failed"

    def test_that_nobody_takes(self, protocol: Any, tmp_path: Path) -> None:
        assert report(SpamFilter(protocol, UnixAddress(tmp_path / "none"))).state == "failed"

    def test_are_ended_when_the_time_is_over(self, protocol: Any) -> None:
        async def ask() -> None:
            ended = asyncio.Event()
            asked = asyncio.Event()

            async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                asked.set()
                try:
                    await reader.read()
                except ConnectionError:
                    pass
                finally:
                    ended.set()
                    writer.close()

            async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
                address = TcpAddress("127.0.0.1", server.sockets[0].getsockname()[1])
                task = asyncio.create_task(check(SpamFilter(protocol, address)).examine(examined()))
                async with asyncio.timeout(20):
                    await asked.wait()
                    task.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await task
                    await ended.wait()

        asyncio.run(ask())

    def test_are_not_too_many(self, protocol: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(spam, "_AT_ONCE", 2)

        async def ask() -> tuple[list[Report], int]:
            open_now = most = 0

            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                nonlocal open_now, most
                open_now += 1
                most = max(most, open_now)
                await says([HTTP if protocol == "rspamd" else SPAMD])(reader, writer)
                open_now -= 1
                writer.close()

            async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
                address = TcpAddress("127.0.0.1", server.sockets[0].getsockname()[1])
                checked = check(SpamFilter(protocol, address))
                async with asyncio.timeout(20):
                    found = await asyncio.gather(*[checked.examine(examined()) for _ in range(10)])
            return found, most

        found, most = asyncio.run(ask())
        assert [one.state for one in found] == ["fine"] * 10
        assert 1 <= most <= 2

    def test_that_fail_are_told_of_now_and_then(
        self, protocol: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        clock = [float(NOW)]
        nobody = SpamFilter(protocol, UnixAddress(tmp_path / "none"))
        checked = Spam(nobody, "mx.box.test", LARGEST, get_log("checks"), lambda: clock[0])

        def ask() -> None:
            assert asyncio.run(checked.examine(examined())).state == "failed"

        ask()
        ask()
        assert [record.message for record in caplog.records] == ["spam-filter-failed"]
        clock[0] += 60
        ask()
        assert len(caplog.records) == 2


def test_large_messages_are_not_shown(tmp_path: Path) -> None:
    nobody = SpamFilter("spamd", UnixAddress(tmp_path / "none"))
    found = report(nobody, b"a" * (LARGEST + 1))
    assert (found.state, found.findings[0].result, found.fields) == ("fine", "none", ())
    assert report(nobody, b"a" * LARGEST).state == "failed"


def test_the_request_to_spamd_is_as_long_as_it_says() -> None:
    seen: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.split(b"Content-length: ")[1])
        seen.append(head + await reader.readexactly(length))
        writer.write(SPAMD)

    with_fake("spamd", answer)
    trace = (
        b"Return-Path: <joe@sender.example>\r\n"
        b"Received: from mx.example.org ([192.0.2.1]) by mx.box.test with ESMTP; Thu, 28 May 2026 20:26:40 -0000\r\n"
    )
    assert seen == [spamd_request(MESSAGE, trace)]
