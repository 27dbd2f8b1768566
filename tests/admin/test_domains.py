"""The pages of domains: added, decided about, tried out, deleted."""

# ruff: noqa: RUF001 - letters that look like others are what is tested

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tempmaild.core.block_rule import BlockRule
from tempmaild.core.checking import Checking
from tempmaild.core.lifetime import PRESETS, Lifetime
from tempmaild.core.policy import Policy
from tempmaild.core.timespan import HOUR
from tempmaild.settings import Settings
from tempmaild.store.domain_list import Amount
from tempmaild_admin import create_app
from tempmaild_admin.forms.checks import ChecksForm
from tempmaild_admin.forms.domains import SettingsForm
from tempmaild_admin.services import services
from tempmaild_admin.views import domains as views
from tests.admin.console import Browser, Console
from tests.admin.pages import page_of
from tests.dns_server import DnsServer
from tests.support import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tempmaild.core.mailbox import Domain

BOX = "/domains/box.test"


def domain(console: Console, name: str = "box.test") -> Domain:
    return run(console.appliance.domains.get(name))


def names(console: Console) -> list[str]:
    return [domain.name for domain in run(console.appliance.domains.list_all())]


class TestList:
    def test_counts(self, console: Console) -> None:
        for name in ("a", "b"):
            console.house.create(f"{name}@box.test")
        console.house.deliver("a@box.test", b"Subject: x\r\n\r\n" + b"x" * 2034)
        run(console.appliance.domains.add("*.Bücher.test", sealed=False))
        text = console.as_("viewer").page("/domains/").text
        assert "box.test claimed sealed enabled 2 1 2 KiB" in text
        assert "*.bücher.test claimed enabled 0 0 0 B" in text
        assert "Add a domain" not in text

    def test_finds_by_a_part_of_the_name(self, console: Console) -> None:
        run(console.appliance.domains.add("bücher.test"))
        browser = console.as_("viewer")
        page = browser.page("/domains/?part=BÜCHER.test")
        assert "bücher.test" in page.text
        assert "box.test" not in page.text
        assert "No domain has this in its name." in browser.page("/domains/?part=%25").text

    def test_pages(self, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(views, "_PAGE", 2)
        for name in ("a.test", "c.test"):
            run(console.appliance.domains.add(name))
        browser = console.as_("viewer")
        first = browser.page("/domains/")
        assert "/domains/?after=box.test" in first.links
        assert "c.test" not in first.text
        second = browser.page("/domains/?after=box.test")
        assert "c.test" in second.text
        assert "Next page" not in second.text

    def test_without_any(self, console: Console) -> None:
        run(console.appliance.domains.remove("box.test"))
        assert "It takes a minute to add one." in console.as_("operator").page("/domains/").text


class TestAdding:
    def test_keeps_what_was_decided_and_goes_on_to_the_records(self, console: Console) -> None:
        page = console.as_("operator").submit(
            "/domains/add",
            name=" Müll.test ",
            kind="catch-all",
            catch_all="all@müll.test",
            lifetime="support",
            sealed=None,
        )
        assert page.url == "/domains/xn--mll-hoa.test/dns"
        assert "müll.test is added. Now publish its records." in page.text
        added = domain(console, "müll.test")
        assert (added.kind, added.sealed) == ("catch-all", False)
        assert added.policy == Policy(lifetime=PRESETS["support"], catch_all="all@xn--mll-hoa.test")
        assert console.audited("domain-add")[-1] == ("op", "xn--mll-hoa.test")

    @pytest.mark.parametrize(
        ("fields", "field", "error"),
        [
            ({"name": ""}, "name", "This field is required."),
            ({"name": "a b"}, "name", "This is not the name of a domain."),
            ({"name": "a." * 500}, "name", "This is not the name of a domain."),
            ({"name": "BOX.test"}, "name", "is there already (box.test)"),
            ({"name": "bох.test"}, "name", "looks like"),
            ({"name": "a.test", "kind": "catch-all"}, "catch_all", "needs the mailbox"),
            ({"name": "a.test", "kind": "catch-all", "catch_all": "x@y.test"}, "catch_all", "is not on this host"),
            ({"name": "a.test", "kind": "catch-all", "catch_all": "x"}, "catch_all", "has no domain"),
            ({"name": "a.test", "kind": "closed"}, "kind", "Not a valid choice."),
            ({"name": "a.test", "lifetime": "own"}, "lifetime", "Not a valid choice."),
        ],
    )
    def test_shows_what_is_wrong_beside_its_field(
        self, console: Console, fields: dict[str, str], field: str, error: str
    ) -> None:
        page = console.as_("operator").submit("/domains/add", **fields)
        assert error in page.errors[field]
        assert list(page.errors) == [field]
        assert names(console) == ["box.test"]

    def test_a_mailbox_for_all_others_is_for_catch_all_domains(self, console: Console) -> None:
        console.as_("operator").submit("/domains/add", name="a.test", catch_all="x@y.test")
        assert domain(console, "a.test").policy == Policy()


class TestShowing:
    def test_what_is_decided(self, console: Console) -> None:
        life = Lifetime(2 * HOUR, 600, 5, "refuse", 0, 1200, 3 * HOUR)
        policy = Policy(
            life, 3 * HOUR, 1 << 20, "short", True, "", "op@box.test", ("boss",), {"spf": {"enabled": False}}
        )
        run(console.appliance.domains.change(msgspec.structs.replace(domain(console), policy=policy)))
        text = console.as_("viewer").page(f"{BOX}/").text
        for part in (
            "2 hours unused for 10 minutes at most extendable to 3 hours",
            "5 messages in a folder; then no further one is taken",
            "each message for 20 minutes each message until it was read",
            "Longest life 3 hours",
            "Largest message 1 MiB",
            "Owners may choose passwords yes",
            "op@box.test",
            "boss",
            "settings spf",
        ):
            assert part in text
        assert "Delete" not in text

    def test_says_what_is_public(self, console: Console) -> None:
        run(console.appliance.domains.add("open.test", "open"))
        assert "without a secret" in console.as_("viewer").page("/domains/open.test/").text

    def test_counts_on_only_when_asked(self, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempmaild.service.domains._COUNTED", 2)
        for name in ("a", "b", "c"):
            console.house.create(f"{name}@box.test")
            console.house.deliver(f"{name}@box.test")
        browser = console.as_("viewer")
        assert "Count them" in browser.page("/domains/").text
        assert "Messages more than 2" in browser.page(f"{BOX}/").text
        assert "Messages 3" in browser.page(f"{BOX}/?count=1").text

    @pytest.mark.parametrize("name", ["elsewhere.test", "a%20b", "..", "*.box.test", "x" * 300])
    @pytest.mark.parametrize("path", ["/", "/dns", "/dns/check", "/settings", "/checks", "/delete"])
    def test_of_what_is_not_there(self, console: Console, name: str, path: str) -> None:
        assert console.as_("operator").get(f"/domains/{name}{path}").status_code == 404


class TestSettings:
    def test_change_nothing_by_themselves(self, console: Console) -> None:
        for policy in (
            Policy(),
            Policy(lifetime=PRESETS["file-share"], reserved=("boss", "chief")),
            Policy(Lifetime(0, messages=3), 0, 3 << 16, "short", True, "", "me@box.test"),
            Policy(Lifetime(HOUR, 600, 5, "refuse", 0, 1200, 2 * HOUR), 3 * HOUR, checks={"spf": {"action": "junk"}}),
            Policy(Lifetime(90, after_reading=61)),
        ):
            before = msgspec.structs.replace(domain(console), policy=policy)
            run(console.appliance.domains.change(before))
            page = console.as_("operator").submit(f"{BOX}/settings")
            assert "box.test is changed." in page.text
            assert domain(console) == before

    def test_change_everything(self, console: Console) -> None:
        page = console.as_("operator").submit(
            f"{BOX}/settings",
            kind="catch-all",
            catch_all="all@box.test",
            sealed=None,
            passwords="y",
            names="short",
            reserved="Boss\nchief  ceo",
            operator="me@box.test",
            largest_message="1 MiB",
            longest="7d",
            lifetime="own",
            seconds="24h",
            idle="30m",
            extend="2d",
            messages="7",
            when_full="refuse",
            retention="1h",
            after_reading="0",
        )
        assert "box.test is changed." in page.text
        assert domain(console).policy == Policy(
            lifetime=Lifetime(86_400, 1800, 7, "refuse", 0, 3600, 172_800),
            longest=604_800,
            largest_message=1 << 20,
            names="short",
            passwords=True,
            catch_all="all@box.test",
            operator="me@box.test",
            reserved=("boss", "ceo", "chief"),
        )
        assert (domain(console).kind, domain(console).sealed) == ("catch-all", False)
        assert console.audited("domain-change") == [("op", "box.test")]

    def test_have_a_field_for_everything_that_can_be_decided(self) -> None:
        fields = set(vars(SettingsForm))
        assert {*Policy.__struct_fields__, *Lifetime.__struct_fields__} - {"checks"} <= fields
        assert {"kind", "sealed"} <= fields

    @pytest.mark.parametrize(
        ("fields", "field", "error"),
        [
            ({"longest": "soon"}, "longest", "This is not a time"),
            ({"longest": "5"}, "longest", "is not between"),
            ({"largest_message": "huge"}, "largest_message", "This is not a size"),
            ({"largest_message": "1 KiB"}, "largest_message", "64 KiB"),
            ({"largest_message": "9" * 30}, "largest_message", "This is not a size"),
            ({"operator": "me@elsewhere.test"}, "operator", "is not on this host"),
            ({"reserved": "a@b"}, "reserved", "cannot name a mailbox"),
            ({"reserved": " ".join(f"n{i}" for i in range(1001))}, "reserved", "more than 1000"),
            ({"lifetime": "own", "seconds": "1h", "idle": "2h"}, "idle", "is longer than the whole life"),
            ({"lifetime": "own", "seconds": "1h", "extend": "30m"}, "extend", "can only be put off"),
            ({"lifetime": "own", "seconds": "9999d"}, "seconds", "is not between"),
            ({"lifetime": "own", "messages": "-1"}, "messages", "Number must be at least 0."),
            ({"lifetime": "own", "messages": "99999999"}, "messages", "is not between"),
            ({"lifetime": "own", "after_reading": "-1"}, "after_reading", "This is not a time"),
            ({"lifetime": "support", "longest": "1d"}, "lifetime", "lives at most"),
            ({"kind": "open", "passwords": "y"}, "passwords", "are read without any"),
        ],
    )
    def test_show_what_is_wrong_beside_its_field(
        self, console: Console, fields: dict[str, str], field: str, error: str
    ) -> None:
        before = domain(console)
        page = console.as_("operator").submit(f"{BOX}/settings", **fields)
        assert error in page.errors[field]
        assert list(page.errors) == [field]
        assert domain(console) == before

    def test_never_make_somebodys_mail_public(self, console: Console) -> None:
        console.house.create("joe@box.test")
        page = console.as_("operator").submit(f"{BOX}/settings", kind="open")
        assert "what is somebody's would be everybody's" in page.errors["kind"]
        assert domain(console).kind == "claimed"

    def test_of_somebody_else_are_not_overwritten(self, console: Console) -> None:
        browser = console.as_("operator")
        form = browser.page(f"{BOX}/settings").form()
        changed = msgspec.structs.replace(domain(console), sealed=False)
        run(console.appliance.domains.change(changed, "somebody"))
        form.fields["names"] = ["short"]
        answer = browser.post(f"{BOX}/settings", data=form.fields)
        assert "Somebody else has changed this meanwhile" in answer.text
        assert domain(console) == changed


class TestChecks:
    def test_are_those_of_the_settings_at_first(self, console: Console) -> None:
        browser = console.as_("operator")
        page = browser.page(f"{BOX}/checks")
        assert set(page.form().fields.pop("spf_action")) == {""}
        assert "as in the settings (mark)" in page.text
        assert "box.test is changed." in browser.submit(f"{BOX}/checks").text
        assert domain(console).policy == Policy()

    def test_are_kept_as_they_were_decided(self, console: Console) -> None:
        browser = console.as_("operator")
        browser.submit(
            f"{BOX}/checks",
            spf_enabled="False",
            dmarc_action="refuse",
            clamav_failing="mark",
            clamav_unscannable="strip",
            attachments_extensions="EXE\njs",
            attachments_types="none",
            spam_threshold="4.5",
        )
        wanted: dict[str, dict[str, Any]] = {
            "spf": {"enabled": False},
            "dmarc": {"action": "refuse"},
            "clamav": {"failing": "mark", "unscannable": "strip"},
            "attachments": {"extensions": ["exe", "js"], "types": []},
            "spam": {"threshold": 4.5},
        }
        assert domain(console).policy.checks == wanted
        # Once more, as they are shown now.
        browser.submit(f"{BOX}/checks")
        assert domain(console).policy.checks == wanted
        browser.submit(f"{BOX}/checks", spf_enabled="", dmarc_action="", attachments_types="", spam_threshold="")
        assert set(domain(console).policy.checks) == {"clamav", "attachments"}

    def test_keep_what_the_command_has_decided(self, console: Console) -> None:
        policy = Policy(checks={"spf": {"action": "strip"}})
        run(console.appliance.domains.change(msgspec.structs.replace(domain(console), policy=policy)))
        console.as_("operator").submit(f"{BOX}/checks")
        assert domain(console).policy == policy

    def test_have_a_field_for_every_option(self) -> None:
        for check in msgspec.structs.fields(Checking):
            for option in msgspec.structs.fields(check.type):
                assert hasattr(ChecksForm, f"{check.name}_{option.name}")

    @pytest.mark.parametrize(
        ("field", "value", "error"),
        [
            ("spf_action", "strip", "Not a valid choice."),
            ("spf_enabled", "maybe", "Not a valid choice."),
            ("spam_threshold", "high", "Not a valid float value."),
            ("spam_threshold", "nan", "Number must be between -1000 and 1000."),
            ("spam_threshold", "inf", "Number must be between -1000 and 1000."),
            ("attachments_extensions", "tar.gz", "is not the extension of a file name"),
            ("attachments_types", "program", "is not a MIME type"),
        ],
    )
    def test_show_what_is_wrong_beside_its_field(self, console: Console, field: str, value: str, error: str) -> None:
        page = console.as_("operator").submit(f"{BOX}/checks", **{field: value})
        assert error in page.errors[field]
        assert domain(console).policy == Policy()

    def test_of_somebody_else_are_not_overwritten(self, console: Console) -> None:
        browser = console.as_("operator")
        form = browser.page(f"{BOX}/checks").form()
        changed = msgspec.structs.replace(domain(console), policy=Policy(checks={"spf": {"action": "junk"}}))
        run(console.appliance.domains.change(changed))
        assert "Somebody else" in browser.post(f"{BOX}/checks", data=form.fields).text
        assert domain(console) == changed


class TestEnd:
    def test_disabled_and_enabled(self, console: Console) -> None:
        browser = console.as_("operator")
        page = browser.press(f"{BOX}/", f"{BOX}/disable")
        assert "box.test takes no mail, and gets no mailboxes." in page.text
        assert not domain(console).enabled
        page = browser.press(f"{BOX}/", f"{BOX}/enable")
        assert "box.test takes mail." in page.text
        assert domain(console).enabled
        assert console.audited("domain-change") == [("op", "box.test")] * 2

    def test_says_what_will_be_destroyed_and_what_hangs_on_it(self, console: Console) -> None:
        console.house.create("a@box.test")
        console.house.deliver("a@box.test")
        run(console.appliance.domains.add("other.test", policy=Policy(operator="a@box.test")))
        run(console.appliance.block_rules.add([BlockRule("address", "x@y.test", domain="box.test")]))
        text = console.as_("operator").page(f"{BOX}/delete").text
        assert "1 mailbox, with its keys and secrets 1 message of" in text
        assert "a mailbox of this one: other.test." in text
        assert "Block rules for this domain: 1" in text
        assert "Schedules" not in text.partition("What stays")[2]

    def test_needs_the_name(self, console: Console) -> None:
        console.house.create("a@box.test")
        page = console.as_("operator").submit(f"{BOX}/delete", name="bax.test")
        assert page.errors == {"name": "This is another name."}
        assert domain(console).enabled
        assert run(console.appliance.mailboxes.find("a@box.test"))

    def test_destroys_all_of_it(self, console: Console) -> None:
        for name in ("a", "b"):
            console.house.create(f"{name}@box.test")
        page = console.as_("operator").submit(f"{BOX}/delete", name="box.test")
        assert "box.test and its mailboxes are destroyed." in page.text
        assert names(console) == []
        assert console.audited("domain-remove") == [("op", "box.test")]
        assert [actor for actor, _ in console.audited("mailbox-destroy")] == ["op", "op"]

    def test_destroys_many_in_portions(self, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(views, "_LISTED", 2)
        for name in ("a", "b", "c"):
            console.house.create(f"{name}@box.test")
        browser = console.as_("operator")
        page = browser.submit(f"{BOX}/delete", name="box.test")
        assert "1 mailbox is left." in page.text
        assert not domain(console).enabled
        form = page.form(f"{BOX}/delete")
        assert browser.post(form.action, data=form.fields).status_code == 302
        assert names(console) == []


@pytest.fixture
def dns() -> Iterator[DnsServer]:
    with DnsServer() as server:
        yield server


class TestRecords:
    def test_are_there_to_copy(self, console: Console) -> None:
        page = console.as_("viewer").page(f"{BOX}/dns")
        for line in (
            "box.test. IN MX 10 mx.box.test.",
            "mx.box.test. IN A",
            'box.test. IN TXT "v=spf1 -all"',
            '_dmarc.box.test. IN TXT "v=DMARC1; p=reject;"',
            "_imap._tcp.box.test. IN SRV 0 0 143 mx.box.test.",
        ):
            assert line in page.text
        assert "Self test" not in page.text
        assert "MTA-STS policy" not in page.text
        assert "nobody can find" not in page.text

    def test_of_a_host_with_certificates(self, tmp_path: Path) -> None:
        host = {"name": "localhost", "state": tmp_path}
        console = Console(tmp_path, tls={"certificate": "/cert", "key": "/key"})
        console.settings = Settings.model_validate({"host": host, "tls": {"certificate": "/cert", "key": "/key"}})
        console.app = create_app(console.settings, console.appliance, b"k" * 32)
        console.app.test_client_class = Browser
        text = console.as_("viewer").page(f"{BOX}/dns").text
        assert "version: STSv1 mode: testing mx: localhost max_age: 604800" in text
        assert "https://mta-sts.box.test/.well-known/mta-sts.txt" in text
        assert "The settings call this host localhost, which nobody can find." in text
        console.house.close()

    def test_are_looked_for(self, tmp_path: Path, dns: DnsServer) -> None:
        console = Console(tmp_path, dns={"servers": [str(dns.address)]})
        dns.zones = {
            "box.test": {"MX": ["10 mx.box.test"], "TXT": ["v=spf1 ~all <script>"]},
            "mx.box.test": {"A": ["192.0.2.1"]},
        }
        page = console.as_("viewer").page(f"{BOX}/dns/check")
        assert "fine" in page.text
        assert "different v=spf1 ~all <script>" in page.text
        assert "missing" in page.text
        assert "No mail for names below the domain is led here (tempmaild-" in page.text
        console.house.close()

    def test_wait_for_few_at_a_time(self, tmp_path: Path, dns: DnsServer) -> None:
        console = Console(tmp_path, dns={"servers": [str(dns.address)]})
        browser = console.as_("viewer")
        with console.app.app_context():
            turns = services().waiting
        while turns.acquire(blocking=False):
            pass
        answer = browser.get(f"{BOX}/dns/check", follow_redirects=True)
        assert "Others are checking at the moment." in answer.text
        turns.release()
        assert "missing" in browser.page(f"{BOX}/dns/check").text
        console.house.close()


def test_pages_are_well_formed(console: Console) -> None:
    run(console.appliance.domains.add("open.test", "open"))
    browser = console.as_("operator")
    paths = ["", "add", "?part=nobody", "?after=box.test"]
    paths += [
        f"{name}/{page}" for name in ("box.test", "open.test") for page in ("", "dns", "settings", "checks", "delete")
    ]
    for path in paths:
        response = browser.get(f"/domains/{path}")
        page = page_of(response)
        assert page.unclosed == [], path
        assert page.headings[0] == "h1", path
        assert page.headings.count("h1") == 1, path
        # The policy forbids them.
        assert not re.search(r"<script(?! src=)| style=| on[a-z]+=", response.text), path


def test_amounts_add_up() -> None:
    assert Amount(1, 2) + Amount(3, 4) == Amount(4, 6)


def test_viewers_change_nothing(console: Console) -> None:
    browser = console.as_("viewer")
    for path in ("add", "box.test/settings", "box.test/checks", "box.test/delete"):
        assert browser.get(f"/domains/{path}").status_code == 403
    before = domain(console)
    token = console.as_("operator").page(f"{BOX}/").form(f"{BOX}/disable").fields["csrf_token"]
    for path in ("disable", "enable", "test", "delete"):
        assert browser.post(f"{BOX}/{path}", data={"csrf_token": token}).status_code in {400, 403}
    assert domain(console) == before
