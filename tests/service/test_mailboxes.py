"""Domains and mailboxes are made, listed and destroyed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tempmaild.core.lifetime import Lifetime
from tempmaild.core.naming import pronounceable
from tempmaild.errors import AddressTaken, DomainExists, DomainInUse, InvalidAddress, NoSuchDomain, NoSuchMailbox
from tempmaild.service.mailboxes import Mailboxes, Purged
from tempmaild.store.access import Immediate
from tempmaild.store.queries import Queries
from tempmaild.store.vault import open_vault
from tests.support import NOW, run

if TYPE_CHECKING:
    from tests.support import TestAppliance

_MONTH = 30 * 86_400


class TestDomains:
    def test_are_kept_in_one_form(self, house: TestAppliance) -> None:
        assert run(house.domains.add("Bücher.Example.")).name == "xn--bcher-kva.example"
        with pytest.raises(DomainExists):
            run(house.domains.add("XN--BCHER-KVA.example"))
        assert [domain.name for domain in run(house.domains.list_all())] == ["box.test", "xn--bcher-kva.example"]
        run(house.domains.remove("bücher.example"))
        with pytest.raises(NoSuchDomain):
            run(house.domains.remove("bücher.example"))

    def test_have_names(self, house: TestAppliance) -> None:
        for act in (house.domains.add, house.domains.remove, house.mailboxes.list_all):
            with pytest.raises(InvalidAddress):
                run(act("no name"))

    def test_stay_while_they_are_used(self, house: TestAppliance) -> None:
        house.create()
        with pytest.raises(DomainInUse):
            run(house.domains.remove("box.test"))


class TestCreate:
    def test_with_a_given_address(self, house: TestAppliance) -> None:
        new = run(house.mailboxes.create("Joe@Box.Test", Lifetime(600)))
        assert (new.mailbox.address, new.mailbox.created_at, new.mailbox.expires_at) == (
            "joe@box.test",
            NOW,
            NOW + 600,
        )
        run(house.logins.login("joe@box.test", new.secret))
        with pytest.raises(AddressTaken):
            run(house.mailboxes.create("JOE@box.test", Lifetime(600)))

    def test_with_a_made_up_address(self, house: TestAppliance) -> None:
        first, second = (run(house.mailboxes.create("Box.Test", Lifetime(600))) for _ in range(2))
        assert first.mailbox.address.endswith("@box.test")
        assert first.mailbox.address != second.mailbox.address
        assert first.secret != second.secret

    @pytest.mark.parametrize("address", ["joe@", "@box.test", "a b@box.test", "box..test", ""])
    def test_with_what_is_no_address(self, house: TestAppliance, address: str) -> None:
        with pytest.raises(InvalidAddress):
            run(house.mailboxes.create(address, Lifetime(600)))

    @pytest.mark.parametrize("address", ["joe@other.test", "other.test"])
    def test_in_a_domain_that_is_not_ours(self, house: TestAppliance, address: str) -> None:
        with pytest.raises(NoSuchDomain):
            run(house.mailboxes.create(address, Lifetime(600)))

    def test_looks_for_a_free_name(self, house: TestAppliance) -> None:
        numbers = iter([1, 7, 7, 7, 1, 7, 7, 7, 2, 7, 7, 7])  # a name, two codes and a key for each attempt
        mailboxes = _with_random(house, lambda count: bytes([next(numbers)]) * count)
        name = pronounceable(lambda count: bytes([1]) * count)
        assert run(mailboxes.create("box.test", Lifetime(600))).mailbox.address == f"{name}@box.test"
        assert run(mailboxes.create("box.test", Lifetime(600))).mailbox.address != f"{name}@box.test"

    def test_gives_up_when_the_names_are_used_up(self, house: TestAppliance) -> None:
        mailboxes = _with_random(house, lambda count: b"\x01" * count)
        run(mailboxes.create("box.test", Lifetime(600)))
        with pytest.raises(AddressTaken):
            run(mailboxes.create("box.test", Lifetime(600)))


def _with_random(house: TestAppliance, random: object) -> Mailboxes:
    handle = house.appliance.handle
    vault = open_vault("mx.box.test", house.state / "receipts.key")
    access = Immediate(handle, vault, house.clock, house.appliance.hub.publish)
    directory = house.appliance.directory
    return Mailboxes(access, Queries(handle), directory, house.clock, random, 0)  # type: ignore[arg-type]


class TestLooking:
    def test_at_one(self, house: TestAppliance) -> None:
        account = house.create("joe@box.test", lifetime=100)
        house.deliver(account.address)
        assert run(house.mailboxes.find("JOE@box.test")) == account.mailbox
        house.clock.now = NOW + 99.9
        details = run(house.mailboxes.describe("joe@box.test"))
        assert (details.mailbox, details.expired) == (account.mailbox, False)
        assert [(f.name, f.messages) for f in details.folders][1:2] == [("INBOX", 1)]
        house.clock.now = NOW + 100.0
        assert run(house.mailboxes.describe("joe@box.test")).expired
        with pytest.raises(NoSuchMailbox):
            run(house.mailboxes.describe("ann@box.test"))
        with pytest.raises(InvalidAddress):
            run(house.mailboxes.find("joe"))

    def test_at_all(self, house: TestAppliance) -> None:
        run(house.domains.add("other.test"))
        made = [house.create(domain).mailbox for domain in ("box.test", "other.test", "box.test")]
        assert list(run(house.mailboxes.list_all())) == made
        assert list(run(house.mailboxes.list_all("Box.test"))) == [made[0], made[2]]
        with pytest.raises(NoSuchDomain):
            run(house.mailboxes.list_all("third.test"))


class TestDestroy:
    def test_leaves_the_address_in_quarantine(self, house: TestAppliance) -> None:
        account = house.create("joe@box.test")
        house.deliver(account.address)
        assert run(house.mailboxes.destroy(account.mailbox)) == 1
        with pytest.raises(NoSuchMailbox):
            run(house.mailboxes.destroy(account.mailbox))
        house.clock.now = NOW + _MONTH - 0.1
        with pytest.raises(AddressTaken):
            house.create("joe@box.test")
        house.clock.now = float(NOW + _MONTH)
        successor = house.create("joe@box.test")
        assert successor.mailbox.id != account.mailbox.id


class TestPurge:
    def test_destroys_what_has_expired(self, house: TestAppliance, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempmaild.service.mailboxes._TOGETHER", 2)
        old = [house.create(lifetime=lifetime) for lifetime in (10, 20, 30, 100, 100)]
        kept = house.create(lifetime=101)
        for account in (old[0], old[4], kept):
            house.deliver(account.address)
        house.clock.now = float(NOW + 100)
        assert run(house.mailboxes.purge()) == Purged(mailboxes=5, messages=2)
        assert list(run(house.mailboxes.list_all())) == [kept.mailbox]
        assert run(house.mailboxes.purge()) == Purged(0, 0)
