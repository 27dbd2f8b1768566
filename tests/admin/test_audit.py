"""The pages of the audit log."""

from __future__ import annotations

import ast
import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import tempmaild
from tempmaild.core.limit import Limit
from tempmaild.store.audit import Note
from tempmaild.store.people import SetPreferences
from tempmaild_admin.audit_words import said
from tempmaild_admin.views import audit as views
from tests.admin.pages import page_of
from tests.support import NOW, run

if TYPE_CHECKING:
    from tempmaild.core.person import Role
    from tests.admin.console import Console
    from tests.admin.pages import Page

DAY = 86_400
VERIFY = "/audit/verify"


def note(console: Console, actor: str, action: str, subject: str = "", **details: Any) -> int:
    """Add a row; its number."""
    console.write(Note(actor, action, subject, details))
    row = console.appliance.handle.row("SELECT max(id) FROM audit")
    assert row is not None
    number: int = row[0]
    return number


def meddle(console: Console, sql: str, *parameters: object) -> None:
    """Do as somebody would who has the whole database in his hands."""
    for event in ("update", "delete"):
        console.appliance.handle.run(f"DROP TRIGGER IF EXISTS audit_stays_{event}")
    console.appliance.handle.run(sql, *parameters)


def rows(page: Page) -> list[int]:
    """Give the numbers of the rows that a page lists."""
    return [int(link.removeprefix("/audit/")) for link in page.links if link.removeprefix("/audit/").isdecimal()]


class TestList:
    def test_shows_the_latest_first(self, console: Console) -> None:
        console.clock.now += 60
        note(console, "ann", "ban-add", "192.0.2.0/24", reason="x")
        browser = console.as_("viewer")
        page = browser.page("/audit/")
        assert page.unclosed == []
        assert "2 in 0 seconds ann network banned 192.0.2.0/24" in page.text
        assert rows(page) == [4, 3, 2, 1]
        assert "Nobody has verified it here yet." in page.text

    def test_finds_what_is_asked_for(self, console: Console) -> None:
        note(console, "ann", "ban-add", "192.0.2.0/24")
        note(console, "bob", "ban-add", "198.51.100.0/24")
        note(console, "ann", "limit-remove", "calls")
        console.clock.now += DAY
        note(console, "ann", "ban-add", "198.51.100.0/24")
        browser = console.as_("viewer")
        for criteria, found in (
            ("actor=ann", [5, 4, 2]),
            ("actor=%20ann%20&action=ban-add", [5, 2]),
            ("subject=198.51.100.0/24", [5, 3]),
            ("actor=bob&subject=198.51.100.0/24&action=ban-add", [3]),
            ("since=2026-05-29&actor=ann", [5]),
            ("until=2026-05-28&actor=ann", [4, 2]),
            ("actor=nobody", []),
            ("actor=an", []),
            ("actor=a%00nn", [5, 4, 2]),
        ):
            assert rows(browser.page(f"/audit/?{criteria}")) == found, criteria

    def test_says_what_is_nonsense(self, console: Console) -> None:
        browser = console.as_("viewer")
        for criteria, field in (
            ("action=no-such", "action"),
            ("since=soon", "since"),
            (f"subject={'x' * 321}", "subject"),
        ):
            page = browser.page(f"/audit/?{criteria}")
            assert list(page.errors) == [field]
            assert rows(page) == []
            assert page.unclosed == []

    def test_days_are_of_the_readers_zone(self, console: Console) -> None:
        console.clock.now = NOW + 4 * 3600  # past midnight in UTC
        number = note(console, "ann", "sign-in")
        person = console.person("vi", "viewer")
        assert number in rows(console.as_("viewer").page("/audit/?since=2026-05-29"))
        console.write(SetPreferences("vi", "America/New_York", "", ""))
        assert console.person("vi").id == person.id
        browser = console.as_("viewer")
        assert number not in rows(browser.page("/audit/?since=2026-05-29"))
        assert number in rows(browser.page("/audit/?since=2026-05-28&until=2026-05-28"))

    def test_has_pages_that_keep_what_was_asked_for(self, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(views, "_PAGE", 2)
        for number in range(5):
            note(console, "ann", "sign-in", f"{number}")
            note(console, "bob", "sign-in", f"{number}")
        browser, url, found = console.as_("viewer"), "/audit/?actor=ann&since=2026-05-28", list[list[int]]()
        while url:
            page = browser.page(url)
            found.append(rows(page))
            url = next((link for link in page.links if "after=" in link and "/audit/" in link), "")
        assert found == [[10, 8], [6, 4], [2]]
        assert rows(browser.page("/audit/?after=nowhere%00"))[0] >= 11, "that is the beginning"

    def test_offers_who_and_what_there_is(self, console: Console) -> None:
        note(console, "ann", "limit-remove", "calls")
        answer = console.as_("viewer").get("/audit/").text
        assert '<option value="ann">' in answer
        assert '<option value="limit-remove">limit removed</option>' in answer
        assert "ban-add" not in answer

    def test_says_which_rows_cannot_be_read(self, console: Console) -> None:
        for damage in ("x'ff'", "-1", "99999999999999", "'never'"):
            number = note(console, "ann", "sign-in", damage)
            meddle(console, f"UPDATE audit SET at = {damage} WHERE id = ?", number)
        browser = console.as_("viewer")
        page = browser.page("/audit/")
        assert page.text.count("This row cannot be read: somebody has changed it.") == 4
        for number in range(2, 6):
            assert "Somebody has meddled with the log" in browser.page(f"/audit/{number}").text
        assert browser.get("/audit/audit.csv").status_code == 200


class TestOne:
    def test_says_what_was_changed(self, console: Console) -> None:
        limits = console.appliance.limits
        limit = Limit("calls", "api-call", "network", 10, 60)
        run(limits.add(limit, "ann"))
        run(limits.change(Limit("calls", "api-call", "network", 20, 60), "bob"))
        (row,) = console.audit("limit-change")
        page = console.as_("viewer").page(f"/audit/{row.id}")
        assert page.unclosed == []
        assert "amount 10 20 changed" in page.text
        assert "window 60 60" in page.text
        assert "window 60 60 changed" not in page.text
        assert f"/audit/{row.id - 1}" in page.links
        assert "The row is as it was written, and follows the one before." in page.text
        assert row.digest.hex() in page.text

    def test_tells_deep_details_apart(self, console: Console) -> None:
        number = note(
            console,
            "ann",
            "domain-add",
            "a.test",
            policy={"checks": {"spf": {"action": "refuse"}}, "reserved": ["a", "b"]},
        )
        text = console.as_("viewer").page(f"/audit/{number}").text
        assert "policy.checks.spf.action refuse" in text
        assert "policy.reserved a, b" in text

    def test_shows_markup_as_text(self, console: Console) -> None:
        number = note(console, "<b>", "<i>", "<u>", **{"<s>": "<script>"})
        browser = console.as_("viewer")
        for path in (f"/audit/{number}", "/audit/"):
            answer = browser.get(path).text
            for tag in ("<b>", "<i>", "<u>", "<s>", "<script>"):
                assert tag not in answer

    @pytest.mark.parametrize("details", ["[" * 5000, "no json", "[1]", "{" * 100, '{"a":' * 500 + "1" + "}" * 500])
    def test_shows_whatever_somebody_has_put_there(self, console: Console, details: str) -> None:
        number = note(console, "ann", "limit-change", "calls", amount=1)
        meddle(console, "UPDATE audit SET details = ? WHERE id = ?", details, number)
        last = note(console, "ann", "limit-change", "calls", amount=2)
        browser = console.as_("viewer")
        page = browser.page(f"/audit/{number}")
        assert "its digest is not of its content" in page.text
        assert page.unclosed == []
        assert "follows the one before" in browser.page(f"/audit/{last}").text

    @pytest.mark.parametrize("number", ["0", "99", "-1", "x", str(2**63 - 1), str(2**63), "9" * 5000])
    def test_is_not_there(self, console: Console, number: str) -> None:
        console.as_("viewer").page(f"/audit/{number}", 404)


class TestVerifying:
    def test_is_noted_and_shown(self, console: Console) -> None:
        browser = console.as_("operator")
        page = browser.press("/audit/", VERIFY)
        assert page.url == "/audit/"
        assert "All 3 rows are as they were written, and none is missing." in page.text
        assert (
            "Up to row 3 all was as it was written, and none was missing. Verified by op, in 0 seconds" in page.text
        )
        last = run(console.appliance.audit.verify())
        (details,) = console.details("audit-verify")
        assert details["rows"] == last.rows - 1 == 3
        assert details["problem"] == ""
        assert console.audited("audit-verify") == [("op", "")]

    def test_finds_what_was_changed(self, console: Console) -> None:
        note(console, "ann", "sign-in")
        number = note(console, "ann", "ban-remove", "192.0.2.0/24")
        note(console, "ann", "sign-out")
        meddle(console, "UPDATE audit SET actor = 'bob' WHERE id = ?", number)
        page = console.as_("operator").press("/audit/", VERIFY)
        problem = f"Row {number} is broken: its digest is not of its content."
        assert page.text.count(problem) == 2
        assert f"/audit/{number}" in page.links
        assert problem in console.as_("viewer").page("/audit/").text

    def test_finds_what_is_missing(self, console: Console) -> None:
        number = note(console, "ann", "sign-in")
        note(console, "ann", "sign-out")
        meddle(console, "DELETE FROM audit WHERE id = ?", number)
        assert f"Row {number} is broken: it is missing." in console.as_("operator").press("/audit/", VERIFY).text

    def test_goes_on_in_portions(self, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempmaild.service.audit._TOGETHER", 3)
        for _ in range(7):
            note(console, "ann", "sign-in")
        browser = console.as_("operator")
        page, seen = browser.press("/audit/", VERIFY), list[str]()
        while page.url == VERIFY:
            assert page.unclosed == []
            seen.append(page.text.split(" rows are in order so far.")[0][-1])
            form = page.form()
            page = page_of(browser.post(form.action, data=form.fields, follow_redirects=True))
        assert seen == ["3", "6", "9"]
        assert "All 10 rows are as they were written" in page.text
        assert len(console.audit("audit-verify")) == 1

    def test_believes_no_other_portion(self, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempmaild.service.audit._TOGETHER", 1)
        operator, owner = console.as_("operator"), console.as_("owner")
        form = operator.press("/audit/", VERIFY).form()
        token = owner.page("/audit/").form(VERIFY).fields["csrf_token"]
        known = form.fields["known"][0]
        for state in ("x", known[:-1], known.replace(".", ""), json.dumps([1000, "00" * 32, "op"]), "\0"):
            assert operator.post(VERIFY, data={**form.fields, "known": [state]}).status_code == 400
        assert owner.post(VERIFY, data={"csrf_token": token, "known": known}).status_code == 400
        assert operator.post(VERIFY, data=form.fields).status_code in {200, 302}

    @pytest.mark.parametrize("details", ["x", "{}", '{"rows":"1","problem":""}', '{"rows":1,"problem":7}'])
    def test_says_nothing_of_what_is_not_its_own(self, console: Console, details: str) -> None:
        console.as_("operator").press("/audit/", VERIFY)
        meddle(console, "UPDATE audit SET details = ? WHERE action = 'audit-verify'", details)
        assert "Nobody has verified it here yet." in console.as_("viewer").page("/audit/").text

    @pytest.mark.parametrize(("role", "may"), [("viewer", False), ("operator", True), ("owner", True)])
    def test_is_for_those_who_may_change_something(self, console: Console, role: Role, may: bool) -> None:
        page = console.as_(role).page("/audit/")
        assert any(form.action == VERIFY for form in page.forms) is may


class TestExport:
    def table(self, console: Console, criteria: str = "") -> list[list[str]]:
        answer = console.as_("viewer").get(f"/audit/audit.csv{criteria}")
        assert answer.status_code == 200
        assert answer.headers["Content-Disposition"] == "attachment; filename=audit.csv"
        assert answer.mimetype == "text/csv"
        return list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))

    def test_has_all_that_is_looked_for(self, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(views, "_EXPORTED", 2)
        for number in range(5):
            note(console, "ann", "ban-add", f"192.0.2.{number}", reason="x")
            note(console, "bob", "ban-add", f"192.0.2.{number}")
        header, *lines = self.table(console, "?actor=ann")
        assert header == ["row", "at", "actor", "action", "subject", "details", "digest"]
        assert [line[0] for line in lines] == ["10", "8", "6", "4", "2"]
        (row,) = [row for row in console.audit("ban-add") if row.id == 2]
        assert lines[-1] == [
            "2",
            "2026-05-28T20:26:40Z",
            "ann",
            "ban-add",
            "192.0.2.0",
            '{"reason":"x"}',
            row.digest.hex(),
        ]
        assert len(self.table(console)) == 1 + 11 + 3

    def test_of_nothing_has_its_header(self, console: Console) -> None:
        assert len(self.table(console, "?actor=nobody")) == 1

    def test_of_nonsense_is_refused(self, console: Console) -> None:
        console.as_("viewer").page("/audit/audit.csv?since=soon", 400)

    def test_holds_no_formulas(self, console: Console) -> None:
        note(console, "=1+1", "ban-add", "@SUM(A1)")
        line = self.table(console)[1]
        assert not any(value.startswith(("=", "@", "+", "-")) for value in line)


def test_there_are_words_for_all_that_is_done() -> None:
    """For every action that the program puts into the log, as far as it stands there as a literal."""
    actions = set()
    for path in Path(tempmaild.__path__[0]).rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") in {
                "record",
                "_record",
                "_record_credentials",
            }:
                texts = [each.value for each in call.args if isinstance(each, ast.Constant)]
                actions |= {text for text in texts if isinstance(text, str) and "-" in text}
    assert len(actions) > 30
    assert sorted(action for action in actions if said(action) == action) == []
