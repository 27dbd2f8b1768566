"""The resolver, with servers on loopback that answer, and that do not."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import pytest

from tempmaild.checks.dns import LookupFailed, NoSuchName, Resolver
from tempmaild.settings.values import TcpAddress
from tests.dns_server import GARBAGE, REFUSED, SERVFAIL, SILENT, Answer, DnsServer

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from tempmaild.core.dns_message import Value
    from tests.dns_server import Manner, Zones

ADDRESS = "192.0.2.1"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def second() -> Iterator[DnsServer]:
    with DnsServer() as server:
        yield server


def look(resolver: Resolver, name: str, kind: str = "A") -> tuple[Value, ...]:
    return asyncio.run(resolver.lookup(name, kind))


def fails(resolver: Resolver, name: str, kind: str = "A") -> None:
    with pytest.raises(LookupFailed):
        look(resolver, name, kind)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(main, 20))


class TestAnswers:
    ZONES: Zones = {  # noqa: RUF012 -- nothing changes it
        "example.org": {
            "A": [ADDRESS, "192.0.2.2"],
            "AAAA": ["2001:DB8::1"],
            "MX": ["10 MX.example.org", (20, "mx2.example.org.")],
            "NS": ["ns.example.org"],
            "TXT": ["v=spf1 -all", ("in ", "pieces"), b"\xff\0"],
        },
        "1.2.0.192.in-addr.arpa": {"PTR": ["mail.example.org"]},
        "alias.example": {"CNAME": ["second.example"]},
        "second.example": {"CNAME": ["Example.org"]},
        "nowhere.example": {"CNAME": ["missing.example"]},
        "round.example": {"CNAME": ["about.example"]},
        "about.example": {"CNAME": ["round.example"]},
    }

    @pytest.fixture(autouse=True)
    def _zones(self, dns: DnsServer) -> None:
        dns.zones = self.ZONES

    @pytest.mark.parametrize(
        ("name", "kind", "values"),
        [
            ("example.org", "A", (ADDRESS, "192.0.2.2")),
            ("EXAMPLE.org.", "AAAA", ("2001:db8::1",)),
            ("example.org", "MX", ((10, "mx.example.org"), (20, "mx2.example.org"))),
            ("example.org", "NS", ("ns.example.org",)),
            ("example.org", "TXT", (b"v=spf1 -all", b"in pieces", b"\xff\0")),
            ("1.2.0.192.in-addr.arpa", "PTR", ("mail.example.org",)),
            ("alias.example", "A", (ADDRESS, "192.0.2.2")),
            ("alias.example", "CNAME", ("second.example",)),
            ("example.org", "CNAME", ()),
            ("example.org", "PTR", ()),
            ("arpa", "PTR", ()),
        ],
    )
    def test_values(self, resolver: Resolver, name: str, kind: str, values: tuple[Value, ...]) -> None:
        assert look(resolver, name, kind) == values

    @pytest.mark.parametrize("name", ["missing.example", "nowhere.example"])
    def test_no_such_name(self, resolver: Resolver, name: str) -> None:
        with pytest.raises(NoSuchName, match=f"A of {name}"):
            look(resolver, name)

    def test_cnames_without_end(self, resolver: Resolver) -> None:
        fails(resolver, "round.example")

    @pytest.mark.parametrize("name", ["", ".", "a..b", ".a", "a" * 64, "a." * 128, "bücher.example", "\u212a"])
    def test_names_that_cannot_be_are_not_asked_for(self, dns: DnsServer, resolver: Resolver, name: str) -> None:
        with pytest.raises(NoSuchName):
            look(resolver, name)
        assert dns.queries == []

    def test_cnames_that_the_server_does_not_follow(self, dns: DnsServer, resolver: Resolver) -> None:
        dns.zones = {
            "a.example": {"CNAME": Answer(["b.example"], ttl=5, unfollowed=True)},
            "b.example": {"CNAME": Answer(["c.example"], unfollowed=True)},
            "c.example": {"A": [ADDRESS]},
            "x.example": {"CNAME": Answer(["x.example"], unfollowed=True)},
        }
        assert look(resolver, "a.example") == (ADDRESS,)
        assert [query.name for query in dns.queries] == ["a.example", "b.example", "c.example"]
        fails(resolver, "x.example")
        assert dns.count("x.example") == 1


class TestTransport:
    def test_what_is_truncated_is_asked_for_by_tcp(self, dns: DnsServer, resolver: Resolver) -> None:
        dns.zones = {"a.example": {"A": Answer([ADDRESS], truncated=True)}}
        assert look(resolver, "a.example") == (ADDRESS,)
        assert [query.transport for query in dns.queries] == ["udp", "tcp"]

    def test_a_datagram_that_is_too_long_is_asked_for_by_tcp(self, dns: DnsServer, resolver: Resolver) -> None:
        dns.zones = {"a.example": {"TXT": Answer(["x" * 2000], manner="too long")}}
        assert look(resolver, "a.example", "TXT") == (b"x" * 2000,)
        assert [query.transport for query in dns.queries] == ["udp", "tcp"]

    def test_the_longest_record(self, dns: DnsServer, resolver: Resolver) -> None:
        text = bytes(range(256)) * 251
        dns.zones = {"a.example": {"TXT": [text]}}
        assert look(resolver, "a.example", "TXT") == (text,)

    def test_too_many_records(self, dns: DnsServer, resolver: Resolver) -> None:
        dns.zones = {"a.example": {"A": [f"10.0.{i >> 8}.{i & 255}" for i in range(1001)]}}
        fails(resolver, "a.example")

    @pytest.mark.parametrize("manner", ["closed", "garbage", "cut", "wrong id", "wrong question"])
    def test_a_broken_answer_by_tcp(self, dns: DnsServer, resolver: Resolver, manner: Manner) -> None:
        dns.zones = {"a.example": {"A": Answer([ADDRESS], truncated=True, manner=manner)}}
        fails(resolver, "a.example")
        assert [query.transport for query in dns.queries] == ["udp", "tcp"]

    def test_silence_by_tcp(self, dns: DnsServer, impatient: Resolver) -> None:
        dns.zones = {"a.example": {"A": Answer([ADDRESS], truncated=True, manner="silent")}}
        fails(impatient, "a.example")
        assert "tcp" in [query.transport for query in dns.queries]

    def test_a_server_that_knows_no_edns(self, dns: DnsServer, resolver: Resolver) -> None:
        dns.zones = {"a.example": {"A": Answer([ADDRESS], without_edns=True)}}
        assert look(resolver, "a.example") == (ADDRESS,)
        assert dns.count("a.example") == 2

    def test_forged_answers_are_passed_over(self, dns: DnsServer, resolver: Resolver) -> None:
        dns.zones = {"a.example": {"A": Answer([ADDRESS], manner="forged before")}}
        assert look(resolver, "a.example") == (ADDRESS,)
        assert dns.count("a.example") == 1

    @pytest.mark.parametrize("manner", ["wrong id", "wrong question", "no answer bit"])
    def test_nothing_but_forged_answers(self, dns: DnsServer, impatient: Resolver, manner: Manner) -> None:
        dns.zones = {"a.example": {"A": Answer([ADDRESS], manner=manner)}}
        fails(impatient, "a.example")

    def test_somebody_who_tries_identifiers_out(self) -> None:
        async def main() -> None:
            queries = 0

            class Forger(asyncio.DatagramProtocol):
                def connection_made(self, transport: Any) -> None:
                    self.transport = transport

                def datagram_received(self, data: bytes, addr: Any) -> None:
                    nonlocal queries
                    queries += 1
                    for number in range(60):
                        if number.to_bytes(2, "big") != data[:2]:
                            self.transport.sendto(number.to_bytes(2, "big") + b"\x81\x83" + data[4:], addr)

            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                Forger, local_addr=("127.0.0.1", 0)
            )
            resolver = Resolver([TcpAddress("127.0.0.1", transport.get_extra_info("sockname")[1])])
            with pytest.raises(LookupFailed):
                await resolver.lookup("a.example", "A")
            assert queries == 1, "it was given up, not waited for"
            transport.close()

        run(main())

    def test_an_answer_from_elsewhere_is_not_heard(self, dns: DnsServer) -> None:
        async def main() -> None:
            class Other(asyncio.DatagramProtocol):
                def datagram_received(self, data: bytes, addr: Any) -> None:
                    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
                        dns.answer(data, "udp", lambda response: elsewhere.sendto(response, addr))

            dns.zones = {"a.example": {"A": [ADDRESS]}}
            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                Other, local_addr=("127.0.0.1", 0)
            )
            server = TcpAddress("127.0.0.1", transport.get_extra_info("sockname")[1])
            with pytest.raises(LookupFailed):
                await Resolver([server], query_seconds=0.05, seconds=0.1).lookup("a.example", "A")
            assert dns.count("a.example") > 0
            transport.close()

        run(main())


class TestCache:
    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def resolver(self, dns: DnsServer, clock: Clock) -> Resolver:
        return Resolver([dns.address], clock=clock)

    @pytest.mark.parametrize(
        ("answer", "seconds"),
        [
            (Answer([ADDRESS], ttl=300), 300),
            (Answer([ADDRESS], ttl=10**6), 86_400),
            (Answer(), 60),  # the SOA's
            (Answer(rcode="NXDOMAIN"), 60),
            (SERVFAIL, 5),
            (GARBAGE, 5),
        ],
    )
    def test_it_keeps_an_answer_for_its_time(
        self, dns: DnsServer, resolver: Resolver, clock: Clock, answer: Answer, seconds: int
    ) -> None:
        dns.zones = {"a.example": answer}
        first = outcome(resolver)
        clock.now += seconds - 1
        assert outcome(resolver) == first
        assert dns.count("a.example") == 1
        clock.now += 1
        assert outcome(resolver) == first
        assert dns.count("a.example") == 2

    def test_that_there_is_nothing_is_kept_for_an_hour_at_most(
        self, dns: DnsServer, resolver: Resolver, clock: Clock
    ) -> None:
        dns.negative_ttl = 86_400
        outcome(resolver)
        clock.now += 3600
        outcome(resolver)
        assert dns.count("a.example") == 2

    @pytest.mark.parametrize(
        "answer", [Answer([ADDRESS], ttl=0), Answer(soa=False), Answer(rcode="NXDOMAIN", soa=False)]
    )
    def test_what_is_not_to_be_kept(self, dns: DnsServer, resolver: Resolver, answer: Answer) -> None:
        dns.zones = {"a.example": answer}
        assert outcome(resolver) == outcome(resolver)
        assert dns.count("a.example") == 2

    def test_what_is_kept_is_given_without_suspending(self, dns: DnsServer, resolver: Resolver) -> None:
        dns.zones = {"a.example": {"A": [ADDRESS]}}
        assert outcome(resolver) == (ADDRESS,)
        with pytest.raises(StopIteration) as ended:
            resolver.lookup("A.example.", "A").send(None)
        assert ended.value.value == (ADDRESS,)

    def test_a_cname_limits_the_time(self, dns: DnsServer, resolver: Resolver, clock: Clock) -> None:
        dns.zones = {
            "a.example": {"CNAME": Answer(["b.example"], ttl=5, unfollowed=True)},
            "b.example": {"A": [ADDRESS]},
        }
        outcome(resolver)
        clock.now += 5
        outcome(resolver)
        assert dns.count("a.example") == 2

    def test_its_size_has_a_bound(self, dns: DnsServer, clock: Clock) -> None:
        resolver = Resolver([dns.address], cache_bytes=2000, clock=clock)
        dns.zones = {f"{name}.example": {"A": [ADDRESS]} for name in "abcdefgh"}
        for name in "abcdefgh":
            look(resolver, f"{name}.example")
        look(resolver, "h.example")
        look(resolver, "a.example")
        assert (dns.count("h.example"), dns.count("a.example")) == (1, 2)


def outcome(resolver: Resolver) -> tuple[Value, ...] | type[Exception]:
    try:
        return look(resolver, "a.example")
    except (NoSuchName, LookupFailed) as error:
        return type(error)


class TestTogether:
    def test_the_same_question_is_asked_once(self, dns: DnsServer, resolver: Resolver) -> None:
        dns.zones = {"a.example": {"A": Answer([ADDRESS], held=True)}}

        async def main() -> None:
            lookups = [asyncio.create_task(resolver.lookup(name, "A")) for name in ["a.example", "A.example."] * 5]
            await dns.received(1)
            lookups[0].cancel()  # who asked first does not decide for the others
            dns.release()
            first, *others = await asyncio.gather(*lookups, return_exceptions=True)
            assert isinstance(first, asyncio.CancelledError)
            assert others == [(ADDRESS,)] * 9

        run(main())
        assert dns.count() == 1

    def test_a_failure_is_told_to_all(self, dns: DnsServer, resolver: Resolver) -> None:
        dns.zones = {"a.example": Answer(rcode="SERVFAIL", held=True)}

        async def main() -> None:
            lookups = [asyncio.create_task(resolver.lookup("a.example", "A")) for _ in range(3)]
            await dns.received(1)
            dns.release()
            results = await asyncio.gather(*lookups, return_exceptions=True)
            assert [type(result) for result in results] == [LookupFailed] * 3

        run(main())

    def test_so_many_questions_at_once_and_no_more(self, dns: DnsServer) -> None:
        resolver = Resolver([dns.address], queries=3)
        names = [f"n{i}.example" for i in range(10)]
        dns.zones = {name: {"A": Answer([ADDRESS], held=True)} for name in names}

        async def main() -> None:
            lookups = asyncio.gather(*(resolver.lookup(name, "A") for name in names))
            for count in (3, 6, 9, 10):
                await dns.received(count)
                dns.release()
            assert await lookups == [(ADDRESS,)] * 10

        run(main())
        assert dns.most_at_once == 3

    def test_too_many_that_wait(self, dns: DnsServer) -> None:
        resolver = Resolver([dns.address], queries=1, seconds=20)
        dns.zones = {"n0.example": Answer(held=True)}

        async def main() -> None:
            lookups = [asyncio.create_task(resolver.lookup(f"n{i}.example", "A")) for i in range(10_000)]
            await dns.received(1)
            with pytest.raises(LookupFailed):
                await resolver.lookup("another.example", "A")
            for lookup in lookups:
                lookup.cancel()
            await resolver.close()
            await asyncio.gather(*lookups, return_exceptions=True)

        run(main())
        assert dns.count("another.example") == 0

    def test_a_question_ends_in_time(self, dns: DnsServer) -> None:
        resolver = Resolver([dns.address], query_seconds=100, seconds=0.05)
        dns.zones = {"a.example": SILENT}
        fails(resolver, "a.example")

    def test_closing_ends_what_is_under_way(self, dns: DnsServer, resolver: Resolver) -> None:
        dns.zones = {"a.example": SILENT}

        async def main() -> None:
            lookup = asyncio.create_task(resolver.lookup("a.example", "A"))
            await dns.received(1)
            await resolver.close()
            with pytest.raises(asyncio.CancelledError):
                await lookup
            assert asyncio.all_tasks() == {asyncio.current_task()}

        asyncio.run(main())


class TestServers:
    @pytest.mark.parametrize("trouble", [SERVFAIL, REFUSED, GARBAGE, Answer([ADDRESS], manner="cut")])
    def test_the_next_one_is_asked(self, dns: DnsServer, second: DnsServer, trouble: Answer) -> None:
        dns.zones = {"a.example": trouble}
        second.zones = {"a.example": {"A": [ADDRESS]}}
        assert look(Resolver([dns.address, second.address]), "a.example") == (ADDRESS,)
        assert (dns.count("a.example"), second.count("a.example")) == (1, 1)

    def test_one_that_does_not_know_is_not_asked_again(self, dns: DnsServer, resolver: Resolver) -> None:
        dns.zones = {"a.example": SERVFAIL}
        fails(resolver, "a.example")
        assert dns.count("a.example") == 1

    def test_what_does_not_exist_is_not_asked_of_others(self, dns: DnsServer, second: DnsServer) -> None:
        with pytest.raises(NoSuchName):
            look(Resolver([dns.address, second.address]), "a.example")
        assert second.count() == 0

    def test_a_lost_question_is_asked_again(self, dns: DnsServer) -> None:
        resolver = Resolver([dns.address], query_seconds=0.2, seconds=20)
        dns.zones = {"a.example": SILENT}

        async def main() -> None:
            lookup = asyncio.create_task(resolver.lookup("a.example", "A"))
            await dns.received(1)
            dns.zones = {"a.example": {"A": [ADDRESS]}}
            assert await lookup == (ADDRESS,)

        run(main())

    def test_a_silent_one_is_asked_last(self, dns: DnsServer, second: DnsServer) -> None:
        resolver = Resolver([dns.address, second.address], query_seconds=0.3, seconds=20)
        dns.zones = {"a.example": SILENT, ".": SILENT}
        second.zones = {f"{name}.example": {"A": [ADDRESS]} for name in "abc"}

        async def main() -> None:
            assert await resolver.lookup("a.example", "A") == (ADDRESS,)
            await until(lambda: resolver._servers.in_order()[1].silent)
            assert await resolver.lookup("b.example", "A") == (ADDRESS,)
            assert dns.count("b.example") == 0
            # It comes back.
            dns.zones = {"c.example": {"A": [ADDRESS]}}
            await until(lambda: not resolver._servers.in_order()[1].silent)
            await resolver.lookup("c.example", "A")
            assert dns.count("c.example") == 1
            await resolver.close()

        run(main())

    def test_when_all_are_silent_nobody_waits(self, dns: DnsServer) -> None:
        resolver = Resolver([dns.address], query_seconds=0.3, seconds=20)
        dns.zones = {"a.example": SILENT, ".": SILENT}

        async def main() -> None:
            with pytest.raises(LookupFailed):
                await resolver.lookup("a.example", "A")
            await until(lambda: resolver._servers.in_order()[0].silent)
            with pytest.raises(LookupFailed):
                await resolver.lookup("b.example", "A")
            assert dns.count("b.example") == 0
            # When it answers again, what has failed meanwhile is not remembered.
            dns.zones = {"b.example": {"A": [ADDRESS]}}
            await until(lambda: not resolver._servers.in_order()[0].silent)
            assert await resolver.lookup("b.example", "A") == (ADDRESS,)
            await resolver.close()

        run(main())

    def test_a_domain_with_silent_servers_does_not_make_ours_silent(self, dns: DnsServer) -> None:
        resolver = Resolver([dns.address], query_seconds=0.3, seconds=20)
        dns.zones = {"slow.example": SILENT, "a.example": {"A": [ADDRESS]}}

        async def main() -> None:
            with pytest.raises(LookupFailed):
                await resolver.lookup("slow.example", "A")
            await until(lambda: dns.count(".") > 0)
            await resolver._servers.in_order()[0]._probing  # type: ignore[misc] # it is there once "." was asked for
            assert await resolver.lookup("a.example", "A") == (ADDRESS,)

        run(main())

    def test_a_server_that_does_not_tell_of_the_root(self, dns: DnsServer) -> None:
        resolver = Resolver([dns.address], query_seconds=0.3, seconds=20)
        dns.zones = {"slow.example": SILENT, ".": SILENT, "a.example": {"A": [ADDRESS]}}

        async def main() -> None:
            with pytest.raises(LookupFailed):
                await resolver.lookup("slow.example", "A")
            await until(lambda: resolver._servers.in_order()[0].silent)
            with pytest.raises(LookupFailed):
                await resolver.lookup("a.example", "A")
            await until(lambda: not resolver._servers.in_order()[0].silent)
            assert await resolver.lookup("a.example", "A") == (ADDRESS,)
            await resolver.close()

        run(main())

    def test_a_late_answer_is_no_answer(self, dns: DnsServer) -> None:
        resolver = Resolver([dns.address], query_seconds=0.3, seconds=20)
        dns.zones = {"a.example": {"A": Answer([ADDRESS], held=True)}}

        async def main() -> None:
            with pytest.raises(LookupFailed):
                await resolver.lookup("a.example", "A")
            dns.release()
            dns.zones = {"b.example": {"A": ["192.0.2.2"]}}
            assert await resolver.lookup("b.example", "A") == ("192.0.2.2",)

        run(main())

    def test_nobody_listens(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        resolver = Resolver([TcpAddress("127.0.0.1", port)], query_seconds=100, seconds=100)

        async def main() -> None:
            with pytest.raises(LookupFailed):
                await resolver.lookup("a.example", "A")
            await until(lambda: resolver._servers.in_order()[0].silent)
            await resolver.close()

        run(main())

    @pytest.mark.parametrize("transport", ["udp", "tcp"])
    def test_over_ipv6(self, dns: DnsServer, transport: str) -> None:
        # An IPv6 socket reaches the server at the address that IPv4 has in IPv6.
        dns.zones = {"a.example": {"A": Answer([ADDRESS], truncated=transport == "tcp")}}
        assert look(Resolver([TcpAddress("::ffff:127.0.0.1", dns.address.port)]), "a.example") == (ADDRESS,)
        assert dns.queries[-1].transport == transport
