"""The store and the services put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tempmaild.appliance import open_appliance
from tempmaild.core.lifetime import Lifetime
from tempmaild.errors import AddressTaken, DiskFull, InvalidAddress, NoSuchMailbox, StoreFailed
from tempmaild.settings import Settings
from tests.support import MESSAGE, NOW, Clock, make_appliance, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support import TestAppliance


def settings(state: Path, **sections: Any) -> Settings:
    return Settings.model_validate({"host": {"name": "mx.box.test", "state": state}, **sections})


def test_makes_the_state_folder_for_itself_alone(tmp_path: Path) -> None:
    state = tmp_path / "a" / "b"
    open_appliance(settings(state)).handle.close()
    assert state.stat().st_mode & 0o027 == 0
    assert (state / "tempmaild.db").exists()


def test_cannot_make_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreFailed, match="cannot make the state directory"):
        open_appliance(settings(tmp_path / "file" / "state"))


def test_finds_again_what_it_had(tmp_path: Path) -> None:
    first = open_appliance(settings(tmp_path), clock=Clock())
    run(first.domains.add("box.test"))
    new = run(first.mailboxes.create("joe@box.test", Lifetime(600)))
    recipient = run(first.deliveries.recipient("joe", "box.test"))
    run(first.deliveries.deliver(MESSAGE, [recipient]))
    inbox = run(first.logins.login("joe@box.test", new.secret))
    folder = run(inbox.folder("INBOX"))
    first.handle.close()
    again = open_appliance(settings(tmp_path), clock=Clock())
    inbox = run(again.logins.login("joe@box.test", new.secret))
    assert run(inbox.folder("INBOX")) == folder
    assert run(inbox.content(folder.id, 1)) == MESSAGE
    assert run(inbox.entries(folder))[0].internal_date == NOW
    again.handle.close()


def test_nothing_of_a_secret_is_kept(tmp_path: Path) -> None:
    appliance = open_appliance(settings(tmp_path))
    run(appliance.domains.add("box.test"))
    secret = run(appliance.mailboxes.create("box.test", Lifetime(600))).secret
    appliance.handle.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"box.test" in kept
    for part in (secret, secret.replace("-", "")):
        assert part.encode() not in kept


class TestOtherSettings:
    """What is in force without a restart."""

    @pytest.fixture
    def house(self, tmp_path: Path) -> Iterator[TestAppliance]:
        house = make_appliance(tmp_path)
        yield house
        house.close()

    def change(self, house: TestAppliance, **sections: Any) -> None:
        house.appliance.change(settings(house.state, **sections))

    def test_the_operator(self, house: TestAppliance) -> None:
        run(house.domains.add("bücher.test"))
        house.create("boss@bücher.test")
        with pytest.raises(NoSuchMailbox):
            house.deliver("abuse@box.test")
        self.change(house, mailbox={"operator": "Boss@Bücher.test"})
        house.deliver("abuse@box.test")
        assert "boss@xn--bcher-kva.test" in run(house.appliance.schedules._spared())
        with pytest.raises(InvalidAddress):
            self.change(house, mailbox={"operator": "no..body@box.test", "lifetime_seconds": 60})
        house.deliver("abuse@box.test")
        assert run(house.mailboxes.create("box.test")).mailbox.expires_at == NOW + 86_400

    def test_lifetime_and_quarantine(self, house: TestAppliance) -> None:
        self.change(house, mailbox={"lifetime_seconds": 60, "quarantine_seconds": 0})
        joe = run(house.mailboxes.create("joe@box.test")).mailbox
        assert joe.expires_at == NOW + 60
        run(house.mailboxes.destroy(joe))
        self.change(house)
        joe = run(house.mailboxes.create("joe@box.test")).mailbox
        assert joe.expires_at == NOW + 86_400
        run(house.mailboxes.destroy(joe))
        with pytest.raises(AddressTaken):
            house.create("joe@box.test")

    def test_room_on_the_disk(self, house: TestAppliance) -> None:
        house.deliveries.check_room()
        self.change(house, store={"minimum_free_disk_bytes": "1024 GiB"})
        with pytest.raises(DiskFull):
            house.deliveries.check_room()

    def test_the_largest_message_that_a_client_puts_there(self, house: TestAppliance) -> None:
        account = house.create()
        self.change(house, smtp={"max_message_bytes": 99_999})
        assert run(house.logins.login(account.address, account.secret)).longest_message == 99_999
