"""The store and the services put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tempmaild.appliance import open_appliance
from tempmaild.core.lifetime import Lifetime
from tempmaild.errors import StoreFailed
from tempmaild.settings import Settings
from tests.support import MESSAGE, NOW, Clock, run

if TYPE_CHECKING:
    from pathlib import Path


def settings(state: Path) -> Settings:
    return Settings.model_validate({"host": {"name": "mx.box.test", "state": state}})


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
