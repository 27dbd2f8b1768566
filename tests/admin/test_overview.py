"""The overview: what is so now, what has happened, and how the parts are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tempmaild.core.health import Finding
from tempmaild.store.statistics import AddCounts, SetLevels
from tests.support import NOW, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.admin.console import Console
    from tests.admin.pages import Page

HOUR, DAY = 3600, 86_400


def happen(console: Console, ago: int = 0, **counts: int) -> None:
    """Have something counted so many seconds ago; "_" stands for "/"."""
    console.clock.now -= ago
    console.write(AddCounts({name.replace("_", "/"): count for name, count in counts.items()}))
    console.clock.now += ago


def measure(console: Console, ago: int = 0, **levels: int) -> None:
    console.clock.now -= ago
    console.write(SetLevels(levels))
    console.clock.now += ago


@pytest.fixture
def say(console: Console, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have the parts be as these findings say."""

    def be(*findings: Finding) -> None:
        async def found() -> list[Finding]:
            return list(findings)

        monkeypatch.setattr(console.appliance.health, "findings", found)

    return be


def overview(console: Console, period: str = "") -> Page:
    page = console.as_("viewer").page(f"/?period={period}")
    assert not page.unclosed
    return page


class TestHealth:
    def test_is_one_quiet_line_when_all_is_well(self, console: Console, say: Callable[..., None]) -> None:
        say(Finding("disk", "fine", "12 GiB are free."), Finding("DNS", "unknown", "It was not asked."))
        before, _, parts = overview(console).text.partition("All parts")
        assert "All is well." in before
        assert "disk" not in before
        assert "fine disk 12 GiB are free." in parts
        assert "unknown DNS It was not asked." in parts

    def test_begins_with_what_is_wrong_and_what_to_do(self, console: Console, say: Callable[..., None]) -> None:
        say(
            Finding(
                "clamd",
                "problem",
                "It has not answered for %(span)s.",
                "restart %(unit)s",
                {"span": "3 h", "unit": "it"},
            ),
            Finding("disk", "warning", "90 % are used.", "delete <something>"),
            Finding("DNS", "fine", "It answers."),
        )
        before, _, parts = overview(console).text.partition("All parts")
        assert "All is well." not in before
        assert "problem clamd It has not answered for 3 h. What to do: restart it" in before
        assert "warning disk 90 % are used. What to do: delete <something>" in before
        assert before.index("clamd") < before.index("disk")
        assert "DNS" not in before
        assert "fine DNS It answers." in parts

    def test_may_not_be_known(self, console: Console, say: Callable[..., None]) -> None:
        say()
        page = overview(console)
        assert "Nothing is known of the parts of this host." in page.text
        assert "All parts" not in page.text


class TestNow:
    def test_is_little_where_nobody_has_measured(self, console: Console) -> None:
        text = overview(console).text
        assert "Active mailboxes 0 Storage unknown The daemon has not measured it yet." in text
        assert "Open connections unknown The daemon says nothing of itself." in text
        assert "Time to answer unknown No message has arrived in this time." in text

    def test_tells_what_there_is(self, console: Console) -> None:
        for _ in range(3):
            console.house.create()
        measure(console, HOUR, mailboxes=70, messages=1234, octets=3 << 20, database=5 << 30)
        measure(console, 2 * HOUR, mailboxes=1, messages=1, octets=1, database=1)
        text = overview(console).text
        assert "Active mailboxes 3 1,234 messages" in text
        assert "Storage 5 GiB 3 MiB of mail before compression" in text

    def test_adds_up_what_processes_say(self, console: Console) -> None:
        statistics = console.appliance.statistics
        main = {"sessions/smtp": 1, "sessions/imap": 2, "writer/waiting": 1, "reactor/lag": 0.25}
        run(statistics.put("main", main | {"checks/processes": 4, "checks/ready": 3}))
        run(statistics.put("serving-1", {"sessions/imaps": 1000, "reactor/lag": 1.5}))
        text = overview(console).text
        assert "Open connections 1,003 SMTP 1 · LMTP 0 · IMAP 1,002 · POP3 0" in text
        assert "Load 1.5 s that clients waited for the reactor at most 1 change waits for the disk" in text
        assert "3 of 4 processes check mail" in text
        console.clock.now += 31
        assert "Open connections unknown The daemon says nothing of itself." in overview(console).text


class TestPast:
    def test_tells_what_became_of_mail(self, console: Console) -> None:
        happen(console, accept=5, junk=4, later=3, refuse=1200)
        happen(console, 22 * HOUR, accept=1)
        happen(console, 25 * HOUR, accept=100)
        text = overview(console).text
        assert "The last 24 hours Accepted 6 Junk 4 Put off 3 Refused 1,200" in text
        assert "Thu 20:00 5 4 3 1,200" in text

    @pytest.mark.parametrize(
        ("period", "accepted"), [("24h", 1), ("7d", 11), ("30d", 111), ("", 1), ("ever", 1), ("%00", 1)]
    )
    def test_is_as_long_as_is_wanted(self, console: Console, period: str, accepted: int) -> None:
        for ago, count in ((0, 1), (5 * DAY, 10), (28 * DAY, 100), (31 * DAY, 1000)):
            happen(console, ago, accept=count)
        assert f"Accepted {accepted} Junk" in overview(console, period).text

    def test_has_charts_with_the_numbers_behind_them(self, console: Console) -> None:
        happen(console, accept=5, session_imap=2, session_imaps=5)
        console.write(AddCounts({"turned-away/banned": 3, "turned-away/too-fast": 4, "latency<=0.005": 100}))
        measure(console, mailboxes=7, messages=8, octets=2048, database=4096)
        html = console.as_("viewer").get("/").text
        for key in ("mail", "latency", "sessions", "mailboxes", "messages", "storage"):
            assert f'aria-labelledby="{key}-title {key}-summary"' in html
        text = overview(console).text
        assert "Thu 20:00 0 0 7 0 7" in text, "connections"
        assert "Thu 20:00 4 ms 4.9 ms 5 ms" in text
        assert "Thu 20:00 4 KiB 2 KiB" in text
        assert "Nothing in this time" in text, "of refusals"
        assert "Time to answer 4 ms for half of the messages 95 of 100 within 4.9 ms" in text

    def test_says_where_there_is_nothing(self, console: Console) -> None:
        page = overview(console)
        assert page.text.count("Nothing in this time.") == 8
        assert '<svg class="chart"' not in console.as_("viewer").get("/").text

    def test_names_the_reasons(self, console: Console) -> None:
        happen(console, refuse=9, later=2, junk=4)
        console.write(
            AddCounts(
                {
                    "refuse/no-such-mailbox": 7,
                    "refuse/dmarc": 2,
                    "junk/dmarc": 4,
                    "later/mailbox-full": 2,
                    "refuse/never-heard-of": 1,
                }
            )
        )
        text = overview(console).text
        assert (
            "Reason Refused Put off Junk No such mailbox 7 0 0 DMARC 2 0 4 Mailbox is full 0 2 0 never-heard-of 1 0 0"
            in text
        )

    def test_shows_the_most_frequent_reasons(self, console: Console) -> None:
        console.write(AddCounts({f"refuse/reason-{number}": number for number in range(1, 20)}))
        text = overview(console).text
        assert "reason-19 19 0 0" in text
        assert "reason-8 8" in text
        assert "reason-7 " not in text

    def test_tells_what_the_checks_have_found(self, console: Console) -> None:
        console.write(
            AddCounts(
                {
                    "x-clamav=pass": 8,
                    "spf=pass": 1,
                    "spf=fail": 2,
                    "spf=softfail": 3,
                    "spf=temperror": 1,
                    "spf=none": 5,
                    "x-new=fail": 1,
                    "latency<=0.005": 9,
                }
            )
        )
        text = overview(console).text
        assert "Check Passed Failed Unclear None SPF 1 2 4 5 Virus scanner 8 0 0 0 x-new 0 1 0 0" in text
        assert "latency" not in text

    def test_is_in_the_reader_s_zone(self, console: Console) -> None:
        person = console.person("op", "operator")
        run(console.appliance.profiles.set_preferences(person, "America/New_York", "", ""))
        happen(console, accept=5)
        assert "Thu 16:00 5 0 0 0" in console.as_("operator").page("/").text


class TestRefreshing:
    def test_gives_what_the_page_has_without_its_frame(self, console: Console) -> None:
        browser = console.as_("viewer")
        happen(console, accept=5)
        whole = browser.get("/?period=7d").text
        assert 'data-refreshed="/overview/live?period=7d"' in whole
        part = browser.get("/overview/live?period=7d").text
        assert part.strip() in whole
        assert "<html" not in part
        happen(console, accept=2)
        assert "Accepted 7" in browser.page("/overview/live?period=7d").text

    def test_exchanges_what_has_an_id_of_its_own(self, console: Console) -> None:
        happen(console, accept=5)
        html = console.as_("viewer").get("/overview/live").text
        ids = [piece.split('"')[0] for piece in html.split(' id="')[1:]]
        assert len(set(ids)) == len(ids)
        live = [piece.rsplit(' id="', 1)[1] for piece in html.split('" data-live>')[:-1]]
        assert {"health", "now", "totals", "mail-shown", "mail-numbers", "reasons", "verdicts"} <= set(live)
        assert html.count("data-live") == len(live)

    def test_keeps_nobody_signed_in(self, console: Console) -> None:
        browser = console.as_("viewer")
        for _ in range(4):
            console.clock.now += 1000
            response = browser.get("/overview/live")
        assert response.status_code == 302
        assert "/sign-in" in response.headers["Location"]

    def test_is_for_those_who_are_signed_in(self, console: Console) -> None:
        assert console.browser().get("/overview/live").status_code == 302


class TestFirstSteps:
    def test_a_domain_is_wanted_first(self, console: Console) -> None:
        assert "for no domain yet" not in overview(console).text
        run(console.appliance.domains.remove("box.test"))
        page = console.as_("operator").page("/")
        assert "This host takes mail for no domain yet." in page.text
        assert "/domains/add" in page.links
        assert "/domains/add" not in overview(console).links, "which a viewer cannot add"


def test_headings_are_in_order(console: Console) -> None:
    headings = overview(console).headings
    assert headings[:3] == ["h1", "h2", "h2"]
    assert set(headings[4:]) == {"h3"}


def test_nothing_is_counted_of_the_future(console: Console) -> None:
    """A clock that was set back: what was counted before it is not shown as of now."""
    happen(console, accept=5)
    console.clock.now = NOW - 3 * HOUR
    assert "Accepted 0 Junk" in overview(console).text
