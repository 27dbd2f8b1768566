"""Options that are files of their own, as systemd's LoadCredential= gives them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tempmaild.settings import SettingsError, load
from tempmaild.settings.credentials import FOLDER

URL = "postgresql://joe:hidden@db.test/mail"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "tempmaild.toml"
    path.write_text('[tls]\ncertificate = "/etc/a.pem"\nkey = "/etc/a.key"\n')
    return path


@pytest.fixture
def given(tmp_path: Path) -> Path:
    folder = tmp_path / "given"
    folder.mkdir()
    return folder


def test_a_credential_goes_before_the_file_and_a_variable_before_both(config: Path, given: Path) -> None:
    (given / "tls.key").write_text("a key, which nobody reads here")
    (given / "store.url").write_text(f"{URL}\n")
    (given / "smtp.max_recipients").write_text("50")
    (given / "another-one").write_bytes(b"\xff")
    environ = {"CREDENTIALS_DIRECTORY": str(given)}
    settings = load(config, environ)
    assert settings.tls.key == given / "tls.key"
    assert settings.tls.certificate == Path("/etc/a.pem")
    assert settings.store.url == URL
    assert settings.smtp.max_recipients == 50
    assert load(config, environ | {"TEMPMAILD_SMTP_MAX_RECIPIENTS": "7"}).smtp.max_recipients == 7


def test_without_systemd_they_are_beside_the_settings(config: Path, given: Path) -> None:
    assert load(config, {}).store.url == ""
    beside = config.parent / FOLDER
    beside.mkdir()
    (beside / "store.url").write_text(URL)
    assert load(config, {}).store.url == URL
    # What systemd has loaded is all that counts.
    assert load(config, {"CREDENTIALS_DIRECTORY": str(given)}).store.url == ""
    assert load(None, {}).store.url == ""


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"mysql://hidden", 'store.url: the URL must start with postgresql://, or be "" for SQLite'),
        (b"\xff\xfe", "/store.url: not UTF-8 text"),
    ],
)
def test_what_is_wrong_is_told_without_the_secret(config: Path, given: Path, content: bytes, problem: str) -> None:
    (given / "store.url").write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load(config, {"CREDENTIALS_DIRECTORY": str(given)})
    assert str(caught.value).endswith(problem)
    assert "hidden" not in str(caught.value)


def test_what_cannot_be_read_is_told(config: Path, given: Path) -> None:
    # Were it passed over, the command would work on another database than the daemon.
    (given / "store.url").mkdir()
    for folder, words in ((given, "store.url: cannot be read"), (given / "missing", "missing: cannot be read")):
        with pytest.raises(SettingsError, match=words):
            load(config, {"CREDENTIALS_DIRECTORY": str(folder)})
