"""`tempmaild setup` in a folder that stands for the root of a host."""

from __future__ import annotations

import os
import re
import shutil
import sys
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tempmaild.appliance import open_appliance
from tempmaild.cli import main
from tempmaild.settings import load
from tempmaild.setup.files import shared_folder, unit_names
from tempmaild.setup.plan import RECORD, write_file
from tempmaild.trial import make_certificate
from tests.needs import missing, needs
from tests.setup.test_answers import FULL, PASSWORD
from tests.support import run

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = "etc/tempmaild/tempmaild.toml"
UNITS = "etc/systemd/system"


class Image:
    """A root, and `tempmaild setup` for it.

    Attributes:
        code: how the last call ended.
        errors: what it wrote to standard error.
    """

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self.code: Any = 0
        self.errors = ""
        self._capsys = capsys

    def __call__(self, *arguments: str) -> str:
        self.code = 0
        try:
            main(["setup", "--root", str(self.root), *arguments])
        except SystemExit as end:
            self.code = end.code
        printed = self._capsys.readouterr()
        self.errors = printed.err
        return printed.out

    def done(self, *arguments: str) -> str:
        printed = self(*arguments, "--yes")
        assert (self.code, self.errors) == (0, "")
        return printed

    def path(self, name: str) -> Path:
        return self.root / name

    def text(self, name: str) -> str:
        return self.path(name).read_text()

    def all_files(self) -> dict[str, bytes]:
        files = (path for path in self.root.rglob("*") if path.is_file() and not path.is_symlink())
        return {str(path.relative_to(self.root)): path.read_bytes() for path in files}


@pytest.fixture
def image(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Image:
    if os.geteuid() != 0:
        missing("users are made by root")
    for program in ("systemd-sysusers", "systemd-tmpfiles", "systemctl"):
        needs(program)
    monkeypatch.delenv("TEMPMAILD_CONFIG", raising=False)
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    return Image(root, capsys)


FLAGS = ("--host", FULL.host, "--domain", FULL.domain)


def test_it_says_what_it_would_do_and_does_nothing(image: Image) -> None:
    told = image("--dry-run", *FLAGS)
    assert (image.code, image.errors) == (0, "")
    assert told.startswith("This would be done:\n")
    for words in (
        "make the user tempmaild",
        f"write /{CONFIG}: the settings",
        f"take mail for {FULL.domain} and make the mailbox {FULL.operator}",
        "enable tempmaild-imap.socket",
    ):
        assert words in told
    assert image.all_files() == {}


def test_nobody_is_taken_for_agreeing(image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    image(*FLAGS)
    assert image.code == 1
    assert "say --yes, or --dry-run" in image.errors
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: "")
    image(*FLAGS)
    assert (image.code, image.errors) == (1, "nothing was done\n")
    assert image.all_files() == {}


def test_everything_is_there_afterwards(image: Image) -> None:
    told = image.done(*FLAGS)
    assert re.search(r"with the secret [0-9a-z-]{31}, which is shown only now", told)
    assert "tempmaild:" in image.text("etc/passwd")
    settings = load(image.path(CONFIG), {"TEMPMAILD_HOST_STATE": str(image.path("var/lib/tempmaild"))})
    assert settings.host.name == FULL.host
    appliance = open_appliance(settings)
    with closing(appliance.handle):
        assert [domain.name for domain in run(appliance.domains.list_all())] == [FULL.domain]
        assert run(appliance.mailboxes.find(FULL.operator)).address == FULL.operator
    wanted = {
        image.path(f"{UNITS}/{folder}.wants") for folder in ("sockets.target", "timers.target", "multi-user.target")
    }
    enabled = {link.name for folder in wanted for link in folder.iterdir()}
    assert enabled == set(unit_names(FULL._replace(certificate="", database=""), shared_folder()))
    assert "tempmaild-imaps.socket" not in enabled
    # The units start what setup was run with.
    assert f"ExecStart={sys.prefix}/bin/tempmaild " in image.text(f"{UNITS}/tempmaild.service")


def test_a_file_has_its_name_on_the_disk_before_the_record_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[int] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        fsync(descriptor)
        flushed.append(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", noted)
    file = tmp_path / "file"
    write_file(file, "text", 0o640, None)
    assert flushed == [file.stat().st_ino, tmp_path.stat().st_ino]


def test_only_the_service_reads_what_is_its_own(image: Image) -> None:
    image.done(*FLAGS, "--database", PASSWORD, "--domain", "none", "--operator", "none")
    secret = image.path("etc/tempmaild/credentials/store.url")
    assert secret.read_text() == f"{PASSWORD}\n"
    for path in (secret, image.path(CONFIG)):
        assert path.stat().st_mode & 0o777 == 0o640
        assert path.stat().st_gid == image.path("var/lib/tempmaild").stat().st_gid != 0
    assert image.path("var/lib/tempmaild").stat().st_mode & 0o777 == 0o750
    for service in ("tempmaild", "tempmaild-admin"):
        text = image.text(f"{UNITS}/{service}.service.d/setup.conf")
        assert "LoadCredential=store.url:/etc/tempmaild/credentials/store.url\n" in text
    others = {name: text for name, text in image.all_files().items() if "credentials/" not in name}
    assert not [name for name, text in others.items() if b"hidden" in text]
    # A command that root calls finds the same database.
    assert load(image.path(CONFIG), {}).store.url == PASSWORD


class TestAlerts:
    FILE = "etc/tempmaild/credentials/alerts.urls"
    URLS = "json://hooks.example.org?a=b slack://hidden@example"

    def test_are_for_the_service_alone(self, image: Image) -> None:
        image.done(*FLAGS, "--alerts", self.URLS)
        assert load(image.path(CONFIG), {}).alerts.urls == tuple(self.URLS.split())
        assert image.path(self.FILE).stat().st_mode & 0o777 == 0o640
        text = image.text(f"{UNITS}/tempmaild.service.d/setup.conf")
        assert f"LoadCredential=alerts.urls:/{self.FILE}\n" in text
        assert not image.path(f"{UNITS}/tempmaild-admin.service.d/setup.conf").exists()
        assert "hidden" not in image.text(CONFIG)
        assert image.done() == "nothing is left to be done\n"

    def test_end(self, image: Image) -> None:
        image.done(*FLAGS, "--alerts", self.URLS)
        image.done("--alerts", "none")
        assert load(image.path(CONFIG), {}).alerts.urls == ()
        assert image.done() == "nothing is left to be done\n"

    def test_in_the_settings_stay_there(self, image: Image) -> None:
        image.done(*FLAGS)
        image.path(CONFIG).write_text(f"{image.text(CONFIG)}[alerts]\nurls = ['json://hooks.example.org']\n")
        image.done()
        assert not image.path(self.FILE).exists()
        assert load(image.path(CONFIG), {}).alerts.urls == ("json://hooks.example.org",)


def test_a_certificate_is_handed_over_and_tls_is_on(image: Image, tmp_path: Path) -> None:
    certificate, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    make_certificate(certificate, key, datetime.now(UTC))
    image.done(*FLAGS, "--certificate", str(certificate), "--key", str(key))
    text = image.text(f"{UNITS}/tempmaild.service.d/setup.conf")
    assert f"LoadCredential=tls.certificate:{certificate}\nLoadCredential=tls.key:{key}\n" in text
    assert image.path(f"{UNITS}/sockets.target.wants/tempmaild-imaps.socket").is_symlink()
    # certbot's are taken over when they are renewed.
    assert not image.path("etc/letsencrypt").exists()
    live = "/etc/letsencrypt/live/mx.example.org"
    image.done("--certificate", f"{live}/fullchain.pem", "--key", f"{live}/privkey.pem")
    hook = image.path("etc/letsencrypt/renewal-hooks/deploy/tempmaild")
    assert os.access(hook, os.X_OK)
    assert "systemctl try-restart tempmaild.service" in hook.read_text()


def test_a_second_time_nothing_is_left_to_be_done(image: Image) -> None:
    image.done(*FLAGS)
    before = image.all_files()
    assert image.done() == "nothing is left to be done\n"
    assert image.done(*FLAGS) == "nothing is left to be done\n"
    after = image.all_files()
    # The database is looked at, and no more.
    assert {name for name in before if before[name] != after.get(name)} <= {"var/lib/tempmaild/tempmaild.db-shm"}


def test_another_answer_changes_what_follows_from_it(image: Image) -> None:
    image.done(*FLAGS)
    told = image.done("--clamd", "unix:/run/clamav/clamd.ctl")
    assert f"write /{CONFIG} anew: the settings" in told
    assert told.count("done: ") == 1
    settings = load(image.path(CONFIG), {})
    assert str(settings.clamav.address) == "unix:/run/clamav/clamd.ctl"
    # What was said before still holds.
    assert settings.mailbox.operator == FULL.operator
    image.done("--clamd", "none")
    assert load(image.path(CONFIG), {}).clamav.address is None


class TestEditedFiles:
    EDIT = "\n[smtp]\nmax_recipients = 7\n"

    def edit(self, image: Image) -> str:
        image.done(*FLAGS)
        text = image.text(CONFIG) + self.EDIT
        image.path(CONFIG).write_text(text)
        return text

    def test_stay_and_ours_are_beside_them(self, image: Image) -> None:
        edited = self.edit(image)
        told = image.done("--clamd", "127.0.0.1:3310")
        assert f"leave /{CONFIG} as somebody has edited it" in told
        assert image.text(CONFIG) == edited
        assert 'address = "127.0.0.1:3310"' in image.text(f"{CONFIG}.new")
        assert image.path(f"{CONFIG}.new").stat().st_mode & 0o777 == 0o640
        assert image.done("--clamd", "127.0.0.1:3310") == "nothing is left to be done\n"
        assert image.text(CONFIG) == edited

    def test_are_put_aside_when_that_is_asked_for(self, image: Image) -> None:
        edited = self.edit(image)
        told = image.done("--replace")
        (kept,) = image.path("etc/tempmaild").glob("tempmaild.toml.*Z")
        assert f"as /etc/tempmaild/{kept.name}, and write it anew" in told
        assert kept.read_text() == edited
        assert "max_recipients" not in image.text(CONFIG)
        assert image.done() == "nothing is left to be done\n"

    @pytest.mark.parametrize("content", ["", "{", "[]", '{"/etc": []}', "[" * 100_000])
    def test_are_all_that_nobody_knows_of(self, image: Image, content: str) -> None:
        image.done(*FLAGS)
        image.path(RECORD).write_text(content)
        unit = f"{UNITS}/tempmaild.service"
        image.path(unit).write_text("[Service]\n")
        assert f"leave /{unit} as somebody has edited it" in image.done()
        assert image.text(unit) == "[Service]\n"

    def test_that_lost_their_mode_get_it_back(self, image: Image) -> None:
        image.done(*FLAGS)
        image.path(CONFIG).chmod(0o644)
        assert "readable for whom it is meant" in image.done()
        assert image.path(CONFIG).stat().st_mode & 0o777 == 0o640


class TestRefused:
    @pytest.mark.parametrize(
        ("flags", "words"),
        [
            (("--host", "nowhere"), "not the full name of a host"),
            (("--host", "mx.example.org", "--key", "/k"), "belongs to the key"),
            (("--host", "mx.example.org", "--operator", "a@b", "--domain", "a..b"), "domain"),
        ],
    )
    def test_answers_that_are_impossible(self, image: Image, flags: tuple[str, ...], words: str) -> None:
        image(*flags, "--yes")
        assert image.code == 1
        assert words in image.errors
        assert image.all_files() == {}

    def test_a_root_that_is_none(self, image: Image) -> None:
        shutil.rmtree(image.root)
        image(*FLAGS, "--yes")
        assert image.code == 1
        assert "is no folder" in image.errors

    def test_settings_that_cannot_be_used(self, image: Image) -> None:
        image.done(*FLAGS)
        image.path(CONFIG).write_text("[host]\nnam = 1\n")
        image("--yes")
        assert image.code == 1
        assert "did you mean host.name" in image.errors

    def test_what_cannot_be_written(self, image: Image) -> None:
        image.path("etc/tmpfiles.d").write_text("a file")
        image(*FLAGS, "--yes")
        assert image.code == 1
        assert "the installation cannot go on (cannot " in image.errors


def test_questions_are_asked_until_the_answers_are_possible(image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ["nowhere", *[""] * 8]
    second = ["mx.example.org", "box.example.org", "none", "none", "", "none", "postmaster@box.example.org", "", ""]
    answers = iter([*first, *second, "y"])
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        return next(answers)

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("builtins.input", answer)
    image()
    assert image.code == 0
    assert "not the full name of a host" in image.errors
    assert load(image.path(CONFIG), {}).host.name == "mx.example.org"
    assert asked[9] == "The full name of this host, as in its MX record [nowhere]: "
