"""The pages of block rules: added, found, changed, removed, imported, exported, tried."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from tempmaild.core.block_rule import BlockRule
from tests.support import NOW, run

if TYPE_CHECKING:
    from tests.admin.console import Console

EDIT = "/block-rules/edit?kind=domain&subject=spam.example"
REMOVE = "/block-rules/remove"


def add(console: Console, *rules: BlockRule) -> None:
    run(console.appliance.block_rules.add(rules))


def rules(console: Console) -> list[BlockRule]:
    return run(console.appliance.block_rules.list_all())


class TestList:
    def test_is_empty_at_first(self, console: Console) -> None:
        text = console.as_("operator").page("/block-rules/").text
        assert "There are no rules" in text
        assert "Export" not in text

    def test_searches(self, console: Console) -> None:
        add(
            console,
            BlockRule("address", "joe@spam.example", "allow", note="a friend"),
            BlockRule("domain", "spam.example", domain="box.test", until=NOW + 3600),
            BlockRule("network", "192.0.2.0/24", "junk"),
        )
        browser = console.as_("viewer")
        page = browser.page("/block-rules/")
        assert "There are 3." in page.text
        assert "refuse spam.example domain of senders, and all below it box.test in 1 hour" in page.text
        assert not page.unclosed
        for query, found in (
            ("part=SPAM", ["joe@spam.example", "spam.example domain"]),
            ("part=spam&kind=address", ["joe@spam.example"]),
            ("action=junk", ["192.0.2.0/24"]),
            ("part=%25", []),
            ("part=%00192", ["192.0.2.0/24"]),
            ("kind=nonsense", ["joe@spam.example", "spam.example domain", "192.0.2.0/24"]),
        ):
            text = browser.page(f"/block-rules/?{query}").text
            for subject in ("joe@spam.example", "spam.example domain", "192.0.2.0/24"):
                assert (subject in text) == (subject in found), (query, subject)
            assert ("There is no such rule" in text) == (not found)

    def test_pages(self, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempmaild_admin.views.block_rules._PAGE", 2)
        add(
            console,
            *(BlockRule("helo", "same", domain=domain) for domain in ("", "a.test", "b.test")),
            *(BlockRule("network", f"192.0.2.{last}") for last in (1, 2)),
        )
        browser = console.as_("viewer")
        link, seen = "/block-rules/?part=", list[str]()
        while link:
            page = browser.page(link)
            seen += [f"{kind} {domain}" for kind, domain in _rows(page.text)]
            link = next((link for link in page.links if "after_kind" in link), "")
        assert seen == ["same all", "same a.test", "same b.test", "192.0.2.1/32 all", "192.0.2.2/32 all"]

    @pytest.mark.parametrize("query", ["after_kind=%00", "after_kind=x&after=%00&after_domain=%FF"])
    def test_begins_where_it_is_told(self, console: Console, query: str) -> None:
        add(console, BlockRule("helo", "x"))
        assert console.as_("viewer").get(f"/block-rules/?{query}").status_code == 200


def _rows(text: str) -> list[tuple[str, str]]:
    """Give subject and domain of each rule on a page."""
    about = ("name in HELO, and all below it ", "network of clients ")
    words = text.partition("Actions refuse ")[2].split(" refuse ")
    found = []
    for row in words:
        for kind in about:
            subject, there, rest = row.partition(f" {kind}")
            if there:
                found.append((subject, rest.split()[0]))
    return found


class TestOne:
    def test_is_added(self, console: Console) -> None:
        page = console.as_("operator").submit(
            "/block-rules/add",
            kind="domain",
            subject="Spam.EXAMPLE.",
            action="junk",
            domain="*.Box.test",
            seconds="1d",
            note="ticket 17",
        )
        assert "The rule about spam.example holds from now on." in page.text
        assert rules(console) == [
            BlockRule("domain", "spam.example", "junk", "*.box.test", "ticket 17", NOW + 86_400, NOW)
        ]
        assert console.audited("block-add") == [("op", "spam.example")]

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"subject": ""}, "subject"),
            ({"subject": "no name"}, "subject"),
            ({"kind": "network"}, "network"),
            ({"kind": "country"}, "kind"),
            ({"action": "drop"}, "action"),
            ({"domain": "no name"}, "domain"),
            ({"seconds": "ever"}, "seconds"),
            ({"seconds": "9999999d"}, "seconds"),
            ({"note": "a\u2028b"}, "note"),
        ],
    )
    def test_shows_what_is_wrong_beside_its_field(self, console: Console, fields: dict[str, str], field: str) -> None:
        page = console.as_("operator").submit("/block-rules/add", **{"kind": "domain", "subject": "a.test", **fields})
        assert list(page.errors) == ["subject" if field == "network" else field]
        assert rules(console) == []

    def test_is_changed(self, console: Console) -> None:
        add(
            console,
            BlockRule("domain", "spam.example", until=NOW + 60),
            BlockRule("domain", "spam.example", "junk", "box.test"),
        )
        browser = console.as_("operator")
        console.clock.now += 1
        browser.submit(EDIT, EDIT.partition("?")[0], action="allow", note="a friend")
        assert rules(console)[0] == BlockRule("domain", "spam.example", "allow", "", "a friend", NOW + 60, NOW + 1)
        for fields, until in (
            ({"ending": "after", "seconds": "1h"}, NOW + 3601),
            ({"ending": "keep", "seconds": "9h"}, NOW + 3601),
            ({"ending": "never"}, 0),
        ):
            browser.submit(EDIT, EDIT.partition("?")[0], **fields)
            assert rules(console)[0].until == until
        assert rules(console)[1].action == "junk"
        page = browser.submit(EDIT, EDIT.partition("?")[0], ending="after")
        assert page.errors == {"seconds": "After which time?"}
        page = browser.submit(EDIT, EDIT.partition("?")[0], ending="after", seconds="9999999d")
        assert "is no time before the year 10000" in page.errors["seconds"]

    def test_of_somebody_else_is_not_overwritten(self, console: Console) -> None:
        add(console, BlockRule("domain", "spam.example"))
        browser = console.as_("operator")
        form = browser.page(EDIT).form()
        add(console, BlockRule("domain", "spam.example", "allow"))
        assert "Somebody else has changed this meanwhile" in browser.post(EDIT, data=form.fields).text
        assert rules(console)[0].action == "allow"

    def test_is_removed(self, console: Console) -> None:
        add(console, BlockRule("domain", "spam.example"), BlockRule("domain", "spam.example", domain="box.test"))
        browser = console.as_("operator")
        page = browser.page("/block-rules/")
        actions = [form.action for form in page.forms if form.action.startswith(REMOVE)]
        token = page.form(REMOVE).fields["csrf_token"]
        assert browser.post(actions[1], data={"csrf_token": token}).status_code == 302
        assert [rule.domain for rule in rules(console)] == [""]
        assert console.audited("block-remove") == [("op", "spam.example")]
        assert browser.post(actions[1], data={"csrf_token": token}).status_code == 404
        run(console.appliance.block_rules.remove("domain", "spam.example"))
        assert browser.get(EDIT).status_code == 404

    @pytest.mark.parametrize("query", ["", "?kind=domain", "?kind=country&subject=x", "?kind=helo&subject=%00x"])
    def test_that_is_none(self, console: Console, query: str) -> None:
        assert console.as_("operator").get(f"/block-rules/edit{query}").status_code == 404


class TestLists:
    def test_are_exported_and_imported(self, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempmaild_admin.views.block_rules._EXPORTED", 2)
        add(
            console,
            BlockRule("address", '"a b"@spam.example', "allow", note='say "no"'),
            *(BlockRule("helo", "same", domain=domain, until=NOW + 60) for domain in ("", "a.test", "b.test")),
        )
        before = rules(console)
        response = console.as_("viewer").get("/block-rules/export")
        assert response.headers["Content-Disposition"] == 'attachment; filename="block-rules.jsonl"'
        assert response.text.count("\n") == 4
        for rule in before:
            run(console.appliance.block_rules.remove(rule.kind, rule.subject, rule.domain))
        browser = console.as_("operator")
        form = browser.page("/block-rules/import").form()
        data = form.fields | {"file": (io.BytesIO(response.data), "rules")}
        answer = browser.post(form.action, data=data, content_type="multipart/form-data", follow_redirects=True)
        assert "4 rules are imported." in answer.text
        assert rules(console) == before
        assert console.audited("block-import")[1:] == [("op", "")]

    def test_may_be_plain(self, console: Console) -> None:
        text = "# bad\r\n\r\nSpam.example\nspam.EXAMPLE\nother.example"
        page = console.as_("operator").submit(
            "/block-rules/import", text=text, kind="domain", action="junk", domain="box.test"
        )
        assert "2 rules are imported." in page.text
        assert {(rule.subject, rule.action, rule.domain) for rule in rules(console)} == {
            ("spam.example", "junk", "box.test"),
            ("other.example", "junk", "box.test"),
        }

    @pytest.mark.parametrize(
        ("fields", "field", "error"),
        [
            ({"text": ""}, "file", "Choose a file, or write the list below."),
            ({"text": "spam.example"}, "text", "line 1: line: it is no JSON object"),
            ({"text": "a.example\nno name", "kind": "domain"}, "text", "line 2: subject: 'no name' is no name"),
            ({"text": "a.example", "kind": "domain", "domain": "no name"}, "text", "line 1: domain:"),
            ({"text": '{"kind": "helo", "subject": "a", "until": "soon"}'}, "text", "line 1: until:"),
            ({"text": '{"kind": [], "subject": "a"}'}, "text", "line 1: line: all values are text in quotes"),
        ],
    )
    def test_are_had_whole_or_not_at_all(
        self, console: Console, fields: dict[str, str], field: str, error: str
    ) -> None:
        page = console.as_("operator").submit("/block-rules/import", **fields)
        assert error in page.errors[field]
        assert rules(console) == []

    def test_may_not_be_too_long(self, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempmaild.store.block_rules.MOST_RULES", 1)
        page = console.as_("operator").submit("/block-rules/import", text="a.example\nb.example", kind="domain")
        assert "there can be no more than 1" in page.text
        assert rules(console) == []


def try_out(console: Console, **query: str) -> Any:
    return console.as_("viewer").get("/block-rules/try", query_string=query)


class TestTrying:
    def test_shows_what_holds_and_what_else_is_about_it(self, console: Console) -> None:
        add(
            console,
            BlockRule("domain", "example", "junk"),
            BlockRule("network", "192.0.2.0/24"),
            BlockRule("address", "joe@spam.example", "allow", "box.test"),
            BlockRule("helo", "other.example"),
        )
        what = {"sender": "Joe@Spam.example", "client": "192.0.2.9", "helo": "mx.spam.example"}
        text = try_out(console, **what).text
        assert "Its mail is refused." in text
        assert "other.example" not in text
        assert "joe@spam.example" in text
        assert "Its mail passes over block lists" in try_out(console, **what, domain="BOX.test").text
        assert "Its mail is delivered into Junk." in try_out(console, sender="a@x.example").text
        assert "No rule holds" in try_out(console, helo="example").text

    def test_has_nothing_to_say_at_first(self, console: Console) -> None:
        assert "What would happen</h2>" not in console.as_("viewer").get("/block-rules/try").text

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ({"client": "example.org"}, "client"),
            ({"client": "192.0.2.0/24"}, "client"),
            ({"client": "::\0"}, "client"),
            ({"sender": "nobody"}, "sender"),
            ({"sender": "a\0@b.example"}, "sender"),
            ({"helo": "a\0b"}, "helo"),
            ({"domain": "no name"}, "domain"),
            ({"domain": "*.box.test"}, "domain"),
            ({"sender": "x" * 321}, "sender"),
        ],
    )
    def test_shows_what_is_wrong_beside_its_field(self, console: Console, query: dict[str, str], field: str) -> None:
        answer = try_out(console, **query)
        assert answer.status_code == 200
        assert "What would happen</h2>" not in answer.text
        before = answer.text.partition("invalid-feedback")[0]
        assert before.rpartition('name="')[2].startswith(f'{field}"')
