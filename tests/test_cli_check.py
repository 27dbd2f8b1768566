"""`tempmaild check`, what `domain set --check` makes of it, and `tempmaild statistics`."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tempmaild.core.verdict import Finding, Verdict
from tests import test_cli
from tests.dns_server import SERVFAIL, DnsServer
from tests.support import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tempmaild.appliance import Appliance

House = test_cli.House
tempmaild = test_cli.tempmaild
"""The fixture."""

MESSAGE = b"From: Joe <joe@example.org>\nSubject: hello\n\nHello.\n"
RIGHT, WRONG = "192.0.2.7", "198.51.100.1"


@pytest.fixture
def dns() -> Iterator[DnsServer]:
    with DnsServer() as server:
        server.zones = {
            "example.org": {"TXT": ["v=spf1 ip4:192.0.2.7 -all"], "A": ["192.0.2.7"]},
            "mail.example.org": {"A": ["192.0.2.7"]},
            "7.2.0.192.in-addr.arpa": {"PTR": ["mail.example.org"]},
            "_dmarc.example.org": {"TXT": ["v=DMARC1; p=reject"]},
        }
        yield server


class Checked:
    """The command `check` for one message in a file."""

    def __init__(self, house: House, folder: Path, dns: DnsServer) -> None:
        self._house = house
        self._file = folder / "message.eml"
        self._file.write_bytes(MESSAGE)
        house.config.write_text(house.config.read_text() + f'\n[dns]\nservers = ["{dns.address}"]\n')

    def __call__(self, ip: str = RIGHT, *options: str, message: bytes = MESSAGE) -> str:
        """Call it; what it prints."""
        self._file.write_bytes(message)
        envelope = ("--ip", ip, "--helo", "mail.example.org", "--from", "joe@example.org")
        return self._house.done("check", str(self._file), *envelope, *options)

    def as_object(self, ip: str = RIGHT, *options: str, message: bytes = MESSAGE) -> dict[str, Any]:
        """Call it with `--json`; the object it prints."""
        printed: dict[str, Any] = json.loads(self(ip, *options, "--json", message=message))
        return printed

    def results(self, ip: str = RIGHT, *options: str, message: bytes = MESSAGE) -> dict[str, str]:
        """Give what each method has found out."""
        checks = self.as_object(ip, *options, message=message)["checks"]
        return {found["method"]: found["result"] for check in checks.values() for found in check["findings"]}


@pytest.fixture
def check(tempmaild: House, tmp_path: Path, dns: DnsServer) -> Checked:
    return Checked(tempmaild, tmp_path, dns)


def test_what_is_in_order(check: Checked) -> None:
    printed = check()
    assert re.search(r"^spf +fine\n  spf=pass smtp\.mailfrom=example\.org", printed, re.MULTILINE)
    assert re.search(r"^dmarc +fine\n  dmarc=pass ", printed, re.MULTILINE)
    assert "\nit is delivered\n" in printed
    assert "\nAuthentication-Results: mx.box.test;\n\tspf=pass " in printed
    assert "\nReceived-SPF: pass " in printed


def test_what_is_forged(check: Checked) -> None:
    printed = check(WRONG)
    assert "\nit is delivered into Junk, because of dmarc\n" in printed
    found = check.as_object(WRONG)
    assert (found["disposition"], found["decided_by"], found["changed"]) == ("junk", "dmarc", False)
    assert {"$Junk", "spf-fail", "dmarc-fail"} <= set(found["keywords"])
    assert found["checks"]["spf"]["state"] == "bad"
    assert found["fields"].startswith("Authentication-Results: mx.box.test;\r\n\tspf=fail ")


def test_an_attachment_that_is_refused(check: Checked) -> None:
    program = b'Content-Disposition: attachment; filename="a.exe"\n' + MESSAGE
    found = check.as_object(message=program)
    assert (found["disposition"], found["decided_by"]) == ("refuse", "attachments")
    assert found["refusal"]["status"].startswith("5.7.")
    assert "\nit is refused, because of attachments\n  5.7." in check(message=program)


def test_a_domain_may_want_otherwise(check: Checked, tempmaild: House) -> None:
    tempmaild.done("domain", "add", "box.test")
    to = ("--to", "a@box.test")
    assert check.as_object(WRONG, *to)["disposition"] == "junk"
    tempmaild.done("domain", "set", "box.test", "--check", "spf.action=refuse", "dkim.enabled=false")
    found = check.as_object(WRONG, *to)
    assert (found["disposition"], found["decided_by"], found["refusal"]["status"]) == ("refuse", "spf", "5.7.23")
    assert "dkim" not in found["checks"]
    assert check.as_object(WRONG, "--to", "a@other.test")["disposition"] == "junk"
    assert "\nchecks    dkim.enabled=false spf.action=refuse\n" in tempmaild.done("domain", "show", "box.test")
    tempmaild.done("domain", "set", "box.test", "--check", "spf.action=none", "dkim.enabled=none")
    assert check.as_object(WRONG, *to)["decided_by"] == "dmarc"
    assert "checks" not in tempmaild.done("domain", "show", "box.test")


@pytest.mark.parametrize(
    ("wish", "complaint"),
    [
        ("spf.action=burn", "spf.action"),
        ("spf.colour=red", "colour"),
        ("virus.action=refuse", "there is no check 'virus'"),
        ("spf.enabled=perhaps", "spf.enabled"),
        ("spam.threshold=high", "spam.threshold"),
        ("clamav.failing=refuse", "clamav.failing"),
    ],
)
def test_wishes_that_cannot_be(tempmaild: House, wish: str, complaint: str) -> None:
    tempmaild.done("domain", "add", "box.test")
    assert complaint in tempmaild.refused("domain", "set", "box.test", "--check", wish)
    assert json.loads(tempmaild.done("domain", "show", "box.test", "--json"))["checks"] == {}


@pytest.mark.parametrize("wish", ["spf", "spf=refuse", "spf.action", "spf.action=", "=refuse", ".="])
def test_wishes_that_are_none(tempmaild: House, wish: str) -> None:
    tempmaild.done("domain", "add", "box.test")
    tempmaild("domain", "set", "box.test", "--check", wish)
    assert tempmaild.code == 2
    assert "is not such as spf.action=refuse" in tempmaild.errors


def test_wishes_are_shown_as_they_are_given(tempmaild: House) -> None:
    tempmaild.done("domain", "add", "box.test")
    wishes = [
        "attachments.action=strip",
        'attachments.extensions=["exe", "b c"]',
        "dkim.enabled=false",
        "spam.threshold=7.5",
    ]
    tempmaild.done("domain", "set", "box.test", "--check", *wishes)
    assert f"\nchecks    {' '.join(wishes)}\n" in tempmaild.done("domain", "show", "box.test")


def test_rules_of_the_operator(check: Checked, tempmaild: House) -> None:
    tempmaild.done("block", "add", "network", f"{RIGHT}/32", "--action", "junk")
    found = check.as_object()
    assert (found["disposition"], found["decided_by"], found["keywords"]) == ("junk", "block-rule", ["$Junk"])
    tempmaild.done("block", "add", "network", f"{RIGHT}/32", "--action", "refuse")
    envelope = ("--ip", RIGHT, "--from", "joe@example.org")
    assert f"network {RIGHT}/32" in tempmaild.refused("check", "-", *envelope)


@pytest.mark.parametrize("client", [(), ("--ip", "127.0.0.1"), ("--ip", "::1")])
def test_who_passes_mail_on_says_nothing_of_its_sender(
    check: Checked, tempmaild: House, client: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when mail arrives: a host of [checks] relays is not the sender's."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(MESSAGE)))
    assert check.results()["spf"] == "pass"
    found = json.loads(tempmaild.done("check", "-", "--from", "joe@example.org", *client, "--json"))
    assert [finding["result"] for finding in found["checks"]["spf"]["findings"]] == ["none"]


def test_dns_that_does_not_tell(check: Checked, dns: DnsServer) -> None:
    dns.zones = {"example.org": SERVFAIL, "_dmarc.example.org": SERVFAIL}
    assert check.results()["spf"] == "temperror"
    assert check.as_object()["checks"]["spf"]["state"] == "failed"


def test_what_is_forged_in_our_name_is_taken_out(check: Checked) -> None:
    forged = b"Authentication-Results: mx.box.test; dmarc=pass\n" + MESSAGE
    assert check.as_object(message=forged)["changed"]
    assert "\nits content is changed\n" in check(message=forged)


@pytest.mark.parametrize(
    "message", [b"", b"\0\xff", b"From", b"From: a@b\r\n" * 2000, b"Content-Type: multipart/x; boundary=b\n\n--b"]
)
def test_whatever_is_in_the_file(check: Checked, message: bytes) -> None:
    assert check.as_object(message=message)["disposition"] in {"accept", "junk"}


def test_a_file_that_is_not_there(tempmaild: House, tmp_path: Path) -> None:
    assert "No such file" in tempmaild.refused("check", str(tmp_path / "nothing.eml"))
    assert "directory" in tempmaild.refused("check", str(tmp_path))


def test_an_address_that_is_none(tempmaild: House) -> None:
    tempmaild("check", "-", "--ip", "192.0.2.256")
    assert tempmaild.code == 2
    assert "'192.0.2.256' is no IP address" in tempmaild.errors


def test_statistics_tell_what_was_counted(tempmaild: House) -> None:
    assert tempmaild.done("statistics") == ""
    refused = Verdict("refuse", "clamav", findings=(Finding("x-clamav", "fail"), Finding("spf", "pass")))

    def count(appliance: Appliance) -> None:
        for _ in range(2):
            appliance.statistics.treated(refused)
        appliance.statistics.treated(Verdict())
        run(appliance.statistics.flush())

    tempmaild.with_appliance(count)
    expected = {"accept": 1, "refuse": 2, "refuse/clamav": 2, "spf=pass": 2, "x-clamav=fail": 2}
    assert tempmaild.objects("statistics") == [expected]
    assert tempmaild.objects("statistics", "--within", "30d") == [expected]
    printed = tempmaild.done("statistics").splitlines()
    assert {tuple(line.split()) for line in printed} == {(name, str(count)) for name, count in expected.items()}
    assert len({len(line) for line in printed}) == 1
    tempmaild("statistics", "--within", "never")
    assert tempmaild.code == 2


def test_checking_a_file_counts_nothing(check: Checked, tempmaild: House) -> None:
    check()
    assert tempmaild.objects("statistics") == [{}]
