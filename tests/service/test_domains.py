"""Domains as their operator decides, and what mail and mailboxes they then get."""

# ruff: noqa: RUF001 - letters that look like others are what is tested

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tempmaild.core.block_rule import BlockRule
from tempmaild.core.lifetime import Lifetime
from tempmaild.core.policy import Kind, Policy
from tempmaild.core.timespan import HOUR
from tempmaild.errors import (
    AddressReserved,
    AddressTaken,
    DomainDisabled,
    DomainExists,
    DomainInUse,
    InvalidAddress,
    InvalidValue,
    NoSuchDomain,
)
from tempmaild.service.domains import Dependents
from tests.support import LIFETIME, run

if TYPE_CHECKING:
    from tempmaild.core.mailbox import Domain
    from tests.support import TestAppliance

POLICY = Policy(lifetime=Lifetime(HOUR, messages=5), longest=2 * HOUR, operator="me@box.test", reserved=("boss",))


class TestAdding:
    def test_keeps_what_was_decided(self, house: TestAppliance) -> None:
        added = run(house.domains.add("*.Bücher.test", "claimed", sealed=False, policy=POLICY))
        assert (added.name, added.sealed, added.enabled) == ("*.xn--bcher-kva.test", False, True)
        assert added.policy == POLICY
        assert run(house.domains.get("*.bücher.test")) == added
        with pytest.raises(NoSuchDomain):
            run(house.domains.get("bücher.test"))

    def test_never_seals_an_open_domain(self, house: TestAppliance) -> None:
        domain = run(house.domains.add("open.test", "open"))
        assert not domain.sealed
        assert not run(house.domains.change(msgspec.structs.replace(domain, sealed=True))).sealed

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("example.test", "ехаmрlе.test"),
            ("ехаmрlе.test", "example.test"),
            ("bücher.test", "bϋcher.test"),
            ("*.example.test", "ехаmрlе.test"),
            ("example.test", "*.ехаmрlе.test"),
            ("example.test", "ＥＸＡＭＰＬＥ.test"),
            ("bücher.test", "bu\N{COMBINING DIAERESIS}cher.test"),
        ],
    )
    def test_refuses_what_looks_like_another(self, house: TestAppliance, one: str, other: str) -> None:
        run(house.domains.add(one))
        with pytest.raises(DomainExists):
            run(house.domains.add(other))

    def test_takes_what_only_resembles_another(self, house: TestAppliance) -> None:
        for name in ("modern.test", "modem.test", "*.modern.test", "bücher.test", "bucher.test", "*.bücher.test"):
            run(house.domains.add(name))

    @pytest.mark.parametrize("field", ["catch_all", "operator"])
    def test_wants_addresses_of_this_host(self, house: TestAppliance, field: str) -> None:
        kind: Kind = "catch-all" if field == "catch_all" else "claimed"

        def add(name: str, address: str) -> Domain:
            changes: dict[str, Any] = {field: address}
            return run(house.domains.add(name, kind, policy=Policy(**changes)))

        with pytest.raises(InvalidValue, match=f"{field}: joe@elsewhere.test is not on this host"):
            add("a.test", "joe@elsewhere.test")
        # The mailbox may be made later, in this very domain.
        add("a.test", "joe@a.test")
        add("b.test", "joe@box.test")
        add("*.c.test", "joe@sub.c.test")
        with pytest.raises(InvalidValue):
            add("*.d.test", "joe@d.test")

    def test_refuses_an_impossible_policy(self, house: TestAppliance) -> None:
        with pytest.raises(InvalidValue):
            run(house.domains.add("a.test", policy=Policy(longest=1)))
        assert [domain.name for domain in run(house.domains.list_all())] == ["box.test"]


class TestChanging:
    def test_holds_for_what_is_made_from_then_on(self, house: TestAppliance) -> None:
        domain = run(house.domains.get("box.test"))
        before = run(house.mailboxes.create("a@box.test")).mailbox
        assert (before.public_key is not None, before.lifetime.seconds) == (True, LIFETIME)
        run(house.domains.change(msgspec.structs.replace(domain, sealed=False, policy=POLICY)))
        after = run(house.mailboxes.create("b@box.test")).mailbox
        assert (after.public_key, after.lifetime) == (None, POLICY.lifetime)
        assert run(house.mailboxes.find("a@box.test")) == before

    def test_checks_the_policy(self, house: TestAppliance) -> None:
        domain = run(house.domains.get("box.test"))
        for changes in ({"policy": Policy(longest=1)}, {"kind": "catch-all"}):
            with pytest.raises(InvalidValue):
                run(house.domains.change(msgspec.structs.replace(domain, **changes)))
        assert run(house.domains.get("box.test")) == domain

    def test_of_what_was_removed(self, house: TestAppliance) -> None:
        domain = run(house.domains.get("box.test"))
        run(house.domains.remove("box.test"))
        with pytest.raises(NoSuchDomain):
            run(house.domains.change(domain))

    def test_never_makes_somebodys_mail_public(self, house: TestAppliance) -> None:
        domain = run(house.domains.get("box.test"))
        account = house.create("joe@box.test")
        with pytest.raises(DomainInUse):
            run(house.domains.change(msgspec.structs.replace(domain, kind="open")))
        policy = Policy(catch_all="joe@box.test")
        run(house.domains.change(msgspec.structs.replace(domain, kind="catch-all", policy=policy)))
        run(house.domains.change(domain))
        run(house.mailboxes.destroy(account.mailbox))
        opened = run(house.domains.change(msgspec.structs.replace(domain, kind="open")))
        house.deliver("any@box.test")
        with pytest.raises(DomainInUse):
            run(house.domains.change(msgspec.structs.replace(opened, kind="claimed")))

    def test_whether_it_is_enabled(self, house: TestAppliance) -> None:
        account = house.create("joe@box.test")
        domain = run(house.domains.get("box.test"))
        run(house.domains.change(msgspec.structs.replace(domain, enabled=False)))
        for address in ("box.test", "ann@box.test"):
            with pytest.raises(DomainDisabled):
                run(house.mailboxes.create(address))
        with pytest.raises(DomainDisabled):
            house.deliver("joe@box.test")
        # What is there can be read.
        run(house.logins.login(account.address, account.secret))
        run(house.domains.change(domain))
        house.deliver("joe@box.test")


class TestNewMailbox:
    """`Mailboxes.create`, as far as domains and addresses decide."""

    @pytest.mark.parametrize("style", ["words", "short"])
    def test_has_a_name_as_the_domain_wants(self, house: TestAppliance, style: Any) -> None:
        run(house.domains.add("a.test", policy=Policy(names=style)))
        made = {True: style, False: "short" if style == "words" else "words"}
        for usual, expected in made.items():
            new = run(house.mailboxes.create("a.test", names=None if usual else expected))
            name = new.mailbox.address.partition("@")[0]
            assert (len(name) == 8 and int(name, 16) >= 0) if expected == "short" else len(name) == 11

    def test_is_below_a_wildcard(self, house: TestAppliance) -> None:
        wildcard = run(house.domains.add("*.wild.test"))
        assert run(house.mailboxes.create("joe@a.b.wild.test")).mailbox.domain_id == wildcard.id
        assert [m.address for m in run(house.mailboxes.list_all("*.wild.test"))] == ["joe@a.b.wild.test"]
        for address in ("joe@wild.test", "wild.test"):
            with pytest.raises(NoSuchDomain):
                run(house.mailboxes.create(address))
        for address in ("joe@*.wild.test", "*.wild.test"):
            with pytest.raises(InvalidAddress):
                run(house.mailboxes.create(address))

    @pytest.mark.parametrize("name", ["postmaster", "Abuse", "BOSS", "bоss", "роѕt"])
    def test_has_no_reserved_name(self, house: TestAppliance, name: str) -> None:
        domain = run(house.domains.get("box.test"))
        policy = Policy(reserved=("boss", "post"))
        run(house.domains.change(msgspec.structs.replace(domain, policy=policy)))
        # Letters of two scripts are refused in any case.
        with pytest.raises((AddressReserved, InvalidAddress)):
            run(house.mailboxes.create(f"{name}@box.test", operator=True))

    def test_has_a_reserved_name_when_the_operator_says_so(self, house: TestAppliance) -> None:
        new = run(house.mailboxes.create("postmaster@box.test", Lifetime(0), operator=True, role=True))
        assert new.mailbox.lifetime.seconds == 0

    def test_lives_no_longer_than_its_owner_may_say(self, house: TestAppliance) -> None:
        run(house.domains.add("a.test", policy=Policy(longest=HOUR)))
        assert run(house.mailboxes.create("a.test")).mailbox.lifetime == Lifetime(HOUR)
        run(house.mailboxes.create("a.test", Lifetime(HOUR)))
        for domain, lifetime in (("a.test", Lifetime(HOUR + 1)), ("a.test", Lifetime(0)), ("box.test", Lifetime(0))):
            with pytest.raises(InvalidValue):
                run(house.mailboxes.create(domain, lifetime))
            run(house.mailboxes.create(domain, lifetime, operator=True))
        with pytest.raises(InvalidValue):
            run(house.mailboxes.create("a.test", Lifetime(1), operator=True))

    def test_lives_for_ever_where_the_domain_says_so(self, house: TestAppliance) -> None:
        run(house.domains.add("a.test", policy=Policy(lifetime=Lifetime(0))))
        run(house.mailboxes.create("a.test"))
        run(house.mailboxes.create("a.test", Lifetime(0)))

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("joe", "јое"),
            ("јое", "joe"),
            ("école", "e\N{COMBINING ACUTE ACCENT}cole"),
            ("joe", "ＪＯＥ"),
            ("straße", "STRASSE"),
            ("info2", "ınfo2"),
        ],
    )
    def test_has_no_twin(self, house: TestAppliance, one: str, other: str) -> None:
        run(house.mailboxes.create(f"{one}@box.test"))
        with pytest.raises((AddressTaken, InvalidAddress)):
            run(house.mailboxes.create(f"{other}@box.test"))
        assert len(list(run(house.mailboxes.list_all()))) == 1

    def test_has_no_twin_below_a_wildcard(self, house: TestAppliance) -> None:
        run(house.domains.add("*.wild.test"))
        run(house.mailboxes.create("joe@a.wild.test"))
        with pytest.raises(AddressTaken, match=r"looks like joe@a\.wild\.test"):
            run(house.mailboxes.create("joe@а.wild.test"))
        run(house.mailboxes.create("joe@b.wild.test"))

    def test_that_resembles_another_is_made(self, house: TestAppliance) -> None:
        for name in ("modern", "modem", "jo", "jö", "l1", "ll", "1l"):
            run(house.mailboxes.create(f"{name}@box.test"))

    def test_may_look_like_one_that_is_gone(self, house: TestAppliance) -> None:
        account = house.create("јое@box.test")
        run(house.mailboxes.destroy(account.mailbox))
        house.create("joe@box.test")

    @pytest.mark.parametrize("name", ["a\u200bb", "a\u00ad", "\u2066joe", "joе", "😀"])
    def test_has_letters_that_can_be_told_apart(self, house: TestAppliance, name: str) -> None:
        with pytest.raises(InvalidAddress):
            run(house.mailboxes.create(f"{name}@box.test"))


class TestListing:
    def test_gives_pages_with_how_much_is_in_them(self, house: TestAppliance) -> None:
        run(house.domains.add("*.Bücher.test"))
        house.create("a@box.test")
        house.deliver("a@box.test")
        listed = run(house.domains.page())
        assert [(row.domain.name, row.mailboxes) for row in listed] == [("*.xn--bcher-kva.test", 0), ("box.test", 1)]
        assert [row.amount and row.amount.messages for row in listed] == [0, 1]
        assert [row.domain.name for row in run(house.domains.page(limit=1))] == ["*.xn--bcher-kva.test"]
        assert [row.domain.name for row in run(house.domains.page(after="*.xn--bcher-kva.test"))] == ["box.test"]

    @pytest.mark.parametrize("part", ["bücher.test", "BÜCHER.TEST", "xn--bcher", "*.bücher.test"])
    def test_finds_a_name_as_it_is_written(self, house: TestAppliance, part: str) -> None:
        run(house.domains.add("*.Bücher.test"))
        assert [row.domain.name for row in run(house.domains.page(part))] == ["*.xn--bcher-kva.test"]

    @pytest.mark.parametrize(("part", "after"), [("\0", ""), ("", "a\0"), ("\ud800", ""), ("x" * 10_000, "")])
    def test_finds_nothing_by_what_no_name_has(self, house: TestAppliance, part: str, after: str) -> None:
        assert run(house.domains.page(part, after)) == []

    def test_leaves_out_what_takes_long_to_count(self, house: TestAppliance, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempmaild.service.domains._COUNTED", 2)
        run(house.domains.add("a.test"))
        for address in ("a@a.test", "b@a.test", "c@a.test", "a@box.test"):
            house.create(address)
        large, small = run(house.domains.page())
        assert (large.mailboxes, large.amount) == (3, None)
        assert small.amount is not None

    def test_tells_what_depends_on_a_domain(self, house: TestAppliance) -> None:
        domain = run(house.domains.get("box.test"))
        assert run(house.domains.dependents(domain)) == Dependents((), 0, 0, 0)
        run(house.domains.add("a.test", policy=Policy(operator="op@box.test")))
        run(house.domains.add("b.test", "catch-all", policy=Policy(catch_all="all@box.test")))
        run(house.domains.add("c.test", "catch-all", policy=Policy(catch_all="all@c.test")))
        run(house.appliance.block_rules.add([BlockRule("helo", "x.test", domain="box.test")]))
        assert run(house.domains.dependents(domain)) == Dependents(("a.test", "b.test"), 0, 0, 1)

    def test_a_wildcard_has_what_depends_on_names_below_it(self, house: TestAppliance) -> None:
        wild = run(house.domains.add("*.wild.test"))
        run(house.domains.add("a.test", policy=Policy(operator="op@sub.wild.test")))
        assert run(house.domains.dependents(wild)).domains == ("a.test",)
