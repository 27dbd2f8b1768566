"""What a daemon sees of its host, at each border."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tempmaild.jobs import looks
from tempmaild.settings import Settings, TcpAddress
from tempmaild.store.alerts import Message
from tempmaild.trial import make_certificate
from tests.support import NOW

if TYPE_CHECKING:
    from pathlib import Path

    from tempmaild.core.health import State

DAY = 86_400
GIB = 2**30


def settings_of(**sections: Any) -> Settings:
    return Settings.model_validate(sections)


class TestCertificate:
    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        """Good for a year from now on."""
        make_certificate(tmp_path / "c.pem", tmp_path / "k.pem", datetime.fromtimestamp(NOW, UTC))
        return settings_of(tls={"certificate": tmp_path / "c.pem", "key": tmp_path / "k.pem"})

    @pytest.mark.parametrize(
        ("seconds", "state", "text"),
        [
            (-2 * DAY, "problem", "It is good only from "),
            (0, "fine", "It is good until 2027-05-28T20:26:40Z."),
            (344 * DAY, "fine", "It is good until 2027-05-28T20:26:40Z."),
            (344 * DAY + 1, "warning", "It expires in 20 days."),
            (358 * DAY, "warning", "It expires in 7 days."),
            (358 * DAY + 1, "problem", "It expires in 6 days."),
            (365 * DAY - 60, "problem", "It expires in 60 seconds."),
            (365 * DAY, "problem", "It has expired at 2027-05-28T20:26:40Z."),
        ],
    )
    def test_its_time(self, settings: Settings, seconds: int, state: State, text: str) -> None:
        finding = looks.of_certificate(settings, NOW + seconds)
        assert (finding.name, finding.state) == ("certificate", state)
        assert finding.text.startswith(text)
        assert bool(finding.remedy) == (state != "fine")

    def test_none_is_a_warning(self) -> None:
        assert looks.of_certificate(Settings(), NOW).state == "warning"

    @pytest.mark.parametrize("content", [b"", b"100 % garbage", b"-----BEGIN CERTIFICATE-----\nAAAA\n", None])
    def test_what_is_none_is_a_problem(self, settings: Settings, content: bytes | None) -> None:
        assert settings.tls.certificate
        if content is None:
            settings.tls.certificate.unlink()
        else:
            settings.tls.certificate.write_bytes(content)
        finding = looks.of_certificate(settings, NOW)
        assert finding.state == "problem"
        assert finding.text.startswith("It cannot be read: ")
        assert str(settings.tls.certificate) in finding.remedy


class TestDisk:
    @pytest.mark.parametrize(
        ("free", "state"),
        [(100, "fine"), (10, "fine"), (9, "warning"), (3, "warning"), (2, "problem")],
    )
    def test_how_much_is_free(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, state: State) -> None:
        monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result((4096, GIB, 100, free, free, 0, 0, 0, 0, 0)))
        settings = settings_of(host={"state": tmp_path}, store={"minimum_free_disk_bytes": 2**20})
        finding = looks.of_disk(settings)
        assert finding.state == state
        assert finding.text == f"{free}.0 GiB are free in {tmp_path}, {free} % of it."

    def test_less_than_the_daemon_needs_is_a_problem(self, tmp_path: Path) -> None:
        settings = settings_of(host={"state": tmp_path}, store={"minimum_free_disk_bytes": 1024 * GIB})
        finding = looks.of_disk(settings)
        assert finding.state == "problem"
        assert "below 1024.0 GiB (store.minimum_free_disk_bytes) senders are asked to come back" in finding.remedy

    def test_a_folder_that_is_not_there_is_a_problem(self, tmp_path: Path) -> None:
        finding = looks.of_disk(settings_of(host={"state": tmp_path / "none"}))
        assert (finding.state, finding.text) == (
            "problem",
            f"{tmp_path}/none cannot be looked at: No such file or directory",
        )


class TestDatabase:
    def test_its_files_are_measured(self, tmp_path: Path) -> None:
        path = tmp_path / "tempmaild.db"
        path.write_bytes(b"x" * 2048)
        (tmp_path / "tempmaild.db-wal").write_bytes(b"x" * 100)
        (tmp_path / "keys.db-wal").write_bytes(b"x" * 900)
        finding = looks.of_database(0, path)
        assert (finding.state, finding.text) == ("fine", "It takes 2.0 KiB, and its write-ahead logs 1000 B.")
        assert looks.of_database(3 * GIB, path).text.startswith("It takes 3.0 GiB")

    def test_a_log_that_never_ends_is_a_warning(self, tmp_path: Path) -> None:
        with (tmp_path / "tempmaild.db-wal").open("wb") as log:
            log.truncate(GIB)
        assert looks.of_database(0, tmp_path / "tempmaild.db").state == "warning"

    def test_postgresql_has_no_files_of_ours(self) -> None:
        assert looks.of_database(5 * 2**20, None).text == "It takes 5.0 MiB."


class TestBackups:
    def put(self, folder: Path, age: int) -> None:
        folder.mkdir(exist_ok=True)
        path = folder / f"tempmaild-{age}.db"
        path.touch()
        os.utime(path, (NOW - age, NOW - age))

    def test_where_there_is_no_folder_nothing_is_told(self, tmp_path: Path) -> None:
        assert list(looks.of_backups(NOW, tmp_path / "none")) == []

    def test_the_latest_counts(self, tmp_path: Path) -> None:
        self.put(tmp_path, 30 * DAY)
        (finding,) = looks.of_backups(NOW, tmp_path)
        assert (finding.state, finding.text) == ("warning", "The latest is 30 days old.")
        self.put(tmp_path, 2 * DAY)
        (finding,) = looks.of_backups(NOW, tmp_path)
        assert (finding.state, finding.text) == ("fine", "The latest is 2 days old.")

    def test_none_is_a_warning(self, tmp_path: Path) -> None:
        (finding,) = looks.of_backups(NOW, tmp_path)
        assert finding.state == "warning"


class TestAlerts:
    TOLD = Message(NOW, "tempmaild on mx: 1 problem", True)

    def look(self, last: Message | None = None, *urls: str) -> list[tuple[str, str]]:
        found = looks.of_alerts(settings_of(alerts={"urls": urls}), last)
        return [(finding.state, finding.text) for finding in found]

    def test_where_nobody_is_to_be_told_nothing_is(self) -> None:
        assert self.look() == []
        assert self.look(self.TOLD) == []

    @pytest.mark.parametrize("last", [None, TOLD])
    def test_all_is_well_while_messages_arrive(self, last: Message | None) -> None:
        assert [state for state, _ in self.look(last, "json://a")] == ["fine"]

    def test_a_message_that_nobody_got_is_a_warning(self) -> None:
        last = msgspec.structs.replace(self.TOLD, delivered=False)
        text = "The last message, at 2026-05-28T20:26:40Z, has reached nobody."
        assert self.look(last, "json://a") == [("warning", text)]

    def test_without_apprise_it_is_a_problem(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempmaild.service.sending.find_spec", lambda _: None)
        (finding,) = looks.of_alerts(settings_of(alerts={"urls": ["json://a"]}), None)
        assert (finding.state, finding.remedy) == ("problem", "get it: pip install 'tempmaild[alerts]'")


class TestListeners:
    def test_what_is_open_is_fine_and_what_is_missing_a_problem(self) -> None:
        wanted = {"smtp": (TcpAddress("::", 25),), "imaps": (TcpAddress("::", 993),), "pop3": ()}
        found = list(looks.of_listeners({"smtp": ["[::]:25", "[::1]:2525"], "imaps": []}, wanted))
        assert [(one.name, one.state, one.text) for one in found] == [
            ("listener smtp", "fine", "It listens on [::]:25, [::1]:2525."),
            ("listener imaps", "problem", "It is in the settings ([::]:993), and nobody has opened it."),
        ]
        assert "tempmaild-imaps.socket" in found[1].remedy

    def test_what_systemd_opened_and_no_setting_wants_is_told(self) -> None:
        (finding,) = looks.of_listeners({"pop3": ["[::]:110"]}, {"pop3": ()})
        assert finding.state == "fine"
