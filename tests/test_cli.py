"""The `tempmaild` command: what it prints, and how it ends."""

from __future__ import annotations

import json
import os
import re
from contextlib import closing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tempmaild import __version__
from tempmaild.appliance import open_appliance
from tempmaild.cli import main
from tempmaild.settings import load
from tests.support import MESSAGE, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tempmaild.appliance import Appliance

_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
_SHOWN = ["id", "address", "created_at", "expires_at", "lifetime", "sealed", "public"]
_SECRET = r"(?:[0-9a-z]{5}-){5}[0-9a-z]"


class House:
    """A settings file, and the command called in this process.

    Attributes:
        code: how the last call ended.
        errors: what it wrote to standard error.
    """

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.config = folder / "tempmaild.toml"
        self.config.write_text('[host]\nname = "mx.box.test"\nstate = "state"\n')
        self.code: Any = None
        self.errors = ""
        self._capsys = capsys

    def __call__(self, *arguments: str) -> str:
        """Call it; what it prints."""
        self.code = 0
        try:
            main(["--config", str(self.config), *arguments])
        except SystemExit as end:
            self.code = end.code
        printed = self._capsys.readouterr()
        self.errors = printed.err
        return printed.out

    def done(self, *arguments: str) -> str:
        """Call it, and see that it was done."""
        printed = self(*arguments)
        assert (self.code, self.errors) == (0, "")
        return printed

    def refused(self, *arguments: str) -> str:
        """Call it, and see that it was refused; what it says."""
        assert self(*arguments) == ""
        assert self.code == 1
        assert self.errors.startswith("tempmaild: ")
        return self.errors.removeprefix("tempmaild: ").rstrip("\n")

    def objects(self, *arguments: str) -> list[dict[str, Any]]:
        """Call it with `--json`; the objects it prints, one a line."""
        return [json.loads(line) for line in self.done(*arguments, "--json").splitlines()]

    def with_appliance(self, act: Callable[[Appliance], None]) -> None:
        """Do something beside the command."""
        appliance = open_appliance(load(self.config, {}))
        with closing(appliance.handle):
            act(appliance)


@pytest.fixture
def tempmaild(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> House:
    for name in os.environ:
        if name.startswith("TEMPMAILD_"):
            monkeypatch.delenv(name)
    return House(tmp_path, capsys)


@pytest.fixture
def with_domain(tempmaild: House) -> House:
    tempmaild.done("domain", "add", "box.test")
    return tempmaild


class TestDomains:
    def test_are_added_listed_and_removed(self, tempmaild: House) -> None:
        assert tempmaild.done("domain", "list") == ""
        assert tempmaild.done("domain", "add", "Box.Test") == "box.test added (claimed, sealed)\n"
        assert tempmaild.done("domain", "add", "a.test", "--kind", "open") == "a.test added (open, public)\n"
        assert tempmaild.done("domain", "list") == "a.test  open, public\nbox.test  claimed, sealed\n"
        first, _ = tempmaild.objects("domain", "list")
        assert re.fullmatch(_TIME, first.pop("created_at"))
        assert first == {"name": "a.test", "kind": "open", "public": True, "sealed": False, "enabled": True}
        assert tempmaild.done("domain", "remove", "a.test") == "a.test removed\n"
        assert tempmaild.done("domain", "list") == "box.test  claimed, sealed\n"

    def test_are_decided(self, with_domain: House) -> None:
        options = "--kind catch-all --catch-all All@box.test --operator me@box.test --unsealed --passwords"
        options += " --preset file-share --idle 2h --messages 7 --when-full refuse --delete-after-reading 0"
        options += " --retention 1h --extend 3d --longest 3d --largest-message 2MiB --names short --reserve Boss ceo"
        options += " --check spf.action=refuse clamav.enabled=false"
        with_domain.done("domain", "add", "a.test", *options.split())
        decided = _decided(with_domain, "a.test")
        lifetime = {"seconds": 86400, "idle": 7200, "messages": 7, "when_full": "refuse", "after_reading": 0}
        lifetime |= {"retention": 3600, "extend": 3 * 86400}
        assert decided == {
            "name": "a.test",
            "kind": "catch-all",
            "public": False,
            "sealed": False,
            "enabled": True,
            "lifetime": lifetime,
            "longest": 3 * 86400,
            "largest_message": 2 << 20,
            "names": "short",
            "passwords": True,
            "catch_all": "all@box.test",
            "operator": "me@box.test",
            "reserved": ["boss", "ceo"],
            "checks": {"spf": {"action": "refuse"}, "clamav": {"enabled": False}},
        }
        printed = with_domain.done("domain", "show", "a.test")
        assert "1d; idle 2h at most; extendable to 3d; 7 messages, then none is taken; each message for 1h" in printed

    def test_are_decided_otherwise(self, with_domain: House) -> None:
        def changed(*options: str) -> dict[str, Any]:
            with_domain.done("domain", "set", "box.test", *options)
            return _decided(with_domain, "box.test")

        assert changed("--lifetime", "2h", "--idle", "1h", "--delete-after-reading", "5m")["sealed"] is True
        assert changed("--messages", "3")["lifetime"] == {
            "seconds": 7200,
            "idle": 3600,
            "messages": 3,
            "when_full": "oldest",
            "after_reading": 300,
            "retention": 0,
            "extend": 0,
        }
        lifetime = changed("--idle", "none", "--delete-after-reading", "none", "--lifetime", "forever")["lifetime"]
        assert (lifetime["seconds"], lifetime["idle"], lifetime["after_reading"]) == (0, 0, None)
        assert changed("--preset", "none")["lifetime"]["seconds"] == 86400
        assert changed("--passwords", "--reserve", "boss", "--longest", "1d")["passwords"] is True
        after = changed("--no-passwords", "--reserve", "--longest", "none", "--unsealed")
        assert (after["passwords"], after["reserved"], after["longest"], after["sealed"]) == (False, [], 0, False)
        assert changed("--kind", "catch-all", "--catch-all", "all@box.test", "--sealed")["sealed"] is True
        assert changed("--kind", "open")["catch_all"] == ""
        assert with_domain.done("domain", "disable", "box.test") == "box.test disabled\n"
        assert with_domain.done("domain", "list") == "box.test  open, public, disabled\n"
        assert "takes no mail" in with_domain.refused("mailbox", "create", "box.test")
        assert with_domain.done("domain", "enable", "box.test") == "box.test enabled\n"

    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            (
                "--catch-all a@box.test",
                "catch_all: a domain of the kind 'claimed' has no mailbox for all other names",
            ),
            ("--lifetime 5s", "seconds: 5 is not between"),
            ("--longest 1h --lifetime 2h", "seconds: a mailbox of this domain lives at most 3600 seconds"),
            ("--largest-message 1", "largest_message: 1 octets are not between"),
            ("--operator me@elsewhere.test", "operator: me@elsewhere.test is not on this host"),
            ("--messages -1", "messages: -1 is not between"),
        ],
    )
    def test_are_refused_what_is_impossible(self, with_domain: House, options: str, reason: str) -> None:
        assert f"a value is impossible ({reason}" in with_domain.refused("domain", "add", "a.test", *options.split())
        assert with_domain.done("domain", "list").count("\n") == 1

    @pytest.mark.parametrize(
        "options",
        [
            "--kind shut",
            "--lifetime 1h --preset support",
            "--preset none",
            "--largest-message much",
            "--sealed --unsealed",
        ],
    )
    def test_are_not_understood(self, with_domain: House, options: str) -> None:
        with_domain("domain", "add", "a.test", *options.split())
        assert with_domain.code == 2

    def test_are_refused(self, with_domain: House) -> None:
        assert with_domain.refused("domain", "add", "box.test") == "the domain is there already (box.test)"
        assert "(other.test)" in with_domain.refused("domain", "remove", "other.test")
        assert "'a b'" in with_domain.refused("domain", "add", "a b")
        with_domain.done("mailbox", "create", "box.test")
        assert with_domain.refused("domain", "remove", "box.test") == "the domain still has mailboxes (box.test)"


def _decided(tempmaild: House, name: str) -> dict[str, Any]:
    (shown,) = tempmaild.objects("domain", "show", name)
    assert re.fullmatch(_TIME, shown.pop("created_at"))
    return shown


class TestCreate:
    def test_shows_the_secret_once(self, with_domain: House) -> None:
        printed = with_domain.done("mailbox", "create", "Joe@box.test")
        assert re.search(r"^address   joe@box\.test$", printed, re.MULTILINE)
        assert re.search(rf"^secret    {_SECRET}    \(shown only now\)$", printed, re.MULTILINE)
        assert re.search(rf"^expires   {_TIME}$", printed, re.MULTILINE)
        assert re.search(r"^IMAP      mx\.box\.test, port 143$", printed, re.MULTILINE)
        secret = re.search(_SECRET, printed)
        assert secret
        for command in ("list", "show"):
            arguments = ("joe@box.test",) if command == "show" else ()
            assert secret[0] not in with_domain.done("mailbox", command, *arguments)

    def test_gives_programs_what_they_need(self, with_domain: House) -> None:
        (new,) = with_domain.objects("mailbox", "create", "joe@box.test", "--lifetime", "10m")
        assert list(new) == [*_SHOWN, "secret", "receipt_id", "imap", "pop3", "smtp"]
        assert (new["lifetime"]["seconds"], new["sealed"], new["public"]) == (600, True, False)
        assert new["address"] == "joe@box.test"
        assert isinstance(new["id"], int)
        assert re.fullmatch(_TIME, new["expires_at"])
        assert new["imap"] == {"host": "mx.box.test", "port": 143, "tls_port": None, "starttls": False}
        assert (new["pop3"]["port"], new["smtp"]["port"]) == (110, 25)

        def log_in(appliance: Appliance) -> None:
            mailbox = run(appliance.logins.login(new["address"], new["secret"])).mailbox
            assert (mailbox.id, mailbox.expires_at - mailbox.created_at) == (new["id"], 600)

        with_domain.with_appliance(log_in)

    def test_tells_where_the_services_are(self, with_domain: House, tmp_path: Path) -> None:
        for name in ("certificate", "key"):
            (tmp_path / name).write_text("")
        with with_domain.config.open("a") as config:
            config.write('[tls]\ncertificate = "../certificate"\nkey = "../key"\n')
            config.write('[imap]\nlisten = ["[::]:1143", "unix:imap.sock"]\nlisten_tls = ["192.0.2.1:1993"]\n')
            config.write("[pop3]\nlisten = []\n")
        (new,) = with_domain.objects("mailbox", "create", "box.test")
        assert new["imap"] == {"host": "192.0.2.1", "port": 1143, "tls_port": 1993, "starttls": True}
        assert (new["pop3"]["port"], new["pop3"]["tls_port"]) == (None, None)
        printed = with_domain.done("mailbox", "create", "box.test")
        assert "IMAP      192.0.2.1, port 1143 (STARTTLS), port 1993 (TLS)" in printed
        assert "POP3" not in printed

    def test_with_rules_of_its_own(self, with_domain: House) -> None:
        with_domain.done("domain", "set", "box.test", "--preset", "support")
        (new,) = with_domain.objects("mailbox", "create", "box.test", "--idle", "1h", "--names", "short")
        assert re.match(r"[0-9a-f]{8}@", new["address"])
        usual = {"seconds": 7 * 86400, "messages": 500, "when_full": "refuse", "extend": 30 * 86400}
        assert new["lifetime"] == {"after_reading": None, "retention": 0, **usual, "idle": 3600}
        (new,) = with_domain.objects("mailbox", "create", "box.test", "--preset", "verification")
        assert new["lifetime"]["seconds"] == 3600

    def test_for_the_operator(self, with_domain: House) -> None:
        command = ("mailbox", "create", "postmaster@box.test", "--lifetime", "forever")
        assert with_domain.refused(*command).startswith("the address is kept for whoever runs the host")
        assert "expires   never\nlifetime  forever\nmail      sealed\n" in with_domain.done(*command, "--role")
        assert with_domain.done("mailbox", "list") == "postmaster@box.test  expires never\n"

    def test_that_everybody_reads(self, with_domain: House) -> None:
        with_domain.done("domain", "add", "open.test", "--kind", "open")
        public = "mail      public: whoever knows the address reads it\n"
        assert public in with_domain.done("mailbox", "create", "any@open.test")
        assert public in with_domain.done("mailbox", "show", "any@open.test")
        assert with_domain.done("mailbox", "list").endswith("  (public)\n")
        (shown,) = with_domain.objects("mailbox", "list")
        assert (shown["sealed"], shown["public"]) == (False, True)

    def test_makes_many(self, with_domain: House) -> None:
        new = with_domain.objects("mailbox", "create", "box.test", "--count", "3")
        assert len({mailbox["address"] for mailbox in new}) == len({mailbox["secret"] for mailbox in new}) == 3
        assert [mailbox["address"] for mailbox in with_domain.objects("mailbox", "list")] == [
            mailbox["address"] for mailbox in new
        ]

    @pytest.mark.parametrize(
        ("lifetime", "seconds"), [("600", 600), ("90s", 90), ("2m", 120), ("24h", 86400), ("7d", 604800)]
    )
    def test_takes_times(self, with_domain: House, lifetime: str, seconds: int) -> None:
        with_domain.done("mailbox", "create", "joe@box.test", "--lifetime", lifetime)

        def look(appliance: Appliance) -> None:
            mailbox = run(appliance.mailboxes.find("joe@box.test"))
            assert mailbox.expires_at - mailbox.created_at == seconds

        with_domain.with_appliance(look)

    @pytest.mark.parametrize(
        "options",
        [("--lifetime", text) for text in ("0", "-1", "h", "1w", "1.5h", "")]
        + [("--count", text) for text in ("0", "-1", "x", "")],
    )
    def test_does_not_take_others(self, with_domain: House, options: tuple[str, str]) -> None:
        assert with_domain("mailbox", "create", "box.test", "=".join(options)) == ""
        assert with_domain.code == 2
        assert "is not a" in with_domain.errors

    def test_is_refused(self, with_domain: House) -> None:
        with_domain.done("mailbox", "create", "joe@box.test")
        assert with_domain.refused("mailbox", "create", "JOE@box.test").startswith("the address belongs to a mailbox")
        assert "(other.test)" in with_domain.refused("mailbox", "create", "joe@other.test")
        assert "no address" in with_domain.refused("mailbox", "create", "a b@box.test")


class TestLooking:
    def test_at_one(self, with_domain: House) -> None:
        with_domain.done("mailbox", "create", "joe@box.test", "--lifetime", "1d")

        def deliver(appliance: Appliance) -> None:
            run(appliance.deliveries.deliver(MESSAGE, [run(appliance.deliveries.recipient("joe", "box.test"))]))

        with_domain.with_appliance(deliver)
        printed = with_domain.done("mailbox", "show", "Joe@box.test").splitlines()
        assert printed[0] == "address   joe@box.test"
        assert f"folder    INBOX: 1 message, 1 unseen, {len(MESSAGE)} octets" in printed
        assert not any("expired" in line for line in printed)
        (shown,) = with_domain.objects("mailbox", "show", "joe@box.test")
        assert list(shown) == [*_SHOWN, "expired", "folders"]
        assert shown["expired"] is False
        assert shown["folders"][1] == {"name": "INBOX", "messages": 1, "unseen": 1, "size": len(MESSAGE)}
        assert "(ann@box.test)" in with_domain.refused("mailbox", "show", "ann@box.test")

    def test_at_many(self, with_domain: House) -> None:
        with_domain.done("domain", "add", "other.test")
        for address in ("b@box.test", "a@other.test", "a@box.test"):
            with_domain.done("mailbox", "create", address)
        listed = with_domain.done("mailbox", "list").splitlines()
        assert [line.split()[0] for line in listed] == ["b@box.test", "a@other.test", "a@box.test"]
        assert re.fullmatch(rf"b@box\.test  expires {_TIME}", listed[0])
        (other,) = with_domain.objects("mailbox", "list", "--domain", "other.test")
        assert list(other) == _SHOWN
        assert "(third.test)" in with_domain.refused("mailbox", "list", "--domain", "third.test")


class TestDestroying:
    def test_those_named(self, with_domain: House) -> None:
        for name in "abc":
            with_domain.done("mailbox", "create", f"{name}@box.test")
        printed = with_domain.done("mailbox", "destroy", "a@box.test", "B@box.test")
        assert printed == "a@box.test destroyed, with 0 messages\nb@box.test destroyed, with 0 messages\n"
        assert "(a@box.test)" in with_domain.refused("mailbox", "destroy", "a@box.test")
        assert "in quarantine" in with_domain.refused("mailbox", "create", "a@box.test")

    def test_the_expired(self, with_domain: House) -> None:
        for name, lifetime in (("a", "1d"), ("b", "1h"), ("c", "1h")):
            with_domain.done("mailbox", "create", f"{name}@box.test", "--lifetime", lifetime)
        assert with_domain.objects("purge") == [{"mailboxes": 0, "messages": 0}]

        def expire(appliance: Appliance) -> None:
            appliance.handle.run("UPDATE mailbox SET expires_at = 1 WHERE address <> 'a@box.test'")

        with_domain.with_appliance(expire)
        assert "(expired)" in with_domain.done("mailbox", "show", "b@box.test")
        assert with_domain.done("purge") == "2 expired mailboxes destroyed, with 0 messages\n"
        assert with_domain.done("mailbox", "list").startswith("a@box.test ")


class TestSettings:
    def test_are_checked(self, tempmaild: House) -> None:
        assert tempmaild.done("check-config") == f"{tempmaild.config}: no problem found\n"
        tempmaild.config.write_text('[smtp]\nmax_recipients = 0\nnonsense = 1\n[imap]\nlisten = "x"\n')
        assert tempmaild("check-config") == ""
        assert tempmaild.code == 2
        for problem in ("smtp.max_recipients", "smtp.nonsense", "imap.listen"):
            assert problem in tempmaild.errors

    @pytest.mark.parametrize("command", [("domain", "list"), ("run",), ("purge",)])
    def test_that_are_wrong_stop_everything(self, tempmaild: House, tmp_path: Path, command: tuple[str, ...]) -> None:
        tempmaild.config.write_text("[host]\nstate = 7\n")
        tempmaild(*command)
        assert tempmaild.code == 2
        assert "host.state" in tempmaild.errors
        assert not (tmp_path / "state").exists()

    def test_may_be_named_anywhere(self, tempmaild: House, monkeypatch: pytest.MonkeyPatch) -> None:
        expected = f"{tempmaild.config}: no problem found\n"
        monkeypatch.setenv("TEMPMAILD_CONFIG", str(tempmaild.config))
        main(["check-config"])
        assert tempmaild._capsys.readouterr().out == expected
        monkeypatch.setenv("TEMPMAILD_CONFIG", "/nonexistent")
        main(["check-config", "--config", str(tempmaild.config)])
        assert tempmaild._capsys.readouterr().out == expected

    def test_that_are_missing(self, tempmaild: House) -> None:
        tempmaild.config.unlink()
        tempmaild("check-config")
        assert tempmaild.code == 2
        assert str(tempmaild.config) in tempmaild.errors

    def test_of_a_store_that_cannot_be_opened(self, tempmaild: House, tmp_path: Path) -> None:
        (tmp_path / "state").write_text("not a folder")
        assert tempmaild.refused("domain", "list").startswith("the database did not answer")


class TestUsage:
    @pytest.mark.parametrize("arguments", [(), ("nonsense",), ("domain",), ("mailbox", "create"), ("purge", "extra")])
    def test_is_told(self, tempmaild: House, arguments: tuple[str, ...]) -> None:
        tempmaild(*arguments)
        assert tempmaild.code == 2
        assert "usage: tempmaild" in tempmaild.errors

    def test_of_the_version(self, tempmaild: House) -> None:
        assert tempmaild("--version") == f"tempmaild {__version__}\n"
        assert tempmaild.code == 0


class TestMailboxExtend:
    def test_puts_off_the_end(self, tempmaild: House) -> None:
        tempmaild.done("domain", "add", "box.test")
        (mailbox,) = tempmaild.objects("mailbox", "create", "joe@box.test", "--lifetime", "1h")
        before = datetime.fromisoformat(mailbox["expires_at"])
        later = (before + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
        assert tempmaild.done("mailbox", "extend", "joe@box.test", "--by", "2d") == f"joe@box.test  expires {later}\n"
        for until, shown in (
            ("2099-01-31T12:00:00Z", "2099-01-31T12:00:00Z"),
            ("2099-01-31T12:00:01", "2099-01-31T12:00:01Z"),
            ("2099-01-31T12:00:00-01:30", "2099-01-31T13:30:00Z"),
        ):
            printed = tempmaild.done("mailbox", "extend", "joe@box.test", "--until", until)
            assert printed == f"joe@box.test  expires {shown}\n"
        forever = tempmaild.done("mailbox", "extend", "joe@box.test", "--forever")
        assert forever == "joe@box.test  expires never\n"

    def test_is_refused(self, tempmaild: House) -> None:
        tempmaild.done("domain", "add", "box.test")
        tempmaild.done("mailbox", "create", "joe@box.test")
        said = tempmaild.refused("mailbox", "extend", "joe@box.test", "--until", "2020-01-01")
        assert said.startswith("the end of the mailbox cannot be put off, or not so far (")
        tempmaild.refused("mailbox", "extend", "ann@box.test", "--by", "1h")

    @pytest.mark.parametrize(
        "options",
        [(), ("--by", "0"), ("--by", "soon"), ("--until", "tomorrow"), ("--by", "1h", "--forever")],
    )
    def test_is_not_understood(self, tempmaild: House, options: tuple[str, ...]) -> None:
        tempmaild("mailbox", "extend", "joe@box.test", *options)
        assert tempmaild.code == 2
