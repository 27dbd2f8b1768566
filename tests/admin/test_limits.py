"""The pages of limits: decided about, and who is held to them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tempmaild.core.limit import Limit
from tempmaild.errors import NoSuchLimit, TooFast
from tests.admin.console import Console
from tests.support import run

if TYPE_CHECKING:
    from pathlib import Path

CLIENT = "192.0.2.1"
FEW = Limit("few", "message", "network", 2, 3600)


def get(console: Console, name: str = "few") -> Limit:
    return run(console.appliance.limits.get(name))


def add(console: Console, **fields: Any) -> Limit:
    return run(console.appliance.limits.add(msgspec.structs.replace(FEW, **fields)))


def send(console: Console, times: int, address: str = CLIENT, **of: Any) -> None:
    """Count messages, as the daemon does, and have it tell."""
    for _ in range(times):
        with contextlib.suppress(TooFast):
            run(console.appliance.limiter.count("message", address, **of))
    run(console.appliance.limit_use.flush())


class TestDeciding:
    def test_shows_those_of_a_new_database(self, console: Console) -> None:
        page = console.as_("viewer").page("/limits/")
        assert (
            "failed-logins-ban 50 logins with wrong credentials in 1 hour for each network of clients (/32, /64)"
            " turn its network away for 1 hour holds"
        ) in page.text
        assert "Switch off" not in page.text
        assert not page.unclosed

    def test_without_any(self, console: Console) -> None:
        for limit in run(console.appliance.limits.list_all()):
            run(console.appliance.limits.remove(limit.name))
        assert "anybody may do as much as this host can bear" in console.as_("viewer").page("/limits/").text

    def test_adds(self, console: Console) -> None:
        page = console.as_("operator").submit(
            "/limits/add",
            name="flood",
            event="recipient",
            subject="mailbox",
            amount="200",
            window="90m",
            domain="BOX.test",
            strategy="fixed-window",
            # Left from a change of mind.
            ban_seconds="1h",
        )
        assert "flood holds from now on." in page.text
        assert "200 recipients (RCPT) in 1 hour 30 minutes for each mailbox, to box.test" in page.text
        wanted = Limit("flood", "recipient", "mailbox", 200, 5400, "fixed-window", domain="box.test")
        assert get(console, "flood") == msgspec.structs.replace(wanted, id=get(console, "flood").id)
        assert console.audited("limit-add") == [("op", "flood")]

    @pytest.mark.parametrize(
        ("fields", "field", "error"),
        [
            ({"name": "No Name"}, "name", "is not made of at most 63 of a-z"),
            ({"name": "connections"}, "name", "There is a limit of this name."),
            ({"amount": "0"}, "amount", "0 is not between 1 and"),
            ({"amount": "many"}, "amount", "Not a valid integer value."),
            ({"amount": ""}, "amount", "This field is required."),
            ({"window": "soon"}, "window", "This is not a time such as 30m, 24h or 7d."),
            ({"window": "99d"}, "window", "is not between 1 and"),
            ({"subject": "mailbox"}, "subject", "'mailbox' is not one of network, sender-domain"),
            ({"event": "rain"}, "event", "Not a valid choice."),
            ({"action": "ban"}, "ban_seconds", "0 is not between 1 and"),
            ({"subject": "sender-domain", "action": "ban", "ban_seconds": "1h"}, "action", "only a network can be"),
            ({"event": "failed-login"}, "action", "a failed login is refused anyway"),
            ({"strategy": "moving-window", "amount": "1001"}, "strategy", "at most 1000"),
            ({"domain": "box.test"}, "domain", "only these belong to a domain of ours"),
            ({"event": "recipient", "domain": "no name"}, "domain", "is no name of a domain"),
            ({"ipv4_prefix": "33"}, "ipv4_prefix", "33 is not between 8 and 32"),
            ({"ipv6_prefix": "-1"}, "ipv6_prefix", "-1 is not between 16 and 128"),
        ],
    )
    def test_shows_what_is_wrong_beside_its_field(
        self, console: Console, fields: dict[str, str], field: str, error: str
    ) -> None:
        before = run(console.appliance.limits.list_all())
        good = {"name": "few", "event": "message", "amount": "2"}
        page = console.as_("operator").submit("/limits/add", **{**good, **fields})
        assert error in page.errors.get(field, ""), page.errors
        assert run(console.appliance.limits.list_all()) == before

    def test_changes_and_it_bites_at_once(self, console: Console) -> None:
        browser = console.as_("operator")
        assert browser.page("/limits/named/messages/").form().fields["amount"] == ["6000"]
        browser.submit("/limits/named/messages/", amount="1")
        run(console.appliance.limiter.count("message", CLIENT))
        with pytest.raises(TooFast):
            run(console.appliance.limiter.count("message", CLIENT))
        assert console.audited("limit-change") == [("op", "messages")]
        page = browser.submit("/limits/named/messages/", amount="0")
        assert "0 is not between 1 and" in page.errors["amount"]

    def test_of_somebody_else_is_not_overwritten(self, console: Console) -> None:
        limit = add(console)
        browser = console.as_("operator")
        form = browser.page("/limits/named/few/").form()
        run(console.appliance.limits.change(msgspec.structs.replace(limit, enabled=False)))
        assert browser.post("/limits/named/few/", data=form.fields).status_code == 302, "that is another matter"
        assert not get(console).enabled
        assert "It is switched off, and stays so." in browser.page("/limits/named/few/").text
        run(console.appliance.limits.change(msgspec.structs.replace(limit, amount=3)))
        answer = browser.post("/limits/named/few/", data=form.fields)
        assert "Somebody else has changed this meanwhile" in answer.text
        assert get(console).amount == 3

    def test_switches_off_and_on_and_removes(self, console: Console) -> None:
        add(console)
        browser = console.as_("operator")
        browser.press("/limits/", "/limits/named/few/disable")
        assert not get(console).enabled
        browser.press("/limits/", "/limits/named/few/enable")
        assert get(console).enabled
        token = browser.page("/limits/").form("/limits/named/few/disable").fields["csrf_token"]
        assert "few is removed." in browser.submit("/limits/named/few/remove").text
        with pytest.raises(NoSuchLimit):
            get(console)
        assert console.audited("limit-remove") == [("op", "few")]
        for path in ("", "enable", "disable", "remove"):
            assert browser.post(f"/limits/named/few/{path}", data={"csrf_token": token}).status_code == 404


class TestNow:
    def test_shows_nobody_at_first(self, console: Console) -> None:
        assert "Nobody has come near a limit" in console.as_("viewer").page("/limits/now").text

    def test_shows_who_is_near_and_who_is_beyond(self, console: Console) -> None:
        add(console, amount=4)
        send(console, 1, "192.0.2.1")
        send(console, 2, "192.0.2.2")
        send(console, 6, "192.0.2.3")
        text = console.as_("viewer").page("/limits/now").text
        assert "192.0.2.1" not in text
        assert "192.0.2.2/32 few 2 / 4 not yet" in text
        assert "192.0.2.3/32 few 4 / 4 2 times ask it to come again later" in text
        console.clock.now += 3600
        assert "Nobody has come near a limit" in console.as_("viewer").page("/limits/now").text

    def test_says_how_many_it_leaves_out(self, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempmaild_admin.views.limits._SHOWN", 1)
        add(console)
        for last in (1, 2, 3):
            send(console, 2, f"192.0.2.{last}")
        assert "And 2 more" in console.as_("viewer").page("/limits/now").text


def try_out(console: Console, **query: str) -> Any:
    return console.as_("viewer").get("/limits/try", query_string={"event": "message", **query})


class TestTrying:
    def test_says_that_it_does_not_know_everything(self, console: Console) -> None:
        add(console)
        text = console.as_("viewer").page("/limits/try?event=message&address=192.0.2.1").text
        assert "As far as is known here, it is let through." in text
        assert "few 192.0.2.1/32 2 messages (MAIL) in 1 hour" in text
        assert "not known here" in text

    @pytest.mark.parametrize(
        ("action", "said"),
        [
            ("refuse", "It is asked to come again later."),
            ("delay", "It has to wait for up to 10 seconds."),
        ],
    )
    def test_says_what_the_daemon_has_told(self, console: Console, action: str, said: str) -> None:
        add(console, action=action)
        send(console, 3)
        text = try_out(console, address=CLIENT).text
        assert said in text
        assert "1 times beyond" in text
        assert "As far as is known" in try_out(console, address="192.0.2.2").text

    def test_knows_what_is_too_much_by_itself(self, console: Console) -> None:
        add(console, event="bytes", amount=1000)
        assert (
            "It is asked to come again later." in try_out(console, address=CLIENT, event="bytes", amount="1001").text
        )
        assert "As far as is known" in try_out(console, address=CLIENT, event="bytes", amount="1000").text

    def test_shows_bans(self, console: Console) -> None:
        run(console.appliance.bans.add("192.0.2.0/24", 60, scope="mail"))
        assert "192.0.2.0/24 is banned." in try_out(console, address=CLIENT).text
        assert "192.0.2.0/24 is banned." not in try_out(console, address=CLIENT, event="api-call").text

    def test_shows_trust_and_what_does_not_concern_it(self, console: Console) -> None:
        text = try_out(console, address="127.0.0.1").text
        assert "Its network is trusted" in text
        assert "It is let through." in text
        assert "No limit concerns it." in text

    def test_knows_domains_of_senders_and_of_ours(self, console: Console) -> None:
        add(console, subject="sender-domain")
        add(console, name="one", event="recipient", subject="mailbox", domain="box.test")
        assert "few" in try_out(console, address=CLIENT, sender="Spam.EXAMPLE").text
        assert "spam.example" in try_out(console, address=CLIENT, sender="Spam.EXAMPLE").text
        assert "few" not in try_out(console, address=CLIENT).text
        assert "a@box.test" in try_out(console, address=CLIENT, event="recipient", mailbox="A@box.test").text
        assert ">one" not in try_out(console, address=CLIENT, event="recipient", mailbox="a@other.test").text

    def test_counts_nothing(self, console: Console) -> None:
        add(console, amount=1)
        for _ in range(3):
            try_out(console, address=CLIENT)
        run(console.appliance.limiter.count("message", CLIENT))

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ({"address": ""}, "address"),
            ({"address": "example.org"}, "address"),
            ({"address": "192.0.2.0/24"}, "address"),
            ({"address": "fe80::1%eth0"}, "address"),
            ({"address": "1.2.3.4\0"}, "address"),
            ({"address": CLIENT, "sender": "no name"}, "sender"),
            ({"address": CLIENT, "sender": "a\0.b"}, "sender"),
            ({"address": CLIENT, "domain": "no name"}, "domain"),
            ({"address": CLIENT, "mailbox": "nobody"}, "mailbox"),
            ({"address": CLIENT, "amount": "x"}, "amount"),
            ({"address": CLIENT, "amount": "0"}, "amount"),
            ({"address": CLIENT, "event": "rain"}, "event"),
        ],
    )
    def test_shows_what_is_wrong_beside_its_field(self, console: Console, query: dict[str, str], field: str) -> None:
        answer = try_out(console, **query)
        assert answer.status_code == 200
        assert "What would happen" not in answer.text
        before = answer.text.partition("invalid-feedback")[0]
        assert before.rpartition('name="')[2].startswith(f'{field}"')


def test_is_known_exactly_where_daemons_count_together(tmp_path: Path) -> None:
    console = Console(tmp_path, limits={"redis_url": "redis://127.0.0.1:1"})
    add(console)
    send(console, 3)
    # Redis is gone here, and the console says what it knows without.
    assert "It is asked to come again later." in try_out(console, address=CLIENT).text
    console.house.close()
