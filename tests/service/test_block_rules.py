"""The rule that holds for a sender or client is found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tempmaild.appliance import open_appliance
from tempmaild.core.block_rule import BlockRule
from tempmaild.errors import InvalidValue, NoSuchBlockRule, StoreFailed
from tempmaild.service.block_rules import Rulebook
from tempmaild.settings import Settings
from tests.support import NOW, run

if TYPE_CHECKING:
    from tempmaild.service.block_rules import BlockRules
    from tests.support import TestAppliance

CLIENT, HELO, SENDER = "192.0.2.1", "mx.example.org", "joe@mail.example.org"


@pytest.fixture
def rules(house: TestAppliance) -> BlockRules:
    return house.appliance.block_rules


def found(rules: BlockRules, client: str = CLIENT, helo: str = HELO, sender: str = SENDER) -> str | None:
    """What is done with mail to box.test."""
    run(rules.refresh())
    rule = rules.check(client, helo, sender, "box.test")
    return rule.action if rule else None


def add(rules: BlockRules, *new: BlockRule) -> None:
    run(rules.add(new, "operator"))


def test_without_rules_nothing_holds(rules: BlockRules) -> None:
    assert found(rules) is None
    assert found(rules, "", "", "") is None


@pytest.mark.parametrize(
    ("kind", "subject", "holds"),
    [
        ("address", "joe@mail.example.org", True),
        ("address", "JOE@MAIL.Example.Org", True),
        ("address", "joe@example.org", False),
        ("domain", "mail.example.org", True),
        ("domain", "example.org", True),
        ("domain", "org", True),
        ("domain", "ample.org", False),
        ("domain", "a.mail.example.org", False),
        ("network", "192.0.2.1", True),
        ("network", "192.0.2.0/24", True),
        ("network", "192.0.3.0/24", False),
        ("network", "::/16", False),
        ("helo", "mx.example.org", True),
        ("helo", "example.org", True),
        ("helo", "x.example.org", False),
    ],
)
def test_rules_are_found(rules: BlockRules, kind: Any, subject: str, holds: bool) -> None:
    add(rules, BlockRule(kind, subject))
    assert found(rules) == ("refuse" if holds else None)


@pytest.mark.parametrize(
    ("rule", "subject"),
    [
        (BlockRule("network", "2001:db8::/32"), {"client": "2001:db8::1"}),
        (BlockRule("helo", "YLMF-PC"), {"helo": "ylmf-pc"}),
        (BlockRule("helo", "[192.0.2.9]"), {"helo": "[192.0.2.9]"}),
        (BlockRule("domain", "bücher.example"), {"sender": "a@xn--bcher-kva.example"}),
        (BlockRule("domain", "xn--bcher-kva.example"), {"sender": "a@Bücher.example."}),
        (BlockRule("address", "a@[192.0.2.9]"), {"sender": "A@[192.0.2.9]"}),
        (BlockRule("address", '"a b"@example.org'), {"sender": '"A b"@example.org'}),
    ],
)
def test_rules_about_odd_things_are_found(rules: BlockRules, rule: BlockRule, subject: dict[str, str]) -> None:
    add(rules, rule)
    assert found(rules, **subject) == "refuse"
    assert found(rules) is None


def test_the_hardest_holds(rules: BlockRules) -> None:
    add(rules, BlockRule("domain", "example.org", "junk"))
    assert found(rules) == "junk"
    add(rules, BlockRule("network", "192.0.2.0/24", "refuse"), BlockRule("helo", "example.org", "junk"))
    assert found(rules) == "refuse"
    add(rules, BlockRule("address", SENDER, "allow"))
    assert found(rules) == "allow"
    assert found(rules, sender="other@example.org") == "refuse"


@pytest.mark.parametrize(
    ("of_ours", "holds"), [("box.test", True), ("*.box.test", False), ("*.test", True), ("other.test", False)]
)
def test_a_rule_holds_for_a_domain_of_ours(rules: BlockRules, of_ours: str, holds: bool) -> None:
    add(rules, BlockRule("domain", "example.org", "junk", of_ours), BlockRule("helo", "other.example"))
    assert found(rules) == ("junk" if holds else None)


def test_a_rule_ends(house: TestAppliance, rules: BlockRules) -> None:
    add(rules, BlockRule("domain", "example.org", until=NOW + 60))
    house.clock.now += 59.9
    assert found(rules) == "refuse"
    house.clock.now += 0.1
    assert found(rules) is None
    assert run(rules.list_all()) == []


def test_rules_are_edited(rules: BlockRules) -> None:
    (kept,) = run(rules.add([BlockRule("domain", "Example.org", note="first"), BlockRule("domain", "example.org")]))
    assert kept == BlockRule("domain", "example.org")
    assert run(rules.list_all()) == [BlockRule("domain", "example.org", created_at=NOW)]
    assert found(rules) == "refuse"
    assert run(rules.add([])) == []
    run(rules.remove("domain", "EXAMPLE.org"))
    assert found(rules) is None
    with pytest.raises(NoSuchBlockRule):
        run(rules.remove("domain", "example.org"))
    with pytest.raises(InvalidValue):
        run(rules.add([BlockRule("domain", "example.org"), BlockRule("domain", "no domain")]))
    assert found(rules) is None, "all or none"


def test_others_see_a_change_when_they_are_told(house: TestAppliance, rules: BlockRules, database_url: str) -> None:
    settings = Settings.model_validate(
        {"host": {"name": "mx.box.test", "state": house.state}, "store": {"url": database_url}}
    )
    other = open_appliance(settings, clock=house.clock)
    try:
        assert found(other.block_rules) is None
        add(rules, BlockRule("domain", "example.org"))
        assert found(other.block_rules) is None
        other.hub.publish(None)
        assert found(other.block_rules) == "refuse"
    finally:
        other.handle.close()


def test_what_was_known_last_holds_while_the_database_fails(
    house: TestAppliance, rules: BlockRules, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(rules, BlockRule("domain", "example.org"))
    assert found(rules) == "refuse"

    def fail() -> int:
        raise StoreFailed

    with monkeypatch.context() as broken:
        broken.setattr(rules._queries, "version", fail)
        house.appliance.hub.publish(None)
        assert found(rules) == "refuse"
    run(house.appliance.block_rules.remove("domain", "example.org"))
    assert found(rules) is None


def test_rules_are_looked_up_and_not_gone_through() -> None:
    """Counted, not timed: nothing but the rules about this client and sender is looked at."""
    many = [
        *(BlockRule("address", f"a{number}@example.org", domain="a.test") for number in range(1000)),
        *(BlockRule("domain", f"{number}.example.org", domain="a.test") for number in range(1000)),
        *(BlockRule("network", f"10.0.{number >> 8}.{number & 255}/32", domain="a.test") for number in range(1000)),
        *(BlockRule("helo", f"h{number}.example.org", domain="a.test") for number in range(1000)),
    ]
    book = Rulebook(many)
    about = list(book._about("10.0.0.7", "h7.example.org", "a7@7.example.org"))
    assert about == [many[2007], many[3007], many[1007]]


class TestForeseen:
    @pytest.mark.parametrize("domain", ["box.test", ""])
    @pytest.mark.parametrize("client", [CLIENT, "2001:db8::1", ""])
    @pytest.mark.parametrize("sender", [SENDER, "a@[192.0.2.9]", ""])
    def test_is_what_would_hold(self, rules: BlockRules, client: str, sender: str, domain: str) -> None:
        add(
            rules,
            BlockRule("address", SENDER, "allow", "box.test"),
            BlockRule("address", "a@[192.0.2.9]", "junk"),
            BlockRule("domain", "example.org"),
            BlockRule("network", "192.0.2.0/24", "junk"),
            BlockRule("network", "2001:db8::/32", until=NOW + 60),
            BlockRule("helo", "org", "junk"),
        )
        holding, about = run(rules.foresee(client, HELO, sender, domain))
        run(rules.refresh())
        assert holding == rules.check(client, HELO, sender, domain)
        assert holding in about

    def test_is_nothing_without_rules(self, rules: BlockRules) -> None:
        assert run(rules.foresee("", "", "", "")) == (None, [])
        assert run(rules.foresee(CLIENT, HELO, SENDER, "box.test")) == (None, [])

    def test_needs_an_address_that_is_one(self, rules: BlockRules) -> None:
        with pytest.raises(InvalidValue, match="'here' is no IP address"):
            run(rules.foresee("here", "", "", ""))

    def test_reads_no_other_rules(self, rules: BlockRules, monkeypatch: pytest.MonkeyPatch) -> None:
        add(rules, BlockRule("domain", "example.org"))
        monkeypatch.delattr(type(rules._queries), "rules")
        assert run(rules.foresee(CLIENT, HELO, SENDER, ""))[0] is not None


def test_one_rule_is_given(rules: BlockRules) -> None:
    add(rules, BlockRule("domain", "example.org"), BlockRule("domain", "example.org", "junk", "box.test"))
    assert run(rules.get("domain", "Example.org.", "BOX.test")).action == "junk"
    assert run(rules.get("domain", "example.org")).action == "refuse"
    with pytest.raises(NoSuchBlockRule):
        run(rules.get("domain", "example.org", "other.test"))
    with pytest.raises(InvalidValue):
        run(rules.get("domain", "no name"))
