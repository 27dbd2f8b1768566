"""The pages of schedules: made, previewed, changed, run, paused, removed; and what lifetimes there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from tempmaild.core.schedule import Cron, Every, Outcome, Purge, Report, Schedule, Shorten
from tempmaild.core.timespan import DAY, HOUR
from tests.support import NOW, run

if TYPE_CHECKING:
    from tempmaild.core.schedule import Action, Timing
    from tests.admin.console import Console

EDIT = "/schedules/named/nightly/edit"
SHOW = "/schedules/named/nightly/"


def add(console: Console, action: Action | None = None, timing: Timing | None = None) -> Schedule:
    schedule = Schedule("nightly", "", action or Purge(7 * DAY), timing or Cron("0 4 * * *"))
    return run(console.appliance.schedules.add(schedule, "somebody"))


def kept(console: Console) -> Schedule:
    return run(console.appliance.schedules.get("nightly"))


def all_kept(console: Console) -> list[Schedule]:
    return run(console.appliance.schedules.list_all())


class TestList:
    def test_is_empty_at_first(self, console: Console) -> None:
        assert "Nothing is done by a schedule." in console.as_("viewer").page("/schedules/").text

    def test_tells_what_is_done_and_when(self, console: Console) -> None:
        add(console)
        page = console.as_("viewer").page("/schedules/")
        assert (
            "nightly destroy mailboxes that are older than 7 days in all domains 0 4 * * * UTC in 8 hours never"
            in (page.text)
        )
        assert "Run now" not in page.text
        assert not page.unclosed

    def test_tells_how_the_last_run_went(self, console: Console) -> None:
        console.house.create("a@box.test")
        schedules = console.appliance.schedules
        run(schedules.run(add(console, Purge()), lambda: False))
        assert "1 mailbox with 0 messages" in console.as_("viewer").page("/schedules/").text

    def test_tells_what_waits_for_the_daemon(self, console: Console) -> None:
        add(console)
        run(console.appliance.schedules.run_now("nightly"))
        run(console.appliance.schedules.pause("nightly"))
        assert "paused waits for the daemon" in console.as_("viewer").page("/schedules/").text


class TestAdding:
    @pytest.mark.parametrize(
        ("fields", "wanted"),
        [
            ({"action": "purge", "older_than": "12h"}, Purge(12 * HOUR)),
            ({"action": "purge", "older_than": ""}, Purge(0)),
            # What another action needs may have been typed before.
            ({"action": "shorten", "to": "1d", "older_than": "12h"}, Shorten(DAY)),
            ({"action": "report", "to": "1d"}, Report()),
        ],
    )
    def test_takes_every_action(self, console: Console, fields: dict[str, str], wanted: Action) -> None:
        page = console.as_("operator").submit("/schedules/add", name="nightly", cron="30 3 * * sun", **fields)
        assert "nightly is kept" in page.text
        assert (kept(console).action, kept(console).timing) == (wanted, Cron("30 3 * * sun"))
        assert console.audited("schedule-add") == [("op", "nightly")]

    def test_takes_intervals_and_a_domain(self, console: Console) -> None:
        console.as_("operator").submit(
            "/schedules/add", name="nightly", action="report", domain="BOX.test", trigger="interval", every="10m"
        )
        assert (kept(console).domain, kept(console).timing) == ("box.test", Every(600))

    @pytest.mark.parametrize(
        ("fields", "field", "error"),
        [
            ({"name": "no name"}, "name", "is not up to 64 ASCII letters"),
            ({"name": ""}, "name", "This field is required."),
            ({"cron": "61 * * * *"}, "cron", "is higher than the maximum value (59)"),
            ({"cron": "0 4 * *"}, "cron", "does not have the five fields"),
            ({"cron": "0 0 30 2 *"}, "cron", "never comes"),
            ({"trigger": "interval", "every": "9s"}, "every", "9 is not between 10 seconds"),
            ({"trigger": "interval", "every": "often"}, "every", "This is not a time such as 30m, 24h or 7d."),
            ({"trigger": "interval"}, "every", "0 is not between 10 seconds"),
            ({"action": "shorten"}, "to", "shorten needs it"),
            ({"action": "shorten", "to": "1s"}, "to", "1 is not between 10 seconds"),
            ({"older_than": "99999d"}, "older_than", "is not between 0 seconds (all)"),
            ({"domain": "other.test"}, "domain", "This is no domain of ours."),
            ({"domain": "no name"}, "domain", "This is no domain of ours."),
            ({"action": "drop"}, "action", "Not a valid choice."),
        ],
    )
    def test_shows_what_is_wrong_beside_its_field(
        self, console: Console, fields: dict[str, str], field: str, error: str
    ) -> None:
        page = console.as_("operator").submit("/schedules/add", **{"name": "nightly", **fields})
        assert error in page.errors.get(field, ""), page.errors
        assert all_kept(console) == []

    def test_wants_a_name_that_nobody_has(self, console: Console) -> None:
        add(console)
        page = console.as_("operator").submit("/schedules/add", name="nightly")
        assert page.errors == {"name": "There is a schedule of this name."}


class TestPreview:
    def test_shows_the_next_five_without_keeping_anything(self, console: Console) -> None:
        page = console.as_("operator").submit("/schedules/add", preview="x", cron="0 4 * * sun")
        # NOW is a Thursday.
        for day in ("2026-05-31", "2026-06-07", "2026-06-14", "2026-06-21", "2026-06-28"):
            assert f"{day} 04:00:00" in page.text
        assert "2026-07-05" not in page.text
        assert page.errors == {}
        assert all_kept(console) == []

    @pytest.mark.parametrize(
        ("fields", "errors"),
        [
            ({"cron": "x"}, {"cron": "'x' does not have the five fields minute, hour, day of the month, month, "}),
            ({"trigger": "interval", "every": "x"}, {"every": "This is not a time such as 30m, 24h or 7d."}),
        ],
    )
    def test_says_what_is_wrong(self, console: Console, fields: dict[str, str], errors: dict[str, str]) -> None:
        page = console.as_("operator").submit("/schedules/add", preview="x", **fields)
        assert {field: text[: len(errors.get(field, ""))] for field, text in page.errors.items()} == errors

    def test_is_there_before_anything_is_typed(self, console: Console) -> None:
        assert "2026-05-29 04:00:00" in console.as_("operator").page("/schedules/add").text
        add(console, timing=Every(DAY))
        console.clock.now += HOUR
        assert "2026-05-29 20:26:40" in console.as_("operator").page(EDIT).text

    def test_answers_a_script(self, console: Console) -> None:
        browser = console.as_("viewer")
        answer = browser.get("/schedules/next?trigger=cron&cron=0+4+*+*+*").get_json()
        assert answer["error"] == ""
        assert answer["runs"][0] == {"text": "2026-05-29 04:00:00", "away": "in 8 hours"}
        assert len(answer["runs"]) == 5
        add(console)
        console.clock.now += 90
        answer = browser.get("/schedules/next?trigger=interval&every=1m&name=nightly").get_json()
        assert answer["runs"][0]["text"] == "2026-05-28 20:28:40", "counted from when it was made"
        answer = browser.get("/schedules/next?trigger=interval&every=1m&name=gone").get_json()
        assert answer["runs"][0]["text"] == "2026-05-28 20:29:10"

    @pytest.mark.parametrize(
        "query",
        [
            "",
            "trigger=cron",
            "trigger=cron&cron=0+0+31+feb+*",
            "trigger=cron&cron=*/0+*+*+*+*",
            "trigger=cron&cron=%00",
            "trigger=interval&every=",
            "trigger=cron&cron=0+4+*+*+*&every=nonsense",
            "trigger=interval&every=0",
            "trigger=interval&every=" + "9" * 5000,
            "trigger=interval&every=%D9%A3m",
        ],
    )
    def test_answers_a_script_what_is_wrong(self, console: Console, query: str) -> None:
        response = console.as_("viewer").get(f"/schedules/next?{query}")
        assert response.status_code == 200
        answer = response.get_json()
        # Digits of other scripts are digits.
        assert (answer["runs"] == []) == bool(answer["error"])

    def test_times_that_never_come_are_found_out_without_going_through_all_years(self) -> None:
        assert Cron("* * 31 2,4,6 *").next(NOW) is None
        assert Cron("0 0 30 2 mon").next(NOW) is not None


class TestOne:
    def test_shows_next_runs_and_history(self, console: Console) -> None:
        schedule = add(console, Report())
        console.house.create("a@box.test")
        schedules = console.appliance.schedules
        run(schedules.run(schedule, lambda: False))
        changed = run(schedules.change(msgspec.structs.replace(schedule, action=Purge())))
        run(schedules.run(changed, lambda: False))
        page = console.as_("viewer").page(SHOW)
        assert "2026-05-29 04:00:00 ( in 8 hours )" in page.text
        history = page.text.partition("History")[2]
        # Each by what was done at the time, the last one first.
        destroyed, counted = "1 mailbox with 0 messages destroyed", "less than a second 1 mailbox with 0 messages"
        assert history.index(destroyed) < history.rindex(counted)
        assert history.endswith(counted)
        assert not page.unclosed

    def test_shows_the_last_report(self, console: Console) -> None:
        console.house.create("a@box.test")
        run(console.appliance.schedules.run(add(console, Report()), lambda: False))
        text = console.as_("viewer").page(SHOW).text
        assert "box.test 1 0 0 0 B" in text.partition("The last report")[2]

    def test_shows_what_failed(self, console: Console) -> None:
        add(console)
        run(console.appliance.schedules.pause("nightly"))
        assert "None: it is paused." in console.as_("viewer").page(SHOW).text
        assert "It has not run yet." in console.as_("viewer").page(SHOW).text
        console.appliance.handle.run(
            "UPDATE schedule SET last_run = ?, last_result = ?",
            *(NOW, msgspec.json.encode(Outcome(error="NoSuchDomain (<b>)")).decode()),
        )
        assert "failed NoSuchDomain (<b>)" in console.as_("viewer").page("/schedules/").text

    def test_that_is_not_there(self, console: Console) -> None:
        browser = console.as_("operator")
        for path in ("", "edit", "run", "remove"):
            assert browser.get(f"{SHOW}{path}").status_code == 404


class TestChanging:
    def test_changes_all_but_the_name(self, console: Console) -> None:
        add(console)
        run(console.appliance.schedules.pause("nightly"))
        browser = console.as_("operator")
        assert browser.page(EDIT).form().fields["older_than"] == ["7d"]
        page = browser.submit(EDIT, action="shorten", to="2h", trigger="interval", every="1h", domain="box.test")
        assert "nightly is changed." in page.text
        changed = kept(console)
        assert (changed.action, changed.timing, changed.domain) == (Shorten(2 * HOUR), Every(HOUR), "box.test")
        assert not changed.enabled, "it stays paused"
        assert console.audited("schedule-change")[-1] == ("op", "nightly")

    def test_of_somebody_else_is_not_overwritten(self, console: Console) -> None:
        schedule = add(console)
        browser = console.as_("operator")
        form = browser.page(EDIT).form()
        run(console.appliance.schedules.change(msgspec.structs.replace(schedule, action=Report())))
        answer = browser.post(EDIT, data=form.fields)
        assert "Somebody else has changed this meanwhile" in answer.text
        assert kept(console).action == Report()

    def test_a_run_meanwhile_is_no_change(self, console: Console) -> None:
        schedule = add(console, Report())
        browser = console.as_("operator")
        form = browser.page(EDIT).form()
        run(console.appliance.schedules.run(schedule, lambda: False))
        assert browser.post(EDIT, data=form.fields).status_code == 302

    def test_run_pause_resume_remove(self, console: Console) -> None:
        add(console)
        browser = console.as_("operator")
        assert "What is destroyed cannot be brought back." in browser.page(f"{SHOW}run").text
        assert "is run by the daemon now" in browser.submit(f"{SHOW}run").text
        assert run(console.appliance.schedules.take_up(kept(console).id)) is not None
        browser.press("/schedules/", f"{SHOW}pause")
        assert not kept(console).enabled
        browser.press(SHOW, f"{SHOW}resume")
        assert kept(console).enabled
        assert "nightly is removed." in browser.submit(f"{SHOW}remove").text
        assert all_kept(console) == []
        assert console.audited("schedule-request") == [("op", "nightly")]
        assert console.audited("schedule-change") == [("op", "nightly")] * 2
        assert console.audited("schedule-remove") == [("op", "nightly")]

    def test_that_is_gone_meanwhile(self, console: Console) -> None:
        add(console)
        browser = console.as_("operator")
        token = browser.page(SHOW).form(f"{SHOW}pause").fields["csrf_token"]
        run(console.appliance.schedules.remove("nightly"))
        for path in ("pause", "resume", "run", "remove", "edit"):
            assert browser.post(f"{SHOW}{path}", data={"csrf_token": token}).status_code == 404


class TestLifetimes:
    def test_are_told_in_words(self, console: Console) -> None:
        page = console.as_("viewer").page("/schedules/lifetimes")
        assert (
            "support 7 days its owner may put off the end up to 30 days after it was made 500 messages in a folder;"
            " then no further one is taken"
        ) in page.text
        assert "box.test 1 day (as in the settings)" in page.text
        assert not page.unclosed

    def test_page(self, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempmaild_admin.views.schedules._DOMAINS", 1)
        run(console.appliance.domains.add("other.test"))
        browser = console.as_("operator")
        page = browser.page("/schedules/lifetimes")
        assert "/domains/box.test/settings" in page.links
        assert "other.test" not in page.text
        assert "other.test" in browser.page("/schedules/lifetimes?after=box.test").text
