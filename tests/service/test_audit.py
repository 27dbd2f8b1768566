"""The audit log and receipts, as those ask for them who look through many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tempmaild.core import receipt as receipts
from tempmaild.core.lifetime import Lifetime
from tempmaild.core.limit import Limit
from tempmaild.core.place import BEFORE_ALL, BEHIND_ALL
from tempmaild.errors import NoSuchReceipt
from tempmaild.service.audit import VERIFIED
from tempmaild.store.audit import NOTHING_YET
from tempmaild.store.audit_list import WantedRows
from tests.support import LIFETIME, NOW, run

if TYPE_CHECKING:
    from tempmaild.service.audit import Audit
    from tempmaild.service.mailboxes import NewMailbox
    from tests.support import TestAppliance

ANN = WantedRows(actor="ann")


@pytest.fixture
def audit(house: TestAppliance) -> Audit:
    return house.appliance.audit


def destroy(house: TestAppliance, name: str) -> NewMailbox:
    new = run(house.mailboxes.create(f"{name}@box.test", Lifetime(LIFETIME)))
    run(house.mailboxes.destroy(new.mailbox))
    return new


class TestPages:
    def test_follow_each_other_to_the_end(self, audit: Audit) -> None:
        for number in range(5):
            run(audit.note("ann", "backup", str(number)))
            run(audit.note("bob", "backup", str(number)))
        found, after = list[list[str]](), ""
        while True:
            page = run(audit.page(ANN, after, 2))
            found.append([row.subject for row in page.rows])
            after = page.after
            if not after:
                break
        assert found == [["4", "3"], ["2", "1"], ["0"]]

    def test_end_where_there_is_nothing_behind(self, audit: Audit) -> None:
        for number in range(2):
            run(audit.note("ann", "backup", str(number)))
        assert run(audit.page(ANN, "", 2)).after == ""
        assert run(audit.page(WantedRows(actor="none"), "", 2)) == ([], "")

    def test_begin_anew_for_what_is_no_place(self, audit: Audit) -> None:
        run(audit.note("ann", "backup"))
        for after in ("x", "9" * 30 + ".1", "\0", "1.2.3"):
            assert len(run(audit.page(ANN, after, 2)).rows) == 1


class TestDetails:
    def test_say_how_it_was_before(self, house: TestAppliance, audit: Audit) -> None:
        run(house.appliance.limits.add(Limit("calls", "api-call", "network", 10, 60), "ann"))
        run(house.appliance.limits.change(Limit("calls", "api-call", "network", 20, 60), "bob"))
        (row,) = audit.rows(action="limit-change")
        detail = run(audit.detail(row.id))
        assert detail is not None
        assert (detail.row, detail.problem) == (row, "")
        assert detail.earlier is not None
        assert detail.earlier.action == "limit-add"

    def test_are_of_rows_that_there_are(self, audit: Audit) -> None:
        for number in (0, -1, 99):
            assert run(audit.detail(number)) is None


class TestVerifying:
    def test_is_noted_with_the_digest(self, audit: Audit) -> None:
        assert run(audit.last_verified()) is None
        verified, is_whole = run(audit.verify_on())
        assert is_whole
        run(audit.note_verified(verified, "ann"))
        last = run(audit.last_verified())
        assert last is not None
        assert (last.actor, last.action) == ("ann", VERIFIED)
        assert last.details == f'{{"digest":"{verified.digest.hex()}","problem":"","rows":{verified.rows}}}'
        assert last.previous == verified.digest

    def test_goes_on_where_it_was(self, audit: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempmaild.service.audit._TOGETHER", 2)
        for _ in range(3):
            run(audit.note("ann", "backup"))
        known, is_whole, seen = NOTHING_YET, False, list[int]()
        while not is_whole:
            known, is_whole = run(audit.verify_on(known))
            seen.append(known.rows)
        assert seen == [2, 4, 4]
        assert known == run(audit.verify())


class TestReceipts:
    def test_are_listed_in_pages(self, house: TestAppliance) -> None:
        lookups = []
        for number in range(3):
            house.clock.now = NOW + number
            lookups.append(receipts.lookup(destroy(house, f"box{number}").receipt_id).hex())
        service, found, after = house.appliance.receipts, list[list[str]](), ""
        while True:
            page = run(service.page(BEFORE_ALL, BEHIND_ALL, after, 2))
            found.append([issued.lookup for issued in page.rows])
            assert all(issued.receipt for issued in page.rows)
            after = page.after
            if not after:
                break
        assert found == [lookups[:0:-1], lookups[:1]]
        assert [issued.lookup for issued in run(service.page(NOW + 1, NOW + 2, "", 2)).rows] == [lookups[1]]

    def test_are_found_one_by_one(self, house: TestAppliance) -> None:
        new = destroy(house, "joe")
        issued = run(house.appliance.receipts.issued(receipts.lookup(new.receipt_id).hex()))
        assert issued.text == run(house.appliance.receipts.get(new.receipt_id))
        assert issued.receipt == receipts.from_text(issued.text)
        for lookup in ("", "00", "x", "0" * 64, "0" * 63, new.receipt_id, "\0"):
            with pytest.raises(NoSuchReceipt):
                run(house.appliance.receipts.issued(lookup))

    def test_that_were_changed_are_damaged(self, house: TestAppliance) -> None:
        new = destroy(house, "joe")
        house.appliance.handle.run("UPDATE receipt SET data = 'x', issued_at = ?", 2**60)
        issued = run(house.appliance.receipts.issued(receipts.lookup(new.receipt_id).hex()))
        assert (issued.receipt, issued.issued_at, issued.text) == (None, 0, "x")
