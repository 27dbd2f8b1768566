"""The domains in memory: which one takes the mail for a name, and that changes are seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tempmaild.core.lifetime import Lifetime
from tempmaild.core.policy import Policy
from tempmaild.core.timespan import HOUR
from tempmaild.errors import StoreFailed
from tempmaild.notify.hub import Hub
from tempmaild.service.directory import Directory
from tempmaild.store.queries import Queries
from tests.support import LIFETIME, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support import TestAppliance


class Access:
    """Reads at once, and does something before the answer is given."""

    def __init__(self) -> None:
        self.reads: list[str] = []
        self.meanwhile: Callable[[str], None] = lambda _: None

    async def read(self, query: Callable[..., Any], *args: object) -> Any:
        answer = query(*args)
        self.reads.append(query.__name__)
        self.meanwhile(query.__name__)
        return answer


@pytest.mark.parametrize(
    ("name", "found"),
    [
        *(("box.test", "box.test"), ("BOX.test.", "box.test"), ("a.box.test", None), ("wild.test", None)),
        *(("a.wild.test", "*.wild.test"), ("A.B.Wild.Test", "*.wild.test"), ("x.deep.wild.test", "*.deep.wild.test")),
        *(("deep.wild.test", "*.wild.test"), ("own.wild.test", "own.wild.test"), ("a.own.wild.test", "*.wild.test")),
        *(("*.wild.test", None), ("", None), (".", None), ("test", None), ("[192.0.2.1]", None), ("\udc80", None)),
        *(("bücher.test", "xn--bcher-kva.test"), ("BU\N{COMBINING DIAERESIS}CHER.test", "xn--bcher-kva.test")),
    ],
)
def test_the_nearest_takes_the_mail(house: TestAppliance, name: str, found: str | None) -> None:
    for domain in ("*.wild.test", "*.deep.wild.test", "own.wild.test", "bücher.test"):
        run(house.domains.add(domain))
    taker = run(house.appliance.directory.find(name))
    assert (taker and taker.name) == found


def test_changes_of_others_are_seen(house: TestAppliance) -> None:
    access, hub = Access(), Hub()
    directory = Directory(access, Queries(house.appliance.handle), hub, LIFETIME)  # type: ignore[arg-type]
    domain = run(directory.find("box.test"))
    assert domain is not None
    assert access.reads == ["counter", "domains"]
    access.reads.clear()
    assert run(directory.find("box.test")) == run(directory.by_id(domain.id)) == domain
    assert access.reads == []
    run(house.domains.change(msgspec.structs.replace(domain, enabled=False)))
    # Nobody has told yet.
    assert run(directory.find("box.test")) == domain
    hub.publish({0})
    changed = run(directory.find("box.test"))
    assert changed is not None
    assert not changed.enabled
    # A new one is found without having been told of.
    added = run(house.domains.add("new.test"))
    assert run(directory.find("a.new.test")) is None
    assert run(directory.find("new.test")) == added
    assert run(directory.by_id(added.id)) == added
    access.reads.clear()
    hub.publish(None)
    run(directory.find("box.test"))
    assert access.reads == ["counter"]


def test_what_is_told_while_it_reads_is_not_missed(house: TestAppliance) -> None:
    access, hub = Access(), Hub()
    directory = Directory(access, Queries(house.appliance.handle), hub, LIFETIME)  # type: ignore[arg-type]

    def disable(name: str) -> None:
        if name == "domains":
            access.meanwhile = lambda _: None
            domain = run(house.domains.get("box.test"))
            run(house.domains.change(msgspec.structs.replace(domain, enabled=False)))
            hub.publish({0})

    access.meanwhile = disable
    before = run(directory.find("box.test"))
    after = run(directory.find("box.test"))
    assert before is not None
    assert after is not None
    assert (before.enabled, after.enabled) == (True, False)


def test_a_slow_answer_replaces_no_newer_one(house: TestAppliance) -> None:
    access, hub = Access(), Hub()
    directory = Directory(access, Queries(house.appliance.handle), hub, LIFETIME)  # type: ignore[arg-type]

    def overtake(name: str) -> None:
        if name == "domains":
            access.meanwhile = lambda _: None
            run(house.domains.add("new.test"))
            assert run(directory.find("new.test"))

    access.meanwhile = overtake
    run(directory.find("box.test"))
    access.reads.clear()
    assert run(directory.find("new.test"))
    assert access.reads == []


def test_a_failure_is_no_answer(house: TestAppliance) -> None:
    access, hub = Access(), Hub()
    directory = Directory(access, Queries(house.appliance.handle), hub, LIFETIME)  # type: ignore[arg-type]
    assert run(directory.find("box.test"))
    run(house.domains.remove("box.test"))
    hub.publish({0})

    def fail(_: str) -> None:
        raise StoreFailed("gone")

    access.meanwhile = fail
    with pytest.raises(StoreFailed):
        run(directory.find("box.test"))
    access.meanwhile = lambda _: None
    assert run(directory.find("box.test")) is None


def test_the_lifetime_of_a_new_mailbox(house: TestAppliance) -> None:
    directory = house.appliance.directory
    for name, policy, expected in (
        ("a.test", Policy(), Lifetime(LIFETIME)),
        ("b.test", Policy(lifetime=Lifetime(HOUR, messages=3)), Lifetime(HOUR, messages=3)),
        ("c.test", Policy(longest=HOUR), Lifetime(HOUR)),
        ("d.test", Policy(longest=LIFETIME + 1), Lifetime(LIFETIME)),
    ):
        assert directory.lifetime(run(house.domains.add(name, policy=policy))) == expected
    opened = run(house.domains.add("e.test", "open"))
    assert directory.lifetime(opened) == Lifetime(LIFETIME, messages=50)
