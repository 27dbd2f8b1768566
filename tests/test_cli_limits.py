"""`tempmaild limit` and `tempmaild ban`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests import test_cli

if TYPE_CHECKING:
    from pathlib import Path

House = test_cli.House
tempmaild = test_cli.tempmaild
"""The fixture."""

DEFAULTS = ["connections", "failed-logins-ban", "failed-logins-delay", "messages", "new-addresses", "recipients"]
ADD = ("limit", "add", "flood", "--event", "recipient", "--subject", "mailbox", "--amount", "50", "--window", "10m")


class TestLimits:
    def test_are_listed(self, tempmaild: House) -> None:
        assert [limit["name"] for limit in tempmaild.objects("limit", "list")] == DEFAULTS
        lines = tempmaild.done("limit", "list").splitlines()
        assert lines[1] == (
            "failed-logins-ban: 50 failed-login in 3600 s by network (/32, /64), then ban for 3600 s"
            " [sliding-window-counter]"
        )

    def test_are_added_changed_and_removed(self, tempmaild: House) -> None:
        assert tempmaild.done(*ADD, "--strategy", "fixed-window", "--domain", "Box.Test") == "flood added\n"
        (limit,) = (limit for limit in tempmaild.objects("limit", "list") if limit["name"] == "flood")
        assert limit == {
            "name": "flood",
            "event": "recipient",
            "subject": "mailbox",
            "amount": 50,
            "window": 600,
            "strategy": "fixed-window",
            "action": "refuse",
            "ban_seconds": 0,
            "ipv4_prefix": 32,
            "ipv6_prefix": 64,
            "domain": "box.test",
            "enabled": True,
        }
        assert tempmaild.done("limit", "set", "flood", "--amount", "9", "--disabled") == "flood changed\n"
        (changed,) = (limit for limit in tempmaild.objects("limit", "list") if limit["name"] == "flood")
        assert changed == {**limit, "amount": 9, "enabled": False}
        assert "flood: 9 recipient to box.test in 600 s by mailbox, then refuse [fixed-window] OFF\n" in (
            tempmaild.done("limit", "list")
        )
        assert tempmaild.done("limit", "remove", "flood") == "flood removed\n"
        assert [limit["name"] for limit in tempmaild.objects("limit", "list")] == DEFAULTS

    def test_one_that_banned_need_not(self, tempmaild: House) -> None:
        tempmaild.done("limit", "set", "failed-logins-ban", "--action", "delay")
        limits = {limit["name"]: limit for limit in tempmaild.objects("limit", "list")}
        assert (limits["failed-logins-ban"]["action"], limits["failed-logins-ban"]["ban_seconds"]) == ("delay", 0)
        tempmaild.done("limit", "set", "failed-logins-ban", "--action", "ban", "--ban-for", "2h")
        limits = {limit["name"]: limit for limit in tempmaild.objects("limit", "list")}
        assert limits["failed-logins-ban"]["ban_seconds"] == 7200

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ((*ADD, "--amount", "0"), "a value is impossible (amount: 0 is not between 1 and 1000000000000)"),
            ((*ADD, "--subject", "api-key"), "a value is impossible (subject: 'api-key' is not one of network,"),
            ((*ADD, "--domain", "no domain"), "a value is impossible (domain: 'no domain' is no name of a domain)"),
            (("limit", "set", "messages", "--ipv4-prefix", "40"), "(ipv4_prefix: 40 is not between 8 and 32)"),
            (("limit", "set", "flood", "--amount", "1"), "no limit has this name (flood)"),
            (("limit", "remove", "flood"), "no limit has this name (flood)"),
            (
                ("ban", "add", "192.0.2.1/24"),
                "(network: '192.0.2.1/24' goes on after its prefix: write 192.0.2.0/24)",
            ),
            (("ban", "remove", "192.0.2.0/24"), "the network is not banned (192.0.2.0/24)"),
        ],
    )
    def test_what_is_wrong_is_said(
        self,
        tempmaild: House,
        arguments: tuple[str, ...],
        said: str,
    ) -> None:
        assert said in tempmaild.refused(*arguments)

    def test_a_name_is_given_once(self, tempmaild: House) -> None:
        tempmaild.done(*ADD)
        assert tempmaild.refused(*ADD) == "there is a limit, schedule or API key of this name (flood)"


class TestBans:
    def test_are_added_listed_and_removed(self, tempmaild: House) -> None:
        assert tempmaild.done("ban", "list") == ""
        added = tempmaild.done("ban", "add", "2001:DB8::/32", "--for", "2d", "--reason", "spam", "--scope", "mail")
        assert re.fullmatch(rf"2001:db8::/32 is banned until {test_cli._TIME}\n", added)
        (ban,) = tempmaild.objects("ban", "list")
        assert (ban["network"], ban["scope"], ban["reason"]) == ("2001:db8::/32", "mail", "spam")
        assert ban["created_at"][:10] < ban["until"][:10]
        assert tempmaild.done("ban", "list") == f"2001:db8::/32 mail until {ban['until']} spam\n"
        assert tempmaild.done("ban", "remove", "2001:db8::/32") == "2001:db8::/32 is banned no more\n"
        assert tempmaild.objects("ban", "list") == []

    def test_are_exported_and_imported(self, tempmaild: House, tmp_path: Path) -> None:
        tempmaild.done("ban", "add", "2001:db8::/32", "--for", "2d", "--reason", 'say "no"', "--scope", "mail")
        exported = tempmaild.done("ban", "export")
        tempmaild.done("ban", "remove", "2001:db8::/32")
        file = tmp_path / "bans"
        file.write_text(f"# a list\n{exported}192.0.2.1\n")
        assert tempmaild.done("ban", "import", str(file), "--for", "1h", "--reason", "list") == "2 bans imported\n"
        assert exported in tempmaild.done("ban", "export")
        (single,) = (ban for ban in tempmaild.objects("ban", "list") if ban["network"] == "192.0.2.1/32")
        assert (single["scope"], single["reason"]) == ("all", "list")
        file.write_text("192.0.2.2\nnobody\n")
        assert "line 2: network: 'nobody' is not ADDRESS/PREFIX" in tempmaild.refused("ban", "import", str(file))
        assert "192.0.2.2" not in tempmaild.done("ban", "list")
        assert "No such file" in tempmaild.refused("ban", "import", "/nowhere/at-all")
