"""`tempmaild doctor`: each fault of an installation, and what is said of it."""

from __future__ import annotations

import json
import os
import socket
import threading
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tempmaild.appliance import open_appliance
from tempmaild.cli import main
from tempmaild.core import health
from tempmaild.core.lifetime import Lifetime
from tempmaild.core.schedule import Every, Outcome, Purge, Schedule
from tempmaild.service.clock import Standing
from tempmaild.settings import Settings
from tempmaild.setup import of_certificate, of_clamd, of_dns, of_host, of_listeners, of_store
from tempmaild.setup.doctor import before_setup, examine
from tempmaild.setup.finding import Finding, gravest
from tempmaild.trial import make_certificate
from tests.daemon import HOST, start_daemon
from tests.dns_server import SERVFAIL, DnsServer
from tests.support import NOW, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

DAY = 86_400


def severe(findings: Iterable[Finding]) -> list[tuple[str, str, str]]:
    """Give what is not fine: severity, subject and text."""
    return [finding[:3] for finding in findings if finding.severity != "fine"]


def settings_of(**sections: Any) -> Settings:
    return Settings.model_validate(sections)


class TestCertificate:
    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        make_certificate(tmp_path / "c.pem", tmp_path / "k.pem", datetime.fromtimestamp(NOW, UTC))
        return settings_of(tls={"certificate": tmp_path / "c.pem", "key": tmp_path / "k.pem"})

    @pytest.mark.parametrize(
        ("days", "severity", "words"),
        [
            (-1, "error", "it is good only from 2026-05-28T19:26:40Z on"),
            (0, "fine", "it is good until 2027-05-28T20:26:40Z"),
            (343, "fine", "it is good until 2027-05-28T20:26:40Z"),
            (345, "warning", "it expires in 20 days"),
            (355, "warning", "it expires in 10 days"),
            (364, "error", "it expires in 24 hours"),
            (365, "error", "it has expired at 2027-05-28T20:26:40Z"),
        ],
    )
    def test_its_time_is_seen(self, settings: Settings, days: int, severity: str, words: str) -> None:
        first = next(of_certificate.examine(settings, NOW + days * DAY))
        assert (first.severity, first.text) == (severity, words)
        assert first.remedy or severity == "fine"

    def test_its_name_is_held_against_the_host(self, settings: Settings) -> None:
        found = severe(of_certificate.examine(settings, NOW))
        assert found == [("warning", "certificate", "it signs itself: mail clients will ask about it")]
        other = settings_of(host={"name": "mx.example.org"}, tls=dict(settings.tls))
        assert ("error", "certificate", "it is not for mx.example.org, but for localhost") in severe(
            of_certificate.examine(other, NOW)
        )

    def test_a_wildcard_is_one_label(self) -> None:
        assert of_certificate._matches("*.Example.org", "mx.example.org")
        assert not of_certificate._matches("*.example.org", "a.mx.example.org")
        assert not of_certificate._matches("*.example.org", "example.org")

    def test_none_is_a_warning(self) -> None:
        assert [finding.severity for finding in of_certificate.examine(Settings(), NOW)] == ["warning"]

    @pytest.mark.parametrize("content", [b"", b"garbage", b"-----BEGIN CERTIFICATE-----\nAAAA\n", None])
    def test_what_is_none_is_an_error(self, settings: Settings, content: bytes | None) -> None:
        assert settings.tls.certificate
        if content is None:
            settings.tls.certificate.unlink()
        else:
            settings.tls.certificate.write_bytes(content)
        (finding,) = of_certificate.examine(settings, NOW)
        assert finding.severity == "error"
        assert finding.text.startswith("it cannot be used: ")


class TestListeners:
    def test_a_daemon_that_answers_is_fine(self, tmp_path: Path) -> None:
        daemon = start_daemon(tmp_path)
        try:
            found = list(of_listeners.examine(daemon.settings))
        finally:
            daemon.close()
        assert severe(found) == []
        assert [finding.subject for finding in found] == [
            "daemon",
            "SMTP",
            "SMTP over TLS",
            "LMTP",
            "LMTP",
            "IMAP",
            "IMAP over TLS",
            "POP3",
            "POP3 over TLS",
        ]

    def test_one_that_is_away_or_another_is_an_error(self, tmp_path: Path) -> None:
        with socket.create_server((HOST, 0)) as free:
            port = free.getsockname()[1]
        settings = settings_of(
            host={"state": tmp_path},
            smtp={"listen": [f"{HOST}:{port}"]},
            imap={"listen": [f"unix:{tmp_path}/imap"]},
            pop3={"listen": []},
        )
        found = severe(of_listeners.examine(settings))
        assert found[0] == ("error", "daemon", "it does not run")
        assert [(severity, subject) for severity, subject, _ in found[1:]] == [("error", "SMTP"), ("error", "IMAP")]
        assert severe(of_listeners.examine_ports(settings)) == []

    def test_a_port_that_another_has_is_told_before(self) -> None:
        with socket.create_server((HOST, 0)) as other:
            settings = settings_of(
                smtp={"listen": [f"{HOST}:{other.getsockname()[1]}"]}, imap={"listen": []}, pop3={"listen": []}
            )
            talking = threading.Thread(target=lambda: say(other, b"HTTP/1.1 400 Bad Request\r\n"))
            talking.start()
            (finding,) = of_listeners.examine_ports(settings)
            talking.join()
        assert finding.severity == "error"
        assert "is taken: Address already in use" in finding.text

    def test_what_is_no_mail_host_is_not_taken_for_one(self) -> None:
        listener = of_listeners.Listener("SMTP", next(iter(Settings().smtp.listen)), False, b"220 ")
        answer = of_listeners._judged(listener, b"HTTP/1.1 400 Bad Request\r\n")
        assert answer.severity == "error"
        assert "HTTP/1.1 400" in answer.text
        assert of_listeners._judged(listener, b"220 mx.example.org\r\n").severity == "fine"


def say(server: socket.socket, words: bytes) -> None:
    client, _ = server.accept()
    with client:
        client.sendall(words)


class TestDns:
    @pytest.fixture
    def dns(self) -> Iterator[DnsServer]:
        with DnsServer() as server:
            yield server

    def examine(self, dns: DnsServer, domains: list[str]) -> list[Finding]:
        settings = settings_of(
            host={"name": "mx.example.org"},
            dns={"servers": [str(dns.address)], "seconds": 2, "query_seconds": 1},
        )
        return list(of_dns.examine(settings, domains))

    def test_all_that_is_needed_is_fine(self, dns: DnsServer) -> None:
        dns.zones = {
            "box.example.org": {"MX": ["10 mx.example.org"], "TXT": ["v=spf1 -all"]},
            "_dmarc.box.example.org": {"TXT": ["v=DMARC1; p=reject;"]},
            "mx.example.org": {"A": ["192.0.2.1"]},
            "1.2.0.192.in-addr.arpa": {"PTR": ["mx.example.org"]},
        }
        found = self.examine(dns, ["box.example.org"])
        assert severe(found) == []
        assert {finding.subject for finding in found} == {"192.0.2.1", "box.example.org"}

    def test_what_is_missing_is_told_with_what_to_publish(self, dns: DnsServer) -> None:
        dns.zones = {"mx.example.org": {"A": ["192.0.2.1"]}, "box.example.org": {"MX": ["10 other.example.org"]}}
        found = {(one.severity, one.subject, one.remedy) for one in self.examine(dns, ["box.example.org"])}
        publish = "publish: box.example.org. IN"
        assert ("error", "box.example.org", f"{publish} MX 10 mx.example.org.") in found
        assert ("warning", "box.example.org", f'{publish} TXT "v=spf1 -all"') in found
        pointer = "publish: 1.2.0.192.in-addr.arpa. IN PTR mx.example.org."
        assert ("note", "192.0.2.1", f"have whoever gave you the address {pointer}") in found

    def test_a_dns_that_does_not_tell_is_no_error_of_the_records(self, dns: DnsServer) -> None:
        dns.zones = dict.fromkeys(("mx.example.org", "box.example.org", "_dmarc.box.example.org"), SERVFAIL)
        assert {finding.severity for finding in self.examine(dns, ["box.example.org"])} == {"warning"}


class TestClamd:
    def test_none_is_a_warning(self) -> None:
        assert [finding.severity for finding in of_clamd.examine(Settings(), NOW)] == ["warning"]

    @pytest.mark.parametrize(("failing", "severity"), [("later", "error"), ("junk", "warning")])
    def test_one_that_is_away_is_as_bad_as_what_it_leads_to(
        self, tmp_path: Path, failing: str, severity: str
    ) -> None:
        settings = settings_of(clamav={"address": f"unix:{tmp_path}/clamd", "failing": failing})
        (finding,) = of_clamd.examine(settings, NOW)
        assert finding.severity == severity
        assert "does not answer" in finding.text

    @pytest.mark.parametrize(
        ("version", "severity", "words"),
        [
            ("ClamAV 1.0.7/27000/Thu May 28 08:00:00 2026", "fine", "signatures that are 0 days old"),
            ("ClamAV 1.0.7/27000/Wed May 27 08:00:00 2026", "fine", "signatures that are 1 day old"),
            ("ClamAV 1.0.7/27000/Thu May 14 08:00:00 2026", "warning", "its signatures are 14 days old"),
            ("ClamAV 1.0.7", "warning", "nobody knows how old"),
            ("\x1b[31mgarbage", "warning", "nobody knows how old its signatures are (?[31mgarbage)"),
        ],
    )
    def test_old_signatures_are_seen(self, version: str, severity: str, words: str) -> None:
        finding = of_clamd.of_signatures(version, 7, NOW)
        assert finding.severity == severity
        assert words in finding.text


class TestHost:
    def test_a_full_disk_is_an_error(self, tmp_path: Path) -> None:
        most = 1024 * 2**30
        settings = settings_of(host={"state": tmp_path}, store={"minimum_free_disk_bytes": most})
        assert ("error", "disk") in [one[:2] for one in severe(of_host.examine(settings, None))]
        missing = settings_of(host={"state": tmp_path / "missing"})
        assert "cannot be looked at" in severe(of_host.examine(missing, None))[0][2]

    @pytest.mark.parametrize(("state", "severity"), [(0, "fine"), (5, "warning"), (-1, "note")])
    def test_a_clock_that_nobody_keeps_is_a_warning(self, state: int, severity: str) -> None:
        assert of_host._clock(state).severity == severity
        assert of_host.clock_state() in range(-1, 6)

    def test_what_others_can_read_is_an_error(self, tmp_path: Path) -> None:
        state = tmp_path / "state"
        state.mkdir(mode=0o750)
        key, config, mine = tmp_path / "key.pem", tmp_path / "tempmaild.toml", state / "keys.db"
        for path in (key, config, mine):
            path.touch(mode=0o600)
        settings = settings_of(host={"state": state}, tls={"key": key, "certificate": key})
        (fine,) = of_host._permissions(settings, config)
        assert fine.severity == "fine"
        key.chmod(0o644)
        config.chmod(0o666)
        mine.chmod(0o644)
        state.chmod(0o755)
        found = list(of_host._permissions(settings, config))
        assert {finding.severity for finding in found} == {"error"}
        assert {finding.remedy for finding in found} == {f"chmod o= {path}" for path in (key, config, mine, state)}

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
    def test_what_belongs_to_another_is_an_error(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o700)
        (tmp_path / "receipts.key").touch(mode=0o600)
        os.chown(tmp_path / "receipts.key", 12345, 12345)
        (finding,) = of_host._permissions(settings_of(host={"state": tmp_path}), None)
        assert finding.remedy == f"chown root: {tmp_path}/receipts.key"


class TestStore:
    @pytest.mark.parametrize(
        ("standing", "severities"),
        [
            (Standing(NOW, NOW, NOW - 60, believed=True), ["fine"]),
            (Standing(NOW, NOW, 0, believed=True), ["note"]),
            (Standing(NOW, NOW, NOW - 3600, believed=True), ["error"]),
            (Standing(NOW, NOW + 400 * DAY, NOW, believed=False), ["error", "error"]),
        ],
    )
    def test_time_and_sweep(self, standing: Standing, severities: list[str]) -> None:
        assert [finding.severity for finding in of_store.of_clock(standing)] == severities

    def test_schedules_that_failed_or_were_not_run(self) -> None:
        fine = Schedule("nightly", "", Purge(0), Every(3600), last_due=NOW, last_run=NOW, last_outcome=Outcome())
        failed = Schedule("bad", "", Purge(0), Every(3600), last_due=NOW, last_outcome=Outcome(error="disk full"))
        late = Schedule("late", "", Purge(0), Every(3600), last_due=NOW - 5 * 3600)
        assert severe(of_store.of_schedules([fine], NOW)) == []
        assert severe(of_store.of_schedules([fine, failed, late], NOW)) == [
            ("warning", "schedule bad", "its last run has failed: disk full"),
            ("warning", "schedule late", "it is due and was not run"),
        ]

    def test_what_only_the_daemon_knows(self) -> None:
        known = [
            health.Finding("address 192.0.2.1", "problem", "It is listed by %(zone)s.", "", {"zone": "bl.test"}),
            health.Finding("alerts", "warning", "The last message has reached nobody."),
            health.Finding("process serving-1 (mx2)", "unknown", "Nobody knows."),
            health.Finding("reactor", "warning", "It is slow."),
            health.Finding("writer", "fine", "It commits."),
            health.Finding("clamd", "problem", "The doctor asks it himself."),
            health.Finding("daemon", "problem", "That, too."),
        ]
        assert severe(of_store.of_daemon(known)) == [
            ("error", "address 192.0.2.1", "it is listed by bl.test"),
            ("warning", "alerts", "the last message has reached nobody"),
            ("note", "process serving-1 (mx2)", "nobody knows"),
            ("warning", "reactor", "it is slow"),
        ]

    def test_backups(self, tmp_path: Path) -> None:
        assert of_store.of_backups(tmp_path / "missing", NOW).severity == "warning"
        for age, severity in ((5, "warning"), (1, "fine")):
            path = tmp_path / f"tempmaild-{age}.db"
            path.touch()
            os.utime(path, (NOW - age * DAY, NOW - age * DAY))
            assert of_store.of_backups(tmp_path, NOW).severity == severity


class TestWhole:
    @pytest.fixture
    def dns(self) -> Iterator[DnsServer]:
        with DnsServer() as server:
            server.zones = {
                "box.test": {"MX": ["10 mx.box.test"], "TXT": ["v=spf1 -all"]},
                "_dmarc.box.test": {"TXT": ["v=DMARC1; p=reject;"]},
                "mx.box.test": {"A": ["192.0.2.1"]},
            }
            yield server

    def test_of_a_daemon_that_runs(self, tmp_path: Path, dns: DnsServer, capsys: pytest.CaptureFixture[str]) -> None:
        daemon = start_daemon(
            tmp_path, dns={"servers": [str(dns.address)]}, mailbox={"operator": "postmaster@box.test"}
        )
        try:
            appliance = open_appliance(daemon.settings)
            with closing(appliance.handle):
                new = appliance.mailboxes.create("postmaster@box.test", Lifetime(0), operator=True, role=True)
                run(new)
            command = ["--config", str(daemon.config), "doctor", "--backups", str(tmp_path)]
            with pytest.raises(SystemExit) as ended:
                main([*command, "--json"])
            found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
            wrong = {(one["severity"], one["subject"]) for one in found if one["severity"] != "fine"}
            assert ("error", "certificate") in wrong  # it is for localhost
            assert {subject for severity, subject in wrong if severity == "error"} <= {"certificate", "permissions"}
            assert ended.value.code == 2
            assert {one["subject"] for one in found} >= {"daemon", "SMTP", "database", "domains", "operator", "sweep"}
            with pytest.raises(SystemExit):
                main(command)
            told = capsys.readouterr().out
            assert "ERROR   certificate: it is not for mx.box.test" in told
            assert not [line for line in told.splitlines() if line.startswith("ok ")]
        finally:
            daemon.close()

    def test_of_settings_that_are_wrong(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        config = tmp_path / "tempmaild.toml"
        config.write_text("[smtp]\nmax_recipient = 5\nlisten = 3\n")
        with pytest.raises(SystemExit) as ended:
            main(["--config", str(config), "doctor"])
        assert ended.value.code == 2
        assert capsys.readouterr().out.count("ERROR   settings: ") == 2

    def test_of_nothing_that_is_there_changes_nothing(self, tmp_path: Path, dns: DnsServer) -> None:
        config = tmp_path / "tempmaild.toml"
        config.write_text(
            f'[host]\nname = "mx.box.test"\nstate = "state"\n[dns]\nservers = ["{dns.address}"]\n'
            '[smtp]\nlisten = ["127.0.0.1:1"]\n[imap]\nlisten = []\n[pop3]\nlisten = []\n'
        )
        found = examine(config, {}, tmp_path)
        assert ("error", "database", f"there is none in {tmp_path}/state") in severe(found)
        assert list(tmp_path.iterdir()) == [config]

    def test_a_part_that_cannot_be_looked_at_hides_no_other(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dns: DnsServer
    ) -> None:
        def broken(*_: object) -> Iterator[Finding]:
            raise RuntimeError("unthought of")

        monkeypatch.setattr(of_clamd, "examine", broken)
        settings = settings_of(
            host={"name": "mx.box.test", "state": tmp_path},
            dns={"servers": [str(dns.address)]},
            smtp={"listen": ["127.0.0.1:0"]},
            imap={"listen": []},
            pop3={"listen": []},
        )
        found = before_setup(settings, ["box.test"])
        assert ("error", "clamd", "it could not be looked at: RuntimeError: unthought of") in severe(found)
        assert "DNS" not in {finding.subject for finding in found if finding.severity == "error"}
        assert [finding.subject for finding in found if finding.subject == "box.test"]


def test_the_gravest_counts() -> None:
    assert gravest([]) == "fine"
    assert gravest([Finding("note", "", ""), Finding("warning", "", ""), Finding("fine", "", "")]) == "warning"
