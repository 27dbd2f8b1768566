"""Who is beyond a limit, or near it, is put away and told; and what would become of a client."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tempmaild.core.limit import Limit
from tempmaild.errors import InvalidValue, TooFast
from tempmaild.service import meter
from tempmaild.service.limit_use import Foreseen
from tempmaild.service.meter import Claim, Noticed
from tempmaild.store.limits import Use
from tests.support import NOW, run

if TYPE_CHECKING:
    from tempmaild.core.limit import Event
    from tests.support import TestAppliance

CLIENT = "192.0.2.1"
FEW = Limit("few", "message", "network", 4, 3600, "fixed-window")
STRATEGIES = ["fixed-window", "moving-window", "sliding-window-counter"]


@pytest.fixture
def house(house: TestAppliance) -> TestAppliance:
    """A house that has no limits yet."""
    limits = house.appliance.limits
    for limit in run(limits.list_all()):
        run(limits.remove(limit.name))
    return house


def add(house: TestAppliance, **fields: Any) -> Limit:
    return run(house.appliance.limits.add(msgspec.structs.replace(FEW, **fields)))


def count(house: TestAppliance, times: int = 1, address: str = CLIENT, event: Event = "message", **of: Any) -> None:
    for _ in range(times):
        with suppress(TooFast):
            run(house.appliance.limiter.count(event, address, **of))


def told(house: TestAppliance) -> list[tuple[str, str, int, int]]:
    """Have the daemon tell, and give limit, subject, use and excess of each."""
    run(house.appliance.limit_use.flush())
    return [(each.limit.name, *_of(each.use)) for each in run(house.appliance.limit_use.list_all())]


def _of(use: Use) -> tuple[str, int, int]:
    return use.subject, use.used, use.excess


class TestTold:
    @pytest.mark.parametrize("strategy", STRATEGIES)
    def test_is_who_is_near_and_who_is_beyond(self, house: TestAppliance, strategy: str) -> None:
        add(house, strategy=strategy)
        count(house, 1, "192.0.2.1")
        count(house, 2, "192.0.2.2")
        count(house, 4, "192.0.2.3")
        count(house, 7, "192.0.2.4")
        assert set(told(house)) == {
            ("few", "192.0.2.2/32", 2, 0),
            ("few", "192.0.2.3/32", 4, 0),
            ("few", "192.0.2.4/32", 4, 3),
        }

    def test_grows_and_is_forgotten(self, house: TestAppliance) -> None:
        limit = add(house)
        count(house, 2)
        assert told(house) == [("few", "192.0.2.1/32", 2, 0)]
        house.clock.now += 10
        count(house, 1)
        assert told(house) == [("few", "192.0.2.1/32", 3, 0)]
        (held,) = run(house.appliance.limit_use.list_all())
        assert held.limit == limit
        assert held.use == Use(limit.id, "192.0.2.1/32", 3, 0, NOW + 10, NOW + 3610)
        house.clock.now += 3600
        assert told(house) == []

    def test_goes_with_the_limit(self, house: TestAppliance) -> None:
        add(house)
        count(house, 5)
        assert len(told(house)) == 1
        run(house.appliance.limits.remove("few"))
        assert told(house) == []

    def test_costs_no_write_when_there_is_nothing(
        self, house: TestAppliance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add(house)
        count(house, 1)
        monkeypatch.delattr(type(house.appliance.limit_use._access), "write")
        run(house.appliance.limit_use.flush())
        run(house.appliance.limit_use.flush())

    def test_has_no_addresses_of_mailboxes(self, house: TestAppliance) -> None:
        add(house, event="recipient", subject="mailbox")
        count(house, 9, event="recipient", mailbox="joe@box.test", domain="box.test")
        assert told(house) == []

    def test_has_domains_of_senders(self, house: TestAppliance) -> None:
        add(house, subject="sender-domain")
        count(house, 5, sender_domain="Spam.Example")
        assert told(house) == [("few", "spam.example", 4, 1)]


class TestNoticed:
    def claims(self, count: int) -> list[Claim]:
        return [Claim(FEW, str(number), 1) for number in range(count)]

    def test_begins_anew_when_it_is_taken(self) -> None:
        noticed, (first, second) = Noticed(), self.claims(2)
        noticed.note([first, second], [0, 0])
        noticed.note([first], [1])
        noticed.note([first], [2])
        assert noticed.take() == ([second], [(first, 2)])
        assert noticed.take() == ([], [])

    def test_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(meter, "_SAMPLE", 3)
        monkeypatch.setattr(meter, "_MOST_BEYOND", 2)
        noticed, claims = Noticed(), self.claims(9)
        for claim in claims:
            noticed.note([claim], [0])
        for claim in claims[4:]:
            noticed.note([claim], [1])
        # Who is there already goes on to be noticed.
        noticed.note([claims[4]], [7])
        assert noticed.take() == (claims[:3], [(claims[4], 7), (claims[5], 1)])


class TestForeseen:
    def foresee(self, house: TestAppliance, event: Event = "message", **of: Any) -> list[Foreseen]:
        return run(house.appliance.limit_use.foresee(event, of.pop("address", CLIENT), **of)).limits

    def test_knows_what_was_told(self, house: TestAppliance) -> None:
        limit = add(house)
        assert self.foresee(house) == [Foreseen(limit, "192.0.2.1/32", None, 0, 0, None)]
        count(house, 3)
        assert self.foresee(house)[0].used is None, "it was not told yet"
        run(house.appliance.limit_use.flush())
        house.clock.now += 5
        assert self.foresee(house) == [Foreseen(limit, "192.0.2.1/32", 3, 0, NOW, False)]
        assert self.foresee(house, amount=2)[0].is_beyond
        count(house, 2)
        run(house.appliance.limit_use.flush())
        assert self.foresee(house) == [Foreseen(limit, "192.0.2.1/32", 4, 1, NOW + 5, True)]

    def test_knows_what_is_too_much_by_itself(self, house: TestAppliance) -> None:
        add(house, event="bytes")
        assert self.foresee(house, "bytes", amount=5)[0].is_beyond
        assert self.foresee(house, "bytes", amount=4)[0].is_beyond is None

    def test_has_the_limits_that_concern_it(self, house: TestAppliance) -> None:
        add(house)
        add(house, name="off", enabled=False)
        add(house, name="other", event="connection")
        add(house, name="ours", event="recipient", domain="*.box.test")
        assert [each.limit.name for each in self.foresee(house)] == ["few"]
        assert self.foresee(house, "recipient", domain="box.test") == []
        assert [each.limit.name for each in self.foresee(house, "recipient", domain="a.box.test")] == ["ours"]

    def test_counts_nothing_and_notices_nobody(self, house: TestAppliance) -> None:
        add(house, amount=1)
        for _ in range(5):
            self.foresee(house)
        run(house.appliance.limiter.count("message", CLIENT))
        assert told(house) == [("few", "192.0.2.1/32", 1, 0)]

    def test_knows_bans_and_trust(self, house: TestAppliance) -> None:
        add(house)
        run(house.appliance.bans.add("192.0.2.0/24", 60, scope="mail"))
        use = house.appliance.limit_use
        assert run(use.foresee("message", CLIENT)).banned == "192.0.2.0/24"
        assert run(use.foresee("connection", CLIENT)).banned == "", "what it wants is not known then"
        assert run(use.foresee("message", "::1")) == ("", True, [])
        house.clock.now += 60
        assert run(use.foresee("message", CLIENT)).banned == ""

    def test_needs_an_address(self, house: TestAppliance) -> None:
        with pytest.raises(InvalidValue, match="'here' is no IP address"):
            self.foresee(house, address="here")
