"""What a daemon is told by clamd, by DNS, and by block lists about itself: real sockets on loopback."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tempmaild.jobs import asking
from tempmaild.settings import Settings, TcpAddress, UnixAddress
from tests.dns_server import SERVFAIL, SILENT, Answer, DnsServer
from tests.support import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tempmaild.core.health import Finding, State

FRESH = b"ClamAV 1.0.7/27000/Thu May 28 08:00:00 2026"


def settings_of(**sections: Any) -> Settings:
    return Settings.model_validate(sections)


class TestClamd:
    @contextmanager
    def saying(self, folder: Path, words: bytes) -> Iterator[Settings]:
        """Have one clamd that answers one connection with these words, and closes it."""
        path = folder / "clamd"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()

            def answer() -> None:
                connection, _ = listener.accept()
                with connection:
                    # Who answers before the question, or leaves some of it unread, is another case.
                    said = b""
                    while b"VERSION" not in said:
                        said += connection.recv(100)
                    connection.sendall(words)

            thread = threading.Thread(target=answer)
            thread.start()
            yield settings_of(clamav={"address": f"unix:{path}"})
            thread.join(10)

    def test_one_that_answers_is_fine(self, tmp_path: Path) -> None:
        with self.saying(tmp_path, b"1: " + FRESH + b"\0") as settings:
            assert asking.of_clamd(settings, NOW).text == "It answers, with signatures of these days."

    @pytest.mark.parametrize("words", [b"", b"1: ", b"garbage\0", b"2: " + FRESH + b"\0", b"\xff" * 5000])
    def test_one_that_says_what_makes_no_sense_is_a_problem(self, tmp_path: Path, words: bytes) -> None:
        with self.saying(tmp_path, words) as settings:
            finding = asking.of_clamd(settings, NOW)
        assert finding.state == "problem"
        assert finding.text.startswith(f"It does not answer at unix:{tmp_path}/clamd: ")

    @pytest.mark.parametrize(("failing", "words"), [("later", "come back"), ("junk", "without being scanned")])
    def test_one_that_is_away_is_a_problem(self, tmp_path: Path, failing: str, words: str) -> None:
        settings = settings_of(clamav={"address": f"unix:{tmp_path}/clamd", "failing": failing})
        finding = asking.of_clamd(settings, NOW)
        assert finding.state == "problem"
        assert words in finding.remedy

    def test_none_is_a_warning_unless_nobody_wants_one(self) -> None:
        assert asking.of_clamd(Settings(), NOW).state == "warning"
        assert asking.of_clamd(settings_of(clamav={"enabled": False}), NOW).state == "fine"
        assert asking.of_clamd(settings_of(checks={"enabled": False}), NOW).state == "fine"

    @pytest.mark.parametrize(
        ("version", "state", "text"),
        [
            (FRESH.decode(), "fine", "It answers, with signatures of these days."),
            ("ClamAV 1.0.7/27000/Fri May 29 20:00:00 2026", "fine", "It answers, with signatures of these days."),
            ("ClamAV 1.0.7/27000/Tue May 26 20:00:00 2026", "warning", "Its signatures are 2 days old."),
            ("ClamAV 1.0.7/27000/Fri May 22 08:00:00 2026", "warning", "Its signatures are 6 days old."),
            ("ClamAV 1.0.7/27000/Thu May 21 08:00:00 2026", "problem", "Its signatures are 7 days old."),
            ("ClamAV 1.0.7", "warning", "Nobody knows how old its signatures are (ClamAV 1.0.7)."),
            ("\x1b[31m100 %", "warning", "Nobody knows how old its signatures are (?[31m100 %)."),
        ],
    )
    def test_the_age_of_signatures(self, version: str, state: State, text: str) -> None:
        finding = asking.of_signatures(version, NOW)
        assert (finding.state, finding.text) == (state, text)


@pytest.fixture
def dns() -> Iterator[DnsServer]:
    with DnsServer() as server:
        yield server


class TestDns:
    def look(self, dns: DnsServer, **options: Any) -> Finding:
        servers = {"servers": [str(dns.address)], "query_seconds": 1, "seconds": 1}
        return asking.of_dns(settings_of(host={"name": "mx.box.test"}, dns=servers, **options))

    def test_one_that_knows_this_host_is_fine(self, dns: DnsServer) -> None:
        dns.zones = {"mx.box.test": {"A": ["192.0.2.1"]}}
        finding = self.look(dns)
        assert finding.state == "fine"
        assert finding.text.startswith("It answers within ")

    def test_that_there_is_no_such_host_is_an_answer(self, dns: DnsServer) -> None:
        assert self.look(dns).state == "fine"

    def test_one_that_cannot_find_this_host_is_a_warning(self, dns: DnsServer) -> None:
        dns.zones = {"mx.box.test": SERVFAIL, "org": {"NS": ["a0.org.test"]}}
        finding = self.look(dns)
        assert (finding.state, finding.text) == ("warning", "It answers, but cannot find out about mx.box.test.")

    @pytest.mark.parametrize("answer", [SERVFAIL, SILENT], ids=["SERVFAIL", "silent"])
    def test_one_that_says_nothing_is_a_problem(self, dns: DnsServer, answer: Answer) -> None:
        dns.zones = {"mx.box.test": answer, "org": answer}
        assert self.look(dns).state == "problem"

    def test_where_mail_is_not_checked_it_is_not_asked(self, dns: DnsServer) -> None:
        assert self.look(dns, checks={"enabled": False}).state == "fine"
        assert dns.queries == []


class TestOwnAddresses:
    LISTS = ("one.test", "two.test action=junk")

    def look(
        self, dns: DnsServer, own: tuple[str, ...] = (), lists: tuple[str, ...] = LISTS, listening: Any = ()
    ) -> list[Finding]:
        settings = settings_of(
            host={"name": "mx.box.test"},
            dns={"servers": [str(dns.address)], "query_seconds": 1, "seconds": 2},
            blocklists={"dnsbl": lists},
            alerts={"own_addresses": own},
        )
        return asking.of_own_addresses(settings, listening)

    def test_a_listed_address_is_a_problem_that_names_the_list(self, dns: DnsServer) -> None:
        dns.zones = {"4.3.2.1.two.test": {"A": ["127.0.0.2"], "TXT": ["see https://two.test/1.2.3.4, 100 %"]}}
        (finding,) = self.look(dns, own=("1.2.3.4",))
        assert (finding.name, finding.state) == ("address 1.2.3.4", "problem")
        assert finding.text == (
            "It is listed by two.test, so that others may refuse what this host sends."
            " They say: see https://two.test/1.2.3.4, 100 %"
        )
        assert finding.remedy.endswith("ask for delisting there: two.test")

    def test_several_lists_are_named(self, dns: DnsServer) -> None:
        entry = {"A": ["127.0.0.2"]}
        dns.zones = {"4.3.2.1.two.test": entry, "4.3.2.1.one.test": entry}
        (finding,) = self.look(dns, own=("1.2.3.4",))
        assert "listed by one.test, two.test," in finding.text

    def test_one_that_no_list_has_is_fine(self, dns: DnsServer) -> None:
        (finding,) = self.look(dns, own=("2001:db8::1",))
        assert (finding.name, finding.state) == ("address 2001:db8::1", "fine")
        assert {query.name.split(".", 32)[-1] for query in dns.queries} == {"one.test", "two.test"}

    def test_lists_that_do_not_tell_are_not_taken_for_good(self, dns: DnsServer) -> None:
        dns.zones = {"4.3.2.1.one.test": SERVFAIL, "4.3.2.1.two.test": {"A": ["127.255.255.254"]}}
        (finding,) = self.look(dns, own=("1.2.3.4",))
        assert (finding.state, finding.text) == ("unknown", "These lists do not tell: one.test, two.test.")

    def test_a_list_that_lists_everybody_says_nothing(self, dns: DnsServer) -> None:
        dns.zones = {name: {"A": ["127.0.0.2"]} for name in ("4.3.2.1.one.test", "1.0.0.127.one.test")}
        (finding,) = self.look(dns, own=("1.2.3.4",))
        assert finding.state == "fine"

    def test_addresses_are_found_by_listeners_and_by_the_name_of_the_host(
        self, dns: DnsServer, tmp_path: Path
    ) -> None:
        dns.zones = {"mx.box.test": {"A": ["9.9.9.9", "10.0.0.1"], "AAAA": ["2620:fe::fe"]}}
        listening = [
            TcpAddress("::", 25),
            TcpAddress("127.0.0.1", 24),
            TcpAddress("8.8.8.8", 25),
            TcpAddress("9.9.9.9", 25),
            UnixAddress(tmp_path),
        ]
        names = [finding.name for finding in self.look(dns, listening=listening)]
        assert names == ["address 8.8.8.8", "address 9.9.9.9", "address 2620:fe::fe"]

    def test_a_name_that_nobody_knows_has_no_addresses(self, dns: DnsServer) -> None:
        dns.zones = {"mx.box.test": SERVFAIL}
        assert self.look(dns) == []

    def test_without_lists_nobody_is_asked(self, dns: DnsServer) -> None:
        assert self.look(dns, own=("1.2.3.4",), lists=()) == []
        assert dns.queries == []
