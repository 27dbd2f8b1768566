"""Clients are held to the limits, and banned networks are turned away."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tempmaild.appliance import open_appliance
from tempmaild.core.limit import Ban, Event, Limit, Scope
from tempmaild.errors import Banned, InvalidValue, NameTaken, NoSuchBan, NoSuchLimit, StoreFailed, TooFast
from tempmaild.settings import Settings
from tests.support import NOW, run

if TYPE_CHECKING:
    from tempmaild.service.limits import Limiter
    from tests.support import TestAppliance

CLIENT = "192.0.2.1"
MESSAGES = Limit("few", "message", "network", 2, 60, "fixed-window")


@pytest.fixture
def limiter(house: TestAppliance) -> Limiter:
    """The limiter of a house that has no limits yet."""
    limits = house.appliance.limits
    for limit in run(limits.list_all()):
        run(limits.remove(limit.name))
    return house.appliance.limiter


def add(house: TestAppliance, limit: Limit, **fields: Any) -> Limit:
    return run(house.appliance.limits.add(msgspec.structs.replace(limit, **fields), "operator"))


def outcomes(limiter: Limiter, times: int, event: Event = "message", address: str = CLIENT, **of: Any) -> list[Any]:
    """What comes of counting an event so often: a delay, or the name of what was raised."""
    found: list[Any] = []
    for _ in range(times):
        try:
            found.append(run(limiter.count(event, address, **of)))
        except (TooFast, Banned) as error:
            found.append(type(error).__name__)
    return found


class TestOperator:
    def test_edits_limits(self, house: TestAppliance, limiter: Limiter) -> None:
        limits = house.appliance.limits
        added = add(house, MESSAGES)
        assert run(limits.list_all()) == [added] == [run(limits.get("few"))]
        with pytest.raises(NameTaken):
            add(house, MESSAGES)
        run(limits.change(msgspec.structs.replace(added, amount=3)))
        assert outcomes(limiter, 4) == [0, 0, 0, "TooFast"]
        run(limits.change(msgspec.structs.replace(added, enabled=False)))
        assert outcomes(limiter, 1) == [0]
        run(limits.remove("few"))
        assert outcomes(limiter, 1) == [0]
        for missing in (limits.remove("few"), limits.get("few"), limits.change(MESSAGES)):
            with pytest.raises(NoSuchLimit):
                run(missing)

    def test_is_told_what_is_wrong_with_a_limit(self, house: TestAppliance) -> None:
        limits = house.appliance.limits
        for change in (limits.add, limits.change):
            with pytest.raises(InvalidValue, match="amount: 0 is not between"):
                run(change(msgspec.structs.replace(MESSAGES, amount=0)))
        with pytest.raises(InvalidValue, match=r"domain: 'no domain' is no name of a domain"):
            add(house, Limit("a", "recipient", "mailbox", 1, 60, domain="no domain"))

    def test_bans_networks(self, house: TestAppliance, limiter: Limiter) -> None:
        bans = house.appliance.bans
        ban = run(bans.add("192.0.2.0/24", 60, "spam", "mail", "operator"))
        assert ban == Ban("192.0.2.0/24", "spam", "mail", NOW + 60, NOW)
        assert run(bans.list_all()) == [ban]
        assert outcomes(limiter, 1) == ["Banned"]
        run(bans.remove("192.0.2.0/24", "operator"))
        assert run(bans.list_all()) == []
        assert outcomes(limiter, 1) == [0]
        with pytest.raises(NoSuchBan):
            run(bans.remove("192.0.2.0/24"))

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            (("192.0.2.1/24", 60), "network"),
            (("example.org", 60), "network"),
            (("192.0.2.0/24", 0), "seconds"),
            (("192.0.2.0/24", 10**10), "seconds"),
            (("192.0.2.0/24", 60, "two\nlines"), "reason"),
            (("192.0.2.0/24", 60, "a" * 201), "reason"),
            (("192.0.2.0/24", 60, "", "some"), "scope"),
        ],
    )
    def test_is_told_what_is_wrong_with_a_ban(
        self, house: TestAppliance, values: tuple[Any, ...], field: str
    ) -> None:
        with pytest.raises(InvalidValue) as caught:
            run(house.appliance.bans.add(*values))
        assert caught.value.field == field

    def test_bans_the_networks_of_a_list(self, house: TestAppliance, monkeypatch: pytest.MonkeyPatch) -> None:
        bans = house.appliance.bans
        some = [
            Ban("192.0.2.1", "a", "all", NOW + 60),
            Ban("2001:db8::/32", "", "mail", NOW + 60),
            Ban("::1", "over", "all", NOW),
        ]
        assert run(bans.add_all(some, "operator")) == 2
        assert {ban.network for ban in run(bans.list_all())} == {"192.0.2.1/32", "2001:db8::/32"}
        assert run(bans.count()) == 2
        assert [ban.network for ban in run(bans.about("2001:db8:1::/48"))] == ["2001:db8::/32"]
        assert run(bans.add_all([Ban("::1", "over", "all", NOW)])) == 0
        for wrong in (
            [Ban("192.0.2.7", "", "all", NOW + 60), Ban("nobody", "", "all", NOW + 60)],
            [Ban("192.0.2.7", "", "all", NOW + 3650 * 86_400 + 1)],
        ):
            with pytest.raises(InvalidValue):
                run(bans.add_all(wrong))
        monkeypatch.setattr("tempmaild.service.bans.MOST_IMPORTED", 1)
        with pytest.raises(InvalidValue, match="there are 2, and no more than 1"):
            run(bans.add_all(some))
        assert run(bans.count()) == 2


class TestActions:
    def test_refuse(self, house: TestAppliance, limiter: Limiter) -> None:
        add(house, MESSAGES)
        assert outcomes(limiter, 3) == [0, 0, "TooFast"]
        house.clock.now += 59.9
        assert outcomes(limiter, 1) == ["TooFast"]
        house.clock.now += 0.1
        assert outcomes(limiter, 3) == [0, 0, "TooFast"]

    @pytest.mark.parametrize("strategy", ["fixed-window", "moving-window", "sliding-window-counter"])
    def test_delay(self, house: TestAppliance, limiter: Limiter, strategy: str) -> None:
        add(house, MESSAGES, strategy=strategy, action="delay")
        assert outcomes(limiter, 8) == [0, 0, 1, 2, 4, 8, 10, 10]
        house.clock.now += 180
        assert outcomes(limiter, 3) == [0, 0, 1]

    def test_ban(self, house: TestAppliance, limiter: Limiter) -> None:
        add(house, MESSAGES, action="ban", ban_seconds=300, ipv4_prefix=24)
        assert outcomes(limiter, 2) == [0, 0]
        assert outcomes(limiter, 1, address="192.0.2.77") == ["Banned"]
        assert run(house.appliance.bans.list_all()) == [Ban("192.0.2.0/24", "limit few", "mail", NOW + 300, NOW)]
        house.clock.now += 299.9
        assert outcomes(limiter, 1) == ["Banned"]
        house.clock.now += 0.1
        assert outcomes(limiter, 3) == [0, 0, "Banned"]

    def test_the_hardest_counts(self, house: TestAppliance, limiter: Limiter) -> None:
        add(house, MESSAGES, name="a", amount=1, action="delay")
        add(house, MESSAGES, name="b", amount=2)
        add(house, MESSAGES, name="c", amount=3, action="ban", ban_seconds=60)
        assert outcomes(limiter, 5) == [0, 1, "TooFast", "Banned", "Banned"]

    def test_a_ban_that_cannot_be_stored_holds_nevertheless(
        self, house: TestAppliance, limiter: Limiter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def fail(_: object) -> None:
            raise StoreFailed

        add(house, MESSAGES, amount=1, action="ban", ban_seconds=60)
        outcomes(limiter, 1)
        monkeypatch.setattr(limiter._access, "write", fail)
        assert outcomes(limiter, 2) == ["Banned", "Banned"]
        assert run(house.appliance.bans.list_all()) == []


class TestSubjects:
    def test_networks(self, house: TestAppliance, limiter: Limiter) -> None:
        add(house, MESSAGES, amount=1, ipv4_prefix=24, ipv6_prefix=48)
        for address, answer in (
            ("192.0.2.1", 0),
            ("192.0.2.200", "TooFast"),
            ("192.0.3.1", 0),
            ("2001:db8:1::1", 0),
            ("2001:db8:1:ffff::1", "TooFast"),
            ("2001:db8:2::1", 0),
        ):
            assert outcomes(limiter, 1, address=address) == [answer]

    def test_sender_domains(self, house: TestAppliance, limiter: Limiter) -> None:
        add(house, MESSAGES, amount=1, subject="sender-domain")
        assert outcomes(limiter, 1, sender_domain="a.test") == [0]
        assert outcomes(limiter, 1, sender_domain="A.Test", address="127.0.0.1") == ["TooFast"]
        assert outcomes(limiter, 1, sender_domain="b.test") == [0]
        assert outcomes(limiter, 2, sender_domain="") == [0, 0], "bounces have no sender"

    def test_mailboxes(self, house: TestAppliance, limiter: Limiter) -> None:
        add(house, Limit("flood", "recipient", "mailbox", 1, 60))
        assert outcomes(limiter, 2, "recipient", mailbox="a@box.test", domain="box.test") == [0, "TooFast"]
        assert outcomes(limiter, 1, "recipient", mailbox="b@box.test", domain="box.test") == [0]

    @pytest.mark.parametrize(
        ("pattern", "domain", "counts"),
        [
            ("Box.Test", "box.test", True),
            ("box.test", "a.box.test", False),
            ("*.box.test", "a.box.test", True),
            ("*.box.test", "box.test", False),
        ],
    )
    def test_of_one_domain(
        self, house: TestAppliance, limiter: Limiter, pattern: str, domain: str, counts: bool
    ) -> None:
        add(house, Limit("flood", "recipient", "network", 1, 60, domain=pattern))
        assert outcomes(limiter, 2, "recipient", domain=domain) == [0, "TooFast" if counts else 0]

    def test_octets(self, house: TestAppliance, limiter: Limiter) -> None:
        add(house, Limit("much", "bytes", "network", 1000, 60))
        answers = [outcomes(limiter, 1, "bytes", amount=amount)[0] for amount in (600, 400, 1)]
        assert answers == [0, 0, "TooFast"]

    def test_api_keys(self, house: TestAppliance, limiter: Limiter) -> None:
        add(house, Limit("calls", "api-call", "api-key", 1, 60))
        assert outcomes(limiter, 2, "api-call", api_key="a") == [0, "TooFast"]
        assert outcomes(limiter, 1, "api-call", api_key="b") == [0]

    @pytest.mark.parametrize("address", ["127.0.0.1", "::1", ""])
    def test_who_is_trusted_has_no_limit_per_network(
        self, house: TestAppliance, limiter: Limiter, address: str
    ) -> None:
        add(house, MESSAGES, amount=1)
        assert outcomes(limiter, 3, address=address) == [0, 0, 0]

    def test_who_is_trusted_can_change(self, house: TestAppliance, limiter: Limiter) -> None:
        add(house, MESSAGES, amount=1)
        limiter.trust([ip_network("192.0.2.0/24")])
        assert outcomes(limiter, 2) == [0, 0]
        assert outcomes(limiter, 2, address="127.0.0.1") == [0, "TooFast"]
        limiter.trust([])
        assert outcomes(limiter, 2) == [0, "TooFast"]


class TestBans:
    @pytest.mark.parametrize(
        ("scope", "turned_away"), [("all", {"mail", "reading"}), ("mail", {"mail"}), ("reading", {"reading"})]
    )
    def test_have_a_scope(self, house: TestAppliance, limiter: Limiter, scope: Scope, turned_away: set[str]) -> None:
        run(house.appliance.bans.add("192.0.2.0/24", 60, scope=scope))
        found = set()
        scopes: tuple[Scope, ...] = ("mail", "reading")
        for wanted in scopes:
            try:
                run(limiter.connect(wanted, CLIENT))
            except Banned:
                found.add(wanted)
        assert found == turned_away

    @pytest.mark.parametrize(
        ("network", "inside", "outside"),
        [
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("192.0.2.1", "192.0.2.1", "192.0.2.0"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("0.0.0.0/0", "127.0.0.1", "::1"),
            ("::/0", "::1", "127.0.0.1"),
        ],
    )
    def test_hit_the_network_alone(
        self, house: TestAppliance, limiter: Limiter, network: str, inside: str, outside: str
    ) -> None:
        run(house.appliance.bans.add("198.51.100.0/25", 60))
        run(house.appliance.bans.add(network, 60))
        with pytest.raises(Banned):
            run(limiter.check_ban("mail", inside))
        run(limiter.check_ban("mail", outside))
        run(limiter.check_ban("mail", ""))


class TestFailedLogins:
    def test_wait_longer_and_longer_until_the_network_is_banned(self, house: TestAppliance) -> None:
        """The limits that a fresh database has."""
        limiter = house.appliance.limiter
        delays = [run(limiter.failed_login(CLIENT)) for _ in range(50)]
        assert delays[:9] == [0, 0, 0, 1, 2, 4, 8, 10, 10]
        assert set(delays[9:]) == {10}
        run(limiter.check_ban("reading", CLIENT))
        run(limiter.failed_login(CLIENT))
        with pytest.raises(Banned):
            run(limiter.check_ban("reading", CLIENT))
        # Mail from there is still welcome.
        run(limiter.check_ban("mail", CLIENT))
        house.clock.now += 3600
        run(limiter.check_ban("reading", CLIENT))

    def test_of_others_are_not_held_against_a_client(self, house: TestAppliance) -> None:
        limiter = house.appliance.limiter
        for _ in range(60):
            run(limiter.failed_login(CLIENT))
        assert run(limiter.failed_login("192.0.2.2")) == 0
        assert run(limiter.failed_login("127.0.0.1")) == 0

    def test_new_addresses_are_five_an_hour(self, house: TestAppliance) -> None:
        limiter = house.appliance.limiter
        assert outcomes(limiter, 6, "new-address", domain="box.test") == [0] * 5 + ["TooFast"]
        house.clock.now += 3600.5
        assert outcomes(limiter, 1, "new-address", domain="box.test") == [0]


class TestOtherProcesses:
    def test_what_they_change_counts(self, house: TestAppliance, limiter: Limiter, database_url: str) -> None:
        """The hub is told of it by another test; here it is told by hand."""
        assert outcomes(limiter, 3) == [0, 0, 0]
        settings = Settings.model_validate(
            {"host": {"name": "mx.box.test", "state": house.state}, "store": {"url": database_url}}
        )
        other = open_appliance(settings, clock=house.clock)
        run(other.limits.add(MESSAGES))
        run(other.bans.add("198.51.100.0/24", 60))
        assert outcomes(limiter, 3) == [0, 0, 0]
        house.appliance.hub.publish(None)
        assert outcomes(limiter, 3) == [0, 0, "TooFast"]
        assert outcomes(limiter, 1, address="198.51.100.1") == ["Banned"]
        run(other.bans.remove("198.51.100.0/24"))
        house.appliance.hub.publish(None)
        assert outcomes(limiter, 1, address="198.51.100.1") == [0]
        other.handle.close()

    def test_many_bans_are_not_read_again_and_again(
        self, house: TestAppliance, limiter: Limiter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bans = house.appliance.bans
        for network in ("198.51.100.0/24", "203.0.113.0/24"):
            run(bans.add(network, 86_400))
            run(limiter.check_ban("mail", CLIENT))
            house.clock.now += 1000
        read: list[str] = []
        banlist = limiter._banned
        add_ban = banlist.add

        def remember(ban: Ban) -> None:
            read.append(ban.network)
            add_ban(ban)

        monkeypatch.setattr(banlist, "add", remember)
        run(bans.add("192.0.2.0/24", 86_400))
        assert outcomes(limiter, 1) == ["Banned"]
        assert outcomes(limiter, 1, address="198.51.100.1") == ["Banned"]
        # What was read last is read again, for it may have been stored late.
        assert read == ["192.0.2.0/24", "203.0.113.0/24"]
        # A ban that is lifted, and one that is over, are forgotten.
        run(bans.remove("198.51.100.0/24"))
        assert outcomes(limiter, 1, address="198.51.100.1") == [0]
        house.clock.now += 86_400
        run(bans.add("2001:db8::/32", 60))
        run(limiter.check_ban("mail", CLIENT))
        assert sum(map(len, limiter._banned._by_size.values())) == 1

    def test_without_the_database_the_old_limits_hold(
        self, house: TestAppliance, limiter: Limiter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def fail(*_: object) -> None:
            raise StoreFailed

        add(house, MESSAGES)
        assert outcomes(limiter, 1) == [0]
        run(house.appliance.limits.change(msgspec.structs.replace(MESSAGES, amount=9)))
        with monkeypatch.context() as patch:
            patch.setattr(limiter._access, "read", fail)
            assert outcomes(limiter, 2) == [0, "TooFast"]
        assert outcomes(limiter, 1) == [0]
