"""Mail that arrives: who takes it, and when none is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tempmaild.errors import DiskFull, NoSuchDomain, NoSuchMailbox
from tempmaild.service.content import normalised
from tempmaild.service.room import Room
from tempmaild.store.access import Immediate
from tempmaild.store.vault import open_vault
from tests.support import LIFETIME, MESSAGE, NOW, Clock, make_appliance, run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import TestAppliance


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
