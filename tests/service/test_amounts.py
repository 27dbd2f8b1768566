"""How much there is: measured, noted, and given by the hour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support import MESSAGE, NOW, run

if TYPE_CHECKING:
    from tests.support import TestAppliance

HOUR = 3600
THIS_HOUR = NOW // HOUR * HOUR


def test_what_there_is_is_noted_by_the_hour(house: TestAppliance) -> None:
    amounts = house.appliance.amounts
    assert run(amounts.levels(0)) == []
    account = house.create(lifetime=2 * HOUR)
    house.deliver(account.address)
    run(amounts.flush())
    levels = {name: (hour, value) for hour, name, value in run(amounts.levels(0))}
    assert levels.keys() == {"mailboxes", "messages", "octets", "database"}
    assert levels["mailboxes"] == levels["messages"] == (THIS_HOUR, 1)
    assert levels["octets"] == (THIS_HOUR, len(MESSAGE))
    assert levels["database"][1] > 50_000
    house.clock.now += HOUR
    house.create()
    run(amounts.flush())
    later = {name: value for _hour, name, value in run(amounts.levels(THIS_HOUR + HOUR))}
    assert (later["mailboxes"], later["messages"]) == (2, 1)
    assert len(run(amounts.levels(THIS_HOUR))) == 8


def test_mailboxes_are_counted_as_of_now(house: TestAppliance) -> None:
    house.create(lifetime=HOUR)
    house.create(lifetime=2 * HOUR)
    assert run(house.appliance.amounts.mailboxes()) == 2
    house.clock.now += HOUR
    assert run(house.appliance.amounts.mailboxes()) == 1
