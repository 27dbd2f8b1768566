"""The pages of the mail log: looked through, searched, shown, exported; and the quarantine, which shows no mail."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pytest

from tempmaild.core.mail_log import Event, Outcome
from tempmaild.core.verdict import Finding
from tempmaild.service.mail_log import LEFT_OUT
from tests.admin.console import Console
from tests.support import NOW, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.admin.pages import Page

_ACCEPTED = Outcome("accept", "", "250 2.0.0 Ok: stored as s1-1", (Finding("spf", "pass"), Finding("dkim", "none")))
_JUNK = Outcome("junk", "dmarc", "250 2.0.0 Ok: stored as s2-1", (Finding("dmarc", "fail"), Finding("x-new", "odd")))
_REFUSED = Outcome("refuse", "no-such-mailbox", "550 5.1.1 No such mailbox here")
_MALWARE = Outcome("refuse", "clamav", "550 5.7.1 No", (Finding("x-clamav", "fail", reason="Eicar-Test"),))


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[Console]:
    """A console where addresses are shown."""
    console = Console(tmp_path, mail_log={"addresses": "shown"})
    yield console
    console.house.close()


def note(console: Console, outcome: Outcome = _ACCEPTED, **changes: Any) -> int:
    """Have the log say that something happened; the id of its row."""
    values: dict[str, Any] = {
        "at": console.clock(),
        "queue_id": "s1-1",
        "stage": "data",
        "client": "192.0.2.1",
        "helo": "mail.example.org",
        "sender": "joe@example.org",
        "recipient": "me@box.test",
        "size": 4096,
        "tls": "TLSv1.3, TLS_AES_256_GCM_SHA384",
    }
    log = console.appliance.mail_log
    log.note(Event(**values | changes, outcome=outcome))
    run(log.flush())
    rows = console.appliance.handle.rows("SELECT max(id) FROM mail_log")
    return int(rows[0][0])


def table(console: Console, query: str = "") -> list[list[str]]:
    response = console.as_("viewer").get(f"/mail-log/export{query}")
    assert response.status_code == 200
    return list(csv.reader(io.StringIO(response.get_data().decode("utf-8-sig"))))


class TestList:
    def test_is_empty_at_first(self, console: Console) -> None:
        page = console.as_("viewer").page("/mail-log/")
        assert "No mail has come yet" in page.text
        assert not page.unclosed

    def test_says_that_none_is_kept(self, tmp_path: Path) -> None:
        console = Console(tmp_path, mail_log={"keep_seconds": 0})
        assert "No mail log is kept" in console.as_("viewer").page("/mail-log/").text
        console.house.close()

    def test_shows_what_became_of_mail(self, shown: Console) -> None:
        note(shown)
        note(shown, _REFUSED, stage="rcpt", sender="", recipient="nobody@box.test", size=0, client="")
        page = shown.as_("viewer").page("/mail-log/")
        assert "accepted joe@example.org me@box.test 192.0.2.1 4 KiB" in page.text
        assert "refused No such mailbox <> nobody@box.test on this host" in page.text
        assert page.text.index("nobody@") < page.text.index("me@box.test"), "the latest first"
        assert "Rows that are kept: 2, for 14 days at the most." in page.text
        assert not page.unclosed

    def test_shows_no_addresses_by_default(self, console: Console) -> None:
        note(console)
        page = console.as_("viewer").page("/mail-log/")
        for text in ("joe", "example.org", "me@box.test", "192.0.2.1"):
            assert text not in page.text.partition("Search")[2], text
        assert "Addresses are hashed" in page.text

    @pytest.mark.parametrize(
        ("field", "value", "other"),
        [
            ("recipient", "ME@box.test", "you@box.test"),
            ("sender", "Joe@EXAMPLE.org", "joan@example.org"),
            ("sender", "@example.org", "example.net"),
            ("sender", "example.org", "org"),
            ("client", "192.0.2.1", "192.0.2.2"),
            ("queue_id", "s1-1", "s1"),
            ("disposition", "accept", "junk"),
            ("why", "", "dmarc"),
            ("within", "hour", ""),
        ],
    )
    @pytest.mark.parametrize("addresses", ["shown", "hashed"])
    def test_is_searched(self, tmp_path: Path, addresses: str, field: str, value: str, other: str) -> None:
        console = Console(tmp_path, mail_log={"addresses": addresses})
        entry_id = note(console)
        browser = console.as_("viewer")
        found = browser.page(f"/mail-log/?{field}={value}")
        assert f"/mail-log/{entry_id}" in found.links
        assert not found.errors
        if field == "within":
            console.clock.now += 3601
            other, browser = "hour", console.as_("viewer")
        page = browser.page(f"/mail-log/?{field}={other}")
        assert f"/mail-log/{entry_id}" not in page.links
        assert "Nothing is like this." in page.text
        console.house.close()

    @pytest.mark.parametrize("network", ["192.0.2.0/24", "192.0.2.1/32", "0.0.0.0/0"])
    def test_is_searched_for_a_network(self, shown: Console, network: str) -> None:
        mine = note(shown)
        other = note(shown, client="2001:db8::1")
        links = shown.as_("viewer").page(f"/mail-log/?client={network}").links
        assert f"/mail-log/{mine}" in links
        assert f"/mail-log/{other}" not in links
        assert f"/mail-log/{other}" in shown.as_("viewer").page("/mail-log/?client=2001:db8::/32").links

    def test_is_searched_in_the_zone_of_its_reader(self, console: Console) -> None:
        entry_id = note(console)  # at 20:26:40 UTC
        person = console.person("vi", "viewer")
        run(console.appliance.profiles.set_preferences(person, "Asia/Tokyo", "en", ""))
        browser = console.as_person(run(console.appliance.people.get(person.name)))
        inside = "/mail-log/?since=2026-05-29T05:26&until=2026-05-29T05:27"
        assert f"/mail-log/{entry_id}" in browser.page(inside).links
        assert (
            f"/mail-log/{entry_id}"
            not in browser.page("/mail-log/?since=2026-05-28T20:26&until=2026-05-28T20:27").links
        )
        assert f"/mail-log/{entry_id}" not in browser.page("/mail-log/?since=2026-05-29T05:27").links

    @pytest.mark.parametrize(
        ("query", "field", "problem"),
        [
            ("client=nobody", "client", "is not ADDRESS/PREFIX"),
            ("client=192.0.2.1/24", "client", "goes on after its prefix"),
            ("sender=%00", "sender", "one line"),
            ("recipient=a%0Ab", "recipient", "one line"),
            ("queue_id=" + "x" * 65, "queue_id", "longer than 64"),
            ("since=never", "since", "Not a valid datetime"),
            ("since=2026-01-02T00:00&until=2026-01-01T00:00", "until", "not after the beginning"),
            ("disposition=eaten", "disposition", "Not a valid choice"),
            ("within=eon", "within", "Not a valid choice"),
        ],
    )
    def test_says_what_cannot_be_looked_for(self, console: Console, query: str, field: str, problem: str) -> None:
        note(console)
        page = console.as_("viewer").page(f"/mail-log/?{query}")
        assert problem in page.errors[field]
        assert "Nothing can be like this." in page.text

    @pytest.mark.parametrize(
        "query",
        [
            "before=-1",
            "before=x",
            "before=" + "9" * 40,
            "since=0001-01-01T00:00",
            "until=9999-12-31T23:59",
            "sender=@",
        ],
    )
    def test_what_makes_no_sense_is_passed_over(self, console: Console, query: str) -> None:
        entry_id = note(console)
        assert f"/mail-log/{entry_id}" in console.as_("viewer").page(f"/mail-log/?{query}").links

    def test_comes_in_pages(self, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempmaild_admin.views.mail_log._PAGE", 2)
        ids = [note(console, _JUNK) for _ in range(3)]
        browser = console.as_("viewer")
        first = browser.page("/mail-log/?disposition=junk")
        assert f"/mail-log/{ids[0]}" not in first.links
        (link,) = (link for link in first.links if "before=" in link)
        second = browser.page(link)
        assert f"/mail-log/{ids[0]}" in second.links
        assert f"/mail-log/{ids[1]}" not in second.links
        assert "Next page" not in second.text
        assert "To the beginning" in second.text

    def test_offers_to_look_further_back(self, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempmaild.store.mail_log._FEW", 0)
        monkeypatch.setattr("tempmaild.store.mail_log._WINDOW", 2)
        wanted = note(console, _MALWARE)
        for _ in range(3):
            note(console, _REFUSED)
        note(console, _JUNK)
        browser, page = console.as_("viewer"), None
        query = "/mail-log/?disposition=refuse&why=clamav"
        page = browser.page(query)
        assert "Nothing is like this among the latest rows." in page.text
        while not any(f"/mail-log/{wanted}" == link for link in page.links):
            (link,) = (link for link in page.links if "before=" in link)
            page = browser.page(link)

    def test_says_how_much_is_missing(self, tmp_path: Path) -> None:
        console = Console(tmp_path, mail_log={"refusals_an_hour": 1})
        for _ in range(3):
            note(console, _REFUSED)
        run(console.appliance.statistics.flush())
        assert run(console.appliance.statistics.totals(60))[LEFT_OUT] == 2
        text = console.as_("viewer").page("/mail-log/").text
        assert "Rows that are kept: 1" in text
        assert "In the last 24 hours 2 more were counted only" in text
        console.house.close()


class TestMessage:
    def page(self, console: Console, entry_id: int, role: Any = "viewer") -> Page:
        page: Page = console.as_(role).page(f"/mail-log/{entry_id}")
        assert not page.unclosed
        return page

    def test_says_everything_in_words(self, shown: Console) -> None:
        page = self.page(shown, note(shown))
        assert "accepted when the message was there (DATA)" in page.text
        assert "SPF pass The sender's domain lets this client send its mail." in page.text
        assert "DKIM none The message is not signed." in page.text
        assert "2026-05-28 20:26:40" in page.text
        assert "TLSv1.3" in page.text
        assert "mail.example.org" in page.text
        for link in page.links:
            if "=" in link:
                assert "/mail-log/" in link
                assert "Nothing" not in shown.as_("viewer").page(link).text

    def test_says_what_is_not_known_by_its_name(self, shown: Console) -> None:
        text = self.page(shown, note(shown, _JUNK)).text
        assert "DMARC fail The domain that the message names as its author's has not been authenticated." in text
        assert "x-new odd The result is “odd”." in text

    def test_says_what_was_wrong(self, shown: Console) -> None:
        text = self.page(shown, note(shown, _MALWARE)).text
        assert "The virus scanner has found malware. Eicar-Test" in text
        assert "Why Malware" in text

    def test_that_never_came(self, shown: Console) -> None:
        text = self.page(shown, note(shown, _REFUSED, stage="rcpt", size=0, tls="")).text
        assert "There was no message yet that could have been checked." in text
        assert "without TLS" in text

    def test_without_addresses(self, console: Console) -> None:
        page = self.page(console, note(console), "operator")
        assert "joe@" not in page.text
        assert "192.0.2.1" not in page.text
        assert not [link for link in page.links if "network" in link]

    def test_leads_to_a_rule(self, console: Console) -> None:
        """Of what is refused, clients are kept whatever the settings say."""
        entry_id = note(console, _REFUSED)
        (link,) = (link for link in self.page(console, entry_id, "operator").links if "block-rules/add" in link)
        form = console.as_("operator").page(link).form("/block-rules/add")
        assert form.fields["subject"] == ["192.0.2.1"]
        assert not [link for link in self.page(console, entry_id).links if "block-rules/add" in link]

    def test_is_text(self, shown: Console) -> None:
        """What strangers send is shown as such."""
        entry_id = note(shown, helo="<script>alert(1)</script>", sender='"<b>"@example.org')
        text = self.page(shown, entry_id).text
        assert "<script>alert(1)</script>" in text
        assert '"<b>"@example.org' in text

    @pytest.mark.parametrize("path", ["1", "0", "9" * 19, "9" * 60, "x", "-1"])
    def test_that_is_not_there(self, console: Console, path: str) -> None:
        console.as_("viewer").page(f"/mail-log/{path}", 404)


class TestQuarantine:
    def test_is_empty_at_first(self, console: Console) -> None:
        page = console.as_("viewer").page("/mail-log/quarantine")
        assert "In the last 30 days no mail has gone to Junk." in page.text
        assert "its owner decides" in page.text

    def test_counts_by_reason(self, console: Console) -> None:
        statistics = console.appliance.statistics
        statistics.count(["junk", "junk/dmarc"] * 3 + ["junk", "junk/spam", "refuse", "refuse/clamav"])
        run(statistics.flush())
        console.clock.now += 3 * 86_400
        statistics.count(["junk", "junk/spam"])
        run(statistics.flush())
        page = console.as_("viewer").page("/mail-log/quarantine")
        assert "DMARC 0 3 3" in page.text
        assert "Spam score 1 2 2" in page.text
        assert "All 1 5 5" in page.text
        assert "Malware" not in page.text
        assert not page.unclosed
        for link in page.links:
            if "why=" in link:
                assert "junk" in link
                console.as_("viewer").page(link)


class TestExport:
    def test_is_a_table(self, shown: Console) -> None:
        note(shown)
        header, row = table(shown)
        assert dict(zip(header, row, strict=True)) == {
            "time": "2026-05-28T20:26:40Z",
            "disposition": "accept",
            "decided by": "",
            "stage": "data",
            "queue id": "s1-1",
            "client": "192.0.2.1",
            "helo": "mail.example.org",
            "sender": "joe@example.org",
            "recipient": "me@box.test",
            "size": "4096",
            "tls": "TLSv1.3, TLS_AES_256_GCM_SHA384",
            "findings": "spf=pass dkim=none",
            "reply": "250 2.0.0 Ok: stored as s1-1",
        }

    def test_has_what_is_looked_for_and_no_more_than_it_may(
        self, shown: Console, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tempmaild_admin.views.mail_log._TOGETHER", 2)
        for number in range(5):
            note(shown, _JUNK, queue_id=f"j{number}")
            note(shown, queue_id=f"a{number}")
        assert [row[4] for row in table(shown, "?disposition=junk")[1:]] == ["j4", "j3", "j2", "j1", "j0"]
        monkeypatch.setattr("tempmaild_admin.views.mail_log.MOST_EXPORTED", 3)
        assert [row[4] for row in table(shown, "?disposition=junk")[1:]] == ["j4", "j3", "j2"]

    def test_goes_through_all_that_is_there(self, shown: Console, monkeypatch: pytest.MonkeyPatch) -> None:
        """Also where a page has nothing, because what is looked for is further back."""
        monkeypatch.setattr("tempmaild.store.mail_log._FEW", 0)
        monkeypatch.setattr("tempmaild.store.mail_log._WINDOW", 2)
        note(shown, _MALWARE, queue_id="m")
        for _ in range(5):
            note(shown, _REFUSED)
        assert [row[4] for row in table(shown, "?why=clamav&disposition=refuse")[1:]] == ["m"]

    def test_holds_no_formulas(self, shown: Console) -> None:
        note(shown, helo="=cmd|' /C calc'!A0", sender='"-2+3"@example.org', recipient='";=1"@box.test')
        row = dict(zip(*table(shown), strict=True))
        assert row["helo"] == "'=cmd|' /C calc'!A0"
        assert row["sender"].startswith("'")
        assert ";'=1" in row["recipient"]

    @pytest.mark.parametrize("query", ["?client=nobody", "?since=never", "?disposition=eaten"])
    def test_of_what_cannot_be_looked_for(self, console: Console, query: str) -> None:
        console.as_("viewer").page(f"/mail-log/export{query}", 400)


def test_time_is_that_of_the_clock(console: Console) -> None:
    note(console, at=NOW - 7200)
    assert "2 hours ago" in console.as_("viewer").page("/mail-log/").text
