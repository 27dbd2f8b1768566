"""The settings: what is read from where, and what is said about every mistake.

Each file in `bad_settings/` begins with the messages it must produce, all of them, in order.
"""

import re
import subprocess
import sys
import tomllib
from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import ValidationError

from tempmaild.settings import Settings, SettingsError, TcpAddress, UnixAddress, load, reloaded, sample
from tempmaild.settings.options import OPTIONS, VARIABLES
from tempmaild.settings.values import size_text

HERE = Path(__file__).parent
BAD_FILES = sorted((HERE / "bad_settings").glob("*.toml"))
SAMPLE = HERE.parent / "config" / "tempmaild.toml"


def problems(path: Path | None, environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(path, environ or {})
    assert str(caught.value) == "\n".join(caught.value.problems)
    return list(caught.value.problems)


def written(folder: Path, text: str) -> Path:
    path = folder / "tempmaild.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", BAD_FILES, ids=lambda path: path.stem)
def test_a_bad_file_gives_exactly_the_messages_it_expects(path: Path) -> None:
    expected = re.findall(r"^# expect: (.*)$", path.read_text(), re.MULTILINE)
    assert expected
    assert problems(path) == expected


def test_there_are_bad_files() -> None:
    assert BAD_FILES


class TestFile:
    def test_no_file_means_the_defaults(self) -> None:
        assert load(None, {}) == Settings()

    def test_values_are_typed(self, tmp_path: Path) -> None:
        text = """
            smtp.max_message_bytes = "10 MiB"
            smtp.listen = ["0.0.0.0:25", "[2001:DB8::0]:25", "unix:/run/smtp"]
            proxy.trusted = ["10.0.0.0/8", "2001:db8::1"]
            host.name = "MX.Example"
        """
        settings = load(written(tmp_path, text), {})
        assert settings.smtp.max_message_bytes == 10 * 2**20
        assert settings.smtp.listen == (
            TcpAddress("0.0.0.0", 25),
            TcpAddress("2001:db8::", 25),
            UnixAddress(Path("/run/smtp")),
        )
        assert settings.proxy.trusted == (ip_network("10.0.0.0/8"), ip_network("2001:db8::1/128"))
        assert settings.host.name == "mx.example"

    def test_addresses_are_written_as_they_are_read(self) -> None:
        addresses = ["127.0.0.1:25", "[::1]:25", "unix:/run/smtp"]
        settings = Settings.model_validate({"smtp": {"listen": addresses}})
        assert list(map(str, settings.smtp.listen)) == addresses

    def test_dns_servers_need_no_port(self) -> None:
        servers = ["192.0.2.1", "2001:DB8::1", "127.0.0.1:5353", "[::1]:54"]
        settings = Settings.model_validate({"dns": {"servers": servers}})
        assert list(map(str, settings.dns.servers)) == [
            "192.0.2.1:53",
            "[2001:db8::1]:53",
            "127.0.0.1:5353",
            "[::1]:54",
        ]

    def test_relative_paths_are_seen_from_the_state_and_the_state_from_the_file(self, tmp_path: Path) -> None:
        text = """
            host.state = "state"
            tls = { certificate = "mail.pem", key = "/etc/mail.key" }
            lmtp.listen = ["unix:lmtp.sock", "127.0.0.1:24"]
        """
        settings = load(written(tmp_path, text), {})
        state = tmp_path / "state"
        assert settings.host.state == state
        assert settings.tls.certificate == state / "mail.pem"
        assert settings.tls.key == Path("/etc/mail.key")
        assert settings.lmtp.listen == (UnixAddress(state / "lmtp.sock"), TcpAddress("127.0.0.1", 24))
        assert settings.sqlite_path == state / "tempmaild.db"

    def test_the_folder_of_a_relative_file_is_seen_from_here(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written(tmp_path, 'host.state = "state"')
        monkeypatch.chdir(tmp_path)
        assert load(Path("tempmaild.toml"), {}).host.state == tmp_path / "state"

    def test_a_missing_file(self, tmp_path: Path) -> None:
        path = tmp_path / "none.toml"
        assert problems(path) == [f"{path}: no such file"]

    def test_an_unreadable_file(self, tmp_path: Path) -> None:
        assert problems(tmp_path) == [f"{tmp_path}: cannot be read: Is a directory"]

    def test_a_file_that_is_not_utf_8(self, tmp_path: Path) -> None:
        path = tmp_path / "latin1.toml"
        path.write_bytes("[host]\n# Zürich\n".encode("latin-1"))
        assert problems(path) == ["line 2: not UTF-8 text"]

    def test_a_long_value_is_cut_in_the_message(self, tmp_path: Path) -> None:
        (problem,) = problems(written(tmp_path, f"smtp.max_recipients = '{'x' * 500}'"))
        assert len(problem) < 120


class TestEnvironment:
    @pytest.mark.parametrize(
        ("variable", "text", "expected"),
        [
            ("TEMPMAILD_SMTP_MAX_RECIPIENTS", "50", 50),
            ("TEMPMAILD_SMTP_MAX_RECIPIENTS", "5_0", 50),
            ("TEMPMAILD_SMTP_MAX_MESSAGE_BYTES", "1048576", 2**20),
            ("TEMPMAILD_SMTP_MAX_MESSAGE_BYTES", "1 MiB", 2**20),
            ("TEMPMAILD_SMTP_MAX_MESSAGE_BYTES", '"1 MiB"', 2**20),
            ("TEMPMAILD_LOG_LEVEL", "debug", "debug"),
            ("TEMPMAILD_LOG_LEVEL", '"debug"', "debug"),
            ("TEMPMAILD_HOST_NAME", "5", "5"),
            ("TEMPMAILD_HOST_STATE", "/srv/mail", Path("/srv/mail")),
            ("TEMPMAILD_TLS_KEY", "", None),
            ("TEMPMAILD_SPAM_THRESHOLD", "5.5", 5.5),
            ("TEMPMAILD_SPAM_THRESHOLD", "5", 5.0),
            ("TEMPMAILD_SMTP_LISTEN", "[::]:25", (TcpAddress("::", 25),)),
            ("TEMPMAILD_SMTP_LISTEN", "[::1]:25, 127.0.0.1:25", (TcpAddress("::1", 25), TcpAddress("127.0.0.1", 25))),
            ("TEMPMAILD_SMTP_LISTEN", '["[::]:25"]', (TcpAddress("::", 25),)),
            ("TEMPMAILD_SMTP_LISTEN", "", ()),
        ],
    )
    def test_a_variable_sets_an_option(self, variable: str, text: str, expected: object) -> None:
        settings = load(None, {variable: text})
        option = VARIABLES[variable]
        assert getattr(getattr(settings, option.section), option.name) == expected

    def test_the_environment_overrides_the_file(self, tmp_path: Path) -> None:
        path = written(tmp_path, "smtp = { max_recipients = 5, max_received = 6 }")
        settings = load(path, {"TEMPMAILD_SMTP_MAX_RECIPIENTS": "7", "PATH": "/bin"})
        assert (settings.smtp.max_recipients, settings.smtp.max_received) == (7, 6)

    def test_every_option_has_a_variable_of_its_own(self) -> None:
        assert len(VARIABLES) == len(OPTIONS)

    def test_problems_name_the_variable(self) -> None:
        environ = {
            "TEMPMAILD_SMTP_MAX_RECIPIENTS": "0",
            "TEMPMAILD_SMTP_MAX_RECEIVED": "1\nb = 2",
            "TEMPMAILD_SMTP_LISTEN": "[::]:25, localhost",
            "TEMPMAILD_IMAP_LISTEN_TLS": "[::]:993",
        }
        assert problems(None, environ) == [
            "TEMPMAILD_IMAP_LISTEN_TLS: needs tls.certificate and tls.key",
            'TEMPMAILD_SMTP_LISTEN[1]: "localhost" is not an address: write HOST:PORT, [IPV6]:PORT, or unix:PATH',
            r'TEMPMAILD_SMTP_MAX_RECEIVED: "1\nb = 2" is not a whole number',
            "TEMPMAILD_SMTP_MAX_RECIPIENTS: 0 is less than 1 (allowed 1 to 10000)",
        ]

    def test_unknown_variables(self) -> None:
        environ = {"TEMPMAILD_CONFIG": "x", "TEMPMAILD_SMTP_MAX_RECIPIENT": "5", "TEMPMAILD_": "", "OTHER": ""}
        assert problems(None, environ) == [
            "TEMPMAILD_: unknown variable",
            "TEMPMAILD_SMTP_MAX_RECIPIENT: unknown variable; did you mean TEMPMAILD_SMTP_MAX_RECIPIENTS?",
        ]

    def test_a_variable_that_mends_the_file(self, tmp_path: Path) -> None:
        path = written(tmp_path, "smtp.max_recipients = 0")
        assert load(path, {"TEMPMAILD_SMTP_MAX_RECIPIENTS": "7"}).smtp.max_recipients == 7


class TestAllAtOnce:
    def test_problems_stand_in_the_order_of_the_file_and_then_by_name(self, tmp_path: Path) -> None:
        text = """
            [shutdown]
            grace_seconds = -1
            [smtp]
            soft_errors = 30
            colour = "blue"
            max_recipients = 0
        """
        environ = {"TEMPMAILD_LOG_FORMAT": "xml", "TEMPMAILD_COLOUR": "blue", "TEMPMAILD_STORE_READERS": "0"}
        assert problems(written(tmp_path, text), environ) == [
            "shutdown.grace_seconds: -1 is less than 0 (allowed 0 to 3600)",
            "smtp.soft_errors: 30 is above smtp.hard_errors (20)",
            "smtp.colour: unknown key",
            "smtp.max_recipients: 0 is less than 1 (allowed 1 to 10000)",
            'TEMPMAILD_LOG_FORMAT: "xml" is not text or json',
            "TEMPMAILD_STORE_READERS: 0 is less than 1 (allowed 1 to 256)",
            "TEMPMAILD_COLOUR: unknown variable",
        ]

    def test_without_the_file_the_environment_is_still_judged(self, tmp_path: Path) -> None:
        path = tmp_path / "none.toml"
        environ = {"TEMPMAILD_STORE_READERS": "0", "TEMPMAILD_IMAP_LISTEN_TLS": "[::]:993"}
        assert problems(path, environ) == [
            f"{path}: no such file",
            "TEMPMAILD_STORE_READERS: 0 is less than 1 (allowed 1 to 256)",
        ]


class TestSample:
    def test_the_file_in_the_repository_is_up_to_date(self) -> None:
        assert SAMPLE.read_text() == sample(), "run: python -m tempmaild.settings > config/tempmaild.toml"

    def test_it_changes_nothing(self) -> None:
        assert load(SAMPLE, {}) == Settings()

    def test_it_shows_every_option_with_its_default(self, tmp_path: Path) -> None:
        text = re.sub(r"^#(?=\w+ = |    |\])", "", sample(), flags=re.MULTILINE)
        shown = {f"{section}.{name}" for section, content in tomllib.loads(text).items() for name in content}
        assert shown == set(OPTIONS)
        assert load(written(tmp_path, text), {}) == Settings()

    def test_it_says_what_needs_a_restart(self) -> None:
        marked = re.findall(r"Needs a restart\.\n#(\w+) = ", sample())
        assert marked == [option.name for option in OPTIONS.values() if option.needs_restart]

    def test_lines_fit(self) -> None:
        assert max(map(len, sample().splitlines())) <= 100

    def test_it_is_what_the_module_prints(self) -> None:
        command = [sys.executable, "-m", "tempmaild.settings"]
        assert subprocess.run(command, capture_output=True, check=True, text=True).stdout == sample()


class TestReloaded:
    def test_what_needs_a_restart_stays_and_is_named(self) -> None:
        running = Settings.model_validate({"host": {"name": "old.test"}, "checks": {"processes": 3}})
        wanted = Settings.model_validate({"host": {"name": "new.test"}, "smtp": {"listen": [], "max_recipients": 7}})
        expected = {"host": {"name": "old.test"}, "checks": {"processes": 3}, "smtp": {"max_recipients": 7}}
        waiting = ("host.name", "smtp.listen", "checks.processes")
        assert reloaded(running, wanted) == (Settings.model_validate(expected), waiting)
        # It still waits when settings are read once more, and no longer when they are again as they were.
        assert reloaded(reloaded(running, wanted)[0], wanted)[1] == waiting
        assert reloaded(running, running) == (running, ())

    def test_a_secret_is_not_named(self) -> None:
        wanted = Settings.model_validate({"limits": {"redis_url": "redis://me:secret@localhost/0"}})
        settings, waiting = reloaded(Settings(), wanted)
        assert settings == Settings()
        assert waiting == ("limits.redis_url",)


class TestTree:
    @pytest.mark.parametrize("key", OPTIONS)
    def test_every_option_is_explained_and_every_number_bounded(self, key: str) -> None:
        option = OPTIONS[key]
        assert option.field.description
        assert bool(option.allowed) == (type(option.field.default) in (int, float))

    @pytest.mark.parametrize("key", OPTIONS)
    def test_every_default_is_itself_allowed(self, key: str) -> None:
        option = OPTIONS[key]
        Settings.model_validate({option.section: {option.name: option.field.default}})

    def test_it_cannot_be_changed(self) -> None:
        with pytest.raises(ValidationError):
            Settings().smtp.max_recipients = 5  # type: ignore[misc]  # what mypy forbids is forbidden at run time too

    def test_the_database_password_is_not_shown(self) -> None:
        settings = load(None, {"TEMPMAILD_STORE_URL": "postgresql://me:secret@localhost/mail"})
        assert settings.store.url == "postgresql://me:secret@localhost/mail"
        assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (1000, "1000 B"), (1024, "1 KiB"), (1536, "1536 B"), (25 * 2**20, "25 MiB")]
)
def test_size_text(size: int, text: str) -> None:
    assert size_text(size) == text
