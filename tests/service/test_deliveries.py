"""Mail that arrives: who takes it, and when none is taken."""

# ruff: noqa: RUF001 - letters that look like others are what is tested

from __future__ import annotations

import unicodedata
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tempmaild.appliance import open_appliance
from tempmaild.core.address import skeleton
from tempmaild.core.lifetime import Lifetime
from tempmaild.core.policy import Policy
from tempmaild.errors import AddressTaken, DiskFull, InvalidAddress, MailboxFull, NoSuchDomain, NoSuchMailbox
from tempmaild.service.content import normalised
from tempmaild.service.room import Room
from tempmaild.settings import Settings
from tempmaild.store.access import Immediate
from tempmaild.store.vault import open_vault
from tests.support import LIFETIME, MESSAGE, NOW, Clock, make_appliance, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support import Account, TestAppliance


class TestRecipient:
    @pytest.mark.parametrize(
        ("local_part", "domain"), [("joe", "box.test"), ("JOE", "Box.Test"), ("Joe", "box.test.")]
    )
    def test_is_found_however_the_address_is_written(
        self, house: TestAppliance, local_part: str, domain: str
    ) -> None:
        account = house.create("Joe@Box.Test")
        recipient = run(house.deliveries.recipient(local_part, domain))
        assert (recipient.address, recipient.mailbox_id) == ("joe@box.test", account.mailbox.id)

    @pytest.mark.parametrize("local_part", ["ann", "", "a b", "\udc80", "x" * 65])
    def test_that_nobody_is(self, house: TestAppliance, local_part: str) -> None:
        with pytest.raises(NoSuchMailbox):
            run(house.deliveries.recipient(local_part, "box.test"))

    @pytest.mark.parametrize("domain", ["other.test", "", "sub.box.test", "[127.0.0.1]", "a..b", "\udc80"])
    def test_of_a_domain_that_is_not_ours(self, house: TestAppliance, domain: str) -> None:
        with pytest.raises(NoSuchDomain):
            run(house.deliveries.recipient("joe", domain))

    def test_ends_with_the_mailbox(self, house: TestAppliance) -> None:
        house.create("joe@box.test", lifetime=100)
        house.clock.now = NOW + 99.999
        assert run(house.deliveries.recipient("joe", "box.test")).expires_at == NOW + 100
        house.clock.now = NOW + 100.0
        with pytest.raises(NoSuchMailbox):
            run(house.deliveries.recipient("joe", "box.test"))

    def test_of_an_address_that_another_process_has_given_to_somebody_else(
        self, house: TestAppliance, database_url: str, tmp_path: Path
    ) -> None:
        # At once, not with the notice of it that comes a little later.
        account = house.create("joe@box.test")
        before = run(house.deliveries.recipient("joe", "box.test"))
        host = {"name": "mx.box.test", "state": tmp_path}
        settings = {"host": host, "store": {"url": database_url}, "mailbox": {"quarantine_seconds": 0}}
        beside = open_appliance(Settings.model_validate(settings))
        run(beside.mailboxes.destroy(account.mailbox))
        with pytest.raises(NoSuchMailbox):
            run(house.deliveries.recipient("joe", "box.test"))
        successor = run(beside.mailboxes.create("joe@box.test")).mailbox
        beside.handle.close()
        found = run(house.deliveries.recipient("joe", "box.test"))
        assert found.mailbox_id == successor.id != before.mailbox_id


def _contents(house: TestAppliance, account: Account) -> int:
    """How many messages the account has in its inbox."""
    return run(run(house.logins.login(account.address, account.secret)).folder("INBOX")).messages


class TestKinds:
    """Who takes mail for a name, by the kind of the domain."""

    def test_all_other_names_of_a_catch_all_domain(self, house: TestAppliance) -> None:
        run(house.domains.add("catch.test", "catch-all", policy=Policy(catch_all="all@box.test")))
        with pytest.raises(NoSuchMailbox):
            house.deliver("any@catch.test")
        everything, own = house.create("all@box.test"), house.create("own@catch.test")
        for name in ("any", "other", "own", "GRÜN", "abuse"):
            recipient = run(house.deliveries.recipient(name, "catch.test"))
            assert recipient.address == ("own@catch.test" if name == "own" else "all@box.test")
            # Sealed to whoever takes it.
            assert recipient.public_key
            run(house.deliveries.deliver(MESSAGE, [recipient]))
        assert (_contents(house, everything), _contents(house, own)) == (4, 1)
        house.clock.now += LIFETIME
        with pytest.raises(NoSuchMailbox):
            house.deliver("any@catch.test")

    def test_an_open_domain_makes_mailboxes(self, house: TestAppliance) -> None:
        run(house.domains.add("*.open.test", "open"))
        recipient = run(house.deliveries.recipient("Any", "A.open.test"))
        assert (recipient.address, recipient.inbox_id, recipient.public_key) == ("any@a.open.test", 0, None)
        # Nothing is made before the mail is there.
        assert list(run(house.mailboxes.list_all())) == []
        assert run(house.deliveries.deliver(MESSAGE, [recipient, recipient])) == [recipient] * 2
        (mailbox,) = run(house.mailboxes.list_all())
        assert (mailbox.address, mailbox.public_key, mailbox.lifetime) == (
            *("any@a.open.test", None),
            Lifetime(LIFETIME, messages=50),
        )
        assert run(house.deliveries.recipient("any", "a.open.test")).mailbox_id == mailbox.id

    def test_the_oldest_goes_where_nobody_looks_after_them(self, house: TestAppliance) -> None:
        run(house.domains.add("open.test", "open"))
        for number in range(52):
            house.deliver("any@open.test", b"Subject: %d\r\n\r\n" % number)
        (inbox,) = (f for f in run(house.mailboxes.describe("any@open.test")).folders if f.name == "INBOX")
        assert (inbox.messages, inbox.uid_next) == (50, 53)

    @pytest.mark.parametrize("name", ["abuse", "boss", "bоss", "a\u200bb", "joе"])
    def test_an_open_domain_makes_none_of_these(self, house: TestAppliance, name: str) -> None:
        run(house.domains.add("open.test", "open", policy=Policy(reserved=("boss",))))
        with pytest.raises(NoSuchMailbox):
            house.deliver(f"{name}@open.test")

    def test_an_open_domain_makes_no_twins(self, house: TestAppliance) -> None:
        run(house.domains.add("open.test", "open"))
        recipients = [run(house.deliveries.recipient(name, "open.test")) for name in ("joe", "јое", "modem", "ann")]
        house.deliver("modern@open.test")
        house.deliver("joe@open.test")
        assert run(house.deliveries.deliver(MESSAGE, recipients)) == [recipients[0], *recipients[2:]]

    def test_an_open_domain_gives_an_expired_mailbox_no_mail(self, house: TestAppliance) -> None:
        run(house.domains.add("open.test", "open"))
        in_flight = run(house.deliveries.recipient("any", "open.test"))
        house.deliver("any@open.test")
        house.clock.now += LIFETIME
        with pytest.raises(MailboxFull):
            run(house.deliveries.recipient("any", "open.test"))
        assert run(house.deliveries.deliver(MESSAGE, [in_flight])) == []
        run(house.mailboxes.purge())
        house.deliver("any@open.test")

    def test_a_full_mailbox_takes_none(self, house: TestAppliance) -> None:
        run(house.mailboxes.create("joe@box.test", Lifetime(LIFETIME, messages=2, when_full="refuse")))
        house.deliver("joe@box.test")
        house.deliver("joe@box.test")
        with pytest.raises(MailboxFull):
            run(house.deliveries.recipient("joe", "box.test"))

    def test_a_message_may_be_as_large_as_the_domain_says(self, house: TestAppliance) -> None:
        policy = Policy(largest_message=1 << 16)
        run(house.domains.add("small.test", policy=policy))
        run(house.domains.add("open.test", "open", policy=policy))
        house.create("joe@small.test")
        house.create("joe@box.test")
        sizes = [run(house.deliveries.recipient("joe", d)).largest for d in ("small.test", "open.test", "box.test")]
        assert sizes == [1 << 16, 1 << 16, 0]


class TestRoles:
    """Mail to names that belong to whoever runs the host (RFC 2142)."""

    @pytest.fixture
    def operated(self, tmp_path: Path) -> Iterator[TestAppliance]:
        house = make_appliance(tmp_path, mailbox={"operator": "Ops@Box.test"})
        yield house
        house.close()

    def test_goes_to_the_nearest_that_is_there(self, operated: TestAppliance) -> None:
        policy = Policy(operator="me@a.test", reserved=("boss",))
        run(operated.domains.add("a.test", policy=policy))

        def taker(name: str) -> str:
            return run(operated.deliveries.recipient(name, "a.test")).address

        with pytest.raises(NoSuchMailbox):
            taker("abuse")
        operated.create("ops@box.test")
        assert taker("abuse") == taker("Postmaster") == taker("boss") == "ops@box.test"
        operated.create("me@a.test")
        assert taker("abuse") == taker("boss") == "me@a.test"
        run(operated.mailboxes.create("abuse@a.test", role=True))
        assert (taker("abuse"), taker("postmaster")) == ("abuse@a.test", "me@a.test")
        with pytest.raises(NoSuchMailbox):
            taker("joe")

    def test_for_postmaster_without_a_domain(self, operated: TestAppliance) -> None:
        def taker() -> str:
            return run(operated.deliveries.postmaster("mx.box.test")).address

        with pytest.raises(NoSuchMailbox):
            taker()
        operated.create("ops@box.test")
        assert taker() == "ops@box.test"
        # With a domain the host's name has to be ours.
        with pytest.raises(NoSuchDomain):
            run(operated.deliveries.recipient("postmaster", "mx.box.test"))
        operated.create("me@box.test")
        run(operated.domains.add("mx.box.test", policy=Policy(operator="me@box.test")))
        assert taker() == "me@box.test"
        run(operated.mailboxes.create("postmaster@mx.box.test", role=True))
        assert taker() == "postmaster@mx.box.test"
        operated.clock.now += LIFETIME
        with pytest.raises(NoSuchMailbox):
            taker()

    def test_that_nobody_reads_is_known(self, house: TestAppliance) -> None:
        def unread() -> list[str]:
            return run(house.deliveries.without_postmaster("mx.box.test"))

        box = run(house.domains.get("box.test"))
        run(house.domains.add("*.wild.test"))
        assert unread() == ["*.wild.test", "box.test", "mx.box.test"]
        run(house.domains.change(msgspec.structs.replace(box, enabled=False)))
        assert unread() == ["*.wild.test", "mx.box.test"]
        run(house.domains.change(msgspec.structs.replace(box, policy=Policy(operator="me@box.test"))))
        assert unread() == ["*.wild.test", "box.test", "mx.box.test"]
        house.create("me@box.test")
        assert unread() == ["*.wild.test", "mx.box.test"]

    def test_that_everybody_reads(self, operated: TestAppliance) -> None:
        operated.create("ops@box.test")
        assert run(operated.deliveries.without_postmaster("mx.box.test")) == []

    def test_needs_an_address(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidAddress):
            make_appliance(tmp_path, mailbox={"operator": "a..b@box.test"})


_LETTERS = "aeocpxijs0l1аеосрхіјѕαορνａｅſıßéè\u0301\u0300\u200b\u00ad."


class TestTwins:
    @given(
        names=st.lists(st.text(st.sampled_from(_LETTERS), min_size=1, max_size=3), min_size=2, max_size=8),
        forms=st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]),
    )
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
    def test_never_exist_and_every_way_of_writing_reaches_the_one(
        self, shared: TestAppliance, names: list[str], forms: Literal["NFC", "NFD", "NFKC", "NFKD"]
    ) -> None:
        for name in names:
            with suppress(AddressTaken, InvalidAddress):
                run(shared.mailboxes.create(f"{name}@box.test"))
        made = [mailbox.address for mailbox in run(shared.mailboxes.list_all())]
        alike: dict[str, list[str]] = {}
        for address in made:
            alike.setdefault(skeleton(address), []).append(address)
        assert all(len(twins) == 1 or all(twin.isascii() for twin in twins) for twins in alike.values())
        for address in made:
            local_part = address.partition("@")[0]
            written = unicodedata.normalize(forms, local_part)
            assert run(shared.deliveries.recipient(written, "BOX.test")).address == address
            wide = "".join(chr(ord(c) + 0xFEE0) if c.isascii() else c for c in local_part)
            assert run(shared.deliveries.recipient(wide, "box.test")).address == address

    @pytest.fixture
    def shared(self, house: TestAppliance) -> TestAppliance:
        """One appliance for all examples: what was made stays."""
        return house


class TestDeliver:
    def test_to_several(self, house: TestAppliance) -> None:
        names = ["a", "b", "c"]
        for name in names:
            house.create(f"{name}@box.test")
        recipients = [run(house.deliveries.recipient(name, "box.test")) for name in names]
        assert run(house.deliveries.deliver(MESSAGE, recipients)) == recipients

    def test_tells_who_has_it(self, house: TestAppliance) -> None:
        accounts = [house.create(f"{name}@box.test") for name in "ab"]
        recipients = [run(house.deliveries.recipient(name, "box.test")) for name in "ab"]
        run(house.mailboxes.destroy(accounts[0].mailbox))
        assert run(house.deliveries.deliver(MESSAGE, recipients)) == recipients[1:]

    def test_never_reaches_who_gets_the_address_later(self, tmp_path: Path) -> None:
        house = make_appliance(tmp_path, mailbox={"quarantine_seconds": 0})
        account = house.create("joe@box.test")
        recipient = run(house.deliveries.recipient("joe", "box.test"))
        run(house.mailboxes.destroy(account.mailbox))
        successor = house.create("joe@box.test")
        assert run(house.deliveries.deliver(MESSAGE, [recipient])) == []
        inbox = run(house.logins.login(successor.address, successor.secret))
        assert run(inbox.folder("INBOX")).messages == 0
        house.close()

    def test_needs_room(self, house: TestAppliance, monkeypatch: pytest.MonkeyPatch) -> None:
        account = house.create("joe@box.test")
        recipient = run(house.deliveries.recipient("joe", "box.test"))
        house.deliveries.check_room()
        monkeypatch.setattr("os.statvfs", lambda _: Status)
        house.clock.now += 1
        with pytest.raises(DiskFull):
            house.deliveries.check_room()
        with pytest.raises(DiskFull):
            run(house.deliveries.deliver(MESSAGE, [recipient]))
        inbox = run(house.logins.login(account.address, account.secret))
        with pytest.raises(DiskFull):
            run(inbox.append("INBOX", MESSAGE, frozenset(), None))


class Status:
    """What the system says of the disk."""

    f_bavail = 10
    f_frsize = 100


class TestRoom:
    def test_is_looked_at_once_a_second(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        looked = []

        def look(path: Path) -> type[Status]:
            looked.append(path)
            return Status

        monkeypatch.setattr("os.statvfs", look)
        clock = Clock()
        room = Room(tmp_path, 1000, clock)
        room.check()
        monkeypatch.setattr(Status, "f_bavail", 9)
        clock.now += 0.999
        room.check()
        assert looked == [tmp_path]
        clock.now += 0.001
        with pytest.raises(DiskFull, match="900 octets are free, 1000 are wanted"):
            room.check()
        monkeypatch.setattr(Status, "f_bavail", 10)
        # The clock was set back.
        clock.now -= LIFETIME
        room.check()


@pytest.mark.parametrize(
    ("content", "kept", "unterminated"),
    [
        (MESSAGE, MESSAGE, False),
        (b"A: b\n\nc\rd\n", b"A: b\r\n\r\nc\r\nd\r\n", False),
        (b"A: b\r\n\r\nno end", b"A: b\r\n\r\nno end", True),
        (b"A: b\r\n\r\n" + b"x\n" * 100_000, b"A: b\r\n\r\n" + b"x\r\n" * 100_000, False),
    ],
)
def test_messages_are_kept_with_crlf(house: TestAppliance, content: bytes, kept: bytes, unterminated: bool) -> None:
    account = house.create()
    house.deliver(account.address, content)
    inbox = run(house.logins.login(account.address, account.secret))
    folder = run(inbox.folder("INBOX"))
    (entry,) = run(inbox.entries(folder))
    assert (entry.size, entry.unterminated) == (len(kept), unterminated)
    assert run(inbox.content(folder.id, entry.uid)) == kept


@pytest.mark.parametrize(("octets", "long"), [(4 << 20, 0), ((4 << 20) + 1, 1)])
def test_a_large_message_is_left_to_what_takes_long(house: TestAppliance, octets: int, long: int) -> None:
    works = []

    class Access(Immediate):
        async def read_long(self, query: Any, *args: Any, **kwargs: Any) -> Any:
            works.append(query)
            return query(*args, **kwargs)

    access = Access(
        house.appliance.handle,
        open_vault("mx", house.state / "receipts.key"),
        house.clock,
        house.appliance.hub.publish,
    )
    assert run(normalised(access, b"x" * octets)) == b"x" * octets
    assert len(works) == long
