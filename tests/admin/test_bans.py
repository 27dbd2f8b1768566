"""The pages of bans: made, found, lifted, imported and exported."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from tempmaild.core.limit import Ban
from tests.admin.pages import Page, page_of
from tests.support import NOW, run

if TYPE_CHECKING:
    from tests.admin.console import Console


def ban(console: Console, network: str, seconds: int = 60, reason: str = "") -> Ban:
    return run(console.appliance.bans.add(network, seconds, reason))


def bans(console: Console) -> list[Ban]:
    return run(console.appliance.bans.list_all())


def upload(console: Console, content: bytes, **fields: Any) -> Page:
    """Import a file."""
    browser = console.as_("operator")
    form = browser.page("/bans/import").form()
    data = form.fields | fields | {"file": (io.BytesIO(content), "bans.txt")}
    response = browser.post(form.action, data=data, content_type="multipart/form-data", follow_redirects=True)
    assert response.status_code == 200
    return page_of(response)


class TestList:
    def test_is_empty_at_first(self, console: Console) -> None:
        text = console.as_("viewer").page("/bans/").text
        assert "Nobody is turned away." in text
        assert "Export" not in text

    def test_shows_the_latest_first_in_pages(self, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempmaild_admin.views.bans._PAGE", 2)
        for last in (1, 2, 3):
            ban(console, f"192.0.2.{last}", reason=f"reason {last}")
            console.clock.now += last // 2
        browser = console.as_("viewer")
        first = browser.page("/bans/")
        assert "Networks that are turned away: 3." in first.text
        assert first.text.index("192.0.2.3/32") < first.text.index("192.0.2.1/32"), "of one second, by network"
        assert "192.0.2.2/32" not in first.text
        (link,) = (link for link in first.links if "after=" in link)
        second = browser.page(link)
        assert "192.0.2.2/32" in second.text
        assert "192.0.2.1/32" not in second.text
        assert "Next page" not in second.text
        assert not second.unclosed

    @pytest.mark.parametrize(
        ("address", "found"),
        [
            ("192.0.2.77", ["192.0.2.0/24", "192.0.0.0/16"]),
            ("192.0.2.0/25", ["192.0.2.0/24", "192.0.0.0/16"]),
            ("192.0.3.1", ["192.0.0.0/16"]),
            ("198.51.100.1", []),
            ("2001:db8::1", ["2001:db8::/32"]),
        ],
    )
    def test_finds_what_an_address_is_turned_away_by(self, console: Console, address: str, found: list[str]) -> None:
        networks = ["192.0.2.0/24", "192.0.0.0/16", "2001:db8::/32"]
        for network in networks:
            ban(console, network)
        page = console.as_("viewer").page(f"/bans/?address={address}")
        assert [network for network in networks if f"{network} connect" in page.text] == found
        assert ("Neither this network" in page.text) == (not found)

    @pytest.mark.parametrize("address", ["nobody", "192.0.2.1/24", "::%00", "%FF", "::1%25eth0", "1" * 5000])
    def test_says_what_is_no_address(self, console: Console, address: str) -> None:
        page = console.as_("viewer").page(f"/bans/?address={address}")
        assert "is not ADDRESS/PREFIX" in page.errors["address"] or "goes on after" in page.errors["address"]
        assert "Nobody is turned away" not in page.text

    @pytest.mark.parametrize("query", ["after_time=x", "after_time=9e9", "after_time=" + "9" * 99, "after=%00"])
    def test_begins_anew_where_the_place_is_none(self, console: Console, query: str) -> None:
        ban(console, "192.0.2.1")
        assert "192.0.2.1/32" in console.as_("viewer").page(f"/bans/?{query}").text


class TestOne:
    def test_is_added_and_lifted(self, console: Console) -> None:
        browser = console.as_("operator")
        page = browser.submit("/bans/add", network="192.0.2.0/24", seconds="2h", reason="spam", scope="mail")
        assert "192.0.2.0/24 is turned away." in page.text
        assert bans(console) == [Ban("192.0.2.0/24", "spam", "mail", NOW + 7200, NOW)]
        page = browser.press("/bans/", "/bans/lift/192.0.2.0/24")
        assert "192.0.2.0/24 may come again." in page.text
        assert bans(console) == []
        assert console.audited("ban-add") == console.audited("ban-remove") == [("op", "192.0.2.0/24")]

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"network": "192.0.2.1/24"}, "network"),
            ({"network": ""}, "network"),
            ({"seconds": "ever"}, "seconds"),
            ({"seconds": "9999d"}, "seconds"),
            ({"reason": "x" * 201}, "reason"),
            ({"reason": "a\u2028b"}, "reason"),
            ({"scope": "some"}, "scope"),
        ],
    )
    def test_shows_what_is_wrong_beside_its_field(self, console: Console, fields: dict[str, str], field: str) -> None:
        page = console.as_("operator").submit("/bans/add", **{"network": "192.0.2.1", **fields})
        assert list(page.errors) == [field]
        assert bans(console) == []


class TestLists:
    def test_are_exported_and_imported(self, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempmaild_admin.views.bans._EXPORTED", 2)
        for last in (1, 2, 3):
            ban(console, f"192.0.2.{last}", 60 * last, 'say "no"')
        before = bans(console)
        response = console.as_("viewer").get("/bans/export")
        assert response.headers["Content-Disposition"] == 'attachment; filename="bans.jsonl"'
        assert response.mimetype == "text/plain"
        assert response.text.count("\n") == 3
        for each in before:
            run(console.appliance.bans.remove(each.network))
        assert "3 networks are turned away." in upload(console, response.data).text
        assert bans(console) == before
        assert console.audited("ban-import") == [("op", "")]
        assert console.details("ban-import") == [{"bans": 3}]

    def test_may_be_plain(self, console: Console) -> None:
        text = "# bad\r\n\r\n192.0.2.1\n 2001:db8::/32 \n"
        page = console.as_("operator").submit("/bans/import", text=text, seconds="1h", reason="list", scope="mail")
        assert "2 networks are turned away." in page.text
        assert bans(console) == [
            Ban("192.0.2.1/32", "list", "mail", NOW + 3600, NOW),
            Ban("2001:db8::/32", "list", "mail", NOW + 3600, NOW),
        ]

    def test_leave_out_what_is_over(self, console: Console) -> None:
        text = '{"network": "192.0.2.1", "until": "2001-01-01T00:00:00Z"}\n192.0.2.2'
        assert "1 network is turned away." in console.as_("operator").submit("/bans/import", text=text).text
        assert [each.network for each in bans(console)] == ["192.0.2.2/32"]

    @pytest.mark.parametrize(
        ("line", "field", "error"),
        [
            ("", "file", "Choose a file, or write the list below."),
            ("nobody", "text", "line 1: network: 'nobody' is not ADDRESS/PREFIX"),
            ("192.0.2.9\n192.0.2.1/24", "text", "line 2: network:"),
            ('{"network": 1}', "text", "line 1: line: all values are text in quotes"),
            ('{"net": "1"}', "text", "line 1: line: a ban has network"),
            ("{", "text", "line 1: line: it is no JSON object"),
            ('{"network": "192.0.2.1", "scope": "some"}', "text", "line 1: scope: 'some' is not one of all, mail"),
            ('{"network": "192.0.2.1", "until": "soon"}', "text", "line 1: until: 'soon' is not a time"),
            ('{"network": "192.0.2.1", "until": "9999-01-01"}', "seconds", "it is more than ten years ahead"),
            ('{"network": "192.0.2.1", "reason": "a\\nb"}', "text", "line 1: reason: it is not one line"),
        ],
    )
    def test_are_had_whole_or_not_at_all(self, console: Console, line: str, field: str, error: str) -> None:
        page = console.as_("operator").submit("/bans/import", text=line)
        assert error in page.errors[field]
        assert bans(console) == []

    def test_may_be_files_of_anything(self, console: Console) -> None:
        page = upload(console, b"\xff\xfe\x00\n" * 30)
        # File fields are not among those that a browser fills in again.
        assert "line 20: network:" in page.text
        assert "line 21" not in page.text
        assert bans(console) == []
