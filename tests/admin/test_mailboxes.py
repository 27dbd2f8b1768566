"""The pages of mailboxes: found, made, put off, destroyed."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

from tempmaild.core.lifetime import FOREVER, PRESETS, Lifetime
from tempmaild.core.timespan import HOUR
from tempmaild.errors import NoSuchMailbox
from tempmaild_admin.views import mailboxes as views
from tests.support import LIFETIME, run

if TYPE_CHECKING:
    from tempmaild.core.mailbox import Mailbox
    from tests.admin.console import Console


def make(console: Console, *names: str) -> list[Mailbox]:
    return [console.house.create(f"{name}@box.test").mailbox for name in names]


def addresses(console: Console) -> list[str]:
    return [mailbox.address for mailbox in run(console.appliance.mailboxes.list_all())]


class TestList:
    def test_shows_how_much_is_in_them(self, console: Console) -> None:
        make(console, "joe", "ann")
        console.house.deliver("joe@box.test", b"Subject: x\r\n\r\n" + b"x" * 2034)
        page = console.as_("viewer").page("/mailboxes/")
        assert "2 mailboxes" in page.text
        assert re.search(r"joe@box\.test sealed (?:1 day|24 hours) 1 2 KiB", page.text)
        assert page.text.index("ann@") < page.text.index("joe@")
        assert page.unclosed == []
        for words in ("Make a mailbox", "Destroy"):
            assert words not in page.text

    @pytest.mark.parametrize(
        ("query", "shown"),
        [
            ("part=JO", ["joe"]),
            ("part=oe&where=start", []),
            ("domain=box.test", ["joe", "ann"]),
            ("domain=nobody.test", []),
            ("life=soon", ["ann"]),
            ("life=over", []),
            ("sealed=yes", ["joe", "ann"]),
            ("sealed=no", []),
            ("part=%00", []),
            ("part=" + "x" * 400, []),
            ("life=nothing", []),
            ("order=nothing", []),
            ("order=soonest&after=garbage", ["joe", "ann"]),
        ],
    )
    def test_finds(self, console: Console, query: str, shown: list[str]) -> None:
        make(console, "joe")
        console.house.create("ann@box.test", 60)
        text = console.as_("operator").page(f"/mailboxes/?{query}").text
        assert [name for name in ("joe", "ann") if f"{name}@box.test" in text] == shown
        assert shown or "No mailbox is like this." in text

    def test_pages(self, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(views, "_PAGE", 2)
        make(console, "a", "b", "c")
        browser = console.as_("viewer")
        first = browser.page("/mailboxes/?order=address&part=box")
        (following,) = [link for link in first.links if "after=" in link]
        assert "c@box.test" not in first.text
        second = browser.page(following)
        assert "c@box.test" in second.text
        assert "a@box.test" not in second.text
        assert "Next page" not in second.text

    def test_without_any(self, console: Console) -> None:
        assert "There are no mailboxes yet." in console.as_("operator").page("/mailboxes/").text


class TestMaking:
    def test_shows_the_secret_once(self, console: Console) -> None:
        browser = console.as_("operator")
        page = browser.submit("/mailboxes/create", address=" Joe@box.test ", lifetime="verification")
        mailbox = run(console.appliance.mailboxes.find("joe@box.test"))
        assert mailbox.lifetime == PRESETS["verification"]
        secret = re.search(r"Secret (\S+)", page.text)
        assert secret
        run(console.appliance.logins.login("joe@box.test", secret[1]))
        assert "Id of the receipt" in page.text
        assert "imap" in page.text
        assert [actor for actor, _ in console.audited("mailbox-create")] == ["op"]
        assert secret[1] not in browser.page(f"/mailboxes/{mailbox.id}/").text

    def test_makes_up_a_name_and_a_life(self, console: Console) -> None:
        console.as_("operator").submit(
            "/mailboxes/create?domain=box.test", lifetime="own", seconds="", idle="2h", messages="7"
        )
        (mailbox,) = run(console.appliance.mailboxes.list_all())
        assert mailbox.lifetime == Lifetime(seconds=0, idle=2 * HOUR, messages=7)
        assert mailbox.ends_at == FOREVER

    @pytest.mark.parametrize(
        ("fields", "field", "error"),
        [
            ({"address": ""}, "address", "This field is required."),
            ({"address": "x" * 400}, "address", "Field cannot be longer"),
            ({"address": "a b@box.test"}, "address", "No mailbox can have this address."),
            ({"address": "x@nobody.test"}, "address", "This domain is not ours."),
            ({"address": "x@off.test"}, "address", "gets no mailboxes"),
            ({"address": "joe@box.test"}, "address", "A mailbox has this address"),
            ({"address": "postmaster@box.test"}, "address", "reserved"),
            ({"address": "x@box.test", "lifetime": "long"}, "lifetime", "Not a valid choice."),
            ({"address": "x@box.test", "lifetime": "own", "seconds": "soon"}, "seconds", "not a time"),
            ({"address": "x@box.test", "lifetime": "own", "seconds": "1"}, "seconds", "is not between"),
            ({"address": "x@box.test", "lifetime": "own", "extend": "1h"}, "extend", "can only be put off"),
            ({"address": "x@box.test", "lifetime": "own", "messages": "-1"}, "messages", "at least 0"),
            ({"address": "x@box.test", "lifetime": "own", "messages": "9" * 30}, "messages", "is not between"),
        ],
    )
    def test_shows_what_is_wrong_beside_its_field(
        self, console: Console, fields: dict[str, str], field: str, error: str
    ) -> None:
        make(console, "joe")
        off = run(console.appliance.domains.add("off.test"))
        console.as_("operator").press(f"/domains/{off.name}/", f"/domains/{off.name}/disable")
        page = console.as_("operator").submit("/mailboxes/create", **fields)
        assert error in page.errors[field]
        assert addresses(console) == ["joe@box.test"]

    def test_a_reserved_name_has_to_be_meant(self, console: Console) -> None:
        console.as_("operator").submit("/mailboxes/create", address="postmaster@box.test", role="y")
        assert addresses(console) == ["postmaster@box.test"]


class TestShowing:
    def test_says_why_sealed_mail_is_not_shown(self, console: Console) -> None:
        (mailbox,) = make(console, "joe")
        console.house.deliver("joe@box.test")
        page = console.as_("operator").page(f"/mailboxes/{mailbox.id}/")
        assert "only its owner's secret opens it" in page.text
        assert "INBOX 1 1" in page.text
        assert not [link for link in page.links if re.fullmatch(r"/mailboxes/\d+/\d+/", link)]
        assert page.unclosed == []

    def test_one_that_is_over_lives_no_longer(self, console: Console) -> None:
        (mailbox,) = make(console, "joe")
        console.clock.now += LIFETIME
        page = console.as_("operator").page(f"/mailboxes/{mailbox.id}/")
        assert "Its time is over" in page.text
        assert f"/mailboxes/{mailbox.id}/extend" not in page.links

    def test_one_of_an_internationalised_domain(self, console: Console) -> None:
        run(console.appliance.domains.add("bücher.test", "open"))
        mailbox = console.house.create("joe@bücher.test").mailbox
        page = console.as_("viewer").page(f"/mailboxes/{mailbox.id}/")
        assert "joe@bücher.test" in page.text
        assert "joe@xn--bcher-kva.test" in page.text
        assert "Whoever knows this address reads its mail" in page.text
        assert "To read mail takes the role of an operator." in page.text

    @pytest.mark.parametrize("number", ["0", "999", "9" * 30])
    def test_nobodys(self, console: Console, number: str) -> None:
        for path in ("", "profile.mobileconfig", "extend", "destroy"):
            console.as_("operator").page(f"/mailboxes/{number}/{path}", 404)

    def test_the_profile_has_no_secret(self, console: Console) -> None:
        account = console.house.create("joe@box.test")
        answer = console.as_("viewer").get(f"/mailboxes/{account.mailbox.id}/profile.mobileconfig")
        assert answer.mimetype == "application/x-apple-aspen-config"
        assert answer.headers["Content-Disposition"] == "attachment; filename=mailbox.mobileconfig"
        assert b"joe@box.test" in answer.data
        assert account.secret.encode() not in answer.data


class TestExtending:
    def test_puts_off_the_end(self, console: Console) -> None:
        (mailbox,) = make(console, "joe")
        page = console.as_("operator").submit(f"/mailboxes/{mailbox.id}/extend", by="2h")
        assert "joe@box.test lives longer." in page.text
        assert run(console.appliance.mailboxes.find("joe@box.test")).ends_at == mailbox.ends_at + 2 * HOUR
        assert [actor for actor, _ in console.audited("mailbox-extend")] == ["op"]

    @pytest.mark.parametrize(("by", "error"), [("", "required"), ("x", "not a time"), ("0", ""), ("99999d", "")])
    def test_shows_what_is_wrong(self, console: Console, by: str, error: str) -> None:
        (mailbox,) = make(console, "joe")
        page = console.as_("operator").submit(f"/mailboxes/{mailbox.id}/extend", by=by)
        assert error in page.errors["by"]
        assert run(console.appliance.mailboxes.find("joe@box.test")) == mailbox

    def test_what_somebody_else_has_put_off_meanwhile_is_told(self, console: Console) -> None:
        (mailbox,) = make(console, "joe")
        path, browser = f"/mailboxes/{mailbox.id}/extend", console.as_("operator")
        form = browser.page(path).form()
        run(console.appliance.lifetimes.extend("joe@box.test", by=60))
        answer = browser.post(path, data=form.fields)
        assert "Somebody else has changed this meanwhile." in answer.text
        assert run(console.appliance.mailboxes.find("joe@box.test")).ends_at == mailbox.ends_at + 60

    def test_what_lives_for_ever_lives_no_longer(self, console: Console) -> None:
        new = run(console.appliance.mailboxes.create("joe@box.test", Lifetime(0), operator=True))
        mailbox = new.mailbox
        browser, path = console.as_("operator"), f"/mailboxes/{mailbox.id}/extend"
        assert "for ever" in browser.page(f"/mailboxes/{mailbox.id}/").text
        assert browser.submit(path, by="1h").errors["by"] == "It does not end before that time."

    def test_nothing_brings_back_what_is_over(self, console: Console) -> None:
        (mailbox,) = make(console, "joe")
        console.clock.now += LIFETIME
        text = console.as_("operator").submit(f"/mailboxes/{mailbox.id}/extend", by="1h").text
        assert "nothing brings it back" in text


class TestDestroying:
    def test_shows_the_receipt(self, console: Console) -> None:
        (mailbox,) = make(console, "joe")
        console.house.deliver("joe@box.test")
        browser, path = console.as_("operator"), f"/mailboxes/{mailbox.id}/destroy"
        assert "1 message of" in browser.page(path).text
        page = browser.submit(path)
        assert "joe@box.test is destroyed" in page.text
        assert '"audit_digest"' in page.text
        with pytest.raises(NoSuchMailbox):
            run(console.appliance.mailboxes.find("joe@box.test"))
        assert [actor for actor, _ in console.audited("mailbox-destroy")] == ["op"]
        browser.page(path, 404)

    def test_many_takes_their_number(self, console: Console) -> None:
        one, other, _ = make(console, "a", "b", "c")
        browser, path = console.as_("operator"), f"/mailboxes/destroy?ticked=1&id={one.id}&id={other.id}"
        page = browser.page(path)
        assert "Mailboxes: 2, with their keys" in page.text
        for wrong in ("", "3", "two"):
            assert browser.submit(path, number=wrong).errors["number"]
        assert len(addresses(console)) == 3
        assert "2 mailboxes are destroyed." in browser.submit(path, number="2").text
        assert addresses(console) == ["c@box.test"]
        assert len(console.audited("mailbox-destroy")) == 2

    def test_nothing_ticked_is_not_all(self, console: Console) -> None:
        make(console, "a")
        browser = console.as_("operator")
        assert browser.get("/mailboxes/destroy?ticked=1").location == "/mailboxes/"
        for ids in ("id=x", "id=0", "id=-1", "id=99999999999999999999"):
            assert "No mailbox is like this" in browser.page(f"/mailboxes/destroy?ticked=1&{ids}").text

    def test_what_was_made_since_is_not_among_them(self, console: Console) -> None:
        make(console, "a", "b")
        browser = console.as_("operator")
        form = browser.page("/mailboxes/destroy?domain=box.test").form()
        make(console, "c")
        browser.post("/mailboxes/destroy?domain=box.test", data=form.fields | {"number": ["2"]})
        assert addresses(console) == ["c@box.test"]

    def test_what_was_not_shown_is_not_destroyed(self, console: Console) -> None:
        """As when somebody changes the address of the form."""
        make(console, "a", "b")
        browser, path = console.as_("operator"), "/mailboxes/destroy?part=a"
        form = browser.page(path).form()
        answer = browser.post("/mailboxes/destroy?domain=box.test", data=form.fields | {"number": ["1"]})
        assert "nothing was destroyed" in answer.text
        assert len(addresses(console)) == 2

    def test_goes_on_in_portions(self, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
        make(console, *(f"m{number}" for number in range(5)))
        monkeypatch.setattr(views, "_TOGETHER", 2)
        # Time for one go in each request.
        instants = iter(range(1000))
        monkeypatch.setattr(time, "monotonic", lambda: next(instants) * 0.6)
        browser, path = console.as_("operator"), "/mailboxes/destroy"
        page = browser.submit(path, number="5")
        assert "2 of 5 are destroyed." in page.text
        seen = 0
        while "destroyed." in page.text and "of 5" in page.text:
            answer = browser.post(path, data=page.form(path).fields, follow_redirects=True)
            page, seen = type(page)(answer.text, path), seen + 1
        assert (seen, addresses(console)) == (2, [])
        assert "5 mailboxes are destroyed." in page.text

    @pytest.mark.parametrize("name", ["count", "up_to", "at"])
    @pytest.mark.parametrize("value", ["", "x", "-1", "9" * 25])
    def test_refuses_a_form_that_is_none_of_ours(self, console: Console, name: str, value: str) -> None:
        make(console, "a")
        browser = console.as_("operator")
        form = browser.page("/mailboxes/destroy").form()
        answer = browser.post("/mailboxes/destroy", data=form.fields | {"number": ["1"], name: [value]})
        assert answer.status_code == 400
        assert addresses(console) == ["a@box.test"]

    def test_a_search_that_makes_no_sense_destroys_nothing(self, console: Console) -> None:
        make(console, "a")
        console.as_("operator").page("/mailboxes/destroy?life=nothing", 400)


def test_every_page_is_well_formed_with_its_headings_in_order(console: Console) -> None:
    run(console.appliance.domains.add("open.test", "open"))
    mailbox = console.house.create("joe@open.test").mailbox
    console.house.deliver("joe@open.test")
    folders = run(console.appliance.mailboxes.describe("joe@open.test")).folders
    inbox = next(folder.id for folder in folders if folder.messages)
    browser, one = console.as_("operator"), f"/mailboxes/{mailbox.id}"
    pages = [browser.submit("/mailboxes/create", address="box.test")]
    paths = ["/mailboxes/", "/mailboxes/create", "/mailboxes/destroy", f"{one}/", f"{one}/extend", f"{one}/destroy"]
    pages += [browser.page(path) for path in (*paths, f"{one}/{inbox}/", f"{one}/{inbox}/1/")]
    pages.append(browser.submit(f"{one}/destroy"))
    for page in pages:
        assert page.unclosed == [], page.url
        assert page.headings[0] == "h1", page.url
        assert set(page.headings[1:]) <= {"h2"}, page.url
