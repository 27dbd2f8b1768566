"""The pages about receipts."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from nacl.signing import SigningKey

from tempmaild.core import receipt as receipts
from tempmaild.core.lifetime import Lifetime
from tests.admin.pages import page_of
from tests.support import LIFETIME, run

if TYPE_CHECKING:
    from tempmaild.service.mailboxes import NewMailbox
    from tests.admin.console import Console
    from tests.admin.pages import Page

VERIFY = "/receipts/verify"
HOLDS = "This receipt holds: this host has destroyed the mailbox, and its log says the same."
NOTHING = "This receipt proves nothing."


def destroy(console: Console, address: str = "joe@box.test") -> tuple[NewMailbox, str]:
    """Make a mailbox and destroy it; it, and the receipt as its owner gets it."""
    new = run(console.appliance.mailboxes.create(address, Lifetime(LIFETIME)))
    run(console.appliance.mailboxes.destroy(new.mailbox, "owner"))
    return new, run(console.appliance.receipts.get(new.receipt_id))


def changed(text: str, **values: Any) -> str:
    return json.dumps(json.loads(text) | values)


def verify(console: Console, text: str, **fields: str) -> Page:
    return console.as_("operator").submit(VERIFY, text=text, **fields)


class TestList:
    def test_of_none(self, console: Console) -> None:
        page = console.as_("viewer").page("/receipts/")
        assert "No mailbox was destroyed yet" in page.text
        assert VERIFY not in page.links

    def test_shows_the_latest_first_without_addresses(self, console: Console) -> None:
        texts = []
        for name in ("joe", "ann"):
            texts.append(destroy(console, f"{name}@box.test")[1])
            console.clock.now += 60
        page = console.as_("viewer").page("/receipts/")
        assert page.unclosed == []
        first, second = (page.text.index(json.loads(text)["mailbox"][:16]) for text in texts)
        assert second < first
        assert "joe" not in page.text
        assert f"/audit/{json.loads(texts[0])['audit_row']}" in page.links

    def test_has_pages(self, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempmaild_admin.views.receipts._PAGE", 2)
        subjects = [json.loads(destroy(console, f"joe{number}@box.test")[1])["mailbox"][:16] for number in range(5)]
        browser, shown, url = console.as_("viewer"), [], "/receipts/"
        for _ in range(3):
            page = browser.page(url)
            shown.append([subject for subject in subjects if subject in page.text])
            url = next(
                (f"/receipts/{link}" if link.startswith("?") else link for link in page.links if "after=" in link), ""
            )
        assert [len(each) for each in shown] == [2, 2, 1]
        assert sorted(subject for each in shown for subject in each) == sorted(subjects)
        assert not url

    def test_is_of_the_days_that_are_asked_for(self, console: Console) -> None:
        destroy(console)
        browser = console.as_("viewer")
        for days, is_there in (
            ("since=2026-05-28", True),
            ("until=2026-05-28", True),
            ("since=2026-05-28&until=2026-05-28", True),
            ("since=2026-05-29", False),
            ("until=2026-05-27", False),
            ("since=", True),
        ):
            text = browser.page(f"/receipts/?{days}").text
            assert ("No mailbox was destroyed then" not in text) is is_there, days

    @pytest.mark.parametrize("day", ["yesterday", "2026-02-30", "0001-01-01", "9999-12-31", "1969-12-31"])
    def test_says_what_is_no_day(self, console: Console, day: str) -> None:
        page = console.as_("viewer").page(f"/receipts/?since={day}")
        assert page.errors["since"] in {"Not a valid date value.", "There is nothing of such a day."}

    def test_begins_anew_for_a_place_that_is_none(self, console: Console) -> None:
        destroy(console)
        assert "destroyed then" not in console.as_("viewer").page("/receipts/?after=x.y%00").text


class TestOne:
    def path(self, new: NewMailbox) -> str:
        return f"/receipts/{receipts.lookup(new.receipt_id).hex()}"

    def test_is_shown_and_holds(self, console: Console) -> None:
        new, text = destroy(console)
        page = console.as_("viewer").page(self.path(new))
        assert page.unclosed == []
        assert "good Signature good Audit log of this host" in page.text
        assert text in page.text
        assert new.receipt_id not in page.text

    def test_is_given_as_its_owner_gets_it(self, console: Console) -> None:
        new, text = destroy(console)
        answer = console.as_("viewer").get(f"{self.path(new)}/receipt.json")
        assert answer.text == f"{text}\n"
        assert answer.mimetype == "application/json"
        assert answer.headers["Content-Disposition"] == "attachment; filename=receipt.json"

    @pytest.mark.parametrize("lookup", ["0" * 64, "xyz", "%00", "00", "a" * 1000])
    def test_is_not_there(self, console: Console, lookup: str) -> None:
        for path in (f"/receipts/{lookup}", f"/receipts/{lookup}/receipt.json"):
            console.as_("viewer").page(path, 404)

    def test_says_that_somebody_has_meddled_with_it(self, console: Console) -> None:
        new, text = destroy(console)
        handle = console.appliance.handle
        handle.run("UPDATE receipt SET data = ?", changed(text, messages=7))
        assert (
            "not good Signature: its signature is not of what it says"
            in console.as_("viewer").page(self.path(new)).text
        )
        for damage in ("x", 7, b"\xff", text[:-1]):
            handle.run("UPDATE receipt SET data = ?, issued_at = 99999999999999999", damage)
            assert "somebody has changed it" in console.as_("viewer").page("/receipts/").text
            assert "somebody has changed it" in console.as_("viewer").page(self.path(new)).text


class TestVerifying:
    def test_holds(self, console: Console) -> None:
        _, text = destroy(console)
        page = verify(console, f"\n {text} \n")
        assert HOLDS in page.text
        assert page.unclosed == []
        assert json.loads(text)["mailbox"] in page.text

    def test_takes_a_file(self, console: Console) -> None:
        _, text = destroy(console)
        browser = console.as_("operator")
        for content, answer in (
            (text.encode() + b"\n", HOLDS),
            (b"\xff\x00", "it is no receipt"),
            (b"x" * 20_000, "no receipt is that long"),
        ):
            form = browser.page(VERIFY).form()
            response = browser.post(VERIFY, data={**form.fields, "file": (io.BytesIO(content), "receipt.json")})
            assert answer in page_of(response).text

    def test_sees_whether_it_is_of_a_mailbox(self, console: Console) -> None:
        new, text = destroy(console)
        page = verify(console, text, receipt_id=new.receipt_id.upper(), address=" Joe@BOX.test ")
        assert "good Mailbox of this id and address" in page.text
        assert HOLDS in page.text
        for address, problem in (
            ("ann@box.test", "it is about another mailbox"),
            ("no address", "No mailbox can have this address."),
        ):
            page = verify(console, text, receipt_id=new.receipt_id, address=address)
            assert NOTHING in page.text
            assert problem in page.text

    def test_wants_the_id_and_the_address_together(self, console: Console) -> None:
        new, text = destroy(console)
        together = "The id and the address are looked at together."
        assert verify(console, text, address="joe@box.test").errors == {"receipt_id": together}
        page = verify(console, text, receipt_id=new.receipt_id)
        assert page.errors == {"address": together}
        assert HOLDS not in page.text

    def test_wants_something_to_verify(self, console: Console) -> None:
        assert verify(console, " \n").errors == {"file": "Choose a file, or write the receipt below."}

    @pytest.mark.parametrize("text", ["x", "{}", "[" * 10_000, "null", '{"version":1}', "\ud800", "{" * 16_000])
    def test_says_what_is_no_receipt(self, console: Console, text: str) -> None:
        browser = console.as_("operator")
        form = browser.page(VERIFY).form()
        data = {**form.fields, "text": text.encode("utf-8", "surrogatepass")}
        page = page_of(browser.post(VERIFY, data=data))
        assert list(page.errors) == ["text"]
        assert "it is no receipt" in page.errors["text"]

    def test_finds_what_was_changed(self, console: Console) -> None:
        _, text = destroy(console)
        for change in ({"messages": 1}, {"host": "mx.else.test"}, {"signature": "0" * 128}, {"key": "0" * 64}):
            page = verify(console, changed(text, **change))
            assert NOTHING in page.text, change
            assert "its signature is not of what it says" in page.text

    def test_finds_what_another_has_signed(self, console: Console) -> None:
        _, text = destroy(console)
        old = receipts.from_text(text)
        for row in (old.audit_row, 2**63 - 1, 2**64 - 1):
            forged = receipts.issue(
                SigningKey(b"\x09" * 32), old.host, bytes.fromhex(old.mailbox), 0, 1, row, bytes(32)
            )
            page = verify(console, receipts.to_text(forged))
            assert NOTHING in page.text
            assert "good Signature not good Audit log of this host: the log knows no key" in page.text
