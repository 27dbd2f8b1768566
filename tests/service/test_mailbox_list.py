"""What the console asks about mailboxes, and how it reads those that are not sealed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tempmaild.core import receipt as receipts
from tempmaild.errors import CredentialRefused, MailboxGone, NoSuchFolder, NoSuchMailbox
from tempmaild.service.mailbox_list import Listed, Search, _as_kept, _position
from tempmaild.store.mailbox_list import ORDERS
from tests.support import NOW, run

if TYPE_CHECKING:
    from tests.support import TestAppliance


def found(house: TestAppliance, **search: Any) -> list[str]:
    wanted = Search(**search)
    page = run(house.appliance.mailbox_list.page(wanted, "oldest"))
    assert run(house.appliance.mailbox_list.count(wanted)) == len(page.rows)
    return [row.mailbox.address for row in page.rows]


def audited(house: TestAppliance, action: str) -> list[Any]:
    return list(house.appliance.audit.rows(action=action))


class TestList:
    @pytest.mark.parametrize(
        ("search", "addresses"),
        [
            ({"part": " JOE "}, ["joe@box.test"]),
            ({"part": "JOE@Box"}, ["joe@box.test"]),
            ({"part": "@bücher"}, ["ann@xn--bcher-kva.test"]),
            ({"part": "BÜCHER.test"}, ["ann@xn--bcher-kva.test"]),
            ({"domain": "bücher.test"}, ["ann@xn--bcher-kva.test"]),
            ({"domain": "nobody.test"}, []),
            ({"domain": "a b"}, []),
            ({"part": "\0"}, []),
            ({"part": "j" * 400}, []),
            ({"life": "soon"}, ["joe@box.test"]),
            ({"life": "living", "part": "n"}, ["ann@xn--bcher-kva.test"]),
            ({"life": "over"}, []),
            ({"life": "over", "at": NOW + 2000}, ["joe@box.test"]),
            ({"sealed": False}, ["ann@xn--bcher-kva.test"]),
            ({"ids": (-1,)}, []),
        ],
    )
    def test_finds(self, house: TestAppliance, search: dict[str, Any], addresses: list[str]) -> None:
        run(house.domains.add("bücher.test", sealed=False))
        house.create("joe@box.test", 1000)
        house.create("ann@bücher.test")
        assert found(house, **search) == addresses

    @pytest.mark.parametrize("order", ORDERS)
    def test_goes_on_where_it_was(self, house: TestAppliance, order: Any) -> None:
        for name in "cab":
            house.create(f"{name}@box.test")
        house.deliver("c@box.test")
        after = ""
        rows: list[Listed] = []
        for _ in range(3):
            page = run(house.appliance.mailbox_list.page(Search(), order, after, 1))
            rows += page.rows
            after = page.after
        assert after == ""
        assert sorted(row.mailbox.address for row in rows) == ["a@box.test", "b@box.test", "c@box.test"]
        assert sum(row.amount.messages for row in rows) == 1

    @given(after=st.text(), order=st.sampled_from(ORDERS))
    def test_any_text_is_a_place_or_the_beginning(self, after: str, order: Any) -> None:
        position = _position(after, order)
        assert position is None or " ".join(map(str, position)) == after or order != "address"
        assert position is None or all(isinstance(value, str) or 0 <= value < 2**63 for value in position)

    @given(part=st.text(max_size=320))
    def test_any_part_has_few_forms(self, part: str) -> None:
        assert len(_as_kept(part)) <= 2

    def test_gives_one(self, house: TestAppliance) -> None:
        mailbox = house.create().mailbox
        assert run(house.appliance.mailbox_list.get(mailbox.id)) == mailbox
        for nobodys in (0, mailbox.id + 1, 2**63, 10**30):
            with pytest.raises(NoSuchMailbox):
                run(house.appliance.mailbox_list.get(nobodys))


class TestChanging:
    def test_the_log_says_who_made_it(self, house: TestAppliance) -> None:
        new = run(house.appliance.mailbox_list.create("box.test", None, role=False, actor="op"))
        subject = receipts.subject(new.receipt_id, new.mailbox.address).hex()
        assert [(row.actor, row.subject) for row in audited(house, "mailbox-create")] == [("op", subject)]

    def test_gives_the_receipt_of_what_is_destroyed(self, house: TestAppliance) -> None:
        new = run(house.appliance.mailbox_list.create("joe@box.test", None, role=False, actor="op"))
        house.deliver("joe@box.test")
        destruction = run(house.appliance.mailbox_list.destroy(new.mailbox, "op"))
        assert destruction.messages == 1
        assert destruction.receipt == run(house.appliance.receipts.get(new.receipt_id))
        assert json.loads(destruction.receipt)["messages"] == 1
        with pytest.raises(NoSuchMailbox):
            run(house.appliance.mailbox_list.destroy(new.mailbox, "op"))

    def test_gives_the_receipt_where_a_sweep_was_faster(
        self, house: TestAppliance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        new = run(house.appliance.mailbox_list.create("joe@box.test", None, role=False, actor="op"))
        house.deliver("joe@box.test")
        destroy = house.mailboxes._destroy

        async def swept_meanwhile(*args: Any, **kwargs: Any) -> Any:
            if not kwargs:
                house.clock.now += 1
                await house.mailboxes.purge("sweep")
            return await destroy(*args, **kwargs)

        monkeypatch.setattr(house.mailboxes, "_destroy", swept_meanwhile)
        destruction = run(house.appliance.mailbox_list.destroy(new.mailbox, "op"))
        assert destruction.messages == 1
        assert destruction.receipt == run(house.appliance.receipts.get(new.receipt_id))
        assert [row.actor for row in audited(house, "mailbox-destroy")] == ["sweep"]


class TestReading:
    def test_of_a_sealed_mailbox_nothing(self, house: TestAppliance) -> None:
        mailbox = house.create("joe@box.test").mailbox
        house.deliver("joe@box.test")
        inbox = run(house.mailboxes.describe("joe@box.test")).folders[0]
        reading = house.appliance.open_mail
        for asked in (reading.page(mailbox, inbox), reading.open(mailbox, inbox, 1)):
            with pytest.raises(CredentialRefused):
                run(asked)

    def test_of_one_that_is_not(self, house: TestAppliance) -> None:
        run(house.domains.add("open.test", "open"))
        mailbox, other = house.create("joe@open.test").mailbox, house.create("ann@open.test").mailbox
        for number in range(3):
            house.deliver("joe@open.test", b"Subject: %d\r\n\r\nHello.\r\n" % number)
        folders = run(house.mailboxes.describe("joe@open.test")).folders
        inbox = next(folder for folder in folders if folder.name == "INBOX")
        reading = house.appliance.open_mail
        rows = run(reading.page(mailbox, inbox, limit=2))
        assert [row.summary and row.summary.envelope.subject for row in rows] == [b"2", b"1"]
        assert [row.entry.uid for row in run(reading.page(mailbox, inbox, rows[-1].entry.uid))] == [1]
        opened = run(reading.open(mailbox, inbox, 1))
        assert opened is not None
        assert opened.content.endswith(b"Hello.\r\n")
        assert [run(reading.open(mailbox, inbox, uid)) for uid in (0, -1, 99, 2**63, 10**40)] == [None] * 5
        with pytest.raises(NoSuchFolder):
            run(reading.open(other, inbox, 1))
        run(reading.note(mailbox, inbox, 1, "text", "op"))
        (row,) = audited(house, "message-read")
        assert (row.actor, json.loads(row.details)) == ("op", {"folder": "INBOX", "uid": 1, "what": "text"})
        # To look changes nothing for its owner.
        assert next(f for f in run(house.mailboxes.describe("joe@open.test")).folders if f.id == inbox.id).unseen == 3
        house.clock.now += 86_400
        for asked in (reading.page(mailbox, inbox), reading.open(mailbox, inbox, 1)):
            with pytest.raises(MailboxGone):
                run(asked)
