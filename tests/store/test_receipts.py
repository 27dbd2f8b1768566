"""A destruction leaves a receipt, which the audit log confirms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from nacl.signing import SigningKey

from tempmaild.core import receipt as receipts
from tempmaild.core.lifetime import Lifetime
from tempmaild.errors import InvalidValue
from tempmaild.store.audit import AuditLog
from tempmaild.store.mailboxes import CreateMailbox, DestroyMailbox
from tempmaild.store.receipts import KeptReceipt, ReceiptQueries
from tempmaild.store.writer import commit
from tests.store.house import CREDENTIAL
from tests.store.test_audit import allow_anything
from tests.support import LIFETIME

if TYPE_CHECKING:
    from tempmaild.core.mailbox import Mailbox
    from tempmaild.core.receipt import Receipt
    from tests.store.house import Store

LOOKUP = b"\x0b" * 32
SUBJECT = b"\x0c" * 32


def make(store: Store, address: str = "joe@box.test", lookup: bytes = LOOKUP) -> Mailbox:
    receipt = (lookup, SUBJECT)
    mailbox: Mailbox = store.write(
        CreateMailbox(store.domain.id, address, Lifetime(LIFETIME), CREDENTIAL, receipt=receipt)
    )
    return mailbox


def receipt_of(store: Store, lookup: bytes = LOOKUP) -> Receipt:
    text = store.queries.receipt(lookup)
    assert text is not None
    return receipts.from_text(text)


def actions(store: Store) -> list[tuple[str, str]]:
    return [(row.action, row.subject) for row in AuditLog(store.handle).rows()]


def test_it_says_what_was_destroyed(store: Store) -> None:
    mailbox = make(store)
    store.group(store.delivery(mailbox), store.delivery(mailbox), store.delivery(mailbox))
    assert store.queries.receipt(LOOKUP) is None
    store.now += 60
    # Two messages are deleted at first, and counted all the same; nobody checks a mailbox that is half gone.
    commit(store.handle, store.vault, [DestroyMailbox(mailbox.id, 0, "owner", 2)], store.now)
    assert store.queries.receipt(LOOKUP) is None
    assert store.write(DestroyMailbox(mailbox.id, 0, "owner", 2)) == 3
    receipt = receipt_of(store)
    receipts.check(receipt, store.vault.signing_key.verify_key.encode())
    assert (receipt.host, receipt.mailbox, receipt.messages) == ("mx.box.test", SUBJECT.hex(), 3)
    assert receipt.destroyed_at == "2026-05-28T20:27:40Z"
    row = list(AuditLog(store.handle).rows())[-1]
    assert (row.id, row.digest.hex()) == (receipt.audit_row, receipt.audit_digest)
    assert (row.actor, row.action, row.subject) == ("owner", "mailbox-destroy", SUBJECT.hex())
    AuditLog(store.handle).confirm(receipt)
    assert store.count("receipt") == 1


def test_there_is_none_where_nobody_can_ask_for_it(store: Store) -> None:
    mailbox = store.mailbox()
    store.write(DestroyMailbox(mailbox.id, 0))
    assert store.count("receipt") == 0
    assert actions(store)[-1] == ("mailbox-destroy", str(mailbox.id))


def test_many_are_issued_in_one_transaction(store: Store) -> None:
    mailboxes = [make(store, f"box{number}@box.test", bytes([number]) * 32) for number in range(20)]
    destroyed = store.group(*(DestroyMailbox(mailbox.id, 0, "sweep") for mailbox in mailboxes))
    assert destroyed == [0] * 20
    log = AuditLog(store.handle)
    found = [receipt_of(store, bytes([number]) * 32) for number in range(20)]
    for receipt in found:
        receipts.check(receipt)
        log.confirm(receipt)
    assert [receipt.audit_row for receipt in found] == list(range(3, 23))
    assert log.verify().rows == 22


def test_the_log_has_every_key(store: Store) -> None:
    keys = [store.vault.signing_key, SigningKey(b"\x04" * 32), store.vault.signing_key]
    for number, key in enumerate(keys):
        # As after a loss of the file in which it was.
        store.vault.signing_key = key
        store.write(DestroyMailbox(make(store, f"box{number}@box.test", bytes([number]) * 32).id, 0))
        AuditLog(store.handle).confirm(receipt_of(store, bytes([number]) * 32))
    introduced = [subject for action, subject in actions(store) if action == "signing-key"]
    assert introduced == [key.verify_key.encode().hex() for key in keys[:2]]


def test_a_receipt_of_an_unknown_key_is_not_confirmed(store: Store) -> None:
    store.write(DestroyMailbox(make(store).id, 0))
    receipt = receipt_of(store)
    forged = receipts.issue(
        SigningKey(b"\x04" * 32), "mx.box.test", SUBJECT, 0, store.now, receipt.audit_row,
        bytes.fromhex(receipt.audit_digest),
    )  # fmt: skip
    with pytest.raises(InvalidValue, match="knows no key"):
        AuditLog(store.handle).confirm(forged)


@pytest.mark.parametrize(
    "claim", [{"mailbox": "0d" * 32}, {"messages": 1}, {"destroyed_at": "2026-05-28T20:26:41Z"}, {"audit_row": 2}]
)
def test_who_has_stolen_the_key_has_nothing_confirmed(store: Store, claim: dict[str, Any]) -> None:
    store.write(DestroyMailbox(make(store).id, 0))
    log, key = AuditLog(store.handle), store.vault.signing_key
    forged = msgspec.structs.replace(receipt_of(store), **claim)
    if "audit_row" in claim:
        forged = msgspec.structs.replace(forged, audit_digest=list(log.rows())[1].digest.hex())
    forged = msgspec.structs.replace(forged, signature=key.sign(forged.signed).signature.hex())
    receipts.check(forged)
    with pytest.raises(InvalidValue, match="says something else"):
        log.confirm(forged)


def test_a_receipt_of_a_row_that_was_changed_or_cut_off_is_not_confirmed(store: Store) -> None:
    store.write(DestroyMailbox(make(store).id, 0))
    receipt, log = receipt_of(store), AuditLog(store.handle)
    with pytest.raises(InvalidValue, match="row 2 of the log is another"):
        log.confirm(msgspec.structs.replace(receipt, audit_row=2))
    allow_anything(store.handle)
    store.handle.run("DELETE FROM audit WHERE id = 3")
    assert log.verify().problem == ""
    with pytest.raises(InvalidValue, match="no row 3"):
        log.confirm(receipt)
    # The log goes on as if nothing had been there.
    store.write(DestroyMailbox(make(store, "ann@box.test", b"\x0d" * 32).id, 0, "somebody"))
    assert log.verify().problem == ""
    with pytest.raises(InvalidValue, match="row 3 of the log is another"):
        log.confirm(receipt)


# Looking through them


def issue(store: Store, number: int) -> bytes:
    """Destroy a mailbox; what its receipt is found by."""
    lookup = bytes([number]) * 32
    mailbox = make(store, f"box{number}@box.test", lookup)
    store.write(DestroyMailbox(mailbox.id, 0, "owner"))
    return lookup


def test_receipts_are_listed_the_latest_first(store: Store) -> None:
    expected = []
    for number in (7, 9, 8, 1, 2):
        store.now += number > 7  # two of them at the same time, twice
        expected.append((store.now, issue(store, number)))
    expected.sort(reverse=True)
    queries = ReceiptQueries(store.handle)
    for limit in (1, 2, 10):
        found: list[KeptReceipt] = []
        place = None
        while page := queries.page(0, store.now + 1, place, limit):
            found += page
            place = page[-1].issued_at, page[-1].lookup
        assert [(kept.issued_at, kept.lookup) for kept in found] == expected
    assert [kept.text for kept in found] == [store.queries.receipt(lookup) for _, lookup in expected]


def test_receipts_of_a_time(store: Store) -> None:
    times = {}
    for number in (1, 2, 3):
        times[issue(store, number)] = store.now
        store.now += 10
    queries, second = ReceiptQueries(store.handle), store.now - 20
    for since, before, count in (
        (second, store.now, 2),
        (0, second, 1),
        (second, second + 1, 1),
        (second + 1, second, 0),
    ):
        found = [kept.lookup for kept in queries.page(since, before, None, 10)]
        assert sorted(found) == sorted(lookup for lookup, at in times.items() if since <= at < before)
        assert len(found) == count


def test_a_receipt_is_found_by_its_digest(store: Store) -> None:
    lookup = issue(store, 5)
    queries = ReceiptQueries(store.handle)
    assert queries.kept(lookup) == KeptReceipt(lookup, str(store.queries.receipt(lookup)), store.now)
    assert queries.kept(b"\x06" * 32) is None
    assert queries.kept(b"") is None
